import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ControlFile } from '../control/control-file.js';
import { listTailers } from '../control/readers-file.js';
import { LogError, storage, type LockHolder } from '../errors.js';
import { DOORBELL, FLUSH_DOORBELL } from '../format/control-page.js';
import { CONTROL_NAME } from '../format/names.js';
import type { TailerInfo } from '../format/readers-page.js';
import { isBelowFile, notAFolder } from '../mapping/files.js';
import { LockProbe } from '../mapping/lock.js';
import { inspectLock } from './lock-state.js';
import { openReader, type Reader } from './reader.js';
import type { SegmentInfo } from './segment-set.js';
import { writerState, type WriterState } from './writer-state.js';

/** A log at one moment, as it looks from outside. */
export interface LogSample {
  /** Wall clock, ms since 1970. */
  readonly timeMs: number;
  readonly writer: WriterState;
  /** Who appends, as he described himself. */
  readonly holder: LockHolder | undefined;
  readonly startOffset: number;
  readonly committedOffset: number;
  readonly flushedOffset: number;
  /** The segment that is written, or was last. */
  readonly segment: SegmentInfo | undefined;
  /** Frame bytes committed since the monitor was opened. */
  readonly committedBytes: number;
  /** News since the monitor was opened: commits, rolls, and the log's opening and closing. */
  readonly commits: number;
  /** The same of flushes. */
  readonly flushes: number;
  /** Tailers that show themselves: up to 48, of those that may write the `readers` file. */
  readonly tailers: readonly TailerInfo[];
}

/**
 * Opens a log for looking at from outside, from any process that may read it. Costs the appender nothing.
 *
 * @throws As `openReader`
 */
export function openMonitor(path: string): Monitor {
  return new Monitor(resolve(path));
}

/** The instrument panel of a log: `sample` it as often as you like. */
export class Monitor {
  readonly path: string;
  /** Of the control file, which lasts as long as the log. */
  readonly #inode: number | undefined;
  readonly #control: ControlFile;
  readonly #lock: LockProbe;
  readonly #reader: Reader;
  readonly #commits: WrappingCount;
  readonly #flushes: WrappingCount;
  /** The newest segment at the last sample, and how much of it was used then. */
  #segmentBase = 0;
  #usedBytes = 0;
  #committedBytes = 0;

  /** @internal Use `openMonitor`. */
  constructor(directory: string) {
    this.path = directory;
    this.#inode = inodeOf(directory);
    this.#lock = new LockProbe(directory);
    this.#control = ControlFile.open(directory, 'read');
    this.#commits = new WrappingCount(this.#control, DOORBELL);
    this.#flushes = new WrappingCount(this.#control, FLUSH_DOORBELL);
    let reader: Reader | undefined;
    try {
      this.#reader = reader = openReader(directory);
      const newest = reader.segments(reader.committedOffset).at(-1);
      if (newest !== undefined) this.#stand(newest);
    } catch (error) {
      reader?.close();
      this.#control.close();
      throw error;
    }
  }

  /**
   * @throws {LogError} `NOT_A_LOG`: the log has been removed, or another one is in its place
   * @throws As a reader
   */
  sample(): LogSample {
    if (inodeOf(this.path) !== this.#inode) {
      throw new LogError('NOT_A_LOG', `Cannot sample ${this.path}: the log is not there any more`);
    }
    const reader = this.#reader;
    // In this order none is ahead of the one before it.
    const { flushedOffset } = reader;
    const { committedOffset } = reader;
    const segment = this.#countBytes();
    return {
      timeMs: Date.now(),
      writer: writerState(this.#lock, this.#control),
      holder: inspectLock(this.path).holder,
      startOffset: reader.startOffset,
      committedOffset,
      flushedOffset,
      segment,
      committedBytes: this.#committedBytes,
      commits: this.#commits.total(),
      flushes: this.#flushes.total(),
      tailers: listTailers(this.path, reader.logId),
    };
  }

  close(): void {
    this.#reader.close();
    this.#lock.close();
    this.#control.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #countBytes(): SegmentInfo | undefined {
    const segments = this.#reader.segments(this.#segmentBase);
    for (const segment of segments) {
      const before = segment.baseOffset === this.#segmentBase ? this.#usedBytes : 0;
      this.#committedBytes += segment.usedBytes - before;
      this.#stand(segment);
    }
    return segments.at(-1);
  }

  #stand({ baseOffset, usedBytes }: SegmentInfo): void {
    this.#segmentBase = baseOffset;
    this.#usedBytes = usedBytes;
  }
}

function inodeOf(directory: string): number | undefined {
  const path = join(directory, CONTROL_NAME);
  try {
    return storage('look at', path, () => statSync(path, { throwIfNoEntry: false }))?.ino;
  } catch (error) {
    throw isBelowFile(error) ? notAFolder(directory, error) : error;
  }
}

/** A 32-bit counter of the control page that wraps, made one that does not. */
class WrappingCount {
  readonly #control: ControlFile;
  readonly #at: number;
  #last: number;
  #total = 0;

  constructor(control: ControlFile, at: number) {
    this.#control = control;
    this.#at = at;
    this.#last = Atomics.load(control.words, at);
  }

  /** Since it was made. Looked at less than once in 2^32 counts, it misses some. */
  total(): number {
    const now = Atomics.load(this.#control.words, this.#at);
    this.#total += (now - this.#last) >>> 0;
    this.#last = now;
    return this.#total;
  }
}
