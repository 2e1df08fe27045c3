/**
 * What is right for a damaged log, from its bytes alone: the rules of FORMAT.md §7.3 and §9 over what the
 * second reader finds. By kind of place:
 *
 * | changed                                | what is right                                                   |
 * | -------------------------------------- | --------------------------------------------------------------- |
 * | a frame: any field, record or padding  | its records are a `CorruptionError`, all others are read; where |
 * |                                        | the log is walked, it ends there: torn at or above D, damaged   |
 * |                                        | below. Repair: a gap for its offsets, every other frame kept    |
 * | a segment's header page, used or not   | the offsets of the segment are a `CorruptionError`; repair      |
 * |                                        | loses nothing                                                   |
 * | zeros behind the last frame            | nothing; behind the tail of a log that died: a torn tail        |
 * | an index: header, words, entries, rest | nothing but a rebuild                                           |
 * | control: its first sector              | nothing opens; repair loses nothing                             |
 * | control: a checkpoint slot             | the older one is believed: nothing is lost, D may be lower, and |
 * |                                        | a log that was closed is walked                                 |
 * | control: session, bells, epoch, rest   | nothing                                                         |
 * | readers page, LOCK                     | nothing                                                         |
 *
 * "Nothing" is to say: every record is read, verification finds the log intact, an appender goes on at
 * its end.
 */
import { Buffer } from 'node:buffer';
import type { Image } from './images.js';
import {
  PAGE,
  WORD_PLACES,
  checkpointOf,
  identityOf,
  indexName,
  segmentName,
  type Files,
  type SecondCheckpoint,
  type SecondFrame,
} from './second-reader.js';

export interface Range {
  readonly from: number;
  readonly to: number;
}

export interface Expectation {
  /** Names of the files that differ from the image. */
  readonly changed: ReadonlySet<string>;
  /** `undefined`: nothing opens the log but repair. */
  readonly checkpoint: SecondCheckpoint | undefined;
  /** Bases of segments that cannot be used, for their header or their size. */
  readonly unusable: ReadonlySet<number>;
  readonly intact: ReadonlySet<SecondFrame>;
  /** How readers and recovery may see it; both where the rule leaves it open. */
  readonly views: readonly View[];
  /** As verification and repair see it. */
  readonly whole: Whole;
}

/** How a log looks to those who open it. */
export interface View {
  /** By walking, or as its clean close says. */
  readonly isWalked: boolean;
  /** Behind the last record that is reached. */
  readonly tail: number;
  /** Exclusive bound of what was durable, as far as can be known. */
  readonly durable: number;
  /** Whether an appender may go on. */
  readonly isOpenable: boolean;
}

export interface Whole {
  readonly end: number;
  /** Ranges of offsets that are lost below the end. */
  readonly lost: readonly Range[];
  readonly isIntact: boolean;
}

export function expectationOf(image: Image, files: Files): Expectation {
  const names = [...image.files.keys()];
  const isSame = (name: string): boolean =>
    files.get(name)?.equals(image.files.get(name) as Buffer) ?? false;
  const changed = new Set(names.filter((name) => !isSame(name)));
  const control = files.get('control') ?? Buffer.alloc(0);
  const isControlSound =
    control.length >= PAGE && identityOf(control, 'STRATCTL', 512) === image.logId;
  const checkpoint = isControlSound ? checkpointOf(control) : undefined;
  const unusable = new Set(image.bases.filter((base) => !isUsable(image, files, base)));
  const intact = new Set(image.frames.filter((frame) => isIntact(image, files, frame)));
  const known = { image, unusable, intact };
  return {
    changed,
    checkpoint,
    unusable,
    intact,
    views: checkpoint === undefined ? [] : viewsOf(known, checkpoint, files),
    whole: wholeOf(known, checkpoint),
  };
}

interface Known {
  readonly image: Image;
  readonly unusable: ReadonlySet<number>;
  readonly intact: ReadonlySet<SecondFrame>;
}

function isUsable(image: Image, files: Files, base: number): boolean {
  const before = image.files.get(segmentName(base)) as Buffer;
  const now = files.get(segmentName(base));
  return (
    now !== undefined &&
    now.length === before.length &&
    now.subarray(0, PAGE).equals(before.subarray(0, PAGE))
  );
}

function isIntact(image: Image, files: Files, frame: SecondFrame): boolean {
  const name = segmentName(frame.segment);
  const now = files.get(name);
  const end = frame.position + frame.length;
  if (now === undefined || now.length < end) return false;
  const before = image.files.get(name) as Buffer;
  return before.compare(now, frame.position, end, frame.position, end) === 0;
}

function viewsOf(known: Known, checkpoint: SecondCheckpoint, files: Files): View[] {
  const walked = walkedView(known, checkpoint);
  if (!checkpoint.clean) return [walked];
  const { image, unusable } = known;
  const last = image.bases.at(-1) as number;
  const clean: View = {
    isWalked: false,
    tail: image.end,
    durable: image.end,
    isOpenable: unusable.size === 0,
  };
  if (unusable.has(last)) return [walked];
  return isEndUntouched(image, files) ? [clean] : [clean, walked];
}

/** Nothing has changed of what is compared with the checkpoint of a clean close. */
function isEndUntouched({ files: before, bases, frames, checkpoint }: Image, now: Files): boolean {
  const base = bases.at(-1) as number;
  const last = frames.at(-1) as SecondFrame;
  const isSame = (name: string, from: number, to: number): boolean => {
    const file = now.get(name);
    if (file === undefined || file.length < to) return false;
    return (before.get(name) as Buffer).compare(file, from, to, from, to) === 0;
  };
  const index = indexName(base);
  const entry = PAGE + (checkpoint.durable - base - 1) * 4;
  const words = Object.values(WORD_PLACES);
  return (
    now.get(index)?.length === before.get(index)?.length &&
    isSame(index, 0, 512) &&
    isSame(index, entry, entry + 4) &&
    words.every((at) => isSame(index, at, at + 4)) &&
    isSame(segmentName(base), last.position, last.position + last.length)
  );
}

function walkedView({ image, unusable, intact }: Known, checkpoint: SecondCheckpoint): View {
  const { bases, frames } = image;
  let first = bases.findLastIndex((base) => {
    return base <= checkpoint.segmentBase && !unusable.has(base);
  });
  first = Math.max(first, 0);
  const framesOf = (base: number): SecondFrame[] => frames.filter((f) => f.segment === base);
  const isBegun = (base: number): boolean => intact.has(framesOf(base)[0] as SecondFrame);
  while (
    first > 0 &&
    !isBegun(bases[first] as number) &&
    !unusable.has(bases[first - 1] as number)
  ) {
    first--;
  }
  const walk = bases.slice(first);
  const stop = walk.flatMap(framesOf).find((frame) => {
    return unusable.has(frame.segment) || !intact.has(frame);
  });
  const tail = stop?.base ?? image.end;
  const named = walk.flatMap(framesOf).filter((frame) => intact.has(frame));
  const durable = Math.max(checkpoint.durable, ...named.map(({ flushed }) => flushed));
  const isLowerLost = bases.slice(0, first).some((base) => unusable.has(base));
  return { isWalked: true, tail, durable, isOpenable: tail >= durable && !isLowerLost };
}

function wholeOf(known: Known, checkpoint: SecondCheckpoint | undefined): Whole {
  const { image, intact, unusable } = known;
  const flushed = [...intact].map((frame) => frame.flushed);
  const durable = Math.max(checkpoint?.durable ?? 0, ...flushed);
  const lost: Range[] = [];
  let at = image.checkpoint.start;
  for (const frame of image.frames) {
    if (!intact.has(frame)) continue;
    if (frame.base > at && at >= durable) break;
    if (frame.base > at) lost.push({ from: at, to: frame.base });
    at = frame.base + frame.count;
  }
  if (at < durable) lost.push({ from: at, to: durable });
  const end = Math.max(at, durable);
  const hasBadHeader = [...unusable].some((base) => base < end);
  return { end, lost, isIntact: lost.length === 0 && !hasBadHeader };
}
