/** Takes what a source gives into a log of events, until it is enough. */
import { LogError } from '../errors.js';
import { openEventAppender, type EventAppender } from '../events/event-appender.js';
import { inspectSchema } from '../events/inspect-schema.js';
import type { EventSchema } from '../events/schema.js';
import { IntakeToLog } from './intake.js';
import { iterableSource } from './iterable.js';
import { captureSettings, type CaptureOptions, type CaptureSettings } from './options.js';
import { ProgressWatch } from './progress.js';
import { RejectFile } from './reject-file.js';
import { CaptureError, type CaptureReport } from './report.js';
import { Ring } from './ring.js';
import type { CaptureSource } from './source.js';

/**
 * Takes the events of `source` into the log at `path`, which is made if need be, and closed at the end,
 * with everything durable. An iterable of events will do for a source.
 *
 * Input that is no event is counted, and stops nothing unless asked; nor does whatever the source could
 * not take. Both are in the report.
 *
 * What events are: as the source says (`open`), or the option `schema`, or the log's own; it must be the
 * log's own, or one that may follow it. A source is shown `schema`, or else the log's own.
 *
 * The promise is settled when the source's `run` has ended, so a source must heed `intake.signal`.
 *
 * @throws {TypeError | RangeError} as a rejection: misuse; nothing has happened
 * @throws as a rejection, before the capture has begun: what the source's `open` throws, what
 *   `openEventAppender` throws, what making room for a smaller budget throws, the reason of a signal, and
 *   a `TimeoutError` if the source has not opened within `durationMs`. The log is as it was, but for what
 *   opening does
 * @throws {CaptureError} as a rejection, from then on: the log takes nothing any more, the source has
 *   thrown, or something could not be closed. What was taken is in the log, which is closed; `report` says
 *   how much, and `cause` is the first error
 */
export async function capture<Event = unknown>(
  source: CaptureSource<Event> | AsyncIterable<Event> | Iterable<Event>,
  path: string,
  options: CaptureOptions<Event> = {},
): Promise<CaptureReport> {
  if (typeof path !== 'string') throw new TypeError('Invalid path: expected a string');
  const from = sourceOf(source);
  const settings = captureSettings(options);
  const ending = new Ending(settings.signal);
  try {
    const session = await ending.within(settings.durationMs, () =>
      begin(from, path, settings, ending),
    );
    return await session.run();
  } finally {
    ending.release();
  }
}

/** Passes the user's signal on, and says what it means. */
class Ending {
  readonly controller = new AbortController();
  readonly #signal: AbortSignal | undefined;
  /** Before the capture has begun, it stops the opening of the source. */
  #onSignal = (): void => this.controller.abort(this.#signal?.reason);
  readonly #listener = (): void => this.#onSignal();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    signal?.addEventListener('abort', this.#listener);
    if (signal?.aborted === true) this.#onSignal();
  }

  set onSignal(onSignal: () => void) {
    this.#onSignal = onSignal;
  }

  /** Opens; a source that takes longer than the whole capture may is given up. */
  async within<T>(durationMs: number | undefined, open: () => Promise<T>): Promise<T> {
    if (durationMs === undefined) return open();
    const giveUp = (): void => {
      const why = `Cannot begin the capture: nothing came within ${durationMs} ms`;
      this.controller.abort(new DOMException(why, 'TimeoutError'));
    };
    const timer = setTimeout(giveUp, durationMs);
    try {
      return await open();
    } finally {
      clearTimeout(timer);
    }
  }

  release(): void {
    this.#signal?.removeEventListener('abort', this.#listener);
  }
}

/** Opens everything, or, if something cannot be opened, nothing. */
async function begin<Event>(
  from: CaptureSource<Event>,
  path: string,
  settings: CaptureSettings<Event>,
  ending: Ending,
): Promise<Session<Event>> {
  const { signal } = ending.controller;
  let rejectFile: RejectFile | undefined;
  let appender: EventAppender<Event> | undefined;
  let ring: Ring | undefined;
  try {
    signal.throwIfAborted();
    rejectFile = settings.rejectFile && RejectFile.open(settings.rejectFile);
    const schema = await schemaOf(from, path, settings, signal);
    signal.throwIfAborted();
    appender = openEventAppender<Event>(path, {
      ...settings.appending,
      ...(schema === undefined ? {} : { schema }),
      onShortage: () => ring?.dropAhead(),
    });
    const session = new Session(from, path, appender, rejectFile, settings, ending);
    ring = session.ring;
    await ring?.begin();
    signal.throwIfAborted();
    return session;
  } catch (error) {
    await appender?.close().catch(() => {});
    rejectFile?.discard();
    await attempt(() => from.close?.());
    throw error;
  }
}

/** What the events will be; `undefined`: as the log remembers. */
async function schemaOf<Event>(
  from: CaptureSource<Event>,
  path: string,
  { appending }: CaptureSettings<Event>,
  signal: AbortSignal,
): Promise<EventSchema<Event> | undefined> {
  const { schema, create } = appending;
  if (from.open === undefined) return schema;
  return from.open(schema ?? ownSchema(path, create), signal);
}

/** Damage is an error here already. Of a log that is not there yet, the appender knows what to think. */
function ownSchema(path: string, create = true): EventSchema | undefined {
  try {
    return inspectSchema(path)?.schema;
  } catch (error) {
    if (create && error instanceof LogError && error.code === 'NOT_A_LOG') return undefined;
    throw error;
  }
}

/** A capture that has begun. */
class Session<Event> {
  readonly ring: Ring | undefined;
  readonly #from: CaptureSource<Event>;
  readonly #appender: EventAppender<Event>;
  readonly #rejectFile: RejectFile | undefined;
  readonly #settings: CaptureSettings<Event>;
  readonly #ending: Ending;
  readonly #intake: IntakeToLog<Event>;

  constructor(
    from: CaptureSource<Event>,
    path: string,
    appender: EventAppender<Event>,
    rejectFile: RejectFile | undefined,
    settings: CaptureSettings<Event>,
    ending: Ending,
  ) {
    this.#from = from;
    this.#appender = appender;
    this.#rejectFile = rejectFile;
    this.#settings = settings;
    this.#ending = ending;
    const drains = from.drains === true;
    const intakeOptions = { ...settings, rejectFile, drains };
    this.#intake = new IntakeToLog(appender, ending.controller, intakeOptions);
    const { budgetBytes } = settings;
    if (budgetBytes === undefined) return;
    const onFailure = (error: unknown): void => this.#intake.fail(error);
    this.ring = new Ring(path, appender.records, budgetBytes, onFailure);
    this.#intake.useRing(this.ring);
  }

  /** To the end, whatever it is; everything is let go of. */
  async run(): Promise<CaptureReport> {
    const intake = this.#intake;
    this.#ending.onSignal = (): void => intake.end('signal');
    const watch = new ProgressWatch(intake, this.#appender.records);
    const timers = this.#startTimers(watch);
    await this.#runSource();
    for (const timer of timers) clearTimeout(timer);
    await intake.settled();
    await this.ring?.end();
    let details: CaptureReport['details'] = {};
    // In this order; each whatever became of those before it.
    const closings = [
      (): unknown => this.#rejectFile?.close(),
      (): unknown => this.#appender.close(),
      (): unknown => (details = this.#from.report?.() ?? {}),
      (): unknown => this.#from.close?.(),
    ];
    for (const close of closings) {
      const failed = await attempt(close);
      if (failed !== undefined) intake.fail(failed.error);
    }
    const report = this.#report(watch.elapsedMs, details);
    if (intake.failure === undefined) return report;
    throw new CaptureError(report, intake.failure.error);
  }

  async #runSource(): Promise<void> {
    const intake = this.#intake;
    const failed = await attempt(() => {
      this.#settings.onStart?.(intake.counts.firstOffset);
      return this.#from.run(intake);
    });
    if (failed === undefined) intake.end('source');
    else if (!isEchoOf(intake.signal, failed.error)) intake.fail(failed.error);
  }

  #startTimers(watch: ProgressWatch): NodeJS.Timeout[] {
    const { durationMs, onProgress, progressIntervalMs } = this.#settings;
    const intake = this.#intake;
    const tick = (): void => {
      try {
        this.#rejectFile?.write();
        onProgress?.(watch.look());
      } catch (error) {
        intake.fail(error);
      }
    };
    // Also keeps the process, whatever the source waits for.
    const timers = [setInterval(tick, progressIntervalMs)];
    if (durationMs !== undefined) {
      timers.push(setTimeout(() => intake.end('duration'), durationMs));
    }
    return timers;
  }

  #report(elapsedMs: number, details: CaptureReport['details']): CaptureReport {
    const { startOffset, writtenBytes, durable, recovery } = this.#appender.records;
    const { ended, counts } = this.#intake;
    const { firstOffset, nextOffset, events, rejected, dropped } = counts;
    const source = this.#from.name;
    const offsets = { firstOffset, nextOffset, startOffset };
    const sums = { events, bytes: writtenBytes, rejected, dropped };
    return { source, ended, ...offsets, ...sums, elapsedMs, durable, recovery, details };
  }
}

/** What a source throws because we have ended it is the end, and no failure. */
function isEchoOf(signal: AbortSignal, error: unknown): boolean {
  if (!signal.aborted) return false;
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

/** What an action has failed with, if it has. */
async function attempt(action: () => unknown): Promise<{ readonly error: unknown } | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** @throws {TypeError} */
function sourceOf<Event>(
  source: CaptureSource<Event> | AsyncIterable<Event> | Iterable<Event>,
): CaptureSource<Event> {
  if (typeof source === 'object' && source !== null) {
    if ('run' in source && typeof source.run === 'function') return source;
    if (Symbol.asyncIterator in source || Symbol.iterator in source) return iterableSource(source);
  }
  throw new TypeError('Invalid source: expected a CaptureSource, or an iterable of events');
}
