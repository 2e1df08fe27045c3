/** Lines over time, or over anything else: a question with a bucket for each column of the picture. */
import { checkInteger, unknownChoice } from '../options.js';
import type { Field } from '../query/fields.js';
import { OFFSET_FIELD, TIME_FIELD, fieldAt } from '../query/fields.js';
import type { Aggregate, Cell, Condition, QuerySettings, QueryTable } from '../query/query.js';
import { isTimeField, unitNsOf } from '../query/time-units.js';
import type { ScanResult } from '../scan/scan.js';
import type { Chart, ChartAxis } from './chart.js';
import { cellNumber, defaultX, numberField, onlyNumber } from './fields.js';
import { lineOf, type Column } from './line.js';
import { panelsOf, type PlottedLine } from './panels.js';
import { Passes, type PlottedLog } from './passes.js';
import { unitOf } from './units.js';
import { chooseValues, nameOfValue, type SeriesValues } from './series-by.js';

export interface LinesOptions {
  /** Default: the first field that is a time by its name, else `$offset`. `$timeMs` is the time of commit. */
  readonly x?: string | undefined;
  /** Default: the one number besides x. */
  readonly y?: string | readonly string[] | undefined;
  /** A line for each value of this field: for the 12 most frequent. */
  readonly by?: string | undefined;
  /**
   * How fast counters grow, in 1/s, instead of the values themselves. A value less than the one before it
   * is a reset, and counts from 0, as in Prometheus's `rate`. x has to be a time.
   */
  readonly rate?: boolean | undefined;
  /** Columns that events are gathered into: no more than the picture has pixels (default 1000). */
  readonly width?: number | undefined;
  /** How y is drawn (default `linear`). */
  readonly scale?: 'linear' | 'log' | undefined;
  /**
   * What to do with the one event in a thousand whose x lies so far away that all others would be drawn
   * into a few columns: leave it out, and say so (the default), or show it.
   */
  readonly outliers?: 'leave-out' | 'show' | undefined;
  readonly where?: Condition | undefined;
  readonly title?: string | undefined;
}

/** A plot whose options have been checked against the schema. */
interface LinesPlan extends LinesOptions {
  readonly x: string;
  readonly xField: Field;
  readonly ys: readonly string[];
  readonly width: number;
  readonly scale: 'linear' | 'log';
}

interface Extent {
  readonly from: number | bigint;
  readonly to: number | bigint;
}

const DEFAULT_WIDTH = 1000;
const MAX_WIDTH = 20_000;
const MAX_FIELDS = 24;
/** Leave out so small a share of events, if x then takes so small a share of its width. */
const OUTLIERS = 0.001;
const CROWDED = 0.02;
/** So many times as far away as most are from each other. */
const NEAR = 5;
const MAX_ZOOMS = 3;

/**
 * Makes a chart of fields of events over time. Events are gathered into columns, each with its least and
 * largest value, its first and last in the order of the log, and their mean; so no spike is lost, however
 * many events there are. It is a query (`queryEvents`), or rather two: one for the ends of x.
 *
 * Values that are null or no number interrupt a line, as do long stretches without events; infinite ones
 * are drawn at the edge.
 *
 * Memory: proportional to columns × lines, and to the number of values of `by`; not to that of events.
 *
 * @throws {TypeError | RangeError} a field that there is not or that is no number, a rate over what is no
 *   time, or other wrong options; no event has been read
 * @throws as `queryEvents`
 */
export async function plotLines(
  log: PlottedLog,
  options: LinesOptions = {},
  settings: QuerySettings = {},
): Promise<ScanResult<Chart>> {
  const passes = new Passes(log, options.where, settings, 2);
  const plan = planLines(passes, options);
  const notes: string[] = [];
  let conditions: readonly Condition[] = [];
  for (let zooms = 0; ; zooms++) {
    const { extent, series, where } = await findExtent(passes, plan, conditions);
    if (extent === undefined) return passes.result(emptyChart(plan));
    const table = await passes.ask(columnQuery(plan, extent), [...conditions, ...where]);
    const zoom = zooms < MAX_ZOOMS ? crowdedPart(plan, table, extent) : undefined;
    if (zoom === undefined) {
      const kept = [...series.notes, ...notes];
      return passes.result(chartOf(plan, table, extent, series, kept));
    }
    notes.splice(0, notes.length, ...addOutliers(notes, zoom.leftOut, plan.x));
    conditions = zoom.conditions;
    passes.expectMore(2);
  }
}

function planLines({ schema }: Passes, options: LinesOptions): LinesPlan {
  const { rate, width = DEFAULT_WIDTH, scale = 'linear', outliers = 'leave-out' } = options;
  const x = options.x ?? defaultX(schema);
  const xField = numberField(schema, x);
  const given = typeof options.y === 'string' ? [options.y] : options.y;
  const ys = given ?? [onlyNumber(schema, [x, options.by ?? x])];
  if (ys.length === 0 || ys.length > MAX_FIELDS) {
    throw new RangeError(`Cannot plot ${ys.length} fields: expected 1 to ${MAX_FIELDS}`);
  }
  for (const y of ys) numberField(schema, y);
  if (options.by !== undefined) fieldAt(schema, options.by);
  checkInteger('width', width, 2, MAX_WIDTH);
  if (!['linear', 'log'].includes(scale)) throw unknownChoice('scale', scale);
  if (!['leave-out', 'show'].includes(outliers)) throw unknownChoice('outliers', outliers);
  if (xField.isBoolean) throw new TypeError(`Cannot plot over ${x}: it is a boolean`);
  if (rate === true && unitNsOf(x) === undefined) {
    throw new TypeError(
      `Cannot plot a rate over ${x}: its name ends with no unit of time, as _ns or _ms`,
    );
  }
  return { ...options, x, xField, ys: [...new Set(ys)], width, scale, outliers };
}

/** Where x begins and ends, among the events of the lines that are shown. */
async function findExtent(
  passes: Passes,
  plan: LinesPlan,
  conditions: readonly Condition[],
): Promise<{ extent: Extent | undefined; series: SeriesValues; where: readonly Condition[] }> {
  const { x, by } = plan;
  const query = {
    groupBy: by === undefined ? [] : [{ field: by, as: 'by' }],
    select: { from: { fn: 'min', field: x }, to: { fn: 'max', field: x }, count: { fn: 'count' } },
  } as const;
  let finite: readonly Condition[] = [];
  let table = await passes.ask(query, conditions);
  if ([...(table.columns['from'] ?? []), ...(table.columns['to'] ?? [])].some(isInfinite)) {
    passes.expectMore(2);
    finite = [
      { field: x, op: '>', value: -Infinity },
      { field: x, op: '<', value: Infinity },
    ];
    table = await passes.ask(query, [...conditions, ...finite]);
  }
  const series =
    by === undefined ? { values: [], conditions: [], notes: [] } : chooseValues(table, by);
  const shown = new Set(series.values);
  const rows = table.rows.filter((row) => by === undefined || shown.has(row['by'] ?? null));
  const extent = rows.reduce<Extent | undefined>((whole, { from, to }) => {
    if (!isExact(from) || !isExact(to)) return whole;
    if (whole === undefined) return { from, to };
    return { from: from < whole.from ? from : whole.from, to: to > whole.to ? to : whole.to };
  }, undefined);
  return { extent, series, where: [...series.conditions, ...finite] };
}

function isInfinite(cell: Cell): boolean {
  return cell === Infinity || cell === -Infinity;
}

function isExact(cell: Cell | undefined): cell is number | bigint {
  return typeof cell === 'bigint' || (typeof cell === 'number' && Number.isFinite(cell));
}

/** So wide that there are no more than `width` buckets, and one; `undefined`: there is but one x. */
function columnWidth(
  { xField, width }: LinesPlan,
  { from, to }: Extent,
): number | bigint | undefined {
  if (from === to) return undefined;
  if (xField.kind === 'number') {
    return Math.max(Number(to) / width - Number(from) / width, Number.MIN_VALUE);
  }
  const [span, columns] = [BigInt(to) - BigInt(from), BigInt(width)];
  const every = (span + columns - 1n) / columns;
  return every <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(every) : every;
}

const COLUMN = 'column';

function columnQuery(
  plan: LinesPlan,
  extent: Extent,
): {
  groupBy: { field: string; every?: number | bigint; as?: string }[];
  select: Record<string, Aggregate>;
} {
  const { x, ys, by, rate } = plan;
  const every = columnWidth(plan, extent);
  const select: Record<string, Aggregate> = {
    count: { fn: 'count' },
    firstX: { fn: 'first', field: x },
    lastX: { fn: 'last', field: x },
  };
  const functions =
    rate === true
      ? (['first', 'last', 'increase'] as const)
      : (['min', 'max', 'first', 'last', 'mean'] as const);
  ys.forEach((field, i) => {
    for (const fn of functions) select[`${fn}${i}`] = { fn, field };
  });
  const column = { field: x, as: COLUMN, ...(every === undefined ? {} : { every }) };
  return { groupBy: by === undefined ? [column] : [column, { field: by, as: 'by' }], select };
}

interface Zoom {
  readonly conditions: readonly Condition[];
  readonly leftOut: number;
}

/** The part of x in which nearly all events are, if that is a small one. */
function crowdedPart(plan: LinesPlan, table: QueryTable, extent: Extent): Zoom | undefined {
  const { x, outliers, width } = plan;
  const every = columnWidth(plan, extent);
  if (every === undefined || outliers === 'show') return undefined;
  if (x === OFFSET_FIELD || x === TIME_FIELD) return undefined;
  const columns = countsByColumn(table);
  const total = columns.reduce((sum, { count }) => sum + count, 0);
  const found = shortestWith(columns, total - Math.floor(total * OUTLIERS), every);
  if (found === undefined || found.width > CROWDED * width) return undefined;
  const inside = withNeighbours(columns, found, Number(every));
  const count = inside.reduce((sum, each) => sum + each.count, 0);
  if (count === total) return undefined;
  const [from, to] = [inside[0]?.at ?? 0, inside.at(-1)?.at ?? 0];
  const isNumber = typeof from === 'number' && typeof to === 'number' && typeof every === 'number';
  const end = isNumber ? to + every : BigInt(to) + BigInt(every);
  const conditions = [
    { field: x, op: '>=', value: from },
    { field: x, op: '<', value: end },
  ] as const;
  return { conditions, leftOut: total - count };
}

/** What lies near is no outlier, however few events that is. */
function withNeighbours(
  columns: readonly Counted[],
  { first, last, width }: { first: number; last: number; width: number },
  every: number,
): Counted[] {
  const near = NEAR * width * every;
  const distance = (a: number, b: number): number =>
    Math.abs(cellNumber(columns[a]?.at, columns[b]?.at ?? 0) ?? Infinity);
  let [begin, end] = [first, last];
  while (begin > 0 && distance(begin - 1, first) <= near) begin--;
  while (end < columns.length - 1 && distance(end + 1, last) <= near) end++;
  return columns.slice(begin, end + 1);
}

interface Counted {
  readonly at: number | bigint;
  readonly count: number;
}

function countsByColumn({ rows }: QueryTable): Counted[] {
  const counted: { at: number | bigint; count: number }[] = [];
  for (const { [COLUMN]: at, count } of rows) {
    if (!isExact(at)) continue;
    const last = counted.at(-1);
    if (last?.at === at) last.count += Number(count);
    else counted.push({ at, count: Number(count) });
  }
  return counted;
}

/** The least number of columns in a row that hold so many events. */
function shortestWith(
  columns: readonly Counted[],
  wanted: number,
  every: number | bigint,
): { first: number; last: number; width: number } | undefined {
  let best: { first: number; last: number; width: number } | undefined;
  let first = 0;
  let held = 0;
  columns.forEach(({ at, count }, last) => {
    held += count;
    while (held - (columns[first]?.count ?? 0) >= wanted) held -= columns[first++]?.count ?? 0;
    if (held < wanted) return;
    const begin = columns[first]?.at ?? 0;
    const width = (cellNumber(at, begin) ?? 0) / Number(every) + 1;
    if (best === undefined || width < best.width) best = { first, last, width };
  });
  return best;
}

function addOutliers(notes: readonly string[], leftOut: number, x: string): string[] {
  const before = Number(/^[\d,]+/.exec(notes[0] ?? '0')?.[0].replaceAll(',', ''));
  const count = before + leftOut;
  return [
    `${count.toLocaleString('en-US')} event${count === 1 ? '' : 's'} far away in ${x} left out`,
  ];
}

function emptyChart(plan: LinesPlan): Chart {
  return chartOf(
    plan,
    { names: [], rows: [], columns: {}, events: 0 },
    { from: 0, to: 0 },
    { values: [], conditions: [], notes: [] },
    ['no events'],
  );
}

function chartOf(
  plan: LinesPlan,
  table: QueryTable,
  extent: Extent,
  series: SeriesValues,
  notes: readonly string[],
): Chart {
  const { ys, by, rate, title, scale } = plan;
  const x = xAxis(plan, extent);
  const shares =
    by === undefined ? [{ name: undefined, rows: table.rows }] : bySeries(table, series);
  const every = columnWidth(plan, extent);
  const lines = ys.flatMap((field, i) => {
    const origin = rate === true ? 0 : originOf(table, i);
    return shares.map(({ name, rows }, k): PlottedLine => {
      const columns = rows.map((row) => columnOf(row, i, x.origin, origin)).filter(hasPlace);
      const colour = by === undefined ? i : k;
      const shown = { name: name ?? field, colour };
      const secondsOfX = rate === true ? (unitNsOf(plan.x) ?? 1) / 1e9 : undefined;
      return { field, origin, ...lineOf(columns, shown, Number(every ?? 1), secondsOfX) };
    });
  });
  const panels = panelsOf(lines, { isSplit: by !== undefined, isRate: rate === true, scale });
  const what = ys.join(', ');
  return {
    title:
      title ?? `${rate === true ? `rate of ${what}` : what}${by === undefined ? '' : ` by ${by}`}`,
    x,
    panels,
    notes,
  };
}

/** Rows of each line that is shown, in the order of the values. */
function bySeries(
  table: QueryTable,
  { values }: SeriesValues,
): { name: string; rows: QueryTable['rows'] }[] {
  const rows = new Map<Cell, QueryTable['rows'][number][]>(values.map((value) => [value, []]));
  for (const row of table.rows) rows.get(row['by'] ?? null)?.push(row);
  return values.map((value) => ({ name: nameOfValue(value), rows: rows.get(value) ?? [] }));
}

function xAxis({ x }: LinesPlan, { from, to }: Extent): ChartAxis {
  const unitNs = unitNsOf(x);
  const isTime = isTimeField(x);
  const isWide = typeof from === 'bigint' || typeof to === 'bigint';
  const origin = isWide || isTime ? floorOf(from) : 0;
  return {
    label: x,
    scale: isTime ? 'time' : 'linear',
    origin,
    from: cellNumber(from, origin) ?? 0,
    to: cellNumber(to, origin) ?? 0,
    ...(unitNs === undefined ? {} : { unitNs }),
    ...(isTime ? {} : { unit: unitOf(x)?.unit }),
  };
}

function floorOf(value: number | bigint): number | bigint {
  return typeof value === 'bigint' ? value : Math.floor(value);
}

function columnOf(
  row: Readonly<Record<string, Cell>>,
  i: number,
  xOrigin: number | bigint,
  origin: number | bigint,
): Partial<Column> {
  const number = (name: string): number | null => cellNumber(row[name], origin);
  const [firstX, lastX] = [cellNumber(row['firstX'], xOrigin), cellNumber(row['lastX'], xOrigin)];
  if (!isExact(row[COLUMN]) || firstX === null || lastX === null) return {};
  return {
    firstX,
    lastX,
    count: Number(row['count']),
    min: number(`min${i}`),
    max: number(`max${i}`),
    // A mean is a double, too coarse where there is an origin.
    mean: origin === 0 ? number(`mean${i}`) : null,
    first: number(`first${i}`),
    last: number(`last${i}`),
    firstCell: row[`first${i}`] ?? null,
    lastCell: row[`last${i}`] ?? null,
    increase: number(`increase${i}`),
  };
}

/** Of 64-bit integers that doubles do not tell apart, the least; else 0. */
function originOf({ columns }: QueryTable, i: number): number | bigint {
  const [least = []] = [columns[`min${i}`]];
  const all = [...least, ...(columns[`max${i}`] ?? [])].filter(isExact);
  if (!all.some((cell) => typeof cell === 'bigint')) return 0;
  const low = all.reduce((a, b) => (b < a ? b : a));
  const high = all.reduce((a, b) => (b > a ? b : a));
  const span = Number(BigInt(high) - BigInt(low));
  return span < Math.abs(Number(high)) / 2 ** 30 ? low : 0;
}

function hasPlace(column: Partial<Column>): column is Column {
  return column.firstX !== undefined;
}
