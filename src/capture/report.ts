/** What a capture has done, is doing, and has failed with. */
import type { ActiveSegment } from '../append/appender.js';
import { LogError } from '../errors.js';
import type { RecoveryReport } from '../recovery/recover.js';

/** Why a capture has ended: the source had no more, somebody asked, a limit was reached, or it failed. */
export type CaptureEnd =
  'source' | 'signal' | 'duration' | 'events' | 'bytes' | 'rejects' | 'failure';

/** What a capture has done. Plain data. */
export interface CaptureReport {
  /** The source's name. */
  readonly source: string;
  readonly ended: CaptureEnd;
  /** Offsets of what was captured: from the first on, below the next. */
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Where the log begins now. With a budget the beginning of this capture may be gone already. */
  readonly startOffset: number;
  /** Events taken. */
  readonly events: number;
  /** Bytes of log that this capture has written, with headers and padding. */
  readonly bytes: number;
  /** Input that was no event. */
  readonly rejected: number;
  /** Events that came and did not get into the log, or never came, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** From the beginning of the source's run until the log was closed. */
  readonly elapsedMs: number;
  /** Whether what was captured survives a power cut, as far as the file system tells (tmpfs: no). */
  readonly durable: boolean;
  /** What opening the log has found. */
  readonly recovery: RecoveryReport;
  /** What the source has to tell. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** How a capture is getting on. Plain data. */
export interface CaptureProgress {
  readonly elapsedMs: number;
  /** Events and bytes of log so far, and of the time since the last call, per second. */
  readonly events: number;
  readonly bytes: number;
  readonly eventsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly rejected: number;
  /** By reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** The log makes room; events are kept in memory meanwhile. */
  readonly isFull: boolean;
  readonly startOffset: number;
  /** The three bounds of the log; between the first and the last lies what a power cut would take. */
  readonly nextOffset: number;
  readonly committedOffset: number;
  readonly flushedOffset: number;
  /** How old the oldest event is, at least, that is not durable yet; 0 if there is none. */
  readonly lagMs: number;
  /** The segment that is appended to. */
  readonly segment: ActiveSegment;
}

/**
 * A capture has begun and failed: the log takes nothing any more, or the source threw. `cause` says why.
 * What was taken until then is in the log, which is closed.
 */
export class CaptureError extends LogError {
  readonly report: CaptureReport;

  constructor(report: CaptureReport, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const after = `${report.events} event${report.events === 1 ? '' : 's'}`;
    super('CAPTURE_FAILED', `Capture from ${report.source} failed after ${after}: ${why}`, {
      cause,
    });
    this.report = report;
  }
}
