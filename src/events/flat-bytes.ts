/**
 * FlatBuffers bytes, read without trusting them: every step is checked against the buffer's end before
 * it is taken, so nothing outside is read, however damaged the bytes are. Positions count from the
 * buffer's start.
 *
 *     buffer   u32 distance to the root table, then maybe four characters of file identifier
 *     table    i32 distance back to its vtable, then fields
 *     vtable   u16 own bytes, u16 bytes of the table, u16 for each field: its place in the table, 0 for none
 *     field    a scalar or struct itself, or a u32 distance forward to a table, vector or string
 *     vector   u32 count, then elements; a string is one of bytes with a 0 behind it
 *
 * What loops (a table that contains itself) is the caller's to bound: by depth, and by the number of
 * tables visited.
 */
import { MalformedEventError } from '../errors.js';
import { viewOf } from '../format/identity.js';
import { SCALAR_BYTES, type ScalarKind } from './model.js';

/** The bytes of a distance: to the root, to a table, a vector, a string. */
export const DISTANCE_BYTES = 4;
/** Own size and the table's, before the slots. */
export const VTABLE_HEADER_BYTES = 4;
export const SLOT_BYTES = 2;

export class FlatBytes {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }

  /** Position of the root table. */
  root(): number {
    return this.follow(0);
  }

  /** The four characters behind the root's distance, whatever they are. */
  identifier(): string {
    this.#check(DISTANCE_BYTES, 4, 'a file identifier');
    return String.fromCharCode(...this.bytes.subarray(4, 8));
  }

  /** Position of a field of `size` bytes, or 0 if it is left out. */
  field(table: number, id: number, size: number): number {
    const vtable = this.vtable(table);
    const slot = VTABLE_HEADER_BYTES + SLOT_BYTES * id;
    if (slot + SLOT_BYTES > this.#view.getUint16(vtable, true)) return 0;
    const distance = this.#view.getUint16(vtable + slot, true);
    if (distance === 0) return 0;
    const tableBytes = this.#view.getUint16(vtable + 2, true);
    if (distance < 4 || distance + size > tableBytes) {
      throw new MalformedEventError('a field lies outside of its table', table + distance);
    }
    return table + distance;
  }

  /** Position of a table's vtable; both lie within the buffer. */
  vtable(table: number): number {
    this.#check(table, 4, 'a table');
    const vtable = table - this.#view.getInt32(table, true);
    this.#check(vtable, VTABLE_HEADER_BYTES, 'a vtable');
    const vtableBytes = this.#view.getUint16(vtable, true);
    const tableBytes = this.#view.getUint16(vtable + 2, true);
    if (vtableBytes < VTABLE_HEADER_BYTES || vtableBytes % 2 !== 0 || tableBytes < 4) {
      throw new MalformedEventError('a vtable has impossible sizes', vtable);
    }
    this.#check(vtable, vtableBytes, 'a vtable');
    this.#check(table, tableBytes, 'a table');
    return vtable;
  }

  /** Where the distance at `position` leads: to at least `size` bytes. */
  follow(position: number, size = 4): number {
    this.#check(position, DISTANCE_BYTES, 'a distance');
    const target = position + this.#view.getUint32(position, true);
    if (target === position) throw new MalformedEventError('a distance of 0', position);
    this.#check(target, size, 'what a distance leads to');
    return target;
  }

  /** Number of elements of a vector, all of which lie within the buffer, from `vector + 4` on. */
  count(vector: number, elementBytes: number): number {
    this.#check(vector, 4, 'a vector');
    const count = this.#view.getUint32(vector, true);
    this.#check(vector + 4, count * elementBytes, `a vector of ${count} elements`);
    return count;
  }

  /** A string. Bytes that are not UTF-8 become U+FFFD. */
  string(vector: number): string {
    const { buffer, byteOffset } = this.bytes;
    return Buffer.from(buffer, byteOffset + vector + 4, this.count(vector, 1)).toString();
  }

  /** A scalar that lies within the buffer. 64 bits are a number where it is exact, else a `bigint`. */
  scalar(position: number, kind: ScalarKind): number | bigint {
    this.#check(position, SCALAR_BYTES[kind], 'a value');
    return readScalar(this.#view, position, kind);
  }

  uint8(position: number): number {
    this.#check(position, 1, 'a value');
    return this.#view.getUint8(position);
  }

  #check(position: number, size: number, what: string): void {
    if (position >= 0 && position + size <= this.bytes.length) return;
    throw new MalformedEventError(`${what} lies outside of the buffer`, position);
  }
}

/** Unchecked. 64 bits are a number where it is exact, else a `bigint`. */
export function readScalar(view: DataView, position: number, kind: ScalarKind): number | bigint {
  switch (kind) {
    case 'bool':
    case 'uint8':
      return view.getUint8(position);
    case 'int8':
      return view.getInt8(position);
    case 'int16':
      return view.getInt16(position, true);
    case 'uint16':
      return view.getUint16(position, true);
    case 'int32':
      return view.getInt32(position, true);
    case 'uint32':
      return view.getUint32(position, true);
    case 'float32':
      return view.getFloat32(position, true);
    case 'float64':
      return view.getFloat64(position, true);
    case 'int64':
      return exactly(view.getBigInt64(position, true));
    default:
      return exactly(view.getBigUint64(position, true));
  }
}

function exactly(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
