/** Data sets that people have published: taken in, given out in every format, read by others, taken back. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { DuckDBConnection } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  arrowFile,
  arrowSource,
  arrowStream,
  csv,
  csvFile,
  exportLog,
  fileSource,
  inspectSchema,
  jsonLines,
  jsonLinesFile,
  mcapFile,
  mcapSource,
  parquetFile,
  parquetSource,
  queryEvents,
  streamSource,
  type CaptureSource,
  type EventSchema,
  type FieldType,
  type OutputFormat,
} from '../../src/index.js';
import { hasZstd } from '../../src/exchange/zstd.js';
import { rowsOf } from '../support/arrow-tables.js';
import { openDuckDb, plainRow, readCsv, type SqlRow, type TableField } from '../support/duckdb.js';
import {
  besideLog,
  eventsOf,
  exportPool,
  importedLog,
  recordsOf,
} from '../support/exported-logs.js';
import { all, indexedReader } from '../support/mcap-files.js';

let duck: DuckDBConnection;
beforeAll(async () => {
  duck = await openDuckDb();
});
afterAll(() => duck.closeSync());

type Row = Readonly<Record<string, unknown>>;

const folder = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));

/** Tables of numbers, of text in several languages, with empty cells, with times. */
const CSV_FILES = [
  'airports',
  'birdstrikes',
  'disasters',
  'github',
  'seattle-weather',
  'sp500-2000',
  'species',
  'stocks',
  'windvectors',
];
const JSON_FILES = ['barley', 'cars', 'flights-2k', 'jobs', 'ohlc', 'population'];

async function logOfFile(name: string): Promise<{ log: string; schema: EventSchema }> {
  const source = CSV_FILES.includes(name)
    ? fileSource(join(folder, `${name}.csv`), { format: csv() })
    : rowsOfJson(name);
  const { log, report } = await importedLog(source);
  expect(report.rejected).toBe(0);
  const { schema } = inspectSchema(log) ?? {};
  if (schema === undefined) throw new Error(`${log} has no schema`);
  return { log, schema };
}

/** An array of objects, as lines. */
function rowsOfJson(name: string): CaptureSource {
  const rows = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Row[];
  const lines = rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`));
  return streamSource(Readable.from(lines), { format: jsonLines() });
}

/** What events are made of whose schema follows from text. */
const TYPES: Readonly<Record<string, FieldType>> = {
  bool: 'bool',
  int64: 'long',
  uint64: 'ulong',
  float64: 'double',
  string: 'string',
};

function columnsOf({ root }: EventSchema): TableField[] {
  return root.fields.map(({ name, type }) => {
    return { name, type: TYPES[type.kind === 'scalar' ? type.scalar : type.kind] as FieldType };
  });
}

/** Events with every field, null where there is nothing. */
function rowsIn(log: string, schema: EventSchema): SqlRow[] {
  const missing = Object.fromEntries(columnsOf(schema).map(({ name }) => [name, null]));
  return eventsOf(log, schema).map((event) => ({ ...missing, ...event }));
}

function rounded(event: Row): Row {
  const entries = Object.entries(event).map(([name, value]): [string, unknown] => {
    return [name, typeof value === 'bigint' ? Number(value) : value];
  });
  return Object.fromEntries(entries);
}

async function exported(log: string, name: string, format: OutputFormat): Promise<string> {
  const path = besideLog(log, name);
  await exportLog(log, path, { format, pool: exportPool() });
  return path;
}

/** What is taken back of a file, by the schema that is in it or this one. */
async function expectBack(log: string, source: CaptureSource, schema?: EventSchema) {
  const { log: again, report } = await importedLog(source, schema);
  expect(report.rejected).toBe(0);
  const own = inspectSchema(again)?.schema as EventSchema;
  expect(eventsOf(again, own)).toEqual(eventsOf(log, own));
}

describe.each([...CSV_FILES, ...JSON_FILES])('%s', (name) => {
  it('is for others, in every format, what it is here, and comes back', async () => {
    const { log, schema } = await logOfFile(name);
    const rows = rowsIn(log, schema);
    expect(rows.length).toBeGreaterThan(40);

    const parquet = await exported(log, 'x.parquet', parquetFile({ times: 'integers' }));
    const found = await duck.runAndReadAll(`SELECT * FROM '${parquet}'`);
    expect(found.getRowObjectsJS().map(plainRow)).toEqual(rows);
    await expectBack(log, parquetSource(parquet));

    const arrow = await exported(log, 'x.arrow', arrowFile({ times: 'integers' }));
    expect(rowsOf(tableFromIPC(readFileSync(arrow)))).toEqual(rows);
    await expectBack(log, arrowSource(arrow));
    const arrows = await exported(log, 'x.arrows', arrowStream({ times: 'integers' }));
    expect(rowsOf(tableFromIPC(readFileSync(arrows)))).toEqual(rows);
    await expectBack(log, arrowSource(arrows));

    const text = await exported(log, 'x.csv', csvFile());
    expect((await readCsv(duck, text, columnsOf(schema))).map(plainRow)).toEqual(rows);
    await expectBack(log, fileSource(text, { format: csv() }), schema);

    const lines = await exported(log, 'x.jsonl', jsonLinesFile());
    const parsed = readFileSync(lines, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): Row => JSON.parse(line));
    // All digits are there; it is `JSON.parse` that rounds them.
    expect(parsed).toEqual(eventsOf(log, schema).map(rounded));
    await expectBack(log, fileSource(lines, { format: jsonLines() }), schema);

    const mcap = await exported(log, 'x.mcap', mcapFile());
    const messages = await all((await indexedReader(mcap)).readMessages());
    expect(messages.map(({ data }) => new Uint8Array(data))).toEqual(
      recordsOf(log).map(({ payload }) => payload),
    );
    await expectBack(log, mcapSource(mcap));
  });
});

it('flights-200k.arrow is taken as apache-arrow reads it', async () => {
  const path = join(folder, 'flights-200k.arrow');
  const { log, report } = await importedLog(arrowSource(path));
  expect(report.rejected).toBe(0);
  const expected = rowsOf(tableFromIPC(readFileSync(path)));
  expect(expected.length).toBe(200_000);
  expect(rowsIn(log, inspectSchema(log)?.schema as EventSchema)).toEqual(expected);
});

it.runIf(hasZstd)('flights-3m.parquet is taken as DuckDB reads it', async () => {
  const path = join(folder, 'flights-3m.parquet');
  const { log, report } = await importedLog(parquetSource(path));
  expect(report).toMatchObject({ rejected: 0, events: 3_000_000 });
  const select = {
    events: { fn: 'count' },
    delay: { fn: 'sum', field: 'delay' },
    nearest: { fn: 'min', field: 'distance' },
    first: { fn: 'min', field: 'date_us' },
    last: { fn: 'max', field: 'date_us' },
    farthest: { fn: 'max', field: 'distance' },
  } as const;
  const { value } = await queryEvents(log, { groupBy: ['origin'], select }, { pool: exportPool() });
  const expected = await duck.runAndReadAll(
    `SELECT origin, count(*) AS events, sum(delay)::DOUBLE AS delay, min(distance) AS nearest,
       epoch_us(min(date)) AS first, epoch_us(max(date)) AS last, max(distance) AS farthest
     FROM '${path}' GROUP BY origin ORDER BY origin`,
  );
  expect(value.rows).toEqual(expected.getRowObjectsJS().map(plainRow));
});
