import { once } from 'node:events';
import { Piscina } from 'piscina';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAppender, openReader, repairLog, scan, type ScanOptions } from '../../src/index.js';
import { ThreadMappings } from '../../src/scan/thread-mappings.js';
import { runFixture } from '../support/fixtures.js';
import { allFrames, flipBit, segmentFile, type FrameOnDisk } from '../support/log-damage.js';
import { appendNumbered, contentOf, rejectionOf } from '../support/logs.js';
import { functions, mappingsOf, numberedLog, unmapped } from '../support/scans.js';

const options: ScanOptions = { module: functions, name: 'count', pieceBytes: 10_000 };
const sum = { reduce: (total: number, part: number): number => total + part, initial: 0 };

function somePool(threads: number): Piscina {
  const pool = new Piscina({ minThreads: threads, maxThreads: threads });
  onTestFinished(() => pool.destroy());
  return pool;
}

describe("a pool of the user's", () => {
  it('is used, again and again, and left open', async () => {
    const log = await numberedLog(1000, 200);
    const pool = somePool(2);
    const threads = pool.threads;
    for (let i = 0; i < 3; i++) {
      expect((await scan<number, number>(log, { ...options, ...sum, pool })).value).toBe(1000);
    }
    expect(pool.threads).toEqual(threads);
    expect(pool.queueSize).toBe(0);
  });

  it('is shared by scans at the same time, of several logs', async () => {
    const logs = await Promise.all([300, 400, 500, 600, 700, 800].map((n) => numberedLog(n, 100)));
    const pool = somePool(2);
    const scans = logs.map((log) => scan<number, number>(log, { ...options, ...sum, pool }));
    const found = await Promise.all(scans);
    expect(found.map(({ value }) => value)).toEqual([300, 400, 500, 600, 700, 800]);
  });

  it('without a listener for errors is no danger when replies come too late for a scan that failed', async () => {
    const log = await numberedLog(1000, 64);
    const pool = somePool(2);
    let failed = 0;
    for (let i = 0; i < 40; i++) {
      const reduce = (): never => {
        throw new Error('enough');
      };
      // What is reported as uncaught fails the run.
      const scanned = scan(log, { ...options, pieceBytes: 500, pool, reduce, initial: 0 });
      failed += String(await rejectionOf(scanned)) === 'Error: enough' ? 1 : 0;
    }
    expect(failed).toBe(40);
    expect(pool.listenerCount('error')).toBe(0);
  });

  it('that starts its threads when it needs them will do', async () => {
    const log = await numberedLog(1000, 200);
    const pool = new Piscina({ minThreads: 0, maxThreads: 3, concurrentTasksPerWorker: 2 });
    onTestFinished(() => pool.destroy());
    expect((await scan<number, number>(log, { ...options, ...sum, pool })).value).toBe(1000);
  });

  it('sees what has been appended, recovered or repaired since the last scan', async () => {
    const log = await numberedLog(100, 200);
    const pool = somePool(1);
    const count = async (): Promise<number> =>
      (await scan<number, number>(log, { ...options, ...sum, pool })).value;
    expect(await count()).toBe(100);
    const appender = openAppender(log, { maintenance: false, segmentSizeBytes: 65_536 });
    appendNumbered(appender, 500, 200);
    expect(await count()).toBe(600);
    await appender.dropBefore(300);
    const { startOffset } = openReader(log);
    expect(await count()).toBe(600 - startOffset);
    await appender.close();
    expect(await count()).toBe(600 - startOffset);
    const frame = allFrames(log).at(-2) as FrameOnDisk;
    flipBit(segmentFile(log, frame.segment), frame.position + 100);
    repairLog(log);
    expect(await count()).toBe(600 - startOffset - frame.count);
  });

  it('is left alone by scans that are over, also by one that found nothing to do', async () => {
    const log = await numberedLog(100, 200);
    const pool = somePool(1);
    const mappings = ThreadMappings.of(pool);
    let listeners = 0;
    const onExit = mappings.onExit.bind(mappings);
    mappings.onExit = (listener) => {
      listeners++;
      const ignore = onExit(listener);
      return () => {
        listeners--;
        ignore();
      };
    };
    await scan(log, { ...options, pool });
    expect((await scan(log, { ...options, pool, from: 50, to: 50 })).pieces).toBe(0);
    await rejectionOf(scan(log, { ...options, pool, name: 'none' }));
    expect(listeners).toBe(0);
  });

  it('has ended the threads that were stopped within a piece when the scan rejects', async () => {
    const log = await numberedLog(1000, 200);
    const pool = somePool(2);
    const { threads } = pool;
    const ended = new Set<unknown>();
    for (const thread of threads) thread.once('exit', () => ended.add(thread));
    const started = new Int32Array(new SharedArrayBuffer(4));
    const onProgress = (): void => {
      while (Atomics.load(started, 0) === 0) Atomics.wait(started, 0, 0);
      throw new Error('enough');
    };
    const args = { index: 1, started };
    await rejectionOf(scan(log, { ...options, pool, name: 'spinOn', args, onProgress }));
    const stopped = threads.filter((thread) => !pool.threads.includes(thread));
    expect(stopped.length).toBeGreaterThan(0);
    expect(stopped.filter((thread) => !ended.has(thread))).toEqual([]);
  });

  it('keeps its threads when a function throws in its only piece', async () => {
    const log = await numberedLog(10, 200);
    const pool = somePool(1);
    const threads = pool.threads;
    const args = { at: 3, kind: 'error' };
    await rejectionOf(scan(log, { ...options, name: 'throwAt', args, pool }));
    expect(pool.threads).toEqual(threads);
  });
});

describe('what threads have mapped', () => {
  it('is gone when a pool made for the scan is, whatever the functions have kept', async () => {
    const log = await numberedLog(1000, 200);
    let during = 0;
    const onProgress = (): unknown => (during = Math.max(during, mappingsOf(log)));
    const args = { kind: 'payload that was kept' };
    await scan(log, { ...options, name: 'result', args, workers: 2, onProgress });
    expect(during).toBeGreaterThan(0);
    expect(mappingsOf(log)).toBe(0);
  });

  it("is gone when a thread of the user's pool ends, and only then", async () => {
    const log = await numberedLog(1000, 200);
    // Of several threads one might have had nothing to do the first time.
    const pool = somePool(1);
    await scan(log, { ...options, pool });
    const kept = mappingsOf(log);
    expect(kept).toBeGreaterThan(0);
    await scan(log, { ...options, pool });
    expect(mappingsOf(log)).toBe(kept);
    const reader = openReader(log);
    expect(reader.get(7).length).toBe(200);
    await pool.destroy();
    // Not what this thread has mapped itself.
    expect(mappingsOf(log)).toBeGreaterThan(0);
    expect(reader.get(8).getUint8(0)).toBe(contentOf(8, 1)[0]);
    reader.close();
    await unmapped(log);
  });

  it('is gone when a thread is ended by others', async () => {
    const log = await numberedLog(1000, 200);
    const pool = somePool(1);
    await scan(log, { ...options, pool });
    const [thread] = pool.threads;
    const ended = once(thread as never, 'exit');
    await thread?.terminate();
    await ended;
    await unmapped(log);
    expect((await scan<number, number>(log, { ...options, ...sum, pool })).value).toBe(1000);
  });
});

it('a process ends by itself after its scans, with a pool of its own or not', async () => {
  const log = await numberedLog(1000, 200);
  expect(await runFixture('scan-and-end', [log])).toEqual({
    code: 0,
    signal: null,
    result: [1000, 1000],
  });
});
