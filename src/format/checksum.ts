/**
 * CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected, as in RFC 3720; check value of "123456789"
 * is 0xE3069283). Long ranges go to the native implementation, which costs about 100 ns a call;
 * short ones are done here by slicing-by-8 (Kounavis and Berry, 2005), which is faster below a few
 * hundred bytes because nothing crosses into native code and nothing is allocated.
 */
import { crc32 as nativeCrc32, crc32c as nativeCrc32c } from '@node-rs/crc32';

const REFLECTED_POLYNOMIAL = 0x82f63b78 | 0;
/** Where the two implementations cost the same: `bench/checksum.mjs`. */
const NATIVE_FROM_BYTES = 320;

const TABLES = makeTables();

/**
 * CRC of `length` bytes of the buffer under `words` from byte `from`; both are multiples of 8.
 * `seed` is the CRC of what came before (0 for nothing). Returns a signed 32-bit value, the way it
 * is stored in an `Int32Array`.
 */
export function crc32cWords(words: Int32Array, from: number, length: number, seed: number): number {
  if (length < NATIVE_FROM_BYTES) return sliceBy8(words, from, length, seed);
  return crc32cBytes(new Uint8Array(words.buffer, words.byteOffset + from, length), seed);
}

/** CRC of any bytes, through the native implementation. Signed, like `crc32cWords`. */
export function crc32cBytes(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32c(bytes, seed >>> 0) | 0;
}

/**
 * CRC-32 of zip and PNG (check value of "123456789" is 0xCBF43926), for files of other formats. `seed` is the
 * CRC of what came before (0 for nothing). Unsigned.
 */
export function crc32Bytes(bytes: Uint8Array, seed = 0): number {
  return nativeCrc32(bytes, seed) >>> 0;
}

function sliceBy8(words: Int32Array, from: number, length: number, seed: number): number {
  const tables = TABLES;
  let crc = ~seed;
  const end = (from + length) >> 2;
  for (let word = from >> 2; word < end; word += 2) {
    const low = (words[word] as number) ^ crc;
    const high = words[word + 1] as number;
    crc =
      (tables[1792 + (low & 0xff)] as number) ^
      (tables[1536 + ((low >>> 8) & 0xff)] as number) ^
      (tables[1280 + ((low >>> 16) & 0xff)] as number) ^
      (tables[1024 + (low >>> 24)] as number) ^
      (tables[768 + (high & 0xff)] as number) ^
      (tables[512 + ((high >>> 8) & 0xff)] as number) ^
      (tables[256 + ((high >>> 16) & 0xff)] as number) ^
      (tables[high >>> 24] as number);
  }
  return ~crc;
}

/** Eight tables of 256 entries: table k advances a byte past k further zero bytes. */
function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? REFLECTED_POLYNOMIAL : 0);
    tables[byte] = crc;
  }
  for (let entry = 256; entry < tables.length; entry++) {
    const shorter = tables[entry - 256] as number;
    tables[entry] = (shorter >>> 8) ^ (tables[shorter & 0xff] as number);
  }
  return tables;
}
