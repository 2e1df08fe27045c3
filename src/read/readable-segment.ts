/**
 * A segment in a reader's hands: read-only mappings of both files, and what has been verified of them.
 *
 * Why no wild read is possible: a position is followed only if it lies in a frame that has passed
 * header, checksum and record walk in this thread, and the frame itself lies below the committed
 * position, which never exceeds the mapping. With `verify: 'never'` the checksum is left out, not the
 * bounds. Before the first touch of a range the kernel is asked to bring it in, so that a disk that
 * cannot deliver is an error and not a signal.
 */
import { CorruptionError, UnsupportedVersionError, type OffsetRange } from '../errors.js';
import {
  FRAME_BAD_CRC,
  FRAME_HEADER_BYTES,
  FRAME_NEWER,
  FRAME_OK,
  FRAME_UNPUBLISHED,
  INDEX_DIFFERS,
  checkFrameBody,
  checkFrameFields,
  checkFrameHeader,
  compareIndex,
  describeFault,
  frameBase,
  frameCount,
  frameLength,
  type FrameFault,
} from '../format/frame.js';
import { FrameScan, findFrame, type ByteWindow } from '../format/frame-scan.js';
import {
  COMMITTED_COUNT,
  COMMITTED_POSITION,
  FIRST_ENTRY,
  FLUSHED_POSITION,
  SEALED,
  checkIndexHeader,
  entryPosition,
  indexFileBytes,
} from '../format/index-header.js';
import { SECTOR_BYTES, viewOf } from '../format/identity.js';
import { FIRST_FRAME_AT, segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import { LogError } from '../errors.js';
import { Mapping } from '../mapping/mapping.js';

/** When a frame's checksum is computed: every time, the first time in this thread, or not at all. */
export type Verify = 'always' | 'first-touch' | 'never';

/** Bounds that were found by walking, for a segment whose mutable words cannot be believed. */
export interface FoundBounds {
  readonly count: number;
  readonly endPosition: number;
  readonly flushedPosition: number;
  readonly sealed: boolean;
}

/** Pages are brought in by such windows. */
const WINDOW_SHIFT = 20;
const WINDOW_BYTES = 1 << WINDOW_SHIFT;

export class ReadableSegment {
  readonly header: SegmentHeader;
  readonly base: number;
  readonly path: string;
  readonly indexPath: string;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly view: DataView;
  readonly seed: number;
  readonly mapping: Mapping;
  /** Why the index file is not used, if it is not. */
  indexFault: string | undefined;
  #indexMapping: Mapping | undefined;
  /** Entries: the mapped index file, or a rebuilt one of the same layout. */
  #index: Int32Array;
  /** The mutable words: the mapped header page, or found bounds of the same layout. */
  #bounds: Int32Array;
  #hasFoundBounds = false;
  #rebuild: FrameScan | undefined;
  /** A bit per record: its frame has been verified, and its index entry with it. */
  readonly #verified: Int32Array;
  readonly #verify: Verify;
  readonly #resident: Uint8Array;
  readonly #indexResident: Uint8Array;
  #holders = 0;
  #isReleased = false;
  #isUnmapped = false;

  constructor(
    header: SegmentHeader,
    path: string,
    indexPath: string,
    verify: Verify,
    found: FoundBounds | undefined,
  ) {
    this.header = header;
    this.base = header.base;
    this.path = path;
    this.indexPath = indexPath;
    this.#verify = verify;
    this.seed = segmentSeed(header.logId, header.base);
    this.mapping = Mapping.readOnly(path, header.sizeBytes);
    this.bytes = new Uint8Array(this.mapping.buffer);
    this.words = new Int32Array(this.mapping.buffer);
    this.view = viewOf(this.bytes);
    this.#verified = new Int32Array((header.indexCapacity >> 5) + 1);
    this.#resident = new Uint8Array((header.sizeBytes >> WINDOW_SHIFT) + 1);
    this.#indexResident = new Uint8Array(
      (indexFileBytes(header.indexCapacity) >> WINDOW_SHIFT) + 1,
    );
    this.#index = this.#bounds = EMPTY;
    try {
      this.#openIndex(found);
    } catch (error) {
      this.mapping.release();
      throw error;
    }
  }

  // --- Bounds: the only words that change, loaded with `Atomics`. ---

  /** Exclusive position up to which frames are committed. */
  committedPosition(): number {
    return Math.min(Atomics.load(this.#bounds, COMMITTED_POSITION) * 8, this.header.sizeBytes);
  }
  flushedPosition(): number {
    return Math.min(Atomics.load(this.#bounds, FLUSHED_POSITION) * 8, this.header.sizeBytes);
  }
  committedCount(): number {
    return Math.min(Atomics.load(this.#bounds, COMMITTED_COUNT), this.header.indexCapacity);
  }
  /**
   * Records below the flushed position, which lies between frames. Damaged frames on the way there tell
   * where they begin, which is enough: they keep nobody from what is sound around them.
   */
  flushedCount(): number {
    const position = this.flushedPosition();
    let low = 0;
    let high = this.committedCount();
    if (position >= this.committedPosition()) return high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const found = this.#locateOrHole(middle);
      if (found.position < position) low = Math.max(found.to, middle + 1);
      else high = Math.min(found.from, middle);
    }
    return low;
  }
  isSealed(): boolean {
    return Atomics.load(this.#bounds, SEALED) !== 0;
  }

  // --- Frames and records ---

  /**
   * Makes sure that the frame at `position`, which begins with record `slot` of the segment, is sound,
   * and returns its length. The position is below the committed one.
   * @throws {CorruptionError}
   * @throws {StorageError} the disk cannot deliver the pages
   */
  enterFrame(position: number, slot: number): number {
    if (!this.#isTrusted(slot)) {
      const fault = this.#checkFrame(position, slot);
      if (fault !== FRAME_OK) throw this.#damageAt(position, slot, describeFault(fault), fault);
    }
    return frameLength(this.words, position);
  }

  /**
   * Position of record `slot`, or of its frame, negated, if the record was lost (`-position`). The slot
   * is below the committed count.
   * @throws {CorruptionError}
   * @throws {StorageError}
   */
  locate(slot: number): number {
    if (!this.#isTrusted(slot)) return this.#locateUnverified(slot);
    const entry = this.#index[FIRST_ENTRY + slot] as number;
    return entry < 0 ? -entryPosition(entry) : entry * 8;
  }

  /** Position of the frame that holds the record at `position`, which has been located. */
  frameOf(position: number): number {
    return position - (this.words[(position >> 2) + 1] as number);
  }

  /** Once a frame is trusted, so are the index entries of its records, and their pages are in memory. */
  #isTrusted(slot: number): boolean {
    return ((this.#verified[slot >>> 5] as number) & (1 << slot)) !== 0;
  }

  #locateUnverified(slot: number): number {
    this.#bringInIndex(slot);
    const frame = this.#frameByEntry(slot) ?? this.#frameByRebuilding(slot);
    const fault = this.#checkFrame(frame, frameBase(this.words, frame) - this.base);
    if (fault !== FRAME_OK) {
      throw this.#damageAt(frame, this.#firstSlotIn(frame, slot), describeFault(fault), fault);
    }
    const entry = this.#index[FIRST_ENTRY + slot] as number;
    return entry < 0 ? -entryPosition(entry) : entry * 8;
  }

  /** By the index: what a damaged frame says of itself may name records of the one before it. */
  #firstSlotIn(frame: number, slot: number): number {
    let first = slot;
    for (; first > 0; first--) {
      this.#bringInIndex(first - 1);
      if (entryPosition(this.#index[FIRST_ENTRY + first - 1] as number) < frame) break;
    }
    return first;
  }

  /** The position of a record, or of the damage around it; and which records that goes for. */
  #locateOrHole(slot: number): { position: number; from: number; to: number } {
    try {
      return { position: Math.abs(this.locate(slot)), from: slot, to: slot + 1 };
    } catch (error) {
      if (!(error instanceof CorruptionError) || error.lost === undefined) throw error;
      const { position, lost } = error;
      return { position, from: lost.from - this.base, to: lost.to - this.base };
    }
  }

  /** The frame that the index entry leads to, if that claims to hold the record. */
  #frameByEntry(slot: number): number | undefined {
    const entry = this.#index[FIRST_ENTRY + slot] as number;
    const limit = this.committedPosition();
    const position = entryPosition(entry);
    if (position < FIRST_FRAME_AT || position + 8 > limit) return undefined;
    this.#bringIn(position, 8);
    const frame = entry < 0 ? position : this.frameOf(position);
    if (frame < FIRST_FRAME_AT || frame > position || frame % 8 !== 0) return undefined;
    this.#bringIn(frame, FRAME_HEADER_BYTES);
    if (checkFrameHeader(this.words, frame, frame, limit) !== FRAME_OK) return undefined;
    const first = frameBase(this.words, frame) - this.base;
    return slot >= first && slot < first + frameCount(this.words, frame) && first >= 0
      ? frame
      : undefined;
  }

  /** The index is no help for this record: walk the frames. */
  #frameByRebuilding(slot: number): number {
    this.#rebuildIndex(`entry ${slot} does not lead to its record`);
    const frame = this.#frameByEntry(slot);
    if (frame !== undefined) return frame;
    const hole = this.#holeAround(slot);
    throw this.#damageAt(hole.position, hole.slot, 'none', FRAME_OK);
  }

  /** Checks a frame in full and remembers it. */
  #checkFrame(position: number, slot: number): FrameFault {
    const { words } = this;
    const limit = this.committedPosition();
    if (position + FRAME_HEADER_BYTES > limit) return FRAME_UNPUBLISHED;
    this.#bringIn(position, FRAME_HEADER_BYTES);
    let fault = checkFrameHeader(words, position, position, limit);
    if (fault !== FRAME_OK) return fault;
    const count = frameCount(words, position);
    if (frameBase(words, position) !== this.base + slot) return FRAME_BAD_PLACE;
    if (count <= 0 || slot + count > this.header.indexCapacity) return FRAME_BAD_PLACE;
    this.#bringIn(position, frameLength(words, position));
    fault =
      this.#verify === 'never'
        ? checkFrameFields(words, position)
        : checkFrameBody(words, position, this.seed);
    if (fault !== FRAME_OK) return fault;
    return this.#compareWithIndex(position, slot, count);
  }

  #compareWithIndex(position: number, slot: number, count: number): FrameFault {
    this.#bringInIndex(slot);
    this.#bringInIndex(slot + count - 1);
    this.#extendRebuild(slot + count);
    let compared = compareIndex(this.words, position, position, this.#index, FIRST_ENTRY + slot);
    if (compared === INDEX_DIFFERS) {
      this.#rebuildIndex(`the entries of the frame at ${position} differ from its records`);
      compared = compareIndex(this.words, position, position, this.#index, FIRST_ENTRY + slot);
    }
    if (compared === INDEX_DIFFERS) return FRAME_BAD_PLACE;
    if (compared === FRAME_OK && this.#verify !== 'always') this.#setVerified(slot, count);
    return compared;
  }

  #setVerified(slot: number, count: number): void {
    const bits = this.#verified;
    const end = slot + count;
    let at = slot;
    for (; at < end && (at & 31) !== 0; at++)
      bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << at);
    for (; at + 32 <= end; at += 32) bits[at >>> 5] = -1;
    for (; at < end; at++) bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << at);
  }

  /**
   * Whether the words of this sealed segment say `count` records and the frame of the last of them
   * ends where they say that frames end.
   */
  endsAfter(count: number): boolean {
    if (this.committedCount() !== count) return false;
    const end = this.committedPosition();
    if (count === 0) return end === FIRST_FRAME_AT;
    this.#bringInIndex(count - 1);
    const frame = this.#frameByEntry(count - 1);
    return frame !== undefined && frame + frameLength(this.words, frame) === end;
  }

  /**
   * This segment is sealed, durable, and ends where its words say: from now on they are not asked again.
   * A damaged _sealed_ or _flushed_ would look like the end of the log.
   */
  settleBounds(): void {
    const end = this.committedPosition();
    const count = this.committedCount();
    this.#bounds = boundsPage({ count, endPosition: end, flushedPosition: end, sealed: true });
    this.#hasFoundBounds = true;
  }

  // --- Index ---

  #openIndex(found: FoundBounds | undefined): void {
    try {
      const mapping = this.#mapIndex();
      this.#indexMapping = mapping;
      this.#index = new Int32Array(mapping.buffer);
      this.#bounds = found === undefined ? this.#index : boundsPage(found);
      this.#hasFoundBounds = found !== undefined;
    } catch (error) {
      if (!(error instanceof LogError) || found === undefined) throw error;
      this.#bounds = boundsPage(found);
      this.#hasFoundBounds = true;
      this.#rebuildIndex(error.message);
    }
  }

  #mapIndex(): Mapping {
    const { header, indexPath } = this;
    const mapping = Mapping.readOnly(indexPath, indexFileBytes(header.indexCapacity));
    try {
      mapping.makeResident(0, SECTOR_BYTES);
      checkIndexHeader(new Uint8Array(mapping.buffer, 0, SECTOR_BYTES), header, indexPath);
      return mapping;
    } catch (error) {
      mapping.release();
      throw error;
    }
  }

  /**
   * An appender has taken the log over, and the mutable words are true. The end of a sealed segment is
   * known already and stays, whatever its index file says; recovery has made all of it durable.
   */
  useMappedBounds(): void {
    if (this.isSealed()) {
      if (this.#hasFoundBounds) this.#bounds[FLUSHED_POSITION] = this.committedPosition() / 8;
      return;
    }
    const before = this.#indexMapping;
    this.#openIndex(undefined);
    this.#rebuild = undefined;
    this.#indexResident.fill(0);
    before?.release();
  }

  /** Builds the index anew, in memory, from the frames that are sound. */
  #rebuildIndex(reason: string): void {
    this.indexFault ??= reason;
    if (this.#rebuild !== undefined) return this.#extendRebuild(this.committedCount());
    const scan = new FrameScan(this.#window(), { ...this.header, seed: this.seed }, undefined);
    this.#rebuild = scan;
    this.#index = scan.index;
    // The bits vouch for entries, and these are others: of a frame that was taken on trust there are none.
    this.#verified.fill(0);
    return this.#extendRebuild(this.committedCount());
  }

  /** Goes on with a rebuild until it covers `count` records, or everything committed. */
  #extendRebuild(count: number): void {
    const scan = this.#rebuild;
    if (scan === undefined || scan.count >= count) return;
    const window = this.#window();
    const end = this.committedPosition();
    while (scan.position < end && scan.count < count) {
      if (scan.next() === FRAME_OK) continue;
      const next = findFrame(window, scan.position + 8, this.seed);
      if (next === undefined || next >= end) return;
      scan.resume(next, frameBase(this.words, next));
    }
  }

  #window(): ByteWindow {
    return {
      sizeBytes: this.committedPosition(),
      words: this.words,
      bytes: this.bytes,
      load: (position, length) => {
        this.#bringIn(position, length);
        return position;
      },
    };
  }

  // --- Damage ---

  /** Where the frame of a record that no intact frame holds should be, and the first record lost with it. */
  #holeAround(slot: number): { position: number; slot: number } {
    const index = this.#index;
    for (let before = slot - 1; before >= 0; before--) {
      const entry = index[FIRST_ENTRY + before] as number;
      if (entry === 0) continue;
      const frame = entry < 0 ? entryPosition(entry) : this.frameOf(entry * 8);
      return { position: frame + frameLength(this.words, frame), slot: before + 1 };
    }
    return { position: FIRST_FRAME_AT, slot: 0 };
  }

  #damageAt(position: number, slot: number, found: string, fault: FrameFault): LogError {
    if (fault === FRAME_NEWER) {
      // Unless its checksum was left out, and it is damage that looks so.
      const body = checkFrameBody(this.words, position, this.seed);
      if (body !== FRAME_BAD_CRC) {
        return new UnsupportedVersionError(this.path, `frame at ${position}`);
      }
      return this.#damageAt(position, slot, describeFault(body), body);
    }
    const from = this.base + slot;
    const next = findFrame(this.#window(), position + 8, this.seed);
    const end = this.base + this.committedCount();
    const to = next === undefined ? end : Math.min(frameBase(this.words, next), end);
    const lost: OffsetRange = { from, to: Math.max(to, from + 1) };
    return new CorruptionError(this.path, position, `the frame of record ${from}`, found, lost);
  }

  // --- Pages ---

  #bringIn(position: number, length: number): void {
    const last = (position + length - 1) >>> WINDOW_SHIFT;
    for (let window = position >>> WINDOW_SHIFT; window <= last; window++) {
      if (this.#resident[window] === 0) this.#populate(this.mapping, this.#resident, window);
    }
  }

  #bringInIndex(slot: number): void {
    const window = (slot + FIRST_ENTRY) >>> (WINDOW_SHIFT - 2);
    if (this.#indexResident[window] !== 0 || this.#indexMapping === undefined) return;
    this.#populate(this.#indexMapping, this.#indexResident, window);
  }

  #populate(mapping: Mapping, windows: Uint8Array, window: number): void {
    const from = window * WINDOW_BYTES;
    mapping.makeResident(from, Math.min(WINDOW_BYTES, mapping.sizeBytes - from));
    windows[window] = 1;
  }

  // --- Lifetime ---

  /** Somebody's flyweight shows this segment: it stays mapped. */
  hold(): void {
    this.#holders++;
  }

  letGo(): void {
    this.#holders--;
    if (this.#isReleased) this.#unmapIfFree();
  }

  /** The reader is done with it. Unmapped now, when the last holder goes, or with the last view. */
  release(): void {
    this.#isReleased = true;
    this.#unmapIfFree();
  }

  /** Whether its reader is done with it, though somebody may still show it. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  #unmapIfFree(): void {
    if (this.#holders > 0 || this.#isUnmapped) return;
    this.#isUnmapped = true;
    this.mapping.release();
    this.#indexMapping?.release();
    this.#indexMapping = undefined;
  }
}

const EMPTY = new Int32Array(0);
/** A frame that is sound but stands in the wrong place. */
const FRAME_BAD_PLACE = 3;

function boundsPage(found: FoundBounds): Int32Array {
  const page = new Int32Array(FIRST_ENTRY);
  page[COMMITTED_POSITION] = found.endPosition / 8;
  page[COMMITTED_COUNT] = found.count;
  page[FLUSHED_POSITION] = found.flushedPosition / 8;
  page[SEALED] = found.sealed ? 1 : 0;
  return page;
}
