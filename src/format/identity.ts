/**
 * The first 32 bytes of each of the log's four kinds of file. Every version keeps magic, version and
 * checksum where they are and computed as they are, so that a newer file can be told from a damaged one.
 *
 *      0               8       12      16                              32
 *      +---------------+-------+-------+-------------------------------+
 *      | magic         |version| crc   | log id                        |
 *      +---------------+-------+-------+-------------------------------+
 *
 * `crc` is the CRC-32C of the file's whole identity block (its length depends on the kind) with these
 * four bytes taken as zero.
 */
import { CorruptionError, LogError, UnsupportedVersionError } from '../errors.js';
import { crc32cBytes } from './checksum.js';

export const FORMAT_VERSION = 1;
export const PAGE_BYTES = 4096;
/** What a power cut keeps whole or leaves alone (FORMAT.md, assumptions). */
export const SECTOR_BYTES = 512;

const MAGIC_BYTES = 8;
const VERSION_AT = MAGIC_BYTES;
const CRC_AT = VERSION_AT + 4;
const LOG_ID_AT = CRC_AT + 4;
const LOG_ID_BYTES = 16;

/** One of the log's kinds of file. */
export interface FileKind {
  /** Eight ASCII characters. */
  readonly magic: string;
  /** How many bytes from the start of the file the checksum covers. */
  readonly blockBytes: number;
  readonly name: string;
}

export const SEGMENT_KIND: FileKind = {
  magic: 'STRATLOG',
  blockBytes: PAGE_BYTES,
  name: 'segment',
};
export const INDEX_KIND: FileKind = { magic: 'STRATIDX', blockBytes: SECTOR_BYTES, name: 'index' };
export const CONTROL_KIND: FileKind = {
  magic: 'STRATCTL',
  blockBytes: SECTOR_BYTES,
  name: 'control page',
};
export const READERS_KIND: FileKind = {
  magic: 'STRATRDR',
  blockBytes: SECTOR_BYTES,
  name: 'readers page',
};

/** 16 random bytes drawn when the log is created, as 32 hexadecimal digits. */
export type LogId = string;

/** Fills in the identity of a block whose other fields are already in place, checksum last. */
export function sealIdentity(block: Uint8Array, kind: FileKind, logId: LogId): void {
  const view = viewOf(block);
  block.set(Buffer.from(kind.magic, 'ascii'), 0);
  view.setUint32(VERSION_AT, FORMAT_VERSION, true);
  block.set(Buffer.from(logId, 'hex'), LOG_ID_AT);
  view.setInt32(CRC_AT, blockCrc(block, kind), true);
}

/**
 * Checks a block and returns its log id. The checksum comes before the version: a flipped bit in the
 * version must read as damage.
 * @throws {LogError} `NOT_A_LOG`: another kind of file
 * @throws {CorruptionError}
 * @throws {UnsupportedVersionError}
 */
export function checkIdentity(block: Uint8Array, kind: FileKind, path: string): LogId {
  const view = viewOf(block);
  const intact = view.getInt32(CRC_AT, true) === blockCrc(block, kind);
  const magic = Buffer.from(block.subarray(0, MAGIC_BYTES)).toString('latin1');
  if (magic !== kind.magic) {
    if (intact || !isBlank(magic)) {
      throw new LogError('NOT_A_LOG', `Cannot read ${path}: it is not a stratalog ${kind.name}`);
    }
    throw new CorruptionError(path, 0, `a ${kind.name} header`, 'zeros');
  }
  if (!intact) {
    throw new CorruptionError(
      path,
      CRC_AT,
      `a checksum that fits the ${kind.name} header`,
      'another',
    );
  }
  const version = view.getUint32(VERSION_AT, true);
  if (version !== FORMAT_VERSION) throw new UnsupportedVersionError(path, `format ${version}`);
  return Buffer.from(block.subarray(LOG_ID_AT, LOG_ID_AT + LOG_ID_BYTES)).toString('hex');
}

function isBlank(magic: string): boolean {
  return /^\0*$/.test(magic);
}

const FOUR_ZEROS = new Uint8Array(4);

function blockCrc(block: Uint8Array, kind: FileKind): number {
  const before = crc32cBytes(block.subarray(0, CRC_AT));
  const zeros = crc32cBytes(FOUR_ZEROS, before);
  return crc32cBytes(block.subarray(LOG_ID_AT, kind.blockBytes), zeros);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
