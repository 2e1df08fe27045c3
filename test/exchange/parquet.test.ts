import fc from 'fast-check';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { DuckDBConnection } from '@duckdb/node-api';
import { parquetMetadata, parquetReadObjects, snappyUncompress } from 'hyparquet';
import { ByteWriter, parquetWriteFile } from 'hyparquet-writer';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  CaptureError,
  InputError,
  LogError,
  ScanError,
  capture,
  decodeEvent,
  defineSchema,
  eventSchema,
  exportLog,
  openEventAppender,
  openEventReader,
  openReader,
  parquetFile,
  parquetSource,
  type CaptureReport,
  encodeEvent,
  type EventSchema,
  type Intake,
  type ExportOptions,
  type ParquetFileOptions,
  type ParquetSourceOptions,
  type Rejected,
} from '../../src/index.js';
import { decompressed } from '../../src/exchange/parquet/decompress.js';
import { snappyCompressed } from '../../src/exchange/parquet/snappy.js';
import { openDuckDb } from '../support/duckdb.js';
import { logOf, verifiedLogPath } from '../support/exported-logs.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema } from '../support/random-schemas.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { sharedPool } from '../support/verification.js';

const RUNS = Number(process.env['FC_NUM_RUNS'] ?? 12);

type Row = Record<string, unknown>;

let flatc: Flatc;
let duck: DuckDBConnection;
beforeAll(async () => {
  flatc = await Flatc.start();
  duck = await openDuckDb();
  await duck.run("SET TimeZone = 'UTC'");
});

/** Beside the log that a test makes first. */
function filePath(): string {
  return join(dirname(temporaryLogPath()), 'x.parquet');
}

function schemaOf(fbs: string): EventSchema {
  return eventSchema(flatc.schema(fbs));
}

interface Exported {
  readonly path: string;
  readonly rows: number;
}

async function exported(
  log: string,
  options: ParquetFileOptions = {},
  settings: Partial<Omit<ExportOptions, 'format'>> = {},
): Promise<Exported> {
  const path = filePath();
  const reader = openReader(log);
  try {
    const format = parquetFile(options);
    const { rows } = await exportLog(reader, path, { format, pool: sharedPool(), ...settings });
    return { path, rows };
  } finally {
    reader.close();
  }
}

interface Imported {
  readonly report: CaptureReport;
  readonly rejected: readonly Rejected[];
  readonly events: readonly unknown[];
  readonly schema: EventSchema;
}

async function imported(
  path: string,
  options: ParquetSourceOptions = {},
  schema?: EventSchema,
): Promise<Imported> {
  const log = verifiedLogPath();
  const rejected: Rejected[] = [];
  const report = await capture(parquetSource(path, options), log, {
    ...(schema === undefined ? {} : { schema }),
    onReject: (each) => rejected.push(each),
  });
  const { events, schema: found } = eventsIn(log);
  return { report, rejected, events, schema: found };
}

/** The same without a log, which takes less time: events as they would lie in it. */
async function taken(path: string, options: ParquetSourceOptions = {}): Promise<unknown[]> {
  const source = parquetSource(path, options);
  const events: unknown[] = [];
  try {
    const { signal } = new AbortController();
    const schema = (await source.open?.(undefined, signal)) as EventSchema;
    const intake: Intake = {
      schema,
      signal,
      isClosed: false,
      isFull: false,
      maxEventBytes: 2 ** 20,
      append(event) {
        try {
          events.push(decodeEvent(schema, encodeEvent(schema, event)));
        } catch (error) {
          // An event that does not fit its schema is rejected.
          if (error instanceof LogError) throw error;
          events.push((error as Error).message);
        }
      },
      appendFlatBuffer: () => expect.unreachable(),
      reject: (reason) => void events.push(reason),
      drop: () => expect.unreachable(),
      ready: () => Promise.resolve(),
    };
    await source.run(intake);
  } finally {
    await source.close?.();
  }
  return events;
}

function eventsIn(log: string): { events: unknown[]; schema: EventSchema } {
  const reader = openEventReader(log);
  const events: unknown[] = [];
  const cursor = reader.records.cursor({ from: 0 });
  while (cursor.next()) events.push(decodeEvent(reader.schema, cursor.payload));
  const { schema } = reader;
  reader.close();
  return { events, schema };
}

/** What DuckDB reads of a file, as JavaScript has it. */
async function duckRows(path: string, select = '*'): Promise<Row[]> {
  const found = await duck.runAndReadAll(`SELECT ${select} FROM '${path}'`);
  return found.getRowObjectsJS();
}

async function duckFile(sql: string, options = ''): Promise<string> {
  const path = filePath();
  await duck.run(`COPY (${sql}) TO '${path}' (FORMAT parquet${options})`);
  return path;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint' && Number.isSafeInteger(Number(value))) return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

const EVERY = `
  enum Color : byte { Red = -1, Green, Blue = 7 }
  enum Flags : ubyte (bit_flags) { A, B, C }
  struct Inner { a:short; b:double; }
  struct Outer { inner:Inner; c:bool; }
  struct Fixed { three:[int:3]; bytes:[ubyte:2]; inner:[Inner:2]; }
  table Leaf { name:string; weight:double = null; }
  table Branch { leaves:[Leaf]; best:Leaf; time_ns:[long]; }
  table Nothing {}
  union Any { Leaf, Branch, Nothing, Inner }
  table Root {
    b:bool; i8:byte; u8:ubyte; i16:short; u16:ushort; i32:int; u32:uint; i64:long; u64:ulong;
    f32:float; f64:double; text:string; needed:string (required);
    maybe:int = null; maybe_wide:ulong = null; maybe_bool:bool = null;
    color:Color; flags:Flags; outer:Outer; fixed:Fixed;
    time_ns:long; start_time_us:ulong; time_ms:long = null; time_s:long; took_ns:long;
    branch:Branch; any:Any; bytes:[ubyte]; numbers:[double]; texts:[string]; colors:[Color];
    leaves:[Leaf]; inners:[Inner]; wides:[ulong];
  }
  root_type Root;`;

const FULL = {
  b: true,
  i8: -128,
  u8: 255,
  i16: -32_768,
  u16: 65_535,
  i32: -(2 ** 31),
  u32: 2 ** 32 - 1,
  i64: -(2n ** 63n),
  u64: 2n ** 64n - 1n,
  f32: Math.fround(0.1),
  f64: 0.1,
  text: 'Ää 𝄞 \u0000 \uFFFD "quoted"',
  needed: '',
  maybe: 0,
  maybe_wide: 2n ** 63n,
  maybe_bool: false,
  color: 'Blue',
  flags: 'A C',
  outer: { inner: { a: -1, b: -0 }, c: true },
  fixed: {
    three: [1, 2, 3],
    bytes: [0, 255],
    inner: [
      { a: 1, b: NaN },
      { a: 2, b: -Infinity },
    ],
  },
  time_ns: 1_700_000_000_123_456_789n,
  start_time_us: 2n ** 63n - 1n,
  time_ms: -1,
  time_s: 1_700_000_000,
  took_ns: 5,
  branch: {
    leaves: [{ name: 'one', weight: 1 }, { weight: null }, { name: '', weight: Infinity }],
    best: { weight: null },
    time_ns: [1, -(2n ** 63n)],
  },
  any_type: 'Leaf',
  any: { name: 'any', weight: null },
  bytes: [0, 1, 255],
  numbers: [1.5, NaN, -0],
  texts: ['', 'ß'],
  colors: ['Red', 'Green'],
  leaves: [],
  inners: [{ a: 1, b: 2 }],
  wides: [2n ** 64n - 1n, 0],
};
const EMPTY = { needed: 'x' };
const OTHERS = [
  {
    ...EMPTY,
    f32: NaN,
    f64: NaN,
    i64: 2n ** 63n - 1n,
    bytes: [],
    numbers: [],
    texts: [],
    any_type: 'Nothing',
    any: {},
  },
  { ...EMPTY, f32: -Infinity, f64: -0, any_type: 'Inner', any: { a: 3, b: 4 }, branch: {} },
  { ...EMPTY, any_type: 'Branch', any: { leaves: [], time_ns: [] }, branch: { leaves: [{}] } },
];
const EVENTS = [FULL, EMPTY, ...OTHERS];

describe('a file of parquetFile', () => {
  it.each<ParquetFileOptions>([
    {},
    { nested: 'json' },
    { enums: 'numbers', times: 'integers' },
    { compression: 'gzip' },
    { compression: 'none', rowGroupRows: 2 },
    { rowGroupRows: 1, nested: 'json', enums: 'numbers' },
  ])('gives back the same events by its own schema with %o', async (options) => {
    const schema = schemaOf(EVERY);
    const log = await logOf(schema, EVENTS);
    const { path, rows } = await exported(log, options);
    expect(rows).toBe(EVENTS.length);
    const back = await imported(path);
    expect(back.rejected).toEqual([]);
    expect(back.events).toStrictEqual(eventsIn(log).events);
    expect(Buffer.compare(back.schema.bytes, schema.bytes)).toBe(0);
  });

  it('has names for values of enums of 64 bits', async () => {
    const schema = schemaOf(`enum Wide:long { Least = -9223372036854775808, None = 0, One }
      enum Huge:ulong { Small = 1, Largest = 18446744073709551615 }
      table R { wide:Wide; huge:Huge = Small; all:[Huge]; } root_type R;`);
    const events = [{}, { wide: 'One', huge: 'Largest', all: ['Small', 'Largest'] }];
    const log = await logOf(schema, [...events, { wide: 'Least' }]);
    const { path } = await exported(log);
    expect(await taken(path)).toStrictEqual(eventsIn(log).events);
    expect(await duckRows(path, 'wide, huge')).toEqual([
      { wide: 'None', huge: 'Small' },
      { wide: 'One', huge: 'Largest' },
      { wide: 'Least', huge: 'Small' },
    ]);
  });

  it('keeps vectors of unions as JSON, with what each of their elements is', async () => {
    const schema = schemaOf(
      'table A { n:int; } table B { n:int; } union U { A, B } table R { k:int; us:[U]; } root_type R;',
    );
    const log = await logOf(schema, [
      { k: 1, us_type: ['A', 'B'], us: [{ n: 1 }, { n: 2 }] },
      { k: 2, us_type: [], us: [] },
      { k: 3 },
    ]);
    const { path } = await exported(log, { nested: 'json' });
    expect(await taken(path)).toStrictEqual(eventsIn(log).events);
  });

  it('gives back events of random schemas', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), fc.constantFrom('columns', 'json'), async (draw, nested) => {
        const random = drawSchema(draw);
        const schema = schemaOf(random.fbs);
        const count = draw(() => fc.integer({ min: 0, max: 6 }));
        const events = Array.from({ length: count }, random.event);
        const log = await logOf(schema, events);
        const rowGroupRows = draw(() => fc.integer({ min: 1, max: 5 }));
        let path: string;
        try {
          ({ path } = await exported(log, { nested, rowGroupRows }));
        } catch (error) {
          // Vectors of unions are the only thing here that columns cannot hold.
          expect((error as Error).message).toMatch(
            /^Cannot export \S+ as columns: it is a vector of unions/,
          );
          return;
        }
        expect(await taken(path)).toStrictEqual(eventsIn(log).events);
      }),
      // Events are drawn in ways that do not get simpler, and trying to takes longer than a test may.
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('says to DuckDB what is in it, edge values included', async () => {
    const log = await logOf(schemaOf(EVERY), EVENTS);
    const { path } = await exported(log);
    const names = Object.keys(FULL).filter(
      (name) => !/time_|^any$|^fixed$|^outer$|^bytes$/.test(name),
    );
    const rows = await duckRows(path, names.join(', '));
    const [full, empty, other, third] = rows as [Row, Row, Row, Row];
    const shown = Object.fromEntries(names.map((name) => [name, plain(full[name])]));
    const { any: _any, fixed: _fixed, outer: _outer, bytes: _bytes, ...expected } = FULL;
    expect(shown).toStrictEqual({
      ...Object.fromEntries(Object.entries(expected).filter(([name]) => names.includes(name))),
      flags: 5,
      branch: {
        leaves: [
          { name: 'one', weight: 1 },
          { name: null, weight: null },
          { name: '', weight: Infinity },
        ],
        best: { name: null, weight: null },
        time_ns: expect.anything(),
      },
    });
    expect(empty).toMatchObject({
      text: null,
      maybe: null,
      branch: null,
      texts: null,
      any_type: 'NONE',
    });
    expect(other).toMatchObject({
      f32: NaN,
      f64: NaN,
      numbers: [],
      texts: [],
      any_type: 'Nothing',
    });
    expect(third['f32']).toBe(-Infinity);
    expect(third['f64']).toBe(-0);
    const types = await duck.runAndReadAll(`DESCRIBE SELECT * FROM '${path}'`);
    const byName = Object.fromEntries(
      types.getRowObjectsJS().map((each) => [each['column_name'], each['column_type']]),
    );
    expect(byName).toMatchObject({
      b: 'BOOLEAN',
      i8: 'TINYINT',
      u8: 'UTINYINT',
      i16: 'SMALLINT',
      u16: 'USMALLINT',
      i32: 'INTEGER',
      u32: 'UINTEGER',
      i64: 'BIGINT',
      u64: 'UBIGINT',
      f32: 'FLOAT',
      f64: 'DOUBLE',
      text: 'VARCHAR',
      color: 'VARCHAR',
      flags: 'UTINYINT',
      outer: 'STRUCT("inner" STRUCT(a SMALLINT, b DOUBLE), c BOOLEAN)',
      fixed: 'STRUCT(three INTEGER[], bytes BLOB, "inner" STRUCT(a SMALLINT, b DOUBLE)[])',
      time_ns: 'TIMESTAMP WITH TIME ZONE',
      start_time_us: 'TIMESTAMP WITH TIME ZONE',
      time_s: 'BIGINT',
      took_ns: 'BIGINT',
      bytes: 'BLOB',
      any: 'STRUCT(Leaf STRUCT("name" VARCHAR, weight DOUBLE), Branch STRUCT(leaves STRUCT("name" VARCHAR, weight DOUBLE)[], best STRUCT("name" VARCHAR, weight DOUBLE), time_ns TIMESTAMP WITH TIME ZONE[]), "Inner" STRUCT(a SMALLINT, b DOUBLE))',
    });
  });

  it('tells hyparquet of times in ns with all their digits', async () => {
    const log = await logOf(schemaOf(EVERY), EVENTS);
    const { path } = await exported(log);
    const file = readFileSync(path);
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length);
    const rows = await parquetReadObjects({
      file: bytes,
      columns: ['time_ns', 'time_ms', 'u64', 'text', 'any'],
      parsers: { timestampFromNanoseconds: (nanos) => nanos as never },
    });
    expect(rows[0]).toMatchObject({
      time_ns: FULL.time_ns,
      time_ms: new Date(-1),
      u64: 2n ** 64n - 1n,
      text: FULL.text,
    });
    expect(rows[1]).toMatchObject({ time_ms: null, text: null });
  });

  it('lets DuckDB pass over row groups by what their statistics say, and miss no row', async () => {
    const schema = defineSchema('t.R', [
      { name: 'u', type: 'ulong' },
      { name: 'i', type: 'long' },
      { name: 'd', type: 'double' },
      { name: 's', type: 'string' },
      { name: 'w', type: 'uint' },
    ]);
    const events = Array.from({ length: 1000 }, (_, n) => ({
      u: 2n ** 63n - 500n + BigInt(n),
      i: BigInt(n - 500) * 2n ** 40n,
      d: n % 100 === 7 ? NaN : n - 500.5,
      s: `é${String.fromCodePoint(0xe000 + n)}${n % 3 === 0 ? '\u{1F600}' : '\uFFFE'}`,
      w: 2 ** 31 - 500 + n,
    }));
    const log = await logOf(schema, events);
    const { path } = await exported(log, { rowGroupRows: 64 });
    const groups = parquetMetadata(readFileSync(path)).row_groups;
    expect(groups.length).toBe(Math.ceil(1000 / 64));
    // The eighth group is that in which unsigned numbers would change their sign.
    const bounds = groups[7]?.columns.map((column) => column.meta_data?.statistics);
    const [from, to] = [448, 511];
    expect(bounds).toMatchObject([
      { min_value: 2n ** 63n - 52n, max_value: 2n ** 63n + 11n, null_count: 0n },
      { min_value: BigInt(from - 500) << 40n, max_value: BigInt(to - 500) << 40n },
      { min_value: undefined, max_value: undefined },
      { min_value: events[from]?.s, max_value: events[to]?.s },
      { min_value: 2 ** 31 - 52, max_value: 2 ** 31 + 11 },
    ]);
    await duck.run(`CREATE OR REPLACE TEMP TABLE t AS SELECT * FROM '${path}'`);
    const countIn = async (table: string, condition: string): Promise<unknown> => {
      const sql = `SELECT count(*) AS c FROM ${table} WHERE ${condition}`;
      return (await duck.runAndReadAll(sql)).getRowObjectsJS()[0]?.['c'];
    };
    // Around the middle of the range, where unsigned numbers would change their sign.
    for (const at of [0, 333, 460, 499, 500, 505, 999]) {
      const { u, i, s, w } = events[at] as (typeof events)[0];
      for (const value of [`u # ${u}::UBIGINT`, `i # ${i}`, `s # '${s}'`, `w # ${w}`]) {
        for (const comparison of ['<=', '=', '>']) {
          const condition = value.replace('#', comparison);
          const found = await countIn(`'${path}'`, condition);
          expect([condition, found]).toEqual([condition, await countIn('t', condition)]);
        }
      }
    }
    const nans = await duck.runAndReadAll(`SELECT count(*) AS c FROM '${path}' WHERE d > 1e9`);
    expect(nans.getRowObjectsJS()[0]?.['c']).toBe(10n);
  });

  it('keeps many rows, whether their values come again or not', async () => {
    const schema = schemaOf(
      'table R { n:long; again:uint; other:double; name:string; maybe:float = null; list:[ushort]; } root_type R;',
    );
    const events = Array.from({ length: 20_000 }, (_, n) => ({
      n: n * 2 ** 33,
      again: (n % 15) * 2 ** 28,
      other: Math.sin(n),
      ...(n % 5 === 0 ? {} : { name: n % 2 === 0 ? `name ${n % 300}` : `only ${n}` }),
      ...(n % 3 === 0 ? {} : { maybe: n / 8 }),
      ...(n % 7 === 0 ? {} : { list: Array.from({ length: n % 4 }, (__, i) => n + i) }),
    }));
    const log = await logOf(schema, events);
    for (const pieceBytes of [64 * 1024, 16 * 1024 * 1024]) {
      const { path } = await exported(log, { rowGroupRows: 8192 }, { pieceBytes });
      const back = await imported(path);
      expect(back.report).toMatchObject({ events: 20_000, rejected: 0 });
      expect(back.events).toStrictEqual(eventsIn(log).events);
      const [sums] = await duckRows(
        path,
        'count(*) AS c, count(name) AS names, sum(again)::DOUBLE AS again, count(maybe) AS maybe, sum(len(list)) AS lists',
      );
      expect(plain(Object.values(sums as Row))).toEqual([
        20_000,
        16_000,
        events.reduce((sum, { again }) => sum + again, 0),
        events.filter((event) => 'maybe' in event).length,
        events.reduce((sum, event) => sum + ('list' in event ? (event.list?.length ?? 0) : 0), 0),
      ]);
    }
  });

  it('has no rows of an empty log, and one of a log with one event', async () => {
    const schema = schemaOf(EVERY);
    for (const events of [[], [FULL]]) {
      const { path, rows } = await exported(await logOf(schema, events));
      expect(rows).toBe(events.length);
      expect(await duckRows(path, 'count(*) AS c')).toEqual([{ c: BigInt(events.length) }]);
      expect((await imported(path)).events.length).toBe(events.length);
    }
  });

  it('has what `fields` name, in their order, and only rows that meet `where`', async () => {
    const log = await logOf(schemaOf(EVERY), EVENTS);
    const { path, rows } = await exported(
      log,
      {},
      {
        fields: [
          '$offset',
          'branch.best.weight',
          'any.Leaf.name',
          'outer',
          'texts',
          'any_type',
          '$timeMs',
        ],
        where: { field: 'text', op: 'present' } as never,
      },
    );
    expect(rows).toBe(1);
    const [row] = await duckRows(path);
    expect(Object.keys(row as Row)).toEqual([
      '$offset',
      'branch.best.weight',
      'any.Leaf.name',
      'outer',
      'texts',
      'any_type',
      '$timeMs',
    ]);
    expect(row).toMatchObject({
      $offset: 0n,
      'branch.best.weight': null,
      'any.Leaf.name': 'any',
      outer: { inner: { a: -1, b: -0 }, c: true },
      texts: ['', 'ß'],
      any_type: 'Leaf',
    });
    // What is not whole is no log's schema.
    const keys = parquetMetadata(readFileSync(path)).key_value_metadata ?? [];
    expect(keys).toEqual([]);
  });
});

describe('parquetFile', () => {
  it('refuses options that make no sense', () => {
    expect(() => parquetFile({ nested: 'flat' as never })).toThrow(TypeError);
    expect(() => parquetFile({ enums: 'words' as never })).toThrow(TypeError);
    expect(() => parquetFile({ times: 'dates' as never })).toThrow(TypeError);
    expect(() => parquetFile({ compression: 'lzo' as never })).toThrow(TypeError);
    expect(() => parquetFile({ rowGroupRows: 0 })).toThrow(RangeError);
  });

  it.each([
    ['vector of unions', 'table A { n:int; } union U { A } table R { us:[U]; } root_type R;', 'us'],
    ['table within itself', 'table R { n:int; below:R; } root_type R;', 'below'],
    ['table without fields', 'table N {} table R { a:N; } root_type R;', 'a'],
  ])('names the field that it cannot hold: a %s', async (_what, fbs, field) => {
    const log = await logOf(schemaOf(fbs), []);
    await expect(exported(log)).rejects.toThrow(`Cannot export ${field} as columns`);
    expect((await exported(log, { nested: 'json' })).rows).toBe(0);
  });

  it('says at which event a value has no name, and writes numbers if it is asked to', async () => {
    const wide = schemaOf('enum E:int { A, B, C } table R { e:E; es:[E]; } root_type R;');
    const narrow = schemaOf('enum E:int { A, B } table R { e:E; es:[E]; } root_type R;');
    for (const event of [{ e: 'C' }, { es: ['C'] }]) {
      const log = await logOf(wide, [{ e: 'A' }, { e: 'B' }, event, { e: 'A' }]);
      const failure = await exported(log, {}, { schema: narrow }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ScanError);
      expect((failure as ScanError).offset).toBe(2);
      expect((failure as ScanError).message).toContain("2 has no name in E, and enums: 'numbers'");
      const { path } = await exported(log, { enums: 'numbers' }, { schema: narrow });
      const rows = await duckRows(path);
      expect(rows[2]).toEqual({
        e: event.e === undefined ? 0 : 2,
        es: event.es === undefined ? null : [2],
      });
    }
  });

  it('says at which event a time is past what a timestamp holds', async () => {
    const schema = defineSchema('t.R', [{ name: 'time_us', type: 'ulong' }]);
    const log = await logOf(schema, [{ time_us: 1 }, { time_us: 2n ** 63n }]);
    const failure = await exported(log).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ScanError);
    expect((failure as ScanError).offset).toBe(1);
    const { path } = await exported(log, { times: 'integers' });
    expect(await duckRows(path)).toEqual([{ time_us: 1n }, { time_us: 2n ** 63n }]);
  });

  it('refuses text that is not UTF-8, wherever it stands', async () => {
    const schema = schemaOf('table T { s:string; } table R { s:string; t:T; } root_type R;');
    const whole = [
      { s: 'aé', t: { s: 'x' } },
      { s: 'éa', t: { s: 'x' } },
    ];
    for (const [place, cut] of [
      // The character's second byte alone, which would make sense behind the first.
      [Buffer.from('é'), Buffer.from([0x61, 0xc3])],
      [Buffer.from('x'), Buffer.from([0xff])],
    ] as const) {
      const log = verifiedLogPath();
      const source = await logOf(schema, whole);
      const appender = openEventAppender(log, { schema, maintenance: false });
      const reader = openReader(source);
      const cursor = reader.cursor({ from: 0 });
      while (cursor.next()) {
        const bytes = Buffer.from(cursor.payload);
        const at = bytes.indexOf(place);
        cut.copy(bytes, at);
        appender.appendFlatBuffer(bytes);
      }
      reader.close();
      await appender.close();
      const failure = await exported(log).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(ScanError);
      expect((failure as ScanError).message).toMatch(/UTF-8/);
      expect((failure as ScanError).offset).toBe(0);
    }
  });
});

describe('Snappy', () => {
  it('becomes for the package, and for an import, what it was', () => {
    const bytes = fc
      .tuple(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 256 }), fc.nat())
      .map(([length, values, seed]) => {
        // Parts that come again, near and far, between others that do not.
        let state = seed;
        const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8;
        return Uint8Array.from({ length }, (_, i) => (i % 1000 < 300 ? i % 251 : next() % values));
      });
    fc.assert(
      fc.property(bytes, (input) => {
        const compressed = snappyCompressed(input);
        const output = new Uint8Array(input.length);
        snappyUncompress(compressed, output);
        expect(Buffer.compare(output, input)).toBe(0);
        expect(Buffer.compare(decompressed('SNAPPY', compressed, input.length), input)).toBe(0);
      }),
      { numRuns: RUNS * 2 },
    );
  });
});

const TYPES = `SELECT
  n % 2 = 0 AS b, (n - 128)::TINYINT AS i8, n::UTINYINT AS u8, (n * 100 - 12000)::SMALLINT AS i16,
  (n * 250)::USMALLINT AS u16, (n * 8000000 - 1000000000)::INTEGER AS i32, (n * 16000000)::UINTEGER AS u32,
  (n - 128) * 70000000000000000 AS i64, n::UBIGINT * 72000000000000000 AS u64,
  (n / 8)::FLOAT AS f32, n / 3 AS f64, 'text ' || n || ' ä' AS s, CASE WHEN n % 3 = 0 THEN NULL ELSE n END AS maybe,
  TIMESTAMP '2024-02-29 12:34:56.789012' + INTERVAL (n) SECOND AS at,
  (TIMESTAMP '2024-02-29 12:34:56' + INTERVAL (n) SECOND)::TIMESTAMP_MS AS at_ms,
  make_timestamp_ns(1700000000123456789 + n) AS at_ns, DATE '1969-12-30' + n::INTEGER AS day,
  TIME '01:02:03.000004' AS clock, uuid() AS id, 'ab'::BLOB AS raw,
  [n, n + 1] AS list, CASE WHEN n % 2 = 0 THEN [] ELSE NULL END::VARCHAR[] AS empty,
  {'x': n, 'y': CASE WHEN n % 5 = 0 THEN NULL ELSE 'y' END} AS point,
  [{'k': 'a', 'v': n}, {'k': 'b', 'v': NULL}] AS pairs, MAP {'one': 1, 'two': n} AS map,
  ('a' || n % 3)::VARCHAR AS word
  FROM (SELECT unnest(range(0, 256)) AS n)`;

describe('parquetSource', () => {
  it.each(['snappy', 'gzip', 'lz4_raw', 'brotli', 'uncompressed'])(
    'takes what DuckDB writes with the codec %s, of all types',
    async (codec) => {
      const path = await duckFile(TYPES, `, CODEC ${codec}, ROW_GROUP_SIZE 2048`);
      const { events, rejected, schema } = await imported(path);
      expect(rejected).toEqual([]);
      expect(events.length).toBe(256);
      const rows = await duckRows(path);
      const n = 201;
      expect(events[n]).toMatchObject({
        b: false,
        i8: 73,
        u8: 201,
        i16: 8100,
        u16: 50_250,
        i32: 608_000_000,
        u32: 3_216_000_000,
        i64: 73n * 70_000_000_000_000_000n,
        u64: 201n * 72_000_000_000_000_000n,
        f32: 25.125,
        f64: 67,
        s: 'text 201 ä',
        maybe: null,
        at_us: 1_709_210_096_789_012 + n * 1e6,
        at_ms: 1_709_210_096_000 + n * 1000,
        at_ns: 1_700_000_000_123_456_789n + BigInt(n),
        day_ms: (n - 2) * 86_400_000,
        clock_us: 3_723_000_004,
        id: rows[n]?.['id'],
        raw: [97, 98],
        list: [201, 202],
        point: { x: 201, y: 'y' },
        pairs: [
          { k: 'a', v: 201 },
          { k: 'b', v: null },
        ],
        map: [
          { key: 'one', value: 1 },
          { key: 'two', value: 201 },
        ],
        word: 'a0',
      });
      expect(events[n]).not.toHaveProperty('empty');
      expect(events[200]).toMatchObject({ empty: [], maybe: 200, point: { x: 200 } });
      expect((events[200] as { point: Row }).point).not.toHaveProperty('y');
      expect(schema.root.fields.find(({ name }) => name === 'u16')?.type).toMatchObject({
        scalar: 'uint16',
      });
    },
  );

  it('takes several row groups, pages of both versions, and all of their encodings', async () => {
    const sql = `SELECT n, n * 3 AS wide, 'v' || (n % 7) AS few, 'value ' || n AS many, n % 11 = 0 AS b,
      (n / 7)::DOUBLE AS d, CASE WHEN n % 4 = 0 THEN NULL ELSE n::INTEGER END AS i
      FROM (SELECT unnest(range(0, 10000)) AS n)`;
    for (const version of ['V1', 'V2']) {
      const path = await duckFile(sql, `, PARQUET_VERSION ${version}, ROW_GROUP_SIZE 2048`);
      const groups = parquetMetadata(readFileSync(path)).row_groups;
      expect(groups.length).toBeGreaterThan(3);
      const { events, report } = await imported(path);
      expect(report.details).toMatchObject({ rowGroups: groups.length });
      const expected = (await duckRows(path)).map((row) =>
        Object.fromEntries(Object.entries(row).map(([name, value]) => [name, plain(value)])),
      );
      expect(events).toEqual(expected);
    }
  });

  it('takes DECIMAL only as it is asked to', async () => {
    const path = await duckFile(
      `SELECT 12345.67::DECIMAL(9, 2) AS small, -1.5::DECIMAL(18, 4) AS middle,
       '-123456789012345678901234.567891'::DECIMAL(38, 6) AS large`,
    );
    await expect(imported(path)).rejects.toThrow(/column small: it is a DECIMAL: choose decimals/);
    expect((await imported(path, { decimals: 'text' })).events).toEqual([
      { small: '12345.67', middle: '-1.5000', large: '-123456789012345678901234.567891' },
    ]);
    expect((await imported(path, { decimals: 'doubles' })).events).toEqual([
      { small: 12_345.67, middle: -1.5, large: Number('-123456789012345678901234.567891') },
    ]);
  });

  it('takes a file for what it is, if its kept schema is damaged, or no longer that of its columns', async () => {
    const kept = (bytes: Uint8Array): { key: string; value: string }[] => [
      { key: 'stratalog.schema', value: Buffer.from(bytes).toString('base64') },
      { key: 'stratalog.root', value: 't.Kept' },
    ];
    const schema = defineSchema('t.Kept', [{ name: 'n', type: 'int' }]);
    const whose = async (name: string, bytes: Uint8Array): Promise<string> => {
      const path = filePath();
      const columnData = [{ name, data: [1, 2], type: 'INT32' as const }];
      parquetWriteFile({ filename: path, columnData, kvMetadata: kept(bytes) });
      const found = await imported(path, { name: 'mine.Table' });
      expect(found.events).toEqual([{ [name]: 1 }, { [name]: 2 }]);
      return found.schema.name;
    };
    expect(await whose('n', schema.bytes)).toBe('t.Kept');
    expect(await whose('other', schema.bytes)).toBe('mine.Table');
    expect(await whose('n', schema.bytes.subarray(20))).toBe('mine.Table');
  });

  it('takes the columns that are named, and says which there are', async () => {
    const path = await duckFile(`SELECT 1 AS a, [[1]] AS deep, 'x' AS c`);
    expect((await imported(path, { columns: ['c', 'a'] })).events).toEqual([{ c: 'x', a: 1 }]);
    await expect(imported(path)).rejects.toThrow(/Cannot take column deep: it is a list of lists/);
    await expect(imported(path, { columns: ['b'] })).rejects.toThrow(
      'there is no column b, but a, deep, c',
    );
  });

  it('fits columns to a schema by their names, and times to the units of its fields', async () => {
    const path = await duckFile(
      `SELECT TIMESTAMP '2024-01-01 00:00:00.000001' AS time, DATE '2024-01-01' AS date_ns, 7 AS "My Value",
       [1, 2] AS numbers, {'x': 1.5, 'y': 2} AS p, 'B' AS e, 'text'::BLOB AS raw`,
    );
    const schema = schemaOf(
      `enum E:byte { A, B } struct P { x:double; y:double; }
       table R { time_ns:long; date_ns:long; My_Value:ubyte; numbers:[long]; p:P; e:E; raw:[ubyte]; other:string; }
       root_type R;`,
    );
    const { events, rejected } = await imported(path, { decimals: 'doubles' }, schema);
    expect(rejected).toEqual([]);
    expect(events).toEqual([
      {
        time_ns: 1_704_067_200_000_001_000n,
        date_ns: 1_704_067_200_000_000_000n,
        My_Value: 7,
        numbers: [1, 2],
        p: { x: 1.5, y: 2 },
        e: 'B',
        raw: [...Buffer.from('text')],
      },
    ]);
  });

  it('changes nothing where columns do not fit the schema', async () => {
    const path = await duckFile(`SELECT 'x' AS a, 1 AS b`);
    for (const [fields, why] of [
      ['a:string;', /column b goes to no field of R, which has a/],
      ['a:int; b:int;', /column a is string, and the field a is int32/],
      ['a:string; b:int; c:string (required);', /the field c is required/],
      [
        'a:string; b:[int];',
        /column b is int, and the field b is a vector|column b is a single value/,
      ],
    ] as const) {
      const schema = schemaOf(`table R { ${fields} } root_type R;`);
      const failure = await imported(path, {}, schema).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(InputError);
      expect((failure as Error).message).toMatch(why);
    }
  });

  it('rejects rows that a field cannot hold, by their numbers, and takes those between', async () => {
    const path = await duckFile(
      `SELECT * FROM (VALUES (1, 1.0, [1], '1'), (NULL, 2.0, [2], '2'), (3, 0.1::DOUBLE, [3], '3'), (4, 4.0, [4, NULL, 5], '4'),
       (500, 5.0, [5], '5'), (6, 6.0, [], '6')) AS t(n, f, list, s)`,
      ', ROW_GROUP_SIZE 2048',
    );
    const schema = schemaOf('table R { n:ubyte; f:float; list:[int]; s:string; } root_type R;');
    const { events, rejected } = await imported(path, { decimals: 'doubles' }, schema);
    expect(events).toEqual([
      { n: 1, f: 1, list: [1], s: '1' },
      { n: 6, f: 6, list: [], s: '6' },
    ]);
    expect(rejected.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'Cannot take n: it is nothing, where there must be a value'],
      [3, 'Cannot take f: it is 0.1, which would be rounded'],
      [4, 'Cannot take an element of list: it is nothing, where there must be a value'],
      [5, expect.stringContaining('500')],
    ]);
    expect(JSON.parse(Buffer.from(rejected[3]?.content as Uint8Array).toString())).toMatchObject({
      n: 500,
    });
  });

  it('takes INT96, the time of older writers', async () => {
    const day = Buffer.alloc(12);
    day.writeBigUInt64LE(123_456_789n, 0);
    day.writeInt32LE(2_440_588 + 19_000, 8);
    const path = filePath();
    writeFileSync(path, fileOf(day, { type: 3 }));
    expect((await imported(path)).events).toEqual([
      { x_ns: 19_000n * 86_400_000_000_000n + 123_456_789n },
    ]);
  });
});

/** A file with a column `x` of one required value: what is in its page, and what its metadata says. */
function fileOf(
  page: Uint8Array,
  { type = 2, codec = 0, ...claims }: Record<string, number | bigint> = {},
): Buffer {
  const claimed = {
    values: 1,
    pageBytes: page.length,
    plainBytes: page.length,
    start: 4n,
    ...claims,
  };
  const header = new ByteWriter();
  serializeTCompactProtocol(header, {
    field_1: 0,
    field_2: claimed.plainBytes,
    field_3: claimed.pageBytes,
    field_5: { field_1: claimed.values, field_2: 0, field_3: 3, field_4: 3 },
  });
  const size = BigInt(header.offset + page.length);
  const rows = BigInt(claimed.values);
  const footer = new ByteWriter();
  serializeTCompactProtocol(footer, {
    field_1: 1,
    field_2: [
      { field_4: 'schema', field_5: 1 },
      { field_1: Number(type), field_3: 0, field_4: 'x' },
    ],
    field_3: rows,
    field_4: [
      {
        field_1: [
          {
            field_2: 4n,
            field_3: {
              field_1: Number(type),
              field_2: [0],
              field_3: ['x'],
              field_4: Number(codec),
              field_5: rows,
              field_6: size,
              field_7: 'size' in claimed ? claimed.size : size,
              field_9: claimed.start,
            },
          },
        ],
        field_2: size,
        field_3: rows,
      },
    ],
  });
  return closed([header.getBytes(), page], footer.getBytes());
}

function closed(parts: readonly Uint8Array[], footer: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), ...parts, footer, length, Buffer.from('PAR1')]);
}

/** Before the first event it is the failure itself, behind it a capture's. */
function causeOf(error: unknown): unknown {
  return error instanceof CaptureError ? error.cause : error;
}

describe('a file that is damaged', () => {
  async function failureOf(bytes: Uint8Array, options?: ParquetSourceOptions): Promise<Error> {
    const path = filePath();
    writeFileSync(path, bytes);
    const failure = await imported(path, options).then(
      () => new Error('No failure'),
      (error: unknown) => causeOf(error) as Error,
    );
    expect(failure).toBeInstanceOf(InputError);
    expect(failure.message).toContain(path);
    return failure;
  }

  const eight = Buffer.alloc(8, 1);

  it.each<[string, () => Buffer, RegExp]>([
    ['is empty', () => Buffer.alloc(0), /too short/],
    ['is something else', () => Buffer.alloc(1000, 'x'), /PAR1 is missing/],
    ['is encrypted', () => Buffer.from('PAR1 and so on 0000PARE'), /encrypted/],
    [
      'has no footer',
      () => Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(20), Buffer.from('PAR1')]),
      /footer/,
    ],
    [
      'says that its footer is larger than it',
      () => Buffer.from('PAR1        \xff\xff\xff\x7fPAR1', 'latin1'),
      /its footer says/,
    ],
    [
      'has a list of lists of lists in its footer',
      () => closed([], Buffer.alloc(500, Buffer.from([0x19, 0xf9, 0xff, 0xff, 0xff, 0x0f]))),
      /footer is damaged/,
    ],
    [
      'has a footer of structs in structs',
      () => closed([], Buffer.alloc(100_000, 0x1c)),
      /footer is damaged/,
    ],
    [
      'says that a chunk has terabytes',
      () => fileOf(eight, { size: 2n ** 42n }),
      /row group 1, column x: it lies at bytes 4 to \d+, outside/,
    ],
    [
      'says that a chunk lies before its start',
      () => fileOf(eight, { start: -5n }),
      /outside of the file/,
    ],
    [
      'says that a page has more bytes than there are',
      () => fileOf(eight, { pageBytes: 2 ** 30 }),
      /a page of 1073741824 bytes/,
    ],
    [
      'says that a page has less than no bytes',
      () => fileOf(eight, { pageBytes: -8 }),
      /a page of -8 bytes/,
    ],
    [
      'says that there are billions of values',
      () => fileOf(eight, { values: 2 ** 31 - 1 }),
      /more than the .* bytes of memory/,
    ],
    ['says that there are fewer than no values', () => fileOf(eight, { values: -1 }), /rows/],
    [
      'has fewer values than it says',
      () => fileOf(eight, { values: 2 }),
      /fewer values than it says/,
    ],
    [
      'says that Snappy makes a lot of nothing',
      () => fileOf(eight, { codec: 1, plainBytes: 2 ** 30 }),
      /row group 1, column x/,
    ],
    // The package's own function goes back and forth in these for ever.
    [
      'has Snappy that leads back',
      () =>
        fileOf(Buffer.from([8, 0xfc, 0xf0, 0xff, 0xff, 0xff, 1, 1, 1, 1]), {
          codec: 1,
          plainBytes: 8,
        }),
      /compressed bytes are damaged/,
    ],
    [
      'has Snappy that copies from before',
      () => fileOf(Buffer.from([8, 0x1d, 9]), { codec: 1, plainBytes: 8 }),
      /compressed bytes are damaged/,
    ],
    [
      'has gzip that becomes too much',
      () => fileOf(gzipSync(Buffer.alloc(1_000_000)), { codec: 2, plainBytes: 8 }),
      /row group 1, column x/,
    ],
    [
      'has a codec that nobody knows',
      () => fileOf(eight, { codec: 3 }),
      /LZO, which is not supported/,
    ],
  ])('that %s is an error that says so', async (_what, make, message) => {
    expect((await failureOf(make())).message).toMatch(message);
  });

  it('that is cut, or has wrong bits, anywhere, is taken or refused, and never more than that', async () => {
    const outcomes = new Set<string>();
    const log = await logOf(schemaOf(EVERY), EVENTS);
    const { path } = await exported(log, { rowGroupRows: 3 });
    const whole = readFileSync(path);
    const foreign = readFileSync(await duckFile(TYPES.replace('256', '20'), ', CODEC gzip'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(whole, foreign),
        fc.array(
          fc.tuple(
            fc.noBias(fc.integer({ min: 0, max: 999_999 })).map((n) => n / 1e6),
            fc.integer({ min: 1, max: 255 }),
          ),
          {
            minLength: 1,
            maxLength: 3,
          },
        ),
        fc.boolean(),
        async (bytes, flips, isCut) => {
          const damaged = Buffer.from(bytes);
          for (const [place, mask] of flips) {
            const at = Math.floor(place * damaged.length);
            damaged[at] = (damaged[at] as number) ^ mask;
          }
          const cutAt = Math.floor((flips[0]?.[0] ?? 0) * damaged.length);
          const file = filePath();
          writeFileSync(file, isCut ? damaged.subarray(0, cutAt) : damaged);
          const failure = await taken(file, { maxMemoryBytes: 64 * 1024 * 1024 }).then(
            () => undefined,
            (error: unknown) => error,
          );
          outcomes.add(failure === undefined ? 'taken' : 'refused');
          if (failure !== undefined) {
            expect(failure).toBeInstanceOf(InputError);
            expect((failure as Error).message).toContain(file);
          }
        },
      ),
      { numRuns: RUNS * 16 },
    );
    expect(outcomes).toEqual(new Set(['taken', 'refused']));
  });

  it('in its second row group has given the rows of the first', async () => {
    const schema = defineSchema('t.R', [{ name: 'n', type: 'long' }]);
    const log = await logOf(
      schema,
      Array.from({ length: 40 }, (_, n) => ({ n: n * 2 ** 40 })),
    );
    const { path } = await exported(log, { rowGroupRows: 20, compression: 'none' });
    const bytes = readFileSync(path);
    const start = Number(
      parquetMetadata(bytes).row_groups[1]?.columns[0]?.meta_data?.data_page_offset,
    );
    bytes.fill(0xff, start, start + 8);
    writeFileSync(path, bytes);
    const into = verifiedLogPath();
    await expect(capture(parquetSource(path), into)).rejects.toThrow(/row group 2, column n/);
    expect(eventsIn(into).events.length).toBe(20);
  });
});
