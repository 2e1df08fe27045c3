/** Ways of compression that there may be. Without the packages that do it. */
import * as zlib from 'node:zlib';

/** How a Parquet file is compressed. `zstd` needs Node.js 22.15 or later. */
export type ParquetCompression = 'snappy' | 'gzip' | 'zstd' | 'uncompressed';

/** Older versions of Node.js do not have it. */
export const zstd = zlib as unknown as {
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (
    bytes: Uint8Array,
    options: { readonly maxOutputLength: number },
  ) => Uint8Array;
};
