/**
 * Looks at what is written in Thrift's compact protocol before the package reads it: that takes memory for as
 * many elements as a list says that it has, and for as deep a nesting as there is.
 */

/** Nobody needs as many. */
const MAX_DEPTH = 32;

const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const STRUCT = 12;

/**
 * Returns where the struct at `from` ends.
 * @throws {RangeError} it does not, or says more than it holds
 */
export function checkStruct(bytes: Uint8Array, from: number): number {
  const check = new Check(bytes, from);
  check.struct(0);
  return check.at;
}

class Check {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  struct(depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError('its metadata is nested too deep');
    for (;;) {
      const header = this.#byte();
      const type = header & 15;
      if (type === 0) return;
      if (header >> 4 === 0) this.#varint();
      this.#value(type, depth);
    }
  }

  #value(type: number, depth: number): void {
    if (type === TRUE || type === FALSE) return;
    if (type === BYTE) this.#skip(1);
    else if (type < DOUBLE) this.#varint();
    else if (type === DOUBLE) this.#skip(8);
    else if (type === BINARY) this.#skip(this.#varint());
    else if (type === LIST) this.#list(depth);
    else if (type === STRUCT) this.struct(depth + 1);
    else throw new RangeError(`its metadata has a value of the unknown type ${type}`);
  }

  #list(depth: number): void {
    if (depth > MAX_DEPTH) throw new RangeError('its metadata is nested too deep');
    const header = this.#byte();
    const short = header >> 4;
    const count = short === 15 ? this.#varint() : short;
    // Each element takes a byte, at least.
    if (count > this.#bytes.length - this.at) throw outside();
    const type = header & 15;
    for (let i = 0; i < count; i++) {
      if (type === TRUE || type === FALSE) this.#skip(1);
      else this.#value(type, depth + 1);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw outside();
    return byte;
  }

  #skip(count: number): void {
    if (count > this.#bytes.length - this.at) throw outside();
    this.at += count;
  }

  /** Of no more than ten bytes: 64 bits. */
  #varint(): number {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 127) * 2 ** (7 * i);
      if (byte < 128) return value;
    }
    throw new RangeError('its metadata has a number without an end');
  }
}

function outside(): RangeError {
  return new RangeError('its metadata goes on beyond its end');
}
