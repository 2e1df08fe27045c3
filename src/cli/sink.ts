import type { Writable } from 'node:stream';

const FULL_BYTES = 64 * 1024;

/** Gathers small pieces for a stream that wants large ones, and waits for it. */
export class Sink {
  readonly #stream: Writable;
  #buffer = Buffer.allocUnsafe(2 * FULL_BYTES);
  #used = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  /** Time to `drain`, before anything more is added. */
  get isFull(): boolean {
    return this.#used >= FULL_BYTES;
  }

  bytes(bytes: Uint8Array): void {
    this.#buffer.set(bytes, this.#room(bytes.length));
  }

  uint8(value: number): void {
    this.#buffer[this.#room(1)] = value;
  }

  uint32(value: number): void {
    this.#buffer.writeUInt32LE(value, this.#room(4));
  }

  /** ASCII only. */
  ascii(text: string): void {
    const at = this.#room(text.length);
    this.#buffer.write(text, at, 'latin1');
  }

  text(text: string): void {
    this.bytes(Buffer.from(text));
  }

  /** Resolves when everything has been handed to the system: only then may the buffer be used again. */
  async drain(): Promise<void> {
    if (this.#used === 0) return;
    const piece = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(piece, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Where `length` bytes may be put. */
  #room(length: number): number {
    const at = this.#used;
    const end = at + length;
    if (end > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, at);
      this.#buffer = larger;
    }
    this.#used = end;
    return at;
  }
}
