/** Codecs of buffers: those that Node has. Zstandard came with Node 22.15 and 23.8. */
import * as zlib from 'node:zlib';
import { LogError } from '../../errors.js';

interface Zstd {
  readonly zstdCompressSync?: (this: void, bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    this: void,
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number },
  ) => Uint8Array;
}

const { zstdCompressSync: compress, zstdDecompressSync: decompress } = zlib as Zstd;

/** Whether this Node.js has Zstandard. */
export const hasZstd = compress !== undefined && decompress !== undefined;

/** @throws {LogError} `UNSUPPORTED_PLATFORM` */
export function zstdCompress(bytes: Uint8Array): Uint8Array {
  if (compress === undefined) throw withoutZstd();
  return compress(bytes);
}

/** @throws whatever is wrong with the bytes; they are more than so many */
export function zstdDecompress(bytes: Uint8Array, size: number): Uint8Array {
  if (decompress === undefined) throw withoutZstd();
  return decompress(bytes, { maxOutputLength: Math.max(1, size) });
}

export function withoutZstd(): LogError {
  return new LogError(
    'UNSUPPORTED_PLATFORM',
    `Cannot use zstd: Node.js ${process.version} does not have it (22.15 and 23.8 do)`,
  );
}
