/**
 * Appenders that are killed at random moments, one after the other, over the same log: while they open
 * and recover it, append, flush, roll, drop, close. A witness that outlives them knows what they were
 * told. A process and a thread follow the log across all of it.
 *
 * What is done follows from the seed; the moments of the deaths are the system's.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as stratalog from 'stratalog';
import type { Campaign, Round } from '../campaign.js';
import {
  SeenRecords,
  readBeforeRecovery,
  recoverAndCheck,
  type ChecksAfterDeath,
} from '../kills/check.js';
import { Followers } from '../kills/followers.js';
import { randomOptions } from '../kills/options.js';
import { eventRecords, eventSchemaOf, plainRecords } from '../kills/records.js';
import { changeWitness, createWitness } from '../kills/witness.js';
import { Nursery, Writers } from '../kills/writers.js';
import { below } from '../random.js';

/** A writer that was set to work opens the log within a few milliseconds, a forked one within two. */
const OPENING_MS = 6;
const WORKING_MS = 20;
const FORKED_OPENING_US = 3000;
const FORKED_WORKING_US = 15_000;
/** Of the deaths. Starting a process takes longer than all the rest. */
const SHARE_OF_STARTED = 0.2;

export const campaign: Campaign = {
  name: 'kills',
  title: 'appenders that are killed at random moments',
  shortRounds: 12,
  start(folder) {
    const around: Around = {
      writers: new Writers(),
      nursery: new Nursery(folder),
      followers: new Followers(),
    };
    return {
      run: (round) => new Lives(round, around).run(),
      async stop() {
        await Promise.all(Object.values(around).map((part: Stoppable) => part.stop()));
      },
    };
  },
};

/** What lives longer than a round. */
interface Around {
  readonly writers: Writers;
  readonly nursery: Nursery;
  readonly followers: Followers;
}

interface Stoppable {
  stop(): Promise<void>;
}

/** The log of a round, from its first writer on. */
class Lives {
  readonly #round: Round;
  readonly #around: Around;
  readonly #isTyped: boolean;
  readonly #checks: ChecksAfterDeath;
  #isFollowed = false;

  constructor(round: Round, around: Around) {
    this.#round = round;
    this.#around = around;
    this.#isTyped = round.random() < 0.35;
    this.#checks = {
      log: join(round.folder, 'log'),
      witness: join(round.folder, 'witness'),
      seen: new SeenRecords(this.#isTyped ? eventRecords(stratalog) : plainRecords),
      open: () => this.#open(),
    };
    createWitness(this.#checks.witness);
  }

  async run(): Promise<void> {
    const { random, count } = this.#round;
    const deaths = 10 + below(random, 11);
    for (let life = 1; life <= deaths; life++) {
      try {
        await this.#live(life);
        await this.#look(life === deaths);
      } catch (error) {
        throw new Error(`Life ${life} of ${deaths}`, { cause: error });
      }
    }
    const { seen } = this.#checks;
    if (this.#isFollowed)
      count('records followed', await this.#around.followers.finish(seen.end, seen));
    count('records', seen.end);
  }

  /** A writer, from its birth to its death. */
  async #live(life: number): Promise<void> {
    const { random, count, seed } = this.#round;
    const { log, witness } = this.#checks;
    changeWitness(witness, { life });
    const assignment = { log, witness, isTyped: this.#isTyped, seed: (seed + life) | 0 };
    const diesOpening = random() < 0.3;
    const moment = random();
    if (random() < SHARE_OF_STARTED) {
      const writer = this.#around.writers.start(assignment);
      if (!diesOpening) await writer.opened();
      await writer.killAfter(moment * (diesOpening ? OPENING_MS : WORKING_MS));
      count('deaths of started processes');
    } else {
      const us = Math.floor(moment * (diesOpening ? FORKED_OPENING_US : FORKED_WORKING_US));
      const since = diesOpening ? 'begun' : 'opened';
      while (!(await this.#around.nursery.live({ ...assignment, since, us })));
      count('deaths of forked processes');
    }
  }

  /** After a death. Else the next writer recovers, and holds what it finds against the witness. */
  async #look(isLast: boolean): Promise<void> {
    const { random, count } = this.#round;
    const early = readBeforeRecovery(this.#checks);
    if (random() < 0.5 || isLast) {
      await recoverAndCheck(this.#checks, early);
      count('recoveries');
    } else early?.reader.close();
    if (this.#isFollowed || !existsSync(join(this.#checks.log, 'control'))) return;
    await this.#around.followers.follow({ log: this.#checks.log, isTyped: this.#isTyped });
    this.#isFollowed = true;
  }

  #open(): stratalog.Appender {
    const { log } = this.#checks;
    const options = { ...randomOptions(this.#round.random), maintenance: false };
    if (!this.#isTyped) return stratalog.openAppender(log, options);
    const schema = eventSchemaOf(stratalog);
    return stratalog.openEventAppender(log, { ...options, schema }).records;
  }
}
