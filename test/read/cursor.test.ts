import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CorruptionError,
  LogClosedError,
  OffsetOutOfRangeError,
  openAppender,
  openReader,
  type Appender,
  type Reader,
} from '../../src/index.js';
import {
  appendNumbered,
  contentOf,
  filesOf,
  isNumbered,
  numberedOffsets,
  range,
  thrownBy,
} from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

it.each([4096, 4096 + 10 * 576])(
  'a segment of which nothing is left from byte %i on is damage, not the end of the log, nor a trap',
  async (from) => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
    appendNumbered(appender, 60, 500);
    await appender.close();
    const [, second = ''] = filesOf(path, '.log');
    writeFileSync(second, readFileSync(second).fill(0, from));
    const reader = openReader(path);
    const cursor = reader.cursor();
    const error = thrownBy(() => {
      while (cursor.next());
    });
    expect(error).toMatchObject({ code: 'CORRUPTION', path: second });
    const { lost } = error as CorruptionError;
    expect(lost).toEqual({ from: cursor.offset + 1, to: 42 });
    reader.close();
  },
);

describe('a reader of a log of 60 records in 3 segments', () => {
  let path: string;
  let appender: Appender;
  let reader: Reader;

  beforeEach(() => {
    path = temporaryLogPath();
    appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
    appendNumbered(appender, 60, 500);
    reader = openReader(path);
  });
  afterEach(async () => {
    reader.close();
    await appender.close();
  });

  it('says where the log begins and ends', () => {
    expect([reader.startOffset, reader.committedOffset, reader.boundOffset]).toEqual([0, 60, 60]);
    const bases = reader.segments().map(({ baseOffset, sealed }) => [baseOffset, sealed]);
    expect(bases).toEqual([
      [0, true],
      [21, true],
      [42, false],
    ]);
  });

  it('gets every record, in any order', () => {
    for (const offset of [59, 0, 20, 21, 22, 41, 42, 43, 1]) {
      expect(reader.get(offset).offset).toBe(offset);
      expect(isNumbered(reader.get(offset))).toBe(true);
    }
  });

  it('refuses offsets outside with OffsetOutOfRangeError and its fields', async () => {
    expect(thrownBy(() => reader.get(60))).toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
      offset: 60,
      startOffset: 0,
      bound: 60,
    });
    expect(thrownBy(() => reader.get(Number.MAX_SAFE_INTEGER))).toBeInstanceOf(
      OffsetOutOfRangeError,
    );
    await appender.dropBefore(45);
    expect(thrownBy(() => reader.get(3))).toMatchObject({ offset: 3, startOffset: 42, bound: 60 });
    expect(thrownBy(() => reader.cursor({ from: 41 }))).toBeInstanceOf(OffsetOutOfRangeError);
  });

  it.each([-1, 1.5, Number.NaN, Infinity, 2 ** 53, '3', 3n, null, {}])(
    'refuses %s as an offset with RangeError, and the cursor stays',
    (wrong) => {
      const offset = wrong as number;
      const cursor = reader.cursor();
      cursor.moveTo(5);
      expect(() => reader.get(offset)).toThrow(RangeError);
      expect(() => cursor.moveTo(offset)).toThrow(RangeError);
      expect(() => cursor.seek(offset)).toThrow(RangeError);
      expect(cursor.offset).toBe(5);
      cursor.close();
    },
  );

  it('walks forwards, backwards and turns at any record', () => {
    const cursor = reader.cursor();
    expect(range(0, 60).map(() => cursor.next() && cursor.offset)).toEqual(range(0, 60));
    expect(cursor.next()).toBe(false);
    expect(cursor.offset).toBe(59);
    expect(range(0, 59).map(() => cursor.previous() && cursor.offset)).toEqual(
      range(0, 59).reverse(),
    );
    expect(cursor.previous()).toBe(false);
    expect(cursor.offset).toBe(0);
    for (const edge of [20, 21, 41, 42]) {
      expect(cursor.moveTo(edge)).toBe(true);
      expect([cursor.next(), cursor.offset]).toEqual([true, edge + 1]);
      expect([cursor.previous(), cursor.previous(), cursor.offset]).toEqual([true, true, edge - 1]);
      expect([cursor.next(), cursor.next(), cursor.offset]).toEqual([true, true, edge + 1]);
      expect(isNumbered(cursor)).toBe(true);
    }
    cursor.close();
  });

  it('starts at the start, the end, an offset or a time', () => {
    const first = (from: Parameters<Reader['cursor']>[0]): unknown => {
      const cursor = reader.cursor(from);
      const found = cursor.next() ? cursor.offset : 'none';
      cursor.close();
      return found;
    };
    expect(first({ from: 'start' })).toBe(0);
    expect(first({})).toBe(0);
    expect(first({ from: 'end' })).toBe('none');
    expect(first({ from: 33 })).toBe(33);
    expect(first({ from: 1000 })).toBe('none');
    expect(first({ from: { timeMs: 0 } })).toBe(0);
    expect(first({ from: { timeMs: reader.get(59).timeMs + 1 } })).toBe('none');
    const time = reader.get(30).timeMs;
    const sameTime = range(0, 60).find((offset) => reader.get(offset).timeMs === time);
    expect(first({ from: { timeMs: time } })).toBe(sameTime);
  });

  it('stays below its end, forwards, backwards and by moveTo', () => {
    const cursor = reader.cursor({ from: 18, to: 23 });
    expect([...cursor].map(() => 0)).toHaveLength(5);
    expect(cursor.offset).toBe(22);
    expect(cursor.moveTo(23)).toBe(false);
    cursor.seek(50);
    expect(cursor.next()).toBe(false);
    expect([cursor.previous(), cursor.offset]).toEqual([true, 22]);
    expect(cursor.next()).toBe(false);
    cursor.close();
  });

  it('goes back to the last record from past the bound', () => {
    const cursor = reader.cursor({ from: 1000 });
    expect([cursor.previous(), cursor.offset]).toEqual([true, 59]);
    cursor.close();
  });

  it('ends a snapshot at the bound of its making, while a live cursor goes on across rolls', () => {
    const snapshot = reader.cursor({ from: 58, snapshot: true });
    const live = reader.cursor({ from: 58 });
    appendNumbered(appender, 60, 500);
    const offsets = (cursor: Iterable<{ offset: number }>): number[] =>
      Array.from(cursor, ({ offset }) => offset);
    expect(offsets(snapshot)).toEqual([58, 59]);
    expect(offsets(live)).toEqual(range(58, 120));
    appendNumbered(appender, 30, 500);
    expect(offsets(snapshot)).toEqual([]);
    expect(offsets(live)).toEqual(range(120, 150));
  });

  it('shows its record still when the next segment has none yet', async () => {
    const other = temporaryLogPath();
    const options = { segmentSizeBytes: 16_384, commit: 'manual', maintenance: false } as const;
    const writer = openAppender(other, options);
    appendNumbered(writer, 20, 500);
    writer.commit();
    const own = openReader(other);
    const cursor = own.cursor({ from: 19 });
    expect(cursor.next()).toBe(true);
    // Does not fit any more: rolls, and is not committed.
    appendNumbered(writer, 1, 3000);
    for (let attempt = 0; attempt < 2; attempt++) {
      expect(cursor.next()).toBe(false);
      expect([cursor.offset, isNumbered(cursor)]).toEqual([19, true]);
    }
    writer.commit();
    expect([cursor.next(), cursor.offset, isNumbered(cursor)]).toEqual([true, 20, true]);
    own.close();
    await writer.close();
  });

  it('shows its record still after a move into a damaged segment', async () => {
    await appender.close();
    const second = filesOf(path, '.log')[1] as string;
    const damaged = readFileSync(second);
    damaged.fill(0xff, 4096 + 64, 4096 + 128);
    writeFileSync(second, damaged);
    const own = openReader(path);
    const cursor = own.cursor();
    expect(cursor.moveTo(20)).toBe(true);
    expect(thrownBy(() => cursor.moveTo(21))).toBeInstanceOf(CorruptionError);
    expect([cursor.offset, isNumbered(cursor)]).toEqual([20, true]);
    expect(thrownBy(() => cursor.next())).toBeInstanceOf(CorruptionError);
    expect([cursor.offset, isNumbered(cursor)]).toEqual([20, true]);
    own.close();
  });

  it('throws OffsetOutOfRangeError when the way leads into dropped segments', async () => {
    const forward = reader.cursor();
    forward.next();
    const backward = reader.cursor({ from: 42 });
    await appender.dropBefore(45);
    expect(thrownBy(() => Array.from(forward))).toMatchObject({ offset: 21, startOffset: 42 });
    expect(forward.offset).toBe(20);
    forward.seek(reader.startOffset);
    expect([forward.next(), forward.offset]).toEqual([true, 42]);
    expect(backward.previous()).toBe(false);
    expect(reader.segments().map(({ baseOffset }) => baseOffset)).toEqual([42]);
  });

  it('has no accessors before the first record, after seek and after close', () => {
    const cursor = reader.cursor();
    const refuses = (): void => {
      expect(() => cursor.offset).toThrow(RangeError);
      expect(() => cursor.payload).toThrow(RangeError);
      expect(() => cursor.copyPayload()).toThrow(RangeError);
      expect(() => cursor.timeMs).toThrow(RangeError);
      expect(() => cursor.timeNs).toThrow(RangeError);
      expect(() => cursor.epoch).toThrow(RangeError);
      expect(() => cursor.getUint8(0)).toThrow(RangeError);
    };
    refuses();
    cursor.next();
    cursor.seek(30);
    refuses();
    cursor.next();
    cursor.close();
    cursor.close();
    refuses();
    for (const move of [
      (): unknown => cursor.next(),
      (): unknown => cursor.previous(),
      (): unknown => cursor.moveTo(1),
      (): unknown => cursor.seek(1),
    ]) {
      expect(thrownBy(move)).toBeInstanceOf(LogClosedError);
    }
  });

  it('refuses everything after close, but cursors keep the record they stand on', () => {
    const cursor = reader.cursor();
    cursor.next();
    reader.close();
    reader.close();
    for (const action of [
      (): unknown => reader.get(0),
      (): unknown => reader.cursor(),
      (): unknown => reader.startOffset,
      (): unknown => reader.boundOffset,
      (): unknown => reader.committedOffset,
      (): unknown => reader.flushedOffset,
      (): unknown => reader.offsetAtTime(0),
      (): unknown => reader.segments(),
      (): unknown => cursor.next(),
      (): unknown => cursor.previous(),
      (): unknown => cursor.moveTo(1),
    ]) {
      expect(thrownBy(action)).toBeInstanceOf(LogClosedError);
    }
    expect(isNumbered(cursor)).toBe(true);
    cursor.close();
  });

  it('keeps views valid after drop, close of reader and close of appender', async () => {
    const views = range(0, 60).map((offset) => reader.get(offset).payload);
    await appender.dropBefore(60);
    reader.close();
    await appender.close();
    for (const [offset, view] of views.entries()) {
      expect(Buffer.compare(view, contentOf(offset, 500))).toBe(0);
    }
  });

  it.each(['always', 'first-touch', 'never'] as const)(
    'reads the same with verify: %s',
    (verify) => {
      for (const access of ['normal', 'sequential', 'random'] as const) {
        const other = openReader(path, { verify, access });
        expect(numberedOffsets(other)).toEqual(range(0, 60));
        expect(isNumbered(other.get(33))).toBe(true);
        other.close();
      }
    },
  );

  it('refuses options that are none of the choices', () => {
    expect(() => openReader(path, { verify: 'sometimes' as 'never' })).toThrow(TypeError);
    expect(() => openReader(path, { access: 1 as unknown as 'normal' })).toThrow(TypeError);
    expect(() => openReader(path, { bound: 'next' as 'flushed' })).toThrow(TypeError);
    expect(() => reader.cursor({ from: 'middle' as 'end' })).toThrow(TypeError);
    expect(() => reader.cursor({ from: { timeMs: Number.NaN } })).toThrow(RangeError);
    expect(() => reader.cursor({ to: -1 })).toThrow(RangeError);
    expect(() => reader.offsetAtTime(Number.NaN)).toThrow(RangeError);
  });

  describe.each(['missing', 'truncated', 'garbage', 'zeroed words', 'shuffled'])(
    'with index files that are %s',
    (kind) => {
      it.each([0, 1, 2])('reads everything right and says so (segment %i)', async (at) => {
        await appender.close();
        const index = filesOf(path, '.index')[at] as string;
        damageIndex(index, kind);
        const fresh = openReader(path);
        expect(numberedOffsets(fresh)).toEqual(range(0, 60));
        expect(range(0, 60).every((offset) => isNumbered(fresh.get(offset)))).toBe(true);
        const harmless = kind === 'zeroed words' && fresh.indexFaults.length === 0;
        if (!harmless) expect(fresh.indexFaults).toMatchObject([{ path: index }]);
        // A reader that found that out must come through an appender's arrival.
        const next = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
        appendNumbered(next, 30, 500);
        expect(numberedOffsets(fresh)).toEqual(range(0, 90));
        const later = openReader(path);
        expect(numberedOffsets(later)).toEqual(range(0, 90));
        later.close();
        await next.close();
        fresh.close();
      });
    },
  );
});

it('a reader opened before the first record sees it, and an empty log has none', async () => {
  const path = temporaryLogPath();
  const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
  const reader = openReader(path);
  const cursor = reader.cursor({ from: 'end' });
  expect([reader.startOffset, reader.boundOffset, cursor.next()]).toEqual([0, 0, false]);
  expect(reader.offsetAtTime(0)).toBe(0);
  expect(thrownBy(() => reader.get(0))).toMatchObject({ offset: 0, startOffset: 0, bound: 0 });
  appender.append(bytes('12345678'));
  expect([cursor.next(), cursor.offset, cursor.getUint8(0)]).toEqual([true, 0, 49]);
  for (const at of [-1, 8, Number.NaN]) {
    expect(() => cursor.getUint8(at)).toThrow(RangeError);
  }
  expect(() => cursor.getFloat64(1)).toThrow(RangeError);
  expect(() => cursor.getInt16(7)).toThrow(RangeError);
  expect(() => cursor.getBigUint64(-8)).toThrow(RangeError);
  expect(cursor.getUint32(4)).toBe(0x3837_3635);
  await appender.close();
  reader.close();
});

function damageIndex(path: string, kind: string): void {
  if (kind === 'missing') return rmSync(path);
  if (kind === 'truncated') return truncateSync(path, 4100);
  const content = readFileSync(path);
  const entries = new Int32Array(content.buffer, content.byteOffset + 4096, 18);
  if (kind === 'garbage') content.fill('nonsense');
  if (kind === 'zeroed words') content.fill(0, 1024, 4096);
  if (kind === 'shuffled') entries.set(entries.slice().reverse());
  return writeFileSync(path, content);
}
