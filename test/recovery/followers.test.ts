/** Readers of a log whose appender died, before and after another one takes it over. */
import fs, { readFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  inspectLock,
  openAppender,
  openReader,
  type Appender,
  type Cursor,
} from '../../src/index.js';
import { AppenderLock } from '../../src/mapping/lock.js';
import { dieWith } from '../support/dying.js';
import {
  framesIn,
  indexFile,
  overwrite,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { BY_HAND, nameOf, namesOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

function append(appender: Appender, count: number): void {
  for (let i = 0; i < count; i++) appender.append(bytes(nameOf(appender.nextOffset)));
  appender.commit();
}

function drain(cursor: Cursor): string[] {
  const records: string[] = [];
  while (cursor.next()) records.push(text(cursor.payload));
  return records;
}

describe('a reader of a log whose appender died', () => {
  it('sees what was committed, and nothing of the open frame', () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 300], ['commit'], ['append', 4]);
    const reader = openReader(log);
    expect(reader.committedOffset).toBe(300);
    const cursor = reader.cursor();
    expect(drain(cursor)).toEqual(namesOf(0, 300));
    expect(cursor.next()).toBe(false);
    reader.close();
  });

  it('goes on live when another appender has recovered the log', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 300], ['commit'], ['append', 4]);
    const reader = openReader(log);
    const cursor = reader.cursor();
    expect(drain(cursor)).toEqual(namesOf(0, 300));
    const appender = openAppender(log, BY_HAND);
    expect(drain(cursor)).toEqual(namesOf(300, 304));
    append(appender, 500);
    expect(drain(cursor)).toEqual(namesOf(304, 804));
    expect(reader.committedOffset).toBe(804);
    expect(text(reader.get(302).payload)).toBe(nameOf(302));
    await appender.close();
    expect(cursor.next()).toBe(false);
    reader.close();
  });

  it('goes on when the log died between a seal and the first record behind it', async () => {
    const log = temporaryLogPath();
    const room = Math.floor((16 * 1024 - 4096 - 64) / 48);
    dieWith(log, BY_HAND, ['append', room], ['reserve', 40]);
    expect(segmentsOf(log)).toEqual([0, room]);
    const reader = openReader(log);
    const cursor = reader.cursor();
    expect(drain(cursor)).toEqual(namesOf(0, room));
    const appender = openAppender(log, BY_HAND);
    append(appender, 2);
    expect(drain(cursor)).toEqual(namesOf(room, room + 2));
    await appender.close();
    reader.close();
  });

  it('does not believe words that run ahead of the data while the next one still recovers', () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 3], ['commit']);
    // As after a power cut: the words have arrived, the second frame has not.
    const second = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), second);
    const lock = AppenderLock.acquire(log);
    expect(inspectLock(log).isLocked).toBe(true);
    const reader = openReader(log);
    expect(reader.committedOffset).toBe(3);
    expect(drain(reader.cursor())).toEqual(namesOf(0, 3));
    reader.close();
    lock.release();
  });

  it('sees nothing of the words before a recovery is done, at whichever of its syncs it opens the log', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 3], ['commit']);
    const second = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), second);
    const { fdatasyncSync } = fs;
    const seen: number[] = [];
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation((fd) => {
      const reader = openReader(log);
      seen.push(reader.committedOffset, drain(reader.cursor()).length);
      reader.close();
      fdatasyncSync(fd);
    });
    syncBuiltinESMExports();
    onTestFinished(() => {
      vi.restoreAllMocks();
      syncBuiltinESMExports();
    });
    const appender = openAppender(log, BY_HAND);
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    expect(seen.length).toBeGreaterThan(2);
    expect(new Set(seen)).toEqual(new Set([3]));
    await appender.close();
  });

  it('that follows the flushed bound stays below it, and goes on with it', async () => {
    const log = temporaryLogPath();
    const steps = [['append', 3], ['commit'], ['flush'], ['append', 2], ['commit']] as const;
    dieWith(log, BY_HAND, ...steps);
    const reader = openReader(log, { bound: 'flushed' });
    const cursor = reader.cursor();
    // The frame that was committed after the flush is what names it.
    expect(drain(cursor)).toEqual(namesOf(0, 3));
    const appender = openAppender(log, BY_HAND);
    // Recovery has stored and synced everything.
    expect(drain(cursor)).toEqual(namesOf(3, 5));
    append(appender, 1);
    expect(drain(cursor)).toEqual([]);
    await appender.flush();
    expect(drain(cursor)).toEqual(namesOf(5, 6));
    await appender.close();
    reader.close();
  });

  it('is told of damage at the end, after everything before it', () => {
    const log = temporaryLogPath();
    const steps = [['append', 3], ['commit'], ['append', 3], ['commit'], ['flush']] as const;
    dieWith(log, BY_HAND, ...steps, ['append', 1], ['commit']);
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 64);
    const reader = openReader(log);
    const cursor = reader.cursor();
    const seen: string[] = [];
    expect(() => {
      while (cursor.next()) seen.push(text(cursor.payload));
    }).toThrow(
      expect.objectContaining({ code: 'CORRUPTION', position: hit, lost: { from: 3, to: 6 } }),
    );
    expect(seen).toEqual(namesOf(0, 3));
    reader.close();
  });
});

describe('a reader that was live when the appender died', () => {
  it('goes on with the next one, over salvaged records and rolls', async () => {
    const log = temporaryLogPath();
    await openAppender(log, BY_HAND).close();
    const reader = openReader(log);
    const cursor = reader.cursor();
    let seen = 0;
    for (let round = 0; round < 4; round++) {
      dieWith(log, BY_HAND, ['append', 150], ['commit'], ['append', 3]);
      const appender = openAppender(log, BY_HAND);
      expect(appender.recovery.salvagedRecords).toBe(3);
      expect(drain(cursor)).toEqual(namesOf(seen, seen + 153));
      append(appender, 10);
      expect(drain(cursor)).toEqual(namesOf(seen + 153, seen + 163));
      seen += 163;
      await appender.close();
    }
    expect(readAll(log)).toEqual(namesOf(0, seen));
    reader.close();
  });
});

describe('a reader that had to find the end of a sealed segment by itself', () => {
  it('keeps to what it found when an appender opens the log', async () => {
    const log = temporaryLogPath();
    const first = openAppender(log, BY_HAND);
    while (segmentsOf(log).length < 3) append(first, 20);
    const end = first.nextOffset;
    await first.close();
    // Words of nonsense, in an index that is otherwise sound.
    overwrite(indexFile(log, 0), 1024, new Uint8Array(1024));
    expect(
      readFileSync(indexFile(log, 0))
        .subarray(1024, 2048)
        .every((byte) => byte === 0),
    ).toBe(true);
    const reader = openReader(log);
    expect(text(reader.get(0).payload)).toBe(nameOf(0));
    const cursor = reader.cursor();
    expect(cursor.next()).toBe(true);
    const appender = openAppender(log, BY_HAND);
    expect(appender.recovery.outcome).toBe('clean');
    append(appender, 20);
    // The takeover is noticed here.
    expect(reader.committedOffset).toBe(end + 20);
    expect(text(reader.get(100).payload)).toBe(nameOf(100));
    expect(drain(cursor)).toEqual(namesOf(1, end + 20));
    await appender.close();
    reader.close();
  });
});
