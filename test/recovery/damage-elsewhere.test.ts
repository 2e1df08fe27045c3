/** Damage that must not be felt away from where it is: in words, in unused bytes, behind a flushed bound. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader, repairLog, verifyLog, type Appender } from '../../src/index.js';
import {
  allFrames,
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  overwrite,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { BY_HAND, NEVER_SYNCED, QUIET, fill, nameOf, namesOf } from '../support/quiet-logs.js';
import { thrownBy } from '../support/logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

const SEALED_AT = 1216;
const FLUSHED_AT = 1152;
const FRAME_BASE_AT = 8;
const CHECKPOINT_SLOTS_AT = [512, 1024];

function append(appender: Appender): void {
  appender.append(bytes(nameOf(appender.nextOffset)));
}

/** Closed, of three segments. */
async function closedLog(): Promise<{ log: string; end: number }> {
  const log = temporaryLogPath();
  const appender = openAppender(log, QUIET);
  fill(log, 3, () => append(appender));
  const end = appender.nextOffset;
  await appender.close();
  return { log, end };
}

/** Of so many segments, none of them durable, as the death of its appender leaves it. */
async function unsyncedCopy(segments: number): Promise<{ copy: string; end: number }> {
  const log = temporaryLogPath();
  const appender = openAppender(log, NEVER_SYNCED);
  fill(log, segments, () => append(appender));
  const end = appender.nextOffset;
  const copy = copyOf(log);
  await appender.close();
  return { copy, end };
}

describe('a reader of a log that nobody appends to', () => {
  it('goes on behind a sealed segment whose word sealed has lost its bit', async () => {
    const { log, end } = await closedLog();
    flipBit(indexFile(log, segmentsOf(log)[0] as number), SEALED_AT);
    expect(readAll(log)).toEqual(namesOf(0, end));
  });

  it('of the flushed bound goes on behind a sealed segment whose word flushed is wrong', async () => {
    const { log, end } = await closedLog();
    for (const base of segmentsOf(log).slice(0, 2)) {
      for (const bit of [0, 3, 31]) {
        const at = FLUSHED_AT + (bit >> 3);
        flipBit(indexFile(log, base), at, bit & 7);
        expect(readAll(log, { bound: 'flushed' })).toEqual(namesOf(0, end));
        flipBit(indexFile(log, base), at, bit & 7);
      }
    }
  });

  it('of the flushed bound reads around a damaged frame as others do', async () => {
    const { log, end } = await closedLog();
    for (const segment of segmentsOf(log)) {
      const copy = copyOf(log);
      const frames = framesIn(copy, segment);
      const { position, base } = frames[frames.length >> 1] as { position: number; base: number };
      flipBit(segmentFile(copy, segment), position + 75);
      const reader = openReader(copy, { bound: 'flushed' });
      expect(reader.flushedOffset).toBe(end);
      for (let offset = 0; offset < end; offset++) {
        if (offset === base) expect(() => reader.get(offset)).toThrow(/Damaged data/);
        else expect(text(reader.get(offset).payload)).toBe(nameOf(offset));
      }
      reader.close();
    }
  });
});

it('a reader of a dead log finds the flushed bound beside damage in the frames before it', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, NEVER_SYNCED);
  for (let i = 0; i < 9; i++) append(appender);
  await appender.flush();
  for (let i = 0; i < 9; i++) append(appender);
  const copy = copyOf(log);
  await appender.close();
  const reader = openReader(copy, { bound: 'flushed' });
  expect(reader.flushedOffset).toBe(9);
  // Behind the reader's back, between its walk and its first look at the frame.
  const { position } = allFrames(copy)[4] as { position: number };
  flipBit(segmentFile(copy, 0), position + 75);
  expect(text(reader.get(8).payload)).toBe(nameOf(8));
  expect(() => reader.get(4)).toThrow(/Damaged data/);
  expect(() => reader.get(9)).toThrow(/out of range/);
  reader.close();
});

it('a session that got into the place of a checkpoint is not taken for one', async () => {
  const { log, end } = await closedLog();
  const path = join(log, 'control');
  const page = readFileSync(path);
  for (const slot of [512, 1024]) {
    overwrite(path, slot, page.subarray(1536, 2048));
    expect(readAll(log)).toEqual(namesOf(0, end));
    overwrite(path, slot, page.subarray(slot, slot + 512));
  }
  overwrite(path, 512, page.subarray(1536, 2048));
  overwrite(path, 1024, page.subarray(1536, 2048));
  expect(() => openReader(log)).toThrow(expect.objectContaining({ code: 'CORRUPTION', path }));
  expect(repairLog(log).lost).toEqual([]);
  expect(readAll(log)).toEqual(namesOf(0, end));
});

it('the error of a frame that claims to begin earlier names none of the records before it', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, BY_HAND);
  for (const records of [1, 2, 1]) {
    for (let i = 0; i < records; i++) append(appender);
    appender.commit();
  }
  await appender.close();
  const [, second] = framesIn(log, 0);
  expect(second?.base).toBe(1);
  flipBit(segmentFile(log, 0), (second?.position ?? 0) + FRAME_BASE_AT);
  const reader = openReader(log);
  for (const offset of [1, 2]) {
    expect(thrownBy(() => reader.get(offset))).toMatchObject({ lost: { from: 1, to: 3 } });
  }
  for (const offset of [0, 3]) expect(text(reader.get(offset).payload)).toBe(nameOf(offset));
  reader.close();
});

it('a reader without checksums has a typed error for a frame that a rebuilt index leaves out', async () => {
  const { log } = await closedLog();
  const frames = framesIn(log, 0);
  const { position } = frames[3] as { position: number };
  flipBit(segmentFile(log, 0), position + 75);
  flipBit(indexFile(log, 0), 4096 + 4 * 10, 5);
  const reader = openReader(log, { verify: 'never' });
  expect(reader.get(3).offset).toBe(3);
  expect(text(reader.get(10).payload)).toBe(nameOf(10));
  expect(() => reader.get(3).offset).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  reader.close();
});

it('recovery goes on into the next segment over bytes that turned up behind the last frame', async () => {
  const { copy, end } = await unsyncedCopy(3);
  for (const segment of segmentsOf(copy).slice(0, 2)) {
    const last = framesIn(copy, segment).at(-1) as { position: number; length: number };
    overwrite(segmentFile(copy, segment), last.position + last.length, Uint8Array.of(8));
  }
  expect(readAll(copy)).toEqual(namesOf(0, end));
  const again = openAppender(copy, QUIET);
  expect(again.nextOffset).toBe(end);
  expect(again.recovery.setAside).toEqual([]);
  await again.close();
  expect(readAll(copy)).toEqual(namesOf(0, end));
});

it('repair keeps committed frames of a segment without a header above the durable bound', async () => {
  const { copy, end } = await unsyncedCopy(2);
  const [, second] = segmentsOf(copy) as [number, number];
  flipBit(segmentFile(copy, second), 1000);
  expect(verifyLog(copy)).toMatchObject({ isIntact: false, endOffset: end });
  expect(repairLog(copy).lost).toEqual([]);
  expect(readAll(copy)).toEqual(namesOf(0, end));
});

it('repair keeps the frames of segments whose headers are those of others', async () => {
  const { log, end } = await closedLog();
  const [first, second, third] = segmentsOf(log) as [number, number, number];
  const headerOf = (base: number): Buffer => readFileSync(segmentFile(log, base)).subarray(0, 4096);
  const copied = copyOf(log);
  overwrite(segmentFile(copied, second), 0, headerOf(first));
  const exchanged = copyOf(log);
  overwrite(segmentFile(exchanged, first), 0, headerOf(third));
  overwrite(segmentFile(exchanged, third), 0, headerOf(first));
  for (const damaged of [copied, exchanged]) {
    expect(repairLog(damaged).lost).toEqual([]);
    expect(readAll(damaged)).toEqual(namesOf(0, end));
  }
});

it('repair makes damaged indexes anew, whatever of them is damaged', async () => {
  const { log, end } = await closedLog();
  for (const segment of segmentsOf(log)) {
    for (const at of [3, 1024, 1088, 1152, 1216, 4096, 4103]) {
      const copy = copyOf(log);
      const before = readFileSync(indexFile(copy, segment));
      flipBit(indexFile(copy, segment), at, 2);
      const report = repairLog(copy);
      expect(report.recovery.rebuiltIndexes).toEqual([indexFile(copy, segment)]);
      expect(report.lost).toEqual([]);
      expect(readFileSync(indexFile(copy, segment)).equals(before)).toBe(true);
      const reader = openReader(copy);
      expect(reader.committedOffset).toBe(end);
      expect(reader.indexFaults).toEqual([]);
      reader.close();
      expect(repairLog(copy).recovery.rebuiltIndexes).toEqual([]);
    }
  }
});

it.each([0, 1])(
  'the start that a drop has moved is kept when checkpoint slot %i is lost',
  async (slot) => {
    const log = temporaryLogPath();
    const appender = openAppender(log, NEVER_SYNCED);
    fill(log, 4, () => append(appender));
    const end = appender.nextOffset;
    await appender.flush();
    const kept = segmentsOf(log)[2] as number;
    await appender.dropBefore(kept);
    const copy = copyOf(log);
    await appender.close();
    const at = CHECKPOINT_SLOTS_AT[slot] as number;
    zero(join(copy, 'control'), at, at + 64);
    const again = openAppender(copy);
    expect(again.startOffset).toBe(kept);
    expect(again.nextOffset).toBe(end);
    await again.close();
  },
);
