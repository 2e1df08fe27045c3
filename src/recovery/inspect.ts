/**
 * Looks at every byte of a log, over whatever damage there is: which frames are intact, and which
 * offsets they leave out. Verification reports that; repair acts on it.
 */
import type { ControlFile } from '../control/control-file.js';
import { UnsupportedVersionError, type OffsetRange } from '../errors.js';
import type { Checkpoint } from '../format/control-page.js';
import {
  FRAME_NEWER,
  FRAME_OK,
  FRAME_UNPUBLISHED,
  frameBase,
  isGap,
  framePreviousCrc,
} from '../format/frame.js';
import { FrameScan, describeScanFault, findFrame, type ScanFault } from '../format/frame-scan.js';
import { FIRST_FRAME_AT, segmentSeed } from '../format/segment-header.js';
import { segmentPath } from '../segment/directory.js';
import { readSegmentList, type ListedSegment } from '../segment/segment-list.js';
import { SegmentWindow } from '../segment/segment-window.js';

/** Intact frames that follow one another. */
export interface Run {
  readonly segment: ListedSegment;
  readonly position: number;
  endPosition: number;
  readonly offset: number;
  endOffset: number;
  /** What its first frame names as its predecessor, and what its last one is named by. */
  readonly previousCrc: number;
  chainCrc: number;
  timeNs: bigint;
  frames: number;
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

/** @throws {UnsupportedVersionError} a segment or frame of a newer version, which is no damage */
export function inspectLog(
  directory: string,
  control: ControlFile,
  progress: Progress,
): Inspection {
  const checkpoint = control.checkpoint();
  const listed = readSegmentList(directory, control.logId, checkpoint.startOffset);
  const newer = listed.find(({ fault }) => fault instanceof UnsupportedVersionError);
  if (newer !== undefined) throw newer.fault as UnsupportedVersionError;
  const reading = new Reading(control.logId, listed, progress);
  for (const segment of listed) reading.read(segment);
  const durableOffset = Math.max(checkpoint.durableOffset, reading.flushed);
  return assemble(directory, checkpoint, listed, reading, durableOffset);
}

/** First pass: every intact run of every segment, and the highest flushed offset that any names. */
class Reading {
  readonly runs: Run[] = [];
  readonly gaps: OffsetRange[] = [];
  /** Why the run before a position ended there, by path and position. */
  readonly reasons = new Map<string, string>();
  flushed = 0;
  readonly #logId: string;
  readonly #progress: Progress;
  readonly #totalBytes: number;
  #doneBytes = 0;

  constructor(logId: string, listed: readonly ListedSegment[], progress: Progress) {
    this.#logId = logId;
    this.#progress = progress;
    this.#totalBytes = listed.reduce((sum, { header }) => sum + (header?.sizeBytes ?? 0), 0);
  }

  read(segment: ListedSegment): void {
    const window = new SegmentWindow(segment.path);
    try {
      this.#walk(segment, window);
    } finally {
      window.close();
    }
    this.#doneBytes += window.sizeBytes;
    this.#progress(this.#doneBytes, this.#totalBytes);
  }

  #walk(segment: ListedSegment, window: SegmentWindow): void {
    const { base, path } = segment;
    const seed = segmentSeed(this.#logId, base);
    const indexCapacity = segment.header?.indexCapacity ?? Math.ceil(window.sizeBytes / 8);
    const scan = new FrameScan(window, { base, seed, indexCapacity }, undefined);
    let run: Run | undefined;
    for (;;) {
      const fault = scan.next();
      if (fault === FRAME_OK) {
        run = this.#extend(run, segment, scan, window);
        continue;
      }
      if (fault === FRAME_NEWER) {
        throw new UnsupportedVersionError(path, `frame at ${scan.position}`);
      }
      this.reasons.set(`${path}:${scan.position}`, describeScanFault(fault));
      const next = this.#findNext(scan, window, seed, fault);
      if (next === undefined) return;
      // Frames are published in order: an appender may have published this one since it was read.
      window.forget();
      if (scan.next() === FRAME_OK) {
        run = this.#extend(run, segment, scan, window);
        continue;
      }
      run = undefined;
      scan.resume(next.position, next.base);
    }
  }

  /** The next intact frame behind damage, if there is one. */
  #findNext(
    scan: FrameScan,
    window: SegmentWindow,
    seed: number,
    fault: ScanFault,
  ): { position: number; base: number } | undefined {
    const from =
      fault === FRAME_UNPUBLISHED ? window.firstNonZero(scan.position) & ~7 : scan.position + 8;
    let position = findFrame(window, from, seed);
    while (position !== undefined) {
      const base = frameBase(window.words, window.load(position, 64));
      if (base >= scan.offset) return { position, base };
      position = findFrame(window, position + 8, seed);
    }
    return undefined;
  }

  #extend(
    run: Run | undefined,
    segment: ListedSegment,
    scan: FrameScan,
    window: SegmentWindow,
  ): Run {
    const at = window.load(scan.framePosition, 64);
    const offset = frameBase(window.words, at);
    this.flushed = Math.max(this.flushed, scan.flushed);
    if (isGap(window.words, at)) this.gaps.push({ from: offset, to: scan.offset });
    const current = run ?? this.#begin(segment, scan, offset, framePreviousCrc(window.words, at));
    current.endPosition = scan.position;
    current.endOffset = scan.offset;
    current.chainCrc = scan.chainCrc as number;
    current.timeNs = scan.timeNs;
    current.frames++;
    if (current.frames % 64 === 0) {
      this.#progress(this.#doneBytes + scan.position, this.#totalBytes);
    }
    return current;
  }

  #begin(segment: ListedSegment, scan: FrameScan, offset: number, previousCrc: number): Run {
    const run: Run = {
      segment,
      position: scan.framePosition,
      endPosition: scan.position,
      offset,
      endOffset: scan.offset,
      previousCrc,
      chainCrc: 0,
      timeNs: 0n,
      frames: 0,
    };
    this.runs.push(run);
    return run;
  }
}

/** Second pass: puts the runs in order, and tells damage from the torn tail, which is none. */
function assemble(
  directory: string,
  checkpoint: Checkpoint,
  listed: readonly ListedSegment[],
  reading: Reading,
  durableOffset: number,
): Inspection {
  const damage: Damage[] = headerDamage(listed, durableOffset);
  const runs: Run[] = [];
  let offset = checkpoint.startOffset;
  let previous: Run | undefined;
  const describe = (next: Run | undefined, to: number): Damage =>
    describeHole(directory, checkpoint, listed, reading, previous, next, { from: offset, to });
  for (const run of reading.runs) {
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
  const { gaps } = reading;
  return { checkpoint, listed, runs, damage, gaps, durableOffset, endOffset: offset };
}

function doesFollow(previous: Run | undefined, run: Run): boolean {
  return previous === undefined || previous.chainCrc === run.previousCrc;
}

function headerDamage(listed: readonly ListedSegment[], durableOffset: number): Damage[] {
  return listed
    .filter(({ fault, base }) => fault !== undefined && base < durableOffset)
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
  directory: string,
  checkpoint: Checkpoint,
  listed: readonly ListedSegment[],
  reading: Reading,
  previous: Run | undefined,
  next: Run | undefined,
  range: OffsetRange,
): Damage {
  const lost = range.to > range.from ? range : undefined;
  const holder = listed.findLast(({ base }) => base <= range.from);
  if (holder === undefined || isSegmentMissing(listed, checkpoint, range.from)) {
    const path = segmentPath(directory, range.from);
    return { path, position: 0, lengthBytes: 0, reason: 'the segment is missing', lost };
  }
  const position = previous?.segment === holder ? previous.endPosition : FIRST_FRAME_AT;
  const end = next?.segment === holder ? next.position : (holder.header?.sizeBytes ?? position);
  const known = reading.reasons.get(`${holder.path}:${position}`);
  const reason = known ?? 'a frame that does not follow the one before it';
  return { path: holder.path, position, lengthBytes: end - position, reason, lost };
}
