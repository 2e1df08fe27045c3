/**
 * Power cuts as the disk sees them: of everything stored since the last sync, any sectors may have
 * arrived and any not, and files created since may be missing. A cut alone must never look like damage,
 * must never cost a flushed record, and must leave a prefix of what was appended. Logs here live
 * through several cuts, each recovered and continued.
 */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, asyncProperty, nat } from 'fast-check';
import { expect, it } from 'vitest';
import { openAppender, type Appender } from '../../src/index.js';
import { randomFrom } from '../fixtures/witnessed-record.mjs';
import { copyOf, indexFile, readAll, segmentFile, segmentsOf } from '../support/log-damage.js';
import { BY_HAND } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const SECTOR_BYTES = 512;
const CUTS = 5;

type Random = () => number;

/** What is certainly on disk: files by name, and the offset up to which the log was flushed. */
interface Durable {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly flushed: number;
}

function filesOf(log: string, bases: readonly number[]): Map<string, Buffer> {
  const paths = bases.flatMap((base) => [segmentFile(log, base), indexFile(log, base)]);
  return new Map(paths.map((path) => [path.slice(log.length + 1), readFileSync(path)]));
}

/** Records tell which session wrote them, so that one that comes back from a cut is noticed. */
function makeRecord(offset: number, session: number, random: Random): string {
  return `${session}:${offset}:`.padEnd(8 + Math.floor(random() ** 3 * 1500), '*');
}

class Session {
  readonly #log: string;
  readonly #appender: Appender;
  readonly #random: Random;
  readonly #session: number;
  /** Everything in the log, committed or not. */
  readonly records: string[];
  committed: number;
  durable: Durable;

  constructor(log: string, session: number, records: string[], random: Random) {
    this.#log = log;
    this.#random = random;
    this.#session = session;
    this.#appender = openAppender(log, BY_HAND);
    this.records = records.slice(0, this.#appender.nextOffset);
    this.committed = this.#appender.nextOffset;
    this.durable = { files: filesOf(log, segmentsOf(log)), flushed: this.committed };
  }

  get recovery(): Appender['recovery'] {
    return this.#appender.recovery;
  }

  async run(steps: number): Promise<void> {
    for (let i = 0; i < steps; i++) {
      const segments = segmentsOf(this.#log);
      const kind = this.#random();
      if (kind < 0.6) this.#append(1);
      else if (kind < 0.8) this.#append(1 + Math.floor(this.#random() * 5));
      else if (kind < 0.92) this.#appender.commit();
      // May roll, and leave the new segment without a record.
      else if (kind < 0.96) this.#appender.reserve(1500).abandon();
      else await this.#flush();
      this.committed = this.#appender.committedOffset;
      this.#noticeRolls(segments);
    }
  }

  #append(count: number): void {
    const at = this.#appender.nextOffset;
    const batch = Array.from({ length: count }, (_, i) =>
      makeRecord(at + i, this.#session, this.#random),
    );
    this.#appender.appendBatch(batch.map(bytes));
    this.records.push(...batch);
  }

  async #flush(): Promise<void> {
    const { flushedOffset } = await this.#appender.flush();
    this.durable = { files: filesOf(this.#log, segmentsOf(this.#log)), flushed: flushedOffset };
  }

  /** Without a maintenance thread, a roll syncs the sealed segment with its index, not the new one. */
  #noticeRolls(before: readonly number[]): void {
    const now = segmentsOf(this.#log);
    if (now.length === before.length) return;
    const flushed = now.at(-1) as number;
    this.durable = { files: filesOf(this.#log, now.slice(0, -1)), flushed };
  }

  /** The log after a power cut at this moment, in a place of its own. */
  async cut(): Promise<string> {
    if (this.#random() < 0.3) await this.#close();
    const copy = copyOf(this.#log);
    const isHarsh = this.#random() < 0.5;
    const share = this.#random();
    for (const [name, after] of filesOf(copy, segmentsOf(copy))) {
      const before = this.durable.files.get(name);
      const path = join(copy, name);
      if (before === undefined && this.#random() < 0.3) rmSync(path);
      else writeFileSync(path, this.#mix(before, after, isHarsh ? share : 0.9));
    }
    await this.#appender.close();
    return copy;
  }

  /** A cut after a clean close finds everything on disk but a segment that nothing was stored in. */
  async #close(): Promise<void> {
    await this.#appender.close();
    this.committed = this.#appender.committedOffset;
    const synced = segmentsOf(this.#log).filter((base) => base < this.committed);
    this.durable = { files: filesOf(this.#log, synced), flushed: this.committed };
  }

  #mix(before: Buffer | undefined, after: Buffer, arrived: number): Buffer {
    const mixed = Buffer.from(after);
    for (let at = 0; at < mixed.length; at += SECTOR_BYTES) {
      if (this.#random() < arrived) continue;
      const old = before?.subarray(at, at + SECTOR_BYTES) ?? Buffer.alloc(SECTOR_BYTES);
      old.copy(mixed, at);
    }
    return mixed;
  }
}

it('a log survives power cuts with everything flushed, and a prefix of the rest', async () => {
  let truncated = 0;
  let aside = 0;
  const liveThrough = async (seed: number): Promise<void> => {
    const random = randomFrom(seed);
    let log = temporaryLogPath();
    let records: string[] = [];
    let flushed = 0;
    let committed = 0;
    for (let session = 0; session < CUTS; session++) {
      const living = new Session(log, session, records, random);
      const end = living.records.length;
      expect(end).toBeGreaterThanOrEqual(flushed);
      expect(end).toBeLessThanOrEqual(committed);
      expect(readAll(log)).toEqual(records.slice(0, end));
      if (living.recovery.tornTail !== undefined) truncated++;
      aside += living.recovery.setAside.length;
      await living.run(Math.floor(random() * 60));
      log = await living.cut();
      ({ records, committed } = living);
      flushed = living.durable.flushed;
    }
    expect(existsSync(log)).toBe(true);
  };
  await assert(asyncProperty(nat(), liveThrough), {
    numRuns: Number(process.env['FC_NUM_RUNS'] ?? 25),
  });
  // The cuts were real ones.
  expect(truncated).toBeGreaterThan(10);
  expect(aside).toBeGreaterThan(0);
});
