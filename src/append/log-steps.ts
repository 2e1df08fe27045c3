/** Changes to the files of a log that an appender makes when it rolls or drops. */
import { fstatSync } from 'node:fs';
import type { ControlFile } from '../control/control-file.js';
import { storage } from '../errors.js';
import type { Session } from '../format/control-page.js';
import type { SegmentHeader } from '../format/segment-header.js';
import { bootId } from '../recovery/residency.js';
import { deleteFile, indexPath, segmentPath } from '../segment/directory.js';
import { WritableSegment } from '../segment/writable-segment.js';
import type { SegmentSupply } from './segment-supply.js';
import type { SizeLimit } from './size-limit.js';

/**
 * Makes a segment part of the log, empty, and names it in the control page as the active one. Its words
 * are set before its name can be seen. All that can fail comes before what cannot be undone.
 * @throws {StorageError} nothing has changed
 */
export function createSegment(
  supply: SegmentSupply,
  directory: string,
  control: ControlFile,
  place: Pick<SegmentHeader, 'base' | 'previousBase' | 'application'>,
): WritableSegment {
  const prepared = supply.take();
  const { base, previousBase, application } = place;
  const { logId } = control;
  const { sizeBytes, indexCapacity } = prepared;
  const createdNs = BigInt(Date.now()) * 1_000_000n;
  const header = { logId, base, previousBase, application, sizeBytes, indexCapacity, createdNs };
  try {
    const session = sessionOf(prepared);
    const segment = WritableSegment.adopt(directory, prepared, header);
    control.writeSession(session);
    return segment;
  } catch (error) {
    supply.putBack(prepared);
    throw error;
  }
}

/** Names the active segment in the control page, so that a kill from here on can be salvaged. */
export function nameSession(control: ControlFile, segment: WritableSegment): void {
  control.writeSession(sessionOf(segment));
}

function sessionOf({ path, fd }: Pick<WritableSegment, 'path' | 'fd'>): Session {
  const { dev, ino } = storage('look at', path, () => fstatSync(fd, { bigint: true }));
  return { bootId: bootId(), device: dev, inode: ino };
}

/**
 * Oldest first, so that what is left is always the end of the log; and the segment last, whose name is what
 * another attempt goes by. The names' going is not synced.
 */
export function deleteSegments(
  directory: string,
  bases: readonly number[],
  limit: SizeLimit,
): void {
  for (const base of bases) {
    const bytes = limit.bytesOf(directory, base);
    deleteFile(indexPath(directory, base));
    deleteFile(segmentPath(directory, base));
    limit.release(bytes);
  }
}
