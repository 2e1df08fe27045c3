/** How a capture is getting on: rates since the last look, and how far the disk is behind. */
import type { Appender } from '../append/appender.js';
import type { CaptureProgress } from './report.js';
import type { IntakeToLog } from './intake.js';

type Counting = Pick<IntakeToLog<unknown>, 'counts' | 'isFull'>;

/** Where the log ended at a look. */
interface Look {
  readonly at: number;
  readonly nextOffset: number;
}

export class ProgressWatch {
  readonly #intake: Counting;
  readonly #records: Appender;
  readonly #startedAt = performance.now();
  /** Looks at which the log ended behind what is durable now; oldest first. */
  #notDurable: Look[] = [];
  #last = { at: this.#startedAt, events: 0, bytes: 0 };

  constructor(intake: Counting, records: Appender) {
    this.#intake = intake;
    this.#records = records;
  }

  get elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** To be called at intervals. */
  look(): CaptureProgress {
    const at = performance.now();
    const { events, rejected, dropped, nextOffset } = this.#intake.counts;
    const { startOffset, committedOffset, flushedOffset, activeSegment, writtenBytes } =
      this.#records;
    const { at: lastAt, events: lastEvents, bytes: lastBytes } = this.#last;
    this.#last = { at, events, bytes: writtenBytes };
    const seconds = (at - lastAt) / 1000;
    return {
      elapsedMs: at - this.#startedAt,
      events,
      bytes: writtenBytes,
      eventsPerSecond: seconds > 0 ? (events - lastEvents) / seconds : 0,
      bytesPerSecond: seconds > 0 ? (writtenBytes - lastBytes) / seconds : 0,
      rejected,
      dropped,
      isFull: this.#intake.isFull,
      startOffset,
      nextOffset,
      committedOffset,
      flushedOffset,
      lagMs: this.#lagMs({ at, nextOffset }, flushedOffset),
      segment: activeSegment,
    };
  }

  /** An event that was there at a look is as old as that. */
  #lagMs(look: Look, flushedOffset: number): number {
    this.#notDurable.push(look);
    this.#notDurable = this.#notDurable.filter(({ nextOffset }) => nextOffset > flushedOffset);
    return look.at - (this.#notDurable[0]?.at ?? look.at);
  }
}
