/** Decompression of chunks, as far as Node has it. */
import { InputError } from '../../errors.js';
import { WITHOUT_ZSTD, hasZstd, zstdDecompress } from '../zstd.js';

type Decompress = (bytes: Uint8Array, size: bigint) => Uint8Array;

/**
 * By their names in chunks. Nothing larger than `maxBytes` comes of them, nor what has another size than
 * the file says.
 */
export function decompressors(maxBytes: number): Readonly<Record<string, Decompress>> {
  // Without a prototype: the names that are looked up are a file's.
  const handlers = Object.create(null) as Record<string, Decompress>;
  handlers['zstd'] = (bytes, size) => {
    if (!hasZstd) throw new InputError(`it is compressed with zstd, ${WITHOUT_ZSTD}`);
    if (size > maxBytes) {
      throw new InputError(
        `it has ${size} bytes when it is decompressed, and ${maxBytes} at most are taken`,
      );
    }
    const found = zstdDecompress(bytes, Number(size));
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
