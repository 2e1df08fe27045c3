/**
 * Values of a record batch, read where they lie. Whatever the metadata say is checked against the bytes that
 * are there before anything is read: lengths, ranges, places. What is wrong with a whole batch is an
 * `InputError`, what is wrong with a value a `RowError`.
 */
import { isUtf8 } from 'node:buffer';
import { InputError } from '../../errors.js';
import { WITHOUT_ZSTD, hasZstd, zstdDecompress } from '../zstd.js';
import type { Decimals } from '../import-choices.js';
import type { ArrowColumn, ColumnType } from './column-types.js';
import { typeWord } from './column-types.js';
import type { RecordBatch } from './metadata.js';

/** A row is refused, and the others are not. */
export class RowError extends Error {}

/** Reads the value in a row; `null` where there is none. Rows are those of the vector. */
export type ReadValue = (row: number) => unknown;

export interface Vector {
  readonly length: number;
  readonly read: ReadValue;
}

/** What a column becomes, besides its own values. */
export interface ReadColumn {
  readonly column: ArrowColumn;
  /** Of a struct or union: names of properties of the object. */
  readonly names: readonly string[];
  readonly children: readonly ReadColumn[];
  /** How many of the field's unit one of a time is. */
  readonly factor: number;
  readonly decimals: Decimals;
  /** The field that cannot be null, if it is one. */
  readonly neededBy: string | undefined;
}

/** Vectors of a dictionary's values, in the order of its batches. */
export type FindDictionary = (column: ReadColumn) => readonly Vector[];

/** So many rows may be said to be there without a byte that shows it. */
const MAX_FREE_ROWS = 2 ** 20;
const MAX_BUFFER_BYTES = 2 ** 31 - 1;
const NO_BYTES = new Uint8Array(0);

/** Nodes and buffers of a batch, taken one after the other, depth first. */
export class BatchReader {
  readonly #batch: RecordBatch;
  readonly #body: Uint8Array;
  readonly #where: string;
  readonly #dictionaryOf: FindDictionary;
  #node = 0;
  #buffer = 0;
  #views = 0;

  constructor(batch: RecordBatch, body: Uint8Array, where: string, dictionaryOf: FindDictionary) {
    this.#batch = batch;
    this.#body = body;
    this.#where = where;
    this.#dictionaryOf = dictionaryOf;
    const { codec } = batch.compression ?? {};
    if (batch.compression && (codec !== 'Zstd' || !hasZstd)) {
      const why =
        codec === 'Zstd'
          ? WITHOUT_ZSTD
          : 'which Node.js does not have; write it uncompressed, or with zstd';
      throw new InputError(`Cannot read ${where}: it is compressed with ${String(codec)}, ${why}`);
    }
  }

  /** Rows of the batch. */
  get rows(): number {
    return this.#count(this.#batch.length ?? 0, 'rows');
  }

  /** Checks rows that no column shows. */
  checkFree(length: number): void {
    if (length <= MAX_FREE_ROWS) return;
    this.fail(`it has ${length} rows without a byte for any of them`);
  }

  fail(why: string, column?: ArrowColumn): never {
    const which =
      column === undefined
        ? ''
        : `, column ${JSON.stringify(column.path)} of ${typeWord(column.type)}`;
    throw new InputError(`Cannot read ${this.#where}${which}: ${why}`);
  }

  /** Passes a column over. */
  skip({ type, dictionary, children }: ArrowColumn): void {
    this.#takeNode();
    if (dictionary !== undefined) {
      this.#buffer += 2;
      return;
    }
    this.#buffer += buffersOf(type);
    if (isView(type)) this.#buffer += this.#takeViews();
    for (const child of children) this.skip(child);
  }

  /** The next column, of so many rows at least. */
  vector(column: ReadColumn, rows: number): Vector {
    const { length, nullCount } = this.#takeNode();
    const of = column.column;
    if (length < rows) this.fail(`it has ${length} values, where there should be ${rows}`, of);
    const { type } = of;
    const hasNulls = type.kind !== 'null' && type.kind !== 'union';
    const valid = hasNulls ? this.#validity(length, nullCount, of) : undefined;
    const read =
      of.dictionary === undefined
        ? this.#values(column, length)
        : this.#places(column, of.dictionary.index, length);
    const { neededBy } = column;
    if (valid === undefined) {
      const mayBeNull = type.kind === 'null' || of.dictionary !== undefined;
      return { length, read: mayBeNull ? needed(read, of, neededBy) : read };
    }
    const readOrNull: ReadValue = (row) =>
      ((valid[row >> 3] as number) >> (row & 7)) & 1 ? read(row) : null;
    return { length, read: needed(readOrNull, of, neededBy) };
  }

  // --- Nodes and buffers ---

  #takeNode(): { length: number; nullCount: number } {
    const node = this.#batch.nodes?.[this.#node++];
    if (node === undefined) return this.fail('it has fewer columns than the schema says');
    const length = this.#count(node.length ?? 0, 'values');
    return { length, nullCount: Number(node.null_count ?? 0) };
  }

  #count(value: number | bigint, of: string): number {
    if (typeof value === 'number' && value >= 0) return value;
    return this.fail(`${value} ${of}`);
  }

  #takeViews(): number {
    const count = this.#batch.variadic_buffer_counts?.[this.#views++] ?? 0;
    const left = (this.#batch.buffers?.length ?? 0) - this.#buffer;
    if (typeof count === 'number' && count >= 0 && count <= left) return count;
    return this.fail(`${count} further buffers`);
  }

  /** The next buffer, which starts at a multiple of 8 in its memory. */
  #takeBuffer(column: ArrowColumn): Uint8Array {
    const range = this.#batch.buffers?.[this.#buffer++];
    if (range === undefined) return this.fail('it has fewer buffers than the schema says', column);
    const offset = this.#count(range.offset ?? 0, 'as a place');
    const length = this.#count(range.length ?? 0, 'bytes');
    if (offset + length > this.#body.length) {
      const there = this.#body.length;
      this.fail(`bytes ${offset} to ${offset + length} of a body of ${there}`, column);
    }
    const bytes = this.#body.subarray(offset, offset + length);
    if (this.#batch.compression) return this.#unpacked(bytes, column);
    return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
  }

  #unpacked(bytes: Uint8Array, column: ArrowColumn): Uint8Array {
    if (bytes.length === 0) return NO_BYTES;
    if (bytes.length < 8) return this.fail('a compressed buffer without its size', column);
    const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
    const size = view.getInt32(4, true) * 2 ** 32 + view.getUint32(0, true);
    if (size === -1) return bytes.slice(8);
    if (size < 0 || size > MAX_BUFFER_BYTES) return this.fail(`a buffer of ${size} bytes`, column);
    let result: Uint8Array;
    try {
      result = zstdDecompress(bytes.subarray(8), size);
    } catch (error) {
      return this.fail(`it cannot be uncompressed: ${(error as Error).message}`, column);
    }
    if (result.length !== size) this.fail(`${result.length} bytes instead of ${size}`, column);
    return result.byteOffset % 8 === 0 ? result : result.slice();
  }

  /** The next buffer, which must have so many bytes at least. */
  #bytes(size: number, column: ArrowColumn): Uint8Array {
    const bytes = this.#takeBuffer(column);
    if (bytes.length >= size) return bytes;
    return this.fail(`${bytes.length} bytes, where there should be ${size}`, column);
  }

  #validity(length: number, nullCount: number, column: ArrowColumn): Uint8Array | undefined {
    const bytes = this.#takeBuffer(column);
    if (nullCount === 0) return undefined;
    // What says that it does not know how many there are may have none.
    if (bytes.length === 0 && nullCount < 0) return undefined;
    if (8 * bytes.length >= length) return bytes;
    return this.fail(`${bytes.length} bytes of marks for ${length} values`, column);
  }

  // --- Values ---

  #values(column: ReadColumn, length: number): ReadValue {
    const { column: of, factor, decimals } = column;
    const { type } = of;
    switch (type.kind) {
      case 'null':
        this.checkFree(length);
        return () => null;
      case 'bool': {
        const bits = this.#bytes(Math.ceil(length / 8), of);
        return (row) => (((bits[row >> 3] as number) >> (row & 7)) & 1) === 1;
      }
      case 'int':
        return integers(this.#bytes((type.bits / 8) * length, of), type.bits, type.isSigned);
      case 'float':
        return floats(this.#bytes((type.bits / 8) * length, of), type.bits);
      case 'decimal': {
        const bytes = this.#bytes((type.bits / 8) * length, of);
        return decimalReader(bytes, type.bits / 8, type.scale, decimals);
      }
      case 'time': {
        const read = integers(this.#bytes((type.bits / 8) * length, of), type.bits, true);
        return factor === 1 ? read : (row) => times(read(row) as number | bigint, factor);
      }
      case 'text':
      case 'binary':
        return this.#variable(of, type, length);
      case 'fixed-binary': {
        const { width } = type;
        if (width === 0) this.checkFree(length);
        const bytes = this.#bytes(width * length, of);
        return (row) => bytes.subarray(width * row, width * (row + 1));
      }
      case 'unknown':
        return this.fail('this type is not supported', of);
      default:
        return this.#nested(column, type, length);
    }
  }

  #nested(column: ReadColumn, type: ColumnType, length: number): ReadValue {
    const { column: of, children, names } = column;
    switch (type.kind) {
      case 'list': {
        const places = this.#offsets(length, type.isLarge, of);
        const last = places[length] as number;
        const elements = this.vector(children[0] as ReadColumn, last).read;
        return (row) => listOf(elements, places[row] as number, places[row + 1] as number);
      }
      case 'fixed-list': {
        const size = type.length;
        if (size === 0) this.checkFree(length);
        const elements = this.vector(children[0] as ReadColumn, size * length).read;
        return (row) => listOf(elements, size * row, size * (row + 1));
      }
      case 'union':
        return this.#union(column, type, length);
      default: {
        if (children.length === 0) this.checkFree(length);
        const reads = children.map((child) => this.vector(child, length).read);
        return (row) => objectOf(names, reads, row);
      }
    }
  }

  /** Checked: each is at or behind the one before, from 0 on. An empty list may have none at all. */
  #offsets(length: number, isLarge: boolean, column: ArrowColumn): Int32Array | Float64Array {
    const size = isLarge ? 8 : 4;
    const bytes = this.#takeBuffer(column);
    if (length === 0 && bytes.length < size) return new Int32Array(1);
    if (bytes.length < size * (length + 1)) {
      this.fail(`${bytes.length} bytes of places for ${length} values`, column);
    }
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, (size / 4) * (length + 1));
    const places = isLarge ? joined(words) : words;
    let before = 0;
    for (let i = 0; i <= length; i++) {
      const place = places[i] as number;
      if (!(place >= before)) this.fail(`place ${place} behind ${before}`, column);
      before = place;
    }
    return places;
  }

  #variable(
    column: ArrowColumn,
    { kind, layout }: Extract<ColumnType, { kind: 'text' | 'binary' }>,
    length: number,
  ): ReadValue {
    if (layout === 'view') return this.#viewed(column, kind, length);
    const places = this.#offsets(length, layout === 'large', column);
    const bytes = this.#bytes(places[length] as number, column);
    if (kind === 'binary') {
      return (row) => bytes.subarray(places[row], places[row + 1]);
    }
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const isSound = areUtf8(bytes, places, length);
    return (row) => {
      const [start, end] = [places[row] as number, places[row + 1] as number];
      if (!isSound) checkUtf8(bytes.subarray(start, end), column);
      return textOf(buffer, start, end, column);
    };
  }

  #viewed(column: ArrowColumn, kind: 'text' | 'binary', length: number): ReadValue {
    const bytes = this.#bytes(16 * length, column);
    const words = new Int32Array(bytes.buffer, bytes.byteOffset, 4 * length);
    const further = Array.from({ length: this.#takeViews() }, () => this.#takeBuffer(column));
    const valueOf = (row: number): Uint8Array => {
      const size = words[4 * row] as number;
      if (size >= 0 && size <= 12) return bytes.subarray(16 * row + 4, 16 * row + 4 + size);
      const of = further[words[4 * row + 2] as number];
      const start = words[4 * row + 3] as number;
      if (size < 0 || start < 0 || of === undefined || start + size > of.length) {
        return this.fail(`the value in row ${row} lies outside of its buffers`, column);
      }
      return of.subarray(start, start + size);
    };
    if (kind === 'binary') return valueOf;
    return (row) => {
      const { buffer, byteOffset, length: size } = checkUtf8(valueOf(row), column);
      return textOf(Buffer.from(buffer, byteOffset, size), 0, size, column);
    };
  }

  #union(
    { column, children, names }: ReadColumn,
    { isDense, typeIds }: Extract<ColumnType, { kind: 'union' }>,
    length: number,
  ): ReadValue {
    const types = this.#bytes(length, column);
    const places = isDense ? this.#int32s(length, column) : undefined;
    const vectors = children.map((child) => this.vector(child, isDense ? 0 : length));
    const members = new Map(typeIds.map((id, index) => [id & 0xff, index]));
    return (row) => {
      const index = members.get(types[row] as number);
      const place = places === undefined ? row : (places[row] as number);
      const vector = index === undefined ? undefined : vectors[index];
      if (vector === undefined || place < 0 || place >= vector.length) {
        return this.fail(`row ${row} has no value of any of its members`, column);
      }
      const value = vector.read(place);
      return value === null ? null : { [names[index as number] as string]: value };
    };
  }

  #int32s(length: number, column: ArrowColumn): Int32Array {
    const bytes = this.#bytes(4 * length, column);
    return new Int32Array(bytes.buffer, bytes.byteOffset, length);
  }

  /** Places in a dictionary. Names come again and again: they are decoded once. */
  #places(
    column: ReadColumn,
    { bits, isSigned }: Extract<ColumnType, { kind: 'int' }>,
    length: number,
  ): ReadValue {
    const place = integers(this.#bytes((bits / 8) * length, column.column), bits, isSigned);
    const parts = this.#dictionaryOf(column);
    const known = new Map<unknown, unknown>();
    return (row) => {
      const index = place(row);
      const found = known.get(index);
      if (found !== undefined) return found;
      const value = this.#lookUp(parts, index, column.column);
      if (typeof value === 'string' && known.size < MAX_KNOWN) known.set(index, value);
      return value;
    };
  }

  #lookUp(parts: readonly Vector[], index: unknown, column: ArrowColumn): unknown {
    let place = typeof index === 'number' && index >= 0 ? index : Infinity;
    for (const { length, read } of parts) {
      if (place < length) return read(place);
      place -= length;
    }
    return this.fail(`its dictionary has no value ${String(index)}`, column);
  }
}

const MAX_KNOWN = 65_536;

function isView(type: ColumnType): boolean {
  return (type.kind === 'text' || type.kind === 'binary') && type.layout === 'view';
}

/** Buffers of a column's own, without the further ones of views. */
function buffersOf(type: ColumnType): number {
  switch (type.kind) {
    case 'null':
      return 0;
    case 'struct':
    case 'fixed-list':
      return 1;
    case 'union':
      return type.isDense ? 2 : 1;
    case 'text':
    case 'binary':
      return type.layout === 'view' ? 2 : 3;
    case 'unknown':
      return type.buffers;
    default:
      return 2;
  }
}

// --- Readers of values ---

function needed(read: ReadValue, { path }: ArrowColumn, field: string | undefined): ReadValue {
  if (field === undefined) return read;
  return (row) => {
    const value = read(row);
    if (value !== null) return value;
    throw new RowError(`${JSON.stringify(path)} is null, and field ${field} cannot be`);
  };
}

function integers(bytes: Uint8Array, bits: number, isSigned: boolean): ReadValue {
  const { buffer, byteOffset } = bytes;
  const count = Math.floor((8 * bytes.length) / bits);
  if (bits === 64) return wideIntegers(new Int32Array(buffer, byteOffset, 2 * count), isSigned);
  const values = narrowIntegers(bytes, bits, isSigned, count);
  return (row) => values[row];
}

function narrowIntegers(
  { buffer, byteOffset }: Uint8Array,
  bits: number,
  isSigned: boolean,
  count: number,
): ArrayLike<number> {
  if (bits === 8) {
    return isSigned
      ? new Int8Array(buffer, byteOffset, count)
      : new Uint8Array(buffer, byteOffset, count);
  }
  if (bits === 16) {
    return isSigned
      ? new Int16Array(buffer, byteOffset, count)
      : new Uint16Array(buffer, byteOffset, count);
  }
  return isSigned
    ? new Int32Array(buffer, byteOffset, count)
    : new Uint32Array(buffer, byteOffset, count);
}

/** Numbers where they are exact. */
function wideIntegers(words: Int32Array, isSigned: boolean): ReadValue {
  return (row) => {
    const low = (words[2 * row] as number) >>> 0;
    const signed = words[2 * row + 1] as number;
    const high = isSigned ? signed : signed >>> 0;
    const number = high * 2 ** 32 + low;
    if (Number.isSafeInteger(number)) return number;
    return (BigInt(high) << 32n) + BigInt(low);
  };
}

function joined(words: Int32Array): Float64Array {
  const places = new Float64Array(words.length / 2);
  for (let i = 0; i < places.length; i++) {
    places[i] = (words[2 * i + 1] as number) * 2 ** 32 + ((words[2 * i] as number) >>> 0);
  }
  return places;
}

function floats(bytes: Uint8Array, bits: 16 | 32 | 64): ReadValue {
  const { buffer, byteOffset } = bytes;
  const count = Math.floor((8 * bytes.length) / bits);
  if (bits === 16) {
    const halves = new Uint16Array(buffer, byteOffset, count);
    return (row) => halfOf(halves[row] as number);
  }
  const values =
    bits === 32
      ? new Float32Array(buffer, byteOffset, count)
      : new Float64Array(buffer, byteOffset, count);
  return (row) => values[row];
}

function halfOf(bits: number): number {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function times(value: number | bigint, factor: number): number | bigint {
  const product = Number(value) * factor;
  return Number.isSafeInteger(product) ? product : BigInt(value) * BigInt(factor);
}

function decimalReader(bytes: Uint8Array, width: number, scale: number, as: Decimals): ReadValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return (row) => {
    let value = 0n;
    for (let i = width - 4; i >= 0; i -= 4) {
      value = (value << 32n) | BigInt(buffer.readUInt32LE(width * row + i));
    }
    const text = decimalText(BigInt.asIntN(8 * width, value), scale);
    return as === 'doubles' ? Number(text) : text;
  };
}

function decimalText(value: bigint, scale: number): string {
  if (scale <= 0) return `${value * 10n ** BigInt(-scale)}`;
  const digits = `${value < 0n ? -value : value}`.padStart(scale + 1, '0');
  const point = digits.length - scale;
  return `${value < 0n ? '-' : ''}${digits.slice(0, point)}.${digits.slice(point)}`;
}

/** Whole strings of UTF-8 in one are UTF-8 each, if each begins with a character. */
function areUtf8(bytes: Uint8Array, places: ArrayLike<number>, length: number): boolean {
  for (let i = 0; i < length; i++) {
    const start = places[i] as number;
    if (start < (places[i + 1] as number) && ((bytes[start] as number) & 0xc0) === 0x80) {
      return false;
    }
  }
  return isUtf8(bytes.subarray(places[0], places[length]));
}

function checkUtf8(bytes: Uint8Array, { path }: ArrowColumn): Uint8Array {
  if (isUtf8(bytes)) return bytes;
  throw new RowError(`${JSON.stringify(path)} is not UTF-8`);
}

function textOf(buffer: Buffer, start: number, end: number, { path }: ArrowColumn): string {
  try {
    return buffer.toString('utf8', start, end);
  } catch {
    throw new RowError(`${JSON.stringify(path)} is a text of ${end - start} bytes`);
  }
}

function listOf(elements: ReadValue, start: number, end: number): unknown[] {
  const list: unknown[] = [];
  for (let i = start; i < end; i++) list.push(elements(i));
  return list;
}

function objectOf(names: readonly string[], reads: readonly ReadValue[], row: number): unknown {
  const object: Record<string, unknown> = {};
  for (let i = 0; i < reads.length; i++) {
    object[names[i] as string] = (reads[i] as ReadValue)(row);
  }
  return object;
}
