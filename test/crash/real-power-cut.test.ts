/**
 * Power cuts of a real file system: ext4 in a file of its own, which is told to go down at once and to
 * write nothing more. Needs root, loop devices and mkfs.ext4.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import koffi from 'koffi';
import { afterAll, describe, expect, it } from 'vitest';
import type { AppenderOptions } from '../../src/index.js';
import { fixture } from '../support/dying.js';
import { runFixture } from '../support/fixtures.js';

const CUTS = Number(process.env['STRATALOG_CUTS'] ?? 4);
/** `FS_IOC_SHUTDOWN` of Linux, and its flag for doing so without writing the journal. */
const FS_IOC_SHUTDOWN = 0x8004_587d;
const WITHOUT_JOURNAL = 2;

const folder = mkdtempSync(join(tmpdir(), 'stratalog-disk-'));
const image = join(folder, 'image');
const disk = join(folder, 'disk');

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).status === 0;
}

function mount(): boolean {
  return run('mount', '-o', 'loop', image, disk);
}

function makeDisk(): boolean {
  mkdirSync(disk);
  writeFileSync(image, '');
  truncateSync(image, 64 * 1024 * 1024);
  return run('mkfs.ext4', '-q', '-F', image) && mount();
}

const isReady = process.platform === 'linux' && process.getuid?.() === 0 && makeDisk();

afterAll(() => {
  run('umount', '-l', disk);
  rmSync(folder, { recursive: true, force: true });
});

const ioctl = koffi.load(null).func('int ioctl(int fd, ulong request, uint32_t *flags)');

function cutPower(): void {
  const fd = openSync(disk, 'r');
  try {
    expect(ioctl(fd, FS_IOC_SHUTDOWN, [WITHOUT_JOURNAL])).toBe(0);
  } finally {
    closeSync(fd);
  }
}

/** Runs a writer until the power is cut; returns the last offset that it had flushed. */
async function writeUntilCut(log: string, options: AppenderOptions): Promise<number> {
  const args = [fixture('flushing-writer.mjs'), log, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'close');
  let told = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
  await Promise.race([once(child.stdout, 'data'), exited]);
  await sleep(50 + Math.random() * 150);
  // What is told during the cut does not count: a sync may then succeed that is cut short.
  const flushed = told.slice(0, told.lastIndexOf('\n'));
  cutPower();
  child.kill('SIGKILL');
  await exited;
  return Number(flushed.split('\n').at(-1));
}

describe.skipIf(!isReady)('a power cut (skipped where no disk can be made)', () => {
  it.each([{ maintenance: false }, { maintenance: true }])(
    'takes nothing that was flushed, and leaves a prefix ($maintenance)',
    async ({ maintenance }) => {
      const log = join(disk, `log-${maintenance}`);
      const options: AppenderOptions = {
        segmentSizeBytes: 256 * 1024,
        maintenance,
        flush: maintenance ? { everyMs: 5 } : 'none',
        commit: maintenance ? { bytes: 4000, delayMs: 2 } : 'each',
      };
      let before = 0;
      for (let cut = 0; cut < CUTS; cut++) {
        const flushed = await writeUntilCut(log, options);
        expect(flushed).toBeGreaterThanOrEqual(before);
        expect(run('umount', disk)).toBe(true);
        expect(mount()).toBe(true);
        // In a process of its own, whose mappings would keep the disk busy.
        const { result } = await runFixture('recover-and-check', [log, JSON.stringify(options)]);
        const { nextOffset } = result as { nextOffset: number };
        const end = { nextOffset, flushedOffset: nextOffset, end: nextOffset };
        expect(result).toEqual({ ...end, wrong: 0, isIntact: true });
        expect(nextOffset).toBeGreaterThanOrEqual(flushed);
        before = nextOffset;
      }
      expect(before).toBeGreaterThan(100);
    },
  );
});
