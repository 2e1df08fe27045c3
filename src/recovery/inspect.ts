/**
 * Looks at every byte of a log, over whatever damage there is: which frames are intact, and which
 * offsets they leave out. Verification reports that; repair acts on it.
 */
import type { ControlFile } from '../control/control-file.js';
import { UnsupportedVersionError, type OffsetRange } from '../errors.js';
import type { Checkpoint } from '../format/control-page.js';
import { FIRST_FRAME_AT } from '../format/segment-header.js';
import { segmentPath } from '../segment/directory.js';
import { readSegmentList, type ListedSegment } from '../segment/segment-list.js';
import {
  readSegment,
  type FrameRun,
  type SegmentFrames,
  type SegmentToRead,
} from './read-segment.js';

/** Intact frames that follow one another. */
export interface Run extends FrameRun {
  readonly segment: ListedSegment;
}

/** Something that is not as it was written. */
export interface Damage {
  readonly path: string;
  readonly position: number;
  /** Bytes up to the next intact frame, or to the end of the segment. */
  readonly lengthBytes: number;
  readonly reason: string;
  /** The offsets that are lost by it; `undefined` if it costs none. */
  readonly lost: OffsetRange | undefined;
}

export interface Inspection {
  readonly checkpoint: Checkpoint;
  readonly listed: readonly ListedSegment[];
  /** Intact frames up to the end of the log, in order. */
  readonly runs: readonly Run[];
  readonly damage: readonly Damage[];
  /** Offsets that an earlier repair has recorded as lost. */
  readonly gaps: readonly OffsetRange[];
  /** D: everything below was durable. */
  readonly durableOffset: number;
  /** End of the log: the last intact record's, or D if that is further. */
  readonly endOffset: number;
}

/** Called as bytes are read. */
export type Progress = (doneBytes: number, totalBytes: number) => void;

/** What an inspection begins with: the segments to be read, each for itself, by whoever likes. */
export interface InspectedLog {
  readonly directory: string;
  readonly checkpoint: Checkpoint;
  readonly listed: readonly ListedSegment[];
  /** The same segments, as `readSegment` takes them. */
  readonly toRead: readonly SegmentToRead[];
  /** Size of them all, as far as their headers tell. */
  readonly totalBytes: number;
}

/** @throws {UnsupportedVersionError} a segment or frame of a newer version, which is no damage */
export function inspectLog(
  directory: string,
  control: ControlFile,
  progress: Progress,
): Inspection {
  const log = listLog(directory, control);
  return assemble(log, readSegments(log, progress));
}

/** @throws {UnsupportedVersionError} a segment of a newer version */
export function listLog(directory: string, control: ControlFile): InspectedLog {
  const { logId } = control;
  const checkpoint = control.checkpoint();
  const listed = readSegmentList(directory, logId, checkpoint.startOffset);
  const newer = listed.find(({ fault }) => fault instanceof UnsupportedVersionError);
  if (newer !== undefined) throw newer.fault as UnsupportedVersionError;
  const toRead = listed.map(({ base, path, header }) => {
    return { logId, base, path, indexCapacity: header?.indexCapacity };
  });
  const totalBytes = listed.reduce((sum, { header }) => sum + (header?.sizeBytes ?? 0), 0);
  return { directory, checkpoint, listed, toRead, totalBytes };
}

/** @throws {UnsupportedVersionError} a frame of a newer version */
export function readSegments(log: InspectedLog, progress: Progress): SegmentFrames[] {
  const { totalBytes } = log;
  let doneBytes = 0;
  return log.toRead.map((segment) => {
    const read = readSegment(segment, (position) => progress(doneBytes + position, totalBytes));
    doneBytes += read.sizeBytes;
    progress(doneBytes, totalBytes);
    return read;
  });
}

/**
 * Puts together what the segments, in their order, turned out to hold: puts the runs in order, and tells
 * damage from the torn tail, which is none.
 */
export function assemble(log: InspectedLog, frames: readonly SegmentFrames[]): Inspection {
  const { checkpoint, listed } = log;
  const durableOffset = frames.reduce(
    (highest, { flushed }) => Math.max(highest, flushed),
    checkpoint.durableOffset,
  );
  const damage: Damage[] = [];
  const runs: Run[] = [];
  let offset = checkpoint.startOffset;
  let previous: Run | undefined;
  const describe = (next: Run | undefined, to: number): Damage =>
    describeHole(log, frames, previous, next, { from: offset, to });
  for (const run of runsIn(listed, frames)) {
    const isContinuation = run.offset === offset && doesFollow(previous, run);
    if (!isContinuation && offset >= durableOffset) break;
    if (run.offset < offset) continue;
    if (!isContinuation) damage.push(describe(run, run.offset));
    runs.push(run);
    offset = run.endOffset;
    previous = run;
  }
  if (offset < durableOffset) {
    damage.push(describe(undefined, durableOffset));
    offset = durableOffset;
  }
  damage.unshift(...headerDamage(listed, offset));
  const gaps = frames.flatMap((segment) => segment.gaps);
  return { checkpoint, listed, runs, damage, gaps, durableOffset, endOffset: offset };
}

function runsIn(listed: readonly ListedSegment[], frames: readonly SegmentFrames[]): Run[] {
  return listed.flatMap((segment, i) =>
    (frames[i] as SegmentFrames).runs.map((run) => ({ ...run, segment })),
  );
}

function doesFollow(previous: Run | undefined, run: Run): boolean {
  return previous === undefined || previous.chainCrc === run.previousCrc;
}

/** Above the durable bound as well, where there are intact frames that only repair can reach. */
function headerDamage(listed: readonly ListedSegment[], endOffset: number): Damage[] {
  return listed
    .filter(({ fault, base }) => fault !== undefined && base < endOffset)
    .map(({ path, fault }) => ({
      path,
      position: 0,
      lengthBytes: FIRST_FRAME_AT,
      reason: fault?.message ?? '',
      lost: undefined,
    }));
}

/** Whether a segment that began at `base` is gone: the one after it says so, or the checkpoint. */
function isSegmentMissing(
  listed: readonly ListedSegment[],
  { segmentBase }: Checkpoint,
  base: number,
): boolean {
  if (listed.some((segment) => segment.missing?.from === base)) return true;
  return segmentBase === base && listed.every((segment) => segment.base !== base);
}

function describeHole(
  { directory, checkpoint, listed }: InspectedLog,
  frames: readonly SegmentFrames[],
  previous: Run | undefined,
  next: Run | undefined,
  range: OffsetRange,
): Damage {
  const lost = range.to > range.from ? range : undefined;
  const at = listed.findLastIndex(({ base }) => base <= range.from);
  const holder = listed[at];
  if (holder === undefined || isSegmentMissing(listed, checkpoint, range.from)) {
    const path = segmentPath(directory, range.from);
    return { path, position: 0, lengthBytes: 0, reason: 'the segment is missing', lost };
  }
  const position = previous?.segment === holder ? previous.endPosition : FIRST_FRAME_AT;
  const end = next?.segment === holder ? next.position : (holder.header?.sizeBytes ?? position);
  const known = frames[at]?.reasons.get(position);
  const reason = known ?? 'a frame that does not follow the one before it';
  return { path: holder.path, position, lengthBytes: end - position, reason, lost };
}
