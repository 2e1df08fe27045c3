/** Syncs that fail, by strace's fault injection. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppender, type AppenderOptions } from '../../src/index.js';
import { fixture, isStraceUsable } from '../support/dying.js';
import { indexFile, readAll, segmentFile } from '../support/log-damage.js';
import { QUIET, namesOf } from '../support/quiet-logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

interface Told extends Record<string, string | number> {
  readonly end: number;
}

/** Which syncs fail: those of this file, from the nth of a thread on. */
interface Failing {
  readonly path: string;
  readonly nth: number;
}

function runFailing(log: string, how: string, options: AppenderOptions, failing: Failing): Told {
  const work = JSON.stringify({ options: { ...QUIET, ...options }, how });
  const inject = `inject=fdatasync,fsync:error=EIO:when=${failing.nth}+`;
  const strace = ['-f', '-qq', '-o', '/dev/null', '-P', failing.path, '-e', inject];
  const command = [process.execPath, fixture('failing-sync.mjs'), log, work];
  const { stdout, stderr, status } = spawnSync('strace', [...strace, ...command], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Told;
}

const WAYS: [string, string, AppenderOptions][] = [
  ['flush', 'STORAGE EIO', {}],
  ['flush', 'STORAGE EIO', { maintenance: true }],
  ['append that flushes', 'STORAGE EIO', { flush: 'each' }],
  ['commit that flushes', 'STORAGE EIO', { flush: 'each', commit: 'manual' }],
  ['append that rolls', 'STORAGE EIO', {}],
  ['commit timer', 'POISONED', { flush: 'each', commit: { bytes: 10_000, delayMs: 5 } }],
  ['background flush', 'POISONED', { flush: { everyMs: 10 } }],
  ['background flush while a reservation is open', 'POISONED', { flush: { everyMs: 10 } }],
  ['background flush', 'POISONED', { flush: { everyMs: 10 }, maintenance: true }],
];

/** What is to be synced besides the segment: file, the first of its syncs to fail, and when that is met. */
const OTHERS: [string, (log: string) => Failing, string, string, AppenderOptions][] = [
  ['the directory', (path): Failing => ({ path, nth: 1 }), 'flush after a roll', 'STORAGE EIO', {}],
  [
    'the directory after deletions',
    (path): Failing => ({ path, nth: 2 }),
    'dropBefore after a roll',
    'STORAGE EIO',
    {},
  ],
  [
    'the index',
    (log): Failing => ({ path: indexFile(log, 0), nth: 1 }),
    'append that rolls',
    'STORAGE EIO',
    {},
  ],
  [
    'the control page by dropBefore',
    (log): Failing => ({ path: join(log, 'control'), nth: 2 }),
    'dropBefore after a roll',
    'STORAGE EIO',
    {},
  ],
  [
    'the control page by an idle checkpoint',
    (log): Failing => ({ path: join(log, 'control'), nth: 2 }),
    'idle checkpoint',
    'POISONED',
    {},
  ],
  [
    'the index by an idle checkpoint of the thread',
    (log): Failing => ({ path: indexFile(log, 0), nth: 1 }),
    'idle checkpoint',
    'POISONED',
    { maintenance: true },
  ],
  [
    'what no record needs, by the thread,',
    (log): Failing => ({ path: indexFile(log, 0), nth: 1 }),
    'idle checkpoint between flushes of nothing',
    'POISONED',
    { maintenance: true },
  ],
];

function expectPoisoned(told: Told, first: string): void {
  const poisoned = 'POISONED';
  expect(told).toEqual({
    end: told.end,
    first,
    append: poisoned,
    batch: poisoned,
    reserve: poisoned,
    commit: poisoned,
    flush: poisoned,
    dropBefore: poisoned,
    close: poisoned,
    'append after close': 'CLOSED',
  });
}

describe.skipIf(!isStraceUsable())('a failed sync (skipped without strace)', () => {
  it.each(OTHERS)('of %s poisons', async (_, failing, how, first, options) => {
    const log = temporaryLogPath();
    await openAppender(log, QUIET).close();
    const told = runFailing(log, how, options, failing(log));
    expectPoisoned(told, first);
    const again = openAppender(log, QUIET);
    expect(again.nextOffset).toBe(told.end);
    await again.close();
    expect(readAll(log)).toEqual(namesOf(again.startOffset, told.end));
  });

  it.each(WAYS)('in %s is %s, and poisons (%o)', async (how, first, options) => {
    const log = temporaryLogPath();
    await openAppender(log, QUIET).close();
    const told = runFailing(log, how, options, { path: segmentFile(log, 0), nth: 1 });
    expectPoisoned(told, first);
    // What had been appended is in the page cache, and comes back, synced anew.
    const again = openAppender(log, QUIET);
    expect(again.recovery.outcome).toBe('recovered');
    expect(again.nextOffset).toBe(told.end);
    expect(again.flushedOffset).toBe(told.end);
    await again.close();
    expect(readAll(log)).toEqual(namesOf(0, told.end));
  });
});
