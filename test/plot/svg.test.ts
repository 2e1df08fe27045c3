/** SVG files: well-formed, small, the same each time, and readable. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  chartToPng,
  chartToSvg,
  plotHistogram,
  plotLines,
  plotQuantiles,
  type Chart,
  type LineSeries,
  type SvgOptions,
} from '../../src/index.js';
import { decodePng, logOfEvents, repeated, xmlElements } from '../support/plotted.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { sharedPool } from '../support/verification.js';

const T = 1_790_000_000_000_000_000n;

/** A chart that nobody has asked for. */
function lineChart(values: readonly number[], change: Partial<Chart> = {}): Chart {
  const x = values.map((_, i) => i);
  const series: LineSeries = {
    kind: 'line',
    name: 'value',
    colour: 0,
    isDense: false,
    x,
    min: values,
    max: values,
    first: values,
    last: values,
    mean: values,
  };
  const axis = { scale: 'linear', origin: 0, from: 0, to: values.length - 1 } as const;
  return {
    title: 'Title',
    x: { label: 'x', ...axis },
    panels: [{ y: { label: 'y', ...axis, from: -10, to: 10 }, series: [series] }],
    notes: [],
    ...change,
  };
}

function texts(svg: string): string[] {
  return xmlElements(svg)
    .filter(({ name }) => name === 'text')
    .map(({ text }) => text);
}

/** Every number in a path or an attribute is one. */
function expectNumbers(svg: string): void {
  expect(svg).not.toMatch(/NaN|Infinity|undefined|null|e[+-]?\d{3}/);
}

const charts: Chart[] = [];
beforeAll(async () => {
  const fields = ['time_ns long', 'value double?', 'n int', 'late_us uint', 'name string'];
  const log = await logOfEvents(
    fields,
    repeated(30_000, (i) => ({
      time_ns: T + BigInt(i) * 1_000_000n,
      value: i % 100 === 99 ? null : i % 977 === 0 ? Infinity : Math.sin(i / 3000),
      n: i % 9,
      late_us: (i * i) % 70_001,
      name: `<n${i % 15}>&"'`,
    })),
  );
  const settings = { pool: sharedPool() };
  const made = await Promise.all([
    plotLines(log, { y: 'value' }, settings),
    plotLines(log, { y: ['value', 'late_us', 'n'] }, settings),
    plotLines(log, { y: 'late_us', by: 'name', scale: 'log' }, settings),
    plotHistogram(log, { field: 'late_us' }, settings),
    plotQuantiles(log, { field: ['late_us', 'n'], by: 'name' }, settings),
  ]);
  charts.push(...made.map(({ value }) => value));
});

const SIZES: readonly SvgOptions[] = [
  {},
  { width: 64, height: 64 },
  { width: 100, height: 2000 },
  { width: 3000, height: 100, theme: 'dark' },
  { width: 320, height: 200 },
];

describe('an SVG', () => {
  it.each(SIZES)('is well-formed, and all within its bounds, as %j', (size) => {
    for (const chart of [...charts, lineChart([]), lineChart([1]), lineChart([Infinity, 1])]) {
      const svg = chartToSvg(chart, size);
      const [root, ...elements] = xmlElements(svg);
      const { width = 1200, height = 600 } = size;
      expect(root?.attributes).toMatchObject({ width: String(width), height: String(height) });
      expectNumbers(svg);
      for (const { attributes } of elements) {
        if (attributes['x'] !== undefined) expectWithin(Number(attributes['x']), width);
        if (attributes['y'] !== undefined) expectWithin(Number(attributes['y']), height);
      }
    }
  });

  it('escapes what comes from elsewhere, and has it as text', () => {
    const hostile = `<script>alert("1")</script>&amp;'\u0000\u001B[31m\n]]>\uD800é😀`;
    const chart = lineChart([1, 2], { title: hostile, notes: [hostile] });
    const [panel] = chart.panels;
    const series = [0, 1].map((colour) => ({ ...panel?.series[0], name: hostile, colour }));
    const y = { ...panel?.y, label: hostile, unit: hostile };
    const svg = chartToSvg({
      ...chart,
      x: { ...chart.x, label: hostile },
      panels: [{ y, series }] as unknown as Chart['panels'],
    });
    const shown = `<script>alert("1")</script>&amp;'\uFFFD\uFFFD[31m ]]>\uFFFDé😀`;
    expect(texts(svg).filter((text) => text === shown)).toHaveLength(3);
    expect(xmlElements(svg).map(({ name }) => name)).not.toContain('script');
    expect(Buffer.from(svg).toString()).toBe(svg);
  });

  it('says what it shows to those who cannot see it', () => {
    const elements = xmlElements(chartToSvg(charts[0] as Chart));
    expect(elements[0]?.attributes['role']).toBe('img');
    expect(elements[1]).toMatchObject({ name: 'title', text: 'value' });
    expect(elements[2]).toMatchObject({ name: 'desc', text: 'value over time_ns: value' });
  });

  it('is the same each time', () => {
    for (const chart of charts) {
      expect(chartToSvg(structuredClone(chart))).toBe(chartToSvg(chart));
    }
  });

  it('is small, however many events and however wild they are', async () => {
    const log = await logOfEvents(
      ['time_ns long', 'value double'],
      repeated(300_000, (i) => ({ time_ns: T + BigInt(i), value: Math.sin(i * i) * 1e5 })),
    );
    const dense = await plotLines(log, {}, { pool: sharedPool() });
    expect(chartToSvg(dense.value).length).toBeLessThan(50_000);
    const sparse = await plotLines(log, {}, { pool: sharedPool(), to: 3000 });
    expect(chartToSvg(sparse.value).length).toBeLessThan(50_000);
  });

  it('has a legend where colours say something, and only there', () => {
    expect(texts(chartToSvg(charts[1] as Chart)).filter((text) => text === 'late_us')).toHaveLength(
      1,
    );
    const named = texts(chartToSvg(charts[2] as Chart)).filter((text) => text.startsWith('<n'));
    expect(named).toHaveLength(12);
  });

  it('has no two labels in one place', () => {
    for (const chart of charts) {
      for (const size of SIZES.slice(1)) {
        const places = xmlElements(chartToSvg(chart, size))
          .filter(({ name }) => name === 'text')
          .map(({ attributes }) => `${attributes['x']} ${attributes['y']}`);
        expect(new Set(places).size).toBe(places.length);
      }
    }
  });

  it('draws through the least and the largest of each column', () => {
    const chart = lineChart([0, 0, 0]);
    const [panel] = chart.panels;
    const spike = { ...panel?.series[0], min: [0, -10, 0], max: [0, 10, 0] };
    const svg = chartToSvg({ ...chart, panels: [{ ...panel, series: [spike] }] } as Chart);
    const [, path = ''] = /<path d="(M[^"]*)" fill="none" stroke="#0072b2"/.exec(svg) ?? [];
    const places = [...path.matchAll(/V([\d.]+)/g)].map(([, y]) => Number(y));
    expect(places).toHaveLength(3);
    expect(Math.max(...places) - Math.min(...places)).toBeGreaterThan(480);
  });

  it.each([
    [{ width: 63 }, 'Invalid width'],
    [{ height: 1e6 }, 'Invalid height'],
    [{ width: 100.5 }, 'Invalid width'],
    [{ theme: 'pink' }, 'Invalid theme'],
  ])('is refused as %j', (options, message) => {
    expect(() => chartToSvg(lineChart([1]), options as SvgOptions)).toThrow(message);
  });
});

function expectWithin(value: number, bound: number): void {
  expect(value).toBeGreaterThanOrEqual(0);
  expect(value).toBeLessThanOrEqual(bound);
}

describe('a PNG', () => {
  it.each([
    [{ width: 400, height: 240 }, [255, 255, 255]],
    [{ width: 301, height: 177, theme: 'dark' }, [17, 21, 26]],
  ] as const)(
    'has as many pixels as asked for, and a line and labels: %j',
    async (size, ground) => {
      const { width, height, rgba } = decodePng(await chartToPng(charts[0] as Chart, size));
      expect([width, height]).toEqual([size.width, size.height]);
      expect([...rgba.subarray(0, 4)]).toEqual([...ground, 255]);
      const isDrawn = (x: number, y: number): boolean =>
        [0, 1, 2].some(
          (c) => Math.abs((rgba[4 * (y * width + x) + c] ?? 0) - (ground[c] ?? 0)) > 60,
        );
      const drawnIn = (fromX: number, toX: number, fromY: number, toY: number): number => {
        let drawn = 0;
        for (let y = fromY; y < toY; y++)
          for (let x = fromX; x < toX; x++) drawn += Number(isDrawn(x, y));
        return drawn;
      };
      expect(drawnIn(0, width, 0, 30)).toBeGreaterThan(20);
      expect(drawnIn(60, width - 20, 50, height - 40)).toBeGreaterThan(width - 120);
      expect(drawnIn(0, width, height - 12, height)).toBeGreaterThan(20);
    },
  );

  it('is refused with a font that is none', async () => {
    const chart = lineChart([1]);
    const missing = temporaryLogPath();
    await expect(chartToPng(chart, { fontFile: missing })).rejects.toThrow(
      `Cannot write with ${missing}: there is no such file`,
    );
    await expect(chartToPng(chart, { fontFile: 'package.json' })).rejects.toThrow(
      'Cannot write with package.json: it is no font that can be read',
    );
  });
});
