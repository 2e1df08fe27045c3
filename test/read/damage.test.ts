/** Damage in a log that was closed, as a reader comes upon it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  openAppender,
  openReader,
  type Appender,
  type Reader,
} from '../../src/index.js';
import { flipBit, framesIn, overwrite, segmentFile, zero } from '../support/log-damage.js';
import { appendNumbered, isNumbered, range, thrownBy } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const COUNT = 60;

/** 60 records, two a frame, in segments of bases 0, 22 and 44. */
async function closedLog(): Promise<string> {
  const log = temporaryLogPath();
  const options = { segmentSizeBytes: 16 * 1024, maintenance: false, commit: 'manual' } as const;
  const appender: Appender = openAppender(log, options);
  for (let i = 0; i < COUNT / 2; i++) {
    appendNumbered(appender, 2, 500);
    appender.commit();
  }
  await appender.close();
  return log;
}

function setWord(path: string, position: number, value: number): void {
  overwrite(path, position, Buffer.from(Uint32Array.of(value).buffer));
}

const KINDS: [string, (path: string, frame: number) => void][] = [
  ['a flipped bit in a payload', (path, at): void => flipBit(path, at + 64 + 8 + 250)],
  ['a flipped bit in its header', (path, at): void => flipBit(path, at + 24)],
  ['a length of zero', (path, at): void => setWord(path, at, 0)],
  ['a nonsense length', (path, at): void => setWord(path, at, 0x7fff_fff8)],
  ['a negative length', (path, at): void => setWord(path, at, 0x8000_0040)],
  ['a header of zeros', (path, at): void => zero(path, at, at + 64)],
  ['nothing but zeros', (path, at): void => zero(path, at, at + 64 + 2 * 512)],
  ['another count', (path, at): void => setWord(path, at + 16, 3)],
];

/** In a sealed segment, and in the last; never at its end, which opening looks at. */
const PLACES = [
  { segment: 0, first: 0 },
  { segment: 22, first: 30 },
  { segment: 44, first: 50 },
];

describe.each(PLACES)('a reader of a log whose frame of records $first on has', (place) => {
  it.each(KINDS)('%s', async (_, damage) => {
    const { segment, first } = place;
    const log = await closedLog();
    const path = segmentFile(log, segment);
    const frame = framesIn(log, segment).find(({ base }) => base === first);
    const position = frame?.position as number;
    damage(path, position);
    const expected = { code: 'CORRUPTION', path, position, lost: { from: first, to: first + 2 } };
    const reader = openReader(log);
    const cursor = reader.cursor();
    const seen: number[] = [];
    const error = thrownBy(() => {
      while (cursor.next()) seen.push(isNumbered(cursor) ? cursor.offset : NaN);
    });
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject(expected);
    expect(seen).toEqual(range(0, first));
    // It is no end: the cursor says so again, and everything else can be read.
    expect(thrownBy(() => cursor.next())).toMatchObject(expected);
    for (const lost of [first, first + 1]) {
      expect(thrownBy(() => reader.get(lost))).toMatchObject(expected);
    }
    cursor.seek(first + 2);
    for (const offset of range(first + 2, COUNT)) {
      expect([cursor.next(), cursor.offset, isNumbered(cursor)]).toEqual([true, offset, true]);
    }
    const others = range(0, COUNT).filter((offset) => offset !== first && offset !== first + 1);
    for (const offset of others.toReversed()) expect(isNumbered(reader.get(offset))).toBe(true);
    reader.close();
  });
});

describe('verification', () => {
  async function damagedAfterTouch(
    options: Parameters<typeof openReader>[1],
  ): Promise<{ log: string; reader: Reader; position: number }> {
    const log = await closedLog();
    const reader = openReader(log, options);
    expect(isNumbered(reader.get(30))).toBe(true);
    const position = framesIn(log, 22).find(({ base }) => base === 30)?.position as number;
    flipBit(segmentFile(log, 22), position + 64 + 8 + 250);
    return { log, reader, position };
  }

  it('is done at the first touch by default, and remembered', async () => {
    const { log, reader } = await damagedAfterTouch(undefined);
    expect(isNumbered(reader.get(30))).toBe(false);
    // Its neighbours have not been touched, and another reader remembers nothing.
    expect(isNumbered(reader.get(32))).toBe(true);
    const other = openReader(log);
    expect(thrownBy(() => other.get(30))).toBeInstanceOf(CorruptionError);
    other.close();
    reader.close();
  });

  it('is done every time when asked', async () => {
    const { log, reader, position } = await damagedAfterTouch({ verify: 'always' });
    const path = segmentFile(log, 22);
    expect(thrownBy(() => reader.get(30))).toMatchObject({ path, position });
    expect(thrownBy(() => reader.get(31))).toMatchObject({ path, position });
    expect(isNumbered(reader.get(32))).toBe(true);
    flipBit(path, position + 64 + 8 + 250);
    expect(isNumbered(reader.get(30))).toBe(true);
    reader.close();
  });

  it('never looks at checksums when asked, and still at everything that positions depend on', async () => {
    const { log, reader, position } = await damagedAfterTouch({ verify: 'never' });
    expect(isNumbered(reader.get(30))).toBe(false);
    reader.close();
    const other = openReader(log, { verify: 'never' });
    expect(isNumbered(other.get(30))).toBe(false);
    other.close();
    const path = segmentFile(log, 22);
    const before = readFileSync(path).readUInt32LE(position + 64);
    setWord(path, position + 64, before + 8);
    const third = openReader(log, { verify: 'never' });
    expect(thrownBy(() => third.get(30))).toBeInstanceOf(CorruptionError);
    third.close();
  });
});
