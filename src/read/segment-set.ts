/**
 * The segments that one reader knows of: found by name, opened when first needed, and where each of
 * them ends.
 *
 * Three states of a log need three sources of truth for that:
 * - somebody appends: the mutable words, which only ever move forward;
 * - it was closed: the same words, as they were made durable;
 * - its appender died: a walk, because after a reboot words may be ahead of the data. Such a reader
 *   turns to the words as soon as an appender has recovered the log, which the session epoch shows.
 *
 * A segment whose header does not hold is opaque: its sizes are not known, so nothing of it is mapped,
 * and its offsets, which are known from its name and the next one's, are an error. The same goes for
 * those of a segment that is missing. What lies around them is read as ever.
 */
import type { ControlFile } from '../control/control-file.js';
import { CorruptionError, LogError, StorageError } from '../errors.js';
import { FRAME_HEADER_BYTES, FRAME_OK } from '../format/frame.js';
import { FrameScan } from '../format/frame-scan.js';
import { FIRST_ENTRY, entryPosition } from '../format/index-header.js';
import { FIRST_FRAME_AT, segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import { isMissing } from '../mapping/files.js';
import { areWordsTrue } from '../mapping/lock.js';
import { surveyLog, type Survey, type WalkedSegment } from '../recovery/survey.js';
import { indexPath, listSegments, segmentPath } from '../segment/directory.js';
import {
  missingSegment,
  readListedSegment,
  unusableSegment,
  type ListedSegment,
} from '../segment/segment-list.js';
import { SegmentWindow } from '../segment/segment-window.js';
import { ReadableSegment, type FoundBounds, type Verify } from './readable-segment.js';

/** How the kernel should read ahead. */
export type Access = 'normal' | 'sequential' | 'random';

/** More are unmapped, least recently opened first. */
const MAX_OPEN_SEGMENTS = 4096;
const OPEN_ATTEMPTS = 5;

export class SegmentSet {
  readonly #directory: string;
  readonly #control: ControlFile;
  readonly #verify: Verify;
  readonly #access: Access;
  readonly #open = new Map<number, ReadableSegment>();
  readonly #faults: IndexFault[] = [];
  #bases: number[] = [];
  #survey: Survey | undefined;
  /** Session epoch at the time of the survey; another one means that the words are true now. */
  #epochSeen = 0;
  #startOffset = 0;

  constructor(directory: string, control: ControlFile, verify: Verify, access: Access) {
    this.#directory = directory;
    this.#control = control;
    this.#verify = verify;
    this.#access = access;
    this.#takeStock();
  }

  get startOffset(): number {
    return this.#bases[0] ?? this.#startOffset;
  }

  /** Indexes that this reader could not use, and rebuilt in memory. */
  indexFaults(): IndexFault[] {
    const open = [...this.#open.values()].filter(({ indexFault }) => indexFault !== undefined);
    const found = open.map((segment) => ({
      path: segment.indexPath,
      reason: segment.indexFault as string,
    }));
    return [...this.#faults, ...found];
  }

  /**
   * The segment that holds `offset`, or would if it is the last; `undefined` below the start.
   * @throws {CorruptionError} the segment that did is missing
   */
  holding(offset: number): ReadableSegment | undefined {
    const segment = this.#lastFrom(offset);
    if (segment === undefined || segment.base === this.#bases.at(-1)) return segment;
    const end = segment.base + segment.committedCount();
    if (offset < end) return segment;
    this.checkPresent(end);
    return this.#lastFrom(offset);
  }

  /** The last segment that begins at or below `offset`. */
  #lastFrom(offset: number): ReadableSegment | undefined {
    const at = this.#placeBelow(offset);
    return at < 0 ? undefined : this.#segment(at);
  }

  /** Where in the list the last segment is that begins at or below `offset`; or -1. */
  #placeBelow(offset: number): number {
    const bases = this.#bases;
    let low = 0;
    let high = bases.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((bases[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Where in the list the segment of this base is now; or -1. Opening others may change that. */
  #placeOf(base: number): number {
    const at = this.#placeBelow(base);
    return this.#bases[at] === base ? at : -1;
  }

  /** Exclusive bound of what is committed and can be reached: what cannot is in `damage`. */
  committedOffset(): number {
    const newest = this.#newest();
    return newest === undefined
      ? (this.#bases.at(-1) ?? this.startOffset)
      : newest.base + newest.committedCount();
  }

  /** The newest segment; `undefined` in a log without any, or if it cannot be used. */
  #newest(): ReadableSegment | undefined {
    return this.#bases.length === 0 ? undefined : this.#usable(this.#bases.length - 1);
  }

  /** The segment that begins at `base`, if there is one. */
  beginningAt(base: number): ReadableSegment | undefined {
    const at = this.#placeOf(base);
    return at < 0 ? undefined : this.#segment(at);
  }

  /**
   * For an offset at which a segment ends: whether none begins there although later ones exist.
   * @throws {CorruptionError} that names the missing segment
   */
  checkPresent(base: number): void {
    const missing = this.#missingAt(base);
    if (missing !== undefined) throw missing;
  }

  #missingAt(base: number): CorruptionError | undefined {
    // While the directory was listed, segments may have come that the list has only some of.
    if (this.#survey === undefined) this.#relist();
    if (base < this.startOffset || this.#bases.includes(base)) return undefined;
    const next = this.#bases.find((later) => later > base);
    return next === undefined
      ? undefined
      : missingSegment(this.#directory, { from: base, to: next });
  }

  /** Bases of all segments, ascending. */
  get bases(): readonly number[] {
    return this.#bases;
  }

  /** Looks whether the log has grown, or lost old segments. Returns whether anything is new. */
  refresh(): boolean {
    if (this.#hasTakenOver()) {
      const epoch = this.#control.sessionEpoch();
      this.#relist();
      for (const [base, segment] of this.#open) this.#useWords(base, segment);
      this.#survey = undefined;
      this.#epochSeen = epoch;
      return true;
    }
    if (this.#survey !== undefined) return false;
    const newest = this.#newest();
    if (newest !== undefined && !newest.isSealed()) return false;
    return this.#relist();
  }

  /** Names only; for those who must know the start as it is now. */
  relistStart(): number {
    if (this.#survey === undefined) this.#relist();
    return this.startOffset;
  }

  /**
   * What a reader must be told at the end of a log: that it is not the end. Its appender died and left
   * damage there, or the newest segment cannot be used.
   */
  get damage(): CorruptionError | undefined {
    if (this.#survey?.damage !== undefined) return this.#survey.damage;
    return this.#faultAt(this.#bases.at(-1));
  }

  /** Everything that can be known to be damaged without reading frames, oldest first. */
  allDamage(): CorruptionError[] {
    this.refresh();
    this.relistStart();
    const found: CorruptionError[] = [];
    for (const base of this.#bases) {
      const damage = this.#faultAt(base) ?? this.#holeBehind(base);
      if (damage !== undefined) found.push(damage);
    }
    const atEnd = this.#survey?.damage;
    return atEnd === undefined ? found : [...found, atEnd];
  }

  /** Exclusive bound of what is durable. */
  flushedOffset(): number {
    if (this.#survey !== undefined) return this.#survey.durableOffset;
    for (let at = this.#bases.length - 1; at >= 0; at--) {
      const segment = this.#usable(at);
      const count = segment?.flushedCount() ?? 0;
      if (segment !== undefined && count > 0) return segment.base + count;
    }
    return this.startOffset;
  }

  describe(fromOffset: number): SegmentInfo[] {
    this.refresh();
    this.relistStart();
    const bases = this.#bases.slice(Math.max(0, this.#placeBelow(fromOffset)));
    const segments = bases.map((base) => this.#usable(this.#placeOf(base)));
    return segments.filter((segment) => segment !== undefined).map(describeSegment);
  }

  close(): void {
    for (const segment of this.#open.values()) segment.release();
    this.#open.clear();
  }

  /** The appender may have dropped the segment since the directory was listed. */
  #useWords(base: number, segment: ReadableSegment): void {
    try {
      segment.useMappedBounds();
    } catch (error) {
      if (!isMissing(error)) throw error;
      this.#relist();
      if (this.#open.has(base)) throw error;
    }
  }

  #hasTakenOver(): boolean {
    return this.#control.sessionEpoch() !== this.#epochSeen;
  }

  /** Files come and go while an appender recovers, and when it drops; then this begins again. */
  #takeStock(): void {
    for (let attempt = 1; ; attempt++) {
      try {
        this.#epochSeen = this.#control.sessionEpoch();
        this.#startOffset = this.#control.checkpoint().startOffset;
        this.#survey = areWordsTrue(this.#directory)
          ? undefined
          : surveyLog(this.#directory, this.#control);
        this.#bases = [...(this.#survey?.bases ?? this.#listed())];
        if (!this.#hasTakenOver()) return;
      } catch (error) {
        const isInTheWay = isMissing(error) || this.#hasTakenOver();
        if (attempt === OPEN_ATTEMPTS || !isInTheWay) throw error;
      }
    }
  }

  /** A segment below the start is about to be deleted, or was when its appender died. */
  #listed(): number[] {
    const { startOffset } = this.#control.checkpoint();
    return listSegments(this.#directory).filter((base) => base >= startOffset);
  }

  #relist(): boolean {
    const before = this.#bases;
    this.#bases = this.#listed();
    const start = this.startOffset;
    for (const [base, segment] of this.#open) if (base < start) this.#forget(base, segment);
    return before.at(-1) !== this.#bases.at(-1) || before[0] !== this.#bases[0];
  }

  /** `undefined` if the segment has been dropped since the directory was listed. */
  #segment(at: number): ReadableSegment | undefined {
    const base = this.#bases[at] as number;
    const open = this.#open.get(base);
    if (open !== undefined) return open;
    let segment: ReadableSegment;
    try {
      segment = this.#openSegment(at, base);
    } catch (error) {
      if (isMissing(error) && this.#isDropped(base)) return undefined;
      throw error;
    }
    this.#open.set(base, segment);
    if (this.#open.size > MAX_OPEN_SEGMENTS) this.#evict();
    return segment;
  }

  /** As `#segment`, but `undefined` for one that cannot be used, too. */
  #usable(at: number): ReadableSegment | undefined {
    try {
      return this.#bases[at] === undefined ? undefined : this.#segment(at);
    } catch (error) {
      if (error instanceof CorruptionError) return undefined;
      throw error;
    }
  }

  /** Why the segment of this base cannot be used; `undefined` if it can, or is not there. */
  #faultAt(base: number | undefined): CorruptionError | undefined {
    try {
      const at = base === undefined ? -1 : this.#placeOf(base);
      if (at >= 0) this.#segment(at);
      return undefined;
    } catch (error) {
      if (error instanceof CorruptionError) return error;
      throw error;
    }
  }

  /** Set if the segment does not reach up to the next one. */
  #holeBehind(base: number): CorruptionError | undefined {
    const segment = this.#usable(this.#placeOf(base));
    const next = this.#bases[this.#placeBelow(base) + 1];
    if (segment === undefined || next === undefined) return undefined;
    const end = segment.base + segment.committedCount();
    return end < next ? this.#missingAt(end) : undefined;
  }

  /** Whether a segment that is not there lies below the start now. One missing elsewhere is damage. */
  #isDropped(base: number): boolean {
    if (this.#hasTakenOver()) this.refresh();
    else if (this.#survey === undefined) this.#relist();
    return base < this.startOffset;
  }

  #evict(): void {
    const [base, segment] = this.#open.entries().next().value as [number, ReadableSegment];
    this.#forget(base, segment);
  }

  /** Unmapped now, or when its last cursor or view is gone. */
  #forget(base: number, segment: ReadableSegment): void {
    this.#open.delete(base);
    if (segment.indexFault !== undefined) {
      this.#faults.push({ path: segment.indexPath, reason: segment.indexFault });
    }
    segment.release();
  }

  #openSegment(at: number, base: number): ReadableSegment {
    const listed = readListedSegment(this.#directory, base, this.#control.logId, undefined);
    const { header } = listed;
    if (header === undefined) throw this.#unusable(listed);
    const next = this.#bases[at + 1];
    const walked = this.#survey?.walked.find((segment) => segment.header.base === base);
    if (walked !== undefined) {
      return this.#make(header, this.#boundsOf(walked, next !== undefined));
    }
    return next === undefined
      ? this.#make(header, undefined)
      : this.#openSealed(listed, header, next);
  }

  /** The next one may have come since the list was made; without any, only what is durable is known. */
  #unusable(listed: ListedSegment): LogError {
    if (this.#survey === undefined) this.#relist();
    const next = this.#bases.find((later) => later > listed.base);
    return unusableSegment(listed, next ?? this.#control.checkpoint().durableOffset);
  }

  /** A sealed segment's end is known from its successor, so its words need not be believed. */
  #openSealed(listed: ListedSegment, header: SegmentHeader, next: number): ReadableSegment {
    let segment: ReadableSegment | undefined;
    try {
      segment = this.#make(header, undefined);
      if (segment.endsAfter(next - header.base)) {
        if (this.#isDurable(header.base)) segment.settleBounds();
        return segment;
      }
      segment.release();
    } catch (error) {
      segment?.release();
      if (!(error instanceof LogError)) throw error;
      if (error instanceof StorageError && !isMissing(error)) throw error;
    }
    const { missing } = readListedSegment(this.#directory, next, header.logId, listed);
    return this.#make(header, walkBounds(this.#directory, header, missing?.from ?? next));
  }

  /** Whether a segment that is not the last one cannot but be durable, and known by heart. */
  #isDurable(base: number): boolean {
    return this.#survey !== undefined || base < this.#control.checkpoint().segmentBase;
  }

  #make(header: SegmentHeader, found: FoundBounds | undefined): ReadableSegment {
    const path = segmentPath(this.#directory, header.base);
    const index = indexPath(this.#directory, header.base);
    const segment = new ReadableSegment(header, path, index, this.#verify, found);
    if (this.#access !== 'normal') segment.mapping.advise(this.#access);
    return segment;
  }

  #boundsOf(walked: WalkedSegment, sealed: boolean): FoundBounds {
    const { durableOffset } = this.#survey as Survey;
    const { count, endPosition, index } = walked;
    const slot = durableOffset - walked.header.base;
    const flushedPosition =
      slot >= count
        ? endPosition
        : slot <= 0
          ? FIRST_FRAME_AT
          : frameStart(index[FIRST_ENTRY + slot]);
    return { count, endPosition, flushedPosition, sealed };
  }
}

/** Where a frame begins, by the entry of its first record; a gap's entry names the frame itself. */
function frameStart(entry = 0): number {
  return entryPosition(entry) - (entry < 0 ? 0 : FRAME_HEADER_BYTES);
}

function describeSegment(segment: ReadableSegment): SegmentInfo {
  const { header } = segment;
  return {
    path: segment.path,
    baseOffset: segment.base,
    records: segment.committedCount(),
    usedBytes: segment.committedPosition() - FIRST_FRAME_AT,
    sizeBytes: header.sizeBytes,
    indexCapacity: header.indexCapacity,
    sealed: segment.isSealed(),
    createdNs: header.createdNs,
    header: header.application.slice(),
  };
}

/** A segment of the log, as `Reader.segments` describes it. */
export interface SegmentInfo {
  readonly path: string;
  readonly baseOffset: number;
  readonly records: number;
  /** Bytes of its frames. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
  readonly indexCapacity: number;
  readonly sealed: boolean;
  readonly createdNs: bigint;
  /** The application header, as a copy. */
  readonly header: Uint8Array;
}

/** An index file that could not be used. */
export interface IndexFault {
  readonly path: string;
  readonly reason: string;
}

/** Where the frames of a sealed segment end, by walking them; damaged ones are skipped. */
function walkBounds(directory: string, header: SegmentHeader, next: number): FoundBounds {
  const path = segmentPath(directory, header.base);
  const window = new SegmentWindow(path);
  try {
    const seed = segmentSeed(header.logId, header.base);
    const scan = new FrameScan(window, { ...header, seed }, undefined);
    while (scan.next() === FRAME_OK);
    const isWhole = scan.offset === next;
    const endPosition = isWhole ? scan.position : window.lastNonZero(scan.position);
    const end = Math.min(Math.ceil(endPosition / 8) * 8, header.sizeBytes);
    const count = next - header.base;
    return { count, endPosition: end, flushedPosition: end, sealed: true };
  } finally {
    window.close();
  }
}
