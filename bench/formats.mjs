/**
 * The same events (7 scalars) in other formats, through the same appender and readers: as JSON lines, as
 * MessagePack (msgpackr, with its records, which leave out the names) and as protobuf (protobufjs). What
 * it costs to encode and append one, to read one field of each back, and how many bytes it takes.
 */
import { columnPlan, openAppender, openEventAppender, openReader } from '../dist/index.js';
import { SensorReading } from '../dist/schemas.js';
import { GiB, MiB, freshPath, line, median, seconds, title, warmPageCache } from './harness.mjs';

const EVENTS = 1_000_000;
const ROUNDS = 3;

title(`${EVENTS / 1e6} M events of 7 scalars in several formats, group commit 64 KiB`);
warmPageCache(2 * GiB);
const { msgpack, protobuf } = await otherFormats();
const plan = columnPlan(SensorReading, ['value']);

const formats = {
  'FlatBuffers, in place': {
    open: (path, options) => openEventAppender(path, { ...options, schema: SensorReading }),
    append: (appender, event) => appender.append(event),
    sum: sumColumn,
  },
  JSON: {
    append: (appender, event) => appender.append(Buffer.from(JSON.stringify(event))),
    sum: (reader) => sumDecoded(reader, (payload) => JSON.parse(Buffer.from(payload).toString())),
  },
  ...msgpack,
  ...protobuf,
};
for (const [name, format] of Object.entries(formats)) compare(name, format);

function compare(name, { open = openAppender, append, sum }) {
  const taken = { append: [], sum: [] };
  let bytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const path = freshPath('formats');
    const appender = open(path, {
      segmentSizeBytes: 512 * MiB,
      indexCapacity: EVENTS + 1000,
      commit: { bytes: 65_536 },
      flush: 'none',
      maintenance: false,
    });
    taken.append.push(seconds(() => fill((event) => append(appender, event))));
    appender.commit();
    const reader = openReader(path);
    bytes = reader.get(EVENTS - 1).length;
    const expected = (EVENTS / 1000) * 500_000;
    const found = [];
    // The first time is also the first touch, with checksums.
    found.push(sum(reader));
    taken.sum.push(seconds(() => found.push(sum(reader))));
    if (found.some((total) => total !== expected)) throw new Error(`${name}: ${found.join(', ')}`);
    reader.close();
    void appender.close();
  }
  const read = EVENTS / median(taken.sum);
  line(name, EVENTS / median(taken.append), 'ev', `${bytes} B`);
  line('  one field of each, warm', read, 'ev', `${(1e9 / read).toFixed(1)} ns`);
}

function fill(append) {
  const event = {
    time_ns: 0,
    sensor: 0,
    sequence: 0,
    value: 0,
    minimum: 0,
    maximum: 0,
    deviation: 0,
  };
  for (let i = 0; i < EVENTS; i++) {
    event.time_ns = 1_700_000_000_000_000 + i * 125;
    event.sensor = i % 100;
    event.sequence = i;
    event.value = (i % 1000) + 0.5;
    event.minimum = event.value - 0.25;
    event.maximum = event.value + 0.25;
    event.deviation = 0.125;
    append(event);
  }
}

function sumColumn(reader) {
  const columns = plan.allocate(4096);
  const values = columns.numbers('value');
  const cursor = reader.cursor();
  let total = 0;
  for (let n = plan.fill(cursor, columns); n > 0; n = plan.fill(cursor, columns)) {
    for (let i = 0; i < n; i++) total += values[i];
  }
  cursor.close();
  return total;
}

function sumDecoded(reader, decode) {
  const cursor = reader.cursor();
  let total = 0;
  while (cursor.next()) total += decode(cursor.payload).value;
  cursor.close();
  return total;
}

/** Those that are installed. */
async function otherFormats() {
  const [msgpackr, protobufjs] = await Promise.all(
    ['msgpackr', 'protobufjs'].map((name) => import(name).catch(() => undefined)),
  );
  if (msgpackr === undefined || protobufjs === undefined) {
    console.log('  for the other formats: npm install --no-save msgpackr protobufjs');
  }
  return {
    msgpack: msgpackr === undefined ? {} : { 'MessagePack, msgpackr': msgpackFormat(msgpackr) },
    protobuf:
      protobufjs === undefined ? {} : { 'protobuf, protobufjs': protobufFormat(protobufjs) },
  };
}

function msgpackFormat({ Packr }) {
  const structures = [];
  const packr = new Packr({ structures });
  return {
    append: (appender, event) => appender.append(packr.pack(event)),
    sum: (reader) => sumDecoded(reader, (payload) => packr.unpack(payload)),
  };
}

function protobufFormat({ default: protobufjs }) {
  const doubles = ['value', 'minimum', 'maximum', 'deviation'];
  const { root } = protobufjs.parse(`syntax = "proto3"; message Reading {
    int64 time_ns = 1; uint32 sensor = 2; uint32 sequence = 3;
    ${doubles.map((name, i) => `double ${name} = ${i + 4};`).join(' ')} }`);
  const Reading = root.lookupType('Reading');
  return {
    append: (appender, event) => appender.append(Reading.encode(event).finish()),
    sum: (reader) => sumDecoded(reader, (payload) => Reading.decode(payload)),
  };
}
