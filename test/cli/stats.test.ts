/** `stats` of the built program. */
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { defineSchema, openEventAppender } from '../../src/index.js';
import { finished, runCli, startCli } from '../support/cli.js';
import { hasPty, runOnTerminal } from '../support/pty.js';
import { sensorEvents, sensorLog } from '../support/sensor-log.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const WORKERS = ['--workers', '1'];

async function stats(log: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['stats', log, ...WORKERS, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.toString();
}

describe('stratalog stats', () => {
  it('prints figures of numbers, and of everything else, with a course', async () => {
    const log = await sensorLog(sensorEvents(100));
    const lines = (await stats(log, '--ascii')).split('\n').map((line) => line.trim());
    expect(lines[0]).toBe('100 events');
    expect(lines[2]).toMatch(
      /^field +type +count +nulls +min +max +mean +deviation +p50 +p90 +p99 +course$/,
    );
    const value = lines.find((line) => line.startsWith('value ')) ?? '';
    expect(value).toMatch(/^value +double +90 +10 +0 +12\.25 +6\.125 +3\.6\d+ +6 +11 +12\.125 +/);
    expect(value).toMatch(/_+\.+:+-+=+\++\*+#+$/);
    const time = lines.find((line) => line.startsWith('time_ns ')) ?? '';
    expect(time).toContain('2026-01-31T12:00:00Z');
    expect(lines.find((line) => line.startsWith('label '))).toMatch(
      /^label +string +100 +0 +2 +plain 66%, a, "b" 34% +a, "b" +a, "b"$/,
    );
  });

  it('draws with blocks where the locale has them, and with ASCII where not', async () => {
    const log = await sensorLog(sensorEvents(100));
    const drawn = async (locale: string): Promise<string> => {
      const before = process.env['LC_ALL'];
      process.env['LC_ALL'] = locale;
      try {
        return await stats(log, '--fields', 'value');
      } finally {
        if (before === undefined) delete process.env['LC_ALL'];
        else process.env['LC_ALL'] = before;
      }
    };
    expect(await drawn('C.UTF-8')).toMatch(/▁+▂+▃+▄+▅+▆+▇+█+/);
    const plain = await drawn('C');
    expect(Buffer.byteLength(plain)).toBe(plain.length);
  });

  it('looks at the fields, events, range and quantiles that are asked for, and prints JSON', async () => {
    const log = await sensorLog(sensorEvents(100));
    const args = [
      '--fields',
      'value,big',
      '--where',
      'sensor = 1',
      '--quantiles',
      'p0,1',
      '--to',
      '50',
    ];
    const { events, fields, quantiles } = JSON.parse(await stats(log, '--json', ...args)) as {
      events: number;
      fields: readonly Record<string, unknown>[];
      quantiles: readonly number[];
    };
    expect([events, quantiles, fields.length]).toEqual([13, [0, 1], 2]);
    expect(fields[0]).toMatchObject({
      path: 'value',
      count: 10,
      nulls: 3,
      quantiles: [0.125, 5.625],
    });
    expect(fields[1]).toMatchObject({ path: 'big', max: '18446744073709551614' });
  });

  it('prints CSV, a line for each field', async () => {
    const log = await sensorLog(sensorEvents(10));
    const found = parse(await stats(log, '--csv'), { columns: true }) as Record<string, string>[];
    expect(found.map((row) => row['field'])).toEqual([
      'time_ns',
      'sensor',
      'value',
      'big',
      'ok',
      'label',
      'late_us',
    ]);
    expect(found[2]).toMatchObject({ count: '9', nulls: '1', min: '0', max: '1', mean: '0.5' });
    expect(found[5]).toMatchObject({ min: '', mean: '', first: 'a, "b"', distinct: '2' });
  });

  it('takes 160 fields, and names vectors without figures', async () => {
    const fields = Array.from({ length: 160 }, (_, i) => ({
      name: `f${i}`,
      type: 'float' as const,
    }));
    const log = temporaryLogPath();
    const schema = defineSchema('Wide', fields);
    const appender = openEventAppender(log, { schema, maintenance: false });
    for (let i = 0; i < 5; i++) {
      appender.append(Object.fromEntries(fields.map(({ name }, at) => [name, at + i])));
    }
    await appender.close();
    const lines = (await stats(log)).trimEnd().split('\n');
    expect(lines).toHaveLength(3 + 160);
    expect(lines.at(-1)).toMatch(/^f159 +float +5 +0 +159 +163 +161 +/);
  });

  it('answers of an empty log, and ends quietly when its reader has had enough', async () => {
    const log = await sensorLog([]);
    expect(await stats(log, '--fields', 'value')).toContain('0 events');
    const child = startCli(['stats', log, ...WORKERS]);
    child.stdin.end();
    child.stdout.destroy();
    expect(await finished(child)).toMatchObject({ code: 0, stderr: '' });
  });

  it.each([
    [['--fields', 'valeu'], 'has no valeu, but value, time_ns'],
    [['--fields', 'value,'], 'Expected names of fields'],
    [['--quantiles', 'p200'], 'Expected quantiles such as'],
    [['--where', 'value >'], 'Cannot understand the condition'],
  ])('refuses %j with a message and exit code 1', async (args, message) => {
    const { code, stderr } = await runCli(['stats', await sensorLog([]), ...args]);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});

describe.runIf(hasPty)('stratalog stats on a terminal', () => {
  it.each([200, 80, 40, 20])('fits into %i columns', async (columns) => {
    const log = await sensorLog(sensorEvents(50));
    const shown = await runOnTerminal(['stats', log, ...WORKERS], columns);
    expect(shown).toContain('50 events');
    expect(shown).toContain('5.375');
    for (const line of shown.split('\n')) expect(line.length).toBeLessThan(columns);
  });
});
