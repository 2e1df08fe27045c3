/** The way of an event from a source into the log, and the count of everything that does not get there. */
import { LogError } from '../errors.js';
import type { EventAppender } from '../events/event-appender.js';
import type { EventSchema } from '../events/schema.js';
import type { CaptureReport } from './capture.js';
import type { Intake, Origin } from './source.js';

/** Input that is no event. */
export interface Rejected {
  readonly reason: string;
  /** Number of the line, message or frame, from 1 on, if the source counts them. */
  readonly line: number | undefined;
  /** A copy, if the source has it. */
  readonly content: Uint8Array | undefined;
}

interface Limits {
  readonly maxEvents: number | undefined;
  readonly onReject: ((rejected: Rejected) => void) | undefined;
}

export class IntakeToLog<Event> implements Intake<Event> {
  readonly #appender: EventAppender<Event>;
  readonly #ending: AbortController;
  readonly #onReject: Limits['onReject'];
  readonly #endOffset: number;
  readonly #firstOffset: number;
  readonly #startedAt = performance.now();
  readonly #dropped: Record<string, number> = {};
  #rejected = 0;
  #isEnded = false;
  #ended: CaptureReport['ended'] = 'source';

  constructor(appender: EventAppender<Event>, ending: AbortController, limits: Limits) {
    this.#appender = appender;
    this.#ending = ending;
    this.#onReject = limits.onReject;
    this.#firstOffset = appender.nextOffset;
    this.#endOffset = this.#firstOffset + (limits.maxEvents ?? Infinity);
  }

  get schema(): EventSchema<Event> {
    return this.#appender.schema;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get maxEventBytes(): number {
    return this.#appender.records.maxRecordBytes;
  }

  get isFull(): boolean {
    return false;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  append(event: Event, origin?: Origin): void {
    if (this.#isEnded) return;
    try {
      if (this.#appender.append(event) + 1 >= this.#endOffset) this.end('events');
    } catch (error) {
      this.#refuse(error, origin);
    }
  }

  appendFlatBuffer(bytes: Uint8Array, origin?: Origin): void {
    if (this.#isEnded) return;
    try {
      if (this.#appender.appendFlatBuffer(bytes) + 1 >= this.#endOffset) this.end('events');
    } catch (error) {
      this.#refuse(error, origin);
    }
  }

  reject(reason: string, origin?: Origin): void {
    if (this.#isEnded) return;
    this.#rejected++;
    const content = origin?.content().slice();
    this.#onReject?.({ reason, line: origin?.line, content });
  }

  drop(count: number, why: string): void {
    this.#dropped[why] = (this.#dropped[why] ?? 0) + count;
  }

  /** Takes no more; the first reason counts. */
  end(why: CaptureReport['ended']): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#ended = why;
    this.#ending.abort();
  }

  report(): Omit<CaptureReport, 'source' | 'details'> {
    const { nextOffset } = this.#appender;
    return {
      ended: this.#ended,
      firstOffset: this.#firstOffset,
      nextOffset,
      events: nextOffset - this.#firstOffset,
      rejected: this.#rejected,
      dropped: this.#dropped,
      elapsedMs: performance.now() - this.#startedAt,
    };
  }

  #refuse(error: unknown, origin: Origin | undefined): void {
    if (!isOfEvent(error)) throw error;
    this.reject((error as Error).message, origin);
  }
}

/** Whether it is the event that is wrong, and not the log. */
function isOfEvent(error: unknown): boolean {
  if (!(error instanceof LogError)) return error instanceof Error;
  return error.code === 'MALFORMED_EVENT' || error.code === 'RECORD_TOO_LARGE';
}
