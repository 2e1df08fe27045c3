/** Values of a leaf, as they are gathered for a row group: without those that are missing. */
import { isUtf8 } from 'node:buffer';
import type { Column, StringColumn } from '../../events/columns.js';
import type { EnumType } from '../../events/model.js';
import type { EventBatch } from '../event-batches.js';
import { ByteSink } from '../text/byte-sink.js';
import { UnfitValueError } from './unfit-value.js';
import { enumName, type LeafShape } from './shape.js';

/** Chosen rows of a batch: `rows[from]` to `rows[to - 1]`. */
export interface Slice {
  readonly batch: EventBatch;
  readonly from: number;
  readonly to: number;
}

export interface Sink {
  /** How many there are. */
  readonly count: number;
  /** A value as the leaf's `convert` has it. `offset`: of the event. */
  add(value: unknown, offset: number): void;
  addColumn(column: Column, slice: Slice): void;
  clear(): void;
}

const FIRST_ROOM = 4096;

/** What a leaf stores its values in. */
export function sinkFor(shape: LeafShape): ValueSink {
  const { holds } = shape;
  switch (holds.kind) {
    case 'names':
      return new NameSink(shape.path, holds.of);
    case 'string':
    case 'bytes':
    case 'json':
      return new ByteArraySink(shape.path);
    case 'offset':
      return new WideSink(shape.path, false, false);
    default: {
      const { scalar, unit } = holds;
      if (scalar === 'int64' || scalar === 'uint64') {
        return new WideSink(shape.path, scalar === 'uint64', unit !== undefined);
      }
      if (scalar === 'float64') return new NumberSink(new Float64Array(FIRST_ROOM));
      if (scalar === 'float32') return new NumberSink(new Float32Array(FIRST_ROOM));
      if (scalar === 'bool') return new NumberSink(new Uint8Array(FIRST_ROOM));
      return new NumberSink(new Int32Array(FIRST_ROOM), scalar.startsWith('u'));
    }
  }
}

export type ValueSink = NumberSink | WideSink | NameSink | ByteArraySink;

type Numbers = Int32Array | Float32Array | Float64Array | Uint8Array;

/** Integers of up to 32 bits, floats, and booleans as 0 and 1. */
export class NumberSink implements Sink {
  readonly kind = 'numbers';
  readonly isUnsigned: boolean;
  values: Numbers;
  count = 0;

  constructor(values: Numbers, isUnsigned = false) {
    this.values = values;
    this.isUnsigned = isUnsigned;
  }

  add(value: unknown): void {
    if (this.count === this.values.length) this.values = grown(this.values, this.count + 1);
    this.values[this.count++] = Number(value);
  }

  addColumn(column: Column, { batch: { rows }, from, to }: Slice): void {
    const needed = this.count + to - from;
    if (needed > this.values.length) this.values = grown(this.values, needed);
    const source = column.kind === 'number' ? column.values : NO_NUMBERS;
    const { nulls } = column;
    const first = rows[from] as number;
    if (nulls === undefined && (rows[to - 1] as number) - first === to - 1 - from) {
      this.values.set(source.subarray(first, first + to - from), this.count);
      this.count = needed;
      return;
    }
    const { values } = this;
    let { count } = this;
    for (let i = from; i < to; i++) {
      const row = rows[i] as number;
      if (nulls?.[row] !== 1) values[count++] = source[row] as number;
    }
    this.count = count;
  }

  clear(): void {
    this.count = 0;
  }
}

const NO_NUMBERS = new Uint8Array(0);
const TWO_32 = 2 ** 32;

/** Integers of 64 bits, as two words each, low ones first: no bigint is made of one. */
export class WideSink implements Sink {
  readonly kind = 'wide';
  readonly isUnsigned: boolean;
  words = new Int32Array(2 * FIRST_ROOM);
  count = 0;
  readonly #path: string;
  /** Unsigned ones that are stored as signed ones must be within their range. */
  readonly #isBounded: boolean;

  constructor(path: string, isUnsigned: boolean, isTime: boolean) {
    this.#path = path;
    this.isUnsigned = isUnsigned && !isTime;
    this.#isBounded = isUnsigned && isTime;
  }

  add(value: unknown, offset: number): void {
    if (2 * this.count === this.words.length) this.words = grown(this.words, 2 * this.count + 2);
    const integer = BigInt(value as number | bigint);
    if (this.#isBounded && integer >= 2n ** 63n) this.#refuse(offset);
    this.words[2 * this.count] = Number(BigInt.asIntN(32, integer));
    this.words[2 * this.count + 1] = Number(BigInt.asIntN(32, integer >> 32n));
    this.count++;
  }

  addColumn(column: Column, slice: Slice): void {
    const needed = 2 * (this.count + slice.to - slice.from);
    if (needed > this.words.length) this.words = grown(this.words, needed);
    if (column.kind === 'bigint') this.#addWords(column.values, column.nulls, slice);
    else if (column.kind === 'number') this.#addNumbers(column.values, slice);
  }

  clear(): void {
    this.count = 0;
  }

  #addWords(
    values: BigInt64Array | BigUint64Array,
    nulls: Uint8Array | undefined,
    { batch: { rows, offsets }, from, to }: Slice,
  ): void {
    const source = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
    if (this.#isBounded) this.#checkBounds(source, nulls, rows.subarray(from, to), offsets);
    const { words } = this;
    const first = rows[from] as number;
    let { count } = this;
    if (nulls === undefined && (rows[to - 1] as number) - first === to - 1 - from) {
      words.set(source.subarray(2 * first, 2 * (first + to - from)), 2 * count);
      this.count += to - from;
      return;
    }
    for (let i = from; i < to; i++) {
      const row = rows[i] as number;
      if (nulls?.[row] === 1) continue;
      words[2 * count] = source[2 * row] as number;
      words[2 * count + 1] = source[2 * row + 1] as number;
      count++;
    }
    this.count = count;
  }

  #checkBounds(
    source: Int32Array,
    nulls: Uint8Array | undefined,
    rows: Uint32Array,
    offsets: Float64Array,
  ): void {
    for (const row of rows) {
      const isPast = (source[2 * row + 1] as number) < 0 && nulls?.[row] !== 1;
      if (isPast) this.#refuse(offsets[row] as number);
    }
  }

  #refuse(offset: number): never {
    const why = "a time past 2^63 - 1, which times: 'integers' keeps";
    throw new UnfitValueError(this.#path, why, offset);
  }

  /** Offsets: safe integers. */
  #addNumbers(values: ArrayLike<number>, { batch: { rows }, from, to }: Slice): void {
    const { words } = this;
    for (let i = from; i < to; i++) {
      const value = values[rows[i] as number] as number;
      words[2 * this.count] = value | 0;
      words[2 * this.count + 1] = Math.floor(value / TWO_32);
      this.count++;
    }
  }
}

/** Values of an enum, by the numbers of their names. */
export class NameSink implements Sink {
  readonly kind = 'names';
  indexes = new Int32Array(FIRST_ROOM);
  count = 0;
  /** UTF-8. */
  readonly names: Buffer[] = [];
  readonly #path: string;
  readonly #of: EnumType;
  readonly #byValue = new Map<unknown, number>();

  constructor(path: string, of: EnumType) {
    this.#path = path;
    this.#of = of;
  }

  /** A name, or a number that has none. */
  add(value: unknown, offset: number): void {
    if (this.count === this.indexes.length) this.indexes = grown(this.indexes, this.count + 1);
    const known = this.#byValue.get(value);
    const name = typeof value === 'string' ? value : undefined;
    this.indexes[this.count++] = known ?? this.#index(value, name, offset);
  }

  addColumn(column: Column, { batch: { rows, offsets }, from, to }: Slice): void {
    const needed = this.count + to - from;
    if (needed > this.indexes.length) this.indexes = grown(this.indexes, needed);
    if (column.kind === 'string') return;
    const { values, nulls } = column;
    let last: unknown;
    let index = 0;
    for (let i = from; i < to; i++) {
      const row = rows[i] as number;
      if (nulls?.[row] === 1) continue;
      const value = values[row] as number | bigint;
      if (value !== last) {
        const known = this.#byValue.get(value);
        index = known ?? this.#index(value, enumName(this.#of, value), offsets[row] as number);
        last = value;
      }
      this.indexes[this.count++] = index;
    }
  }

  clear(): void {
    this.count = 0;
  }

  #index(value: unknown, name: string | undefined, offset: number): number {
    if (name === undefined) {
      const why = `${String(value)} has no name in ${this.#of.name}, and enums: 'numbers' is not chosen`;
      throw new UnfitValueError(this.#path, why, offset);
    }
    // The same name may come as a value of a column, and as text.
    let index = this.#byValue.get(name);
    if (index === undefined) index = this.names.push(Buffer.from(name)) - 1;
    this.#byValue.set(value, index);
    this.#byValue.set(name, index);
    return index;
  }
}

/** Strings, and other bytes: one behind the other. */
export class ByteArraySink implements Sink {
  readonly kind = 'bytes';
  readonly bytes = new ByteSink();
  /** Where each ends. */
  ends = new Uint32Array(FIRST_ROOM);
  count = 0;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  add(value: unknown): void {
    if (typeof value === 'string') this.bytes.text(value);
    else this.bytes.copy(value as Uint8Array, 0, (value as Uint8Array).length);
    this.#end();
  }

  addColumn(column: Column, slice: Slice): void {
    if (column.kind !== 'string') return;
    const { starts, lengths, nulls, buffer } = column;
    const { batch, from, to } = slice;
    const before = this.bytes.length;
    let isSuspicious = false;
    for (let i = from; i < to; i++) {
      const row = batch.rows[i] as number;
      if (nulls?.[row] === 1) continue;
      const start = starts[row] as number;
      const end = start + (lengths[row] as number);
      // Text that begins within a character may make sense behind the one before.
      if (end > start && ((buffer[start] as number) & 0xc0) === 0x80) isSuspicious = true;
      this.bytes.copy(buffer, start, end);
      this.#end();
    }
    if (isSuspicious || !isUtf8(this.bytes.bytes.subarray(before, this.bytes.length))) {
      this.#refuse(column, slice);
    }
  }

  clear(): void {
    this.count = 0;
    this.bytes.length = 0;
  }

  #end(): void {
    if (this.count === this.ends.length) this.ends = grown(this.ends, this.count + 1);
    this.ends[this.count++] = this.bytes.length;
  }

  #refuse({ starts, lengths, buffer }: StringColumn, { batch, from, to }: Slice): void {
    for (const row of batch.rows.subarray(from, to)) {
      const start = starts[row] as number;
      if (isUtf8(buffer.subarray(start, start + (lengths[row] as number)))) continue;
      throw new UnfitValueError(this.#path, 'its text is not UTF-8', batch.offsets[row] as number);
    }
  }
}

type Growable = Numbers | Uint32Array;

/** With twice the room, or what is needed, and the same values. */
export function grown<T extends Growable>(values: T, needed: number): T {
  const larger = new (values.constructor as new (length: number) => T)(
    Math.max(needed, 2 * values.length),
  );
  larger.set(values);
  return larger;
}
