/** CSV that is exported: read by DuckDB, by csv-parse, and by our own capture. */
import { readFileSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ScanError,
  csv,
  csvFile,
  defineSchema,
  encodeEvent,
  eventSchema,
  exportLog,
  fileSource,
  type CsvFileOptions,
  type FieldType,
} from '../../src/index.js';
import { openDuckDb, readCsv } from '../support/duckdb.js';
import { besideLog, exportPool, importedLog, logOf, recordsOf } from '../support/exported-logs.js';
import { drawTable, type DrawnTable } from '../support/random-tables.js';
import { Flatc } from '../support/flatc.js';
import { rejectionOf, thrownBy } from '../support/logs.js';

const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);

let connection: DuckDBConnection;
let flatc: Flatc;
beforeAll(async () => {
  connection = await openDuckDb();
  flatc = await Flatc.start();
});
afterAll(() => connection.closeSync());

type Settings = Partial<Omit<Parameters<typeof exportLog>[2], 'format'>>;

async function exported(log: string, options: CsvFileOptions = {}, settings: Settings = {}) {
  const path = besideLog(log, 'out.csv');
  const format = csvFile(options);
  await exportLog(log, path, { pool: exportPool(), replace: true, ...settings, format });
  return path;
}

function logOfTable({ schema, events }: DrawnTable): Promise<string> {
  return logOf(
    schema,
    events.map((event) => encodeEvent(schema, event)),
  );
}

/** A cell in quotes is told from one without. */
interface ParsedCell {
  readonly text: string;
  readonly isQuoted: boolean;
}

function cellsOf(path: string): ParsedCell[][] {
  const rows: unknown = parse(readFileSync(path), {
    cast: (text, { quoting }) => ({ text, isQuoted: quoting }),
    record_delimiter: '\r\n',
    skip_empty_lines: false,
    relax_column_count: false,
  });
  return rows as ParsedCell[][];
}

/** What a value should be, as text; `undefined`: nothing at all. */
function textOf(value: unknown, type: FieldType): string | undefined {
  if (value === null || value === undefined) return undefined;
  if (type === 'float') return floatText(value as number, true);
  return typeof value === 'number' && type === 'double'
    ? floatText(value, false)
    : `${value as string | bigint | boolean | number}`;
}

function floatText(value: number, isSingle: boolean): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0';
  if (!isSingle) return String(value);
  // The fewest digits that mean it.
  for (let digits = 1; ; digits++) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
}

describe('csvFile()', () => {
  it('writes cells that csv-parse reads as exactly the values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const table = drawTable(draw);
        const [header, ...rows] = cellsOf(await exported(await logOfTable(table)));
        expect(header?.map(({ text }) => text)).toEqual(table.fields.map(({ name }) => name));
        const expected = table.events.map((event) =>
          table.fields.map(({ name, type }) => textOf(event[name], type)),
        );
        const found = rows.map((row) =>
          row.map(({ text, isQuoted }) => (text === '' && !isQuoted ? undefined : text)),
        );
        expect(found).toEqual(expected);
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  it('writes a file that our own capture makes an equal log of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const table = drawTable(draw);
        const log = await logOfTable(table);
        const path = await exported(log);
        const { log: again, report } = await importedLog(
          fileSource(path, { format: csv() }),
          table.schema,
        );
        expect(report.rejected).toBe(0);
        expect(payloadsOf(again)).toEqual(payloadsOf(log));
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  it('keeps a NUL, and a string that begins as a file with a byte order mark does', async () => {
    const schema = defineSchema('t.Odd', [{ name: 's', type: 'string' }]);
    const strings = ['\uFEFFfirst', '\0', 'a\0b', '\uFEFF', '"\0'];
    const log = await logOf(
      schema,
      strings.map((s) => ({ s })),
    );
    for (const header of [true, false]) {
      const path = await exported(log, { header });
      const format = csv({ header });
      const { log: again, report } = await importedLog(fileSource(path, { format }), schema);
      expect(report.rejected).toBe(0);
      expect(payloadsOf(again)).toEqual(payloadsOf(log));
    }
  });

  it('writes a file that DuckDB reads with types as exactly the values', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const table = drawTable(draw, { withoutNul: true });
        const path = await exported(await logOfTable(table));
        const rows = await readCsv(connection, path, table.fields);
        const expected = table.events.map((event) =>
          Object.fromEntries(table.fields.map(({ name }) => [name, event[name] ?? null])),
        );
        expect(rows.map(normal)).toEqual(expected.map(normal));
      }),
      { numRuns: 30, seed: SEED },
    );
  });

  it('writes what is no single value by its fields, and tells by its type which member a union has', async () => {
    const log = await nestedLog([
      {
        kind: 'Hot',
        flags: 'A C',
        at: { x: 1, y: -2 },
        body_type: 'One',
        body: { a: 5, s: 'x,y' },
      },
      { kind: 'Cold', at: { x: 3, y: 4 }, body_type: 'Two', body: { b: 0.1 } },
      {},
    ]);
    const text = readFileSync(await exported(log), 'utf8');
    expect(text).toBe(
      [
        'kind,flags,at.x,at.y,body_type,body.One.a,body.One.s,body.Two.b',
        'Hot,A C,1,-2,One,5,"x,y",',
        'Cold,0,3,4,Two,,,0.1',
        'Hot,0,,,NONE,,,',
        '',
      ].join('\r\n'),
    );
    const chosen = await exported(
      log,
      { header: false },
      { fields: ['$offset', 'body.One.s', 'at.y'] },
    );
    expect(readFileSync(chosen, 'utf8')).toBe('0,"x,y",-2\r\n1,,4\r\n2,,\r\n');
  });

  it('writes what is no single value as JSON if that is asked for', async () => {
    const log = await nestedLog([
      { at: { x: 1, y: -2 }, body_type: 'One', body: { a: 5, s: 'x"y' } },
      {},
    ]);
    const rows = cellsOf(await exported(log, { nested: 'json' })).map((row) =>
      row.map(({ text }) => text),
    );
    expect(rows).toEqual([
      ['kind', 'flags', 'at', 'body_type', 'body'],
      ['Hot', '0', '{"x":1,"y":-2}', 'One', '{"a":5,"s":"x\\"y"}'],
      ['Hot', '0', '', 'NONE', ''],
    ]);
  });

  it('writes names for values of enums of 64 bits', async () => {
    const fbs = `enum Wide:long { Least = -9223372036854775808, None = 0, One }
      enum Huge:ulong { Small = 1, Largest = 18446744073709551615 }
      table Row { wide:Wide; huge:Huge = Small; } root_type Row;`;
    const schema = eventSchema(flatc.schema(fbs));
    const events = [{}, { wide: 'One', huge: 'Largest' }, { wide: 'Least' }];
    const log = await logOf(
      schema,
      events.map((event) => encodeEvent(schema, event)),
    );
    expect(
      readFileSync(await exported(log), 'utf8')
        .split('\r\n')
        .slice(1, 4),
    ).toEqual(['None,Small', 'One,Largest', 'Least,Small']);
  });

  it('writes numbers for values of enums without a name, and for sets of flags with unknown ones', async () => {
    const fbs = `enum Kind:byte { A, B } enum Bits:ubyte (bit_flags) { X, Y }
      table T { kind:Kind; bits:Bits; } root_type T;`;
    const plain = 'table T { kind:byte; bits:ubyte; } root_type T;';
    const [schema, bare] = [flatc.schema(fbs), eventSchema(flatc.schema(plain))];
    const values = [
      [1, 3],
      [7, 8],
      [-128, 255],
    ];
    const events = values.map(([kind, bits]) => encodeEvent(bare, { kind, bits }));
    const log = await logOf(eventSchema(schema), events);
    expect(readFileSync(await exported(log), 'utf8')).toBe(
      'kind,bits\r\nB,X Y\r\n7,8\r\n-128,255\r\n',
    );
  });

  it('refuses what columns cannot hold, and names it', async () => {
    const refused = async (fbs: string, options: CsvFileOptions = {}, fields?: string[]) => {
      const log = await logOf(eventSchema(flatc.schema(`${fbs} root_type T;`)), []);
      const error = await rejectionOf(exported(log, options, { fields }));
      expect(error).toBeInstanceOf(TypeError);
      return (error as Error).message;
    };
    expect(await refused('table T { a:int; xs:[int]; }')).toMatch(
      /Cannot export xs .*nested: 'json'/,
    );
    expect(await refused('table T { a:int; next:T; }')).toMatch(/Cannot export next /);
    expect(await refused('table S { s:string; } table T { a:int; s:S; }')).toMatch(
      /Cannot export s /,
    );
    const one = 'table T { a:int; xs:[int]; }';
    expect(await refused(one, {}, ['b'])).toMatch(/has no b/);
    expect(await refused(one, {}, ['xs'])).toMatch(/xs/);
    expect(await refused(one, {}, ['a', 'a'])).toMatch(/a .*twice/);
    expect(await refused(one, {}, [])).toMatch(/no fields/);
    expect(await refused('table T { gone:int (deprecated); }')).toMatch(/no fields/);
    expect(thrownBy(() => csvFile({ nested: 'no' as 'json' }))).toBeInstanceOf(TypeError);
  });

  it('says which event has a string that is not UTF-8', async () => {
    const schema = defineSchema('t.S', [{ name: 's', type: 'string' }]);
    const good = encodeEvent(schema, { s: 'grün' });
    const bad = Uint8Array.from(good);
    bad[Buffer.from(bad).indexOf('grün') + 2] = 0xff;
    const log = await logOf(schema, [...Array.from({ length: 700 }, () => good), bad, good]);
    const error = await rejectionOf(exported(log));
    expect(error).toBeInstanceOf(ScanError);
    expect((error as ScanError).offset).toBe(700);
    expect((error as ScanError).message).toMatch(/not UTF-8/);
  });
});

function payloadsOf(log: string): Uint8Array[] {
  return recordsOf(log).map(({ payload }) => payload);
}

/** Events of a table with an enum, flags, a struct and a union. */
function nestedLog(events: readonly object[]): Promise<string> {
  const schema = flatc.schema(`
    enum Kind:byte { Hot, Cold } enum Bits:ubyte (bit_flags) { A, B, C }
    struct At { x:int; y:short; } table One { a:int; s:string; } table Two { b:double; }
    union Body { One, Two } table T { kind:Kind; flags:Bits; at:At; body:Body; } root_type T;`);
  return logOf(
    eventSchema(schema),
    events.map((event) => flatc.encode(schema, JSON.stringify(event))),
  );
}

/** Of integers it does not count whether they came as bigints; zeros keep their signs. */
function normal(row: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(row).map(([name, value]): [string, unknown] => {
    const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
    return [name, isInteger ? BigInt(value as number) : value];
  });
  return Object.fromEntries(entries);
}
