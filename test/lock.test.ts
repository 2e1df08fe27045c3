import { spawnSync } from 'node:child_process';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogLockedError, inspectLock, openAppender, openReader, repairLog } from '../src/index.js';
import { LockProbe } from '../src/mapping/lock.js';
import { dieWith, fixture } from './support/dying.js';
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

  it('is a lock on the same file, for ever: one of another file would be granted to a second', async () => {
    const path = temporaryLogPath();
    const inode = (): number => statSync(join(path, 'LOCK')).ino;
    await openAppender(path).close();
    const first = inode();
    dieWith(path, {});
    expect(inode()).toBe(first);
    const appender = openAppender(path);
    expect(inode()).toBe(first);
    await appender.close();
    repairLog(path);
    expect(inode()).toBe(first);
  });

  it("is nobody's when the process that LOCK names has gone, or is another one by now", () => {
    const path = temporaryLogPath();
    dieWith(path, {});
    // The holder has died; its number belongs to this process now.
    const holder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
    writeFileSync(join(path, 'LOCK'), JSON.stringify(holder));
    expect(inspectLock(path)).toEqual({ isLocked: false, holder: undefined });
  });
});

it.each([
  '',
  'null',
  '5',
  '{"pid":{},"host":"here","since":"now"}',
  '{"pid":1,"host":"h","since":5}',
])('a LOCK file that says %j names no holder', async (content) => {
  const path = temporaryLogPath();
  const appender = openAppender(path);
  writeFileSync(join(path, 'LOCK'), content);
  expect(inspectLock(path)).toEqual({ isLocked: true, holder: undefined });
  await appender.close();
});

describe('whoever asks for the lock again and again', () => {
  it('sees holders come, close and die, by one descriptor', async () => {
    const path = temporaryLogPath();
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const probe = new LockProbe(path);
    expect(probe.isHeld()).toBe(false);
    const appender = openAppender(path, { maintenance: false });
    const before = descriptors();
    expect([probe.isHeld(), probe.isHeld(), descriptors() - before]).toEqual([true, true, 1]);
    await appender.close();
    expect(probe.isHeld()).toBe(false);
    dieWith(path, {});
    expect(probe.isHeld()).toBe(false);
    const next = openAppender(path);
    expect(probe.isHeld()).toBe(true);
    probe.close();
    expect(() => probe.isHeld()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    await next.close();
  });

  it('drops no lock, nor any descriptor, when it stops asking', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { maintenance: false });
    const descriptors = readdirSync('/proc/self/fd').length;
    const reader = openReader(path);
    reader.tailer().next({ timeoutMs: 1 });
    reader.close();
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
    // Asked for by another process: this one's own view of its locks would prove little.
    // One that is granted the lock would hold it.
    const command = [fixture('hold-log.mjs'), path];
    const { stderr } = spawnSync(process.execPath, command, { timeout: 20_000 });
    expect(String(stderr)).toContain('LogLockedError');
    await appender.close();
  });
});

describe('repairLog', () => {
  it('refuses a path at which there is nothing as not a log', () => {
    const path = temporaryLogPath();
    expect(() => repairLog(path)).toThrow(expect.objectContaining({ code: 'NOT_A_LOG' }));
  });
});
