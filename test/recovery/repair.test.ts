/** Repair: whatever is damaged, every intact frame stays, and the lost offsets are told exactly. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, renameSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { array, assert, asyncProperty, nat, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  RecordLostError,
  UnsupportedVersionError,
  openAppender,
  openReader,
  repairLog,
  verifyLog,
  type AppenderOptions,
  type OffsetRange,
} from '../../src/index.js';
import {
  allFrames,
  contents,
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  overwrite,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { appendNumbered, isNumbered, range, thrownBy } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { expectSameVerification } from '../support/verification.js';

const OPTIONS: AppenderOptions = { segmentSizeBytes: 16 * 1024, maintenance: false };
const COUNT = 60;
const BASES = [0, 21, 42] as const;

/** A closed log of 60 records, one a frame, in segments of bases 0, 21 and 42. */
async function closedLog(): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, { ...OPTIONS, header: Buffer.from('schema 3') });
  appendNumbered(appender, COUNT, 500);
  await appender.close();
  expect(segmentsOf(log)).toEqual(BASES);
  return log;
}

/** Makes the frame of a record fail its checksum. */
function spoil(log: string, offset: number): void {
  const frame = allFrames(log).find(({ base }) => base === offset);
  if (frame === undefined) throw new Error(`No frame begins with record ${offset}`);
  flipBit(segmentFile(log, frame.segment), frame.position + 100);
}

function swap(a: string, b: string): void {
  renameSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
}

function offsetsOf(ranges: readonly OffsetRange[]): number[] {
  return ranges.flatMap(({ from, to }) => range(from, to));
}

/** Every record from the start to the end is there and right, or lost as these ranges say. */
function checkContent(log: string, lost: readonly OffsetRange[], end: number): void {
  const gone = new Set(offsetsOf(lost));
  const reader = openReader(log, { verify: 'always' });
  try {
    const kept = range(0, end).filter((offset) => !gone.has(offset));
    const cursor = reader.cursor();
    const forwards = Array.from(cursor, (record) => (isNumbered(record) ? record.offset : NaN));
    expect(forwards).toEqual(kept);
    const backwards = reader.cursor({ from: 'end' });
    for (const offset of kept.toReversed()) {
      expect([backwards.previous(), backwards.offset]).toEqual([true, offset]);
    }
    expect(backwards.previous()).toBe(false);
    for (const { from, to } of lost) {
      for (const offset of [from, to - 1]) {
        const error = thrownBy(() => reader.get(offset)) as RecordLostError;
        expect(error).toBeInstanceOf(RecordLostError);
        expect(error.lost.from).toBeLessThanOrEqual(offset);
        expect(error.lost.to).toBeGreaterThan(offset);
      }
    }
  } finally {
    reader.close();
  }
}

function digestsBelow(folder: string): Set<string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
  return new Set(
    files.map((path) => createHash('sha256').update(readFileSync(path)).digest('hex')),
  );
}

/** The originals of all segments that are not what they were are still there, byte for byte. */
function checkOriginals(log: string, before: Record<string, string>): void {
  const kept = digestsBelow(log);
  const segments = Object.entries(before).filter(([name]) => name.endsWith('.log'));
  for (const [name, digest] of segments) expect([name, kept.has(digest)]).toEqual([name, true]);
}

/** Repairs, and holds the outcome against what is lost; then goes on with the log. */
async function checkRepair(log: string, lost: readonly OffsetRange[]): Promise<void> {
  const before = contents(log);
  await expectSameVerification(log);
  const report = repairLog(log);
  expect(report.lost).toEqual(lost);
  expect(report.damage.flatMap((damage) => damage.lost ?? [])).toEqual(lost);
  for (const path of report.setAside) expect(statSync(path).isFile()).toBe(true);
  checkOriginals(log, before);
  checkContent(log, lost, COUNT);
  expect(verifyLog(log)).toMatchObject({ isIntact: true, startOffset: 0, endOffset: COUNT });
  expect(offsetsOf(verifyLog(log).lostBefore)).toEqual(offsetsOf(lost));
  await expectSameVerification(log);
  expect(repairLog(log)).toMatchObject({ damage: [], lost: [], setAside: [], rewritten: [] });
  const appender = openAppender(log, OPTIONS);
  expect(appender.nextOffset).toBe(COUNT);
  appendNumbered(appender, 30, 500);
  await appender.close();
  checkContent(log, lost, COUNT + 30);
  expect(verifyLog(log).isIntact).toBe(true);
}

const first = (log: string): string => segmentFile(log, BASES[0]);
const middle = (log: string): string => segmentFile(log, BASES[1]);
const last = (log: string): string => segmentFile(log, BASES[2]);

const DAMAGES: [string, (log: string) => void, OffsetRange[]][] = [
  ['a spoilt frame', (log): void => spoil(log, 30), [{ from: 30, to: 31 }]],
  ['the first frame of all', (log): void => spoil(log, 0), [{ from: 0, to: 1 }]],
  ['the last frame of a sealed segment', (log): void => spoil(log, 20), [{ from: 20, to: 21 }]],
  ['the last frame of all', (log): void => spoil(log, 59), [{ from: 59, to: 60 }]],
  [
    'spoilt frames everywhere',
    (log): void => [1, 5, 6, 20, 21, 41, 44, 58].forEach((offset) => spoil(log, offset)),
    [
      { from: 1, to: 2 },
      { from: 5, to: 7 },
      { from: 20, to: 22 },
      { from: 41, to: 42 },
      { from: 44, to: 45 },
      { from: 58, to: 59 },
    ],
  ],
  ['no first segment', (log): void => rmSync(first(log)), [{ from: 0, to: 21 }]],
  ['no middle segment', (log): void => rmSync(middle(log)), [{ from: 21, to: 42 }]],
  ['no last segment', (log): void => rmSync(last(log)), [{ from: 42, to: 60 }]],
  ['no segment but the last', removeFirstTwo, [{ from: 0, to: 42 }]],
  [
    'a shortened first segment',
    (log): void => truncateSync(first(log), 8192),
    [{ from: 7, to: 21 }],
  ],
  [
    'a shortened last segment',
    (log): void => truncateSync(last(log), 8192),
    [{ from: 49, to: 60 }],
  ],
  ['an empty middle segment', (log): void => truncateSync(middle(log), 0), [{ from: 21, to: 42 }]],
  ['a blank segment', (log): void => zero(middle(log), 4096), [{ from: 21, to: 42 }]],
  [
    'nothing but zeros',
    (log): void => BASES.forEach((b) => zero(segmentFile(log, b), 4096)),
    [{ from: 0, to: 60 }],
  ],
  ['swapped segments', (log): void => swap(first(log), middle(log)), []],
  ['a first segment without header', (log): void => zero(first(log), 0, 4096), []],
  ['a middle segment without header', (log): void => flipBit(middle(log), 40), []],
  ['a last segment without header', (log): void => zero(last(log), 0, 4096), []],
  ['no indexes', (log): void => BASES.forEach((b) => rmSync(indexFile(log, b))), []],
  ['no control page', (log): void => rmSync(join(log, 'control')), []],
  ['an empty control page', (log): void => truncateSync(join(log, 'control'), 0), []],
  ['a control page without checkpoint', (log): void => zero(join(log, 'control'), 512, 1536), []],
];

function removeFirstTwo(log: string): void {
  rmSync(first(log));
  rmSync(middle(log));
}

describe('repairLog', () => {
  it.each(DAMAGES)('keeps every intact record of a log with %s', async (_, damage, lost) => {
    const log = await closedLog();
    damage(log);
    await checkRepair(log, lost);
  });

  it('keeps every intact frame at its place, whichever frames are hit', async () => {
    const sound = await closedLog();
    const frames = allFrames(sound);
    const hits = array(tuple(nat(frames.length - 1), nat(1_000_000)), { minLength: 1 });
    const run = asyncProperty(hits, async (places) => {
      const log = copyOf(sound);
      const hit = new Set<number>();
      for (const [which, where] of places) {
        const frame = frames[which] as (typeof frames)[number];
        // Twice the same bit would heal it.
        if (hit.has(frame.base)) continue;
        hit.add(frame.base);
        flipBit(
          segmentFile(log, frame.segment),
          frame.position + (where % frame.length),
          where % 8,
        );
      }
      await expectSameVerification(log);
      const { lost } = repairLog(log);
      expect(offsetsOf(lost)).toEqual([...hit].sort((a, b) => a - b));
      checkContent(log, lost, COUNT);
      const places2 = new Map(allFrames(log).map((frame) => [frame.crc, frame.position]));
      for (const { base, crc, position } of frames) {
        if (!hit.has(base)) expect(places2.get(crc)).toBe(position);
      }
    });
    await assert(run, { numRuns: Number(process.env['FC_NUM_RUNS'] ?? 40) });
  });

  it.each([
    ['one', [10]],
    ['two in a row', [10, 15]],
    ['the first two', [0, 5]],
    ['the last two', [50, 55]],
    ['every other', [5, 15, 25, 35, 45, 55]],
  ])('replaces segments that the ones before have no room for: %s', async (_, missing) => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...OPTIONS, indexCapacity: 5 });
    appendNumbered(appender, COUNT, 8);
    await appender.close();
    for (const base of missing) rmSync(segmentFile(log, base));
    const lost = missing.flatMap((base) => range(base, base + 5));
    expect(offsetsOf(repairLog(log).lost)).toEqual(lost);
    checkContent(
      log,
      missing.map((base) => ({ from: base, to: base + 5 })),
      COUNT,
    );
    expect(verifyLog(log).isIntact).toBe(true);
    const again = openAppender(log, OPTIONS);
    expect(again.nextOffset).toBe(COUNT);
    await again.close();
  });

  it('repairs damage below the durable bound, and only truncates a torn tail above it', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...OPTIONS, flush: 'none' });
    appendNumbered(appender, 15, 500);
    await appender.flush();
    appendNumbered(appender, 4, 500);
    const copy = copyOf(log);
    await appender.close();
    spoil(copy, 3);
    spoil(copy, 17);
    const torn = framesIn(copy, 0)[17]?.position;
    const report = repairLog(copy);
    expect(report.lost).toEqual([{ from: 3, to: 4 }]);
    expect(report.recovery.tornTail).toMatchObject({ position: torn });
    checkContent(copy, report.lost, 17);
    const again = openAppender(copy, OPTIONS);
    expect(again.nextOffset).toBe(17);
    await again.close();
  });

  it('gives a segment whose header is gone the application header of its neighbours', async () => {
    const log = await closedLog();
    zero(middle(log), 0, 4096);
    repairLog(log);
    const reader = openReader(log);
    const headers = reader.segments().map(({ header }) => Buffer.from(header).toString());
    expect(headers).toEqual(['schema 3', 'schema 3', 'schema 3']);
    reader.close();
  });

  it('leaves a reader that has the log open what it has mapped', async () => {
    const log = await closedLog();
    spoil(log, 30);
    const reader = openReader(log);
    const view = reader.get(25).payload;
    const before = Buffer.from(view);
    expect(repairLog(log).rewritten).toEqual([middle(log)]);
    expect(Buffer.compare(view, before)).toBe(0);
    expect(isNumbered(reader.get(26))).toBe(true);
    reader.close();
  });

  it('reports how far it has come, up to the whole', async () => {
    const log = await closedLog();
    for (const run of [verifyLog, repairLog]) {
      const seen: [number, number][] = [];
      run(log, { onProgress: (done, total) => void seen.push([done, total]) });
      const dones = seen.map(([done]) => done);
      expect(dones).toEqual(dones.toSorted((a, b) => a - b));
      expect(seen.at(-1)).toEqual([3 * 16 * 1024, 3 * 16 * 1024]);
    }
  });
});

/** Raises the version in a segment's header, with a checksum that fits. */
function makeNewerSegment(path: string): void {
  const page = readFileSync(path).subarray(0, 4096);
  page.writeUInt32LE(2, 8);
  page.writeUInt32LE(0, 12);
  page.writeUInt32LE(crc32c(page), 12);
  overwrite(path, 0, page);
}

/** Gives a frame a flag that this version does not know, with a checksum that fits. */
function makeNewerFrame(path: string, which: { position: number; length: number }): void {
  const file = readFileSync(path);
  const { position, length } = which;
  file.writeUInt32LE(file.readUInt32LE(position + 52) | (1 << 30), position + 52);
  const seed = crc32c(Buffer.concat([file.subarray(16, 32), file.subarray(32, 40)]));
  file.writeUInt32LE(crc32c(file.subarray(position + 8, position + length), seed), position + 4);
  overwrite(path, position, file.subarray(position, position + length));
}

describe('what a newer stratalog has written', () => {
  const newer: [string, (log: string) => void][] = [
    ['a middle segment', (log): void => makeNewerSegment(middle(log))],
    ['the last segment', (log): void => makeNewerSegment(last(log))],
    [
      'a frame',
      (log): void =>
        makeNewerFrame(middle(log), framesIn(log, 21)[3] as { position: number; length: number }),
    ],
    [
      'the last frame',
      (log): void =>
        makeNewerFrame(last(log), framesIn(log, 42)[17] as { position: number; length: number }),
    ],
  ];

  it.each(newer)('is refused by repair and verify, and left alone: %s', async (_, change) => {
    const log = await closedLog();
    change(log);
    const before = contents(log);
    expect(thrownBy(() => verifyLog(log))).toBeInstanceOf(UnsupportedVersionError);
    await expectSameVerification(log);
    expect(thrownBy(() => repairLog(log))).toBeInstanceOf(UnsupportedVersionError);
    expect(contents(log)).toEqual(before);
  });

  it('is found behind damage, too', async () => {
    const log = await closedLog();
    makeNewerFrame(middle(log), framesIn(log, 21)[3] as { position: number; length: number });
    spoil(log, 23);
    const before = contents(log);
    expect(thrownBy(() => verifyLog(log))).toBeInstanceOf(UnsupportedVersionError);
    await expectSameVerification(log);
    expect(thrownBy(() => repairLog(log))).toBeInstanceOf(UnsupportedVersionError);
    expect(contents(log)).toEqual(before);
  });

  it('is refused by a reader that comes upon such a frame, and the frames before it are read', async () => {
    const log = await closedLog();
    const frame = framesIn(log, 21)[3] as { position: number; length: number };
    makeNewerFrame(middle(log), frame);
    const reader = openReader(log);
    const cursor = reader.cursor();
    const seen: number[] = [];
    const error = thrownBy(() => {
      while (cursor.next()) seen.push(cursor.offset);
    });
    expect(error).toBeInstanceOf(UnsupportedVersionError);
    expect(error).toMatchObject({ path: middle(log) });
    expect(seen).toEqual(range(0, 24));
    expect(thrownBy(() => reader.get(24))).toBeInstanceOf(UnsupportedVersionError);
    reader.close();
  });
});

it('goes on with one chain behind a gap at the end, also if a power cut kept the checkpoint of the close', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, OPTIONS);
  appendNumbered(appender, 21, 500);
  appender.reserve(500).abandon();
  await appender.close();
  expect(segmentsOf(log)).toEqual([0, 21]);
  spoil(log, 20);
  const mended = copyOf(log);
  expect(repairLog(mended).lost).toEqual([{ from: 20, to: 21 }]);
  // The new segment has its name; nothing that came after it was written.
  renameSync(segmentFile(mended, 0), segmentFile(log, 0));
  rmSync(indexFile(log, 0));
  const again = openAppender(log, OPTIONS);
  expect(again.recovery.outcome).toBe('clean');
  appendNumbered(again, 3, 500);
  await again.close();
  expect(verifyLog(log)).toMatchObject({ isIntact: true, endOffset: 24 });
});
