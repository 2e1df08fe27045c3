import { resolve } from 'node:path';
import { ControlFile } from '../control/control-file.js';
import { ReadersFile } from '../control/readers-file.js';
import {
  LogClosedError,
  LogError,
  OffsetOutOfRangeError,
  StorageError,
  type CorruptionError,
} from '../errors.js';
import type { LogId } from '../format/identity.js';
import { checkOffset } from '../format/integers.js';
import { LockProbe } from '../mapping/lock.js';
import { unknownChoice } from '../options.js';
import type { Position, ReaderDescription } from './description.js';
import { Cursor, type CursorSource, type CursorStart } from './cursor.js';
import type { Verify } from './readable-segment.js';
import type { RecordView } from './record-view.js';
import { Tailer, checkPosition, type TailerOptions, type TailerSource } from './tailer.js';
import { SegmentSet, type Access, type IndexFault, type SegmentInfo } from './segment-set.js';

export interface ReaderOptions {
  /**
   * How far to read: what is committed (the default), or only what is flushed, which a power cut
   * cannot take back.
   */
  readonly bound?: 'committed' | 'flushed';
  /** When to compute checksums (default `'first-touch'`: once per frame and reader). */
  readonly verify?: Verify;
  /** How the kernel should read ahead (default `'normal'`). */
  readonly access?: Access;
}

export interface CursorOptions {
  /** Default `'start'`. */
  readonly from?: CursorStart;
  /** Exclusive offset at which to end. Default: none. */
  readonly to?: number;
  /** End at the bound as it is now, whatever is appended later (default false). */
  readonly snapshot?: boolean;
  /** @internal `next` tells of damage, and steps over it, if it is known where that ends. */
  readonly onDamage?: ((error: CorruptionError) => void) | undefined;
}

/**
 * Opens a log for reading, from any thread or process, also while nobody or somebody writes. Nothing
 * is written anywhere, so a read-only file system will do. `log` is a path, or what `describe` of a
 * reader, cursor or tailer has returned.
 *
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError} the control page is damaged, or the first segment is missing. Other damage
 *   is an error where it is met
 * @throws {UnsupportedVersionError}
 * @throws {StorageError}
 * @throws {TypeError} an option that is none of its choices
 */
export function openReader(log: string | ReaderDescription, options: ReaderOptions = {}): Reader {
  if (typeof log === 'string') return new Reader(resolve(log), options);
  const reader = new Reader(log.path, { ...log, ...options });
  if (reader.logId === log.logId) return reader;
  reader.close();
  throw new LogError(
    'NOT_A_LOG',
    `Cannot open ${log.path}: it is another log than described (id ${reader.logId}, not ${log.logId})`,
  );
}

/** Random access to the records of a log. To be used by the thread that opened it. */
export class Reader {
  readonly path: string;
  readonly #control: ControlFile;
  readonly #segments: SegmentSet;
  readonly #source: CursorSource;
  readonly #followsFlushed: boolean;
  readonly #flyweight: Cursor;
  readonly #options: Required<ReaderOptions>;
  readonly #tailers = new Set<Tailer>();
  /** What tailers share; made for the first of them. */
  #tailerSource: TailerSource | undefined;

  /** @internal Use `openReader`. */
  constructor(directory: string, options: ReaderOptions) {
    const { bound = 'committed', verify = 'first-touch', access = 'normal' } = options;
    if (!['committed', 'flushed'].includes(bound)) throw unknownChoice('bound', bound);
    if (!['always', 'first-touch', 'never'].includes(verify)) throw unknownChoice('verify', verify);
    if (!['normal', 'sequential', 'random'].includes(access)) throw unknownChoice('access', access);
    this.path = directory;
    this.#options = { bound, verify, access };
    this.#followsFlushed = bound === 'flushed';
    this.#control = ControlFile.open(directory, 'read');
    try {
      this.#segments = new SegmentSet(directory, this.#control, verify, access);
    } catch (error) {
      this.#control.close();
      throw error;
    }
    this.#source = {
      segments: this.#segments,
      followsFlushed: this.#followsFlushed,
      isClosed: false,
      bound: () => this.boundOffset,
      describe: () => this.describe(),
    };
    this.#flyweight = new Cursor(this.#source, Infinity);
  }

  /** Random 128 bits drawn when the log was created, in hexadecimal. */
  get logId(): LogId {
    return this.#control.logId;
  }
  /** The log's first offset. */
  get startOffset(): number {
    this.#check('ask for the start');
    return this.#segments.relistStart();
  }
  /** Exclusive bound of what is committed, now. */
  get committedOffset(): number {
    this.#check('ask for the committed offset');
    this.#segments.refresh();
    return this.#segments.committedOffset();
  }
  /** Exclusive bound of what is known to be durable, now. */
  get flushedOffset(): number {
    this.#check('ask for the flushed offset');
    this.#segments.refresh();
    return this.#segments.flushedOffset();
  }
  /** The bound that this reader keeps to, now. */
  get boundOffset(): number {
    return this.#followsFlushed ? this.flushedOffset : this.committedOffset;
  }

  /**
   * The record at `offset`, as this reader's flyweight: it shows that record until the next `get`.
   * Constant time; allocates nothing.
   * @throws {OffsetOutOfRangeError} below the start, or at or past the bound
   * @throws {RecordLostError}
   * @throws {CorruptionError}
   * @throws {StorageError}
   * @throws {RangeError} not an offset
   * @throws {LogError} `CLOSED`
   */
  get(offset: number): RecordView {
    const flyweight = this.#flyweight;
    if (!flyweight.moveTo(offset)) {
      throw new OffsetOutOfRangeError(offset, this.#segments.startOffset, this.#source.bound());
    }
    return flyweight;
  }

  /**
   * A cursor that stands before its first record. Close it, or leave it to the garbage collector.
   * @throws {OffsetOutOfRangeError} `from` lies below the start of the log
   * @throws {RangeError} not an offset or a time
   * @throws {LogError} `CLOSED`
   */
  cursor(options: CursorOptions = {}): Cursor {
    this.#check('make a cursor');
    const { from = 'start', to = Infinity, snapshot = false, onDamage } = options;
    if (to !== Infinity) checkOffset('to', to);
    const end = snapshot ? Math.min(to, this.boundOffset) : to;
    const start = this.#resolveStart(from);
    return this.#cursorAt(start, end, onDamage);
  }

  /**
   * A cursor that waits for what comes; by default from the start of the log. It closes with the reader.
   * @throws {PositionLostError} `from` is a position that does not belong to the log any more
   * @throws {OffsetOutOfRangeError} `from` lies below the start of the log, and `onDropped` is `'error'`
   * @throws {RangeError} not an offset or a time
   * @throws {TypeError} an option that is none of its choices, or of another type
   * @throws {LogError} `CLOSED`
   */
  tailer(options: TailerOptions & { readonly from?: CursorStart | Position } = {}): Tailer {
    this.#check('make a tailer');
    const { from = 'start' } = options;
    const source = (this.#tailerSource ??= this.#makeTailerSource());
    const position = isPosition(from) ? from : undefined;
    if (position !== undefined) checkPosition(source, position);
    const start = isPosition(from) ? from.offset : from;
    const cursor = this.#cursorAt(this.#startOfTailer(start, options), Infinity);
    try {
      const tailer = new Tailer(source, cursor, options, position);
      this.#tailers.add(tailer);
      return tailer;
    } catch (error) {
      cursor.close();
      throw error;
    }
  }

  /** What another thread or process needs to open a reader like this one: `openReader(description)`. */
  describe(): ReaderDescription {
    return { path: this.path, logId: this.logId, ...this.#options };
  }

  /**
   * Offset of the first record that was committed at or after a time, or the bound if none was.
   * @throws {CorruptionError} a record that had to be asked for its time is damaged
   */
  offsetAtTime(timeMs: number): number {
    this.#check('look up a time');
    if (!Number.isFinite(timeMs)) throw new RangeError(`Invalid timeMs: ${String(timeMs)}`);
    const bound = this.boundOffset;
    let low = this.#segments.startOffset;
    let high = bound;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const time = this.#timeAtOrAfter(middle, high);
      // Dropped meanwhile: what is asked for is among the rest.
      if (time === undefined) low = Math.max(middle + 1, this.startOffset);
      else if (time.timeMs < timeMs) low = time.offset + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * Damage that can be known without reading records: segments that are missing or whose header is
   * damaged, and the end of a log that was not closed. None of it keeps the rest from being read;
   * `verifyLog` finds all damage.
   */
  damage(): CorruptionError[] {
    this.#check('look for damage');
    return this.#segments.allDamage();
  }

  /**
   * What the log consists of, oldest first; from the segment on that holds `fromOffset`. Segments that
   * cannot be used are left out: see `damage`.
   */
  segments(fromOffset = 0): SegmentInfo[] {
    this.#check('list segments');
    checkOffset('fromOffset', fromOffset);
    return this.#segments.describe(fromOffset);
  }

  /** @internal For those who cut the log into pieces. */
  get segmentSet(): SegmentSet {
    this.#check('look at the segments');
    return this.#segments;
  }

  /** @internal For cursors of other kinds. */
  get cursorSource(): CursorSource {
    this.#check('make a cursor');
    return this.#source;
  }

  /** Index files that could not be used, and were rebuilt in this reader's memory. */
  get indexFaults(): IndexFault[] {
    return this.#segments.indexFaults();
  }

  /** Unmaps what nobody holds a view of. Views and records handed out stay valid. Idempotent. */
  close(): void {
    if (this.#source.isClosed) return;
    for (const tailer of this.#tailers) tailer.close();
    this.#source.isClosed = true;
    this.#flyweight.close();
    this.#segments.close();
    this.#tailerSource?.readers?.close();
    this.#tailerSource?.lock.close();
    this.#control.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #cursorAt(start: number, end: number, onDamage?: CursorOptions['onDamage']): Cursor {
    const cursor = new Cursor(this.#source, end, onDamage);
    try {
      cursor.seek(start);
      return cursor;
    } catch (error) {
      cursor.close();
      throw error;
    }
  }

  #makeTailerSource(): TailerSource {
    return {
      directory: this.path,
      control: this.#control,
      lock: new LockProbe(this.path),
      readers: ReadersFile.openIfPermitted(this.path, this.#control.logId),
      cursors: this.#source,
      committed: () => this.committedOffset,
      epochBefore: (offset) => this.#epochBefore(offset),
      forget: (tailer) => this.#tailers.delete(tailer),
    };
  }

  #startOfTailer(from: CursorStart, { onDropped = 'error' }: TailerOptions): number {
    if (!['error', 'skip'].includes(onDropped)) throw unknownChoice('onDropped', onDropped);
    if (typeof from !== 'number' || onDropped === 'error') return this.#resolveStart(from);
    checkOffset('from', from);
    return Math.max(from, this.startOffset);
  }

  #epochBefore(offset: number): number | undefined {
    const cursor = new Cursor(this.#source, Infinity);
    try {
      return offset > this.startOffset && cursor.moveTo(offset - 1) ? cursor.epoch : undefined;
    } catch (error) {
      // A disk that cannot deliver it now says nothing: taken for no epoch, another history would be, too.
      if (error instanceof LogError && !(error instanceof StorageError)) return undefined;
      throw error;
    } finally {
      cursor.close();
    }
  }

  #resolveStart(from: CursorStart): number {
    if (from === 'start') return this.startOffset;
    if (from === 'end') return this.boundOffset;
    if (typeof from === 'object') return this.offsetAtTime(from.timeMs);
    if (typeof from === 'string') throw unknownChoice('from', from);
    checkOffset('from', from);
    const start = this.startOffset;
    if (from < start) throw new OffsetOutOfRangeError(from, start, this.boundOffset);
    return from;
  }

  /** Time of the record at `offset`, or of the next that was not lost; `undefined` if it was dropped. */
  #timeAtOrAfter(offset: number, end: number): { offset: number; timeMs: number } | undefined {
    const cursor = new Cursor(this.#source, end);
    cursor.seek(offset);
    try {
      return cursor.next()
        ? { offset: cursor.offset, timeMs: cursor.timeMs }
        : { offset: end - 1, timeMs: Infinity };
    } catch (error) {
      if (error instanceof OffsetOutOfRangeError && offset < this.startOffset) return undefined;
      throw error;
    } finally {
      cursor.close();
    }
  }

  #check(action: string): void {
    if (this.#source.isClosed) throw new LogClosedError('reader', action);
  }
}

function isPosition(from: CursorStart | Position): from is Position {
  return typeof from === 'object' && 'offset' in from;
}
