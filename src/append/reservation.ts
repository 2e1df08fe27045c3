import { viewOf } from '../format/identity.js';
import type { WritableSegment } from '../segment/writable-segment.js';

/** How a reservation ends; the appender's side. */
export type FinishReservation = (length: number | 'abandon') => number;

/**
 * Bytes of the mapped segment in which a record is built without any copy. An appender has one
 * reservation object and hands it out again and again: it is valid from `reserve` until `publish` or
 * `abandon`, and nothing else can be appended in between.
 *
 * Numbers are little-endian, at byte offsets from the payload's start, which is 8-byte aligned. The
 * bytes may hold anything at first; what is published is what was written.
 *
 * Storing through a view after `publish` would change what readers see and break its checksum.
 */
export class Reservation {
  readonly #finish: FinishReservation;
  #segment: WritableSegment | undefined;
  #bytes: Uint8Array = EMPTY;
  #view: DataView = EMPTY_VIEW;
  #position = 0;
  #length = 0;
  #isOpen = false;

  /** @internal */
  constructor(finish: FinishReservation) {
    this.#finish = finish;
  }

  /** @internal */
  open(segment: WritableSegment, position: number, length: number): void {
    if (segment !== this.#segment) {
      this.#segment = segment;
      this.#bytes = segment.bytes;
      this.#view = viewOf(segment.bytes);
    }
    this.#position = position;
    this.#length = length;
    this.#isOpen = true;
  }

  /** @internal The appender leaves the segment: its memory is not to be kept alive from here. */
  drop(): void {
    this.#segment = undefined;
    this.#bytes = EMPTY;
    this.#view = EMPTY_VIEW;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Reserved payload bytes. */
  get length(): number {
    return this.#length;
  }

  /** The reserved bytes as a view of the mapped segment. Allocates the view, copies nothing. */
  get payload(): Uint8Array {
    this.#check(0, 0);
    this.#segment?.mapping.lend();
    return new Uint8Array(this.#bytes.buffer, this.#position, this.#length);
  }

  setUint8(at: number, value: number): void {
    this.#check(at, 1);
    this.#view.setUint8(this.#position + at, value);
  }
  setInt32(at: number, value: number): void {
    this.#check(at, 4);
    this.#view.setInt32(this.#position + at, value, true);
  }
  setUint32(at: number, value: number): void {
    this.#check(at, 4);
    this.#view.setUint32(this.#position + at, value, true);
  }
  setFloat64(at: number, value: number): void {
    this.#check(at, 8);
    this.#view.setFloat64(this.#position + at, value, true);
  }
  setBigInt64(at: number, value: bigint): void {
    this.#check(at, 8);
    this.#view.setBigInt64(this.#position + at, value, true);
  }
  /** Copies bytes in. */
  setBytes(at: number, bytes: Uint8Array): void {
    this.#check(at, bytes.length);
    this.#bytes.set(bytes, this.#position + at);
  }

  /**
   * Makes the record exist, with the first `length` bytes (default: all). Returns its offset.
   * @throws {TypeError} the reservation is not open
   * @throws {StorageError} with flush schedule `'each'`, as from `append`
   * @throws {LogError} `POISONED`: a background flush has failed since `reserve`; nothing was written
   */
  publish(length = this.#length): number {
    if (!Number.isInteger(length)) throw new RangeError(`Invalid length: ${String(length)}`);
    this.#check(0, length);
    this.#isOpen = false;
    return this.#finish(length);
  }

  /** Gives the bytes back. Nothing becomes visible, and no offset is used. Harmless if not open. */
  abandon(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#finish('abandon');
  }

  #check(at: number, size: number): void {
    if (!this.#isOpen) throw new TypeError('Cannot use the reservation: it is not open');
    if (!(at >= 0 && size >= 0 && at + size <= this.#length)) {
      throw new RangeError(
        `Cannot access ${size} bytes at ${at}: the reservation has ${this.#length} bytes`,
      );
    }
  }
}

const EMPTY = new Uint8Array(0);
const EMPTY_VIEW = viewOf(EMPTY);
