/**
 * What is synced, in which order, and by whom: promises about power cuts that hold only if these system
 * calls are made. Needs strace.
 */
import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppender } from '../../src/index.js';
import { dieWith, isStraceUsable } from '../support/dying.js';
import {
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  readAll,
  segmentFile,
  segmentsOf,
} from '../support/log-damage.js';
import { NEVER_SYNCED, QUIET, nameOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';
import { between, shown, traceFixture, traceSteps, type Call } from '../support/traced.js';

const SYNCS = 'fdatasync,fsync';
const CHANGES = `${SYNCS},rename,unlink,fallocate,pwrite64,access`;
/** Records of 40 bytes, one a frame: so many fill a segment of 16 KiB. */
const PER_SEGMENT = Math.floor((16 * 1024 - 4096) / (64 + 48));

const isSync = ({ name }: Call): boolean => SYNCS.split(',').includes(name);
const log0 = '00000000000000000000.log';
const index0 = '00000000000000000000.index';
const logAt = (base: number): string => `${String(base).padStart(20, '0')}.log`;

function syncsIn(calls: readonly Call[], from: number, to: number): string[] {
  return between(calls, from, to).filter(isSync).map(shown);
}

/** The only call that this describes. */
function only(calls: readonly Call[], what: string): Call {
  const found = calls.filter((call) => shown(call) === what);
  if (found.length !== 1) throw new Error(`Found ${found.length} times: ${what}`);
  return found[0] as Call;
}

function lastOf(calls: readonly Call[], what: string): Call {
  const found = calls.findLast((call) => shown(call) === what);
  if (found === undefined) throw new Error(`Not found: ${what}`);
  return found;
}

describe.skipIf(!isStraceUsable())('system calls (skipped without strace)', () => {
  it('a new log has its control page and its first segment synced, whole and named, when it is open', () => {
    const log = temporaryLogPath();
    const calls = traceSteps(log, QUIET, CHANGES, ['mark', 1]);
    const opening = calls.slice(
      0,
      calls.findIndex(({ path }) => path === 'mark-1'),
    );
    const written = only(opening, 'fdatasync control.tmp');
    const named = only(opening, 'rename control');
    expect(named.begin).toBeGreaterThan(written.end);
    const segment = only(opening, `rename ${log0}`);
    expect(segment.begin).toBeGreaterThan(only(opening, `rename ${index0}`).end);
    expect(lastOf(opening, 'fsync .').begin).toBeGreaterThan(segment.end);
    only(opening, 'fdatasync control');
  });

  it('a first segment that is made anew has its name synced before a checkpoint names it', () => {
    const log = temporaryLogPath();
    dieWith(log, QUIET);
    // A cut has taken its name, and all else is there already.
    rmSync(segmentFile(log, 0));
    const calls = traceSteps(log, QUIET, CHANGES, ['mark', 1]);
    const segment = calls.findIndex((call) => shown(call) === `rename ${log0}`);
    const synced = calls.slice(segment).findIndex((call) => shown(call) === 'fsync .');
    const noted = calls.slice(segment).findIndex((call) => shown(call) === 'fdatasync control');
    expect(segment).toBeGreaterThan(0);
    expect(synced).toBeGreaterThan(0);
    expect(noted).toBeGreaterThan(synced);
  });

  it('every directory that is made for a log has its name synced', () => {
    const log = join(temporaryLogPath(), 'a', 'b');
    const calls = traceSteps(log, QUIET, `${SYNCS},mkdir,access`, ['mark', 1]);
    const made = calls.filter(({ name }) => name === 'mkdir').map(({ path }) => path);
    expect(made).toEqual(['../..', '..', '.']);
    const mark = calls.findIndex(({ path }) => path === 'mark-1');
    for (const parent of ['../../..', '../..', '..']) {
      expect(only(calls.slice(0, mark), `fsync ${parent}`).isMainThread).toBe(true);
    }
  });

  it('a flush syncs every segment that is not durable, oldest first, and new names, before it resolves', () => {
    const log = temporaryLogPath();
    const steps = [['append', 2 * PER_SEGMENT + 5], ['mark', 1], ['flush'], ['mark', 2]] as const;
    const calls = traceSteps(log, NEVER_SYNCED, `${SYNCS},access`, ...steps);
    const [, second, third] = segmentsOf(log) as [number, number, number];
    const segments = syncsIn(calls, 1, 2).filter((call) => !call.includes('prepared'));
    expect(segments).toEqual([
      `fdatasync ${log0}`,
      `fdatasync ${logAt(second)}`,
      'fsync .',
      `fdatasync ${logAt(third)}`,
      'fsync .',
    ]);
  });

  it('flushes asked for together share one sync, and one that finds nothing to do makes none', () => {
    const log = temporaryLogPath();
    const steps = [
      ['mark', 1],
      ['flushTogether', 20],
      ['mark', 2],
      ['flush'],
      ['mark', 3],
    ] as const;
    const calls = traceSteps(log, QUIET, `${SYNCS},access`, ...steps);
    expect(syncsIn(calls, 1, 2)).toEqual([`fdatasync ${log0}`]);
    expect(syncsIn(calls, 2, 3)).toEqual([]);
  });

  it('a lone flush syncs in the thread of its caller: handing over costs more', () => {
    const log = temporaryLogPath();
    const steps = [['append', 3], ['mark', 1], ['flush'], ['mark', 2]] as const;
    const calls = traceSteps(log, NEVER_SYNCED, `${SYNCS},access`, ...steps);
    const synced = between(calls, 1, 2).filter((call) => isSync(call) && call.path === log0);
    expect(synced.map(({ isMainThread }) => isMainThread)).toEqual([true]);
  });

  it('flush schedule each syncs in every append, before it returns', () => {
    const log = temporaryLogPath();
    const steps = [
      ['mark', 1],
      ['append', 3],
      ['mark', 2],
    ] as const;
    const calls = traceSteps(log, { ...QUIET, flush: 'each' }, `${SYNCS},access`, ...steps);
    expect(syncsIn(calls, 1, 2)).toEqual(Array.from({ length: 3 }, () => `fdatasync ${log0}`));
  });

  it.each([{ maintenance: false }, { maintenance: true }])(
    'close syncs segments, names and indexes, then the note that says so, then gives up the lock ($maintenance)',
    ({ maintenance }) => {
      const log = temporaryLogPath();
      const steps = [['append', 2 * PER_SEGMENT + 5], ['mark', 1], ['close'], ['mark', 2]] as const;
      const options = { ...(maintenance ? NEVER_SYNCED : QUIET), maintenance };
      const calls = traceSteps(log, options, `${SYNCS},access,close`, ...steps);
      const synced = calls.filter(isSync);
      for (const base of segmentsOf(log)) {
        for (const path of [logAt(base), logAt(base).replace('log', 'index')]) {
          expect(synced.map(shown)).toContain(`fdatasync ${path}`);
        }
      }
      const closing = between(calls, 1, 2);
      const noted = lastOf(closing, 'fdatasync control');
      expect(closing.filter(isSync).at(-1)).toBe(noted);
      const unlocked = only(closing, 'close LOCK');
      expect(unlocked.begin).toBeGreaterThan(noted.end);
      // The maintenance thread has ended by then.
      const others = calls.filter(({ isMainThread }) => !isMainThread);
      expect(others.length > 0).toBe(maintenance);
      for (const { end } of others) expect(end).toBeLessThan(unlocked.begin);
    },
  );

  it('a log that is closed with an empty segment at its end has that one synced and named, too', () => {
    const log = temporaryLogPath();
    const steps = [
      ['append', 3],
      // Needs the whole of a new segment.
      ['reserveAndAbandon', 16 * 1024 - 4096 - 64 - 8],
      ['mark', 1],
      ['close'],
      ['mark', 2],
    ] as const;
    const calls = traceSteps(log, QUIET, `${SYNCS},access`, ...steps);
    expect(segmentsOf(log)).toEqual([0, 3]);
    const closing = syncsIn(calls, 1, 2);
    expect(closing).toContain(`fdatasync ${logAt(3)}`);
    expect(closing).toContain('fsync .');
    // The note that the log was closed comes last.
    expect(closing.at(-1)).toBe('fdatasync control');
  });

  it('dropBefore makes the new start durable, deletes oldest first, and syncs the directory', () => {
    const log = temporaryLogPath();
    const count = 3 * PER_SEGMENT + 5;
    const steps = [['append', count], ['flush'], ['mark', 1], ['dropBefore', count], ['mark', 2]];
    const calls = traceSteps(log, QUIET, CHANGES, ...(steps as [string, number][]));
    const dropping = between(calls, 1, 2).filter((call) => isSync(call) || call.name === 'unlink');
    const deleted = [0, 1, 2].flatMap((n) => {
      const name = logAt(n * PER_SEGMENT);
      return [`unlink ${name.replace('log', 'index')}`, `unlink ${name}`];
    });
    const slots = ['fdatasync control', 'fdatasync control'];
    expect(dropping.map(shown)).toEqual([...slots, ...deleted, 'fsync .']);
  });

  it('what a drop that died has left is deleted when the new start is durable', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    for (let i = 0; i < 2 * PER_SEGMENT; i++) appender.append(bytes(nameOf(i)));
    await appender.flush();
    const before = copyOf(log);
    await appender.dropBefore(PER_SEGMENT);
    // As a kill leaves it between storing the new start and deleting the first segment.
    const killed = copyOf(log);
    await appender.close();
    for (const path of [segmentFile, indexFile]) copyFileSync(path(before, 0), path(killed, 0));
    const calls = traceSteps(killed, QUIET, CHANGES, ['mark', 1]);
    const deleted = only(calls, `unlink ${log0}`);
    const synced = calls.find((call) => shown(call) === 'fdatasync control') as Call;
    expect(synced.end).toBeLessThan(deleted.begin);
  });

  it('recovery keeps a torn tail safe before it clears it, and syncs all of it before it ends', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    for (let i = 0; i < 10; i++) appender.append(bytes(nameOf(i)));
    await appender.flush();
    for (let i = 10; i < 30; i++) appender.append(bytes(nameOf(i)));
    const copy = copyOf(log);
    await appender.close();
    const frames = framesIn(copy, 0);
    const durable = frames[10]?.position as number;
    const torn = frames[20]?.position as number;
    flipBit(segmentFile(copy, 0), torn + 80);
    const calls = traceSteps(copy, QUIET, CHANGES, ['mark', 1]);
    const opening = calls.slice(
      0,
      calls.findIndex(({ path }) => path === 'mark-1'),
    );
    const kept = opening.find(({ name, path }) => name === 'fdatasync' && path.includes('.torn-'));
    const cleared = only(opening, `fallocate ${log0}`);
    expect(cleared.text).toContain('FALLOC_FL_ZERO_RANGE');
    expect(kept?.end).toBeLessThan(cleared.begin);
    expect(only(opening, 'fsync aside').end).toBeLessThan(cleared.begin);
    const named = opening.find((call) => shown(call) === 'fsync .');
    expect(named?.end).toBeLessThan(cleared.begin);
    // Everything from the durable bound to the tail is stored again.
    const stored = opening.filter((call) => shown(call) === `pwrite64 ${log0}`).map(rangeOf);
    expect(stored[0]?.from).toBeLessThanOrEqual(durable);
    expect(stored.at(-1)?.to).toBe(torn);
    for (const [i, { from }] of stored.entries()) if (i > 0) expect(from).toBe(stored[i - 1]?.to);
    const lastChange = opening.findLast(
      ({ name, path }) => path === log0 && ['pwrite64', 'fallocate'].includes(name),
    ) as Call;
    const synced = lastOf(opening, `fdatasync ${log0}`);
    expect(synced.begin).toBeGreaterThan(lastChange.end);
    // And only then does a checkpoint say that it is durable.
    expect(only(opening, 'fdatasync control').begin).toBeGreaterThan(synced.end);
    expect(readAll(copy)).toHaveLength(20);
  });

  it('the maintenance thread allocates, touches and syncs the next segment; a roll then does not', () => {
    const log = temporaryLogPath();
    const steps = [
      ['append', 3],
      ['prepare'],
      ['mark', 1],
      ['append', PER_SEGMENT],
      ['mark', 2],
    ] as const;
    const calls = traceSteps(log, NEVER_SYNCED, `${CHANGES},mmap,madvise,ftruncate`, ...steps);
    const rolling = between(calls, 1, 2).filter(({ isMainThread }) => isMainThread);
    expect(segmentsOf(log)).toHaveLength(2);
    expect(rolling.map(({ name }) => name)).toEqual(['rename', 'rename']);
    const segment = calls.filter(
      ({ isMainThread, path }) => !isMainThread && /^prepared-\d+\.log\.tmp$/.test(path),
    );
    const advice = /MADV_\w+/;
    expect(segment.slice(0, 5).map(({ name, text }) => advice.exec(text)?.[0] ?? name)).toEqual([
      'fallocate',
      'mmap',
      'MADV_RANDOM',
      'MADV_POPULATE_WRITE',
      'fdatasync',
    ]);
  });

  it('opening a log that was closed reads headers and one frame header, however much is in it', async () => {
    const read: number[] = [];
    for (const each of [1, 40]) {
      const log = temporaryLogPath();
      const size = { segmentSizeBytes: 16 * 1024 + (each - 1) * 4096 };
      const appender = openAppender(log, { ...QUIET, ...size });
      while (segmentsOf(log).length < 4) appender.append(bytes(nameOf(appender.nextOffset)));
      await appender.close();
      const calls = traceFixture('open-log.mjs', log, [JSON.stringify(QUIET)], 'pread64,read');
      const ofSegments = calls.filter(({ path }) => path.endsWith('.log'));
      const got = ofSegments.map(({ text }) => Number(/= (\d+)$/.exec(text)?.[1]));
      read.push(got.reduce((sum, length) => sum + length, 0));
    }
    expect(read[0]).toBeLessThanOrEqual(4 * 4096 + 100);
    expect(read[1]).toBe(read[0]);
  });
});

function rangeOf({ text }: Call): { from: number; to: number } {
  const [, length, from] = /, (\d+), (\d+)\) += \d+$/.exec(text) ?? [];
  return { from: Number(from), to: Number(from) + Number(length) };
}
