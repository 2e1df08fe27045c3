import { beforeEach, describe, expect, it } from 'vitest';
import {
  openAppender,
  openReader,
  scan,
  type Appender,
  type ScanOptions,
} from '../../src/index.js';
import { appendNumbered, rejectionOf } from '../support/logs.js';
import { dieWith } from '../support/dying.js';
import { functions } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const GATE = 0;
const ENTERED = 1;
const sum = { reduce: (total: number, part: number): number => total + part, initial: 0 };

describe('during a scan, while its first piece has begun, a log', () => {
  let log: string;
  let appender: Appender;
  let gate: Int32Array;
  let options: ScanOptions;

  beforeEach(() => {
    log = temporaryLogPath();
    appender = openAppender(log, {
      segmentSizeBytes: 65_536,
      maintenance: false,
      commit: { bytes: 2000, delayMs: 1_000_000 },
    });
    appendNumbered(appender, 2000, 200);
    appender.commit();
    gate = new Int32Array(new SharedArrayBuffer(8));
    const args = { gate };
    options = { module: functions, name: 'waitThenCount', args, pieceBytes: 20_000, workers: 1 };
  });

  /** Scans, does something once the first piece stands on its first record, and lets it go on. */
  async function scanWhile(action: () => unknown): Promise<unknown> {
    const scanning = scan<number, number>(log, { ...options, ...sum }).catch(
      (error: unknown) => error,
    );
    while (Atomics.load(gate, ENTERED) === 0) await new Promise(setImmediate);
    await action();
    Atomics.store(gate, GATE, 1);
    Atomics.notify(gate, GATE);
    return scanning;
  }

  it('may be appended to and rolled', async () => {
    const found = await scanWhile(() => {
      appendNumbered(appender, 1000, 200);
      appender.commit();
    });
    expect(found).toMatchObject({ value: 2000, to: 2000 });
    await appender.close();
  });

  it('may be flushed', async () => {
    expect(await scanWhile(() => appender.flush())).toMatchObject({ value: 2000 });
    await appender.close();
  });

  it('may be closed', async () => {
    expect(await scanWhile(() => appender.close())).toMatchObject({ value: 2000 });
  });

  it('may have its reader closed that the scan was given', async () => {
    const reader = openReader(log);
    const scanning = scan<number, number>(reader, { ...options, ...sum });
    reader.close();
    Atomics.store(gate, GATE, 1);
    expect(await scanning).toMatchObject({ value: 2000 });
    await appender.close();
  });

  it('that drops what has been scanned loses nothing', async () => {
    options = { ...options, from: 1500 };
    expect(await scanWhile(() => appender.dropBefore(1400))).toMatchObject({ value: 500 });
    await appender.close();
  });

  it('that drops what is still to be scanned says so', async () => {
    const error = await scanWhile(() => appender.dropBefore(1500));
    const { startOffset } = openReader(log);
    expect(error).toMatchObject({
      code: 'SCAN_FAILED',
      cause: { name: 'OffsetOutOfRangeError', code: 'OFFSET_OUT_OF_RANGE', startOffset },
    });
    // The piece that had begun was read to its end.
    expect((error as { piece: { index: number } }).piece.index).toBe(1);
    await appender.close();
  });
});

it('a log whose appender has died is scanned up to where it ends', async () => {
  const log = temporaryLogPath();
  dieWith(log, { maintenance: false, commit: 'each' }, ['append', 50]);
  const reader = openReader(log);
  const { boundOffset } = reader;
  reader.close();
  expect(boundOffset).toBeGreaterThan(0);
  const found = await scan<number, number>(log, { module: functions, name: 'count', ...sum });
  expect(found).toMatchObject({ value: boundOffset, from: 0, to: boundOffset });
});

it('a log that is shorter than it was when the scan began is an error', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, { maintenance: false });
  appendNumbered(appender, 10, 100);
  await appender.close();
  // A description knows of records that are not there.
  const reader = openReader(log);
  const description = { ...reader.describe(), from: 0, to: 20 };
  reader.close();
  expect(await rejectionOf(scan(description, { module: functions }))).toMatchObject({
    code: 'OFFSET_OUT_OF_RANGE',
    offset: 20,
    bound: 10,
  });
});
