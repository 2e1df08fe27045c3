/**
 * Isolates: delays at a steady pace, coordinated omission counted. Records of 128 B are due every 20 µs;
 * each carries the time at which it was due, and a spinning reader in another thread takes the time at
 * which it stands on it. Whatever makes the writer late counts for every record that is late by it.
 *
 * Beside it the same two loops with nothing in them, which hand over a counter in shared memory: the
 * machine's own noise. `node bench/paced.mjs 5` for 5 M records; by default 1 M.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { openAppender, openReader } from '../dist/index.js';
import { MiB, freshPath, settle, title, warmPageCache } from './harness.mjs';

const COUNT = Number(process.argv[2] ?? 1) * 1e6;
const EVERY_NS = 20_000;
const SIZE = 128;
const nowNs = () => Number(process.hrtime.bigint());

async function run(name, description, send, word) {
  const startNs = new Float64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./paced-reader.mjs', import.meta.url), {
    workerData: { description, count: COUNT, startNs, everyNs: EVERY_NS, word },
  });
  await once(worker, 'message');
  const late = once(worker, 'message');
  const start = (startNs[0] = nowNs() + 1e6);
  for (let i = 0; i < COUNT; i++) {
    const due = start + i * EVERY_NS;
    while (nowNs() < due);
    send(due, i);
  }
  show(name, (await late)[0].sort());
}

function show(name, sorted) {
  const at = (share) => (sorted[Math.floor(share * (sorted.length - 1))] / 1000).toFixed(1);
  console.log(
    `  ${name.padEnd(26)} p50 ${at(0.5)}  p99 ${at(0.99)}  p99.9 ${at(0.999)}  p99.99 ${at(0.9999)}  worst ${at(1)} µs`,
  );
}

title(`${COUNT / 1e6} M records of ${SIZE} B, one every ${EVERY_NS / 1000} µs`);
warmPageCache(COUNT * (SIZE + 80) + 256 * MiB);
settle();

const path = freshPath('paced');
const appender = openAppender(path, { segmentSizeBytes: 256 * MiB, indexCapacity: 2_000_000 });
const reader = openReader(path);
const payload = Buffer.alloc(SIZE);
await appender.prepare();
await run('the log, commit each', reader.describe(), (due) => {
  payload.writeDoubleLE(due);
  appender.append(payload);
});
reader.close();
await appender.close();

const word = new Int32Array(new SharedArrayBuffer(4));
await run('the same with nothing in it', undefined, (_, i) => Atomics.store(word, 0, i + 1), word);
