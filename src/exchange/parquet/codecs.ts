/** How pages are compressed. */
import { gzipSync } from 'node:zlib';
import { snappyCompressed } from './snappy.js';
import { zstdCompress } from '../zstd.js';

/** How a Parquet file is compressed. `'zstd'` needs Node.js 22.15, 23.8, or newer. */
export type ParquetCompression = 'none' | 'snappy' | 'gzip' | 'zstd';

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
      return { name: 'ZSTD', compress: zstdCompress };
    default:
      return { name: 'UNCOMPRESSED', compress: (bytes) => bytes };
  }
}
