import { availableParallelism } from 'node:os';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  openAppender,
  openReader,
  scan,
  type Piece,
  type ScanOptions,
  type ScanProgress,
} from '../../src/index.js';
import { allFrames } from '../support/log-damage.js';
import { appendNumbered, range } from '../support/logs.js';
import { functions, numberedLog } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

type Records = [offset: number, length: number][];
interface Call {
  args: unknown;
  piece: Piece;
  isMainThread: boolean;
  threadId: number;
  next: number;
}

const records: ScanOptions = { module: functions, workers: 2, pieceBytes: 10_000 };
const describeCall: ScanOptions = { ...records, name: 'describeCall' };
const offsets = (parts: Records[]): number[] => parts.flat().map(([offset]) => offset);

describe('scan() of a log of 1000 records', () => {
  it('runs the default export over pieces, in threads, and returns the results in order', async () => {
    const log = await numberedLog(1000, 200);
    const found = await scan<Records>(log, records);
    expect(offsets(found.value)).toEqual(range(0, 1000));
    expect(found.value.length).toBe(found.pieces);
    expect(found.pieces).toBeGreaterThan(10);
    expect(found).toMatchObject({ records: 1000, from: 0, to: 1000, damage: [] });
    const { value: calls } = await scan<Call>(log, describeCall);
    expect(calls.every(({ isMainThread }) => !isMainThread)).toBe(true);
  });

  it('cuts where frames begin, and pieces are what was asked for, give or take', async () => {
    const log = await numberedLog(1000, 200);
    const begins = new Set(allFrames(log).map(({ base }) => base));
    const { value, bytes } = await scan<Call>(log, describeCall);
    const pieces = value.map(({ piece }) => piece);
    expect(pieces.map(({ index }) => index)).toEqual(range(0, pieces.length));
    expect(pieces.map(({ from }) => from)).toEqual([0, ...pieces.slice(0, -1).map(({ to }) => to)]);
    expect(pieces.filter(({ from }) => !begins.has(from))).toEqual([]);
    for (const piece of pieces.slice(0, -1)) {
      expect(piece.bytes).toBeGreaterThan(5000);
      expect(piece.bytes).toBeLessThan(20_000);
    }
    const frameBytes = allFrames(log).reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBe(frameBytes);
    expect(value.every(({ next, piece }) => next === piece.from)).toBe(true);
  });

  it('a piece spans segments that are smaller than it', async () => {
    const log = await numberedLog(1000, 200);
    const { value, pieces } = await scan<Records>(log, { ...records, pieceBytes: 1e6 });
    expect([pieces, offsets(value)]).toEqual([1, range(0, 1000)]);
  });

  it('by default cuts pieces of a MiB or more, so that no thread holds up the end for long', async () => {
    const log = await numberedLog(40_000, 200, { segmentSizeBytes: 4 * 1024 * 1024 });
    const { pieceBytes: _, ...byDefault } = describeCall;
    const { value, bytes } = await scan<Call>(log, byDefault);
    expect(value.length).toBeGreaterThan(bytes / 1024 ** 2 / 2);
    for (const { piece } of value) expect(piece.bytes).toBeLessThan(2 * 1024 ** 2);
  });

  it('gives every call the arguments as they were when the scan began', async () => {
    const log = await numberedLog(1000, 200);
    const args = { column: 8, names: new Map([['a', 1n]]) };
    const scanning = scan<Call>(log, { ...describeCall, args });
    args.column = 9;
    for (const call of (await scanning).value) {
      expect(call.args).toEqual({ column: 8, names: new Map([['a', 1n]]) });
    }
  });

  it.each([
    ['a URL', pathToFileURL(functions)],
    ['a file: string', pathToFileURL(functions).href],
    ['an absolute path', functions],
    ['a data: URL', new URL('data:text/javascript,export default () => [[0, 1]]')],
  ])('takes the module as %s', async (_, module) => {
    const log = await numberedLog(1, 1);
    expect((await scan<Records>(log, { ...records, module })).value).toEqual([[[0, 1]]]);
  });

  it('reduces in the order of the pieces, whichever is done first', async () => {
    const log = await numberedLog(1000, 200);
    const seen: number[] = [];
    const { value, pieces } = await scan<string, number>(log, {
      ...records,
      name: 'reversed',
      args: { last: 24 },
      reduce: (text, index, piece) => {
        seen.push(piece.index);
        return `${text}${index},`;
      },
      initial: '',
    });
    expect(value).toBe(range(0, pieces).join(',') + ',');
    expect(seen).toEqual(range(0, pieces));
  });

  it('keeps only so many results waiting behind a slow piece', async () => {
    const log = await numberedLog(1000, 100, { commit: 'each' });
    const started = new Int32Array(new SharedArrayBuffer(4));
    const controller = new AbortController();
    let done = 0;
    const scanning = scan(log, {
      ...records,
      name: 'spinOn',
      pieceBytes: 1000,
      args: { index: 0, started },
      onProgress: () => {
        // The first piece never ends, so 7 others fit into the window of 2 threads.
        if (++done === 7) setTimeout(() => controller.abort(), 100);
      },
      signal: controller.signal,
    });
    await expect(scanning).rejects.toThrow('aborted');
    expect(done).toBe(7);
  });

  it('passes what was there before from call to call of an asynchronous function', async () => {
    const log = await numberedLog(300, 100);
    const { value } = await scan<number, number>(log, {
      ...records,
      name: 'slowCount',
      args: { ms: 1 },
      reduce: (total, part) => total + part,
      initial: 0,
    });
    expect(value).toBe(300);
  });

  it('by default makes as many threads as the machine runs at once, and no more than pieces', async () => {
    const log = await numberedLog(1000, 200);
    const { workers: _, ...byDefault } = describeCall;
    const threads = async (options: ScanOptions): Promise<number> =>
      new Set((await scan<Call>(log, options)).value.map(({ threadId }) => threadId)).size;
    expect(await threads(byDefault)).toBeLessThanOrEqual(availableParallelism());
    expect(await threads({ ...describeCall, pieceBytes: 1e9, workers: 50 })).toBe(1);
  });

  it('reports progress that only grows, and ends complete', async () => {
    const log = await numberedLog(1000, 200);
    const seen: ScanProgress[] = [];
    const onProgress = (progress: ScanProgress): unknown => seen.push(progress);
    const { pieces, bytes } = await scan(log, { ...records, onProgress });
    expect(seen.length).toBe(pieces);
    seen.forEach((progress, i) => {
      expect(progress).toMatchObject({
        pieces: i + 1,
        totalRecords: 1000,
        totalBytes: bytes,
        totalPieces: pieces,
      });
      expect(progress.records).toBeGreaterThan(seen[i - 1]?.records ?? 0);
      expect(progress.bytes).toBeGreaterThan(seen[i - 1]?.bytes ?? 0);
    });
    expect(seen.at(-1)).toMatchObject({ records: 1000, bytes });
  });
});

describe('the range of a scan', () => {
  it.each([
    [0, 1000],
    [0, 1],
    [999, 1000],
    [123, 777],
    [500, 500],
    [1000, 1000],
  ])('can be %i to %i', async (from, to) => {
    const log = await numberedLog(1000, 200);
    const found = await scan<Records>(log, { ...records, from, to });
    expect(offsets(found.value)).toEqual(range(from, to));
    expect(found).toMatchObject({ from, to, records: to - from });
  });

  it('can be given in time', async () => {
    const log = await numberedLog(100, 100);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const appender = openAppender(log, { maintenance: false });
    appendNumbered(appender, 50, 100);
    await appender.close();
    const reader = openReader(log);
    const { timeMs } = reader.get(100);
    reader.close();
    const after = await scan<Records>(log, { ...records, from: { timeMs } });
    expect(after).toMatchObject({ from: 100, to: 150 });
    const before = await scan<Records>(log, { ...records, to: { timeMs } });
    expect(before).toMatchObject({ from: 0, to: 100 });
    const none = await scan<Records>(log, { ...records, from: { timeMs: timeMs + 1e6 } });
    expect(none).toMatchObject({ from: 150, to: 150, value: [], pieces: 0 });
  });

  it('of an empty log is empty, and no function is called', async () => {
    const path = temporaryLogPath();
    await openAppender(path, { maintenance: false }).close();
    expect(await scan(path, { ...records, reduce: () => 1, initial: 0 })).toEqual({
      value: 0,
      records: 0,
      bytes: 0,
      pieces: 0,
      from: 0,
      to: 0,
      damage: [],
    });
  });

  it('begins where the log begins now', async () => {
    const log = await numberedLog(1000, 200);
    const appender = openAppender(log, { maintenance: false });
    await appender.dropBefore(600);
    await appender.close();
    const reader = openReader(log);
    const { startOffset } = reader;
    reader.close();
    expect(startOffset).toBeGreaterThan(0);
    const found = await scan<Records>(log, records);
    expect(offsets(found.value)).toEqual(range(startOffset, 1000));
  });

  it('is what a reader, or a description of a reader or cursor, stands for', async () => {
    const log = await numberedLog(1000, 200);
    const reader = openReader(log, { verify: 'never' });
    const cursor = reader.cursor({ from: 100, to: 300 });
    for (const [scanned, from, to] of [
      [reader, 0, 1000],
      [reader.describe(), 0, 1000],
      [structuredClone(cursor.describe()), 100, 300],
    ] as const) {
      const found = await scan<Records>(scanned, records);
      expect(offsets(found.value)).toEqual(range(from, to));
    }
    expect(reader.get(5).offset).toBe(5);
    reader.close();
  });
});

describe('scan() of a log that grows', () => {
  it('ends where the log ended when it began, and comes out the same again', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { segmentSizeBytes: 65_536, commit: { bytes: 3000 } });
    appendNumbered(appender, 1000, 100);
    appender.commit();
    const appending = setInterval(() => appendNumbered(appender, 200, 100), 0);
    const slow = { ...records, name: 'slowCount', args: { ms: 5 }, pieceBytes: 5000 };
    const sum = { reduce: (total: number, part: number) => total + part, initial: 0 };
    const first = await scan<number, number>(log, { ...slow, ...sum });
    const again = await scan<number, number>(log, { ...slow, ...sum, to: first.to });
    clearInterval(appending);
    expect(appender.committedOffset).toBeGreaterThan(first.to);
    expect(first.value).toBe(first.to);
    expect(again).toMatchObject({ value: first.value, from: 0, to: first.to });
    await appender.close();
  });

  it('with bound "flushed" reads no further than what is durable', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { flush: 'none', maintenance: false });
    appendNumbered(appender, 30, 100);
    await appender.flush();
    appendNumbered(appender, 20, 100);
    const flushed = await scan<Records>(log, { ...records, bound: 'flushed' });
    expect(offsets(flushed.value)).toEqual(range(0, 30));
    const committed = await scan<Records>(log, records);
    expect(offsets(committed.value)).toEqual(range(0, 50));
    await appender.close();
  });
});
