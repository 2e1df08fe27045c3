/** Verification while somebody appends. */
import fs, { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, expect, it } from 'vitest';
import { openAppender, verifyLog } from '../../src/index.js';
import { dieWith } from '../support/dying.js';
import { segmentFile, segmentsOf } from '../support/log-damage.js';
import { appendNumbered } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const { readSync } = fs;

afterEach(() => {
  fs.readSync = readSync;
  syncBuiltinESMExports();
});

/** The nth large read takes in its first half, then waits for `action`, and takes in the rest. */
function interruptLargeRead(nth: number, action: () => void): void {
  let count = 0;
  const interrupted = (
    fd: number,
    buffer: NodeJS.ArrayBufferView,
    offset: number,
    length: number,
    position: number,
  ): number => {
    const isLarge = length >= 65_536;
    if (!isLarge || ++count !== nth) return readSync(fd, buffer, offset, length, position);
    const got = readSync(fd, buffer, offset, length / 2, position);
    action();
    return got + readSync(fd, buffer, offset + got, length - got, position + got);
  };
  fs.readSync = interrupted as typeof readSync;
  syncBuiltinESMExports();
}

it.each([1, 2])('takes no frames for damage that are committed during its read %i', async (nth) => {
  const log = temporaryLogPath();
  const options = { segmentSizeBytes: 2 * 1024 * 1024, maintenance: false, flush: 'each' } as const;
  const appender = openAppender(log, options);
  appendNumbered(appender, 50, 1000);
  let appended = 0;
  interruptLargeRead(nth, () => {
    appendNumbered(appender, 1000, 1000);
    appended = 1000;
  });
  const report = verifyLog(log);
  expect(appended).toBe(1000);
  expect(report.damage).toEqual([]);
  expect(report.records).toBeGreaterThanOrEqual(50);
  expect(report.endOffset).toBe(report.records);
  await appender.close();
});

it('begins again from the new start when segments are dropped meanwhile', async () => {
  const log = temporaryLogPath();
  const options = { segmentSizeBytes: 16 * 1024, maintenance: false } as const;
  const appender = openAppender(log, options);
  appendNumbered(appender, 60, 500);
  await appender.close();
  const [, second, third] = segmentsOf(log) as [number, number, number];
  let isDropped = false;
  const report = verifyLog(log, {
    onProgress: () => {
      if (isDropped) return;
      isDropped = true;
      // In another process: this thread does nothing else until the report is there.
      dieWith(log, options, ['dropBefore', third], ['close']);
    },
  });
  expect(isDropped).toBe(true);
  expect(existsSync(segmentFile(log, second))).toBe(false);
  expect(report).toMatchObject({ isIntact: true, startOffset: third, endOffset: 60, segments: 1 });
});
