import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parquetWriteFile } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import {
  arrowStream,
  defineSchema,
  exportLog,
  mcapFile,
  openEventAppender,
} from '../../src/index.js';
import { eventsIn } from '../support/captures.js';
import { finished, framed, reportOf, runCli, startCli } from '../support/cli.js';
import { openDuckDb } from '../support/duckdb.js';
import { besideLog, exportPool, recordsOf, verifiedLogPath } from '../support/exported-logs.js';

const SCHEMA = defineSchema('t.Row', [
  { name: 'n', type: 'int' },
  { name: 'name', type: 'string' },
]);

function fileBeside(log: string, name: string, content: string | Uint8Array): string {
  const file = besideLog(log, name);
  writeFileSync(file, content);
  return file;
}

function parquetBeside(log: string, numbers: readonly number[]): string {
  const filename = besideLog(log, 'x.parquet');
  const columnData = [
    { name: 'n', data: [...numbers], type: 'INT32' as const },
    { name: 'name', data: numbers.map((n) => `row ${n}`), type: 'STRING' as const },
  ];
  parquetWriteFile({ filename, columnData });
  return filename;
}

/** A log that has its schema, and one event. */
async function begunLog(): Promise<string> {
  const log = verifiedLogPath();
  const appender = openEventAppender(log, { schema: SCHEMA, maintenance: false });
  appender.append({ n: 0, name: 'first' });
  await appender.close();
  return log;
}

describe('import', () => {
  it.each<[string, string, string[], string[]]>([
    ['x.csv', 'n,name\n1,a\n2,\n', [], ['{"n":1,"name":"a"}', '{"n":2}']],
    ['x.tsv', 'n\tname\n1\ta\n', [], ['{"n":1,"name":"a"}']],
    [
      'x.txt',
      '1;NA\n2;b\n',
      [
        '--format',
        'csv',
        '--no-header',
        '--delimiter',
        ';',
        '--null',
        'NA',
        '--types',
        'column_1:float',
      ],
      ['{"column_1":1}', '{"column_1":2,"column_2":"b"}'],
    ],
    ['x.ndjson', '{"n":9007199254740993}\n', [], ['{"n":9007199254740993}']],
    ['x.JSON', '{"n":1.5}\n', [], ['{"n":1.5}']],
  ])('takes %s, of what its name or --format says it is', async (name, text, options, expected) => {
    const log = verifiedLogPath();
    const result = await runCli(['import', log, fileBeside(log, name, text), ...options]);
    expect(result).toMatchObject({ code: 0, stdout: Buffer.alloc(0) });
    expect(result.stderr).toMatch(/^stratalog: imported [12] events?, .* of log, as offset/);
    expect(eventsIn(log)).toEqual(expected);
  });

  it('takes FlatBuffers with their lengths in front, of a schema that is given', async () => {
    const from = await begunLog();
    const log = verifiedLogPath();
    const file = fileBeside(log, 'x.fb', framed(recordsOf(from).map(({ payload }) => payload)));
    const schema = fileBeside(log, 'row.bfbs', SCHEMA.bytes);
    expect(await runCli(['import', log, file, '--schema', schema])).toMatchObject({ code: 0 });
    expect(eventsIn(log)).toEqual(eventsIn(from));
    const without = await runCli(['import', verifiedLogPath(), file]);
    expect(without.code).toBe(1);
  });

  it('makes a schema of the columns of a file that somebody else has written', async () => {
    const log = verifiedLogPath();
    const result = await runCli(['import', log, parquetBeside(log, [1, 2, 3]), '--json']);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(reportOf(result)).toMatchObject({
      log,
      ended: 'source',
      events: 3,
      rejected: 0,
      details: { rowGroups: 1 },
    });
    expect(eventsIn(log)[2]).toBe('{"n":3,"name":"row 3"}');
  });

  it('goes on behind what is in a log, by the schema of the log', async () => {
    const log = await begunLog();
    const file = fileBeside(log, 'x.csv', 'name,n\nb,7\nc,much\n');
    const result = await runCli(['import', log, file]);
    expect(result.code).toBe(0);
    expect(result.stderr).toMatch(/rejected line 3: .*much/);
    expect(result.stderr).toMatch(/imported 1 event, .* as offset 1 /);
    expect(eventsIn(log)).toEqual(['{"n":0,"name":"first"}', '{"n":7,"name":"b"}']);
  });

  it('changes nothing where the columns do not fit the schema of the log', async () => {
    const log = await begunLog();
    const before = recordsOf(log);
    const filename = besideLog(log, 'x.parquet');
    parquetWriteFile({ filename, columnData: [{ name: 'other', data: [1], type: 'INT32' }] });
    const result = await runCli(['import', log, filename]);
    expect(result).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
    expect(result.stderr).toMatch(/column other goes to no field of t\.Row, which has n, name/);
    expect(recordsOf(log)).toEqual(before);
  });

  it('keeps rejected rows with their numbers, and stops when there are too many', async () => {
    const log = verifiedLogPath();
    const schema = fileBeside(
      log,
      'row.bfbs',
      defineSchema('t.Small', [
        { name: 'n', type: 'ubyte' },
        { name: 'name', type: 'string' },
      ]).bytes,
    );
    const rejects = besideLog(log, 'rejects.jsonl');
    const file = parquetBeside(log, [1, 256, 3, -1, 5]);
    const options = ['--schema', schema, '--rejects', rejects];
    const result = await runCli(['import', log, file, '--max-rejects', '1', ...options]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/Stopped: more than 1 reject/);
    const kept = readFileSync(rejects, 'utf8').trimEnd().split('\n');
    expect(kept.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([2, 4]);
    expect(eventsIn(log)).toEqual(['{"n":1,"name":"row 1"}', '{"n":3,"name":"row 3"}']);
  });

  it('takes as many events as it is told to, and columns that are named', async () => {
    const log = verifiedLogPath();
    const file = parquetBeside(log, [1, 2, 3, 4]);
    const result = await runCli(['import', log, file, '--count', '2', '--columns', 'name']);
    expect(result.code).toBe(0);
    expect(eventsIn(log)).toEqual(['{"name":"row 1"}', '{"name":"row 2"}']);
    const unknown = await runCli(['import', verifiedLogPath(), file, '--columns', 'x,n']);
    expect(unknown.code).toBe(1);
    expect(unknown.stderr).toMatch(/there is no column x, but n, name/);
  });

  it('asks what is to become of decimals', async () => {
    const log = verifiedLogPath();
    const file = besideLog(log, 'x.parquet');
    const duck = await openDuckDb();
    await duck.run(`COPY (SELECT 1.50::DECIMAL(9, 2) AS d) TO '${file}' (FORMAT parquet)`);
    const asked = await runCli(['import', log, file]);
    expect(asked.code).toBe(1);
    expect(asked.stderr).toMatch(/column d: it is a DECIMAL: choose decimals: 'text'/);
    expect(await runCli(['import', log, file, '--decimals', 'text'])).toMatchObject({ code: 0 });
    expect(eventsIn(log)).toEqual(['{"d":"1.50"}']);
  });

  it('takes CSV and Arrow from standard input', async () => {
    const log = verifiedLogPath();
    const csv = await runCli(['import', log, '-', '--format', 'csv'], 'n,name\n1,a\n2,b\n');
    expect(csv).toMatchObject({ code: 0 });
    const file = besideLog(log, 'x.arrows');
    await exportLog(log, file, { format: arrowStream(), pool: exportPool() });
    for (const format of ['arrow', 'mcap', 'parquet']) {
      const again = verifiedLogPath();
      const result = await runCli(['import', again, '-', '--format', format], readFileSync(file));
      if (format === 'arrow') {
        expect(result).toMatchObject({ code: 0 });
        expect(eventsIn(again)).toEqual(eventsIn(log));
        continue;
      }
      expect(result.code).toBe(1);
      expect(result.stderr).toMatch(
        new RegExp(
          `Cannot read ${format} from standard input: it is read from its end; name a file`,
        ),
      );
      expect(readdirSync(dirname(again))).toEqual([]);
    }
  });

  it('takes an MCAP file that nobody has finished as far as it goes, if it is told to', async () => {
    const from = await begunLog();
    const whole = besideLog(from, 'x.mcap');
    const format = mcapFile({ topic: '/rows' });
    await exportLog(from, whole, { format, pool: exportPool() });
    const bytes = readFileSync(whole);
    const cut = fileBeside(from, 'cut.mcap', bytes.subarray(0, bytes.length - 40));
    const log = verifiedLogPath();
    const result = await runCli(['import', log, cut]);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/cut\.mcap/);
    const accepted = verifiedLogPath();
    const options = ['--truncated', 'accept', '--topic', '/rows', '--max-chunk-size', '2M'];
    expect(await runCli(['import', accepted, cut, ...options])).toMatchObject({ code: 0 });
    expect(eventsIn(accepted)).toEqual(eventsIn(from));
    const other = await runCli(['import', verifiedLogPath(), whole, '--topic', '/other']);
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/\/rows/);
  });

  it.each<[string, string[], RegExp]>([
    [
      'x.bin',
      [],
      /Cannot tell what is in .*x\.bin: its name ends with none of \.csv, .*; --format says/,
    ],
    ['x.csv', ['--columns', 'a'], /--columns goes with arrow, parquet, not with csv/],
    ['x.parquet', ['--delimiter', ';'], /--delimiter goes with csv, not with parquet/],
    ['x.parquet', ['--no-header'], /--no-header goes with csv, not with parquet/],
    ['x.arrow', ['--topic', 'a'], /--topic goes with mcap, not with arrow/],
    ['x.parquet', ['--root', 'a'], /--root goes with --schema/],
    ['x.parquet', [], /Cannot read .*x\.parquet/],
    ['x.arrow', [], /Cannot read .*x\.arrow/],
    ['x.mcap', [], /x\.mcap/],
    ['missing.csv', [], /Cannot read .*missing\.csv/],
  ])(
    'of %s with %j is refused with a sentence, and makes no log',
    async (name, options, reason) => {
      const log = verifiedLogPath();
      const file = besideLog(log, name);
      if (name !== 'missing.csv') writeFileSync(file, 'n\n1\n');
      const result = await runCli(['import', log, file, ...options]);
      expect(result).toMatchObject({ code: 1, stdout: Buffer.alloc(0) });
      expect(result.stderr).toMatch(reason);
      expect(readdirSync(dirname(log))).not.toContain('log');
    },
  );

  it('ends in good order by a signal', async () => {
    const log = verifiedLogPath();
    const child = startCli(['import', log, '-', '--format', 'csv', '--quiet']);
    const result = finished(child);
    // As much as a schema is made of, and more to come.
    child.stdin.write(`n,name\n${'1,a\n'.repeat(300_000)}`);
    while (!readdirSync(dirname(log)).includes('log')) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    child.kill('SIGINT');
    expect(await result).toMatchObject({ code: 130, stderr: '' });
    expect(recordsOf(log).length).toBeLessThanOrEqual(300_000);
  });
});
