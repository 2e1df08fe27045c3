/**
 * Reads every byte of one segment, over whatever damage there is: which frames are intact. Plain data in
 * and out, so that it can be done in another thread.
 */
import { UnsupportedVersionError, type OffsetRange } from '../errors.js';
import {
  FRAME_NEWER,
  FRAME_OK,
  FRAME_UNPUBLISHED,
  frameBase,
  framePreviousCrc,
  isGap,
} from '../format/frame.js';
import { FrameScan, describeScanFault, findFrame, type ScanFault } from '../format/frame-scan.js';
import { segmentSeed } from '../format/segment-header.js';
import { SegmentWindow } from '../segment/segment-window.js';

export interface SegmentToRead {
  readonly logId: string;
  readonly base: number;
  readonly path: string;
  /** `undefined` if its header does not tell. */
  readonly indexCapacity: number | undefined;
}

/** Intact frames that follow one another. */
export interface FrameRun {
  readonly position: number;
  readonly endPosition: number;
  readonly offset: number;
  readonly endOffset: number;
  /** What its first frame names as its predecessor, and what its last one is named by. */
  readonly previousCrc: number;
  readonly chainCrc: number;
  readonly timeNs: bigint;
  readonly frames: number;
}

export interface SegmentFrames {
  readonly sizeBytes: number;
  /** Every intact run, in order of position. */
  readonly runs: readonly FrameRun[];
  /** Offsets that an earlier repair has recorded as lost. */
  readonly gaps: readonly OffsetRange[];
  /** Why the run before a position ended there. */
  readonly reasons: ReadonlyMap<number, string>;
  /** Highest flushed offset that a frame names. */
  readonly flushed: number;
}

/** Called now and then with the position up to which the segment has been read. */
export type OnPosition = (position: number) => void;

/** Frames between two calls of `OnPosition`. */
const REPORT_EVERY = 64;

/**
 * @throws {UnsupportedVersionError} a frame of a newer version, which is no damage
 * @throws {StorageError}
 */
export function readSegment(segment: SegmentToRead, onPosition: OnPosition): SegmentFrames {
  const window = new SegmentWindow(segment.path);
  try {
    return new Reading(segment, window, onPosition).result();
  } finally {
    window.close();
  }
}

type GrowingRun = { -readonly [Key in keyof FrameRun]: FrameRun[Key] };

class Reading {
  readonly #path: string;
  readonly #seed: number;
  readonly #window: SegmentWindow;
  readonly #scan: FrameScan;
  readonly #onPosition: OnPosition;
  readonly #runs: GrowingRun[] = [];
  readonly #gaps: OffsetRange[] = [];
  readonly #reasons = new Map<number, string>();

  constructor(segment: SegmentToRead, window: SegmentWindow, onPosition: OnPosition) {
    const { base, path, logId } = segment;
    const seed = segmentSeed(logId, base);
    const indexCapacity = segment.indexCapacity ?? Math.ceil(window.sizeBytes / 8);
    this.#path = path;
    this.#seed = seed;
    this.#window = window;
    this.#scan = new FrameScan(window, { base, seed, indexCapacity }, undefined);
    this.#onPosition = onPosition;
  }

  result(): SegmentFrames {
    this.#walk();
    return {
      sizeBytes: this.#window.sizeBytes,
      runs: this.#runs,
      gaps: this.#gaps,
      reasons: this.#reasons,
      flushed: this.#scan.flushed,
    };
  }

  #walk(): void {
    const scan = this.#scan;
    let run: GrowingRun | undefined;
    for (;;) {
      const fault = scan.next();
      if (fault === FRAME_OK) {
        run = this.#extend(run);
        continue;
      }
      if (fault === FRAME_NEWER) {
        throw new UnsupportedVersionError(this.#path, `frame at ${scan.position}`);
      }
      this.#reasons.set(scan.position, describeScanFault(fault));
      const next = this.#findNext(fault);
      if (next === undefined) return;
      // Frames are published in order: an appender may have published this one since it was read.
      this.#window.forget();
      if (scan.next() === FRAME_OK) {
        run = this.#extend(run);
        continue;
      }
      run = undefined;
      scan.resume(next.position, next.base);
    }
  }

  /** The next intact frame behind damage, if there is one. */
  #findNext(fault: ScanFault): { position: number; base: number } | undefined {
    const scan = this.#scan;
    const window = this.#window;
    const from =
      fault === FRAME_UNPUBLISHED ? window.firstNonZero(scan.position) & ~7 : scan.position + 8;
    let position = findFrame(window, from, this.#seed);
    while (position !== undefined) {
      const base = frameBase(window.words, window.load(position, 64));
      if (base >= scan.offset) return { position, base };
      position = findFrame(window, position + 8, this.#seed);
    }
    return undefined;
  }

  #extend(run: GrowingRun | undefined): GrowingRun {
    const scan = this.#scan;
    const at = this.#window.load(scan.framePosition, 64);
    const { words } = this.#window;
    const offset = frameBase(words, at);
    if (isGap(words, at)) this.#gaps.push({ from: offset, to: scan.offset });
    const current = run ?? this.#begin(offset, framePreviousCrc(words, at));
    current.endPosition = scan.position;
    current.endOffset = scan.offset;
    current.chainCrc = scan.chainCrc as number;
    current.timeNs = scan.timeNs;
    current.frames++;
    if (current.frames % REPORT_EVERY === 0) this.#onPosition(scan.position);
    return current;
  }

  #begin(offset: number, previousCrc: number): GrowingRun {
    const { framePosition, position, offset: endOffset } = this.#scan;
    const run: GrowingRun = {
      position: framePosition,
      endPosition: position,
      offset,
      endOffset,
      previousCrc,
      chainCrc: 0,
      timeNs: 0n,
      frames: 0,
    };
    this.#runs.push(run);
    return run;
  }
}
