import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import {
  array,
  assert,
  boolean,
  constantFrom,
  nat,
  property,
  record,
  string,
  type Arbitrary,
} from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  InputError,
  capture,
  csv,
  csvOrJson,
  defineSchema,
  eventSchema,
  fieldDefinitions,
  fileSource,
  openEventReader,
  verifyEventLog,
  type CsvOptions,
  type FieldType,
  type Origin,
} from '../../src/index.js';
import { cutEverywhere, readInput, type ReadInput } from '../support/input-formats.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { Flatc } from '../support/flatc.js';

function schemaOf(fields: Record<string, FieldType>): ReturnType<typeof defineSchema> {
  return defineSchema(
    't.Row',
    Object.entries(fields).map(([name, type]) => ({ name, type, optional: type !== 'string' })),
  );
}

/** `name:type`, with `?` where it may be null. */
function typesIn({ schema }: ReadInput): string[] {
  const fields = fieldDefinitions(schema) ?? [];
  return fields.map(({ name, type, optional }) => `${name}:${type}${optional === true ? '?' : ''}`);
}

function rejectsOf(input: string, options: CsvOptions = {}, own = NUMBERS): string[] {
  const { rejected } = readInput(csv(options), input, { own });
  return rejected.map(({ line, reason }) => `${line}: ${reason}`);
}

function errorOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  return 'no error';
}

const NUMBERS = schemaOf({ a: 'double', b: 'long', c: 'string' });

describe('CSV', () => {
  interface Table {
    readonly cells: readonly (readonly { readonly text: string; readonly isQuoted: boolean }[])[];
    readonly delimiter: string;
    readonly lineEnd: string;
    readonly endsWithLine: boolean;
    readonly hasMark: boolean;
    readonly cuts: readonly number[];
  }

  const cell = record({
    text: string({
      unit: constantFrom('a', '7', ' ', '.', '"', ',', ';', '\t', '\n', '\r', 'é', '€', '😀', 'x'),
      maxLength: 6,
    }),
    isQuoted: boolean(),
  });
  const tables: Arbitrary<Table> = nat(4).chain((more) =>
    record({
      cells: array(array(cell, { minLength: more + 2, maxLength: more + 2 }), {
        minLength: 1,
        maxLength: 6,
      }),
      delimiter: constantFrom(',', ';', '\t', '|'),
      lineEnd: constantFrom('\n', '\r\n', '\r'),
      endsWithLine: boolean(),
      hasMark: boolean(),
      cuts: array(nat(9), { maxLength: 60 }),
    }),
  );

  function written({ cells, delimiter, lineEnd, endsWithLine, hasMark }: Table): string {
    const rows = cells.map((row) =>
      row
        .map(({ text, isQuoted }) =>
          isQuoted || /["\r\n]/.test(text) || text.includes(delimiter)
            ? `"${text.replaceAll('"', '""')}"`
            : text,
        )
        .join(delimiter),
    );
    return `${hasMark ? '\uFEFF' : ''}${rows.join(lineEnd)}${endsWithLine ? lineEnd : ''}`;
  }

  it('is read as csv-parse reads it, wherever its chunks end', () => {
    assert(
      property(tables, (table) => {
        const text = written(table);
        const { delimiter, lineEnd, cuts } = table;
        const width = table.cells[0]?.length ?? 0;
        const names = Array.from({ length: width }, (_, i) => `f${i}`);
        const own = schemaOf(Object.fromEntries(names.map((name) => [name, 'string' as const])));
        const found = readInput(csv({ delimiter, columns: names }), text, { own, cuts });
        const expected = parse(text, { delimiter, record_delimiter: lineEnd, bom: true });
        expect(found.rejected).toEqual([]);
        expect(found.events.map((event) => names.map((name) => event[name] ?? ''))).toEqual(
          expected,
        );
        // What csv-parse does not tell: whether there were quotes.
        const nulls = found.events.map((event) => names.map((name) => event[name] === undefined));
        expect(nulls).toEqual(
          table.cells.map((row) => row.map(({ text: each, isQuoted }) => each === '' && !isQuoted)),
        );
      }),
      { numRuns: 400 },
    );
  });

  it('has the same rows, rejects and line numbers wherever its chunks end', () => {
    const unit = constantFrom(
      '1',
      '2',
      '.',
      '-',
      'e',
      ',',
      ',',
      '"',
      '"',
      '\n',
      '\n',
      '\r',
      'x',
      ' ',
      'é',
    );
    assert(
      property(string({ unit, maxLength: 80 }), array(nat(7), { maxLength: 40 }), (body, cuts) => {
        const text = `a,b,c\n${body}`;
        const format = csv({ maxRowBytes: 24 });
        const whole = readInput(format, text, { own: NUMBERS });
        expect(readInput(format, text, { own: NUMBERS, cuts })).toEqual(whole);
        expect(readInput(format, text, { own: NUMBERS, cuts: cutEverywhere(text) })).toEqual(whole);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes all types, exactly', () => {
    const own = schemaOf({
      truth: 'bool',
      tiny: 'byte',
      small: 'ushort',
      int: 'int',
      big: 'long',
      huge: 'ulong',
      single: 'float',
      double: 'double',
      text: 'string',
      seen_ns: 'long',
      at_ms: 'long',
    });
    const input =
      'truth,tiny,small,int,big,huge,single,double,text,seen,at_ms\n' +
      'true,-128,65535,-2147483648,-9223372036854775808,18446744073709551615,0.5,0.1,"a ""b""",2026-01-31T12:00:30.000000001Z,1970-01-01T00:00:01.5\n' +
      'NO, 12.0 ,7,+3,9007199254740993,42,-inf,NaN,,-5,17\n';
    const { events, rejected } = readInput(csv(), input, { own });
    expect(rejected).toEqual([]);
    expect(events).toEqual([
      {
        truth: true,
        tiny: -128,
        small: 65_535,
        int: -(2 ** 31),
        big: -(2n ** 63n),
        huge: 2n ** 64n - 1n,
        single: 0.5,
        double: 0.1,
        text: 'a "b"',
        seen_ns: 1_769_860_830_000_000_001n,
        at_ms: 1500,
      },
      {
        truth: false,
        tiny: 12,
        small: 7,
        int: 3,
        big: 9_007_199_254_740_993n,
        huge: 42,
        single: -Infinity,
        double: NaN,
        seen_ns: -5,
        at_ms: 17,
      },
    ]);
  });

  it('takes a whole number for an integer however it is written, and no fraction for one', () => {
    const own = schemaOf({ n: 'long' });
    const whole = ['12.0', '1e3', '9007199254740993.000', '-1700000000000000000.0', '1.5e1', '7.'];
    const fractions = [
      '4503599627370497.3',
      '9007199254740991.5',
      '1.00000000000000000001',
      '0.5',
      '1e400',
      '9223372036854775808.0',
    ];
    const input = (texts: readonly string[]): string => `n\n${texts.join('\n')}\n`;
    const taken = readInput(csv(), input(whole), { own });
    expect(taken.events.map(({ n }) => n)).toEqual([
      12,
      1000,
      9_007_199_254_740_993n,
      -1_700_000_000_000_000_000n,
      15,
      7,
    ]);
    const refused = readInput(csv(), input(fractions), { own });
    expect(refused.events).toEqual([]);
    expect(refused.rejected).toHaveLength(fractions.length);
  });

  it('takes numbers and nulls in turn without mixing them up', () => {
    const own = schemaOf({ a: 'double', b: 'long', c: 'string' });
    const input = 'a,b,c\n1.5,2,x\n,,\n2.5,9223372036854775807,"",\n3.5,,y\n,4,z\n4.5,5,\n';
    const { events } = readInput(csv(), input.replace('"",\n', '""\n'), { own });
    expect(events).toEqual([
      { a: 1.5, b: 2, c: 'x' },
      {},
      { a: 2.5, b: 2n ** 63n - 1n, c: '' },
      { a: 3.5, c: 'y' },
      { b: 4, c: 'z' },
      { a: 4.5, b: 5 },
    ]);
  });

  it('takes words for null where they have no quotes', () => {
    const { events, rejected } = readInput(
      csv({ nulls: ['NA', '\\N'] }),
      'a,b,c\nNA,\\N,NA\n1,2,"NA"\n"NA",1,x\n',
      { own: NUMBERS },
    );
    expect(events).toEqual([{}, { a: 1, b: 2, c: 'NA' }]);
    expect(rejected).toMatchObject([{ line: 4, reason: 'a: expected a number, got "NA"' }]);
  });

  it('takes a NUL in quotes for a part of the text', () => {
    const input = 'a,b,c\n1,2,"\0"\n3,4,"ü""\0,"\n';
    expect(readInput(csv(), input).events).toMatchObject([{ c: '\0' }, { c: 'ü"\0,' }]);
    const { events, rejected } = readInput(csv(), input, { own: NUMBERS });
    expect(events).toMatchObject([{ c: '\0' }, { c: 'ü"\0,' }]);
    expect(rejected).toEqual([]);
  });

  it('passes over empty lines, but for one column, where they are null', () => {
    expect(
      readInput(csv(), 'a,b,c\n\n1,2,x\r\n\r\n\n3,4,y\n\n', { own: NUMBERS }).events,
    ).toHaveLength(2);
    const own = schemaOf({ a: 'double' });
    expect(readInput(csv(), 'a\n1\n\n2\n', { own }).events).toEqual([{ a: 1 }, {}, { a: 2 }]);
  });

  it('keeps names that every object inherits', () => {
    const own = schemaOf({
      ...({ constructor: 'double', toString: 'long' } as Record<string, FieldType>),
      __proto__x: 'string',
    });
    const input = 'constructor,__proto__x,toString\n1,x,2\n,,\n3,y,9223372036854775807\n';
    const { events } = readInput(csv(), input, { own });
    expect(events).toEqual<readonly object[]>([
      { constructor: 1, __proto__x: 'x', toString: 2 },
      {},
      { constructor: 3, __proto__x: 'y', toString: 2n ** 63n - 1n },
    ]);
  });
});

describe('rows that are none', () => {
  it.each<[string, string[]]>([
    ['1,2\n1,2,x', ['2: expected 3 fields, got 2']],
    ['1,2,x,y\n1,2,x,', ['2: expected 3 fields, got 4', '3: expected 3 fields, got 4']],
    ['abc,2,x', ['2: a: expected a number, got "abc"']],
    ['1.2.3,2,x', ['2: a: expected a number, got "1.2.3"']],
    ['0x10,2,x', ['2: a: expected a number, got "0x10"']],
    ['1,2.5,x', ['2: b: expected an integer, got "2.5"']],
    ['1,9223372036854775808,x', ['2: b: expected an integer, got "9223372036854775808"']],
    ['1,2,"x\n\ny"\n1,z,x', ['5: b: expected an integer, got "z"']],
    ['1,2,"x\r\ny\rz"\r\n1,z,x', ['5: b: expected an integer, got "z"']],
    [
      '1,2,x"y\n1,z,x',
      [
        '2: c: a quote inside of a value that does not begin with one',
        '3: b: expected an integer, got "z"',
      ],
    ],
    ['1,2,"x"y\n1,2,x', ['2: c: there is text behind the closing quote']],
    ['1,2,"x\n1,2,y\n1,2,z', ['2: c: a quote is not closed']],
    ['1,"2\n3",x', ['2: b: expected an integer, got "2\\n3"']],
    ['1,2,\xff', ['2: c: expected text of UTF-8, without NUL but in quotes, got "\uFFFD"']],
    ['\0,\0,\0', ['2: a: expected a number, got "\\u0000"']],
    ['1,2,x\0', ['2: c: expected text of UTF-8, without NUL but in quotes, got "x\\u0000"']],
  ])('%j are refused with line and reason', (body, expected) => {
    const settled = csv().begin(NUMBERS);
    expect(settled.settle(Buffer.from('a,b,c\n'), false)).toBe(NUMBERS);
    const input = Buffer.concat([Buffer.from('a,b,c\n'), Buffer.from(body, 'latin1')]);
    const rejected: string[] = [];
    const reader = settled.start({
      schema: NUMBERS,
      append: () => {},
      reject: (reason: string, origin: Origin) => rejected.push(`${origin.line}: ${reason}`),
    } as never);
    reader.push(input);
    reader.end();
    expect(rejected).toEqual(expected);
  });

  it('name the field and its range where the schema knows better', () => {
    const own = schemaOf({ a: 'ubyte', b: 'float' });
    expect(rejectsOf('a,b\n300,1\n1,1e39\n-1,1', {}, own)).toEqual([
      '2: Cannot encode a: expected an integer from 0 to 255, got 300',
      '3: Cannot encode b: expected a number of the range of 32-bit floats, got 1e+39',
      '4: Cannot encode a: expected an integer from 0 to 255, got -1',
    ]);
  });

  it('are told with what stood there', () => {
    const { rejected } = readInput(csv(), 'a,b,c\r\n1,2,x\r\nbad,"2",x\r\n', { own: NUMBERS });
    expect(rejected).toMatchObject([{ line: 3, content: 'bad,"2",x' }]);
  });

  it('are those with nothing for a field that takes no null', () => {
    const own = defineSchema('t.Row', [
      { name: 'a', type: 'double' },
      { name: 'b', type: 'double', optional: true },
    ]);
    expect(rejectsOf('a,b\n,1\n1,\n', {}, own)).toEqual([
      '2: a: it is empty, and the field takes no null',
    ]);
  });

  it('take one line with them where a quote is never closed, and not the rest', () => {
    const rows = Array.from({ length: 1000 }, (_, i) => `${i},${i},row ${i}`);
    rows[10] = '10,10,"row 10';
    const { events, rejected } = readInput(
      csv({ maxRowBytes: 500 }),
      `a,b,c\n${rows.join('\n')}\n`,
      { own: NUMBERS },
    );
    expect(events).toHaveLength(999);
    expect(rejected).toMatchObject([
      { line: 12, reason: 'a quote is not closed within 500 bytes', content: rows[10] },
    ]);
  });

  it('may be too long, and are passed over without being kept', () => {
    const input = `a,b,c\n1,2,${'x'.repeat(300_000)}\n3,4,${'y'.repeat(40)}\n5,6,z\n`;
    const { events, rejected } = readInput(csv({ maxRowBytes: 100 }), input, {
      own: NUMBERS,
      cuts: Array.from({ length: 500 }, () => 700),
    });
    expect(rejected.map(({ line, reason }) => `${line}: ${reason}`)).toEqual([
      '2: the row has more than 100 bytes',
    ]);
    expect(events).toMatchObject([{ a: 3 }, { a: 5 }]);
  });
});

describe('without a schema', () => {
  const inferred = (text: string, options: CsvOptions = {}): string[] =>
    typesIn(readInput(csv(options), text));

  it.each<[string, string]>([
    ['true\nFALSE\n', 'x:bool?'],
    ['1\n-2\n', 'x:long?'],
    ['1\n\n2.0\n', 'x:double?'],
    ['1e5\n.5\n', 'x:double?'],
    ['1\nnan\n', 'x:double?'],
    ['9223372036854775807\n', 'x:long?'],
    ['9223372036854775808\n', 'x:string'],
    ['00501\n12345\n', 'x:string'],
    ['+4930123\n', 'x:string'],
    ['1.5\n00501\n', 'x:string'],
    ['2026-01-31\n2026-02-01T12:00Z\n', 'x_ns:long?'],
    ['2026-01-31\n2026-02-30\n', 'x:string'],
    ['2026-01-31\n17\n', 'x:string'],
    ['true\n1\n', 'x:string'],
    ['""\n""\n', 'x:string'],
    ['"12"\n"13"\n', 'x:long?'],
    ['1\n \n 2\n', 'x:long?'],
    [' \n\t\n', 'x:string'],
  ])('%j is taken as %s', (body, expected) => {
    expect(inferred(`x\n${body}`)).toEqual([expected]);
  });

  it('names of columns are made identifiers that differ, and kept as comments', () => {
    const found = readInput(
      csv(),
      'Airport Name,a,a,2nd,Grüne (m),,_x,日本,date,date_ns\nx,1,2,3,4,5,6,7,2026-01-31,9\n',
    );
    expect(fieldDefinitions(found.schema)?.map(({ name, comment }) => [name, comment])).toEqual([
      ['Airport_Name', 'Airport Name'],
      ['a', undefined],
      ['a_2', 'a'],
      ['_2nd', '2nd'],
      ['Grune_m', 'Grüne (m)'],
      ['column_6', undefined],
      ['_x', undefined],
      ['column_8', '日本'],
      ['date', undefined],
      ['date_ns', undefined],
    ]);
    expect(found.rejected).toEqual([]);
  });

  it('types and columns may be said', () => {
    expect(
      inferred('a,b b,c\n1,2,3\n', { types: { a: 'string', 'b b': 'float', c: 'skip' } }),
    ).toEqual(['a:string', 'b_b:float?']);
    expect(inferred('1,2\n', { header: false })).toEqual(['column_1:long?', 'column_2:long?']);
    expect(inferred('1,2\n', { columns: ['x', 'y'] })).toEqual(['x:long?', 'y:long?']);
    expect(inferred('a,b\n1,2\n', { columns: ['x', 'y'], header: true })).toEqual([
      'x:long?',
      'y:long?',
    ]);
    expect(inferred('a\n', { types: { a: 'time' } })).toEqual(['a_ns:long?']);
  });

  it.each<[string, CsvOptions, string]>([
    ['', {}, 'The input is empty'],
    ['\n\n', {}, 'The input is empty'],
    ['a,b\n', {}, 'has a header and no rows: nothing tells the type of "a"'],
    [
      'a,b\n1,2\n',
      { types: { c: 'long' } },
      'There is no column c to give a type to: the CSV has a, b',
    ],
    ['a,b\n1,2\n', { types: { a: 'skip', b: 'skip' } }, 'no column that is not left out'],
    ['a,"b\n1,2\n', {}, 'The first row of the input is no CSV: field 2: a quote is not closed'],
    ['a\0b\n', {}, 'cannot be CSV: its byte 1 is NUL'],
    [
      '1,2,3\n',
      { columns: ['a'] },
      'The rows of the input have 3 fields, and 1 columns were named',
    ],
  ])('%j with %j is an error', (input, options, message) => {
    expect(errorOf(() => readInput(csv(options), input))).toContain(message);
  });

  it('says that UTF-16 and other encodings are not taken', () => {
    const utf16 = Buffer.from('\uFEFFa,b\n1,2\n', 'utf16le');
    expect(errorOf(() => readInput(csv(), utf16))).toContain('UTF-16');
    expect(errorOf(() => readInput(csv(), Buffer.from('gr\xf6\xdfe\n1\n', 'latin1')))).toContain(
      'not UTF-8',
    );
  });
});

describe('with a schema', () => {
  it('columns go to fields of their names, in any order', () => {
    const own = schemaOf({ when_ns: 'long', big_value: 'double', other: 'string' });
    const { events } = readInput(csv(), 'big value,when\n1.5,1970-01-01T00:00:01\n', { own });
    expect(events).toEqual([{ big_value: 1.5, when_ns: 1_000_000_000 }]);
  });

  it.each<[string, CsvOptions, string]>([
    [
      'a,b,c,d e\n',
      {},
      'does not fit the schema t.Row: there is no field for column "d e"; it has a, b, c.',
    ],
    ['a,a\n', {}, 'there is no field for column a'],
    ['1,2\n', { header: false }, 'its rows have 2 fields, and the schema 3'],
  ])('%j is an error', (input, options, message) => {
    expect(errorOf(() => readInput(csv(options), input, { own: NUMBERS }))).toContain(message);
  });

  it('required fields need a column, and what is no plain field takes none', async () => {
    const own = eventSchema(
      (await Flatc.start()).schema(
        'enum Kind:byte { Low, High } table Inner { x:int; } table Row { id:string (required); inner:Inner; kind:Kind; } root_type Row;',
      ),
    );
    expect(errorOf(() => readInput(csv(), 'kind\nLow\n', { own }))).toContain(
      'there is no column id',
    );
    expect(errorOf(() => readInput(csv(), 'id,inner\n1,2\n', { own }))).toContain(
      'inner is a table there',
    );
    const { events, rejected } = readInput(csv(), 'id,kind\nx,High\ny,1\nz,Middle\n', { own });
    expect(events).toEqual([
      { id: 'x', kind: 'High' },
      { id: 'y', kind: 'High' },
    ]);
    expect(rejected).toMatchObject([
      { line: 4, reason: expect.stringContaining('expected one of Low, High') as string },
    ]);
  });

  it('new columns are added when asked', () => {
    const found = readInput(csv({ addColumns: true }), 'a,new,day\n1,true,2026-01-31\n', {
      own: NUMBERS,
    });
    expect(typesIn(found)).toEqual([
      'a:double?',
      'b:long?',
      'c:string',
      'new:bool?',
      'day_ns:long?',
    ]);
    expect(found.events).toHaveLength(1);
    expect(readInput(csv({ addColumns: true }), 'a\n1\n', { own: NUMBERS }).schema).toBe(NUMBERS);
  });

  it.each([
    { delimiter: '' },
    { delimiter: '::' },
    { delimiter: '"' },
    { delimiter: '7' },
    { delimiter: 'é' },
    { maxRowBytes: 0 },
  ])('refuses %j', (options) => {
    expect(() => csv(options)).toThrow(RangeError);
  });
});

describe('real CSV', () => {
  const folder = fileURLToPath(new URL('../../node_modules/vega-datasets/data', import.meta.url));
  const files = readdirSync(folder).filter((name) => /\.[ct]sv$/.test(name));

  it('is there', () => expect(files.length).toBeGreaterThan(20));

  it.each(files)('%s is captured as csv-parse reads it', async (file) => {
    const path = join(folder, file);
    const delimiter = file.endsWith('.tsv') ? '\t' : ',';
    const log = temporaryLogPath();
    const rejected: string[] = [];
    const source = fileSource(path, {
      format: file.endsWith('.tsv') ? csv({ delimiter }) : csvOrJson(),
    });
    const report = await capture(source, log, {
      segmentSizeBytes: 1 << 22,
      onReject: ({ line, reason }) => rejected.push(`${line}: ${reason}`),
    });
    const rows = parse(readFileSync(path), { delimiter, bom: true, skip_empty_lines: true }).slice(
      1,
    );
    expect(rejected).toEqual([]);
    expect(report).toMatchObject({ events: rows.length, rejected: 0, ended: 'source' });
    expect(verifyEventLog(log)).toMatchObject({ isIntact: true, malformed: 0 });
    const reader = openEventReader(log);
    const names = fieldDefinitions(reader.schema)?.map(({ name }) => name) ?? [];
    for (const at of [0, rows.length >> 1, rows.length - 1]) {
      const event = reader.get(at).toObject() as Record<string, string | number | null>;
      names.forEach((name, i) =>
        expect(shown(event[name])).toBe(asNumber(name, rows[at]?.[i] ?? '')),
      );
    }
    reader.close();
  });

  function shown(value: string | number | bigint | boolean | null | undefined): string {
    return value === undefined || value === null ? '' : String(value);
  }

  /** Of what csv-parse has as text. */
  function asNumber(name: string, text: string): string {
    if (name.endsWith('_ns'))
      return String(BigInt(Date.parse(/T/.test(text) ? `${text}Z` : text)) * 1_000_000n);
    return text !== '' && String(Number(text)) !== 'NaN' && !/^0\d/.test(text)
      ? String(Number(text))
      : text;
  }
});
