/**
 * Verification in a pool. That it finds what `verifyLog` finds is also held against every damaged log of
 * the tables in `test/recovery`.
 */
import { Piscina } from 'piscina';
import { describe, expect, it } from 'vitest';
import { LogError, openAppender, scan, verifyLog, verifyLogInParallel } from '../../src/index.js';
import { dieWith, fixture } from '../support/dying.js';
import { runFixture } from '../support/fixtures.js';
import { flipBit, segmentFile, segmentsOf, allFrames } from '../support/log-damage.js';
import { appendNumbered } from '../support/logs.js';
import { functions, mappingsOf, numberedLog } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { expectSameVerification, sharedPool } from '../support/verification.js';

const MIB = 1024 * 1024;

function idsOf(pool: Piscina): number[] {
  return pool.threads.map(({ threadId }) => threadId);
}

/** Five segments that take much room and hold little, so that a pool is made for them. */
async function roomyLog(): Promise<string> {
  const log = temporaryLogPath();
  const options = { segmentSizeBytes: 64 * MIB, indexCapacity: 1000, maintenance: false };
  const appender = openAppender(log, options);
  appendNumbered(appender, 4500, 100);
  await appender.close();
  return log;
}

describe('verifyLogInParallel()', () => {
  it.each<[string, (log: string) => void]>([
    ['intact', (): void => {}],
    [
      'damaged',
      (log): void => flipBit(segmentFile(log, 2000), allFrames(log)[2500]?.position ?? 0),
    ],
  ])('reports what verifyLog does of a log that is large and %s', async (state, change) => {
    const log = await roomyLog();
    change(log);
    const report = await verifyLogInParallel(log);
    expect(report).toStrictEqual(verifyLog(log));
    expect(report).toMatchObject({ segments: 5, isIntact: state === 'intact' });
    expect(await verifyLogInParallel(log, { workers: 1 })).toStrictEqual(report);
    expect(mappingsOf(log)).toBe(0);
  });

  it('reports what verifyLog does of a small log, an empty one, and one that is no log', async () => {
    const small = await numberedLog(1000, 200);
    const empty = await numberedLog(0, 0);
    for (const log of [small, empty]) {
      expect(await verifyLogInParallel(log)).toStrictEqual(verifyLog(log));
      await expectSameVerification(log);
    }
    const none = temporaryLogPath();
    await expectSameVerification(none);
    await expect(verifyLogInParallel(none)).rejects.toMatchObject({ code: 'NOT_A_LOG' });
  });

  it('leaves the event loop its turns, unless the log is small', async () => {
    const log = await roomyLog();
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await verifyLogInParallel(log);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  it.each([{ workers: 2 }, { pool: sharedPool() }])(
    'reports progress that only grows, up to the whole: %#',
    async (options) => {
      const log = await roomyLog();
      const steps: [number, number][] = [];
      const onProgress = (done: number, total: number): void => void steps.push([done, total]);
      await verifyLogInParallel(log, { ...options, onProgress });
      expect(steps.length).toBeGreaterThanOrEqual(5);
      const done = steps.map(([bytes]) => bytes);
      expect(done).toEqual(done.toSorted((a, b) => a - b));
      expect(steps.at(-1)).toEqual([320 * MIB, 320 * MIB]);
    },
  );

  it('works while somebody appends, rolls and drops', async () => {
    const log = temporaryLogPath();
    const options = { segmentSizeBytes: 16_384, maintenance: false, flush: 'none' } as const;
    const appender = openAppender(log, options);
    appendNumbered(appender, 300, 500);
    for (let round = 0; round < 30; round++) {
      const before = appender.committedOffset;
      const verifying = verifyLogInParallel(log, { pool: sharedPool() });
      appendNumbered(appender, 20, 500);
      await appender.flush();
      if (round % 5 === 4) await appender.dropBefore(appender.nextOffset - 100);
      const report = await verifying;
      expect(report.damage).toEqual([]);
      expect(report.endOffset).toBeGreaterThanOrEqual(before);
    }
    await appender.close();
  });

  it('begins again from the new start when segments are dropped meanwhile', async () => {
    const log = await numberedLog(3000, 200);
    const third = segmentsOf(log).at(-2) as number;
    const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
    let isDropped = false;
    const report = await verifyLogInParallel(log, {
      pool,
      onProgress: () => {
        if (isDropped) return;
        isDropped = true;
        dieWith(log, { maintenance: false }, ['dropBefore', third], ['close']);
      },
    });
    expect(isDropped).toBe(true);
    expect(report).toMatchObject({ isIntact: true, startOffset: third, endOffset: 3000 });
    await pool.destroy();
  });
});

describe('verifyLogInParallel() that is stopped', () => {
  const reason = new Error('enough');

  it('before it begins rejects with the reason', async () => {
    const log = await numberedLog(100, 200);
    const signal = AbortSignal.abort(reason);
    await expect(verifyLogInParallel(log, { signal })).rejects.toBe(reason);
  });

  it.each(['a pool of its own', 'a pool of the user'])(
    'within %s rejects with the reason, and ends no thread of others',
    async (whose) => {
      const log = await roomyLog();
      const pool = sharedPool();
      await verifyLogInParallel(log, { pool });
      const before = idsOf(pool);
      const controller = new AbortController();
      const verifying = verifyLogInParallel(log, {
        ...(whose === 'a pool of the user' ? { pool } : { workers: 2 }),
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      });
      await expect(verifying).rejects.toBe(reason);
      expect(idsOf(pool)).toEqual(before);
      await expectSameVerification(log);
    },
  );

  it('does not wait for its turn in a pool that others keep busy', async () => {
    const log = await numberedLog(1000, 200);
    const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
    let isBusy = true;
    const busy = scan(log, {
      module: functions,
      name: 'slowCount',
      args: { ms: 1000 },
      pool,
    }).finally(() => (isBusy = false));
    const controller = new AbortController();
    const verifying = verifyLogInParallel(log, { pool, signal: controller.signal });
    setTimeout(() => controller.abort(reason), 10);
    await expect(verifying).rejects.toBe(reason);
    expect(isBusy).toBe(true);
    expect((await busy).records).toBe(1000);
    expect(await verifyLogInParallel(log, { pool })).toStrictEqual(verifyLog(log));
    await pool.destroy();
  });

  it.each([{ workers: 2 }, { pool: sharedPool() }])(
    'by an error of onProgress rejects with it: %#',
    async (options) => {
      const log = await roomyLog();
      const onProgress = (): never => {
        throw reason;
      };
      await expect(verifyLogInParallel(log, { ...options, onProgress })).rejects.toBe(reason);
    },
  );
});

describe('a pool that cannot be used', () => {
  it('because it is closed is an error', async () => {
    const log = await numberedLog(100, 200);
    const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
    await pool.destroy();
    await expect(verifyLogInParallel(log, { pool })).rejects.toMatchObject({ code: 'CLOSED' });
  });

  it('because its threads die is an error that names the segment', async () => {
    class DyingPool extends Piscina {
      override run(): Promise<never> {
        return Promise.reject(new Error('worker exited'));
      }
    }
    const log = await numberedLog(100, 200);
    const pool = new DyingPool({ minThreads: 1, maxThreads: 1 });
    const error = await verifyLogInParallel(log, { pool }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject({
      code: 'SCAN_FAILED',
      message: `Cannot read ${segmentFile(log, 0)}: its thread has ended: worker exited`,
    });
    await pool.destroy();
  });

  it('because every thread ends before it has begun is an error, and none is waited for', async () => {
    const log = await roomyLog();
    const preload = ['--import', fixture('end-threads.mjs')];
    expect(await runFixture('verify-in-threads', [log], preload)).toEqual({
      code: 0,
      signal: null,
      result: {
        failure: {
          code: 'SCAN_FAILED',
          message: `Cannot read ${segmentFile(log, 0)}: its thread has ended: worker exited with code: 3`,
        },
      },
    });
  });

  it.each<[string, object]>([
    ['no workers', { workers: 0 }],
    ['half a worker', { workers: 1.5 }],
    ['workers of a pool', { workers: 2, pool: sharedPool() }],
    ['a pool that is none', { pool: {} }],
    ['a signal that is none', { signal: {} }],
    ['progress that is no function', { onProgress: 1 }],
  ])('%s: is refused', async (_, options) => {
    const verifying = verifyLogInParallel('nowhere', options);
    await expect(verifying).rejects.toThrow(/^Invalid /);
  });
});
