/**
 * A record inside a frame: two words, the payload, padding to a multiple of 8.
 *
 *      0               4               8
 *      +---------------+---------------+----------------------+---------+
 *      | 1 | length    | distance | fl | payload              | padding |
 *      +---------------+---------------+----------------------+---------+
 *
 * Bit 31 of the first word says that the record is present, so that an empty record differs from
 * nothing. `distance` is the way back to the frame's first byte, a multiple of 8; its low three bits
 * are flags, zero in this version.
 */
export const RECORD_HEADER_BYTES = 8;
export const RECORD_PRESENT = 1 << 31;
export const RECORD_LENGTH_MASK = 0x7fff_ffff;
export const RECORD_FLAGS_MASK = 7;

/** Bytes that a record of `length` payload bytes takes in its frame. */
export function recordBytes(length: number): number {
  return RECORD_HEADER_BYTES + ((length + 7) & ~7);
}
