/** Moments between two stores of an appender, or between two steps of a recovery, that last long. */
import { once } from 'node:events';
import fs, { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { OffsetOutOfRangeError, openAppender, openReader } from '../../src/index.js';
import { dieWith, fixture, isStraceUsable } from '../support/dying.js';
import { indexFile, overwrite, readAll, segmentFile, segmentsOf } from '../support/log-damage.js';
import { BY_HAND, QUIET, nameOf, namesOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';
import { shown, traceFixture } from '../support/traced.js';

const COUNT_AT = 1088;
const words = (...values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);

describe('a cursor', () => {
  it('goes back to the record before, though the count of that frame is not stored yet', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    for (let i = 0; i < 2; i++) appender.append(bytes(nameOf(i)));
    appender.commit();
    const reader = openReader(log);
    const cursor = reader.cursor();
    expect([cursor.next(), cursor.next(), cursor.next()]).toEqual([true, true, false]);
    for (let i = 2; i < 5; i++) appender.append(bytes(nameOf(i)));
    appender.commit();
    overwrite(indexFile(log, 0), COUNT_AT, words(2));
    while (cursor.next());
    expect(cursor.offset).toBe(4);
    const seen: number[] = [];
    while (cursor.previous()) seen.push(cursor.offset);
    expect(seen).toEqual([3, 2, 1, 0]);
    overwrite(indexFile(log, 0), COUNT_AT, words(5));
    await appender.close();
    reader.close();
  });

  it.each(['committed', 'flushed'] as const)(
    'that stood in a log without an appender is told when another one has dropped its segment (%s)',
    async (bound) => {
      const log = temporaryLogPath();
      dieWith(log, BY_HAND, ['append', 3], ['commit'], ['flush'], ['append', 1], ['commit']);
      const reader = openReader(log, { bound });
      const cursor = reader.cursor();
      const skipping = reader.tailer({ onDropped: 'skip' });
      while (cursor.next());
      while (skipping.next());
      const reached = cursor.nextOffset;
      const appender = openAppender(log, QUIET);
      while (segmentsOf(log).length < 3) appender.append(bytes(nameOf(appender.nextOffset)));
      await appender.flush();
      const start = await appender.dropBefore(appender.nextOffset);
      expect(start).toBeGreaterThan(reached);
      expect(() => cursor.next()).toThrow(OffsetOutOfRangeError);
      expect(skipping.next()).toBe(true);
      expect(skipping.record.offset).toBe(start);
      await appender.close();
      reader.close();
    },
  );
});

describe('recovery', () => {
  it('that ends between salvage and truncation leaves nothing that the next one would salvage', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 2]);
    // A reservation that was open: where a frame behind this one would have its first record.
    const tail = 4096 + 64 + 2 * 48;
    overwrite(segmentFile(log, 0), tail + 64, words(0x80000008, 64, 1, 2, 0));
    const aside = join(log, 'aside');
    writeFileSync(aside, 'no folder can be made here');
    expect(() => openAppender(log, BY_HAND)).toThrow();
    rmSync(aside);
    const appender = openAppender(log, BY_HAND);
    expect(appender.nextOffset).toBe(2);
    await appender.close();
    expect(readAll(log)).toEqual(namesOf(0, 2));
  });

  it.skipIf(!isStraceUsable())(
    'makes the start durable before it deletes what a drop has left (skipped without strace)',
    async () => {
      const log = temporaryLogPath();
      const appender = openAppender(log, QUIET);
      while (segmentsOf(log).length < 3) appender.append(bytes(nameOf(appender.nextOffset)));
      await appender.close();
      // As after a death in the middle of the deletions.
      const left = segmentFile(log, 0);
      const [, second] = segmentsOf(log) as [number, number];
      const again = openAppender(log, QUIET);
      await again.dropBefore(second);
      await again.close();
      writeFileSync(left, new Uint8Array(16_384));
      const parameters = [JSON.stringify(QUIET)];
      const calls = traceFixture('open-log.mjs', log, parameters, 'fdatasync,unlink').map(shown);
      const deleted = calls.indexOf('unlink 00000000000000000000.log');
      expect(deleted).toBeGreaterThan(0);
      expect(calls.slice(0, deleted)).toContain('fdatasync control');
      const reader = openReader(log);
      expect(text(reader.get(second).payload)).toBe(nameOf(second));
      reader.close();
    },
  );
});

it.skipIf(!isStraceUsable())(
  'zeros of a recovery that failed are stored again by the next one (skipped without strace)',
  async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 2], ['commit']);
    const tail = 4096 + 64 + 2 * 48;
    const openings = [0, 1].map((opening) => {
      // As if the first of the two had failed to sync them.
      if (opening === 1) {
        mkdirSync(join(log, 'aside'));
        writeFileSync(
          join(log, 'aside', `${basename(segmentFile(log, 0))}.torn-${tail}-1`),
          'torn',
        );
      }
      const work = [JSON.stringify({ options: BY_HAND, steps: [] })];
      return traceFixture('die-with-log.mjs', log, work, 'fallocate').map(shown);
    });
    expect(openings).toEqual([[], [`fallocate ${basename(segmentFile(log, 0))}`]]);
    await openAppender(log, BY_HAND).close();
    expect(readAll(log)).toEqual(namesOf(0, 2));
  },
);

it('a time is looked up among what is left when segments are dropped meanwhile', async () => {
  const log = temporaryLogPath();
  const appender = openAppender(log, QUIET);
  while (segmentsOf(log).length < 6) appender.append(bytes(nameOf(appender.nextOffset)));
  await appender.flush();
  const reader = openReader(log);
  // What this reader knows of the start is older than the drop.
  const start = await appender.dropBefore(appender.nextOffset);
  expect(reader.offsetAtTime(0)).toBe(start);
  await appender.close();
  reader.close();
});

describe('an appender elsewhere that rolls and drops', () => {
  const drop = (log: string): void => dieWith(log, QUIET, ['append', 1000], ['dropBefore', 900]);

  /** Once, before or after this process has listed a directory. */
  function whenListing(when: 'before' | 'after', action: () => void): void {
    const { readdirSync } = fs;
    const set = (replaced: typeof readdirSync): void => {
      Object.assign(fs, { readdirSync: replaced });
      syncBuiltinESMExports();
    };
    set(((...args: Parameters<typeof readdirSync>) => {
      set(readdirSync);
      if (when === 'before') action();
      const listed = readdirSync(...args);
      if (when === 'after') action();
      return listed;
    }) as typeof readdirSync);
  }

  it('while a reader of a dead log is opened does not make it look damaged', () => {
    const log = temporaryLogPath();
    dieWith(log, QUIET, ['append', 3]);
    whenListing('before', () => drop(log));
    const reader = openReader(log);
    expect(reader.startOffset).toBeGreaterThan(3);
    expect(reader.damage()).toEqual([]);
    reader.close();
  });

  it('while a reader turns to the words of its successor does not fail it', () => {
    const log = temporaryLogPath();
    dieWith(log, QUIET, ['append', 3]);
    const reader = openReader(log);
    expect(text(reader.get(2).payload)).toBe(nameOf(2));
    dieWith(log, QUIET, ['append', 3]);
    whenListing('after', () => drop(log));
    expect(() => reader.get(3)).toThrow(OffsetOutOfRangeError);
    expect(reader.startOffset).toBeGreaterThan(3);
    expect(text(reader.get(1000).payload)).toBe(nameOf(1000));
    reader.close();
  });

  it.each([
    ['segments', 5],
    ['damage', 4],
  ] as const)(
    'while a reader describes its %s does not make it leave out any that stay',
    async (what, damaged) => {
      const log = temporaryLogPath();
      const appender = openAppender(log, QUIET);
      while (segmentsOf(log).length < 8) appender.append(bytes(nameOf(appender.nextOffset)));
      await appender.close();
      const bases = segmentsOf(log);
      const state = new Int32Array(new SharedArrayBuffer(4));
      const workerData = { path: log, options: QUIET, offset: bases[4], state };
      const dropper = new Worker(fixture('drop-when-told.mjs'), { workerData });
      Atomics.wait(state, 0, 0);
      overwrite(segmentFile(log, bases[damaged] as number), 0, words(0, 0, 0, 0));
      const reader = openReader(log);
      whenListing('after', () => {
        Atomics.store(state, 0, 2);
        Atomics.notify(state, 0);
        Atomics.wait(state, 0, 2);
      });
      if (what === 'damage') {
        const lost = { from: bases[damaged], to: bases[damaged + 1] };
        expect(reader.damage()).toMatchObject([{ lost }]);
      } else {
        const kept = [4, 6, 7].map((i) => bases[i]);
        expect(reader.segments().map(({ baseOffset }) => baseOffset)).toEqual(kept);
      }
      expect(segmentsOf(log)).toEqual(bases.slice(4));
      reader.close();
      dropper.postMessage('close');
      await once(dropper, 'exit');
    },
  );
});
