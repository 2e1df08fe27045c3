/**
 * Keeps the pages just ahead of a fast appender writable.
 *
 * Preparing a segment ends with a sync, and the kernel write-protects what it has synced: the first
 * store into each page then faults, which costs microseconds. This takes the faults in the maintenance
 * thread, a few milliseconds ahead of the appender. Only when it is fast: pages made writable count as
 * dirty, and the next flush writes them, so a slow appender that flushes often must not pay for pages
 * that it has not reached.
 */
import { COMMITTED_COUNT, COMMITTED_POSITION, FIRST_ENTRY } from '../format/index-header.js';
import { PAGE_SIZE, madvise } from '../mapping/native.js';

/** Slower than this, the appender takes its faults itself. */
const FAST_BYTES_PER_TICK = 256 * 1024;
/** So many ticks' worth of pages are kept writable. */
const TICKS_AHEAD = 6;
const MAX_AHEAD_BYTES = 48 * 1024 * 1024;

/** The active segment, by the addresses of its mappings. */
export interface TouchedSegment {
  readonly path: string;
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly indexAddress: bigint;
  readonly indexBytes: number;
  /** The index file's header page. */
  readonly words: Int32Array;
}

export class PageToucher {
  #segment: TouchedSegment | undefined;
  #position = 0;
  #count = 0;
  #touchedTo = 0;
  #indexTouchedTo = 0;

  /** The segment that is appended to from now on. */
  follow(segment: TouchedSegment): void {
    this.#segment = segment;
    this.#position = Atomics.load(segment.words, COMMITTED_POSITION) * 8;
    this.#count = Atomics.load(segment.words, COMMITTED_COUNT);
    this.#touchedTo = this.#indexTouchedTo = 0;
  }

  /** To be called every millisecond or so while frames are committed often. */
  tick(): void {
    const segment = this.#segment;
    if (segment === undefined) return;
    const position = Atomics.load(segment.words, COMMITTED_POSITION) * 8;
    const count = Atomics.load(segment.words, COMMITTED_COUNT);
    const moved = position - this.#position;
    const counted = count - this.#count;
    this.#position = position;
    this.#count = count;
    if (moved < FAST_BYTES_PER_TICK) return;
    const { address, sizeBytes, indexAddress, indexBytes, path } = segment;
    const ahead = Math.min(moved * TICKS_AHEAD, MAX_AHEAD_BYTES);
    const from = Math.max(position, this.#touchedTo);
    this.#touchedTo = touch(address, from, Math.min(position + ahead, sizeBytes), path);
    const entry = (FIRST_ENTRY + count) * 4;
    const entriesAhead = Math.min(counted * 4 * TICKS_AHEAD, MAX_AHEAD_BYTES);
    const fromEntry = Math.max(entry, this.#indexTouchedTo);
    const toEntry = Math.min(entry + entriesAhead, indexBytes);
    this.#indexTouchedTo = touch(indexAddress, fromEntry, toEntry, path);
  }
}

/** Returns the end of what is touched now. A failure only means that the appender takes the faults. */
function touch(address: bigint, from: number, to: number, path: string): number {
  const start = from - (from % PAGE_SIZE);
  if (start >= to) return from;
  try {
    madvise(address + BigInt(start), to - start, 'populate-write', path);
  } catch {
    return from;
  }
  return to;
}
