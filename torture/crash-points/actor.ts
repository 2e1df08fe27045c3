/** The process that dies, and what a scenario may have it do. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppenderOptions } from 'stratalog';
import type * as OpenAppender from '../../dist/append/open-appender.js';
import type * as Decode from '../../dist/events/decode.js';
import type * as DefineSchema from '../../dist/events/define-schema.js';
import type * as Encoder from '../../dist/events/encoder.js';
import type * as OpenEvents from '../../dist/events/event-appender.js';
import type * as Repair from '../../dist/recovery/repair.js';
import { hooks } from '../hooks.js';
import {
  eventRecords,
  eventSchemaOf,
  plainRecords,
  type WitnessedEvent,
} from '../kills/records.js';
import type { Testimony, Witness } from '../kills/witness.js';
import { WitnessedAppender } from '../kills/witnessed-appender.js';
import { importVariant } from '../variant.js';

export type CrashLibrary = typeof OpenAppender &
  typeof OpenEvents &
  typeof DefineSchema &
  typeof Encoder &
  typeof Decode &
  typeof Repair;

/** Only what is needed: some of these processes are started anew for each death. */
export async function crashLibrary(folder: string): Promise<CrashLibrary> {
  const variant = { folder, sites: [] };
  const modules = [
    'append/open-appender.js',
    'events/event-appender.js',
    'events/define-schema.js',
    'events/encoder.js',
    'events/decode.js',
    'recovery/repair.js',
  ];
  const loaded = await Promise.all(modules.map((file) => importVariant<object>(variant, file)));
  return Object.assign({}, ...loaded) as CrashLibrary;
}

/** Called at each crash point, from the arming on. */
export type StepHook = (site: number) => void;

export interface ActorPlace {
  /** What is tried lies in here. */
  readonly folder: string;
  /** Logs that were made before, to be copied. */
  readonly bases: string;
}

export class Actor {
  readonly library: CrashLibrary;
  readonly log: string;
  readonly #place: ActorPlace;
  readonly #witness: Witness;
  readonly #onStep: StepHook | undefined;
  readonly #opened: WitnessedAppender[] = [];

  constructor(library: CrashLibrary, place: ActorPlace, witness: Witness, onStep?: StepHook) {
    this.library = library;
    this.log = join(place.folder, 'parent', 'log');
    this.#place = place;
    this.#witness = witness;
    this.#onStep = onStep;
  }

  /** From here on every statement is a crash point. */
  arm(): void {
    hooks.step = this.#onStep;
  }

  open(options: AppenderOptions): WitnessedAppender {
    return this.#track(
      new WitnessedAppender(
        this.library.openAppender(this.log, options),
        plainRecords,
        this.#witness,
      ),
    );
  }

  openEvents(options: AppenderOptions): WitnessedAppender {
    const schema = eventSchemaOf(this.library);
    const opened = this.library.openEventAppender<WitnessedEvent>(this.log, { ...options, schema });
    const records = eventRecords(this.library);
    return this.#track(new WitnessedAppender(opened, records, this.#witness));
  }

  /** Puts one of the logs that were made before in place. */
  copyBase(name: string): void {
    cpSync(join(this.#place.bases, name), this.log, { recursive: true });
  }

  /** What must be found in a log that was not written by witnessed appenders. */
  testify(words: Partial<Testimony>): void {
    for (const [word, value] of Object.entries(words)) {
      this.#witness.set(word as keyof Testimony, value);
    }
  }

  /** Lost to damage, as the check is to know. */
  testifyLost(lost: readonly number[]): void {
    writeFileSync(join(this.#place.folder, 'lost.json'), JSON.stringify(lost));
  }

  /** For a process that does not die. */
  async closeAll(): Promise<void> {
    for (const opened of this.#opened) await opened.appender.close();
  }

  #track(opened: WitnessedAppender): WitnessedAppender {
    this.#opened.push(opened);
    return opened;
  }
}

export function lostIn(folder: string): readonly number[] {
  return JSON.parse(readFileSync(join(folder, 'lost.json'), 'utf8')) as number[];
}
