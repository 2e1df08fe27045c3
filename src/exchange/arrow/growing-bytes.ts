/** Memory that grows, and is used again for the next batch. */

const FIRST_BYTES = 64 * 1024;
/** What places of 32 bits reach. */
const MAX_BYTES = 2 ** 31 - 8;

export class GrowingBytes {
  /** Bytes that are in use. */
  length = 0;
  #bytes = new Uint8Array(0);
  #words = new Int32Array(0);

  /** Of all the memory; another one after `reserve`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** The same memory, four bytes each. */
  get words(): Int32Array {
    return this.#words;
  }

  get view(): DataView {
    return new DataView(this.#bytes.buffer);
  }

  /**
   * Makes room for so many more bytes.
   * @throws {RangeError} there would be more than 2 GiB
   */
  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.#bytes.length) return;
    if (needed > MAX_BYTES) {
      throw new RangeError('Cannot export more than 2 GiB of one column in a batch');
    }
    const size = Math.min(MAX_BYTES, Math.max(FIRST_BYTES, 2 * this.#bytes.length, needed + 7));
    const larger = new Uint8Array(size & ~7);
    larger.set(this.used());
    this.#bytes = larger;
    this.#words = new Int32Array(larger.buffer);
  }

  /** Valid until the next `reserve`. */
  used(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  append(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  byte(value: number): void {
    this.reserve(1);
    this.#bytes[this.length++] = value;
  }

  /** At a multiple of 4, as all before were. */
  word(value: number): void {
    this.reserve(4);
    this.#words[this.length >> 2] = value;
    this.length += 4;
  }
}
