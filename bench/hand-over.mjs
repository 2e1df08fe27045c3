/**
 * Isolates: how long it takes from just before `append` (commit each) until a reader elsewhere stands on
 * the record. Beside it, the same payload by `postMessage` and by a pipe. Readers run in a thread and in
 * a process; spinning (`next()` in a loop), blocked (`next({ timeoutMs })`) and on an event loop.
 *
 * The clock is `process.hrtime`, one for all processes of a machine; reading it costs 0.1 µs on each side.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { openAppender, openReader } from '../dist/index.js';
import { Bell } from '../dist/control/bell.js';
import { MiB, freshPath, title, warmPageCache } from './harness.mjs';

const SMALL = 64;
const WARM_UP = 500;
const nowNs = () => Number(process.hrtime.bigint());
const pauseUs = (us) => {
  for (const end = nowNs() + us * 1000; nowNs() < end;);
};

// --- The reader's side, in a worker or a child ---

const READERS = {
  spin(tailer, record) {
    while (!tailer.next());
    record(tailer.record);
  },
  block(tailer, record) {
    while (!tailer.next({ timeoutMs: 1000 }));
    record(tailer.record);
  },
};

async function read({ kind, description, count, times, port }) {
  const tailer = openReader(description).tailer({ from: 'end' });
  const taken = new Float64Array(count);
  let seen = 0;
  const record = (view) => {
    const now = nowNs();
    taken[seen] = now - (times === undefined ? view.getFloat64(0) : times[seen]);
    seen++;
  };
  port.send('ready');
  if (kind === 'async') {
    for await (const view of tailer) {
      record(view);
      if (seen === count) break;
    }
  } else while (seen < count) READERS[kind](tailer, record);
  tailer.close();
  port.send(percentiles(taken.subarray(WARM_UP)));
}

async function readMessages({ kind, count, port, onMessage }) {
  const taken = new Float64Array(count);
  let seen = 0;
  await new Promise((resolve) => {
    onMessage((data) => {
      taken[seen++] =
        nowNs() - Buffer.from(data.buffer ?? data, data.byteOffset ?? 0).readDoubleLE(0);
      if (seen === count) resolve();
    });
    port.send('ready');
  });
  port.send(percentiles(taken.subarray(WARM_UP)));
  void kind;
}

function percentiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return { p50: at(0.5), p99: at(0.99), p9999: at(0.9999), worst: sorted.at(-1) };
}

// --- The writer's side ---

/** `place`: 'thread' or 'process'. Resolves when the reader waits; `done` when it has everything. */
async function startReader(place, task) {
  const file = fileURLToPath(import.meta.url);
  if (place === 'thread') {
    const worker = new Worker(file, { workerData: task });
    await once(worker, 'message');
    return { worker, done: once(worker, 'message').then(([result]) => result) };
  }
  const child = fork(file, ['child', JSON.stringify(task)], { serialization: 'advanced' });
  await once(child, 'message');
  return { child, done: once(child, 'message').then(([result]) => (child.disconnect(), result)) };
}

async function handOver(kind, place, count, everyUs) {
  const path = freshPath('hand-over');
  const appender = openAppender(path, { flush: 'none' });
  const reader = openReader(path);
  const { done } = await startReader(place, { kind, description: reader.describe(), count });
  const payload = Buffer.alloc(SMALL);
  for (let i = 0; i < count; i++) {
    pauseUs(everyUs);
    if (kind === 'async' && i % 16 === 0) await new Promise(setImmediate);
    payload.writeDoubleLE(nowNs());
    appender.append(payload);
  }
  const result = await done;
  reader.close();
  await appender.close();
  show(`${kind}, in a ${place}`, result);
}

/** From the ring on: what the commit itself takes grows with the record, the hand-over must not. */
async function bySize(sizes, count) {
  const ring = Bell.prototype.ring;
  for (const size of sizes) {
    const path = freshPath('by-size');
    const appender = openAppender(path, {
      flush: 'none',
      segmentSizeBytes: Math.max(64 * MiB, Math.ceil((size * 64) / MiB) * MiB),
      indexCapacity: 100_000,
    });
    const reader = openReader(path, { verify: 'never' });
    const times = new Float64Array(new SharedArrayBuffer(count * 8));
    let at = 0;
    Bell.prototype.ring = function timed() {
      if (at < count) times[at] = nowNs();
      ring.call(this);
    };
    const task = { kind: 'spin', description: reader.describe(), count, times };
    const { done } = await startReader('thread', task);
    const payload = Buffer.alloc(size, 1);
    for (; at < count; at++) {
      pauseUs(100);
      appender.append(payload);
    }
    const result = await done;
    Bell.prototype.ring = ring;
    reader.close();
    await appender.close();
    show(`spin, in a thread, ${label(size)}, from the ring on`, result);
  }
}

async function byPostMessage(count, everyUs) {
  const { worker, done } = await startReader('thread', { kind: 'messages', count });
  for (let i = 0; i < count; i++) {
    pauseUs(everyUs);
    const payload = new Uint8Array(SMALL);
    new DataView(payload.buffer).setFloat64(0, nowNs(), true);
    worker.postMessage(payload);
  }
  show('postMessage, to a thread', await done);
}

async function byPipe(count, everyUs) {
  const { child, done } = await startReader('process', { kind: 'pipe', count });
  for (let i = 0; i < count; i++) {
    pauseUs(everyUs);
    const payload = Buffer.alloc(SMALL);
    payload.writeDoubleLE(nowNs());
    child.send(payload);
    await new Promise(setImmediate);
  }
  show('a pipe (IPC channel), to a process', await done);
}

function label(size) {
  return size >= MiB ? `${size / MiB} MiB` : size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
}

function show(name, { p50, p99, p9999, worst }) {
  const us = (ns) => `${(ns / 1000).toFixed(2)}`.padStart(9);
  console.log(
    `  ${name.padEnd(46)} p50 ${us(p50)}  p99 ${us(p99)}  p99.99 ${us(p9999)}  worst ${us(worst)} µs`,
  );
}

async function main() {
  title('hand-over of a record of 64 B, commit each');
  warmPageCache(512 * MiB);
  await handOver('spin', 'thread', 20_000, 20);
  await handOver('spin', 'process', 20_000, 20);
  await handOver('block', 'thread', 5_000, 300);
  await handOver('block', 'process', 5_000, 300);
  await handOver('async', 'thread', 5_000, 400);
  await handOver('async', 'process', 5_000, 400);
  await byPostMessage(5_000, 300);
  await byPipe(5_000, 300);
  await bySize([64, 1024, 64 * 1024, MiB, 4 * MiB], 600);
}

function asPort(send) {
  return { send };
}

if (!isMainThread) {
  const port = asPort((message) => parentPort.postMessage(message));
  const onMessage = (listener) => {
    parentPort.on('message', listener);
  };
  const task = { ...workerData, port, onMessage };
  await (workerData.kind === 'messages' ? readMessages(task) : read(task));
  parentPort.close();
} else if (process.argv[2] === 'child') {
  const port = asPort((message) => process.send(message));
  const onMessage = (listener) => process.on('message', listener);
  const task = { ...JSON.parse(process.argv[3]), port, onMessage };
  await (task.kind === 'pipe' ? readMessages(task) : read(task));
} else await main();
