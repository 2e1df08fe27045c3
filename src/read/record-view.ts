import type { RecordPlace } from './record-place.js';

/**
 * A record as a reader hands it out: a flyweight that shows one record at a time, without copying it
 * and without allocating anything.
 *
 * Numbers are little-endian, at byte offsets from the payload's start, which is 8-byte aligned; a read
 * outside the payload throws a `RangeError`.
 */
export interface RecordView {
  /** The record's number in the log. */
  readonly offset: number;
  /** Payload bytes; may be 0. */
  readonly length: number;
  /**
   * The payload as a view of the mapped segment: borrowed, not copied. It stays valid as long as it is
   * held, whatever is closed, rolled or dropped meanwhile. The memory is read-only: a store into it
   * ends the process with a signal. Do not post it to a thread (the whole segment would be copied):
   * post `copyPayload()`.
   */
  readonly payload: Uint8Array;
  /** Wall-clock time at which the record's frame was committed, in ms since 1970. */
  readonly timeMs: number;
  /** The same in ns, exact. */
  readonly timeNs: bigint;
  /** Which opening by an appender wrote the record. */
  readonly epoch: number;

  /** The payload in memory of its own. */
  copyPayload(): Uint8Array;
  getUint8(at: number): number;
  getInt16(at: number): number;
  getUint16(at: number): number;
  getInt32(at: number): number;
  getUint32(at: number): number;
  getFloat32(at: number): number;
  getFloat64(at: number): number;
  getBigInt64(at: number): bigint;
  getBigUint64(at: number): bigint;
  /** @internal Has a flyweight over the payload's content show this record. */
  showIn(place: RecordPlace): void;
}
