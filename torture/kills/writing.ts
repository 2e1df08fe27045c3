/** What a writer does until it is killed. */
import type { Appender, AppenderOptions, EventAppender } from 'stratalog';
import type * as OpenAppender from '../../dist/append/open-appender.js';
import type * as Decode from '../../dist/events/decode.js';
import type * as DefineSchema from '../../dist/events/define-schema.js';
import type * as Encoder from '../../dist/events/encoder.js';
import type * as OpenEvents from '../../dist/events/event-appender.js';
import { below, pick, randomFrom } from '../random.js';
import { distModule } from './library.js';
import { randomOptions } from './options.js';
import { eventRecords, eventSchemaOf, plainRecords, type WitnessedEvent } from './records.js';
import type { Witness } from './witness.js';
import { WitnessedAppender } from './witnessed-appender.js';

export interface Assignment {
  readonly log: string;
  readonly witness: string;
  readonly isTyped: boolean;
  readonly seed: number;
}

const library = {
  ...(await distModule<typeof OpenAppender>('append/open-appender.js')),
  ...(await distModule<typeof OpenEvents>('events/event-appender.js')),
  ...(await distModule<typeof DefineSchema>('events/define-schema.js')),
  ...(await distModule<typeof Encoder>('events/encoder.js')),
  ...(await distModule<typeof Decode>('events/decode.js')),
};

/** How far a writer has come: the witness's word `begun`. */
export const BEGUN = 1;
export const OPENED = 2;

type Verb = readonly [weight: number, run: () => void | Promise<void>];

/** One that has an event loop may wait, and have a maintenance thread. */
export class Writing {
  readonly #assignment: Assignment;
  readonly #witness: Witness;
  readonly #hasEventLoop: boolean;
  readonly #random: () => number;
  #writer: WitnessedAppender;

  /** Opens the log. */
  constructor(assignment: Assignment, witness: Witness, hasEventLoop: boolean) {
    this.#assignment = assignment;
    this.#witness = witness;
    this.#hasEventLoop = hasEventLoop;
    this.#random = randomFrom(assignment.seed);
    witness.set('begun', BEGUN);
    this.#writer = this.#open();
    witness.set('begun', OPENED);
  }

  /** Goes on for ever, or for so many verbs. */
  async run(times = Infinity): Promise<void> {
    const verbs = this.#verbs();
    const total = verbs.reduce((sum, [weight]) => sum + weight, 0);
    for (let i = 0; i < times; i++) {
      let at = this.#upTo(total);
      const [, run] = verbs.find(([weight]) => (at -= weight) < 0) as Verb;
      await run();
    }
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #upTo(n: number): number {
    return below(this.#random, n);
  }

  #verbs(): readonly Verb[] {
    const common: Verb[] = [
      [5200, () => this.#writer.append()],
      [1500, () => this.#writer.batch(1 + this.#upTo(12))],
      [1200, () => this.#writer.reserve(this.#upTo(300))],
      [400, () => this.#writer.abandon(this.#upTo(1000))],
      [100, () => this.#writer.soil(this.#upTo(600))],
      [100, () => this.#writer.refused()],
      [800, () => this.#writer.commit()],
      [300, () => this.#writer.flush()],
      [100, () => this.#flushTogether()],
      [150, () => this.#drop()],
      [100, () => this.#writer.appender.prepare()],
      [100, () => this.#reopen()],
    ];
    if (!this.#hasEventLoop) return common;
    return [
      ...common,
      [300, () => new Promise((resolve) => setTimeout(resolve, this.#upTo(3)))],
      [500, () => new Promise((resolve) => setImmediate(resolve))],
    ];
  }

  #open(): WitnessedAppender {
    const options = randomOptions(this.#random);
    const maintenance = options.maintenance === true && this.#hasEventLoop;
    const opened = openLog(this.#assignment, { ...options, maintenance });
    const records = this.#assignment.isTyped ? eventRecords(library) : plainRecords;
    return new WitnessedAppender(opened, records, this.#witness);
  }

  /** Flushes that overlap, with appends in between. */
  async #flushTogether(): Promise<void> {
    const flushes = [this.#writer.flush()];
    for (let i = this.#upTo(5); i >= 0; i--) {
      this.#writer.append();
      flushes.push(this.#writer.flush());
    }
    await Promise.all(flushes);
  }

  /** Somewhere between the start and the end; now and then everything. */
  #drop(): Promise<void> {
    const { startOffset, nextOffset } = this.#writer.appender;
    const share = pick(this.#random, [0, 0.3, 0.6, 0.9, 1]);
    return this.#writer.dropBefore(startOffset + Math.floor((nextOffset - startOffset) * share));
  }

  async #reopen(): Promise<void> {
    await this.#writer.close();
    this.#writer = this.#open();
    const { outcome } = this.#writer.appender.recovery;
    if (outcome !== 'clean') throw new Error(`Reopened a log that was closed: ${outcome}`);
  }
}

function openLog(
  { log, isTyped }: Assignment,
  options: AppenderOptions,
): Appender | EventAppender<WitnessedEvent> {
  if (!isTyped) return library.openAppender(log, options);
  return library.openEventAppender(log, { ...options, schema: eventSchemaOf(library) });
}
