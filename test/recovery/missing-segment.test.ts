/** Segments that somebody has deleted: which file it was, which offsets went with it, and nothing else. */
import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  openAppender,
  openReader,
  RecordLostError,
  repairLog,
  verifyLog,
  type Appender,
  type Reader,
} from '../../src/index.js';
import {
  contents,
  copyOf,
  indexFile,
  readAll,
  segmentFile,
  segmentsOf,
} from '../support/log-damage.js';
import { range, thrownBy } from '../support/logs.js';
import { QUIET, fill } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';
import { expectSameVerification } from '../support/verification.js';

const SEGMENTS = 6;

function append(appender: Appender): void {
  appender.append(bytes(contentOf(appender.nextOffset)));
}

function contentOf(offset: number): string {
  return `record ${offset} `.padEnd(1000, 'x');
}

/** A closed log of six segments, and one that was not closed but is durable from end to end. */
async function makeLogs(): Promise<{ closed: string; open: string; bases: number[]; end: number }> {
  const closed = temporaryLogPath();
  const appender = openAppender(closed, QUIET);
  fill(closed, SEGMENTS, () => append(appender));
  await appender.flush();
  const end = appender.nextOffset;
  // What names the bound is a frame of the last segment.
  append(appender);
  const open = copyOf(closed);
  await appender.close();
  return { closed, open, bases: segmentsOf(closed), end: end + 1 };
}

function remove(log: string, base: number): void {
  rmSync(segmentFile(log, base));
  rmSync(indexFile(log, base));
}

const WHICH: [string, number[]][] = [
  ['first', [0]],
  ['first and second', [0, 1]],
  ['second', [1]],
  ['last but one', [4]],
  ['third and fourth', [2, 3]],
  ['last', [5]],
];

describe.each(['closed', 'open'] as const)('a log that was left %s', (state) => {
  it.each(WHICH)('and lacks its %s segment is damaged by just that', async (_, which) => {
    const logs = await makeLogs();
    const log = logs[state];
    const { bases } = logs;
    const from = bases[which[0] as number] as number;
    const followed = bases[(which.at(-1) as number) + 1];
    // In an open log the last segment takes along the only frame that proves it was durable.
    const end = state === 'open' && followed === undefined ? undefined : logs.end;
    for (const at of which) remove(log, bases[at] as number);
    const before = contents(log);
    await expectSameVerification(log);
    if (end === undefined) {
      expect(openReaderAnd(log, (reader) => reader.committedOffset)).toBe(from);
      return;
    }
    const lost = { from, to: followed ?? end };
    const told = { code: 'CORRUPTION', path: segmentFile(log, from), position: 0, lost };
    expect(thrownBy(() => openAppender(log, QUIET))).toMatchObject(told);
    expect(thrownBy(() => readAll(log))).toMatchObject(told);
    const { damage } = verifyLog(log);
    expect(damage).toHaveLength(1);
    expect(damage[0]).toMatchObject({ path: told.path, position: 0, lost });
    expect(contents(log)).toEqual(before);
  });

  it.each(WHICH.slice(0, -1))('and lacks its %s segment is repaired', async (_, which) => {
    const logs = await makeLogs();
    const log = logs[state];
    const { bases, end } = logs;
    for (const at of which) remove(log, bases[at] as number);
    const kept = segmentsOf(log).map(
      (base) => [base, readFileSync(segmentFile(log, base))] as const,
    );
    const lost = {
      from: bases[which[0] as number] as number,
      to: bases[(which.at(-1) as number) + 1] as number,
    };
    const { lost: reported, rewritten } = repairLog(log);
    expect(reported).toEqual([lost]);
    // What was there stays, byte for byte, but for a segment that has room for the gap behind it.
    for (const [base, content] of kept) {
      if (rewritten.includes(segmentFile(log, base))) expect(base).toBeLessThan(lost.from);
      else expect(readFileSync(segmentFile(log, base))).toEqual(content);
    }
    openReaderAnd(log, (reader) => {
      for (const offset of range(0, end)) {
        if (offset >= lost.from && offset < lost.to) {
          expect(thrownBy(() => reader.get(offset))).toBeInstanceOf(RecordLostError);
        } else expect(text(reader.get(offset).payload)).toBe(contentOf(offset));
      }
    });
    await expectSameVerification(log);
    const { isIntact, lostBefore } = verifyLog(log);
    expect(isIntact).toBe(true);
    expect(lostBefore.flatMap((gap) => range(gap.from, gap.to))).toEqual(range(lost.from, lost.to));
    const appender = openAppender(log, QUIET);
    expect(appender.nextOffset).toBe(end);
    await appender.close();
  });
});

describe('a segment that is deleted while the log is open', () => {
  it('does not look like the end of the log to readers, which go on behind it', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fill(log, SEGMENTS, () => append(appender));
    const bases = segmentsOf(log);
    const [from, to] = [bases[2] as number, bases[4] as number];
    for (const base of bases.slice(2, 4)) remove(log, base);
    const told = { path: segmentFile(log, from), position: 0, lost: { from, to } };
    openReaderAnd(log, (reader) => {
      const cursor = reader.cursor();
      const seen: number[] = [];
      const readOn = (): void => {
        while (cursor.next()) seen.push(cursor.offset);
      };
      for (let i = 0; i < 2; i++) expect(thrownBy(readOn)).toMatchObject(told);
      expect(seen).toEqual(range(0, from));
      for (const offset of [from, to - 1]) {
        expect(thrownBy(() => reader.get(offset))).toBeInstanceOf(CorruptionError);
        expect(thrownBy(() => reader.get(offset))).toMatchObject(told);
      }
      expect(cursor.moveTo(to)).toBe(true);
      expect(thrownBy(() => cursor.previous())).toMatchObject(told);
      readOn();
      expect(seen).toEqual([...range(0, from), ...range(to + 1, appender.nextOffset)]);
    });
    await appender.close();
  });
});

function openReaderAnd<T>(log: string, use: (reader: Reader) => T): T {
  const reader = openReader(log);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}
