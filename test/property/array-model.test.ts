import * as fc from 'fast-check';
import { describe, it } from 'vitest';
import type { CommitPolicy, FlushSchedule } from '../../src/index.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { LogModel, type Operation } from './log-model.js';

const share = fc.double({ min: 0, max: 1, noNaN: true });
const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 5000 }) },
  { weight: 1, arbitrary: fc.constantFrom(12_215, 12_216, 12_217, 6064, 0) },
);
const reservable = length.map((bytes) => Math.min(bytes, 12_216));

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('append' as const), length }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('batch' as const),
      lengths: fc.array(fc.oneof(fc.integer({ min: 0, max: 64 }), length), { maxLength: 12 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('reserve' as const),
      length: reservable,
      used: fc.oneof(fc.constant(99_999), length),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('abandon' as const), length: reservable }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('encode' as const),
      length: reservable,
      fails: fc.integer({ min: 0, max: 3 }).map((chance) => chance === 0),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('commit', 'flush', 'newReader', 'follow', 'follow'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), at: share }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('get' as const), at: share }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('walk' as const),
      at: share,
      steps: fc.array(fc.boolean(), { maxLength: 30 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('slice' as const), from: share, to: share }),
  },
);

const commit = fc.constantFrom<CommitPolicy>('each', 'manual', { bytes: 700, delayMs: 1_000_000 });
const flush = fc.constantFrom<FlushSchedule>('each', 'none', { everyMs: 3 });
const indexCapacity = fc.constantFrom(undefined, 7, 30);

describe.each([
  { maintenance: false, numRuns: 80 },
  { maintenance: true, numRuns: 25 },
])('a log, with maintenance thread: $maintenance', ({ maintenance, numRuns }) => {
  it('behaves as an array under any sequence of operations', async () => {
    const run = fc.asyncProperty(
      fc.array(operation, { minLength: 10, maxLength: 80, size: 'max' }),
      commit,
      flush,
      indexCapacity,
      async (operations, commitPolicy, schedule, capacity) => {
        const model = new LogModel(temporaryLogPath(), {
          segmentSizeBytes: 16_384,
          commit: commitPolicy,
          flush: schedule,
          maintenance,
          ...(capacity === undefined ? {} : { indexCapacity: capacity }),
        });
        try {
          for (const step of operations) await model.run(step);
          await model.finish();
        } finally {
          await model.release();
        }
      },
    );
    await fc.assert(run, { numRuns: Number(process.env['FC_NUM_RUNS'] ?? numRuns) });
  });
});
