/**
 * Walks the frames of one segment from a known point, requiring everything that makes a frame valid:
 * header, checksum, records, offset, and the chain to the frame before it. Pure over bytes; where they
 * come from is the window's business. Recovery, verification, repair and index rebuilds walk here.
 */
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  FRAME_MAGIC_AT,
  FRAME_NEWER,
  FRAME_OK,
  FRAME_UNPUBLISHED,
  buildIndex,
  chainCrc,
  checkFrameBody,
  checkFrameHeader,
  describeFault,
  frameBase,
  frameCount,
  frameFlushed,
  frameLength,
  framePreviousCrc,
  frameTimeWord,
  type FrameFault,
} from './frame.js';
import { FIRST_ENTRY } from './index-header.js';
import { readU64AsBigInt } from './integers.js';
import { FIRST_FRAME_AT } from './segment-header.js';

/** A valid frame, but not the one that comes here: another offset, or another predecessor. */
export const FRAME_OUT_OF_ORDER = 8;
export type ScanFault = FrameFault | typeof FRAME_OUT_OF_ORDER;

export function describeScanFault(fault: ScanFault): string {
  return fault === FRAME_OUT_OF_ORDER
    ? 'a frame that does not follow the one before it'
    : describeFault(fault);
}

/** Bytes of a segment, as much of them at a time as fits. `load` may change `words` and `bytes`. */
export interface ByteWindow {
  readonly sizeBytes: number;
  /** The current buffer; position p of the segment is byte `load(p, n)` of it. */
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /**
   * Makes `length` bytes from `position` (a multiple of 8) available and returns their byte index.
   * The range lies within the segment.
   */
  load(position: number, length: number): number;
}

/** What a scan needs to know of a segment. */
export interface ScanSegment {
  readonly base: number;
  readonly seed: number;
  readonly indexCapacity: number;
}

export class FrameScan {
  readonly #window: ByteWindow;
  readonly #segment: ScanSegment;
  /** Entries of the frames walked, laid out like the index file's words. */
  readonly index: Int32Array;
  /** Byte index, in the window, of the frame that the last `next` accepted. */
  at = 0;
  /** Position of the frame that the last `next` accepted; then its end is `position`. */
  framePosition = FIRST_FRAME_AT;
  /** Position behind the frames walked. */
  position = FIRST_FRAME_AT;
  /** Offset behind the records walked. */
  offset: number;
  /** Chain value of the last frame; `undefined` before the first, when it is not known. */
  chainCrc: number | undefined;
  timeNs = 0n;
  /** Highest flushed offset that a frame has named. */
  flushed = 0;

  constructor(window: ByteWindow, segment: ScanSegment, chain: number | undefined) {
    this.#window = window;
    this.#segment = segment;
    this.index = new Int32Array(FIRST_ENTRY + segment.indexCapacity);
    this.offset = segment.base;
    this.chainCrc = chain;
  }

  /** Number of records walked. */
  get count(): number {
    return this.offset - this.#segment.base;
  }

  /** Moves over the next frame. Anything but `FRAME_OK` leaves the scan where it was. */
  next(): ScanFault {
    const window = this.#window;
    const fault = loadFrame(window, this.position, this.#segment.seed);
    if (fault !== FRAME_OK) return fault;
    const at = window.load(this.position, FRAME_HEADER_BYTES);
    const { words } = window;
    if (frameBase(words, at) !== this.offset) return FRAME_OUT_OF_ORDER;
    if (this.chainCrc !== undefined && framePreviousCrc(words, at) !== this.chainCrc) {
      return FRAME_OUT_OF_ORDER;
    }
    const built = buildIndex(words, at, this.position, this.index, FIRST_ENTRY + this.count);
    if (built !== FRAME_OK) return built;
    this.#accept(words, at);
    return FRAME_OK;
  }

  /** Goes on behind damage, at a frame that `findFrame` has found. */
  resume(position: number, base: number): void {
    this.position = position;
    this.offset = base;
    this.chainCrc = undefined;
  }

  #accept(words: Int32Array, at: number): void {
    this.at = at;
    this.framePosition = this.position;
    this.position += frameLength(words, at);
    this.offset += frameCount(words, at);
    this.chainCrc = chainCrc(words, at);
    this.timeNs = readU64AsBigInt(words, frameTimeWord(at));
    this.flushed = Math.max(this.flushed, frameFlushed(words, at));
  }
}

/** Loads and checks the frame at `position` by itself, without regard to what precedes it. */
function loadFrame(window: ByteWindow, position: number, seed: number): FrameFault {
  const { sizeBytes } = window;
  if (position + FRAME_HEADER_BYTES > sizeBytes) return FRAME_UNPUBLISHED;
  let at = window.load(position, FRAME_HEADER_BYTES);
  const fault = checkFrameHeader(window.words, at, position, sizeBytes);
  if (fault !== FRAME_OK) return fault;
  at = window.load(position, frameLength(window.words, at));
  return checkFrameBody(window.words, at, seed);
}

const MAGIC_PATTERN = Buffer.from(Uint32Array.of(FRAME_MAGIC).buffer);
const SEARCH_BYTES = 1024 * 1024;

/**
 * Position of the first intact frame at or after `from`, by its magic, its own position and its
 * checksum; `undefined` if there is none. Finds the way back after damage.
 */
export function findFrame(window: ByteWindow, from: number, seed: number): number | undefined {
  let position = from;
  while (position + FRAME_HEADER_BYTES <= window.sizeBytes) {
    const length = Math.min(SEARCH_BYTES, window.sizeBytes - position);
    const at = window.load(position, length);
    const found = searchMagic(window.bytes.subarray(at, at + length));
    if (found === undefined) {
      position += Math.max(8, length - FRAME_HEADER_BYTES);
      continue;
    }
    const candidate = position + found - FRAME_MAGIC_AT;
    if (candidate >= from && isIntact(loadFrame(window, candidate, seed))) return candidate;
    position = candidate + 8;
  }
  return undefined;
}

/** Whatever wrote it: a frame of a newer format must not be passed over as if it were damage. */
function isIntact(fault: FrameFault): boolean {
  return fault === FRAME_OK || fault === FRAME_NEWER;
}

/** Index of the first magic that can end a header of an aligned frame lying within `bytes`. */
function searchMagic(bytes: Uint8Array): number | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let from = FRAME_MAGIC_AT; ;) {
    const found = buffer.indexOf(MAGIC_PATTERN, from);
    if (found < 0) return undefined;
    if ((found - FRAME_MAGIC_AT) % 8 === 0) return found;
    from = found + 1;
  }
}
