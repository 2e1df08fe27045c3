/** The most frequent values, counted in bounded memory, and what aggregates share. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defineSchema,
  openEventAppender,
  openReader,
  queryEvents,
  type PlainEvent,
} from '../../src/index.js';
import { accumulatorFor, type Accumulator, type Selection } from '../../src/query/accumulators.js';
import type { BatchColumn } from '../../src/query/batch.js';
import { FREQUENT_VALUES, type FrequentValues } from '../../src/query/frequent.js';
import { answerPiece } from '../../src/query/piece.js';
import { planQueries } from '../../src/query/plan.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const schema = defineSchema('Event', [
  { name: 'value', type: 'double' },
  { name: 'big', type: 'long', optional: true },
  { name: 'ok', type: 'bool' },
  { name: 'label', type: 'string' },
]);

async function logOf(events: Iterable<PlainEvent>): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, { schema, maintenance: false, commit: {} });
  for (const each of events) appender.append(each);
  await appender.close();
  return path;
}

async function ask(log: string, field: string, k: number): Promise<FrequentValues> {
  const select = { found: { fn: 'frequent', field, k } } as const;
  const { value } = await queryEvents(log, { select }, { workers: 2, pieceBytes: 4096 });
  return value.rows[0]?.['found'] as FrequentValues;
}

function tallied(parts: readonly (readonly number[])[], k: number): FrequentValues {
  const whole = accumulatorFor({ kind: 'frequent' }, false);
  whole.reserve(1);
  for (const part of parts) {
    const accumulator = accumulatorFor({ kind: 'frequent' }, false);
    accumulator.reserve(1);
    addNumbers(accumulator, part);
    whole.absorb(structuredClone(accumulator.state(1)), Uint32Array.of(0));
  }
  return whole.result(0, { kind: 'frequent', k }) as FrequentValues;
}

function addNumbers(accumulator: Accumulator, numbers: readonly number[]): void {
  const count = numbers.length;
  const column: BatchColumn = {
    kind: 'number',
    numbers: Float64Array.from(numbers),
    nulls: undefined,
  };
  const rows = Uint32Array.from(numbers, (_, i) => i);
  const selection: Selection = {
    rows,
    groups: new Uint32Array(count),
    count,
    offsets: new Float64Array(count),
    isOneGroup: true,
  };
  accumulator.add(selection, column);
}

describe('the aggregate "frequent"', () => {
  it('counts exactly as long as few values occur, whatever their type', async () => {
    const log = await logOf(
      Array.from({ length: 1000 }, (_, i) => ({
        big: i % 10 === 9 ? null : 2n ** 62n + BigInt(i % 3),
        ok: i % 4 === 0,
        label: ['a', 'b', 'ü'][i % 3],
      })),
    );
    expect(await ask(log, 'ok', 5)).toEqual({
      values: [
        { value: false, count: 750 },
        { value: true, count: 250 },
      ],
      distinct: 2,
      missed: 0,
    });
    const labels = await ask(log, 'label', 2);
    expect(labels.distinct).toBe(3);
    expect(labels.values).toEqual([
      { value: 'a', count: 334 },
      { value: 'b', count: 333 },
    ]);
    expect((await ask(log, 'big', 1)).values).toEqual([{ value: 2n ** 62n, count: 300 }]);
  });

  it('says by how much its counts may be too small where there are more values than it keeps', () => {
    const frequent = fc.nat(3);
    const rare = fc.integer({ min: 10, max: 100_000 });
    const value = fc.oneof({ arbitrary: frequent, weight: 1 }, { arbitrary: rare, weight: 3 });
    const parts = fc.array(fc.array(value, { minLength: 1500, maxLength: 3000 }), {
      minLength: 1,
      maxLength: 4,
    });
    let trimmed = 0;
    fc.assert(
      fc.property(parts, (lists) => {
        const all = lists.flat();
        const counts = new Map<number, number>();
        for (const each of all) counts.set(each, (counts.get(each) ?? 0) + 1);
        const { values, distinct, missed } = tallied(lists, FREQUENT_VALUES);
        if (distinct === null) trimmed++;
        else expect([distinct, missed]).toEqual([counts.size, 0]);
        expect(missed).toBeLessThanOrEqual(all.length / FREQUENT_VALUES);
        for (const { value: each, count } of values) {
          const exact = counts.get(each as number) as number;
          expect(count).toBeLessThanOrEqual(exact);
          expect(count + missed).toBeGreaterThanOrEqual(exact);
        }
      }),
      { numRuns: 20 },
    );
    expect(trimmed).toBeGreaterThan(0);
  });

  it('does not keep long strings, and says so', async () => {
    const log = await logOf([{ label: 'x'.repeat(5000) }, { label: 'short' }]);
    expect(await ask(log, 'label', 3)).toEqual({
      values: [{ value: 'short', count: 1 }],
      distinct: null,
      missed: 1,
    });
  });
});

describe('aggregates of one field', () => {
  it('share what they are worked out of', async () => {
    const of = { field: 'value' } as const;
    const { forWorkers } = planQueries(schema, [
      {
        select: {
          p50: { fn: 'quantile', at: 0.5, ...of },
          p90: { fn: 'quantile', at: 0.9, ...of },
          p99: { fn: 'quantile', at: 0.99, ...of },
          other: { fn: 'quantile', at: 0.5, field: 'big' },
          sum: { fn: 'sum', ...of },
          mean: { fn: 'mean', ...of },
          top3: { fn: 'top', k: 3, ...of },
          top4: { fn: 'top', k: 4, ...of },
        },
      },
    ]);
    const log = await logOf([{ value: 1 }]);
    const reader = openReader(log);
    const [answer] = answerPiece(reader.cursor(), forWorkers);
    reader.close();
    const kinds = forWorkers.questions[0]?.accumulators.map((each) => each.gathering.kind);
    expect(kinds).toEqual(['sketch', 'sketch', 'sum', 'top', 'top']);
    expect(answer?.states).toHaveLength(5);
  });

  it('each get their own answer', async () => {
    const log = await logOf(Array.from({ length: 101 }, (_, i) => ({ value: i })));
    const of = { field: 'value' } as const;
    const { value } = await queryEvents(
      log,
      {
        select: {
          p50: { fn: 'quantile', at: 0.5, ...of },
          p90: { fn: 'quantile', at: 0.9, ...of },
          sum: { fn: 'sum', ...of },
          mean: { fn: 'mean', ...of },
          variance: { fn: 'variance', ...of },
          deviation: { fn: 'deviation', ...of },
          first: { fn: 'first', ...of },
          last: { fn: 'last', ...of },
        },
      },
      { workers: 1 },
    );
    expect(value.rows[0]).toEqual({
      p50: 50,
      p90: 90,
      sum: 5050,
      mean: 50,
      variance: 858.5,
      deviation: Math.sqrt(858.5),
      first: 0,
      last: 100,
    });
  });
});
