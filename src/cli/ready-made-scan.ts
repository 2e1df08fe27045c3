/** Scans that need no module: what the options ask, and how the answer is told. */
import { Option } from 'commander';
import {
  countRecords,
  findRecords,
  rateOverTime,
  sizeHistogram,
  totalBytes,
  type RateBucket,
  type Reader,
  type ScanResult,
  type ScanSettings,
  type SizeBucket,
} from '../index.js';
import { parseCount, parseSeconds } from './arguments.js';
import { InputError } from './exit-codes.js';
import { formatBytes, formatCount, formatTime, table } from './output.js';
import type { Question } from './scan.js';
import { textOf } from './value-format.js';

export interface ReadyMadeOptions {
  readonly count?: boolean;
  readonly bytes?: boolean;
  /** Seconds of a bucket. */
  readonly rate?: number;
  readonly sizes?: boolean;
  readonly find?: string;
  readonly limit?: number;
}

const NAMES = ['count', 'bytes', 'rate', 'sizes', 'find'] as const;

/** One of them, or a module. */
export const READY_MADE_OPTIONS: readonly Option[] = [
  new Option('--count', 'count the records'),
  new Option('--bytes', 'add up the bytes of the records'),
  new Option(
    '--rate <seconds>',
    'records and bytes by time of commit, in steps of so long',
  ).argParser(parseSeconds),
  new Option('--sizes', 'records and bytes by size of record'),
  new Option('--find <text>', 'offsets of the records that contain this text'),
].map((option) =>
  option.conflicts(['module', ...NAMES].filter((name) => name !== option.attributeName())),
);

export const LIMIT_OPTION = new Option(
  '--limit <n>',
  'with --find: stop after so many, the first',
).argParser(parseCount);

/** `undefined`: the options ask for none. */
export function readyMadeScan(options: ReadyMadeOptions): Question | undefined {
  const { count, bytes, rate, sizes, find, limit } = options;
  if (limit !== undefined && find === undefined) throw new InputError('A limit goes with --find');
  if (count === true) return question(countRecords, textOf);
  if (bytes === true) return question(totalBytes, textOf);
  if (sizes === true) return question(sizeHistogram, describeSizes);
  if (rate !== undefined) {
    const bucketMs = Math.max(1, Math.round(rate * 1000));
    return question((log, settings) => rateOverTime(log, { ...settings, bucketMs }), describeRate);
  }
  if (find === undefined) return undefined;
  return question(
    (log, settings) => findRecords(log, find, { ...settings, limit }),
    (offsets) => offsets.join('\n'),
  );
}

/** The type of the value stays between the two. */
function question<V>(
  run: (log: Reader, settings: ScanSettings) => Promise<ScanResult<V>>,
  describe: (value: V) => string,
): Question {
  return { run, describe: (value) => describe(value as V) };
}

function describeRate(buckets: readonly RateBucket[]): string {
  const rows = buckets.map(({ timeMs, records, bytes }) => [
    formatTime(timeMs),
    formatCount(records),
    formatBytes(bytes),
  ]);
  return table([['time', 'records', 'bytes'], ...rows]);
}

function describeSizes(buckets: readonly SizeBucket[]): string {
  const rows = buckets.map(({ fromBytes, toBytes, records, bytes }) => [
    toBytes - fromBytes === 1 ? `${fromBytes}` : `${fromBytes} to ${toBytes - 1}`,
    formatCount(records),
    formatBytes(bytes),
  ]);
  return table([['size', 'records', 'bytes'], ...rows]);
}
