import { lstatSync, readdirSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  StorageError,
  openAppender,
  openReader,
  verifyLog,
  type Appender,
  type AppenderOptions,
} from '../../src/index.js';
import {
  SMALL_SEGMENT_BYTES,
  appendNumbered,
  contentOf,
  numberedOffsets,
  range,
  thrownBy,
} from '../support/logs.js';
import { bytesOnDisk } from '../support/disk-use.js';
import { segmentsOf } from '../support/log-damage.js';
import { temporaryLogPath } from '../support/temporary-log.js';

/** A segment, its index, and what a log has besides. */
const SEGMENT_WITH_INDEX = SMALL_SEGMENT_BYTES + 8192;
const limitOf = (segments: number): number => segments * SEGMENT_WITH_INDEX + 65_536;

const opened: string[] = [];
afterEach(() => {
  for (const path of opened.splice(0)) expect(verifyLog(path).isIntact).toBe(true);
});

function open(options: AppenderOptions, path = temporaryLogPath()): [Appender, string] {
  opened.push(path);
  return [openAppender(path, { segmentSizeBytes: SMALL_SEGMENT_BYTES, ...options }), path];
}

function appendUntilRefused(appender: Appender): StorageError {
  for (;;) {
    const before = appender.nextOffset;
    try {
      appender.append(contentOf(before, 1000));
    } catch (error) {
      expect(appender.nextOffset).toBe(before);
      return error as StorageError;
    }
  }
}

describe.each([{ maintenance: true }, { maintenance: false }])(
  'maxLogBytes with maintenance thread: $maintenance',
  ({ maintenance }) => {
    it('refuses the append that needs a segment more, until old ones are dropped', async () => {
      const [appender, path] = open({ maintenance, maxLogBytes: limitOf(4) });
      const error = appendUntilRefused(appender);
      expect(error).toBeInstanceOf(StorageError);
      expect(error.message).toBe(
        `Cannot add a segment within ${limitOf(4)} bytes to ${path}: EDQUOT (disk quota exceeded)`,
      );
      expect(bytesOnDisk(path)).toBeLessThanOrEqual(limitOf(4));
      expect(thrownBy(() => appender.append(contentOf(0, 1000)))).toMatchObject({
        errno: 'EDQUOT',
      });
      const second = segmentsOf(path)[1] as number;
      expect(await appender.dropBefore(second)).toBe(second);
      const end = appender.nextOffset;
      appendNumbered(appender, 1, 1000);
      expect(bytesOnDisk(path)).toBeLessThanOrEqual(limitOf(4));
      await appender.close();
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual(range(second, end + 1));
      reader.close();
    });

    it('leaves a log that is larger as it is, and lets it get no larger', async () => {
      const [before, path] = open({ maintenance });
      appendNumbered(before, 100, 1000);
      await before.close();
      const bytes = bytesOnDisk(path);
      const [appender] = open({ maintenance, maxLogBytes: limitOf(3) }, path);
      expect(appendUntilRefused(appender).errno).toBe('EDQUOT');
      expect(bytesOnDisk(path)).toBe(bytes);
      const bases = segmentsOf(path);
      await appender.dropBefore(bases.at(-2) as number);
      appendNumbered(appender, 1, 1000);
      expect(bytesOnDisk(path)).toBeLessThanOrEqual(limitOf(3));
      await appender.close();
    });

    it('needs room for a segment at least', () => {
      const options = { maintenance, segmentSizeBytes: SMALL_SEGMENT_BYTES };
      const path = temporaryLogPath();
      for (const maxLogBytes of [0, limitOf(1) - 1, NaN, 2 ** 60]) {
        expect(() => openAppender(path, { ...options, maxLogBytes })).toThrow(RangeError);
      }
      expect(() => lstatSync(path)).toThrow();
    });
  },
);

/** Not while the next segment is on its way, and the only one that there is room for. */
function tryAppend(appender: Appender): boolean {
  try {
    appendNumbered(appender, 1, 1000);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ errno: 'EDQUOT' });
    return false;
  }
}

describe('onShortage', () => {
  it('is told once the active segment is begun, and preparing goes on after a drop', async () => {
    let told = 0;
    // Little of the 64 KiB is used, so there is room for three segments.
    const maxLogBytes = limitOf(1);
    const [appender, path] = open({ maxLogBytes, onShortage: () => told++ });
    while (segmentsOf(path).length < 3) if (!tryAppend(appender)) await setTimeout(1);
    expect(told).toBe(0);
    await Promise.resolve();
    expect(told).toBe(1);
    await appender.dropBefore(appender.nextOffset);
    const isPrepared = (): boolean =>
      readdirSync(path).filter((name) => name.endsWith('.tmp')).length === 2;
    while (!isPrepared()) await setTimeout(5);
    expect(bytesOnDisk(path)).toBeLessThanOrEqual(maxLogBytes);
    await appender.close();
  });

  it('is a function', () => {
    const onShortage = 'loudly' as unknown as () => void;
    expect(() => openAppender(temporaryLogPath(), { onShortage })).toThrow(TypeError);
  });
});

describe('what an appender has written', () => {
  it.each(['each', 'manual', { bytes: 4096 }] as const)(
    'is the frames that it has put into segments, with commit %o',
    async (commit) => {
      const [first, path] = open({ commit });
      appendNumbered(first, 3, 100);
      await first.close();
      const [appender] = open({ commit }, path);
      expect(appender.writtenBytes).toBe(0);
      expect(appender.activeSegment.base).toBe(0);
      const before = appender.activeSegment.usedBytes;
      appender.append(contentOf(3, 100));
      // A frame's header, a record's, and 100 bytes rounded up to 8.
      expect(appender.writtenBytes).toBe(64 + 8 + 104);
      expect(appender.activeSegment.usedBytes).toBe(before + 176);
      appendNumbered(appender, 500, 100);
      const { base, sizeBytes } = appender.activeSegment;
      expect(base).toBe(segmentsOf(path).at(-1));
      expect(sizeBytes).toBe(SMALL_SEGMENT_BYTES);
      const written = appender.writtenBytes;
      await appender.close();
      const { frames, records } = verifyLog(path);
      const ofFirst = commit === 'each' ? 3 : 1;
      expect(records).toBe(504);
      expect(written).toBe((frames - ofFirst) * 64 + 501 * (8 + 104));
    },
  );
});
