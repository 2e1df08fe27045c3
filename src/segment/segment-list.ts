/** The segments of a log as their names and headers tell: O(segments), no data is read. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { CorruptionError, LogError, StorageError, storage } from '../errors.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { decodeSegmentHeader, type SegmentHeader } from '../format/segment-header.js';
import { readFully } from '../mapping/files.js';
import { listSegments, segmentPath } from './directory.js';

/** A segment file that is there; `fault` says why it cannot be used, if it cannot. */
export interface ListedSegment {
  /** As the name says. */
  readonly base: number;
  readonly path: string;
  readonly header: SegmentHeader | undefined;
  readonly fault: LogError | undefined;
}

/** Segments from `startOffset` on, ascending, each checked by itself and against the one before. */
export function readSegmentList(
  directory: string,
  logId: LogId,
  startOffset: number,
): ListedSegment[] {
  const bases = listSegments(directory).filter((base) => base >= startOffset);
  let previous: number | undefined;
  return bases.map((base) => {
    const listed = readListedSegment(directory, base, logId, previous);
    previous = base;
    return listed;
  });
}

export function readListedSegment(
  directory: string,
  base: number,
  logId: LogId,
  previousBase: number | undefined,
): ListedSegment {
  const path = segmentPath(directory, base);
  try {
    const header = readHeader(path);
    checkPlace(header, path, base, logId, previousBase);
    return { base, path, header, fault: undefined };
  } catch (error) {
    if (!(error instanceof LogError) || error instanceof StorageError) throw error;
    return { base, path, header: undefined, fault: error };
  }
}

/** Reads a segment's header and checks the size of the file against it. */
export function readHeader(path: string): SegmentHeader {
  const fd = storage('open', path, () => openSync(path, 'r'));
  try {
    const page = new Uint8Array(PAGE_BYTES);
    const got = readFully(fd, page, 0, PAGE_BYTES, 0, path);
    if (got < PAGE_BYTES) {
      throw new CorruptionError(path, got, 'a segment header', `a file of ${got} bytes`);
    }
    const header = decodeSegmentHeader(page, path);
    const { size } = fstatSync(fd);
    if (size !== header.sizeBytes) {
      throw new CorruptionError(path, size, `${header.sizeBytes} bytes`, `a file of ${size} bytes`);
    }
    return header;
  } finally {
    closeSync(fd);
  }
}

function checkPlace(
  header: SegmentHeader,
  path: string,
  base: number,
  logId: LogId,
  previousBase: number | undefined,
): void {
  const refuse = (expected: string, found: string): never => {
    throw new CorruptionError(path, 0, expected, found);
  };
  if (header.logId !== logId) {
    refuse(`a segment of log ${logId}`, `one of log ${header.logId}`);
  }
  if (header.base !== base) refuse(`base offset ${base}`, `base offset ${header.base}`);
  if (previousBase !== undefined && header.previousBase !== previousBase) {
    refuse(
      `the segment that follows base ${previousBase}`,
      `one that follows base ${header.previousBase}`,
    );
  }
}
