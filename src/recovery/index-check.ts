/** Whether an index says what the frames of its segment say. */
import { openSync } from 'node:fs';
import { LogError, StorageError, storage } from '../errors.js';
import { FRAME_OK } from '../format/frame.js';
import { FrameScan } from '../format/frame-scan.js';
import { PAGE_BYTES } from '../format/identity.js';
import {
  COMMITTED_COUNT,
  COMMITTED_POSITION,
  FIRST_ENTRY,
  FLUSHED_POSITION,
  SEALED,
  checkIndexHeader,
  indexFileBytes,
} from '../format/index-header.js';
import { segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import { checkIsFile, closeQuietly, fileSize, isMissing, readFully } from '../mapping/files.js';
import { indexPath, segmentPath } from '../segment/directory.js';
import { SegmentWindow } from '../segment/segment-window.js';

/** A segment that has no open frame: all of it is durable. */
export function isIndexSound(directory: string, header: SegmentHeader, isSealed: boolean): boolean {
  const path = indexPath(directory, header.base);
  try {
    checkIsFile(path, 'an index');
    const fd = storage('open', path, () => openSync(path, 'r'));
    try {
      return doesAgree(fd, path, header, scanOf(directory, header), isSealed);
    } finally {
      closeQuietly(fd);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    if (error instanceof StorageError && !isMissing(error)) throw error;
    return false;
  }
}

/** All frames up to where there is none. */
function scanOf(directory: string, header: SegmentHeader): FrameScan {
  const window = new SegmentWindow(segmentPath(directory, header.base));
  try {
    const seed = segmentSeed(header.logId, header.base);
    const scan = new FrameScan(window, { ...header, seed }, undefined);
    while (scan.next() === FRAME_OK);
    return scan;
  } finally {
    window.close();
  }
}

function doesAgree(
  fd: number,
  path: string,
  header: SegmentHeader,
  scan: FrameScan,
  isSealed: boolean,
): boolean {
  if (fileSize(fd, path) !== indexFileBytes(header.indexCapacity)) return false;
  const words = new Int32Array(PAGE_BYTES / 4);
  readFully(fd, new Uint8Array(words.buffer), 0, PAGE_BYTES, 0, path);
  checkIndexHeader(new Uint8Array(words.buffer), header, path);
  return (
    words[COMMITTED_POSITION] === scan.position / 8 &&
    words[COMMITTED_COUNT] === scan.count &&
    words[FLUSHED_POSITION] === scan.position / 8 &&
    words[SEALED] === (isSealed ? 1 : 0) &&
    areEntriesEqual(fd, path, scan)
  );
}

const CHUNK_ENTRIES = 256 * 1024;

function areEntriesEqual(fd: number, path: string, { index, count }: FrameScan): boolean {
  const chunk = Buffer.alloc(Math.min(count, CHUNK_ENTRIES) * 4);
  const expected = Buffer.from(index.buffer, FIRST_ENTRY * 4, count * 4);
  for (let at = 0; at < expected.length; at += chunk.length) {
    const length = Math.min(chunk.length, expected.length - at);
    readFully(fd, chunk, 0, length, PAGE_BYTES + at, path);
    if (expected.compare(chunk, 0, length, at, at + length) !== 0) return false;
  }
  return true;
}
