/** One death, and what is left. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as stratalog from 'stratalog';
import type { Round } from '../campaign.js';
import {
  SeenRecords,
  readBeforeRecovery,
  recoverAndCheck,
  type ChecksAfterDeath,
} from '../kills/check.js';
import { eventRecords, eventSchemaOf, plainRecords } from '../kills/records.js';
import { readWitness } from '../kills/witness.js';
import { below } from '../random.js';
import { lostIn } from './actor.js';
import { LIFE, WITNESS, type Order } from './death.js';
import type { Deaths } from './deaths.js';
import type { Point } from './plan.js';
import { SCENARIOS, type Scenario } from './scenarios.js';
import { crashVariant } from './variant.js';

/** A recovery that is killed dies at one of so many steps, or it is over before. */
const STEPS_OF_RECOVERY = 2000;
const OPTIONS: stratalog.AppenderOptions = {
  segmentSizeBytes: 16_384,
  indexCapacity: 4,
  commit: 'manual',
  maintenance: false,
};

/** @throws what was found that must not be, with the place of the death */
export async function tryPoint(round: Round, point: Point, deaths: Deaths): Promise<void> {
  try {
    await new Trial(round, point, deaths).run();
  } catch (error) {
    const { name } = SCENARIOS[point.scenario] as Scenario;
    const site = crashVariant().sites[point.site];
    throw new Error(`'${name}', killed at step ${point.step} (${site})`, { cause: error });
  }
}

class Trial {
  readonly #round: Round;
  readonly #point: Point;
  readonly #deaths: Deaths;
  readonly #scenario: Scenario;
  readonly #order: Order;

  constructor(round: Round, point: Point, deaths: Deaths) {
    this.#round = round;
    this.#point = point;
    this.#deaths = deaths;
    this.#scenario = SCENARIOS[point.scenario] as Scenario;
    const { scenario, step } = point;
    this.#order = { scenario, step, recoveryOnly: false, folder: join(round.folder, 'trial') };
  }

  async run(): Promise<void> {
    const { count } = this.#round;
    const { isFirst, isFirstOfScenario } = this.#point;
    const { sites } = await this.#deaths.begin(this.#order);
    count('deaths');
    if (isFirst) count('statements');
    if (isFirstOfScenario) count('statements of scenarios');
    // The thread's steps are not the same each time; it may even be over before.
    const isInThread = this.#scenario.inThread === true;
    const site = isInThread ? sites?.at(-1) : readWitness(this.#witness).site;
    if (isInThread) count('deaths in the maintenance thread');
    if (site !== this.#point.site) count('deaths elsewhere than planned');
    if (this.#scenario.isRepair === true) this.#repair();
    else await this.#recover();
  }

  get #log(): string {
    return join(this.#order.folder, 'parent', 'log');
  }

  get #witness(): string {
    return join(this.#order.folder, WITNESS);
  }

  async #recover(): Promise<void> {
    const kind = this.#scenario.isTyped === true ? eventRecords(stratalog) : plainRecords;
    const checks: ChecksAfterDeath = {
      log: this.#log,
      witness: this.#witness,
      seen: new SeenRecords(kind),
      open: () => this.#open(),
      isDamaged: this.#scenario.isDamaged ?? false,
    };
    const early = readBeforeRecovery(checks);
    await this.#dieRecovering();
    await recoverAndCheck(checks, early, { kind, life: LIFE + 1 });
  }

  /** None, one or two recoveries that are killed themselves. */
  async #dieRecovering(): Promise<void> {
    if (this.#scenario.isTyped === true || !existsSync(join(this.#log, 'control'))) return;
    const { random, count } = this.#round;
    for (let deaths = below(random, 3); deaths > 0; deaths--) {
      const step = 1 + below(random, STEPS_OF_RECOVERY);
      await this.#deaths.again({ ...this.#order, recoveryOnly: true, step });
      count('deaths of recoveries');
    }
  }

  #open(): stratalog.Appender {
    if (this.#scenario.isTyped !== true) return stratalog.openAppender(this.#log, OPTIONS);
    const schema = eventSchemaOf(stratalog);
    return stratalog.openEventAppender(this.#log, { ...OPTIONS, schema }).records;
  }

  /** Whatever the one that died has done, the next repair brings back all that can be. */
  #repair(): void {
    const lost = lostIn(this.#order.folder);
    stratalog.repairLog(this.#log);
    const { committed } = readWitness(this.#witness);
    const report = stratalog.verifyLog(this.#log);
    if (!report.isIntact || report.endOffset !== committed) {
      throw new Error(`Repaired, but not intact up to ${committed}: ${JSON.stringify(report)}`);
    }
    const reader = stratalog.openReader(this.#log);
    const seen = new SeenRecords(plainRecords);
    for (let offset = 0; offset < committed; offset++) {
      if (!lost.includes(offset)) seen.take(offset, reader.get(offset).copyPayload());
      else expectLost(reader, offset);
    }
    reader.close();
  }
}

function expectLost(reader: stratalog.Reader, offset: number): void {
  try {
    reader.get(offset);
  } catch (error) {
    if (error instanceof stratalog.RecordLostError) return;
    throw error;
  }
  throw new Error(`Record ${offset}, which was damaged, is there`);
}
