import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { defineSchema, encodeEvent, inspectSchema, openReader } from '../../src/index.js';
import { eventsIn } from '../support/captures.js';
import { finished, framed, reportOf, runCli, startCli } from '../support/cli.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const SCHEMA = defineSchema('t.Row', [{ name: 'a', type: 'double' }]);

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function filePath(name: string, content?: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-input-'));
  folders.push(folder);
  const path = join(folder, name);
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

describe('capture stdin', () => {
  it.each<[string, string | Uint8Array, string[], string[]]>([
    ['CSV', 'a,b\n1,x\n2.5,"y, z"\n', [], ['{"a":1,"b":"x"}', '{"a":2.5,"b":"y, z"}']],
    [
      'JSON lines',
      '{"a":1,"b":"x"}\n{"a":9007199254740993}\n',
      [],
      ['{"a":1,"b":"x"}', '{"a":9007199254740993}'],
    ],
    [
      'CSV with options',
      'x;1;NA\ny;;2\n',
      [
        '--delimiter',
        ';',
        '--no-header',
        '--null',
        'NA',
        '--types',
        'column_1:skip,column_2:float',
      ],
      ['{"column_2":1,"column_3":null}', '{"column_2":null,"column_3":2}'],
    ],
    [
      'values between tabs',
      'a\tb\n1\t2026-01-31\n',
      ['--delimiter', 'tab'],
      ['{"a":1,"b_ns":1769817600000000000}'],
    ],
  ])('takes %s', async (_, input, options, expected) => {
    const log = temporaryLogPath();
    const result = await runCli(['capture', 'stdin', log, '--json', ...options], input);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(reportOf(result)).toMatchObject({
      source: 'stdin',
      events: expected.length,
      rejected: 0,
    });
    expect(eventsIn(log)).toEqual(expected);
  });

  it('takes FlatBuffers with their lengths, of a schema from a file', async () => {
    const log = temporaryLogPath();
    const schema = filePath('row.bfbs', SCHEMA.bytes);
    const input = framed([
      encodeEvent(SCHEMA, { a: 1 }),
      Buffer.from('nonsense'),
      encodeEvent(SCHEMA, { a: 2 }),
    ]);
    const result = await runCli(
      ['capture', 'stdin', log, '--json', '--format', 'flatbuffers', '--schema', schema],
      input,
    );
    expect(reportOf(result)).toMatchObject({ events: 2, rejected: 1 });
    expect(inspectSchema(log)?.schema.name).toBe('t.Row');
    const cut = await runCli(
      ['capture', 'stdin', log, '--format', 'flatbuffers'],
      input.subarray(0, -1),
    );
    expect(cut.code).toBe(1);
    expect(cut.stderr).toContain('The input ends inside record 3');
    expect(eventsIn(log)).toHaveLength(3);
    const cutPrefix = await runCli(
      ['capture', 'stdin', log, '--format', 'flatbuffers'],
      input.subarray(0, 2),
    );
    expect(cutPrefix.code).toBe(1);
    expect(cutPrefix.stderr).toContain('record 1: 2 of the 4 bytes of its length prefix are there');
    expect(eventsIn(log)).toHaveLength(3);
  });

  it('counts rows that are none, and goes on', async () => {
    const log = temporaryLogPath();
    const input = `a,b\n${Array.from({ length: 500 }, (_, i) => (i % 5 === 4 ? `${i}` : `${i},x`)).join('\n')}`;
    const result = await runCli(['capture', 'stdin', log, '--json'], input);
    expect(result.code).toBe(0);
    expect(reportOf(result)).toMatchObject({ events: 400, rejected: 100 });
  });

  it.each<[string, string | Uint8Array, string[], string]>([
    ['nothing', '', [], 'The input is empty'],
    ['nothing, as JSON', '', ['--format', 'json'], 'The input is empty'],
    ['a header alone', 'a,b\n', [], 'has a header and no rows'],
    [
      'binary junk as CSV',
      Buffer.alloc(5000, 'ab\0\n'),
      [],
      'The input cannot be CSV: its byte 2 is NUL; is it binary?',
    ],
    [
      'junk as JSON',
      'junk\n'.repeat(100),
      ['--format', 'json'],
      'No line of the input is a JSON object',
    ],
    ['an array', '[{"a":1}]', [], "jq -c '.[]'"],
    ['FlatBuffers without a schema', 'text', ['--format', 'flatbuffers'], 'give a schema'],
    ['a type for no column', 'a\n1\n', ['--types', 'b:long'], 'There is no column b'],
    ['what is no type', 'a\n1\n', ['--types', 'a:number'], 'Expected name:type'],
    ['what is no delimiter', 'a\n1\n', ['--delimiter', '7'], 'Invalid delimiter "7"'],
    ['options of CSV for JSON', '{}', ['--format', 'json', '--null', 'NA'], 'go with CSV'],
    ['a root without a schema', 'a\n1\n', ['--root', 'x'], '--root goes with --schema'],
    [
      'a schema that is not there',
      'a\n1\n',
      ['--schema', 'nowhere.bfbs'],
      'Cannot read the schema',
    ],
  ])('refuses %s without making a log', async (_, input, options, message) => {
    const log = temporaryLogPath();
    const result = await runCli(['capture', 'stdin', log, ...options], input);
    expect(result).toMatchObject({ code: 1 });
    expect(result.stderr).toMatch(/^stratalog: .*\n$/);
    expect(result.stderr).toContain(message);
    expect(existsSync(log)).toBe(false);
  });

  it('says that a CSV does not fit the log, and what to do, and changes nothing', async () => {
    const log = temporaryLogPath();
    await runCli(['capture', 'stdin', log], 'a,b\n1,2\n');
    const result = await runCli(['capture', 'stdin', log], 'a,c d\n1,2\n');
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(
      'The CSV does not fit the schema Row: there is no field for column "c d"; it has a, b.',
    );
    expect(result.stderr).toContain('--add-columns');
    expect(eventsIn(log)).toHaveLength(1);
    expect(await runCli(['capture', 'stdin', log, '--add-columns'], 'a,c d\n1,2\n')).toMatchObject({
      code: 0,
    });
    expect(eventsIn(log).at(-1)).toBe('{"a":1,"b":null,"c_d":2}');
  });

  it('takes binary junk without a NUL to its end, and counts what it rejects', async () => {
    const log = temporaryLogPath();
    await runCli(['capture', 'stdin', log], 'a,b\n1,2\n');
    const junk = Buffer.from(
      Array.from({ length: 200_000 }, (_, i) => 1 + (((i * 7919) >> 3) % 255)),
    );
    const rows = await runCli(
      ['capture', 'stdin', log, '--format', 'csv', '--json'],
      Buffer.concat([Buffer.from('a,b\n3,4\n'), junk, Buffer.from('\n5,6\n')]),
    );
    expect(rows.code).toBe(0);
    expect(reportOf(rows)).toMatchObject({ events: 2 });
    expect(reportOf(rows).rejected).toBeGreaterThan(100);
    const lines = await runCli(['capture', 'stdin', log, '--format', 'json', '--json'], junk);
    expect(lines.code).toBe(0);
    expect(reportOf(lines).rejected).toBeGreaterThan(100);
    expect(eventsIn(log)).toHaveLength(3);
  });

  it('quotes no control characters of the input in what it says', async () => {
    const log = temporaryLogPath();
    const name = 'a\u001B[2J\u009B1m';
    const types = ['--types', `${name}:int`];
    const rows = await runCli(['capture', 'stdin', log, ...types], `${name},b\n1,2\nx,3\n`);
    expect(rows.stderr).toContain('rejected line 3: a\\u001b[2J\\u009b1m: expected an integer');
    const lines = ['{"a":1}', '{"a":\u001B]0;title\u0007}', '{"a":"\u009B1m"}'].join('\n');
    const { stderr } = await runCli(['capture', 'stdin', temporaryLogPath()], lines);
    expect(stderr).toContain('rejected line 3');
    // eslint-disable-next-line no-control-regex
    expect(rows.stderr + stderr).not.toMatch(/[\0-\u0009\u000B-\u001F\u007F-\u009F]/);
  });

  it('says that standard input is a directory', () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const log = temporaryLogPath();
    const command = `"${process.execPath}" "${main}" capture stdin "${log}" < / 2>&1`;
    expect(() => execFileSync('sh', ['-c', command])).toThrow(
      expect.objectContaining({
        status: 1,
        stdout: Buffer.from('stratalog: Cannot read standard input: it is a directory\n'),
      }) as Error,
    );
    expect(existsSync(log)).toBe(false);
  });

  it('takes a closed standard input for an empty one', () => {
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
    const log = temporaryLogPath();
    const run = (): unknown =>
      execFileSync('sh', ['-c', `"${process.execPath}" "${main}" capture stdin "${log}" <&- 2>&1`]);
    expect(run).toThrow(
      expect.objectContaining({
        status: 1,
        stdout: Buffer.from('stratalog: The input is empty: it has neither a header nor rows\n'),
      }) as Error,
    );
  });

  it('ends in good order at a signal, with every row that has come', async () => {
    const log = temporaryLogPath();
    const child = startCli(['capture', 'stdin', log, '--json']);
    child.stdin.write('a,b\n1,2\n3,4\n5');
    await untilCommitted(log, 2);
    child.kill('SIGINT');
    const result = await finished(child);
    expect(result.code).toBe(130);
    expect(reportOf(result)).toMatchObject({
      events: 2,
      ended: 'signal',
      details: { unfinishedBytes: 1 },
    });
    expect(eventsIn(log)).toHaveLength(2);
  });
});

describe('capture file', () => {
  it.each<[string, string, string[]]>([
    ['x.csv', '{,b\n1,2\n', ['{"column_1":1,"b":2}']],
    ['x.tsv', 'a\tb\n1\t2\n', ['{"a":1,"b":2}']],
    ['x.jsonl', '{"a":1}\n', ['{"a":1}']],
    ['x.data', '{"a":1}\n', ['{"a":1}']],
    ['x', 'a;b\n1;2\n', ['{"a_b":"1;2"}']],
  ])('takes %s by its name, or by what is in it', async (name, content, expected) => {
    const log = temporaryLogPath();
    expect(await runCli(['capture', 'file', filePath(name, content), log])).toMatchObject({
      code: 0,
    });
    expect(eventsIn(log)).toEqual(expected);
  });

  it('refuses what is not there', async () => {
    const log = temporaryLogPath();
    const result = await runCli(['capture', 'file', filePath('nothing.csv'), log]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^stratalog: Cannot read .*nothing\.csv: ENOENT/);
    expect(existsSync(log)).toBe(false);
  });

  it('follows until it is stopped', async () => {
    const log = temporaryLogPath();
    const path = filePath('x.csv', 'a\n1\n');
    const child = startCli(['capture', 'file', '--follow', path, log]);
    await untilCommitted(log, 1);
    appendFileSync(path, '2\n3\n');
    await untilCommitted(log, 3);
    child.kill('SIGTERM');
    expect(await finished(child)).toMatchObject({ code: 143 });
    expect(eventsIn(log)).toEqual(['{"a":1}', '{"a":2}', '{"a":3}']);
  });
});

async function untilCommitted(log: string, count: number): Promise<void> {
  for (;;) {
    try {
      const reader = openReader(log);
      const { committedOffset } = reader;
      reader.close();
      if (committedOffset >= count) return;
    } catch {
      // It is not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
