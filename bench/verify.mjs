/**
 * Isolates: what threads add to a verification. `verifyLog` in the calling thread, and
 * `verifyLogInParallel` with 1 and 2 threads of its own, which start with it; the log lies in the page
 * cache. Beside it: the same files read with `pread` and summed, in 1 and 2 plain threads, which is the
 * limit of memory and checksum. Processor time is that of all threads: where others take the cores, it
 * says what the work costs when the time that passes does not.
 *
 *   node bench/verify.mjs [GiB]        default 2; the log should fit into memory
 */
import { once } from 'node:events';
import { closeSync, openSync, readSync } from 'node:fs';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { crc32c } from '@node-rs/crc32';
import { openAppender, openReader, verifyLog, verifyLogInParallel } from '../dist/index.js';
import {
  GiB,
  MiB,
  freshPath,
  line,
  median,
  secondsAsync,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const ROUNDS = 5;

if (isMainThread) await run();
else readFiles();

async function run() {
  const bytes = Number(process.argv[2] ?? 2) * GiB;
  const records = Math.floor(bytes / 72);
  title(`verification of ${(records / 1e6).toFixed(0)} M records of 64 B`);
  warmPageCache(bytes + GiB);
  const path = freshPath('verify');
  await makeLog(path, records);
  const reader = openReader(path);
  const files = reader.segments().map(({ path: file, usedBytes }) => ({ file, usedBytes }));
  reader.close();
  settle();
  const spent = { alone: [], one: [], two: [], bare: [[], []] };
  const processor = { alone: [], one: [], two: [] };
  const measure = async (name, action) => {
    const before = process.cpuUsage();
    spent[name].push(await secondsAsync(action));
    const { user, system } = process.cpuUsage(before);
    processor[name].push((user + system) / 1e6);
  };
  await verifyLogInParallel(path);
  for (let round = 0; round < ROUNDS; round++) {
    await measure('alone', () => check(verifyLog(path), records));
    for (const [name, workers] of [
      ['one', 1],
      ['two', 2],
    ]) {
      await measure(name, async () => check(await verifyLogInParallel(path, { workers }), records));
    }
    for (const threads of [1, 2]) spent.bare[threads - 1].push(await bareRead(files, threads));
  }
  const show = (name, taken, note = '') =>
    line(name, bytes / median(taken) / 1e6, 'MB', `${median(taken).toFixed(2)} s${note}`);
  const cpu = (name) => `, ${median(processor[name]).toFixed(2)} s of processors`;
  const ratio = (a, b) => `, ${(median(a) / median(b)).toFixed(2)} x`;
  show('verifyLog, in the calling thread', spent.alone, cpu('alone'));
  show('verifyLogInParallel, 1 thread', spent.one, cpu('one'));
  show('verifyLogInParallel, 2 threads', spent.two, cpu('two') + ratio(spent.one, spent.two));
  show('  read and sum alone, 1 thread', spent.bare[0]);
  show('  read and sum alone, 2 threads', spent.bare[1], ratio(...spent.bare));
}

async function makeLog(path, records) {
  const appender = openAppender(path, {
    segmentSizeBytes: 256 * MiB,
    commit: { bytes: 65536 },
    flush: 'none',
  });
  const payload = Buffer.alloc(64, 1);
  for (let i = 0; i < records; i++) appender.append(payload);
  await appender.close();
}

function check(report, records) {
  if (!report.isIntact || report.records !== records) throw new Error('The log is not intact');
}

async function bareRead(files, threads) {
  const workers = Array.from({ length: threads }, (_, i) => {
    const own = files.filter((_file, at) => at % threads === i);
    return new Worker(new URL(import.meta.url), { workerData: own });
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

function readFiles() {
  const chunk = Buffer.alloc(MiB);
  parentPort.on('message', () => {
    let sum = 0;
    for (const { file, usedBytes } of workerData) {
      const fd = openSync(file, 'r');
      for (let at = 4096; at < usedBytes; at += chunk.length) {
        readSync(fd, chunk, 0, chunk.length, at);
        for (let i = 0; i < chunk.length; i += 65536) sum ^= crc32c(chunk.subarray(i, i + 65536));
      }
      closeSync(fd);
    }
    parentPort.postMessage(sum);
  });
  parentPort.postMessage('ready');
}
