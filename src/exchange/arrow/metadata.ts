// Made from metadata.fbs by 'stratalog generate' with flatc 25.12.19. Do not edit.
import { eventSchema, type EventSchema, type EventVector, type FieldsView } from './event-types.js';

export const Codec = {
  Lz4Frame: 0,
  Zstd: 1,
} as const;
export type Codec = keyof typeof Codec;

export const CompressionMethod = {
  Buffer: 0,
} as const;
export type CompressionMethod = keyof typeof CompressionMethod;

export const DateUnit = {
  Day: 0,
  Millisecond: 1,
} as const;
export type DateUnit = keyof typeof DateUnit;

export const DictionaryKind = {
  DenseArray: 0,
} as const;
export type DictionaryKind = keyof typeof DictionaryKind;

export const Endianness = {
  Little: 0,
  Big: 1,
} as const;
export type Endianness = keyof typeof Endianness;

export const IntervalUnit = {
  YearMonth: 0,
  DayTime: 1,
  MonthDayNano: 2,
} as const;
export type IntervalUnit = keyof typeof IntervalUnit;

export const MetadataVersion = {
  V1: 0,
  V2: 1,
  V3: 2,
  V4: 3,
  V5: 4,
} as const;
export type MetadataVersion = keyof typeof MetadataVersion;

export const Precision = {
  Half: 0,
  Single: 1,
  Double: 2,
} as const;
export type Precision = keyof typeof Precision;

export const TimeUnit = {
  Second: 0,
  Millisecond: 1,
  Microsecond: 2,
  Nanosecond: 3,
} as const;
export type TimeUnit = keyof typeof TimeUnit;

export const UnionMode = {
  Sparse: 0,
  Dense: 1,
} as const;
export type UnionMode = keyof typeof UnionMode;

export interface FieldNode {
  length: number | bigint;
  null_count: number | bigint;
}

/** `FieldNode`, read in place. */
export interface FieldNodeView extends FieldsView {
  readonly length: number;
  readonly null_count: number;
}

export interface Range {
  offset: number | bigint;
  length: number | bigint;
}

/** `Range`, read in place. */
export interface RangeView extends FieldsView {
  readonly offset: number;
  readonly length: number;
}

export type Header = Schema | DictionaryBatch | RecordBatch | Tensor | SparseTensor;

export type Type =
  | Null
  | Int
  | FloatingPoint
  | Binary
  | Utf8
  | Bool
  | Decimal
  | Date
  | Time
  | Timestamp
  | Interval
  | List
  | Struct
  | Union
  | FixedSizeBinary
  | FixedSizeList
  | Map
  | Duration
  | LargeBinary
  | LargeUtf8
  | LargeList
  | RunEndEncoded
  | BinaryView
  | Utf8View
  | ListView
  | LargeListView;

export type Binary = Record<string, never>;

/** `Binary`, read in place. */
export interface BinaryView_ extends FieldsView {}

export type BinaryView = Record<string, never>;

/** `BinaryView`, read in place. */
export interface BinaryViewView extends FieldsView {}

export interface BodyCompression {
  codec?: Codec | number | undefined;
  method?: CompressionMethod | number | undefined;
}

/** `BodyCompression`, read in place. */
export interface BodyCompressionView extends FieldsView {
  readonly codec: Codec | number;
  readonly method: CompressionMethod | number;
}

export type Bool = Record<string, never>;

/** `Bool`, read in place. */
export interface BoolView extends FieldsView {}

export interface Date {
  /** Left out, it is Millisecond. */
  unit?: DateUnit | number | undefined;
}

/** `Date`, read in place. */
export interface DateView extends FieldsView {
  readonly unit: DateUnit | number;
}

export interface Decimal {
  precision?: number | undefined;
  scale?: number | undefined;
  /** Left out, it is 128. */
  bit_width?: number | undefined;
}

/** `Decimal`, read in place. */
export interface DecimalView extends FieldsView {
  readonly precision: number;
  readonly scale: number;
  readonly bit_width: number;
}

export interface DictionaryBatch {
  id?: number | bigint | undefined;
  data?: RecordBatch | undefined;
  is_delta?: boolean | undefined;
}

/** `DictionaryBatch`, read in place. */
export interface DictionaryBatchView extends FieldsView {
  readonly id: number;
  readonly data: RecordBatchView | undefined;
  readonly is_delta: boolean;
}

export interface DictionaryEncoding {
  id?: number | bigint | undefined;
  index_type?: Int | undefined;
  is_ordered?: boolean | undefined;
  kind?: DictionaryKind | number | undefined;
}

/** `DictionaryEncoding`, read in place. */
export interface DictionaryEncodingView extends FieldsView {
  readonly id: number;
  readonly index_type: IntView | undefined;
  readonly is_ordered: boolean;
  readonly kind: DictionaryKind | number;
}

export interface Duration {
  /** Left out, it is Millisecond. */
  unit?: TimeUnit | number | undefined;
}

/** `Duration`, read in place. */
export interface DurationView extends FieldsView {
  readonly unit: TimeUnit | number;
}

export type Field = {
  name?: string | undefined;
  nullable?: boolean | undefined;
  dictionary?: DictionaryEncoding | undefined;
  children?: readonly Field[] | undefined;
  custom_metadata?: readonly KeyValue[] | undefined;
} & (
  | { type_type: 'Null'; type: Null }
  | { type_type: 'Int'; type: Int }
  | { type_type: 'FloatingPoint'; type: FloatingPoint }
  | { type_type: 'Binary'; type: Binary }
  | { type_type: 'Utf8'; type: Utf8 }
  | { type_type: 'Bool'; type: Bool }
  | { type_type: 'Decimal'; type: Decimal }
  | { type_type: 'Date'; type: Date }
  | { type_type: 'Time'; type: Time }
  | { type_type: 'Timestamp'; type: Timestamp }
  | { type_type: 'Interval'; type: Interval }
  | { type_type: 'List'; type: List }
  | { type_type: 'Struct'; type: Struct }
  | { type_type: 'Union'; type: Union }
  | { type_type: 'FixedSizeBinary'; type: FixedSizeBinary }
  | { type_type: 'FixedSizeList'; type: FixedSizeList }
  | { type_type: 'Map'; type: Map }
  | { type_type: 'Duration'; type: Duration }
  | { type_type: 'LargeBinary'; type: LargeBinary }
  | { type_type: 'LargeUtf8'; type: LargeUtf8 }
  | { type_type: 'LargeList'; type: LargeList }
  | { type_type: 'RunEndEncoded'; type: RunEndEncoded }
  | { type_type: 'BinaryView'; type: BinaryView }
  | { type_type: 'Utf8View'; type: Utf8View }
  | { type_type: 'ListView'; type: ListView }
  | { type_type: 'LargeListView'; type: LargeListView }
  | { type_type?: undefined; type?: undefined }
);

/** `Field`, read in place. */
export type FieldView = FieldsView & {
  readonly name: string | undefined;
  readonly nullable: boolean;
  readonly dictionary: DictionaryEncodingView | undefined;
  readonly children: EventVector<FieldView> | undefined;
  readonly custom_metadata: EventVector<KeyValueView> | undefined;
} & (
  | { readonly type_type: 'Null'; readonly type: NullView }
  | { readonly type_type: 'Int'; readonly type: IntView }
  | { readonly type_type: 'FloatingPoint'; readonly type: FloatingPointView }
  | { readonly type_type: 'Binary'; readonly type: BinaryView_ }
  | { readonly type_type: 'Utf8'; readonly type: Utf8View_ }
  | { readonly type_type: 'Bool'; readonly type: BoolView }
  | { readonly type_type: 'Decimal'; readonly type: DecimalView }
  | { readonly type_type: 'Date'; readonly type: DateView }
  | { readonly type_type: 'Time'; readonly type: TimeView }
  | { readonly type_type: 'Timestamp'; readonly type: TimestampView }
  | { readonly type_type: 'Interval'; readonly type: IntervalView }
  | { readonly type_type: 'List'; readonly type: ListView_ }
  | { readonly type_type: 'Struct'; readonly type: StructView }
  | { readonly type_type: 'Union'; readonly type: UnionView }
  | { readonly type_type: 'FixedSizeBinary'; readonly type: FixedSizeBinaryView }
  | { readonly type_type: 'FixedSizeList'; readonly type: FixedSizeListView }
  | { readonly type_type: 'Map'; readonly type: MapView }
  | { readonly type_type: 'Duration'; readonly type: DurationView }
  | { readonly type_type: 'LargeBinary'; readonly type: LargeBinaryView }
  | { readonly type_type: 'LargeUtf8'; readonly type: LargeUtf8View }
  | { readonly type_type: 'LargeList'; readonly type: LargeListView_ }
  | { readonly type_type: 'RunEndEncoded'; readonly type: RunEndEncodedView }
  | { readonly type_type: 'BinaryView'; readonly type: BinaryViewView }
  | { readonly type_type: 'Utf8View'; readonly type: Utf8ViewView }
  | { readonly type_type: 'ListView'; readonly type: ListViewView }
  | { readonly type_type: 'LargeListView'; readonly type: LargeListViewView }
  | { readonly type_type: number | undefined; readonly type: undefined }
);

export interface FixedSizeBinary {
  byte_width?: number | undefined;
}

/** `FixedSizeBinary`, read in place. */
export interface FixedSizeBinaryView extends FieldsView {
  readonly byte_width: number;
}

export interface FixedSizeList {
  list_size?: number | undefined;
}

/** `FixedSizeList`, read in place. */
export interface FixedSizeListView extends FieldsView {
  readonly list_size: number;
}

export interface FloatingPoint {
  precision?: Precision | number | undefined;
}

/** `FloatingPoint`, read in place. */
export interface FloatingPointView extends FieldsView {
  readonly precision: Precision | number;
}

export interface Int {
  bit_width?: number | undefined;
  is_signed?: boolean | undefined;
}

/** `Int`, read in place. */
export interface IntView extends FieldsView {
  readonly bit_width: number;
  readonly is_signed: boolean;
}

export interface Interval {
  unit?: IntervalUnit | number | undefined;
}

/** `Interval`, read in place. */
export interface IntervalView extends FieldsView {
  readonly unit: IntervalUnit | number;
}

export interface KeyValue {
  key?: string | undefined;
  value?: string | undefined;
}

/** `KeyValue`, read in place. */
export interface KeyValueView extends FieldsView {
  readonly key: string | undefined;
  readonly value: string | undefined;
}

export type LargeBinary = Record<string, never>;

/** `LargeBinary`, read in place. */
export interface LargeBinaryView extends FieldsView {}

export type LargeList = Record<string, never>;

/** `LargeList`, read in place. */
export interface LargeListView_ extends FieldsView {}

export type LargeListView = Record<string, never>;

/** `LargeListView`, read in place. */
export interface LargeListViewView extends FieldsView {}

export type LargeUtf8 = Record<string, never>;

/** `LargeUtf8`, read in place. */
export interface LargeUtf8View extends FieldsView {}

export type List = Record<string, never>;

/** `List`, read in place. */
export interface ListView_ extends FieldsView {}

export type ListView = Record<string, never>;

/** `ListView`, read in place. */
export interface ListViewView extends FieldsView {}

export interface Map {
  keys_sorted?: boolean | undefined;
}

/** `Map`, read in place. */
export interface MapView extends FieldsView {
  readonly keys_sorted: boolean;
}

export type Message = {
  version?: MetadataVersion | number | undefined;
  body_length?: number | bigint | undefined;
  custom_metadata?: readonly KeyValue[] | undefined;
} & (
  | { header_type: 'Schema'; header: Schema }
  | { header_type: 'DictionaryBatch'; header: DictionaryBatch }
  | { header_type: 'RecordBatch'; header: RecordBatch }
  | { header_type: 'Tensor'; header: Tensor }
  | { header_type: 'SparseTensor'; header: SparseTensor }
  | { header_type?: undefined; header?: undefined }
);

/** `Message`, read in place. */
export type MessageView = FieldsView & {
  readonly version: MetadataVersion | number;
  readonly body_length: number;
  readonly custom_metadata: EventVector<KeyValueView> | undefined;
} & (
  | { readonly header_type: 'Schema'; readonly header: SchemaView }
  | { readonly header_type: 'DictionaryBatch'; readonly header: DictionaryBatchView }
  | { readonly header_type: 'RecordBatch'; readonly header: RecordBatchView }
  | { readonly header_type: 'Tensor'; readonly header: TensorView }
  | { readonly header_type: 'SparseTensor'; readonly header: SparseTensorView }
  | { readonly header_type: number | undefined; readonly header: undefined }
);

export type Null = Record<string, never>;

/** `Null`, read in place. */
export interface NullView extends FieldsView {}

export interface RecordBatch {
  length?: number | bigint | undefined;
  nodes?: readonly FieldNode[] | undefined;
  buffers?: readonly Range[] | undefined;
  compression?: BodyCompression | undefined;
  variadic_buffer_counts?: ArrayLike<number | bigint> | undefined;
}

/** `RecordBatch`, read in place. */
export interface RecordBatchView extends FieldsView {
  readonly length: number;
  readonly nodes: EventVector<FieldNodeView> | undefined;
  readonly buffers: EventVector<RangeView> | undefined;
  readonly compression: BodyCompressionView | undefined;
  readonly variadic_buffer_counts: BigInt64Array | undefined;
}

export type RunEndEncoded = Record<string, never>;

/** `RunEndEncoded`, read in place. */
export interface RunEndEncodedView extends FieldsView {}

export interface Schema {
  endianness?: Endianness | number | undefined;
  fields?: readonly Field[] | undefined;
  custom_metadata?: readonly KeyValue[] | undefined;
  features?: ArrayLike<number | bigint> | undefined;
}

/** `Schema`, read in place. */
export interface SchemaView extends FieldsView {
  readonly endianness: Endianness | number;
  readonly fields: EventVector<FieldView> | undefined;
  readonly custom_metadata: EventVector<KeyValueView> | undefined;
  readonly features: BigInt64Array | undefined;
}

export type SparseTensor = Record<string, never>;

/** `SparseTensor`, read in place. */
export interface SparseTensorView extends FieldsView {}

export type Struct = Record<string, never>;

/** `Struct`, read in place. */
export interface StructView extends FieldsView {}

export type Tensor = Record<string, never>;

/** `Tensor`, read in place. */
export interface TensorView extends FieldsView {}

export interface Time {
  /** Left out, it is Millisecond. */
  unit?: TimeUnit | number | undefined;
  /** Left out, it is 32. */
  bit_width?: number | undefined;
}

/** `Time`, read in place. */
export interface TimeView extends FieldsView {
  readonly unit: TimeUnit | number;
  readonly bit_width: number;
}

export interface Timestamp {
  unit?: TimeUnit | number | undefined;
  timezone?: string | undefined;
}

/** `Timestamp`, read in place. */
export interface TimestampView extends FieldsView {
  readonly unit: TimeUnit | number;
  readonly timezone: string | undefined;
}

export interface Union {
  mode?: UnionMode | number | undefined;
  type_ids?: ArrayLike<number> | undefined;
}

/** `Union`, read in place. */
export interface UnionView extends FieldsView {
  readonly mode: UnionMode | number;
  readonly type_ids: Int32Array | undefined;
}

export type Utf8 = Record<string, never>;

/** `Utf8`, read in place. */
export interface Utf8View_ extends FieldsView {}

export type Utf8View = Record<string, never>;

/** `Utf8View`, read in place. */
export interface Utf8ViewView extends FieldsView {}

/** The .bfbs file. */
const BFBS = `
HAAAAEJGQlMUACAABAAIAAwAEAAUABgAAAAcABQAAABkAAAALAAAACAAAAAUAAAA/BIAAAgAAADwAAAAAAAAAAAAAAAAAAAAAAAA
AAAAAAAMAAAAOAkAALgIAAD0DAAA1AkAAGwOAADYAAAA7AoAABgPAACADQAAyAsAAGgCAAAwCgAAKAAAACglAACkHQAAqBEAAGQW
AACwJAAAWCMAANAjAAA8FAAAFBsAAKAeAABQGQAAlBcAANwfAABsHwAAJCUAACQQAACgJQAASCEAAAgcAABAHgAAzB0AAKgcAAD8
HQAA/CAAANgcAADYHgAAPBIAAFQmAACkFgAAtBQAAGgdAADsFwAAaBMAAKAgAACcEwAAKCIAAGghAADkHwAAXCQAANQcAAABAAAA
BAAAAHDo//8oJgAABAAAAAAAAABu/v//AAAAAUAAAAAgAAAACAAAAAgmAAAk2///AAAAAQUAAAABAAAAAQAAAAYAAABAAQAACAEA
AMwAAACQAAAAXAAAACAAAAAWAAAAc3RyYXRhbG9nLmFycm93LkhlYWRlcgAALPH//yAAAAAMAAAABQAAAAAAAAA45f//AAAADyAA
AAABAAAADAAAAFNwYXJzZVRlbnNvcgAAAABk8f//IAAAAAwAAAAEAAAAAAAAAHDl//8AAAAPIgAAAAEAAAAGAAAAVGVuc29yAADM
8f//JAAAABAAAAADAAAAAAAAAAAAAACk5f//AAAADx0AAAABAAAACwAAAFJlY29yZEJhdGNoAMzx//8gAAAADAAAAAIAAAAAAAAA
2OX//wAAAA8HAAAAAQAAAA8AAABEaWN0aW9uYXJ5QmF0Y2gAPPL//yQAAAAQAAAAAQAAAAAAAAAAAAAAFOb//wAAAA8fAAAAAQAA
AAYAAABTY2hlbWEAAATy//8UAAAABAAAAPjx//8BAAAAAQAAAAQAAABOT05FAAASABgACAAMAAcAEAAAAAAAFAASAAAAAAAAAZQA
AAAgAAAACAAAAGQkAADI3P//AAAAAQoAAAABAAAAAQAAABsAAADYBQAApAUAAHAFAAA0BQAAAAUAAMwEAACYBAAAZAQAADAEAAD8
AwAAwAMAAIQDAABQAwAAHAMAAOgCAACsAgAAcAIAADwCAAAAAgAAxAEAAIgBAABMAQAAEAEAANQAAACYAAAAXAAAACAAAAAUAAAA
c3RyYXRhbG9nLmFycm93LlR5cGUAAAAAJPP//yAAAAAMAAAAGgAAAAAAAAAw5///AAAADxUAAAABAAAADQAAAExhcmdlTGlzdFZp
ZXcAAACU8///JAAAABAAAAAZAAAAAAAAAAAAAABs5///AAAADxgAAAABAAAACAAAAExpc3RWaWV3AAAAAMzz//8kAAAAEAAAABgA
AAAAAAAAAAAAAKTn//8AAAAPJwAAAAEAAAAIAAAAVXRmOFZpZXcAAAAABPT//yQAAAAQAAAAFwAAAAAAAAAAAAAA3Of//wAAAA8B
AAAAAQAAAAoAAABCaW5hcnlWaWV3AAAE9P//IAAAAAwAAAAWAAAAAAAAABDo//8AAAAPHgAAAAEAAAANAAAAUnVuRW5kRW5jb2Rl
ZAAAAHT0//8kAAAAEAAAABUAAAAAAAAAAAAAAEzo//8AAAAPFAAAAAEAAAAJAAAATGFyZ2VMaXN0AAAArPT//yQAAAAQAAAAFAAA
AAAAAAAAAAAAhOj//wAAAA8WAAAAAQAAAAkAAABMYXJnZVV0ZjgAAADk9P//JAAAABAAAAATAAAAAAAAAAAAAAC86P//AAAADxMA
AAABAAAACwAAAExhcmdlQmluYXJ5ABz1//8kAAAAEAAAABIAAAAAAAAAAAAAAPTo//8AAAAPCQAAAAEAAAAIAAAARHVyYXRpb24A
AAAAVPX//yQAAAAQAAAAEQAAAAAAAAAAAAAALOn//wAAAA8ZAAAAAQAAAAMAAABNYXAATPX//yAAAAAMAAAAEAAAAAAAAABY6f//
AAAADw0AAAABAAAADQAAAEZpeGVkU2l6ZUxpc3QAAACE9f//IAAAAAwAAAAPAAAAAAAAAJDp//8AAAAPDAAAAAEAAAAPAAAARml4
ZWRTaXplQmluYXJ5ALz1//8gAAAADAAAAA4AAAAAAAAAyOn//wAAAA8lAAAAAQAAAAUAAABVbmlvbgAAAOz1//8gAAAADAAAAA0A
AAAAAAAA+On//wAAAA8hAAAAAQAAAAYAAABTdHJ1Y3QAABz2//8gAAAADAAAAAwAAAAAAAAAKOr//wAAAA8XAAAAAQAAAAQAAABM
aXN0AAAAAIT2//8kAAAAEAAAAAsAAAAAAAAAAAAAAFzq//8AAAAPEQAAAAEAAAAIAAAASW50ZXJ2YWwAAAAAvPb//yQAAAAQAAAA
CgAAAAAAAAAAAAAAlOr//wAAAA8kAAAAAQAAAAkAAABUaW1lc3RhbXAAAAC89v//IAAAAAwAAAAJAAAAAAAAAMjq//8AAAAPIwAA
AAEAAAAEAAAAVGltZQAAAADs9v//IAAAAAwAAAAIAAAAAAAAAPjq//8AAAAPBQAAAAEAAAAEAAAARGF0ZQAAAAAc9///IAAAAAwA
AAAHAAAAAAAAACjr//8AAAAPBgAAAAEAAAAHAAAARGVjaW1hbABM9///IAAAAAwAAAAGAAAAAAAAAFjr//8AAAAPBAAAAAEAAAAE
AAAAQm9vbAAAAAB89///IAAAAAwAAAAFAAAAAAAAAIjr//8AAAAPJgAAAAEAAAAEAAAAVXRmOAAAAACs9///IAAAAAwAAAAEAAAA
AAAAALjr//8AAAAPAAAAAAEAAAAGAAAAQmluYXJ5AADc9///IAAAAAwAAAADAAAAAAAAAOjr//8AAAAPDgAAAAEAAAANAAAARmxv
YXRpbmdQb2ludAAAAEz4//8kAAAAEAAAAAIAAAAAAAAAAAAAACTs//8AAAAPEAAAAAEAAAADAAAASW50AET4//8gAAAADAAAAAEA
AAAAAAAAUOz//wAAAA8bAAAAAQAAAAQAAABOdWxsAAAAAED4//8UAAAABAAAADT4//8BAAAAAQAAAAQAAABOT05FAAAAAJr5//8s
AAAAIAAAAAgAAAA8HgAA8OL//wAAAAMBAAAAAQAAAAEAAAABAAAALAAAACEAAABzdHJhdGFsb2cuYXJyb3cuQ29tcHJlc3Npb25N
ZXRob2QAAAC8+P//FAAAAAQAAACw+P//AQAAAAEAAAAGAAAAQnVmZmVyAAAW+v//MAAAACAAAAAIAAAAwB0AAGzj//8AAAADAAAA
AAEAAAABAAAAAgAAAFQAAAAgAAAAFQAAAHN0cmF0YWxvZy5hcnJvdy5Db2RlYwAAAJz5//8gAAAAEAAAAAEAAAAAAAAAAAAAADD5
//8BAAAAAQAAAAQAAABac3RkAAAAAGD5//8UAAAABAAAAFT5//8BAAAAAQAAAAgAAABMejRGcmFtZQAAAAC++v//LAAAACAAAAAI
AAAAGB0AABTk//8AAAAFAwAAAAIAAAABAAAAAQAAACgAAAAeAAAAc3RyYXRhbG9nLmFycm93LkRpY3Rpb25hcnlLaW5kAADc+f//
FAAAAAQAAADQ+f//AQAAAAEAAAAKAAAARGVuc2VBcnJheQAAOvv//zAAAAAgAAAACAAAAJwcAACQ5P//AAAABQsAAAACAAAAAQAA
AAIAAABYAAAAJAAAABkAAABzdHJhdGFsb2cuYXJyb3cuVW5pb25Nb2RlAAAAxPr//yAAAAAQAAAAAQAAAAAAAAAAAAAAWPr//wEA
AAABAAAABQAAAERlbnNlAAAAiPr//xQAAAAEAAAAfPr//wEAAAABAAAABgAAAFNwYXJzZQAA4vv//zQAAAAgAAAACAAAAPQbAAA4
5f//AAAABQYAAAACAAAAAQAAAAMAAACUAAAAZAAAACgAAAAcAAAAc3RyYXRhbG9nLmFycm93LkludGVydmFsVW5pdAAAAAB0+///
IAAAABAAAAACAAAAAAAAAAAAAAAI+///AQAAAAEAAAAMAAAATW9udGhEYXlOYW5vAAAAAHT7//8cAAAADAAAAAEAAAAAAAAAPPv/
/wEAAAABAAAABwAAAERheVRpbWUAbPv//xQAAAAEAAAAYPv//wEAAAABAAAACQAAAFllYXJNb250aAAAAMr8//84AAAAIAAAAAgA
AAAMGwAAIOb//wAAAAUJAAAAAgAAAAEAAAAEAAAAwAAAAIwAAABYAAAAJAAAABgAAABzdHJhdGFsb2cuYXJyb3cuVGltZVVuaXQA
AAAAJPz//xwAAAAMAAAAAwAAAAAAAADs+///AQAAAAEAAAAKAAAATmFub3NlY29uZAAAVPz//xwAAAAMAAAAAgAAAAAAAAAc/P//
AQAAAAEAAAALAAAATWljcm9zZWNvbmQAhPz//xwAAAAMAAAAAQAAAAAAAABM/P//AQAAAAEAAAALAAAATWlsbGlzZWNvbmQAgPz/
/xQAAAAEAAAAdPz//wEAAAABAAAABgAAAFNlY29uZAAA2v3//zAAAAAgAAAACAAAAPwZAAAw5///AAAABQIAAAACAAAAAQAAAAIA
AABYAAAAJAAAABgAAABzdHJhdGFsb2cuYXJyb3cuRGF0ZVVuaXQAAAAALP3//xwAAAAMAAAAAQAAAAAAAAD0/P//AQAAAAEAAAAL
AAAATWlsbGlzZWNvbmQAKP3//xQAAAAEAAAAHP3//wEAAAABAAAAAwAAAERheQB+/v//NAAAACAAAAAIAAAAWBkAANTn//8AAAAF
CAAAAAIAAAABAAAAAwAAAIwAAABYAAAAJAAAABkAAABzdHJhdGFsb2cuYXJyb3cuUHJlY2lzaW9uAAAADP7//yAAAAAQAAAAAgAA
AAAAAAAAAAAAoP3//wEAAAABAAAABgAAAERvdWJsZQAAPP7//yAAAAAQAAAAAQAAAAAAAAAAAAAA0P3//wEAAAABAAAABgAAAFNp
bmdsZQAAAP7//xQAAAAEAAAA9P3//wEAAAABAAAABAAAAEhhbGYAAAAAWv///zAAAAAgAAAACAAAAHwYAACw6P//AAAABQQAAAAC
AAAAAQAAAAIAAABUAAAAJAAAABoAAABzdHJhdGFsb2cuYXJyb3cuRW5kaWFubmVzcwAA5P7//yAAAAAQAAAAAQAAAAAAAAAAAAAA
eP7//wEAAAABAAAAAwAAAEJpZwCk/v//FAAAAAQAAACY/v//AQAAAAEAAAAGAAAATGl0dGxlAAAAABIAFAAEAAgAAAAMAAAAAAAQ
ABIAAAA8AAAAIAAAAAgAAADEFwAAaOn//wAAAAUHAAAAAgAAAAEAAAAFAAAABAEAAMwAAACQAAAAVAAAACgAAAAfAAAAc3RyYXRh
bG9nLmFycm93Lk1ldGFkYXRhVmVyc2lvbgB0////HAAAAAwAAAAEAAAAAAAAADz///8BAAAAAQAAAAIAAABWNQAA1P///yAAAAAQ
AAAAAwAAAAAAAAAAAAAAaP///wEAAAABAAAAAgAAAFY0AAAMABgABAAMAAAACAAMAAAAIAAAABAAAAACAAAAAAAAAAAAAACg////
AQAAAAEAAAACAAAAVjMAAAwAFAAEAAwAAAAIAAwAAAAcAAAADAAAAAEAAAAAAAAA1P///wEAAAABAAAAAgAAAFYyAAAMAAwABAAA
AAAACAAMAAAAJAAAABQAAAAQAAwAAAAAAAAAAAAEAAgAEAAAAAEAAAABAAAAAgAAAFYxAAC06f//KAAAAAwAAAABAAAAZBYAAAUA
AAAwAAAAnAAAAGAAAADMAAAA+AAAABYAAABzdHJhdGFsb2cuYXJyb3cuRm9vdGVyAABw7v//AAAAAQQADAAYAAAABAAAAKj2//8A
AA4PEgAAAAQAAAAPAAAAY3VzdG9tX21ldGFkYXRhAKju//8AAAABAwAKABgAAAAEAAAA4Pb//wAADg8CAAAAGAAAAA4AAAByZWNv
cmRfYmF0Y2hlcwAA4O7//wAAAAECAAgAGAAAAAQAAAAY9///AAAODwIAAAAYAAAADAAAAGRpY3Rpb25hcmllcwAAAAAY7///AAAA
AQEABgAYAAAABAAAAGz1//8AAAAPHwAAAAEAAAAGAAAAc2NoZW1hAAAc6///AAAEABwAAAAEAAAA5Ov//wAAAAUHAAAAAgAAAAEA
AAAHAAAAdmVyc2lvbgAE+v//AAAAASQAAAAQAAAACAAAABgAAAAMFQAAAwAAACgAAAB0AAAApAAAABUAAABzdHJhdGFsb2cuYXJy
b3cuQmxvY2sAAADg6///AgAQABgAAAAEAAAA1Ov//wAAAAkIAAAAAQAAAAsAAABib2R5X2xlbmd0aAAAAB4AFAAMABAABgAIAAAA
AAAAAAAAAAAAAAAAAAAKAB4AAAAAAAEACAAEABQAAAAEAAAA3Ov//wAAAAcBAAAADwAAAG1ldGFkYXRhX2xlbmd0aABE+v//GAAA
AAQAAABU7P//AAAACQgAAAABAAAABgAAAG9mZnNldAAA+Ov//ygAAAAMAAAAAQAAACAUAAAFAAAAaAAAACwAAACQAAAAvAAAAOwA
AAAXAAAAc3RyYXRhbG9nLmFycm93Lk1lc3NhZ2UAtPD//wAAAAEEAAwAGAAAAAQAAADs+P//AAAODxIAAAAEAAAADwAAAGN1c3Rv
bV9tZXRhZGF0YQAM7f//AwAKABgAAAAEAAAAAO3//wAAAAkIAAAAAQAAAAsAAABib2R5X2xlbmd0aAAc8f//AAAAAQIACAAYAAAA
BAAAAHD3//8AAAAQBQAAAAEAAAAGAAAAaGVhZGVyAABs7f//AQAGABwAAAAEAAAA6O3//wAAAAEFAAAAAQAAAAEAAAALAAAAaGVh
ZGVyX3R5cGUAVO3//wAABAAcAAAABAAAABzu//8AAAAFBwAAAAIAAAABAAAABwAAAHZlcnNpb24APO3//xQAAAAMAAAAAQAAANwS
AAAAAAAAHAAAAHN0cmF0YWxvZy5hcnJvdy5TcGFyc2VUZW5zb3IAAAAAeO3//xQAAAAMAAAAAQAAAKASAAAAAAAAFgAAAHN0cmF0
YWxvZy5hcnJvdy5UZW5zb3IAAKzt//8gAAAADAAAAAEAAABsEgAAAwAAAGAAAACMAAAAKAAAAB8AAABzdHJhdGFsb2cuYXJyb3cu
RGljdGlvbmFyeUJhdGNoAIju//8CAAgAGAAAAAQAAAB87v//AAAAAgEAAAABAAAACAAAAGlzX2RlbHRhAAAAAJjy//8AAAABAQAG
ABgAAAAEAAAA7Pj//wAAAA8dAAAAAQAAAAQAAABkYXRhAAAAAJzu//8AAAQAGAAAAAQAAADc7v//AAAACQgAAAABAAAAAgAAAGlk
AAB87v//KAAAAAwAAAABAAAAnBEAAAUAAACkAAAAbAAAAPwAAADIAAAAJAAAABsAAABzdHJhdGFsb2cuYXJyb3cuUmVjb3JkQmF0
Y2gAPPP//wAAAAEEAAwAFAAAAAQAAADA9P//AAAOCQgAAAAWAAAAdmFyaWFkaWNfYnVmZmVyX2NvdW50cwAAePP//wAAAAEDAAoA
GAAAAAQAAADM+f//AAAADwMAAAABAAAACwAAAGNvbXByZXNzaW9uAKzz//8AAAABAgAIABgAAAAEAAAA5Pv//wAADg8cAAAAEAAA
AAcAAABidWZmZXJzANzz//8AAAABAQAGABgAAAAEAAAAFPz//wAADg8LAAAAEAAAAAUAAABub2RlcwAAAODv//8AAAQAGAAAAAQA
AAAg8P//AAAACQgAAAABAAAABgAAAGxlbmd0aAAAxO///xwAAAAMAAAAAQAAAFQQAAACAAAAXAAAACgAAAAfAAAAc3RyYXRhbG9n
LmFycm93LkJvZHlDb21wcmVzc2lvbgCc8P//AQAGABwAAAAEAAAAGPH//wAAAAMBAAAAAQAAAAEAAAAGAAAAbWV0aG9kAACA8P//
AAAEABwAAAAEAAAASPH//wAAAAMAAAAAAQAAAAEAAAAFAAAAY29kZWMAAABo////AAAAASAAAAAQAAAACAAAABAAAACoDwAAAgAA
ACQAAABMAAAAFQAAAHN0cmF0YWxvZy5hcnJvdy5SYW5nZQAAAEDx//8BAAgAGAAAAAQAAAA08f//AAAACQgAAAABAAAABgAAAGxl
bmd0aAAATP///xgAAAAEAAAAXPH//wAAAAkIAAAAAQAAAAYAAABvZmZzZXQAABQAHAAIAAwABwAQABQAAAAAABgAFAAAAAAAAAEg
AAAAEAAAAAgAAAAQAAAA/A4AAAIAAABgAAAAJAAAABkAAABzdHJhdGFsb2cuYXJyb3cuRmllbGROb2RlAAAA8PH//wEACAAYAAAA
BAAAAOTx//8AAAAJCAAAAAEAAAAKAAAAbnVsbF9jb3VudAAACAAMAAQACAAIAAAAGAAAAAQAAAAY8v//AAAACQgAAAABAAAABgAA
AGxlbmd0aAAAvPH//yQAAAAMAAAAAQAAAFwOAAAEAAAAXAAAAMAAAAAkAAAAiAAAABYAAABzdHJhdGFsb2cuYXJyb3cuU2NoZW1h
AAB09v//AAAAAQMACgAUAAAABAAAAPj3//8AAA4JCAAAAAgAAABmZWF0dXJlcwAAAACk9v//AAAAAQIACAAYAAAABAAAANz+//8A
AA4PEgAAAAQAAAAPAAAAY3VzdG9tX21ldGFkYXRhANz2//8AAAABAQAGABgAAAAEAAAAFP///wAADg8KAAAABAAAAAYAAABmaWVs
ZHMAAODy//8AAAQAHAAAAAQAAACo8///AAAABQQAAAACAAAAAQAAAAoAAABlbmRpYW5uZXNzAADM8v//MAAAAAwAAAABAAAATA0A
AAcAAABwAAAANAAAAKwAAABwAQAAPAEAANQAAAAAAQAAFQAAAHN0cmF0YWxvZy5hcnJvdy5GaWVsZAAAAJD3//8AAAABBgAQABgA
AAAEAAAAyP///wAADg8SAAAABAAAAA8AAABjdXN0b21fbWV0YWRhdGEAyPf//wAAAAEFAA4AKAAAABQAAAAQABAABgAHAAgAAAAA
AAwAEAAAAAAADg8KAAAABAAAAAgAAABjaGlsZHJlbgAAAAAM+P//AAAAAQQADAAYAAAABAAAAGD+//8AAAAPCAAAAAEAAAAKAAAA
ZGljdGlvbmFyeQAAQPj//wAAAAEDAAoAGAAAAAQAAACU/v//AAAAEAoAAAABAAAABAAAAHR5cGUAAAAAkPT//wIACAAcAAAABAAA
AAz1//8AAAABCgAAAAEAAAABAAAACQAAAHR5cGVfdHlwZQAAAMT0//8BAAYAGAAAAAQAAAC49P//AAAAAgEAAAABAAAACAAAAG51
bGxhYmxlAAAAAFD+//8AAQQAFAAAAAQAAACc9P//AAAADQEAAAAEAAAAbmFtZQAAAACI9P//JAAAAAwAAAABAAAAkAsAAAQAAADc
AAAAlAAAAGAAAAAsAAAAIgAAAHN0cmF0YWxvZy5hcnJvdy5EaWN0aW9uYXJ5RW5jb2RpbmcAAGz1//8DAAoAHAAAAAQAAADo9f//
AAAABQMAAAACAAAAAQAAAAQAAABraW5kAAAAAJz1//8CAAgAGAAAAAQAAACQ9f//AAAAAgEAAAABAAAACgAAAGlzX29yZGVyZWQA
AKz5//8AAAABAQAGACgAAAAUAAAAEAAQAAcAAAAIAAAAAAAMABAAAAAAAAAPEAAAAAEAAAAKAAAAaW5kZXhfdHlwZQAAxPX//wAA
BAAYAAAABAAAAAT2//8AAAAJCAAAAAEAAAACAAAAaWQAAKT1//8cAAAADAAAAAEAAAB0CgAAAgAAAHAAAAAkAAAAGAAAAHN0cmF0
YWxvZy5hcnJvdy5LZXlWYWx1ZQAAAABY+v//AAAAAQEABgAUAAAABAAAACT2//8AAAANAQAAAAUAAAB2YWx1ZQAAABwAEAAIAAwA
AAAGAAAAAAAAAAAAAAAAAAAABQAcAAAAAAEEABQAAAAEAAAAaPb//wAAAA0BAAAAAwAAAGtleQBQ9v//FAAAAAwAAAABAAAAyAkA
AAAAAAAdAAAAc3RyYXRhbG9nLmFycm93LkxhcmdlTGlzdFZpZXcAAACM9v//FAAAAAwAAAABAAAAjAkAAAAAAAAYAAAAc3RyYXRh
bG9nLmFycm93Lkxpc3RWaWV3AAAAAMT2//8UAAAADAAAAAEAAABUCQAAAAAAABgAAABzdHJhdGFsb2cuYXJyb3cuVXRmOFZpZXcA
AAAA/Pb//xQAAAAMAAAAAQAAABwJAAAAAAAAGgAAAHN0cmF0YWxvZy5hcnJvdy5CaW5hcnlWaWV3AAA09///FAAAAAwAAAABAAAA
5AgAAAAAAAAdAAAAc3RyYXRhbG9nLmFycm93LlJ1bkVuZEVuY29kZWQAAABw9///FAAAAAwAAAABAAAAqAgAAAAAAAAZAAAAc3Ry
YXRhbG9nLmFycm93LkxhcmdlTGlzdAAAAKj3//8UAAAADAAAAAEAAABwCAAAAAAAABkAAABzdHJhdGFsb2cuYXJyb3cuTGFyZ2VV
dGY4AAAA4Pf//xQAAAAMAAAAAQAAADgIAAAAAAAAGwAAAHN0cmF0YWxvZy5hcnJvdy5MYXJnZUJpbmFyeQAY+P//GAAAAAwAAAAB
AAAAAAgAAAEAAAAkAAAAGAAAAHN0cmF0YWxvZy5hcnJvdy5EdXJhdGlvbgAAAADe+///AAAEACgAAAAQAAAAAQAAAAAAAAAAAAAA
cPn//wAAAAUJAAAAAgAAAAEAAAAEAAAAdW5pdAAAAACQ+P//GAAAAAwAAAABAAAAiAcAAAEAAAAcAAAAEwAAAHN0cmF0YWxvZy5h
cnJvdy5NYXAADPn//wAABAAYAAAABAAAAEz5//8AAAACAQAAAAEAAAALAAAAa2V5c19zb3J0ZWQA9Pj//xgAAAAMAAAAAQAAACQH
AAABAAAAKAAAAB0AAABzdHJhdGFsb2cuYXJyb3cuRml4ZWRTaXplTGlzdAAAAHz5//8AAAQAFAAAAAQAAABw+f//AAAABwEAAAAJ
AAAAbGlzdF9zaXplAAAAYPn//xgAAAAMAAAAAQAAALgGAAABAAAAKAAAAB8AAABzdHJhdGFsb2cuYXJyb3cuRml4ZWRTaXplQmlu
YXJ5AOj5//8AAAQAFAAAAAQAAADc+f//AAAABwEAAAAKAAAAYnl0ZV93aWR0aAAAzPn//xwAAAAMAAAAAQAAAEwGAAACAAAAZAAA
ACAAAAAVAAAAc3RyYXRhbG9nLmFycm93LlVuaW9uAAAAfP7//wAAAAEBAAYAJAAAABQAAAAQAAwABgAHAAAAAAAAAAgAEAAAAAAA
DgcEAAAACAAAAHR5cGVfaWRzAAAAAJD6//8AAAQAHAAAAAQAAABY+///AAAABQsAAAACAAAAAQAAAAQAAABtb2RlAAAAAHj6//8U
AAAADAAAAAEAAACgBQAAAAAAABYAAABzdHJhdGFsb2cuYXJyb3cuU3RydWN0AACs+v//FAAAAAwAAAABAAAAbAUAAAAAAAAUAAAA
c3RyYXRhbG9nLmFycm93Lkxpc3QAAAAA4Pr//xgAAAAMAAAAAQAAADgFAAABAAAAJAAAABgAAABzdHJhdGFsb2cuYXJyb3cuSW50
ZXJ2YWwAAAAAZPv//wAABAAcAAAABAAAACz8//8AAAAFBgAAAAIAAAABAAAABAAAAHVuaXQAAAAATPv//xwAAAAMAAAAAQAAAMwE
AAACAAAARAAAAHAAAAAZAAAAc3RyYXRhbG9nLmFycm93LlRpbWVzdGFtcAAAABwAFAAMABAACAAKAAAAAAAAAAAAAAAAAAAABwAc
AAAAAAAAAQEABgAUAAAABAAAAOj7//8AAAANAQAAAAgAAAB0aW1lem9uZQAAAAAg/P//AAAEABwAAAAEAAAA6Pz//wAAAAUJAAAA
AgAAAAEAAAAEAAAAdW5pdAAAAAAI/P//HAAAAAwAAAABAAAAEAQAAAIAAAAkAAAAYAAAABQAAABzdHJhdGFsb2cuYXJyb3cuVGlt
ZQAAAADG/v//AQAGABwAAAAMAAAAIAAAAAAAAACI/P//AAAABwEAAAAJAAAAYml0X3dpZHRoAA4AHAAIAAwAAAAGABAADgAAAAAA
BAAoAAAAEAAAAAEAAAAAAAAAAAAAAKD9//8AAAAFCQAAAAIAAAABAAAABAAAAHVuaXQAAAAAwPz//xgAAAAMAAAAAQAAAFgDAAAB
AAAALAAAABQAAABzdHJhdGFsb2cuYXJyb3cuRGF0ZQAADgAYAAgADAAAAAYAEAAOAAAAAAAEACQAAAAMAAAAAQAAAAAAAAAc/v//
AAAABQIAAAACAAAAAQAAAAQAAAB1bml0AAAAADz9//8gAAAADAAAAAEAAADcAgAAAwAAADgAAACQAAAAZAAAABcAAABzdHJhdGFs
b2cuYXJyb3cuRGVjaW1hbAAAAA4AGAAIAAwABAAGABAADgAAAAIACAAcAAAADAAAAIAAAAAAAAAA0P3//wAAAAcBAAAACQAAAGJp
dF93aWR0aAAAAFT+//8BAAYAFAAAAAQAAAD8/f//AAAABwEAAAAFAAAAc2NhbGUAAAAw/v//AAAEABQAAAAEAAAAJP7//wAAAAcB
AAAACQAAAHByZWNpc2lvbgAAABT+//8UAAAADAAAAAEAAAAEAgAAAAAAABQAAABzdHJhdGFsb2cuYXJyb3cuQm9vbAAAAABI/v//
FAAAAAwAAAABAAAA0AEAAAAAAAAUAAAAc3RyYXRhbG9nLmFycm93LlV0ZjgAAAAAfP7//xQAAAAMAAAAAQAAAJwBAAAAAAAAFgAA
AHN0cmF0YWxvZy5hcnJvdy5CaW5hcnkAALD+//8YAAAADAAAAAEAAABoAQAAAQAAACgAAAAdAAAAc3RyYXRhbG9nLmFycm93LkZs
b2F0aW5nUG9pbnQAAAA4////AAAEACwAAAAUAAAAEAAUAAcAAAAIAAAADAAQABAAAAAAAAAFCAAAAAIAAAABAAAACQAAAHByZWNp
c2lvbgAAADT///8cAAAADAAAAAEAAADkAAAAAgAAAHgAAAAoAAAAEwAAAHN0cmF0YWxvZy5hcnJvdy5JbnQADAAQAAgADAAEAAYA
DAAAAAEABgAoAAAAFAAAABAAEAAHAAAAAAAAAAgADAAQAAAAAAAAAgEAAAABAAAACQAAAGlzX3NpZ25lZAAAAAwAEAAIAAwAAAAG
AAwAAAAAAAQAJAAAABQAAAAQAAwABwAAAAAAAAAAAAgAEAAAAAAAAAcBAAAACQAAAGJpdF93aWR0aAAAABQAFAAEAAgAAAAMAAAA
AAAAABAAFAAAACgAAAAgAAAAAQAAAAQAAAAOAAAALy9tZXRhZGF0YS5mYnMAAAAAAAAUAAAAc3RyYXRhbG9nLmFycm93Lk51bGwA
AAAA
`;

/** The schema of these events. */
export const Message: EventSchema<Message, MessageView> = eventSchema(
  Buffer.from(BFBS, 'base64'),
);
