/** Least and largest values of events, by where along x they are: what a picture of them needs. */
import { NO_LINE, type EventRows } from './event-rows.js';

/** Of each bucket: where along x its events lie, and between which values. Empty: the least is the larger. */
export interface Extremes {
  readonly buckets: number;
  readonly xMin: Float64Array;
  readonly xMax: Float64Array;
  /** A list for each series: of value 0 all lines, then of value 1. */
  readonly min: readonly Float64Array[];
  readonly max: readonly Float64Array[];
}

export function noExtremes(buckets: number, series: number): Extremes {
  const lists = (count: number, value: number): Float64Array[] =>
    Array.from({ length: count }, () => new Float64Array(buckets).fill(value));
  const [xMin, xMax] = [lists(1, Infinity)[0], lists(1, -Infinity)[0]];
  return {
    buckets,
    xMin: xMin as Float64Array,
    xMax: xMax as Float64Array,
    min: lists(series, Infinity),
    max: lists(series, -Infinity),
  };
}

/** All its memory, to be moved to another thread. */
export function buffersOf({ xMin, xMax, min, max }: Extremes): ArrayBuffer[] {
  return [xMin, xMax, ...min, ...max].map(({ buffer }) => buffer as ArrayBuffer);
}

/** Adds rows to the buckets that `bucketOf` has for them; below 0: to none. `lines`: of each value. */
export function addRows(
  into: Extremes,
  { x, values, lines: lineOf, length }: EventRows,
  bucketOf: Int32Array,
  lines: number,
): void {
  addValues(into.xMin, into.xMax, x, bucketOf, length);
  values.forEach((list, value) => {
    if (lineOf !== undefined) addToLines(into, value * lines, list, bucketOf, lineOf, length);
    else {
      const [min, max] = [into.min[value] as Float64Array, into.max[value] as Float64Array];
      addValues(min, max, list, bucketOf, length);
    }
  });
}

/**
 * NaN is neither less nor more than anything, and so is left out. Neighbours share a bucket more often than
 * not: as long as they do, nothing is stored.
 */
function addValues(
  min: Float64Array,
  max: Float64Array,
  values: Float64Array,
  bucketOf: Int32Array,
  count: number,
): void {
  let bucket = -1;
  let [least, largest] = [Infinity, -Infinity];
  for (let row = 0; row < count; row++) {
    const next = bucketOf[row] as number;
    if (next !== bucket) {
      if (bucket >= 0) [min[bucket], max[bucket]] = [least, largest];
      bucket = next;
      if (bucket < 0) continue;
      least = min[bucket] as number;
      largest = max[bucket] as number;
    }
    const value = values[row] as number;
    if (value < least) least = value;
    if (value > largest) largest = value;
  }
  if (bucket >= 0) [min[bucket], max[bucket]] = [least, largest];
}

function addToLines(
  into: Extremes,
  first: number,
  values: Float64Array,
  bucketOf: Int32Array,
  lineOf: Uint8Array,
  count: number,
): void {
  for (let row = 0; row < count; row++) {
    const bucket = bucketOf[row] as number;
    const line = lineOf[row] as number;
    if (bucket < 0 || line === NO_LINE) continue;
    const value = values[row] as number;
    const min = into.min[first + line];
    const max = into.max[first + line];
    if (min === undefined || max === undefined) continue;
    if (value < (min[bucket] as number)) min[bucket] = value;
    if (value > (max[bucket] as number)) max[bucket] = value;
  }
}

/** Adds what another has found of the same buckets. */
export function addExtremes(into: Extremes, part: Extremes): void {
  addLeast(into.xMin, part.xMin);
  addLargest(into.xMax, part.xMax);
  into.min.forEach((list, i) => addLeast(list, part.min[i] as Float64Array));
  into.max.forEach((list, i) => addLargest(list, part.max[i] as Float64Array));
}

function addLeast(into: Float64Array, part: Float64Array): void {
  for (let i = 0; i < into.length; i++) {
    if ((part[i] as number) < (into[i] as number)) into[i] = part[i] as number;
  }
}

function addLargest(into: Float64Array, part: Float64Array): void {
  for (let i = 0; i < into.length; i++) {
    if ((part[i] as number) > (into[i] as number)) into[i] = part[i] as number;
  }
}

/** Equal parts of a stretch of x, as pixels are. */
export interface PixelGrid {
  readonly from: number;
  /** Inclusive. */
  readonly to: number;
  readonly pixels: number;
}

/** The part in which x lies; -1: in none. */
export function pixelAt({ from, to, pixels }: PixelGrid, x: number): number {
  if (!(x >= from && x <= to)) return -1;
  if (to === from) return 0;
  return Math.min(pixels - 1, Math.floor(((x - from) / (to - from)) * pixels));
}

/** Fills `pixelOf` with the pixel of each row. */
export function placeRows(grid: PixelGrid, { x, length }: EventRows, pixelOf: Int32Array): void {
  for (let row = 0; row < length; row++) pixelOf[row] = pixelAt(grid, x[row] as number);
}

/** Without the buckets in which there is nothing. */
export function withoutEmpty(whole: Extremes): Extremes {
  const kept: number[] = [];
  for (let i = 0; i < whole.buckets; i++) {
    if ((whole.xMin[i] as number) <= (whole.xMax[i] as number)) kept.push(i);
  }
  if (kept.length === whole.buckets) return whole;
  const chosen = (list: Float64Array): Float64Array =>
    Float64Array.from(kept, (i) => list[i] as number);
  return {
    buckets: kept.length,
    xMin: chosen(whole.xMin),
    xMax: chosen(whole.xMax),
    min: whole.min.map(chosen),
    max: whole.max.map(chosen),
  };
}
