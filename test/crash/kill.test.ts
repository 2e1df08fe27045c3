/**
 * Appenders that are killed at random moments. `STRATALOG_KILLS` sets how many (40 by default),
 * `STRATALOG_SEED` repeats a run's choices (the moments themselves are the system's).
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  openAppender,
  openReader,
  type AppenderOptions,
  type CommitPolicy,
  type FlushSchedule,
} from '../../src/index.js';
import { checkRecord, randomFrom } from '../fixtures/witnessed-record.mjs';
import { fixture } from '../support/dying.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const KILLS = Number(process.env['STRATALOG_KILLS'] ?? 40);
const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);
const SEGMENT = { segmentSizeBytes: 64 * 1024 };

const COMMITS: readonly CommitPolicy[] = [
  'each',
  'manual',
  { bytes: 2000, delayMs: 1 },
  { bytes: 16_000, delayMs: 5 },
];
const FLUSHES: readonly FlushSchedule[] = ['none', 'each', { everyMs: 2 }, { everyMs: 50 }];

interface Witness {
  readonly acknowledged: number;
  readonly intended: number;
}

function readWitness(path: string): Witness {
  const bytes = readFileSync(path);
  return { acknowledged: bytes.readDoubleLE(0), intended: bytes.readDoubleLE(8) };
}

function optionsFor(seed: number): AppenderOptions {
  const random = randomFrom(seed);
  const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
  return {
    ...SEGMENT,
    commit: pick(COMMITS),
    flush: pick(FLUSHES),
    maintenance: random() < 0.5,
  };
}

/** Starts a writer, kills it, and returns when it is dead. Fails if it ended by itself. */
async function writeAndKill(log: string, witness: string, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const work = JSON.stringify({ options: optionsFor(seed), seed });
  const child = spawn(process.execPath, [fixture('witnessed-writer.mjs'), log, witness, work], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const exited = once(child, 'exit');
  // Most die while they append; some while they start, which is when they recover.
  if (random() < 0.75) {
    await Promise.race([once(child.stdout, 'data'), exited]);
    await sleep(random() * 40);
  } else {
    await sleep(40 + random() * 60);
  }
  child.kill('SIGKILL');
  const [code, signal] = (await exited) as [number | null, string | null];
  expect({ seed, code, signal, complaint }).toEqual({
    seed,
    code: null,
    signal: 'SIGKILL',
    complaint: '',
  });
}

/** Checks records from `from` on, and that the last batch is whole. Returns the end. */
function checkLog(log: string, from: number): number {
  const reader = openReader(log);
  try {
    const cursor = reader.cursor({ from });
    let end = from;
    let batchEnd = from;
    while (cursor.next()) {
      expect(cursor.offset).toBe(end);
      batchEnd = checkRecord(end, cursor.payload);
      end++;
    }
    expect(batchEnd).toBe(end);
    return end;
  } finally {
    reader.close();
  }
}

/** Recovers, holds the result against the witness, and opens again to see that nothing is left to do. */
async function checkRecovery(log: string, witness: string, from: number): Promise<number> {
  const { acknowledged, intended } = readWitness(witness);
  const first = openAppender(log, SEGMENT);
  expect([acknowledged, intended]).toContain(first.nextOffset);
  const end = checkLog(log, from);
  expect(end).toBe(first.nextOffset);
  expect(first.recovery).toMatchObject({ setAside: [], rebuiltIndexes: [] });
  await first.close();
  const second = openAppender(log, SEGMENT);
  expect(second.recovery).toMatchObject({ outcome: 'clean', walkedBytes: 0, tornTail: undefined });
  expect(second.nextOffset).toBe(end);
  await second.close();
  return end;
}

function startFollower(log: string): { child: ChildProcess; done: Promise<unknown> } {
  const child = fork(fixture('witnessed-follower.mjs'), [log], { stdio: 'inherit' });
  const done = new Promise((resolve, reject) => {
    child.on('message', (message: { ready?: true }) => {
      if (message.ready !== true) resolve(message);
    });
    child.on('exit', () => reject(new Error('The follower has died')));
  });
  return { child, done };
}

describe('an appender that is killed', () => {
  it(`loses nothing that it had acknowledged (${KILLS} kills, seed ${SEED})`, async () => {
    const log = temporaryLogPath();
    const witness = `${log}.witness`;
    writeFileSync(witness, Buffer.alloc(16));
    await openAppender(log, SEGMENT).close();
    const follower = startFollower(log);
    const random = randomFrom(SEED);
    let checked = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      await writeAndKill(log, witness, (SEED + kill) | 0);
      // Else the next writer finds what this one left, and holds it against the witness itself.
      if (random() < 0.5) checked = await checkRecovery(log, witness, checked);
      else checkLog(log, checked);
    }
    const end = await checkRecovery(log, witness, checked);
    expect(checkLog(log, 0)).toBe(end);
    follower.child.send({ until: end });
    expect(await follower.done).toEqual({ seen: [end, end] });
    expect(end).toBeGreaterThan(KILLS);
  });
});
