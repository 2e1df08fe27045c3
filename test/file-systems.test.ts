/** File systems that are read-only, full at a bad moment, failing, or cannot do what a log needs. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  StorageError,
  inspectLock,
  openAppender,
  openReader,
  verifyLog,
  type AppenderOptions,
} from '../src/index.js';
import { dieWith, fixture, isStraceUsable } from './support/dying.js';
import { contents, copyOf, readAll, segmentFile } from './support/log-damage.js';
import { appendNumbered, numberedOffsets, range, thrownBy } from './support/logs.js';
import { namesOf } from './support/quiet-logs.js';
import { temporaryLogPath } from './support/temporary-log.js';

const OPTIONS: AppenderOptions = {
  segmentSizeBytes: 64 * 1024,
  commit: 'manual',
  flush: 'none',
  maintenance: false,
};

const mounted: string[] = [];

afterEach(() => {
  for (const directory of mounted.splice(0)) {
    spawnSync('umount', ['-l', directory]);
    rmSync(directory, { recursive: true, force: true });
  }
});

function mountTmpfs(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), 'stratalog-mount-'));
  const args = ['-t', 'tmpfs', '-o', 'size=1024k', 'tmpfs', directory];
  if (spawnSync('mount', args).status !== 0) {
    rmSync(directory, { recursive: true, force: true });
    return undefined;
  }
  mounted.push(directory);
  return directory;
}

function canMount(): boolean {
  const directory = mountTmpfs();
  if (directory === undefined) return false;
  spawnSync('umount', [directory]);
  rmSync(directory, { recursive: true, force: true });
  mounted.length = 0;
  return true;
}

function remountReadOnly(directory: string): void {
  const { status } = spawnSync('mount', ['-o', 'remount,ro', directory]);
  expect(status).toBe(0);
}

describe.skipIf(!canMount())('a read-only file system (skipped where none can be mounted)', () => {
  it('lets readers and verification work on a log that was closed, and refuses an appender', async () => {
    const directory = mountTmpfs() as string;
    const log = join(directory, 'log');
    const appender = openAppender(log, OPTIONS);
    appendNumbered(appender, 200, 500);
    await appender.close();
    remountReadOnly(directory);
    const reader = openReader(log);
    expect(numberedOffsets(reader)).toEqual(range(0, 200));
    reader.close();
    expect(verifyLog(log)).toMatchObject({ isIntact: true, records: 200 });
    expect(inspectLock(log).isLocked).toBe(false);
    const error = thrownBy(() => openAppender(log, OPTIONS));
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ errno: 'EROFS' });
    expect((error as Error).message).toContain('read-only file system');
  });

  it('lets readers work on a log whose appender died, and on an empty one', async () => {
    const directory = mountTmpfs() as string;
    const dead = join(directory, 'dead');
    const empty = join(directory, 'empty');
    dieWith(dead, OPTIONS, ['append', 30], ['commit'], ['append', 5]);
    await openAppender(empty, OPTIONS).close();
    remountReadOnly(directory);
    expect(readAll(dead)).toEqual(namesOf(0, 30));
    expect(readAll(empty)).toEqual([]);
  });
});

describe.skipIf(!canMount())('a disk that is full (skipped where none can be mounted)', () => {
  it('makes a recovery that has to keep a torn tail fail, which is made good when space returns', () => {
    const directory = mountTmpfs() as string;
    const log = join(directory, 'log');
    dieWith(log, OPTIONS, ['append', 30], ['commit'], ['append', 400]);
    // Another inode: the open frame counts as a torn tail.
    const copy = join(directory, 'copy');
    spawnSync('cp', ['-r', log, copy]);
    rmSync(log, { recursive: true });
    const { bavail, bsize } = statfsSync(directory);
    const ballast = join(directory, 'ballast');
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 4096));
    const before = contents(copy);
    const error = thrownBy(() => openAppender(copy, OPTIONS));
    expect(error).toMatchObject({ code: 'STORAGE', errno: 'ENOSPC' });
    expect(contents(copy)).toMatchObject(
      Object.fromEntries(Object.entries(before).filter(([name]) => name.endsWith('.log'))),
    );
    expect(readAll(copy)).toEqual(namesOf(0, 30));
    rmSync(ballast);
    const again = openAppender(copy, OPTIONS);
    expect(again.recovery.tornTail?.lengthBytes).toBeGreaterThan(400 * 48);
    expect(again.nextOffset).toBe(30);
    return again.close();
  });
});

/** Opens a log for appending under strace, which makes calls fail; says what came of it. */
function openWith(
  log: string,
  inject: string,
  path?: string,
  script = 'append-or-tell.mjs',
): string {
  const only = path === undefined ? [] : ['-P', path];
  const strace = ['-f', '-qq', '-o', '/dev/null', ...only, '-e', `inject=${inject}`];
  const command = [process.execPath, fixture(script), log, JSON.stringify(OPTIONS)];
  return spawnSync('strace', [...strace, ...command], { encoding: 'utf8' }).stdout.trim();
}

describe.skipIf(!isStraceUsable())('a file system (skipped without strace)', () => {
  it('that cannot map files is refused with a StorageError that says so', async () => {
    const log = temporaryLogPath();
    await openAppender(log, OPTIONS).close();
    const before = contents(log);
    const told = openWith(log, 'mmap:error=ENODEV', join(log, 'control'));
    expect(told).toBe(
      `STORAGE Cannot map ${join(log, 'control')}: ENODEV (this file system cannot map files)`,
    );
    expect(contents(log)).toEqual(before);
  });

  it('that cannot allocate gets its blocks by zeros that are written', () => {
    const log = temporaryLogPath();
    expect(openWith(log, 'fallocate:error=EOPNOTSUPP')).toBe('appended 1000');
    expect(verifyLog(log)).toMatchObject({ isIntact: true, records: 1000, isClosed: true });
    const { status, stdout } = spawnSync('du', ['-k', '--apparent-size', log]);
    expect(status).toBe(0);
    const used = spawnSync('du', ['-k', log]).stdout;
    expect(parseInt(String(used), 10)).toBeGreaterThanOrEqual(parseInt(String(stdout), 10) - 8);
  });

  it('that refuses to allocate is a StorageError, and leaves no log that looks like one', () => {
    const log = temporaryLogPath();
    expect(openWith(log, 'fallocate:error=EDQUOT')).toContain('EDQUOT (disk quota exceeded)');
    expect(readdirSync(log).filter((name) => /^\d{20}|^control$/.test(name))).toEqual([]);
  });

  it('that cannot clear a range has a torn tail cleared by zeros that are written', () => {
    const log = temporaryLogPath();
    dieWith(log, OPTIONS, ['append', 30], ['commit'], ['append', 400]);
    const copy = copyOf(log);
    const end = 4096 + 64 + 30 * 48;
    const isTailClear = (): boolean =>
      readFileSync(segmentFile(copy, 0))
        .subarray(end)
        .every((byte) => byte === 0);
    expect(isTailClear()).toBe(false);
    expect(openWith(copy, 'fallocate:error=EOPNOTSUPP', undefined, 'open-log.mjs')).toBe(
      'recovered',
    );
    expect(isTailClear()).toBe(true);
    expect(readAll(copy)).toEqual(namesOf(0, 30));
  });

  it('that cannot read a segment makes recovery fail with EIO, and nothing is changed', () => {
    const log = temporaryLogPath();
    dieWith(log, OPTIONS, ['append', 30], ['commit'], ['append', 4]);
    const before = contents(log);
    const path = segmentFile(log, 0);
    expect(openWith(log, 'pread64:error=EIO:when=2+', path)).toBe(
      `STORAGE Cannot read ${path}: EIO (input/output error)`,
    );
    expect(contents(log)).toEqual(before);
    expect(readAll(log)).toEqual(namesOf(0, 30));
  });
});
