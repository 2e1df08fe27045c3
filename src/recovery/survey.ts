/**
 * Finds out where a log ends, without changing anything. The appender's recovery acts on the result; a
 * reader of a log that nobody has open reads up to it.
 *
 * The rule: walk frames from the last known-good point, requiring checksum and chain. What comes after
 * the first invalid frame is dropped, whether valid or not, because a frame that was behind a hole was
 * never acknowledged as durable; unless the hole is below the durable bound D, the highest flushed
 * offset that any valid frame or checkpoint names: that is damage, and nothing is dropped.
 */
import type { ControlFile } from '../control/control-file.js';
import { CorruptionError, UnsupportedVersionError } from '../errors.js';
import type { Checkpoint } from '../format/control-page.js';
import {
  FRAME_NEWER,
  FRAME_OK,
  FRAME_UNPUBLISHED,
  frameBase,
  frameFlushed,
  frameLength,
} from '../format/frame.js';
import { FrameScan, describeScanFault, findFrame, type ScanFault } from '../format/frame-scan.js';
import { FIRST_FRAME_AT, segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import { segmentPath } from '../segment/directory.js';
import { missingSegment, readSegmentList, type ListedSegment } from '../segment/segment-list.js';
import { SegmentWindow } from '../segment/segment-window.js';
import { isCleanEnd } from './clean-end.js';

/** A segment that was walked, with what the walk found. */
export interface WalkedSegment {
  readonly header: SegmentHeader;
  readonly path: string;
  readonly count: number;
  /** Position behind its last valid frame. */
  readonly endPosition: number;
  /** Index rebuilt from the frames, laid out as the index file's words. */
  readonly index: Int32Array;
}

/** Where the log ends: the point at which the next frame goes. */
export interface Tail {
  readonly base: number;
  readonly position: number;
  readonly offset: number;
  readonly chainCrc: number;
  readonly timeNs: bigint;
}

export interface Survey {
  readonly checkpoint: Checkpoint;
  /** Every segment that is part of the log; the last one holds the tail. Empty in a log without any. */
  readonly segments: readonly SegmentHeader[];
  /** The segments walked, oldest first; none after a clean close. */
  readonly walked: readonly WalkedSegment[];
  readonly tail: Tail;
  /** D. Everything below is known to have been made durable. */
  readonly durableOffset: number;
  /** Segments behind the tail's, which do not follow from it. */
  readonly beyond: readonly number[];
  /** Position behind the last non-zero byte after the tail in its segment; the tail's own if none. */
  readonly tornEnd: number;
  /** Set when the tail lies below D: valid data is missing. */
  readonly damage: CorruptionError | undefined;
}

export function surveyLog(directory: string, control: ControlFile): Survey {
  const checkpoint = control.checkpoint();
  const listed = readSegmentList(directory, control.logId, checkpoint.startOffset);
  checkStart(listed, checkpoint, directory);
  if (isCleanEnd(directory, checkpoint, listed)) return cleanSurvey(checkpoint, listed, directory);
  return new Walk(checkpoint, listed, control.logId, directory).run();
}

function checkStart(
  listed: readonly ListedSegment[],
  { startOffset, durableOffset }: Checkpoint,
  directory: string,
): void {
  const first = listed[0]?.base ?? durableOffset;
  if (first > startOffset) throw missingSegment(directory, { from: startOffset, to: first });
}

function cleanSurvey(
  checkpoint: Checkpoint,
  listed: readonly ListedSegment[],
  directory: string,
): Survey {
  const headers = listed.map((segment, i) => {
    if (segment.missing !== undefined) throw missingSegment(directory, segment.missing);
    if (segment.header === undefined) throw lostSegment(segment, listed[i + 1], checkpoint);
    return segment.header;
  });
  return {
    checkpoint,
    segments: headers,
    walked: [],
    tail: {
      base: checkpoint.segmentBase,
      position: checkpoint.tailPosition,
      offset: checkpoint.durableOffset,
      chainCrc: checkpoint.chainCrc,
      timeNs: checkpoint.timeNs,
    },
    durableOffset: checkpoint.durableOffset,
    beyond: [],
    tornEnd: checkpoint.tailPosition,
    damage: undefined,
  };
}

/** The walk of a log that was not closed. */
class Walk {
  readonly #checkpoint: Checkpoint;
  readonly #listed: readonly ListedSegment[];
  readonly #logId: string;
  readonly #directory: string;
  readonly #walked: WalkedSegment[] = [];
  #tail: Tail;
  #durable: number;
  /** Why the walk stopped at the tail. */
  #stop = 'the end of the log';
  /** The segment that should go on from the tail, and is not there. */
  #missing: string | undefined;

  constructor(
    checkpoint: Checkpoint,
    listed: readonly ListedSegment[],
    logId: string,
    directory: string,
  ) {
    this.#checkpoint = checkpoint;
    this.#listed = listed;
    this.#logId = logId;
    this.#directory = directory;
    this.#durable = checkpoint.durableOffset;
    this.#tail = startOf(checkpoint);
  }

  run(): Survey {
    let first = this.#firstToWalk();
    let end = this.#walkFrom(first);
    // A segment without frames does not tell what its first one has to follow; the one before does.
    while (first > 0 && this.#walked[0]?.count === 0) {
      this.#walked.length = 0;
      this.#tail = startOf(this.#checkpoint);
      end = this.#walkFrom(--first);
    }
    const beyond = this.#listed.slice(end);
    const torn = this.#lookBehindTail(beyond);
    return {
      checkpoint: this.#checkpoint,
      segments: this.#listed.slice(0, end).map(({ header }) => header as SegmentHeader),
      walked: this.#walked,
      tail: this.#tail,
      durableOffset: Math.min(this.#durable, this.#tail.offset),
      beyond: beyond.map(({ base }) => base),
      tornEnd: torn.end,
      damage: this.#damage(torn.firstIntact),
    };
  }

  /**
   * The last readable segment up to the checkpoint's. Everything before that was sealed and durable, so
   * a fault there is damage; the checkpoint's own may have been empty, and not durable yet.
   */
  #firstToWalk(): number {
    let first = 0;
    for (const [i, segment] of this.#listed.entries()) {
      const { base, fault, missing } = segment;
      if (base > this.#checkpoint.segmentBase) break;
      if (missing !== undefined) throw missingSegment(this.#directory, missing);
      if (fault !== undefined && base < this.#checkpoint.durableOffset) {
        throw lostSegment(segment, this.#listed[i + 1], this.#checkpoint);
      }
      // A checkpoint may name a segment that was new then, so that nothing of it was durable.
      if (fault !== undefined) break;
      first = i;
    }
    return first;
  }

  /** Returns the index behind the last segment that belongs to the log. */
  #walkFrom(first: number): number {
    let next = first;
    this.#missing = undefined;
    while (next < this.#listed.length) {
      const { header, path, fault, missing } = this.#listed[next] as ListedSegment;
      if (header === undefined) {
        // Newer is not damaged: nothing of it may be taken for a torn tail.
        if (fault instanceof UnsupportedVersionError) throw fault;
        this.#stop = (fault as Error).message;
        break;
      }
      if (next > first && !this.#follows(header)) {
        this.#stop = `a segment of base ${header.base}`;
        if (missing !== undefined) this.#expectSegment(missing.from);
        break;
      }
      next++;
      const stopped = this.#walkSegment(header, path);
      if (stopped === FRAME_NEWER) {
        throw new UnsupportedVersionError(path, `frame at ${this.#tail.position}`);
      }
      if (stopped !== FRAME_UNPUBLISHED) {
        this.#stop = describeScanFault(stopped);
        break;
      }
    }
    if (next === this.#listed.length) this.#expectSegment(this.#checkpoint.segmentBase);
    return next;
  }

  /** A segment of this base has been there. If it should begin at the tail, it is what is missing. */
  #expectSegment(base: number): void {
    if (base !== this.#tail.offset || this.#listed.some((segment) => segment.base === base)) return;
    this.#missing = segmentPath(this.#directory, base);
    this.#stop = 'no file';
  }

  #follows(header: SegmentHeader): boolean {
    return header.base === this.#tail.offset && header.previousBase === this.#tail.base;
  }

  #walkSegment(header: SegmentHeader, path: string): ScanFault {
    const window = new SegmentWindow(path);
    try {
      const seed = segmentSeed(header.logId, header.base);
      const scan = new FrameScan(window, { ...header, seed }, this.#chainAt(header));
      let fault: ScanFault;
      do fault = scan.next();
      while (fault === FRAME_OK);
      this.#durable = Math.max(this.#durable, scan.flushed);
      this.#walked.push({
        header,
        path,
        count: scan.count,
        endPosition: scan.position,
        index: scan.index,
      });
      this.#tail = {
        base: header.base,
        position: scan.position,
        offset: scan.offset,
        chainCrc: scan.chainCrc ?? 0,
        timeNs: scan.count === 0 ? this.#tail.timeNs : scan.timeNs,
      };
      return fault;
    } finally {
      window.close();
    }
  }

  /** The chain value that a segment's first frame must name, where it is known. */
  #chainAt(header: SegmentHeader): number | undefined {
    if (this.#walked.length > 0) return this.#tail.chainCrc;
    return header.previousBase === header.base ? 0 : undefined;
  }

  /**
   * Reads what lies behind the tail: for frames that prove that something there was durable, and to
   * know how much a truncation takes.
   */
  #lookBehindTail(beyond: readonly ListedSegment[]): Behind {
    let end = this.#tail.position;
    let firstIntact: number | undefined;
    const inTail = this.#walked.at(-1);
    if (inTail !== undefined) {
      const { path, header } = inTail;
      ({ end, firstIntact } = this.#lookBehind(path, header.base, this.#tail.position));
    }
    for (const { path, base } of beyond) {
      // Every segment has to be looked at: any of them may name the highest durable bound.
      const behind = this.#lookBehind(path, base, FIRST_FRAME_AT);
      firstIntact ??= behind.firstIntact;
    }
    return { end, firstIntact };
  }

  #lookBehind(path: string, base: number, from: number): Behind {
    const window = new SegmentWindow(path);
    try {
      const end = window.lastNonZero(Math.min(from, window.sizeBytes));
      if (end <= from) return { end: from, firstIntact: undefined };
      const seed = segmentSeed(this.#logId, base);
      let firstIntact: number | undefined;
      let position = findFrame(window, window.firstNonZero(from) & ~7, seed);
      while (position !== undefined) {
        const at = window.load(position, 64);
        const frameOffset = frameBase(window.words, at);
        if (frameOffset >= this.#tail.offset) firstIntact ??= frameOffset;
        this.#durable = Math.max(this.#durable, frameFlushed(window.words, at));
        position = findFrame(window, position + frameLength(window.words, at), seed);
      }
      return { end, firstIntact };
    } finally {
      window.close();
    }
  }

  #damage(firstIntact: number | undefined): CorruptionError | undefined {
    const { offset, position, base } = this.#tail;
    if (offset >= this.#durable) return undefined;
    const path = this.#missing ?? this.#walked.at(-1)?.path ?? this.#directory;
    return new CorruptionError(
      path,
      this.#missing === undefined ? position : 0,
      `record ${offset} (segment ${base}), which was durable`,
      this.#stop,
      {
        from: offset,
        to: Math.max(offset + 1, Math.min(firstIntact ?? this.#durable, this.#durable)),
      },
    );
  }
}

/** The fault of a segment that held durable records, with the offsets that it takes along. */
function lostSegment(
  { base, path, fault }: ListedSegment,
  next: ListedSegment | undefined,
  { durableOffset }: Checkpoint,
): unknown {
  if (fault instanceof UnsupportedVersionError) return fault;
  const at = fault instanceof CorruptionError ? fault : undefined;
  return new CorruptionError(
    path,
    at?.position ?? 0,
    at?.expected ?? 'a segment of this log',
    at?.found ?? 'another kind of file',
    { from: base, to: Math.max(base + 1, next?.base ?? durableOffset) },
    { cause: fault },
  );
}

function startOf({ startOffset }: Checkpoint): Tail {
  return {
    base: startOffset,
    position: FIRST_FRAME_AT,
    offset: startOffset,
    chainCrc: 0,
    timeNs: 0n,
  };
}

interface Behind {
  readonly end: number;
  readonly firstIntact: number | undefined;
}
