/** From columns of events to a line that can be drawn. */
import type { Cell } from '../query/query.js';
import type { LineSeries } from './chart.js';
import { cellNumber } from './fields.js';

/** What one field is in one column of the picture. `null`: no event there has a value. */
export interface Column {
  /** In the order of the log. */
  readonly firstX: number;
  readonly lastX: number;
  /** Events. */
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly first: number | null;
  readonly last: number | null;
  readonly firstCell: Cell;
  readonly lastCell: Cell;
  /** Of a counter. */
  readonly increase: number | null;
}

interface Point {
  readonly x: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly first: number;
  readonly last: number;
}

/** More events in a column than that, and single ones cannot be seen. */
const DENSE = 3;
/** So many times the usual distance without an event interrupt a line. */
const LONG = 20;
/** The same, if there are events, but without a value. */
const LONG_WITHOUT_VALUE = 3;

/**
 * `width` of a column, along x. With `secondsOfX` the line is how fast the values grow per second, x being
 * so many seconds.
 */
export function lineOf(
  columns: readonly Column[],
  shown: Pick<LineSeries, 'name' | 'colour'>,
  width: number,
  secondsOfX?: number,
): LineSeries {
  const points = secondsOfX === undefined ? columns.map(pointOf) : ratesOf(columns, secondsOfX);
  const drawn = withGaps(points, width);
  const events = columns.reduce((sum, { count }) => sum + count, 0);
  const list = (name: keyof Point): (number | null)[] =>
    drawn.map((point) => (point === undefined ? null : point[name]));
  return {
    kind: 'line',
    ...shown,
    isDense: secondsOfX === undefined && events > DENSE * columns.length,
    x: list('x'),
    min: list('min'),
    max: list('max'),
    first: list('first'),
    last: list('last'),
    mean: list('mean'),
  };
}

/** `undefined`: no value there. */
function pointOf(column: Column): Point | undefined {
  const { firstX, lastX, min, max } = column;
  if (min === null || max === null) return undefined;
  const within = (value: number | null): number =>
    value === null ? min / 2 + max / 2 : Math.min(max, Math.max(min, value));
  return {
    x: firstX / 2 + lastX / 2,
    min,
    max,
    mean: within(column.mean),
    first: within(column.first),
    last: within(column.last),
  };
}

/**
 * What a counter has grown since the last event of the column before, by the time since then: so neither
 * the number of events in a column nor where in it they are matters.
 */
function ratesOf(columns: readonly Column[], secondsOfX: number): (Point | undefined)[] {
  let before: Column | undefined;
  return columns.map((column) => {
    if (column.first === null || column.last === null) return undefined;
    const grown = (column.increase ?? 0) + (before === undefined ? 0 : step(before, column));
    const seconds = (column.lastX - (before?.lastX ?? column.firstX)) * secondsOfX;
    before = column;
    const rate = grown / seconds;
    if (!(seconds > 0) || !Number.isFinite(rate)) return undefined;
    return { x: column.lastX, min: rate, max: rate, mean: rate, first: rate, last: rate };
  });
}

/** A counter that is less than before has been reset to 0 meanwhile. */
function step({ lastCell: from }: Column, { firstCell: to }: Column): number {
  const isWide = typeof from === 'bigint' || typeof to === 'bigint';
  const more = isWide ? Number(wide(to) - wide(from)) : Number(to) - Number(from);
  return more < 0 ? Number(to) : more;
}

function wide(cell: Cell): bigint {
  return typeof cell === 'bigint' ? cell : BigInt(Math.trunc(cellNumber(cell) ?? 0));
}

/** The points, and one `undefined` wherever the line is interrupted. */
function withGaps(points: readonly (Point | undefined)[], width: number): (Point | undefined)[] {
  const present = points.filter((point) => point !== undefined);
  const usual = Math.max(width, medianDistance(present));
  // A field that few events have is not interrupted by all others.
  const isRare = 2 * present.length < points.length;
  const drawn: (Point | undefined)[] = [];
  let before: Point | undefined;
  let isMissing = false;
  for (const point of points) {
    if (point === undefined) {
      isMissing = before !== undefined;
      continue;
    }
    if (before !== undefined) {
      const distance = point.x - before.x;
      const longest = isMissing ? (isRare ? LONG_WITHOUT_VALUE * usual : 0) : LONG * usual;
      if (distance > longest) drawn.push(undefined);
    }
    drawn.push(point);
    before = point;
    isMissing = false;
  }
  return drawn;
}

function medianDistance(points: readonly Point[]): number {
  const distances = points.slice(1).map(({ x }, i) => x - (points[i]?.x ?? x));
  return distances.sort((a, b) => a - b)[distances.length >> 1] ?? 0;
}
