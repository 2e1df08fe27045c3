/** Logs in which nothing happens behind the test's back, and what is put into them. */
import type { AppenderOptions } from '../../src/index.js';
import { segmentsOf } from './log-damage.js';
import { SMALL_SEGMENT_BYTES } from './logs.js';

/** Each append commits; nothing is synced but on demand and at a roll. */
export const QUIET: AppenderOptions = {
  segmentSizeBytes: SMALL_SEGMENT_BYTES,
  flush: 'none',
  maintenance: false,
};
/** Rolls do not sync either, so that segments behind a torn one are possible. */
export const NEVER_SYNCED: AppenderOptions = {
  ...QUIET,
  flush: { everyMs: 2 ** 31 - 1 },
  maintenance: true,
};
/** As quiet, but commits are by hand. */
export const BY_HAND: AppenderOptions = { ...QUIET, commit: 'manual' };

/** What `die-with-log.mjs` and others append as record `i`: 40 bytes. */
export function nameOf(i: number): string {
  return `record ${i} `.padEnd(40, 'x');
}

export function namesOf(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => nameOf(from + i));
}

/** Appends until the log has so many segments, and once more. */
export function fill(log: string, segments: number, append: () => unknown): void {
  while (segmentsOf(log).length < segments) append();
  append();
}
