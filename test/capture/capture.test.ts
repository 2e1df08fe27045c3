import { getEventListeners } from 'node:events';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import {
  CaptureError,
  LogLockedError,
  SchemaError,
  SchemaMismatchError,
  capture,
  defineSchema,
  iterableSource,
  openAppender,
  openEventAppender,
  openEventReader,
  openReader,
  verifyLog,
  type CaptureOptions,
  type CaptureProgress,
  type CaptureSource,
  type EventSchema,
  type Intake,
} from '../../src/index.js';
import {
  NUMBERED,
  TestSource,
  aborted,
  captureLogPath,
  numbers,
  numbersIn,
  type Numbered,
} from '../support/captures.js';
import { range, rejectionOf } from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const options: CaptureOptions<Numbered> = { schema: NUMBERED };
/** What an event without text takes in the log. */
const EVENT_BYTES = 40;

describe('an iterable', () => {
  it('of objects is captured, in order, and the report says so', async () => {
    const path = captureLogPath();
    const report = await capture(numbers(0, 1000), path, options);
    expect(numbersIn(path)).toEqual(range(0, 1000));
    const { frames } = verifyLog(path);
    expect(report).toMatchObject({
      source: 'iterable',
      ended: 'source',
      firstOffset: 0,
      nextOffset: 1000,
      startOffset: 0,
      events: 1000,
      bytes: frames * 64 + 1000 * EVENT_BYTES,
      rejected: 0,
      dropped: {},
      details: {},
      recovery: { outcome: 'created' },
    });
    expect(report.elapsedMs).toBeGreaterThan(0);
  });

  it('goes on behind what is there, by the schema that the log remembers', async () => {
    const path = captureLogPath();
    await capture(numbers(0, 3), path, options);
    const report = await capture(numbers(3, 5), path);
    expect(report).toMatchObject({ firstOffset: 3, nextOffset: 5, events: 2 });
    expect(numbersIn(path)).toEqual(range(0, 5));
  });

  it('that is asynchronous is left when it is enough, and its end is waited for', async () => {
    const path = captureLogPath();
    let state = 'new';
    async function* endless(): AsyncGenerator<Numbered> {
      try {
        for (let n = 0; ; n++) yield { n };
      } finally {
        await setTimeout(5);
        state = 'left';
      }
    }
    const report = await capture(endless(), path, { ...options, maxEvents: 77 });
    expect(report).toMatchObject({ ended: 'events', events: 77 });
    expect(state).toBe('left');
  });

  it('that waits for ever is given up when it is enough, and left when it goes on', async () => {
    const path = captureLogPath();
    let left = false;
    let goOn = (): void => {};
    async function* stuck(): AsyncGenerator<Numbered> {
      try {
        yield { n: 0 };
        await new Promise<void>((resolve) => (goOn = resolve));
      } finally {
        left = true;
      }
    }
    const report = await capture(stuck(), path, { ...options, durationMs: 50 });
    expect(report).toMatchObject({ ended: 'duration', events: 1 });
    expect(left).toBe(false);
    goOn();
    await setTimeout(1);
    expect(left).toBe(true);
  });

  it('that never waits lets time limits come', async () => {
    const path = captureLogPath();
    function* endless(): Generator<Numbered> {
      for (let n = 0; ; n++) yield { n };
    }
    const report = await capture(endless(), path, { ...options, durationMs: 30 });
    expect(report.ended).toBe('duration');
    expect(report.events).toBeGreaterThan(0);
  });

  it('may be given a name and a schema', async () => {
    const path = captureLogPath();
    const source = iterableSource(numbers(0, 2), { name: 'two', schema: NUMBERED });
    expect(await capture(source, path)).toMatchObject({ source: 'two', events: 2 });
  });

  it('that throws ends the capture with what was taken', async () => {
    const path = captureLogPath();
    function* failing(): Generator<Numbered> {
      yield { n: 0 };
      throw new Error('worn out');
    }
    const error = (await rejectionOf(capture(failing(), path, options))) as CaptureError;
    expect(error).toBeInstanceOf(CaptureError);
    expect(error.message).toBe('Capture from iterable failed after 1 event: worn out');
    expect(error).toMatchObject({ code: 'CAPTURE_FAILED', cause: { message: 'worn out' } });
    expect(error.report).toMatchObject({ ended: 'failure', events: 1 });
    expect(numbersIn(path)).toEqual([0]);
  });
});

describe('a capture ends', () => {
  it.each([1, 2, 63, 64, 65, 1000])('after exactly %i events', async (maxEvents) => {
    const path = captureLogPath();
    await capture(numbers(0, 5), path, options);
    const source = new TestSource((intake) => {
      for (const event of numbers(5, 2000)) intake.append(event);
    });
    const report = await capture(source, path, { maxEvents });
    expect(report).toMatchObject({ ended: 'events', events: maxEvents, rejected: 0 });
    expect(numbersIn(path)).toEqual(range(0, 5 + maxEvents));
  });

  it.each([1, 100, 5000, 100_000])('with the event that makes %i bytes', async (maxBytes) => {
    const path = captureLogPath();
    let n = 0;
    const source = new TestSource((intake) => {
      for (; !intake.signal.aborted; n++) intake.append({ n });
    });
    const report = await capture(source, path, { maxBytes, segmentSizeBytes: 16_384 });
    expect(report).toMatchObject({ ended: 'bytes', events: n });
    expect(report.bytes).toBeGreaterThanOrEqual(maxBytes);
    // One event less would have been less; a frame may have begun with it.
    expect(report.bytes).toBeLessThan(maxBytes + 64 + EVENT_BYTES);
  });

  it('after a time, whatever the source waits for', async () => {
    const path = captureLogPath();
    const source = new TestSource((intake) => aborted(intake.signal));
    expect(await capture(source, path, { durationMs: 20 })).toMatchObject({ ended: 'duration' });
  });

  it('by a signal, with everything durable and what comes later not taken', async () => {
    const path = captureLogPath();
    const user = new AbortController();
    const source = new TestSource(async (intake) => {
      intake.append({ n: 0 });
      user.abort();
      expect(intake.signal.aborted).toBe(true);
      intake.append({ n: 1 });
      intake.appendFlatBuffer(new Uint8Array(4));
      intake.reject('late');
      intake.drop(3, 'too late');
      await intake.ready();
    });
    const report = await capture(source, path, { signal: user.signal });
    expect(report).toMatchObject({ ended: 'signal', events: 1, rejected: 0 });
    expect(report.dropped).toEqual({ 'too late': 3 });
    expect(numbersIn(path)).toEqual([0]);
    expect(getEventListeners(user.signal, 'abort')).toEqual([]);
  });

  it('when more than so many are rejected, if asked', async () => {
    const path = captureLogPath();
    const source = new TestSource((intake) => {
      for (let line = 1; line <= 10; line++) {
        if (line % 2 === 0) intake.reject('even');
        else intake.append({ n: line });
      }
    });
    const report = await capture(source, path, { maxRejects: 2 });
    expect(report).toMatchObject({ ended: 'rejects', events: 3, rejected: 3 });
  });

  it('as a stop and not as a failure if the source answers with an AbortError', async () => {
    const path = captureLogPath();
    const source = new TestSource((intake) =>
      setTimeout(100_000, undefined, { signal: intake.signal }),
    );
    expect(await capture(source, path, { durationMs: 5 })).toMatchObject({ ended: 'duration' });
  });
});

describe('what is no event', () => {
  const wrong = { n: 'one' } as unknown as Numbered;

  it('is rejected with reason, line and a copy of the input, and stops nothing', async () => {
    const path = captureLogPath();
    const told: unknown[] = [];
    const input = Buffer.from('{"n":"one"}');
    const source = new TestSource((intake) => {
      const origin = (line: number): { line: number; content(): Uint8Array } => ({
        line,
        content: () => input,
      });
      intake.append({ n: 0 }, origin(1));
      intake.append(wrong, origin(2));
      intake.appendFlatBuffer(Buffer.from('junk'), origin(3));
      intake.reject('no JSON', origin(4));
      intake.append({ n: 1, text: 'x'.repeat(20_000) });
      intake.append({ n: 1 });
      input.fill(0);
    });
    const report = await capture(source, path, {
      segmentSizeBytes: 16_384,
      onReject: (rejected) => told.push(rejected),
    });
    expect(report).toMatchObject({ events: 2, rejected: 4, dropped: {} });
    expect(told).toMatchObject([
      { line: 2, reason: expect.stringMatching(/\bn\b.*expected/) as string },
      { line: 3, reason: expect.stringContaining('Malformed event') as string },
      { line: 4, reason: 'no JSON' },
      { line: undefined, reason: expect.stringContaining('20') as string, content: undefined },
    ]);
    const copies = (told as { content?: Uint8Array }[]).slice(0, 3).map(({ content }) => content);
    expect(copies.map((copy) => String(copy && Buffer.from(copy)))).toEqual(
      Array(3).fill('{"n":"one"}'),
    );
    expect(numbersIn(path)).toEqual([0, 1]);
  });

  it.each([
    [
      'of the event',
      {
        get n(): number {
          throw new Error('gone');
        },
      },
      'gone',
    ],
    [
      'of the event that is no error',
      {
        get n(): number {
          throw 'odd';
        },
      },
      'odd',
    ],
  ])('includes code %s that throws', async (_, event, reason) => {
    const path = captureLogPath();
    const told: string[] = [];
    const report = await capture([event, { n: 1 }], path, {
      ...options,
      onReject: (rejected) => told.push(rejected.reason),
    });
    expect(report).toMatchObject({ events: 1, rejected: 1 });
    expect(told).toEqual([reason]);
  });

  it.each(['onReject', 'onProgress'] as const)('%s that throws ends the capture', async (name) => {
    const path = captureLogPath();
    const source = new TestSource(async (intake) => {
      intake.append({ n: 0 });
      intake.append(wrong);
      await aborted(intake.signal);
    });
    const failing = (): void => {
      throw new Error('not me');
    };
    const error = await rejectionOf(
      capture(source, path, { [name]: failing, progressIntervalMs: 5 }),
    );
    expect(error).toMatchObject({ code: 'CAPTURE_FAILED', cause: { message: 'not me' } });
    expect((error as CaptureError).report).toMatchObject({ events: 1, rejected: 1 });
  });
});

describe('the start', () => {
  it('is given up if the source takes longer to open than the capture may last', async () => {
    const path = temporaryLogPath();
    const source: CaptureSource<Numbered> = {
      name: 'slow',
      open: (_own, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
      run: () => Promise.resolve(),
    };
    const error = await rejectionOf(capture(source, path, { durationMs: 20 }));
    expect(error).toMatchObject({
      name: 'TimeoutError',
      message: 'Cannot begin the capture: nothing came within 20 ms',
    });
    expect(existsSync(path)).toBe(false);
  });

  it('is told when readers find the log, with the offset of the first event', async () => {
    const path = captureLogPath();
    await capture(numbers(0, 3), path, options);
    const seen: [number, number][] = [];
    const onStart = (firstOffset: number): void => {
      const reader = openReader(path);
      seen.push([firstOffset, reader.committedOffset]);
      reader.close();
    };
    const report = await capture(numbers(0, 2), path, { ...options, onStart });
    expect(seen).toEqual([[3, 3]]);
    expect(report).toMatchObject({ firstOffset: 3, nextOffset: 5 });
  });

  it('ends the capture if whoever is told throws, and the source is not run', async () => {
    const path = captureLogPath();
    const source = new TestSource(() => {});
    const onStart = (): void => {
      throw new Error('not now');
    };
    const error = await rejectionOf(capture(source, path, { onStart }));
    expect(error).toMatchObject({ code: 'CAPTURE_FAILED', cause: { message: 'not now' } });
    expect(source.seen).not.toContain('run');
  });
});

describe('progress', () => {
  it('has events, bytes, rates, what is missing, bounds, lag and segment', async () => {
    const path = captureLogPath();
    const seen: CaptureProgress[] = [];
    const source = new TestSource(async (intake) => {
      for (const event of numbers(0, 100)) intake.append(event);
      intake.drop(2, 'missed ticks');
      intake.drop(3, 'missed ticks');
      intake.reject('x');
      while (seen.length < 3) await setTimeout(2);
    });
    await capture(source, path, {
      onProgress: (progress) => seen.push(progress),
      progressIntervalMs: 10,
      flush: 'none',
      commit: 'manual',
    });
    const [first, second] = seen as [CaptureProgress, CaptureProgress];
    expect(first).toMatchObject({
      events: 100,
      bytes: 64 + 100 * EVENT_BYTES,
      rejected: 1,
      dropped: { 'missed ticks': 5 },
      isFull: false,
      startOffset: 0,
      nextOffset: 100,
      committedOffset: 0,
      flushedOffset: 0,
      lagMs: 0,
      segment: { base: 0, usedBytes: 4096 + 64 + 100 * EVENT_BYTES, sizeBytes: 67_108_864 },
    });
    expect(first.eventsPerSecond).toBeCloseTo(100_000 / first.elapsedMs, 6);
    expect(first.bytesPerSecond).toBeCloseTo(
      ((64 + 100 * EVENT_BYTES) * 1000) / first.elapsedMs,
      6,
    );
    expect(second.eventsPerSecond).toBe(0);
    expect(second.lagMs).toBeCloseTo(second.elapsedMs - first.elapsedMs, 6);
  });

  it('has no lag once everything is durable', async () => {
    const path = captureLogPath();
    const seen: CaptureProgress[] = [];
    const source = new TestSource(async (intake) => {
      intake.append({ n: 0 });
      while (seen.at(-1)?.flushedOffset !== 1) await setTimeout(2);
    });
    await capture(source, path, {
      onProgress: (progress) => seen.push(progress),
      progressIntervalMs: 5,
      flush: { everyMs: 20 },
    });
    expect(seen.at(-1)).toMatchObject({ committedOffset: 1, flushedOffset: 1, lagMs: 0 });
  });
});

describe('the schema', () => {
  const more = defineSchema('t.Numbered', [
    { name: 'n', type: 'double' },
    { name: 'text', type: 'string' },
    { name: 'm', type: 'int' },
  ]) as unknown as EventSchema<Numbered>;
  const other = defineSchema('t.Other', [{ name: 'k', type: 'int' }]);

  /** A source that notes what it is shown, and answers with `answer`. */
  function asking(answer: EventSchema<Numbered>): [CaptureSource<Numbered>, string[]] {
    const shown: string[] = [];
    const source: CaptureSource<Numbered> = {
      name: 'asking',
      open: (own) => {
        shown.push(own === undefined ? 'none' : own.name);
        return Promise.resolve(answer);
      },
      run: (intake) => {
        intake.append({ n: 1 });
        return Promise.resolve();
      },
    };
    return [source, shown];
  }

  it('is the one that the source says; it is shown that of the log, or that of the options', async () => {
    const path = captureLogPath();
    const [source, shown] = asking(NUMBERED);
    await capture(source, path);
    await capture(source, path);
    await capture(source, path, { schema: other as unknown as EventSchema<Numbered> });
    expect(shown).toEqual(['none', 't.Numbered', 't.Other']);
  });

  it('becomes a newer one that may follow', async () => {
    const path = captureLogPath();
    await capture(numbers(0, 1), path, options);
    await capture(asking(more)[0], path);
    const reader = openEventReader(path);
    expect(Buffer.compare(reader.schema.bytes, more.bytes)).toBe(0);
    reader.close();
  });

  it('that may not follow is refused before anything is captured', async () => {
    const path = captureLogPath();
    await capture(numbers(0, 1), path, options);
    const source = asking(other as unknown as EventSchema<Numbered>)[0];
    expect(await rejectionOf(capture(source, path))).toBeInstanceOf(SchemaMismatchError);
    expect(numbersIn(path)).toEqual([0]);
  });

  it('is missing where neither log, source nor options have one', async () => {
    const path = temporaryLogPath();
    expect(await rejectionOf(capture(numbers(0, 1), path))).toBeInstanceOf(Error);
    expect(existsSync(join(path, 'control'))).toBe(false);
  });
});

describe('an error before the capture has begun comes as it is, and everything is let go', () => {
  async function expectRefused(
    path: string,
    source: TestSource,
    given: CaptureOptions<Numbered> = {},
  ): Promise<unknown> {
    const error = await rejectionOf(capture(source, path, given));
    expect(error).not.toBeInstanceOf(CaptureError);
    expect(source.seen).not.toContain('run');
    expect(source.seen.filter((what) => what === 'close')).toHaveLength(1);
    return error;
  }
  const idle = (): TestSource => new TestSource(() => {});

  it('if the source cannot be opened, also if closing it fails then', async () => {
    const path = temporaryLogPath();
    const source = idle();
    const open = (): Promise<never> => Promise.reject(new Error('port in use'));
    source.open = open;
    expect(await expectRefused(path, source)).toMatchObject({ message: 'port in use' });
    const worse = idle();
    worse.open = open;
    worse.close = (): void => {
      throw new Error('and cannot be closed');
    };
    expect(await rejectionOf(capture(worse, path))).toMatchObject({ message: 'port in use' });
    expect(existsSync(path)).toBe(false);
  });

  it('if the log is locked', async () => {
    const path = captureLogPath();
    const holder = openEventAppender(path, { schema: NUMBERED });
    expect(await expectRefused(path, idle())).toBeInstanceOf(LogLockedError);
    await holder.close();
  });

  it('if it is no log', async () => {
    const path = temporaryLogPath();
    mkdirSync(path);
    writeFileSync(join(path, 'letter.txt'), 'x');
    expect(await expectRefused(path, idle())).toMatchObject({ code: 'NOT_A_LOG' });
    expect(readdirSync(path)).toEqual(['letter.txt']);
  });

  it('if there is no log, and none is to be made, before the source is opened', async () => {
    const path = temporaryLogPath();
    const source = idle();
    const error = await expectRefused(path, source, { create: false });
    expect(error).toMatchObject({ code: 'NOT_A_LOG' });
    expect(source.seen).toEqual(['close']);
  });

  it('if the log holds no events', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('x'));
    await appender.close();
    expect(await expectRefused(path, idle())).toBeInstanceOf(SchemaMismatchError);
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 1 });
    const asIs = await rejectionOf(capture([], path));
    expect(asIs).toBeInstanceOf(SchemaError);
  });

  it('if the schema of the log is damaged, before the source is opened', async () => {
    const path = temporaryLogPath();
    await capture(numbers(0, 1), path, options);
    const schema = readdirSync(path).find((name) => name.endsWith('.bfbs')) as string;
    writeFileSync(join(path, schema), 'junk');
    const source = idle();
    expect(await expectRefused(path, source)).toMatchObject({ code: 'CORRUPTION' });
    expect(source.seen).toEqual(['close']);
  });

  it('if the signal has been aborted already', async () => {
    const path = temporaryLogPath();
    const signal = AbortSignal.abort(new Error('changed my mind'));
    const error = await expectRefused(path, idle(), { signal });
    expect(error).toBe(signal.reason);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it('if the signal is aborted while the source opens, whether or not it heeds that', async () => {
    const path = temporaryLogPath();
    for (const heeds of [true, false]) {
      const user = new AbortController();
      const source: CaptureSource<Numbered> = {
        name: 'slow',
        open: async (_own, signal) => {
          user.abort(new Error('too slow'));
          expect(signal.reason).toBe(user.signal.reason);
          if (heeds) signal.throwIfAborted();
          return Promise.resolve(NUMBERED);
        },
        run: () => Promise.reject(new Error('must not run')),
      };
      const error = await rejectionOf(capture(source, path, { signal: user.signal }));
      expect(error).toMatchObject({ message: 'too slow' });
      expect(getEventListeners(user.signal, 'abort')).toEqual([]);
    }
    expect(existsSync(path)).toBe(false);
  });
});

describe('an error from then on is a CaptureError, and everything is let go', () => {
  async function failureOf(
    give: (intake: Intake<Numbered>) => Promise<void> | void,
    change: (source: TestSource) => void = () => {},
    given: CaptureOptions<Numbered> = {},
  ): Promise<CaptureError> {
    const path = captureLogPath();
    const source = new TestSource(give);
    change(source);
    const error = await rejectionOf(capture(source, path, given));
    expect(error).toBeInstanceOf(CaptureError);
    expect(numbersIn(path)).toEqual(range(0, (error as CaptureError).report.events));
    return error as CaptureError;
  }

  it('if the source throws, at once or later', async () => {
    const at = await failureOf(() => {
      throw new Error('at once');
    });
    expect(at).toMatchObject({ cause: { message: 'at once' }, report: { events: 0 } });
    const later = await failureOf(async (intake) => {
      intake.append({ n: 0 });
      await setTimeout(5);
      throw new Error('later');
    });
    expect(later).toMatchObject({ cause: { message: 'later' }, report: { events: 1 } });
    expect(later.report.ended).toBe('failure');
  });

  it('if the source throws something else than an AbortError after the end', async () => {
    const error = await failureOf(
      async (intake) => {
        intake.append({ n: 0 });
        await aborted(intake.signal);
        throw new Error('while stopping');
      },
      undefined,
      { maxEvents: 1 },
    );
    expect(error).toMatchObject({ cause: { message: 'while stopping' }, report: { events: 1 } });
  });

  it('if the source throws an AbortError although nobody has aborted', async () => {
    const error = await failureOf(() => {
      throw new DOMException('of my own', 'AbortError');
    });
    expect(error.cause).toMatchObject({ name: 'AbortError' });
  });

  it('if closing the source fails, or its report, and the first error is the cause', async () => {
    const fail = (message: string) => (): never => {
      throw new Error(message);
    };
    const close = await failureOf(
      (intake) => intake.append({ n: 0 }),
      (source) => (source.close = fail('close')),
    );
    expect(close).toMatchObject({ cause: { message: 'close' }, report: { events: 1 } });
    const report = await failureOf(
      () => {},
      (source) => {
        source.report = fail('report');
        source.close = fail('close');
      },
    );
    expect(report).toMatchObject({ cause: { message: 'report' } });
    const run = await failureOf(fail('run'), (source) => (source.close = fail('close')));
    expect(run).toMatchObject({ cause: { message: 'run' } });
  });

  it('if the log takes nothing any more, even if the source says nothing of it', async () => {
    const path = captureLogPath();
    const source = new TestSource((intake) => {
      // An event whose code appends is a misuse that the log refuses.
      const nested = {
        get n(): number {
          intake.append({ n: 1 });
          return 0;
        },
      };
      expect(() => intake.append(nested)).toThrow(/just being encoded/);
      expect(intake.signal.aborted).toBe(true);
    });
    const error = await rejectionOf(capture(source, path));
    expect(error).toMatchObject({ code: 'CAPTURE_FAILED', cause: { code: 'RESERVED' } });
  });
});

describe('misuse', () => {
  it.each<[string, object]>([
    ['durationMs', { durationMs: 0 }],
    ['durationMs', { durationMs: 2 ** 31 }],
    ['durationMs', { durationMs: NaN }],
    ['durationMs', { durationMs: '5' }],
    ['maxEvents', { maxEvents: 0 }],
    ['maxEvents', { maxEvents: 1.5 }],
    ['maxBytes', { maxBytes: -1 }],
    ['maxRejects', { maxRejects: -1 }],
    ['progressIntervalMs', { progressIntervalMs: 0 }],
    ['budgetBytes', { budgetBytes: 100_000 }],
    ['budgetBytes', { budgetBytes: 2 ** 20, segmentSizeBytes: 2 ** 20 }],
    ['budgetBytes', { budgetBytes: Infinity }],
    ['onReject', { onReject: 1 }],
    ['onProgress', { onProgress: 'x' }],
    ['onStart', { onStart: 1 }],
    ['signal', { signal: {} }],
    ['rejectFile', { rejectFile: 5 }],
    ['rejectFile', { rejectFile: {} }],
    ['rejectFile', { rejectFile: { path: 'x', append: 1 } }],
    ['schema', { schema: {} }],
    ['segmentSizeBytes', { segmentSizeBytes: 5 }],
    ['commit', { commit: 'now' }],
  ])('of %s (%o) is refused before anything happens', async (name, given) => {
    const path = temporaryLogPath();
    const source = new TestSource(() => {});
    const error = await rejectionOf(capture(source, path, given));
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
    expect((error as Error).message).toContain(`Invalid ${name}`);
    expect(source.seen).toEqual([]);
    expect(existsSync(path)).toBe(false);
  });

  it.each([undefined, null, 5, 'text', {}, { run: 1 }])(
    'of the source (%o) too',
    async (source) => {
      const path = temporaryLogPath();
      const error = await rejectionOf(capture(source as never, path));
      expect(error).toBeInstanceOf(TypeError);
      expect(existsSync(path)).toBe(false);
    },
  );
});
