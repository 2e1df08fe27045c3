/** What a flush claims, and when, while records come at the worst moments. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { COMMITTED_COUNT, COMMITTED_POSITION } from '../../src/format/index-header.js';
import { openAppender, openReader } from '../../src/index.js';
import { segmentsOf } from '../support/log-damage.js';
import { appendNumbered } from '../support/logs.js';
import { QUIET } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

function restoreWhenFinished(): void {
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
}

/** Calls `before` before every sync of a file's data. */
function watchSyncs(before: () => void): void {
  const { fdatasyncSync } = fs;
  vi.spyOn(fs, 'fdatasyncSync').mockImplementation((fd) => {
    before();
    fdatasyncSync(fd);
  });
  syncBuiltinESMExports();
  restoreWhenFinished();
}

describe('a flush', () => {
  it('claims what was committed before its first sync, and nothing that comes during it', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    const reader = openReader(log, { bound: 'flushed' });
    appendNumbered(appender, 5, 100);
    let syncs = 0;
    watchSyncs(() => {
      if (++syncs === 1) appendNumbered(appender, 3, 100);
    });
    expect(await appender.flush()).toMatchObject({ flushedOffset: 5 });
    expect([syncs, appender.flushedOffset, reader.flushedOffset]).toEqual([1, 5, 5]);
    expect(await appender.flush()).toMatchObject({ flushedOffset: 8 });
    expect([syncs, reader.flushedOffset]).toEqual([2, 8]);
    reader.close();
    await appender.close();
  });

  it('claims nothing before its last sync has ended, whatever it has synced already', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    const reader = openReader(log);
    appendNumbered(appender, 5, 100);
    const seen: number[] = [];
    watchSyncs(() => {
      if (seen.length === 0) seen.push(reader.flushedOffset, appender.flushedOffset);
    });
    await appender.flush();
    expect(seen).toEqual([0, 0]);
    expect(reader.flushedOffset).toBe(5);
    reader.close();
    await appender.close();
  });

  it('never claims a record whose bytes its bound leaves out, though they are two words', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    appender.append(bytes('first'));
    const load = Atomics.load.bind(Atomics) as (words: Int32Array, at: number) => number;
    let left = 8;
    // A record is committed between any two loads of the words.
    const spy = vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, at: number) => {
      const value = load(words, at);
      const isBound = at === COMMITTED_COUNT || at === COMMITTED_POSITION;
      if (isBound && words.length > 1024 && left-- > 0) appender.append(bytes('between'));
      return value;
    }) as typeof Atomics.load);
    restoreWhenFinished();
    const flushed = await appender.flush();
    spy.mockRestore();
    expect(left).toBeLessThan(7);
    const reader = openReader(log);
    expect(flushed.flushedOffset).toBeGreaterThan(0);
    expect(flushed.flushedOffset).toBeLessThanOrEqual(reader.flushedOffset);
    reader.close();
    await appender.close();
  });

  it('syncs by the descriptor of before the first store, across rolls: only it is told of errors', async () => {
    const log = temporaryLogPath();
    const { openSync, fdatasyncSync } = fs;
    const opened = new Map<number, string>();
    vi.spyOn(fs, 'openSync').mockImplementation((path, ...rest) => {
      const fd = openSync(path, ...rest);
      opened.set(fd, String(path));
      return fd;
    });
    const synced: string[] = [];
    vi.spyOn(fs, 'fdatasyncSync').mockImplementation((fd) => {
      synced.push(opened.get(fd) ?? '');
      fdatasyncSync(fd);
    });
    syncBuiltinESMExports();
    restoreWhenFinished();
    const appender = openAppender(log, QUIET);
    synced.length = 0;
    while (segmentsOf(log).length < 3) {
      appendNumbered(appender, 1, 500);
      await appender.flush();
    }
    // Each was opened when it was made, under the name that it had then.
    const segments = synced.filter((path) => path.endsWith('.log') || path.includes('.log.tmp'));
    expect(segments.length).toBeGreaterThan(20);
    for (const path of segments) expect(path).toMatch(/\/prepared-\d+\.log\.tmp$/);
    await appender.close();
  });
});
