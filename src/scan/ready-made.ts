/** Scans for the ordinary questions, so that nobody has to write a module for them. */
import { checkInteger } from '../options.js';
import type { ScanReduction, ScanSettings } from './options.js';
import { runScan, type ScannedLog, type ScanResult } from './scan.js';

export interface RateBucket {
  /** Where the bucket begins, in ms since 1970: a multiple of its length. */
  readonly timeMs: number;
  readonly records: number;
  /** Bytes of their payloads. */
  readonly bytes: number;
}

export interface SizeBucket {
  readonly fromBytes: number;
  /** Exclusive. */
  readonly toBytes: number;
  readonly records: number;
  /** Bytes of their payloads. */
  readonly bytes: number;
}

/** Number of the records that are there: those lost to damage are not. Throws as `scan` does. */
export function countRecords(
  log: ScannedLog,
  settings: ScanSettings = {},
): Promise<ScanResult<number>> {
  return run(log, settings, 'countOf', undefined, sum);
}

/** Bytes of the records' payloads. Throws as `scan` does. */
export function totalBytes(
  log: ScannedLog,
  settings: ScanSettings = {},
): Promise<ScanResult<number>> {
  return run(log, settings, 'bytesOf', undefined, sum);
}

/**
 * How much was committed when: buckets of `bucketMs` (default 1000) in order of time, without those in
 * which nothing was.
 * @throws {RangeError} `bucketMs` is no positive integer; otherwise as `scan`
 */
export async function rateOverTime(
  log: ScannedLog,
  settings: ScanSettings & { readonly bucketMs?: number | undefined } = {},
): Promise<ScanResult<RateBucket[]>> {
  const { bucketMs = 1000 } = settings;
  checkInteger('bucketMs', bucketMs, 1, Number.MAX_SAFE_INTEGER);
  return run(log, settings, 'rateOf', { bucketMs }, { reduce: appendBuckets, initial: [] });
}

/**
 * How large records are: a bucket for 0 bytes, and for each power of two, without those in which none
 * is. Throws as `scan` does.
 */
export async function sizeHistogram(
  log: ScannedLog,
  settings: ScanSettings = {},
): Promise<ScanResult<SizeBucket[]>> {
  const reduction = { reduce: addBuckets, initial: [] };
  const result = await run<SizeBucket[], SizeBucket[]>(
    log,
    settings,
    'sizesOf',
    undefined,
    reduction,
  );
  return { ...result, value: result.value.filter(({ records }) => records > 0) };
}

/**
 * Offsets of the records whose payload contains these bytes (a string as UTF-8), ascending. With `limit`
 * no more than so many, the first; the result's `to` says how far it has searched.
 * @throws {RangeError} no bytes to search for, or a wrong limit; otherwise as `scan`
 */
export async function findRecords(
  log: ScannedLog,
  contained: Uint8Array | string,
  settings: ScanSettings & { readonly limit?: number | undefined } = {},
): Promise<ScanResult<number[]>> {
  const { limit = Infinity } = settings;
  if (limit !== Infinity) checkInteger('limit', limit, 1, Number.MAX_SAFE_INTEGER);
  const needle = Uint8Array.from(Buffer.from(contained as string));
  if (needle.length === 0) throw new RangeError('Cannot search for no bytes at all');
  const reduce = (found: number[], part: number[]): number[] => {
    for (const offset of part) if (found.length < limit) found.push(offset);
    return found;
  };
  const isEnough = (found: number[]): boolean => found.length >= limit;
  return run(log, settings, 'matchesOf', { needle, limit }, { reduce, initial: [] }, isEnough);
}

const MODULE = new URL('./ready-made-worker.js', import.meta.url).href;
const sum = { reduce: (total: number, part: number): number => total + part, initial: 0 };

function run<R, V>(
  log: ScannedLog,
  settings: ScanSettings,
  name: string,
  args: unknown,
  reduction: ScanReduction<R, V>,
  isEnough?: (value: V) => boolean,
): Promise<ScanResult<V>> {
  return runScan(log, settings, { function: { module: MODULE, name }, args }, reduction, isEnough);
}

/** Frame times never go back, so only the bucket at the seam may be in both. */
function appendBuckets(buckets: RateBucket[], part: RateBucket[]): RateBucket[] {
  for (const bucket of part) {
    const last = buckets.at(-1);
    const isSame = last?.timeMs === bucket.timeMs;
    if (isSame) buckets.pop();
    const records = bucket.records + (isSame ? last.records : 0);
    const bytes = bucket.bytes + (isSame ? last.bytes : 0);
    buckets.push({ timeMs: bucket.timeMs, records, bytes });
  }
  return buckets;
}

function addBuckets(total: SizeBucket[], part: SizeBucket[]): SizeBucket[] {
  return part.map((bucket, i) => ({
    ...bucket,
    records: bucket.records + (total[i]?.records ?? 0),
    bytes: bucket.bytes + (total[i]?.bytes ?? 0),
  }));
}
