/**
 * Cuts a range of offsets into pieces of about equal size in bytes. Every cut is where a frame begins
 * that has been verified, or a segment: so no frame belongs to two pieces and is verified twice, and no
 * damage reaches from one piece into the next.
 */
import { LogError, type OffsetRange } from '../errors.js';
import { frameBase } from '../format/frame.js';
import { findFrame } from '../format/frame-scan.js';
import type { LogId } from '../format/identity.js';
import { segmentSeed } from '../format/segment-header.js';
import { SegmentWindow } from '../segment/segment-window.js';
import { stretchesOf, type Extent, type Stretch } from './layout.js';
import type { Piece } from './messages.js';

/** A piece may be so much larger than asked for, rather than leave a small rest. */
const SLACK = 1.5;
/** From so much of a piece on, the end of a segment is a welcome place to cut. */
const ENOUGH = 0.75;
/** So many segments are looked at to guess the size of all. */
const SAMPLED_SEGMENTS = 16;

/** The log as it is when the plan is made. */
export interface PlannedLog {
  readonly directory: string;
  readonly logId: LogId;
  /** Base offsets of its segments. */
  readonly bases: readonly number[];
}

export interface PlannedPiece {
  readonly piece: Piece;
  /** Where it lies. */
  readonly extents: readonly Extent[];
}

/** Pieces in order, each cut when it is asked for: cutting looks into the log, here and there. To be closed. */
export class Plan {
  readonly #cuts: Generator<PlannedPiece, void>;
  readonly #ahead: PlannedPiece[] = [];
  #pieces = 0;
  #bytes = 0;

  constructor(log: PlannedLog, range: OffsetRange, pieceBytes: number) {
    this.#cuts = cutRange(log, range, pieceBytes);
  }

  /** The next piece; `undefined` after the last. */
  next(): PlannedPiece | undefined {
    return this.#ahead.shift() ?? this.#cut();
  }

  /** Cuts up to `count` pieces ahead, and says how many there are. */
  prepare(count: number): number {
    while (this.#ahead.length < count) {
      const planned = this.#cut();
      if (planned === undefined) break;
      this.#ahead.push(planned);
    }
    return this.#ahead.length;
  }

  /** Number and bytes of all pieces: cuts what has not been cut yet. */
  totals(): { pieces: number; bytes: number } {
    this.prepare(Infinity);
    return { pieces: this.#pieces, bytes: this.#bytes };
  }

  /** No more pieces: a file that was being cut is let go. */
  close(): void {
    this.#cuts.return();
  }

  #cut(): PlannedPiece | undefined {
    const { value } = this.#cuts.next();
    if (value === undefined) return undefined;
    this.#pieces++;
    this.#bytes += value.piece.bytes;
    return value;
  }
}

/** About how many bytes of frames hold a range; exact where those are few segments. */
export function estimateBytes({ directory, bases }: PlannedLog, range: OffsetRange): number {
  const inside = bases.filter((base) => base > range.from && base < range.to).length;
  let bytes = 0;
  let sampled = 0;
  for (const { start, end } of stretchesOf(directory, bases, range)) {
    bytes += end - start;
    if (++sampled === SAMPLED_SEGMENTS) break;
  }
  return sampled === 0 ? 0 : (bytes / sampled) * (inside + 1);
}

function* cutRange(
  log: PlannedLog,
  range: OffsetRange,
  pieceBytes: number,
): Generator<PlannedPiece, void> {
  let index = 0;
  let from = range.from;
  let extents: Extent[] = [];
  let bytes = 0;
  const add = (base: number, start: number, end: number): void => {
    if (end === start) return;
    extents.push({ base, start, end });
    bytes += end - start;
  };
  const piece = (to: number): PlannedPiece => {
    const planned = { piece: { index: index++, from, to, bytes }, extents };
    from = to;
    extents = [];
    bytes = 0;
    return planned;
  };
  for (const stretch of stretchesOf(log.directory, log.bases, range)) {
    let at = stretch.start;
    for (const cut of cutsIn(stretch, log.logId, pieceBytes, bytes)) {
      add(stretch.base, at, cut.position);
      yield piece(cut.offset);
      at = cut.position;
    }
    add(stretch.base, at, stretch.end);
    if (bytes >= pieceBytes * ENOUGH && stretch.to < range.to) yield piece(stretch.to);
  }
  if (from < range.to) yield piece(range.to);
}

/** Where a frame begins. */
interface Cut {
  readonly offset: number;
  readonly position: number;
}

/** Cuts within one segment; the first piece has `before` bytes already, from the segments before. */
function* cutsIn(
  stretch: Stretch,
  logId: LogId,
  pieceBytes: number,
  before: number,
): Generator<Cut, void> {
  const { path, base, start, end } = stretch;
  const limit = end - (SLACK - 1) * pieceBytes;
  let target = start + Math.max(pieceBytes - before, 1);
  if (target >= limit) return;
  const window = windowOf(path);
  if (window === undefined) return;
  try {
    let last: Cut = { offset: stretch.from, position: start };
    while (target < limit) {
      const cut = cutAt(window, target, last, stretch, segmentSeed(logId, base));
      if (cut === undefined) return;
      yield cut;
      last = cut;
      target = cut.position + pieceBytes;
    }
  } finally {
    window.close();
  }
}

/** The first intact frame from `target` on, wherever damage lies before it. */
function cutAt(
  window: SegmentWindow,
  target: number,
  after: Cut,
  stretch: Stretch,
  seed: number,
): Cut | undefined {
  try {
    const position = findFrame(window, Math.ceil(target / 8) * 8, seed);
    if (position === undefined || position >= stretch.end) return undefined;
    const at = window.load(position, 16);
    const offset = frameBase(window.words, at);
    return offset > after.offset && offset < stretch.to ? { offset, position } : undefined;
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}

function windowOf(path: string): SegmentWindow | undefined {
  try {
    return new SegmentWindow(path);
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}
