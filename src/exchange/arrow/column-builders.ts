/** Columns of Arrow from columns of a plan: whole arrays at a time, without rows. */
import { isUtf8 } from 'node:buffer';
import type { BigIntColumn, Column, NumberColumn, StringColumn } from '../../events/columns.js';
import { SCALAR_BYTES } from '../../events/model.js';
import { OFFSET_FIELD } from '../../query/fields.js';
import type { EventBatch } from '../event-batches.js';
import type { BatchParts } from './batch-parts.js';
import { FixedCells, Validity, VariableCells, packedBits } from './cells.js';
import { indexBytes } from './field-metadata.js';
import type { GrowingBytes } from './growing-bytes.js';
import { refuseRow } from './refusal.js';
import type { Dictionary, Shape, ShapeField } from './shapes.js';

/** A column of the record batch that is being made. */
export interface ColumnBuilder {
  /** The chosen rows of a batch. */
  add(batch: EventBatch): void;
  /** Bytes of what has been added. */
  readonly size: number;
  /** Puts what it is made of; the next `add` begins another one. */
  finish(parts: BatchParts): void;
}

/** Where a column of the plan is among those of a batch. */
export type Place = (path: string) => number;

/** Of a scalar or a string. */
export function leafBuilder(field: ShapeField, path: string, place: Place): ColumnBuilder {
  const { shape, isNullable } = field;
  const at = place(path);
  if (path === OFFSET_FIELD) return new OffsetBuilder(at);
  switch (shape.kind) {
    case 'names':
      return new NamesBuilder(field.name, shape.dictionary, isNullable, at);
    case 'text':
      return new TextBuilder(field.name, isNullable, at);
    case 'time':
      return new FixedBuilder(8, isNullable, at, shape.isUnsigned ? field.name : undefined);
    default:
      return ofScalar(shape, isNullable, at);
  }
}

function ofScalar(shape: Shape, isNullable: boolean, at: number): ColumnBuilder {
  if (shape.kind !== 'scalar') throw new TypeError(`Cannot read a ${shape.kind} as a column`);
  if (shape.scalar === 'bool') return new BoolBuilder(isNullable, at);
  return new FixedBuilder(SCALAR_BYTES[shape.scalar] as 1 | 2 | 4 | 8, isNullable, at, undefined);
}

/** Of a struct without arrays: paths of its scalars, depth first. */
export function structBuilder(
  { isNullable, shape }: ShapeField,
  paths: readonly string[],
  place: Place,
): ColumnBuilder {
  const rest = [...paths];
  const first = place(paths[0] as string);
  const children = (of: Shape): ColumnBuilder[] =>
    of.kind !== 'struct'
      ? []
      : of.fields.map((field) =>
          field.shape.kind === 'struct'
            ? new StructBuilder(false, first, children(field.shape))
            : leafBuilder(field, rest.shift() as string, place),
        );
  return new StructBuilder(isNullable, first, children(shape));
}

/** Where there is no struct, none of its scalars has a value. */
class StructBuilder implements ColumnBuilder {
  readonly #validity: Validity;
  readonly #at: number;
  readonly #children: readonly ColumnBuilder[];

  constructor(isNullable: boolean, at: number, children: readonly ColumnBuilder[]) {
    this.#validity = new Validity(isNullable);
    this.#at = at;
    this.#children = children;
  }

  get size(): number {
    return this.#children.reduce((sum, { size }) => sum + size, 0);
  }

  add(batch: EventBatch): void {
    this.#validity.addRows(batch.columns[this.#at]?.nulls, batch.rows, batch.count);
    for (const child of this.#children) child.add(batch);
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    for (const child of this.#children) child.finish(parts);
  }
}

class FixedBuilder implements ColumnBuilder {
  readonly #validity: Validity;
  readonly #cells: FixedCells;
  readonly #at: number;
  /** Name of a field whose values must not be past the range of signed integers. */
  readonly #signed: string | undefined;

  constructor(bytes: 1 | 2 | 4 | 8, isNullable: boolean, at: number, signed: string | undefined) {
    this.#validity = new Validity(isNullable);
    this.#cells = new FixedCells(bytes);
    this.#at = at;
    this.#signed = signed;
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  add(batch: EventBatch): void {
    const { values, nulls } = batch.columns[this.#at] as NumberColumn | BigIntColumn;
    const { rows, count } = batch;
    if (this.#signed !== undefined) checkSigned(this.#signed, values, batch);
    this.#validity.addRows(nulls, rows, count);
    this.#cells.addRows(values, rows, count, count === batch.length);
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    this.#cells.finish(parts);
  }
}

function checkSigned(name: string, values: ArrayBufferView, batch: EventBatch): void {
  const words = wordsOf(values);
  const { rows, count } = batch;
  for (let i = 0; i < count; i++) {
    if ((words[2 * (rows[i] as number) + 1] as number) >= 0) continue;
    const why = `Cannot export ${name} as a timestamp: it is past 2^63 - 1. Choose times: 'integers'`;
    refuseRow(batch, i, new RangeError(why));
  }
}

function wordsOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Int32Array {
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** Offsets in the log are doubles here, and integers of 64 bits there. */
class OffsetBuilder implements ColumnBuilder {
  readonly #validity = new Validity(false);
  readonly #cells = new FixedCells(8);
  readonly #at: number;

  constructor(at: number) {
    this.#at = at;
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  add(batch: EventBatch): void {
    const { values } = batch.columns[this.#at] as NumberColumn;
    const { rows, count } = batch;
    const { memory } = this.#cells;
    memory.reserve(8 * count);
    const { words } = memory;
    let at = memory.length >> 2;
    for (let i = 0; i < count; i++) {
      const offset = values[rows[i] as number] as number;
      words[at++] = offset;
      words[at++] = offset / 2 ** 32;
    }
    memory.length += 8 * count;
    this.#validity.addRows(undefined, rows, count);
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    this.#cells.finish(parts);
  }
}

class BoolBuilder implements ColumnBuilder {
  readonly #validity: Validity;
  readonly #cells = new FixedCells(1);
  readonly #at: number;

  constructor(isNullable: boolean, at: number) {
    this.#validity = new Validity(isNullable);
    this.#at = at;
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  add(batch: EventBatch): void {
    const { values, nulls } = batch.columns[this.#at] as NumberColumn;
    const { rows, count } = batch;
    this.#validity.addRows(nulls, rows, count);
    this.#cells.addRows(values, rows, count, count === batch.length);
  }

  finish(parts: BatchParts): void {
    const { memory } = this.#cells;
    this.#validity.finish(parts);
    parts.buffer(packedBits(memory.used(), 0));
    memory.length = 0;
  }
}

class TextBuilder implements ColumnBuilder {
  readonly #name: string;
  readonly #validity: Validity;
  readonly #cells = new VariableCells();
  readonly #at: number;

  constructor(name: string, isNullable: boolean, at: number) {
    this.#name = name;
    this.#validity = new Validity(isNullable);
    this.#at = at;
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  add(batch: EventBatch): void {
    const column = batch.columns[this.#at] as StringColumn;
    const { rows, count } = batch;
    const { starts, lengths, buffer } = column;
    const cells = this.#cells;
    const from = cells.memory.length;
    let continued = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      const start = starts[row] as number;
      const length = lengths[row] as number;
      // Bytes that go on with a character that another string would have begun.
      if (length > 0 && ((buffer[start] as number) & 0xc0) === 0x80) continued++;
      cells.copy(buffer, start, length);
    }
    // Whole strings of UTF-8 are UTF-8 in one, and so are the strings, if each begins with a character.
    const { bytes, length } = cells.memory;
    if (continued > 0 || !isUtf8(bytes.subarray(from, length))) this.#refuse(column, batch);
    this.#validity.addRows(column.nulls, rows, count);
  }

  #refuse({ starts, lengths, buffer }: StringColumn, batch: EventBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const row = batch.rows[i] as number;
      const start = starts[row] as number;
      if (isUtf8(buffer.subarray(start, start + (lengths[row] as number)))) continue;
      refuseRow(batch, i, new RangeError(`Cannot export ${this.#name}: it is not UTF-8`));
    }
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    this.#cells.finish(parts);
  }
}

/** So many values between the least and the largest are looked up in an array. */
const DENSE = 4096;
const UNKNOWN = -1;

/** Places in a dictionary. */
class NamesBuilder implements ColumnBuilder {
  readonly #name: string;
  readonly #dictionary: Dictionary;
  readonly #validity: Validity;
  readonly #cells: FixedCells;
  readonly #at: number;
  readonly #indexOf: (column: Column, row: number) => number;
  /** Marks of rows without a value. */
  #nulls = new Uint8Array(0);

  constructor(name: string, dictionary: Dictionary, isNullable: boolean, at: number) {
    this.#name = name;
    this.#dictionary = dictionary;
    this.#validity = new Validity(isNullable);
    this.#cells = new FixedCells(indexBytes(dictionary));
    this.#at = at;
    this.#indexOf = indexLookup(dictionary);
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  add(batch: EventBatch): void {
    const column = batch.columns[this.#at] as NumberColumn | BigIntColumn;
    const { rows, count } = batch;
    const { memory, bytes } = this.#cells;
    memory.reserve(bytes * count);
    const indices = indicesOf(memory, bytes);
    const nulls = this.#nullsOf(column, batch);
    let at = memory.length / bytes;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      const isNull = nulls !== undefined && nulls[row] === 1;
      const index = isNull ? 0 : this.#indexOf(column, row);
      if (index === UNKNOWN) this.#refuse(column, batch, i);
      indices[at++] = index;
    }
    memory.length += bytes * count;
    this.#validity.addRows(nulls, rows, count);
  }

  /** A union without a member has no value. */
  #nullsOf(column: NumberColumn | BigIntColumn, { length }: EventBatch): Uint8Array | undefined {
    if (!this.#dictionary.isOfUnion) return column.nulls;
    if (this.#nulls.length < length) this.#nulls = new Uint8Array(length);
    for (let row = 0; row < length; row++) this.#nulls[row] = column.values[row] === 0 ? 1 : 0;
    return this.#nulls;
  }

  #refuse({ values }: NumberColumn | BigIntColumn, batch: EventBatch, i: number): never {
    const value = values[batch.rows[i] as number] as number | bigint;
    const choice = this.#dictionary.isOfUnion ? '' : `. Choose enums: 'numbers'`;
    const why = `Cannot export ${this.#name} by name: the schema has none for ${value}${choice}`;
    return refuseRow(batch, i, new RangeError(why));
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    this.#cells.finish(parts);
  }
}

function indicesOf(memory: GrowingBytes, bytes: number): Uint8Array | Uint16Array | Int32Array {
  if (bytes === 1) return memory.bytes;
  return bytes === 2 ? new Uint16Array(memory.bytes.buffer) : memory.words;
}

function indexLookup({ values }: Dictionary): (column: Column, row: number) => number {
  if (values.some((value) => typeof value === 'bigint')) return wideLookup(values);
  const numbers = values as readonly number[];
  const least = Math.min(...numbers, 0);
  const span = Math.max(...numbers, 0) - least + 1;
  const wide = wideLookup(values);
  if (span > DENSE) {
    const indices = new Map(numbers.map((value, index) => [value, index]));
    return (column, row) =>
      column.kind === 'number'
        ? (indices.get(column.values[row] as number) ?? UNKNOWN)
        : wide(column, row);
  }
  const indices = new Int32Array(span).fill(UNKNOWN);
  numbers.forEach((value, index) => (indices[value - least] = index));
  return (column, row) =>
    column.kind === 'number'
      ? (indices[(column.values[row] as number) - least] ?? UNKNOWN)
      : wide(column, row);
}

/** Of 64-bit integers, by their words: no bigint is made. */
function wideLookup(values: readonly (number | bigint)[]): (column: Column, row: number) => number {
  const byHigh = new Map<number, Map<number, number>>();
  values.forEach((value, index) => {
    const bits = BigInt.asUintN(64, BigInt(value));
    const high = Number(BigInt.asIntN(32, bits >> 32n));
    const byLow = byHigh.get(high) ?? new Map<number, number>();
    byHigh.set(high, byLow.set(Number(BigInt.asIntN(32, bits)), index));
  });
  let words = new Int32Array(0);
  return (column, row) => {
    const { values: found } = column as BigIntColumn;
    if (words.buffer !== found.buffer) words = wordsOf(found) as typeof words;
    return byHigh.get(words[2 * row + 1] as number)?.get(words[2 * row] as number) ?? UNKNOWN;
  };
}
