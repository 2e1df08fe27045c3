/**
 * Every call that the library makes to the system fails: each at its every use, with every error that it
 * can give, once and from then on; reads and writes do less; syncs fail once and succeed afterwards. In
 * this process, by hooks around `node:fs` and the C functions.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as plain from 'stratalog';
import type { Campaign, Round } from '../campaign.js';
import { faultsOf } from '../calls/faults.js';
import {
  counted,
  describeCase,
  fired,
  heal,
  inject,
  startCounting,
  type Case,
} from '../calls/injection.js';
import { SCENARIOS, type Scenario } from '../calls/scenarios.js';
import { Trial, withPlaces, type Library } from '../calls/trial.js';
import { importVariant, makeVariant, type Mutation } from '../variant.js';

/** Checkpoints come every 15 ms, so that they come at all; and nothing is remembered from run to run. */
const REPEATABLE: readonly Mutation[] = [
  ...['maintenance/thread.js', 'append/durability.js'].map((file) => ({
    file,
    find: 'const CHECKPOINT_INTERVAL_MS = 1000;',
    replace: 'const CHECKPOINT_INTERVAL_MS = 15;',
  })),
  { file: 'recovery/residency.js', find: 'knownBootId ??= ', replace: 'knownBootId = ' },
];

const PARTS = SCENARIOS.flatMap((scenario) =>
  Array.from({ length: scenario.parts }, (_, part) => ({ scenario, part })),
);
/** One after the other, no two rounds in a row are of the same scenario. */
const STRIDE = coprime(PARTS.length, Math.floor(PARTS.length * 0.618));

/** The first number from `from` on with which a walk comes through all of `total` places. */
function coprime(total: number, from: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return divisor(total, from) === 1 ? from : coprime(total, from + 1);
}

export const campaign: Campaign = {
  name: 'failing-calls',
  title: 'every call to the system fails, at every use, with every error',
  shortRounds: 7,
  totalRounds: () => PARTS.length,
  async start(folder) {
    const variant = makeVariant({
      name: 'failing-calls',
      system: true,
      preload: 'calls/injection.js',
      mutations: [...REPEATABLE, ...extraMutations()],
    });
    return new FailingCalls(await importVariant<Library>(variant, 'index.js'), folder);
  },
};

/** For showing that the campaign can fail: `{ file, find, replace }`, or a list of them, as JSON. */
function extraMutations(): Mutation[] {
  const json = process.env['STRATALOG_MUTATIONS'];
  return json === undefined ? [] : (JSON.parse(json) as Mutation[]);
}

class FailingCalls {
  readonly #library: Library;
  readonly #folder: string;
  readonly #cases = new Map<Scenario, Case[]>();
  /** What nobody caught. */
  readonly #uncaught: string[] = [];

  constructor(library: Library, folder: string) {
    this.#library = library;
    this.#folder = folder;
    for (const event of ['uncaughtException', 'unhandledRejection']) {
      process.on(event, (error) => this.#uncaught.push(withPlaces(error)));
    }
  }

  async run({ number, folder, count }: Round): Promise<void> {
    const { scenario, part } = PARTS[(number * STRIDE) % PARTS.length] as (typeof PARTS)[number];
    const cases = this.#cases.get(scenario) ?? (await this.#listCases(scenario, folder));
    this.#cases.set(scenario, cases);
    const failures = new Map<string, string>();
    for (let i = part; i < cases.length; i += scenario.parts) {
      const tried = cases[i] as Case;
      const found = await this.#try(scenario, tried, join(folder, `case-${i}`), count);
      for (const text of found) {
        const kind = kindOf(text);
        if (!failures.has(kind)) failures.set(kind, `${describeCase(tried)}: ${text}`);
        count(`failure: ${scenario.name}`);
      }
    }
    if (failures.size === 0) return;
    throw new Error(`${scenario.name}:\n  ${[...failures.values()].join('\n  ')}`);
  }

  /** Runs the scenario without any fault, to see which calls it makes. */
  async #listCases(scenario: Scenario, folder: string): Promise<Case[]> {
    const place = join(folder, 'counting');
    const trial = await this.#prepare(scenario, place, undefined);
    startCounting();
    await trial.run((it) => scenario.run(it));
    const calls = counted();
    await this.#finish(scenario, trial);
    rmSync(place, { recursive: true, force: true });
    const complaints = [...trial.faults, ...this.#uncaught.splice(0)];
    if (complaints.length > 0) {
      throw new Error(`${scenario.name}, without any fault:\n  ${complaints.join('\n  ')}`);
    }
    return calls.flatMap(({ side, name, times }) =>
      Array.from({ length: times }, (_, i) => i + 1).flatMap((nth) =>
        faultsOf(name).map((fault): Case => ({ side, name, nth, ...fault })),
      ),
    );
  }

  async #try(
    scenario: Scenario,
    tried: Case,
    place: string,
    count: Round['count'],
  ): Promise<string[]> {
    const trial = await this.#prepare(scenario, place, tried.errno);
    trial.keepsOpen = tried.name === 'munmap';
    inject(tried);
    await trial.run((it) => scenario.run(it));
    const isReached = fired() > 0;
    if (!isReached && scenario.isExact) trial.fault('the call did not come');
    count(isReached ? 'failing calls' : 'calls that did not come');
    heal();
    await this.#finish(scenario, trial);
    for (const error of this.#uncaught.splice(0)) trial.fault(`nobody caught ${error}`);
    if (trial.faults.length === 0) rmSync(place, { recursive: true, force: true });
    return trial.faults;
  }

  async #prepare(scenario: Scenario, place: string, errno: string | undefined): Promise<Trial> {
    mkdirSync(place);
    const { template, records = 0 } = scenario;
    const log = template === undefined ? join(place, 'a', 'log') : join(place, 'log');
    if (template !== undefined) {
      const original = join(this.#folder, scenario.name.replaceAll(/\W/g, '-'));
      if (!existsSync(original)) await template(original, plain);
      cpSync(original, log, { recursive: true });
      await scenario.afterCopy?.(log);
    }
    const trial = new Trial(this.#library, plain, log, errno);
    trial.acknowledged = trial.attempted = records;
    trial.lends = scenario.lends ?? false;
    return trial;
  }

  async #finish(scenario: Scenario, trial: Trial): Promise<void> {
    try {
      if (scenario.check === undefined) await trial.checkLog();
      else await scenario.check(trial);
    } catch (error) {
      trial.fault(`the check threw ${withPlaces(error)}`);
    }
  }
}

/** Faults that differ in nothing but numbers and places are one. */
function kindOf(text: string): string {
  return text
    .replaceAll(/\/\S+/g, '')
    .replaceAll(/[0-9a-f]*\d+[0-9a-f]*/g, '#')
    .slice(0, 160);
}
