import { describe, expect, it } from 'vitest';
import { LogClosedError, openAppender, openReader } from '../../src/index.js';
import { runFixture } from '../support/fixtures.js';
import {
  appendNumbered,
  numberedOffsets,
  range,
  rejectionOf,
  SMALL_SEGMENT_BYTES,
  thrownBy,
} from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

describe.each([{ maintenance: false }, { maintenance: true }])(
  'close with maintenance thread: $maintenance',
  ({ maintenance }) => {
    const options = { segmentSizeBytes: SMALL_SEGMENT_BYTES, maintenance };

    it('commits and flushes what is open, and leaves a clean log', async () => {
      const path = temporaryLogPath();
      const appender = openAppender(path, { ...options, commit: 'manual', flush: 'none' });
      expect(appender.recovery.outcome).toBe('created');
      appendNumbered(appender, 30, 1000);
      await appender.close();
      const again = openAppender(path, options);
      expect(again.recovery).toMatchObject({
        outcome: 'clean',
        salvagedRecords: 0,
        walkedBytes: 0,
      });
      expect([again.nextOffset, again.committedOffset, again.flushedOffset]).toEqual([30, 30, 30]);
      await again.close();
    });

    it('is idempotent: every call gives the same promise', async () => {
      const appender = openAppender(temporaryLogPath(), options);
      const first = appender.close();
      expect(appender.close()).toBe(first);
      await first;
      await expect(appender.close()).resolves.toBeUndefined();
    });

    it('leaves an empty log clean as well', async () => {
      const path = temporaryLogPath();
      await openAppender(path, options).close();
      const again = openAppender(path, options);
      expect(again.recovery.outcome).toBe('clean');
      expect(again.nextOffset).toBe(0);
      await again.close();
    });

    it('refuses everything afterwards with LogClosedError', async () => {
      const appender = openAppender(temporaryLogPath(), options);
      appendNumbered(appender, 1, 1);
      await appender.close();
      for (const attempt of [
        (): unknown => appender.append(bytes('x')),
        (): unknown => appender.appendBatch([bytes('x')]),
        (): unknown => appender.appendBatch([]),
        (): unknown => appender.reserve(1),
        (): unknown => appender.commit(),
      ]) {
        expect(thrownBy(attempt)).toBeInstanceOf(LogClosedError);
      }
      for (const promise of [appender.flush(), appender.dropBefore(0), appender.prepare()]) {
        expect(await rejectionOf(promise)).toBeInstanceOf(LogClosedError);
      }
      expect([appender.nextOffset, appender.flushedOffset, appender.startOffset]).toEqual([
        1, 1, 0,
      ]);
      expect(appender.header).toHaveLength(0);
    });

    it('is what await using does', async () => {
      const path = temporaryLogPath();
      {
        await using appender = openAppender(path, options);
        appendNumbered(appender, 1, 1);
      }
      using reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual([0]);
      await openAppender(path, options).close();
    });

    it('gives the lock back at once', async () => {
      const path = temporaryLogPath();
      for (let i = 0; i < 3; i++) {
        const appender = openAppender(path, options);
        expect(appender.nextOffset).toBe(i);
        appendNumbered(appender, 1, 1);
        await appender.close();
      }
    });

    it.each(
      (['normal', 'process.exit', 'exception', 'SIGKILL'] as const).flatMap((ending) =>
        ['each', 'manual', { bytes: 5000, delayMs: 1 }].map((policy) => ({ ending, policy })),
      ),
    )(
      'a process that ends without it loses nothing ($ending, commit: $policy)',
      async ({ ending, policy }) => {
        const path = temporaryLogPath();
        const args = [path, JSON.stringify(policy), ending, String(maintenance)];
        const { code, signal, result } = await runFixture('exit-without-close', args);
        expect([code, signal]).toEqual(
          ending === 'SIGKILL' ? [null, 'SIGKILL'] : [ending === 'exception' ? 1 : 0, null],
        );
        const left = result as { nextOffset: number; committedOffset: number };
        expect(left.nextOffset).toBe(54);
        const appender = openAppender(path, options);
        expect(appender.nextOffset).toBe(54);
        const { outcome, salvagedRecords } = appender.recovery;
        expect(outcome).toBe('recovered');
        // The delay may have committed meanwhile, if the event loop went on.
        if (policy === 'each') expect(salvagedRecords).toBe(0);
        else if (ending !== 'normal' || policy === 'manual') {
          expect(salvagedRecords).toBe(54 - left.committedOffset);
        }
        const reader = openReader(path);
        expect(numberedOffsets(reader)).toEqual(range(0, 54));
        await appender.close();
        reader.close();
      },
    );
  },
);
