/** `info`: what a log consists of. */
import { Command } from 'commander';
import {
  CorruptionError,
  inspectLock,
  inspectSchema,
  openReader,
  type Cursor,
  type IndexFault,
  type LockState,
  type OffsetRange,
  type Reader,
  type SchemaInfo,
  type SegmentInfo,
} from '../index.js';
import { EXIT_CODES_HELP, EXIT_DAMAGE } from './exit-codes.js';
import {
  colours,
  formatBytes,
  formatCount,
  formatOffsets,
  formatTime,
  perSecond,
  plural,
  print,
  printJson,
  table,
} from './output.js';

const HELP = `
Reads bounds and the first and last record, no more; 'verify' checks the data. Damage that it meets is
named, with all that is known in spite of it. Works while somebody appends.

Examples:
  $ stratalog info journal
  $ stratalog info --json journal | jq .committedOffset
${EXIT_CODES_HELP}`;

export function infoCommand(): Command {
  return new Command('info')
    .summary('show offsets, segments, sizes and rates')
    .description(
      'Shows the bounds, segments, sizes, rates and schema of a log, and who appends to it.',
    )
    .argument('<log>', 'directory of the log')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(info);
}

function info(path: string, options: { readonly json?: boolean }): void {
  const found = gather(path);
  if (options.json === true) printJson(found);
  else print(describe(found));
  if (found.damage.length > 0) process.exitCode = EXIT_DAMAGE;
}

interface Segment {
  readonly path: string;
  readonly baseOffset: number;
  readonly records: number;
  readonly usedBytes: number;
  readonly sizeBytes: number;
  readonly sealed: boolean;
  readonly created: string;
  readonly headerBytes: number;
}

interface Damage {
  readonly path: string;
  readonly position: number;
  readonly expected: string;
  readonly found: string;
  readonly lost: OffsetRange | undefined;
}

/** What the log remembers of its events. */
interface Schema {
  readonly root: string;
  readonly path: string;
  readonly version: number;
  readonly versions: number;
}

interface Info {
  readonly log: string;
  readonly logId: string;
  readonly startOffset: number;
  readonly committedOffset: number;
  readonly flushedOffset: number;
  readonly records: number;
  readonly usedBytes: number;
  readonly allocatedBytes: number;
  /** Of a record, its share of the frame's header included. */
  readonly averageRecordBytes: number | null;
  /** Of the first and the last record; null if there is none, or if it is damaged. */
  readonly firstTime: string | null;
  readonly lastTime: string | null;
  /** Over the time from the first commit to the last; null if it is not known, or no time. */
  readonly recordsPerSecond: number | null;
  readonly lock: LockState;
  /** Null in a log without one, or if it is damaged. */
  readonly schema: Schema | null;
  /** What was met; there may be more. */
  readonly damage: readonly Damage[];
  readonly indexFaults: readonly IndexFault[];
  readonly segments: readonly Segment[];
}

function gather(path: string): Info {
  const reader = openReader(path);
  try {
    const { startOffset, committedOffset, flushedOffset, logId } = reader;
    const segments = reader.segments();
    const records = segments.reduce((sum, segment) => sum + segment.records, 0);
    const usedBytes = segments.reduce((sum, segment) => sum + segment.usedBytes, 0);
    const { first, last, damage } = lookAtEnds(reader);
    const { schema, damage: schemaDamage } = lookAtSchema(path);
    const spanMs = (last ?? 0) - (first ?? last ?? 0);
    return {
      log: reader.path,
      logId,
      startOffset,
      committedOffset,
      flushedOffset,
      records,
      usedBytes,
      allocatedBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
      averageRecordBytes: records === 0 ? null : usedBytes / records,
      firstTime: first === undefined ? null : formatTime(first),
      lastTime: last === undefined ? null : formatTime(last),
      recordsPerSecond: spanMs > 0 ? perSecond(records, spanMs) : null,
      lock: inspectLock(path),
      schema,
      damage: [...damage, ...schemaDamage],
      indexFaults: reader.indexFaults,
      segments: segments.map(segmentOf),
    };
  } finally {
    reader.close();
  }
}

interface Ends {
  /** Times of the first and the last record that is there, if they can be read. */
  readonly first: number | undefined;
  readonly last: number | undefined;
  readonly damage: readonly Damage[];
}

function lookAtEnds(reader: Reader): Ends {
  const met = new Map<string, Damage>();
  const meet = (error: CorruptionError): void => {
    met.set(`${error.path}:${error.position}`, damageOf(error));
  };
  const timeOf = (move: (cursor: Cursor) => boolean): number | undefined => {
    const cursor = reader.cursor({ snapshot: true });
    try {
      return move(cursor) ? cursor.timeMs : undefined;
    } catch (error) {
      if (!(error instanceof CorruptionError)) throw error;
      meet(error);
      return undefined;
    } finally {
      cursor.close();
    }
  };
  const first = timeOf((cursor) => cursor.next());
  const last = timeOf((cursor) => {
    cursor.seek(reader.boundOffset);
    return cursor.previous();
  });
  for (const damage of reader.damage()) meet(damage);
  return { first, last, damage: [...met.values()] };
}

function lookAtSchema(path: string): { schema: Schema | null; damage: Damage[] } {
  try {
    const found = inspectSchema(path);
    return { schema: found === undefined ? null : schemaOf(found), damage: [] };
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return { schema: null, damage: [damageOf(error)] };
  }
}

function schemaOf({ schema, path, version, versions }: SchemaInfo): Schema {
  return { root: schema.name, path, version, versions };
}

function damageOf({ path, position, expected, found, lost }: CorruptionError): Damage {
  return { path, position, expected, found, lost };
}

function segmentOf(segment: SegmentInfo): Segment {
  const { path, baseOffset, records, usedBytes, sizeBytes, sealed, createdNs, header } = segment;
  const created = formatTime(Number(createdNs / 1_000_000n));
  const headerBytes = header.length;
  return { path, baseOffset, records, usedBytes, sizeBytes, sealed, created, headerBytes };
}

function describe(found: Info): string {
  const lines: [string, string][] = [
    ['log', found.log],
    ['id', found.logId],
    ['start offset', formatCount(found.startOffset)],
    ['committed offset', formatCount(found.committedOffset)],
    ['flushed offset', formatCount(found.flushedOffset)],
    ['records', recordsLine(found)],
    ['size', sizeLine(found)],
    ['time', timeLine(found)],
    ['appender', lockLine(found.lock)],
    ...schemaLines(found.schema),
    ...found.damage.map((damage): [string, string] => [
      'damage',
      colours.red(describeDamage(damage)),
    ]),
    ...found.indexFaults.map(({ path, reason }): [string, string] => [
      'index rebuilt',
      `${path}: ${reason}`,
    ]),
  ];
  const fields = lines.map(([name, value]) => `${colours.dim(name.padEnd(17))}${value}`);
  return [...fields, '', segmentTable(found.segments)].join('\n');
}

function schemaLines(schema: Schema | null): [string, string][] {
  if (schema === null) return [];
  const { root, path, versions } = schema;
  return [
    ['events', root],
    ['schema', `${path}${versions === 1 ? '' : `, the newest of ${plural(versions, 'version')}`}`],
  ];
}

function recordsLine({ records, averageRecordBytes }: Info): string {
  const average =
    averageRecordBytes === null ? '' : `, ${formatBytes(averageRecordBytes)} each on disk`;
  return `${formatCount(records)}${average}`;
}

function sizeLine({ usedBytes, allocatedBytes, segments }: Info): string {
  return `${formatBytes(usedBytes)} used of ${formatBytes(allocatedBytes)} in ${plural(segments.length, 'segment')}`;
}

function describeDamage({ path, position, expected, found, lost }: Damage): string {
  const cost = lost === undefined ? '' : `; ${formatOffsets(lost)} affected`;
  return `${path} at position ${position}: expected ${expected}, found ${found}${cost}`;
}

function timeLine({ firstTime, lastTime, recordsPerSecond, damage }: Info): string {
  if (firstTime === null && lastTime === null) {
    return damage.length === 0 ? 'no records yet' : 'unknown';
  }
  const rate = recordsPerSecond === null ? '' : ` (${formatCount(recordsPerSecond)} records/s)`;
  return `${firstTime ?? 'unknown'} to ${lastTime ?? 'unknown'}${rate}`;
}

function lockLine({ isLocked, holder }: LockState): string {
  if (!isLocked) return 'none';
  return holder === undefined
    ? 'unknown'
    : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
}

function segmentTable(segments: readonly Segment[]): string {
  const rows = segments.map((segment) => [
    String(segment.baseOffset),
    formatCount(segment.records),
    formatBytes(segment.usedBytes),
    formatBytes(segment.sizeBytes),
    segment.sealed ? 'sealed' : 'active',
    segment.created,
  ]);
  return table([['base', 'records', 'used', 'size', 'state', 'created'], ...rows]);
}
