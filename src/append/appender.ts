import { Bell, ringAll } from '../control/bell.js';
import type { ControlFile } from '../control/control-file.js';
import type { ReadersFile } from '../control/readers-file.js';
import { LogClosedError, LogError, RecordTooLargeError } from '../errors.js';
import { FRAME_HEADER_BYTES, MAX_GROUP_FRAME_BYTES } from '../format/frame.js';
import { COMMITTED_COUNT, COMMITTED_POSITION, SEALED } from '../format/index-header.js';
import { checkOffset } from '../format/integers.js';
import { RECORD_HEADER_BYTES, recordBytes } from '../format/record.js';
import { FIRST_FRAME_AT } from '../format/segment-header.js';
import type { WallClock } from '../maintenance/clock.js';
import type { AppenderLock } from '../mapping/lock.js';
import { maxRecordBytes, type AppenderSettings } from '../options.js';
import type { RecoveryReport } from '../recovery/recover.js';
import type { Tail } from '../recovery/survey.js';
import { clearTemporaries, listSegments } from '../segment/directory.js';
import type { WritableSegment } from '../segment/writable-segment.js';
import { Durability } from './durability.js';
import type { FlushResult } from './flush-queue.js';
import { FrameStamp } from './frame-stamp.js';
import { createSegment, deleteSegments } from './log-steps.js';
import { OpenFrame } from './open-frame.js';
import type { RecordEncoder } from './record-encoder.js';
import { Reservation } from './reservation.js';
import { SizeLimit } from './size-limit.js';

/** The next segment is prepared once the active one is filled to this share. */
const PREPARE_AT = 1 / 16;

/** Everything that opening a log for appending has found and made. */
export interface OpenedLog {
  readonly directory: string;
  readonly settings: AppenderSettings;
  readonly lock: AppenderLock;
  readonly control: ControlFile;
  readonly readers: ReadersFile;
  readonly active: WritableSegment;
  readonly tail: Tail;
  readonly startOffset: number;
  readonly epoch: number;
  readonly durable: boolean;
  readonly recovery: RecoveryReport;
}

/** The segment that is appended to, as it was when it was asked for. */
export interface ActiveSegment {
  /** Offset of its first record. */
  readonly base: number;
  /** Bytes of it that are taken, its header and the open frame included. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
}

const READY = 0;
const RESERVED = 1;
const ENCODING = 2;
const POISONED = 3;
const CLOSED = 4;

type State = typeof READY | typeof RESERVED | typeof ENCODING | typeof POISONED | typeof CLOSED;

/**
 * The one writer of a log. Get it from `openAppender`. To be used by the thread that opened it; it may
 * live in any thread.
 *
 * Durability: a record survives the death of the process once `append` has returned, is visible to
 * readers once its frame is committed, and survives a power cut once it is flushed.
 */
export class Appender {
  /** What opening found and did. */
  readonly recovery: RecoveryReport;
  /** Whether flushed data survives a power cut, as far as the file system tells (tmpfs: no). */
  readonly durable: boolean;
  /** Random per opening; every frame carries it. */
  readonly epoch: number;

  /** Not all of it: the segment that was active at first is let go like any other. */
  readonly #log: Pick<OpenedLog, 'directory' | 'lock' | 'readers'>;
  readonly #settings: AppenderSettings;
  readonly #sizeLimit: SizeLimit;
  readonly #durability: Durability;
  readonly #control: ControlFile;
  readonly #bell: Bell;
  readonly #frame: OpenFrame;
  readonly #stamp: FrameStamp;
  readonly #clock: WallClock;
  readonly #reservation: Reservation;
  #segment: WritableSegment;
  /** READY, or why not. */
  #state: State = READY;
  #startOffset: number;
  #nextOffset: number;
  #committedOffset: number;
  #chainCrc: number;
  /** Records end here at the latest; the frame or the segment is full otherwise. */
  #limit = 0;
  /** From this position on an append has more to do: the frame is full, or this is its first record. */
  #attendAt = 0;
  /** From this position on, the next segment is worth preparing. */
  #prepareAt = 0;
  #maxRecord: number;
  /** Position in the active segment at which this appender began, and what it has put into earlier ones. */
  #segmentFrom: number;
  #earlierBytes = 0;
  #frameOpenedTick = 0;
  /** Tick at which the delay was last looked at. */
  #seenTick = 0;
  #commitTimer: NodeJS.Timeout | undefined;
  /** The delay has ended while a reservation was open: the commit comes with the reservation's end. */
  #isCommitOverdue = false;
  #closing: Promise<void> | undefined;

  /** @internal Use `openAppender`. */
  constructor(log: OpenedLog) {
    const { directory, lock, readers, settings, control, tail, active } = log;
    this.#log = { directory, lock, readers };
    this.#settings = settings;
    this.recovery = log.recovery;
    this.durable = log.durable;
    this.epoch = log.epoch;
    this.#control = control;
    this.#bell = new Bell('commit', control, readers);
    this.#startOffset = log.startOffset;
    this.#nextOffset = this.#committedOffset = tail.offset;
    this.#chainCrc = tail.chainCrc;
    const onPoison = (): void => {
      if (this.#state !== CLOSED) this.#state = POISONED;
    };
    // The length of a reservation that has ended does no harm: it only makes this larger.
    const storedEnd = (): number => this.#frame.position + recordBytes(this.#reservation.length);
    const limit = SizeLimit.of(directory, settings.maxLogBytes);
    this.#sizeLimit = limit;
    this.#durability = new Durability({ ...log, offset: tail.offset, storedEnd, onPoison, limit });
    this.#clock = this.#durability.clock;
    this.#stamp = new FrameStamp(this.#clock, log.epoch, tail.timeNs);
    this.#reservation = new Reservation((length) => this.#finishReservation(length));
    this.#segment = active;
    this.#frame = new OpenFrame(active, tail.position, tail.offset - active.base);
    this.#segmentFrom = tail.position;
    this.#maxRecord = maxRecordBytes(Math.max(active.header.sizeBytes, settings.sizeBytes));
    this.#enterSegment(active);
  }

  // --- Bounds ---

  /** The log's first offset; below it segments have been dropped. */
  get startOffset(): number {
    return this.#startOffset;
  }
  /** The offset that the next record gets. */
  get nextOffset(): number {
    return this.#nextOffset;
  }
  /** Exclusive bound of what readers see. */
  get committedOffset(): number {
    return this.#committedOffset;
  }
  /** Exclusive bound of what is durable, as far as this thread has heard. */
  get flushedOffset(): number {
    this.#durability.poll();
    return this.#durability.flushedOffset;
  }
  /** The application header of the active segment, as a copy. */
  get header(): Uint8Array {
    return this.#segment.header.application.slice();
  }
  /** Payload bytes of the largest record that an empty segment holds. */
  get maxRecordBytes(): number {
    return this.#maxRecord;
  }
  /** Bytes that this appender has put into the log: whole frames, with headers and padding. */
  get writtenBytes(): number {
    return this.#earlierBytes + this.#filledTo() - this.#segmentFrom;
  }
  /** The segment that is appended to. */
  get activeSegment(): ActiveSegment {
    const { base, header } = this.#segment;
    return { base, usedBytes: this.#filledTo(), sizeBytes: header.sizeBytes };
  }
  /** Bytes that have to be dropped before `maxLogBytes` has room for the next segment. @internal */
  get lackingBytes(): number {
    this.#durability.poll();
    return this.#durability.supply.lackingBytes;
  }
  /** Whether the next segment is just being prepared, which `prepare` waits for. @internal */
  get isPreparing(): boolean {
    this.#durability.poll();
    return this.#durability.supply.isPreparing;
  }

  // --- Append ---

  /**
   * Puts a record, a copy of `payload`, at the end of the log and returns its offset. May be empty.
   * @throws {RecordTooLargeError} nothing was written
   * @throws {StorageError} the disk is full, or the log as large as `maxLogBytes`, and this record would
   *   need a new segment: nothing was written, and appends go on when space returns. With flush schedule `'each'`: the record is
   *   visible, its sync failed, and the appender is poisoned
   * @throws {LogError} `CLOSED`, `RESERVED`, `POISONED`
   * @throws {TypeError} not a `Uint8Array`, or detached
   */
  append(payload: Uint8Array): number {
    if (!(payload instanceof Uint8Array)) throw notBytes(payload);
    const length = payload.length;
    if (length === 0) checkAttached(payload);
    if (this.#state !== READY) this.#refuse('append');
    if (length > this.#maxRecord) throw tooLarge('a record', length, this.#maxRecord);
    const frame = this.#frame;
    const size = recordBytes(length);
    if (frame.position + size > this.#limit || frame.isIndexFull) this.#makeRoom(size, 1);
    frame.append(payload, length);
    return this.#afterAppend(1);
  }

  /**
   * Puts records into one frame, so that readers, and recovery after any crash, see all of them or
   * none. Returns the offset of the first; the others follow. An empty batch returns `nextOffset`.
   * @throws As `append`; nothing was written
   */
  appendBatch(payloads: readonly Uint8Array[]): number {
    if (!Array.isArray(payloads))
      throw new TypeError('Cannot append: expected an array of Uint8Array');
    let size = 0;
    for (const payload of payloads) {
      if (!(payload instanceof Uint8Array)) throw notBytes(payload);
      if (payload.length === 0) checkAttached(payload);
      if (payload.length > this.#maxRecord) {
        throw tooLarge('a record', payload.length, this.#maxRecord);
      }
      size += recordBytes(payload.length);
    }
    if (this.#state !== READY) this.#refuse('append');
    if (payloads.length === 0) return this.#nextOffset;
    const frame = this.#frame;
    if (frame.position + size > this.#limit || !frame.fits(size, payloads.length)) {
      this.#makeRoom(size, payloads.length);
    }
    frame.appendBatch(payloads);
    return this.#afterAppend(payloads.length);
  }

  /**
   * Hands out `length` bytes of the mapped segment, in which the next record is built without a copy.
   * Nothing is visible until `publish`; nothing else can be appended, committed or flushed before
   * `publish` or `abandon`. The object is the same every time.
   * @throws As `append`; nothing was written
   */
  reserve(length: number): Reservation {
    checkOffset('length', length);
    if (this.#state !== READY) this.#refuse('reserve');
    if (length > this.#maxRecord) throw tooLarge('a record', length, this.#maxRecord);
    const frame = this.#frame;
    const size = recordBytes(length);
    if (frame.position + size > this.#limit || frame.isIndexFull) this.#makeRoom(size, 1);
    this.#state = RESERVED;
    this.#reservation.open(this.#segment, frame.position + RECORD_HEADER_BYTES, length);
    return this.#reservation;
  }

  /**
   * Puts a record at the end of the log that an encoder makes of `value`, in place, and returns its
   * offset. Code of the value's may run meanwhile; it can neither append, commit nor flush here.
   * @internal
   * @throws As `append`, and whatever the encoder throws; nothing was written
   */
  appendEncoded<Value>(encoder: RecordEncoder<Value>, value: Value): number {
    if (this.#state !== READY) this.#refuse('append');
    this.#state = ENCODING;
    const length = this.#encode(encoder, value);
    this.#frame.publish(length);
    return this.#afterAppend(1);
  }

  /**
   * Seals the open frame, if it has records, and lets readers see it. Returns the committed offset.
   * @throws {LogError} `CLOSED`, `RESERVED`, `POISONED`
   * @throws {StorageError} with flush schedule `'each'`
   */
  commit(): number {
    if (this.#state !== READY) this.#refuse('commit');
    this.#commit();
    return this.#committedOffset;
  }

  /**
   * Commits, and resolves when everything appended so far is durable. Calls made together share one
   * sync. A small flush syncs in this thread, which is faster; a large one in the maintenance thread.
   * @throws {StorageError} as a rejection: the sync failed, and the appender is poisoned
   * @throws {LogError} as a rejection: `CLOSED`, `RESERVED`, `POISONED`
   */
  async flush(): Promise<FlushResult> {
    if (this.#state !== READY) this.#refuse('flush');
    this.#commit();
    return this.#durability.flush(this.#committedOffset);
  }

  /**
   * Deletes the segments that hold only records below `offset`, oldest first, after the new start is
   * durable. Readers that hold views of them keep them. Returns the new start of the log: the base of
   * the segment that holds `offset`.
   * @throws {RangeError} as a rejection: not an offset
   * @throws {StorageError} as a rejection: a segment could not be deleted, or a sync failed, and the
   *   appender is poisoned
   * @throws {LogError} as a rejection: `CLOSED` (also by a `close` meanwhile), `RESERVED`, `POISONED`
   */
  async dropBefore(offset: number): Promise<number> {
    checkOffset('offset', offset);
    await this.flush();
    this.#checkNotClosed('drop segments');
    await this.#durability.finishSealed();
    this.#checkNotClosed('drop segments');
    const { directory } = this.#log;
    const bases = listSegments(directory);
    const keep = bases.filter((base) => base <= offset && base <= this.#segment.base).at(-1) ?? 0;
    const start = Math.max(this.#startOffset, Math.min(keep, this.#durability.oldestUnfinished));
    // Also those that an earlier call could not delete.
    const dropped = bases.filter((base) => base < start);
    if (dropped.length === 0) return start;
    if (start > this.#startOffset) this.#durability.moveStart(start);
    this.#startOffset = start;
    deleteSegments(directory, dropped, this.#sizeLimit);
    this.#durability.syncNames();
    // It may have been refused for want of room.
    if (this.#prepareAt === Infinity) this.#durability.prepareNext();
    return start;
  }

  /**
   * Resolves when the next segment is prepared and the rest of the active one is in memory, so that a
   * burst meets no page fault and no disk. Appending works without.
   * @throws {LogError} as a rejection: `CLOSED` (also by a `close` meanwhile), `POISONED`
   */
  async prepare(): Promise<void> {
    this.#checkNotClosed('prepare');
    this.#prepareAt = Infinity;
    await this.#durability.prepare(this.#frame.framePosition);
    this.#checkNotClosed('prepare');
  }

  /**
   * Makes everything durable, marks the log as cleanly closed and gives the lock back. Idempotent.
   * @throws {StorageError} as a rejection: something could not be made durable. The log is closed all
   *   the same, and recovery at the next opening tells what is there
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // --- The way of a record ---

  /**
   * Encodes a value to where the next record's payload goes, and returns its length. Whatever is thrown
   * on the way, log and state are as before, unless the value's code has closed the log or a failure has
   * poisoned it.
   */
  #encode<Value>(encoder: RecordEncoder<Value>, value: Value): number {
    let position = 0;
    let length = 0;
    try {
      length = encoder.measure(value);
      if (this.#state !== ENCODING) this.#refuse('append');
      if (length > this.#maxRecord) throw tooLarge('a record', length, this.#maxRecord);
      const frame = this.#frame;
      const size = recordBytes(length);
      if (frame.position + size > this.#limit || frame.isIndexFull) this.#makeRoom(size, 1);
      position = frame.startRecord(length);
      encoder.write(value, this.#segment.memory, position, position + length);
      if (this.#state !== ENCODING) this.#refuse('append');
      this.#state = READY;
      return length;
    } catch (error) {
      if (position !== 0) this.#segment.bytes.fill(0, position, position + length);
      if (this.#state === ENCODING) this.#state = READY;
      throw error;
    }
  }

  #afterAppend(records: number): number {
    const offset = this.#nextOffset;
    this.#nextOffset = offset + records;
    if (this.#frame.position >= this.#attendAt) this.#attend();
    else if (this.#clock.hasMoved(this.#seenTick)) this.#watchDelay();
    return offset;
  }

  /** Commits a frame that is full; of one that has just got its first record, begins the delay. */
  #attend(): void {
    const commitAt = this.#frame.framePosition + this.#settings.commitBytes;
    if (this.#frame.position >= commitAt) return this.#commit();
    this.#attendAt = commitAt;
    const delay = this.#settings.commitDelayMs;
    if (delay === 0) return undefined;
    this.#frameOpenedTick = this.#clock.tick();
    if (this.#commitTimer === undefined) this.#armCommitTimer(delay);
    return undefined;
  }

  /** The clock has moved on: the open frame has to be visible when its delay is over. */
  #watchDelay(): void {
    const delay = this.#settings.commitDelayMs;
    const tick = (this.#seenTick = this.#clock.tick());
    if (delay !== 0 && ((tick - this.#frameOpenedTick) | 0) >= delay) this.#commit();
  }

  #commit(): void {
    const frame = this.#frame;
    if (frame.count === 0) return;
    this.#durability.poll();
    const { flushedOffset } = this.#durability;
    const fields = this.#stamp.stamp(this.#committedOffset, this.#chainCrc, flushedOffset);
    this.#chainCrc = frame.seal(fields);
    this.#committedOffset = this.#nextOffset;
    const end = frame.framePosition;
    // Position before count: a reader that goes by the count finds its frame below the position.
    const { index } = this.#segment;
    Atomics.store(index, COMMITTED_POSITION, end >> 3);
    Atomics.store(index, COMMITTED_COUNT, frame.recordsInSegment);
    this.#bell.ring();
    this.#beginFrame();
    if (end >= this.#prepareAt) this.#prepareNext();
    if (this.#settings.flushEach) this.#durability.flushNow();
  }

  #beginFrame(): void {
    const at = this.#frame.framePosition;
    this.#limit = Math.min(this.#segment.header.sizeBytes, at + MAX_GROUP_FRAME_BYTES);
    this.#attendAt = at;
  }

  /** Closes the frame, and the segment if need be, until `size` bytes of records fit. */
  #makeRoom(size: number, records: number): void {
    const frame = this.#frame;
    const fits = frame.fitsNext(size, records);
    // Before the commit: what is refused must not make earlier records visible.
    if (!fits) this.#checkFitsNew(size, records);
    this.#commit();
    if (!fits) this.#roll();
    const end = frame.framePosition + FRAME_HEADER_BYTES + size;
    this.#limit = Math.max(this.#limit, end);
  }

  #checkFitsNew(size: number, records: number): void {
    const isEmpty = this.#frame.recordsInSegment === 0;
    const { sizeBytes, indexCapacity } = isEmpty ? this.#segment.header : this.#settings;
    const limit = maxRecordBytes(sizeBytes);
    if (size - 8 > limit) throw tooLarge(records === 1 ? 'a record' : 'a batch', size - 8, limit);
    if (records > indexCapacity) {
      throw new RecordTooLargeError(`a batch of ${records} records`, size - 8, limit);
    }
  }

  /** Goes on in a new segment. Until it is adopted, nothing has changed. */
  #roll(): void {
    this.#durability.poll();
    const sealed = this.#segment;
    const next = createSegment(this.#durability.supply, this.#log.directory, this.#control, {
      base: this.#nextOffset,
      previousBase: sealed.base,
      application: this.#settings.header ?? sealed.header.application,
    });
    Atomics.store(sealed.index, SEALED, 1);
    this.#earlierBytes = this.writtenBytes;
    this.#segmentFrom = FIRST_FRAME_AT;
    this.#segment = next;
    this.#frame.enter(next, FIRST_FRAME_AT);
    this.#reservation.drop();
    this.#enterSegment(next);
    this.#bell.ring();
    this.#durability.follow(next);
  }

  #enterSegment(segment: WritableSegment): void {
    this.#beginFrame();
    this.#prepareAt = this.#settings.maintenance ? segment.header.sizeBytes * PREPARE_AT : Infinity;
  }

  /** Position behind what has been appended, be it in a sealed frame or in the open one. */
  #filledTo(): number {
    const frame = this.#frame;
    return frame.count === 0 ? frame.framePosition : frame.position;
  }

  #prepareNext(): void {
    this.#prepareAt = Infinity;
    this.#durability.prepareNext();
  }

  #finishReservation(length: number | 'abandon'): number {
    // Unless a background flush has failed meanwhile, and poisoned the appender.
    const isReserved = this.#state === RESERVED;
    if (isReserved) this.#state = READY;
    if (isReserved && length !== 'abandon') return this.#publishReserved(length);
    this.#frame.clearReserved(0, this.#reservation.length);
    if (length !== 'abandon') this.#refuse('publish');
    if (isReserved) this.#commitIfOverdue();
    return this.#nextOffset;
  }

  #publishReserved(length: number): number {
    this.#frame.clearReserved(length, this.#reservation.length);
    this.#frame.publishReserved(length);
    const offset = this.#afterAppend(1);
    this.#commitIfOverdue();
    return offset;
  }

  #commitIfOverdue(): void {
    if (!this.#isCommitOverdue) return;
    this.#isCommitOverdue = false;
    this.#commit();
  }

  /** Apart from its caller, because a function that makes a closure allocates whenever it is called. */
  #armCommitTimer(delayMs: number): void {
    this.#commitTimer = setTimeout(() => this.#onCommitTimer(), delayMs);
  }

  /** Commits whatever is open, even if it is younger than the delay: sooner is within it, too. */
  #onCommitTimer(): void {
    this.#commitTimer = undefined;
    if (this.#state === READY) this.#commitLate();
    else if (this.#state === RESERVED) this.#isCommitOverdue = true;
  }

  /** Nobody is there to catch: what fails has poisoned the appender, and the next call is told. */
  #commitLate(): void {
    try {
      this.#commit();
    } catch (error) {
      this.#durability.poisonWith(error);
    }
  }

  // --- Close ---

  async #close(): Promise<void> {
    if (this.#state === RESERVED) this.#reservation.abandon();
    const failure = this.#closeFrame();
    this.#state = CLOSED;
    clearTimeout(this.#commitTimer);
    await this.#durability.stop();
    try {
      if (failure !== undefined) throw failure.error;
      this.#finish();
    } catch (error) {
      this.#durability.poisonWith(error);
      throw error;
    } finally {
      this.#letGo();
    }
  }

  /** Commits what is open. What fails is told after everything has been let go. */
  #closeFrame(): { error: unknown } | undefined {
    if (this.#state === POISONED) return { error: this.#durability.poisonedError() };
    try {
      this.#commit();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  /** Everything durable, then the mark that says so. */
  #finish(): void {
    this.#durability.finish();
    this.#control.writeCheckpoint({
      clean: true,
      durableOffset: this.#committedOffset,
      segmentBase: this.#segment.base,
      tailPosition: this.#frame.framePosition,
      chainCrc: this.#chainCrc,
      timeNs: this.#stamp.timeNs,
    });
    ringAll(this.#control, this.#log.readers);
  }

  /** Whatever fails here, the lock goes. */
  #letGo(): void {
    try {
      this.#reservation.drop();
      this.#durability.release();
      this.#log.readers.close();
      this.#control.close();
      clearTemporaries(this.#log.directory);
    } finally {
      this.#log.lock.release();
    }
  }

  /** For those who have waited: the control page of a closed log is not even mapped. */
  #checkNotClosed(action: string): void {
    if (this.#state === CLOSED || this.#state === POISONED) this.#refuse(action);
  }

  #refuse(action: string): never {
    if (this.#state === CLOSED) throw new LogClosedError('appender', action);
    if (this.#state === POISONED) throw this.#durability.poisonedError();
    if (this.#state === ENCODING) {
      throw new LogError('RESERVED', `Cannot ${action}: a record is just being encoded`);
    }
    throw new LogError(
      'RESERVED',
      `Cannot ${action}: a reservation is open; publish or abandon it first`,
    );
  }
}

function notBytes(value: unknown): TypeError {
  return new TypeError(`Cannot append: expected a Uint8Array, got ${typeof value}`);
}

/** A detached buffer has length 0; only then is it worth asking. */
function checkAttached(payload: Uint8Array): void {
  try {
    return void new Uint8Array(payload.buffer);
  } catch (cause) {
    throw new TypeError('Cannot append: the buffer is detached', { cause });
  }
}

function tooLarge(what: string, sizeBytes: number, limitBytes: number): RecordTooLargeError {
  return new RecordTooLargeError(what, sizeBytes, limitBytes);
}
