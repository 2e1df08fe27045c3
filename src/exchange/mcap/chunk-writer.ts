/**
 * Chunks of an MCAP file (https://mcap.dev/spec), each with the index of its messages behind it:
 *
 *   chunk    u8 6, u64 length | u64 first time | u64 last time | u64 bytes | u32 CRC | u32 + compression |
 *            u64 stored bytes | messages, compressed or not
 *   message  u8 5, u64 length | u16 channel | u32 sequence | u64 log time | u64 publish time | payload
 *   index    u8 7, u64 length | u16 channel | u32 bytes | (u64 log time, u64 place in the messages) ...
 *
 * Nothing in it says where in the file it is, so chunks are made in any thread. Everything else of a file is
 * written by @mcap/core. Its builders take ten times as long for what there is one of for each event, and
 * copy a chunk three times more.
 */
import { crc32Bytes } from '../../format/checksum.js';
import { zstdCompress, type Compression } from '../zstd.js';

const CHUNK = 6;
const MESSAGE = 5;
const MESSAGE_INDEX = 7;

const RECORD_HEADER_BYTES = 1 + 8;
/** Of a chunk, up to the name of its compression, and behind that. */
const BEFORE_NAME_BYTES = RECORD_HEADER_BYTES + 8 + 8 + 8 + 4 + 4;
const BEHIND_NAME_BYTES = 8;
const MESSAGE_HEADER_BYTES = RECORD_HEADER_BYTES + 2 + 4 + 8 + 8;
const INDEX_HEADER_BYTES = RECORD_HEADER_BYTES + 2 + 4;
const INDEX_ENTRY_BYTES = 16;

/** A time in ns since 1970, in two words. */
export interface TimeWords {
  readonly low: number;
  readonly high: number;
}

/** What a file's summary says of a chunk, but for its place. Plain data. */
export interface ChunkFacts {
  readonly messages: number;
  readonly startTime: bigint;
  readonly endTime: bigint;
  /** Of the chunk, and of the index that follows it. */
  readonly bytes: number;
  readonly indexBytes: number;
  /** Of its messages, in the file and uncompressed. */
  readonly storedBytes: number;
  readonly messageBytes: number;
}

export interface ChunkOptions {
  readonly channelId: number;
  /** A chunk ends before the message with which it would have more than that, unless it is its first. */
  readonly chunkBytes: number;
  readonly compression: Compression;
}

/** Writes chunks one behind the other, in memory that grows. */
export class ChunkWriter {
  readonly #channelId: number;
  readonly #chunkBytes: number;
  readonly #name: Uint8Array;
  readonly #compress: ((bytes: Uint8Array) => Uint8Array) | undefined;
  readonly #headerBytes: number;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;
  /** Where the messages of the open chunk begin. */
  #messagesAt: number;
  #messages = 0;
  #index = new Uint8Array(64 * 1024);
  #indexView = new DataView(this.#index.buffer);
  readonly #first = { low: 0, high: 0 };
  readonly #last = { low: 0, high: 0 };
  #closed: ChunkFacts[] = [];

  constructor({ channelId, chunkBytes, compression }: ChunkOptions) {
    this.#channelId = channelId;
    this.#chunkBytes = chunkBytes;
    this.#name = new TextEncoder().encode(compression === 'none' ? '' : compression);
    this.#compress = compression === 'none' ? undefined : zstdCompress;
    this.#headerBytes = BEFORE_NAME_BYTES + this.#name.length + BEHIND_NAME_BYTES;
    this.#messagesAt = this.#headerBytes;
    this.#bytes = new Uint8Array(2 * chunkBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** `sequence` is cut to its 32 low bits. */
  add(sequence: number, time: TimeWords, payload: Uint8Array): void {
    const size = MESSAGE_HEADER_BYTES + payload.length;
    if (this.#messages > 0 && this.#length - this.#messagesAt + size > this.#chunkBytes) {
      this.#close();
    }
    if (this.#messages === 0) this.#open();
    this.#reserve(size);
    const { low, high } = time;
    this.#note(low, high);
    const view = this.#view;
    const at = this.#length;
    view.setUint8(at, MESSAGE);
    view.setUint32(at + 1, size - RECORD_HEADER_BYTES, true);
    view.setUint32(at + 5, 0, true);
    view.setUint16(at + 9, this.#channelId, true);
    view.setUint32(at + 11, sequence, true);
    view.setUint32(at + 15, low, true);
    view.setUint32(at + 19, high, true);
    view.setUint32(at + 23, low, true);
    view.setUint32(at + 27, high, true);
    this.#bytes.set(payload, at + MESSAGE_HEADER_BYTES);
    this.#length = at + size;
  }

  /** All chunks since the last call, in memory of its own. */
  take(): { readonly bytes: Uint8Array<ArrayBuffer>; readonly chunks: readonly ChunkFacts[] } {
    if (this.#messages > 0) this.#close();
    const chunks = this.#closed;
    const bytes = new Uint8Array(this.#bytes.buffer, 0, this.#length);
    this.#closed = [];
    if (chunks.length === 0) return { bytes: new Uint8Array(0), chunks };
    // As much as the last ones have taken, and something more, or each would be copied while it grows.
    this.#replace(Math.max(2 * this.#chunkBytes, bytes.length + this.#chunkBytes / 2));
    this.#length = 0;
    return { bytes, chunks };
  }

  #open(): void {
    this.#reserve(this.#headerBytes);
    this.#length += this.#headerBytes;
    this.#messagesAt = this.#length;
  }

  /** An entry of the index, and the chunk's times. */
  #note(low: number, high: number): void {
    const at = INDEX_HEADER_BYTES + this.#messages * INDEX_ENTRY_BYTES;
    if (at + INDEX_ENTRY_BYTES > this.#index.length) this.#growIndex();
    const view = this.#indexView;
    view.setUint32(at, low, true);
    view.setUint32(at + 4, high, true);
    view.setUint32(at + 8, this.#length - this.#messagesAt, true);
    view.setUint32(at + 12, 0, true);
    if (this.#messages === 0 || isBefore(low, high, this.#first)) set(this.#first, low, high);
    if (this.#messages === 0 || !isBefore(low, high, this.#last)) set(this.#last, low, high);
    this.#messages++;
  }

  #close(): void {
    const from = this.#messagesAt;
    const messages = this.#bytes.subarray(from, this.#length);
    const crc = crc32Bytes(messages);
    const messageBytes = messages.length;
    if (this.#compress !== undefined) {
      const compressed = this.#compress(messages);
      this.#length = from;
      this.#reserve(compressed.length);
      this.#bytes.set(compressed, from);
      this.#length = from + compressed.length;
    }
    const facts = this.#facts(from, messageBytes);
    this.#writeHeader(from - this.#headerBytes, facts, crc);
    this.#writeIndex(facts.indexBytes);
    this.#closed.push(facts);
    this.#messages = 0;
  }

  #facts(from: number, messageBytes: number): ChunkFacts {
    return {
      messages: this.#messages,
      startTime: nanoseconds(this.#first),
      endTime: nanoseconds(this.#last),
      bytes: this.#length - from + this.#headerBytes,
      indexBytes: INDEX_HEADER_BYTES + this.#messages * INDEX_ENTRY_BYTES,
      storedBytes: this.#length - from,
      messageBytes,
    };
  }

  #writeHeader(at: number, facts: ChunkFacts, crc: number): void {
    const view = this.#view;
    const name = this.#name;
    view.setUint8(at, CHUNK);
    setU64(view, at + 1, facts.bytes - RECORD_HEADER_BYTES);
    view.setBigUint64(at + 9, facts.startTime, true);
    view.setBigUint64(at + 17, facts.endTime, true);
    setU64(view, at + 25, facts.messageBytes);
    view.setUint32(at + 33, crc, true);
    view.setUint32(at + 37, name.length, true);
    this.#bytes.set(name, at + BEFORE_NAME_BYTES);
    setU64(view, at + BEFORE_NAME_BYTES + name.length, facts.storedBytes);
  }

  #writeIndex(bytes: number): void {
    const view = this.#indexView;
    view.setUint8(0, MESSAGE_INDEX);
    setU64(view, 1, bytes - RECORD_HEADER_BYTES);
    view.setUint16(9, this.#channelId, true);
    view.setUint32(11, bytes - INDEX_HEADER_BYTES, true);
    this.#reserve(bytes);
    this.#bytes.set(this.#index.subarray(0, bytes), this.#length);
    this.#length += bytes;
  }

  /** Makes room for so many bytes more. */
  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const old = this.#bytes.subarray(0, this.#length);
    this.#replace(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.set(old);
  }

  #replace(size: number): void {
    this.#bytes = new Uint8Array(size);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #growIndex(): void {
    const larger = new Uint8Array(2 * this.#index.length);
    larger.set(this.#index);
    this.#index = larger;
    this.#indexView = new DataView(larger.buffer);
  }
}

function isBefore(low: number, high: number, than: TimeWords): boolean {
  const [a, b] = [high >>> 0, than.high >>> 0];
  return a === b ? low >>> 0 < than.low >>> 0 : a < b;
}

function set(time: { low: number; high: number }, low: number, high: number): void {
  time.low = low;
  time.high = high;
}

function nanoseconds({ low, high }: TimeWords): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

function setU64(view: DataView, at: number, value: number): void {
  view.setBigUint64(at, BigInt(value), true);
}
