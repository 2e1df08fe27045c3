/** Frame times, on a wall clock that somebody sets. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openAppender, openReader, type AppenderOptions } from '../../src/index.js';
import { dieWith } from '../support/dying.js';
import { allFrames, copyOf, segmentFile, segmentsOf } from '../support/log-damage.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const OPTIONS: AppenderOptions = {
  segmentSizeBytes: 16 * 1024,
  maintenance: false,
  flush: 'none',
};
/** In the future, so that the clock of recovery is behind it. */
const NOON = Date.UTC(2100, 0, 1, 12);
const TIME_CLAMPED = 1 << 8;

afterEach(() => {
  vi.useRealTimers();
});

function timesOf(log: string): number[] {
  const reader = openReader(log);
  const times = Array.from(reader.cursor(), ({ timeMs }) => timeMs - NOON);
  reader.close();
  return times;
}

/** Whether each frame says that its time is not the clock's. */
function clampedIn(log: string): boolean[] {
  return allFrames(log).map(({ segment, position }) => {
    const flags = readFileSync(segmentFile(log, segment)).readUInt32LE(position + 52);
    return (flags & TIME_CLAMPED) !== 0;
  });
}

describe('the time of a frame', () => {
  it('never goes back with the clock: it stays, and the frame says so', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, OPTIONS);
    for (const ms of [0, 5, -3_600_000, 4, 5, 6]) {
      vi.setSystemTime(NOON + ms);
      appender.append(bytes('x'));
    }
    await appender.close();
    expect(timesOf(log)).toEqual([0, 5, 5, 5, 5, 6]);
    expect(clampedIn(log)).toEqual([false, false, true, true, false, false]);
  });

  it('does not go back across a roll', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, OPTIONS);
    for (const ms of [0, -1000, -2000]) {
      vi.setSystemTime(NOON + ms);
      appender.append(new Uint8Array(9000));
    }
    await appender.close();
    expect(segmentsOf(log)).toHaveLength(3);
    expect(timesOf(log)).toEqual([0, 0, 0]);
    expect(clampedIn(log)).toEqual([false, true, true]);
  });

  it.each(['after a close', 'after a crash', 'after a close with an empty segment at the end'])(
    'does not go back when the log is opened again %s',
    async (how) => {
      const log = temporaryLogPath();
      const appender = openAppender(log, OPTIONS);
      vi.setSystemTime(NOON);
      appender.append(new Uint8Array(9000));
      if (how.endsWith('end')) appender.reserve(9000).abandon();
      const crashed = copyOf(log);
      await appender.close();
      const path = how === 'after a crash' ? crashed : log;
      vi.setSystemTime(NOON - 5000);
      const again = openAppender(path, OPTIONS);
      again.append(bytes('x'));
      vi.setSystemTime(NOON + 7);
      again.append(bytes('x'));
      await again.close();
      expect(timesOf(path)).toEqual([0, 0, 7]);
      expect(clampedIn(path)).toEqual([false, true, false]);
    },
  );

  it('of salvaged records is not before that of the frame before them', async () => {
    const log = temporaryLogPath();
    vi.setSystemTime(NOON);
    const appender = openAppender(log, OPTIONS);
    appender.append(bytes('x'));
    await appender.close();
    vi.useRealTimers();
    dieWith(log, { ...OPTIONS, commit: 'manual' }, ['append', 3]);
    const again = openAppender(log, OPTIONS);
    expect(again.recovery.salvagedRecords).toBe(3);
    await again.close();
    expect(timesOf(log)).toEqual([0, 0, 0, 0]);
  });
});
