import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader } from '../../src/index.js';
import { finished, framed, madeLog, runCli, startCli } from '../support/cli.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

describe('round trips', () => {
  it('returns several megabytes of lines over many segments as they were', async () => {
    const path = temporaryLogPath();
    const lines = Array.from({ length: 60_000 }, (_, i) => `${i} ${'y'.repeat(i % 97)}`);
    const input = `${lines.join('\n')}\n`;
    expect(await runCli(['append', '--segment-size', '256K', path], input)).toMatchObject({
      code: 0,
    });
    const { stdout } = await runCli(['cat', path]);
    expect(stdout.equals(Buffer.from(input))).toBe(true);
  });

  it('returns length-prefixed binary records, empty and large ones among them', async () => {
    const path = temporaryLogPath();
    const sizes = [0, 1, 7, 8, 9, 65_535, 200_000, 0, 3_000_000, 4];
    const input = framed(sizes.map((size) => randomBytes(size)));
    const appended = await runCli(['append', '--framing', 'length', '--quiet', path], input);
    expect(appended).toMatchObject({ code: 0, stderr: '' });
    const { stdout } = await runCli(['cat', '--framing', 'length', path]);
    expect(stdout.equals(input)).toBe(true);
  });
});

describe('cat', () => {
  const TEN = Array.from({ length: 10 }, (_, i) => `r${i}`);

  it.each([
    [['--from', '7'], 'r7 r8 r9'],
    [['--from', '-2'], 'r8 r9'],
    [['--from', '-99', '--limit', '1'], 'r0'],
    [['--from', 'end'], ''],
    [['--from', '10'], ''],
    [['--to', '2'], 'r0 r1'],
    [['--to', '-8'], 'r0 r1'],
    [['--from', '3', '--to', '5'], 'r3 r4'],
    [['--from', '5', '--to', '3'], ''],
    [['--from', 'start', '--limit', '2'], 'r0 r1'],
    [['--limit', '0'], ''],
    [['--flushed'], 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    [['--since', '2000-01-01'], 'r0 r1 r2 r3 r4 r5 r6 r7 r8 r9'],
    [['--since', '2999-01-01T00:00:00Z'], ''],
    [['--until', '2000-01-01T00:00:00+01:00'], ''],
  ])('with %j shows: %s', async (options, expected) => {
    const path = await madeLog(TEN);
    const result = await runCli(['cat', ...options, path]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(String(result.stdout).split('\n').join(' ').trim()).toBe(expected);
  });

  it('divides the log at a time: --until shows what --since does not', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('before'));
    const start = Date.now();
    while (Date.now() < start + 20) await new Promise((resolve) => setTimeout(resolve, 5));
    appender.append(bytes('after'));
    const time = new Date(Math.floor(timeOf(path, 1)) - 1).toISOString();
    await appender.close();
    expect(String((await runCli(['cat', '--since', time, path])).stdout)).toBe('after\n');
    expect(String((await runCli(['cat', '--until', time, path])).stdout)).toBe('before\n');
  });

  it.each([
    ['text', 'hé\n\xff\n'],
    ['hex', '68c3a9\nff\n'],
    ['base64', 'aMOp\n/w==\n'],
    ['raw', 'hé\xff'],
  ])('shows records as %s', async (format, expected) => {
    const path = await binaryLog();
    const { stdout } = await runCli(['cat', '--format', format, path]);
    expect(stdout.equals(Buffer.from(expected.replace('hé', 'h\xc3\xa9'), 'latin1'))).toBe(true);
  });

  it.each([[['--format', 'json']], [['--json']]])(
    'shows records as JSON with %j: text where it is UTF-8, base64 where it is not',
    async (json) => {
      const path = await binaryLog();
      const { stdout } = await runCli(['cat', ...json, path]);
      const shown = String(stdout).trim().split('\n');
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
      expect(shown.map((line) => JSON.parse(line))).toEqual([
        { offset: 0, time, text: 'hé' },
        { offset: 1, time, base64: '/w==' },
      ]);
    },
  );

  it('joins the pieces in which it encodes a large record', async () => {
    const path = temporaryLogPath();
    const record = randomBytes(200_001);
    const appender = openAppender(path);
    appender.append(record);
    await appender.close();
    for (const format of ['hex', 'base64'] as const) {
      const { stdout } = await runCli(['cat', '--format', format, path]);
      expect(String(stdout)).toBe(`${record.toString(format)}\n`);
    }
  });

  it('begins lines with offset and time when asked', async () => {
    const path = await madeLog(['a', 'b']);
    const { stdout } = await runCli(['cat', '--offsets', '--times', '--from', '1', path]);
    expect(String(stdout)).toMatch(/^1\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\tb\n$/);
  });

  it('ends quietly, with 0, when its reader has had enough', async () => {
    const path = await madeLog(Array.from({ length: 50_000 }, () => 'x'.repeat(100)));
    const child = startCli(['cat', path]);
    const result = finished(child);
    await once(child.stdout, 'data');
    child.stdout.destroy();
    expect(await result).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  it('refuses an offset past the end', async () => {
    const path = await madeLog(TEN);
    const result = await runCli(['cat', '--from', '11', path]);
    expect(result).toMatchObject({
      code: 1,
      stderr: 'stratalog: Offset 11 is out of range: the log holds 0 to 9\n',
    });
  });
});

function timeOf(path: string, offset: number): number {
  const reader = openReader(path);
  const { timeMs } = reader.get(offset);
  reader.close();
  return timeMs;
}

async function binaryLog(): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path);
  appender.append(bytes('hé'));
  appender.append(Uint8Array.of(0xff));
  await appender.close();
  return path;
}
