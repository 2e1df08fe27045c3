/** Zstandard, as far as Node.js has it: it came with 22.15 and 23.8. */
import * as zlib from 'node:zlib';
import { LogError } from '../errors.js';
import { unknownChoice } from '../options.js';

/** Compression of Arrow's batches and of MCAP's chunks. `'zstd'` needs Node.js 22.15, 23.8, or newer. */
export type Compression = 'none' | 'zstd';

interface Zstd {
  readonly zstdCompressSync?: (this: void, bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    this: void,
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number },
  ) => Uint8Array;
}

const { zstdCompressSync: compress, zstdDecompressSync: decompress } = zlib as Zstd;

/** Whether this Node.js has it. */
export const hasZstd = compress !== undefined && decompress !== undefined;

/** Why it cannot be used, behind what has been compressed with it. */
export const WITHOUT_ZSTD = `which Node.js ${process.version} does not have (22.15 and 23.8 do)`;

/**
 * @throws {TypeError} there is no such choice
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this Node.js does not have it
 */
export function checkCompression(compression: string, choices: readonly string[]): void {
  if (!choices.includes(compression)) throw unknownChoice('compression', compression);
  if (compression === 'zstd' && !hasZstd) throw withoutZstd();
}

/** @throws {LogError} `UNSUPPORTED_PLATFORM` */
export function zstdCompress(bytes: Uint8Array): Uint8Array {
  if (compress === undefined) throw withoutZstd();
  return compress(bytes);
}

/** @throws whatever is wrong with the bytes; they are more than so many */
export function zstdDecompress(bytes: Uint8Array, size: number): Uint8Array {
  if (decompress === undefined) throw withoutZstd();
  // zlib has no limit of 0.
  return decompress(bytes, { maxOutputLength: Math.max(1, size) });
}

function withoutZstd(): LogError {
  return new LogError('UNSUPPORTED_PLATFORM', `Cannot use zstd, ${WITHOUT_ZSTD}`);
}
