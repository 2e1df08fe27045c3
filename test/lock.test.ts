import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { LogLockedError, inspectLock, openAppender, repairLog } from '../src/index.js';
import { temporaryLogPath } from './support/temporary-log.js';

describe('the lock', () => {
  it.each([
    ['openAppender', openAppender],
    ['repairLog', repairLog],
  ])('refuses %s while an appender has the log, naming the holder', async (_, open) => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    expect(() => open(path)).toThrow(LogLockedError);
    expect(inspectLock(path)).toMatchObject({
      isLocked: true,
      holder: { pid: process.pid, host: hostname() },
    });
    await appender.close();
    expect(inspectLock(path)).toEqual({ isLocked: false, holder: undefined });
    await openAppender(path).close();
  });
});

describe('repairLog', () => {
  it('refuses a path at which there is nothing as not a log', () => {
    const path = temporaryLogPath();
    expect(() => repairLog(path)).toThrow(expect.objectContaining({ code: 'NOT_A_LOG' }));
  });
});
