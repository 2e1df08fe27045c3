/**
 * Header page of a segment: 4 KiB, written once when the segment takes its place in the log and
 * immutable from then on.
 *
 *      0               8       12      16                              32
 *      +---------------+-------+-------+-------------------------------+
 *      | "STRATLOG"    |version| crc   | log id                        |
 *      +---------------+-------+-------+---------------+---------------+
 *   32 | base offset   | previous base | size  | slots | created, ns   |
 *      +---------------+---------------+-------+-------+---------------+
 *   64 | cipher parameters (64 bytes, zero)                            |
 *      +-------+-------------------------------------------------------+
 *  128 | header length, then zeros                                     |
 *      +-------+-------------------------------------------------------+
 * 2048 | application header (up to 2 KiB)                              |
 *      +---------------------------------------------------------------+
 */
import { CorruptionError, UnsupportedVersionError } from '../errors.js';
import { crc32cBytes } from './checksum.js';
import {
  PAGE_BYTES,
  SEGMENT_KIND,
  checkIdentity,
  sealIdentity,
  viewOf,
  type LogId,
} from './identity.js';

const BASE_AT = 32;
const PREVIOUS_BASE_AT = BASE_AT + 8;
const SIZE_AT = PREVIOUS_BASE_AT + 8;
const SLOTS_AT = SIZE_AT + 4;
const CREATED_AT = SLOTS_AT + 4;
const CIPHER_AT = CREATED_AT + 8;
const CIPHER_BYTES = 64;
const APPLICATION_LENGTH_AT = CIPHER_AT + CIPHER_BYTES;
const APPLICATION_AT = PAGE_BYTES / 2;

export const MAX_APPLICATION_HEADER_BYTES = PAGE_BYTES - APPLICATION_AT;
/** Byte position of a segment's first frame. */
export const FIRST_FRAME_AT = PAGE_BYTES;
export const MIN_SEGMENT_BYTES = 16 * 1024;
/** A mapping of 4 GiB would not fit a Node 20 buffer, and 2 GiB keeps positions in a signed word. */
export const MAX_SEGMENT_BYTES = 2 ** 31 - PAGE_BYTES;

export interface SegmentHeader {
  readonly logId: LogId;
  /** Offset of the segment's first record. */
  readonly base: number;
  /** Base of the segment before it; equal to `base` in the first segment of a log. */
  readonly previousBase: number;
  /** File size, a multiple of 4096. */
  readonly sizeBytes: number;
  /** How many records the index has room for. */
  readonly indexCapacity: number;
  /** Wall-clock time of creation, nanoseconds since 1970. */
  readonly createdNs: bigint;
  readonly application: Uint8Array;
}

export function encodeSegmentHeader(header: SegmentHeader): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  const view = viewOf(page);
  view.setBigUint64(BASE_AT, BigInt(header.base), true);
  view.setBigUint64(PREVIOUS_BASE_AT, BigInt(header.previousBase), true);
  view.setUint32(SIZE_AT, header.sizeBytes, true);
  view.setUint32(SLOTS_AT, header.indexCapacity, true);
  view.setBigUint64(CREATED_AT, header.createdNs, true);
  view.setUint32(APPLICATION_LENGTH_AT, header.application.length, true);
  page.set(header.application, APPLICATION_AT);
  sealIdentity(page, SEGMENT_KIND, header.logId);
  return page;
}

/**
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError}
 * @throws {UnsupportedVersionError}
 */
export function decodeSegmentHeader(page: Uint8Array, path: string): SegmentHeader {
  const logId = checkIdentity(page, SEGMENT_KIND, path);
  const view = viewOf(page);
  const header: SegmentHeader = {
    logId,
    base: Number(view.getBigUint64(BASE_AT, true)),
    previousBase: Number(view.getBigUint64(PREVIOUS_BASE_AT, true)),
    sizeBytes: view.getUint32(SIZE_AT, true),
    indexCapacity: view.getUint32(SLOTS_AT, true),
    createdNs: view.getBigUint64(CREATED_AT, true),
    application: page.slice(
      APPLICATION_AT,
      APPLICATION_AT + view.getUint32(APPLICATION_LENGTH_AT, true),
    ),
  };
  const cipher = page.subarray(CIPHER_AT, CIPHER_AT + CIPHER_BYTES);
  if (cipher.some((byte) => byte !== 0)) throw new UnsupportedVersionError(path, 'a cipher');
  if (!isPlausible(header)) {
    throw new CorruptionError(path, BASE_AT, 'plausible sizes', 'impossible ones');
  }
  return header;
}

function isPlausible({ base, previousBase, sizeBytes, indexCapacity }: SegmentHeader): boolean {
  return (
    Number.isSafeInteger(base) &&
    previousBase <= base &&
    sizeBytes % PAGE_BYTES === 0 &&
    sizeBytes >= MIN_SEGMENT_BYTES &&
    sizeBytes <= MAX_SEGMENT_BYTES &&
    indexCapacity > 0 &&
    indexCapacity <= sizeBytes / 8
  );
}

/**
 * Start value of every frame checksum in the segment: the CRC of log id and base offset. A frame of
 * another log, or of another segment, fails its checksum however intact it is.
 */
export function segmentSeed(logId: LogId, base: number): number {
  const bytes = new Uint8Array(24);
  bytes.set(Buffer.from(logId, 'hex'));
  viewOf(bytes).setBigUint64(16, BigInt(base), true);
  return crc32cBytes(bytes);
}
