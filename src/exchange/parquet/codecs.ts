/** How pages are compressed. */
import { gzipSync } from 'node:zlib';
import { snappyCompressed } from './snappy.js';
import { zstd, type ParquetCompression } from './compression.js';

type Compress = (bytes: Uint8Array) => Uint8Array;

export interface Codec {
  readonly name: 'SNAPPY' | 'GZIP' | 'ZSTD' | 'UNCOMPRESSED';
  readonly compress: Compress;
}

export function codecOf(compression: ParquetCompression): Codec {
  switch (compression) {
    case 'snappy':
      return { name: 'SNAPPY', compress: snappyCompressed };
    case 'gzip':
      return { name: 'GZIP', compress: (bytes) => gzipSync(bytes) };
    case 'zstd':
      return { name: 'ZSTD', compress: zstd.zstdCompressSync as Compress };
    default:
      return { name: 'UNCOMPRESSED', compress: (bytes) => bytes };
  }
}
