/** A file system that fills up. Needs root, to mount a small tmpfs. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  StorageError,
  openAppender,
  openReader,
  repairLog,
  type Appender,
  type AppenderOptions,
} from '../../src/index.js';
import { dieWith } from '../support/dying.js';
import { flipBit, readAll, segmentFile, segmentsOf } from '../support/log-damage.js';
import { canMountTmpfs, fill, mountTmpfs } from '../support/small-file-system.js';
import { bytes } from '../support/temporary-log.js';

function name(i: number): string {
  return `record ${i} `.padEnd(1000, 'x');
}

function names(end: number): string[] {
  return Array.from({ length: end }, (_, i) => name(i));
}

/** Appends until the disk is full. */
function appendUntilFull(appender: Appender): StorageError {
  for (;;) {
    const before = appender.nextOffset;
    try {
      appender.append(bytes(name(before)));
    } catch (error) {
      expect(error).toBeInstanceOf(StorageError);
      expect(appender.nextOffset).toBe(before);
      return error as StorageError;
    }
  }
}

const MODES: [string, AppenderOptions][] = [
  ['with the maintenance thread', { maintenance: true }],
  ['without it', { maintenance: false }],
  ['with open frames', { maintenance: true, commit: 'manual' }],
];

describe.skipIf(!canMountTmpfs())(
  'on a full disk (skipped where a tmpfs cannot be mounted)',
  () => {
    it.each(MODES)('append is refused, and goes on when space returns, %s', async (_, mode) => {
      const directory = mountTmpfs(1024) as string;
      const log = join(directory, 'log');
      const appender = openAppender(log, { segmentSizeBytes: 64 * 1024, flush: 'none', ...mode });
      const ballast = fill(directory, 300);
      expect(appendUntilFull(appender)).toMatchObject({ code: 'STORAGE', errno: 'ENOSPC' });
      const end = appender.nextOffset;
      expect(end).toBeGreaterThan(60);
      // Again and again the same, and nothing is left behind by the attempts.
      for (let i = 0; i < 5; i++)
        expect(() => appender.append(bytes(name(end)))).toThrow(StorageError);
      expect(() => appender.appendBatch([bytes(name(end)), bytes(name(end))])).toThrow(
        StorageError,
      );
      expect(() => appender.reserve(1000)).toThrow(StorageError);
      expect(appender.nextOffset).toBe(end);
      expect(segmentsOf(log).length).toBeGreaterThan(1);
      appender.commit();
      expect(readAll(log)).toEqual(names(end));
      expect(await appender.flush()).toEqual({ flushedOffset: end, durable: false });
      rmSync(ballast);
      for (let i = end; i < end + 100; i++) expect(appender.append(bytes(name(i)))).toBe(i);
      await appender.close();
      expect(readdirSync(log).filter((file) => file.endsWith('.tmp'))).toEqual([]);
      const again = openAppender(log, { segmentSizeBytes: 64 * 1024 });
      expect(again.recovery.outcome).toBe('clean');
      await again.close();
      expect(readAll(log)).toEqual(names(end + 100));
    });

    it('append is refused when the segment fits and its index does not', async () => {
      const directory = mountTmpfs(1024) as string;
      const log = join(directory, 'log');
      const appender = openAppender(log, {
        segmentSizeBytes: 64 * 1024,
        indexCapacity: 8000,
        flush: 'none',
        maintenance: false,
      });
      const ballast = fill(directory, 72);
      expect(appendUntilFull(appender).errno).toBe('ENOSPC');
      expect(readdirSync(log).filter((file) => file.endsWith('.tmp'))).toEqual([]);
      const end = appender.nextOffset;
      rmSync(ballast);
      appender.append(bytes(name(end)));
      await appender.close();
      expect(readAll(log)).toEqual(names(end + 1));
    });

    it('a log can still be read and recovered, and appended to as far as its segments reach', async () => {
      const directory = mountTmpfs(1024) as string;
      const log = join(directory, 'log');
      const options: AppenderOptions = {
        segmentSizeBytes: 64 * 1024,
        flush: 'none',
        maintenance: false,
      };
      const appender = openAppender(log, options);
      appender.append(bytes(name(0)));
      await appender.close();
      fill(directory, 0);
      const again = openAppender(log, options);
      expect(again.nextOffset).toBe(1);
      again.append(bytes(name(1)));
      const reader = openReader(log);
      expect(reader.committedOffset).toBe(2);
      reader.close();
      await again.close();
      expect(readAll(log)).toEqual(names(2));
    });

    it('a recovery or repair that is refused takes no room for good, and succeeds later', async () => {
      const directory = mountTmpfs(1024) as string;
      const log = join(directory, 'log');
      const options: AppenderOptions = { segmentSizeBytes: 256 * 1024, maintenance: false };
      dieWith(log, { ...options, flush: 'none' }, ['append', 2000]);
      // The first frame is damaged, so all of them are a torn tail.
      flipBit(segmentFile(log, 0), 4096 + 100);
      const aside = (): string[] => readdirSync(join(log, 'aside'));
      const temporaries = (): string[] => readdirSync(log).filter((file) => file.endsWith('.tmp'));
      const ballast = fill(directory, 60);
      for (let i = 0; i < 3; i++) {
        expect(() => openAppender(log, options)).toThrow(StorageError);
        expect(aside()).toEqual([]);
        expect(() => repairLog(log)).toThrow(StorageError);
        expect(temporaries()).toEqual([]);
      }
      rmSync(ballast);
      const appender = openAppender(log, options);
      expect(appender.recovery.tornTail?.lengthBytes).toBeGreaterThan(100_000);
      expect(aside()).toHaveLength(1);
      await appender.close();
    });

    it('the first opening of a log is refused, and succeeds when space returns', async () => {
      const directory = mountTmpfs(1024) as string;
      const log = join(directory, 'log');
      for (const leaveKiB of [0, 8, 16, 60]) {
        const ballast = fill(directory, leaveKiB);
        expect(() => openAppender(log, { segmentSizeBytes: 64 * 1024 })).toThrow(StorageError);
        rmSync(ballast);
      }
      const appender = openAppender(log, { segmentSizeBytes: 64 * 1024, maintenance: false });
      appender.append(bytes(name(0)));
      await appender.close();
      expect(readAll(log)).toEqual(names(1));
    });
  },
);
