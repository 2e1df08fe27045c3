import { Piscina } from 'piscina';
import { describe, expect, it } from 'vitest';
import { ScanError, scan, type ScanOptions } from '../../src/index.js';
import { runFixture } from '../support/fixtures.js';
import { rejectionOf } from '../support/logs.js';
import { functions, mappingsOf, numberedLog, openFilesOf, unmapped } from '../support/scans.js';

const options: ScanOptions = { module: functions, workers: 2, pieceBytes: 10_000 };
const throwing = (kind: string, at = 500): ScanOptions => ({
  ...options,
  name: 'throwAt',
  args: { at, kind },
});

async function failureOf(scanOptions: ScanOptions): Promise<ScanError> {
  const log = await numberedLog(1000, 200);
  const error = await rejectionOf(scan(log, scanOptions));
  expect(error).toBeInstanceOf(ScanError);
  expect(mappingsOf(log)).toBe(0);
  return error as ScanError;
}

describe('what the function throws stops the scan and arrives', () => {
  it('with the piece, the offset it was at, its message and its stack', async () => {
    const error = await failureOf(throwing('error'));
    expect(error.code).toBe('SCAN_FAILED');
    expect(error.offset).toBe(500);
    const { index, from, to } = error.piece as NonNullable<ScanError['piece']>;
    expect(500 >= from && 500 < to).toBe(true);
    expect(error.message).toBe(
      `Scan failed in piece ${index} (offsets ${from} to ${to - 1}) at offset 500: ` +
        'the function has had enough',
    );
    expect(error.cause).toBeInstanceOf(Error);
    expect((error.cause as Error).stack).toMatch(/throwAt.*scan-functions\.mjs:\d+/s);
  });

  it('with its class, if Node or this log has it, and its cause', async () => {
    const { cause } = await failureOf(throwing('cause'));
    expect(cause).toBeInstanceOf(RangeError);
    expect((cause as Error).message).toBe('outer');
    expect((cause as Error).cause).toBeInstanceOf(TypeError);
    expect((cause as Error).cause).toMatchObject({ message: 'inner' });
  });

  it('with its name, its code and what else of it can be sent', async () => {
    const { cause, message } = await failureOf(throwing('odd'));
    expect(cause).toBeInstanceOf(Error);
    expect(cause).toMatchObject({ name: 'OddError', code: 'ODD', detail: { n: 1 } });
    expect(cause).not.toHaveProperty('f');
    expect(message).toMatch(/at offset 500: OddError: odd$/);
  });

  it.each([
    ['string', 'only a string'],
    ['function', '() => {}'],
  ])('also if it is no error but a %s', async (kind, cause) => {
    const error = await failureOf(throwing(kind));
    expect(error.cause).toBe(cause);
    expect(error.offset).toBe(500);
  });

  it('also by way of a promise', async () => {
    const error = await failureOf(throwing('rejection'));
    expect(error.cause).toMatchObject({ message: 'rejected' });
    expect(error.offset).toBe(500);
  });

  it('also before the first record, with the offset that would have come', async () => {
    const error = await failureOf({ ...options, name: 'offsetAtOnce', from: 40, to: 41 });
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(error.offset).toBe(40);
  });
});

describe('a thread that dies fails the scan', () => {
  it.each([
    ['exit', 'worker exited with code: 3'],
    ['uncaught', 'out of band'],
  ])('by %s', async (kind, message) => {
    const error = await failureOf(throwing(kind));
    expect(error.message).toMatch(`its thread has ended: ${message}`);
    expect(error.piece?.from).toBeLessThanOrEqual(500);
    expect(error.piece?.to).toBeGreaterThan(500);
  });

  it('by running out of the memory that its pool allows', async () => {
    const log = await numberedLog(1000, 200);
    const pool = new Piscina({ maxThreads: 1, resourceLimits: { maxOldGenerationSizeMb: 16 } });
    const { workers: _, ...rest } = throwing('memory');
    const error = await rejectionOf(scan(log, { ...rest, pool }));
    expect(error).toBeInstanceOf(ScanError);
    expect(error).toMatchObject({ cause: { code: 'ERR_WORKER_OUT_OF_MEMORY' } });
    await pool.destroy();
  });

  it('when the pool is destroyed', async () => {
    const log = await numberedLog(1000, 200);
    const pool = new Piscina({ maxThreads: 1 });
    const started = new Int32Array(new SharedArrayBuffer(4));
    const args = { index: 0, started };
    const { workers: _, ...rest } = options;
    const scanning = rejectionOf(scan(log, { ...rest, name: 'spinOn', args, pool }));
    while (Atomics.load(started, 0) === 0) await new Promise(setImmediate);
    await pool.destroy();
    expect(await scanning).toBeInstanceOf(ScanError);
  });

  it('when the pool is closed, as soon as it refuses the next piece', async () => {
    const log = await numberedLog(1000, 200);
    const pool = new Piscina({ minThreads: 1, maxThreads: 1 });
    const { workers: _, ...rest } = options;
    let closing: Promise<void> | undefined;
    const onProgress = (): unknown => (closing ??= pool.close());
    const slow = { ...rest, name: 'slowCount', args: { ms: 2 } };
    const error = await rejectionOf(scan(log, { ...slow, pool, onProgress }));
    expect(error).toMatchObject({ code: 'CLOSED' });
    await closing;
  });
});

describe('reduce and onProgress', () => {
  it('may throw: that is what the scan rejects with', async () => {
    const log = await numberedLog(1000, 200);
    const had = new Error('enough');
    const fail = (): never => {
      throw had;
    };
    expect(await rejectionOf(scan(log, { ...options, reduce: fail, initial: 0 }))).toBe(had);
    expect(await rejectionOf(scan(log, { ...options, onProgress: fail }))).toBe(had);
    expect(mappingsOf(log)).toBe(0);
  });

  it('leave no file open when they end a scan that is still being cut', async () => {
    const log = await numberedLog(1000, 200);
    const fail = (): never => {
      throw new Error('enough');
    };
    await rejectionOf(scan(log, { ...options, workers: 1, reduce: fail, initial: 0 }));
    expect(openFilesOf(log)).toEqual([]);
  });
});

describe('an abort', () => {
  it('before the scan begins is all that happens', async () => {
    const log = await numberedLog(10, 200);
    const reason = new Error('changed my mind');
    const signal = AbortSignal.abort(reason);
    expect(await rejectionOf(scan(log, { ...options, signal }))).toBe(reason);
  });

  it('while threads are started is not missed', async () => {
    const log = await numberedLog(1000, 200);
    const controller = new AbortController();
    const scanning = rejectionOf(scan(log, { ...options, signal: controller.signal }));
    controller.abort('early');
    expect(await scanning).toBe('early');
    await unmapped(log);
  });

  it.each([{ own: true }, { own: false }])(
    'stops functions that never yield (a pool of its own: $own)',
    async ({ own }) => {
      const log = await numberedLog(1000, 200);
      const pool = own ? undefined : new Piscina({ minThreads: 2, maxThreads: 2 });
      const before = pool?.threads ?? [];
      const started = new Int32Array(new SharedArrayBuffer(4));
      const controller = new AbortController();
      const { workers, ...rest } = options;
      const scanning = rejectionOf(
        scan(log, {
          ...rest,
          ...(pool === undefined ? { workers } : { pool }),
          name: 'spinOn',
          args: { index: 3, started },
          signal: controller.signal,
        }),
      );
      while (Atomics.load(started, 0) === 0) await new Promise(setImmediate);
      const reason = new Error('stop');
      controller.abort(reason);
      expect(await scanning).toBe(reason);
      if (pool === undefined) {
        await unmapped(log);
        return;
      }
      // The thread that spun is gone, and the pool is as good as before.
      const { name: _, ...records } = { ...rest, pool };
      expect((await scan(log, records)).records).toBe(1000);
      expect(pool.threads.every((thread) => before.includes(thread))).toBe(false);
      expect(pool.threads.length).toBe(2);
      await pool.destroy();
    },
  );

  it('at any moment, also while threads load native code, harms nobody', async () => {
    const log = await numberedLog(1000, 200);
    const { code, signal, result } = await runFixture('abort-scans', [log, '40']);
    expect([code, signal]).toEqual([0, null]);
    expect(result).toEqual({ settled: 40, mappings: 0 });
  });

  it('leaves no listeners on a signal that is used again and again', async () => {
    const log = await numberedLog(100, 200);
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await scan(log, { ...options, signal });
    await rejectionOf(scan(log, { ...throwing('error', 50), signal }));
    expect(listeners).toBe(0);
  });
});
