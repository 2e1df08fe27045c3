/**
 * Conditions over batches: each fills a mask, 1 for the rows that meet it. A row without a value meets no
 * comparison, so that `not` of one is met by it.
 */
import type { Batch, BatchColumn, IntegerColumn, NumberColumn, TextColumn } from './batch.js';

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>=';

/** A condition as it is run: columns by number, values of the kind that the column has. Plain data. */
export type Filter =
  | { readonly all: readonly Filter[] }
  | { readonly any: readonly Filter[] }
  | { readonly not: Filter }
  | { readonly column: number; readonly test: Test };

export type Test =
  | { readonly op: 'present' }
  | { readonly op: Comparison; readonly number: number }
  | { readonly op: Comparison; readonly integer: bigint }
  | { readonly op: Comparison; readonly text: Uint8Array }
  | { readonly op: 'contains'; readonly text: Uint8Array };

/** Fills `rows` with the rows that meet the filter, ascending; returns how many. */
export function selectRows(filter: Filter | undefined, batch: Batch, rows: Uint32Array): number {
  const { length } = batch;
  if (filter === undefined) {
    for (let row = 0; row < length; row++) rows[row] = row;
    return length;
  }
  const mask = maskOf(filter, batch);
  let count = 0;
  for (let row = 0; row < length; row++) {
    rows[count] = row;
    count += mask[row] as number;
  }
  return count;
}

function maskOf(filter: Filter, batch: Batch): Uint8Array {
  if ('all' in filter) return combined(filter.all, batch, 1);
  if ('any' in filter) return combined(filter.any, batch, 0);
  if ('not' in filter) return maskOf(filter.not, batch).map((met) => 1 - met);
  const column = batch.columns[filter.column] as BatchColumn;
  const mask = new Uint8Array(batch.length);
  test(filter.test, column, mask);
  const { nulls } = column;
  if (nulls !== undefined) {
    for (let row = 0; row < mask.length; row++) {
      mask[row] = (mask[row] as number) & ~(nulls[row] as number);
    }
  }
  return mask;
}

/** All of them (`neutral` 1) or any (0). */
function combined(filters: readonly Filter[], batch: Batch, neutral: 0 | 1): Uint8Array {
  const total = new Uint8Array(batch.length).fill(neutral);
  for (const filter of filters) {
    const mask = maskOf(filter, batch);
    for (let row = 0; row < mask.length; row++) {
      const met = mask[row] as number;
      total[row] = neutral === 1 ? (total[row] as number) & met : (total[row] as number) | met;
    }
  }
  return total;
}

function test(what: Test, column: BatchColumn, mask: Uint8Array): void {
  if (what.op === 'present') mask.fill(1);
  else if ('number' in what)
    testNumbers(what.op, (column as NumberColumn).numbers, what.number, mask);
  else if ('integer' in what) testIntegers(what.op, column as IntegerColumn, what.integer, mask);
  else testStrings(what.op, column as TextColumn, what.text, mask);
}

/** A loop for each comparison, so that none is decided per row. */
function testNumbers(op: Comparison, numbers: Float64Array, value: number, mask: Uint8Array): void {
  const count = mask.length;
  switch (op) {
    case '=':
      for (let i = 0; i < count; i++) mask[i] = numbers[i] === value ? 1 : 0;
      break;
    case '!=':
      for (let i = 0; i < count; i++) mask[i] = numbers[i] === value ? 0 : 1;
      break;
    case '<':
      for (let i = 0; i < count; i++) mask[i] = (numbers[i] as number) < value ? 1 : 0;
      break;
    case '<=':
      for (let i = 0; i < count; i++) mask[i] = (numbers[i] as number) <= value ? 1 : 0;
      break;
    case '>':
      for (let i = 0; i < count; i++) mask[i] = (numbers[i] as number) > value ? 1 : 0;
      break;
    case '>=':
      for (let i = 0; i < count; i++) mask[i] = (numbers[i] as number) >= value ? 1 : 0;
      break;
  }
}

/** By words, high ones first: no `bigint` is made. The value lies in the column's range. */
function testIntegers(
  op: Comparison,
  { kind, words }: IntegerColumn,
  value: bigint,
  mask: Uint8Array,
): void {
  // Flipping the sign bit makes unsigned order of both words the order of signed integers.
  const flip = kind === 'int64' ? 0x8000_0000 : 0;
  const low = Number(BigInt.asUintN(32, value));
  const high = (Number(BigInt.asUintN(32, value >> 32n)) ^ flip) >>> 0;
  const [onLess, onEqual, onMore] = OUTCOMES[op];
  for (let row = 0; row < mask.length; row++) {
    const rowHigh = ((words[2 * row + 1] as number) ^ flip) >>> 0;
    const rowLow = (words[2 * row] as number) >>> 0;
    if (rowHigh === high && rowLow === low) mask[row] = onEqual;
    else mask[row] = rowHigh < high || (rowHigh === high && rowLow < low) ? onLess : onMore;
  }
}

/** Strings are ordered by their UTF-8 bytes, which is the order of their code points. */
function testStrings(
  op: Comparison | 'contains',
  { text: { buffer, starts, lengths } }: TextColumn,
  text: Uint8Array,
  mask: Uint8Array,
): void {
  const wanted = Buffer.from(text);
  for (let row = 0; row < mask.length; row++) {
    const start = starts[row] as number;
    const end = start + (lengths[row] as number);
    if (op === 'contains') {
      mask[row] = buffer.subarray(start, end).includes(wanted) ? 1 : 0;
    } else if (end - start !== wanted.length && (op === '=' || op === '!=')) {
      mask[row] = op === '=' ? 0 : 1;
    } else {
      mask[row] = OUTCOMES[op][1 + buffer.compare(wanted, 0, wanted.length, start, end)] as number;
    }
  }
}

/** What a comparison says to less, equal and more. */
const OUTCOMES: Readonly<Record<Comparison, readonly [number, number, number]>> = {
  '=': [0, 1, 0],
  '!=': [1, 0, 1],
  '<': [1, 0, 0],
  '<=': [1, 1, 0],
  '>': [0, 0, 1],
  '>=': [0, 1, 1],
};
