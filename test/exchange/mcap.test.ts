/** MCAP: what foreign readers find in our files, and what we take of foreign ones. */
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { McapRecordBuilder, Opcode, type McapTypes } from '@mcap/core';
import { crc32 } from '@node-rs/crc32';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CaptureError,
  InputError,
  LogError,
  ScanError,
  capture,
  decodeEvent,
  defineSchema,
  encodeEvent,
  eventSchema,
  exportLog,
  jsonToEvent,
  mcapFile,
  mcapSource,
  verifyEventLog,
  type CaptureReport,
  type EventSchema,
  type McapFileOptions,
  type McapSourceOptions,
} from '../../src/index.js';
import { toJsonText } from '../../src/events/json-text.js';
import { ChunkWriter } from '../../src/exchange/mcap/chunk-writer.js';
import {
  besideLog,
  drawEvents,
  exportPool,
  importedLog,
  logOf,
  recordsOf,
  verifiedLogPath,
} from '../support/exported-logs.js';
import { Flatc } from '../support/flatc.js';
import { rejectionOf, thrownBy } from '../support/logs.js';
import {
  all,
  asInFoxglove,
  indexedReader,
  ofType,
  streamedRecords,
  written,
  writtenTopics,
} from '../support/mcap-files.js';
import { KeepingIntake } from '../support/input-formats.js';
import { Dice, mutated } from '../support/mutations.js';

const SEED = Number(process.env['STRATALOG_SEED'] ?? Date.now() % 2 ** 31);

const READING = defineSchema('t.Reading', [
  { name: 'time_ns', type: 'long' },
  { name: 'late_us', type: 'uint', optional: true },
  { name: 'value', type: 'double' },
  { name: 'unit', type: 'string' },
]);

const START = 1_700_000_000_000_000_000n;

function readings(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    encodeEvent(READING, {
      time_ns: START + BigInt(i) * 1000n,
      late_us: i,
      value: i / 3,
      unit: 'x'.repeat(i % 50),
    }),
  );
}

const hasZstd = 'zstdCompressSync' in zlib;

let flatc: Flatc;
let folder: string;
beforeAll(async () => {
  flatc = await Flatc.start();
  folder = mkdtempSync(join(tmpdir(), 'stratalog-mcap-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function exported(
  log: string,
  options: McapFileOptions = {},
  settings: Partial<Parameters<typeof exportLog>[2]> = {},
): Promise<string> {
  const path = besideLog(log, 'out.mcap');
  const format = mcapFile(options);
  await exportLog(log, path, { pool: exportPool(), replace: true, ...settings, format });
  return path;
}

/** A file of these bytes, in its turn. */
function fileOf(bytes: Uint8Array): string {
  const path = join(folder, 'in.mcap');
  writeFileSync(path, bytes);
  return path;
}

async function imported(
  bytes: Uint8Array,
  options: McapSourceOptions = {},
  schema?: EventSchema,
): Promise<{ payloads: Uint8Array[]; report: CaptureReport }> {
  const { log, report } = await importedLog(mcapSource(fileOf(bytes), options), schema);
  return { payloads: recordsOf(log).map(({ payload }) => payload), report };
}

/** What has kept a file from being imported. */
async function refusalOf(bytes: Uint8Array, options?: McapSourceOptions): Promise<InputError> {
  const error = await rejectionOf(imported(bytes, options));
  const cause = error instanceof CaptureError ? error.cause : error;
  expect(cause).toBeInstanceOf(InputError);
  return cause as InputError;
}

function topicOf(schema: EventSchema, messages: readonly Uint8Array[], topic = 'a') {
  const { name, bytes: data } = schema;
  const encoding = 'flatbuffer';
  return { topic, messageEncoding: encoding, schema: { name, encoding, data }, messages };
}

function jsonTopic(values: readonly (object | string)[], topic = 'j') {
  const texts = values.map((each) => (typeof each === 'string' ? each : JSON.stringify(each)));
  return { topic, messageEncoding: 'json', messages: texts.map((each) => Buffer.from(each)) };
}

// --- Export ---

const ROBOT = `
  enum Mode : ubyte { Idle, Busy }
  struct Place { x: float; y: double; }
  table Part { name: string; load: int; }
  table Robot {
    time_ns: long; id: ulong; mode: Mode; name: string; at: Place; parts: [Part]; image: [ubyte];
    loads: [double]; names: [string];
  }
  root_type Robot;`;
const ROBOT_EVENTS = [
  `{ "time_ns": ${START}, "id": 18446744073709551615, "mode": "Busy", "name": "é",
    "at": { "x": 1.5, "y": -2 }, "parts": [{ "name": "arm", "load": -7 }, { "name": "" }],
    "image": [1, 2, 255], "loads": [0.5, "nan"], "names": ["a", ""] }`,
  '{}',
];

async function decodedInFoxglove(log: string): Promise<unknown[]> {
  const reader = await indexedReader(await exported(log));
  const [schema] = [...reader.schemasById.values()];
  const messages = await all(reader.readMessages());
  return messages.map(({ data }) => asInFoxglove(schema as McapTypes.Schema, data));
}

describe('mcapFile()', () => {
  it('writes every event byte for byte, with its time, sequence and schema, for a stream reader', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { schema, events } = drawEvents(flatc, draw);
        const log = await logOf(schema, events);
        const records = streamedRecords(readFileSync(await exported(log)));
        const [declared] = ofType(records, 'Schema');
        expect(declared).toMatchObject({ name: schema.name, encoding: 'flatbuffer' });
        expect(Buffer.compare(declared?.data as Uint8Array, schema.bytes)).toBe(0);
        const [channel] = ofType(records, 'Channel');
        expect(channel).toMatchObject({ topic: 'Root', messageEncoding: 'flatbuffer' });
        expect(channel?.schemaId).toBe(declared?.id);
        const messages = ofType(records, 'Message').map(({ sequence, data, ...times }) => {
          expect(times).toMatchObject({ channelId: channel?.id, publishTime: times.logTime });
          return { offset: sequence, timeNs: times.logTime, payload: data };
        });
        expect(messages).toEqual(recordsOf(log));
      }),
      { numRuns: 25, seed: SEED },
    );
  });

  it('writes a file that an indexed reader reads forwards, backwards and by time', async () => {
    const events = readings(3000);
    const log = await logOf(READING, events);
    const path = await exported(log, { chunkBytes: 10_000, time: 'time_ns', topic: '/r' });
    const reader = await indexedReader(path);
    expect(reader.header).toMatchObject({
      profile: '',
      library: expect.stringMatching(/^stratalog \d/),
    });
    expect(reader.chunkIndexes.length).toBeGreaterThan(20);
    const forwards = await all(reader.readMessages({ topics: ['/r'] }));
    expect(forwards.map(({ data }) => data)).toEqual(events);
    const backwards = await all(reader.readMessages({ reverse: true }));
    expect(backwards.map(({ sequence }) => sequence)).toEqual(events.map((_, i) => 2999 - i));
    const [startTime, endTime] = [START + 1_000_500n, START + 2_000_000n];
    const middle = await all(reader.readMessages({ startTime, endTime }));
    expect(middle.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 1000 }, (_, i) => 1001 + i),
    );
  });

  it.each([1, 300, 4096, 1 << 20])(
    'indexes every message, and sums everything up, with chunks of %i bytes',
    async (chunkBytes) => {
      const log = await logOf(READING, readings(400));
      const path = await exported(log, { chunkBytes, time: 'time_ns' });
      expectSound(readFileSync(path), 400);
    },
  );

  it('writes a file that is whole when the log is empty, or has one event', async () => {
    for (const count of [0, 1]) {
      const log = await logOf(READING, readings(count));
      const path = await exported(log);
      expectSound(readFileSync(path), count);
      const reader = await indexedReader(path);
      expect(reader.channelsById.size).toBe(1);
      expect(await all(reader.readMessages())).toHaveLength(count);
    }
  });

  it('is the same file whatever the number of threads', async () => {
    const log = await logOf(READING, readings(20_000));
    const settings = { pieceBytes: 100_000 };
    const many = readFileSync(await exported(log, {}, settings));
    const one = readFileSync(await exported(log, {}, { ...settings, pool: undefined, workers: 1 }));
    expect(many.equals(one)).toBe(true);
    expectSound(many, 20_000);
  });

  it('exports what a condition and a range choose, with offsets as sequence numbers', async () => {
    const events = readings(1000);
    const log = await logOf(READING, events);
    const where = { field: 'late_us', op: '>=', value: 500 } as const;
    const path = await exported(log, { chunkBytes: 700 }, { where, from: 300, to: 900 });
    const reader = await indexedReader(path);
    const found = await all(reader.readMessages());
    expect(found.map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 400 }, (_, i) => 500 + i),
    );
    expect(found.map(({ data }) => data)).toEqual(events.slice(500, 900));
    const [channel] = [...reader.channelsById.values()];
    expect(channel?.metadata.get('stratalog.firstOffset')).toBe('500');
    expectSound(readFileSync(path), 400);
  });

  it('writes an event that is larger than a chunk, and than the memory set aside for one', async () => {
    const big = encodeEvent(READING, { time_ns: 1n, value: 1, unit: 'y'.repeat(3_000_000) });
    const events = [...readings(3), big, ...readings(3)];
    const log = await logOf(READING, events, { segmentSizeBytes: 8 * 1024 * 1024 });
    const path = await exported(log, { chunkBytes: 500 });
    const found = await all((await indexedReader(path)).readMessages());
    expect(found.map(({ data }, i) => Buffer.compare(data, events[i] as Uint8Array))).toEqual(
      events.map(() => 0),
    );
  });

  it('has schemas and events that the decoder of Foxglove reads', async () => {
    const schema = eventSchema(flatc.schema(ROBOT));
    const events = ROBOT_EVENTS.map((text) => encodeEvent(schema, jsonToEvent(schema, text)));
    const robots = await decodedInFoxglove(await logOf(schema, events));
    expect(robots).toEqual([
      {
        time_ns: START,
        id: 18_446_744_073_709_551_615n,
        mode: 1,
        name: 'é',
        at: { x: 1.5, y: -2 },
        parts: [
          { name: 'arm', load: -7 },
          { name: '', load: 0 },
        ],
        image: Uint8Array.of(1, 2, 255),
        loads: [0.5, NaN],
        names: ['a', ''],
      },
      { time_ns: 0n, id: 0n, mode: 0 },
    ]);
    // Of a schema that no compiler has written.
    const read = await decodedInFoxglove(await logOf(READING, readings(3)));
    expect(read[2]).toEqual({ time_ns: START + 2000n, late_us: 2, value: 2 / 3, unit: 'xx' });
  });

  it('takes times of every unit, and of both kinds of 64 bits', async () => {
    const schema = defineSchema('t.Times', [
      { name: 'a_s', type: 'uint' },
      { name: 'b_ms', type: 'ulong' },
      { name: 'c_us', type: 'long' },
      { name: 'd_ns', type: 'ulong' },
    ]);
    const event = { a_s: 4_294_967_295, b_ms: 1_700_000_000_001n, c_us: 3n, d_ns: 2n ** 64n - 1n };
    const log = await logOf(schema, [encodeEvent(schema, event)]);
    const times: Record<string, bigint> = {
      a_s: 4_294_967_295_000_000_000n,
      b_ms: 1_700_000_000_001_000_000n,
      c_us: 3000n,
      d_ns: 2n ** 64n - 1n,
    };
    for (const [time, expected] of Object.entries(times)) {
      const [message] = ofType(
        streamedRecords(readFileSync(await exported(log, { time }))),
        'Message',
      );
      expect(message).toMatchObject({ logTime: expected, publishTime: expected });
    }
  });

  it.each([
    ['missing', { value: 1 }, 'late_us', /late_us .* is missing/],
    ['before 1970', { time_ns: -1n, late_us: 1 }, 'time_ns', /is -1 ns, which is before 1970/],
  ])('says which event has a time that is %s', async (_, event, time, message) => {
    const events = [...readings(700), encodeEvent(READING, event), ...readings(700)];
    const log = await logOf(READING, events);
    const error = await rejectionOf(exported(log, { time }));
    expect(error).toBeInstanceOf(ScanError);
    expect((error as ScanError).offset).toBe(700);
    expect(String((error as ScanError).cause)).toMatch(message);
  });

  it('says which event has a time that 64 bits of nanoseconds do not hold', async () => {
    const schema = defineSchema('t.Far', [{ name: 'at_s', type: 'long' }]);
    const log = await logOf(schema, [encodeEvent(schema, { at_s: 18_446_744_074n })]);
    const error = await rejectionOf(exported(log, { time: 'at_s' }));
    expect(String((error as ScanError).cause)).toMatch(/past 2554/);
  });

  it('refuses fields, times that are none, and options that make no sense', async () => {
    const log = await logOf(READING, readings(3));
    const refused = async (options: McapFileOptions, fields?: string[]): Promise<string> => {
      const error = await rejectionOf(exported(log, options, { fields }));
      expect(error).toBeInstanceOf(TypeError);
      return (error as Error).message;
    };
    expect(await refused({}, ['value'])).toMatch(/Cannot choose fields for MCAP/);
    expect(await refused({ time: 'nope' })).toMatch(/has no nope/);
    expect(await refused({ time: 'unit' })).toMatch(/unit .* is no integer/);
    expect(await refused({ time: 'value' })).toMatch(/is no integer/);
    expect(await refused({ time: '$timeMs' })).toMatch(/is no integer/);
    const plain = defineSchema('t.Plain', [{ name: 'time', type: 'long' }]);
    const other = await logOf(plain, []);
    const error = await rejectionOf(exported(other, { time: 'time' }));
    expect((error as Error).message).toMatch(/no unit .* ends its name/);
    expect(thrownBy(() => mcapFile({ topic: '' }))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => mcapFile({ chunkBytes: 0 }))).toBeInstanceOf(RangeError);
    expect(String(thrownBy(() => mcapFile({ compression: 'lz4' as 'zstd' })))).toMatch(/lz4/);
    expect(thrownBy(() => mcapFile({ compression: 'gz' as 'zstd' }))).toBeInstanceOf(TypeError);
  });

  it.skipIf(hasZstd)('says that this version of Node has no zstd', () => {
    const error = thrownBy(() => mcapFile({ compression: 'zstd' }));
    expect(error).toBeInstanceOf(LogError);
    expect(error).toMatchObject({ code: 'UNSUPPORTED_PLATFORM' });
  });

  it.skipIf(!hasZstd)('compresses chunks with zstd, and takes them back', async () => {
    const events = readings(3000);
    const log = await logOf(READING, events);
    const plain = readFileSync(await exported(log));
    const path = await exported(log, { compression: 'zstd', chunkBytes: 20_000 });
    const bytes = readFileSync(path);
    expect(bytes.length).toBeLessThan(plain.length / 2);
    const { payloads } = await imported(bytes);
    expect(payloads).toEqual(events);
    const indexes = (await indexedReader(path)).chunkIndexes;
    expect(indexes.every(({ compression }) => compression === 'zstd')).toBe(true);
    expect(indexes.every((each) => each.compressedSize < each.uncompressedSize)).toBe(true);
  });
});

/** Holds indexes, statistics and checksums against the records themselves. */
function expectSound(bytes: Buffer, count: number): void {
  const records = streamedRecords(bytes);
  const messages = ofType(records, 'Message');
  expect(messages).toHaveLength(count);
  const chunks = ofType(records, 'Chunk');
  const indexes = ofType(records, 'ChunkIndex');
  expect(indexes).toHaveLength(chunks.length);
  let indexed = 0;
  for (const [i, index] of indexes.entries()) {
    const at = Number(index.chunkStartOffset);
    expect(bytes[at]).toBe(Opcode.CHUNK);
    expect(index.chunkLength).toBe(9n + bytes.readBigUInt64LE(at + 1));
    const chunk = chunks[i] as (typeof chunks)[0];
    expect(index).toMatchObject({
      messageStartTime: chunk.messageStartTime,
      messageEndTime: chunk.messageEndTime,
      uncompressedSize: chunk.uncompressedSize,
      compressedSize: BigInt(chunk.records.length),
      compression: chunk.compression,
    });
    expect(crc32(chunk.records)).toBe(chunk.uncompressedCrc);
    const indexAt = Number([...index.messageIndexOffsets.values()][0]);
    expect(bytes[indexAt]).toBe(Opcode.MESSAGE_INDEX);
    expect(indexAt).toBe(at + Number(index.chunkLength));
    expect(index.messageIndexLength).toBe(9n + bytes.readBigUInt64LE(indexAt + 1));
    const { records: entries } = ofType(records, 'MessageIndex')[i] as {
      records: [bigint, bigint][];
    };
    for (const [time, place] of entries) {
      const message = messages[indexed++];
      expect(time).toBe(message?.logTime);
      const view = Buffer.from(chunk.records.buffer, chunk.records.byteOffset + Number(place));
      expect(view[0]).toBe(Opcode.MESSAGE);
      expect(view.readUInt32LE(11)).toBe(message?.sequence);
    }
  }
  expect(indexed).toBe(count);
  const times = messages.map(({ logTime }) => logTime);
  const sorted = times.toSorted((a, b) => Number(a - b));
  expect(ofType(records, 'Statistics')).toMatchObject([
    {
      messageCount: BigInt(count),
      schemaCount: 1,
      channelCount: 1,
      chunkCount: chunks.length,
      messageStartTime: sorted[0] ?? 0n,
      messageEndTime: sorted.at(-1) ?? 0n,
    },
  ]);
  expectSums(bytes, records);
}

function expectSums(bytes: Buffer, records: ReturnType<typeof streamedRecords>): void {
  const [footer] = ofType(records, 'Footer');
  const summaryAt = Number(footer?.summaryStart);
  const [dataEnd] = ofType(records, 'DataEnd');
  expect(crc32(bytes.subarray(0, summaryAt - 13))).toBe(dataEnd?.dataSectionCrc);
  expect(crc32(bytes.subarray(summaryAt, bytes.length - 8 - 4))).toBe(footer?.summaryCrc);
  let at = summaryAt;
  for (const { groupOpcode, groupStart, groupLength } of ofType(records, 'SummaryOffset')) {
    expect(Number(groupStart)).toBe(at);
    expect(bytes[at]).toBe(groupOpcode);
    at += Number(groupLength);
  }
  expect(Number(footer?.summaryOffsetStart)).toBe(at);
}

describe('ChunkWriter', () => {
  it('cuts sequence numbers to their low 32 bits, and keeps times of all 64', () => {
    const chunks = new ChunkWriter({ channelId: 7, chunkBytes: 1000, compression: 'none' });
    const times = [
      { low: 0xffff_ffff, high: 0xffff_ffff },
      { low: 0, high: 1 },
      { low: 0xffff_ffff, high: 0 },
    ];
    for (const time of times) chunks.add(2 ** 40 + 5, time, Buffer.from('x'));
    const { bytes, chunks: facts } = chunks.take();
    expect(facts).toMatchObject([
      { startTime: 2n ** 32n - 1n, endTime: 2n ** 64n - 1n, messages: 3 },
    ]);
    const records = new McapRecordBuilder();
    records.writeMagic();
    const channel = { id: 7, schemaId: 0, topic: '', messageEncoding: '', metadata: new Map() };
    records.writeChannel(channel);
    const end = new McapRecordBuilder();
    end.writeFooter({ summaryStart: 0n, summaryOffsetStart: 0n, summaryCrc: 0 });
    end.writeMagic();
    const found = streamedRecords(Buffer.concat([records.buffer, bytes, end.buffer]));
    expect(ofType(found, 'Message').map(({ sequence, logTime }) => [sequence, logTime])).toEqual([
      [5, 2n ** 64n - 1n],
      [5, 2n ** 32n],
      [5, 2n ** 32n - 1n],
    ]);
  });
});

// --- Import ---

describe('mcapSource()', () => {
  it('makes an equal log of what was exported', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { schema, events } = drawEvents(flatc, draw);
        const log = await logOf(schema, events);
        const path = await exported(log, { chunkBytes: 200 });
        const { log: again, report } = await importedLog(mcapSource(path));
        expect(report.rejected).toBe(0);
        expect(recordsOf(again).map(({ payload }) => payload)).toEqual(events);
        expect(report.details).toEqual({
          topic: 'Root',
          encoding: 'flatbuffer',
          messages: events.length,
          isTruncated: false,
        });
      }),
      { numRuns: 15, seed: SEED },
    );
  });

  it.each([
    ['in chunks', { chunkSize: 500 }],
    ['without chunks', { useChunks: false }],
    ['without a summary', { ...NO_SUMMARY(), chunkSize: 500 }],
    ['without indexes', { useChunkIndex: false, useMessageIndex: false, chunkSize: 500 }],
    ['without channels in the summary', { repeatChannels: false, chunkSize: 500 }],
  ])('takes the messages of a topic from a foreign file %s', async (_, options) => {
    const events = readings(200);
    const a = topicOf(READING, events, 'a');
    const other = topicOf(READING, readings(120), 'b');
    const bytes = await writtenTopics([other, a, jsonTopic([{ x: 1 }])], options);
    const { payloads, report } = await imported(bytes, { topic: 'a' });
    expect(payloads).toEqual(events);
    expect(report.details).toMatchObject({ topic: 'a', messages: 200 });
    const refusal = await refusalOf(bytes);
    expect(refusal.message).toMatch(/without a topic being chosen: it has .*"a".*"j"/);
    expect((await refusalOf(bytes, { topic: 'c' })).message).toMatch(
      /Cannot find topic "c" in .*: it has "b", "a", "j"/,
    );
  });

  it('keeps the order of the file where times go back', async () => {
    const events = readings(60).toReversed();
    const log = await logOf(READING, events);
    const path = await exported(log, { time: 'time_ns', chunkBytes: 400 });
    const { payloads } = await imported(readFileSync(path));
    expect(payloads).toEqual(events);
  });

  it('takes JSON, with a schema of its own, or one that is made of it', async () => {
    const values = [{ n: 1, big: 9_007_199_254_740_993n, text: 'a\nb' }, { n: 2.5 }, { text: '' }];
    const texts = ['{"n":1,\n  "big":9007199254740993,"text":"a\\nb"}', '{"n":2.5}', '{"text":""}'];
    const bytes = await writtenTopics([jsonTopic([...texts, 'no json'])]);
    const { log, report } = await importedLog(mcapSource(fileOf(bytes)));
    expect(report).toMatchObject({ events: 3, rejected: 1, details: { encoding: 'json' } });
    const inferred = defineSchema('Row', [
      { name: 'n', type: 'double', optional: true },
      { name: 'big', type: 'long', optional: true },
      { name: 'text', type: 'string' },
    ]);
    const decoded = recordsOf(log).map(({ payload }) => decodeEvent(inferred, payload));
    expect(decoded).toMatchObject(values);
    const own = defineSchema('t.Own', [{ name: 'n', type: 'float' }]);
    const narrow = await imported(bytes, {}, own);
    expect(narrow.report).toMatchObject({ events: 1, rejected: 3 });
  });

  it('rejects messages that are no events, and says which they were', async () => {
    const events = readings(5);
    const messages = [...events.slice(0, 2), Buffer.from('nonsense'), new Uint8Array(0), ...events];
    const path = fileOf(await writtenTopics([topicOf(READING, messages)]));
    const seen: unknown[] = [];
    const log = verifiedLogPath();
    const report = await capture(mcapSource(path), log, {
      onReject: ({ line, content }) => seen.push([line, Buffer.from(content ?? '').toString()]),
    });
    expect(report).toMatchObject({ events: 7, rejected: 2 });
    expect(seen).toEqual([
      [3, 'nonsense'],
      [4, ''],
    ]);
  });

  it('takes several channels of one topic if their schema is the same', async () => {
    const events = readings(6);
    const half = (from: number): Uint8Array[] => events.filter((_, i) => i % 2 === from);
    const same = await writtenTopics([topicOf(READING, half(0)), topicOf(READING, half(1))]);
    expect((await imported(same)).payloads).toEqual(events);
    const other = defineSchema('t.Reading', [{ name: 'time_ns', type: 'long' }]);
    const mixed = await writtenTopics([topicOf(READING, half(0)), topicOf(other, [])]);
    expect((await refusalOf(mixed)).message).toMatch(/topic "a" .*: it has several schemas/);
    const json = { ...jsonTopic([{}]), topic: 'a' };
    const kinds = await writtenTopics([topicOf(READING, half(0)), json]);
    expect((await refusalOf(kinds)).message).toMatch(/its messages are flatbuffer and json/);
  });

  it('names topic and encoding of what it cannot read', async () => {
    const of = (messageEncoding: string, schema?: { encoding: string; data: Uint8Array }) =>
      writtenTopics([
        {
          topic: '/imu',
          messageEncoding,
          messages: [Buffer.from('x')],
          ...(schema === undefined ? {} : { schema: { name: 'T', ...schema } }),
        },
      ]);
    const data = Buffer.from('x');
    expect((await refusalOf(await of('cdr', { encoding: 'ros2msg', data }))).message).toMatch(
      /"\/imu" .*: its messages are "cdr", not flatbuffer or json/,
    );
    expect((await refusalOf(await of('flatbuffer'))).message).toMatch(/"\/imu" .*no schema/);
    const broken = await of('flatbuffer', { encoding: 'flatbuffer', data });
    expect((await refusalOf(broken)).message).toMatch(/"\/imu" .*its schema cannot be used/);
    const noTopics = await written(() => Promise.resolve());
    expect((await refusalOf(noTopics)).message).toMatch(/Cannot find a topic .*: it has none/);
  });

  it('has the log keep the newer of its schema and that of the file', async () => {
    const newer = defineSchema('t.Reading', [
      { name: 'time_ns', type: 'long' },
      { name: 'late_us', type: 'uint', optional: true },
      { name: 'value', type: 'double' },
      { name: 'unit', type: 'string' },
      { name: 'more', type: 'int' },
    ]);
    const old = fileOf(await writtenTopics([topicOf(READING, readings(4))]));
    const log = await logOf(newer, [encodeEvent(newer, { more: 5 })]);
    await capture(mcapSource(old), log);
    expect(recordsOf(log)).toHaveLength(5);
    const older = await logOf(READING, readings(1));
    const bytes = await writtenTopics([topicOf(newer, [encodeEvent(newer, { more: 7 })])]);
    await capture(mcapSource(fileOf(bytes)), older);
    expect(verifyEventLog(older)).toMatchObject({ malformed: 0 });
    expect(recordsOf(older).map(({ payload }) => decodeEvent(newer, payload))).toMatchObject([
      { more: 0 },
      { more: 7 },
    ]);
    const unfit = defineSchema('t.Reading', [{ name: 'time_ns', type: 'string' }]);
    const third = await logOf(unfit, []);
    const error = await rejectionOf(capture(mcapSource(fileOf(bytes)), third));
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/topic "a" .*follow another schema/);
  });

  it('steps over chunks without messages of the topic, where the file has an index', async () => {
    const messages = readings(50);
    const bytes = await written(
      async (writer) => {
        const { schema } = topicOf(READING, []);
        const schemaId = await writer.registerSchema(schema);
        const metadata = new Map<string, string>();
        const common = { messageEncoding: 'flatbuffer', schemaId, metadata };
        const a = await writer.registerChannel({ topic: 'a', ...common });
        const b = await writer.registerChannel({ topic: 'b', ...common });
        for (const [i, data] of [...messages, ...messages].entries()) {
          const channelId = i < 50 ? a : b;
          const time = BigInt(i);
          await writer.addMessage({
            channelId,
            sequence: i,
            logTime: time,
            publishTime: time,
            data,
          });
        }
      },
      { chunkSize: 300 },
    );
    // Damage to a chunk of the other topic is not seen.
    const [first] = ofType(streamedRecords(bytes), 'ChunkIndex');
    const damaged = Buffer.from(bytes);
    const at = Number(first?.chunkStartOffset) + Number(first?.chunkLength) - 1;
    damaged[at] = (damaged[at] as number) ^ 1;
    const { payloads } = await imported(damaged, { topic: 'b' });
    expect(payloads).toEqual(messages);
    expect((await refusalOf(damaged, { topic: 'a' })).message).toMatch(/at byte \d+: .*CRC/);
  });

  it('notices that messages are missing which the summary counts', async () => {
    const bytes = await exportedBytes(30, { chunkBytes: 500 });
    const [index] = ofType(streamedRecords(bytes), 'ChunkIndex');
    const [from, to] = [Number(index?.chunkStartOffset), Number(index?.chunkLength)];
    const damaged = Buffer.from(bytes);
    // As a record that nobody knows. The CRC of the data is taken away, or it would tell.
    damaged[from] = 0x7f;
    const dataEnd = Number(ofType(streamedRecords(bytes), 'Footer')[0]?.summaryStart) - 4;
    damaged.fill(0, dataEnd, dataEnd + 4);
    expect(to).toBeGreaterThan(0);
    expect((await refusalOf(damaged)).message).toMatch(/it has \d+ messages .* 30 by its summary/);
  });

  it('can be called off', async () => {
    const bytes = await exportedBytes(5000, { chunkBytes: 2000 });
    const log = verifiedLogPath();
    const report = await capture(mcapSource(fileOf(bytes)), log, { maxEvents: 100 });
    expect(report).toMatchObject({ events: 100, ended: 'events' });
    const controller = new AbortController();
    controller.abort(new Error('enough'));
    const other = capture(mcapSource(fileOf(bytes)), verifiedLogPath(), {
      signal: controller.signal,
    });
    expect(await rejectionOf(other)).toBe(controller.signal.reason);
  });

  it('refuses options that make no sense, and what is no file', async () => {
    expect(thrownBy(() => mcapSource(5 as unknown as string))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => mcapSource('x', { topic: 5 as unknown as string }))).toBeInstanceOf(
      TypeError,
    );
    expect(thrownBy(() => mcapSource('x', { truncated: 'no' as 'error' }))).toBeInstanceOf(
      TypeError,
    );
    expect(thrownBy(() => mcapSource('x', { maxChunkBytes: 0 }))).toBeInstanceOf(RangeError);
    const log = verifiedLogPath();
    for (const path of [join(folder, 'none'), folder, fileOf(Buffer.from('no MCAP at all'))]) {
      expect(await rejectionOf(capture(mcapSource(path), log))).toBeInstanceOf(InputError);
    }
  });
});

function NO_SUMMARY(): Record<string, boolean> {
  return {
    repeatSchemas: false,
    repeatChannels: false,
    useChunkIndex: false,
    useStatistics: false,
    useSummaryOffsets: false,
    useMessageIndex: false,
  };
}

async function exportedBytes(count: number, options: McapFileOptions = {}): Promise<Buffer> {
  return readFileSync(await exported(await logOf(READING, readings(count)), options));
}

// --- Damage ---

/** Imports into memory: it is done some thousand times. */
async function outcomeOf(bytes: Uint8Array, options: McapSourceOptions = {}): Promise<Outcome> {
  const source = mcapSource(fileOf(bytes), options);
  let intake: KeepingIntake | undefined;
  let failure: unknown;
  try {
    const schema = await source.open?.(undefined, new AbortController().signal);
    intake = new KeepingIntake(schema as EventSchema);
    await source.run(intake);
  } catch (error) {
    failure = error;
    expect(error).toBeInstanceOf(InputError);
  }
  await source.close?.();
  return { failure: failure as InputError | undefined, events: intake?.events ?? [] };
}

interface Outcome {
  readonly failure: InputError | undefined;
  readonly events: readonly unknown[];
}

function decodedReadings(count: number): unknown[] {
  return readings(count).map((each) => decodeEvent(READING, each));
}

describe('a file that is not what was written', () => {
  it('gives its whole chunks and an error if it was cut anywhere, or no error if that is accepted', async () => {
    const expected = decodedReadings(12);
    const bytes = await exportedBytes(12, { chunkBytes: 300 });
    const ends = ofType(streamedRecords(bytes), 'ChunkIndex').map((index) =>
      Number(index.chunkStartOffset + index.chunkLength),
    );
    expect(ends.length).toBeGreaterThan(3);
    const perChunk = messagesPerChunk(bytes);
    for (let length = 0; length < bytes.length; length += 3) {
      const cut = bytes.subarray(0, length);
      const whole = ends.filter((end) => end <= length).length;
      const count = perChunk.slice(0, whole).reduce((sum, each) => sum + each, 0);
      const { failure, events } = await outcomeOf(cut);
      expect(failure).toBeInstanceOf(InputError);
      expect(events).toEqual(expected.slice(0, count));
      if (count === 0) continue;
      expect(failure?.message).toMatch(/nobody has finished it/);
      const accepted = await outcomeOf(cut, { truncated: 'accept' });
      expect(accepted).toEqual({ failure: undefined, events });
    }
  });

  it('is an error, or gives the same events, whichever byte is damaged', async () => {
    const expected = decodedReadings(6);
    const bytes = await exportedBytes(6, { chunkBytes: 200 });
    const dice = new Dice(SEED);
    const unharmed: number[] = [];
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ (1 << dice.below(8));
      const { failure, events } = await outcomeOf(damaged);
      // A chunk that is taken for something else is noticed by the sum of all, at the end.
      expect(isPartOf(events, expected)).toBe(true);
      if (failure !== undefined) continue;
      unharmed.push(at);
      expect(events).toHaveLength(6);
    }
    // Nothing of the data: those are summed.
    const [footer] = ofType(streamedRecords(bytes), 'Footer');
    expect(unharmed.filter((at) => at < Number(footer?.summaryStart))).toEqual([]);
  });

  it.each([
    ['of ours', false],
    ['of others', true],
  ])('never does worse than an error, whatever becomes of a file %s', async (_, isForeign) => {
    const own = isForeign
      ? await writtenTopics([topicOf(READING, readings(20)), jsonTopic([{ a: 1 }])], {
          chunkSize: 300,
          useMessageIndex: false,
        })
      : await exportedBytes(20, { chunkBytes: 400 });
    const dice = new Dice(SEED);
    for (let round = 0; round < 400; round++) {
      const options = isForeign ? ({ topic: 'a' } as const) : {};
      await outcomeOf(mutated(own, dice), { ...options, truncated: 'accept' });
    }
  });

  it('takes no memory for sizes that it only tells', async () => {
    const head = new McapRecordBuilder();
    head.writeMagic();
    head.writeHeader({ profile: '', library: '' });
    for (const opcode of [Opcode.CHUNK, Opcode.MESSAGE, Opcode.SCHEMA, Opcode.CHANNEL]) {
      const record = Buffer.alloc(9);
      record[0] = opcode;
      record.writeBigUInt64LE(2n ** 33n, 1);
      const path = fileOf(Buffer.concat([head.buffer, record]));
      // Nothing but a hole behind it.
      truncateSync(path, 2 ** 33 + 4096);
      const before = process.memoryUsage().rss;
      const error = await rejectionOf(capture(mcapSource(path, { topic: 'a' }), verifiedLogPath()));
      expect((error as Error).message).toMatch(
        opcode === Opcode.MESSAGE
          ? /there is no record/
          : /there is a record of \d+ bytes, and 67108864/,
      );
      expect(process.memoryUsage().rss - before).toBeLessThan(200e6);
    }
  });

  it('takes no more schemas and channels than it should', async () => {
    const head = new McapRecordBuilder();
    head.writeMagic();
    head.writeHeader({ profile: '', library: '' });
    for (let id = 1; id < 20; id++) {
      head.writeSchema({ id, name: 'x', encoding: 'flatbuffer', data: new Uint8Array(1024 ** 2) });
    }
    expect((await refusalOf(head.buffer)).message).toMatch(/schemas and channels up to here/);
  });

  it('with chunks compressed by what Node does not have, or nobody knows, is an error', async () => {
    const compressed = (compression: string, size = 100n): Buffer => {
      const records = new McapRecordBuilder();
      records.writeMagic();
      records.writeHeader({ profile: '', library: '' });
      const times = { messageStartTime: 0n, messageEndTime: 0n, uncompressedCrc: 0 };
      const chunk = { ...times, uncompressedSize: size, compression, records: Buffer.from('abc') };
      records.writeChunk(chunk);
      return Buffer.from(records.buffer);
    };
    expect((await refusalOf(compressed('lz4'))).message).toMatch(/lz4, which Node does not have/);
    for (const name of ['bz2', 'constructor', '__proto__']) {
      expect((await refusalOf(compressed(name))).message).toMatch(/Unsupported compression/);
    }
    expect((await refusalOf(compressed('zstd', 2n ** 40n))).message).toMatch(
      hasZstd
        ? /1099511627776 bytes when it is decompressed/
        : /zstd, which Node.js .* does not have \(22.15/,
    );
  });

  it.skipIf(!hasZstd)('that decompresses to more than it says is an error', async () => {
    const compress = Reflect.get(zlib, 'zstdCompressSync') as (bytes: Uint8Array) => Uint8Array;
    const bomb = compress(Buffer.alloc(300_000_000));
    const before = process.memoryUsage().rss;
    for (const size of [100n, 2n ** 26n]) {
      const records = new McapRecordBuilder();
      records.writeMagic();
      const times = { messageStartTime: 0n, messageEndTime: 0n, uncompressedCrc: 0 };
      records.writeChunk({ ...times, uncompressedSize: size, compression: 'zstd', records: bomb });
      expect(await refusalOf(records.buffer)).toBeInstanceOf(InputError);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(400e6);
  });
});

/** In the same order, with some left out. */
function isPartOf(events: readonly unknown[], expected: readonly unknown[]): boolean {
  const rest = expected.map(shown).values();
  return events.map(shown).every((each) => {
    for (const next of rest) if (next === each) return true;
    return false;
  });
}

function shown(event: unknown): string {
  return toJsonText(event);
}

/** Of each chunk. */
function messagesPerChunk(bytes: Uint8Array): number[] {
  const counts: number[] = [];
  for (const { type } of streamedRecords(bytes)) {
    if (type === 'Chunk') counts.push(0);
    if (type === 'Message') counts.push((counts.pop() ?? 0) + 1);
  }
  return counts;
}
