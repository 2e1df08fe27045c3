/**
 * The bytes of a segment file, read with `pread`, so that a disk that cannot deliver them is an error
 * and not a signal.
 */
import { openSync } from 'node:fs';
import { storage } from '../errors.js';
import type { ByteWindow } from '../format/frame-scan.js';
import { closeQuietly, fileSize, readFully, whatIsNoFile } from '../mapping/files.js';
import { nextData } from '../mapping/native.js';

const WINDOW_BYTES = 1024 * 1024;
const NO_FILE = -1;

export class SegmentWindow implements ByteWindow {
  readonly path: string;
  readonly sizeBytes: number;
  readonly fd: number;
  words: Int32Array;
  bytes: Uint8Array;
  #start = 0;
  #end = 0;

  /** Over something that is no file, it is empty. */
  constructor(path: string) {
    this.path = path;
    if (whatIsNoFile(path) !== undefined) {
      this.fd = NO_FILE;
      this.sizeBytes = 0;
      this.words = new Int32Array(0);
      this.bytes = new Uint8Array(0);
      return;
    }
    this.fd = storage('open', path, () => openSync(path, 'r'));
    try {
      this.sizeBytes = fileSize(this.fd, path) & ~7;
    } catch (error) {
      closeQuietly(this.fd);
      throw error;
    }
    this.words = new Int32Array(Math.min(WINDOW_BYTES, this.sizeBytes) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  load(position: number, length: number): number {
    if (position < this.#start || position + length > this.#end) this.#fill(position, length);
    return position - this.#start;
  }

  /** First position at or after `from` whose bytes are not all zero, or `sizeBytes`. */
  firstNonZero(from: number): number {
    for (let position = from; position < this.sizeBytes;) {
      position = nextData(this.fd, position, this.sizeBytes);
      const length = Math.min(WINDOW_BYTES, this.sizeBytes - position);
      if (length === 0) break;
      const at = this.load(position, length);
      const found = firstNonZero(this.bytes, at, length);
      if (found !== undefined) return position + found - at;
      position += length;
    }
    return this.sizeBytes;
  }

  /** Position behind the last byte at or after `from` that is not zero; `from` if there is none. */
  lastNonZero(from: number): number {
    let last = from;
    for (let position = from; ;) {
      position = this.firstNonZero(position);
      if (position >= this.sizeBytes) return last;
      const length = Math.min(WINDOW_BYTES, this.sizeBytes - position);
      const at = this.load(position, length);
      for (let end = at + length; end > at; end--) {
        if (this.bytes[end - 1] === 0) continue;
        last = position + end - at;
        break;
      }
      position += length;
    }
  }

  /** What is loaded next is read anew, as it is then. */
  forget(): void {
    this.#start = this.#end = 0;
  }

  close(): void {
    if (this.fd !== NO_FILE) closeQuietly(this.fd);
  }

  #fill(position: number, length: number): void {
    const start = position & ~7;
    const wanted = Math.max(this.bytes.length, position + length - start);
    if (wanted > this.bytes.length) {
      this.words = new Int32Array(Math.ceil(wanted / 4));
      this.bytes = new Uint8Array(this.words.buffer);
    }
    const size = Math.min(wanted, this.sizeBytes - start);
    this.#start = this.#end = 0;
    const got = readFully(this.fd, this.bytes, 0, size, start, this.path);
    this.bytes.fill(0, got, size);
    this.#start = start;
    this.#end = start + size;
  }
}

const ZEROS = Buffer.alloc(4096);

function firstNonZero(bytes: Uint8Array, from: number, length: number): number | undefined {
  for (let at = from; at < from + length; at += ZEROS.length) {
    const step = Math.min(ZEROS.length, from + length - at);
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset + at, step);
    if (ZEROS.compare(chunk, 0, step, 0, step) === 0) continue;
    for (let i = at; i < at + step; i++) if (bytes[i] !== 0) return i;
  }
  return undefined;
}
