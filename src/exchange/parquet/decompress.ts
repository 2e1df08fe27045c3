/**
 * Pages as they were before they were compressed. Whatever the bytes are: as many come out as were told, or
 * it is an error. Snappy is done here, because the package's function never ends on some bytes.
 */
import type { CompressionCodec } from 'hyparquet';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { WITHOUT_ZSTD, hasZstd, zstdDecompress } from '../zstd.js';

/** @throws {Error} they are not what they should be */
export function decompressed(
  codec: CompressionCodec,
  bytes: Uint8Array,
  length: number,
): Uint8Array {
  const page = decompress(codec, bytes, length);
  if (page.length === length) return page;
  throw new RangeError(`a page of ${length} bytes has ${page.length}`);
}

function decompress(codec: CompressionCodec, bytes: Uint8Array, length: number): Uint8Array {
  // Nothing may have been compressed to nothing; zlib has no limit of 0.
  if (length === 0) return new Uint8Array(0);
  const limit = { maxOutputLength: length };
  switch (codec) {
    case 'UNCOMPRESSED':
      return bytes;
    case 'SNAPPY':
      return fromSnappy(bytes, length);
    case 'GZIP':
      return gunzipSync(bytes, limit);
    case 'BROTLI':
      return brotliDecompressSync(bytes, limit);
    case 'ZSTD':
      if (hasZstd) return zstdDecompress(bytes, length);
      throw new Error(`it is compressed with zstd, ${WITHOUT_ZSTD}`);
    case 'LZ4_RAW':
      return fromLz4(bytes, length);
    default:
      throw new Error(`it is compressed with ${codec}, which is not supported`);
  }
}

/** Bytes that are written one behind the other, some of them copies of those before. */
class Output {
  readonly bytes: Uint8Array;
  at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
  }

  literal(from: Uint8Array, start: number, count: number): void {
    if (start + count > from.length || this.at + count > this.bytes.length) throw damaged();
    const { bytes, at } = this;
    if (count > 32) bytes.set(from.subarray(start, start + count), at);
    else for (let i = 0; i < count; i++) bytes[at + i] = from[start + i] as number;
    this.at += count;
  }

  copy(distance: number, count: number): void {
    const { bytes, at } = this;
    if (distance < 1 || distance > at || at + count > bytes.length) throw damaged();
    if (distance >= count && count > 32) bytes.copyWithin(at, at - distance, at - distance + count);
    else for (let i = at; i < at + count; i++) bytes[i] = bytes[i - distance] as number;
    this.at += count;
  }
}

function fromSnappy(bytes: Uint8Array, length: number): Uint8Array {
  let at = 0;
  const byte = (): number => {
    const next = bytes[at++];
    if (next === undefined) throw damaged();
    return next;
  };
  const integer = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i++) value += byte() * 2 ** (8 * i);
    return value;
  };
  let told = 0;
  for (let shift = 0; ; shift += 7) {
    const next = byte();
    told += (next & 127) * 2 ** shift;
    if (next < 128) break;
    if (shift > 28) throw damaged();
  }
  if (told !== length) throw new RangeError(`a page of ${length} bytes has ${told}`);
  const output = new Output(length);
  while (at < bytes.length) {
    const tag = byte();
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const count = 1 + (short < 60 ? short : integer(short - 59));
      output.literal(bytes, at, count);
      at += count;
    } else if (kind === 1) {
      output.copy(((tag >> 5) << 8) + byte(), ((tag >> 2) & 7) + 4);
    } else output.copy(integer(kind === 2 ? 2 : 4), (tag >> 2) + 1);
  }
  if (output.at !== length) throw damaged();
  return output.bytes;
}

function fromLz4(bytes: Uint8Array, length: number): Uint8Array {
  const output = new Output(length);
  let at = 0;
  const count = (short: number): number => {
    let total = short;
    if (short < 15) return total;
    for (;;) {
      const next = bytes[at++];
      if (next === undefined) throw damaged();
      total += next;
      if (next < 255) return total;
    }
  };
  while (at < bytes.length) {
    const token = bytes[at++] as number;
    const literals = count(token >> 4);
    output.literal(bytes, at, literals);
    at += literals;
    // The last sequence has literals alone.
    if (at >= bytes.length) break;
    const distance = (bytes[at] as number) + 256 * (bytes[at + 1] ?? 0);
    at += 2;
    output.copy(distance, count(token & 15) + 4);
  }
  if (output.at !== length) throw damaged();
  return output.bytes;
}

function damaged(): RangeError {
  return new RangeError('its compressed bytes are damaged');
}
