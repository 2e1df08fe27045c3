/** Single calls to the system that fail. Each of these was found by a campaign of `torture`. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fixture, isStraceUsable } from '../support/dying.js';
import { failCalls, healCalls, openFilesOf } from '../support/failing-calls.js';
import { runFixture } from '../support/fixtures.js';
import { indexFile, segmentFile, segmentsOf } from '../support/log-damage.js';
import { SMALL_SEGMENT_BYTES } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import type { Appender, AppenderOptions } from '../../src/index.js';

// Loaded after what stands between it and the system.
const { StorageError, openAppender, openMonitor, openReader, repairLog, verifyLog } =
  await import('../../src/index.js');

const QUIET: AppenderOptions = {
  segmentSizeBytes: SMALL_SEGMENT_BYTES,
  flush: 'none',
  maintenance: false,
};
const RECORD = new Uint8Array(1000).fill(7);

function fill(appender: Appender, segments: number, log: string): void {
  while (segmentsOf(log).length < segments) appender.append(RECORD);
}

async function madeLog(segments = 1): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, QUIET);
  appender.append(RECORD);
  fill(appender, segments, log);
  await appender.close();
  return log;
}

function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('Nothing was thrown');
}

async function expectWhole(log: string, end: number): Promise<void> {
  healCalls();
  const appender = openAppender(log, QUIET);
  expect(appender.nextOffset).toBe(end);
  await appender.close();
  expect(verifyLog(log)).toMatchObject({ isIntact: true, endOffset: end });
  expect(openFilesOf(log)).toEqual([]);
  expect(readdirSync(log).filter((name) => name.endsWith('.tmp'))).toEqual([]);
}

describe.skipIf(!existsSync('/proc/self/maps'))('a call that fails (skipped without /proc)', () => {
  it('in a close leaves nothing undone, be it of an appender, a reader or an answer', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    // Not of the files that Node reads whole, and closes itself.
    failCalls('closeSync', 'EIO', { times: Infinity, path: /\.(log|index)$|LOCK$/ });
    fill(appender, 3, log);
    const end = appender.nextOffset;
    const reader = openReader(log);
    expect(reader.get(end - 1).length).toBe(RECORD.length);
    reader.close();
    await appender.close();
    await expectWhole(log, end);
  });

  it('in a close of an index does not fail the repair that looks at it', async () => {
    const log = await madeLog(3);
    failCalls('closeSync', 'ENOSPC', { times: Infinity, path: /\.index$/ });
    expect(repairLog(log).lost).toEqual([]);
    healCalls();
    expect(verifyLog(log).isIntact).toBe(true);
    expect(openFilesOf(log)).toEqual([]);
  });

  it('in an unmapping is made again with the next one', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    appender.append(RECORD);
    failCalls('munmap', 'ENOMEM', { times: 2 });
    await appender.close();
    await expectWhole(log, 1);
  });

  it('in an unmapping of a thread that ends is made again by the one that has started it', async () => {
    const { result } = await runFixture('unmap-fails-in-threads', [temporaryLogPath()]);
    expect(result).toMatchObject({ threads: 2, left: [] });
    expect((result as { refused: number }).refused).toBeGreaterThanOrEqual(2);
  });

  it('in a look at the record before a position keeps a tailer where it is', async () => {
    const log = await madeLog();
    const reader = openReader(log);
    const tailer = reader.tailer();
    failCalls('madvise', 'EIO', { times: Infinity });
    expect(thrownBy(() => reader.tailer({ from: 1 }))).toMatchObject({ errno: 'EIO' });
    expect(thrownBy(() => tailer.seek(1))).toMatchObject({ errno: 'EIO' });
    healCalls();
    expect(tailer.nextOffset).toBe(0);
    expect(tailer.next()).toBe(true);
    reader.close();
    await expectWhole(log, 1);
  });

  it('in replacing a watch thread that has died is told to who waits, who may wait again', async () => {
    const { code, result } = await runFixture('watch-thread-dies', [temporaryLogPath()]);
    expect({ code, result }).toEqual({ code: 0, result: { told: 'STORAGE ENOMEM', offset: 0 } });
  });

  it.each([
    ['mmap', 'ENOMEM'],
    ['fcntl', 'ENOLCK'],
    ['mincore', 'EAGAIN'],
    ['openSync', 'EMFILE'],
    ['fstatSync', 'EIO'],
    ['statSync', 'EIO'],
    ['statfsSync', 'EIO'],
    ['readdirSync', 'EMFILE'],
    ['readFileSync', 'EIO'],
    ['readSync', 'EIO'],
    ['writeSync', 'EIO'],
    ['fdatasyncSync', 'EIO'],
    ['fsyncSync', 'EIO'],
    ['renameSync', 'EIO'],
  ] as const)(
    'in an opening, %s with %s, is told, and leaves nothing open',
    async (name, errno) => {
      for (let nth = 1; ; nth++) {
        const log = temporaryLogPath();
        const living = openAppender(`${log}-live`, QUIET);
        fill(living, 3, `${log}-live`);
        const end = living.nextOffset;
        // As its death leaves it, and without an index.
        const { cpSync } = await import('node:fs');
        cpSync(`${log}-live`, log, { recursive: true });
        await living.close();
        rmSync(indexFile(log, 0));
        rmSync(join(log, 'readers'));
        failCalls(name, errno, { nth });
        let appender: Appender | undefined;
        try {
          appender = openAppender(log, QUIET);
        } catch (error) {
          expect(error).toBeInstanceOf(StorageError);
          expect(error).toMatchObject({ errno });
          expect(openFilesOf(log)).toEqual([]);
        }
        healCalls();
        await appender?.close();
        await expectWhole(log, end);
        if (appender !== undefined) return;
      }
    },
  );

  it.each([
    ['mmap', 'ENOMEM'],
    ['madvise', 'EFAULT'],
    ['fcntl', 'ENOLCK'],
    ['openSync', 'EMFILE'],
    ['fstatSync', 'EIO'],
    ['statSync', 'EIO'],
    ['readdirSync', 'EMFILE'],
    ['readFileSync', 'EIO'],
    ['readSync', 'EIO'],
  ] as const)('in a reader, %s with %s, is told, and leaves nothing open', async (name, errno) => {
    const log = await madeLog(3);
    for (let nth = 1, isDone = false; !isDone; nth++) {
      failCalls(name, errno, { nth });
      const opened: { close(): void }[] = [];
      try {
        const reader = openReader(log);
        opened.push(reader);
        const tailer = reader.tailer();
        while (tailer.next());
        const monitor = openMonitor(log);
        opened.push(monitor);
        monitor.sample();
        isDone = true;
      } catch (error) {
        expect(error).toBeInstanceOf(StorageError);
      }
      healCalls();
      for (const one of opened) one.close();
      expect(openFilesOf(log)).toEqual([]);
    }
  });

  it('in both renames of a roll leaves it to be done again, at whatever offset', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    const full = new Uint8Array(SMALL_SEGMENT_BYTES - 4096 - 64 - 8 - 1000);
    appender.append(full);
    // The index has its name, the segment does not get one, and the index keeps it.
    failCalls('renameSync', 'EIO', { nth: 2, times: 2 });
    expect(thrownBy(() => appender.append(full))).toMatchObject({ errno: 'EIO' });
    healCalls();
    appender.append(new Uint8Array(0));
    expect(appender.append(full)).toBe(2);
    expect(segmentsOf(log)).toEqual([0, 2]);
    await appender.close();
    expect(existsSync(indexFile(log, 1))).toBe(false);
    await expectWhole(log, 3);
  });

  it('in looking at the file of a roll comes before anything has changed', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    failCalls('fstatSync', 'EIO', { path: /prepared|0{10}/ });
    const error = thrownBy(() => fill(appender, 2, log));
    expect(error).toMatchObject({ code: 'STORAGE', errno: 'EIO' });
    expect(segmentsOf(log)).toEqual([0]);
    fill(appender, 2, log);
    const end = appender.nextOffset;
    await appender.close();
    await expectWhole(log, end);
  });

  it.each([1, 2, 3])('in deletion %i of a drop has it done by the same call again', async (nth) => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fill(appender, 4, log);
    const end = appender.nextOffset;
    const bases = segmentsOf(log);
    failCalls('unlinkSync', 'EIO', { nth });
    await expect(appender.dropBefore(end)).rejects.toMatchObject({ errno: 'EIO' });
    expect(await appender.dropBefore(end)).toBe(bases.at(-1));
    expect(segmentsOf(log)).toEqual(bases.slice(-1));
    expect(readdirSync(log).filter((name) => name.endsWith('.index'))).toHaveLength(1);
    await appender.close();
    await expectWhole(log, end);
  });

  it('in reading an index that is sound does not have it made anew, empty', async () => {
    const log = await madeLog();
    failCalls('readSync', 'EIO', { times: Infinity, path: /\.index$/ });
    expect(thrownBy(() => openAppender(log, QUIET))).toMatchObject({ errno: 'EIO' });
    await expectWhole(log, 1);
    const reader = openReader(log);
    reader.get(0);
    expect(reader.indexFaults).toEqual([]);
    reader.close();
  });

  it('in looking for files is not taken for their absence, by a repair', async () => {
    const log = await madeLog(3);
    const [, a, b] = segmentsOf(log) as [number, number, number];
    const { renameSync } = await import('node:fs');
    renameSync(segmentFile(log, a), `${log}-a`);
    renameSync(segmentFile(log, b), segmentFile(log, a));
    renameSync(`${log}-a`, segmentFile(log, b));
    failCalls('statSync', 'EIO', { path: /aside$/ });
    expect(thrownBy(() => repairLog(log))).toMatchObject({ errno: 'EIO' });
    healCalls();
    expect(repairLog(log).lost).toEqual([]);
    expect(verifyLog(log)).toMatchObject({ isIntact: true, lostBefore: [] });
  });

  it('in a repair of the control page does not move the start of the log to 0', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fill(appender, 3, log);
    const start = await appender.dropBefore(appender.nextOffset);
    expect(start).toBeGreaterThan(0);
    // Whose frame names what is durable.
    appender.append(RECORD);
    await appender.close();
    rmSync(join(log, 'control'));
    // The second opening: the page has been made by then.
    failCalls('openSync', 'EMFILE', { nth: 2, path: /control$/ });
    expect(thrownBy(() => repairLog(log))).toMatchObject({ errno: 'EMFILE' });
    expect(existsSync(join(log, 'control'))).toBe(true);
    healCalls();
    expect(repairLog(log).lost).toEqual([]);
    expect(verifyLog(log)).toMatchObject({ startOffset: start, lostBefore: [] });
  });

  it.skipIf(!isStraceUsable())(
    'in looking at a file that was just opened leaves nothing open, by the kernel (skipped without strace)',
    async () => {
      const log = await madeLog();
      const path = join(log, 'control');
      const inject = 'inject=statx:error=EIO:when=1+';
      const strace = ['-f', '-qq', '-o', '/dev/null', '-P', path, '-e', inject];
      const script = [fixture('open-and-list.mjs'), log];
      const { stdout } = spawnSync('strace', [...strace, process.execPath, ...script], {
        encoding: 'utf8',
      });
      expect(JSON.parse(stdout)).toEqual({ code: 'STORAGE', errno: 'EIO', left: [] });
    },
  );

  it('in giving up the slot of a tailer does not keep it from closing', async () => {
    const log = await madeLog();
    const reader = openReader(log);
    const tailer = reader.tailer({ name: 'one' });
    failCalls('fcntl', 'EAGAIN');
    tailer.close();
    healCalls();
    const another = reader.tailer({ name: 'another' });
    const monitor = openMonitor(log);
    expect(monitor.sample().tailers.map(({ name }) => name)).toEqual(['another']);
    monitor.close();
    another.close();
    reader.close();
    expect(openFilesOf(log)).toEqual([]);
  });

  it('in asking whether a missing file is a link to nothing is typed', () => {
    const log = temporaryLogPath();
    failCalls('lstatSync', 'EIO');
    expect(thrownBy(() => openAppender(log))).toMatchObject({ code: 'STORAGE', errno: 'EIO' });
    expect(openFilesOf(log)).toEqual([]);
  });

  it('in reading segment headers is not told as damage by a repair that builds the control page', async () => {
    const log = await madeLog(2);
    rmSync(join(log, 'control'));
    failCalls('readSync', 'EIO', { times: Infinity, path: /\.log$/ });
    expect(thrownBy(() => repairLog(log))).toMatchObject({ code: 'STORAGE', errno: 'EIO' });
    healCalls();
    expect(repairLog(log).lost).toEqual([]);
    expect(verifyLog(log).isIntact).toBe(true);
  });

  it('in asking for the boot is told, and not taken for a system without any', async () => {
    const log = temporaryLogPath();
    // Asked once in a process, and remembered.
    const fresh = (await import(
      `${new URL('../../dist/recovery/residency.js', import.meta.url).href}?fresh`
    )) as { bootId(): string };
    failCalls('readFileSync', 'EMFILE', { path: /boot_id/ });
    expect(thrownBy(() => fresh.bootId())).toMatchObject({ code: 'STORAGE', errno: 'EMFILE' });
    healCalls();
    expect(fresh.bootId()).toMatch(/^[0-9a-f-]{36}$/);
    await openAppender(log, QUIET).close();
  });
});
