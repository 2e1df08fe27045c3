import { describe, expect, it } from 'vitest';
import {
  countRecords,
  findRecords,
  openAppender,
  openReader,
  rateOverTime,
  sizeHistogram,
  totalBytes,
} from '../../src/index.js';
import { range, rejectionOf } from '../support/logs.js';
import { numberedLog } from '../support/scans.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const settings = { workers: 2, pieceBytes: 5000 };

async function logOf(records: readonly Uint8Array[]): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, { maintenance: false, commit: { bytes: 300 } });
  for (const record of records) appender.append(record);
  await appender.close();
  return path;
}

describe('the ready-made scans', () => {
  it('countRecords() and totalBytes() count', async () => {
    const log = await numberedLog(1000, 77);
    expect((await countRecords(log, settings)).value).toBe(1000);
    expect((await countRecords(log, { ...settings, from: 10, to: 30 })).value).toBe(20);
    expect((await totalBytes(log, settings)).value).toBe(77_000);
    expect((await countRecords(log)).pieces).toBe(1);
  });

  it('sizeHistogram() has a bucket for each power of two that occurs', async () => {
    const log = await logOf([0, 1, 2, 3, 4, 7, 8, 1000, 1023, 1024].map((n) => new Uint8Array(n)));
    const { value, pieces } = await sizeHistogram(log, { ...settings, pieceBytes: 100 });
    expect(pieces).toBeGreaterThan(1);
    expect(value).toEqual([
      { fromBytes: 0, toBytes: 1, records: 1, bytes: 0 },
      { fromBytes: 1, toBytes: 2, records: 1, bytes: 1 },
      { fromBytes: 2, toBytes: 4, records: 2, bytes: 5 },
      { fromBytes: 4, toBytes: 8, records: 2, bytes: 11 },
      { fromBytes: 8, toBytes: 16, records: 1, bytes: 8 },
      { fromBytes: 512, toBytes: 1024, records: 2, bytes: 2023 },
      { fromBytes: 1024, toBytes: 2048, records: 1, bytes: 1024 },
    ]);
  });

  it('rateOverTime() sums up by time, also where pieces meet within a bucket', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { maintenance: false });
    for (let i = 0; i < 300; i++) {
      appender.append(new Uint8Array(100));
      if (i % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await appender.close();
    const expected = new Map<number, { records: number; bytes: number }>();
    const reader = openReader(log);
    for (const { timeMs, length } of reader.cursor()) {
      const at = Math.floor(timeMs / 10) * 10;
      const bucket = expected.get(at) ?? { records: 0, bytes: 0 };
      expected.set(at, { records: bucket.records + 1, bytes: bucket.bytes + length });
    }
    reader.close();
    const { value } = await rateOverTime(log, { ...settings, pieceBytes: 1000, bucketMs: 10 });
    expect(value.length).toBeGreaterThan(3);
    expect(value).toEqual([...expected].map(([timeMs, bucket]) => ({ timeMs, ...bucket })));
    expect((await rateOverTime(log, { workers: 1 })).value.length).toBeLessThan(value.length);
  });

  it('findRecords() finds bytes or text, and stops when it has found enough', async () => {
    const records = range(0, 500).map((i) =>
      bytes(i % 10 === 3 ? `the needle ${i}` : `needl e ${i}, and some hay`),
    );
    const log = await logOf(records);
    const hits = range(0, 50).map((i) => i * 10 + 3);
    const small = { ...settings, pieceBytes: 1000 };
    expect((await findRecords(log, 'needle', small)).value).toEqual(hits);
    expect((await findRecords(log, bytes('needle 43'), small)).value).toEqual([43, 433]);
    expect((await findRecords(log, 'ñ', small)).value).toEqual([]);
    const first = await findRecords(log, 'needle', { ...small, limit: 7 });
    expect(first.value).toEqual(hits.slice(0, 7));
    expect(first.to).toBeGreaterThan(63);
    expect(first.to).toBeLessThan(500);
  });

  it('refuse what makes no sense', async () => {
    const log = await numberedLog(1, 1);
    expect(await rejectionOf(findRecords(log, ''))).toBeInstanceOf(RangeError);
    expect(await rejectionOf(findRecords(log, 'x', { limit: 0 }))).toBeInstanceOf(RangeError);
    expect(await rejectionOf(rateOverTime(log, { bucketMs: 0 }))).toBeInstanceOf(RangeError);
    expect(await rejectionOf(countRecords(log, { workers: 0 }))).toBeInstanceOf(RangeError);
    expect(await rejectionOf(findRecords(log, 5 as never))).toBeInstanceOf(TypeError);
  });
});
