/** What captures read: numbers, times, CSV, JSON lines, and streams that are cut into records. */
import { parse as parseCsv } from 'csv-parse/sync';
import type { EventSchema, Intake, Origin, RecordSplitter } from '../../dist/index.js';
import type { Row } from '../../dist/capture/formats/columns.js';
import type { TableType } from '../../dist/events/model.js';
import type { Library } from './library.js';
import { ascii, expectSame, isMisuse, outcome, type Target } from './target.js';

export function textTargets(library: Library): Target[] {
  const schema = schemaOf(library);
  return [
    decimal(library),
    integer(library),
    time(library),
    columnNames(library),
    csvTexts(library),
    csvRows(library, schema),
    csvInput(library),
    jsonRows(library, schema),
    jsonInput(library),
    lines(library),
    lengths(library, schema),
  ];
}

const NUMBER_WORDS = ascii(
  '0',
  '9',
  '.',
  '-',
  '+',
  'e',
  'E',
  '00000000',
  '99999999',
  '123456789',
  '1e308',
  'e-324',
  '9007199254740992',
  '9007199254740993',
  '18446744073709551615',
  '9223372036854775808',
  '9223372036854775807',
  'e22',
  'e-22',
  '5e-1',
  '\n',
);

function decimal({ decimal: format }: Library): Target {
  const bytes = Buffer.alloc(64, '\n');
  const out = new Float64Array(1);
  return {
    name: 'decimal',
    files: ['capture/formats/decimal'],
    maxBytes: 48,
    executions: 200_000,
    seeds: ascii(
      '0.1',
      '-123.456e7',
      '123456789012345678',
      '9007199254740993',
      '.5',
      '1e400',
      '1.7976931348623159e308',
    ),
    words: NUMBER_WORDS,
    run(input) {
      bytes.fill('\n');
      bytes.set(input);
      const text = bytes.toString('latin1', 0, input.length + 1);
      for (const isJson of [false, true]) {
        const pattern = isJson ? /^[+-]?\d+(?:\.\d*)?/ : /^[+-]?(?:\d+\.?\d*|\.\d+)/;
        let matched = pattern.exec(text)?.[0];
        if (isJson && matched?.endsWith('.') === true) matched = undefined;
        if (matched !== undefined && /[eE]/.test(text[matched.length] as string)) {
          const exponent = /^[eE][+-]?\d+/.exec(text.slice(matched.length))?.[0];
          matched = exponent === undefined ? undefined : matched + exponent;
        }
        out[0] = NaN;
        const end = format.scanDecimal(bytes, 0, out, 0, isJson);
        expectSame(`End of ${text}`, end, matched?.length ?? -1);
        if (matched !== undefined) expectSame(text, out[0], Number(matched));
      }
      return String(out[0]);
    },
  };
}

function integer({ decimal: format }: Library): Target {
  const bytes = Buffer.alloc(64, '\n');
  const out = new Float64Array(1);
  const values: unknown[] = [undefined];
  const isValue = new Uint8Array(1);
  return {
    name: 'integer',
    files: ['capture/formats/decimal'],
    maxBytes: 40,
    executions: 200_000,
    seeds: ascii(
      '0',
      '-5',
      '9007199254740991',
      '9007199254740992',
      '18446744073709551615',
      '-9223372036854775808',
    ),
    words: NUMBER_WORDS,
    run(input) {
      bytes.fill('\n');
      bytes.set(input);
      const text = bytes.toString('latin1', 0, input.length + 1);
      const matched = /^[+-]?\d+/.exec(text)?.[0];
      let told = '';
      for (const isUnsigned of [false, true]) {
        const end = format.scanInteger(bytes, 0, out, values, isValue, 0, isUnsigned);
        const value = matched === undefined ? 0n : BigInt(matched.replace('+', ''));
        const fits = (isUnsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)) === value;
        expectSame(`End of ${text}`, end, matched === undefined ? -1 : fits ? matched.length : -2);
        if (end < 0) continue;
        const found = isValue[0] === 0 ? BigInt(out[0] as number) : (values[0] as bigint);
        expectSame(text, found, value);
        told += `${found} `;
      }
      return told;
    },
  };
}

const TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?(?:([Zz])|([+-])(\d\d)(?::?(\d\d))?)?)?$/;

/** As `Date` has it. */
function expectedTime(text: string, unitNs: number): bigint | undefined {
  const parts = TIME.exec(text);
  if (parts === null) return undefined;
  const n = (i: number): number => Number(parts[i] ?? 0);
  const date = new Date(0);
  date.setUTCFullYear(n(1), n(2) - 1, n(3));
  if (date.getUTCMonth() !== n(2) - 1 || date.getUTCDate() !== n(3)) return undefined;
  const isTime = n(4) < 24 && n(5) < 60 && n(6) < 60 && n(10) < 24 && n(11) < 60;
  const fraction = parts[7] ?? '';
  if (!isTime || /[^0]/.test(fraction.slice(9))) return undefined;
  date.setUTCHours(n(4), n(5), n(6));
  const zone = (parts[9] === '-' ? -1 : 1) * (n(10) * 3600 + n(11) * 60);
  const seconds = BigInt(date.getTime() / 1000 - zone);
  if (seconds >= 9_223_372_036n || seconds <= -9_223_372_036n) return undefined;
  const ns = seconds * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  const unit = BigInt(unitNs);
  const cut = ns / unit;
  return ns < 0n && cut * unit !== ns ? cut - 1n : cut;
}

function time({ timeText }: Library): Target {
  const bytes = Buffer.alloc(96);
  return {
    name: 'time',
    files: ['capture/formats/time-text'],
    maxBytes: 48,
    executions: 200_000,
    seeds: ascii(
      '2026-01-31',
      '2026-01-31T12:00:30.123456789+02:00',
      '1969-12-31 23:59Z',
      '0000-02-29',
      '2262-04-11T23:47:16Z',
      // Past 2^53 in microseconds.
      '2262-01-30T12:01:30.1934234000000',
    ),
    words: ascii(
      '-',
      ':',
      'T',
      'Z',
      '.',
      '+',
      '00',
      '02-29',
      '9999',
      '1677',
      '2262',
      '24',
      '60',
      '0000000000',
      ',',
    ),
    run(input) {
      // What stands around it must not matter.
      bytes.fill('5');
      bytes.set(input, 20);
      const text = bytes.toString('latin1', 20, 20 + input.length);
      let told = '';
      for (const unitNs of [1, 1e3, 1e6, 1e9]) {
        const found = timeText.timeOf(bytes, 20, 20 + input.length, unitNs);
        expectSame(
          `${text} by ${unitNs}`,
          found === undefined ? found : BigInt(found),
          expectedTime(text, unitNs),
        );
        told = String(found);
      }
      return told;
    },
  };
}

function columnNames({ columnNames: format }: Library): Target {
  return {
    name: 'column-names',
    files: ['capture/formats/names'],
    maxBytes: 64,
    executions: 40_000,
    seeds: ascii(
      'US Gross,US_Gross,a,a,a_2',
      'Größe;µ;1st',
      ',,,',
      '__proto__,constructor',
      '_2,_,__',
    ),
    words: ascii(',', '_2', 'a', 'Ⅷ', 'é', '\u0301', '﷽', 'ﬁ', '__proto__', 'column_1'),
    run(input) {
      const found = format.uniqueIdentifiers(Buffer.from(input).toString().split(','));
      expectSame('Different', new Set(found).size, found.length);
      for (const name of found)
        if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error(`Identifier ${JSON.stringify(name)}`);
      return found.join();
    },
  };
}

// --- CSV ---

const CSV_WORDS = ascii(
  '"',
  '""',
  ',',
  ';',
  '\t',
  '\n',
  '\r',
  '\r\n',
  '",',
  '"\n',
  ',"',
  '\ufeff',
  'NA',
  'nan',
  '-inf',
  'true',
  '1',
  '0.5',
  '2026-01-31T12:00:00Z',
  'é',
  '\0',
  'a',
  ' ',
  '1.0',
  '1e3',
  '9007199254740993',
  'Blue',
  '"""',
);
const CSV_TEXT =
  'n,d,t,b,at_ns,u\n1,0.5,abc,true,2026-01-31,7\n-5,1e3,"x ""y"", z",f,1700000000000000000,\n,,,,,\r\n"9","nan","a\nb",no,"2026-01-31T12:00:00Z",18446744073709551615\n';

const LARGE_ROW = 4096;

/**
 * What is told of a row that was refused. Of one that is too long there is as much as had come, and what else
 * is wrong with it may not be known yet.
 */
function rejectedRow(scanner: Scanner, reason: string, maxRowBytes: number): string[] {
  const content = Buffer.from(scanner.content()).toString('latin1').slice(0, maxRowBytes);
  return [`line ${scanner.line}`, maxRowBytes < LARGE_ROW ? '' : reason, content];
}

/** The places at which an input is cut into chunks: by its own bytes. */
function chunksOf(bytes: Buffer, seed: number): Buffer[] {
  const chunks: Buffer[] = [];
  let state = seed;
  for (let at = 0; at < bytes.length;) {
    state = (state * 75 + 74) % 65_537;
    const size = 1 + (state % (seed % 3 === 0 ? 2 : seed % 3 === 1 ? 7 : 40));
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

/** Byte 0: delimiter and limit; byte 1: chunks. */
function csvTexts({ csvScanner }: Library): Target {
  let rows: string[][] = [];
  let rejects = 0;
  const scannerFor = (delimiter: number, maxRowBytes: number): Scanner => {
    const scanner: Scanner = new csvScanner.CsvScanner(
      { delimiter, nulls: [], maxRowBytes },
      {
        take: () => rows.push([...scanner.texts]) > 0,
        reject: (reason) => {
          rows.push(rejectedRow(scanner, reason, maxRowBytes));
          rejects++;
        },
      },
    );
    return scanner;
  };
  // Used again and again: their buffers are large.
  const scanners = [44, 59].flatMap((delimiter) =>
    [LARGE_ROW, 24].map((maxRowBytes) => scannerFor(delimiter, maxRowBytes)),
  );
  const read = (chunks: readonly Buffer[], mode: number): string[][] => {
    const scanner = scanners[2 * (mode & 1) + ((mode >> 1) & 1)] as Scanner;
    rows = [];
    rejects = 0;
    for (const chunk of chunks) scanner.push(chunk);
    scanner.end();
    if (rejects > 0) rows.push([REJECTED]);
    return rows;
  };
  return {
    name: 'csv-texts',
    files: ['capture/formats/csv-scanner', 'capture/formats/text-bytes'],
    maxBytes: 512,
    executions: 12_000,
    seeds: [CSV_TEXT, 'a;b\r\nc;d', '"a\nb",c\n"d', 'x'].map((text, i) =>
      Uint8Array.from([i & 1, i, ...Buffer.from(text)]),
    ),
    words: CSV_WORDS,
    run(input) {
      const mode = input[0] ?? 0;
      const bytes = Buffer.from(input.subarray(2));
      const whole = read([bytes], mode);
      const cut = read(chunksOf(bytes, input[1] ?? 0), mode);
      const told = JSON.stringify(whole);
      expectSame('In chunks', JSON.stringify(cut), told);
      if ((input[1] ?? 0) % 4 === 0 && whole.at(-1)?.[0] !== REJECTED)
        compareWithOther(bytes, mode, whole);
      return told;
    },
  };
}

type Scanner = InstanceType<Library['csvScanner']['CsvScanner']>;
const REJECTED = 'some were rejected';

function compareWithOther(bytes: Buffer, mode: number, rows: readonly string[][]): void {
  const other: string[][] = parseCsv(bytes, {
    delimiter: (mode & 1) === 0 ? ',' : ';',
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    skip_empty_lines: true,
    bom: true,
  });
  expectSame('As csv-parse has it', JSON.stringify(rows), JSON.stringify(other));
}

function schemaOf({ index }: Library): EventSchema {
  const optional = true;
  return index.defineSchema('Row', [
    { name: 'n', type: 'long', optional },
    { name: 'd', type: 'double', optional },
    { name: 't', type: 'string' },
    { name: 'b', type: 'bool', optional },
    { name: 'at_ns', type: 'long', optional },
    { name: 'u', type: 'ulong', optional },
    { name: 'i', type: 'int' },
    { name: 'f', type: 'float', optional },
  ]);
}

/** Byte 0: limit; byte 1: chunks. Rows of every kind of column, straight from bytes. */
function csvRows(
  { csvScanner, columns: format, model, index }: Library,
  schema: EventSchema,
): Target {
  const columns = model
    .usableFields(rootOf(schema))
    .map((field) => format.columnOf(field.name, field));
  let told = '';
  // Made once: its code is compiled.
  const row: Row = new format.Row(columns);
  const scanners = [LARGE_ROW, 40].map((maxRowBytes) => {
    const rules = { delimiter: 44, nulls: [Buffer.from('NA')], maxRowBytes };
    const scanner: Scanner = new csvScanner.CsvScanner(rules, {
      take: () => {
        told += `${outcome(() => bytesOf(index, schema, row.event()), isMisuse)} `;
        return true;
      },
      reject: (reason) => {
        told += `${rejectedRow(scanner, reason, maxRowBytes).join(' ')} `;
      },
    });
    scanner.readInto(row);
    return scanner;
  });
  const read = (chunks: readonly Buffer[], mode: number): string => {
    const scanner = scanners[mode & 1] as Scanner;
    told = '';
    for (const chunk of chunks) scanner.push(chunk);
    scanner.end();
    return told;
  };
  const text =
    '1,0.5,abc,true,2026-01-31,7,5,1.5\n,,,,,,0,\n-5,1e3,"x ""y""",f,1700000000000000000,18446744073709551615, 12.0 ,"nan"\n"9","inf",NA,no,"2026-01-31T12:00:00Z",1e2,-1,NA\r\n';
  return {
    name: 'csv-rows',
    files: [
      'capture/formats/csv-scanner',
      'capture/formats/text-bytes',
      'capture/formats/decimal',
      'capture/formats/time-text',
    ],
    maxBytes: 384,
    executions: 8000,
    seeds: [
      Uint8Array.from([0, 4, ...Buffer.from(text)]),
      Uint8Array.from([1, 5, ...Buffer.from(text)]),
    ],
    words: CSV_WORDS,
    run(input) {
      const bytes = Buffer.from(input.subarray(2));
      const whole = read([bytes], input[0] ?? 0);
      expectSame('In chunks', read(chunksOf(bytes, input[1] ?? 0), input[0] ?? 0), whole);
      return whole;
    },
  };
}

function bytesOf(index: Library['index'], schema: EventSchema, event: unknown): string {
  const bytes = index.encodeEvent(schema, event);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function rootOf(schema: EventSchema): TableType {
  return (schema as unknown as { readonly root: TableType }).root;
}

/** Takes what a format reads, as text. */
class Told implements Pick<Intake, 'append' | 'reject' | 'schema' | 'signal'> {
  text = '';
  readonly isClosed = false;
  readonly isFull = false;
  readonly maxEventBytes = 65_536;
  readonly signal = NEVER;
  readonly schema: EventSchema;
  readonly #index: Library['index'];

  constructor(index: Library['index'], schema: EventSchema) {
    this.#index = index;
    this.schema = schema;
  }

  append(event: unknown, origin?: Origin): void {
    this.text += `${origin?.line} ${outcome(() => bytesOf(this.#index, this.schema, event), isMisuse)} `;
  }
  appendFlatBuffer(bytes: Uint8Array): void {
    const isRefusal = (error: unknown): boolean => error instanceof this.#index.MalformedEventError;
    this.text += `${outcome(() => this.#index.verifyEvent(this.schema, bytes), isRefusal)} `;
  }
  reject(reason: string, origin?: Origin): void {
    this.text += `${origin?.line} ${reason} ${Buffer.from(origin?.content() ?? []).toString('base64')} `;
  }
  drop(): void {}
  ready(): Promise<void> {
    return Promise.resolve();
  }
}

const NEVER = new AbortController().signal;

/** A whole input of which nothing is known: its columns, their types, its rows. */
function csvInput({ index }: Library): Target {
  return {
    name: 'csv-input',
    files: ['capture/formats/', 'events/define-schema'],
    maxBytes: 384,
    executions: 4000,
    seeds: [CSV_TEXT, 'a b,a-b\n1,2\n', 'x\n\n1\n'].map((text) =>
      Uint8Array.from([0, 4, ...Buffer.from(text)]),
    ),
    words: CSV_WORDS,
    run: (input) => readInput(index, index.csvOrJson(), input),
  };
}

function jsonInput({ index }: Library): Target {
  const text =
    '{"n":1,"d":0.5,"t":"x","b":true}\n\n{"n":12345678901234567890,"US Gross":5}\n{"n":null}\n[1]\n';
  return {
    name: 'json-input',
    files: ['capture/formats/', 'capture/framing', 'events/json', 'events/define-schema'],
    maxBytes: 384,
    executions: 4500,
    seeds: [
      Uint8Array.from([0, 4, ...Buffer.from(text)]),
      Uint8Array.from([0, 3, ...Buffer.from('{"a":1}')]),
    ],
    words: [
      ...CSV_WORDS,
      ...ascii('{"', '":', '}', '{', '[', ']', 'null', '\\u0001', '"a"', '12345678901234567'),
    ],
    run: (input) => readInput(index, index.jsonLines({ maxLineBytes: 200 }), input),
  };
}

/** What is internal of a format. */
interface Beginning {
  begin(own: undefined): {
    settle(sample: Buffer, isWhole: boolean): unknown;
    start(intake: Intake): { push(chunk: Buffer): void; end(): void };
  };
}

function readInput(
  index: Library['index'],
  format: ReturnType<Library['index']['csv']>,
  input: Uint8Array,
): string {
  const bytes = Buffer.from(input.subarray(2));
  const isRefusal = (error: unknown): boolean =>
    error instanceof index.InputError || error instanceof index.SchemaError;
  return outcome(() => {
    const session = (format as unknown as Beginning).begin(undefined);
    const schema = session.settle(bytes, true) as EventSchema;
    const read = (chunks: readonly Buffer[]): string => {
      const told = new Told(index, schema);
      const reader = session.start(told);
      for (const chunk of chunks) reader.push(chunk);
      reader.end();
      return told.text;
    };
    const whole = read([bytes]);
    expectSame('In chunks', read(chunksOf(bytes, input[1] ?? 0)), whole);
    return whole;
  }, isRefusal);
}

// --- JSON rows ---

/** A message is an event as `jsonToEvent` says, however plain it is. */
function jsonRows({ jsonRows: format, index }: Library, schema: EventSchema): Target {
  const told = new Told(index, schema);
  const rows = new format.JsonRows(told);
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const origin: Origin = { line: 1, content: () => new Uint8Array(0) };
  return {
    name: 'json-message',
    files: [
      'capture/formats/json-rows',
      'capture/formats/decimal',
      'capture/formats/text-bytes',
      'events/json',
    ],
    maxBytes: 256,
    executions: 25_000,
    seeds: ascii(
      '{"n":1,"d":0.5,"t":"abc","b":true,"at_ns":5,"u":18446744073709551615,"i":-1,"f":1e3}',
      '{"n":null,"t":null,"b":false}',
      ' { "t" : "x" , "n" : -0 } ',
      '{}',
      '{"u":9007199254740993}',
      '{"at ns":1}',
    ),
    words: [
      ...NUMBER_WORDS,
      ...ascii(
        '{"n":',
        '"d":',
        ',"t":"',
        '"',
        ':',
        ',',
        '}',
        'null',
        'true',
        'false',
        '\\u0041',
        ' ',
        '\t',
        'é',
        '\0',
        '[',
        '{',
      ),
    ],
    run(input) {
      told.text = '';
      rows.take(input, origin);
      const expected = outcome(
        () => `1 ${bytesOf(index, schema, index.jsonToEvent(schema, utf8.decode(input)))} `,
        (error) => isMisuse(error) || error instanceof TypeError,
      );
      const isTaken = !expected.startsWith('refused');
      if (isTaken) expectSame('Event', told.text, expected);
      // Keys that are meant for fields are given their names.
      else if (/^1 [A-Za-z0-9+/=]+ $/.test(told.text) && !/no such field/.test(expected)) {
        throw new Error(`Taken as ${told.text}, and not by jsonToEvent: ${expected}`);
      }
      return told.text;
    },
  };
}

// --- Streams ---

function split(splitter: RecordSplitter, chunks: readonly Buffer[]): void {
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
}

/** Byte 0: limit, newline kept; byte 1: chunks. */
function lines({ index }: Library): Target {
  const read = (chunks: readonly Buffer[], mode: number): string => {
    let told = '';
    const take = (line: Uint8Array): void => {
      told += `${Buffer.from(line).toString('latin1')}|`;
    };
    const onTooLong = (line: Uint8Array): void => {
      told += `too long: ${Buffer.from(line).toString('latin1')}|`;
    };
    const options = { maxBytes: 2 + (mode & 15), keepNewline: (mode & 16) !== 0, onTooLong };
    split(new index.LineSplitter(take, options), chunks);
    return told;
  };
  return {
    name: 'lines',
    files: ['capture/framing'],
    maxBytes: 128,
    executions: 25_000,
    seeds: [Uint8Array.from([5, 3, ...Buffer.from('one\ntwo\n\nthree thousand\nx')])],
    words: ascii('\n', '\n\n', 'a', '123456789012345678'),
    run(input) {
      const mode = input[0] ?? 0;
      const bytes = Buffer.from(input.subarray(2));
      const whole = read([bytes], mode);
      expectSame('In chunks', read(chunksOf(bytes, input[1] ?? 0), mode), whole);
      const parts = bytes.toString('latin1').split('\n');
      const [last] = parts.splice(-1);
      const limit = 2 + (mode & 15);
      const each = (line: string, end: string): string =>
        line.length > limit ? `too long: ${line.slice(0, limit)}|` : `${line}${end}|`;
      const kept = (mode & 16) === 0 ? '' : '\n';
      const expected =
        parts.map((line) => each(line, kept)).join('') +
        (last === '' ? '' : each(last as string, ''));
      expectSame('Lines', whole, expected);
      return whole;
    },
  };
}

/** A TCP connection's bytes: JSON or FlatBuffers by byte 0, with their lengths in front. */
function lengths({ index, jsonRows: format }: Library, schema: EventSchema): Target {
  const event = index.encodeEvent(schema, { n: 5, t: 'abc', i: 1 });
  const framed = (parts: readonly Uint8Array[]): number[] =>
    parts.flatMap((part) => [...new Uint8Array(Uint32Array.of(part.length).buffer), ...part]);
  const origin: Origin = { line: 1, content: () => new Uint8Array(0) };
  const told = new Told(index, schema);
  const rows = new format.JsonRows(told);
  const read = (chunks: readonly Buffer[], mode: number): string => {
    told.text = '';
    const take = (message: Uint8Array): void => {
      if ((mode & 1) === 0) rows.take(message, origin);
      else told.appendFlatBuffer(message);
    };
    const failed = outcome(
      () => split(new index.LengthSplitter(take, { maxBytes: 96 }), chunks),
      (error) => error instanceof index.InputError,
    );
    return told.text + failed;
  };
  return {
    name: 'tcp-stream',
    files: ['capture/framing', 'capture/formats/json-rows', 'events/verify.'],
    maxBytes: 320,
    executions: 12_000,
    seeds: [
      Uint8Array.from([0, 3, ...framed(ascii('{"n":1}', '{"t":"x","i":2}', '', '5'))]),
      Uint8Array.from([1, 4, ...framed([event, event])]),
    ],
    words: ascii('\0\0\0\0', '\x02\0\0\0{}', '\xff\xff\xff\xff', '\x60\0\0\0', '{"n":1}', '{}'),
    run(input) {
      const bytes = Buffer.from(input.subarray(2));
      const whole = read([bytes], input[0] ?? 0);
      expectSame('In chunks', read(chunksOf(bytes, input[1] ?? 0), input[0] ?? 0), whole);
      return whole;
    },
  };
}
