/**
 * A frame: what one commit puts on disk, the atomic unit and the checksum unit. A 64-byte header,
 * then records; frames follow one another from byte 4096 of the segment, 8-byte aligned.
 *
 *      0               4               8                               16
 *      +---------------+---------------+---------------+---------------+
 *      | length        | crc           | base offset                   |
 *      +---------------+---------------+---------------+---------------+
 *   16 | record count  | position / 8  | time, ns since 1970           |
 *      +---------------+---------------+---------------+---------------+
 *   32 | epoch         | previous crc  | flushed offset at commit      |
 *      +---------------+---------------+---------------+---------------+
 *   48 | decoded length| codec | flags | length again  | "FRAM"        |
 *      +---------------+---------------+---------------+---------------+
 *   64 | records ...                                                   |
 *
 * `length` counts the whole frame and is 0 until the frame is published: it is stored last, with
 * release order, so whoever loads it non-zero sees everything else. `crc` covers bytes 8 to `length`,
 * seeded with the segment (`segmentSeed`). This is the only decoder of frames and records: reader,
 * recovery, verify and repair all come through here.
 */
import { crc32cWords } from './checksum.js';
import { ENTRY_NAMES_FRAME } from './index-header.js';
import { UNREPRESENTABLE, readU64, writeU64 } from './integers.js';
import {
  RECORD_FLAGS_MASK,
  RECORD_HEADER_BYTES,
  RECORD_LENGTH_MASK,
  recordBytes,
} from './record.js';

export const FRAME_HEADER_BYTES = 64;
/** The shortest frame: its header and one empty record. */
export const MIN_FRAME_BYTES = FRAME_HEADER_BYTES + RECORD_HEADER_BYTES;
/** A frame closes itself here; only one larger record or batch exceeds it. */
export const MAX_GROUP_FRAME_BYTES = 1024 * 1024;
export const FRAME_MAGIC = 0x4d415246;
/** Where the magic stands in the header, for finding frames after damage. */
export const FRAME_MAGIC_AT = 60;

// Word indexes from the frame's start; two-word fields name their low word.
const LENGTH = 0;
const CRC = 1;
const BASE = 2;
const COUNT = 4;
const POSITION = 5;
const TIME = 6;
const EPOCH = 8;
const PREVIOUS_CRC = 9;
const FLUSHED = 10;
const DECODED_LENGTH = 12;
const CODEC_AND_FLAGS = 13;
const LENGTH_AGAIN = 14;
const MAGIC = 15;
const CHECKED_FROM = 8;

/** The wall clock went back; the frame carries the time of the one before it. */
export const FLAG_TIME_CLAMPED = 1 << 8;
/** Sealed by recovery over records whose appender died before its commit. */
export const FLAG_SALVAGED = 1 << 9;
/** No records: `count` offsets were lost here, and repair has recorded the loss. */
export const FLAG_GAP = 1 << 10;
const KNOWN_FLAGS = FLAG_TIME_CLAMPED | FLAG_SALVAGED | FLAG_GAP;

/** Word of a gap's body that holds the checksum which the next frame names as its previous one. */
const GAP_RESUMES_AT = FRAME_HEADER_BYTES >> 2;

/** What is wrong with a frame; 0 is nothing. Numbers, because readers ask on their hot path. */
export const FRAME_OK = 0;
/** Length word 0: nothing was published here. */
export const FRAME_UNPUBLISHED = 1;
export const FRAME_BAD_LENGTH = 2;
export const FRAME_BAD_HEADER = 3;
export const FRAME_BAD_CRC = 4;
export const FRAME_BAD_RECORDS = 5;
/** Intact, but uses a codec, flag or field that this version does not know. */
export const FRAME_NEWER = 6;
export type FrameFault = 0 | 1 | 2 | 3 | 4 | 5 | 6;

const FAULT_TEXT: readonly string[] = [
  'an intact frame',
  'no frame (length 0)',
  'a frame of impossible length',
  'a frame header that contradicts itself',
  'a frame whose checksum fails',
  'a frame whose records do not fill it',
  'a frame of a newer format',
];
export function describeFault(fault: FrameFault): string {
  return FAULT_TEXT[fault] as string;
}

// --- Fields. `at` is the byte index of the frame in the buffer under `words`. ---

/** Published length. Plain load: below the committed position the commit's release covers it. */
export function frameLength(words: Int32Array, at: number): number {
  return words[(at >> 2) + LENGTH] as number;
}
function frameCrc(words: Int32Array, at: number): number {
  return words[(at >> 2) + CRC] as number;
}
export function framePreviousCrc(words: Int32Array, at: number): number {
  return words[(at >> 2) + PREVIOUS_CRC] as number;
}
export function frameBase(words: Int32Array, at: number): number {
  return readU64(words, (at >> 2) + BASE);
}
export function frameCount(words: Int32Array, at: number): number {
  return words[(at >> 2) + COUNT] as number;
}
export function frameEpoch(words: Int32Array, at: number): number {
  return (words[(at >> 2) + EPOCH] as number) >>> 0;
}
export function frameFlushed(words: Int32Array, at: number): number {
  return readU64(words, (at >> 2) + FLUSHED);
}
function frameFlags(words: Int32Array, at: number): number {
  return words[(at >> 2) + CODEC_AND_FLAGS] as number;
}
export function isGap(words: Int32Array, at: number): boolean {
  return (frameFlags(words, at) & FLAG_GAP) !== 0;
}
/** Index of the low word of the frame's time; the high word follows. */
export function frameTimeWord(at: number): number {
  return (at >> 2) + TIME;
}
/** The frame's time in ms; rounded, since 64 bits of ns are more than a number holds. */
export function frameTimeMs(words: Int32Array, at: number): number {
  const low = (words[(at >> 2) + TIME] as number) >>> 0;
  const high = (words[(at >> 2) + TIME + 1] as number) >>> 0;
  // 2^32 ns are 4294 ms and 967296 ns. In one product the whole would pass 2^53, and be rounded.
  return high * 4294 + (high * 967_296 + low) / 1e6;
}
/** The checksum that the frame after this one names as its previous one. */
export function chainCrc(words: Int32Array, at: number): number {
  return isGap(words, at) ? (words[(at >> 2) + GAP_RESUMES_AT] as number) : frameCrc(words, at);
}

// --- Writing ---

/** Header fields in the order of the layout; the caller fills one and keeps it for every frame. */
export interface FrameFields {
  base: number;
  count: number;
  timeLow: number;
  timeHigh: number;
  epoch: number;
  previousCrc: number;
  flushed: number;
  flags: number;
}

/**
 * Fills in the header of the frame at `at` but for its length word, and returns the checksum. The
 * records are in place. The caller publishes with `publishFrame`.
 */
export function sealFrame(
  words: Int32Array,
  at: number,
  position: number,
  length: number,
  fields: FrameFields,
  seed: number,
): number {
  const word = at >> 2;
  writeU64(words, word + BASE, fields.base);
  words[word + COUNT] = fields.count;
  words[word + POSITION] = position / 8;
  words[word + TIME] = fields.timeLow;
  words[word + TIME + 1] = fields.timeHigh;
  words[word + EPOCH] = fields.epoch;
  words[word + PREVIOUS_CRC] = fields.previousCrc;
  writeU64(words, word + FLUSHED, fields.flushed);
  words[word + DECODED_LENGTH] = length - FRAME_HEADER_BYTES;
  words[word + CODEC_AND_FLAGS] = fields.flags;
  words[word + LENGTH_AGAIN] = length;
  words[word + MAGIC] = FRAME_MAGIC;
  const crc = crc32cWords(words, at + CHECKED_FROM, length - CHECKED_FROM, seed);
  words[word + CRC] = crc;
  return crc;
}

/** Makes a sealed frame exist: the one store that readers and recovery wait for. */
export function publishFrame(words: Int32Array, at: number, length: number): void {
  Atomics.store(words, (at >> 2) + LENGTH, length);
}

/** Writes the body of a gap, to be sealed with `FLAG_GAP`. The rest of the body is zeros. */
export function writeGapBody(words: Int32Array, at: number, resumesAt: number): void {
  words[(at >> 2) + GAP_RESUMES_AT] = resumesAt;
}

// --- Checking ---

/**
 * Checks the 64 header bytes at `at`, which claim to lie at `position` of a segment; the frame may
 * reach up to `limit` (exclusive position). Afterwards its length is safe to use.
 */
export function checkFrameHeader(
  words: Int32Array,
  at: number,
  position: number,
  limit: number,
): FrameFault {
  const word = at >> 2;
  const length = words[word + LENGTH] as number;
  if (length === 0) return FRAME_UNPUBLISHED;
  if (length < MIN_FRAME_BYTES || (length & 7) !== 0 || length > limit - position) {
    return FRAME_BAD_LENGTH;
  }
  if (
    words[word + LENGTH_AGAIN] !== length ||
    words[word + MAGIC] !== FRAME_MAGIC ||
    words[word + POSITION] !== position / 8
  ) {
    return FRAME_BAD_HEADER;
  }
  return FRAME_OK;
}

/** Checks checksum and fields of a whole frame whose header has passed `checkFrameHeader`. */
export function checkFrameBody(words: Int32Array, at: number, seed: number): FrameFault {
  const length = frameLength(words, at);
  const crc = crc32cWords(words, at + CHECKED_FROM, length - CHECKED_FROM, seed);
  if (crc !== frameCrc(words, at)) return FRAME_BAD_CRC;
  return checkFrameFields(words, at);
}

/** The part of `checkFrameBody` that is not the checksum. */
export function checkFrameFields(words: Int32Array, at: number): FrameFault {
  const flags = frameFlags(words, at);
  const word = at >> 2;
  if ((flags & ~KNOWN_FLAGS) !== 0) return FRAME_NEWER;
  if (frameCount(words, at) <= 0) return FRAME_BAD_HEADER;
  if (frameBase(words, at) === UNREPRESENTABLE) return FRAME_BAD_HEADER;
  if (frameFlushed(words, at) === UNREPRESENTABLE) return FRAME_BAD_HEADER;
  if (words[word + DECODED_LENGTH] !== frameLength(words, at) - FRAME_HEADER_BYTES) {
    return FRAME_NEWER;
  }
  return FRAME_OK;
}

/** Every entry agrees with the frame. */
export const INDEX_AGREES = FRAME_OK;
/** The frame is sound, the entries are not. */
export const INDEX_DIFFERS = 7;

/**
 * Walks the records of a checked frame, holding them against the index entries from `firstEntry` on.
 * Each record is looked up by its entry and only compared with where the one before it ends, so that the
 * processor need not wait for one length to find the next.
 */
export function compareIndex(
  words: Int32Array,
  at: number,
  position: number,
  index: Int32Array,
  firstEntry: number,
): FrameFault | typeof INDEX_DIFFERS {
  if (isGap(words, at)) return compareGapIndex(words, at, position, index, firstEntry);
  const end = at + frameLength(words, at);
  const entries = firstEntry + frameCount(words, at);
  const toPosition = position - at;
  let expected = at + FRAME_HEADER_BYTES;
  for (let entry = firstEntry; entry < entries; entry++) {
    const record = (index[entry] as number) * 8 - toPosition;
    if (record !== expected || record >= end) {
      return checkRecords(words, at, end, entries - firstEntry);
    }
    const lengthWord = words[record >> 2] as number;
    const distance = words[(record >> 2) + 1] as number;
    if (lengthWord >= 0 || distance !== record - at) return recordFault(lengthWord, distance);
    expected = record + RECORD_HEADER_BYTES + (((lengthWord & RECORD_LENGTH_MASK) + 7) & ~7);
  }
  return expected === end ? INDEX_AGREES : FRAME_BAD_RECORDS;
}

/** Whose fault it is that index and records differ. */
function checkRecords(
  words: Int32Array,
  at: number,
  end: number,
  count: number,
): FrameFault | typeof INDEX_DIFFERS {
  let record = at + FRAME_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (record >= end) return FRAME_BAD_RECORDS;
    const lengthWord = words[record >> 2] as number;
    const distance = words[(record >> 2) + 1] as number;
    if (lengthWord >= 0 || distance !== record - at) return recordFault(lengthWord, distance);
    record += RECORD_HEADER_BYTES + (((lengthWord & RECORD_LENGTH_MASK) + 7) & ~7);
  }
  return record === end ? INDEX_DIFFERS : FRAME_BAD_RECORDS;
}

/** Walks the records of a checked frame and stores their index entries from `firstEntry` on. */
export function buildIndex(
  words: Int32Array,
  at: number,
  position: number,
  index: Int32Array,
  firstEntry: number,
): FrameFault {
  const entries = firstEntry + frameCount(words, at);
  if (entries > index.length) return FRAME_BAD_HEADER;
  if (isGap(words, at)) {
    index.fill((position / 8) | ENTRY_NAMES_FRAME, firstEntry, entries);
    return FRAME_OK;
  }
  const end = at + frameLength(words, at);
  const toPosition = position - at;
  let record = at + FRAME_HEADER_BYTES;
  for (let entry = firstEntry; entry < entries; entry++) {
    if (record >= end) return FRAME_BAD_RECORDS;
    const lengthWord = words[record >> 2] as number;
    const distance = words[(record >> 2) + 1] as number;
    if (lengthWord >= 0 || distance !== record - at) return recordFault(lengthWord, distance);
    index[entry] = (record + toPosition) >> 3;
    record += RECORD_HEADER_BYTES + (((lengthWord & RECORD_LENGTH_MASK) + 7) & ~7);
  }
  return record === end ? FRAME_OK : FRAME_BAD_RECORDS;
}

function compareGapIndex(
  words: Int32Array,
  at: number,
  position: number,
  index: Int32Array,
  firstEntry: number,
): FrameFault | typeof INDEX_DIFFERS {
  const entries = firstEntry + frameCount(words, at);
  if (entries > index.length) return FRAME_BAD_HEADER;
  for (let entry = firstEntry; entry < entries; entry++) {
    if (index[entry] !== ((position / 8) | ENTRY_NAMES_FRAME)) return INDEX_DIFFERS;
  }
  return INDEX_AGREES;
}

/** A record that is not what this version writes: flags it does not know, or damage. */
function recordFault(lengthWord: number, distance: number): FrameFault {
  return lengthWord < 0 && (distance & RECORD_FLAGS_MASK) !== 0 ? FRAME_NEWER : FRAME_BAD_RECORDS;
}

/**
 * Length in bytes that the open frame at `at` would have if it were sealed over the records that are
 * present, and their number: the walk of salvage. Stops at the first word without bit 31, and at
 * whatever is out of bounds or does not point back to this frame. `limit` is a byte index.
 */
export function measureOpenFrame(
  words: Int32Array,
  at: number,
  limit: number,
): { length: number; count: number } {
  let record = at + FRAME_HEADER_BYTES;
  let count = 0;
  while (record + RECORD_HEADER_BYTES <= limit) {
    const lengthWord = words[record >> 2] as number;
    const length = lengthWord & RECORD_LENGTH_MASK;
    const distance = words[(record >> 2) + 1] as number;
    if (lengthWord >= 0 || distance !== record - at) break;
    // Against nonsense the length is compared before it is rounded up, which could overflow.
    if (length > limit - record || record + recordBytes(length) > limit) break;
    record += recordBytes(length);
    count++;
  }
  return { length: count === 0 ? 0 : record - at, count };
}
