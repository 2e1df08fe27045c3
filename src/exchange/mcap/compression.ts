/** Compression of chunks, as far as Node has it. */
import * as zlib from 'node:zlib';
import { InputError, LogError } from '../../errors.js';

export type Compression = 'none' | 'zstd';

/** What newer versions of Node have besides. */
interface Zstd extends Pick<typeof zlib, 'constants'> {
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { maxOutputLength: number },
  ) => Uint8Array;
}

const { zstdCompressSync, zstdDecompressSync }: Zstd = zlib;

/**
 * @throws {TypeError} there is no such compression
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this version of Node does not have it
 */
export function checkCompression(compression: string): void {
  if (compression === 'none') return;
  if (compression === 'lz4') {
    throw new TypeError("Cannot compress with lz4: Node has none. There are 'none' and 'zstd'");
  }
  if (compression !== 'zstd') {
    throw new TypeError(`Invalid compression ${JSON.stringify(compression)}: 'none' or 'zstd'`);
  }
  if (zstdCompressSync === undefined) {
    const since = 'it comes with Node 22.15 and 23.8';
    throw new LogError(
      'UNSUPPORTED_PLATFORM',
      `Cannot compress with zstd: Node ${process.versions.node} has none, ${since}`,
    );
  }
}

/** `undefined`: what is to be compressed stays as it is. */
export function compressorOf(
  compression: Compression,
): ((bytes: Uint8Array) => Uint8Array) | undefined {
  return compression === 'none' ? undefined : zstdCompressSync;
}

type Decompress = (bytes: Uint8Array, size: bigint) => Uint8Array;

/**
 * By their names in chunks. Nothing larger than `maxBytes` comes of them, nor what has another size than
 * the file says.
 */
export function decompressors(maxBytes: number): Readonly<Record<string, Decompress>> {
  // Without a prototype: the names that are looked up are a file's.
  const handlers = Object.create(null) as Record<string, Decompress>;
  handlers['zstd'] = (bytes, size) => {
    if (zstdDecompressSync === undefined) {
      throw new InputError(`it is compressed with zstd, which comes with Node 22.15 and 23.8`);
    }
    if (size > maxBytes) {
      throw new InputError(
        `it has ${size} bytes when it is decompressed, and ${maxBytes} at most are taken`,
      );
    }
    const found = zstdDecompressSync(bytes, { maxOutputLength: Number(size) });
    if (BigInt(found.length) === size) return found;
    throw new InputError(
      `it has ${found.length} bytes when it is decompressed, and should have ${size}`,
    );
  };
  handlers['lz4'] = () => {
    throw new InputError('it is compressed with lz4, which Node does not have');
  };
  return handlers;
}
