/** The flight recorder: a log whose oldest segments make room. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  CaptureError,
  capture,
  encodeEvent,
  openReader,
  verifyEventLog,
  verifyLog,
  type CaptureOptions,
  type CaptureProgress,
  type CaptureReport,
} from '../../src/index.js';
import {
  NUMBERED,
  TestSource,
  captureLogPath,
  numbers,
  numbersIn,
  type Numbered,
} from '../support/captures.js';
import { bytesOnDisk } from '../support/disk-use.js';
import { segmentsOf } from '../support/log-damage.js';
import { range, rejectionOf } from '../support/logs.js';
import { canMountTmpfs, fill, mountTmpfs } from '../support/small-file-system.js';

const KiB = 1024;
const SMALL = { segmentSizeBytes: 16 * KiB, flush: 'none' } as const;
/** Events of 1 KiB or so, a dozen to a small segment. */
const PADDING = 'x'.repeat(960);

/** Looks at the log as often as the event loop turns. */
class Sampler {
  readonly #path: string;
  #isRunning = true;
  readonly #done: Promise<void>;
  most = 0;
  samples = 0;

  constructor(path: string) {
    this.#path = path;
    this.#done = this.#run();
  }

  look(): void {
    this.most = Math.max(this.most, bytesOnDisk(this.#path));
    this.samples++;
  }

  async end(): Promise<void> {
    this.#isRunning = false;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      await setImmediate();
      this.look();
    }
  }
}

/** Gives events `from` to `to`, as fast as the log takes them, looking at the files in between. */
function filling(from: number, to: number, sampler?: Sampler): TestSource {
  return new TestSource(async (intake) => {
    for (let n = from; n < to && !intake.signal.aborted; n++) {
      intake.append({ n, text: PADDING });
      if (n % 5 === 0) sampler?.look();
      if (intake.isFull) await intake.ready();
    }
  });
}

/** Nothing is missing in what is left, and it goes up to the end. */
function expectEndOf(path: string, report: CaptureReport): void {
  expect(report.dropped).toEqual({});
  expect(numbersIn(path)).toEqual(range(report.startOffset, report.nextOffset));
  expect(segmentsOf(path)[0]).toBe(report.startOffset);
}

describe('a budget', () => {
  it.each<[string, CaptureOptions<Numbered>]>([
    ['with the maintenance thread', {}],
    ['without it', { maintenance: false }],
    ['with every event committed', { commit: 'each' }],
    ['with flushes in the background', { flush: { everyMs: 5 } }],
    ['with large segments', { segmentSizeBytes: 64 * KiB }],
  ])('holds at full speed through many rolls, %s', async (_, options) => {
    const path = captureLogPath();
    const budgetBytes = 400 * KiB;
    const sampler = new Sampler(path);
    const source = filling(0, 2500, sampler);
    const report = await capture(source, path, { ...SMALL, ...options, budgetBytes });
    await sampler.end();
    sampler.look();
    expect(sampler.samples).toBeGreaterThan(100);
    expect(sampler.most).toBeLessThanOrEqual(budgetBytes);
    // And it is made use of: all but what a segment or two take.
    expect(sampler.most).toBeGreaterThan(budgetBytes - 3 * (options.segmentSizeBytes ?? 24 * KiB));
    expect(report).toMatchObject({ events: 2500, nextOffset: 2500, rejected: 0 });
    expect(report.startOffset).toBeGreaterThan(2000);
    expectEndOf(path, report);
  });

  it('holds at its smallest: three segments', async () => {
    const path = captureLogPath();
    const budgetBytes = 3 * 24 * KiB + 64 * KiB;
    const sampler = new Sampler(path);
    const report = await capture(filling(0, 1000, sampler), path, { ...SMALL, budgetBytes });
    await sampler.end();
    expect(sampler.most).toBeLessThanOrEqual(budgetBytes);
    // What is kept is never less than what two segments hold.
    expect(report.nextOffset - report.startOffset).toBeGreaterThan(12);
    expectEndOf(path, report);
  });

  it('is made room for ahead of need, as soon as the last segment that fits is begun', async () => {
    const path = captureLogPath();
    let times = 0;
    const source = new TestSource(async (intake) => {
      for (let n = 0; n < 600; n++) {
        intake.append({ n, text: PADDING });
        if (intake.isFull) await intake.ready();
        if (segmentsOf(path).length < 7) continue;
        // Nothing is appended meanwhile that would be refused.
        while (segmentsOf(path).length === 7) await setTimeout(1);
        times++;
      }
    });
    const given = { ...SMALL, commit: 'each', budgetBytes: 200 * KiB } as const;
    const report = await capture(source, path, given);
    expect(report.startOffset).toBeGreaterThan(400);
    expect(times).toBeGreaterThan(30);
    expectEndOf(path, report);
  });

  it('keeps copies of FlatBuffers while the log makes room', async () => {
    const path = captureLogPath();
    const source = new TestSource((intake) => {
      const buffer = Buffer.alloc(2000);
      for (let n = 0; n < 100; n++) {
        const event = encodeEvent(NUMBERED, { n, text: PADDING });
        // The same memory each time, as of a socket.
        buffer.set(event);
        intake.appendFlatBuffer(buffer.subarray(0, event.length));
      }
      buffer.fill(0);
    });
    const given = { ...SMALL, maintenance: false, budgetBytes: 3 * 24 * KiB + 64 * KiB };
    const report = await capture(source, path, given);
    expect(report).toMatchObject({ events: 100, rejected: 0 });
    expectEndOf(path, report);
  });

  it('chooses segments of an eighth, index included', async () => {
    const path = captureLogPath();
    const seen: CaptureProgress[] = [];
    const source = new TestSource(async () => {
      while (seen.length === 0) await setTimeout(2);
    });
    await capture(source, path, {
      budgetBytes: 100 * KiB * KiB,
      progressIntervalMs: 1,
      onProgress: (progress) => seen.push(progress),
    });
    const size = seen[0]?.segment.sizeBytes ?? 0;
    expect(size % 4096).toBe(0);
    expect((size * 17) / 16).toBeLessThanOrEqual((100 / 8) * KiB * KiB);
    expect((size * 17) / 16).toBeGreaterThan((100 / 8 - 0.1) * KiB * KiB);
  });

  it('makes a log that is larger smaller before anything is captured', async () => {
    const path = captureLogPath();
    await capture(filling(0, 2000), path, SMALL);
    const budgetBytes = 300 * KiB;
    expect(bytesOnDisk(path)).toBeGreaterThan(2 * budgetBytes);
    let atStart = 0;
    const source = new TestSource((intake) => {
      atStart = bytesOnDisk(path);
      intake.append({ n: 2000 });
    });
    const report = await capture(source, path, { ...SMALL, budgetBytes });
    expect(atStart).toBeLessThanOrEqual(budgetBytes);
    expect(atStart).toBeGreaterThan(budgetBytes - 3 * 24 * KiB);
    expect(report).toMatchObject({ firstOffset: 2000, nextOffset: 2001 });
    expectEndOf(path, report);
  });

  it('that the newest segment alone would take is refused, and the log stays as it is', async () => {
    const path = captureLogPath();
    await capture(numbers(0, 10), path, { schema: NUMBERED, segmentSizeBytes: 1024 * KiB });
    const source = filling(10, 20);
    const error = await rejectionOf(capture(source, path, { ...SMALL, budgetBytes: 300 * KiB }));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toMatch(
      /has 1048576 bytes and has to stay; expected at least \d+, got 307200$/,
    );
    const least = Number(/at least (\d+)/.exec((error as Error).message)?.[1]);
    const told = { ...SMALL, budgetBytes: least };
    expect((await capture(filling(10, 20), path, told)).events).toBe(10);
    expect(source.seen).toEqual(['open', 'close']);
    expect(numbersIn(path)).toEqual(range(0, 20));
  });

  it('of a larger segment size goes on behind smaller segments, and the other way round', async () => {
    const path = captureLogPath();
    let n = 0;
    for (const segmentSizeBytes of [16 * KiB, 128 * KiB, 16 * KiB, 64 * KiB]) {
      const sampler = new Sampler(path);
      const source = filling(n, (n += 500), sampler);
      const given = { ...SMALL, segmentSizeBytes, budgetBytes: 600 * KiB };
      const report = await capture(source, path, given);
      await sampler.end();
      expect(sampler.most).toBeLessThanOrEqual(600 * KiB);
      expectEndOf(path, report);
    }
  });

  it('counts exactly to a limit that is reached while the log makes room', async () => {
    const path = captureLogPath();
    // It does not wait, so most of it is held in memory.
    const source = new TestSource((intake) => {
      for (let n = 0; n < 3000; n++) intake.append({ n, text: PADDING });
    });
    const report = await capture(source, path, {
      ...SMALL,
      budgetBytes: 200 * KiB,
      maxEvents: 2000,
    });
    expect(report).toMatchObject({ ended: 'events', events: 2000, nextOffset: 2000 });
    expectEndOf(path, report);
  });

  it('writes as much as a limit says that is reached while the log makes room', async () => {
    const path = captureLogPath();
    // Small events, of which the memory that they take is several times the log.
    const source = new TestSource((intake) => {
      for (let n = 0; n < 50_000; n++) intake.append({ n });
    });
    const maxBytes = 600 * KiB;
    const report = await capture(source, path, { ...SMALL, budgetBytes: 200 * KiB, maxBytes });
    expect(report.ended).toBe('bytes');
    expect(report.bytes).toBeGreaterThanOrEqual(maxBytes);
    expect(report.bytes).toBeLessThan(maxBytes + 16 * KiB);
    expectEndOf(path, report);
  });

  it('lets a source be stopped while the log makes room, with what it has given', async () => {
    const path = captureLogPath();
    const user = new AbortController();
    const source = new TestSource(async (intake) => {
      let n = 0;
      while (!intake.isFull) intake.append({ n: n++, text: PADDING });
      const ready = intake.ready();
      user.abort();
      await ready;
      intake.append({ n, text: PADDING });
    });
    const report = await capture(source, path, {
      ...SMALL,
      maintenance: false,
      budgetBytes: 200 * KiB,
      signal: user.signal,
    });
    expect(report.ended).toBe('signal');
    expectEndOf(path, report);
  });

  it('rejects what is wrong also while the log makes room', async () => {
    const path = captureLogPath();
    const reasons: string[] = [];
    const source = new TestSource((intake) => {
      let n = 0;
      while (!intake.isFull) intake.append({ n: n++, text: PADDING });
      intake.append({ n: 'one' } as unknown as Numbered);
      intake.append({ n: 0, text: 'x'.repeat(20_000) });
      intake.appendFlatBuffer(Buffer.from('junk'));
      intake.append({ n: n++ });
    });
    const report = await capture(source, path, {
      ...SMALL,
      maintenance: false,
      budgetBytes: 200 * KiB,
      onReject: ({ reason }) => reasons.push(reason),
    });
    expect(report.rejected).toBe(3);
    expect(reasons).toMatchObject([
      expect.stringContaining('expected'),
      expect.stringContaining('largest'),
      expect.stringContaining('Malformed'),
    ]);
    expectEndOf(path, report);
  });

  it('drops, and says so, what a source gives beyond what is kept in memory', async () => {
    const path = captureLogPath();
    const text = 'x'.repeat(100 * KiB);
    const source = new TestSource((intake) => {
      for (let n = 0; n < 1000; n++) intake.append({ n, text });
    });
    const report = await capture(source, path, { budgetBytes: 4 * KiB * KiB, flush: 'none' });
    const dropped = report.dropped['log full'] as number;
    // 32 MiB of events are kept.
    expect(report.events).toBeGreaterThan(320);
    expect(report.events).toBeLessThan(380);
    expect(dropped).toBe(1000 - report.events);
    const found = numbersIn(path);
    expect(found).toEqual(range(report.startOffset, report.nextOffset));
  });

  it('keeps what a reader still reads', async () => {
    const path = captureLogPath();
    let checked = 0;
    const source = new TestSource(async (intake) => {
      for (let n = 0; n < 5; n++) intake.append({ n, text: PADDING });
      await setTimeout(50);
      const reader = openReader(path);
      const cursor = reader.cursor();
      expect(cursor.next()).toBe(true);
      const before = Buffer.from(cursor.copyPayload());
      for (let n = 5; n < 500; n++) {
        intake.append({ n, text: PADDING });
        if (intake.isFull) await intake.ready();
      }
      expect(segmentsOf(path)[0]).toBeGreaterThan(100);
      expect(Buffer.from(cursor.payload)).toEqual(before);
      while (cursor.offset < 4) expect(cursor.next()).toBe(true);
      checked++;
      reader.close();
    });
    await capture(source, path, { ...SMALL, commit: 'each', budgetBytes: 200 * KiB });
    expect(checked).toBe(1);
  });
});

describe.skipIf(!canMountTmpfs())('a full disk (skipped where a tmpfs cannot be mounted)', () => {
  let log = '';
  afterEach(() => {
    expect(verifyLog(log)).toMatchObject({ isIntact: true, isClosed: true });
    expect(verifyEventLog(log)).toMatchObject({ isIntact: true });
  });

  it('ends a capture without a budget, with everything so far intact', async () => {
    const disk = mountTmpfs(512) as string;
    log = join(disk, 'log');
    const error = await rejectionOf(capture(filling(0, 5000), log, SMALL));
    expect(error).toBeInstanceOf(CaptureError);
    expect(error).toMatchObject({ cause: { code: 'STORAGE', errno: 'ENOSPC' } });
    const { report } = error as CaptureError;
    expect(report).toMatchObject({ ended: 'failure', dropped: {} });
    expect(report.events).toBeGreaterThan(100);
    expect(numbersIn(log)).toEqual(range(0, report.events));
  });

  it.each([true, false])(
    'before the budget is reached lets the oldest make room (maintenance: %s)',
    async (maintenance) => {
      const disk = mountTmpfs(1024) as string;
      log = join(disk, 'log');
      const options = { ...SMALL, maintenance, budgetBytes: 10 * KiB * KiB };
      const report = await capture(filling(0, 5000), log, options);
      expect(report).toMatchObject({ ended: 'source', events: 5000 });
      expect(report.startOffset).toBeGreaterThan(4000);
      expect(report.nextOffset - report.startOffset).toBeGreaterThan(200);
      expectEndOf(log, report);
    },
  );

  it('that others fill and empty makes the ring smaller and larger', async () => {
    const disk = mountTmpfs(2048) as string;
    log = join(disk, 'log');
    const kept: number[] = [];
    const source = new TestSource(async (intake) => {
      let ballast: string | undefined;
      for (let n = 0; n < 4000; n++) {
        if (n === 200) ballast = fill(disk, 0);
        if (n === 2000) {
          kept.push(n - (segmentsOf(log)[0] as number));
          rmSync(ballast as string);
        }
        intake.append({ n, text: PADDING });
        if (intake.isFull) await intake.ready();
      }
      kept.push(4000 - (segmentsOf(log)[0] as number));
    });
    const report = await capture(source, log, { ...SMALL, budgetBytes: 1536 * KiB });
    expect(report.events).toBe(4000);
    expect(kept[0]).toBeLessThan(300);
    expect(kept[1]).toBeGreaterThan(600);
    expectEndOf(log, report);
  });

  it('on which nothing is left to drop ends the capture, and what was held is told', async () => {
    const disk = mountTmpfs(1024) as string;
    log = join(disk, 'log');
    const source = new TestSource(async (intake) => {
      fill(disk, 0);
      for (let n = 0; n < 100; n++) intake.append({ n, text: PADDING });
      await intake.ready();
    });
    const error = await rejectionOf(
      capture(source, log, { ...SMALL, budgetBytes: 10 * KiB * KiB }),
    );
    expect(error).toMatchObject({ code: 'CAPTURE_FAILED', cause: { errno: 'ENOSPC' } });
    const { events, dropped } = (error as CaptureError).report;
    expect(events).toBeGreaterThan(5);
    expect(dropped).toEqual({ 'log full': 100 - events });
    expect(numbersIn(log)).toEqual(range(0, events));
  });
});
