/** The functions of the ready-made scans, as they run in a pool's thread. */
import type { Cursor } from '../read/cursor.js';
import type { RateBucket, SizeBucket } from './ready-made.js';

export function countOf(cursor: Cursor): number {
  let count = 0;
  while (cursor.next()) count++;
  return count;
}

export function bytesOf(cursor: Cursor): number {
  let bytes = 0;
  while (cursor.next()) bytes += cursor.length;
  return bytes;
}

export function rateOf(cursor: Cursor, { bucketMs }: { bucketMs: number }): RateBucket[] {
  const buckets: RateBucket[] = [];
  let timeMs = -Infinity;
  let records = 0;
  let bytes = 0;
  const finish = (): void => {
    if (records > 0) buckets.push({ timeMs, records, bytes });
    records = bytes = 0;
  };
  while (cursor.next()) {
    if (!(cursor.timeMs < timeMs + bucketMs)) {
      finish();
      timeMs = Math.floor(cursor.timeMs / bucketMs) * bucketMs;
    }
    records++;
    bytes += cursor.length;
  }
  finish();
  return buckets;
}

/** A bucket for each power of two: the one at `n` holds what takes `n` bits to count. */
const SIZE_BUCKETS = 32;

export function sizesOf(cursor: Cursor): SizeBucket[] {
  const records = new Float64Array(SIZE_BUCKETS);
  const bytes = new Float64Array(SIZE_BUCKETS);
  while (cursor.next()) {
    const { length } = cursor;
    const bits = 32 - Math.clz32(length);
    records[bits] = (records[bits] as number) + 1;
    bytes[bits] = (bytes[bits] as number) + length;
  }
  return Array.from(records, (count, bits) => ({
    fromBytes: bits === 0 ? 0 : 2 ** (bits - 1),
    toBytes: 2 ** bits,
    records: count,
    bytes: bytes[bits] as number,
  }));
}

export function matchesOf(cursor: Cursor, args: { needle: Uint8Array; limit: number }): number[] {
  const { limit } = args;
  const needle = Buffer.from(args.needle);
  const found: number[] = [];
  while (found.length < limit && cursor.next()) {
    if (cursor.length < needle.length) continue;
    const { buffer, byteOffset, length } = cursor.payload;
    if (Buffer.from(buffer, byteOffset, length).includes(needle)) found.push(cursor.offset);
  }
  return found;
}
