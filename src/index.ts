/** stratalog: an embedded, memory-mapped, append-only log. */
export { openAppender } from './append/open-appender.js';
export type { ActiveSegment, Appender } from './append/appender.js';
export type { Reservation } from './append/reservation.js';
export type { FlushResult } from './append/flush-queue.js';
export { openReader, type CursorOptions, type Reader, type ReaderOptions } from './read/reader.js';
export type { Cursor, CursorStart } from './read/cursor.js';
export type {
  CursorDescription,
  Position,
  ReaderDescription,
  TailerDescription,
} from './read/description.js';
export type { Tailer, TailerOptions, WaitOptions } from './read/tailer.js';
export { openMonitor, type LogSample, type Monitor } from './read/monitor.js';
export type { TailerInfo } from './format/readers-page.js';
export type { WriterState } from './read/writer-state.js';
export type { RecordView } from './read/record-view.js';
export type { Verify } from './read/readable-segment.js';
export type { Access, IndexFault, SegmentInfo } from './read/segment-set.js';
export type { AppenderOptions, CommitPolicy, FlushSchedule } from './options.js';
export type { RecoveryReport, TornTail } from './recovery/recover.js';
export { scan, type ScanResult, type ScannedLog } from './scan/scan.js';
export type {
  ScanFunction,
  ScanOptions,
  ScanPlace,
  ScanProgress,
  ScanReduction,
  ScanSettings,
} from './scan/options.js';
export {
  countRecords,
  findRecords,
  rateOverTime,
  sizeHistogram,
  totalBytes,
  type RateBucket,
  type SizeBucket,
} from './scan/ready-made.js';
export { processLog, type ProcessedLog, type Processor } from './scan/process.js';
export type { KeyFunction, Partitions, ProcessOptions } from './scan/process-options.js';
export { partitionOf, type PartitionKey } from './scan/process-partition.js';
export type { Piece, SkippedDamage } from './scan/messages.js';
export { verifyLog, type VerifyOptions, type VerifyReport } from './recovery/verify.js';
export { verifyLogInParallel, type ParallelVerifyOptions } from './scan/verify.js';
export { repairLog, type RepairOptions, type RepairReport } from './recovery/repair.js';
export type { Damage, Progress } from './recovery/inspect.js';
export { inspectLock, type LockState } from './read/lock-state.js';
export {
  CorruptionError,
  InputError,
  LogClosedError,
  LogError,
  LogLockedError,
  MalformedEventError,
  OffsetOutOfRangeError,
  PositionLostError,
  RecordLostError,
  RecordTooLargeError,
  ScanError,
  SchemaError,
  SchemaMismatchError,
  StorageError,
  UnsupportedVersionError,
  type LockHolder,
  type LogErrorCode,
  type OffsetRange,
} from './errors.js';
export { decodeEvent } from './events/decode.js';
export { eventToJson, jsonToEvent } from './events/json.js';
export { eventSchema, type EventSchema } from './events/schema.js';
export {
  defineSchema,
  extendSchema,
  fieldDefinitions,
  type FieldDefinition,
  type PlainEvent,
} from './events/define-schema.js';
export type { FieldType } from './events/write-schema.js';
export { compareSchemas } from './events/compatibility.js';
export {
  openEventAppender,
  type EventAppender,
  type EventAppenderOptions,
} from './events/event-appender.js';
export {
  openEventReader,
  type EventReader,
  type EventReaderOptions,
} from './events/event-reader.js';
export type { EventCursor, EventTailer } from './events/event-cursor.js';
export type { EventRecord } from './events/event-record.js';
export { inspectSchema, type SchemaInfo } from './events/inspect-schema.js';
export {
  verifyEventLog,
  type EventsReport,
  type MalformedRecord,
  type VerifyEventsOptions,
} from './events/verify-events.js';
export { generateEventModule, type EventModuleOptions } from './events/generate/module.js';
export {
  eventView,
  type EventVector,
  type EventView,
  type FieldsView,
  type ViewOf,
} from './events/view.js';
export { encodeEvent } from './events/encoder.js';
export { verifyEvent, type VerifyEventOptions } from './events/verify.js';
export {
  columnPlan,
  readColumns,
  type BigIntArray,
  type BigIntColumn,
  type Column,
  type ColumnOptions,
  type ColumnPlan,
  type Columns,
  type ColumnsOptions,
  type Int64Mode,
  type NumberArray,
  type NumberColumn,
  type StringColumn,
} from './events/columns.js';
export {
  queryEvents,
  type QuerySettings,
  type Aggregate,
  type Cell,
  type Condition,
  type Grouping,
  type Query,
  type QueryTable,
  type QueryValue,
} from './query/query.js';
export type { TopEntry } from './query/accumulators.js';
export type { Comparison } from './query/filter.js';
export { capture } from './capture/capture.js';
export type { CaptureOptions, RejectFileOptions } from './capture/options.js';
export {
  CaptureError,
  type CaptureEnd,
  type CaptureProgress,
  type CaptureReport,
} from './capture/report.js';
export type { FrequentValue, FrequentValues } from './query/frequent.js';
export { eventFields, type EventField } from './query/event-fields.js';
export { eventStats, type EventStats, type FieldStats, type StatsOptions } from './query/stats.js';
export { isTimeField, unitNsOf } from './query/time-units.js';
export type { Rejected } from './capture/intake.js';
export { iterableSource, type IterableSourceOptions } from './capture/iterable.js';
export type { CaptureSource, Intake, Origin } from './capture/source.js';
export {
  systemCounters,
  systemSource,
  type SystemReport,
  type SystemSource,
  type SystemSourceOptions,
} from './capture/system/system-source.js';
export type { CounterChoice, CounterSet } from './capture/system/groups.js';
export type { Counter, CounterGroup } from './capture/system/plan.js';
export type { Durations, TimingReport } from './capture/system/timing.js';

// --- Export ---
export { exportLog, type ExportOptions, type ExportReport } from './exchange/export.js';
export type { OutputFormat } from './exchange/format.js';
export { OutputFile, type OutputFileOptions } from './exchange/output-file.js';
export { csvFile, type CsvFileOptions } from './exchange/text/csv.js';
export { jsonLinesFile } from './exchange/text/json-lines.js';
export { parquetFile, type ParquetFileOptions } from './exchange/parquet/parquet-file.js';
export { parquetSource, type ParquetSourceOptions } from './exchange/parquet/parquet-source.js';
export type { ParquetCompression } from './exchange/parquet/codecs.js';
export type { TableFileOptions } from './exchange/table-options.js';
export type { Compression } from './exchange/zstd.js';
export type { Decimals } from './exchange/import-choices.js';
export type { Nested } from './exchange/text/text-fields.js';

// --- MCAP ---
export { mcapFile, type McapFileOptions } from './exchange/mcap/mcap-file.js';
export { mcapSource, type McapSourceOptions } from './exchange/mcap/mcap-source.js';

// --- Arrow ---
export { arrowFile, arrowStream } from './exchange/arrow/arrow.js';
export type { ArrowFileOptions } from './exchange/arrow/shapes.js';
export { arrowSource, type ArrowSourceOptions } from './exchange/arrow/arrow-source.js';

// --- Plots ---
export { plotLines, type LinesOptions } from './plot/lines.js';
export {
  plotHistogram,
  plotQuantiles,
  type HistogramOptions,
  type QuantilesOptions,
} from './plot/distribution.js';
export type { PlottedLog } from './plot/passes.js';
export type {
  BarSeries,
  Chart,
  ChartAxis,
  ChartPanel,
  ChartScale,
  ChartSeries,
  LineSeries,
} from './plot/chart.js';
export type { PlotTheme } from './plot/themes.js';
export { chartToSvg, type SvgOptions } from './plot/svg.js';
export {
  chartToPng,
  pngRenderer,
  type PngOptions,
  type PngRenderer,
  type PngRendererOptions,
} from './plot/png.js';
export { chartToText, type TextOptions } from './plot/text.js';
export { udpSource, type UdpSourceOptions } from './capture/net/udp.js';
export { ListenError, type ListeningAddress, type ListenOptions } from './capture/net/listening.js';
export type { SenderLimits } from './capture/net/allowance.js';
export type { SenderOptions, SenderReport, SendersReport } from './capture/net/senders.js';
export type { MessageFormat } from './capture/messages.js';
export { tcpSource, type TcpSourceOptions } from './capture/net/tcp.js';
export { streamSource, type StreamSourceOptions } from './capture/stream-source.js';
export { fileSource, type FileSourceOptions } from './capture/file-source.js';
export type { InputFormat } from './capture/formats/format.js';
export { csv, type CsvOptions } from './capture/formats/csv.js';
export { jsonLines, type JsonLinesOptions } from './capture/formats/json-lines.js';
export { flatBuffers } from './capture/formats/flat-buffers.js';
export { csvOrJson } from './capture/formats/csv-or-json.js';
export type { ColumnType } from './capture/formats/columns.js';
export {
  LengthSplitter,
  LineSplitter,
  type LengthOptions,
  type LineOptions,
  type RecordSplitter,
  type TakeRecord,
} from './capture/framing.js';

// --- A live page ---
export { serveLog, type LogServer, type ServeOptions } from './serve/serve.js';
