/** Syncs that fail, by strace's fault injection. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { openAppender, type AppenderOptions } from '../../src/index.js';
import { fixture, isStraceUsable } from '../support/dying.js';
import { readAll, segmentFile } from '../support/log-damage.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const BASE: AppenderOptions = {
  segmentSizeBytes: 16 * 1024,
  commit: 'each',
  flush: 'none',
  maintenance: false,
};

interface Told extends Record<string, string | number> {
  readonly end: number;
}

/** Runs the fixture with every sync of the first segment failing. */
function runFailing(log: string, how: string, options: AppenderOptions): Told {
  const work = JSON.stringify({ options: { ...BASE, ...options }, how });
  const inject = 'inject=fdatasync:error=EIO';
  const strace = ['-f', '-qq', '-o', '/dev/null', '-P', segmentFile(log, 0), '-e', inject];
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
  ['background flush', 'POISONED', { flush: { everyMs: 10 }, maintenance: true }],
];

describe.skipIf(!isStraceUsable())('a failed sync (skipped without strace)', () => {
  it.each(WAYS)('in %s is %s, and poisons (%o)', async (how, first, options) => {
    const log = temporaryLogPath();
    await openAppender(log, BASE).close();
    const told = runFailing(log, how, options);
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
    // What had been appended is in the page cache, and comes back, synced anew.
    const again = openAppender(log, BASE);
    expect(again.recovery.outcome).toBe('recovered');
    expect(again.nextOffset).toBe(told.end);
    expect(again.flushedOffset).toBe(told.end);
    await again.close();
    const records = Array.from({ length: told.end }, (_, i) => `record ${i} `.padEnd(40, 'x'));
    expect(readAll(log)).toEqual(records);
  });
});
