/**
 * Isolates: what readers that follow cost the appender. 64 B, group commit 64 KiB, with 0, 1 and 8
 * tailers in threads of their own. More readers than
 * free cores take the appender's core from it; that is the scheduler's doing, and shows as such.
 */
import { once } from 'node:events';
import { cpus } from 'node:os';
import { Worker } from 'node:worker_threads';
import { openAppender, openReader } from '../dist/index.js';
import {
  MiB,
  bytesNote,
  freshPath,
  line,
  median,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const RECORDS = 4e6;
const SIZE = 64;
const ROUNDS = 3;
const NUMBERS = [0, 1, 8];

async function appendWith(followers) {
  const path = freshPath('followers');
  const appender = openAppender(path, {
    segmentSizeBytes: 512 * MiB,
    indexCapacity: RECORDS + 1000,
    commit: { bytes: 64 * 1024 },
    flush: 'none',
  });
  const reader = openReader(path);
  const workers = await Promise.all(
    Array.from({ length: followers }, () => start(reader.describe())),
  );
  settle();
  await appender.prepare();
  const payload = Buffer.alloc(SIZE, 0x5a);
  const taken = seconds(() => {
    for (let i = 0; i < RECORDS; i++) appender.append(payload);
    appender.commit();
  });
  const ends = workers.map((worker) => once(worker, 'message'));
  await appender.close();
  for (const [records] of await Promise.all(ends)) {
    if (records !== RECORDS) throw new Error(`A follower has seen ${records} records`);
  }
  reader.close();
  return RECORDS / taken;
}

async function start(description) {
  const worker = new Worker(new URL('./follower.mjs', import.meta.url), {
    workerData: description,
  });
  await once(worker, 'message');
  return worker;
}

title(`append ${SIZE} B, group commit 64 KiB, ${RECORDS / 1e6} M records, while readers follow`);
warmPageCache(1024 * MiB);
const rates = new Map(NUMBERS.map((number) => [number, []]));
for (let round = 0; round < ROUNDS; round++) {
  for (const number of NUMBERS) rates.get(number).push(await appendWith(number));
}
const alone = median(rates.get(0));
for (const [number, found] of rates) {
  const note = `${((100 * median(found)) / alone).toFixed(0)} % of alone, ${cpus().length} cores`;
  line(`${number} readers`, median(found), 'rec', `${note}; ${bytesNote(median(found), SIZE)}`);
}
