/** Some thousand events, column by column: what filters, groups and accumulators work on. */

import type { StringColumn } from '../events/columns.js';

interface Nullable {
  /** 1 where an event has no value; `undefined`: all have one. */
  readonly nulls: Uint8Array | undefined;
}

/** Numbers of up to 32 bits, floats, booleans (0 and 1) and enums. */
export interface NumberColumn extends Nullable {
  readonly kind: 'number';
  readonly numbers: Float64Array;
}

/** 64-bit integers, exactly. */
export interface IntegerColumn extends Nullable {
  readonly kind: 'int64' | 'uint64';
  /** Low word and high word of each. */
  readonly words: Int32Array;
  /** The same, rounded to doubles. */
  readonly numbers: Float64Array;
}

/** Strings, where they stand: none is decoded unless somebody asks. */
export interface TextColumn extends Nullable {
  readonly kind: 'string';
  /** All in one segment. */
  readonly text: StringColumn;
}

export type BatchColumn = NumberColumn | IntegerColumn | TextColumn;

export interface Batch {
  readonly columns: readonly BatchColumn[];
  /** Offset of each event in the log. */
  readonly offsets: Float64Array;
  length: number;
}

const TWO_32 = 2 ** 32;

/** The 64-bit integer in a row as a number where that is exact, else as a `bigint`. */
export function integerAt({ kind, words }: IntegerColumn, row: number): number | bigint {
  const low = (words[2 * row] as number) >>> 0;
  const signed = words[2 * row + 1] as number;
  const high = kind === 'int64' ? signed : signed >>> 0;
  const number = high * TWO_32 + low;
  if (Number.isSafeInteger(number)) return number;
  return BigInt(high) * 4_294_967_296n + BigInt(low);
}

/** The value in a row, rounded to a double. */
export function numberAt(column: NumberColumn | IntegerColumn, row: number): number {
  if (column.kind === 'number') return column.numbers[row] as number;
  const { kind, words } = column;
  const high = words[2 * row + 1] as number;
  const low = (words[2 * row] as number) >>> 0;
  return (kind === 'int64' ? high : high >>> 0) * TWO_32 + low;
}

/** Whether a row's 64-bit integer is less than another's. */
export function isIntegerLess({ kind, words }: IntegerColumn, a: number, b: number): boolean {
  return compareWords(
    kind,
    words[2 * a] as number,
    words[2 * a + 1] as number,
    words[2 * b] as number,
    words[2 * b + 1] as number,
  );
}

/** The row with the least or the largest 64-bit integer of some, the first of equals. There is one at least. */
export function extremeRow(
  { kind, words }: IntegerColumn,
  rows: Uint32Array,
  count: number,
  isMax: boolean,
): number {
  // With the sign bit flipped, unsigned high words are in the order of signed ones.
  const flip = kind === 'int64' ? 0 : 0x8000_0000;
  let found = rows[0] as number;
  let high = (words[2 * found + 1] as number) ^ flip;
  let low = (words[2 * found] as number) >>> 0;
  for (let i = 1; i < count; i++) {
    const row = rows[i] as number;
    const rowHigh = (words[2 * row + 1] as number) ^ flip;
    const rowLow = (words[2 * row] as number) >>> 0;
    const isMore = rowHigh > high || (rowHigh === high && rowLow > low);
    const isSame = rowHigh === high && rowLow === low;
    if (isSame || isMore !== isMax) continue;
    found = row;
    high = rowHigh;
    low = rowLow;
  }
  return found;
}

function compareWords(
  kind: 'int64' | 'uint64',
  aLow: number,
  aHigh: number,
  bLow: number,
  bHigh: number,
): boolean {
  if (aHigh === bHigh) return aLow >>> 0 < bLow >>> 0;
  return kind === 'int64' ? aHigh < bHigh : aHigh >>> 0 < bHigh >>> 0;
}

/** Fills `numbers`. */
export function roundIntegers({ kind, words, numbers }: IntegerColumn, count: number): void {
  for (let row = 0; row < count; row++) {
    const high = words[2 * row + 1] as number;
    const low = (words[2 * row] as number) >>> 0;
    numbers[row] = (kind === 'int64' ? high : high >>> 0) * TWO_32 + low;
  }
}

/** The value in a row as it is shown: numbers where they are exact. */
export function valueAt(column: BatchColumn, row: number): number | bigint | string {
  if (column.kind === 'number') return column.numbers[row] as number;
  return column.kind === 'string' ? (column.text.at(row) as string) : integerAt(column, row);
}
