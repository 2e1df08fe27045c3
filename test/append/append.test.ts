import { describe, expect, it, vi } from 'vitest';
import {
  openAppender,
  openReader,
  RecordTooLargeError,
  type Appender,
  type AppenderOptions,
} from '../../src/index.js';
import {
  appendNumbered,
  contentOf,
  filesOf,
  numberedOffsets,
  range,
  rejectionOf,
  SMALL_MAX_RECORD_BYTES,
  SMALL_SEGMENT_BYTES,
  thrownBy,
} from '../support/logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

/** What a segment holds behind its header. */
const ROOM = SMALL_SEGMENT_BYTES - 4096;

describe.each([{ maintenance: false }, { maintenance: true }])(
  'an appender with maintenance thread: $maintenance',
  ({ maintenance }) => {
    const open = (path: string, options: AppenderOptions = {}): Appender =>
      openAppender(path, { segmentSizeBytes: SMALL_SEGMENT_BYTES, maintenance, ...options });

    it('returns offsets from 0 on, and a reader sees each record at once', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      const reader = openReader(path);
      for (let i = 0; i < 10; i++) {
        expect(appender.append(bytes(`record ${i}`))).toBe(i);
        expect(text(reader.get(i).payload)).toBe(`record ${i}`);
      }
      await appender.close();
      reader.close();
    });

    it('keeps an empty record as a record of length 0', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      const reader = openReader(path);
      expect([appender.append(bytes('')), appender.append(bytes('x'))]).toEqual([0, 1]);
      expect(appender.appendBatch([bytes(''), bytes('')])).toBe(2);
      expect(range(0, 4).map((offset) => reader.get(offset).length)).toEqual([0, 1, 0, 0]);
      expect(reader.get(0).payload).toHaveLength(0);
      await appender.close();
      reader.close();
    });

    it('copies the payload: what happens to it afterwards changes nothing', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'manual' });
      const payload = bytes('before');
      appender.append(payload);
      payload.fill(0);
      appender.commit();
      const reader = openReader(path);
      expect(text(reader.get(0).payload)).toBe('before');
      await appender.close();
      reader.close();
    });

    it('takes a record that exactly fills a segment, and the next one goes to a new segment', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      expect(appender.maxRecordBytes).toBe(SMALL_MAX_RECORD_BYTES);
      appendNumbered(appender, 3, SMALL_MAX_RECORD_BYTES);
      expect(filesOf(path, '.log')).toHaveLength(3);
      appendNumbered(appender, 1, 0);
      expect(filesOf(path, '.log')).toHaveLength(4);
      await appender.close();
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual(range(0, 4));
      expect(reader.segments().map(({ usedBytes }) => usedBytes)).toEqual([ROOM, ROOM, ROOM, 72]);
      reader.close();
    });

    it('goes on after reopening a log whose last segment is exactly full', async () => {
      const path = temporaryLogPath();
      await closing(open(path), (appender) => appendNumbered(appender, 1, SMALL_MAX_RECORD_BYTES));
      await closing(open(path), (appender) => {
        expect(appender.recovery.outcome).toBe('clean');
        appendNumbered(appender, 2, 5);
      });
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual([0, 1, 2]);
      reader.close();
    });

    it.each(['each', 'manual'] as const)(
      'refuses what is one byte too large with RecordTooLargeError, and nothing changes (commit: %s)',
      async (commit) => {
        const path = temporaryLogPath();
        const appender = open(path, { commit });
        appendNumbered(appender, 2, 10);
        const before = appender.committedOffset;
        const tooLong = new Uint8Array(SMALL_MAX_RECORD_BYTES + 1);
        const half = new Uint8Array((SMALL_MAX_RECORD_BYTES - 8) / 2);
        const more = new Uint8Array(half.length + 1);
        for (const attempt of [
          (): unknown => appender.append(tooLong),
          (): unknown => appender.appendBatch([tooLong]),
          (): unknown => appender.appendBatch([half, more]),
          (): unknown => appender.appendBatch(Array.from({ length: 257 }, () => new Uint8Array(0))),
          (): unknown => appender.reserve(tooLong.length),
        ]) {
          expect(thrownBy(attempt)).toBeInstanceOf(RecordTooLargeError);
          expect([appender.nextOffset, appender.committedOffset]).toEqual([2, before]);
        }
        expect(filesOf(path, '.log')).toHaveLength(1);
        expect(appender.appendBatch([half, half])).toBe(2);
        expect(appender.append(new Uint8Array(1))).toBe(4);
        await appender.close();
        const reader = openReader(path);
        expect(reader.segments().map(({ records }) => records)).toEqual([2, 2, 1]);
        reader.close();
      },
    );

    it('names size and limit in RecordTooLargeError', async () => {
      const appender = open(temporaryLogPath());
      const error = thrownBy(() => appender.append(new Uint8Array(20_000)));
      expect(error).toMatchObject({ code: 'RECORD_TOO_LARGE', sizeBytes: 20_000 });
      expect(error).toMatchObject({ limitBytes: SMALL_MAX_RECORD_BYTES });
      await appender.close();
    });

    it('never splits a record: one that does not fit the rest of a segment begins the next', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      appender.append(contentOf(0, ROOM - 64 - 8 - 72 - 8));
      expect(filesOf(path, '.log')).toHaveLength(1);
      appender.append(contentOf(1, 9));
      expect(filesOf(path, '.log')).toHaveLength(2);
      await appender.close();
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual([0, 1]);
      reader.close();
    });

    it('rolls when the index is full, however much room the segment has', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { indexCapacity: 5 });
      appendNumbered(appender, 12, 3);
      expect(thrownBy(() => appender.appendBatch(range(0, 6).map(() => bytes('x'))))).toMatchObject(
        {
          code: 'RECORD_TOO_LARGE',
        },
      );
      expect(appender.appendBatch(range(0, 5).map((i) => contentOf(12 + i, 4)))).toBe(12);
      expect(appender.reserve(0).publish()).toBe(17);
      await appender.close();
      const reader = openReader(path);
      expect(reader.segments().map(({ records }) => records)).toEqual([5, 5, 2, 5, 1]);
      expect(numberedOffsets(reader)).toEqual(range(0, 18));
      reader.close();
    });

    it('puts a batch into one frame: same time, same epoch, visible together', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: { bytes: 300, delayMs: 1_000_000 } });
      const reader = openReader(path);
      appender.append(contentOf(0, 100));
      expect(reader.committedOffset).toBe(0);
      expect(appender.appendBatch(range(1, 9).map((offset) => contentOf(offset, 100)))).toBe(1);
      expect(reader.committedOffset).toBe(9);
      const frames = new Set(
        range(1, 9).map((offset) => `${reader.get(offset).timeNs} ${reader.get(offset).epoch}`),
      );
      expect(frames.size).toBe(1);
      expect(reader.get(1).epoch).toBe(appender.epoch);
      expect(numberedOffsets(reader)).toEqual(range(0, 9));
      await appender.close();
      reader.close();
    });

    it('moves a batch that is larger than the rest of the segment to the next as a whole', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'manual' });
      appendNumbered(appender, 1, 9000);
      expect(appender.appendBatch([contentOf(1, 2000), contentOf(2, 2000)])).toBe(1);
      appender.commit();
      await appender.close();
      const reader = openReader(path);
      expect(reader.segments().map(({ records }) => records)).toEqual([1, 2]);
      expect(numberedOffsets(reader)).toEqual([0, 1, 2]);
      reader.close();
    });

    it('returns nextOffset for an empty batch and writes nothing', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      appendNumbered(appender, 2, 1);
      expect(appender.appendBatch([])).toBe(2);
      expect(appender.nextOffset).toBe(2);
      await appender.close();
    });

    it('gives new segments the application header, which a reopened log inherits', async () => {
      const path = temporaryLogPath();
      await closing(open(path, { header: bytes('schema 1') }), (appender) => {
        expect(text(appender.header)).toBe('schema 1');
        appendNumbered(appender, 2, 9000);
      });
      await closing(open(path), (appender) => appendNumbered(appender, 1, 9000));
      await closing(open(path, { header: bytes('schema 2') }), (appender) => {
        expect(text(appender.header)).toBe('schema 1');
        appendNumbered(appender, 1, 9000);
        expect(text(appender.header)).toBe('schema 2');
      });
      const reader = openReader(path);
      const headers = reader.segments().map(({ header }) => text(header));
      expect(headers).toEqual(['schema 1', 'schema 1', 'schema 1', 'schema 2']);
      reader.close();
    });

    it('stamps records with times that never go back, between opening and closing', async () => {
      const path = temporaryLogPath();
      const before = Date.now();
      for (let opening = 0; opening < 2; opening++) {
        await closing(open(path), (appender) => appendNumbered(appender, 200, 100));
      }
      const after = Date.now();
      const reader = openReader(path);
      const times = range(0, 400).map((offset) => reader.get(offset).timeMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times[0]).toBeGreaterThanOrEqual(before);
      expect(times.at(-1)).toBeLessThanOrEqual(after);
      expect(reader.get(7).timeNs).toBe(BigInt(times[7] as number) * 1_000_000n);
      reader.close();
    });

    it.skipIf(maintenance)(
      'shows every millisecond exactly, and finds its record by it',
      async () => {
        const path = temporaryLogPath();
        const first = Date.now();
        const times = range(0, 200).map((i) => first + i * 37);
        await closing(open(path), (appender) => {
          for (const time of times) {
            vi.setSystemTime(time);
            appender.append(bytes('x'));
          }
        });
        vi.useRealTimers();
        const reader = openReader(path);
        for (let i = 0; i < reader.committedOffset; i++) {
          expect(reader.get(i).timeMs).toBe(times[i]);
          expect(reader.offsetAtTime(times[i] as number)).toBe(i);
        }
        reader.close();
      },
    );

    it('draws an epoch per opening, and records carry it', async () => {
      const path = temporaryLogPath();
      const epochs: number[] = [];
      for (let opening = 0; opening < 2; opening++) {
        await closing(open(path), (appender) => {
          epochs.push(appender.epoch);
          appendNumbered(appender, 1, 1);
        });
      }
      const reader = openReader(path);
      expect([reader.get(0).epoch, reader.get(1).epoch]).toEqual(epochs);
      expect(epochs[0]).not.toBe(epochs[1]);
      reader.close();
    });

    it('drops whole segments below an offset, and says where the log starts now', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { indexCapacity: 10 });
      appendNumbered(appender, 35, 8);
      expect(await appender.dropBefore(9)).toBe(0);
      expect(await appender.dropBefore(29)).toBe(20);
      expect(await appender.dropBefore(5)).toBe(20);
      expect(filesOf(path, '.log')).toHaveLength(2);
      expect(await appender.dropBefore(1_000_000)).toBe(30);
      expect(appender.startOffset).toBe(30);
      await appender.close();
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual(range(30, 35));
      reader.close();
    });

    it('refuses dropBefore and prepare that close overtakes with CLOSED', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      appendNumbered(appender, 40, 900);
      const overtaken = [rejectionOf(appender.dropBefore(30))];
      if (maintenance) overtaken.push(rejectionOf(appender.prepare()));
      await appender.close();
      for (const error of await Promise.all(overtaken)) {
        expect(error).toMatchObject({ code: 'CLOSED' });
      }
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual(range(0, 40));
      reader.close();
    });

    it('prepares ahead, and appends then go on as before', async () => {
      const path = temporaryLogPath();
      const appender = open(path);
      await appender.prepare();
      appendNumbered(appender, 30, 1000);
      await appender.prepare();
      appendNumbered(appender, 30, 1000);
      await appender.close();
      const reader = openReader(path);
      expect(numberedOffsets(reader)).toEqual(range(0, 60));
      reader.close();
    });
  },
);

async function closing(appender: Appender, use: (appender: Appender) => void): Promise<void> {
  try {
    use(appender);
  } finally {
    await appender.close();
  }
}
