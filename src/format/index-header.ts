/**
 * Header page of an index file: identity in the first sector, then the segment's mutable words, each
 * a u32 in a cache line of its own; the entries follow from byte 4096.
 *
 *      0               8       12      16                              32
 *      +---------------+-------+-------+-------------------------------+
 *      | "STRATIDX"    |version| crc   | log id                        |
 *      +---------------+-------+-------+-------------------------------+
 *   32 | base offset   | slots |                                       |
 *      +---------------+-------+---------------------------------------+
 * 1024 | committed position / 8 |  1088 | committed count              |
 * 1152 | flushed position / 8   |  1216 | sealed (0 or 1)              |
 *      +---------------------------------------------------------------+
 * 4096 | u32 per record: position / 8 in bits 0-27, bits 28-31 flags   |
 *      +---------------------------------------------------------------+
 *
 * No bound is ever wider than one u32: two words read as a pair could tear.
 */
import { CorruptionError } from '../errors.js';
import {
  INDEX_KIND,
  PAGE_BYTES,
  SECTOR_BYTES,
  checkIdentity,
  sealIdentity,
  viewOf,
  type LogId,
} from './identity.js';
import { alignUp } from './integers.js';

const BASE_AT = 32;
const SLOTS_AT = BASE_AT + 8;

/** Word indexes into an `Int32Array` over the header page. */
export const COMMITTED_POSITION = 1024 >> 2;
export const COMMITTED_COUNT = 1088 >> 2;
export const FLUSHED_POSITION = 1152 >> 2;
export const SEALED = 1216 >> 2;
/** Word index of entry 0. */
export const FIRST_ENTRY = PAGE_BYTES >> 2;

/** Entry flag: the frame at this position has to be asked (a gap, or a codec); it is no record. */
export const ENTRY_NAMES_FRAME = 1 << 31;
const ENTRY_POSITION_MASK = 0x0fff_ffff;

/** Byte position that an entry names. */
export function entryPosition(entry: number): number {
  return (entry & ENTRY_POSITION_MASK) * 8;
}

export interface IndexHeader {
  readonly logId: LogId;
  readonly base: number;
  readonly indexCapacity: number;
}

export function indexFileBytes(indexCapacity: number): number {
  return alignUp(PAGE_BYTES + indexCapacity * 4, PAGE_BYTES);
}

/** The immutable first sector. The words are not part of it. */
export function encodeIndexHeader(header: IndexHeader): Uint8Array {
  const sector = new Uint8Array(SECTOR_BYTES);
  const view = viewOf(sector);
  view.setBigUint64(BASE_AT, BigInt(header.base), true);
  view.setUint32(SLOTS_AT, header.indexCapacity, true);
  sealIdentity(sector, INDEX_KIND, header.logId);
  return sector;
}

/**
 * Checks that an index belongs to the segment it stands beside.
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError}
 * @throws {UnsupportedVersionError}
 */
export function checkIndexHeader(sector: Uint8Array, expected: IndexHeader, path: string): void {
  const logId = checkIdentity(sector, INDEX_KIND, path);
  const view = viewOf(sector);
  const base = Number(view.getBigUint64(BASE_AT, true));
  const indexCapacity = view.getUint32(SLOTS_AT, true);
  if (
    logId !== expected.logId ||
    base !== expected.base ||
    indexCapacity !== expected.indexCapacity
  ) {
    throw new CorruptionError(
      path,
      BASE_AT,
      `the index of log ${expected.logId}, base ${expected.base}, ${expected.indexCapacity} slots`,
      `log ${logId}, base ${base}, ${indexCapacity} slots`,
    );
  }
}
