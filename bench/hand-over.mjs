/**
 * Isolates: how long it takes from just before `append` (commit each) until a reader elsewhere stands on
 * the record. Beside it, the same payload by `postMessage` and by a pipe. Readers run in a thread and in
 * a process; spinning (`next()` in a loop), blocked (`next({ timeoutMs })`) and on an event loop
 * (`nextAsync`).
 *
 * The clock is `process.hrtime`, one for all processes of a machine; reading it costs 0.1 µs on each side.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Bell } from '../dist/control/bell.js';
import { COMMITTED_POSITION } from '../dist/format/index-header.js';
import { openAppender, openReader } from '../dist/index.js';
import { MiB, freshPath, title, warmPageCache } from './harness.mjs';

const SMALL = 64;
const READER = fileURLToPath(new URL('./hand-over-reader.mjs', import.meta.url));
const nowNs = () => Number(process.hrtime.bigint());

function pauseUs(us) {
  for (const end = nowNs() + us * 1000; nowNs() < end;);
}

/** Resolves when the reader is ready; `result` when it has everything. */
async function start(place, task) {
  const other =
    place === 'thread'
      ? new Worker(READER, { workerData: task })
      : fork(READER, [JSON.stringify(task)], { serialization: 'advanced' });
  await once(other, 'message');
  return { other, result: once(other, 'message').then(([percentiles]) => percentiles) };
}

async function handOver(kind, place, count, everyUs) {
  const path = freshPath('hand-over');
  const appender = openAppender(path, { flush: 'none' });
  const reader = openReader(path);
  const { result } = await start(place, { kind, description: reader.describe(), count });
  const payload = Buffer.alloc(SMALL);
  for (let i = 0; i < count; i++) {
    pauseUs(everyUs);
    payload.writeDoubleLE(nowNs());
    appender.append(payload);
  }
  show(`${kind}, in a ${place}`, await result);
  reader.close();
  await appender.close();
}

async function byMessage(place, name, count, everyUs) {
  const { other, result } = await start(place, { kind: 'messages', count });
  for (let i = 0; i < count; i++) {
    pauseUs(everyUs);
    const payload = new Uint8Array(SMALL);
    new DataView(payload.buffer).setFloat64(0, nowNs(), true);
    if (place === 'thread') other.postMessage(payload);
    else other.send(payload);
    // A pipe is written by the event loop.
    await new Promise(setImmediate);
  }
  show(name, await result);
}

/**
 * What the commit itself takes grows with the record, and so does the first touch of its pages; the
 * hand-over must not. So the reader does not verify, its pages are brought in before, and the clock
 * starts with the store that shows the record, or for a reader that sleeps, with the bell behind it.
 */
async function bySize(kind, size, count) {
  const path = freshPath('by-size');
  const appender = openAppender(path, {
    flush: 'none',
    // A third thread would take a core from one of the two.
    maintenance: false,
    segmentSizeBytes: Math.max(64 * MiB, 256 * size),
    indexCapacity: 100_000,
  });
  const reader = openReader(path, { verify: 'never' });
  const times = new Float64Array(new SharedArrayBuffer(count * 8));
  const task = { kind, description: reader.describe(), count, times };
  const { result } = await start('thread', task);
  const payload = Buffer.alloc(size, 1);
  const from = kind === 'spin' ? 'store' : 'bell';
  for (let i = 0; i < count; i++) {
    pauseUs(300);
    timed[from] = () => (times[i] = nowNs());
    appender.append(payload);
  }
  timed[from] = () => {};
  show(`${kind}, in a thread, ${label(size)}, from the ${from} on`, await result);
  reader.close();
  await appender.close();
}

/**
 * Called just before the store that shows a record, and before the bell rings. The last of either of an
 * append is the one of its commit.
 */
const timed = { store: () => {}, bell: () => {} };
const { store } = Atomics;
Atomics.store = (words, at, value) => {
  if (at === COMMITTED_POSITION) timed.store();
  return store(words, at, value);
};
const ring = Object.getOwnPropertyDescriptor(Bell.prototype, 'ring').value;
Bell.prototype.ring = function timedRing() {
  timed.bell();
  ring.call(this);
};

function label(size) {
  if (size >= MiB) return `${size / MiB} MiB`;
  return size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
}

function show(name, { p50, p99, p9999, worst }) {
  const us = (ns) => (ns / 1000).toFixed(2).padStart(9);
  console.log(
    `  ${name.padEnd(46)} p50 ${us(p50)}  p99 ${us(p99)}  p99.99 ${us(p9999)}  worst ${us(worst)} µs`,
  );
}

title('hand-over of a record of 64 B, commit each');
warmPageCache(512 * MiB);
for (const place of ['thread', 'process']) await handOver('spin', place, 20_000, 20);
for (const place of ['thread', 'process']) await handOver('block', place, 5000, 300);
for (const place of ['thread', 'process']) await handOver('async', place, 5000, 400);
await byMessage('thread', 'postMessage, to a thread', 5000, 300);
await byMessage('process', 'a pipe, to a process', 5000, 300);
for (const kind of ['spin', 'block']) {
  for (const size of [64, 1024, 64 * 1024, MiB, 4 * MiB]) await bySize(kind, size, 200);
}
