/** What waiting costs: the appender, and whoever waits. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader } from '../../src/index.js';
import { fixture, isStraceUsable } from '../support/dying.js';
import { range } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

describe('an idle log', () => {
  it('burns no processor time of those who wait, blocked or on an event loop', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { maintenance: false, flush: 'none' });
    const reader = openReader(log);
    const waiting = range(0, 200).map(() => reader.tailer().nextAsync());
    const worker = new Worker(new URL('../fixtures/tail.mjs', import.meta.url), {
      workerData: { description: reader.describe(), saysReady: true },
    });
    await once(worker, 'message');
    // Threads have started, and sleep.
    await new Promise((resolve) => setTimeout(resolve, 500));
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const { user, system } = process.cpuUsage(before);
    // One thread that looked all the time would have used a second, or its share of the machine.
    expect((user + system) / 1e6).toBeLessThan(0.1);
    await worker.terminate();
    reader.close();
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => false));
    await appender.close();
  });
});

describe.skipIf(!isStraceUsable())('an appender (skipped without strace)', () => {
  /** The calls by which another process that appends 500 records, one by one, wakes others. */
  function wakesOf(log: string): string[] {
    const output = `${log}.trace`;
    const work = JSON.stringify({
      options: { maintenance: false, flush: 'none' },
      steps: [['append', 500]],
    });
    const args = ['-f', '-qq', '-e', 'trace=futex', '-o', output, process.execPath];
    const command = args.concat([fixture('die-with-log.mjs'), log, work]);
    spawnSync('strace', command);
    // Node's own are private to the process.
    const lines = readFileSync(output, 'utf8').split('\n');
    return lines.filter((line) => line.includes('FUTEX_WAKE,'));
  }

  it('makes no call to wake anybody while nobody waits', () => {
    expect(wakesOf(temporaryLogPath())).toEqual([]);
  });

  it('wakes those who wait, all of them', async () => {
    const log = temporaryLogPath();
    await openAppender(log, { maintenance: false }).close();
    const reader = openReader(log);
    const waiting = reader.tailer().nextAsync();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const wakes = wakesOf(log);
    expect(wakes.length).toBeGreaterThan(0);
    for (const call of wakes) expect(call).toMatch(/FUTEX_WAKE, (2147483647|INT_MAX)/);
    expect(await waiting).toBe(true);
    reader.close();
  });
});
