/** Sources that are written as iterables: arrays, generators, streams of objects. */
import type { EventSchema } from '../events/schema.js';
import type { CaptureSource, Intake } from './source.js';
import { Turns } from './turns.js';

export interface IterableSourceOptions<Event> {
  /** What it is, for people (default: `iterable`). */
  readonly name?: string;
  /** What its events are (default: as the log remembers, or the options of `capture` say). */
  readonly schema?: EventSchema<Event>;
}

/** Looking at the clock takes as long as an event or two. */
const EVENTS_PER_LOOK = 32;

/**
 * A source of the events of an iterable, which may be asynchronous. When the capture ends, the iterable is
 * returned, as by a `break`. One that is waiting then for its next event is not waited for.
 */
export function iterableSource<Event>(
  events: AsyncIterable<Event> | Iterable<Event>,
  { name = 'iterable', schema }: IterableSourceOptions<Event> = {},
): CaptureSource<Event> {
  return {
    name,
    run: (intake) =>
      Symbol.asyncIterator in events ? takeAsync(events, intake) : takeSync(events, intake),
    ...(schema === undefined ? {} : { open: () => Promise.resolve(schema) }),
  };
}

async function takeSync<Event>(events: Iterable<Event>, intake: Intake<Event>): Promise<void> {
  const turns = new Turns(EVENTS_PER_LOOK);
  for (const event of events) {
    intake.append(event);
    if (intake.isFull) await intake.ready();
    if (turns.isOver()) await turns.next();
    if (intake.signal.aborted) return;
  }
}

/** A `for await` would not be woken up by the signal while the iterable waits. */
async function takeAsync<Event>(
  events: AsyncIterable<Event>,
  intake: Intake<Event>,
): Promise<void> {
  const iterator = events[Symbol.asyncIterator]();
  const waiting = new Waiting(intake.signal);
  const turns = new Turns(EVENTS_PER_LOOK);
  /** It has given an event, and has not been asked for the next one: leaving it does not have to wait. */
  let isPaused = false;
  try {
    for (;;) {
      isPaused = false;
      const next = await waiting.for(iterator.next());
      if (next === undefined || next.done === true) return;
      isPaused = true;
      intake.append(next.value);
      if (intake.isFull) await intake.ready();
      if (turns.isOver()) await turns.next();
      if (intake.signal.aborted) return;
    }
  } finally {
    waiting.end();
    if (isPaused) await leave(iterator);
    else if (waiting.isGivenUp) leave(iterator).catch(() => {});
  }
}

async function leave(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.();
}

/** For one promise at a time, or for the signal: with one listener, however many promises there are. */
class Waiting {
  readonly #signal: AbortSignal;
  readonly #listener = (): void => this.#giveUp();
  #resolve: (() => void) | undefined;
  /** The signal has come; of use only while a promise is waited for. */
  isGivenUp = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#listener);
  }

  /** `undefined` if it is given up. */
  for<T>(promise: Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      this.#resolve = (): void => resolve(undefined);
      promise.then(resolve, reject);
      if (this.#signal.aborted) this.#giveUp();
    });
  }

  end(): void {
    this.#signal.removeEventListener('abort', this.#listener);
  }

  #giveUp(): void {
    if (this.#resolve === undefined) return;
    this.isGivenUp = true;
    this.#resolve();
  }
}
