/** Takes what a source gives into a log of events, until it is enough. */
import { openEventAppender, type EventAppenderOptions } from '../events/event-appender.js';
import { inspectSchema } from '../events/inspect-schema.js';
import type { EventSchema } from '../events/schema.js';
import { IntakeToLog, type Rejected } from './intake.js';
import { iterableSource } from './iterable.js';
import type { CaptureSource } from './source.js';

export interface CaptureOptions<Event = unknown> extends Omit<
  EventAppenderOptions<Event>,
  'verifyEvents'
> {
  /** Ends the capture in good order: what has been taken is durable, and the log closed. */
  readonly signal?: AbortSignal;
  /** Ends it after so long. */
  readonly durationMs?: number;
  /** Ends it after so many events. */
  readonly maxEvents?: number;
  /** Is told of input that is no event. */
  readonly onReject?: (rejected: Rejected) => void;
}

/** What a capture has done. */
export interface CaptureReport {
  /** The source's name. */
  readonly source: string;
  /** Why it ended. */
  readonly ended: 'source' | 'signal' | 'duration' | 'events';
  readonly firstOffset: number;
  readonly nextOffset: number;
  readonly events: number;
  readonly rejected: number;
  /** Events that never got into the log, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly elapsedMs: number;
  /** What the source has to tell. */
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * Takes the events of `source` into the log at `path`, which is made if need be, and closed at the end.
 */
export async function capture<Event = unknown>(
  source: CaptureSource<Event> | AsyncIterable<Event> | Iterable<Event>,
  path: string,
  options: CaptureOptions<Event> = {},
): Promise<CaptureReport> {
  const from = 'run' in source ? source : iterableSource(source);
  const { schema, signal, durationMs, maxEvents, onReject, ...appending } = options;
  const ending = new AbortController();
  try {
    const own = schemaOf(path);
    const settled = (await from.open?.(schema ?? own, ending.signal)) ?? schema;
    const appender = openEventAppender<Event>(path, {
      commit: {},
      ...appending,
      ...(settled === undefined ? {} : { schema: settled }),
      verifyEvents: true,
    });
    const intake = new IntakeToLog(appender, ending, { maxEvents, onReject });
    const timer = setTimeout(() => intake.end('duration'), durationMs ?? 2 ** 31 - 1);
    signal?.addEventListener('abort', () => intake.end('signal'), { once: true });
    try {
      await from.run(intake);
      intake.end('source');
    } finally {
      clearTimeout(timer);
      await appender.close();
    }
    return { source: from.name, ...intake.report(), details: from.report?.() ?? {} };
  } finally {
    await from.close?.();
  }
}

function schemaOf(path: string): EventSchema | undefined {
  try {
    return inspectSchema(path)?.schema;
  } catch {
    return undefined;
  }
}
