/** Histograms and latency curves, against sorted values. */
import { describe, expect, it } from 'vitest';
import {
  plotHistogram,
  plotQuantiles,
  type BarSeries,
  type Chart,
  type HistogramOptions,
  type LineSeries,
  type QuantilesOptions,
} from '../../src/index.js';
import { logOfEvents, repeated } from '../support/plotted.js';
import { sharedPool } from '../support/verification.js';

/** The same each time, between 0 and 1. */
function randomNumbers(count: number): number[] {
  let state = 7;
  return Array.from({ length: count }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  });
}

async function histogram(
  type: string,
  values: readonly (number | bigint | null)[],
  options: HistogramOptions = {},
): Promise<Chart> {
  const log = await logOfEvents(
    [`v_us ${type}?`],
    values.map((value) => ({ v_us: value })),
  );
  return (await plotHistogram(log, options, { pool: sharedPool() })).value;
}

async function quantiles(
  values: readonly number[],
  options: QuantilesOptions = {},
): Promise<Chart> {
  const log = await logOfEvents(
    ['v_us double', 'w_us double', 'name string'],
    values.map((v_us, i) => ({ v_us, w_us: 2 * v_us, name: i % 2 === 0 ? 'even' : 'odd' })),
  );
  return (await plotQuantiles(log, { field: 'v_us', ...options }, { pool: sharedPool() })).value;
}

function barsOf(chart: Chart): BarSeries {
  const found = chart.panels[0]?.series[0];
  if (found?.kind !== 'bars') throw new Error('No bars there');
  return found;
}

/** By counting. */
function expectCounts({ from, to, height }: BarSeries, values: readonly number[]): void {
  const counted = from.map(
    (begin, i) => values.filter((value) => value >= begin && value < (to[i] ?? 0)).length,
  );
  expect(height).toEqual(counted);
  expect(to.slice(0, -1)).toEqual(from.slice(1));
  expect(height.reduce((sum, count) => sum + count, 0)).toBe(values.length);
}

describe('a histogram', () => {
  it('counts doubles in bars of a round width', async () => {
    const values = randomNumbers(3000).map((random) => random * 7 - 2);
    const bars = barsOf(await histogram('double', values, { bins: 40 }));
    expect(bars.from[1]).toBeCloseTo((bars.from[0] ?? 0) + 0.2, 12);
    expect(bars.from.length).toBeLessThanOrEqual(41);
    expectCounts(bars, values);
  });

  it('has no gaps where values are as fine as its bars', async () => {
    const values = Array.from({ length: 60 }, (_, i) => i / 10);
    const bars = barsOf(await histogram('double', values));
    expect(bars.height).toEqual(values.map(() => 1));
  });

  it('stands over integers, if there are few of them', async () => {
    const values = randomNumbers(500).map((random) => Math.floor(random * 6));
    const bars = barsOf(await histogram('int', values));
    expect(bars.from).toEqual([-0.5, 0.5, 1.5, 2.5, 3.5, 4.5]);
    expectCounts(bars, values);
  });

  it('counts 64-bit integers, and of many values puts several into a bar', async () => {
    const values = randomNumbers(500).map((random) => Math.floor(random * 1e15));
    const bars = barsOf(await histogram('ulong', values, { bins: 10, scale: 'linear' }));
    expect(bars.from).toEqual(Array.from({ length: 10 }, (_, i) => i * 1e14));
    expectCounts(bars, values);
  });

  it('has bars that grow, if a few values are much larger than the others', async () => {
    const values = [
      ...randomNumbers(900).map((random) => 5 + random * 90),
      1,
      10,
      100,
      1e6,
      999_999,
    ];
    const chart = await histogram('double', values, { bins: 30 });
    expect(chart.x.scale).toBe('log');
    const bars = barsOf(chart);
    expect(bars.from.length).toBeLessThanOrEqual(31);
    for (const power of [1, 10, 100, 1e6]) {
      expect(bars.from.some((from) => Math.abs(from / power - 1) < 1e-9)).toBe(true);
    }
    expectCounts({ ...bars, from: bars.from.map(cleaned), to: bars.to.map(cleaned) }, values);
    expect((await histogram('double', values, { scale: 'linear' })).x.scale).toBe('linear');
  });

  it('says what it cannot show', async () => {
    const values = [1, 2, -3, 0, NaN, Infinity, -Infinity, null];
    const linear = await histogram('double', values);
    expect(linear.notes).toEqual(['3 of v_us infinite or no number']);
    expectCounts(barsOf(linear), [1, 2, -3, 0]);
    const log = await histogram('double', values, { scale: 'log' });
    expect(log.notes).toEqual(['3 of v_us infinite or no number', '2 of 0 or less not shown']);
  });

  it.each([
    ['no events', [], 'linear'],
    ['no events', [], 'log'],
    ['one value', [4.5], 'linear'],
    ['one value', [4.5], 'log'],
    ['one value below 0', [-4.5], 'log'],
    ['the largest doubles', [1.7e308, -1.7e308], 'linear'],
    ['doubles of every size', [1.7e308, 5e-324], 'log'],
  ] as const)('has axes with a length for %s %j, %s', async (_, values, scale) => {
    const chart = await histogram('double', values, { scale });
    for (const axis of [chart.x, chart.panels[0]?.y ?? chart.x]) {
      expect([Number.isFinite(axis.from), axis.to > axis.from]).toEqual([true, true]);
    }
    expect(barsOf(chart).height.length).toBeLessThanOrEqual(100);
  });

  it.each([
    [{ field: 'name' }, 'Cannot plot name: it is a string'],
    [{ field: 'ok' }, 'Cannot plot how ok is distributed: it is a boolean'],
    [{ field: 'v', bins: 0 }, 'Invalid bins'],
    [{ field: 'v', scale: 'x' }, 'Invalid scale'],
    [{}, 'Cannot choose which number'],
  ])('is refused for %j', async (options, message) => {
    const log = await logOfEvents(['v int', 'w int', 'ok bool', 'name string'], []);
    await expect(plotHistogram(log, options as HistogramOptions)).rejects.toThrow(message);
  });
});

/** Ends are powers, and rounded. */
function cleaned(end: number): number {
  return Number(end.toPrecision(12));
}

function curveOf(chart: Chart, number = 0): LineSeries {
  return chart.panels[0]?.series[number] as LineSeries;
}

function expectWithinOnePercent(curve: LineSeries, values: readonly number[]): void {
  const sorted = values.toSorted((a, b) => a - b);
  expect(curve.x.length).toBeGreaterThan(50);
  curve.x.forEach((share, i) => {
    const isLast = i === curve.x.length - 1;
    const rank = isLast ? sorted.length : Math.max(1, Math.ceil(Number(share) * sorted.length));
    const exact = sorted[rank - 1] ?? NaN;
    expect(Math.abs(Number(curve.mean[i]) - exact)).toBeLessThanOrEqual(0.01 * Math.abs(exact));
  });
  expect([curve.mean[0], curve.mean.at(-1)]).toEqual([sorted[0], sorted.at(-1)]);
}

describe('a latency curve', () => {
  it.each([
    ['of a long tail', (random: number) => 100 * (1 - random) ** -1.5],
    ['of values on both sides of 0', (random: number) => random * 100 - 40],
    ['of few values', (random: number) => Math.floor(random * 3)],
  ])('%s is within 1 %% of the exact one, and exact at its ends', async (_, value) => {
    const values = randomNumbers(5000).map(value);
    const chart = await quantiles(values);
    expectWithinOnePercent(curveOf(chart), values);
    expect(chart.notes).toEqual(['within 1 %']);
    expect(chart.x).toMatchObject({ scale: 'percentile', from: 0, to: 1 - 1 / 5000 });
  });

  it('has a logarithmic axis for a long tail only', async () => {
    const short = await quantiles([1, 2, 3, 4, 5]);
    const long = await quantiles([1, 2, 3, 4, 500]);
    expect([short, long].map(({ panels }) => panels[0]?.y.scale)).toEqual(['linear', 'log']);
  });

  it('is one for each field, or for each value of another', async () => {
    const values = randomNumbers(400).map((random) => 1 + random);
    const fields = await quantiles(values, { field: ['v_us', 'w_us'] });
    expectWithinOnePercent(curveOf(fields, 0), values);
    expectWithinOnePercent(
      curveOf(fields, 1),
      values.map((value) => 2 * value),
    );
    const by = await quantiles(values, { by: 'name' });
    expect(by.panels[0]?.series.map(({ name }) => name)).toEqual(['even', 'odd']);
    expectWithinOnePercent(
      curveOf(by, 1),
      values.filter((__, i) => i % 2 === 1),
    );
  });

  it('may be by a field that is called count', async () => {
    const events = [1, 2, 3].map((v) => ({ v, count: v % 2 }));
    const log = await logOfEvents(['v double', 'count int'], events);
    const options = { field: 'v', by: 'count' };
    const { value } = await plotQuantiles(log, options, { pool: sharedPool() });
    expect(value.panels[0]?.series.map(({ name }) => name)).toEqual(['0', '1']);
  });

  it.each([[[]], [[NaN, Infinity]], [[3]], [[0, 0, 0]]])(
    'of %j is drawn along axes',
    async (values) => {
      const chart = await quantiles(values);
      for (const axis of [chart.x, chart.panels[0]?.y ?? chart.x]) {
        expect([Number.isFinite(axis.from), axis.to > axis.from]).toEqual([true, true]);
      }
    },
  );

  it('is made in one pass over the events', async () => {
    const log = await logOfEvents(
      ['v int'],
      repeated(1000, (i) => ({ v: i })),
    );
    const shares: number[] = [];
    const onProgress = ({ bytes, totalBytes }: { bytes: number; totalBytes: number }): void => {
      shares.push(bytes / totalBytes);
    };
    await plotQuantiles(log, {}, { pool: sharedPool(), onProgress });
    expect(shares).toEqual([1]);
  });
});
