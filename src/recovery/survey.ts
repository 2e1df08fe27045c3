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
import {
  missingSegment,
  readSegmentList,
  unusableSegment,
  type ListedSegment,
} from '../segment/segment-list.js';
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
  /**
   * Every segment that is part of the log, but for what `lost` is about; the last one holds the tail.
   * Empty in a log without any.
   */
  readonly segments: readonly SegmentHeader[];
  /** Bases of these, and of those that cannot be used. Readers go by them. */
  readonly bases: readonly number[];
  /** The segments walked, oldest first; none after a clean close. */
  readonly walked: readonly WalkedSegment[];
  readonly tail: Tail;
  /** D. Everything below is known to have been made durable. */
  readonly durableOffset: number;
  /** Segments behind the tail's, which do not follow from it. */
  readonly beyond: readonly number[];
  /** Position behind the last non-zero byte after the tail in its segment; the tail's own if none. */
  readonly tornEnd: number;
  /**
   * Set when a segment below the tail is missing or cannot be used; the first one. All of it was
   * durable. No appender may go on; readers meet it where it lies.
   */
  readonly lost: CorruptionError | undefined;
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
  return {
    checkpoint,
    segments: headersOf(listed),
    bases: listed.map(({ base }) => base),
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
    lost: firstLost(directory, listed, listed.length - 1),
    damage: undefined,
  };
}

/**
 * The first segment below the one at `last` that is missing or cannot be used, as an error. The one at
 * `last` can be; everything before it was sealed and durable.
 * @throws {UnsupportedVersionError} one is of a newer version: that is no damage
 */
function firstLost(
  directory: string,
  listed: readonly ListedSegment[],
  last: number,
): CorruptionError | undefined {
  let first: CorruptionError | undefined;
  for (const [i, segment] of listed.slice(0, last + 1).entries()) {
    if (segment.missing !== undefined) first ??= missingSegment(directory, segment.missing);
    if (i === last || segment.header !== undefined) continue;
    const error = unusableSegment(segment, (listed[i + 1] as ListedSegment).base);
    if (!(error instanceof CorruptionError)) throw error;
    first ??= error;
  }
  return first;
}

function headersOf(listed: readonly ListedSegment[]): SegmentHeader[] {
  return listed.map(({ header }) => header).filter((header) => header !== undefined);
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
  /** What is wrong with the segment that should go on from the tail, if that is what stopped the walk. */
  #next: CorruptionError | undefined;

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
    while (this.#walked[0]?.count === 0 && this.#hasPredecessor(first)) {
      this.#walked.length = 0;
      this.#tail = startOf(this.#checkpoint);
      end = this.#walkFrom(--first);
    }
    const beyond = this.#listed.slice(end);
    const torn = this.#lookBehindTail(beyond);
    return {
      checkpoint: this.#checkpoint,
      segments: headersOf(this.#listed.slice(0, end)),
      bases: this.#listed.slice(0, end).map(({ base }) => base),
      walked: this.#walked,
      tail: this.#tail,
      durableOffset: Math.min(this.#durable, this.#tail.offset),
      beyond: beyond.map(({ base }) => base),
      tornEnd: torn.end,
      lost: firstLost(this.#directory, this.#listed, first),
      damage: this.#damage(torn.firstIntact),
    };
  }

  /**
   * The last usable segment up to the checkpoint's, which itself may have been new and not durable yet.
   */
  #firstToWalk(): number {
    const { segmentBase } = this.#checkpoint;
    const found = this.#listed.findLastIndex(
      ({ base, header }) => base <= segmentBase && header !== undefined,
    );
    return Math.max(found, 0);
  }

  #hasPredecessor(at: number): boolean {
    return this.#listed[at]?.missing === undefined && this.#listed[at - 1]?.header !== undefined;
  }

  /** Returns the index behind the last segment that belongs to the log. */
  #walkFrom(first: number): number {
    let next = first;
    this.#next = undefined;
    while (next < this.#listed.length) {
      const segment = this.#listed[next] as ListedSegment;
      const { header, path } = segment;
      if (header === undefined) {
        this.#stopBefore(segment);
        break;
      }
      if (next > first && !this.#follows(header)) {
        this.#stop = `a segment of base ${header.base}`;
        if (segment.missing !== undefined) this.#expectSegment(segment.missing.from);
        break;
      }
      next++;
      const stopped = this.#walkSegment(header, path);
      if (stopped === FRAME_NEWER) {
        throw new UnsupportedVersionError(path, `frame at ${this.#tail.position}`);
      }
      if (stopped !== FRAME_UNPUBLISHED && !this.#isContinued(this.#listed[next])) {
        this.#stop = describeScanFault(stopped);
        break;
      }
    }
    if (next === this.#listed.length) this.#expectSegment(this.#checkpoint.segmentBase);
    return next;
  }

  /** Newer is not damaged: nothing of it may be taken for a torn tail. */
  #stopBefore(unusable: ListedSegment): void {
    const error = unusableSegment(unusable, unusable.base);
    if (!(error instanceof CorruptionError)) throw error;
    this.#stop = `a segment of base ${unusable.base} that cannot be used`;
    if (unusable.base === this.#tail.offset) this.#next = error;
  }

  /** A segment of this base has been there. If it should begin at the tail, it is what is missing. */
  #expectSegment(base: number): void {
    if (base !== this.#tail.offset || this.#listed.some((segment) => segment.base === base)) return;
    this.#next = missingSegment(this.#directory, { from: base, to: base + 1 });
  }

  /**
   * Whether a segment goes on from here. It was made after the last frame that the one before it got, so
   * what stands behind that frame is none, whatever it looks like.
   */
  #isContinued(next: ListedSegment | undefined): boolean {
    return next?.header !== undefined && this.#follows(next.header);
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
    for (const { path, base, header } of beyond) {
      // Every segment has to be looked at: any of them may name the highest durable bound.
      const behind = this.#lookBehind(path, base, FIRST_FRAME_AT);
      // Frames of a segment without a header are no more to be read than those that are damaged.
      if (header !== undefined) firstIntact ??= behind.firstIntact;
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
    const end = Math.min(firstIntact ?? this.#durable, this.#durable);
    const lost = { from: offset, to: Math.max(offset + 1, end) };
    const next = this.#next;
    if (next !== undefined) {
      return new CorruptionError(next.path, next.position, next.expected, next.found, lost);
    }
    const path = this.#walked.at(-1)?.path ?? this.#directory;
    const expected = `record ${offset} (segment ${base}), which was durable`;
    return new CorruptionError(path, position, expected, this.#stop, lost);
  }
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
