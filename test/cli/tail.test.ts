import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  openAppender,
  openMonitor,
  openReader,
  repairLog,
  type Appender,
} from '../../src/index.js';
import { finished, logWithDamagedEnd, madeLog, runCli, startCli } from '../support/cli.js';
import { allFrames, flipBit, segmentFile, type FrameOnDisk } from '../support/log-damage.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const TEN = Array.from({ length: 10 }, (_, i) => `r${i}`);

function words(output: Buffer): string {
  return String(output).trim().split('\n').join(' ');
}

/** Waits until the program's output holds `text`. */
async function shown(stream: NodeJS.ReadableStream, text: string): Promise<string> {
  let output = '';
  while (!output.includes(text)) output += String((await once(stream, 'data'))[0]);
  return output;
}

function open(options = {}): { path: string; appender: Appender } {
  const path = temporaryLogPath();
  return { path, appender: openAppender(path, { segmentSizeBytes: 16_384, ...options }) };
}

describe('tail', () => {
  it.each([
    [[], 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    [['-n', '3'], 'r7 r8 r9'],
    [['-n', '99'], 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    [['-n', '0'], ''],
    [['-n', '2', '--offsets', '--flushed'], '8\tr8 9\tr9'],
    [['-n', '1', '--format', 'hex'], '7239'],
    [['--since', '2999-01-01'], ''],
    [['--since', '2000-01-01', '-n', '1'], 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    [['-f', '--until-close', '-n', '2'], 'r8 r9'],
  ])('with %j shows: %s', async (options, expected) => {
    const path = await madeLog(TEN);
    const { code, stdout } = await runCli(['tail', ...options, path]);
    expect([code, words(stdout)]).toEqual([0, expected]);
  });

  it('goes on with what is appended, across rolls, until it is interrupted', async () => {
    const { path, appender } = open();
    const child = startCli(['tail', '-f', path]);
    const ended = finished(child);
    const line = 'x'.repeat(500);
    appender.append(bytes('first'));
    await shown(child.stdout, 'first');
    for (let i = 0; i < 100; i++) appender.append(bytes(`${line}${i}`));
    appender.append(bytes('last'));
    await shown(child.stdout, 'last');
    child.kill('SIGINT');
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    const expected = ['first', ...Array.from({ length: 100 }, (_, i) => `${line}${i}`), 'last'];
    expect(String(stdout)).toBe(`${expected.join('\n')}\n`);
    await appender.close();
  });

  it('ends at the close of the log when asked, and says what has become of the appender', async () => {
    const { path, appender } = open();
    const child = startCli(['tail', '-f', '--until-close', path]);
    const ended = finished(child);
    appender.append(bytes('only'));
    await shown(child.stdout, 'only');
    await appender.close();
    const { code, stdout, stderr } = await ended;
    expect([code, words(stdout)]).toEqual([0, 'only']);
    expect(stderr).toContain('the appender has closed the log');
  });

  it('says how many records were dropped before it came to them', async () => {
    const { path, appender } = open({ maintenance: false });
    const line = 'y'.repeat(500);
    for (let i = 0; i < 5000; i++) appender.append(bytes(line));
    const child = startCli(['tail', '-f', '--until-close', '-n', '5000', path]);
    // It has begun, and comes no further than the pipe is long.
    await once(child.stdout, 'readable');
    const start = await appender.dropBefore(4990);
    await appender.close();
    const { code, stdout, stderr } = await finished(child);
    const lines = String(stdout).trim().split('\n').length;
    const [, dropped] = /([\d,]+) records dropped/.exec(stderr) ?? [];
    expect(start).toBeGreaterThan(4900);
    expect([code, lines + Number(dropped?.replace(',', ''))]).toEqual([0, 5000]);
  });

  it.each([
    [[], 'r0 r1 r2 r3 r4 r5 r6'],
    [['-n', '2'], 'r5 r6'],
    [['-n', '0'], ''],
    [['--since', '2999-01-01'], ''],
    [['--flushed', '-n', '1'], 'r6'],
    [['-f', '-n', '1'], 'r6'],
  ])('does not take damage that ends a log for its end: %j', async (options, shownFirst) => {
    const path = await logWithDamagedEnd(TEN, 7);
    const { code, stdout, stderr } = await runCli(['tail', ...options, path]);
    expect([code, words(stdout)]).toEqual([2, shownFirst]);
    expect(stderr).toMatch(/^stratalog: Damaged data in .* offsets 7 to 7 are affected\n$/);
  });

  it('shows what comes before damage, and begins behind it if that is far enough', async () => {
    const path = await madeLog(TEN);
    const { segment, position } = allFrames(path)[4] as FrameOnDisk;
    flipBit(segmentFile(path, segment), position + 70);
    const before = await runCli(['tail', '-n', '8', path]);
    expect([before.code, words(before.stdout)]).toEqual([2, 'r2 r3']);
    expect(before.stderr).toMatch(/^stratalog: Damaged data in .* offsets 4 to 4 are affected\n$/);
    const behind = await runCli(['tail', '-n', '5', path]);
    expect(behind).toMatchObject({ code: 0, stderr: '' });
  });

  it('tells what a repair has found lost, and goes on behind it', async () => {
    const path = await madeLog(TEN);
    const { segment, position } = allFrames(path)[4] as FrameOnDisk;
    flipBit(segmentFile(path, segment), position + 70);
    repairLog(path);
    for (const lines of ['8', '6']) {
      const { code, stderr, stdout } = await runCli(['tail', '-n', lines, path]);
      const expected = ['r2', 'r3', 'r5', 'r6', 'r7', 'r8', 'r9'].slice(8 - Number(lines));
      expect([code, words(stdout)]).toEqual([0, expected.join(' ')]);
      expect(stderr).toBe('stratalog: offset 4 lost to damage before a repair\n');
    }
  });

  it('refuses a log that is not there', async () => {
    const { code, stderr } = await runCli(['tail', `${temporaryLogPath()}-missing`]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('Cannot open')]);
  });
});

describe('top', () => {
  it('prints a JSON object a line where there is no terminal', async () => {
    const { path, appender } = open({ segmentSizeBytes: 1024 * 1024 });
    const reader = openReader(path);
    const tailer = reader.tailer({ name: 'slow' });
    const child = startCli(['top', '--interval', '0.2', '--samples', '2', path]);
    const ended = finished(child);
    const appending = setInterval(() => appender.append(bytes('z')), 5);
    const { code, stdout } = await ended;
    clearInterval(appending);
    const samples = String(stdout)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect([code, samples.length]).toEqual([0, 2]);
    const last = samples[1] as {
      committedOffset: number;
      recordsPerSecond: number;
      commitsPerSecond: number;
      bytesPerSecond: number;
    };
    expect(last).toMatchObject({
      writer: 'appending',
      holder: { pid: process.pid },
      segment: { baseOffset: 0 },
      flushLag: expect.any(Number) as number,
      flushesPerSecond: expect.any(Number) as number,
      tailers: [{ name: 'slow', nextOffset: 0, lag: last.committedOffset, pid: process.pid }],
    });
    expect(last.recordsPerSecond).toBeGreaterThan(0);
    expect(last.commitsPerSecond).toBeGreaterThan(0);
    expect(last.bytesPerSecond).toBeGreaterThan(0);
    tailer.close();
    reader.close();
    await appender.close();
  });
});

describe('a monitor', () => {
  it('counts records, bytes, commits and flushes since it was opened, across rolls', async () => {
    const { path, appender } = open({ maintenance: false, flush: 'none' });
    const record = bytes('w'.repeat(92));
    for (let i = 0; i < 50; i++) appender.append(record);
    const monitor = openMonitor(path);
    const before = monitor.sample();
    for (let i = 0; i < 300; i++) appender.append(record);
    await appender.flush();
    const after = monitor.sample();
    const segments = openReader(path).segments();
    expect(segments.length).toBeGreaterThan(3);
    expect([before.committedOffset, after.committedOffset]).toEqual([50, 350]);
    expect([before.flushedOffset, after.flushedOffset]).toEqual([0, 350]);
    // A frame of 64 bytes, a record header of 8, 92 bytes padded to 96.
    expect([before.committedBytes, after.committedBytes]).toEqual([0, 300 * (64 + 8 + 96)]);
    expect(after.commits - before.commits).toBe(300 + segments.length - 1);
    expect(after.flushes - before.flushes).toBeGreaterThan(0);
    expect([after.writer, after.segment?.baseOffset]).toEqual([
      'appending',
      segments.at(-1)?.baseOffset,
    ]);
    await appender.close();
    expect(monitor.sample()).toMatchObject({ writer: 'closed', holder: undefined, tailers: [] });
    monitor.close();
  });
});
