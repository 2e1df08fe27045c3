/** `query` of the built program: notation, tables, CSV, JSON, and what is refused. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { describe, expect, it } from 'vitest';
import { finished, madeLog, runCli, startCli } from '../support/cli.js';
import { allFrames, flipBit, segmentFile, type FrameOnDisk } from '../support/log-damage.js';
import { sensorEvents, sensorLog, START_NS } from '../support/sensor-log.js';
import { hasPty, runOnTerminal } from '../support/pty.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const WORKERS = ['--workers', '1'];

async function query(log: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['query', log, ...WORKERS, ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout.toString();
}

async function rows(log: string, ...args: string[]): Promise<unknown> {
  return JSON.parse(await query(log, '--json', ...args)) as unknown;
}

async function count(log: string, ...conditions: string[]): Promise<unknown> {
  const [row] = (await rows(log, ...conditions.flatMap((each) => ['--where', each]))) as [
    { count: number },
  ];
  return row.count;
}

async function refusal(log: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(['query', log, ...WORKERS, ...args]);
  expect({ code, stdout: stdout.toString() }).toEqual({ code: 1, stdout: '' });
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  return stderr;
}

describe('stratalog query', () => {
  it('prints an aligned table, with times as such and numbers to the right', async () => {
    const log = await sensorLog(sensorEvents(100));
    const table = await query(
      log,
      '--group-by',
      'time_ns/30s',
      '--select',
      'count, mean(value), last(label)',
    );
    const lines = table.trimEnd().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toBe('             time_ns  count  mean(value)  last(label)');
    expect(lines[1]).toMatch(/^2026-01-31T12:00:00Z {5}30 +1\.75 {2}plain$/);
  });

  it('understands each comparison, all of several, and "not"', async () => {
    const log = await sensorLog(sensorEvents(100));
    const expected: readonly (readonly [conditions: readonly string[], events: number])[] = [
      [['sensor = 3'], 25],
      [['sensor==3'], 25],
      [['sensor != 3'], 75],
      [['value >= 6.25', 'value < 12.5e0'], 45],
      [['value <= -1'], 0],
      [['value > 12'], 2],
      [['value present'], 90],
      [['not value present'], 10],
      [['not sensor = 3', 'ok = false'], 25],
      [['ok = true'], 50],
      [['label = "a, \\"b\\""'], 34],
      [["label contains ', '"], 34],
      [['label in plain, "a, \\"b\\""'], 100],
      [['sensor in 1,2'], 50],
      [['big = 18446744073709551615'], 50],
      [['$offset < 7'], 7],
      [['time_ns >= 2026-01-31T12:01:00Z'], 40],
      [['time_ns < 2026-01-31T12:00:00.000000001Z'], 1],
      [['late_us >= 9ms'], 10],
    ];
    const found = await Promise.all(
      expected.map(async ([conditions]) => [conditions, await count(log, ...conditions)]),
    );
    expect(found).toEqual(expected);
  });

  it('groups by several keys, selects under names, orders and limits', async () => {
    const log = await sensorLog(sensorEvents(100));
    const found = await rows(
      log,
      '--group-by',
      'sensor',
      '--group-by',
      'late_us/5ms as late',
      '--select',
      'count as n, max(value)',
      '--select',
      'quantile(value, 1) as p',
      '--where',
      'value present',
      '--order-by',
      'max(value):desc',
      '--limit',
      '2',
    );
    expect(found).toEqual([
      { sensor: 2, late: 5000, n: 13, 'max(value)': 12.25, p: 12.25 },
      { sensor: 1, late: 5000, n: 10, 'max(value)': 12.125, p: 12.125 },
    ]);
  });

  it('takes the range, and a query as JSON from the command line, a file and standard input', async () => {
    const log = await sensorLog(sensorEvents(100));
    const asked = JSON.stringify({
      where: {
        any: [
          { field: 'sensor', op: '=', value: 0 },
          { field: 'ok', op: '=', value: false },
        ],
      },
      groupBy: [{ field: 'time_ns', every: '31536000000000000', as: 'year' }],
    });
    const year = START_NS - (START_NS % 31_536_000_000_000_000n);
    const answer = [{ year: String(year), count: 30 }];
    const range = ['--from', '10', '--to', '-50'];
    expect(await rows(log, ...range, '--query', asked)).toEqual(answer);
    const file = join(temporaryLogPath(), '..', 'query.json');
    writeFileSync(file, asked);
    expect(await rows(log, ...range, '--query', file)).toEqual(answer);
    const args = ['query', log, ...range, '--json', '--query', '-'];
    const { stdout } = await runCli(args, asked);
    expect(JSON.parse(stdout.toString())).toEqual(answer);
  });

  it('writes CSV that a CSV reader takes, with every digit, and empty for no value', async () => {
    const log = await sensorLog(sensorEvents(20));
    const csv = await query(
      log,
      '--csv',
      '--group-by',
      'label',
      '--select',
      'max(big), last(value), top(late_us, 1)',
      '--where',
      '$offset in 12,19',
      '--where',
      'late_us present',
    );
    expect(csv.split('\r\n')).toHaveLength(4);
    expect(parse(csv, { columns: true })).toEqual([
      {
        label: 'a, "b"',
        'max(big)': '18446744073709551615',
        'last(value)': '1.5',
        'top(late_us, 1)': '[{"offset":12,"value":1200}]',
      },
      {
        label: 'plain',
        'max(big)': '18446744073709551614',
        'last(value)': '',
        'top(late_us, 1)': '[{"offset":19,"value":1900}]',
      },
    ]);
  });

  it('keeps 64-bit integers exact in JSON, and says what is no number', async () => {
    const log = await sensorLog([{ value: Infinity, big: 2n ** 64n - 1n }]);
    const found = await rows(log, '--select', 'max(big), min(value), first(label)');
    expect(found).toEqual([
      { 'max(big)': '18446744073709551615', 'min(value)': 'inf', 'first(label)': null },
    ]);
  });

  it('answers of nothing with a header, or one row without groups', async () => {
    const log = await sensorLog([]);
    expect(await query(log, '--group-by', 'sensor')).toBe('sensor  count\n');
    expect(await rows(log, '--group-by', 'sensor')).toEqual([]);
    expect(await query(log)).toBe('count\n    0\n');
  });

  it('ends quietly when its reader has had enough', async () => {
    const log = await sensorLog(sensorEvents(60_000));
    const child = startCli(['query', log, ...WORKERS, '--csv', '--group-by', '$offset']);
    child.stdin.end();
    child.stdout.once('data', () => child.stdout.destroy());
    const { code, stderr } = await finished(child);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  describe('refuses with a message that says what there is:', () => {
    it('misspelt fields, aggregates and orders, the nearest name first', async () => {
      const own = await sensorLog(sensorEvents(3));
      expect(await refusal(own, '--where', 'senosr = 7')).toContain(
        'Cannot find field senosr: test.Sensor has no senosr, but sensor, time_ns, value',
      );
      expect(await refusal(own, '--group-by', 'sensr')).toContain('has no sensr, but sensor');
      expect(await refusal(own, '--select', 'maen(value)')).toContain(
        'Cannot compute "maen": there are mean, count, sum',
      );
      expect(await refusal(own, '--group-by', 'sensor', '--order-by', 'cuont')).toContain(
        'Cannot order by cuont: the result has count, sensor',
      );
    });

    it('values and widths of the wrong type', async () => {
      const own = await sensorLog(sensorEvents(3));
      expect(await refusal(own, '--where', 'sensor = many')).toContain(
        'Cannot compare sensor with "many": it is a number',
      );
      expect(await refusal(own, '--where', 'ok = 1')).toContain('it is a boolean');
      expect(await refusal(own, '--where', 'big > 1.5')).toContain('a 64-bit integer');
      expect(await refusal(own, '--group-by', 'value/5m')).toContain('does not end with a unit');
      expect(await refusal(own, '--group-by', 'time_ns/soon')).toContain('such as 100ms, 1s, 5m');
      expect(await refusal(own, '--group-by', 'label/2')).toContain('it is no number');
      expect(await refusal(own, '--select', 'mean(label)')).toContain('it is a string');
      expect(await refusal(own, '--select', 'top(value, x)')).toContain('Invalid k');
    });

    it('what it cannot understand', async () => {
      const own = await sensorLog(sensorEvents(3));
      for (const condition of ['sensor', 'sensor =', 'sensor ~ 3', 'sensor in ,', '']) {
        expect(await refusal(own, '--where', condition)).toContain(
          'Cannot understand the condition',
        );
      }
      expect(await refusal(own, '--select', 'mean value')).toContain(
        'Cannot understand "mean value"',
      );
      expect(await refusal(own, '--group-by', 'a b')).toContain('Cannot understand the group');
      expect(await refusal(own, '--select', 'count, count')).toContain('Cannot select count twice');
      expect(await refusal(own, '--query', '{"grupBy": []}')).toContain('got grupBy');
      expect(await refusal(own, '--query', '{')).toContain('Cannot read the query as JSON');
      expect(await refusal(own, '--query', '{}', '--limit', '3')).toContain('cannot be used with');
      expect(await refusal(own, '--csv', '--json')).toContain('cannot be used with');
      expect(await refusal(own, '--query', join(own, 'nothing'))).toContain('no such file');
    });

    it('a log without a schema', async () => {
      expect(await refusal(await madeLog(['a']))).toContain('schema');
    });
  });

  it('stops at damage, or tells of it and steps over it, and exits with 2', async () => {
    const log = await sensorLog(sensorEvents(3000));
    const frames = allFrames(log);
    const { segment, position } = frames[1] as FrameOnDisk;
    flipBit(segmentFile(log, segment), position + 100);
    const stopped = await runCli(['query', log, ...WORKERS]);
    expect(stopped).toMatchObject({ code: 2, stdout: Buffer.alloc(0) });
    const { code, stdout, stderr } = await runCli([
      'query',
      log,
      ...WORKERS,
      '--skip-damage',
      '--json',
    ]);
    expect(code).toBe(2);
    const [{ count: left }] = JSON.parse(stdout.toString()) as [{ count: number }];
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(3000);
    expect(stderr).toContain('stratalog: ');
  });
});

describe.runIf(hasPty)('stratalog query on a terminal', () => {
  it('fits a table into its width, and turns it where it does not fit', async () => {
    const log = await sensorLog(sensorEvents(50));
    const args = [
      'query',
      log,
      ...WORKERS,
      '--group-by',
      'label',
      '--group-by',
      'time_ns/1d',
      '--select',
      'count, mean(value), max(value), min(time_ns)',
    ];
    const wide = await runOnTerminal(args, 120);
    expect(wide).toContain('label ');
    expect(wide.trimEnd().split('\n')).toHaveLength(3);
    for (const columns of [60, 20, 12]) {
      const shown = await runOnTerminal(args, columns);
      for (const line of shown.split('\n')) expect(line.length).toBeLessThan(columns);
      // Digits of a time are never cut off.
      expect(shown.replaceAll(/\s/g, '')).toContain('2026-01-31T12:00:01Z');
    }
  });

  it('shows no control characters of the data, neither in tables nor in CSV', async () => {
    const log = await sensorLog([{ label: 'red \u001B[31m bell \u0007 line\nnext \u202E\u009B' }]);
    for (const format of [[], ['--csv'], ['--json']]) {
      const shown = await runOnTerminal(
        ['query', log, ...WORKERS, '--group-by', 'label', ...format],
        200,
      );
      expect(shown).toContain('red ');
      for (const control of ['\u001B', '\u0007', '\u009B', '\u202E'])
        expect(shown).not.toContain(control);
    }
  });

  it('cuts long text there, and nowhere else', async () => {
    const log = await sensorLog([{ label: 'x'.repeat(300) }]);
    const args = ['query', log, ...WORKERS, '--group-by', 'label'];
    expect(await runOnTerminal(args, 200)).toContain(`${'x'.repeat(47)}…`);
    expect(await query(log, '--group-by', 'label')).toContain('x'.repeat(300));
  });
});
