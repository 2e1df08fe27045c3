import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Piscina } from 'piscina';
import { describe, expect, it } from 'vitest';
import {
  LogClosedError,
  LogError,
  OffsetOutOfRangeError,
  ScanError,
  openAppender,
  scan,
  type ScanOptions,
} from '../../src/index.js';
import { rejectionOf } from '../support/logs.js';
import { functions, numberedLog } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const options: ScanOptions = { module: functions, workers: 2, pieceBytes: 10_000 };

/** Anything, as if it were an option. */
function wrong(change: Record<string, unknown>): ScanOptions {
  return { ...options, ...change };
}

describe('scan() refuses, before any thread is started,', () => {
  it.each([
    ['no threads', { workers: 0 }, RangeError],
    ['a negative number of threads', { workers: -1 }, RangeError],
    ['a fraction of a thread', { workers: 1.5 }, RangeError],
    ['too many threads', { workers: 1e6 }, RangeError],
    ['pieces of no bytes', { pieceBytes: 0 }, RangeError],
    ['pieces of a fraction of a byte', { pieceBytes: 0.5 }, RangeError],
    ['a range that is reversed', { from: 20, to: 10 }, RangeError],
    ['a range reversed in time', { from: { timeMs: 8e12 }, to: { timeMs: 0 } }, RangeError],
    ['an end behind the end of the log', { to: 101 }, OffsetOutOfRangeError],
    ['a start behind the end of the log', { from: 101 }, OffsetOutOfRangeError],
    ['an offset that is none', { from: -1 }, RangeError],
    ['an offset that is text', { to: '5' }, RangeError],
    ['a time that is none', { from: { timeMs: Number.NaN } }, RangeError],
    ['an object that is no place', { from: {} }, RangeError],
    ['null as a place', { from: null }, RangeError],
    ['no module', { module: undefined }, TypeError],
    ['a module relative to nobody knows what', { module: './sum.js' }, TypeError],
    ['a module by its package name', { module: 'sum' }, TypeError],
    ['a name that is no string', { name: 5 }, TypeError],
    ['arguments that cannot be cloned', { args: { f() {} } }, TypeError],
    ['a reduce that is no function', { reduce: 'sum' }, TypeError],
    ['an onProgress that is no function', { onProgress: 1 }, TypeError],
    ['a signal that is none', { signal: {} }, TypeError],
    ['a pool that is none', { workers: undefined, pool: { run() {} } }, TypeError],
    ['a choice for onDamage that is none', { onDamage: 'ignore' }, TypeError],
    ['a bound that is none', { bound: 'all' }, TypeError],
    ['a choice for verify that is none', { verify: true }, TypeError],
  ])('%s', async (_, change, kind) => {
    const log = await numberedLog(100, 100);
    const started = watchPiscina();
    expect(await rejectionOf(scan(log, wrong(change)))).toBeInstanceOf(kind);
    expect(started()).toBe(0);
  });

  it('an offset that has been dropped', async () => {
    const log = await numberedLog(1000, 200);
    const appender = openAppender(log, { maintenance: false });
    const startOffset = await appender.dropBefore(600);
    await appender.close();
    expect(startOffset).toBeGreaterThan(0);
    for (const range of [{ from: 0 }, { from: startOffset - 1 }, { to: startOffset - 1 }]) {
      const error = await rejectionOf(scan(log, wrong(range)));
      expect(error).toBeInstanceOf(OffsetOutOfRangeError);
    }
    const error = await rejectionOf(scan(log, wrong({ from: startOffset - 1 })));
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', startOffset });
  });

  it('threads besides a pool', async () => {
    const log = await numberedLog(10, 100);
    const pool = new Piscina({ minThreads: 0, maxThreads: 1 });
    expect(await rejectionOf(scan(log, wrong({ pool, workers: 1 })))).toBeInstanceOf(TypeError);
    await pool.destroy();
  });

  it('a log that is not there', async () => {
    const error = await rejectionOf(scan(temporaryLogPath(), options));
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject({ code: 'NOT_A_LOG' });
  });

  it('a pool that has been closed', async () => {
    const log = await numberedLog(100, 100);
    const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
    await pool.close();
    const error = await rejectionOf(scan(log, wrong({ pool, workers: undefined })));
    expect(error).toBeInstanceOf(LogClosedError);
    expect(error).toMatchObject({ code: 'CLOSED', message: 'Cannot scan: the pool is closed' });
    expect(pool.threads.length).toBe(0);
  });

  it('a pool without threads of its own that has been closed after a scan', async () => {
    const log = await numberedLog(100, 100);
    const pool = new Piscina({ minThreads: 0, maxThreads: 1 });
    await scan(log, wrong({ pool, workers: undefined }));
    await pool.close();
    const error = await rejectionOf(scan(log, wrong({ pool, workers: undefined })));
    expect(error).toMatchObject({ code: 'CLOSED' });
  });
});

/** Counts the threads that this process starts from now on. */
function watchPiscina(): () => number {
  const before = process.getActiveResourcesInfo().filter((name) => name === 'Worker').length;
  return () => process.getActiveResourcesInfo().filter((name) => name === 'Worker').length - before;
}

describe('a scan fails with its first piece when', () => {
  it('the module is missing', async () => {
    const log = await numberedLog(1000, 100);
    const error = await rejectionOf(scan(log, { ...options, module: '/nowhere/sum.mjs' }));
    expect(error).toBeInstanceOf(ScanError);
    expect(error).toMatchObject({
      code: 'SCAN_FAILED',
      message: expect.stringContaining('Cannot load file:///nowhere/sum.mjs: ') as string,
      offset: undefined,
      cause: { cause: { code: 'ERR_MODULE_NOT_FOUND' } },
    });
  });

  it('the module cannot be parsed, or throws', async () => {
    const log = await numberedLog(1000, 100);
    const module = join(dirname(log), 'broken.mjs');
    writeFileSync(module, 'export default function (');
    const unparsed = await rejectionOf(scan(log, { ...options, module }));
    expect(unparsed).toMatchObject({ cause: { cause: { name: 'SyntaxError' } } });
    const throwing = join(dirname(log), 'throwing.mjs');
    writeFileSync(throwing, 'throw new Error("not today")');
    const thrown = await rejectionOf(scan(log, { ...options, module: throwing }));
    expect(thrown).toMatchObject({ cause: { cause: { message: 'not today' } } });
  });

  it('the export is missing', async () => {
    const log = await numberedLog(1000, 100);
    const error = await rejectionOf(scan(log, { ...options, name: 'sum' }));
    expect(error).toBeInstanceOf(ScanError);
    expect(String(error)).toMatch(/Cannot find export sum of file:.*: it exports .*count/);
  });

  it('the export is not a function', async () => {
    const log = await numberedLog(1000, 100);
    const error = await rejectionOf(scan(log, { ...options, name: 'notAFunction' }));
    expect(String(error)).toMatch(
      /Cannot run export notAFunction of file:.*: it is no function but of type number/,
    );
    expect((error as ScanError).cause).toBeInstanceOf(TypeError);
  });
});
