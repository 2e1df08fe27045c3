/**
 * What it costs to export events of 8 numbers: as Arrow, Parquet, MCAP, CSV and JSON lines, by pools of 1 and
 * 2 threads that exist already, into a stream that drops what it gets, so that no disk is measured; Arrow into
 * a file besides. Beside each, in one thread: the writer of a known package, or the plain way, which is given
 * the same values where it wants them, and writes nowhere.
 *
 *   node bench/export.mjs [millions of events]       default 10; 80 bytes each
 */
import { Writable } from 'node:stream';
import { McapWriter } from '@mcap/core';
import { Table, makeVector, tableToIPC } from 'apache-arrow';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { Piscina } from 'piscina';
import {
  arrowFile,
  columnPlan,
  csvFile,
  defineSchema,
  exportLog,
  jsonLinesFile,
  mcapFile,
  openEventAppender,
  openReader,
  parquetFile,
} from '../dist/index.js';
import {
  GiB,
  MiB,
  freshPath,
  line,
  median,
  secondsAsync,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const EVENTS = Number(process.argv[2] ?? 10) * 1e6;
/** Of those that take a microsecond each and more. */
const SLOW_EVENTS = Math.min(EVENTS, 2e6);
const ROUNDS = 3;
const WARMING = 2;
const BATCH = 65_536;
const schema = defineSchema('Reading', [
  { name: 'time_ns', type: 'long' },
  { name: 'sensor', type: 'uint' },
  { name: 'sequence', type: 'uint' },
  { name: 'value', type: 'double' },
  { name: 'minimum', type: 'double' },
  { name: 'maximum', type: 'double' },
  { name: 'deviation', type: 'double' },
  { name: 'count', type: 'uint' },
]);
const NAMES = schema.root.fields.map(({ name }) => name);

title(`exports of ${EVENTS / 1e6} M events of 8 numbers`);
warmPageCache(200 * EVENTS + GiB);
const path = freshPath('log');
await makeLog();
const reader = openReader(path);
const columns = readColumns();

await exported('Arrow', arrowFile());
await exported('Arrow, into a file', arrowFile(), EVENTS, () => freshPath('file.arrow'));
await plain('  apache-arrow: tables of these columns, written', EVENTS, writeArrow);
await exported('Parquet, snappy', parquetFile());
await exported('Parquet, uncompressed', parquetFile({ compression: 'none' }));
await plain('  hyparquet-writer, snappy, of these columns', SLOW_EVENTS, writeParquet);
await exported('MCAP', mcapFile({ time: 'time_ns' }));
await plain('  @mcap/core: McapWriter', SLOW_EVENTS, writeMcap);
await exported('CSV', csvFile(), SLOW_EVENTS);
await plain('  rows of these columns joined by commas', SLOW_EVENTS, joinRows);
await exported('JSON lines', jsonLinesFile(), SLOW_EVENTS);
await plain('  JSON.stringify of objects that exist', SLOW_EVENTS, stringify);
reader.close();

async function makeLog() {
  const commit = { bytes: 65_536 };
  const options = { schema, segmentSizeBytes: 256 * MiB, commit, flush: 'none' };
  const appender = openEventAppender(path, options);
  for (let i = 0; i < EVENTS; i++) {
    const value = ((i * 7919) % 100_000) / 1000;
    appender.append({
      time_ns: 1_700_000_000_000_000_000n + BigInt(i) * 125_000n,
      sensor: i % 100,
      sequence: i,
      value,
      minimum: value - 0.25,
      maximum: value + 0.25,
      deviation: 0.125,
      count: i % 17,
    });
  }
  await appender.close();
}

/** The first of them, in arrays of their own. */
function readColumns() {
  const plan = columnPlan(schema, NAMES, { int64: 'bigint' });
  const found = plan.allocate(SLOW_EVENTS);
  const cursor = reader.cursor({ to: SLOW_EVENTS });
  let rows = 0;
  const all = NAMES.map((name) => new (found.get(name).values.constructor)(SLOW_EVENTS));
  for (let count; (count = plan.fill(cursor, found)) > 0; rows += count) {
    NAMES.forEach((name, i) => all[i].set(found.get(name).values.subarray(0, count), rows));
  }
  cursor.close();
  if (rows !== SLOW_EVENTS) throw new Error(`${rows} of ${SLOW_EVENTS} events`);
  return all;
}

/** Takes everything, and forgets it. */
function nowhere() {
  return new Writable({ write: (_chunk, _encoding, done) => done() });
}

async function exported(name, format, events = EVENTS, target = nowhere) {
  const spent = [[], []];
  let bytes = 0;
  const run = async (pool) => {
    const report = await exportLog(reader, target(), { format, pool, to: events });
    if (report.rows !== events) throw new Error(`${report.rows} of ${events} events`);
    ({ bytes } = report);
  };
  for (const threads of [1, 2]) {
    const pool = new Piscina({ minThreads: threads, maxThreads: threads });
    for (let i = 0; i < WARMING; i++) await run(pool);
    for (let i = 0; i < ROUNDS; i++) {
      settle();
      spent[threads - 1].push(await secondsAsync(() => run(pool)));
    }
    await pool.destroy();
  }
  const [one, two] = spent.map((taken) => events / median(taken));
  const size = `${(bytes / events).toFixed(1)} B a row`;
  line(`${name}, 1 thread`, one, 'rows', `${(1e9 / one).toFixed(0)} ns, ${size}`);
  line(`${name}, 2 threads`, two, 'rows', `${(two / one).toFixed(2)} x`);
}

async function plain(name, events, run) {
  const taken = [];
  for (let i = 0; i < 1 + ROUNDS; i++) taken.push(await secondsAsync(() => run(events)));
  const rate = events / median(taken.slice(1));
  line(name, rate, 'rows', `${(1e9 / rate).toFixed(0)} ns`);
}

function part(from, length) {
  return columns.map((column) => column.subarray(from, from + length));
}

function writeArrow(events) {
  for (let done = 0; done < events; done += BATCH) {
    const from = done % (SLOW_EVENTS - BATCH);
    const vectors = part(from, BATCH).map((column) => makeVector(column));
    tableToIPC(new Table(Object.fromEntries(NAMES.map((name, i) => [name, vectors[i]]))));
  }
}

/** Into memory, where nothing has to be waited for. */
function writeParquet(events) {
  const writer = new ByteWriter();
  const types = ['INT64', 'INT32', 'INT32', 'DOUBLE', 'DOUBLE', 'DOUBLE', 'DOUBLE', 'INT32'];
  const elements = NAMES.map((name, i) => ({ name, type: types[i], repetition_type: 'REQUIRED' }));
  const root = { name: 'root', num_children: NAMES.length };
  const file = new ParquetWriter({ writer, schema: [root, ...elements] });
  for (let done = 0; done < events; done += BATCH) {
    const length = Math.min(BATCH, events - done);
    const columnData = part(done, length).map((data, i) => ({ name: NAMES[i], data }));
    void file.write({ columnData, rowGroupSize: length });
  }
  void file.finish();
}

async function writeMcap(events) {
  let position = 0n;
  const writable = {
    position: () => position,
    write: (bytes) => {
      position += BigInt(bytes.length);
      return Promise.resolve();
    },
  };
  const writer = new McapWriter({ writable });
  await writer.start({ profile: '', library: 'bench' });
  const data = schema.bytes;
  const schemaId = await writer.registerSchema({ name: 'Reading', encoding: 'flatbuffer', data });
  const channel = {
    topic: 'Reading',
    schemaId,
    messageEncoding: 'flatbuffer',
    metadata: new Map(),
  };
  const channelId = await writer.registerChannel(channel);
  const cursor = reader.cursor({ to: events });
  while (cursor.next()) {
    const logTime = columns[0][cursor.offset];
    const message = { channelId, sequence: cursor.offset, logTime, publishTime: logTime };
    await writer.addMessage({ ...message, data: cursor.payload });
  }
  cursor.close();
  await writer.end();
}

function joinRows(events) {
  let text = '';
  for (let i = 0; i < events; i++) {
    text += `${columns.map((column) => column[i]).join()}\r\n`;
    if (text.length < MiB) continue;
    Buffer.from(text);
    text = '';
  }
}

function stringify(events) {
  const row = {};
  for (let i = 0; i < events; i++) {
    NAMES.forEach((name, c) => (row[name] = c === 0 ? Number(columns[0][i]) : columns[c][i]));
    Buffer.from(`${JSON.stringify(row)}\n`);
  }
}
