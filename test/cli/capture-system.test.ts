import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  openEventReader,
  systemCounters,
  verifyEventLog,
  verifyLog,
  type CaptureReport,
  type SystemReport,
} from '../../src/index.js';
import { captureLogPath } from '../support/captures.js';
import { finished, madeLog, runCli, startCli } from '../support/cli.js';
import { FakeMachine } from '../support/fake-machine.js';
import { temporaryLogPath } from '../support/temporary-log.js';

function onMachine({ roots }: FakeMachine): string[] {
  return ['--proc', roots.proc, '--sys', roots.sys];
}

/** Events that somebody can read already. */
function eventsSoFar(log: string): number {
  if (!existsSync(log)) return 0;
  try {
    const reader = openEventReader(log);
    try {
      return reader.records.committedOffset;
    } finally {
      reader.close();
    }
  } catch {
    return 0;
  }
}

describe('capture system', () => {
  it('captures as many events as asked, and reports how', async () => {
    const log = captureLogPath();
    const args = ['--rate', '500', '--counters', 'small,load', '--count', '20', '--json'];
    const machine = new FakeMachine();
    const { code, stdout } = await runCli([
      'capture',
      'system',
      log,
      ...args,
      ...onMachine(machine),
    ]);
    expect(code).toBe(0);
    const report = JSON.parse(String(stdout)) as CaptureReport & { details: SystemReport };
    expect(report).toMatchObject({ source: 'system at 500 Hz', events: 20 });
    expect(report.details).toMatchObject({ rateHz: 500, ticks: 20, counters: 30 + 16 + 4 });
    expect(report.details.lateUs.max).toBeGreaterThan(0);
  });

  it('tells its timing in words', async () => {
    const args = ['--rate', '200', '--count', '10', ...onMachine(new FakeMachine())];
    const { code, stdout, stderr } = await runCli(['capture', 'system', captureLogPath(), ...args]);
    expect([code, String(stdout)]).toEqual([0, '']);
    expect(stderr).toMatch(/of 200 ticks a second, with 126 counters; 10 ticks, \d+ missed/);
    expect(stderr).toMatch(/late by p50 [\d.]+ µs, p90 [\d.]+, p99 [\d.]+, p99\.9 [\d.]+, max/);
  });

  it('captures this machine for as long as asked', async () => {
    const log = captureLogPath();
    const { code, stderr } = await runCli(['capture', 'system', log, '--duration', '0.3', '-q']);
    expect([code, stderr]).toEqual([0, '']);
    expect(verifyEventLog(log).events).toBeGreaterThan(0);
  });

  it('ends in good order when it is interrupted', async () => {
    const log = captureLogPath();
    const child = startCli(['capture', 'system', log, '--rate', '2000', '--json']);
    const done = finished(child);
    while (eventsSoFar(log) < 100) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    const { code, stdout } = await done;
    expect(code).toBe(130);
    const report = JSON.parse(String(stdout)) as CaptureReport;
    expect(report.ended).toBe('signal');
    expect(verifyEventLog(log).events).toBe(report.events);
  });

  it('ends at once when it waits for a tick far away and is interrupted', async () => {
    const log = captureLogPath();
    const child = startCli(['capture', 'system', log, '--rate', '0.001', '--json']);
    const done = finished(child);
    while (eventsSoFar(log) < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGTERM');
    const { code, stdout } = await done;
    expect([code, (JSON.parse(String(stdout)) as CaptureReport).events]).toEqual([143, 1]);
  });

  it('--list prints the counters there are, and captures nothing', async () => {
    const machine = new FakeMachine();
    const listed = await runCli(['capture', 'system', '--list', ...onMachine(machine)]);
    const lines = String(listed.stdout).split('\n').slice(0, -1);
    const counters = systemCounters(machine.options);
    expect(listed.code).toBe(0);
    expect(lines).toHaveLength(counters.length);
    for (const [i, { group, name, comment }] of counters.entries()) {
      expect(lines[i]?.trim().split(/ {2,}/)).toEqual([group, name, comment]);
    }
    const args = ['--list', '--json', '--counters', 'load', ...onMachine(machine)];
    const { stdout } = await runCli(['capture', 'system', ...args]);
    expect(JSON.parse(String(stdout))).toEqual(
      systemCounters({ ...machine.options, counters: ['load'] }),
    );
  });

  it.each([
    [['--rate', '0'], /--rate <hz>.*Expected events a second, from 0\.001 to 100000/],
    [['--rate', 'fast'], /Expected events a second/],
    [['--rate', '100001'], /Expected events a second/],
    [['--counters', 'cpus'], /Invalid counters: expected any of cpu, kernel.*got "cpus"/],
    [['--counters', 'cpu,'], /Invalid counters: .*got ""/],
    [['--proc', '/nonexistent', '--sys', '/nonexistent'], /Cannot capture counters: found none of/],
  ])('with %j exits with 1, says why, and makes no log', async (args, message) => {
    const log = temporaryLogPath();
    const { code, stdout, stderr } = await runCli(['capture', 'system', log, ...args]);
    expect([code, String(stdout)]).toEqual([1, '']);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(existsSync(log)).toBe(false);
  });

  it('without a log exits with 1 and says what is missing', async () => {
    const { code, stderr } = await runCli(['capture', 'system']);
    expect([code, stderr]).toEqual([1, "stratalog: missing required argument 'log', or --list\n"]);
  });

  it('exits with 1 for a log of something else, and leaves it alone', async () => {
    const log = await madeLog(['a', 'b']);
    const { code, stderr } = await runCli(['capture', 'system', log, '--count', '1']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/the log was made without a schema/);
    expect(verifyLog(log).records).toBe(2);
  });

  it('ends quietly when nobody reads what it prints', async () => {
    const child = startCli(['capture', 'system', captureLogPath(), '--count', '50', '--json']);
    child.stdout.destroy();
    const [code] = (await once(child, 'close')) as [number];
    expect(code).toBe(0);
  });
});
