/**
 * The readers page: one 4 KiB file, written by readers; nothing in it is believed for correctness.
 *
 *      0 | identity: "STRATRDR", version, crc, log id                  (sector 0, immutable)
 *    512 | waiters (u32): somebody sleeps until the doorbell moves
 *    576 | flush waiters (u32): the same for the flush doorbell
 *   1024 | tailer slots, 48 of 64 bytes:
 *          +0 next offset (f64, so that one store writes it whole)
 *          +8 process id (u32)   +12 bit 0: follows the flushed bound
 *         +16 name, UTF-8, padded with zeros (48)
 *
 * Slot i is taken as long as somebody holds the lock on byte i of the file: it dies with its holder.
 */
import {
  PAGE_BYTES,
  READERS_KIND,
  checkIdentity,
  sealIdentity,
  viewOf,
  type LogId,
} from './identity.js';

/** Word indexes into an `Int32Array` over the page. */
export const WAITERS = 512 >> 2;
export const FLUSH_WAITERS = 576 >> 2;

const SLOTS_AT = 1024;
const SLOT_BYTES = 64;
const PID_AT = 8;
const FLAGS_AT = 12;
const NAME_AT = 16;
const FOLLOWS_FLUSHED = 1;
export const TAILER_SLOTS = (PAGE_BYTES - SLOTS_AT) / SLOT_BYTES;

/** What a tailer tells of itself. */
export interface TailerInfo {
  readonly name: string;
  readonly pid: number;
  readonly followsFlushed: boolean;
  /** Offset of the record that it reads next. */
  readonly nextOffset: number;
}

export function encodeReadersPage(logId: LogId): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  sealIdentity(page, READERS_KIND, logId);
  return page;
}

export function checkReadersPage(page: Uint8Array, path: string): LogId {
  return checkIdentity(page, READERS_KIND, path);
}

/** Index of a slot's offset in a `Float64Array` over the page. */
export function slotOffsetAt(slot: number): number {
  return (SLOTS_AT + slot * SLOT_BYTES) >> 3;
}

export function writeSlot(page: Uint8Array, slot: number, info: TailerInfo): void {
  const at = SLOTS_AT + slot * SLOT_BYTES;
  const view = viewOf(page);
  view.setFloat64(at, info.nextOffset, true);
  view.setUint32(at + PID_AT, info.pid, true);
  view.setUint32(at + FLAGS_AT, info.followsFlushed ? FOLLOWS_FLUSHED : 0, true);
  const name = page.subarray(at + NAME_AT, at + SLOT_BYTES);
  name.fill(0);
  new TextEncoder().encodeInto(info.name, name);
}

export function readSlot(page: Uint8Array, slot: number): TailerInfo {
  const at = SLOTS_AT + slot * SLOT_BYTES;
  const view = viewOf(page);
  const name = Buffer.from(page.subarray(at + NAME_AT, at + SLOT_BYTES)).toString();
  return {
    name: name.replace(/\0.*$/s, ''),
    pid: view.getUint32(at + PID_AT, true),
    followsFlushed: (view.getUint32(at + FLAGS_AT, true) & FOLLOWS_FLUSHED) !== 0,
    nextOffset: view.getFloat64(at, true),
  };
}
