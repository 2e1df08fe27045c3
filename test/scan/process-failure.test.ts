import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Piscina } from 'piscina';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  OffsetOutOfRangeError,
  PositionLostError,
  ScanError,
  openAppender,
  type ProcessOptions,
} from '../../src/index.js';
import { dieWith } from '../support/dying.js';
import { printed, runFixture, startFixture } from '../support/fixtures.js';
import { framesIn, segmentFile, zero } from '../support/log-damage.js';
import { appendNumbered, range, rejectionOf, thrownBy } from '../support/logs.js';
import { SMALL, close, isHandled, openLog, start, until } from '../support/processors.js';
import { numberedLog, unmapped } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { Gate, Trace } from '../support/traces.js';

const MANUAL = { ...SMALL, commit: 'manual', flush: 'none' } as const;

describe('a processor whose function fails', () => {
  it.each([undefined, { by: 'firstByte', count: 3 }])(
    'says where and why, and resumed from `handled` it misses nothing (partitions %o)',
    async (partitions) => {
      const log = await numberedLog(1000, 100);
      const trace = new Trace();
      const failed = new Int32Array(new SharedArrayBuffer(4));
      const args = { trace: trace.words, at: 555, failed };
      const options = { name: 'failOnceAt', args, partitions, endAtClose: true };
      const first = start(log, options);
      const error = (await rejectionOf(first.done)) as ScanError;
      expect(error).toBeInstanceOf(ScanError);
      expect(error).toMatchObject({ code: 'SCAN_FAILED', offset: 555 });
      expect(error.cause).toBeInstanceOf(RangeError);
      expect((error.cause as Error).stack).toContain('process-functions.mjs');
      expect(first.handled.offset).toBe(error.piece?.from);
      await unmapped(log);
      const before = trace.offsets;
      const second = start(log, { ...options, from: first.handled });
      expect(await second.done).toMatchObject({ offset: 1000 });
      expect([...new Set(trace.sorted)]).toEqual(range(0, 1000));
      // What counted as handled had been, and is not handled again.
      const counted = range(0, first.handled.offset);
      expect(counted.filter((offset) => !before.includes(offset))).toEqual([]);
      const again = trace.offsets.slice(before.length);
      expect(Math.min(...again)).toBe(first.handled.offset);
    },
  );

  it('handles the pieces before that to their end, and begins none behind', async () => {
    const log = await numberedLog(1000, 100);
    const [trace, gate] = [new Trace(), new Gate()];
    const args = { trace: trace.words, gate: gate.words, failing: 1 };
    const processor = start(log, { name: 'failBehindGate', args });
    await until(() => trace.calls.some(({ index }) => index === 1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(processor.handled.offset).toBe(0);
    gate.open();
    const error = (await rejectionOf(processor.done)) as ScanError;
    expect(error).toMatchObject({ message: expect.stringContaining('piece 1 fails') as unknown });
    expect(processor.handled.offset).toBe(error.piece?.from);
    expect(trace.sorted.slice(0, processor.handled.offset)).toEqual(
      range(0, processor.handled.offset),
    );
  });

  it.each<[string, Partial<ProcessOptions<object>>, string]>([
    ['an export that is missing', { name: 'absent' }, 'Cannot find export absent'],
    ['no function', { name: 'noFunction' }, 'Cannot run export noFunction'],
    ['a module that is missing', { module: '/nowhere.mjs' }, 'Cannot load file:///nowhere.mjs'],
    [
      'a key function that is missing',
      { partitions: { by: 'absent' } },
      'Cannot find export absent',
    ],
    ['a key that is none', { partitions: { by: 'badKey' } }, 'Invalid key of record 3'],
    ['a thread that ends', { name: 'exit' }, 'its thread has ended'],
  ])('or is %s', async (_, options, message) => {
    const log = await numberedLog(10, 100);
    const processor = start(log, { args: { trace: new Trace().words }, ...options });
    const error = (await rejectionOf(processor.done)) as ScanError;
    expect(error).toBeInstanceOf(ScanError);
    expect(error.message).toContain(message);
    expect(error.piece).toMatchObject({ index: 0, from: 0 });
    expect(processor.handled).toEqual({ offset: 0, epoch: undefined });
    await unmapped(log);
  });

  it('or its listener', async () => {
    const log = await numberedLog(1000, 100);
    const onHandled = (): never => {
      throw new Error('not heard');
    };
    const processor = start(log, { args: { trace: new Trace().words }, onHandled });
    expect(await rejectionOf(processor.done)).toMatchObject({ message: 'not heard' });
    expect(processor.handled.offset).toBeGreaterThan(0);
  });

  it('has its process killed, and goes on in another one where a file says', async () => {
    const log = await numberedLog(1000, 100);
    const file = join(log, '..', 'position');
    expect(await runFixture('process-log', [log, file, '300'])).toMatchObject({
      signal: 'SIGKILL',
    });
    const { code, result } = await runFixture('process-log', [log, file, 'Infinity']);
    const resumed = (result as { from: { offset: number } }).from.offset;
    expect([code, resumed >= 300, result]).toMatchObject([0, true, { offset: 1000 }]);
    const lines = readFileSync(`${file}.handled`, 'utf8').trim().split('\n').map(Number);
    expect(new Set(lines)).toEqual(new Set(range(0, 1000)));
    // Only what was not counted is handled twice.
    const counts = range(0, resumed).map((at) => lines.filter((line) => line === at).length);
    expect(counts).toEqual(range(0, resumed).map(() => 1));
  });
});

describe('a processor and its log', () => {
  it('goes on across writers that are killed, and handles each record once', async () => {
    const log = temporaryLogPath();
    const witness = join(log, '..', 'witness');
    writeFileSync(witness, Buffer.alloc(16));
    await openAppender(log, SMALL).close();
    const trace = new Trace(1_000_000);
    const processor = start(log, { args: { trace: trace.words } });
    const work = { options: { ...SMALL, commit: { bytes: 500, delayMs: 2 } }, seed: 5 };
    for (let kill = 1; kill <= 3; kill++) {
      const child = startFixture('witnessed-writer', [log, witness, JSON.stringify(work)]);
      await printed(child, '.');
      const from = processor.handled.offset;
      await until(isHandled(processor, from + 300));
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    const appender = openAppender(log, SMALL);
    const end = appender.nextOffset;
    await until(isHandled(processor, end));
    await appender.close();
    await processor.stop();
    expect(trace.sorted).toEqual(range(0, end));
  });

  it('is told when a position does not belong to it any more', async () => {
    const log = temporaryLogPath();
    dieWith(log, MANUAL, ['append', 3], ['commit'], ['flush'], ['append', 3], ['commit']);
    const trace = new Trace();
    const processor = start(log, { args: { trace: trace.words } });
    await until(isHandled(processor, 6));
    const { handled } = processor;
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 4096);
    const appender = openAppender(log, MANUAL);
    expect(await rejectionOf(processor.done)).toBeInstanceOf(PositionLostError);
    expect(processor.handled).toEqual(handled);
    expect(thrownBy(() => start(log, { from: handled }))).toBeInstanceOf(PositionLostError);
    await appender.close();
  });

  it('notices that records were replaced while it handled them', async () => {
    const log = temporaryLogPath();
    dieWith(log, MANUAL, ['append', 3], ['commit'], ['flush'], ['append', 3], ['commit']);
    const [trace, gate] = [new Trace(), new Gate()];
    const args = { trace: trace.words, gate: gate.words, index: 0 };
    const processor = start(log, { name: 'handleAndWait', args });
    await until(() => trace.offsets.length === 6);
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 4096);
    const appender = openAppender(log, MANUAL);
    appendNumbered(appender, 9, 40);
    appender.commit();
    gate.open();
    expect(await rejectionOf(processor.done)).toBeInstanceOf(PositionLostError);
    expect(processor.handled.offset).toBe(0);
    // Nothing of what is there now was taken for what was handled.
    const again = start(log, { args: { trace: trace.words }, from: processor.handled });
    await until(isHandled(again, 12));
    expect(trace.offsets.slice(6).sort((a, b) => a - b)).toEqual(range(0, 12));
    await appender.close();
  });

  it('handles what lies before damage, and names it', async () => {
    const log = await numberedLog(1000, 100);
    const frames = framesIn(log, 0);
    const { position, base } = frames[Math.floor(frames.length / 2)] as (typeof frames)[0];
    zero(segmentFile(log, 0), position + 80, position + 120);
    const trace = new Trace();
    const processor = start(log, { args: { trace: trace.words } });
    const error = (await rejectionOf(processor.done)) as ScanError;
    expect(error).toMatchObject({ code: 'SCAN_FAILED', offset: base - 1 });
    expect(error.cause).toBeInstanceOf(CorruptionError);
    expect(processor.handled.offset).toBe(error.piece?.from);
    expect(processor.handled.offset).toBeGreaterThan(0);
  });

  it('has records dropped before it comes to them: an error, or skipped and counted', async () => {
    for (const onDropped of ['error', 'skip'] as const) {
      const { log, appender } = openLog();
      appendNumbered(appender, 3000, 200);
      const [trace, gate] = [new Trace(), new Gate()];
      const args = { trace: trace.words, gate: gate.words, index: 0 };
      const options = { name: 'handleBehindGate', args, onDropped, workers: 1 };
      const processor = start(log, options);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const startOffset = await appender.dropBefore(2500);
      gate.open();
      if (onDropped === 'error') {
        const error = (await rejectionOf(processor.done)) as ScanError;
        expect(error).toBeInstanceOf(ScanError);
        expect(error.cause).toBeInstanceOf(OffsetOutOfRangeError);
        expect(error.cause).toMatchObject({ startOffset });
        expect(processor.handled.offset).toBeLessThan(startOffset);
      } else {
        await until(isHandled(processor, 3000));
        await processor.stop();
        expect(trace.sorted.slice(-500)).toEqual(range(2500, 3000));
        expect(processor.skipped).toBeGreaterThan(0);
        expect(trace.offsets.length + processor.skipped).toBe(3000);
      }
      await close(appender);
      expect(thrownBy(() => start(log, { from: 5 }))).toBeInstanceOf(OffsetOutOfRangeError);
      const rest = new Trace();
      const late = { args: { trace: rest.words }, from: 5, onDropped: 'skip' as const };
      const last = start(log, { ...late, endAtClose: true });
      expect(last.handled.offset).toBe(startOffset);
      await last.done;
      expect(rest.sorted).toEqual(range(startOffset, 3000));
    }
  });
});

describe('the pool of a processor', () => {
  it('may be one of the user, who keeps it', async () => {
    const { log, appender } = openLog();
    const pool = new Piscina({ minThreads: 2, maxThreads: 2 });
    for (const partitions of [undefined, { by: 'firstByte' }]) {
      const trace = new Trace();
      const from = appender.nextOffset;
      const options = { args: { trace: trace.words }, from, partitions };
      const processor = start(log, { ...options, pool, workers: undefined });
      appendNumbered(appender, 100, 100);
      await until(isHandled(processor, from + 100));
      await processor.stop();
      expect(trace.sorted).toEqual(range(from, from + 100));
    }
    expect(pool.threads.length).toBe(2);
    await pool.destroy();
    const refused = thrownBy(() => start(log, { pool, workers: undefined }));
    expect(refused).toMatchObject({ code: 'CLOSED' });
  });
});

describe('processLog() refuses', () => {
  it.each<[object, string]>([
    [{ module: 'relative.js' }, 'Invalid module'],
    [{ name: 5 }, 'Invalid name'],
    [{ args: () => {} }, 'Invalid args'],
    [{ workers: 0 }, 'Invalid workers'],
    [{ pieceBytes: -1 }, 'Invalid pieceBytes'],
    [{ pool: {} }, 'Invalid pool'],
    [{ signal: 1 }, 'Invalid signal'],
    [{ onHandled: 1 }, 'Invalid onHandled'],
    [{ onDropped: 'no' }, 'Invalid onDropped'],
    [{ partitions: { by: 5 } }, 'Invalid partitions.by'],
    [{ partitions: { by: 'firstByte', count: 0 } }, 'Invalid partitions.count'],
    [{ partitions: 'firstByte' }, 'Invalid partitions'],
    [{ from: -1 }, 'Invalid from'],
    [{ from: 'middle' }, 'Invalid from'],
    [{ bound: 'no' }, 'Invalid bound'],
  ])('%o', async (options, message) => {
    const log = await numberedLog(1, 10);
    const error = thrownBy(() => start(log, options));
    expect(error).toSatisfy((found) => found instanceof TypeError || found instanceof RangeError);
    expect((error as Error).message).toContain(message);
    await unmapped(log);
  });
});
