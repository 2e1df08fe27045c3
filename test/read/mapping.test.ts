/** What readers map, and how long it stays. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openAppender, openReader } from '../../src/index.js';
import { COMMITTED_POSITION } from '../../src/format/index-header.js';
import { runFixture } from '../support/fixtures.js';
import { isStraceUsable } from '../support/dying.js';
import { segmentFile, segmentsOf } from '../support/log-damage.js';
import { appendNumbered, isNumbered, range } from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';
import { between, traceFixture } from '../support/traced.js';

afterEach(() => {
  vi.restoreAllMocks();
});

async function closedLog(segmentSizeBytes: number, count: number, length: number): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, { segmentSizeBytes, maintenance: false });
  appendNumbered(appender, count, length);
  await appender.close();
  return log;
}

describe('memory that a reader lends', () => {
  it('cannot be stored into: that ends the process, and the log is as it was', async () => {
    const log = await closedLog(16_384, 5, 100);
    expect(await runFixture('map-and-do', [log, 'store'])).toMatchObject({ signal: 'SIGSEGV' });
    const reader = openReader(log);
    expect(isNumbered(reader.get(0))).toBe(true);
    reader.close();
  });

  it('cannot be taken out of its owner by a transfer', async () => {
    const log = await closedLog(16_384, 5, 100);
    const reader = openReader(log);
    const { buffer } = reader.get(0).payload;
    const transferable = buffer as ArrayBuffer & Record<string, () => unknown>;
    for (const name of ['transfer', 'transferToFixedLength']) {
      expect(() => transferable[name]?.()).toThrow(TypeError);
    }
    expect(buffer.byteLength).toBe(16_384);
    expect(isNumbered(reader.get(0))).toBe(true);
    reader.close();
  });

  it.runIf(process.platform === 'linux')(
    'is unmapped at once when no view is held, and else with the last view',
    async () => {
      const log = await closedLog(16_384, 60, 500);
      const { result } = await runFixture('map-and-do', [log, 'unmap'], ['--expose-gc']);
      // Three segments, each with its index.
      expect(result).toEqual({ before: 0, open: 6, closed: 0, lent: 3, after: 0 });
    },
  );
});

it('a file that has become shorter under its reader is a StorageError, and no signal', async () => {
  const log = await closedLog(8 * 1024 * 1024, 7000, 1000);
  expect(await runFixture('map-and-do', [log, 'shortened'])).toEqual({
    code: 0,
    signal: null,
    result: { name: 'StorageError', where: segmentFile(log, 0), errno: 'EFAULT' },
  });
});

describe.skipIf(!isStraceUsable())('a reader, by its system calls (skipped without strace)', () => {
  it('opens and maps everything read-only', async () => {
    const log = await closedLog(16_384, 60, 500);
    const calls = traceFixture('scan-log.mjs', log, [], 'openat,mmap');
    const opened = calls.filter(({ name }) => name === 'openat');
    const mapped = calls.filter(({ name }) => name === 'mmap');
    expect(opened.length).toBeGreaterThan(6);
    expect(mapped).toHaveLength(7);
    for (const { text } of opened) expect(text).toContain('O_RDONLY');
    for (const { text } of mapped) expect(text).toContain('PROT_READ, MAP_SHARED');
  });

  it.each([
    ['sequential', 'MADV_SEQUENTIAL'],
    ['random', 'MADV_RANDOM'],
  ])('passes the hint that access is %s on to the kernel', async (access, advice) => {
    const log = await closedLog(16_384, 60, 500);
    const hinted = (options: object): number =>
      traceFixture('scan-log.mjs', log, [JSON.stringify(options)], 'mmap,madvise').filter(
        ({ name, text }) => name === 'madvise' && text.includes(advice),
      ).length;
    expect(hinted({ access })).toBe(3);
    expect(hinted({})).toBe(0);
  });

  it('makes no system call for any record of a segment that it has touched', async () => {
    const log = await closedLog(64 * 1024, 500, 8);
    expect(segmentsOf(log)).toHaveLength(1);
    const args = [JSON.stringify({}), '3'];
    const calls = 'access,openat,read,pread64,fstat,fcntl,mmap,madvise';
    const traced = traceFixture('scan-log.mjs', log, args, calls);
    expect(between(traced, 1, 2)).toEqual([]);
  });
});

it('a cursor at the end of a segment misses nothing that is committed before the seal', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, { segmentSizeBytes: 16_384, maintenance: false });
  appendNumbered(appender, 3, 500);
  const reader = openReader(log);
  const cursor = reader.cursor();
  while (cursor.next());
  const load = Atomics.load.bind(Atomics) as (words: Int32Array, at: number) => number;
  let isArmed = true;
  // The reader has just seen that there is no more, when more comes, and a roll behind it.
  vi.spyOn(Atomics, 'load').mockImplementation(((words: Int32Array, at: number): number => {
    const value = load(words, at);
    if (isArmed && at === COMMITTED_POSITION) {
      isArmed = false;
      appendNumbered(appender, 40, 500);
    }
    return value;
  }) as typeof Atomics.load);
  const seen = Array.from(cursor, ({ offset }) => offset);
  expect(isArmed).toBe(false);
  expect(segmentsOf(log).length).toBeGreaterThan(2);
  expect(seen).toEqual(range(3, 43));
  vi.restoreAllMocks();
  appender.append(bytes('x'));
  expect(cursor.next()).toBe(true);
  await appender.close();
  reader.close();
});
