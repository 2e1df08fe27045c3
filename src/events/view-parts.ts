/**
 * What compiled views (`view.ts`) are made of besides their getters: following distances, strings,
 * vectors, and what goes wrong. Positions are those of the memory that a place looks at.
 */
import { MalformedEventError } from '../errors.js';
import type { RecordPlace } from '../read/record-place.js';
import { DISTANCE_BYTES } from './flat-bytes.js';

/** A vector of anything but scalars, read in place. */
export interface EventVector<T> extends Iterable<T> {
  readonly length: number;
  /** An element; from the end if the index is negative; `undefined` if there is none. */
  at(index: number): T | undefined;
}

/** A typed array over a whole number of elements. */
interface ArrayConstructor<A> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): A;
}

const TWO_32 = 2 ** 32;
/** Longer ones do not gain from being looked at byte by byte. */
const SHORT_TEXT_BYTES = 24;

/**
 * Where the distance at `position` leads, `size` bytes of which lie within the record. Forward only, so no
 * chain of distances ever returns.
 */
export function follow(
  place: RecordPlace,
  position: number,
  path: string,
  name: string,
  size = DISTANCE_BYTES,
): number {
  const target = position + place.view.getUint32(position, true);
  if (target === position) return malformed(place, 'a distance of 0', position, path + name);
  if (target + size > place.end) {
    return malformed(place, 'a distance leads out of the buffer', position, path + name);
  }
  return target;
}

/** The string whose distance is at `position`. Bytes that are not UTF-8 become U+FFFD. */
export function text(place: RecordPlace, position: number, path: string, name: string): string {
  const vector = follow(place, position, path, name);
  const from = vector + DISTANCE_BYTES;
  return textBetween(place.buffer, from, from + countAt(place, vector, 1, path, name));
}

/** Short texts are mostly ASCII, and then made faster here than by a call out of JavaScript. */
export function textBetween(buffer: Buffer, from: number, to: number): string {
  if (to - from > SHORT_TEXT_BYTES) return buffer.toString('utf8', from, to);
  let made = '';
  for (let at = from; at < to; at++) {
    const byte = buffer[at] as number;
    if (byte > 127) return buffer.toString('utf8', from, to);
    made += String.fromCharCode(byte);
  }
  return made;
}

/** Elements of the vector at `vector`, which all lie within the record. */
export function countAt(
  place: RecordPlace,
  vector: number,
  size: number,
  path: string,
  name: string,
): number {
  const count = place.view.getUint32(vector, true);
  if (vector + DISTANCE_BYTES + count * size > place.end) {
    return malformed(
      place,
      `a vector of ${count} elements leads out of the buffer`,
      vector,
      path + name,
    );
  }
  return count;
}

/** The vector of scalars whose distance is at `position`. */
export function numbers<A>(
  place: RecordPlace,
  position: number,
  type: ArrayConstructor<A>,
  path: string,
  name: string,
): A {
  const vector = follow(place, position, path, name);
  const count = countAt(place, vector, type.BYTES_PER_ELEMENT, path, name);
  return numbersAt(place, vector + DISTANCE_BYTES, count, type);
}

/** Over the memory itself where it is aligned, else over a copy. */
export function numbersAt<A>(
  place: RecordPlace,
  from: number,
  count: number,
  type: ArrayConstructor<A>,
): A {
  const { buffer } = place.view;
  const size = type.BYTES_PER_ELEMENT;
  if (from % size === 0) {
    place.lend();
    return new type(buffer, from, count);
  }
  return new type(buffer.slice(from, from + count * size), 0, count);
}

/** @throws {RangeError} not a safe integer */
export function exactInt64(view: DataView, position: number, path: string, name: string): number {
  const value = view.getInt32(position + 4, true) * TWO_32 + view.getUint32(position, true);
  // Rounding never brings a value that is not safe among those that are.
  if (value > Number.MAX_SAFE_INTEGER || value < Number.MIN_SAFE_INTEGER) {
    return unsafe(path + name, view.getBigInt64(position, true));
  }
  return value;
}

/** @throws {RangeError} not a safe integer */
export function exactUint64(view: DataView, position: number, path: string, name: string): number {
  const value = view.getUint32(position + 4, true) * TWO_32 + view.getUint32(position, true);
  if (value > Number.MAX_SAFE_INTEGER) {
    return unsafe(path + name, view.getBigUint64(position, true));
  }
  return value;
}

/** 64 bits as a number where it is exact, as values of enums are. */
export function exactly(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Its name, or the number itself. */
export function numbered(names: readonly (string | undefined)[], value: number): string | number {
  return value < names.length ? (names[value] ?? value) : value;
}

export function named<V extends number | bigint>(
  names: ReadonlyMap<number | bigint, string>,
  value: V,
): string | V {
  return names.get(value) ?? value;
}

/** One object for each field and view; its elements are flyweights, too. */
export class Elements<T> implements EventVector<T> {
  length = 0;
  /** Where the discriminators of a vector of unions begin. */
  tags = 0;
  readonly #place: RecordPlace;
  readonly #size: number;
  readonly #field: string;
  readonly #read: (position: number, tag: number) => T;
  #stamp = -1;
  #first = 0;

  constructor(
    place: RecordPlace,
    size: number,
    field: string,
    read: (position: number, tag: number) => T,
  ) {
    this.#place = place;
    this.#size = size;
    this.#field = field;
    this.#read = read;
  }

  /** Shows the vector whose distance is at `position`. */
  follow(position: number): this {
    const vector = follow(this.#place, position, this.#field, '');
    const count = countAt(this.#place, vector, this.#size, this.#field, '');
    return this.show(vector + DISTANCE_BYTES, count);
  }

  show(first: number, count: number): this {
    this.#first = first;
    this.length = count;
    this.#stamp = this.#place.stamp;
    return this;
  }

  /** Shows a vector of unions: their discriminators are the vector whose distance is at `position`. */
  tagBy(position: number): this {
    const vector = position === 0 ? 0 : follow(this.#place, position, this.#field, '');
    const count = vector === 0 ? 0 : countAt(this.#place, vector, 1, this.#field, '');
    if (count !== this.length) {
      const reason = `${this.length} unions with ${count} discriminators`;
      malformed(this.#place, reason, this.#first, this.#field);
    }
    this.tags = vector + DISTANCE_BYTES;
    return this;
  }

  at(index: number): T | undefined {
    if (this.#stamp !== this.#place.stamp) stale();
    const whole = Math.trunc(index) || 0;
    const i = whole < 0 ? this.length + whole : whole;
    return i >= 0 && i < this.length ? this.#element(i) : undefined;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let i = 0; i < this.length; i++) {
      if (this.#stamp !== this.#place.stamp) stale();
      yield this.#element(i);
    }
  }

  #element(index: number): T {
    const tag = this.tags === 0 ? 0 : this.#place.view.getUint8(this.tags + index);
    return this.#read(this.#first + index * this.#size, tag);
  }
}

// --- What goes wrong. Apart from the getters, which are small enough to be inlined without it. ---

export function malformed(
  place: RecordPlace,
  reason: string,
  position: number,
  field: string,
): never {
  throw new MalformedEventError(reason, position - place.start, field.replace(/\.$/, ''));
}

export function stale(): never {
  throw new RangeError(
    'Cannot read a view: it shows no event, or that event is not shown any more',
  );
}

export function unsafe(field: string, value: bigint): never {
  throw new RangeError(
    `Cannot read ${field} as a number: ${value} is past 2^53; ask for it as a bigint`,
  );
}

export function refuseBigint(table: string, name: unknown): never {
  throw new TypeError(
    `Cannot read ${String(name)} as a bigint: ${table} has no 64-bit integer that is called so`,
  );
}

export function checkWithin(bytes: Uint8Array, position: number, length: number): void {
  const isWithin =
    Number.isInteger(position) &&
    Number.isInteger(length) &&
    position >= 0 &&
    length >= 0 &&
    position + length <= bytes.length;
  if (isWithin) return;
  throw new RangeError(
    `Cannot show ${length} bytes at ${position}: there are ${bytes.length} bytes`,
  );
}
