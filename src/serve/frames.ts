/**
 * Pictures and live frames as bytes: 4 bytes for the length of what follows as JSON (little-endian), that
 * JSON, padding to a multiple of 8, then doubles: least x of each bucket, largest x of each, and for each
 * series the least and the largest values. NaN: no value. The page reads it with `page/frames.ts`.
 */
import type { Extremes } from './extremes.js';

/** What is said of a frame, beside its numbers. */
export interface FrameHead {
  readonly buckets: number;
  /** Which value and which line of it, for each series that has numbers here. */
  readonly series: readonly { readonly y: number; readonly line: number }[];
  readonly [more: string]: unknown;
}

/** Series in which nothing is are left out. `lines`: of each value. */
export function encodeFrame(
  extremes: Extremes,
  lines: number,
  more: Readonly<Record<string, unknown>>,
): Buffer {
  const { buckets, xMin, xMax, min, max } = extremes;
  const used = min.map((_, i) => i).filter((i) => hasAny(min[i], max[i]));
  const series = used.map((i) => ({ y: Math.floor(i / lines), line: i % lines }));
  const head: FrameHead = { ...more, buckets, series };
  const json = Buffer.from(JSON.stringify(head));
  const start = Math.ceil((4 + json.length) / 8) * 8;
  const lists = [xMin, xMax, ...used.flatMap((i) => [min[i], max[i]])];
  const frame = Buffer.alloc(start + lists.length * buckets * 8, ' ');
  frame.writeUInt32LE(json.length, 0);
  json.copy(frame, 4);
  lists.forEach((list, i) => {
    if (list === undefined) return;
    const bytes = Buffer.from(list.buffer, list.byteOffset, list.byteLength);
    bytes.copy(frame, start + i * buckets * 8);
  });
  blankEmpty(frame, start + 2 * buckets * 8, buckets, used.length);
  return frame;
}

function hasAny(min: Float64Array | undefined, max: Float64Array | undefined): boolean {
  return min?.some((value, i) => value <= (max?.[i] ?? -Infinity)) ?? false;
}

/** Where the least is more than the largest, there is no value. */
function blankEmpty(frame: Buffer, start: number, buckets: number, series: number): void {
  for (let i = 0; i < series; i++) {
    for (let bucket = 0; bucket < buckets; bucket++) {
      const least = start + (2 * i * buckets + bucket) * 8;
      const largest = least + buckets * 8;
      if (frame.readDoubleLE(least) <= frame.readDoubleLE(largest)) continue;
      frame.writeDoubleLE(NaN, least);
      frame.writeDoubleLE(NaN, largest);
    }
  }
}
