/**
 * The one place where 64-bit integers of the format meet JavaScript numbers. Everything on disk is
 * little-endian, and so is every platform that Node runs on; `assertLittleEndian` says so once.
 */

const TWO_32 = 2 ** 32;
const MAX_HIGH_WORD = 2 ** 21;

/** Returned by `readU64` for a value past 2^53 - 1. Callers treat it as damage. */
export const UNREPRESENTABLE = -1;

/** u64 at `word` (index of its low u32) as a number, or `UNREPRESENTABLE`. */
export function readU64(words: Int32Array, word: number): number {
  const high = (words[word + 1] as number) >>> 0;
  if (high >= MAX_HIGH_WORD) return UNREPRESENTABLE;
  return high * TWO_32 + ((words[word] as number) >>> 0);
}

/** Stores a safe integer as u64. */
export function writeU64(words: Int32Array, word: number, value: number): void {
  words[word] = value | 0;
  words[word + 1] = (value / TWO_32) | 0;
}

/** u64 as two's complement halves; the value may exceed 2^53, so it is only compared or printed. */
export function readU64AsBigInt(words: Int32Array, word: number): bigint {
  const low = (words[word] as number) >>> 0;
  const high = (words[word + 1] as number) >>> 0;
  return (BigInt(high) << 32n) | BigInt(low);
}

/** Refuses what cannot be an offset. */
export function checkOffset(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Invalid ${name}: expected a non-negative integer, got ${String(value)}`);
  }
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}

/** Thrown at load on a big-endian machine: typed-array views are used as the format's words. */
function assertLittleEndian(): void {
  if (new Uint8Array(Uint32Array.of(1).buffer)[0] !== 1) {
    throw new Error('stratalog needs a little-endian machine');
  }
}
assertLittleEndian();
