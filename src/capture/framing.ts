/**
 * Where one record ends and the next begins in a stream of bytes: at a newline, or by a length in
 * front (u32, little-endian). Chunks come as they come; a record may span any number of them.
 */
import { InputError } from '../errors.js';

const LENGTH_PREFIX_BYTES = 4;

/** Takes a record: a view of the input, valid during the call only. */
export type TakeRecord = (payload: Uint8Array) => void;

/** Cuts a stream of bytes into records. */
export interface RecordSplitter {
  /** Takes a chunk and keeps what is left of it; the chunk must not change afterwards. */
  push(chunk: Buffer): void;
  /** The input has ended. @throws {InputError} inside a record */
  end(): void;
  /** Bytes of a record that has begun and not ended. */
  readonly pendingBytes: number;
}

export interface LineOptions {
  /** Bytes of the longest line, without its newline. */
  readonly maxBytes: number;
  /** The newline is part of the record (default false). */
  readonly keepNewline?: boolean;
  /**
   * Is told of a line that is longer, when as much of it as is allowed has come; its rest is passed over.
   * Without this it is an error.
   */
  readonly onTooLong?: (beginning: Uint8Array) => void;
}

const NEWLINE = 10;

/**
 * Gives each line to `take`, without its newline. The last one need not have any.
 *
 * ```
 * const lines = new LineSplitter((line) => intake.append(parse(line)), { maxBytes: 4096 });
 * for await (const chunk of serialPort) lines.push(chunk);
 * lines.end();
 * ```
 */
export class LineSplitter implements RecordSplitter {
  readonly #take: TakeRecord;
  readonly #maxBytes: number;
  readonly #kept: number;
  readonly #onTooLong: LineOptions['onTooLong'];
  readonly #pending = new Pending();
  #isPassing = false;
  #records = 0;

  constructor(take: TakeRecord, { maxBytes, keepNewline = false, onTooLong }: LineOptions) {
    this.#take = take;
    this.#maxBytes = maxBytes;
    this.#kept = keepNewline ? 1 : 0;
    this.#onTooLong = onTooLong;
  }

  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** @throws {InputError} a line is too long, and `onTooLong` is not there to take it */
  push(chunk: Buffer): void {
    let start = 0;
    if (this.#pending.length > 0 || this.#isPassing) {
      const newline = chunk.indexOf(NEWLINE);
      if (newline < 0) return this.#keep(chunk);
      start = newline + 1;
      this.#endPending(chunk, newline);
    }
    // A view made this way costs less than half of what `subarray` does.
    const { buffer, byteOffset } = chunk;
    for (;;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline < 0) break;
      const isTooLong = newline - start > this.#maxBytes;
      if (isTooLong) this.#refuse(chunk.subarray(start, start + this.#maxBytes));
      else this.#emit(new Uint8Array(buffer, byteOffset + start, newline - start + this.#kept));
      start = newline + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  end(): void {
    this.#isPassing = false;
    if (this.#pending.length > 0) this.#emit(this.#pending.take());
  }

  #emit(line: Uint8Array): void {
    this.#records++;
    this.#take(line);
  }

  #endPending(chunk: Buffer, newline: number): void {
    this.#keep(chunk.subarray(0, newline));
    if (!this.#isPassing) {
      if (this.#kept === 1) this.#pending.add(chunk.subarray(newline, newline + 1));
      this.#emit(this.#pending.take());
    }
    this.#isPassing = false;
  }

  /** A line that is too long is refused before memory fills with it. */
  #keep(part: Buffer): void {
    if (this.#isPassing) return;
    this.#pending.add(part);
    if (this.#pending.length <= this.#maxBytes) return;
    this.#isPassing = true;
    this.#refuse(this.#pending.take().subarray(0, this.#maxBytes));
  }

  #refuse(beginning: Uint8Array): void {
    this.#records++;
    if (this.#onTooLong !== undefined) return this.#onTooLong(beginning);
    throw new InputError(
      `Line ${this.#records} of the input has more than ${this.#maxBytes.toLocaleString('en-US')} bytes`,
    );
  }
}

export interface LengthOptions {
  /** Bytes of the largest record. */
  readonly maxBytes: number;
  /** What sets that bound, for the error (default `the largest record that fits a segment`). */
  readonly largest?: string;
}

/** Gives each record that is preceded by its length, a little-endian u32, to `take`. */
export class LengthSplitter implements RecordSplitter {
  readonly #take: TakeRecord;
  readonly #maxBytes: number;
  readonly #largest: string;
  readonly #pending = new Pending();
  /** Bytes that must be there before anything can be done. */
  #needed = LENGTH_PREFIX_BYTES;
  #records = 0;

  constructor(take: TakeRecord, options: LengthOptions) {
    const { maxBytes, largest = 'the largest record that fits a segment' } = options;
    this.#take = take;
    this.#maxBytes = maxBytes;
    this.#largest = largest;
  }

  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** @throws {InputError} a length is larger than `maxBytes`; there is no way to go on */
  push(chunk: Buffer): void {
    if (this.#pending.length + chunk.length < this.#needed) return this.#pending.add(chunk);
    if (this.#pending.length === 0) return this.#split(chunk);
    this.#pending.add(chunk);
    return this.#split(this.#pending.take());
  }

  end(): void {
    const there = this.#pending.length;
    if (there === 0) return;
    const where = `The input ends inside record ${this.#records + 1}`;
    throw new InputError(
      there < LENGTH_PREFIX_BYTES
        ? `${where}: ${there} of the ${LENGTH_PREFIX_BYTES} bytes of its length prefix are there`
        : `${where}: ${there - LENGTH_PREFIX_BYTES} of its ${this.#needed - LENGTH_PREFIX_BYTES} bytes are there`,
    );
  }

  #split(bytes: Buffer): void {
    const { buffer, byteOffset, length } = bytes;
    const view = new DataView(buffer, byteOffset, length);
    let at = 0;
    this.#needed = LENGTH_PREFIX_BYTES;
    while (at + LENGTH_PREFIX_BYTES <= length) {
      const size = this.#checkSize(view.getUint32(at, true));
      this.#needed = LENGTH_PREFIX_BYTES + size;
      if (at + this.#needed > length) break;
      this.#records++;
      this.#take(new Uint8Array(buffer, byteOffset + at + LENGTH_PREFIX_BYTES, size));
      at += this.#needed;
      this.#needed = LENGTH_PREFIX_BYTES;
    }
    if (at < length) this.#pending.add(bytes.subarray(at));
  }

  /** A wrong prefix is most often text that was taken for lengths: it must not wait for gigabytes. */
  #checkSize(size: number): number {
    if (size <= this.#maxBytes) return size;
    throw new InputError(
      `Record ${this.#records + 1} of the input has a length prefix of ${size.toLocaleString('en-US')} bytes; ${this.#largest} has ${this.#maxBytes.toLocaleString('en-US')}`,
    );
  }
}

/** The parts of a record that spans chunks. */
class Pending {
  #parts: Buffer[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#length += part.length;
  }

  /** Everything that was added, in one piece. */
  take(): Buffer {
    const [only] = this.#parts;
    const bytes =
      this.#parts.length === 1 && only !== undefined
        ? only
        : Buffer.concat(this.#parts, this.#length);
    this.#parts = [];
    this.#length = 0;
    return bytes;
  }
}
