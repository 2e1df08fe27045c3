/** Lines: what columns hold, against the raw events; and events that are awkward to draw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  openEventReader,
  plotLines,
  type Chart,
  type LineSeries,
  type LinesOptions,
  type PlainEvent,
} from '../../src/index.js';
import { logOfEvents, present, repeated } from '../support/plotted.js';
import { sharedPool } from '../support/verification.js';

async function chartOf(
  fields: readonly string[],
  events: Iterable<PlainEvent>,
  options: LinesOptions = {},
): Promise<Chart> {
  const log = await logOfEvents(fields, events);
  return (await plotLines(log, options, { pool: sharedPool() })).value;
}

function lineOf(chart: Chart, panel = 0, series = 0): LineSeries {
  const found = chart.panels[panel]?.series[series];
  if (found?.kind !== 'line') throw new Error('No line there');
  return found;
}

const TIME = ['time_ns long', 'value double'];
const T = 1_790_000_000_000_000_000n;

describe('columns', () => {
  it('hold the least, largest, first and last of all events in them', async () => {
    const event = fc.record({
      time_ns: fc.bigInt({ min: T, max: T + 10_000n }),
      value: fc.oneof(fc.integer({ min: -1000, max: 1000 }), fc.double({ noNaN: true })),
    });
    const property = fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 2, max: 60 }),
      async (events, width) => {
        const options = { width, outliers: 'show' } as const;
        const chart = await chartOf(TIME, events, options);
        const line = lineOf(chart);
        const expected = naiveColumns(events, width);
        for (const name of ['min', 'max', 'first', 'last'] as const) {
          expect(present(line[name])).toEqual(expected.map((column) => column[name]));
        }
        expect(line.x.length).toBeLessThanOrEqual(2 * width + 1);
        expect(BigInt(chart.x.origin) + BigInt(chart.x.to)).toBe(maxTime(events));
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });

  it('hold a spike of one event in a million, and of two neighbouring ones both', async () => {
    const value = (i: number): number =>
      i === 654_321 ? 9 : i === 123_456 ? -7 : i === 123_457 ? 8 : Math.sin(i / 1e4);
    const events = repeated(1_000_000, (i) => ({
      time_ns: T + BigInt(i) * 1000n,
      value: value(i),
    }));
    const line = lineOf(await chartOf(TIME, events));
    expect(line.isDense).toBe(true);
    expect(line.x.length).toBeLessThanOrEqual(1001);
    expect(present(line.max).filter((max) => max > 1)).toEqual([8, 9]);
    expect(present(line.min).filter((min) => min < -1)).toEqual([-7]);
    expect(Math.max(...present(line.mean).map(Math.abs))).toBeLessThanOrEqual(1.1);
  });

  it('are the same by several threads, and follow order of the log where x does not', async () => {
    const log = await logOfEvents(
      TIME,
      repeated(20_000, (i) => ({ time_ns: T + BigInt((i * 7919) % 20_000), value: i })),
    );
    const [one, two] = await Promise.all(
      [1, 2].map((workers) => plotLines(log, { width: 50 }, { workers, pieceBytes: 20_000 })),
    );
    expect(one?.value).toEqual(two?.value);
    expect(lineOf(one?.value as Chart).x).toHaveLength(50);
    const { x } = lineOf(one?.value as Chart);
    expect(x).toEqual(present(x).toSorted((a, b) => a - b));
  });

  it('are only of events that meet the condition, and of the range', async () => {
    const log = await logOfEvents(
      TIME,
      repeated(100, (i) => ({ time_ns: T + BigInt(i), value: i })),
    );
    const where = { field: 'value', op: '<', value: 70 } as const;
    const reader = openEventReader(log);
    const { value, records } = await plotLines(reader, { where }, { workers: 1, from: 10, to: 90 });
    reader.close();
    expect(lineOf(value).first).toEqual(Array.from({ length: 60 }, (_, i) => i + 10));
    expect(records).toBe(80);
  });
});

interface NaiveColumn {
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
}

function maxTime(events: readonly { readonly time_ns: bigint }[]): bigint {
  return events.map((event) => event.time_ns).reduce((a, b) => (b > a ? b : a));
}

function naiveColumns(
  events: readonly { readonly time_ns: bigint; readonly value: number }[],
  width: number,
): NaiveColumn[] {
  const least = events.map((event) => event.time_ns).reduce((a, b) => (b < a ? b : a));
  const span = maxTime(events) - least;
  const every = span === 0n ? 1n : (span + BigInt(width) - 1n) / BigInt(width);
  const columns = new Map<bigint, number[]>();
  for (const { time_ns, value } of events) {
    const at = time_ns / every;
    columns.set(at, [...(columns.get(at) ?? []), value]);
  }
  return [...columns]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, values]) => ({
      min: Math.min(...values),
      max: Math.max(...values),
      first: values[0] ?? 0,
      last: values.at(-1) ?? 0,
    }));
}

describe('what is drawn over what', () => {
  it('is the first time and the one number, by default', async () => {
    const chart = await chartOf(
      ['id string', 'late_ns long', 'time_ms long', 'ok bool'],
      [{ id: 'a', late_ns: 3, time_ms: 1000 }],
    );
    expect([chart.x.label, chart.x.scale, chart.x.unitNs]).toEqual(['time_ms', 'time', 1e6]);
    expect(chart.panels.map(({ y }) => y.label)).toEqual(['late_ns']);
  });

  it('is the offset, where no field is a time', async () => {
    const chart = await chartOf(['value float'], [{ value: 1 }, { value: 5 }]);
    expect([chart.x.label, chart.x.scale]).toEqual(['$offset', 'linear']);
    expect(lineOf(chart).x).toEqual([0, 1]);
  });

  it('may be the time of commit, a boolean, or a number below zero', async () => {
    const fields = ['at_m double', 'on bool'];
    const events = repeated(11, (i) => ({ at_m: i - 5.5, on: i % 2 === 1 }));
    const chart = await chartOf(fields, events, { x: 'at_m', y: 'on' });
    expect(lineOf(chart).x).toEqual(Array.from({ length: 11 }, (_, i) => i - 5.5));
    expect(lineOf(chart).max).toEqual(Array.from({ length: 11 }, (_, i) => i % 2));
    const timed = await chartOf(fields, [{ at_m: 1 }], { x: '$timeMs', y: 'at_m' });
    expect([timed.x.scale, timed.x.unitNs]).toEqual(['time', 1e6]);
  });

  it.each([
    [{ y: 'vlaue' }, 'Cannot find field vlaue: plot.Event has no vlaue, but value, '],
    [
      { y: 'name' },
      'Cannot plot name: it is a string, not a number; numbers are time_ns, value, n',
    ],
    [{ x: 'name' }, 'Cannot plot name: it is a string'],
    [{ by: 'nome', y: 'n' }, 'Cannot find field nome'],
    [{}, 'Cannot choose which number of plot.Event to plot: it has value, n'],
    [{ y: [] }, 'Cannot plot 0 fields'],
    [{ y: 'n', x: 'ok' }, 'Cannot plot over ok: it is a boolean'],
    [
      { y: 'n', x: 'value', rate: true },
      'Cannot plot a rate over value: its name ends with no unit',
    ],
    [{ y: 'n', width: 1 }, 'Invalid width'],
    [{ y: 'n', scale: 'loud' }, 'Invalid scale'],
    [{ y: 'n', outliers: 'eat' }, 'Invalid outliers'],
    [{ y: 'n', where: { field: 'm', op: '=', value: 1 } }, 'Cannot find field m'],
  ])('is not %j', async (options, message) => {
    const fields = ['time_ns long', 'value double', 'name string', 'n int', 'ok bool'];
    const log = await logOfEvents(fields, []);
    await expect(plotLines(log, options as LinesOptions)).rejects.toThrow(message);
  });
});

describe('a line', () => {
  it('is interrupted where values are null or no number, and goes on behind', async () => {
    const values = [1, 2, null, 4, NaN, NaN, 7, 8];
    const events = values.map((value, i) => ({ time_ns: T + BigInt(i), value }));
    const line = lineOf(await chartOf(['time_ns long', 'value double?'], events));
    expect(line.x).toEqual([0, 1, null, 3, null, 6, 7]);
    expect(line.max).toEqual([1, 2, null, 4, null, 7, 8]);
  });

  it('is not interrupted by events without a value, where most have none', async () => {
    const events = repeated(900, (i) => ({
      time_ns: T + BigInt(i),
      value: i % 10 === 0 && (i < 300 || i > 600) ? i : null,
    }));
    const line = lineOf(await chartOf(['time_ns long', 'value double?'], events));
    expect(line.x.filter((x) => x === null)).toHaveLength(1);
    expect(line.x[line.x.indexOf(null) + 1]).toBe(610);
  });

  it('is interrupted where nothing has happened for long', async () => {
    const events = repeated(2000, (i) => ({
      time_ns: T + BigInt(i < 1000 ? i : i + 500) * 1000n,
      value: i,
    }));
    const { x } = lineOf(await chartOf(TIME, events));
    expect(x.filter((each) => each === null)).toHaveLength(1);
  });

  it('goes to the edge where values are infinite, and its axis does not', async () => {
    const events = [1, Infinity, 2, -Infinity, 3].map((value, i) => ({
      time_ns: T + BigInt(i),
      value,
    }));
    const chart = await chartOf(TIME, events);
    expect(lineOf(chart).max).toEqual([1, Infinity, 2, -Infinity, 3]);
    const { from, to } = chart.panels[0]?.y ?? { from: NaN, to: NaN };
    expect([from >= 0, to < 4]).toEqual([true, true]);
  });

  it.each([
    ['no events', [], 0],
    ['one event', [5], 1],
    ['a constant', [5, 5, 5], 3],
    ['nothing but zeros', [0, -0], 2],
    ['nothing but what is no number', [NaN, NaN], 0],
    ['nothing but infinite ones', [Infinity, -Infinity], 2],
    ['the largest doubles', [1.7e308, -1.7e308], 2],
    ['the smallest ones', [5e-324, -5e-324], 2],
  ])('has an axis with a length for %s', async (_, values, points) => {
    const events = values.map((value, i) => ({ time_ns: T + BigInt(i), value }));
    const chart = await chartOf(TIME, events);
    expect(present(lineOf(chart).x)).toHaveLength(points);
    for (const { y } of chart.panels) {
      expect(y.to).toBeGreaterThan(y.from);
      expect([Number.isFinite(y.from), Number.isFinite(y.to)]).toEqual([true, true]);
    }
  });

  it('tells 64-bit integers apart along both axes', async () => {
    const fields = ['id ulong', 'big ulong'];
    const [id, big] = [2n ** 60n + 1n, 2n ** 64n - 10n];
    const events = repeated(9, (i) => ({ id: id + BigInt(i), big: big + BigInt(i) }));
    const chart = await chartOf(fields, events, { x: 'id', y: 'big' });
    expect([chart.x.origin, chart.panels[0]?.y.origin]).toEqual([id, big]);
    expect(lineOf(chart).x).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(lineOf(chart).max).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('spans integers and doubles of all sizes, and both infinities of x are no place', async () => {
    const whole = [-(2n ** 63n), 2n ** 63n - 1n].map((id) => ({ id, value: 1 }));
    expect(
      lineOf(await chartOf(['id long', 'value int'], whole, { x: 'id', y: 'value' })).x,
    ).toHaveLength(2);
    const xs = [-1.7e308, 1.7e308, Infinity, -Infinity, NaN, 0];
    const events = xs.map((at) => ({ at, value: 1 }));
    const line = lineOf(await chartOf(['at double', 'value int'], events, { x: 'at', y: 'value' }));
    expect(present(line.x)).toEqual([-1.7e308, 0, 1.7e308]);
  });
});

describe('x far away from all others', () => {
  const events = [
    ...repeated(5000, (i) => ({ time_ns: T + BigInt(i) * 1000n, value: i })),
    { time_ns: 0n, value: -1 },
    { time_ns: 2n ** 62n, value: -2 },
  ];

  it('is left out, and told', async () => {
    const chart = await chartOf(TIME, events);
    expect(chart.notes).toEqual(['2 events far away in time_ns left out']);
    expect([chart.x.origin, chart.x.to]).toEqual([T, 4_999_000]);
    expect(Math.min(...present(lineOf(chart).min))).toBe(0);
  });

  it('is shown if it is asked for', async () => {
    const chart = await chartOf(TIME, events, { outliers: 'show' });
    expect(chart.notes).toEqual([]);
    expect([chart.x.origin, Math.min(...present(lineOf(chart).min))]).toEqual([0, -2]);
  });

  it('is not what happens now and then', async () => {
    const rare = repeated(3000, (i) => ({
      time_ns: T + BigInt(i < 2990 ? i : (i - 2980) * 10_000),
      value: i,
    }));
    const chart = await chartOf(TIME, rare);
    expect(chart.notes).toEqual([]);
    expect(chart.x.to).toBe(190_000);
  });
});

describe('by a field', () => {
  it('there is a line for each value, in their order, and those without one have theirs', async () => {
    const names = ['cpu10', 'cpu9', null, 'cpu10'];
    const events = repeated(40, (i) => ({ time_ns: T + BigInt(i), cpu: names[i % 4], value: i }));
    const chart = await chartOf([...TIME, 'cpu string'], events, { by: 'cpu', y: 'value' });
    const [series = []] = chart.panels.map((panel) => panel.series);
    expect(series.map(({ name }) => name)).toEqual(['cpu9', 'cpu10', 'none']);
    expect(present(lineOf(chart, 0, 2).max)).toEqual(
      Array.from({ length: 10 }, (_, i) => 4 * i + 2),
    );
  });

  it.each(['from', 'to', 'count', 'by', 'column'])('may be called %s', async (by) => {
    const events = repeated(10, (i) => ({ time_ns: T + BigInt(i), [by]: `${i % 2}`, value: i }));
    const chart = await chartOf([...TIME, `${by} string`], events, { by, y: 'value' });
    expect(chart.panels[0]?.series.map(({ name }) => name)).toEqual(['0', '1']);
    expect(present(lineOf(chart, 0, 1).max)).toEqual([1, 3, 5, 7, 9]);
  });

  it('there are the 12 most frequent, and it is told how many more there would be', async () => {
    const events = repeated(400, (i) => ({
      time_ns: T + BigInt(i),
      n: Math.floor(Math.sqrt(i)),
      value: 1,
    }));
    const chart = await chartOf([...TIME, 'n int'], events, { by: 'n', y: 'value' });
    expect(chart.panels[0]?.series.map(({ name }) => name)).toEqual(
      Array.from({ length: 12 }, (_, i) => String(i + 8)),
    );
    expect(chart.notes).toEqual(['8 more of n with 64 events are not shown']);
    expect(chart.x.to).toBe(399 - 64);
  });
});

describe('a rate', () => {
  const fields = ['time_ms long', 'cpu int', 'sent_bytes ulong'];

  it('is per second, whatever the columns, and counts from 0 after a reset', async () => {
    const big = 2n ** 60n;
    const events = repeated(10_000, (i) => ({
      time_ms: 1_000_000 + i * 10,
      sent_bytes: i < 6000 ? big + BigInt(i) * 30n : BigInt(i - 5999) * 30n,
    }));
    const chart = await chartOf(fields, events, { y: 'sent_bytes', rate: true, width: 333 });
    const line = lineOf(chart);
    for (const rate of present(line.mean)) expect(rate).toBeCloseTo(3000, 6);
    expect(chart.panels[0]?.y).toMatchObject({ label: 'sent_bytes per second', unit: 'B/s' });
  });

  it('is that of each counter by itself, and the same as from event to event', async () => {
    let state = 1;
    const random = (below: number): number => (state = (state * 48_271) % 2_147_483_647) % below;
    const counters = [0, 0, 0];
    const events = Array.from({ length: 3000 }, (_, i) => {
      const cpu = i % 3;
      counters[cpu] = random(200) === 0 ? random(50) : (counters[cpu] ?? 0) + random(100);
      return { time_ms: i * 7, cpu, sent_bytes: counters[cpu] ?? 0 };
    });
    const chart = await chartOf(fields, events, {
      y: 'sent_bytes',
      by: 'cpu',
      rate: true,
      width: 100,
    });
    for (const cpu of [0, 1, 2]) {
      const line = lineOf(chart, 0, cpu);
      const own = events.filter((event) => event.cpu === cpu);
      const grown = own.slice(1).reduce((sum, { sent_bytes }, i) => {
        const before = own[i]?.sent_bytes ?? 0;
        return sum + (sent_bytes < before ? sent_bytes : sent_bytes - before);
      }, 0);
      const xs = present(line.x);
      const starts = [(own[0]?.time_ms ?? 0) - Number(chart.x.origin), ...xs];
      const area = present(line.mean).reduce(
        (sum, rate, i) => sum + (rate * ((xs[i] ?? 0) - (starts[i] ?? 0))) / 1000,
        0,
      );
      expect(area).toBeCloseTo(grown, 6);
    }
  });

  it('of a single event is none', async () => {
    const chart = await chartOf(fields, [{ time_ms: 5, sent_bytes: 7 }], {
      y: 'sent_bytes',
      rate: true,
    });
    expect(lineOf(chart).x).toEqual([]);
  });
});

describe('panels', () => {
  const fields = [
    'time_ms long',
    'a_percent float',
    'b_percent float',
    'm_bytes ulong',
    'p_us int',
    'q_us int',
  ];
  const event = (i: number): PlainEvent => ({
    time_ms: i,
    a_percent: i,
    b_percent: 1,
    m_bytes: 5e9,
    p_us: 3,
    q_us: 9,
  });

  it('hold fields of one unit each', async () => {
    const y = ['a_percent', 'm_bytes', 'b_percent', 'q_us', 'p_us'];
    const chart = await chartOf(fields, repeated(9, event), { y });
    const names = chart.panels.map(({ series }) => series.map(({ name }) => name));
    expect(names).toEqual([['a_percent', 'b_percent'], ['m_bytes'], ['q_us', 'p_us']]);
    expect(chart.panels.map((panel) => panel.y.unit ?? panel.y.unitNs)).toEqual(['%', 'B', 1000]);
    const colours = chart.panels.flatMap(({ series }) => series.map(({ colour }) => colour));
    expect(new Set(colours).size).toBe(5);
  });

  it('hold fields without a unit together only if none of them is flat there', async () => {
    const events = repeated(100, (i) => ({ time_ms: i, a: i, b: i * 5, c: i * 1000 }));
    const chart = await chartOf(['time_ms long', 'a int', 'b int', 'c int'], events, {
      y: ['a', 'b', 'c'],
    });
    expect(chart.panels.map(({ series }) => series.length)).toEqual([2, 1]);
  });

  it('hold one field each, with a line for each value, by a field', async () => {
    const events = repeated(20, (i) => ({ ...event(i), n: i % 2 }));
    const chart = await chartOf([...fields, 'n int'], events, {
      y: ['a_percent', 'b_percent'],
      by: 'n',
    });
    expect(chart.panels.map(({ y, series }) => [y.label, series.length])).toEqual([
      ['a_percent', 2],
      ['b_percent', 2],
    ]);
  });
});

describe('progress', () => {
  it('goes on over all passes, to its end', async () => {
    const log = await logOfEvents(
      TIME,
      repeated(20_000, (i) => ({ time_ns: T + BigInt(i), value: i })),
    );
    const shares: number[] = [];
    await plotLines(
      log,
      {},
      {
        workers: 1,
        pieceBytes: 50_000,
        onProgress: ({ bytes, totalBytes }) => shares.push(bytes / totalBytes),
      },
    );
    expect(shares.length).toBeGreaterThan(8);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
  });
});
