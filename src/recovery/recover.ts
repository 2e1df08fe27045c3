/**
 * Brings a log that was not closed back to a state that an appender can go on from. Every step can be
 * interrupted and begun again:
 *
 * 1. survey (no change); damage below the durable bound stops here, with nothing changed;
 * 2. salvage the records of the open frame, if the page cache is the one they were stored in;
 * 3. copy the torn tail aside, set later segments aside, zero what is behind the tail, sync: only then
 *    may anything be appended, or old frames could come back to life behind new ones;
 * 4. store every byte from the durable bound on again and sync it: the page cache may hold it clean
 *    after a write-back that failed, and descriptors opened later are not told;
 * 5. rebuild index and words.
 */
import { openSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { ControlFile } from '../control/control-file.js';
import { storage } from '../errors.js';
import {
  FLAG_SALVAGED,
  FRAME_HEADER_BYTES,
  FRAME_OK,
  buildIndex,
  measureOpenFrame,
  publishFrame,
  sealFrame,
} from '../format/frame.js';
import {
  COMMITTED_COUNT,
  COMMITTED_POSITION,
  FIRST_ENTRY,
  FLUSHED_POSITION,
  SEALED,
  entryPosition,
} from '../format/index-header.js';
import { FrameScan } from '../format/frame-scan.js';
import { ASIDE_NAME, indexName } from '../format/names.js';
import { FIRST_FRAME_AT, segmentSeed, type SegmentHeader } from '../format/segment-header.js';
import {
  clearRange,
  closeQuietly,
  syncDirectory,
  syncFile,
  writeFully,
  deleteQuietly,
} from '../mapping/files.js';
import {
  asidePath,
  deleteLeftovers,
  deleteTemporaries,
  listNames,
  segmentPath,
  setSegmentAside,
} from '../segment/directory.js';
import { SegmentWindow } from '../segment/segment-window.js';
import { WritableSegment } from '../segment/writable-segment.js';
import { ResidencyBeforeReading } from './residency.js';
import { surveyLog, type Survey, type Tail, type WalkedSegment } from './survey.js';

/** What opening a log for appending found and did. */
export interface RecoveryReport {
  /**
   * `created`: there was no log. `clean`: the log had been closed. `recovered`: it had not, and has
   * been walked; the other fields say what was found.
   */
  readonly outcome: 'created' | 'clean' | 'recovered';
  /** Records that had been appended but not committed when their appender died, and are kept. */
  readonly salvagedRecords: number;
  /** What lay behind the last valid frame and was truncated; the original bytes are at `copiedTo`. */
  readonly tornTail: TornTail | undefined;
  /** Paths to which segments were moved that did not follow from the log's end. */
  readonly setAside: readonly string[];
  /** Index files that were missing or of nonsense, and were created anew. */
  readonly rebuiltIndexes: readonly string[];
  /** Frames walked, in bytes. */
  readonly walkedBytes: number;
}

export interface TornTail {
  readonly path: string;
  readonly position: number;
  readonly lengthBytes: number;
  readonly copiedTo: string;
}

export interface RecoveredLog {
  /** The segment that holds the tail; `undefined` in a log without segments. */
  readonly active: WritableSegment | undefined;
  readonly tail: Tail;
  readonly report: RecoveryReport;
}

/** What a salvaged frame is stamped with. */
export interface SalvageStamp {
  readonly epoch: number;
  readonly timeNs: bigint;
}

/**
 * @throws {CorruptionError} valid data below the durable bound is missing; nothing was changed
 */
export function recoverLog(
  directory: string,
  control: ControlFile,
  stamp: SalvageStamp,
): RecoveredLog {
  const residency = ResidencyBeforeReading.take(directory, control.session());
  const survey = surveyLog(directory, control);
  const damage = survey.lost ?? survey.damage;
  if (damage !== undefined) throw damage;
  deleteTemporaries(directory);
  deleteLeftovers(directory, survey.checkpoint.startOffset, () => {
    // The start may be in the page cache only, of an appender that died while it was written. On a disk
    // that knows an older one, segments would be missing. A new checkpoint: a page that could not be
    // written counts as written.
    control.writeCheckpointTwice({});
  });
  const last = survey.segments.at(-1);
  const recovery = new Recovery(directory, survey, stamp);
  if (last === undefined) return recovery.withoutSegments();
  return recovery.withTail(last, residency);
}

class Recovery {
  readonly #directory: string;
  readonly #survey: Survey;
  readonly #stamp: SalvageStamp;
  readonly #rebuiltIndexes: string[] = [];
  #setAside: string[] = [];

  constructor(directory: string, survey: Survey, stamp: SalvageStamp) {
    this.#directory = directory;
    this.#survey = survey;
    this.#stamp = stamp;
  }

  withoutSegments(): RecoveredLog {
    this.#setLaterSegmentsAside();
    return { active: undefined, tail: this.#survey.tail, report: this.#report(0, undefined) };
  }

  withTail(header: SegmentHeader, residency: ResidencyBeforeReading): RecoveredLog {
    const { segment, indexIsNew } = WritableSegment.open(this.#directory, header);
    try {
      this.#createMissingIndexes();
      if (this.#survey.walked.length === 0) {
        return { active: segment, tail: this.#survey.tail, report: this.#report(0, undefined) };
      }
      if (indexIsNew) this.#rebuiltIndexes.push(segment.indexPath);
      const salvage = this.#salvage(segment, residency);
      const tornTail = this.#truncate(segment, salvage.tail);
      this.#storeAgain(segment, salvage.tail);
      this.#rebuildIndexes(segment, salvage.tail);
      syncDirectory(this.#directory);
      return {
        active: segment,
        tail: salvage.tail,
        report: this.#report(salvage.records, tornTail),
      };
    } catch (error) {
      segment.close();
      throw error;
    }
  }

  #report(salvagedRecords: number, tornTail: TornTail | undefined): RecoveryReport {
    const { walked, checkpoint } = this.#survey;
    return {
      outcome: walked.length === 0 && checkpoint.clean ? 'clean' : 'recovered',
      salvagedRecords,
      tornTail,
      setAside: this.#setAside,
      rebuiltIndexes: this.#rebuiltIndexes,
      walkedBytes: walked.reduce((sum, { endPosition }) => sum + endPosition - FIRST_FRAME_AT, 0),
    };
  }

  /** Seals a frame over the records of the open one. The frame is written like any other. */
  #salvage(
    segment: WritableSegment,
    residency: ResidencyBeforeReading,
  ): { tail: Tail; records: number } {
    const { tail, durableOffset } = this.#survey;
    const at = tail.position;
    const limit = residency.residentUpTo(segment.base, at, segment.header.sizeBytes);
    if (limit < at + FRAME_HEADER_BYTES) return { tail, records: 0 };
    // A frame that was published and does not check out is damage; sealing it anew would hide that.
    if (segment.words[at >> 2] !== 0) return { tail, records: 0 };
    const capacity = segment.header.indexCapacity - (tail.offset - tail.base);
    const open = measureOpenFrame(segment.words, at, limit);
    // The walk must have been stopped by a word, not by a page whose content cannot be vouched for.
    const stoppedInMemory = at + open.length + 8 <= limit || limit === segment.header.sizeBytes;
    if (open.count === 0 || open.count > capacity || !stoppedInMemory) return { tail, records: 0 };
    const timeNs = this.#stamp.timeNs > tail.timeNs ? this.#stamp.timeNs : tail.timeNs;
    const fields = {
      base: tail.offset,
      count: open.count,
      timeLow: Number(BigInt.asIntN(32, timeNs)),
      timeHigh: Number(BigInt.asIntN(32, timeNs >> 32n)),
      epoch: this.#stamp.epoch,
      previousCrc: tail.chainCrc,
      flushed: durableOffset,
      flags: FLAG_SALVAGED,
    };
    const crc = sealFrame(segment.words, at, at, open.length, fields, segment.seed);
    // As in every commit: what comes behind has no records. A reservation that was open may have left
    // what looks like one, and if this ends before the truncation, the next recovery would salvage it.
    const next = at + open.length + FRAME_HEADER_BYTES;
    if (next < segment.header.sizeBytes) segment.words[next >> 2] = 0;
    publishFrame(segment.words, at, open.length);
    const walked = this.#survey.walked.at(-1) as WalkedSegment;
    const entry = FIRST_ENTRY + (tail.offset - tail.base);
    buildIndex(segment.words, at, at, walked.index, entry);
    return {
      tail: {
        base: tail.base,
        position: at + open.length,
        offset: tail.offset + open.count,
        chainCrc: crc,
        timeNs,
      },
      records: open.count,
    };
  }

  /** Everything behind the tail goes, after a copy of it is safe. */
  #truncate(segment: WritableSegment, tail: Tail): TornTail | undefined {
    this.#setLaterSegmentsAside();
    const from = tail.position;
    const lengthBytes = this.#survey.tornEnd - from;
    if (lengthBytes <= 0 && !this.#hasCopyOf(segment, from)) return undefined;
    const copiedTo = lengthBytes > 0 ? this.#copyAside(segment, from, lengthBytes) : undefined;
    clearRange(segment.fd, from, segment.header.sizeBytes - from, segment.path);
    syncFile(segment.fd, segment.path);
    if (copiedTo === undefined) return undefined;
    return { path: segment.path, position: from, lengthBytes, copiedTo };
  }

  /**
   * Whether an earlier recovery has truncated here. It may have ended because the sync of its zeros
   * failed: then the page cache shows zeros that the disk does not have, and holds them for clean.
   */
  #hasCopyOf(segment: WritableSegment, from: number): boolean {
    if (!listNames(this.#directory).includes(ASIDE_NAME)) return false;
    const copies = listNames(join(this.#directory, ASIDE_NAME));
    return copies.some((name) => name.startsWith(`${basename(segment.path)}.torn-${from}-`));
  }

  #setLaterSegmentsAside(): void {
    const label = `stray-${this.#stamp.epoch}`;
    this.#setAside = this.#survey.beyond.map((base) =>
      setSegmentAside(this.#directory, base, label),
    );
  }

  #copyAside(segment: WritableSegment, from: number, length: number): string {
    const name = `${basename(segment.path)}.torn-${from}-${this.#stamp.epoch}`;
    const path = asidePath(this.#directory, name);
    const fd = storage('create', path, () => openSync(path, 'w'));
    let window: SegmentWindow | undefined;
    try {
      window = new SegmentWindow(segment.path);
      copyRange(window, from, from + length, (bytes, at) => writeFully(fd, bytes, at - from, path));
      syncFile(fd, path);
    } catch (error) {
      // Half a copy is none; on a full disk it would take what room comes back, at every attempt.
      deleteQuietly(path);
      throw error;
    } finally {
      window?.close();
      closeQuietly(fd);
    }
    syncDirectory(asidePath(this.#directory, '.'));
    return path;
  }

  #storeAgain(active: WritableSegment, tail: Tail): void {
    for (const walked of this.#survey.walked) {
      const isActive = walked.header.base === active.base;
      const end = isActive ? tail.position : walked.endPosition;
      const from = this.#firstUndurable(walked, end);
      if (isActive) storeRangeAgain(active.fd, active.path, from, end);
      else withDescriptor(walked.path, (fd) => storeRangeAgain(fd, walked.path, from, end));
    }
  }

  /** Position of the frame that the durable bound lies at; the bound is always a frame's. */
  #firstUndurable(walked: WalkedSegment, end: number): number {
    const slot = this.#survey.durableOffset - walked.header.base;
    if (slot <= 0) return 0;
    const entry = walked.index[FIRST_ENTRY + slot] ?? 0;
    // Entries reach to the end of what was salvaged, too.
    if (entry === 0) return end;
    return Math.max(0, entryPosition(entry) - FRAME_HEADER_BYTES);
  }

  /** Sealed segments that were not walked, and whose index is gone: one listing tells. */
  #createMissingIndexes(): void {
    const present = new Set(listNames(this.#directory));
    const walked = new Set(this.#survey.walked.map(({ header }) => header.base));
    for (const header of this.#survey.segments.slice(0, -1)) {
      if (present.has(indexName(header.base)) || walked.has(header.base)) continue;
      const segment = walkSegment(header, segmentPath(this.#directory, header.base));
      this.#fillSealed(header, segment);
    }
  }

  #fillSealed(header: SegmentHeader, { index, count, endPosition }: WalkedSegment): void {
    const { segment, indexIsNew } = WritableSegment.open(this.#directory, header);
    try {
      if (indexIsNew) this.#rebuiltIndexes.push(segment.indexPath);
      fillIndex(segment, index, count, endPosition, 1);
      syncFile(segment.indexFd, segment.indexPath);
    } finally {
      segment.close();
    }
  }

  #rebuildIndexes(active: WritableSegment, tail: Tail): void {
    for (const walked of this.#survey.walked) {
      if (walked.header.base === active.base) continue;
      this.#fillSealed(walked.header, walked);
    }
    const { index } = this.#survey.walked.at(-1) as WalkedSegment;
    fillIndex(active, index, tail.offset - tail.base, tail.position, 0);
    syncFile(active.indexFd, active.indexPath);
  }
}

/**
 * Entries first, then the words. Words never go back: a reader that followed the dead appender has
 * seen no more than what the walk found again.
 */
function fillIndex(
  segment: WritableSegment,
  rebuilt: Int32Array,
  count: number,
  end: number,
  sealed: 0 | 1,
): void {
  const { index } = segment;
  segment.makeEntriesResident(0, count);
  index.set(rebuilt.subarray(FIRST_ENTRY, FIRST_ENTRY + count), FIRST_ENTRY);
  Atomics.store(index, COMMITTED_POSITION, end / 8);
  Atomics.store(index, COMMITTED_COUNT, count);
  Atomics.store(index, SEALED, sealed);
  Atomics.store(index, FLUSHED_POSITION, end / 8);
}

function storeRangeAgain(fd: number, path: string, from: number, end: number): void {
  if (from < end) {
    const window = new SegmentWindow(path);
    try {
      copyRange(window, from & ~7, end, (bytes, at) => writeFully(fd, bytes, at, path));
    } finally {
      window.close();
    }
  }
  syncFile(fd, path);
}

function withDescriptor(path: string, use: (fd: number) => void): void {
  const fd = storage('open', path, () => openSync(path, 'r+'));
  try {
    use(fd);
  } finally {
    closeQuietly(fd);
  }
}

function walkSegment(header: SegmentHeader, path: string): WalkedSegment {
  const window = new SegmentWindow(path);
  try {
    const seed = segmentSeed(header.logId, header.base);
    const scan = new FrameScan(window, { ...header, seed }, undefined);
    while (scan.next() === FRAME_OK);
    const { count, position, index } = scan;
    return { header, path, count, endPosition: position, index };
  } finally {
    window.close();
  }
}

const COPY_BYTES = 1024 * 1024;

function copyRange(
  window: SegmentWindow,
  from: number,
  to: number,
  write: (bytes: Uint8Array, position: number) => void,
): void {
  for (let position = from; position < to; position += COPY_BYTES) {
    const length = Math.min(COPY_BYTES, to - position);
    const at = window.load(position, length);
    write(window.bytes.subarray(at, at + length), position);
  }
}

/** Time now, as frames carry it. */
export function nowNs(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
