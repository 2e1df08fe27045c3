/**
 * Makes a damaged log usable again, keeping every intact frame at its place and its offset. What is
 * lost is replaced by gaps: frames without records that name the lost offsets, so that these are never
 * given to other records, and reading them is an error that says so. Originals go to the `aside`
 * folder; nothing is deleted.
 */
import { linkSync, openSync, renameSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { ControlFile, createControl } from '../control/control-file.js';
import { CorruptionError, LogError, StorageError, storage, type OffsetRange } from '../errors.js';
import {
  FLAG_GAP,
  MIN_FRAME_BYTES,
  publishFrame,
  sealFrame,
  writeGapBody,
} from '../format/frame.js';
import { findFrame } from '../format/frame-scan.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { alignUp } from '../format/integers.js';
import {
  ASIDE_NAME,
  CONTROL_NAME,
  READERS_NAME,
  indexBaseOf,
  segmentBaseOf,
  segmentName,
  temporaryName,
} from '../format/names.js';
import {
  FIRST_FRAME_AT,
  MAX_SEGMENT_BYTES,
  MIN_SEGMENT_BYTES,
  encodeSegmentHeader,
  segmentSeed,
  type SegmentHeader,
} from '../format/segment-header.js';
import {
  allocateFile,
  closeQuietly,
  deleteQuietly,
  isThere,
  syncDirectory,
  syncFile,
  whatIsNoFile,
  writeFully,
} from '../mapping/files.js';
import { AppenderLock } from '../mapping/lock.js';
import {
  asidePath,
  deleteFile,
  indexPath,
  listNames,
  listSegments,
  segmentPath,
  setSegmentAside,
} from '../segment/directory.js';
import { readHeader } from '../segment/segment-list.js';
import { SegmentWindow } from '../segment/segment-window.js';
import { isIndexSound } from './index-check.js';
import { inspectLog, type Damage, type Inspection, type Progress, type Run } from './inspect.js';
import { nowNs, recoverLog, type RecoveryReport } from './recover.js';

/** What `repairLog` found and did. */
export interface RepairReport {
  readonly damage: readonly Damage[];
  /** Offsets whose records are gone. Empty if nothing was. */
  readonly lost: readonly OffsetRange[];
  /** Where the originals of everything that was rewritten are. */
  readonly setAside: readonly string[];
  /** Segments that were written anew. */
  readonly rewritten: readonly string[];
  /** What recovery did afterwards. */
  readonly recovery: RecoveryReport;
}

export interface RepairOptions {
  /** Called as the log is read. */
  readonly onProgress?: Progress;
}

/**
 * Repairs a log that nobody has open for appending. Idempotent; on a log without damage it only
 * recovers what a crash has left, and makes damaged indexes anew. Readers that have the log open keep what they have mapped, and should
 * be opened anew.
 *
 * @throws {LogLockedError}
 * @throws {LogError} `NOT_A_LOG`: neither a control page nor any segment is there
 * @throws {UnsupportedVersionError} nothing was changed
 * @throws {StorageError}
 */
export function repairLog(path: string, options: RepairOptions = {}): RepairReport {
  const directory = resolve(path);
  const segments = isThere(directory) ? listSegments(directory) : [];
  if (segments.length === 0) ControlFile.open(directory, 'read').close();
  const lock = AppenderLock.acquire(directory);
  try {
    return new Repair(directory, options.onProgress ?? (() => {})).run();
  } finally {
    lock.release();
  }
}

/** Ends the names of segments on their way to their own, in the folder of what was set aside. */
const MISPLACED_SUFFIX = '.misplaced';

class Repair {
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #label = `damaged-${randomBytes(4).toString('hex')}`;
  readonly #setAside: string[] = [];
  readonly #rewritten: string[] = [];

  constructor(directory: string, progress: Progress) {
    this.#directory = directory;
    this.#progress = progress;
  }

  run(): RepairReport {
    this.#takeOutWhatIsNoFile();
    const control = this.#openControl();
    try {
      this.#restoreNames(control.logId);
      const found = this.#inspectWithoutStrays(control);
      if (found.damage.length > 0) this.#mend(found, control);
      else this.#dropDamagedIndexes(found);
      const recovered = recoverLog(this.#directory, control, {
        epoch: randomBytes(4).readUInt32LE(),
        timeNs: nowNs(),
      });
      recovered.active?.close();
      return {
        damage: found.damage,
        lost: found.damage.flatMap(({ lost }) => (lost === undefined ? [] : [lost])),
        setAside: this.#setAside,
        rewritten: this.#rewritten,
        recovery: recovered.report,
      };
    } finally {
      control.close();
    }
  }

  /** Directories, pipes and links to nothing, at names that are those of files: these are missing then. */
  #takeOutWhatIsNoFile(): void {
    const names = listNames(this.#directory).filter(isFileOfLog);
    for (const name of names) {
      const path = join(this.#directory, name);
      if (whatIsNoFile(path) === undefined) continue;
      const target = asidePath(this.#directory, `${name}.${this.#label}`);
      storage('set aside', path, () => renameSync(path, target));
      syncDirectory(this.#directory);
      this.#setAside.push(target);
    }
  }

  /**
   * A file that bears a segment's name, is none of this log, and whose offset lies among records that
   * another segment holds, has strayed in here. It would cut that segment in two.
   */
  #inspectWithoutStrays(control: ControlFile): Inspection {
    const found = inspectLog(this.#directory, control, this.#progress);
    const strays = found.listed.filter(({ base, header }) => {
      return (
        header === undefined && found.runs.some((run) => run.offset < base && base < run.endOffset)
      );
    });
    if (strays.length === 0) return found;
    for (const { base } of strays) {
      this.#setAside.push(setSegmentAside(this.#directory, base, this.#label));
    }
    return inspectLog(this.#directory, control, this.#progress);
  }

  /** A control page that is missing, damaged, or of another log is built anew from the segments. */
  #openControl(): ControlFile {
    let control: ControlFile | undefined;
    try {
      control = ControlFile.open(this.#directory, 'write');
      control.checkpoint();
      const ids = this.#logIdsOfSegments();
      if (ids.length === 0 || ids.includes(control.logId)) return control;
      // By that page no segment would be of this log, and all of them be taken for damaged.
      control.close();
    } catch (error) {
      control?.close();
      if (!(error instanceof LogError) || !['CORRUPTION', 'NOT_A_LOG'].includes(error.code)) {
        throw error;
      }
    }
    const [logId] = this.#logIdsOfSegments();
    if (logId === undefined) {
      throw new CorruptionError(this.#directory, 0, 'a readable segment header', 'none');
    }
    this.#keepOriginal(CONTROL_NAME);
    // With its start from the first: one that said 0, and stayed, would make dropped records lost ones.
    createControl(this.#directory, logId, nowNs(), listSegments(this.#directory)[0]);
    return ControlFile.open(this.#directory, 'write');
  }

  /**
   * Segments that bear each other's names get their own back. Headers know, unless the header is what
   * went astray: frames are sealed with the base of their segment.
   */
  #restoreNames(logId: LogId): void {
    for (const name of listSegments(this.#directory)) {
      const path = segmentPath(this.#directory, name);
      const base = baseByHeader(path, logId);
      if (base === undefined || base === name || holdsFramesOf(path, logId, name)) continue;
      // Not a temporary name: those are deleted at the next opening.
      const aside = `${segmentName(name)}.${this.#label}${MISPLACED_SUFFIX}`;
      storage('rename', path, () => renameSync(path, asidePath(this.#directory, aside)));
      deleteFile(indexPath(this.#directory, name));
    }
    this.#putBack(logId);
  }

  /** Also what a repair has left that died between taking segments out and putting them back. */
  #putBack(logId: LogId): void {
    const folder = join(this.#directory, ASIDE_NAME);
    if (!isThere(folder)) return;
    const misplaced = listNames(folder).filter((name) => name.endsWith(MISPLACED_SUFFIX));
    for (const name of misplaced) {
      const from = join(folder, name);
      const base = baseByHeader(from, logId);
      if (base === undefined) continue;
      const taken = isThere(segmentPath(this.#directory, base));
      const path = taken
        ? join(folder, name.slice(0, -MISPLACED_SUFFIX.length))
        : segmentPath(this.#directory, base);
      storage('rename to', path, () => renameSync(from, path));
      if (taken) this.#setAside.push(path);
    }
    if (misplaced.length > 0) syncDirectory(this.#directory);
  }

  /** As far as headers can be read, oldest first. */
  #logIdsOfSegments(): LogId[] {
    return listSegments(this.#directory).flatMap((base) => {
      try {
        return [readHeader(segmentPath(this.#directory, base)).logId];
      } catch (error) {
        // A disk that cannot deliver a header now has not lost it.
        if (!(error instanceof LogError) || error instanceof StorageError) throw error;
        return [];
      }
    });
  }

  #mend(found: Inspection, control: ControlFile): void {
    const { startOffset } = found.checkpoint;
    let chain = 0;
    for (const piece of pieces(found)) {
      if (piece.isDamaged) chain = this.#rewrite(piece, chain, control.logId, found);
      else chain = piece.runs.at(-1)?.chainCrc ?? chain;
    }
    syncDirectory(this.#directory);
    // Everything is walked once more, by recovery, which also builds the indexes.
    control.writeCheckpoint({
      clean: false,
      durableOffset: found.durableOffset,
      segmentBase: startOffset,
    });
  }

  /**
   * Writes one segment anew: its intact frames where they were, gaps between them. Takes the chain value
   * of what precedes it and returns its own.
   */
  #rewrite(piece: Piece, chain: number, logId: LogId, found: Inspection): number {
    const header = this.#headerFor(piece, logId, found);
    const path = segmentPath(this.#directory, piece.base);
    const temporary = join(this.#directory, temporaryName(segmentName(piece.base)));
    deleteFile(temporary);
    const fd = storage('create', temporary, () => openSync(temporary, 'wx+', 0o644));
    let ownChain: number;
    try {
      allocateFile(fd, header.sizeBytes, temporary);
      writeFully(fd, encodeSegmentHeader(header), 0, temporary);
      ownChain = copyFrames(piece, header, chain, { fd, path: temporary });
      syncFile(fd, temporary);
    } catch (error) {
      deleteQuietly(temporary);
      throw error;
    } finally {
      closeQuietly(fd);
    }
    this.#keepOriginal(segmentName(piece.base));
    storage('rename to', path, () => renameSync(temporary, path));
    deleteFile(indexPath(this.#directory, piece.base));
    this.#rewritten.push(path);
    return ownChain;
  }

  #headerFor(piece: Piece, logId: LogId, found: Inspection): SegmentHeader {
    const { header } = piece;
    const records = piece.end - piece.base;
    if (header !== undefined && records <= header.indexCapacity) {
      return { ...header, previousBase: piece.previousBase };
    }
    const like = header ?? found.listed.find((listed) => listed.header !== undefined)?.header;
    const used = Math.max(...piece.runs.map(({ endPosition }) => endPosition), records * 8);
    const sizeBytes = Math.max(like?.sizeBytes ?? MIN_SEGMENT_BYTES, alignUp(used, PAGE_BYTES));
    return {
      logId,
      base: piece.base,
      previousBase: piece.previousBase,
      sizeBytes: Math.min(sizeBytes + PAGE_BYTES, MAX_SEGMENT_BYTES),
      indexCapacity: Math.max(like?.indexCapacity ?? 1, records),
      createdNs: nowNs(),
      application: like?.application ?? new Uint8Array(0),
    };
  }

  /**
   * Recovery makes those anew that are missing, and those of segments that it walks. It has no reason to
   * look at others, and readers would rebuild them in memory for ever.
   */
  #dropDamagedIndexes({ listed, checkpoint }: Inspection): void {
    for (const [i, { base, header }] of listed.entries()) {
      const isWalked = !checkpoint.clean && base >= checkpoint.segmentBase;
      if (isWalked || header === undefined) continue;
      if (isIndexSound(this.#directory, header, i < listed.length - 1)) continue;
      deleteFile(indexPath(this.#directory, base));
    }
  }

  /** A second name for the original, in the folder of what was set aside. */
  #keepOriginal(name: string): void {
    const target = asidePath(this.#directory, `${name}.${this.#label}`);
    try {
      storage('set aside', target, () => linkSync(join(this.#directory, name), target));
    } catch (error) {
      if (error instanceof LogError && 'errno' in error && error.errno === 'ENOENT') return;
      throw error;
    }
    syncDirectory(join(this.#directory, ASIDE_NAME));
    this.#setAside.push(target);
  }
}

function isFileOfLog(name: string): boolean {
  if (name === CONTROL_NAME || name === READERS_NAME) return true;
  return (segmentBaseOf(name) ?? indexBaseOf(name)) !== undefined;
}

/** Base offset that a segment of this log names in its header; `undefined` if it cannot be told. */
function baseByHeader(path: string, logId: LogId): number | undefined {
  try {
    const header = readHeader(path);
    return header.logId === logId ? header.base : undefined;
  } catch (error) {
    if (error instanceof StorageError || !(error instanceof LogError)) throw error;
    return undefined;
  }
}

function holdsFramesOf(path: string, logId: LogId, base: number): boolean {
  const window = new SegmentWindow(path);
  try {
    return findFrame(window, FIRST_FRAME_AT, segmentSeed(logId, base)) !== undefined;
  } finally {
    window.close();
  }
}

/** One segment as it is to be: from its base to the next one's. */
interface Piece {
  readonly base: number;
  readonly previousBase: number;
  readonly end: number;
  readonly runs: readonly Run[];
  readonly header: SegmentHeader | undefined;
  readonly isDamaged: boolean;
  /** Nothing of the log follows but a torn tail. */
  readonly isLast: boolean;
  /** What the first frame behind this segment names as its predecessor, or will name. */
  readonly resumesAt: number;
}

/** The segments that the log consists of after the repair, those that are missing included. */
function pieces(found: Inspection): Piece[] {
  const bases = pieceBases(found);
  const { clean, chainCrc } = found.checkpoint;
  // As long as the checkpoint says that the log was closed, it says what the next frame will name.
  const chainAtEnd = clean ? chainCrc : 0;
  return bases.map((base, i) => {
    const end = bases[i + 1] ?? found.endOffset;
    const runs = found.runs.filter(({ offset }) => offset >= base && offset < end);
    const header = found.listed.find((segment) => segment.base === base)?.header;
    // What precedes the first segment has been dropped, and is as its header says.
    const previousBase = bases[i - 1] ?? header?.previousBase ?? base;
    return {
      base,
      previousBase,
      end,
      runs,
      header,
      isDamaged: header?.previousBase !== previousBase || !isWhole(runs, base, end),
      isLast: i === bases.length - 1,
      resumesAt: found.runs.find(({ offset }) => offset >= end)?.previousCrc ?? chainAtEnd,
    };
  });
}

/**
 * Bases of the segments that are there, of those that these name as the ones before them, and of one for
 * every hole that fits none of them.
 */
function pieceBases({ listed, runs, checkpoint, endOffset }: Inspection): number[] {
  const { startOffset } = checkpoint;
  const named = listed.flatMap(({ header }) => (header === undefined ? [] : [header.previousBase]));
  const known = [...named, ...listed.map(({ base }) => base)];
  const inside = known.filter((base) => base > startOffset && base < endOffset);
  const bases = [...new Set([startOffset, ...inside])].sort((a, b) => a - b);
  const added = bases.flatMap((base, i) => {
    const end = bases[i + 1] ?? endOffset;
    const last = runs.findLast(({ offset }) => offset >= base && offset < end);
    const header = listed.find((segment) => segment.base === base)?.header;
    if (last === undefined || header === undefined || last.endOffset === end) return [];
    const fits =
      end - base <= header.indexCapacity && last.endPosition + MIN_FRAME_BYTES <= header.sizeBytes;
    return fits ? [] : [last.endOffset];
  });
  return [...bases, ...added].sort((a, b) => a - b);
}

function isWhole(runs: readonly Run[], base: number, end: number): boolean {
  let offset = base;
  for (const run of runs) {
    if (run.offset !== offset) return false;
    offset = run.endOffset;
  }
  return offset === end;
}

interface Hole {
  readonly position: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

interface Target {
  readonly fd: number;
  readonly path: string;
}

/** Writes the frames of a segment, and gaps where there are none. Returns the chain value at its end. */
function copyFrames(piece: Piece, header: SegmentHeader, before: number, target: Target): number {
  let offset = piece.base;
  let position = FIRST_FRAME_AT;
  let chain = before;
  let timeNs = 0n;
  const fillGap = (to: number, end: number, resumesAt: number): void => {
    const gap = makeGap(header, { position, end, from: offset, to }, { chain, resumesAt, timeNs });
    writeFully(target.fd, gap, position, target.path);
    chain = resumesAt;
  };
  for (const run of piece.runs) {
    if (run.offset > offset) fillGap(run.offset, run.position, run.previousCrc);
    copyRun(run, target);
    ({ endOffset: offset, endPosition: position, chainCrc: chain, timeNs } = run);
  }
  const last = piece.runs.at(-1);
  if (piece.end > offset) fillGap(piece.end, position + MIN_FRAME_BYTES, piece.resumesAt);
  else if (piece.isLast && last !== undefined) copyTail(last, target);
  return chain;
}

function makeGap(
  header: SegmentHeader,
  hole: Hole,
  link: { chain: number; resumesAt: number; timeNs: bigint },
): Uint8Array {
  const length = hole.end - hole.position;
  const words = new Int32Array(length / 4);
  writeGapBody(words, 0, link.resumesAt);
  const fields = {
    base: hole.from,
    count: hole.to - hole.from,
    timeLow: Number(BigInt.asIntN(32, link.timeNs)),
    timeHigh: Number(BigInt.asIntN(32, link.timeNs >> 32n)),
    epoch: 0,
    previousCrc: link.chain,
    flushed: 0,
    flags: FLAG_GAP,
  };
  sealFrame(words, 0, hole.position, length, fields, segmentSeed(header.logId, header.base));
  publishFrame(words, 0, length);
  return new Uint8Array(words.buffer);
}

const COPY_BYTES = 1024 * 1024;

function copyRun({ segment, position, endPosition }: Run, target: Target): void {
  const window = new SegmentWindow(segment.path);
  try {
    copyRange(window, position, endPosition, target);
  } finally {
    window.close();
  }
}

/** What lies behind the last frame of the log: for recovery to cut off, keep and report. */
function copyTail({ segment, endPosition }: Run, target: Target): void {
  const window = new SegmentWindow(segment.path);
  try {
    copyRange(window, endPosition, window.lastNonZero(endPosition), target);
  } finally {
    window.close();
  }
}

function copyRange(window: SegmentWindow, from: number, to: number, target: Target): void {
  for (let at = from; at < to; at += COPY_BYTES) {
    const length = Math.min(COPY_BYTES, to - at);
    const start = window.load(at, length);
    writeFully(target.fd, window.bytes.subarray(start, start + length), at, target.path);
  }
}
