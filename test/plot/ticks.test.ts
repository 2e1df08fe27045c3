/** Where axes are marked, and with what. */
import { describe, expect, it } from 'vitest';
import type { ChartAxis } from '../../src/index.js';
import { axisTicks } from '../../src/plot/ticks.js';
import { formatAlone } from '../../src/plot/units.js';

function labels(axis: Partial<ChartAxis>, count = 5): string {
  const whole: ChartAxis = { label: '', scale: 'linear', origin: 0, from: 0, to: 1, ...axis };
  const { ticks, context } = axisTicks(whole, count);
  for (const { at } of ticks) {
    expect(at).toBeGreaterThanOrEqual(whole.from - Math.abs(whole.from) * 1e-9);
    expect(at).toBeLessThanOrEqual(whole.to + Math.abs(whole.to) * 1e-9);
  }
  return `${ticks.map(({ label }) => label).join(' ')}${context === undefined ? '' : ` | ${context}`}`;
}

describe('numbers', () => {
  it.each<[string, Partial<ChartAxis>]>([
    ['0 0.2 0.4 0.6 0.8 1.0', {}],
    ['0 0.25 0.50 0.75 1.00 1.25', { to: 1.25 }],
    ['−1.0 −0.5 0 0.5 1.0', { from: -1, to: 1 }],
    ['0 20 40 60 80 100', { to: 100 }],
    ['0 2k 4k 6k 8k 10k', { to: 10_000 }],
    ['0 1M 2M 3M', { to: 3.2e6 }],
    ['0 200k 400k 600k 800k', { to: 900_000 }],
    ['0 2e-7 4e-7 6e-7 8e-7', { to: 9e-7 }],
    ['0 0.5e300 1.0e300 1.5e300 2.0e300', { to: 2e300 }],
    ['0 5e-324', { to: 5e-324 }],
    ['−1.0e308 −0.5e308 0 0.5e308 1.0e308', { from: -1.2e308, to: 1.2e308 }],
    ['0 20% 40% 60% 80% 100%', { to: 100, unit: '%' }],
    ['0 1 kB 2 kB 3 kB', { to: 3000, unit: 'B' }],
    ['0 200 MB/s 400 MB/s 600 MB/s', { to: 6e8, unit: 'B/s' }],
    ['20.0 °C 22.5 °C 25.0 °C 27.5 °C 30.0 °C', { from: 19, to: 31, unit: '°C' }],
    ['0 1 mV 2 mV 3 mV 4 mV 5 mV', { to: 0.005, unit: 'V' }],
    ['+0 +20 +40 +60 +80 | from 1000000000', { from: 1e9, to: 1e9 + 99 }],
    ['+0 +1 +2 +3 +4 +5 | from 9223372036854775807', { origin: 2n ** 63n - 1n, from: 0, to: 5 }],
    ['7', { from: 7, to: 7 }],
  ])('are %s', (expected, axis) => {
    expect(labels(axis)).toBe(expected);
  });
});

describe('durations', () => {
  it.each<[string, number, number]>([
    ['0 200 ns 400 ns 600 ns 800 ns', 900, 1],
    ['0 1 µs 2 µs 3 µs 4 µs', 4000, 1],
    ['0 0.5 ms 1.0 ms 1.5 ms 2.0 ms', 2000, 1e3],
    ['0 10 s 20 s 30 s 40 s', 45, 1e9],
    ['0 20 min 40 min 60 min 80 min 100 min', 6000, 1e9],
    ['0 10 h 20 h 30 h', 36 * 3600, 1e9],
    ['0 2 d 4 d 6 d', 7 * 86_400_000, 1e6],
  ])('are %s', (expected, to, unitNs) => {
    expect(labels({ to, unitNs })).toBe(expected);
  });
});

describe('logarithms', () => {
  it.each<[string, Partial<ChartAxis>, number]>([
    ['1 10 100 1000', { from: 1, to: 1000 }, 5],
    ['1 2 5 10 20 50 100', { from: 1, to: 100 }, 8],
    ['1 100 10k 1M 100M', { from: 1, to: 1e8 }, 5],
    ['10 µs 100 µs 1 ms 10 ms', { from: 5, to: 20_000, unitNs: 1e3 }, 5],
    ['0.001 0.01 0.1 1', { from: 1e-3, to: 1 }, 5],
    ['2 4 6 8', { from: 1.5, to: 9 }, 4],
    ['1e-200 1 1e200', { from: 1e-290, to: 1e305 }, 3],
  ])('are marked at %s', (expected, axis, count) => {
    expect(labels({ ...axis, scale: 'log' }, count)).toBe(expected);
  });
});

describe('percentiles', () => {
  it.each([
    ['0% 50% 90% 99% 99.9%', 1 - 1e-3, 6],
    ['0% 90% 99% 99.9% 99.99%', 1 - 1e-4, 5],
    ['0% 50% 90%', 0.9, 6],
    ['0% 99% 99.99% 99.9999%', 1 - 1e-7, 4],
  ])('are marked at %s', (expected, to, count) => {
    expect(labels({ scale: 'percentile', to }, count)).toBe(expected);
  });
});

describe('times', () => {
  const at = (iso: string): bigint => BigInt(Date.parse(iso)) * 1_000_000n;
  const ms = (iso: string, seconds: number): Partial<ChartAxis> => ({
    scale: 'time',
    unitNs: 1e6,
    origin: Number(at(iso) / 1_000_000n),
    to: seconds * 1000,
  });
  const DAY = 86_400;

  it.each<[string, Partial<ChartAxis>]>([
    ['14:00 14:15 14:30 14:45 15:00 | 2026-03-05, UTC', ms('2026-03-05T14:00:00Z', 3600)],
    ['14:00:00 14:00:10 14:00:20 14:00:30 | 2026-03-05, UTC', ms('2026-03-05T14:00:00Z', 35)],
    [
      '14:00:00.0 14:00:00.2 14:00:00.4 14:00:00.6 14:00:00.8 14:00:01.0 | 2026-03-05, UTC',
      ms('2026-03-05T14:00:00Z', 1),
    ],
    [
      '14:00:00.000 14:00:00.005 14:00:00.010 14:00:00.015 | 2026-03-05, UTC',
      ms('2026-03-05T14:00:00Z', 0.019),
    ],
    ['18:00 Mar 6 06:00 12:00 | 2026, UTC', ms('2026-03-05T14:00:00Z', DAY)],
    ['23:00 Jan 1 01:00 02:00 | 2025 to 2026, UTC', ms('2025-12-31T22:30:00Z', 4 * 3600)],
    ['Mar 1 Mar 2 Mar 3 Mar 4 | 2024, UTC', ms('2024-02-29T12:00:00Z', 4 * DAY)],
    ['Mar 9 Mar 16 Mar 23 Mar 30 | 2026, UTC', ms('2026-03-05T00:00:00Z', 28 * DAY)],
    ['Nov Dec 2026 Feb Mar | 2025 to 2026, UTC', ms('2025-10-15T00:00:00Z', 140 * DAY)],
    ['2022 2024 2026 2028 2030 | UTC', ms('2021-06-01T00:00:00Z', 3300 * DAY)],
    ['1980 2000 2020 | UTC', ms('1970-01-01T00:00:00Z', 20_500 * DAY)],
    ['00:00:00 00:00:05 00:00:10 | 1970-01-01, UTC', ms('1970-01-01T00:00:00Z', 12)],
    ['23:59:50 00:00:00 00:00:10 | 1969-12-31 to 1970-01-01, UTC', ms('1969-12-31T23:59:45Z', 30)],
  ])('are marked at %s', (expected, axis) => {
    expect(labels(axis)).toBe(expected);
  });

  it('below a millisecond are more than a whole one, in µs and ns', () => {
    const origin = at('2026-03-05T14:00:00.123Z') + 400_700n;
    const axis = { scale: 'time', unitNs: 1, origin } as const;
    expect(labels({ ...axis, to: 100_000 })).toBe(
      '+420 µs +440 µs +460 µs +480 µs +500 µs | from 2026-03-05 14:00:00.123 UTC',
    );
    expect(labels({ ...axis, to: 400 })).toBe(
      '+700 ns +800 ns +900 ns +1000 ns +1100 ns | from 2026-03-05 14:00:00.123400 UTC',
    );
    expect(labels({ ...axis, to: 0 })).toBe('14:00:00.1234007 | 2026-03-05, UTC');
  });

  it('beyond all calendars are numbers', () => {
    expect(labels({ scale: 'time', unitNs: 1e9, origin: 0, to: 9e15 }, 2)).toMatch(/^0 .*d$/);
  });
});

describe('a number alone', () => {
  it.each([
    [0, {}, '0'],
    [1234, {}, '1234'],
    [12_340, {}, '12.34k'],
    [1e6, { unit: 'B' }, '1 MB'],
    [1500, { unitNs: 1e3 }, '1.5 ms'],
    [0.25, {}, '0.25'],
    [1e-9, {}, '1e-9'],
    [100, { unit: '%' }, '100%'],
    [-30, { unit: '°C' }, '−30 °C'],
  ])('%d %j is written as %s', (value, unit, expected) => {
    expect(formatAlone(value, unit as { unit: string })).toBe(expected);
  });
});
