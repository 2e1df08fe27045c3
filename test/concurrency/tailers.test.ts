/**
 * Tailers in threads and processes while one appender after the other is killed, each leaving the log as
 * it is; the last one closes it. Tailers start before the first, in between, and after the last.
 *
 * | what a tailer sees                                                   |           |
 * | -------------------------------------------------------------------- | --------- |
 * | every record from its start on, once, in order, as it was appended   | required  |
 * | the end, at the close by the last appender, with nothing unread      | required  |
 * | records later than another tailer; many at once, or one by one       | allowed   |
 * | a record twice, not at all, out of order, half, of foreign bytes     | forbidden |
 * | a batch in part: nothing more to read, but not at the end of a batch | forbidden |
 * | the end while the log is not closed; an error; a hang                | forbidden |
 *
 * A batch is in part for less than a microsecond, if it ever is, so one appender and a tailer that looks all
 * the time are left alone for that line as well.
 *
 * `STRATALOG_KILLS` sets how many appenders are killed (8 by default), `STRATALOG_SEED` repeats a run's
 * choices.
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { openAppender, openReader, verifyLog } from '../../src/index.js';
import { checkRecord, makeRecord, randomFrom } from '../fixtures/witnessed-record.mjs';
import { dieWith, fixture } from '../support/dying.js';
import { range } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const KILLS = Number(process.env['STRATALOG_KILLS'] ?? 8);
const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);
const SEGMENT = { segmentSizeBytes: 64 * 1024 };

interface Task {
  readonly log: string;
  readonly bound: 'committed' | 'flushed';
  readonly how: 'blocked' | 'spinning' | 'async';
  readonly from: 'start' | number;
}

interface Tailing {
  readonly task: Task;
  readonly ready: Promise<unknown>;
  readonly outcome: Promise<unknown>;
}

function start(place: 'thread' | 'process', task: Task): Tailing {
  const source =
    place === 'thread'
      ? new Worker(fixture('witnessed-tailer.mjs'), { workerData: task })
      : fork(fixture('witnessed-tailer.mjs'), [JSON.stringify(task)], { stdio: 'inherit' });
  let heard: (outcome: unknown) => void;
  const outcome = new Promise((resolve) => (heard = resolve));
  source.on('message', (message: { outcome?: unknown }) => {
    if (message.outcome !== undefined) heard(message.outcome);
  });
  source.on('exit', () => heard({ error: 'it has died' }));
  return { task, ready: once(source, 'message'), outcome };
}

function startAll(log: string, from: 'start' | number): Tailing[] {
  return [
    start('thread', { log, bound: 'committed', how: 'blocked', from }),
    start('process', { log, bound: 'flushed', how: 'blocked', from }),
    start('thread', { log, bound: 'flushed', how: 'async', from }),
    start('process', { log, bound: 'committed', how: 'async', from }),
  ];
}

async function writeAndKill(log: string, witness: string, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const options = {
    ...SEGMENT,
    commit: random() < 0.5 ? 'each' : { bytes: 4000, delayMs: 1 },
    flush: { everyMs: 3 },
    maintenance: random() < 0.5,
  };
  const work = JSON.stringify({ options, seed });
  const child = spawn(process.execPath, [fixture('witnessed-writer.mjs'), log, witness, work], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([once(child.stdout, 'data'), exited]);
  await sleep(10 + random() * 60);
  child.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
}

it(`tailers see everything once, whoever writes and dies (${KILLS} kills, seed ${SEED})`, async () => {
  const log = temporaryLogPath();
  const witness = `${log}.witness`;
  writeFileSync(witness, Buffer.alloc(16));
  dieWith(log, SEGMENT);
  const tailings = startAll(log, 'start');
  await Promise.all(tailings.map(({ ready }) => ready));
  for (let kill = 0; kill < KILLS; kill++) {
    await writeAndKill(log, witness, (SEED + kill) | 0);
    if (kill === KILLS >> 1) {
      const reader = openReader(log);
      tailings.push(...startAll(log, reader.committedOffset >> 1));
      reader.close();
    }
  }
  const last = openAppender(log, SEGMENT);
  for (let i = 0; i < 100; i++) last.append(makeRecord(last.nextOffset));
  const end = last.nextOffset;
  await last.close();
  tailings.push(...startAll(log, 'start'));
  const outcomes = await Promise.all(tailings.map(({ outcome }) => outcome));
  expect(outcomes).toEqual(
    tailings.map(({ task: { from } }) => ({
      from: from === 'start' ? 0 : from,
      to: end,
      isEnded: true,
    })),
  );
  expect(verifyLog(log).isIntact).toBe(true);
  const reader = openReader(log);
  expect(checkRecord(end - 1, reader.get(end - 1).payload)).toBe(end);
  reader.close();
});

it.each(['thread', 'process'] as const)(
  'a tailer in another %s that looks all the time sees each batch whole or not at all',
  async (place) => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...SEGMENT, maintenance: false });
    const tailing = start(place, { log, bound: 'committed', how: 'spinning', from: 'start' });
    await tailing.ready;
    for (let batch = 0; batch < 2000; batch++) {
      const at = appender.nextOffset;
      const count = 2 + (batch % 60);
      appender.appendBatch(range(0, count).map((i) => makeRecord(at + i, at, count)));
      if (batch % 50 === 0) await sleep(0);
    }
    const end = appender.nextOffset;
    await appender.close();
    expect(await tailing.outcome).toEqual({ from: 0, to: end, isEnded: true });
  },
);
