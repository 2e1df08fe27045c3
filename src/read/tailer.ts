import { basename } from 'node:path';
import { Bell, SLICE_MS } from '../control/bell.js';
import type { ControlFile } from '../control/control-file.js';
import type { ReadersFile, TailerSlot } from '../control/readers-file.js';
import { SESSION_EPOCH } from '../format/control-page.js';
import { checkOffset } from '../format/integers.js';
import { LogClosedError, LogError, OffsetOutOfRangeError, PositionLostError } from '../errors.js';
import { checkFunction, checkSignal } from '../options.js';
import type { LockProbe } from '../mapping/lock.js';
import type { Cursor, CursorSource } from './cursor.js';
import type { Position, TailerDescription } from './description.js';
import type { RecordView } from './record-view.js';
import { Watch } from './watch.js';
import { isCleanlyClosed, writerState, type WriterState } from './writer-state.js';

export interface TailerOptions {
  /** What to do when records that come next have been dropped: throw (the default), or skip them. */
  readonly onDropped?: 'error' | 'skip';
  /** End when everything is read and the log has been closed (default false: wait for more). */
  readonly endAtClose?: boolean;
  /**
   * Called by a tailer that notices, while it waits, that the writer has closed the log, died, or come
   * back. From `'appending'` to `'appending'`: another one has followed before the first was missed.
   */
  readonly onWriterChange?: (now: WriterState, before: WriterState) => void;
  /** Ends asynchronous waiting, and the iteration, with the signal's reason. */
  readonly signal?: AbortSignal;
  /** What `stratalog top` calls it, up to 48 bytes (default: the name of the program). */
  readonly name?: string;
}

export interface WaitOptions {
  /** 0 looks without waiting; `Infinity` waits for ever. */
  readonly timeoutMs?: number;
}

/** What a tailer needs of its reader. */
export interface TailerSource {
  readonly directory: string;
  readonly control: ControlFile;
  readonly lock: LockProbe;
  /** `undefined` where this process may not write it. */
  readonly readers: ReadersFile | undefined;
  readonly cursors: CursorSource;
  /** Exclusive bound of what is committed, whatever the reader follows. */
  readonly committed: () => number;
  /** Epoch of the record before an offset; `undefined` if there is none, or it cannot be read. */
  readonly epochBefore: (offset: number) => number | undefined;
  /** Forgets a tailer that has closed. */
  readonly forget: (tailer: Tailer) => void;
}

/** In an asynchronous iteration over a backlog, others get their turn after this time. */
const TURN_MS = 5;
/** The clock is looked at every so many records. */
const TURN_RECORDS = 128;
const NO_WORDS = new Int32Array(0);
const NO_OFFSETS = new Float64Array(0);
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Watches of tailers that go without having been closed. */
const abandoned = new FinalizationRegistry<Watch>((watch) => watch.close());

/**
 * A cursor that waits. It shows one record at a time, first the log's history, then what comes, each
 * exactly once and in order. Close it, or leave it to the garbage collector. To be used by the thread that
 * made it.
 *
 * In a worker or a script, `next({ timeoutMs })` blocks; on an event loop use `for await`, or
 * `nextAsync`. Neither costs the appender anything while nobody waits, nor this thread while nothing
 * comes.
 */
export class Tailer {
  readonly #source: TailerSource;
  readonly #cursor: Cursor;
  readonly #options: TailerOptions;
  readonly #bell: Bell;
  readonly #slot: TailerSlot | undefined;
  /** The slot's offset, or a word that nobody sees. */
  #shown: Float64Array;
  readonly #shownAt: number;
  /** The control page, for the session epoch. */
  #words: Int32Array;
  /** Where the tailer was when there was no more to read, and the epoch of the record before. */
  #endOffset: number;
  #endEpoch: number | undefined;
  #hasRead = false;
  /** Why it cannot go on. */
  #lost: PositionLostError | undefined;
  #watch: Watch | undefined;
  /** Ends the wait that is under way. */
  #stopWaiting: (() => void) | undefined;
  /** A `nextAsync` has not settled. */
  #isWaiting = false;
  #sessionEpoch: number;
  #writer: WriterState;
  #writerAskedAt: number;
  #skipped = 0;
  #isEnded = false;
  #isClosed = false;

  /** @internal Use `Reader.tailer`. */
  constructor(source: TailerSource, cursor: Cursor, options: TailerOptions, from?: Position) {
    checkOptions(options);
    const { control, lock, readers, cursors } = source;
    this.#source = source;
    this.#cursor = cursor;
    this.#options = options;
    this.#words = control.words;
    this.#endOffset = cursor.nextOffset;
    this.#endEpoch = from?.epoch ?? source.epochBefore(cursor.nextOffset);
    this.#bell = new Bell(cursors.followsFlushed ? 'flush' : 'commit', control, readers);
    this.#sessionEpoch = control.sessionEpoch();
    this.#writer = writerState(lock, control);
    this.#writerAskedAt = performance.now();
    // At last: nothing after it may fail, or the slot would stay taken.
    this.#slot = readers?.takeSlot({
      name: options.name ?? basename(process.argv[1] ?? process.title),
      pid: process.pid,
      followsFlushed: cursors.followsFlushed,
      nextOffset: cursor.nextOffset,
    });
    this.#shown = this.#slot?.offsets ?? new Float64Array(1);
    this.#shownAt = this.#slot?.at ?? 0;
  }

  /**
   * The record that the tailer stands on: this very object every time. It shows that record until the
   * next move.
   * @throws {RangeError} from its accessors, before the first move
   */
  get record(): RecordView {
    return this.#cursor;
  }

  /** Offset of the record that comes next. */
  get nextOffset(): number {
    return this.#cursor.nextOffset;
  }

  /** Records that were dropped before this tailer came to them, with `onDropped: 'skip'`. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Nothing comes any more: `endAtClose` has ended it, or `close`. */
  get isEnded(): boolean {
    return this.#isEnded || this.#isClosed;
  }

  /** What has become of the writer, now. */
  get writer(): WriterState {
    this.#checkOpen('ask for the writer');
    return writerState(this.#source.lock, this.#source.control);
  }

  /**
   * Where the tailer is, to go on there later, in any process: `reader.tailer({ from: position })`.
   * @throws {LogError} `CLOSED`
   */
  get position(): Position {
    this.#checkOpen('tell the position');
    const offset = this.nextOffset;
    const known = offset === this.#endOffset ? this.#endEpoch : undefined;
    return { offset, epoch: known ?? this.#source.epochBefore(offset) };
  }

  /** This tailer from its position on, for another thread or process: `openReader(it).tailer(it)`. */
  describe(): TailerDescription {
    const { onDropped = 'error', endAtClose = false } = this.#options;
    return { ...this.#source.cursors.describe(), from: this.position, onDropped, endAtClose };
  }

  // --- Moving ---

  /**
   * Moves to the next record. If there is none, blocks the thread up to `timeoutMs` (default 0), and
   * then says `false`; so it does at once when the tailer has ended.
   * @throws {OffsetOutOfRangeError} the next record has been dropped; its `startOffset` says where the
   *   log begins now
   * @throws {PositionLostError} the log is shorter now than this tailer had read: an unclean end has
   *   taken records that were not flushed
   * @throws {CorruptionError}
   * @throws {StorageError}
   * @throws {LogError} `CLOSED`
   */
  next(options?: WaitOptions): boolean {
    if (this.#move()) return true;
    return options?.timeoutMs !== undefined && this.#block(checkTimeout(options.timeoutMs));
  }

  /**
   * The same on an event loop: resolves when the tailer has moved to the next record, or with `false`
   * after `timeoutMs` (default `Infinity`), or when the tailer has ended or is closed. While it waits,
   * the process stays.
   * @throws As `next`, as a rejection; and the reason of the signal
   */
  async nextAsync(options?: WaitOptions): Promise<boolean> {
    const timeoutMs = checkTimeout(options?.timeoutMs ?? Infinity);
    this.#checkOpen('wait for the next record');
    if (this.#isWaiting) {
      throw new LogError('WAITING', 'Cannot wait for the next record: the tailer waits already');
    }
    this.#isWaiting = true;
    try {
      return await this.#nextUntil(performance.now() + timeoutMs);
    } finally {
      this.#isWaiting = false;
    }
  }

  /**
   * Goes on at `offset`, forwards or backwards, also after a `PositionLostError`; the record need not
   * exist yet. Whoever waits goes on waiting there.
   * @throws {RangeError} not an offset
   * @throws {StorageError} the disk cannot deliver the record before it; the tailer stays where it is
   * @throws {LogError} `CLOSED`
   */
  seek(offset: number): void {
    this.#checkOpen('seek');
    checkOffset('offset', offset);
    const epoch = this.#source.epochBefore(offset);
    this.#cursor.seek(offset);
    this.#hasRead = false;
    this.#isEnded = false;
    this.#lost = undefined;
    this.#endOffset = offset;
    this.#endEpoch = epoch;
    this.#shown[this.#shownAt] = offset;
    this.#stopWaiting?.();
  }

  /** Iterates over everything that comes, yielding this tailer's `record` again and again. Closes it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RecordView, void, undefined> {
    let turnEnds = performance.now() + TURN_MS;
    let records = 0;
    try {
      while (await this.nextAsync()) {
        do {
          yield this.record;
          if (this.#isClosed) return;
          if (++records % TURN_RECORDS !== 0 || performance.now() < turnEnds) continue;
          await new Promise(setImmediate);
          turnEnds = performance.now() + TURN_MS;
          this.#options.signal?.throwIfAborted();
          if (this.#isClosed) return;
        } while (this.next());
      }
    } finally {
      this.close();
    }
  }

  /** Ends waiting, and lets everything go. Views handed out stay valid. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWaiting?.();
    this.#watch?.close();
    abandoned.unregister(this);
    this.#cursor.close();
    this.#bell.close();
    this.#words = NO_WORDS;
    this.#shown = NO_OFFSETS;
    if (this.#slot !== undefined) this.#source.readers?.leaveSlot(this.#slot);
    this.#source.forget(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  // --- Inside ---

  /** Moves if there is something to move to. */
  #move(): boolean {
    if (this.#lost !== undefined) throw this.#lost;
    const hasMoved = this.#advance();
    // Loaded after the record was seen: whoever committed it has published its epoch before.
    if (this.#words[SESSION_EPOCH] !== this.#sessionEpoch) this.#checkMove(hasMoved);
    if (this.#isClosed) return false;
    if (!hasMoved) {
      this.#remember();
      return false;
    }
    this.#shown[this.#shownAt] = this.#cursor.nextOffset;
    this.#hasRead = true;
    return true;
  }

  /** A record that nobody has been shown, because of an error, comes again. */
  #checkMove(hasMoved: boolean): void {
    try {
      this.#checkPlace();
    } catch (error) {
      if (hasMoved && !this.#isClosed) this.#cursor.seek(this.#cursor.offset);
      throw error;
    }
  }

  #advance(): boolean {
    try {
      return this.#cursor.next();
    } catch (error) {
      this.#skipDropped(error);
      return this.#advance();
    }
  }

  /** Goes on behind records that have been dropped, if it may. Everything else is thrown again. */
  #skipDropped(error: unknown): void {
    this.#checkOpen('move');
    // Where other frames lie now, what looked like damage was none.
    if (this.#words[SESSION_EPOCH] !== this.#sessionEpoch) this.#checkPlace();
    const from = this.#cursor.nextOffset;
    const isDropped = error instanceof OffsetOutOfRangeError && error.startOffset > from;
    if (!isDropped || this.#options.onDropped !== 'skip') throw error;
    this.#skipped += error.startOffset - from;
    this.#cursor.seek(error.startOffset);
    this.#hasRead = false;
  }

  /** At the end of the log, where another appender might one day take it up elsewhere. */
  #remember(): void {
    this.#endOffset = this.#cursor.nextOffset;
    if (this.#hasRead) this.#endEpoch = this.#cursor.epoch;
  }

  #block(timeoutMs: number): boolean {
    const deadline = performance.now() + timeoutMs;
    while (!this.#isClosed) {
      // Taken before looking, so that what comes after the look is not slept through.
      const seen = this.#bell.count();
      if (this.#moveOrEnd()) return true;
      const left = deadline - performance.now();
      if (this.isEnded || left <= 0) return false;
      this.#bell.sleep(seen, left);
    }
    return false;
  }

  async #nextUntil(deadline: number): Promise<boolean> {
    for (;;) {
      this.#options.signal?.throwIfAborted();
      const seen = this.#bell.count();
      if (this.#moveOrEnd()) return true;
      const left = deadline - performance.now();
      if (this.isEnded || left <= 0) return false;
      await this.#waitForNews(seen, left);
      if (this.#isClosed) return false;
      // No bell: then it may be the writer.
      if (this.#bell.count() === seen) this.#writerAskedAt = -Infinity;
    }
  }

  #moveOrEnd(): boolean {
    const { control } = this.#source;
    const wasClosed = this.#options.endAtClose === true && isCleanlyClosed(control);
    if (control.sessionEpoch() !== this.#sessionEpoch) this.#checkPlace();
    // Whoever was told of the writer may have closed this tailer.
    if (this.#isClosed) return false;
    if (this.#move()) return true;
    if (this.#isClosed) return false;
    // What was committed before the close was visible to that look.
    this.#lookForWriter();
    this.#isEnded = wasClosed;
    return false;
  }

  /** The kernel is asked only as often as a sleep ends by itself. */
  #lookForWriter(): void {
    const { control, lock } = this.#source;
    const now = performance.now();
    const isClosed = isCleanlyClosed(control);
    if (isClosed === (this.#writer === 'closed') && now - this.#writerAskedAt < SLICE_MS) return;
    this.#writerAskedAt = now;
    this.#noticeWriter(writerState(lock, control));
  }

  #noticeWriter(now: WriterState): void {
    const before = this.#writer;
    if (now === before) return;
    this.#writer = now;
    this.#options.onWriterChange?.(now, before);
  }

  /** Another appender has recovered the log: is what this tailer has read still part of it? */
  #checkPlace(): void {
    const epoch = this.#source.control.sessionEpoch();
    try {
      checkPosition(this.#source, { offset: this.#endOffset, epoch: this.#endEpoch });
      checkPosition(this.#source, { offset: this.nextOffset, epoch: undefined });
    } catch (error) {
      // What could not be looked at will be looked at again.
      if (error instanceof PositionLostError) this.#lost = error;
      throw error;
    }
    this.#sessionEpoch = epoch;
    const before = this.#writer;
    this.#writer = 'appending';
    this.#options.onWriterChange?.('appending', before);
  }

  /** Resolves with news, after `timeoutMs`, when the signal fires, or when the tailer is closed. */
  #waitForNews(seen: number, timeoutMs: number): Promise<void> {
    const watch = (this.#watch ??= this.#openWatch());
    watch.prepareWait();
    const { signal } = this.#options;
    return new Promise((resolve) => {
      const timer =
        timeoutMs === Infinity
          ? undefined
          : setTimeout(() => stop(), Math.min(timeoutMs, MAX_TIMER_MS));
      const stop = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        watch.cancel(stop);
        this.#stopWaiting = undefined;
        resolve();
      };
      this.#stopWaiting = stop;
      signal?.addEventListener('abort', stop, { once: true });
      watch.wait(seen, this.#writer, stop);
    });
  }

  #openWatch(): Watch {
    const { directory, control, cursors } = this.#source;
    const bell = cursors.followsFlushed ? 'flush' : 'commit';
    const watch = Watch.open({ directory, logId: control.logId, bell });
    abandoned.register(this, watch, this);
    return watch;
  }

  #checkOpen(action: string): void {
    if (this.#isClosed) throw new LogClosedError('tailer', action);
  }
}

/**
 * Whether a place belongs to the log as it is now.
 * @throws {PositionLostError}
 */
export function checkPosition(source: TailerSource, { offset, epoch }: Position): void {
  const end = source.committed();
  if (offset > end) throw new PositionLostError(offset, end, epoch, undefined);
  const found = epoch === undefined ? undefined : source.epochBefore(offset);
  if (found !== undefined && found !== epoch)
    throw new PositionLostError(offset, end, epoch, found);
}

function checkOptions({ name, signal, onWriterChange }: TailerOptions): void {
  checkFunction('onWriterChange', onWriterChange);
  checkSignal(signal);
  if (name !== undefined && typeof name !== 'string') {
    throw new TypeError('Invalid name: expected a string');
  }
}

function checkTimeout(timeoutMs: number): number {
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
    throw new RangeError(`Invalid timeoutMs: ${String(timeoutMs)}`);
  }
  return timeoutMs;
}
