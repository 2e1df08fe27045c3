/** A file of the kernel's that is kept open, and read from its beginning again and again. */
import { closeSync, openSync, readSync } from 'node:fs';

const FIRST_BUFFER_BYTES = 8192;
/** No file of counters is as large as this: what is, is something else. */
const MAX_BYTES = 16 * 1024 * 1024;
/** A file that could not be read is tried again after so long. */
const RETRY_AFTER_MS = 1000;

export class KernelFile {
  readonly path: string;
  /** What was read last; a 0 stands behind it. */
  bytes: Uint8Array = new Uint8Array(FIRST_BUFFER_BYTES);
  /** How often it could not be read. */
  failures = 0;
  #descriptor: number | undefined;
  /** How many reads the content took. */
  #reads = Infinity;
  #retryAt = -Infinity;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Reads it, and returns its length; -1 if it cannot be read, as the file of a processor that is off, or of
   * a sensor that has been pulled. After that it is opened anew once a second.
   *
   * The kernel hands out some files in pages, and only a read of nothing says that there is no more; that
   * may cost as much as the whole file. So without `isWhole` it is read in as many pieces as before.
   */
  read(nowMs: number, isWhole: boolean): number {
    if (nowMs < this.#retryAt) return -1;
    try {
      this.#descriptor ??= openSync(this.path, 'r');
      return this.#readPieces(this.#descriptor, isWhole ? Infinity : this.#reads);
    } catch {
      this.failures++;
      this.#retryAt = nowMs + RETRY_AFTER_MS;
      this.close();
      return -1;
    }
  }

  close(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = undefined;
    if (descriptor !== undefined) closeSync(descriptor);
  }

  #readPieces(descriptor: number, pieces: number): number {
    let length = 0;
    for (let reads = 0; reads < pieces; reads++) {
      const room = this.bytes.length - 1 - length;
      const read = readSync(descriptor, this.bytes, length, room, length);
      if (read === 0) {
        this.#reads = Math.max(1, reads);
        break;
      }
      length += read;
      if (read === room) this.#grow();
    }
    this.bytes[length] = 0;
    return length;
  }

  #grow(): void {
    const { bytes } = this;
    if (bytes.length >= MAX_BYTES) throw new RangeError(`Cannot read ${this.path}: too large`);
    this.bytes = new Uint8Array(2 * bytes.length);
    this.bytes.set(bytes);
  }
}
