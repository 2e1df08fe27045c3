/**
 * Whether a log ends as its last checkpoint says it was closed. Reads two headers and one frame header;
 * if anything differs, the log is walked as after a crash.
 */
import { openSync, statSync } from 'node:fs';
import { LogError, storage } from '../errors.js';
import type { Checkpoint } from '../format/control-page.js';
import {
  FRAME_HEADER_BYTES,
  chainCrc,
  checkFrameHeader,
  frameBase,
  frameCount,
  frameLength,
} from '../format/frame.js';
import { PAGE_BYTES } from '../format/identity.js';
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
import { FIRST_FRAME_AT, type SegmentHeader } from '../format/segment-header.js';
import { closeQuietly, readFully } from '../mapping/files.js';
import { indexPath } from '../segment/directory.js';
import type { ListedSegment } from '../segment/segment-list.js';

export function isCleanEnd(
  directory: string,
  checkpoint: Checkpoint,
  listed: readonly ListedSegment[],
): boolean {
  const last = listed.at(-1);
  if (!checkpoint.clean || last?.header === undefined) return false;
  if (last.base !== checkpoint.segmentBase) return false;
  try {
    return doWordsAgree(indexPath(directory, last.base), last.header, last.path, checkpoint);
  } catch (error) {
    if (error instanceof LogError) return false;
    throw error;
  }
}

function doWordsAgree(
  path: string,
  header: SegmentHeader,
  segment: string,
  checkpoint: Checkpoint,
): boolean {
  // One that has lost its end would be made anew, empty; a walk fills it.
  if (sizeOf(path) !== indexFileBytes(header.indexCapacity)) return false;
  const count = checkpoint.durableOffset - header.base;
  const words = new Int32Array(PAGE_BYTES >> 2);
  readWords(path, words, 0);
  checkIndexHeader(new Uint8Array(words.buffer), header, path);
  if (
    words[COMMITTED_POSITION] !== checkpoint.tailPosition / 8 ||
    words[COMMITTED_COUNT] !== count ||
    words[FLUSHED_POSITION] !== checkpoint.tailPosition / 8 ||
    words[SEALED] !== 0
  ) {
    return false;
  }
  return count === 0
    ? checkpoint.tailPosition === FIRST_FRAME_AT
    : doesLastFrameAgree(path, segment, header, count, checkpoint);
}

/** Looks the last record up in the index, and its frame from there. */
function doesLastFrameAgree(
  path: string,
  segment: string,
  header: SegmentHeader,
  count: number,
  checkpoint: Checkpoint,
): boolean {
  const entry = new Int32Array(1);
  readWords(path, entry, (FIRST_ENTRY + count - 1) * 4);
  const record = entryPosition(entry[0] as number);
  if (record > checkpoint.tailPosition - 8 || record < FIRST_FRAME_AT) return false;
  const recordWords = new Int32Array(2);
  readWords(segment, recordWords, record);
  // A gap's entries name its frame itself.
  const distance = (entry[0] as number) < 0 ? 0 : (recordWords[1] as number);
  const at = record - distance;
  if (distance < 0 || at < FIRST_FRAME_AT || at % 8 !== 0) return false;
  const frame = new Int32Array(FRAME_HEADER_BYTES / 4 + 2);
  readWords(segment, frame, at);
  return (
    checkFrameHeader(frame, 0, at, header.sizeBytes) === 0 &&
    at + frameLength(frame, 0) === checkpoint.tailPosition &&
    frameBase(frame, 0) + frameCount(frame, 0) === checkpoint.durableOffset &&
    chainCrc(frame, 0) === checkpoint.chainCrc
  );
}

function sizeOf(path: string): number {
  return storage('look at', path, () => statSync(path)).size;
}

function readWords(path: string, words: Int32Array, position: number): void {
  const fd = storage('open', path, () => openSync(path, 'r'));
  try {
    readFully(fd, new Uint8Array(words.buffer), 0, words.byteLength, position, path);
  } finally {
    closeQuietly(fd);
  }
}
