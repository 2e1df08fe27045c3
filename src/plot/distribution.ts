/** How values are distributed: histograms and latency curves, of buckets whose width grows. */
import { checkInteger, unknownChoice } from '../options.js';
import type { Field } from '../query/fields.js';
import { fieldAt } from '../query/fields.js';
import type { Cell, Condition, QuerySettings, QueryTable } from '../query/query.js';
import type { ScanResult } from '../scan/scan.js';
import type { BarSeries, Chart, ChartAxis, LineSeries } from './chart.js';
import { cellNumber, numberField, onlyNumber } from './fields.js';
import { Passes, type PlottedLog } from './passes.js';
import { chooseValues, nameOfValue } from './series-by.js';
import { niceStep } from './ticks.js';
import { unitOf } from './units.js';

export interface HistogramOptions {
  /** Default: the one number of the events. */
  readonly field?: string | undefined;
  /** At most so many bars; ends are round numbers (default 80). */
  readonly bins?: number | undefined;
  /** Bars of equal or of growing width (default: growing, if almost all bars would be empty otherwise). */
  readonly scale?: 'linear' | 'log' | undefined;
  readonly where?: Condition | undefined;
  readonly title?: string | undefined;
}

export interface QuantilesOptions {
  /** Default: the one number of the events. */
  readonly field?: string | readonly string[] | undefined;
  /** A curve for each value of this field: for the 12 most frequent. */
  readonly by?: string | undefined;
  /** How values are drawn (default: `log`, if the largest is more than 50 times the median). */
  readonly scale?: 'linear' | 'log' | undefined;
  readonly where?: Condition | undefined;
  readonly title?: string | undefined;
}

/** Buckets of a decade. Those of a histogram are so many of them put together. */
const PER_DECADE = 240;
/** Less than 1 % wide. A little less than the root, so that powers of ten begin buckets, rounding or not. */
const GROWTH = 10 ** (1 / PER_DECADE) * (1 - Number.EPSILON);
const TOGETHER = [1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 16, 20, 24, 30, 40, 48, 60, 80, 120, 240];
const DEFAULT_BINS = 80;
const MAX_BINS = 5000;
const MAX_FIELDS = 12;
/** A tail so much longer than half of all values wants a logarithmic axis. */
const LONG_TAIL = 50;
/** Points of a curve for each nine. */
const PER_NINE = 60;
const MAX_NINES = 8;

interface Bucket {
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

interface Distribution {
  /** Ascending; finite ones only. */
  readonly buckets: readonly Bucket[];
  readonly count: number;
  /** Events with a value that is none of those. */
  readonly others: number;
}

/**
 * Makes a histogram of a field: how many events have a value in each of some ranges, counted exactly. Two
 * queries (`queryEvents`), or one with growing bars.
 *
 * Memory: some thousand counts. Throws as `plotLines`.
 */
export async function plotHistogram(
  log: PlottedLog,
  options: HistogramOptions = {},
  settings: QuerySettings = {},
): Promise<ScanResult<Chart>> {
  const { bins = DEFAULT_BINS, scale, title } = options;
  checkInteger('bins', bins, 1, MAX_BINS);
  if (scale !== undefined) checkScale(scale);
  const passes = new Passes(log, options.where, settings, scale === 'log' ? 1 : 2);
  const field = distributedField(passes, options.field ?? onlyNumber(passes.schema, []));
  const found = distribution((await askGrowing(passes, field.path)).rows);
  const isLog = (scale ?? (hasLongTail(found) ? 'log' : 'linear')) === 'log';
  const bars = isLog ? growingBars(found, bins) : await equalBars(passes, field, found, bins);
  const notes = [...othersNote(field.path, found.others), ...belowNote(found, isLog)];
  const axis = barsAxis(field.path, bars, isLog);
  const highest = bars.height.reduce((a, b) => Math.max(a, b), 0);
  const y = {
    label: 'events',
    scale: 'linear',
    origin: 0,
    from: 0,
    to: highest * 1.05 || 1,
  } as const;
  return passes.result({
    title: title ?? `distribution of ${field.path}`,
    x: axis,
    panels: [{ y, series: [bars] }],
    notes: found.count === 0 ? ['no events', ...notes] : notes,
  });
}

/**
 * Makes a latency curve: value over percentile, with as much room for each further nine (90 %, 99 %,
 * 99.9 %). Values are within 1 % of the exact ones; the least and the largest are exact. A query
 * (`queryEvents`) for each field, and one more with `by`.
 *
 * Memory: some thousand counts for each field, or value of `by`. Throws as `plotLines`.
 */
export async function plotQuantiles(
  log: PlottedLog,
  options: QuantilesOptions = {},
  settings: QuerySettings = {},
): Promise<ScanResult<Chart>> {
  const { by, scale, title } = options;
  if (scale !== undefined) checkScale(scale);
  const given = typeof options.field === 'string' ? [options.field] : options.field;
  const passes = new Passes(
    log,
    options.where,
    settings,
    (given?.length ?? 1) + (by === undefined ? 0 : 1),
  );
  if (by !== undefined) fieldAt(passes.schema, by);
  const fields = given ?? [onlyNumber(passes.schema, by === undefined ? [] : [by])];
  if (fields.length === 0 || fields.length > MAX_FIELDS) {
    throw new RangeError(`Cannot plot ${fields.length} fields: expected 1 to ${MAX_FIELDS}`);
  }
  for (const field of fields) distributedField(passes, field);
  const { curves, notes } = await distributions(passes, [...new Set(fields)], by);
  return passes.result(quantileChart(curves, { fields, by, scale, title, notes }));
}

function checkScale(scale: string): void {
  if (!['linear', 'log'].includes(scale)) throw unknownChoice('scale', scale);
}

function distributedField({ schema }: Passes, path: string): Field {
  const field = numberField(schema, path);
  if (!field.isBoolean) return field;
  throw new TypeError(`Cannot plot how ${path} is distributed: it is a boolean`);
}

const BUCKET = 'bucket';

function askGrowing(
  passes: Passes,
  field: string,
  by?: string,
  conditions: readonly Condition[] = [],
): Promise<QueryTable> {
  const bucket = { field, growth: GROWTH, as: BUCKET };
  return passes.ask(
    {
      groupBy: by === undefined ? [bucket] : [bucket, { field: by, as: 'by' }],
      select: { min: { fn: 'min', field }, max: { fn: 'max', field }, count: { fn: 'count' } },
    },
    conditions,
  );
}

function distribution(rows: QueryTable['rows']): Distribution {
  const buckets: Bucket[] = [];
  let [total, others] = [0, 0];
  for (const row of rows) {
    if (row[BUCKET] === null) continue;
    const [min, max, count] = [
      cellNumber(row['min']),
      cellNumber(row['max']),
      Number(row['count']),
    ];
    const isFinite = Number.isFinite(min) && Number.isFinite(max);
    if (isFinite) buckets.push({ min: min as number, max: max as number, count });
    if (isFinite) total += count;
    else others += count;
  }
  return { buckets: buckets.sort((a, b) => a.min - b.min), count: total, others };
}

function hasLongTail({ buckets, count }: Distribution): boolean {
  const [least, most] = [buckets[0]?.min ?? 0, buckets.at(-1)?.max ?? 0];
  return least > 0 && most > LONG_TAIL * valueAt(buckets, Math.ceil(count / 2));
}

function othersNote(field: string, others: number): string[] {
  if (others === 0) return [];
  return [`${others.toLocaleString('en-US')} of ${field} infinite or no number`];
}

function belowNote({ buckets }: Distribution, isLog: boolean): string[] {
  const below = buckets.reduce((sum, { max, count }) => sum + (isLog && max <= 0 ? count : 0), 0);
  return below === 0 ? [] : [`${below.toLocaleString('en-US')} of 0 or less not shown`];
}

// --- Histograms ---

function growingBars({ buckets }: Distribution, bins: number): BarSeries {
  const positive = buckets.filter(({ min }) => min > 0);
  const steps = positive.map(({ min }) =>
    Math.floor(Math.log(min * (1 + 1e-12)) / Math.log(GROWTH)),
  );
  const [first, last] = [steps[0] ?? 0, steps.at(-1) ?? 0];
  const wide = (last - first + 1) / bins;
  const together =
    TOGETHER.find((each) => each >= wide) ?? Math.ceil(wide / PER_DECADE) * PER_DECADE;
  const begin = Math.floor(first / together);
  const bars = positive.length === 0 ? 0 : Math.floor(last / together) - begin + 1;
  const height = Array.from({ length: bars }, () => 0);
  positive.forEach(({ count }, i) => {
    const bar = Math.floor((steps[i] ?? 0) / together) - begin;
    height[bar] = (height[bar] ?? 0) + count;
  });
  const end = (i: number): number => 10 ** (((begin + i) * together) / PER_DECADE);
  return barsBetween(height, end);
}

async function equalBars(
  passes: Passes,
  { path, isFloat, kind }: Field,
  { buckets }: Distribution,
  bins: number,
): Promise<BarSeries> {
  const [low, high] = [buckets[0]?.min, buckets.at(-1)?.max];
  if (low === undefined || high === undefined) return barsBetween([], () => 0);
  const nice = low === high ? 1 : niceStep(high / 2 - low / 2, bins / 2);
  const every = isFloat ? nice : Math.max(1, Math.round(nice));
  const wide = kind === 'number' || Number.isSafeInteger(every) ? every : BigInt(every);
  const { rows } = await passes.ask({ groupBy: [{ field: path, every: wide, as: BUCKET }] });
  const found = rows.flatMap((row) => {
    const from = cellNumber(row[BUCKET]);
    if (from === null || !Number.isFinite(from)) return [];
    return [{ step: Math.round(from / every), count: Number(row['count']) }];
  });
  const begin = found[0]?.step ?? 0;
  const bars = (found.at(-1)?.step ?? begin - 1) - begin + 1;
  const height = Array.from({ length: bars }, () => 0);
  for (const { step, count } of found) height[step - begin] = (height[step - begin] ?? 0) + count;
  // A bar of a single integer stands over it, not beside it.
  const shift = !isFloat && every === 1 ? 0.5 : 0;
  return barsBetween(height, (i) => (begin + i) * every - shift);
}

function barsBetween(height: number[], end: (i: number) => number): BarSeries {
  return {
    kind: 'bars',
    name: 'events',
    colour: 0,
    from: height.map((_, i) => end(i)),
    to: height.map((_, i) => end(i + 1)),
    height,
  };
}

function barsAxis(field: string, { from, to }: BarSeries, isLog: boolean): ChartAxis {
  const ends = { from: from[0] ?? (isLog ? 1 : 0), to: to.at(-1) ?? (isLog ? 10 : 1) };
  return { label: field, scale: isLog ? 'log' : 'linear', origin: 0, ...ends, ...unitsOf(field) };
}

function unitsOf(field: string): Pick<ChartAxis, 'unit' | 'unitNs'> {
  const unit = unitOf(field);
  return unit?.name === 'time' ? {} : { unit: unit?.unit, unitNs: unit?.unitNs };
}

// --- Latency curves ---

interface Curve extends Distribution {
  readonly name: string;
}

async function distributions(
  passes: Passes,
  fields: readonly string[],
  by: string | undefined,
): Promise<{ curves: Curve[]; notes: string[] }> {
  const curves: Curve[] = [];
  const notes: string[] = [];
  const chosen =
    by === undefined
      ? undefined
      : chooseValues(await passes.ask({ groupBy: [{ field: by, as: 'by' }] }), by);
  notes.push(...(chosen?.notes ?? []));
  for (const field of fields) {
    const { rows } = await askGrowing(passes, field, by, chosen?.conditions);
    const found = (chosen?.values ?? [undefined]).map((value: Cell | undefined): Curve => {
      const own = value === undefined ? rows : rows.filter((row) => row['by'] === value);
      const name = value === undefined ? field : nameOfValue(value);
      const isSeveral = value !== undefined && fields.length > 1;
      return { name: isSeveral ? `${field} ${name}` : name, ...distribution(own) };
    });
    curves.push(...found);
    notes.push(
      ...othersNote(
        field,
        found.reduce((sum, { others }) => sum + others, 0),
      ),
    );
  }
  return { curves, notes };
}

function quantileChart(
  curves: readonly Curve[],
  {
    fields,
    by,
    scale,
    title,
    notes,
  }: Pick<QuantilesOptions, 'by' | 'scale' | 'title'> & {
    readonly fields: readonly string[];
    readonly notes: readonly string[];
  },
): Chart {
  const filled = curves.filter(({ count }) => count > 0);
  const largest = Math.max(2, ...filled.map(({ count }) => count));
  const nines = Math.min(MAX_NINES, Math.max(1, Math.log10(largest)));
  const series = curves.map((each, colour) => curveOf(each, colour, nines));
  const [low, high] = [
    Math.min(...filled.map(({ buckets }) => buckets[0]?.min ?? 0)),
    Math.max(...filled.map(({ buckets }) => buckets.at(-1)?.max ?? 0)),
  ];
  const isLog =
    scale === undefined ? filled.some(hasLongTail) && low > 0 : scale === 'log' && low > 0;
  const names = [...new Set(fields)].join(', ');
  return {
    title: title ?? `percentiles of ${names}${by === undefined ? '' : ` by ${by}`}`,
    x: { label: 'percentile', scale: 'percentile', origin: 0, from: 0, to: 1 - 10 ** -nines },
    panels: [
      {
        y: {
          ...valuesAxis(names, filled.length === 0 ? [0, 1] : [low, high], isLog),
          ...unitsOf(fields[0] ?? ''),
        },
        series,
      },
    ],
    notes: ['within 1 %', ...(filled.length === 0 ? ['no events'] : []), ...notes],
  };
}

function valuesAxis(label: string, [low, high]: readonly number[], isLog: boolean): ChartAxis {
  const [from, to] = [low ?? 0, high ?? 1];
  const room = from === to ? Math.abs(from) * 0.1 || 1 : (to / 2 - from / 2) * 0.1;
  const ends = isLog
    ? { from: from / 1.15, to: to * 1.15 }
    : { from: from >= 0 && from < 0.5 * to ? 0 : from - room, to: to + room };
  return { label, scale: isLog ? 'log' : 'linear', origin: 0, ...ends };
}

function curveOf({ name, buckets, count }: Curve, colour: number, nines: number): LineSeries {
  if (count === 0) return curve(name, colour, [], []);
  const points = Math.ceil(nines * PER_NINE);
  const x: number[] = [];
  const y: number[] = [];
  let at = 0;
  let before = 0;
  for (let i = 0; i <= points; i++) {
    const share = 1 - 10 ** -((i / points) * nines);
    const rank = i === points && nines < MAX_NINES ? count : Math.max(1, Math.ceil(share * count));
    for (; before + (buckets[at]?.count ?? Infinity) < rank; at++)
      before += buckets[at]?.count ?? 0;
    x.push(share);
    y.push(within(buckets[at], rank - before));
  }
  return curve(name, colour, x, y);
}

function curve(name: string, colour: number, x: number[], y: number[]): LineSeries {
  const all = { x, min: y, max: y, first: y, last: y, mean: y };
  return { kind: 'line', name, colour, isDense: false, ...all };
}

/** The value of a rank, from 1 on. */
function valueAt(buckets: readonly Bucket[], rank: number): number {
  let before = 0;
  for (const bucket of buckets) {
    if (before + bucket.count >= rank) return within(bucket, rank - before);
    before += bucket.count;
  }
  return buckets.at(-1)?.max ?? 0;
}

/** Both ends of a bucket are exact; what lies between them is taken to be spread evenly. */
function within(bucket: Bucket | undefined, rank: number): number {
  if (bucket === undefined) return 0;
  const { min, max, count } = bucket;
  return count === 1 ? min : min + (max - min) * ((rank - 1) / (count - 1));
}
