/**
 * Isolates: what durability costs. Beside each: `pwrite` + `fdatasync` of as many bytes into a
 * preallocated file, in turn, a thousand at a time. Bytes written to the disk are the device's own count.
 */
import { closeSync, fdatasyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { openAppender } from '../dist/index.js';
import { allocateFile } from '../dist/mapping/files.js';
import {
  MiB,
  freshPath,
  line,
  median,
  place,
  secondsAsync,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const ROUNDS = 5;
title('durable appends');
warmPageCache(512 * MiB);

const batch = Array.from({ length: 1000 }, () => Buffer.alloc(64, 1));
const batchBytes = Buffer.alloc(1000 * 72 + 64, 1);
const record = Buffer.alloc(64, 1);
const recordBytes = Buffer.alloc(136, 1);

let appender = openAppender(freshPath('flush'), { commit: 'manual', flush: 'none' });
const rawPath = freshPath('raw');
const raw = openSync(rawPath, 'w+');
allocateFile(raw, 128 * MiB, rawPath);
fdatasyncSync(raw);
let rawPosition = 0;

await appender.prepare();
settle();
await compare(
  'batches of 1,000 x 64 B, each flushed',
  100,
  () => appender.appendBatch(batch),
  batchBytes,
  'batch',
);
await compare(
  'append 64 B + await flush()',
  1000,
  () => appender.append(record),
  recordBytes,
  'rec',
);
await appender.close();
appender = openAppender(freshPath('flush'), { commit: 'each', flush: 'each' });
await appender.prepare();
const flushedBySchedule = true;
await compare(
  'append 64 B, flush each',
  1000,
  () => appender.append(record),
  recordBytes,
  'rec',
  flushedBySchedule,
);
await appender.close();
closeSync(raw);

async function compare(name, times, append, bytes, unit, isFlushed = false) {
  const ours = [];
  const raws = [];
  const written = { ours: 0, raw: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    settle();
    let before = diskBytes();
    const taken = await secondsAsync(async () => {
      for (let i = 0; i < times; i++) {
        append();
        if (!isFlushed) await appender.flush();
      }
    });
    written.ours += diskBytes() - before;
    settle();
    before = diskBytes();
    const rawTaken = seconds(() => {
      for (let i = 0; i < times; i++) {
        writeSync(raw, bytes, 0, bytes.length, rawPosition);
        rawPosition = (rawPosition + bytes.length) % (100 * MiB);
        fdatasyncSync(raw);
      }
    });
    written.raw += diskBytes() - before;
    ours.push(times / taken);
    raws.push(times / rawTaken);
  }
  const ratio = ((100 * median(ours)) / median(raws)).toFixed(0);
  line(name, median(ours), unit, `${ratio} % of raw`);
  const perOp = (total) => Math.round(total / (times * ROUNDS));
  line('  pwrite + fdatasync', median(raws), unit);
  console.log(
    `  written to disk per ${unit}: ${perOp(written.ours)} bytes, raw ${perOp(written.raw)} (payload with framing ${bytes.length})`,
  );
}

/** Bytes that the device under the bench directory has written. */
function diskBytes() {
  const { dev } = statSync(place);
  const major = (dev >> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  const row = readFileSync('/proc/diskstats', 'utf8')
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find((fields) => Number(fields[0]) === major && Number(fields[1]) === minor);
  return row === undefined ? 0 : Number(row[9]) * 512;
}
