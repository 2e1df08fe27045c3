/**
 * The control page: one 4 KiB file, written by the appender only.
 *
 *      0 | identity: "STRATCTL", version, crc, log id; created, ns     (sector 0, immutable)
 *    512 | checkpoint slot 0                                           (sector 1)
 *   1024 | checkpoint slot 1                                           (sector 2)
 *   1536 | session                                                     (sector 3)
 *   2048 | doorbell (u32): counts commits and rolls, wraps
 *   2112 | session epoch (u32): epoch of the appender that last finished its recovery
 *   2176 | flush doorbell (u32): counts flushes, wraps
 *
 * A checkpoint goes to the slot that does not hold the newest one, so that a power cut in the middle
 * leaves the other; it lies in a sector of its own, and its checksum tells a torn one. The session
 * serves salvage after the death of the process only, when the page cache has survived.
 */
import { CorruptionError } from '../errors.js';
import { crc32cBytes } from './checksum.js';
import {
  CONTROL_KIND,
  PAGE_BYTES,
  SECTOR_BYTES,
  checkIdentity,
  sealIdentity,
  viewOf,
  type LogId,
} from './identity.js';

const CREATED_AT = 32;
const SLOTS_AT = SECTOR_BYTES;
const SESSION_AT = 3 * SECTOR_BYTES;
/** Word indexes into an `Int32Array` over the page. */
export const DOORBELL = 2048 >> 2;
export const SESSION_EPOCH = 2112 >> 2;
export const FLUSH_DOORBELL = 2176 >> 2;

/** What is known to be durable. Everything in it was synced before it was written. */
export interface Checkpoint {
  /** Counts checkpoints; the larger of two valid ones holds. */
  readonly sequence: number;
  /** The appender closed the log, and the fields from `tailPosition` on describe its end. */
  readonly clean: boolean;
  /** Segments below this offset have been dropped, or are about to be. */
  readonly startOffset: number;
  /** Durable bound, exclusive. */
  readonly durableOffset: number;
  /** Every segment before this one is sealed, and durable with its index. */
  readonly segmentBase: number;
  /** Position of the first byte after the last frame. */
  readonly tailPosition: number;
  /** Chain value of the last frame. */
  readonly chainCrc: number;
  /** Time of the last frame, ns. */
  readonly timeNs: bigint;
}

// Byte offsets within a checkpoint slot.
const CHECKPOINT_CRC = 0;
const FLAGS = 4;
const SEQUENCE = 8;
const START = 16;
const DURABLE = 24;
const SEGMENT = 32;
const TAIL = 40;
const CHAIN = 44;
const TIME = 48;
const CHECKPOINT_BYTES = 64;
const CLEAN = 1;

export function encodeControlPage(logId: LogId, createdNs: bigint, first: Checkpoint): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  viewOf(page).setBigUint64(CREATED_AT, createdNs, true);
  sealIdentity(page, CONTROL_KIND, logId);
  writeCheckpoint(page, first);
  return page;
}

/**
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError}
 * @throws {UnsupportedVersionError}
 */
export function checkControlPage(page: Uint8Array, path: string): LogId {
  return checkIdentity(page, CONTROL_KIND, path);
}

/** Stores a checkpoint into its slot: the one that the checkpoint before it does not use. */
export function writeCheckpoint(page: Uint8Array, checkpoint: Checkpoint): void {
  const at = SLOTS_AT + (checkpoint.sequence % 2) * SECTOR_BYTES;
  const slot = page.subarray(at, at + CHECKPOINT_BYTES);
  const view = viewOf(slot);
  view.setUint32(FLAGS, checkpoint.clean ? CLEAN : 0, true);
  view.setBigUint64(SEQUENCE, BigInt(checkpoint.sequence), true);
  view.setBigUint64(START, BigInt(checkpoint.startOffset), true);
  view.setBigUint64(DURABLE, BigInt(checkpoint.durableOffset), true);
  view.setBigUint64(SEGMENT, BigInt(checkpoint.segmentBase), true);
  view.setUint32(TAIL, checkpoint.tailPosition, true);
  view.setInt32(CHAIN, checkpoint.chainCrc, true);
  view.setBigUint64(TIME, checkpoint.timeNs, true);
  view.setInt32(CHECKPOINT_CRC, crc32cBytes(slot.subarray(FLAGS)), true);
}

/**
 * The newest valid checkpoint.
 * @throws {CorruptionError} when neither slot holds one
 */
export function readCheckpoint(page: Uint8Array, path: string): Checkpoint {
  const slots = [readSlot(page, 0), readSlot(page, 1)].filter((slot) => slot !== undefined);
  const newest = slots.sort((a, b) => b.sequence - a.sequence)[0];
  if (newest === undefined) throw new CorruptionError(path, SLOTS_AT, 'a checkpoint', 'none');
  return newest;
}

function readSlot(page: Uint8Array, index: number): Checkpoint | undefined {
  const at = SLOTS_AT + index * SECTOR_BYTES;
  const slot = page.subarray(at, at + CHECKPOINT_BYTES);
  const view = viewOf(slot);
  if (view.getInt32(CHECKPOINT_CRC, true) !== crc32cBytes(slot.subarray(FLAGS))) return undefined;
  const checkpoint: Checkpoint = {
    sequence: Number(view.getBigUint64(SEQUENCE, true)),
    clean: (view.getUint32(FLAGS, true) & CLEAN) !== 0,
    startOffset: Number(view.getBigUint64(START, true)),
    durableOffset: Number(view.getBigUint64(DURABLE, true)),
    segmentBase: Number(view.getBigUint64(SEGMENT, true)),
    tailPosition: view.getUint32(TAIL, true),
    chainCrc: view.getInt32(CHAIN, true),
    timeNs: view.getBigUint64(TIME, true),
  };
  return isPlausible(checkpoint) ? checkpoint : undefined;
}

/**
 * No log has so many records: past 2^53 offsets would be rounded, and offsets of others be told as lost. A
 * session's sector that a disk has put here has a checksum that holds, too, but text where numbers are.
 */
function isPlausible({ sequence, startOffset, durableOffset, segmentBase }: Checkpoint): boolean {
  return [sequence, startOffset, durableOffset, segmentBase].every(Number.isSafeInteger);
}

/** Where the appender is writing; what must still hold for salvage to trust the page cache. */
export interface Session {
  /** The kernel's id of this boot, or '' where there is none. */
  readonly bootId: string;
  readonly device: bigint;
  readonly inode: bigint;
}

const SESSION_BYTES = 64;
const BOOT_ID_AT = 4;
const BOOT_ID_BYTES = 36;
const DEVICE_AT = 40;
const INODE_AT = 48;

export function writeSession(page: Uint8Array, session: Session): void {
  const sector = page.subarray(SESSION_AT, SESSION_AT + SESSION_BYTES);
  const view = viewOf(sector);
  sector.fill(0);
  sector.set(Buffer.from(session.bootId.slice(0, BOOT_ID_BYTES), 'latin1'), BOOT_ID_AT);
  view.setBigUint64(DEVICE_AT, session.device, true);
  view.setBigUint64(INODE_AT, session.inode, true);
  view.setInt32(0, crc32cBytes(sector.subarray(4)), true);
}

export function readSession(page: Uint8Array): Session | undefined {
  const sector = page.subarray(SESSION_AT, SESSION_AT + SESSION_BYTES);
  const view = viewOf(sector);
  if (view.getInt32(0, true) !== crc32cBytes(sector.subarray(4))) return undefined;
  const boot = Buffer.from(sector.subarray(BOOT_ID_AT, BOOT_ID_AT + BOOT_ID_BYTES));
  return {
    bootId: boot.toString('latin1').replace(/\0+$/, ''),
    device: view.getBigUint64(DEVICE_AT, true),
    inode: view.getBigUint64(INODE_AT, true),
  };
}
