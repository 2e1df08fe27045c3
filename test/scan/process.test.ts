import { describe, expect, it } from 'vitest';
import { openReader, partitionOf, type Appender, type Position } from '../../src/index.js';
import { appendNumbered, range, rejectionOf } from '../support/logs.js';
import { SMALL, close, isHandled, openLog, start, until } from '../support/processors.js';
import { mappingsOf, numberedLog, unmapped } from '../support/scans.js';
import { Gate, Trace } from '../support/traces.js';

describe('processLog()', () => {
  it('handles what is there and what comes, each record once, across rolls', async () => {
    const { log, appender } = openLog({ ...SMALL, commit: { bytes: 2000 } });
    appendNumbered(appender, 1000, 200);
    const trace = new Trace();
    const seen: Position[] = [];
    const processor = start(log, {
      args: { trace: trace.words },
      onHandled: (position) => seen.push(position),
    });
    for (let i = 0; i < 20; i++) {
      appendNumbered(appender, 50, 200);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    appender.commit();
    await until(isHandled(processor, 2000));
    const end = { offset: 2000, epoch: appender.epoch };
    expect(processor.handled).toEqual(end);
    expect(await processor.stop()).toEqual(end);
    expect(trace.sorted).toEqual(range(0, 2000));
    expect(seen.at(-1)).toEqual(end);
    seen.forEach(({ offset }, i) => expect(offset).toBeGreaterThan(seen[i - 1]?.offset ?? 0));
    const calls = trace.calls.sort((a, b) => a.index - b.index);
    expect(calls.map(({ index }) => index)).toEqual(range(0, calls.length));
    expect(calls.map(({ from }) => from)).toEqual([0, ...calls.slice(0, -1).map(({ to }) => to)]);
    expect(mappingsOf(log)).toBeGreaterThan(0);
    await close(appender);
    await unmapped(log);
  });

  it('keeps the records of a piece in order', async () => {
    const log = await numberedLog(1000, 200);
    const trace = new Trace();
    await start(log, { args: { trace: trace.words }, endAtClose: true }).done;
    const { handled, calls } = trace;
    expect(calls.length).toBeGreaterThan(10);
    for (const { index, from, to } of calls) {
      const ofPiece = handled.filter((record) => record.index === index);
      expect(ofPiece.map(({ offset }) => offset)).toEqual(range(from, to));
    }
    expect(trace.sorted).toEqual(range(0, 1000));
  });

  it('begins at the start, the end, an offset, a time or a position', async () => {
    const { log, appender } = openLog();
    appendNumbered(appender, 10, 100);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const timeMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    appendNumbered(appender, 10, 100);
    const reader = openReader(log);
    const tailer = reader.tailer({ from: 15 });
    for (const [options, first, followed = log] of [
      [{}, 0],
      [{ from: 'start' }, 0],
      [{ from: 'end' }, 20],
      [{ from: 7 }, 7],
      [{ from: { timeMs } }, 10],
      [{ from: tailer.position }, 15],
      [{}, 15, tailer.describe()],
      [{}, 0, reader],
      [{ bound: 'flushed' }, 0, reader.describe()],
    ] as const) {
      const trace = new Trace();
      const from = appender.nextOffset;
      const processor = start(followed, { args: { trace: trace.words }, ...options });
      expect(processor.handled.offset).toBe(first === 20 ? from : first);
      appendNumbered(appender, 1, 100);
      await appender.flush();
      await until(isHandled(processor, from + 1));
      await processor.stop();
      expect(trace.sorted).toEqual(range(first === 20 ? from : first, from + 1));
    }
    reader.close();
  });

  it('ends when the log is closed, if told to', async () => {
    const { log, appender } = openLog();
    appendNumbered(appender, 100, 100);
    const trace = new Trace();
    const processor = start(log, { args: { trace: trace.words }, endAtClose: true });
    await until(isHandled(processor, 100));
    appendNumbered(appender, 50, 100);
    await close(appender);
    expect(await processor.done).toMatchObject({ offset: 150 });
    expect(trace.sorted).toEqual(range(0, 150));
    await unmapped(log);
  });

  it('with bound "flushed" handles nothing that is not durable', async () => {
    const { log, appender } = openLog({ ...SMALL, flush: 'none' });
    appendNumbered(appender, 30, 100);
    await appender.flush();
    appendNumbered(appender, 20, 100);
    const trace = new Trace();
    const processor = start(log, { args: { trace: trace.words }, bound: 'flushed' });
    await until(isHandled(processor, 30));
    expect(trace.sorted).toEqual(range(0, 30));
    await appender.flush();
    await until(isHandled(processor, 50));
    expect(trace.sorted).toEqual(range(0, 50));
  });

  it('awaits what the function returns, and leaves it', async () => {
    const log = await numberedLog(100, 100);
    const trace = new Trace();
    const options = { name: 'returnFunction', args: { trace: trace.words }, endAtClose: true };
    expect(await start(log, options).done).toMatchObject({ offset: 100 });
  });

  it('takes all that has come meanwhile in one piece, when the threads are busy', async () => {
    const { log, appender } = openLog();
    const [trace, gate] = [new Trace(), new Gate()];
    appendNumbered(appender, 1, 100);
    const reader = openReader(log);
    const args = { trace: trace.words, gate: gate.words, byte: reader.get(0).getUint8(0) };
    reader.close();
    const processor = start(log, { name: 'waitForByte', args, workers: 1 });
    await until(() => trace.calls.length === 1);
    for (let i = 0; i < 20; i++) {
      appendNumbered(appender, 1, 100);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    gate.open();
    await until(isHandled(processor, 21));
    expect(trace.offsets).toEqual(range(0, 21));
    expect(trace.calls).toMatchObject([
      { from: 0, to: 1 },
      { from: 1, to: 21 },
    ]);
  });

  it('does not run ahead of a function that is slow', async () => {
    const { log, appender } = openLog({ ...SMALL, commit: { bytes: 1000 } });
    const [trace, gate] = [new Trace(), new Gate()];
    const args = { trace: trace.words, gate: gate.words, index: 0 };
    appendNumbered(appender, 2000, 100);
    appender.commit();
    const processor = start(log, { name: 'handleBehindGate', args, pieceBytes: 1000 });
    // Four pieces a thread are under way: the first of them does not end, so 7 others do.
    await until(() => trace.calls.length === 7);
    appendNumbered(appender, 1000, 100);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([trace.calls.length, processor.handled.offset]).toEqual([7, 0]);
    gate.open();
    appender.commit();
    await until(isHandled(processor, 3000));
    expect(trace.sorted).toEqual(range(0, 3000));
  });
});

describe('processLog() with partitions', () => {
  /** Records whose first byte, their key, goes round. */
  function appendKeyed(appender: Appender, count: number, keys = 23): void {
    for (let i = 0; i < count; i++) {
      const payload = Buffer.alloc(100);
      payload[0] = appender.nextOffset % keys;
      appender.append(payload);
    }
  }

  it.each([
    ['firstByte', 4, 2],
    ['firstByte', 2, 3],
    ['name', 7, 2],
    ['name', undefined, 3],
  ])(
    'handles those of one in order, never two calls at a time (%s, %s partitions, %i threads)',
    async (key, count, workers) => {
      const { log, appender } = openLog({ ...SMALL, commit: { bytes: 1000 } });
      appendKeyed(appender, 2000);
      const trace = new Trace();
      const active = new Int32Array(new SharedArrayBuffer(64));
      const processor = start(log, {
        name: 'handleAlone',
        args: { trace: trace.words, active, count: count ?? workers, ms: 3, key },
        partitions: { by: key, count },
        workers,
        pieceBytes: 3000,
      });
      for (let i = 0; i < 20; i++) {
        appendKeyed(appender, 50);
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      appender.commit();
      await until(isHandled(processor, 3000));
      await processor.stop();
      const { handled } = trace;
      expect(trace.sorted).toEqual(range(0, 3000));
      for (const byte of range(0, 23)) {
        const offsets = handled.filter((record) => record.byte === byte).map((one) => one.offset);
        expect(offsets).toEqual(range(0, 3000).filter((offset) => offset % 23 === byte));
      }
      // Partitions do not wait for each other.
      expect(trace.offsets).not.toEqual(range(0, 3000));
    },
  );

  it('gives the key function the arguments', async () => {
    const log = await numberedLog(100, 100);
    const trace = new Trace();
    const options = { partitions: { by: 'argumentKey', count: 3 }, endAtClose: true };
    await start(log, { ...options, args: { trace: trace.words, modulus: 2 } }).done;
    expect(trace.sorted).toEqual(range(0, 100));
    // Two keys, so no more than two calls for each piece.
    const pieces = new Set(trace.calls.map(({ index }) => index)).size;
    expect(trace.calls.length).toBe(2 * pieces);
  });

  it('shows a cursor that moves both ways over the records of the partition only', async () => {
    const { log, appender } = openLog({ ...SMALL, commit: 'manual' });
    appendKeyed(appender, 60, 3);
    appender.commit();
    const trace = new Trace();
    const options = { name: 'wander', args: { trace: trace.words } };
    const processor = start(log, { ...options, partitions: { by: 'firstByte', count: 2 } });
    await until(isHandled(processor, 60));
    expect(trace.sorted).toEqual(range(0, 60));
    const called = new Set(trace.calls.map(({ from }) => partitionOf(from % 3, 2)));
    expect(called).toEqual(new Set(range(0, 3).map((key) => partitionOf(key, 2))));
    // At its end it still stands on a record of its own: the last, which is one of the last three.
    for (const { from, to } of trace.calls) expect([from >= 57, to]).toEqual([true, 0]);
  });

  it('lets one partition wait without the others, but not without limit', async () => {
    const { log, appender } = openLog({ ...SMALL, commit: { bytes: 1000 } });
    appendKeyed(appender, 3000, 2);
    appender.commit();
    const [trace, gate] = [new Trace(), new Gate()];
    const [slow, fast] = range(0, 2).map((key) => partitionOf(key, 4));
    expect(slow).not.toBe(fast);
    const args = { trace: trace.words, gate: gate.words, byte: 0 };
    const processor = start(log, {
      name: 'waitForByte',
      args,
      partitions: { by: 'firstByte', count: 4 },
      pieceBytes: 1000,
    });
    await until(() => trace.calls.length === 1 + 8);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([trace.calls.length, processor.handled.offset]).toEqual([9, 0]);
    expect(trace.handled.every(({ byte }) => byte === 1)).toBe(true);
    gate.open();
    await until(isHandled(processor, 3000));
    expect(trace.sorted).toEqual(range(0, 3000));
  });
});

/** By another implementation of MurmurHash3; never to be regenerated. */
const GOLDEN = [
  0, 1455541201, 2625662218, 2588546824, 2344682225, 1669671676, 1669671676, 4152582287, 3800686449,
  244275329, 2677528480, 2157591304, 420913893,
];

describe('partitionOf()', () => {
  it('never changes', () => {
    const keys = ['', 'a', 'stratalog', 'größer', '😀', 0, -0, 1, -1, 42, 0.5, 2 ** 53, Infinity];
    expect(keys.map((key) => partitionOf(key, 2 ** 32))).toEqual(GOLDEN);
  });

  it('spreads keys that follow one another', () => {
    for (const keyOf of [(i: number) => i, (i: number) => `key-${i}`, (i: number) => i * 1024]) {
      const counts = range(0, 16).map(() => 0);
      for (const i of range(0, 16_000)) counts[partitionOf(keyOf(i), 16)]!++;
      expect(Math.min(...counts)).toBeGreaterThan(850);
      expect(Math.max(...counts)).toBeLessThan(1150);
    }
  });
});

describe('a processor that is stopped', () => {
  it('begins nothing more, ends what is under way, and can be resumed without a gap', async () => {
    const { log, appender } = openLog({ ...SMALL, commit: { bytes: 1000 } });
    appendNumbered(appender, 1000, 100);
    appender.commit();
    const [trace, gate] = [new Trace(), new Gate()];
    const args = { trace: trace.words, gate: gate.words, index: 3 };
    const options = { name: 'handleBehindGate', args, pieceBytes: 1000 };
    const first = start(log, options);
    await until(() => trace.calls.length >= 5);
    const stopping = first.stop();
    gate.open();
    const position = await stopping;
    expect(await first.stop()).toBe(position);
    expect(position).toEqual(first.handled);
    expect(position.offset).toBeLessThan(1000);
    expect(trace.sorted).toEqual(range(0, position.offset));
    // The three before the gate, and what a window of four pieces for each of two threads holds.
    expect(trace.calls.length).toBeLessThanOrEqual(3 + 4 * 2);
    const second = start(log, { ...options, from: structuredClone(position), endAtClose: true });
    await close(appender);
    expect(await second.done).toMatchObject({ offset: 1000 });
    expect(trace.sorted).toEqual(range(0, 1000));
  });

  it('also while it waits, and before its threads have begun', async () => {
    const { log, appender } = openLog();
    appendNumbered(appender, 10, 100);
    const trace = new Trace();
    const waiting = start(log, { args: { trace: trace.words } });
    await until(isHandled(waiting, 10));
    expect(await waiting.stop()).toMatchObject({ offset: 10 });
    const idle = start(log, { args: { trace: trace.words }, from: 3 });
    expect(await idle.stop()).toMatchObject({ offset: 3 });
    expect(trace.sorted).toEqual(range(0, 10));
  });

  it('by its signal gives up what is under way, also a function that never yields', async () => {
    const log = await numberedLog(1000, 100);
    const trace = new Trace();
    const controller = new AbortController();
    const options = { name: 'spin', args: { trace: trace.words }, signal: controller.signal };
    const processor = start(log, options);
    await until(() => trace.calls.length === 2);
    controller.abort('enough');
    expect(await rejectionOf(processor.done)).toBe('enough');
    expect(processor.handled.offset).toBe(0);
    await unmapped(log);
    const late = start(log, options);
    expect(await rejectionOf(late.done)).toBe('enough');
    expect(trace.calls.length).toBe(2);
  });
});
