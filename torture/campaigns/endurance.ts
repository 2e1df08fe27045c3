/** Endurance: an appender and everybody who reads, for as long as it is told. */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Campaign, Round, Rounds } from '../campaign.js';
import { FollowersOf, type FollowerSample } from '../endurance/followers.js';
import { countFaults, samplesAsCsv, trendFaults, type Sample } from '../endurance/flatness.js';
import { KEPT_SEGMENTS, Load, SEGMENT_BYTES } from '../endurance/load.js';
import { collectGarbage, measureHeap, measureProcess } from '../endurance/measures.js';
import { PROGRESS } from '../places.js';
import { randomFrom } from '../random.js';

/** The first rounds are short, so that the short form sees a course, too. */
const SHORT_ROUNDS = 8;
const SHORT_SECONDS = 3;
const SECONDS = 58;

/** Files of so many segments at most: what is kept, and what came since the last drop. */
const MAX_SEGMENTS = KEPT_SEGMENTS + 10;
const MAX_FILES = 2 * MAX_SEGMENTS + 8;
/** An index has an entry of 4 bytes per 64 bytes of segment, and a page. */
const MAX_BYTES = MAX_SEGMENTS * (SEGMENT_BYTES * (1 + 1 / 16) + 8192) + 2 ** 20;

export const campaign: Campaign = {
  name: 'endurance',
  title: 'hours of mixed load, with rolling and dropping; nothing may grow',
  shortRounds: SHORT_ROUNDS,
  place: 'disk',
  maxJobs: 1,
  unavailable: () => (process.platform === 'linux' ? undefined : 'needs /proc'),
  start: (folder) => Endurance.start(folder),
};

class Endurance implements Rounds {
  readonly #log: string;
  readonly #load: Load;
  readonly #followers: FollowersOf;
  readonly #samples: Sample[] = [];

  private constructor(log: string, load: Load, followers: FollowersOf) {
    this.#log = log;
    this.#load = load;
    this.#followers = followers;
  }

  static async start(folder: string): Promise<Endurance> {
    const log = join(folder, 'log');
    const load = new Load(log);
    return new Endurance(log, load, await FollowersOf.start(log));
  }

  async run(round: Round): Promise<void> {
    const { count, folder } = round;
    const seconds = round.number < SHORT_ROUNDS ? SHORT_SECONDS : SECONDS;
    const random = randomFrom(round.seed);
    await Promise.race([this.#load.run(seconds, random, count), this.#followers.failed]);
    count('seconds', seconds);
    await this.#load.settle();
    const followers = await this.#followers.sample(this.#load.nextOffset);
    for (const { records } of followers) count('followed', records);
    const sample = await this.#sample(round.number, followers);
    this.#samples.push(sample);
    this.#save(PROGRESS);
    const limits = { maxFiles: MAX_FILES, maxBytes: MAX_BYTES };
    const faults = [...countFaults(sample, limits), ...trendFaults(this.#samples)];
    if (faults.length === 0) return;
    this.#save(folder);
    throw new Error(faults.join('\n'));
  }

  async stop(): Promise<void> {
    await this.#followers.end();
    await this.#load.close();
    rmSync(this.#log, { recursive: true });
  }

  async #sample(
    round: number,
    followers: readonly [FollowerSample, FollowerSample],
  ): Promise<Sample> {
    await collectGarbage();
    const files = readdirSync(this.#log);
    const sizes = files.map((name) => statSync(join(this.#log, name)).blocks * 512);
    return {
      round,
      process: measureProcess(this.#log),
      heap: measureHeap(),
      append: this.#load.appendLatency.take(),
      timer: this.#load.timerLatency.take(),
      followers,
      logFiles: files.length,
      logBytes: sizes.reduce((sum, size) => sum + size, 0),
    };
  }

  #save(folder: string): void {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'endurance.csv'), samplesAsCsv(this.#samples));
  }
}
