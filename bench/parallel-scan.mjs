/**
 * Isolates: what threads add to a scan. A flyweight sums one float of every 64 B record, in pools of 1
 * and 2 threads that exist already: at first touch with checksums (every scan in a fresh pool), and warm
 * (every thread has seen all of the log). Beside it: a plain loop over a `Float64Array` of the same bytes
 * in 1 and 2 plain threads, which is the limit of memory. And what it costs to set up a scan.
 *
 *   node bench/parallel-scan.mjs [GiB]        default 2; the log should fit into memory
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { openAppender, openReader, scan } from '../dist/index.js';
import {
  GiB,
  MiB,
  freshPath,
  line,
  median,
  secondsAsync,
  title,
  warmPageCache,
} from './harness.mjs';

const BYTES = Number(process.argv[2] ?? 2) * GiB;
const RECORD_BYTES = 72;
const RECORDS = Math.floor(BYTES / RECORD_BYTES);
const ROUNDS = 3;
const WARMING = 6;
const MODULE = new URL('./parallel-scan-worker.mjs', import.meta.url);

title(`parallel scan of ${(RECORDS / 1e6).toFixed(0)} M records of 64 B`);
warmPageCache(BYTES + GiB);
const path = freshPath('parallel-scan');
await makeLog();
const reader = openReader(path);
const files = reader
  .segments()
  .map((segment) => ({ path: segment.path, sizeBytes: segment.sizeBytes }));

const spent = { first: [[], []], warm: [[], []], bare: [[], []] };
for (let round = 0; round < ROUNDS; round++) {
  for (const threads of [1, 2]) {
    const at = threads - 1;
    const pool = await startedPool(threads);
    spent.first[at].push(await secondsAsync(() => sumIn(pool)));
    // Which thread gets which piece is chance, so it takes some scans until each has seen all.
    for (let i = 0; i < WARMING; i++) await sumIn(pool);
    spent.warm[at].push(await secondsAsync(() => sumIn(pool)));
    await pool.destroy();
    spent.bare[at].push(await bareLoop(threads));
  }
}
show('first touch, with checksums', spent.first);
show('warm', spent.warm);
show('  plain loop over Float64Array', spent.bare);
await showSetUp();
reader.close();

async function makeLog() {
  const appender = openAppender(path, {
    segmentSizeBytes: 256 * MiB,
    commit: { bytes: 65536 },
    flush: 'none',
  });
  const payload = Buffer.alloc(64, 1);
  for (let i = 0; i < RECORDS; i++) {
    payload.writeDoubleLE(i % 1000, 8);
    appender.append(payload);
  }
  await appender.close();
}

/** A pool whose threads have loaded what they need, and have not seen the log. */
async function startedPool(threads) {
  const pool = new Piscina({ minThreads: threads, maxThreads: threads });
  const other = freshPath('other');
  const appender = openAppender(other, { segmentSizeBytes: MiB, flush: 'none' });
  for (let i = 0; i < 1000; i++) appender.append(Buffer.alloc(64));
  await appender.close();
  await scan(other, { module: MODULE, name: 'sum', pool, pieceBytes: 1000 });
  return pool;
}

async function sumIn(pool) {
  const add = (total, part) => total + part;
  const { records } = await scan(reader, {
    module: MODULE,
    name: 'sum',
    pool,
    reduce: add,
    initial: 0,
  });
  if (records !== RECORDS) throw new Error(`Scanned ${records} of ${RECORDS} records`);
}

async function bareLoop(threads) {
  const workers = Array.from({ length: threads }, (_, i) => {
    const own = files.filter((_file, at) => at % threads === i);
    return new Worker(MODULE, { workerData: { files: own } });
  });
  const heard = () => Promise.all(workers.map((worker) => once(worker, 'message')));
  await heard();
  const taken = await secondsAsync(async () => {
    const answers = heard();
    for (const worker of workers) worker.postMessage('go');
    await answers;
  });
  await Promise.all(workers.map((worker) => worker.terminate()));
  return taken;
}

function show(name, [one, two]) {
  const ratio = median(one) / median(two);
  const gigabytes = (taken) =>
    `${((RECORDS * RECORD_BYTES) / median(taken) / 1e9).toFixed(1)} GB/s`;
  line(`${name}, 1 thread`, RECORDS / median(one), 'rec', gigabytes(one));
  line(
    `${name}, 2 threads`,
    RECORDS / median(two),
    'rec',
    `${gigabytes(two)}, ${ratio.toFixed(2)} x`,
  );
}

/** A scan of one record, beside nothing at all in the same pool. */
async function showSetUp() {
  const pool = await startedPool(2);
  const options = { module: MODULE, name: 'nothing', pool, from: 0, to: 1 };
  await scan(reader, options);
  await scan(path, options);
  const taken = { reader: [], path: [] };
  for (let i = 0; i < 50; i++) {
    taken.reader.push(await secondsAsync(() => scan(reader, options)));
    taken.path.push(await secondsAsync(() => scan(path, options)));
  }
  const ms = (times) => `${(median(times) * 1000).toFixed(2)} ms`;
  console.log(`  set-up on an existing pool, of a reader${ms(taken.reader).padStart(18)}`);
  console.log(`  the same, of a path${ms(taken.path).padStart(38)}`);
  await pool.destroy();
}
