import {
  CorruptionError,
  LogClosedError,
  OffsetOutOfRangeError,
  RecordLostError,
  type OffsetRange,
} from '../errors.js';
import {
  FRAME_HEADER_BYTES,
  frameBase,
  frameCount,
  frameEpoch,
  frameLength,
  frameTimeMs,
  frameTimeWord,
  isGap,
} from '../format/frame.js';
import { checkOffset, readU64AsBigInt } from '../format/integers.js';
import { RECORD_HEADER_BYTES, RECORD_LENGTH_MASK, recordBytes } from '../format/record.js';
import { FIRST_FRAME_AT } from '../format/segment-header.js';
import type { CursorDescription, ReaderDescription } from './description.js';
import type { ReadableSegment } from './readable-segment.js';
import type { RecordPlace } from './record-place.js';
import { RecordRun } from './record-run.js';
import type { RecordView } from './record-view.js';
import type { SegmentSet } from './segment-set.js';

/** Where a cursor begins: before that record. A time means the first record committed at or after it. */
export type CursorStart = 'start' | 'end' | number | { readonly timeMs: number };

/** What a cursor needs of its reader. */
export interface CursorSource {
  readonly segments: SegmentSet;
  readonly followsFlushed: boolean;
  /** Set when the reader closes: cursors refuse to move from then on. */
  isClosed: boolean;
  /** The reader's bound now, exclusive. */
  bound(): number;
  describe(): ReaderDescription;
}

const EMPTY_WORDS = new Int32Array(0);
const EMPTY_VIEW = new DataView(new ArrayBuffer(0));
/** `#frameEnd` when only the current record has been looked up, and nothing of what follows it. */
const UNKNOWN = -1;
/** `#frameEnd` when `#nextOffset` has not been looked up. */
const SEEKING = -2;

/**
 * A mutable flyweight over the records: it stands on one of them at a time, or before the first, and
 * moves in both directions. Moving allocates nothing. To be used by the thread that made it.
 *
 * A live cursor whose `next` has returned `false` stays where it is and goes on when there is more; a
 * bounded one never passes its end.
 */
export class Cursor implements RecordView {
  readonly #source: CursorSource;
  /** Exclusive offset that this cursor never reaches; `Infinity` for a live one. */
  readonly #end: number;
  /** Told of damage that `next` then steps over. Without it `next` throws. */
  readonly #onDamage: ((error: CorruptionError) => void) | undefined;
  #segment: ReadableSegment | undefined;
  #words: Int32Array = EMPTY_WORDS;
  #view: DataView = EMPTY_VIEW;
  /**
   * Records of the segment that are known to be below the bound, and below `#end`: of them nothing has
   * to be asked. The bound only grows, so an old value is a safe one.
   */
  #knownCount = 0;
  /** Base offset of the segment. */
  #base = 0;
  /** The record stood on; -1 before the first move. */
  #offset = -1;
  #position = 0;
  #length = 0;
  /**
   * End of the frame that `next` goes on in, or where it begins if that is `#next`; or `UNKNOWN` or
   * `SEEKING`, which are below any `#next`.
   */
  #frameEnd = SEEKING;
  /** Position of the record that `next` goes to, or of its frame if that begins there. */
  #next = 0;
  /** Offset of that record. */
  #nextOffset = 0;
  #isClosed = false;
  /** Flyweights that have shown records of this cursor. */
  #places: Set<RecordPlace> | undefined;
  /** @internal What `nextRun` has found. */
  readonly run = new RecordRun();

  /** @internal Use `Reader.cursor`. */
  constructor(source: CursorSource, end: number, onDamage?: (error: CorruptionError) => void) {
    this.#source = source;
    this.#end = end;
    this.#onDamage = onDamage;
  }

  // --- Moving ---

  /**
   * Moves to the next record. `false`: there is none (yet), and the cursor stays where it is.
   * @throws {CorruptionError} damage; the cursor stays before it
   * @throws {StorageError} the disk cannot deliver the pages
   * @throws {OffsetOutOfRangeError} the next record has been dropped from the log
   * @throws {LogError} `CLOSED`
   */
  next(): boolean {
    if (this.#source.isClosed) this.#refuse();
    if (this.#next >= this.#frameEnd && !this.#enterNext()) return false;
    const position = this.#next;
    const length = (this.#words[position >> 2] as number) & RECORD_LENGTH_MASK;
    this.#position = position;
    this.#length = length;
    this.#next = position + RECORD_HEADER_BYTES + ((length + 7) & ~7);
    this.#offset = this.#nextOffset++;
    return true;
  }

  /**
   * Moves to the record before this one; from past the bound or the cursor's end, to the last one below
   * both. `false`: there is none, and the cursor stays where it is.
   */
  previous(): boolean {
    if (this.#source.isClosed) this.#refuse();
    // What lies before a record that was reached is there, even if the count, which is stored after the
    // position, does not include it yet.
    const isStanding = this.#position > 0;
    let offset = (isStanding ? this.#offset : this.#nextOffset) - 1;
    if (offset >= this.#end) offset = this.#end - 1;
    if (!isStanding && !this.#isKnown(offset) && !this.#isBelowBound(offset)) {
      offset = this.#source.bound() - 1;
    }
    for (;;) {
      if (!this.#isKnown(offset) && !this.#isAboveStart(offset)) return false;
      const skipTo = this.#standOn(offset);
      if (skipTo === undefined) return true;
      offset = skipTo.from - 1;
    }
  }

  /**
   * Moves to the record at `offset`. `false`: it is at or past the bound, and the cursor stays.
   * @throws {RangeError} not an offset
   * @throws {OffsetOutOfRangeError} below the start of the log
   * @throws {RecordLostError} a repair has found the record lost
   * @throws {CorruptionError}
   * @throws {StorageError}
   * @throws {LogError} `CLOSED`
   */
  moveTo(offset: number): boolean {
    if (this.#source.isClosed) this.#refuse();
    const slot = typeof offset === 'number' ? offset - this.#base : -1;
    if (slot >>> 0 === slot && slot < this.#knownCount) {
      const position = (this.#segment as ReadableSegment).locate(slot);
      if (position > 0) return this.#stand(offset, position);
    }
    return this.#moveFar(offset);
  }

  /**
   * Stands before the record at `offset`, which need not exist yet: `next` goes to it.
   * @throws {RangeError} not an offset
   * @throws {LogError} `CLOSED`
   */
  seek(offset: number): void {
    checkOffset('offset', offset);
    if (this.#source.isClosed || this.#isClosed) this.#refuse();
    this.#nextOffset = offset;
    this.#frameEnd = SEEKING;
    this.#position = this.#length = this.#next = 0;
  }

  /**
   * @internal Moves behind all records that lie one behind the other from the next one on: the rest of its
   * frame. `run` says which, and `runSegment` has them, until the cursor moves again. `false` and errors
   * are those of `next`. Behind a run the cursor stands on no record.
   */
  nextRun(): boolean {
    if (this.#source.isClosed) this.#refuse();
    if (this.#next >= this.#frameEnd && !this.#enterNext()) return false;
    const { run } = this;
    const words = this.#words;
    const frame = this.runSegment.frameOf(this.#next);
    const past = Math.min(frameBase(words, frame) + frameCount(words, frame), this.#end);
    run.set(frame, this.#next, this.#frameEnd, this.#nextOffset, past - this.#nextOffset);
    this.#position = this.#length = 0;
    this.#next = this.#frameEnd;
    this.#nextOffset = past;
    return true;
  }

  /** @internal Makes a run of the record stood on. */
  protected runOfOne(): true {
    const next = this.#position + recordBytes(this.#length);
    this.run.set(this.#frame(), this.#position, next, this.#offset, 1);
    return true;
  }

  /** @internal Back into the run just found: `next` goes to its record at `position`, the one at `offset`. */
  backTo(position: number, offset: number): void {
    this.#position = this.#length = 0;
    this.#next = position;
    this.#nextOffset = offset;
  }

  /** @internal Where the run lies. Its memory may be gone when the cursor has moved. */
  get runSegment(): ReadableSegment {
    return this.#segment as ReadableSegment;
  }

  /** Iterates from here, yielding this very object again and again. */
  *[Symbol.iterator](): IterableIterator<RecordView> {
    while (this.next()) yield this;
  }

  /** Offset of the record that `next` goes to, if it is there and was not lost. */
  get nextOffset(): number {
    return this.#frameEnd === UNKNOWN ? this.#offset + 1 : this.#nextOffset;
  }

  /**
   * What this cursor has still before it, for another thread or process: `openReader(it).cursor(it)`.
   * @throws {LogError} `CLOSED`
   */
  describe(): CursorDescription {
    if (this.#source.isClosed || this.#isClosed) this.#refuse();
    const rest = { ...this.#source.describe(), from: this.nextOffset };
    return this.#end === Infinity ? rest : { ...rest, to: this.#end };
  }

  // --- The record stood on ---

  get offset(): number {
    this.#checkStands();
    return this.#offset;
  }
  get length(): number {
    return this.#length;
  }
  get payload(): Uint8Array {
    const segment = this.#checkStands();
    segment.mapping.lend();
    return new Uint8Array(
      segment.mapping.buffer,
      this.#position + RECORD_HEADER_BYTES,
      this.#length,
    );
  }
  copyPayload(): Uint8Array {
    const from = this.#position + RECORD_HEADER_BYTES;
    return this.#checkStands().bytes.slice(from, from + this.#length);
  }
  get timeMs(): number {
    return frameTimeMs(this.#words, this.#frame());
  }
  get timeNs(): bigint {
    return readU64AsBigInt(this.#words, frameTimeWord(this.#frame()));
  }
  get epoch(): number {
    return frameEpoch(this.#words, this.#frame());
  }
  getUint8(at: number): number {
    return this.#view.getUint8(this.#at(at, 1));
  }
  getInt16(at: number): number {
    return this.#view.getInt16(this.#at(at, 2), true);
  }
  getUint16(at: number): number {
    return this.#view.getUint16(this.#at(at, 2), true);
  }
  getInt32(at: number): number {
    return this.#view.getInt32(this.#at(at, 4), true);
  }
  getUint32(at: number): number {
    return this.#view.getUint32(this.#at(at, 4), true);
  }
  getFloat32(at: number): number {
    return this.#view.getFloat32(this.#at(at, 4), true);
  }
  getFloat64(at: number): number {
    return this.#view.getFloat64(this.#at(at, 8), true);
  }
  getBigInt64(at: number): bigint {
    return this.#view.getBigInt64(this.#at(at, 8), true);
  }
  getBigUint64(at: number): bigint {
    return this.#view.getBigUint64(this.#at(at, 8), true);
  }

  /** @internal */
  showIn(place: RecordPlace): void {
    const segment = this.#checkStands();
    const from = this.#position + RECORD_HEADER_BYTES;
    if (place.showRecord(this, segment, from, this.#length))
      (this.#places ??= new Set()).add(place);
  }

  /** Lets the segment go. Views handed out stay valid. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#segment?.letGo();
    this.#segment = undefined;
    this.#words = EMPTY_WORDS;
    this.#view = EMPTY_VIEW;
    for (const place of this.#places ?? []) place.leave(this);
    // Whatever comes next asks, and is refused.
    this.#knownCount = 0;
    this.#position = this.#length = this.#next = this.#frameEnd = 0;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // --- Frames ---

  /**
   * Finds the frame that `#next` lies in, going on to the next segment if need be. Where there is no
   * record, also none to be read, the cursor still shows the one that it stands on.
   */
  #enterNext(): boolean {
    if (this.#isClosed) this.#refuse();
    const stoodIn = this.#position > 0 ? this.#segment : undefined;
    if (stoodIn === undefined) return this.#walkOnIntact();
    stoodIn.hold();
    let hasNext = false;
    try {
      hasNext = this.#walkOnIntact();
    } finally {
      if (!hasNext && this.#segment !== stoodIn) this.#standAgain(stoodIn);
      stoodIn.letGo();
    }
    return hasNext;
  }

  /** Back from a segment in which there was no record after all. */
  #standAgain(segment: ReadableSegment): void {
    this.#use(segment);
    this.#frameEnd = UNKNOWN;
    this.#nextOffset = this.#offset + 1;
    this.#next = 0;
  }

  /** Goes on behind damage, if that is wished and the damage says where it ends. */
  #walkOnIntact(): boolean {
    if (this.#onDamage === undefined) return this.#walkOn();
    for (;;) {
      try {
        return this.#walkOn();
      } catch (error) {
        if (!(error instanceof CorruptionError) || error.lost === undefined) throw error;
        if (error.lost.to <= this.#nextOffset) throw error;
        this.#onDamage(error);
        this.#nextOffset = error.lost.to;
        this.#frameEnd = SEEKING;
      }
    }
  }

  #walkOn(): boolean {
    if (this.#frameEnd === SEEKING) return this.#enterTarget();
    if (this.#frameEnd === UNKNOWN) {
      this.#next = this.#position + recordBytes(this.#length);
      this.#nextOffset = this.#offset + 1;
      this.#setFrame(this.#frame(), this.#words);
      if (this.#next < this.#frameEnd) return true;
    }
    for (;;) {
      const segment = this.#segment as ReadableSegment;
      const offset = this.#nextOffset;
      if (offset >= this.#end) return false;
      if (this.#next >= this.#boundIn(segment)) {
        // Sealed, then the bound again: what was committed before the seal must not be missed.
        const isSealed = segment.isSealed();
        if (this.#next >= this.#boundIn(segment)) {
          if (!isSealed || this.#next < segment.committedPosition()) return this.#atEnd();
          // Frames end before the records do: what is missing is damage, and `locate` says so.
          const slot = offset - segment.base;
          if (slot < segment.committedCount()) segment.locate(slot);
          if (!this.#enterSegment(offset)) return this.#atEnd();
          continue;
        }
      }
      const at = this.#next;
      segment.enterFrame(at, offset - segment.base);
      if (!isGap(this.#words, at)) {
        this.#setFrame(at, this.#words);
        this.#next = at + FRAME_HEADER_BYTES;
        return true;
      }
      // Records that a repair has found lost: go on behind them.
      this.#next = this.#frameEnd = at + frameLength(this.#words, at);
      this.#nextOffset += frameCount(this.#words, at);
    }
  }

  /** Resolves a `seek`. */
  #enterTarget(): boolean {
    const offset = this.#nextOffset;
    if (offset >= this.#end) return false;
    if (!this.#isBelowBound(offset)) return this.#atEnd();
    const segment = this.#use(this.#find(offset));
    const located = segment.locate(offset - segment.base);
    if (located < 0) {
      // Lost: begin behind the gap, by way of its frame.
      const gap = -located;
      this.#nextOffset = frameBase(this.#words, gap);
      this.#next = this.#frameEnd = gap;
      return this.#walkOn();
    }
    this.#setFrame(segment.frameOf(located), this.#words);
    this.#next = located;
    return true;
  }

  /** Sets the end up to which records can be walked: the frame's, or the cursor's own. */
  #setFrame(frame: number, words: Int32Array): void {
    this.#frameEnd = frame + frameLength(words, frame);
    if (this.#end === Infinity) return;
    const past = frameBase(words, frame) + frameCount(words, frame);
    if (past <= this.#end) return;
    const segment = this.#segment as ReadableSegment;
    this.#frameEnd = segment.locate(this.#end - segment.base);
  }

  #enterSegment(offset: number): boolean {
    const { segments } = this.#source;
    let next = segments.beginningAt(offset);
    if (next === undefined && segments.refresh()) next = segments.beginningAt(offset);
    if (next === undefined) {
      const start = segments.startOffset;
      if (offset < start) throw new OffsetOutOfRangeError(offset, start, this.#source.bound());
      segments.checkPresent(offset);
      next = segments.beginningAt(offset);
      if (next === undefined) return false;
    }
    this.#use(next);
    this.#next = this.#frameEnd = FIRST_FRAME_AT;
    return true;
  }

  /** `moveTo`, outside of what is known of the current segment. */
  #moveFar(offset: number): boolean {
    checkOffset('offset', offset);
    if (offset >= this.#end) return false;
    if (!this.#isKnown(offset) && !this.#isBelowBound(offset)) return this.#checkNotLost(offset);
    const lost = this.#standOn(offset);
    if (lost !== undefined) throw new RecordLostError(offset, lost);
    return true;
  }

  /** Moves onto a record below the bound; returns the lost range instead if it was lost. */
  #standOn(offset: number): OffsetRange | undefined {
    const isKnown = this.#isKnown(offset);
    const segment = isKnown ? (this.#segment as ReadableSegment) : this.#find(offset);
    const position = segment.locate(offset - segment.base);
    if (position < 0) {
      const from = frameBase(segment.words, -position);
      return { from, to: from + frameCount(segment.words, -position) };
    }
    // Not before: until here whatever fails leaves the cursor on its record.
    if (!isKnown) this.#use(segment);
    this.#stand(offset, position);
    return undefined;
  }

  #stand(offset: number, position: number): true {
    this.#offset = offset;
    this.#position = position;
    this.#length = (this.#words[position >> 2] as number) & RECORD_LENGTH_MASK;
    this.#frameEnd = UNKNOWN;
    return true;
  }

  /** The segment that holds `offset`, which is below the bound. */
  #find(offset: number): ReadableSegment {
    const { segments } = this.#source;
    const segment = this.#isAboveStart(offset) ? segments.holding(offset) : undefined;
    if (segment === undefined) {
      throw new OffsetOutOfRangeError(offset, segments.startOffset, this.#source.bound());
    }
    return segment;
  }

  #use(segment: ReadableSegment): ReadableSegment {
    if (segment !== this.#segment) {
      segment.hold();
      this.#segment?.letGo();
      this.#segment = segment;
      this.#base = segment.base;
      this.#words = segment.words;
      this.#view = segment.view;
    }
    const { followsFlushed } = this.#source;
    const count = followsFlushed ? segment.flushedCount() : segment.committedCount();
    this.#knownCount = Math.min(count, this.#end - segment.base);
    return segment;
  }

  /** Whether a record lies in the current segment, below the bound as it was when last asked. */
  #isKnown(offset: number): boolean {
    const slot = offset - this.#base;
    return slot >= 0 && slot < this.#knownCount;
  }

  #isAboveStart(offset: number): boolean {
    if (this.#isClosed) this.#refuse();
    return offset >= this.#source.segments.startOffset;
  }

  #isBelowBound(offset: number): boolean {
    if (this.#isClosed) this.#refuse();
    return offset < this.#source.bound();
  }

  /** An offset at or past the bound that damage at the end of the log has taken is not one to come. */
  #checkNotLost(offset: number): false {
    const { damage } = this.#source.segments;
    const lost = damage?.lost;
    if (lost !== undefined && offset >= lost.from && offset < lost.to) throw damage;
    return false;
  }

  #boundIn(segment: ReadableSegment): number {
    return this.#source.followsFlushed ? segment.flushedPosition() : segment.committedPosition();
  }

  /** A log whose appender died may end in damage; that must not look like its end. */
  #atEnd(): boolean {
    const { segments } = this.#source;
    const hasNews = segments.refresh();
    // What the reader has let go of learns nothing more: where its bounds were found by a walk, not even
    // that it was sealed.
    if (this.#segment?.isReleased === true && this.#frameEnd !== SEEKING) {
      this.#frameEnd = SEEKING;
      return this.#walkOn();
    }
    if (hasNews) return this.#walkOn();
    if (segments.damage !== undefined) throw segments.damage;
    return false;
  }

  #frame(): number {
    return this.#checkStands().frameOf(this.#position);
  }

  #checkStands(): ReadableSegment {
    const segment = this.#segment;
    if (segment === undefined || this.#position === 0) {
      throw new RangeError('Cannot read a record: the cursor does not stand on one');
    }
    return segment;
  }

  /** Position of `size` bytes at `at` of the payload. */
  #at(at: number, size: number): number {
    if (!(at >= 0 && at + size <= this.#length)) this.#refuseOutside(at, size);
    return this.#position + RECORD_HEADER_BYTES + at;
  }

  // Apart from their callers, which are small enough to be inlined without them.

  #refuseOutside(at: number, size: number): never {
    throw new RangeError(
      `Cannot read ${size} bytes at ${at}: the record has ${this.#length} bytes`,
    );
  }

  #refuse(): never {
    throw new LogClosedError(this.#isClosed ? 'cursor' : 'reader', 'move');
  }
}
