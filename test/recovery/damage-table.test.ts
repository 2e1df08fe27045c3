/**
 * Every truncation point, every byte and every page of a small log, damaged one at a time, as a power
 * cut or a bad disk could leave them. What must come out is computed by a model of the rule that knows
 * only which bytes differ:
 *
 * - the log ends before the first damaged frame;
 * - D is the highest flushed offset that any intact frame or checkpoint names;
 * - an end below D is damage, and changes nothing; any other end is a torn tail, and is truncated.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  openAppender,
  openReader,
  type Appender,
  type AppenderOptions,
} from '../../src/index.js';
import {
  FIRST_FRAME_AT,
  PAGE_BYTES,
  allFrames,
  contents,
  copyOf,
  overwrite,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
  type FrameOnDisk,
} from '../support/log-damage.js';
import { NEVER_SYNCED, QUIET } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';
import { expectSameVerification } from '../support/verification.js';

const SEGMENT_BYTES = 16 * 1024;
/** Nothing is synced but by `flush`, not even at a roll; commits are by hand. */
const OPTIONS: AppenderOptions = { ...NEVER_SYNCED, commit: 'manual' };

/** The log as it was before the damage. */
interface Original {
  readonly log: string;
  readonly frames: readonly FrameOnDisk[];
  readonly segments: readonly number[];
  readonly bytes: ReadonlyMap<number, Buffer>;
  /** Durable offset of the newest checkpoint. */
  readonly checkpointed: number;
}

interface Expected {
  readonly end: number;
  readonly damage?: {
    readonly path: string;
    readonly position: number;
    readonly lost: { readonly from: number; readonly to: number };
  };
}

function name(i: number): string {
  return `r${i}`.padEnd(i % 3 === 0 ? 16 : 21, '.');
}

function names(end: number): string[] {
  return Array.from({ length: end }, (_, i) => name(i));
}

function append(appender: Appender, frames: number): void {
  for (let f = 0; f < frames; f++) {
    for (let i = 0; i < 3; i++) appender.append(bytes(name(appender.nextOffset)));
    appender.commit();
  }
}

/**
 * Three segments. The first is flushed to its middle, which only a frame of the second says; the third
 * has flushed frames, frames that name that, unflushed ones, and records of an open frame.
 */
async function build(): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, OPTIONS);
  append(appender, 6);
  await appender.flush();
  for (const segments of [2, 3]) while (segmentsOf(log).length < segments) append(appender, 1);
  append(appender, 3);
  await appender.flush();
  append(appender, 4);
  appender.append(bytes(name(appender.nextOffset)));
  const copy = copyOf(log);
  await appender.close();
  return copy;
}

/** One segment, with a durable bound that only the last of its frames names. */
async function buildSmall(): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, OPTIONS);
  append(appender, 2);
  await appender.flush();
  append(appender, 3);
  const copy = copyOf(log);
  await appender.close();
  return copy;
}

/** Closed, opened again and continued, so that a checkpoint names the bound and the walk begins late. */
async function buildReopened(): Promise<string> {
  const log = temporaryLogPath();
  const first = openAppender(log, OPTIONS);
  while (segmentsOf(log).length < 2) append(first, 1);
  await first.close();
  const appender = openAppender(log, OPTIONS);
  append(appender, 3);
  const copy = copyOf(log);
  await appender.close();
  return copy;
}

function look(log: string): Original {
  const segments = segmentsOf(log);
  const page = readFileSync(`${log}/control`);
  const [a, b] = [512, 1024].map((at) => ({
    sequence: page.readBigUInt64LE(at + 8),
    durable: Number(page.readBigUInt64LE(at + 24)),
  })) as [Slot, Slot];
  return {
    log,
    frames: allFrames(log),
    segments,
    bytes: new Map(segments.map((base) => [base, readFileSync(segmentFile(log, base))])),
    checkpointed: a.sequence > b.sequence ? a.durable : b.durable,
  };
}

interface Slot {
  readonly sequence: bigint;
  readonly durable: number;
}

/** What the rule demands of a copy in which only these bytes of one segment have changed. */
function expectedOf(original: Original, log: string, segment: number): Expected {
  const now = readFileSync(segmentFile(log, segment));
  const isIntact = (frame: FrameOnDisk): boolean => {
    if (frame.segment !== segment) return true;
    const before = original.bytes.get(segment) as Buffer;
    const end = frame.position + frame.length;
    return before.subarray(frame.position, end).equals(now.subarray(frame.position, end));
  };
  const intact = original.frames.filter(isIntact);
  const durable = Math.max(original.checkpointed, ...intact.map(({ flushed }) => flushed));
  const broken = original.frames.find((frame) => !isIntact(frame));
  const last = original.frames.at(-1) as FrameOnDisk;
  if (broken === undefined) return { end: last.base + last.count };
  const end = broken.base;
  if (end >= durable) return { end };
  const resumes = intact.find(({ base }) => base > end)?.base ?? durable;
  return {
    end,
    damage: {
      path: segmentFile(log, segment),
      position: broken.position,
      lost: { from: end, to: Math.min(resumes, durable) },
    },
  };
}

function checkReader(log: string, { end, damage }: Expected): void {
  const reader = openReader(log);
  try {
    const cursor = reader.cursor();
    const seen: string[] = [];
    const readToEnd = (): void => {
      while (cursor.next()) seen.push(text(cursor.payload));
    };
    if (damage === undefined) readToEnd();
    else expect(readToEnd).toThrow(expect.objectContaining({ code: 'CORRUPTION', ...damage }));
    expect(seen).toEqual(names(end));
  } finally {
    reader.close();
  }
}

/** Opens for appending. Torn tails must go for good; damage must be reported and left as it is. */
async function checkAppender(log: string, { end, damage }: Expected): Promise<void> {
  if (damage !== undefined) {
    const before = contents(log);
    expect(() => openAppender(log, QUIET)).toThrow(expect.objectContaining(damage));
    expect(() => openAppender(log, QUIET)).toThrow(CorruptionError);
    expect(contents(log)).toEqual(before);
    return;
  }
  const appender = openAppender(log, QUIET);
  expect(appender.nextOffset).toBe(end);
  expect(appender.recovery.salvagedRecords).toBe(0);
  // In the place of the torn frame, one of the same length: nothing may come to life behind it.
  appender.appendBatch([0, 1, 2].map((i) => bytes(name(end + i))));
  const cut = copyOf(log);
  await appender.close();
  expect(readAll(log)).toEqual(names(end + 3));
  const again = openAppender(cut, QUIET);
  expect(again.nextOffset).toBe(end + 3);
  expect(again.recovery.tornTail).toBeUndefined();
  await again.close();
  expect(readAll(cut)).toEqual(names(end + 3));
}

/** Damages a copy, or the log itself and heals it: readers change nothing. */
function withReader(original: Original, segment: number, at: number, change: Uint8Array): void {
  const path = segmentFile(original.log, segment);
  overwrite(path, at, change);
  try {
    checkReader(original.log, expectedOf(original, original.log, segment));
  } finally {
    overwrite(path, at, (original.bytes.get(segment) as Buffer).subarray(at, at + change.length));
  }
}

async function withAppender(
  original: Original,
  segment: number,
  at: number,
  change: Uint8Array,
): Promise<Expected> {
  const copy = copyOf(original.log);
  overwrite(segmentFile(copy, segment), at, change);
  const expected = expectedOf(original, copy, segment);
  await expectSameVerification(copy);
  await checkAppender(copy, expected);
  return expected;
}

function flipped(original: Original, segment: number, at: number): Uint8Array {
  const byte = (original.bytes.get(segment) as Buffer)[at] as number;
  return Uint8Array.of(byte ^ (1 << ((at * 5) % 8)));
}

function usedEnd(original: Original, segment: number): number {
  const last = original.frames.filter((frame) => frame.segment === segment).at(-1) as FrameOnDisk;
  return last.position + last.length;
}

let whole: Original;
let small: Original;
let reopened: Original;

async function originals(): Promise<void> {
  whole = look(await build());
  small = look(await buildSmall());
  reopened = look(await buildReopened());
}

describe('a log that is damaged in one place', () => {
  it('ends there, or is reported as damaged, wherever its last segment loses its tail', async () => {
    await originals();
    for (const original of [whole, small, reopened]) {
      const segment = original.segments.at(-1) as number;
      const end = usedEnd(original, segment) + 112;
      const outcomes = new Set<boolean>();
      for (let at = FIRST_FRAME_AT; at <= end; at += 8) {
        const zeros = new Uint8Array(SEGMENT_BYTES - at);
        withReader(original, segment, at, zeros);
        if (at % 40 !== 0) continue;
        const { damage } = await withAppender(original, segment, at, zeros);
        outcomes.add(damage === undefined);
      }
      // Losing even its first frame takes the evidence along where only frames name the bound.
      expect(outcomes.has(true)).toBe(true);
    }
  });

  it('ends there, or is reported as damaged, whichever byte of its frames changes', async () => {
    await originals();
    for (const original of [whole, small, reopened]) {
      const segment = original.segments.at(-1) as number;
      const outcomes = new Set<boolean>();
      for (let at = FIRST_FRAME_AT; at < usedEnd(original, segment); at++) {
        const change = flipped(original, segment, at);
        withReader(original, segment, at, change);
        if (at % 29 !== 0) continue;
        const { damage } = await withAppender(original, segment, at, change);
        outcomes.add(damage === undefined);
      }
      expect(outcomes).toEqual(new Set([true, false]));
    }
  });

  it('ends there, or is reported as damaged, whichever page or sector turns to zeros', async () => {
    await originals();
    for (const segment of whole.segments) {
      for (let at = FIRST_FRAME_AT; at < usedEnd(whole, segment); at += 512) {
        const sizes = at % PAGE_BYTES === 0 ? [512, PAGE_BYTES] : [512];
        for (const size of sizes) {
          withReader(whole, segment, at, new Uint8Array(size));
          await withAppender(whole, segment, at, new Uint8Array(size));
        }
      }
    }
  });

  it('is reported as damaged when a segment that held flushed records loses its header', async () => {
    await originals();
    for (const segment of whole.segments) {
      const copy = copyOf(whole.log);
      zero(segmentFile(copy, segment), 0, PAGE_BYTES);
      const before = contents(copy);
      await expectSameVerification(copy);
      expect(() => openAppender(copy, QUIET)).toThrow(
        expect.objectContaining({
          code: 'CORRUPTION',
          lost: expect.objectContaining({ from: segment }) as unknown,
        }),
      );
      expect(contents(copy)).toEqual(before);
    }
  });

  it('is walked to the same end without any of its indexes', async () => {
    await originals();
    for (const segment of whole.segments) {
      const copy = copyOf(whole.log);
      zero(segmentFile(copy, segment).replace(/log$/, 'index'), 0);
      checkReader(copy, expectedOf(whole, copy, segment));
      await checkAppender(copy, expectedOf(whole, copy, segment));
    }
  });
});
