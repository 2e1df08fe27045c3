import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openAppender } from '../../src/index.js';
import { finished, runFixture, startFixture } from '../support/fixtures.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const COUNT = 30_000;

describe('while somebody appends', () => {
  it.each([{ maintenance: false }, { maintenance: true }])(
    'readers in threads and processes see every record once, in order ($maintenance)',
    async ({ maintenance }) => {
      const path = temporaryLogPath();
      const appender = openAppender(path, {
        segmentSizeBytes: 65_536,
        maintenance,
        commit: { bytes: 1000, delayMs: 1 },
        flush: { everyMs: 5 },
      });
      const worker = new Worker(new URL('../fixtures/follow.mjs', import.meta.url), {
        workerData: { path, count: COUNT, bound: 'committed' },
      });
      const heard = once(worker, 'message');
      const others = ['committed', 'flushed'].map((bound) =>
        finished(startFixture('follow', [path, String(COUNT), bound])),
      );
      for (let i = 0; i < COUNT; i++) {
        const reservation = appender.reserve(8);
        reservation.setFloat64(0, i * 3);
        reservation.publish();
        if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      expect((await heard)[0]).toEqual({ seen: COUNT, wrong: 0 });
      for (const { result } of await Promise.all(others)) {
        expect(result).toEqual({ seen: COUNT, wrong: 0 });
      }
      await appender.close();
    },
  );
});

it('views outlive reader, appender, segment file and garbage collection', async () => {
  const { code, result } = await runFixture(
    'views-under-gc',
    [temporaryLogPath()],
    ['--expose-gc'],
  );
  expect([code, result]).toEqual([0, { intact: 60 }]);
});
