/** Bytes that are put one behind the other, in memory that grows. */
import type { IntegerWords } from './integer-words.js';

const FIRST_BYTES = 256 * 1024;
const BILLION = 1e9;
const MINUS = 0x2d;
const ZERO = 0x30;
/** Below that, digits are cheaper here than by a call into native code. */
const SHORT = 24;

export class ByteSink {
  bytes = Buffer.from(new ArrayBuffer(FIRST_BYTES));
  length = 0;

  /** Makes room for so many bytes more. */
  reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const larger = Buffer.from(new ArrayBuffer(Math.max(needed, 2 * this.bytes.length)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  byte(value: number): void {
    if (this.length === this.bytes.length) this.reserve(1);
    this.bytes[this.length++] = value;
  }

  ascii(text: string): void {
    const { length } = text;
    this.reserve(length);
    const { bytes } = this;
    const at = this.length;
    if (length > SHORT) bytes.write(text, at, 'latin1');
    else for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.length = at + length;
  }

  text(text: string): void {
    // A unit of UTF-16 takes three bytes at most.
    this.reserve(3 * text.length);
    this.length += this.bytes.write(text, this.length, 'utf8');
  }

  copy(from: Uint8Array, start: number, end: number): void {
    const count = end - start;
    this.reserve(count);
    const { bytes } = this;
    const at = this.length;
    if (count > SHORT) bytes.set(from.subarray(start, end), at);
    else for (let i = 0; i < count; i++) bytes[at + i] = from[start + i] as number;
    this.length = at + count;
  }

  /** An integer that a double holds exactly, in decimal digits. */
  integer(value: number): void {
    this.reserve(SHORT);
    if (value < 0) {
      this.bytes[this.length++] = MINUS;
      value = -value;
    }
    if (value < 2 ** 31) this.#digits(value | 0);
    else this.#wideDigits(value | 0, (value / 2 ** 32) | 0);
  }

  #digits(value: number): void {
    const { bytes } = this;
    const end = this.length + digitsOf(value);
    let at = end;
    do {
      const rest = (value / 10) | 0;
      bytes[--at] = ZERO + value - rest * 10;
      value = rest;
    } while (value > 0);
    this.length = end;
  }

  /** A 64-bit integer of a column. */
  wideInteger({ words, isSigned }: IntegerWords, row: number): void {
    this.reserve(SHORT);
    let low = words[2 * row] as number;
    let high = words[2 * row + 1] as number;
    if (isSigned && high < 0) {
      this.bytes[this.length++] = MINUS;
      low = -low | 0;
      high = low === 0 ? -high | 0 : ~high;
    }
    this.#wideDigits(low, high);
  }

  /**
   * An unsigned integer in two words: divided by 10^9, 16 bits at a time, so that nothing passes 2^53, into
   * nine last digits and those before them.
   */
  #wideDigits(low: number, high: number): void {
    let rest = high >>> 16;
    rest = rest * 0x1_0000 + (high & 0xffff);
    const upper = Math.floor(rest / BILLION);
    rest = (rest - upper * BILLION) * 0x1_0000 + (low >>> 16);
    const middle = Math.floor(rest / BILLION);
    rest = (rest - middle * BILLION) * 0x1_0000 + (low & 0xffff);
    const lower = Math.floor(rest / BILLION);
    rest -= lower * BILLION;
    const first = (upper * 0x1_0000 + middle) * 0x1_0000 + lower;
    if (first === 0) return this.#digits(rest);
    if (first >= BILLION) {
      const most = Math.floor(first / BILLION);
      this.#digits(most);
      this.#nineDigits(first - most * BILLION);
    } else this.#digits(first);
    this.#nineDigits(rest);
  }

  #nineDigits(value: number): void {
    const { bytes } = this;
    for (let at = this.length + 8; at >= this.length; at--) {
      const rest = (value / 10) | 0;
      bytes[at] = ZERO + value - rest * 10;
      value = rest;
    }
    this.length += 9;
  }

  /** What has been put together, in memory of its own. The sink is empty then. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.bytes.buffer, 0, this.length);
    this.bytes = Buffer.from(new ArrayBuffer(Math.max(FIRST_BYTES, this.length)));
    this.length = 0;
    return taken;
  }
}

function digitsOf(value: number): number {
  if (value < 10_000) return value < 100 ? (value < 10 ? 1 : 2) : value < 1000 ? 3 : 4;
  if (value < 100_000_000) {
    return value < 1_000_000 ? (value < 100_000 ? 5 : 6) : value < 10_000_000 ? 7 : 8;
  }
  return value < 1_000_000_000 ? 9 : 10;
}
