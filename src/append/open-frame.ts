/**
 * The frame that is being filled: stores into mapped memory, and nothing else. No system call, no
 * allocation, no lock.
 *
 * Order of the stores, which is what a killed process leaves behind in the page cache:
 *
 * 1. payload and padding;
 * 2. 0 into the length word of the *next* record, unless the segment ends there;
 * 3. the distance, then the own length word with bit 31: the record now exists.
 *
 * So at every instant the records present form a prefix that ends in a word without bit 31, whatever
 * was in the memory before; salvage walks just that prefix. A batch stores the length of its first
 * record last, so it exists as a whole or not at all.
 *
 * The first record's length word is 0 from the moment that the frame begins, and stays so until that
 * record is there.
 */
import { FRAME_HEADER_BYTES, publishFrame, sealFrame, type FrameFields } from '../format/frame.js';
import { FIRST_ENTRY } from '../format/index-header.js';
import { RECORD_HEADER_BYTES, RECORD_PRESENT, recordBytes } from '../format/record.js';
import type { WritableSegment } from '../segment/writable-segment.js';

export class OpenFrame {
  #words: Int32Array;
  #bytes: Uint8Array;
  #index: Int32Array;
  #seed: number;
  #segmentEnd: number;
  /** Index word of the next record's entry, and the one behind the last. */
  #entry: number;
  #entryEnd: number;
  /** Where the frame begins, and where its next record goes. */
  #framePosition: number;
  #position: number;
  #count = 0;

  constructor(segment: WritableSegment, position: number, records: number) {
    this.#words = segment.words;
    this.#bytes = segment.bytes;
    this.#index = segment.index;
    this.#seed = segment.seed;
    this.#segmentEnd = segment.header.sizeBytes;
    this.#entry = FIRST_ENTRY + records;
    this.#entryEnd = FIRST_ENTRY + segment.header.indexCapacity;
    this.#framePosition = position;
    this.#position = position + FRAME_HEADER_BYTES;
    this.#clearFirstWord();
  }

  /** Moves on to a segment that holds no records. */
  enter(segment: WritableSegment, position: number): void {
    this.#words = segment.words;
    this.#bytes = segment.bytes;
    this.#index = segment.index;
    this.#seed = segment.seed;
    this.#segmentEnd = segment.header.sizeBytes;
    this.#entry = FIRST_ENTRY;
    this.#entryEnd = FIRST_ENTRY + segment.header.indexCapacity;
    this.#begin(position);
  }

  /** Records in the open frame. */
  get count(): number {
    return this.#count;
  }
  /** Records in the segment, the open frame's included. */
  get recordsInSegment(): number {
    return this.#entry - FIRST_ENTRY;
  }
  get framePosition(): number {
    return this.#framePosition;
  }
  /** Position behind the last record. */
  get position(): number {
    return this.#position;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  get isIndexFull(): boolean {
    return this.#entry >= this.#entryEnd;
  }

  /** Whether records of `size` bytes in all (`recordBytes` each) still fit the segment. */
  fits(size: number, records: number): boolean {
    return this.#position + size <= this.#segmentEnd && this.#entry + records <= this.#entryEnd;
  }

  /** The same, were the open frame sealed before. */
  fitsNext(size: number, records: number): boolean {
    return this.fits(this.#count === 0 ? size : size + FRAME_HEADER_BYTES, records);
  }

  /** Adds a record. There is room for it. */
  append(payload: Uint8Array, length: number): void {
    const position = this.#position;
    const end = position + RECORD_HEADER_BYTES + ((length + 7) & ~7);
    if ((length & 7) !== 0) this.#clearPadding(end);
    this.#bytes.set(payload, position + RECORD_HEADER_BYTES);
    this.#publish(position, length, end);
  }

  /** Adds records that exist together or not at all. There is room for them. */
  appendBatch(payloads: readonly Uint8Array[]): void {
    const words = this.#words;
    const first = this.#position;
    const firstLength = (payloads[0] as Uint8Array).length;
    let position = first;
    for (const payload of payloads) {
      const length = payload.length;
      const end = position + recordBytes(length);
      if ((length & 7) !== 0) this.#clearPadding(end);
      this.#bytes.set(payload, position + RECORD_HEADER_BYTES);
      words[(position >> 2) + 1] = position - this.#framePosition;
      if (position !== first) words[position >> 2] = length | RECORD_PRESENT;
      this.#index[this.#entry++] = position >> 3;
      position = end;
    }
    if (position < this.#segmentEnd) words[position >> 2] = 0;
    words[first >> 2] = firstLength | RECORD_PRESENT;
    this.#position = position;
    this.#count += payloads.length;
  }

  /** Returns where the payload of the next record is to be built, with zeros behind it. There is room. */
  startRecord(length: number): number {
    const position = this.#position;
    if ((length & 7) !== 0) this.#clearPadding(position + recordBytes(length));
    return position + RECORD_HEADER_BYTES;
  }

  /** Makes the record exist whose payload has been built where `startRecord` said. */
  publish(length: number): void {
    const position = this.#position;
    this.#publish(position, length, position + recordBytes(length));
  }

  /** Makes the record exist whose payload has been built in place at `position + 8`. */
  publishReserved(length: number): void {
    const position = this.#position;
    const end = position + recordBytes(length);
    if ((length & 7) !== 0) {
      this.#bytes.fill(0, position + RECORD_HEADER_BYTES + length, end);
    }
    this.#publish(position, length, end);
  }

  /** Restores what a reservation has overwritten from `payloadBytes` of its payload on. */
  clearReserved(payloadBytes: number, reservedBytes: number): void {
    const payload = this.#position + RECORD_HEADER_BYTES;
    const end = this.#position + recordBytes(reservedBytes);
    this.#bytes.fill(0, payload + payloadBytes, end);
  }

  /**
   * Seals the frame over its records and publishes it; the next one begins behind it. Returns the
   * checksum. There is at least one record.
   */
  seal(fields: FrameFields): number {
    const frame = this.#framePosition;
    const end = this.#position;
    const words = this.#words;
    fields.count = this.#count;
    const crc = sealFrame(words, frame, frame, end - frame, fields, this.#seed);
    this.#begin(end);
    publishFrame(words, frame, end - frame);
    return crc;
  }

  #publish(position: number, length: number, end: number): void {
    const words = this.#words;
    if (end < this.#segmentEnd) words[end >> 2] = 0;
    words[(position >> 2) + 1] = position - this.#framePosition;
    words[position >> 2] = length | RECORD_PRESENT;
    this.#index[this.#entry++] = position >> 3;
    this.#position = end;
    this.#count++;
  }

  #begin(position: number): void {
    this.#framePosition = position;
    this.#position = position + FRAME_HEADER_BYTES;
    this.#count = 0;
    this.#clearFirstWord();
  }

  #clearFirstWord(): void {
    if (this.#position < this.#segmentEnd) this.#words[this.#position >> 2] = 0;
  }

  #clearPadding(end: number): void {
    this.#words[(end - 8) >> 2] = 0;
    this.#words[(end - 4) >> 2] = 0;
  }
}
