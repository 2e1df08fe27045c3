/** A segment whose header does not hold takes its own offsets along, and nothing else. */
import { readFileSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  openAppender,
  openReader,
  repairLog,
  type Appender,
  type Reader,
} from '../../src/index.js';
import {
  copyOf,
  flipBit,
  overwrite,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { appendNumbered, isNumbered, numberedOffsets, range, thrownBy } from '../support/logs.js';
import { QUIET, fill } from '../support/quiet-logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RECORD_BYTES = 500;

const WAYS: [string, (path: string) => void][] = [
  ['a bit of its magic has flipped', (path) => flipBit(path, 2)],
  ['a bit of its sizes has flipped', (path) => flipBit(path, 49)],
  ['its header is zeros', (path) => zero(path, 0, 4096)],
  ['its header is another file’s', (path) => overwrite(path, 0, Buffer.alloc(4096, 'other'))],
  ['it has become shorter', (path) => truncateSync(path, 4096 + 800)],
  ['it is empty', (path) => truncateSync(path, 0)],
];

function fillNumbered(log: string, appender: Appender, segments: number): void {
  fill(log, segments, () => appendNumbered(appender, 1, RECORD_BYTES));
  appendNumbered(appender, 1, RECORD_BYTES);
}

function reading<T>(log: string, use: (reader: Reader) => T): T {
  const reader = openReader(log);
  try {
    return use(reader);
  } finally {
    reader.close();
  }
}

interface Told {
  readonly path: string;
  readonly lost: { readonly from: number; readonly to: number };
}

/** Everything but the lost offsets can be read, in every way of moving, and those are an error. */
function checkReader(log: string, told: Told, end: number): void {
  const { from, to } = told.lost;
  const expected = { code: 'CORRUPTION', ...told };
  const sound = [...range(0, from), ...range(to, end)];
  reading(log, (reader) => {
    expect(reader.damage()).toMatchObject([expected]);
    expect(reader.segments().map(({ baseOffset }) => baseOffset)).not.toContain(from);
    for (const offset of sound) expect(isNumbered(reader.get(offset))).toBe(true);
    for (const offset of [from, to - 1]) {
      expect(thrownBy(() => reader.get(offset))).toBeInstanceOf(CorruptionError);
      expect(thrownBy(() => reader.get(offset))).toMatchObject(expected);
    }
    const cursor = reader.cursor();
    const seen: number[] = [];
    const readOn = (): void => {
      while (cursor.next()) if (isNumbered(cursor)) seen.push(cursor.offset);
    };
    for (let i = 0; i < 2; i++) expect(thrownBy(readOn)).toMatchObject(expected);
    expect(seen).toEqual(range(0, from));
    if (to === end) return;
    expect(reader.committedOffset).toBe(end);
    cursor.seek(to);
    readOn();
    expect(seen).toEqual(sound);
    expect(cursor.moveTo(to)).toBe(true);
    expect(thrownBy(() => cursor.previous())).toMatchObject(expected);
    expect(cursor.offset).toBe(to);
  });
}

describe.each(WAYS)('a segment of which %s', (_, spoil) => {
  it('is an error where it lies in a closed log, and repairLog brings back what is there', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fillNumbered(log, appender, 4);
    const end = appender.nextOffset;
    await appender.close();
    const bases = [...segmentsOf(log), end];
    for (const which of [0, 1, 2, 3]) {
      const copy = copyOf(log);
      const path = segmentFile(copy, bases[which] as number);
      const content = readFileSync(path);
      spoil(path);
      const lost = { from: bases[which] as number, to: bases[which + 1] as number };
      checkReader(copy, { path, lost }, end);
      expect(thrownBy(() => openAppender(copy, QUIET))).toMatchObject({ path, lost });
      // Sizes that are known again: no frame has suffered.
      const isWhole = readFileSync(path).length === content.length;
      const report = repairLog(copy);
      if (isWhole) {
        expect(report.lost).toEqual([]);
        reading(copy, (reader) => expect(numberedOffsets(reader)).toEqual(range(0, end)));
      }
    }
  });

  it('is an error where it lies in a log that was not closed, and was durable there', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fillNumbered(log, appender, 3);
    await appender.flush();
    await appender.close();
    const again = openAppender(log, QUIET);
    fillNumbered(log, again, 5);
    const end = again.nextOffset;
    const copy = copyOf(log);
    await again.close();
    const [, from, to] = segmentsOf(copy) as [number, number, number];
    const path = segmentFile(copy, from);
    spoil(path);
    checkReader(copy, { path, lost: { from, to } }, end);
    expect(thrownBy(() => openAppender(copy, QUIET))).toMatchObject({ path, lost: { from, to } });
  });
});

describe('a log that is open for appending', () => {
  it('is read around a sealed segment whose header is damaged meanwhile', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fillNumbered(log, appender, 4);
    const [, from, to] = segmentsOf(log) as [number, number, number];
    const path = segmentFile(log, from);
    zero(path, 0, 4096);
    checkReader(log, { path, lost: { from, to } }, appender.nextOffset);
    await appender.close();
  });

  it('is read up to an active segment whose header is damaged, and behind it after the roll', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fillNumbered(log, appender, 2);
    const from = segmentsOf(log)[1] as number;
    const path = segmentFile(log, from);
    zero(path, 0, 4096);
    const reader = openReader(log);
    const cursor = reader.cursor();
    const seen: number[] = [];
    const readOn = (): void => {
      while (cursor.next()) seen.push(cursor.offset);
    };
    expect(thrownBy(readOn)).toMatchObject({ code: 'CORRUPTION', path });
    expect(seen).toEqual(range(0, from));
    expect([reader.committedOffset, reader.flushedOffset]).toEqual([from, from]);
    expect(reader.damage()).toMatchObject([{ path }]);
    expect(thrownBy(() => reader.get(from))).toMatchObject({ code: 'CORRUPTION', path });
    fillNumbered(log, appender, 3);
    const to = segmentsOf(log)[2] as number;
    expect(thrownBy(readOn)).toMatchObject({ path, lost: { from, to } });
    expect(cursor.moveTo(to)).toBe(true);
    readOn();
    expect(seen.at(-1)).toBe(appender.nextOffset - 1);
    reader.close();
    await appender.close();
  });
});
