import fc from 'fast-check';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable, Writable } from 'node:stream';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import * as arrow from 'apache-arrow';
import { Piscina } from 'piscina';
import {
  InputError,
  ScanError,
  SchemaError,
  arrowFile,
  arrowSource,
  arrowStream,
  capture,
  defineSchema,
  encodeEvent,
  eventSchema,
  exportLog,
  generateEventModule,
  inspectSchema,
  openEventAppender,
  type ArrowFileOptions,
  type ArrowSourceOptions,
  type EventSchema,
  type ExportOptions,
} from '../../src/index.js';
import { ArrowRows } from '../../src/exchange/arrow/arrow-source.js';
import { bindColumns } from '../../src/exchange/arrow/binding.js';
import { columnsOf } from '../../src/exchange/arrow/column-types.js';
import { hasZstd, zstdCompress, zstdDecompress } from '../../src/exchange/zstd.js';
import { inferSchema } from '../../src/exchange/arrow/inference.js';
import {
  fromPieces,
  openArrow,
  openArrowStream,
  type RandomBytes,
} from '../../src/exchange/arrow/input.js';
import { bareMessage } from '../../src/exchange/arrow/messages.js';
import type { Field, Message, RecordBatch } from '../../src/exchange/arrow/metadata.js';
import { plain, rowsOf } from '../support/arrow-tables.js';
import { EVERY_TYPE } from '../support/every-type.js';
import {
  SEGMENT_BYTES,
  asRow,
  eventsOf,
  logOf,
  verifiedLogPath,
  type Plain,
} from '../support/exported-logs.js';
import { Flatc } from '../support/flatc.js';
import { overwrite } from '../support/log-damage.js';
import { filesOf, rejectionOf, thrownBy } from '../support/logs.js';
import { drawSchema } from '../support/random-schemas.js';
import { temporaryLogPath } from '../support/temporary-log.js';

let flatc: Flatc;
let pool: Piscina;
beforeAll(async () => {
  flatc = await Flatc.start();
  pool = new Piscina({ minThreads: 1, maxThreads: 1 });
  return () => pool.destroy();
});

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function filePath(name = 'file.arrow'): string {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-arrow-'));
  folders.push(folder);
  return join(folder, name);
}

/** Exports a log to a file, and returns its path. */
async function exported(
  log: string,
  options: ArrowFileOptions = {},
  more: Partial<ExportOptions> = {},
): Promise<string> {
  const path = filePath();
  await exportLog(log, path, { format: arrowFile(options), pool, ...more });
  return path;
}

function tableIn(path: string): arrow.Table {
  return arrow.tableFromIPC(readFileSync(path));
}

/** Imports a file into a new log. */
async function imported(
  from: string | Readable,
  options: ArrowSourceOptions = {},
  schema?: EventSchema,
): Promise<{ log: string; rejected: number; reasons: string[] }> {
  const log = verifiedLogPath();
  const reasons: string[] = [];
  const { rejected } = await capture(arrowSource(from, options), log, {
    segmentSizeBytes: SEGMENT_BYTES,
    onReject: ({ line, reason }) => reasons.push(`${line}: ${reason}`),
    ...(schema === undefined ? {} : { schema }),
  });
  return { log, rejected, reasons };
}

function schemaIn(log: string): EventSchema {
  return inspectSchema(log)?.schema as EventSchema;
}

/** A file of apache-arrow's, of columns by name. */
function foreignFile(columns: Record<string, arrow.Vector>): string {
  const path = filePath();
  const table = new arrow.Table(columns as never);
  writeFileSync(path, arrow.tableToIPC(table, 'file'));
  return path;
}

/** Columns of types that are met more rarely. */
function unusualColumns(): Record<string, arrow.Vector> {
  const utf8 = new arrow.Utf8();
  const int = new arrow.Field('x', new arrow.Int32(), true);
  const text = new arrow.Field('y', utf8, true);
  const union = new arrow.SparseUnion([0, 1], [int, text]);
  const sparse = arrow.makeVector(
    arrow.makeData({
      type: union,
      length: 3,
      typeIds: Int8Array.of(0, 1, 0),
      children: [
        arrow.vectorFromArray([5, null, 6], new arrow.Int32()).data[0],
        arrow.vectorFromArray([null, 'b', null], utf8).data[0],
      ] as never,
    }),
  );
  const names = new arrow.List(
    new arrow.Field('item', new arrow.Dictionary(utf8, new arrow.Int16()), true),
  );
  return {
    u: sparse,
    names: arrow.vectorFromArray([['a', 'b'], null, ['a']], names),
    m: arrow.vectorFromArray(
      [new Map([['k', 1]]), null, new Map()],
      new arrow.Map_(
        new arrow.Field(
          'entries',
          new arrow.Struct([
            new arrow.Field('key', utf8, false),
            new arrow.Field('value', new arrow.Int32(), true),
          ]) as never,
          false,
        ),
      ),
    ),
    v: arrow.vectorFromArray(['short', 'longer than twelve bytes', null], new arrow.Utf8View()),
  };
}

const EDGES: Plain = {
  flag: true, i8: -128, u8: 255, i16: -32_768, u16: 65_535, i32: -(2 ** 31), u32: 2 ** 32 - 1,
  i64: -(2n ** 63n), u64: 2n ** 64n - 1n, f32: -0, f64: NaN, seven: 0, maybe: 0,
  colour: 'Red', huge: 'Largest', rights: 'Read Run', name: '', leaf: {}, point: { x: -1, y: -Infinity },
  odd: { a: 1, b: 2, c: 3 },
  wide: { x: 1.5, tail: [1, 2, 65_535], points: [{ x: 1, y: -0 }, { x: 2, y: 5e-324 }] },
  any_type: 'word', any: '', old: { kept: 1, last: 2 },
  flags: [true, false], i8s: [-1], u8s: [0, 255], i16s: [], u16s: [1], i32s: [-5], u32s: [5],
  i64s: [2n ** 63n - 1n, -1], u64s: [2n ** 64n - 1n], f32s: [NaN, -0, Infinity], f64s: [Math.PI],
  colours: ['Red', 'Blue'], names: ['', 'é', '\u{1f600}\0'],
  heavies: [{ weight: -0, small: true }, {}], points: [], odds: [{ a: 7, b: 8, c: 9 }],
  wides: [{ x: NaN, tail: [0, 0, 0], points: [{ x: 0, y: 0 }, { x: 0, y: 0 }] }],
}; // prettier-ignore

/** Without what columns cannot hold: a table within itself, unions in a vector. */
const HOLDABLE = EVERY_TYPE.replace('deep: Leaf; other: Any;', 'deep: Old;').replace(
  'many: [Any];',
  '',
);

describe('arrowFile()', () => {
  it('writes every type at its edges, and everything missing, as apache-arrow reads it', async () => {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const unions = [
      { any_type: 'Leaf', any: { text: 'x', deep: { kept: 3 } } },
      { any_type: 'Point', any: { x: 1, y: 2 } },
      { any_type: 'Odd', any: { a: 1, b: 2, c: 3 } },
    ];
    const log = await logOf(schema, [EDGES, {}, ...unions, EDGES]);
    const rows = rowsOf(tableIn(await exported(log)));
    expect(rows).toEqual(eventsOf(log, schema).map((event) => asRow(schema.root, event)));
    expect(rows[0]).toMatchObject({ f32: -0, f64: NaN, u64: 2n ** 64n - 1n, name: '', i16s: [] });
    expect(rows[1]).toMatchObject({ name: null, i16s: null, maybe: null, point: null, any: null });
  });

  it('and arrowSource() keep events of random schemas, also for apache-arrow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const schema = eventSchema(flatc.schema(fbs));
        const log = await logOf(schema, [event(), fullEvent(), event()]);
        const nested = /:\[U\d\]/.test(fbs) ? 'json' : 'columns';
        const path = await exported(log, { nested });
        const events = eventsOf(log, schema);
        const rows = rowsOf(tableIn(path));
        if (nested === 'columns') {
          expect(rows).toEqual(events.map((each) => asRow(schema.root, each)));
        }
        expect(rows.length).toBe(3);
        const back = await imported(path);
        expect(back.reasons).toEqual([]);
        expect(eventsOf(back.log, schema)).toEqual(events);
        expect(Buffer.compare(schemaIn(back.log).bytes, schema.bytes)).toBe(0);
      }),
      { numRuns: 20 },
    );
  });

  it('names what columns cannot hold, and writes it as JSON when asked', async () => {
    const unions = eventSchema(flatc.schema(EVERY_TYPE));
    const event = {
      ...EDGES,
      many_type: ['word', 'Odd'],
      many: ['a', { a: 1, b: 2, c: 3 }],
      leaf: { deep: { text: 'deep' } },
      f32: 0.1,
    };
    const log = await logOf(unions, [event, {}]);
    const within = await rejectionOf(exported(log));
    expect(within).toBeInstanceOf(TypeError);
    expect((within as Error).message).toMatch(
      /export leaf\.deep to Arrow: test\.Leaf may be within/,
    );
    const many = await rejectionOf(exported(log, {}, { fields: ['many'] }));
    expect((many as Error).message).toMatch(/export many to Arrow: it is a vector of unions/);
    const path = await exported(log, { nested: 'json' });
    const [row] = rowsOf(tableIn(path));
    expect(JSON.parse(row?.['many'] as string)).toEqual(['a', { a: 1, b: 2, c: 3 }]);
    expect(row?.['any_type']).toBe('word');
    const back = await imported(path);
    expect(back.reasons).toEqual([]);
    expect(eventsOf(back.log, unions)).toEqual(eventsOf(log, unions));
  });

  it('writes times as timestamps of their unit, or as the integers that they are', async () => {
    const units = {
      time_ns: 2n ** 63n - 1n,
      time_us: -1,
      time_ms: 0,
      time_s: -(2n ** 63n),
      late_ns: 5,
    };
    const fields = Object.keys(units).map((name) => ({ name, type: 'long' as const }));
    const schema = defineSchema('t.Times', [...fields, { name: 'until_time_ms', type: 'ulong' }]);
    const log = await logOf(schema, [{ ...units, until_time_ms: 2n ** 63n - 1n }]);
    const table = tableIn(await exported(log));
    expect(table.schema.fields.map(({ type }) => String(type))).toEqual([
      'Timestamp<NANOSECOND, UTC>',
      'Timestamp<MICROSECOND, UTC>',
      'Timestamp<MILLISECOND, UTC>',
      'Timestamp<SECOND, UTC>',
      'Int64',
      'Timestamp<MILLISECOND, UTC>',
    ]);
    // What apache-arrow makes of a timestamp is rounded; what stands there is not.
    const raw = table.schema.fields.map(
      ({ name }) => table.getChild(name)?.data[0]?.values[0] as bigint,
    );
    expect(raw).toEqual([2n ** 63n - 1n, -1n, 0n, -(2n ** 63n), 5n, 2n ** 63n - 1n]);
    const integers = tableIn(await exported(log, { times: 'integers' }));
    expect(String(integers.schema.fields[0]?.type)).toBe('Int64');
    expect(String(integers.schema.fields[5]?.type)).toBe('Uint64');
    const back = await imported(await exported(log));
    expect(eventsOf(back.log, schema)).toEqual(eventsOf(log, schema));
  });

  it('refuses a time past the range of timestamps, and says where it stands', async () => {
    const schema = defineSchema('t.Late', [{ name: 'time_ns', type: 'ulong' }]);
    const log = await logOf(schema, [{ time_ns: 1 }, { time_ns: 2n ** 63n }, { time_ns: 2 }]);
    const error = (await rejectionOf(exported(log))) as ScanError;
    expect(error).toBeInstanceOf(ScanError);
    expect(error.offset).toBe(1);
    expect(error.message).toMatch(/time_ns as a timestamp: it is past 2\^63 - 1\. Choose times/);
    const rows = rowsOf(tableIn(await exported(log, { times: 'integers' })));
    expect(rows[1]).toEqual({ time_ns: 2n ** 63n });
  });

  it('refuses an enum without a name, and says where it stands', async () => {
    const fbs = (names: string): string =>
      `enum E : short { ${names} } table Old { e:E; es:[E]; } root_type Old;`;
    const newer = eventSchema(flatc.schema(fbs('A, B, C = 5000')));
    const older = eventSchema(flatc.schema(fbs('A, B')));
    const log = await logOf(newer, [
      { e: 'B' },
      { e: 'A', es: ['B'] },
      { e: 'C' },
      { es: ['A', 'C'] },
    ]);
    const scalar = (await rejectionOf(exported(log, {}, { schema: older }))) as ScanError;
    expect([scalar.offset, scalar.message]).toEqual([
      2,
      expect.stringMatching(/export e by name: the schema has none for 5000\. Choose enums/),
    ]);
    const vector = await rejectionOf(exported(log, {}, { schema: older, from: 3 }));
    expect((vector as ScanError).offset).toBe(3);
    const numbers = await exported(log, { enums: 'numbers' }, { schema: older });
    expect(rowsOf(tableIn(numbers)).map(({ e }) => e)).toEqual([1, 0, 5000, 0]);
    expect(rowsOf(tableIn(await exported(log))).map(({ e }) => e)).toEqual(['B', 'A', 'C', 'A']);
  });

  it('refuses a union of a member that the schema does not know', async () => {
    const fbs = (members: string): string => `
      table A { x:int; } table B { y:int; }
      union U { ${members} } table Root { u:U; } root_type Root;`;
    const newer = eventSchema(flatc.schema(fbs('A, B')));
    const older = eventSchema(flatc.schema(fbs('A')));
    const log = await logOf(newer, [
      { u_type: 'A', u: { x: 1 } },
      { u_type: 'B', u: { y: 1 } },
    ]);
    for (const options of [{}, { nested: 'json' }, { enums: 'numbers' }] as const) {
      const error = (await rejectionOf(exported(log, options, { schema: older }))) as ScanError;
      expect([error.offset, error.message]).toEqual([
        1,
        expect.stringMatching(/export u_type by name: the schema has none for 2/),
      ]);
    }
  });

  it('refuses strings that are not UTF-8, wherever they stand', async () => {
    const schema = eventSchema(
      flatc.schema('table Root { a:string; b:[string]; } root_type Root;'),
    );
    const good = { a: 'é', b: ['x'] };
    for (const [event, at] of [
      [{ a: 'XX' }, 'XX'],
      [{ a: 'ok', b: ['XX'] }, 'XX'],
    ] as const) {
      const bytes = Buffer.from(encodeEvent(schema, event));
      // The two halves of a character: whole again where they stand side by side.
      const cut = Buffer.from(bytes);
      cut.write('\xc3(', cut.indexOf(at), 'latin1');
      const log = await logOf(schema, [good, cut, good]);
      for (const nested of ['columns', 'json'] as const) {
        const error = (await rejectionOf(exported(log, { nested }))) as ScanError;
        expect([error.offset, error.message]).toEqual([1, expect.stringMatching(/not UTF-8/)]);
      }
    }
    const halves = ['\xc3', '\xa9'].map((half) => {
      const bytes = Buffer.from(encodeEvent(schema, { a: 'X' }));
      bytes.write(half, bytes.indexOf('X'), 'latin1');
      return bytes;
    });
    const error = (await rejectionOf(
      exported(await logOf(schema, halves), {}, { fields: ['a'] }),
    )) as ScanError;
    expect([error.offset, error.message]).toEqual([0, expect.stringMatching(/a: it is not UTF-8/)]);
  });

  const NUMBERED = defineSchema('t.Numbered', [
    { name: 'n', type: 'uint' },
    { name: 'half', type: 'double', optional: true },
    { name: 'wide', type: 'long', optional: true },
    { name: 'small', type: 'ushort' },
    { name: 'even', type: 'bool' },
    { name: 'text', type: 'string' },
  ]);

  function numbered(count: number): Plain[] {
    return Array.from({ length: count }, (_, n) => ({
      n,
      half: n % 3 === 0 ? null : n / 2,
      wide: n % 5 === 0 ? null : 2n ** 60n + BigInt(n),
      small: n % 65_536,
      even: n % 2 === 0,
      ...(n % 7 === 0 ? {} : { text: 'é'.repeat(n % 40) }),
    }));
  }

  it.each([0, 1, 7, 8, 9, 2047, 2048, 2049, 5000])('writes a log of %i events', async (count) => {
    const log = await logOf(NUMBERED, numbered(count));
    const path = await exported(log);
    const table = tableIn(path);
    expect(table.numRows).toBe(count);
    expect(table.schema.fields.map(({ name }) => name)).toEqual([
      'n', 'half', 'wide', 'small', 'even', 'text',
    ]); // prettier-ignore
    expect(rowsOf(table)).toEqual(
      numbered(count).map((event) => ({ text: null, ...plainRow(event) })),
    );
    const back = await imported(path);
    expect(eventsOf(back.log, NUMBERED)).toEqual(eventsOf(log, NUMBERED));
  });

  function plainRow(event: Plain): Plain {
    return Object.fromEntries(Object.entries(event).map(([name, value]) => [name, plain(value)]));
  }

  it('closes batches before they are too long, and keeps pieces in order', async () => {
    const schema = defineSchema('t.N', [{ name: 'n', type: 'uint' }]);
    const count = 300_000;
    const log = await logOf(
      schema,
      Array.from({ length: count }, (_, n) => ({ n })),
    );
    const [one, pieces] = [
      await exported(log, {}, { pieceBytes: 2 ** 30 }),
      await exported(log, {}, { pieceBytes: 2 ** 20 }),
    ];
    expect(tableIn(one).batches.map(({ numRows }) => numRows)).toEqual([131_072, 131_072, 37_856]);
    expect(tableIn(pieces).batches.length).toBeGreaterThan(5);
    for (const path of [one, pieces]) {
      const n = tableIn(path).getChild('n')?.toArray() as Uint32Array;
      expect(n.length).toBe(count);
      expect(n.every((value, i) => value === i)).toBe(true);
    }
  });

  it('writes the rows that meet a condition, of all widths', async () => {
    const events = numbered(5000);
    const log = await logOf(NUMBERED, events);
    const where = { field: 'even', op: '=', value: true } as const;
    const rows = rowsOf(tableIn(await exported(log, {}, { where })));
    const wanted = events.filter(({ even }) => even === true);
    expect(rows).toEqual(wanted.map((event) => ({ text: null, ...plainRow(event) })));
    const none = await exported(log, {}, { where: { field: 'n', op: '>', value: 1e6 } });
    expect(tableIn(none).numRows).toBe(0);
  });

  it('writes named fields only: from within, the offset and the time', async () => {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const log = await logOf(schema, [EDGES, { any_type: 'Leaf', any: { text: 'x' } }, {}]);
    const fields = ['$offset', '$timeMs', 'point.y', 'any.Leaf.text', 'any_type', 'rights', 'huge'];
    const path = await exported(log, {}, { fields, from: 0 });
    const rows = rowsOf(tableIn(path));
    expect(rows.map((row) => ({ ...row, $timeMs: typeof row['$timeMs'] }))).toEqual([
      { $offset: 0, $timeMs: 'number', 'point.y': -Infinity, 'any.Leaf.text': null, any_type: 'word', rights: 5, huge: 'Largest' },
      { $offset: 1, $timeMs: 'number', 'point.y': null, 'any.Leaf.text': 'x', any_type: 'Leaf', rights: 0, huge: 'Small' },
      { $offset: 2, $timeMs: 'number', 'point.y': null, 'any.Leaf.text': null, any_type: null, rights: 0, huge: 'Small' },
    ]); // prettier-ignore
    const back = await imported(path);
    expect(schemaIn(back.log).root.fields.map(({ name }) => name)).toEqual([
      'offset', 'timeMs', 'point_y', 'any_Leaf_text', 'any_type', 'rights', 'huge',
    ]); // prettier-ignore
    expect((await rejectionOf(exported(log, {}, { fields: ['nothing'] }))) as Error).toBeInstanceOf(
      TypeError,
    );
  });

  it('comes back as events where offset and time stand beside them', async () => {
    const log = await logOf(NUMBERED, numbered(20));
    const fields = ['$offset', 'n', 'half', 'wide', 'small', 'even', 'text', '$timeMs'];
    const back = await imported(await exported(log, {}, { fields }));
    expect(eventsOf(back.log, NUMBERED)).toEqual(eventsOf(log, NUMBERED));
  });

  it.runIf(hasZstd)('compresses with zstd, which comes back', async () => {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const log = await logOf(schema, Array.from({ length: 300 }, () => [EDGES, {}]).flat());
    const [plainFile, path] = [await exported(log), await exported(log, { compression: 'zstd' })];
    expect(statSync(path).size).toBeLessThan(statSync(plainFile).size / 2);
    arrow.compressionRegistry.set(arrow.CompressionType.ZSTD, {
      encode: zstdCompress,
      decode: (bytes) => zstdDecompress(bytes, 2 ** 24),
    });
    expect(rowsOf(tableIn(path))).toEqual(rowsOf(tableIn(plainFile)));
    const back = await imported(path);
    expect(eventsOf(back.log, schema)).toEqual(eventsOf(log, schema));
  });

  it.skipIf(hasZstd)('says that this Node.js has no zstd', () => {
    const error = thrownBy(() => arrowFile({ compression: 'zstd' }));
    expect(error).toMatchObject({ name: 'LogError', code: 'UNSUPPORTED_PLATFORM' });
  });

  it('refuses choices that there are not', () => {
    expect(thrownBy(() => arrowFile({ nested: 'x' as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => arrowFile({ enums: 'x' as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => arrowStream({ times: 'x' as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => arrowStream({ compression: 'lz4' as never }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => arrowSource('x', { decimals: 'x' as never }))).toBeInstanceOf(TypeError);
  });

  it('has metadata by a schema that is what the generator makes of it', () => {
    const folder = new URL('../../src/exchange/arrow/', import.meta.url);
    const text = readFileSync(new URL('metadata.fbs', folder), 'utf8');
    const module = readFileSync(new URL('metadata.ts', folder), 'utf8');
    const bfbs = Buffer.from(/const BFBS = `([^`]*)`/.exec(module)?.[1] ?? '', 'base64');
    const header = [/^\/\/ (.*)$/m.exec(module)?.[1] ?? ''];
    expect(generateEventModule(bfbs, { header, importFrom: './event-types.js' })).toBe(module);
    const own = eventSchema(flatc.schema(text));
    expect(own.model.tables).toEqual(eventSchema(bfbs).model.tables);
  });
});

describe('arrowStream()', () => {
  it('writes what apache-arrow reads from a stream, and arrowSource() from another', async () => {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const log = await logOf(schema, [EDGES, {}, EDGES]);
    const chunks: Buffer[] = [];
    const into = new Writable({
      write(chunk: Buffer, _, done) {
        chunks.push(Buffer.from(chunk));
        done();
      },
    });
    await exportLog(log, into, { format: arrowStream(), pool });
    const bytes = Buffer.concat(chunks);
    const rows = rowsOf(await arrow.tableFromIPC(Readable.from([bytes])));
    expect(rows).toEqual(eventsOf(log, schema).map((event) => asRow(schema.root, event)));
    // In pieces that end anywhere.
    const pieces = Array.from({ length: Math.ceil(bytes.length / 13) }, (_, i) =>
      bytes.subarray(13 * i, 13 * (i + 1)),
    );
    const back = await imported(Readable.from(pieces));
    expect(eventsOf(back.log, schema)).toEqual(eventsOf(log, schema));
  });

  it('ends a capture that waits for more of it', async () => {
    const waiting = new PassThrough();
    waiting.write(
      arrow
        .tableToIPC(new arrow.Table({ a: arrow.vectorFromArray([1, 2]) }), 'stream')
        .slice(0, -8),
    );
    const controller = new AbortController();
    const log = verifiedLogPath();
    const running = capture(arrowSource(waiting), log, {
      signal: controller.signal,
      segmentSizeBytes: SEGMENT_BYTES,
    });
    setTimeout(() => controller.abort(), 300);
    expect(await running).toMatchObject({ ended: 'signal', events: 2 });
    expect(waiting.destroyed).toBe(true);
  });
});

describe('arrowSource()', () => {
  const utf8 = new arrow.Utf8();

  it('reads all types of apache-arrow that FlatBuffers have something for', async () => {
    const item = (type: arrow.DataType): arrow.Field => new arrow.Field('item', type, true);
    const day = 86_400_000;
    const cases: [string, arrow.Vector, string, unknown[]][] = [
      ['b', arrow.vectorFromArray([true, null, false], new arrow.Bool()), 'b', [true, null, false]],
      ['i8', arrow.vectorFromArray([-128, null, 127], new arrow.Int8()), 'i8', [-128, null, 127]],
      ['u16', arrow.vectorFromArray([0, 65_535, null], new arrow.Uint16()), 'u16', [0, 65_535, null]],
      ['i64', arrow.vectorFromArray([-(2n ** 63n), null, 5n], new arrow.Int64()), 'i64', [-(2n ** 63n), null, 5]],
      ['u64', arrow.vectorFromArray([2n ** 64n - 1n, 0n, null], new arrow.Uint64()), 'u64', [2n ** 64n - 1n, 0, null]],
      ['f16', arrow.vectorFromArray([0.5, -0, NaN], new arrow.Float16()), 'f16', [0.5, -0, NaN]],
      ['f32', arrow.vectorFromArray([1.5, null, -Infinity], new arrow.Float32()), 'f32', [1.5, null, -Infinity]],
      ['f64', arrow.vectorFromArray([5e-324, null, -0], new arrow.Float64()), 'f64', [5e-324, null, -0]],
      ['text', arrow.vectorFromArray(['', 'é\u{1f600}', null], utf8), 'text', ['', 'é\u{1f600}', undefined]],
      ['view', arrow.vectorFromArray(['short', 'longer than twelve bytes: é', null], new arrow.Utf8View()), 'view', ['short', 'longer than twelve bytes: é', undefined]],
      ['bview', arrow.vectorFromArray([Uint8Array.of(1), null, new Uint8Array(20)], new arrow.BinaryView()), 'bview', [[1], undefined, Array.from({ length: 20 }, () => 0)]],
      ['llist', arrow.makeVector(arrow.makeData({ type: new arrow.LargeList(item(new arrow.Int32())), length: 3, valueOffsets: BigInt64Array.of(0n, 2n, 2n, 3n), child: arrow.vectorFromArray([1, 2, 3], new arrow.Int32()).data[0] } as never)), 'llist', [[1, 2], [], [3]]],
      ['large', arrow.vectorFromArray(['a', null, ''], new arrow.LargeUtf8()), 'large', ['a', undefined, '']],
      ['bin', arrow.vectorFromArray([Uint8Array.of(0, 255), null, Uint8Array.of()], new arrow.Binary()), 'bin', [[0, 255], undefined, []]],
      ['lbin', arrow.vectorFromArray([Uint8Array.of(1), null, Uint8Array.of()], new arrow.LargeBinary()), 'lbin', [[1], undefined, []]],
      ['fixed', arrow.vectorFromArray([Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)], new arrow.FixedSizeBinary(2)), 'fixed', [[1, 2], undefined, [3, 4]]],
      ['dict', arrow.vectorFromArray(['x', null, 'x'], new arrow.Dictionary(utf8, new arrow.Int8())), 'dict', ['x', undefined, 'x']],
      ['date', arrow.vectorFromArray([new Date(0), null, new Date(-day)], new arrow.DateDay()), 'date_s', [0, null, -86_400]],
      ['date_x', arrow.vectorFromArray([new Date(5), null, new Date(7)], new arrow.DateMillisecond()), 'date_x_ms', [5, null, 7]],
      ['t', arrow.vectorFromArray([1000, null, -1000], new arrow.TimestampSecond('UTC')), 't_time_s', [1, null, -1]],
      ['at_ns', arrow.vectorFromArray([1, null, -1], new arrow.TimestampNanosecond()), 'at_ns_time_ns', [1e6, null, -1e6]],
      ['clock', arrow.vectorFromArray([1, null, 86_399], new arrow.TimeSecond()), 'clock_s', [1, null, 86_399]],
      ['micro', arrow.vectorFromArray([1n, null, 3n], new arrow.TimeMicrosecond()), 'micro_us', [1, null, 3]],
      ['took', arrow.vectorFromArray([1n, null, 3n], new arrow.DurationNanosecond()), 'took_ns', [1, null, 3]],
      ['list', arrow.vectorFromArray([[1, 2], null, []], new arrow.List(item(new arrow.Int32()))), 'list', [[1, 2], undefined, []]],
      ['pair', arrow.vectorFromArray([[1, 2], null, [3, 4]], new arrow.FixedSizeList(2, item(new arrow.Int16()))), 'pair', [[1, 2], undefined, [3, 4]]],
      ['lists', arrow.vectorFromArray([[[1], []], null, []], new arrow.List(item(new arrow.List(item(new arrow.Int32()))))), 'lists', [[{ items: [1] }, { items: [] }], undefined, []]],
      ['s', arrow.vectorFromArray([{ x: 1, y: 'a' }, null, { x: null, y: null }], new arrow.Struct([new arrow.Field('x', new arrow.Int32(), true), new arrow.Field('y', utf8, true)])), 's', [{ x: 1, y: 'a' }, undefined, { x: null }]],
      ['nothing', arrow.vectorFromArray([null, null, null], new arrow.Null()), 'nothing', [undefined, undefined, undefined]],
    ]; // prettier-ignore
    const { log, reasons } = await imported(
      foreignFile(Object.fromEntries(cases.map(([name, vector]) => [name, vector]))),
    );
    expect(reasons).toEqual([]);
    const schema = schemaIn(log);
    expect(schema.root.fields.map(({ name }) => name)).toEqual(cases.map(([, , field]) => field));
    const events = eventsOf(log, schema);
    for (const [name, , field, values] of cases) {
      expect([name, ...events.map((event) => event[field])]).toEqual([name, ...values]);
    }
  });

  it('reads unions, maps and nested dictionaries', async () => {
    const { log, reasons } = await imported(foreignFile(unusualColumns()));
    expect(reasons).toEqual([]);
    expect(eventsOf(log, schemaIn(log))).toEqual([
      { u: { x: 5, y: undefined }, names: ['a', 'b'], m: [{ key: 'k', value: 1 }], v: 'short' },
      { u: { x: null, y: 'b' }, v: 'longer than twelve bytes' },
      { u: { x: 6 }, names: ['a'], m: [] },
    ]);
  });

  it('asks what is to become of decimals, and leaves out what nobody wants', async () => {
    const decimals = arrow.makeVector(
      arrow.makeData({
        type: new arrow.Decimal(2, 20, 128),
        length: 3,
        nullCount: 0,
        data: Uint32Array.of(
          12_345,
          0,
          0,
          0,
          0xffff_ffff,
          -1 >>> 0,
          -1 >>> 0,
          -1 >>> 0,
          0,
          0,
          1,
          0,
        ),
      }),
    );
    const path = foreignFile({
      d: decimals,
      n: arrow.vectorFromArray([1, 2, 3], new arrow.Int8()),
    });
    const error = (await rejectionOf(imported(path))) as Error;
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(/column "d" is of decimal128; choose decimals/);
    const texts = await imported(path, { decimals: 'text' });
    const wide = `${2n ** 64n}`;
    const dotted = `${wide.slice(0, -2)}.${wide.slice(-2)}`;
    expect(eventsOf(texts.log, schemaIn(texts.log)).map(({ d }) => d)).toEqual([
      '123.45',
      '-0.01',
      dotted,
    ]);
    const doubles = await imported(path, { decimals: 'doubles', columns: ['d'] });
    expect(eventsOf(doubles.log, schemaIn(doubles.log))).toEqual([
      { d: 123.45 },
      { d: -0.01 },
      { d: Number(dotted) },
    ]);
    const rest = await imported(path, { columns: ['n'], name: 'mine.Table' });
    expect(schemaIn(rest.log).name).toBe('mine.Table');
    expect(eventsOf(rest.log, schemaIn(rest.log))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const unknown = (await rejectionOf(imported(path, { columns: ['x'] }))) as Error;
    expect(unknown.message).toMatch(/Cannot find column "x" in .*: it has d, n/);
  });

  it('rejects rows that do not fit, with their number, and keeps the others', async () => {
    const schema = eventSchema(
      flatc.schema('table Row { n:ubyte; k:int = null; list:[int]; t:string; } root_type Row;'),
    );
    const list = new arrow.List(new arrow.Field('item', new arrow.Int32(), true));
    const text = arrow.vectorFromArray(['a', 'é', 'c', 'd', 'e'], utf8);
    const characters = text.data[0]?.values as Uint8Array;
    characters[1] = 0xff;
    const path = foreignFile({
      n: arrow.vectorFromArray([255n, 1n, 256n, null, 5n], new arrow.Int64()),
      k: arrow.vectorFromArray([null, 1, 2, 3, 4], new arrow.Int8()),
      list: arrow.vectorFromArray([[1], [], null, [2], [1, null]], list),
      t: text,
    });
    const { log, reasons } = await imported(path, {}, schema);
    expect(reasons).toEqual([
      expect.stringMatching(/^2: "t" is not UTF-8$/),
      expect.stringMatching(/^3: .*\bn\b.*256/),
      expect.stringMatching(/^4: "n" is null, and field n cannot be$/),
      '5: "list.item" is null, and field list[] cannot be',
    ]);
    expect(eventsOf(log, schema)).toEqual([{ n: 255, k: null, list: [1], t: 'a' }]);
  });

  it.each([
    ['table Row { m:int; }', /column "n" has no field/],
    ['table Row { n:string; }', /column "n" is of int32, and field n a string/],
    ['table Row { n:float; }', /column "n" is of int32, and field n of float32/],
    ['table Row { n:[int]; }', /column "n" is of int32, and field n a vector of scalars/],
    ['table Row { n:int; s:string (required); }', /field s has no column/],
  ])('refuses columns that %s has no place for, before anything is changed', async (table, why) => {
    const schema = eventSchema(flatc.schema(`${table} root_type Row;`));
    const path = foreignFile({ n: arrow.vectorFromArray([1], new arrow.Int32()) });
    const log = verifiedLogPath();
    const error = (await rejectionOf(capture(arrowSource(path), log, { schema }))) as Error;
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(why);
    expect(existsSync(log)).toBe(false);
    await capture([], log, { schema });
  });

  it('infers a schema where somebody has changed the columns of an exported file', async () => {
    const schema = defineSchema('t.Own', [{ name: 'n', type: 'ushort' }]);
    const path = await exported(await logOf(schema, [{ n: 1 }, { n: 2 }]));
    const table = tableIn(path);
    const wider = table.assign(new arrow.Table({ z: arrow.vectorFromArray(['a', 'b'], utf8) }));
    expect(wider.schema.metadata.has('stratalog.schema')).toBe(true);
    writeFileSync(path, arrow.tableToIPC(wider, 'file'));
    const { log } = await imported(path);
    expect(eventsOf(log, schemaIn(log))).toEqual([
      { n: 1, z: 'a' },
      { n: 2, z: 'b' },
    ]);
  });

  it('appends to a log that is there, and keeps its schema', async () => {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const log = await logOf(schema, [EDGES, {}]);
    const path = await exported(log);
    await capture(arrowSource(path), log);
    const events = eventsOf(log, schema);
    expect(events.slice(2)).toEqual(events.slice(0, 2));
  });
});

/** What is wrong with a file is told, and is never anything else than that. */
describe('damage', () => {
  async function sample(): Promise<Uint8Array> {
    const schema = eventSchema(flatc.schema(HOLDABLE));
    const log = await logOf(schema, [EDGES, {}, { any_type: 'Leaf', any: { text: 'x' } }]);
    return readFileSync(await exported(log));
  }

  /** Reads all of it, as an import does, into nothing. */
  async function read(bytes: Uint8Array, isFile: boolean): Promise<number> {
    const take = fromPieces(Readable.from([bytes])[Symbol.asyncIterator]() as never);
    const input = isFile
      ? await openArrow(inMemory(bytes), 'it')
      : await openArrowStream(take, 'it');
    const found = columnsOf(input.schema, 'it');
    const options = { decimals: 'text' } as const;
    const schema = inferSchema(found.columns, 'Row', options, 'it');
    const fields = bindColumns(found.columns, schema.root, options, 'it');
    const rows = new ArrowRows(found.columns, fields, schema);
    let events = 0;
    const intake = {
      isFull: false,
      signal: new AbortController().signal,
      append: () => void events++,
      reject: () => void events++,
    };
    for (let batch = await input.next(); batch !== undefined; batch = await input.next()) {
      await rows.take(batch, intake as never);
    }
    return events;
  }

  it('of a file that breaks off anywhere is an InputError', async () => {
    const bytes = await sample();
    expect(await read(bytes, true)).toBe(3);
    expect(await read(bytes, false)).toBe(3);
    for (let length = 0; length < bytes.length; length += 7) {
      const error = await rejectionOf(read(bytes.subarray(0, length), true));
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(/^Cannot read it/);
    }
  });

  const INT: Partial<Field> = { type_type: 'Int', type: { bit_width: 32, is_signed: true } };
  const LIST: Partial<Field> = {
    type_type: 'List',
    type: {},
    children: [{ name: 'item', ...INT }],
  };
  const UTF8: Partial<Field> = { type_type: 'Utf8', type: {} };
  const VIEW: Partial<Field> = { type_type: 'Utf8View', type: {} };
  const NAMES: Partial<Field> = {
    ...UTF8,
    dictionary: { id: 0, index_type: { bit_width: 32, is_signed: true } },
  };
  const NULLS: Partial<Field> = { type_type: 'Null', type: {} };
  const NOTHING = { offset: 0, length: 0 };
  const TWO = [{ length: 2, null_count: 0 }];
  const WORDS = { offset: 0, length: 12 };

  it.each<[string, Partial<Field>, RecordBatch, number[], RegExp]>([
    ['a range outside of the body', INT, { length: 2, nodes: TWO, buffers: [NOTHING, { offset: 8, length: 8 }] }, [1, 2], /bytes 8 to 16 of a body of 8/],
    ['a range before the body', INT, { length: 2, nodes: TWO, buffers: [NOTHING, { offset: -8, length: 8 }] }, [1, 2], /-8 as a place/],
    ['a negative length', INT, { length: 2, nodes: TWO, buffers: [NOTHING, { offset: 0, length: -8 }] }, [1, 2], /-8 bytes/],
    ['too few bytes', INT, { length: 2, nodes: TWO, buffers: [NOTHING, { offset: 0, length: 4 }] }, [1, 2], /4 bytes, where there should be 8/],
    ['too few marks', INT, { length: 2, nodes: [{ length: 2, null_count: 1 }], buffers: [NOTHING, { offset: 0, length: 8 }] }, [1, 2], /0 bytes of marks for 2 values/],
    ['more rows than values', INT, { length: 3, nodes: TWO, buffers: [NOTHING, WORDS] }, [1, 2, 3], /it has 2 values, where there should be 3/],
    ['rows beyond all numbers', INT, { length: 2n ** 62n, nodes: TWO, buffers: [] }, [], /4611686018427387904 rows/],
    ['negative rows', INT, { length: -1, nodes: TWO, buffers: [] }, [], /-1 rows/],
    ['no columns', INT, { length: 2, nodes: [], buffers: [] }, [], /fewer columns than the schema says/],
    ['no buffers', INT, { length: 2, nodes: TWO, buffers: [] }, [], /fewer buffers than the schema says/],
    ['rows of nothing', NULLS, { length: 2 ** 40, nodes: [{ length: 2 ** 40, null_count: 2 ** 40 }], buffers: [] }, [], /1099511627776 rows without a byte/],
    ['places that go back', LIST, { length: 2, nodes: [...TWO, ...TWO], buffers: [NOTHING, WORDS, NOTHING, WORDS] }, [2, 0, 2], /place 0 behind 2/],
    ['places before the first', UTF8, { length: 2, nodes: TWO, buffers: [NOTHING, WORDS, NOTHING] }, [-1, 0, 2], /place -1 behind 0/],
    ['places behind the last', UTF8, { length: 2, nodes: TWO, buffers: [NOTHING, WORDS, { offset: 0, length: 2 }] }, [0, 1, 3], /2 bytes, where there should be 3/],
    ['places of elements that are not there', LIST, { length: 2, nodes: [...TWO, ...TWO], buffers: [NOTHING, WORDS, NOTHING, WORDS] }, [0, 1, 3], /it has 2 values, where there should be 3/],
    ['names that are not there', NAMES, { length: 2, nodes: TWO, buffers: [NOTHING, WORDS] }, [5, 0, 0], /its dictionary has no value 5/],
    ['views of other buffers', VIEW, { length: 1, nodes: [{ length: 1, null_count: 0 }], buffers: [NOTHING, { offset: 0, length: 16 }], variadic_buffer_counts: [0] }, [13, 0, 0, 0], /row 0 lies outside of its buffers/],
    ['views past their buffers', VIEW, { length: 1, nodes: [{ length: 1, null_count: 0 }], buffers: [NOTHING, { offset: 0, length: 16 }, { offset: 0, length: 16 }], variadic_buffer_counts: [1] }, [13, 0, 0, 4], /row 0 lies outside of its buffers/],
    ['more further buffers than there are', VIEW, { length: 1, nodes: [{ length: 1, null_count: 0 }], buffers: [NOTHING, { offset: 0, length: 16 }], variadic_buffer_counts: [2 ** 40] }, [1, 0, 0, 0], /1099511627776 further buffers/],
    ['a codec that there is not', INT, { length: 2, nodes: TWO, buffers: [NOTHING, WORDS], compression: { codec: 'Lz4Frame' } }, [1, 2], /compressed with Lz4Frame, which Node.js does not have/],
  ])('of a batch with %s is told, with the column', async (_, field, batch, words, why) => {
    const body = Int32Array.from(words.length % 2 === 0 ? words : [...words, 0]);
    const schema: Message = {
      version: 'V5',
      header_type: 'Schema',
      header: { fields: [{ name: 'c', ...field }] },
    };
    const rows = { version: 'V5', header_type: 'RecordBatch', header: batch } as const;
    const stream = Buffer.concat([
      bareMessage(schema),
      bareMessage({ ...rows, body_length: body.byteLength }),
      new Uint8Array(body.buffer),
    ]);
    const error = (await rejectionOf(read(stream, true))) as Error;
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(why);
    expect(error.message).toMatch(/^Cannot read it, message 2/);
  }); // prettier-ignore

  it.each<[string, Message, RegExp]>([
    ['of another version', { version: 'V3', header_type: 'Schema', header: {} }, /version V3/],
    ['that is no schema', { version: 'V5', header_type: 'RecordBatch', header: {} }, /does not begin with an Arrow schema/],
    ['of big-endian values', { version: 'V5', header_type: 'Schema', header: { endianness: 'Big' } }, /big-endian/],
    ['without columns', { version: 'V5', header_type: 'Schema', header: { fields: [] } }, /it has no columns/],
    ['of a type without sense', { version: 'V5', header_type: 'Schema', header: { fields: [{ name: 'c', type_type: 'Int', type: { bit_width: 7 } }] } }, /column "c" is of a type that makes no sense/],
    ['of a type that is not read', { version: 'V5', header_type: 'Schema', header: { fields: [{ name: 'c', type_type: 'Interval', type: {} }] } }, /column "c" is of interval, which is not supported/],
  ])('of a stream %s is told', async (_, message, why) => {
    const error = (await rejectionOf(read(bareMessage(message), true))) as Error;
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toMatch(why);
  }); // prettier-ignore

  it('of random bytes is an InputError, or other values', async () => {
    const samples = [
      await sample(),
      arrow.tableToIPC(new arrow.Table(unusualColumns() as never), 'file'),
    ];
    for (const bytes of samples) expect(await read(bytes, true)).toBe(3);
    const seed = Number(process.env['ARROW_SEED'] ?? 7);
    const runs = Number(process.env['ARROW_RUNS'] ?? 3000);
    const random = mutator(seed);
    for (let run = 0; run < runs; run++) {
      const damaged = random(samples[(run >> 1) % 2] as Uint8Array);
      try {
        await read(damaged, run % 2 === 0);
      } catch (error) {
        if (error instanceof InputError || error instanceof SchemaError) continue;
        throw new Error(`Seed ${seed}, run ${run}`, { cause: error });
      }
    }
  });

  it('of a log is told, and stepped over when asked', async () => {
    const schema = defineSchema('t.N', [{ name: 'n', type: 'uint' }]);
    const log = temporaryLogPath();
    const appender = openEventAppender(log, { schema, segmentSizeBytes: SEGMENT_BYTES });
    for (let n = 0; n < 100; n++) appender.append({ n });
    await appender.close();
    const [segment] = filesOf(log, '.log') as [string];
    const content = readFileSync(segment);
    const at = content.indexOf(encodeEvent(schema, { n: 50 }));
    overwrite(segment, at, Uint8Array.of(0xff, 0xff, 0xff, 0xff));
    expect(await rejectionOf(exported(log))).toBeInstanceOf(ScanError);
    const path = await exported(log, {}, { onDamage: 'skip', fields: ['$offset', 'n'] });
    const rows = rowsOf(tableIn(path));
    expect(rows.length).toBe(99);
    expect(rows.every(({ $offset, n }) => $offset === n && n !== 50)).toBe(true);
  });
});

function inMemory(bytes: Uint8Array): RandomBytes {
  return {
    size: bytes.length,
    read: (at, length) => Promise.resolve(bytes.slice(at, at + length)),
  };
}

/** Copies of bytes with a few of them changed: to anything, to limits, to what stands elsewhere. */
function mutator(seed: number): (bytes: Uint8Array) => Uint8Array {
  let state = seed >>> 0;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const words = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 8, 0x0001_0000];
  return (bytes) => {
    const copy = bytes.slice();
    const view = new DataView(copy.buffer);
    for (let i = next(4); i >= 0; i--) {
      const at = next(copy.length - 8);
      const kind = next(4);
      if (kind === 0) copy[at] = next(256);
      else if (kind === 1) copy[at] = (copy[at] as number) ^ (1 << next(8));
      else if (kind === 2) view.setInt32(at & ~3, words[next(words.length)] as number, true);
      else copy.copyWithin(at, next(copy.length), at + next(16));
    }
    return copy;
  };
}
