/** What every bench shares: a place to write, a warm page cache, fair turns, and a printed line. */
import {
  closeSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import v8 from 'node:v8';

export const MiB = 1024 * 1024;
export const GiB = 1024 * MiB;

/** Directory for the logs of this run; `STRATALOG_BENCH_DIR` moves it to another disk. */
export const place = mkdtempSync(
  join(process.env.STRATALOG_BENCH_DIR ?? tmpdir(), 'stratalog-bench-'),
);
process.on('exit', () => rmSync(place, { recursive: true, force: true }));

export function freshPath(name) {
  const path = join(place, name);
  rmSync(path, { recursive: true, force: true });
  return path;
}

/**
 * Touches as much page-cache memory as a bench will use, and gives it back: on a fresh virtual machine
 * the first touch of its memory costs ten times a normal page fault, and would be all that is measured.
 */
export function warmPageCache(bytes) {
  const path = join(place, 'warm');
  const chunk = Buffer.alloc(16 * MiB, 1);
  const fd = openSync(path, 'w');
  for (let done = 0; done < bytes; done += chunk.length) writeSync(fd, chunk);
  fdatasyncSync(fd);
  closeSync(fd);
  unlinkSync(path);
}

/** Lets write-back of earlier phases finish, so that it is not charged to the next. */
export function settle() {
  execFileSync('sync');
}

export function seconds(action) {
  const start = process.hrtime.bigint();
  action();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

export async function secondsAsync(action) {
  const start = process.hrtime.bigint();
  await action();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

export function median(values) {
  return values.toSorted
    ? values.toSorted((a, b) => a - b)[values.length >> 1]
    : [...values].sort((a, b) => a - b)[values.length >> 1];
}

export function title(text) {
  console.log(`\n# ${text}`);
  console.log(`  ${cpus()[0]?.model}, ${cpus().length} cores, Node ${process.version}`);
}

export function line(name, perSecond, unit, note = '') {
  const shown =
    perSecond >= 1e6 ? `${(perSecond / 1e6).toFixed(2)} M` : `${Math.round(perSecond)} `;
  console.log(`  ${name.padEnd(44)} ${shown.padStart(9)}${unit}/s  ${note}`);
}

export function bytesNote(perSecond, size) {
  return `${((perSecond * size) / 1e6).toFixed(0)} MB/s, ${(1e9 / perSecond).toFixed(1)} ns`;
}

/** Bytes of heap that one of `run`'s turns costs: the least of several short runs, none of which a collection has cut short. */
export function heapBytes(run) {
  run(300_000);
  let least = Infinity;
  const step = 20_000;
  for (let i = 0; i < 20; i++) {
    const before = v8.getHeapStatistics().used_heap_size;
    run(step);
    const grown = v8.getHeapStatistics().used_heap_size - before;
    if (grown >= 0) least = Math.min(least, grown / step);
  }
  return least;
}
