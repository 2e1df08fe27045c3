/** Values of a column in Arrow's layout, one behind the other, until a record batch is made of them. */
import { GrowingBytes } from './growing-bytes.js';
import type { BatchParts } from './batch-parts.js';

const NO_BYTES = new Uint8Array(0);

/** Which rows of a column have a value, and how many rows there are. */
export class Validity {
  readonly #isNullable: boolean;
  /** 1: none. */
  readonly #nulls = new GrowingBytes();
  #length = 0;
  #nullCount = 0;

  constructor(isNullable: boolean) {
    this.#isNullable = isNullable;
  }

  get length(): number {
    return this.#length;
  }

  /** `isNull` is 1 or 0. */
  add(isNull: number): void {
    this.#length++;
    if (!this.#isNullable) return;
    this.#nulls.byte(isNull);
    this.#nullCount += isNull;
  }

  /** Marks of rows, as columns of a plan have them; `undefined`: all have a value. */
  addRows(marks: Uint8Array | undefined, rows: Uint32Array, count: number): void {
    this.#length += count;
    if (!this.#isNullable) return;
    const nulls = this.#nulls;
    nulls.reserve(count);
    const { bytes, length } = nulls;
    nulls.length = length + count;
    if (marks === undefined) {
      bytes.fill(0, length, length + count);
      return;
    }
    let nullCount = 0;
    for (let i = 0; i < count; i++) {
      const mark = marks[rows[i] as number] as number;
      bytes[length + i] = mark;
      nullCount += mark;
    }
    this.#nullCount += nullCount;
  }

  /** Puts the node and the bitmap, which is left out if no row is null. */
  finish(parts: BatchParts): void {
    parts.node(this.#length, this.#nullCount);
    parts.buffer(this.#nullCount === 0 ? NO_BYTES : packedBits(this.#nulls.used(), 1));
    this.#nulls.length = 0;
    this.#length = 0;
    this.#nullCount = 0;
  }
}

/** A bit for each byte, lowest first: whether it differs from `flip`. Bytes are 0 and 1. */
export function packedBits(flags: Uint8Array, flip: 0 | 1): Uint8Array {
  const { length } = flags;
  const bits = new Uint8Array((length + 7) >> 3);
  const whole = length & ~7;
  const flips = flip === 1 ? 0xff : 0;
  for (let i = 0; i < whole; i += 8) {
    const byte =
      (flags[i] as number) |
      ((flags[i + 1] as number) << 1) |
      ((flags[i + 2] as number) << 2) |
      ((flags[i + 3] as number) << 3) |
      ((flags[i + 4] as number) << 4) |
      ((flags[i + 5] as number) << 5) |
      ((flags[i + 6] as number) << 6) |
      ((flags[i + 7] as number) << 7);
    bits[i >> 3] = byte ^ flips;
  }
  for (let i = whole; i < length; i++) {
    const bit = (flags[i] as number) ^ flip;
    bits[i >> 3] = (bits[i >> 3] as number) | (bit << (i & 7));
  }
  return bits;
}

/** Values of so many bytes each. */
export class FixedCells {
  readonly bytes: 1 | 2 | 4 | 8;
  readonly memory = new GrowingBytes();

  constructor(bytes: 1 | 2 | 4 | 8) {
    this.bytes = bytes;
  }

  /** Rows of an array whose elements are of that size, or of half of it, two for each value. */
  addRows(values: ArrayBufferView, rows: Uint32Array, count: number, isAll: boolean): void {
    const { memory, bytes } = this;
    const size = bytes * count;
    memory.reserve(size);
    const { buffer, byteOffset } = values;
    if (isAll) memory.bytes.set(new Uint8Array(buffer, byteOffset, size), memory.length);
    else if (bytes === 1) gather(Uint8Array, values, memory, rows, count);
    else if (bytes === 2) gather(Uint16Array, values, memory, rows, count);
    else if (bytes === 4) gather(Int32Array, values, memory, rows, count);
    else gatherPairs(values, memory, rows, count);
    memory.length += size;
  }

  /** A place for a value that is none. */
  addZero(): void {
    const { memory, bytes } = this;
    memory.reserve(bytes);
    memory.bytes.fill(0, memory.length, memory.length + bytes);
    memory.length += bytes;
  }

  finish(parts: BatchParts): void {
    parts.buffer(this.memory.used());
    this.memory.length = 0;
  }
}

type Elements = Uint8Array | Uint16Array | Int32Array;

interface ElementsConstructor {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): Elements;
}

function gather(
  Kind: ElementsConstructor,
  values: ArrayBufferView,
  memory: GrowingBytes,
  rows: Uint32Array,
  count: number,
): void {
  const size = Kind.BYTES_PER_ELEMENT;
  const from = new Kind(values.buffer, values.byteOffset, values.byteLength / size);
  const to = new Kind(memory.bytes.buffer);
  const at = memory.length / size;
  for (let i = 0; i < count; i++) to[at + i] = from[rows[i] as number] as number;
}

/** As words: doubles that are no numbers keep their bits, and no bigint is made. */
function gatherPairs(
  values: ArrayBufferView,
  memory: GrowingBytes,
  rows: Uint32Array,
  count: number,
): void {
  const from = new Int32Array(values.buffer, values.byteOffset, values.byteLength / 4);
  const to = memory.words;
  let at = memory.length / 4;
  for (let i = 0; i < count; i++) {
    const row = 2 * (rows[i] as number);
    to[at++] = from[row] as number;
    to[at++] = from[row + 1] as number;
  }
}

/** Below that, bytes are cheaper to copy one by one than by a call into native code. */
const SHORT = 32;

/** Bytes of different lengths: where each begins, and the end of the last. */
export class VariableCells {
  readonly places = new GrowingBytes();
  readonly memory = new GrowingBytes();

  constructor() {
    this.places.word(0);
  }

  copy(from: Uint8Array, start: number, length: number): void {
    const { memory } = this;
    memory.reserve(length);
    const { bytes } = memory;
    const at = memory.length;
    if (length > SHORT) bytes.set(from.subarray(start, start + length), at);
    else for (let i = 0; i < length; i++) bytes[at + i] = from[start + i] as number;
    memory.length = at + length;
    this.end();
  }

  text(value: string): void {
    const { memory } = this;
    const length = Buffer.byteLength(value);
    memory.reserve(length);
    Buffer.from(memory.bytes.buffer).write(value, memory.length, length, 'utf8');
    memory.length += length;
    this.end();
  }

  /** Of what has been put into the memory; also of nothing. */
  end(): void {
    this.places.word(this.memory.length);
  }

  finish(parts: BatchParts): void {
    parts.buffer(this.places.used());
    parts.buffer(this.memory.used());
    this.memory.length = 0;
    this.places.length = 0;
    this.places.word(0);
  }
}
