import { viewOf } from '../format/identity.js';
import type { ReadableSegment } from './readable-segment.js';

const NO_BUFFER = Buffer.alloc(0);
const NO_VIEW = viewOf(NO_BUFFER);
/** Small integers are stored without allocating. */
const STAMP_MASK = 0x3fff_ffff;

/**
 * What a flyweight over the content of records looks at: the bytes of one record, where they lie. As long
 * as it does, it holds the segment, so that nobody reads memory that is gone; it lets it go when it moves
 * to another, or when the cursor that it was last shown by is closed.
 */
export class RecordPlace {
  /** All of the memory: a segment, or the buffer that a user's bytes are part of. */
  view: DataView = NO_VIEW;
  buffer: Buffer = NO_BUFFER;
  /** The record's bytes, `end` exclusive. */
  start = 0;
  end = 0;
  /** Another one for each record, so that what was derived from an earlier one can tell. */
  stamp = 0;
  #segment: ReadableSegment | undefined;
  /** The cursor that the record is shown by. */
  #owner: object | undefined;

  /** @returns whether the owner is another than before */
  showRecord(owner: object, segment: ReadableSegment, start: number, length: number): boolean {
    if (segment !== this.#segment) this.#enter(segment);
    this.start = start;
    this.end = start + length;
    this.stamp = (this.stamp + 1) & STAMP_MASK;
    const isNew = owner !== this.#owner;
    if (isNew) this.#owner = owner;
    return isNew;
  }

  showBytes(bytes: Uint8Array, from: number, length: number): void {
    this.#letGo();
    if (bytes.buffer !== this.view.buffer) {
      this.view = new DataView(bytes.buffer);
      this.buffer = Buffer.from(bytes.buffer);
    }
    this.start = bytes.byteOffset + from;
    this.end = this.start + length;
    this.stamp = (this.stamp + 1) & STAMP_MASK;
  }

  /** A view of the memory is about to leave the library. */
  lend(): void {
    this.#segment?.mapping.lend();
  }

  /** The cursor is closed: there is nothing to be seen any more, unless another shows something. */
  leave(owner: object): void {
    if (owner !== this.#owner) return;
    this.#letGo();
    this.view = NO_VIEW;
    this.buffer = NO_BUFFER;
    this.start = this.end = 0;
    this.stamp = (this.stamp + 1) & STAMP_MASK;
  }

  #enter(segment: ReadableSegment): void {
    segment.hold();
    this.#segment?.letGo();
    this.#segment = segment;
    this.view = segment.view;
    this.buffer = Buffer.from(segment.mapping.buffer);
  }

  #letGo(): void {
    this.#segment?.letGo();
    this.#segment = this.#owner = undefined;
  }
}
