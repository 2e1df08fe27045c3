/** A Parquet file that is read: its footer, and the column chunks that it tells of. */
import { parquetMetadata, type FileMetaData } from 'hyparquet';
import { open, type FileHandle } from 'node:fs/promises';
import { InputError } from '../../errors.js';
import { checkStruct } from './thrift.js';

const MAGIC = 'PAR1';
const ENCRYPTED = 'PARE';
/** Length of the footer, and the magic bytes. */
const TAIL_BYTES = 8;
/** Largest footer: that of some hundred thousand column chunks. */
const MAX_FOOTER_BYTES = 512 * 1024 * 1024;

export class ParquetInput {
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #size: number;
  /** Where the footer begins. */
  #end = 0;

  private constructor(path: string, handle: FileHandle, size: number) {
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /** @throws {InputError} */
  static async open(path: string): Promise<ParquetInput> {
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw new InputError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
    });
    const stats = await handle.stat();
    if (stats.isFile()) return new ParquetInput(path, handle, stats.size);
    await handle.close();
    throw new InputError(`Cannot read ${path}: it is no file`);
  }

  /** @throws {InputError} */
  async metadata(): Promise<FileMetaData> {
    const { path } = this;
    const size = this.#size;
    if (size < MAGIC.length + TAIL_BYTES) this.#fail('it is no Parquet file: it is too short');
    const tail = await this.#read(size - TAIL_BYTES, TAIL_BYTES);
    const magic = tail.toString('latin1', 4);
    if (magic === ENCRYPTED) this.#fail('it is encrypted, which is not supported');
    const first = await this.#read(0, MAGIC.length);
    if (magic !== MAGIC || first.toString('latin1') !== MAGIC) {
      this.#fail('it is no Parquet file, or is not whole: PAR1 is missing at its start or end');
    }
    const length = tail.readUInt32LE(0);
    if (length > size - MAGIC.length - TAIL_BYTES || length > MAX_FOOTER_BYTES) {
      this.#fail(`its footer says that it has ${length} bytes, and the file has ${size}`);
    }
    this.#end = size - TAIL_BYTES - length;
    const footer = await this.#read(this.#end, length + TAIL_BYTES);
    try {
      checkStruct(footer.subarray(0, length), 0);
      return parquetMetadata(footer, { geoparquet: false });
    } catch (error) {
      throw new InputError(`Cannot read ${path}: its footer is damaged`, { cause: error });
    }
  }

  /** @throws {RangeError} there is no such part before the footer */
  checkChunk(start: number, length: number): void {
    const isThere =
      Number.isSafeInteger(start) &&
      Number.isSafeInteger(length) &&
      start >= MAGIC.length &&
      length >= 0 &&
      start + length <= this.#end;
    if (isThere) return;
    throw new RangeError(`it lies at bytes ${start} to ${start + length}, outside of the file`);
  }

  /** Of the file, within its bounds. */
  chunk(start: number, length: number): Promise<Buffer> {
    return this.#read(start, length);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #read(start: number, length: number): Promise<Buffer> {
    // Of its own, so that arrays of numbers can lie in it.
    const bytes = Buffer.from(new ArrayBuffer(length));
    for (let at = 0; at < length;) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, start + at);
      if (bytesRead === 0) this.#fail('it has become shorter');
      at += bytesRead;
    }
    return bytes;
  }

  #fail(why: string): never {
    throw new InputError(`Cannot read ${this.path}: ${why}`);
  }
}
