/** The segments of a log as their names and headers tell: O(segments), no data is read. */
import { openSync } from 'node:fs';
import {
  CorruptionError,
  LogError,
  StorageError,
  UnsupportedVersionError,
  storage,
  type OffsetRange,
} from '../errors.js';
import { FRAME_OK, FRAME_UNPUBLISHED } from '../format/frame.js';
import { FrameScan, type ScanFault } from '../format/frame-scan.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { decodeSegmentHeader, segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import { checkIsFile, closeQuietly, fileSize, readFully } from '../mapping/files.js';
import { listSegments, segmentPath } from './directory.js';
import { SegmentWindow } from './segment-window.js';

/** A segment file that is there; `fault` says why it cannot be used, if it cannot. */
export interface ListedSegment {
  /** As the name says. */
  readonly base: number;
  readonly path: string;
  readonly header: SegmentHeader | undefined;
  readonly fault: LogError | undefined;
  /** Offsets between the segment before and this one that no file is there for, though one was. */
  readonly missing: OffsetRange | undefined;
}

/** Segments from `startOffset` on, ascending, each checked by itself and against the one before. */
export function readSegmentList(
  directory: string,
  logId: LogId,
  startOffset: number,
): ListedSegment[] {
  const listed: ListedSegment[] = [];
  for (const base of listSegments(directory)) {
    if (base < startOffset) continue;
    listed.push(readListedSegment(directory, base, logId, listed.at(-1)));
  }
  return listed;
}

/** Without `previous`, the segment is checked only by itself. */
export function readListedSegment(
  directory: string,
  base: number,
  logId: LogId,
  previous: ListedSegment | undefined,
): ListedSegment {
  const path = segmentPath(directory, base);
  try {
    const header = readHeader(path);
    checkPlace(header, path, base, logId);
    const missing = previous === undefined ? undefined : missingBetween(previous, header, path);
    return { base, path, header, fault: undefined, missing };
  } catch (error) {
    if (!(error instanceof LogError) || error instanceof StorageError) throw error;
    return { base, path, header: undefined, fault: error, missing: undefined };
  }
}

/** What to tell of offsets that no file is there for: a segment bears the name of its first offset. */
export function missingSegment(directory: string, lost: OffsetRange): CorruptionError {
  const path = segmentPath(directory, lost.from);
  return new CorruptionError(path, 0, `the segment of base ${lost.from}`, 'no file', lost);
}

/**
 * What to tell of a segment that cannot be used, and of its offsets up to `end`. One of a newer version
 * is not damaged.
 */
export function unusableSegment({ base, path, fault }: ListedSegment, end: number): LogError {
  if (fault instanceof UnsupportedVersionError) return fault;
  const at = fault instanceof CorruptionError ? fault : undefined;
  return new CorruptionError(
    path,
    at?.position ?? 0,
    at?.expected ?? 'a segment of this log',
    at?.found ?? 'another kind of file',
    { from: base, to: Math.max(base + 1, end) },
    { cause: fault },
  );
}

/** Reads a segment's header and checks the size of the file against it. */
export function readHeader(path: string): SegmentHeader {
  checkIsFile(path, 'a segment');
  const fd = storage('open', path, () => openSync(path, 'r'));
  try {
    const page = new Uint8Array(PAGE_BYTES);
    const got = readFully(fd, page, 0, PAGE_BYTES, 0, path);
    if (got < PAGE_BYTES) {
      throw new CorruptionError(path, got, 'a segment header', `a file of ${got} bytes`);
    }
    const header = decodeSegmentHeader(page, path);
    const size = fileSize(fd, path);
    if (size !== header.sizeBytes) {
      throw new CorruptionError(path, size, `${header.sizeBytes} bytes`, `a file of ${size} bytes`);
    }
    return header;
  } finally {
    closeQuietly(fd);
  }
}

function checkPlace(header: SegmentHeader, path: string, base: number, logId: LogId): void {
  if (header.logId !== logId) {
    throw new CorruptionError(path, 0, `a segment of log ${logId}`, `one of log ${header.logId}`);
  }
  if (header.base !== base) {
    throw new CorruptionError(path, 0, `base offset ${base}`, `base offset ${header.base}`);
  }
}

/** The header names the segment before it; the frames of the one that is there say where it ends. */
function missingBetween(
  previous: ListedSegment,
  { base, previousBase }: SegmentHeader,
  path: string,
): OffsetRange | undefined {
  if (previousBase === previous.base) return undefined;
  if (previousBase < previous.base || previousBase === base) {
    throw new CorruptionError(
      path,
      0,
      `the segment that follows base ${previous.base}`,
      `one that follows base ${previousBase}`,
    );
  }
  const end = previous.header && endOfRecords(previous.header, previous.path);
  // One without any intact frame has lost more than its successor, and ends nowhere.
  const isKnown = end !== undefined && end > previous.base && end < previousBase;
  return { from: isKnown ? end : previousBase, to: base };
}

/** Offset behind the records of a segment; `undefined` if damage is in the way. */
function endOfRecords(header: SegmentHeader, path: string): number | undefined {
  const window = new SegmentWindow(path);
  try {
    const seed = segmentSeed(header.logId, header.base);
    const scan = new FrameScan(window, { ...header, seed }, undefined);
    let fault: ScanFault;
    do fault = scan.next();
    while (fault === FRAME_OK);
    return fault === FRAME_UNPUBLISHED ? scan.offset : undefined;
  } finally {
    window.close();
  }
}
