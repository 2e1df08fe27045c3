import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Builder } from 'flatbuffers';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  MalformedEventError,
  OffsetOutOfRangeError,
  SchemaError,
  SchemaMismatchError,
  eventSchema,
  openAppender,
  openEventAppender,
  openEventReader,
  openReader,
  verifyLog,
  type EventAppender,
  type EventSchema,
} from '../../src/index.js';
import { SensorReading } from '../../src/schemas.js';
import { SensorReading as FlatcReading } from '../../src/generated/flatc/stratalog/schemas/sensor-reading.js';
import { ReadingSchemas, type Reading } from '../support/event-schemas.js';
import { Flatc } from '../support/flatc.js';
import { SMALL_SEGMENT_BYTES, rejectionOf, thrownBy } from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const OPTIONS = { segmentSizeBytes: SMALL_SEGMENT_BYTES, maintenance: false } as const;

let flatc: Flatc;
let schemas: ReadingSchemas;
beforeAll(async () => {
  flatc = await Flatc.start();
  schemas = new ReadingSchemas(flatc);
});

/** A log with what `fill` appends, closed and verified. */
async function madeLog<Event>(
  schema: EventSchema<Event>,
  fill: (appender: EventAppender<Event>) => void,
  path = temporaryLogPath(),
): Promise<string> {
  const appender = openEventAppender(path, { schema, ...OPTIONS });
  fill(appender);
  await appender.close();
  expect(verifyLog(path).isIntact).toBe(true);
  return path;
}

function readings(from: number, to: number): Reading[] {
  return Array.from({ length: to - from }, (_, i) => ({
    sensor: from + i,
    value: (from + i) / 2,
    unit: 'K',
  }));
}

describe('a typed log', () => {
  it('takes plain objects, and shows them in place, as objects and as JSON', async () => {
    const path = await madeLog(schemas.v1, (appender) => {
      expect(appender.append({ sensor: 1, value: 0.5, unit: 'K' })).toBe(0);
      expect(appender.append({ sensor: 2 })).toBe(1);
    });
    const reader = openEventReader(path, { schema: schemas.v1 });
    const record = reader.get(0);
    expect([record.event['sensor'], record.event['value'], record.event['unit']]).toEqual([
      1,
      0.5,
      'K',
    ]);
    expect(record.toObject()).toEqual({ sensor: 1, value: 0.5, unit: 'K' });
    expect(JSON.parse(reader.get(1).toJson())).toEqual({ sensor: 2, value: 0 });
    expect(reader.get(1)).toBe(record);
    expect(() => reader.get(2)).toThrow(OffsetOutOfRangeError);
    reader.close();
  });

  it('writes what flatc reads', async () => {
    const path = await madeLog(schemas.v1, (appender) => appender.append({ sensor: 7, unit: 'é' }));
    const reader = openReader(path);
    const json = flatc.decode(schemas.v1.bytes, reader.get(0).copyPayload());
    expect(JSON.parse(json)).toEqual({ sensor: 7, value: 0, unit: 'é' });
    reader.close();
  });

  it('refuses an object that does not fit, and nothing is written', async () => {
    await madeLog(schemas.v1, (appender) => {
      const wrong = { sensor: -1 };
      expect(() => appender.append(wrong)).toThrow(/sensor/);
      expect(appender.nextOffset).toBe(0);
      expect(appender.append({ sensor: 1 })).toBe(0);
    });
  });

  it('is read by cursors in both directions, over segments, always by the same view', async () => {
    const path = await madeLog(schemas.v1, (appender) => {
      for (const event of readings(0, 600)) appender.append(event);
    });
    const reader = openEventReader(path, { schema: schemas.v1 });
    expect(reader.records.segments().length).toBeGreaterThan(1);
    const cursor = reader.cursor();
    // Taken once: it shows where the cursor is, not where it was.
    const { event } = cursor;
    for (let i = 0; i < 600; i++) {
      expect([cursor.next(), cursor.offset, event['sensor'], event['value']]).toEqual([
        true,
        i,
        i,
        i / 2,
      ]);
    }
    expect(cursor.next()).toBe(false);
    for (let i = 598; i >= 0; i--) expect([cursor.previous(), event['sensor']]).toEqual([true, i]);
    expect([cursor.moveTo(300), event['sensor']]).toEqual([true, 300]);
    cursor.seek(10);
    const seen = [];
    for (const each of cursor) seen.push(each.event['sensor']);
    expect(seen).toEqual(Array.from({ length: 590 }, (_, i) => i + 10));
    cursor.close();
    reader.close();
  });

  it('is followed by tailers', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, { schema: schemas.v1, ...OPTIONS });
    appender.append({ sensor: 0 });
    const reader = openEventReader(path);
    const tailer = reader.tailer({ endAtClose: true });
    expect([tailer.next(), tailer.event['sensor'], tailer.next()]).toEqual([true, 0, false]);
    setTimeout(() => appender.append({ sensor: 1 }), 5);
    expect([await tailer.nextAsync(), tailer.event['sensor']]).toEqual([true, 1]);
    const { position } = tailer;
    appender.append({ sensor: 2 });
    setTimeout(() => void appender.close(), 20);
    const seen = [];
    for await (const each of reader.tailer({ from: position, endAtClose: true })) {
      seen.push(each.event['sensor']);
    }
    expect(seen).toEqual([2]);
    expect(openEventReader(tailer.describe()).tailer(tailer.describe()).next()).toBe(true);
    reader.close();
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 3 });
  });
});

describe('a batch of events', () => {
  it('is one frame', async () => {
    const path = await madeLog(schemas.v1, (appender) => {
      expect(appender.appendBatch(readings(0, 100))).toBe(0);
      expect(appender.appendBatch([])).toBe(100);
      expect(appender.appendBatch(readings(100, 102))).toBe(100);
    });
    expect(verifyLog(path)).toMatchObject({ frames: 2, records: 102 });
    const reader = openEventReader(path, { schema: schemas.v1 });
    expect([...reader.cursor()].length).toBe(102);
    expect(reader.get(101).toObject()).toEqual(readings(101, 102)[0]);
    reader.close();
  });

  it('is not appended at all if one of its events does not fit', async () => {
    await madeLog(schemas.v1, (appender) => {
      const batch = [...readings(0, 3), { sensor: 2 ** 32 }, ...readings(4, 6)];
      expect(() => appender.appendBatch(batch)).toThrow(RangeError);
      expect(appender.nextOffset).toBe(0);
    });
  });
});

describe("flatc's generated classes", () => {
  function build(builder: Builder, sensor: number): Builder {
    builder.clear();
    const at = FlatcReading.createSensorReading(builder, 1n, sensor, sensor * 2, 0.5, 0, 1, 0.1);
    FlatcReading.finishSensorReadingBuffer(builder, at);
    return builder;
  }

  it('append by their builder, and read over the mapping without a copy', async () => {
    const builder = new Builder();
    const path = await madeLog(SensorReading, (appender) => {
      for (let i = 0; i < 300; i++) appender.appendFlatBuffer(build(builder, i));
      // Ours among theirs.
      appender.append({ sensor: 300, sequence: 600 });
    });
    const reader = openEventReader(path, { schema: SensorReading });
    const cursor = reader.cursor();
    const buffers = new Set();
    const reading = new FlatcReading();
    while (cursor.next()) {
      const buffer = cursor.flatBuffer();
      buffers.add(buffer);
      expect(buffer.bytes().buffer).toBe(cursor.record.payload.buffer);
      FlatcReading.getRootAsSensorReading(buffer, reading);
      expect([reading.sensor(), reading.sequence()]).toEqual([cursor.offset, cursor.offset * 2]);
      // The generated schema has the types of the view, too.
      const { sensor, sequence }: { sensor: number; sequence: number } = cursor.event;
      expect([sensor, sequence]).toEqual([cursor.offset, cursor.offset * 2]);
      expect(FlatcReading.bufferHasIdentifier(buffer)).toBe(true);
    }
    expect(cursor.offset).toBe(300);
    expect(buffers.size).toBe(reader.records.segments().length);
    reader.close();
  });

  it('hold what they have read, whatever is moved or closed', async () => {
    const builder = new Builder();
    const path = await madeLog(SensorReading, (appender) => {
      for (let i = 0; i < 300; i++) appender.appendFlatBuffer(build(builder, i));
    });
    const reader = openEventReader(path);
    const cursor = reader.cursor();
    const held: FlatcReading[] = [];
    while (cursor.next()) held.push(FlatcReading.getRootAsSensorReading(cursor.flatBuffer()));
    cursor.close();
    reader.close();
    expect(held.map((each) => each.sensor())).toEqual(held.map((_, i) => i));
  });
});

describe('verifyEvents', () => {
  it('keeps bytes that are no event out of the log', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, {
      schema: schemas.v1,
      verifyEvents: true,
      ...OPTIONS,
    });
    for (const wrong of [
      bytes('no event at all'),
      new Uint8Array(0),
      bytes('\xff\xff\xff\x7f1234'),
    ]) {
      expect(() => appender.appendFlatBuffer(wrong)).toThrow(MalformedEventError);
    }
    expect(appender.appendFlatBuffer(schemas.bytes(schemas.v1, { unit: 'K' }))).toBe(0);
    await appender.close();
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 1 });
  });

  it('refuses what is no FlatBuffer at all even if nobody verifies', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, { schema: schemas.v1, maintenance: false });
    for (const wrong of [new Uint8Array(0), bytes('no event at all'), new Uint8Array(64)]) {
      expect(() => appender.appendFlatBuffer(wrong)).toThrow(MalformedEventError);
    }
    expect(() => appender.appendFlatBuffer('text' as unknown as Uint8Array)).toThrow(TypeError);
    expect(appender.nextOffset).toBe(0);
    await appender.close();
  });

  it('makes reading stop at what is no event, and go on behind it', async () => {
    const good = schemas.bytes(schemas.v1, { sensor: 5, unit: 'unit' });
    // The string is longer than the event.
    const bad = good.slice();
    bad.fill(0x7f, bad.indexOf('u'.charCodeAt(0)) - 2, bad.indexOf('u'.charCodeAt(0)));
    const path = await madeLog(schemas.v1, (appender) => {
      for (const each of [good, bad, good]) appender.appendFlatBuffer(each);
    });
    const reader = openEventReader(path, { schema: schemas.v1, verifyEvents: true });
    const cursor = reader.cursor();
    expect(cursor.next()).toBe(true);
    const error = thrownBy(() => cursor.next()) as MalformedEventError;
    expect(error).toBeInstanceOf(MalformedEventError);
    expect(error.field).toBe('unit');
    expect(cursor.offset).toBe(1);
    expect([cursor.next(), cursor.offset, cursor.event['unit']]).toEqual([true, 2, 'unit']);
    expect(() => reader.get(1)).toThrow(MalformedEventError);
    const tailer = reader.tailer();
    expect(await tailer.nextAsync()).toBe(true);
    expect(await rejectionOf(tailer.nextAsync())).toBeInstanceOf(MalformedEventError);
    expect(await tailer.nextAsync()).toBe(true);
    reader.close();
    const trusting = openEventReader(path, { schema: schemas.v1 });
    expect(trusting.get(1).event['sensor']).toBe(5);
    expect(() => trusting.get(1).event['unit']).toThrow(MalformedEventError);
    trusting.close();
  });

  it('is a boolean', () => {
    const options = { schema: schemas.v1, verifyEvents: 'always' as unknown as boolean };
    expect(() => openEventAppender(temporaryLogPath(), options)).toThrow(TypeError);
    expect(() => openEventReader(temporaryLogPath(), options)).toThrow(TypeError);
  });
});

describe('a log whose schema has changed', () => {
  const EVENT = { sensor: 1, value: 1.5, unit: 'K' };

  async function evolved(): Promise<string> {
    const path = await madeLog(schemas.v1, (appender) => appender.append(EVENT));
    await madeLog(schemas.v2, (appender) => appender.append({ ...EVENT, quality: 3 }), path);
    // An older program, and a newer one.
    await madeLog(schemas.v1, (appender) => appender.append(EVENT), path);
    await madeLog(schemas.v3, (appender) => appender.append({ sensor: 4, quality: 4 }), path);
    return path;
  }

  it.each([
    ['the first schema', 'v1', [EVENT, EVENT, EVENT, { sensor: 4, value: 0 }]],
    [
      'the second',
      'v2',
      [
        { ...EVENT, quality: 9 },
        { ...EVENT, quality: 3 },
        { ...EVENT, quality: 9 },
        { sensor: 4, value: 0, quality: 4 },
      ],
    ],
    [
      'its own',
      undefined,
      [
        { sensor: 1, value: 1.5, quality: 9 },
        { sensor: 1, value: 1.5, quality: 3 },
        { sensor: 1, value: 1.5, quality: 9 },
        { sensor: 4, value: 0, quality: 4 },
      ],
    ],
  ] as const)('is read by %s from end to end', async (_, version, expected) => {
    const path = await evolved();
    const options = version === undefined ? {} : { schema: schemas[version] };
    const reader = openEventReader(path, { ...options, verifyEvents: true });
    const cursor = reader.cursor();
    for (const event of expected) {
      expect(cursor.next()).toBe(true);
      expect(cursor.toObject()).toEqual(event);
      const shown = Object.keys(event).map((name) => [name, cursor.event[name]]);
      expect(Object.fromEntries(shown)).toEqual(event);
    }
    expect(cursor.next()).toBe(false);
    reader.close();
  });

  it('is not read by a schema that does not fit', async () => {
    const path = await evolved();
    const error = thrownBy(() => openEventReader(path, { schema: schemas.other }));
    expect(error).toBeInstanceOf(SchemaMismatchError);
    expect((error as Error).message).toContain('t.Reading.value: was float64, is float32');
  });

  it('is read on by readers that were open before', async () => {
    const path = temporaryLogPath();
    let appender = openEventAppender(path, { schema: schemas.v1, ...OPTIONS });
    appender.append(EVENT);
    const reader = openEventReader(path, { verifyEvents: true });
    const tailer = reader.tailer();
    expect([tailer.next(), tailer.toObject()]).toEqual([true, EVENT]);
    await appender.close();
    appender = openEventAppender(path, { schema: schemas.v2, ...OPTIONS });
    for (let i = 0; i < 400; i++) appender.append({ ...EVENT, sensor: i, quality: 1 });
    for (let i = 0; i < 400; i++) {
      expect([tailer.next(), tailer.toObject()]).toEqual([true, { ...EVENT, sensor: i }]);
    }
    const newer = openEventReader(path);
    expect(newer.get(0).toObject()).toEqual({ ...EVENT, quality: 9 });
    newer.close();
    reader.close();
    await appender.close();
    expect(verifyLog(path).isIntact).toBe(true);
  });

  it('shows an old program that a union has a member it does not know', async () => {
    const tables = 'table A { x:int; } table B { y:string; }';
    const root = 'table Root { n:int; body:U; bodies:[U]; } root_type Root;';
    const older = eventSchema(flatc.schema(`${tables} union U { A } ${root}`));
    const newer = eventSchema(flatc.schema(`${tables} union U { A, B } ${root}`));
    const path = await madeLog(older, (appender) => {
      appender.append({ n: 1, body_type: 'A', body: { x: 1 } });
    });
    const bodies = { bodies_type: ['B', 'A'], bodies: [{ y: 'b' }, { x: 2 }] };
    const event = { n: 2, body_type: 'B', body: { y: 'new' }, ...bodies };
    await madeLog(newer, (appender) => appender.append(event), path);
    const [old, now] = [older, newer].map((schema) => openEventReader(path, { schema }));
    expect(now?.get(1).toObject()).toEqual(event);
    expect(now?.get(0).toObject()).toEqual({ n: 1, body_type: 'A', body: { x: 1 } });
    const seen = old?.get(1).toObject() as Record<string, unknown>;
    expect([seen['n'], seen['body_type'], seen['body']]).toEqual([2, 2, undefined]);
    expect(seen['bodies_type']).toEqual([2, 'A']);
    expect(old?.get(1).event['n']).toBe(2);
    old?.close();
    now?.close();
  });
});

describe('a log without a schema', () => {
  it('is read by the schema that is given, on trust', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(schemas.bytes(schemas.v1, { sensor: 3 }));
    await appender.close();
    const reader = openEventReader(path, { schema: schemas.v1 });
    expect(reader.get(0).event['sensor']).toBe(3);
    reader.close();
    expect(() => openEventReader(path)).toThrow(SchemaError);
    expect(verifyLog(path).isIntact).toBe(true);
  });
});

describe('in a worker', () => {
  it('a described reader finds the schema in the log', async () => {
    const path = await madeLog(schemas.v1, (appender) => {
      for (const event of readings(0, 500)) appender.append(event);
    });
    const reader = openEventReader(path);
    const file = fileURLToPath(new URL('../fixtures/sum-events.mjs', import.meta.url));
    const workerData = { description: reader.cursor({ from: 100 }).describe(), field: 'value' };
    const worker = new Worker(file, { workerData });
    const [[sum]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    expect(sum).toBe(readings(100, 500).reduce((total, { value = 0 }) => total + value, 0));
    reader.close();
  });
});
