/** Figures of fields, against those of a plain evaluation. */
import { beforeAll, describe, expect, it } from 'vitest';
import {
  defineSchema,
  eventFields,
  eventSchema,
  eventStats,
  openEventAppender,
  openEventReader,
  type EventSchema,
  type FieldStats,
  type PlainEvent,
} from '../../src/index.js';
import { Flatc } from '../support/flatc.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const FBS = `
namespace stats.test;
enum Kind:byte { Idle, Moving = 3, Broken }
struct Vector { x:double; weights:[float:3]; }
table Tick { price:double; gone:int (deprecated); }
table Note { text:string; }
union Body { Tick, Note }
table Node { size:int; next:Node; }
table Event {
  time_ns:long; kind:Kind; ok:bool; value:double = null; at:Vector; list:[int]; label:string;
  body:Body; node:Node; bodies:[Body];
}
root_type Event;`;

let schema: EventSchema;
beforeAll(async () => {
  schema = eventSchema((await Flatc.start()).schema(FBS));
});

async function logOf(of: EventSchema, events: Iterable<PlainEvent>): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, {
    schema: of,
    maintenance: false,
    commit: {},
    segmentSizeBytes: 256 * 1024,
  });
  for (const each of events) appender.append(each);
  await appender.close();
  return path;
}

const START_NS = 1_790_000_000_000_000_001n;

function sampled(count: number): PlainEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    time_ns: START_NS + BigInt(i) * 1000n,
    kind: i % 3 === 0 ? 'Moving' : 'Idle',
    ok: i < count / 2,
    value: i % 10 === 0 ? null : (i % 100) - 20,
    ...(i % 2 === 0 ? { at: { x: i, weights: [0, 0, 0] } } : {}),
    label: `label ${i % 7}`,
    ...(i % 4 === 0 ? { body_type: 'Tick', body: { price: i } } : {}),
    node: { size: i % 5, next: { size: 1 } },
  }));
}

function named(fields: readonly FieldStats[], path: string): FieldStats {
  return fields.find((field) => field.path === path) as FieldStats;
}

describe('eventFields()', () => {
  it('names every field by its path and type, and what no query can ask for as such', () => {
    const fields = eventFields(schema).map(({ path, type, kind }) => `${path} ${type} ${kind}`);
    expect(fields).toEqual([
      'time_ns long integer',
      'kind Kind enum',
      'ok bool boolean',
      'value double number',
      'at.x double number',
      'at.weights [float:3] none',
      'list [int] none',
      'label string string',
      'body_type Body enum',
      'body.Tick.price double number',
      'body.Note.text string string',
      'node.size int number',
      'node.next Node none',
      'bodies [Body] none',
    ]);
  });
});

describe('eventStats()', () => {
  it('computes what there is of each type, nested fields included', async () => {
    const given = sampled(1000);
    const log = await logOf(schema, given);
    const { value, records } = await eventStats(log, { pieceBytes: 16_384, workers: 2, parts: 10 });
    expect([records, value.events, value.partRecords]).toEqual([1000, 1000, 100]);

    const numbers = given.flatMap(({ value: each }) => (each === null ? [] : [each as number]));
    const mean = numbers.reduce((a, b) => a + b) / numbers.length;
    const squares = numbers.reduce((sum, each) => sum + (each - mean) ** 2, 0);
    const found = named(value.fields, 'value');
    expect(found).toMatchObject({
      count: 900,
      nulls: 100,
      min: -19,
      max: 79,
      first: -19,
      last: 79,
    });
    expect(found.mean).toBeCloseTo(mean, 9);
    expect(found.deviation).toBeCloseTo(Math.sqrt(squares / 899), 9);
    const sorted = numbers.toSorted((a, b) => a - b);
    const exact = value.quantiles.map((at) => sorted[Math.floor(at * 899)]);
    expect(found.quantiles).toEqual(exact);
    expect(found.course).toHaveLength(10);
    for (const part of found.course) expect(part).toBeCloseTo(mean, 9);

    expect(named(value.fields, 'time_ns')).toMatchObject({
      min: START_NS,
      max: START_NS + 999_000n,
      quantiles: [null, null, null],
    });
    expect(named(value.fields, 'kind').frequent?.values).toEqual([
      { value: 'Idle', count: 666 },
      { value: 'Moving', count: 334 },
    ]);
    expect(named(value.fields, 'ok').course).toEqual([1, 1, 1, 1, 1, 0, 0, 0, 0, 0]);
    expect(named(value.fields, 'at.x')).toMatchObject({ count: 500, nulls: 500, max: 998 });
    expect(named(value.fields, 'label')).toMatchObject({ min: null, mean: null, course: [] });
    expect(named(value.fields, 'label').frequent?.distinct).toBe(7);
    expect(named(value.fields, 'body.Tick.price').count).toBe(250);
    expect(named(value.fields, 'body.Note.text')).toMatchObject({ count: 0, first: null });
    expect(named(value.fields, 'node.size').max).toBe(4);
    const skipped = value.skipped.map(({ path }) => path);
    expect(skipped).toEqual(['at.weights', 'list', 'node.next', 'bodies']);
  });

  it('looks at the fields, events and range that are asked for', async () => {
    const log = await logOf(schema, sampled(200));
    const reader = openEventReader(log);
    const { value } = await eventStats(reader, {
      fields: ['at', 'value'],
      where: { field: 'ok', op: '=', value: true },
      quantiles: [0, 1],
      from: 50,
      parts: 0,
      workers: 1,
    });
    reader.close();
    expect(value.events).toBe(50);
    expect(value.fields.map(({ path }) => path)).toEqual(['at.x', 'value']);
    expect(named(value.fields, 'value')).toMatchObject({ quantiles: [31, 79], course: [] });
    expect(value.skipped.map(({ path }) => path)).toEqual(['at.weights']);
  });

  it('answers of a log without events', async () => {
    const { value } = await eventStats(await logOf(schema, []), { workers: 1 });
    expect(value.events).toBe(0);
    expect(named(value.fields, 'value')).toMatchObject({ count: 0, min: null, mean: null });
    expect(named(value.fields, 'value').course).toEqual([]);
  });

  it('leaves parts without events empty in a course', async () => {
    const given = Array.from({ length: 100 }, (_, i) => ({ value: i }));
    const log = await logOf(defineSchema('Event', [{ name: 'value', type: 'int' }]), given);
    const where = {
      any: [
        { field: 'value', op: '<', value: 10 },
        { field: 'value', op: '>=', value: 90 },
      ],
    } as const;
    const { value } = await eventStats(log, { where, parts: 10, workers: 1 });
    const nothing = Array.from({ length: 8 }, () => null);
    expect(named(value.fields, 'value').course).toEqual([4.5, ...nothing, 94.5]);
  });

  it('takes 200 fields, whatever they are called', async () => {
    const fields = Array.from({ length: 200 }, (_, i) => ({
      name: i === 7 ? 'constructor' : i === 8 ? 'valueOf' : `field_${i}`,
      type: 'double' as const,
    }));
    const wide = defineSchema('Wide', fields);
    const rows = Array.from({ length: 50 }, (_, at) =>
      Object.fromEntries(fields.map(({ name }, i) => [name, i * 100 + at])),
    );
    const { value } = await eventStats(await logOf(wide, rows), { workers: 1, parts: 5 });
    expect(value.fields).toHaveLength(200);
    value.fields.forEach((field, i) => {
      const expected = { min: i * 100, max: i * 100 + 49, mean: i * 100 + 24.5 };
      expect(field).toMatchObject({ path: fields[i]?.name, ...expected });
    });
  });

  it.each([
    [{ fields: ['valeu'] }, 'stats.test.Event has no valeu, but value, time_ns'],
    [{ fields: ['node.nxt'] }, 'Node has no nxt, but next, size'],
    [{ quantiles: [50] }, 'Cannot compute a quantile at 50'],
    [{ parts: -1 }, 'Invalid parts'],
    [{ frequent: 0 }, 'Invalid k'],
  ])('refuses %j', async (options, message) => {
    const log = await logOf(schema, []);
    await expect(eventStats(log, options)).rejects.toThrow(message);
  });
});
