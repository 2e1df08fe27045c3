/** The way of an event from a source into the log, and the count of everything that does not get there. */
import type { Appender } from '../append/appender.js';
import { LogError, RecordTooLargeError, StorageError, isDiskFull } from '../errors.js';
import { encodeEvent } from '../events/encoder.js';
import type { EventAppender } from '../events/event-appender.js';
import type { EventSchema } from '../events/schema.js';
import { verifyEvent } from '../events/verify.js';
import { HeldEvents } from './held-events.js';
import type { CaptureEnd } from './report.js';
import type { RejectFile } from './reject-file.js';
import type { Ring } from './ring.js';
import type { Intake, Origin } from './source.js';

/** Input that is no event. */
export interface Rejected {
  readonly reason: string;
  /** Number of the line, message or frame, from 1 on, if the source counts them. */
  readonly line: number | undefined;
  /** A copy, if the source has it. */
  readonly content: Uint8Array | undefined;
}

/** What an intake needs to know besides where its events go. */
export interface IntakeOptions {
  /** The source may give after the signal what it had received by then. */
  readonly drains: boolean;
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxRejects: number;
  readonly onReject: ((rejected: Rejected) => void) | undefined;
  readonly rejectFile: RejectFile | undefined;
}

/** So much is kept in memory while the log makes room. */
const MAX_HELD_BYTES = 32 * 1024 * 1024;
const LOG_FULL = 'log full';

/** Begun by its constructor, for one capture. */
export class IntakeToLog<Event> implements Intake<Event> {
  readonly #appender: EventAppender<Event>;
  readonly #records: Appender;
  readonly #ending: AbortController;
  readonly #options: IntakeOptions;
  readonly #firstOffset: number;
  readonly #endOffset: number;
  /** An event with this offset, or a later one, may be the last. */
  readonly #attendAt: number;
  readonly #dropped = new Map<string, number>();
  readonly #held = new HeldEvents(MAX_HELD_BYTES);
  readonly #whenReady: (() => void)[] = [];
  /** Without one, a full log ends the capture. */
  #ring: Ring | undefined;
  #rejected = 0;
  /** Events go straight into the log: it has room, and the intake is not closed. */
  #isTaking = true;
  #isClosed = false;
  #ended: CaptureEnd | undefined;
  #failure: { readonly error: unknown } | undefined;
  /** Until the log has made room, and holds what has been kept in memory meanwhile. */
  #makingRoom: Promise<void> | undefined;

  constructor(appender: EventAppender<Event>, ending: AbortController, options: IntakeOptions) {
    this.#appender = appender;
    this.#records = appender.records;
    this.#ending = ending;
    this.#options = options;
    this.#firstOffset = appender.nextOffset;
    this.#endOffset = this.#firstOffset + options.maxEvents;
    this.#attendAt = options.maxBytes === Infinity ? this.#endOffset - 1 : 0;
  }

  useRing(ring: Ring): void {
    this.#ring = ring;
  }

  // --- For the source ---

  get schema(): EventSchema<Event> {
    return this.#appender.schema;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get maxEventBytes(): number {
    return this.#records.maxRecordBytes;
  }

  get isFull(): boolean {
    return this.#makingRoom !== undefined && !this.#isClosed;
  }

  ready(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenReady.push(resolve);
    });
  }

  append(event: Event, origin?: Origin): void {
    if (!this.#isTaking) return this.#appendLate(event, origin);
    try {
      if (this.#appender.append(event) >= this.#attendAt) this.#attend();
    } catch (error) {
      if (this.#waitsAfter(error, origin)) this.#appendLate(event, origin);
    }
  }

  appendFlatBuffer(bytes: Uint8Array, origin?: Origin): void {
    if (!this.#isTaking) return this.#appendFlatBufferLate(bytes, origin);
    try {
      if (this.#appender.appendFlatBuffer(bytes) >= this.#attendAt) this.#attend();
    } catch (error) {
      if (this.#waitsAfter(error, origin)) this.#appendFlatBufferLate(bytes, origin);
    }
  }

  reject(reason: string, origin?: Origin): void {
    if (this.#isClosed) return;
    this.#rejected++;
    this.#tellRejected(reason, origin);
    if (this.#rejected > this.#options.maxRejects) this.end('rejects');
  }

  drop(count: number, why: string): void {
    if (count > 0) this.#dropped.set(why, (this.#dropped.get(why) ?? 0) + count);
  }

  // --- For the capture ---

  /** What has failed, if something has. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  get ended(): CaptureEnd {
    return this.#failure === undefined ? (this.#ended ?? 'source') : 'failure';
  }

  get counts(): {
    readonly firstOffset: number;
    readonly nextOffset: number;
    readonly events: number;
    readonly rejected: number;
    readonly dropped: Readonly<Record<string, number>>;
  } {
    const { nextOffset } = this.#records;
    return {
      firstOffset: this.#firstOffset,
      nextOffset,
      events: nextOffset - this.#firstOffset,
      rejected: this.#rejected,
      dropped: Object.fromEntries(this.#dropped),
    };
  }

  /**
   * Asks the source to come to an end; the first reason counts. One that drains may still give what it has
   * received, but not beyond a limit, nor after its end.
   */
  end(why: CaptureEnd): void {
    const isAsked = why === 'signal' || why === 'duration';
    if (!isAsked || !this.#options.drains) this.#isClosed = true;
    if (this.#isClosed) this.#isTaking = false;
    for (const resolve of this.#whenReady.splice(0)) resolve();
    if (this.#ended !== undefined) return;
    this.#ended = why;
    this.#ending.abort();
  }

  /** Ends because of an error; the first one counts. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.end('failure');
  }

  /** Resolves when all that was taken is in the log, or cannot get there. */
  async settled(): Promise<void> {
    await this.#makingRoom;
  }

  // --- Limits ---

  /** Whether that was the last event. Those that are held count as well. */
  #attend(): void {
    const { count, logBytes } = this.#held;
    if (this.#records.nextOffset + count >= this.#endOffset) return this.end('events');
    if (this.#records.writtenBytes + logBytes >= this.#options.maxBytes) this.end('bytes');
    return undefined;
  }

  // --- What is refused ---

  /**
   * Whether the event has to wait, because the log had no room, and makes some now. One that is wrong is
   * rejected.
   * @throws what else there is: the log takes nothing any more
   */
  #waitsAfter(error: unknown, origin: Origin | undefined): boolean {
    if (isOfEvent(error)) {
      this.reject(messageOf(error), origin);
      return false;
    }
    if (this.#ring === undefined || !isLogFull(error)) {
      this.fail(error);
      throw error;
    }
    this.#isTaking = false;
    this.#makingRoom = this.#makeRoom(this.#ring, error);
    return true;
  }

  #tellRejected(reason: string, origin: Origin | undefined): void {
    const { onReject, rejectFile } = this.#options;
    if (onReject === undefined && rejectFile === undefined) return;
    try {
      const content = origin && new Uint8Array(origin.content());
      const sender = origin?.sender;
      const why = sender === undefined ? reason : `${reason} (from ${sender})`;
      const rejected = { reason: why, line: origin?.line, content };
      rejectFile?.add(rejected);
      onReject?.(rejected);
    } catch (error) {
      this.fail(error);
    }
  }

  // --- While the log makes room ---

  #appendLate(event: Event, origin: Origin | undefined): void {
    if (this.#isClosed) return;
    try {
      this.#hold(encodeEvent(this.schema, event));
    } catch (error) {
      this.reject(messageOf(error), origin);
    }
  }

  #appendFlatBufferLate(bytes: Uint8Array, origin: Origin | undefined): void {
    if (this.#isClosed) return;
    try {
      verifyEvent(this.schema, bytes);
      // Not `slice`: that of a Buffer is no copy.
      this.#hold(new Uint8Array(bytes));
    } catch (error) {
      this.reject(messageOf(error), origin);
    }
  }

  #hold(event: Uint8Array): void {
    const most = this.#records.maxRecordBytes;
    if (event.length > most) throw new RecordTooLargeError('a record', event.length, most);
    if (this.#held.add(event)) this.#attend();
    else this.drop(1, LOG_FULL);
  }

  /** Ends with all events that were held in the log, or with a failure. */
  async #makeRoom(ring: Ring, refused: unknown): Promise<void> {
    let cause: unknown = refused;
    try {
      while (cause !== undefined) {
        if (!(await ring.makeRoom())) throw cause;
        cause = this.#appendHeld();
      }
    } catch (error) {
      this.drop(this.#held.clear(), LOG_FULL);
      this.fail(error);
    }
    this.#makingRoom = undefined;
    this.#isTaking = !this.#isClosed;
    for (const resolve of this.#whenReady.splice(0)) resolve();
  }

  /** What the log has refused an event with for want of room; those before it are in the log. */
  #appendHeld(): unknown {
    try {
      this.#held.handOut((event) => this.#records.append(event));
      return undefined;
    } catch (error) {
      if (isLogFull(error)) return error;
      throw error;
    }
  }
}

/** Whether it is the event that is wrong, and not the log. */
function isOfEvent(error: unknown): boolean {
  if (!(error instanceof LogError)) return true;
  return error.code === 'MALFORMED_EVENT' || error.code === 'RECORD_TOO_LARGE';
}

/** Whether nothing was written for want of room. A sync that fails is something else: it poisons. */
function isLogFull(error: unknown): boolean {
  if (!(error instanceof StorageError) || !isDiskFull(error.errno)) return false;
  return !error.action.startsWith('sync');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
