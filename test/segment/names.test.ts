/** How files get their names, and that none of them is changed under those who have it mapped. */
import fs, { readFileSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { COMMITTED_POSITION, FLUSHED_POSITION } from '../../src/format/index-header.js';
import { decodeSegmentHeader } from '../../src/format/segment-header.js';
import { StorageError, openAppender, openReader, verifyLog } from '../../src/index.js';
import {
  FIRST_FRAME_AT,
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  readAll,
  segmentFile,
  segmentsOf,
} from '../support/log-damage.js';
import { range, thrownBy } from '../support/logs.js';
import { QUIET, fill, nameOf, namesOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const SEGMENT_OR_INDEX = /\/\d{20}\.(log|index)$/;

function restoreWhenFinished(): void {
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
}

/** Calls `before` with the new name of every file that is renamed. */
function watchRenames(before: (from: string, to: string) => void): void {
  const { renameSync } = fs;
  vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    before(String(from), String(to));
    renameSync(from, to);
  });
  syncBuiltinESMExports();
  restoreWhenFinished();
}

describe('a segment', () => {
  it('is whole when it gets its name: its header, and the words of its index', async () => {
    const log = temporaryLogPath();
    const named: unknown[] = [];
    watchRenames((from, to) => {
      const content = readFileSync(from);
      const [, base, kind] = /(\d{20})\.(log|index)$/.exec(to) ?? [];
      if (kind === 'log') named.push([decodeSegmentHeader(content, from).base, Number(base)]);
      if (kind !== 'index') return;
      const words = new Int32Array(content.buffer, content.byteOffset, 1024);
      named.push([words[COMMITTED_POSITION], words[FLUSHED_POSITION]]);
    });
    const appender = openAppender(log, QUIET);
    fill(log, 3, () => appender.append(bytes(nameOf(appender.nextOffset))));
    const empty = [FIRST_FRAME_AT / 8, FIRST_FRAME_AT / 8];
    expect(named).toEqual(segmentsOf(log).flatMap((base) => [empty, [base, base]]));
    await appender.close();
    expect(verifyLog(log).isIntact).toBe(true);
  });

  it.each(['.index', '.log'])(
    'that cannot be renamed to its %s leaves the log as it was: a roll whose rename fails is tried again',
    async (ending) => {
      const log = temporaryLogPath();
      const appender = openAppender(log, QUIET);
      let failing = false;
      watchRenames((_, to) => {
        if (failing && to.endsWith(ending)) {
          throw Object.assign(new Error('EIO'), { code: 'EIO', errno: -5, syscall: 'rename' });
        }
      });
      const last = (16_384 - FIRST_FRAME_AT) / (64 + 48);
      while (appender.nextOffset < Math.floor(last)) {
        appender.append(bytes(nameOf(appender.nextOffset)));
      }
      failing = true;
      const before = appender.nextOffset;
      for (const _ of range(0, 3)) {
        expect(thrownBy(() => appender.append(bytes(nameOf(before))))).toBeInstanceOf(StorageError);
      }
      expect([appender.nextOffset, appender.committedOffset]).toEqual([before, before]);
      expect(fs.readdirSync(log).filter((name) => /^\d/.test(name))).toHaveLength(2);
      expect(readAll(log)).toEqual(namesOf(0, before));
      failing = false;
      expect(appender.append(bytes(nameOf(before)))).toBe(before);
      expect(segmentsOf(log)).toEqual([0, before]);
      await appender.close();
      expect(readAll(log)).toEqual(namesOf(0, before + 1));
      expect(verifyLog(log).isIntact).toBe(true);
    },
  );
});

describe('recovery', () => {
  it('is such that no file that is mapped becomes shorter, or is written anew in its place', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fill(log, 2, () => appender.append(bytes(nameOf(appender.nextOffset))));
    for (let i = 0; i < 5; i++) appender.append(bytes(nameOf(appender.nextOffset)));
    const copy = copyOf(log);
    await appender.close();
    const [, active] = segmentsOf(copy) as [number, number];
    const frames = framesIn(copy, active);
    flipBit(segmentFile(copy, active), (frames[3]?.position as number) + 80);
    rmSync(indexFile(copy, 0));
    flipBit(indexFile(copy, active), 0);
    const reader = openReader(copy);
    const opened = new Map<number, string>();
    const emptied: string[] = [];
    const { openSync, ftruncateSync } = fs;
    vi.spyOn(fs, 'openSync').mockImplementation((path, flags, mode) => {
      const emptiesIt = typeof flags === 'string' && flags.startsWith('w');
      if (emptiesIt && SEGMENT_OR_INDEX.test(String(path))) emptied.push(String(path));
      const fd = openSync(path, flags, mode);
      opened.set(fd, String(path));
      return fd;
    });
    vi.spyOn(fs, 'ftruncateSync').mockImplementation((fd, length) => {
      // The lock is mapped by nobody.
      if (!opened.get(fd)?.endsWith('/LOCK')) emptied.push(opened.get(fd) ?? String(fd));
      ftruncateSync(fd, length);
    });
    syncBuiltinESMExports();
    restoreWhenFinished();
    const again = openAppender(copy, QUIET);
    expect(again.recovery.tornTail?.path).toBe(segmentFile(copy, active));
    expect(again.recovery.rebuiltIndexes).toHaveLength(2);
    expect(emptied).toEqual([]);
    // Who has mapped what was there before goes on with it.
    const offsets = Array.from(reader.cursor(), ({ offset }) => offset);
    expect(offsets).toEqual(range(0, active + 3));
    reader.close();
    await again.close();
    expect(verifyLog(copy).isIntact).toBe(true);
  });
});
