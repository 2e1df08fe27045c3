/** Messages of an Arrow file or stream: found, checked and decoded, one after the other. */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { InputError, MalformedEventError } from '../../errors.js';
import { decodeEvent } from '../../events/decode.js';
import {
  CONTINUES,
  MAGIC,
  PREFIX_BYTES,
  footerSchema,
  type Block,
  type Footer,
} from './messages.js';
import { Message, type DictionaryBatch, type RecordBatch, type Schema } from './metadata.js';

/** A batch with its buffers, which start at a multiple of 8 in their memory. */
export type ArrowBatch =
  | { readonly kind: 'rows'; readonly batch: RecordBatch; readonly body: Uint8Array; where: string }
  | {
      readonly kind: 'dictionary';
      readonly batch: DictionaryBatch;
      readonly body: Uint8Array;
      where: string;
    };

/** What an import reads. */
export interface ArrowInput {
  readonly schema: Schema | undefined;
  /** `undefined`: there are no more. */
  next(): Promise<ArrowBatch | undefined>;
}

/** Bytes that can be read from anywhere. */
export interface RandomBytes {
  readonly size: number;
  /** So many, which are there, in memory of their own. */
  read(at: number, length: number): Promise<Uint8Array>;
}

/** Metadata are some kilobytes, or megabytes where there are very many columns. */
const MAX_METADATA_BYTES = 2 ** 28;
const MAX_BODY_BYTES = 2 ** 31 - 1;
/** Size of the footer, and the magic word. */
const TRAILER_BYTES = 4 + 6;
/** A file's stream begins behind the magic word, at a multiple of 8. */
const FILE_START = 8;

/** @throws {InputError} it is none, or breaks off */
export async function openArrow(bytes: RandomBytes, name: string): Promise<ArrowInput> {
  const first = await bytes.read(0, Math.min(bytes.size, MAGIC.length));
  if (MAGIC.equals(first)) return await ArrowFileInput.open(bytes, name);
  return await openArrowStream(inOrder(bytes), name);
}

// --- Files ---

/** A file: its footer says where everything is. */
class ArrowFileInput implements ArrowInput {
  readonly schema: Schema | undefined;
  readonly #bytes: RandomBytes;
  readonly #name: string;
  readonly #blocks: readonly Block[];
  #next = 0;

  private constructor(bytes: RandomBytes, name: string, footer: Footer) {
    this.#bytes = bytes;
    this.#name = name;
    this.schema = footer.schema;
    // In whatever order they are written.
    this.#blocks = [...(footer.dictionaries ?? []), ...(footer.record_batches ?? [])];
  }

  static async open(bytes: RandomBytes, name: string): Promise<ArrowFileInput> {
    const { size } = bytes;
    const isWhole = size >= FILE_START + TRAILER_BYTES;
    const trailer = isWhole ? await bytes.read(size - TRAILER_BYTES, TRAILER_BYTES) : undefined;
    if (trailer === undefined || !MAGIC.equals(trailer.subarray(4))) {
      throw new InputError(
        `Cannot read ${name}: it begins as an Arrow file, and does not end as one`,
      );
    }
    const length = new DataView(trailer.buffer, trailer.byteOffset).getInt32(0, true);
    const at = size - TRAILER_BYTES - length;
    if (length <= 0 || at < FILE_START || length > MAX_METADATA_BYTES) {
      throw new InputError(`Cannot read ${name}: a footer of ${length} bytes, of ${size}`);
    }
    const encoded = await bytes.read(at, length);
    const footer = decoded(`the footer of ${name}`, () => decodeEvent(footerSchema(), encoded));
    checkVersion(footer.version, name);
    return new ArrowFileInput(bytes, name, footer);
  }

  async next(): Promise<ArrowBatch | undefined> {
    const block = this.#blocks[this.#next++];
    if (block === undefined) return undefined;
    const { offset, metadata_length: metadataBytes, body_length: bodyBytes } = block;
    const where = `${this.#name} at byte ${offset}`;
    const end = Number(offset) + metadataBytes + Number(bodyBytes);
    const isSound = Number(offset) >= FILE_START && metadataBytes >= PREFIX_BYTES;
    if (!isSound || Number(bodyBytes) < 0 || !(end <= this.#bytes.size)) {
      throw new InputError(`Cannot read ${where}: ${end} bytes of ${this.#bytes.size}`);
    }
    const at = Number(offset);
    checkSizes(metadataBytes, Number(bodyBytes), where);
    const prefixed = await this.#bytes.read(at, metadataBytes);
    const message = decodeMessage(withoutPrefix(prefixed, where), where);
    // A message says itself how long its body is; what a footer says may be more.
    const length = Number(message.body_length ?? 0);
    if (!(length >= 0 && length <= Number(bodyBytes))) {
      throw new InputError(`Cannot read ${where}: a body of ${length} bytes, of ${bodyBytes}`);
    }
    const body = await this.#bytes.read(at + metadataBytes, length);
    const batch = batchOf(message, body, where);
    if (batch === undefined) throw new InputError(`Cannot read ${where}: it is no batch`);
    return batch;
  }
}

/** Older writers have the size alone before a message. */
function withoutPrefix(bytes: Uint8Array, where: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isNew = view.getInt32(0, true) === CONTINUES;
  const from = isNew ? PREFIX_BYTES : 4;
  const size = view.getInt32(from - 4, true);
  if (size > 0 && from + size <= bytes.length) return bytes.subarray(from, from + size);
  throw new InputError(`Cannot read ${where}: metadata of ${size} bytes, of ${bytes.length}`);
}

// --- Streams ---

/** Takes the next bytes: `undefined` if there are none at all. Fewer than asked for are an `InputError`. */
export type TakeBytes = (length: number, where: string) => Promise<Uint8Array | undefined>;

/** @throws {InputError} */
export async function openArrowStream(take: TakeBytes, name: string): Promise<ArrowInput> {
  const stream = new ArrowStreamInput(take, name);
  await stream.open();
  return stream;
}

/** Messages as they come, up to the end of the stream. */
class ArrowStreamInput implements ArrowInput {
  schema: Schema | undefined;
  readonly #take: TakeBytes;
  readonly #name: string;
  #messages = 0;
  #hasEnded = false;

  constructor(take: TakeBytes, name: string) {
    this.#take = take;
    this.#name = name;
  }

  async open(): Promise<void> {
    const first = await this.#take(4, this.#name);
    if (first === undefined) throw new InputError(`Cannot read ${this.#name}: it is empty`);
    // A file that comes as a stream has its magic word before.
    const isFile = MAGIC.subarray(0, 4).equals(first);
    if (isFile) await this.#take(FILE_START - 4, this.#name);
    const message = await this.#message(isFile ? undefined : first);
    if (message?.header_type !== 'Schema') {
      throw new InputError(`Cannot read ${this.#name}: it does not begin with an Arrow schema`);
    }
    this.schema = message.header;
    await this.#body(message, this.#where);
  }

  get #where(): string {
    return `${this.#name}, message ${this.#messages}`;
  }

  async next(): Promise<ArrowBatch | undefined> {
    while (!this.#hasEnded) {
      const message = await this.#message(undefined);
      if (message === undefined) break;
      const where = this.#where;
      const batch = batchOf(message, await this.#body(message, where), where);
      if (batch !== undefined) return batch;
    }
    this.#hasEnded = true;
    return undefined;
  }

  /** `undefined` at the end, which a stream may say, or just have. */
  async #message(first: Uint8Array | undefined): Promise<Message | undefined> {
    this.#messages++;
    const where = this.#where;
    const word = first ?? (await this.#take(4, where));
    if (word === undefined) return undefined;
    let size = int32(word);
    if (size === CONTINUES) size = int32((await this.#take(4, where)) ?? broken(where));
    if (size === 0) return undefined;
    if (size < 0 || size > MAX_METADATA_BYTES) {
      const hint = this.#messages === 1 ? '; is it an Arrow stream?' : '';
      throw new InputError(`Cannot read ${where}: metadata of ${size} bytes${hint}`);
    }
    return decodeMessage((await this.#take(size, where)) ?? broken(where), where);
  }

  async #body({ body_length: length = 0 }: Message, where: string): Promise<Uint8Array> {
    checkSizes(0, Number(length), where);
    if (length === 0) return new Uint8Array(0);
    return (await this.#take(Number(length), where)) ?? broken(where);
  }
}

function int32(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
}

function broken(where: string): never {
  throw new InputError(`Cannot read ${where}: it breaks off`);
}

/** Bytes one after the other. */
function inOrder(bytes: RandomBytes): TakeBytes {
  let at = 0;
  return async (length, where) => {
    if (at === bytes.size) return undefined;
    if (length > bytes.size - at) return broken(where);
    const from = at;
    at += length;
    return await bytes.read(from, length);
  };
}

/** Pieces of a stream, put together as they are asked for: memory is taken for what has come. */
export function fromPieces(pieces: AsyncIterator<Uint8Array>): TakeBytes {
  let rest: Uint8Array = new Uint8Array(0);
  return async (length, where) => {
    const parts = [rest];
    let there = rest.length;
    while (there < length) {
      const next = await pieces.next();
      if (next.done === true) break;
      if (!(next.value instanceof Uint8Array)) {
        throw new InputError(`Cannot read ${where}: the stream gives something else than bytes`);
      }
      parts.push(next.value);
      there += next.value.length;
    }
    if (there === 0 && length > 0) return undefined;
    if (there < length) return broken(where);
    // In memory of its own, where it starts at a multiple of 8.
    const taken = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      const count = Math.min(part.length, length - at);
      taken.set(part.subarray(0, count), at);
      at += count;
      rest = part.subarray(count);
    }
    return taken;
  };
}

// --- Messages ---

function decodeMessage(bytes: Uint8Array, where: string): Message {
  const message = decoded(where, () => decodeEvent(Message.decoded, bytes));
  checkVersion(message.version, where);
  return message;
}

function batchOf(message: Message, body: Uint8Array, where: string): ArrowBatch | undefined {
  const { header_type: type, header } = message;
  if (header === undefined) return undefined;
  if (type === 'RecordBatch') {
    return { kind: 'rows', batch: header, body, where };
  }
  if (type !== 'DictionaryBatch') return undefined;
  return { kind: 'dictionary', batch: header, body, where };
}

function decoded<T>(where: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof MalformedEventError)) throw error;
    throw new InputError(`Cannot read ${where}: ${error.message}`, { cause: error });
  }
}

function checkVersion(version: unknown, where: string): void {
  if (version === 'V5' || version === 'V4') return;
  throw new InputError(
    `Cannot read ${where}: it is of version ${String(version)} of Arrow's metadata`,
  );
}

function checkSizes(metadataBytes: number, bodyBytes: number, where: string): void {
  if (metadataBytes <= MAX_METADATA_BYTES && bodyBytes >= 0 && bodyBytes <= MAX_BODY_BYTES) return;
  throw new InputError(
    `Cannot read ${where}: a batch of ${bodyBytes} bytes, with ${metadataBytes} of metadata; at most ${MAX_BODY_BYTES} are read at a time`,
  );
}

// --- Files of the system ---

/** A file that is read from anywhere; it must not change meanwhile. */
export class FileBytes implements RandomBytes {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #path: string;

  private constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.size = size;
  }

  /** @throws {InputError} there is no such file, or it is something else */
  static async open(path: string): Promise<FileBytes> {
    let file: FileHandle | undefined;
    try {
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const { size, isFile } = await stateOf(file);
      if (isFile) return new FileBytes(file, path, size);
    } catch (error) {
      await file?.close();
      throw new InputError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
    }
    await file.close();
    throw new InputError(`Cannot read ${path}: it is no file; give a stream instead`);
  }

  async read(at: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const { bytesRead } = await this.#file.read(bytes, done, length - done, at + done);
      if (bytesRead === 0) throw new InputError(`Cannot read ${this.#path}: it has become shorter`);
      done += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function stateOf(file: FileHandle): Promise<{ size: number; isFile: boolean }> {
  const state = await file.stat();
  return { size: state.size, isFile: state.isFile() };
}
