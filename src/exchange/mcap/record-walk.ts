/**
 * The records of an MCAP file one after the other, by a window on the file. A record is looked at before it
 * is read: u8 opcode, u64 length. @mcap/core's stream reader would keep whatever length a file tells.
 */
import { crc32Bytes } from '../../format/checksum.js';
import type { InputFile } from './input-file.js';

export const MAGIC_BYTES = 8;
export const RECORD_HEADER_BYTES = 1 + 8;
const WINDOW_BYTES = 1024 * 1024;
const FOOTER = 0x02;
const DATA_END = 0x0f;
/** Of the record of the data's end: its CRC is all there is in it. */
const DATA_END_BYTES = RECORD_HEADER_BYTES + 4;

/**
 * What to do with a record: hand it out; read it, since it counts for the CRC of the data; or not even
 * that.
 */
export type Fate = 'take' | 'pass' | 'jump';

export class RecordWalk {
  readonly #file: InputFile;
  readonly #maxBytes: number;
  readonly #fateOf: (opcode: number, position: number) => Fate;
  #window = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  /** What of the window is still to be looked at. */
  #start = 0;
  #end = 0;
  /** Where in the file `#start` is. */
  #at = 0;
  /** So much has to be in the window to go on. */
  #needed = 1;
  /** What comes before that place of the file is no record that anybody wants. */
  #passTo = MAGIC_BYTES;
  #jumps = false;
  /** CRC of all up to `#summedTo` in the window, as long as nothing has been jumped over. */
  #crc: number | undefined = 0;
  #summedTo = 0;
  /** Where the record is that was handed out last. */
  position = 0;
  /** All the data have been seen. */
  isDone = false;
  /** The file ends before they do. */
  isCut = false;

  constructor(
    file: InputFile,
    maxBytes: number,
    fateOf: (opcode: number, position: number) => Fate,
  ) {
    this.#file = file;
    this.#maxBytes = maxBytes;
    this.#fateOf = fateOf;
  }

  /**
   * The next record that is to be taken, until the next call; `undefined`: `more` has to be called.
   * @throws {InputError}
   */
  next(): Uint8Array | undefined {
    while (!this.isDone && !this.isCut && this.#pass() && this.#has(RECORD_HEADER_BYTES)) {
      this.position = this.#at;
      const opcode = this.#window[this.#start] as number;
      const size = RECORD_HEADER_BYTES + Number(this.#window.readBigUInt64LE(this.#start + 1));
      if (opcode === 0) this.#file.fail(this.#at, 'there is no record');
      if (this.#at + size > this.#file.size) this.isCut = true;
      else if (opcode === DATA_END || opcode === FOOTER) {
        if (!this.#has(DATA_END_BYTES)) return undefined;
        this.#finish(opcode);
      } else {
        const fate = this.#fateOf(opcode, this.#at);
        if (fate === 'take') return this.#take(size);
        this.#passTo = this.#at + size;
        this.#jumps = fate === 'jump';
        if (this.#jumps) this.#crc = undefined;
      }
    }
    return undefined;
  }

  /** Reads on. `false`: there is no more. */
  async more(): Promise<boolean> {
    if (this.isDone || this.isCut) return false;
    this.#sum();
    if (this.#jumps && this.#passTo > this.#at) this.#at = this.#passTo;
    this.#makeRoom();
    const read = await this.#file.read(
      this.#window.subarray(this.#end),
      this.#at + this.#end - this.#start,
    );
    this.#end += read;
    if (read === 0) this.isCut = true;
    return read > 0;
  }

  /** Whether so much is in the window. */
  #has(bytes: number): boolean {
    this.#needed = bytes;
    return this.#end - this.#start >= bytes;
  }

  #advance(bytes: number): void {
    this.#start += bytes;
    this.#at += bytes;
  }

  /** Whether everything has been passed that is to be passed. */
  #pass(): boolean {
    this.#advance(Math.min(Math.max(0, this.#passTo - this.#at), this.#end - this.#start));
    this.#needed = 1;
    return this.#at >= this.#passTo;
  }

  #take(size: number): Uint8Array | undefined {
    if (size > this.#maxBytes) {
      const limit = `${this.#maxBytes} at most are taken (maxChunkBytes)`;
      this.#file.fail(this.#at, `there is a record of ${size} bytes, and ${limit}`);
    }
    if (!this.#has(size)) return undefined;
    const record = this.#window.subarray(this.#start, this.#start + size);
    this.#advance(size);
    return record;
  }

  #finish(opcode: number): void {
    this.#sum();
    this.isDone = true;
    const expected = this.#window.readUInt32LE(this.#start + RECORD_HEADER_BYTES);
    if (opcode === FOOTER || expected === 0 || this.#crc === undefined) return;
    if (this.#crc === expected) return;
    const found = `their CRC is ${this.#crc}, and should be ${expected}`;
    this.#file.fail(this.#at, `the data before it are damaged: ${found}`);
  }

  /** What is behind. */
  #sum(): void {
    if (this.#crc === undefined) return;
    this.#crc = crc32Bytes(this.#window.subarray(this.#summedTo, this.#start), this.#crc);
    this.#summedTo = this.#start;
  }

  /** What is still to be looked at goes to the front. */
  #makeRoom(): void {
    const old = this.#window;
    if (this.#needed > old.length) this.#window = Buffer.allocUnsafeSlow(1.25 * this.#needed);
    old.copy(this.#window, 0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    this.#summedTo = 0;
  }
}
