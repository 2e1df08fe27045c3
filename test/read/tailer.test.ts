import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync, renameSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MessagePort, Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listTailers } from '../../src/control/readers-file.js';
import {
  PositionLostError,
  openAppender,
  openReader,
  type Appender,
  type AppenderOptions,
  type Position,
  type Reader,
  type Tailer,
} from '../../src/index.js';
import { dieWith } from '../support/dying.js';
import { finished, printed, startFixture } from '../support/fixtures.js';
import { collectGarbage } from '../support/garbage.js';
import { framesIn, segmentFile, zero } from '../support/log-damage.js';
import { filesOf, range, rejectionOf, thrownBy } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const SMALL = { segmentSizeBytes: 16_384, maintenance: false } as const;

/** Records that tell their offset: `offset * 3` as a float64. */
function append(appender: Appender, count: number, size = 64): void {
  const payload = Buffer.alloc(size);
  for (let i = 0; i < count; i++) {
    payload.writeDoubleLE(appender.nextOffset * 3);
    appender.append(payload);
  }
}

/** What is there now, without waiting. */
function drain(tailer: Tailer): number[] {
  const offsets: number[] = [];
  while (tailer.next()) {
    expect(tailer.record.getFloat64(0)).toBe(tailer.record.offset * 3);
    offsets.push(tailer.record.offset);
  }
  return offsets;
}

function openBoth(options: AppenderOptions = SMALL): {
  log: string;
  appender: Appender;
  reader: Reader;
} {
  const log = temporaryLogPath();
  const appender = openAppender(log, options);
  return { log, appender, reader: openReader(log) };
}

interface Seen {
  readonly seen: number;
  readonly wrong: number;
  readonly isEnded: boolean;
  readonly position: Position;
  readonly changes: string[];
}

function tailInWorker(task: object): {
  worker: Worker;
  result: Promise<Seen>;
  ready: Promise<unknown>;
} {
  const worker = new Worker(new URL('../fixtures/tail.mjs', import.meta.url), {
    workerData: { ...task, saysReady: true },
  });
  const ready = once(worker, 'message');
  const result = ready.then(() => once(worker, 'message')).then(([said]) => said as Seen);
  return { worker, result, ready };
}

describe('a tailer', () => {
  it('starts at the start, the end, an offset or a time', async () => {
    const { appender, reader } = openBoth();
    append(appender, 5);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const timeMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
    append(appender, 5);
    const starts = (['start', 'end', 3, { timeMs }] as const).map((from) => {
      const tailer = reader.tailer({ from });
      return [tailer.nextOffset, drain(tailer)];
    });
    expect(starts).toEqual([
      [0, range(0, 10)],
      [10, []],
      [3, range(3, 10)],
      [5, range(5, 10)],
    ]);
    reader.close();
    await appender.close();
  });

  it('sees history, then what comes, across rolls, each record once', async () => {
    const { appender, reader } = openBoth();
    append(appender, 300);
    const tailer = reader.tailer();
    expect(drain(tailer)).toEqual(range(0, 300));
    for (let from = 300; from < 900; from += 100) {
      append(appender, 100);
      expect(drain(tailer)).toEqual(range(from, from + 100));
    }
    reader.close();
    await appender.close();
  });

  it('keeps to the flushed bound if its reader does, and is woken by a flush', async () => {
    const { log, appender } = openBoth({ ...SMALL, flush: 'none' });
    const reader = openReader(log, { bound: 'flushed' });
    const tailer = reader.tailer();
    append(appender, 3);
    expect(tailer.next({ timeoutMs: 1 })).toBe(false);
    const waiting = tailer.nextAsync();
    await appender.flush();
    expect([await waiting, tailer.record.offset]).toEqual([true, 0]);
    expect(drain(tailer)).toEqual([1, 2]);
    reader.close();
    await appender.close();
  });

  it('refuses nonsense', () => {
    const { log, appender, reader } = openBoth();
    const tailer = reader.tailer();
    for (const timeoutMs of [-1, NaN, '5' as unknown as number]) {
      expect(thrownBy(() => tailer.next({ timeoutMs }))).toBeInstanceOf(RangeError);
    }
    append(appender, 1);
    expect(thrownBy(() => reader.tailer({ onDropped: 'wait' as 'skip' }))).toBeInstanceOf(
      TypeError,
    );
    for (const wrong of [{ name: 5 }, { signal: {} }, { onWriterChange: 'closed' }]) {
      expect(thrownBy(() => reader.tailer(wrong as object))).toBeInstanceOf(TypeError);
    }
    expect(thrownBy(() => reader.tailer({ from: -1 }))).toBeInstanceOf(RangeError);
    expect(listTailers(log, reader.logId).length).toBe(1);
    expect(thrownBy(() => tailer.record.offset)).toBeInstanceOf(RangeError);
    reader.close();
    return appender.close();
  });

  it('closes with its reader, and refuses to move from then on', async () => {
    const { appender, reader } = openBoth();
    append(appender, 1);
    const tailer = reader.tailer();
    reader.close();
    expect(tailer.isEnded).toBe(true);
    expect(thrownBy(() => tailer.next())).toMatchObject({ code: 'CLOSED' });
    expect(await rejectionOf(tailer.nextAsync())).toMatchObject({ code: 'CLOSED' });
    expect(thrownBy(() => tailer.position)).toMatchObject({ code: 'CLOSED' });
    tailer.close();
    await appender.close();
  });
});

describe('a blocked tailer', () => {
  const places = ['thread', 'process'] as const;

  async function tail(place: (typeof places)[number], task: object): Promise<Seen> {
    if (place === 'thread') return tailInWorker(task).result;
    const { result } = await finished(startFixture('tail', [JSON.stringify(task)]));
    return result as Seen;
  }

  it.each(places)('in a %s is woken by every commit, roll and close', async (place) => {
    const { appender, reader } = openBoth();
    append(appender, 10);
    const task = {
      description: reader.describe(),
      options: { endAtClose: true },
      neverByItself: true,
    };
    const tailed = tail(place, task);
    let done = false;
    void tailed.then(() => (done = true));
    for (let i = 0; i < 600; i++) {
      append(appender, 1);
      await new Promise((resolve) => setTimeout(resolve, i % 50 === 0 ? 5 : 0));
    }
    expect(done).toBe(false);
    await appender.close();
    expect(await tailed).toMatchObject({ seen: 610, wrong: 0, isEnded: true });
    reader.close();
  });

  it('waits without being woken where it may not say that it waits', async () => {
    const { log, appender, reader } = openBoth();
    rmSync(join(log, 'readers'));
    const { ready, result } = tailInWorker({ description: reader.describe(), count: 20 });
    await ready;
    for (let i = 0; i < 20; i++) {
      append(appender, 1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await result).toMatchObject({ seen: 20, wrong: 0 });
    expect(listTailers(log, reader.logId)).toEqual([]);
    reader.close();
    await appender.close();
  });

  it('does not keep its thread from being terminated', async () => {
    const { appender, reader } = openBoth();
    const { worker, ready } = tailInWorker({ description: reader.describe() });
    await ready;
    // Until it sleeps: before that it is easily ended.
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await worker.terminate()).toBe(1);
    reader.close();
    await appender.close();
  });

  it('gives up after its timeout, and has lost nothing', async () => {
    const { appender, reader } = openBoth();
    const tailer = reader.tailer();
    expect(tailer.next({ timeoutMs: 20 })).toBe(false);
    append(appender, 2);
    expect(tailer.next({ timeoutMs: 0 })).toBe(true);
    expect(tailer.next({ timeoutMs: Infinity })).toBe(true);
    expect(tailer.next({ timeoutMs: 1 })).toBe(false);
    reader.close();
    await appender.close();
  });
});

describe('a tailer on an event loop', () => {
  it('is an async iterable that ends, with a value, at the close of the log', async () => {
    const { appender, reader } = openBoth();
    append(appender, 50);
    const offsets: number[] = [];
    const tailing = (async () => {
      const tailer = reader.tailer({ endAtClose: true });
      for await (const record of tailer) {
        expect(record.getFloat64(0)).toBe(record.offset * 3);
        offsets.push(record.offset);
      }
      return tailer.isEnded;
    })();
    for (let i = 0; i < 50; i++) {
      append(appender, 10);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await appender.close();
    expect(await tailing).toBe(true);
    expect(offsets).toEqual(range(0, 550));
    reader.close();
  });

  it('lets others have their turn while it reads a backlog', async () => {
    const { appender, reader } = openBoth({ ...SMALL, segmentSizeBytes: 1024 * 1024 });
    append(appender, 20_000);
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    for await (const record of reader.tailer()) {
      const until = performance.now() + 0.005;
      while (performance.now() < until);
      if (record.offset === 19_999) break;
    }
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(3);
    reader.close();
    await appender.close();
  });

  it('is closed by break, by an error, by await using and by its signal', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 3);
    const broken = reader.tailer();
    for await (const record of broken) if (record.offset === 1) break;
    expect(broken.isEnded).toBe(true);

    const thrown = reader.tailer();
    const failing = (async () => {
      for await (const record of thrown) throw new Error(`at ${record.offset}`);
    })();
    expect(await rejectionOf(failing)).toMatchObject({ message: 'at 0' });
    expect(thrown.isEnded).toBe(true);

    const controller = new AbortController();
    const aborted = reader.tailer({ signal: controller.signal });
    const iterating = (async () => {
      for await (const record of aborted)
        if (record.offset === 2) setTimeout(() => controller.abort('enough'), 5);
    })();
    expect(await rejectionOf(iterating)).toBe('enough');
    expect(aborted.isEnded).toBe(true);

    const disposed = reader.tailer();
    await disposed[Symbol.asyncDispose]();
    expect(disposed.isEnded).toBe(true);
    const used = reader.tailer();
    used[Symbol.dispose]();
    expect(used.isEnded).toBe(true);
    expect(listTailers(log, reader.logId)).toEqual([]);
    reader.close();
    await appender.close();
  });

  it('stops waiting at its timeout, at close, and refuses to wait twice at once', async () => {
    const { appender, reader } = openBoth();
    const tailer = reader.tailer();
    expect(await tailer.nextAsync({ timeoutMs: 5 })).toBe(false);
    const waiting = tailer.nextAsync();
    expect(await rejectionOf(tailer.nextAsync())).toMatchObject({ code: 'WAITING' });
    append(appender, 1);
    expect([await waiting, tailer.record.offset]).toEqual([true, 0]);
    const ended = tailer.nextAsync();
    reader.close();
    expect(await ended).toBe(false);
    await appender.close();
  });

  it('refuses to wait twice also when the first wait is just looking again', async () => {
    const { appender, reader } = openBoth();
    const tailer = reader.tailer();
    const waiting = tailer.nextAsync();
    tailer.seek(0);
    expect(await rejectionOf(tailer.nextAsync())).toMatchObject({ code: 'WAITING' });
    tailer.close();
    expect(await waiting).toBe(false);
    reader.close();
    await appender.close();
  });

  it('shares one thread with a thousand others, and leaves the pool of the process alone', async () => {
    const { log, appender, reader } = openBoth();
    const descriptors = (): number => readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const tailers = range(0, 1000).map(() => reader.tailer());
    const waiting = tailers.map((tailer) => tailer.nextAsync());
    expect(descriptors() - before).toBeLessThan(50);
    // Were they waiting in the pool of four threads, nothing else would get through it.
    for (let i = 0; i < 8; i++) await readFile(join(log, 'control'));
    append(appender, 1);
    expect((await Promise.all(waiting)).every(Boolean)).toBe(true);
    reader.close();
    await appender.close();
  });

  it('keeps quiet when its log has been replaced by another', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 1);
    const tailer = reader.tailer();
    expect(drain(tailer)).toEqual([0]);
    await appender.close();
    rmSync(log, { recursive: true });
    const another = openAppender(log, SMALL);
    append(another, 9);
    const asking = vi.spyOn(MessagePort.prototype, 'postMessage');
    onTestFinished(() => asking.mockRestore());
    expect(await tailer.nextAsync({ timeoutMs: 1000 })).toBe(false);
    // Ten times a second, and not as often as it can.
    expect(asking.mock.calls.length).toBeLessThan(50);
    reader.close();
    await another.close();
  });

  it('follows several logs at once', async () => {
    const both = range(0, 5).map(() => openBoth());
    const tailers = both.map(({ reader }) => reader.tailer());
    const waiting = tailers.map((tailer) => tailer.nextAsync());
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { appender } of both) append(appender, 1);
    expect(await Promise.all(waiting)).toEqual([true, true, true, true, true]);
    for (const { reader, appender } of both) {
      reader.close();
      await appender.close();
    }
  });

  it.each(['wait', 'leave'])(
    'keeps the process while it waits, and no longer (%s)',
    async (mode) => {
      const { log, appender, reader } = openBoth();
      const child = startFixture('tail-async', [log, mode]);
      if (mode === 'wait') setTimeout(() => append(appender, 1), 300);
      const { code, result } = await finished(child);
      expect([code, result]).toEqual([0, { seen: mode === 'wait' ? [0] : [] }]);
      reader.close();
      await appender.close();
    },
  );
});

describe('a tailer whose records are dropped before it comes to them', () => {
  async function dropped(): Promise<{ appender: Appender; reader: Reader; start: number }> {
    const { appender, reader } = openBoth();
    append(appender, 400);
    return { appender, reader, start: 0 };
  }

  it('is told where the log begins now', async () => {
    const { appender, reader } = await dropped();
    const tailer = reader.tailer();
    expect(tailer.next()).toBe(true);
    const start = await appender.dropBefore(390);
    const error = thrownBy(() => drain(tailer));
    expect(error).toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', startOffset: start });
    expect(thrownBy(() => reader.tailer({ from: 5 }))).toMatchObject({ startOffset: start });
    reader.close();
    await appender.close();
  });

  it('skips ahead if it asked for that, and counts what it has missed', async () => {
    const { appender, reader } = await dropped();
    const tailer = reader.tailer({ onDropped: 'skip' });
    expect(tailer.next()).toBe(true);
    const start = await appender.dropBefore(390);
    const seen = drain(tailer);
    expect(seen.slice(seen.indexOf(start))).toEqual(range(start, 400));
    expect(tailer.skipped).toBe(start - 1 - seen.indexOf(start));
    expect(drain(reader.tailer({ from: 5, onDropped: 'skip' }))).toEqual(range(start, 400));
    reader.close();
    await appender.close();
  });
});

describe('a tailer and its writer', () => {
  it('notices that one died and another came, and misses nothing', async () => {
    const log = temporaryLogPath();
    const options = { ...SMALL, commit: 'manual', flush: 'none' } as const;
    await openAppender(log, options).close();
    const reader = openReader(log);
    const changes: string[] = [];
    const tailer = reader.tailer({
      onWriterChange: (now, before) => changes.push(`${before} -> ${now}`),
    });
    const lengths: number[] = [];
    expect([tailer.writer, tailer.next({ timeoutMs: 1 })]).toEqual(['closed', false]);
    dieWith(log, options, ['append', 40], ['commit'], ['append', 3]);
    while (tailer.next({ timeoutMs: 1 })) lengths.push(tailer.record.length);
    expect([lengths.length, tailer.writer]).toEqual([40, 'died']);
    const next = openAppender(log, options);
    while (tailer.next({ timeoutMs: 1 })) lengths.push(tailer.record.length);
    expect([lengths.length, tailer.writer]).toEqual([43, 'appending']);
    await next.close();
    expect(tailer.next({ timeoutMs: 1 })).toBe(false);
    expect(changes.at(-1)).toBe('appending -> closed');
    expect(changes.filter((change) => change.endsWith('-> appending')).length).toBe(2);
    reader.close();
  });

  it('may be closed by whoever is told of it', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 3);
    const told: string[] = [];
    const tailers = range(0, 2).map((i) => {
      const onWriterChange = (now: string): void => {
        told.push(now);
        tailers[i]?.close();
      };
      return reader.tailer({ from: 'end', onWriterChange });
    });
    const [first, second] = tailers as [Tailer, Tailer];
    const waiting = first.nextAsync();
    await appender.close();
    expect(await waiting).toBe(false);
    const another = openAppender(log, SMALL);
    append(another, 1);
    expect(second.next({ timeoutMs: Infinity })).toBe(false);
    expect(told).toEqual(['closed', 'appending']);
    expect(thrownBy(() => second.next())).toMatchObject({
      code: 'CLOSED',
      message: 'Cannot move: the tailer is closed',
    });
    reader.close();
    await another.close();
  });

  it('looks again, and misses nothing, when it could not see what another has left', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 3);
    await appender.close();
    const tailer = reader.tailer();
    expect(drain(tailer)).toEqual([0, 1, 2]);
    renameSync(log, `${log}-aside`);
    const another = openAppender(`${log}-aside`, SMALL);
    append(another, 2);
    expect(thrownBy(() => tailer.next())).toMatchObject({ code: 'STORAGE' });
    await another.close();
    renameSync(`${log}-aside`, log);
    expect(drain(tailer)).toEqual([3, 4]);
    reader.close();
  });

  it('misses nothing when whoever is told of another throws', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 3);
    await appender.close();
    const tailer = reader.tailer({
      onWriterChange: (now) => {
        throw new Error(`It is ${now}`);
      },
    });
    expect(drain(tailer)).toEqual([0, 1, 2]);
    const another = openAppender(log, SMALL);
    append(another, 2);
    expect(thrownBy(() => tailer.next())).toMatchObject({ message: 'It is appending' });
    expect(drain(tailer)).toEqual([3, 4]);
    reader.close();
    await another.close();
  });

  it('is told of a death while it sleeps', async () => {
    const log = temporaryLogPath();
    const child = startFixture('hold-log', [log]);
    await printed(child, 'open');
    const reader = openReader(log);
    const noticed = new Promise((resolve) => {
      const tailer = reader.tailer({ onWriterChange: (now, before) => resolve([before, now]) });
      void tailer.nextAsync();
    });
    child.kill('SIGKILL');
    expect(await noticed).toEqual(['appending', 'died']);
    reader.close();
  });
});

describe('seek() of a tailer', () => {
  it('goes on there, forwards, backwards and where nothing is yet', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 100);
    const tailer = reader.tailer({ name: 'seeker' });
    tailer.seek(90);
    expect(listTailers(log, reader.logId)).toMatchObject([{ nextOffset: 90 }]);
    expect([tailer.nextOffset, drain(tailer)]).toEqual([90, range(90, 100)]);
    tailer.seek(10);
    expect(drain(tailer)).toEqual(range(10, 100));
    tailer.seek(105);
    append(appender, 8);
    expect(drain(tailer)).toEqual(range(105, 108));
    expect(thrownBy(() => tailer.seek(-1))).toBeInstanceOf(RangeError);
    tailer.close();
    expect(thrownBy(() => tailer.seek(0))).toMatchObject({ code: 'CLOSED' });
    reader.close();
    await appender.close();
  });

  it('takes along whoever waits, and one that has ended', async () => {
    const { appender, reader } = openBoth();
    append(appender, 10);
    const tailer = reader.tailer({ from: 'end', endAtClose: true });
    const waiting = tailer.nextAsync();
    await new Promise((resolve) => setTimeout(resolve, 20));
    tailer.seek(7);
    expect([await waiting, tailer.record.offset]).toEqual([true, 7]);
    await appender.close();
    tailer.seek(10);
    expect([await tailer.nextAsync(), tailer.isEnded]).toEqual([false, true]);
    tailer.seek(9);
    expect([tailer.isEnded, await tailer.nextAsync(), tailer.record.offset]).toEqual([
      false,
      true,
      9,
    ]);
    reader.close();
  });

  it('gives a position that is refused when what lies before it has been replaced', async () => {
    const log = temporaryLogPath();
    const options = { ...SMALL, commit: 'manual', flush: 'none' } as const;
    dieWith(log, options, ['append', 3], ['commit'], ['flush'], ['append', 3], ['commit']);
    const reader = openReader(log);
    const tailer = reader.tailer();
    tailer.seek(6);
    const { position } = tailer;
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 4096);
    const appender = openAppender(log, options);
    append(appender, 9);
    appender.commit();
    expect(thrownBy(() => tailer.next())).toBeInstanceOf(PositionLostError);
    expect(thrownBy(() => reader.tailer({ from: position }))).toBeInstanceOf(PositionLostError);
    reader.close();
    await appender.close();
  });
});

describe('a position', () => {
  it('goes on where it was, in another reader, also at the very end', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 100);
    const tailer = reader.tailer();
    for (let i = 0; i < 40; i++) tailer.next();
    const positions = [tailer.position];
    drain(tailer);
    positions.push(tailer.position);
    append(appender, 5);
    const later = openReader(log);
    const found = structuredClone(positions).map((from) => drain(later.tailer({ from })));
    expect(found).toEqual([range(40, 105), range(100, 105)]);
    later.close();
    reader.close();
    await appender.close();
  });

  it('is refused when an unclean end has taken what it had read', async () => {
    const log = temporaryLogPath();
    const options = { ...SMALL, commit: 'manual', flush: 'none' } as const;
    dieWith(log, options, ['append', 3], ['commit'], ['flush'], ['append', 3], ['commit']);
    const before = openReader(log);
    const tailer = before.tailer();
    while (tailer.next());
    const { position } = tailer;
    const earlier = { ...position, offset: 3 };
    expect(position.offset).toBe(6);
    before.close();
    // What a power cut does to the frame that was not flushed.
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 4096);
    const appender = openAppender(log, options);
    const reader = openReader(log);
    const refused = (from: Position): unknown => thrownBy(() => reader.tailer({ from }));
    expect(refused(position)).toBeInstanceOf(PositionLostError);
    expect(refused(position)).toMatchObject({ code: 'POSITION_LOST', offset: 6, bound: 3 });
    append(appender, 9);
    appender.commit();
    expect(refused(position)).toMatchObject({ epoch: position.epoch, found: appender.epoch });
    expect(drain(reader.tailer({ from: earlier }))).toEqual(range(3, 12));
    reader.close();
    await appender.close();
  });

  it('is looked at again by a live tailer when another appender has come', async () => {
    const log = temporaryLogPath();
    const options = { ...SMALL, commit: 'manual', flush: 'none' } as const;
    dieWith(log, options, ['append', 3], ['commit'], ['flush'], ['append', 3], ['commit']);
    const reader = openReader(log);
    const tailers = range(0, 2).map(() => reader.tailer());
    for (const tailer of tailers) while (tailer.next());
    const hit = framesIn(log, 0)[1]?.position as number;
    zero(segmentFile(log, 0), hit, hit + 4096);
    const appender = openAppender(log, options);
    expect(thrownBy(() => tailers[0]?.next({ timeoutMs: 1 }))).toBeInstanceOf(PositionLostError);
    append(appender, 9);
    appender.commit();
    for (const tailer of tailers) {
      expect(thrownBy(() => tailer.next())).toBeInstanceOf(PositionLostError);
      expect(thrownBy(() => tailer.next())).toBeInstanceOf(PositionLostError);
      tailer.seek(3);
      expect(drain(tailer)).toEqual(range(3, 12));
    }
    reader.close();
    await appender.close();
  });
});

describe('a description', () => {
  it('opens the same reader, cursor range or tailer in a worker', async () => {
    const { appender, reader } = openBoth();
    append(appender, 200);
    const cursor = reader.cursor({ from: 20, to: 120 });
    for (let i = 0; i < 30; i++) cursor.next();
    const tailer = reader.tailer({ from: 150, endAtClose: true });
    for (let i = 0; i < 10; i++) tailer.next();
    const worker = new Worker(new URL('../fixtures/open-described.mjs', import.meta.url), {
      workerData: [reader.describe(), cursor.describe(), tailer.describe()],
    });
    const heard = once(worker, 'message');
    append(appender, 10);
    await appender.close();
    expect((await heard)[0]).toEqual([range(0, 210), range(50, 120), range(160, 210)]);
    reader.close();
  });

  it('is refused when there is another log at the path', async () => {
    const { log, appender, reader } = openBoth();
    const description = reader.describe();
    reader.close();
    await appender.close();
    rmSync(log, { recursive: true });
    await openAppender(log).close();
    expect(thrownBy(() => openReader(description))).toMatchObject({ code: 'NOT_A_LOG' });
  });

  it('makes one mapping per segment and thread, however many readers there are', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 300);
    await appender.close();
    const others = range(0, 5).map((i) =>
      openReader(log, { verify: i % 2 === 0 ? 'always' : 'never' }),
    );
    for (const one of [reader, ...others]) expect(drain(one.tailer()).length).toBe(300);
    const segments = filesOf(log, '.log');
    const mapped = (): number[] => {
      const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
      return segments.map((path) => maps.filter((line) => line.endsWith(path)).length);
    };
    expect(mapped()).toEqual(segments.map(() => 1));
    for (const one of others) one.close();
    expect(mapped()).toEqual(segments.map(() => 1));
    expect(reader.get(5).getFloat64(0)).toBe(15);
    reader.close();
    expect(mapped()).toEqual(segments.map(() => 0));
  });
});

/** What this process's descriptors stand for, of the log. */
function openFilesOf(log: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.startsWith(log));
    } catch {
      // The descriptor that this listing took.
      return [];
    }
  });
}

describe('the slots of tailers', () => {
  it('show name, process and next offset, and are given back', async () => {
    const { log, appender, reader } = openBoth();
    append(appender, 20);
    const [first, second] = [
      reader.tailer({ name: 'first' }),
      reader.tailer({ name: 'second', from: 'end' }),
    ];
    for (let i = 0; i < 7; i++) first.next();
    const shown = { pid: process.pid, followsFlushed: false };
    expect(listTailers(log, reader.logId)).toEqual([
      { ...shown, name: 'first', nextOffset: 7 },
      { ...shown, name: 'second', nextOffset: 20 },
    ]);
    first.close();
    expect(listTailers(log, reader.logId).map(({ name }) => name)).toEqual(['second']);
    second.close();
    reader.close();
    await appender.close();
  });

  it('are given back, and the thread ended, when nobody holds tailer and reader any more', async () => {
    const { log, appender, reader } = openBoth();
    const threads: Worker[] = [];
    const note = (worker: Worker): unknown => threads.push(worker);
    process.on('worker', note);
    const leaveOne = async (): Promise<void> => {
      expect(await openReader(log).tailer().nextAsync({ timeoutMs: 1 })).toBe(false);
    };
    await leaveOne();
    await leaveOne();
    process.off('worker', note);
    expect(threads.length).toBe(1);
    const ended = once(threads[0] as Worker, 'exit');
    while (listTailers(log, reader.logId).length > 0) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await ended;
    reader.close();
    await appender.close();
  });

  it('leave no descriptor behind, closed or not, when nobody holds tailer and reader any more', async () => {
    const { log, appender, reader } = openBoth();
    const descriptors = (): number => openFilesOf(log).length;
    const before = descriptors();
    const leaveOne = async (close: boolean): Promise<void> => {
      const tailer = openReader(log).tailer();
      expect(await tailer.nextAsync({ timeoutMs: 1 })).toBe(false);
      if (close) tailer.close();
    };
    for (let i = 0; i < 5; i++) await leaveOne(i % 2 === 0);
    expect(descriptors()).toBeGreaterThan(before);
    for (let i = 0; descriptors() > before && i < 200; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(openFilesOf(log)).toHaveLength(before);
    reader.close();
    await appender.close();
  });
});
