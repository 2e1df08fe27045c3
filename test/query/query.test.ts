/** Queries against a plain evaluation of the same events, and what is refused. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  eventSchema,
  openAppender,
  openEventAppender,
  openEventReader,
  queryEvents,
  type Aggregate,
  type Condition,
  type EventSchema,
  type Grouping,
  type Query,
  type QueryTable,
} from '../../src/index.js';
import { Flatc } from '../support/flatc.js';
import { temporaryLogPath } from '../support/temporary-log.js';
import { answerHere } from './answer-here.js';
import { answerPlainly, type PlainEvent } from './naive-query.js';

const FBS = `
namespace query.test;
enum Kind:byte { Idle, Moving = 3, Broken }
enum Flags:ushort (bit_flags) { A, B, C }
struct Vector { x:double; y:float; }
table Tick { price:double; venue:string; }
table Note { text:string; level:ubyte; }
union Body { Tick, Note }
table Event {
  time_ns:long; sensor:uint; kind:Kind; flags:Flags; ok:bool; value:double; small:short;
  big:ulong; rate:float = null; count:int = null; at:Vector; label:string; body:Body;
}
root_type Event;`;

let schema: EventSchema;
beforeAll(async () => {
  schema = eventSchema((await Flatc.start()).schema(FBS));
});

// --- Events ---

const HOUR_NS = 3_600_000_000_000n;
const START_NS = 1_790_000_000_000_000_000n;

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const number = fc.integer({ min: -400, max: 400 }).map((eighths) => eighths / 8);
const label = fc.constantFrom('', 'a', 'ab', 'b', 'ü', '😀', 'a longer label than the others');
const vector = fc.record({ x: number, y: number });
const body = fc.oneof(
  fc.record({
    body_type: fc.constant('Tick'),
    body: fc.record({ price: number, venue: optional(label) }),
  }),
  fc.record({
    body_type: fc.constant('Note'),
    body: fc.record({ text: optional(label), level: fc.nat(255) }),
  }),
  fc.constant({}),
);
const event: fc.Arbitrary<PlainEvent> = fc
  .record({
    time_ns: fc.bigInt({ min: 0n, max: 2n * HOUR_NS }).map((ns) => START_NS + ns),
    sensor: fc.oneof(fc.nat(5), fc.constantFrom(4095, 4096, 4_000_000_000)),
    kind: fc.constantFrom('Idle', 'Moving', 'Broken'),
    flags: fc.constantFrom('A', 'B', 'A C'),
    ok: fc.boolean(),
    value: number,
    small: fc.integer({ min: -20, max: 20 }),
    big: fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n + 3n }),
    rate: optional(number),
    count: optional(fc.integer({ min: -3, max: 3 })),
    at: optional(vector),
    label: optional(label),
    body,
  })
  .map(({ body: union, ...rest }) => ({ ...rest, ...union }));

// --- Queries ---

const FIELDS: Readonly<Record<string, fc.Arbitrary<number | bigint | string | boolean>>> = {
  time_ns: fc.bigInt({ min: START_NS, max: START_NS + 2n * HOUR_NS }),
  sensor: fc.nat(5),
  kind: fc.constantFrom('Idle', 'Moving', 'Broken'),
  ok: fc.boolean(),
  value: number,
  small: fc.integer({ min: -20, max: 20 }),
  big: fc.bigInt({ min: 2n ** 63n - 3n, max: 2n ** 63n + 3n }),
  rate: number,
  count: fc.integer({ min: -3, max: 3 }),
  'at.x': number,
  'at.y': number,
  label,
  body_type: fc.constantFrom('Tick', 'Note', 'NONE'),
  'body.Tick.price': number,
  'body.Note.text': label,
  'body.Note.level': fc.nat(255),
  $offset: fc.nat(300),
};
const NAMES = Object.keys(FIELDS);
const ENUMS = ['kind', 'ok', 'body_type'];
const TEXTS = ['label', 'body.Note.text'];
const ORDERED = NAMES.filter((name) => !ENUMS.includes(name));
const NUMERIC = ORDERED.filter((name) => !TEXTS.includes(name));
const valueOf = (field: string): fc.Arbitrary<number | bigint | string | boolean> =>
  FIELDS[field] as fc.Arbitrary<number | bigint | string | boolean>;

const equality = fc.constantFrom<'=' | '!='>('=', '!=');
const order = fc.constantFrom<'<' | '<=' | '>' | '>='>('<', '<=', '>', '>=');
const leaf: fc.Arbitrary<Condition> = fc.oneof(
  fc
    .constantFrom(...NAMES)
    .chain((field) =>
      fc.record({ field: fc.constant(field), op: equality, value: valueOf(field) }),
    ),
  fc
    .constantFrom(...ORDERED)
    .chain((field) => fc.record({ field: fc.constant(field), op: order, value: valueOf(field) })),
  fc.constantFrom(...NAMES).chain((field) =>
    fc.record({
      field: fc.constant(field),
      op: fc.constant('in' as const),
      value: fc.array(valueOf(field), { maxLength: 3 }),
    }),
  ),
  fc.record({
    field: fc.constantFrom(...TEXTS),
    op: fc.constant('contains' as const),
    value: fc.constantFrom('', 'a', 'label', 'ü'),
  }),
  fc.record({ field: fc.constantFrom(...NAMES), op: fc.constant('present' as const) }),
);
const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.record({ all: fc.array(tie('condition'), { maxLength: 3 }) }),
    fc.record({ any: fc.array(tie('condition'), { maxLength: 3 }) }),
    fc.record({ not: tie('condition') }),
  ),
}));
const bucket: fc.Arbitrary<Grouping> = fc.oneof(
  fc.record({
    field: fc.constantFrom('time_ns', 'big'),
    every: fc.constantFrom(7n, 60_000_000_000, 2 ** 52),
  }),
  fc.record({ field: fc.constantFrom('value', 'rate', 'at.x'), every: fc.constantFrom(0.5, 3) }),
  fc.record({ field: fc.constantFrom('small', 'sensor', 'count'), every: fc.constantFrom(3, 10) }),
  fc.record({
    field: fc.constantFrom('value', 'small', 'rate', 'big', 'time_ns'),
    growth: fc.constantFrom(10, 2, 1.25),
  }),
);
const grouping: fc.Arbitrary<Grouping> = fc.oneof(fc.constantFrom(...NAMES, 'flags'), bucket);
const groupBy = fc.uniqueArray(grouping, {
  maxLength: 3,
  selector: (each) => (typeof each === 'string' ? each : each.field),
});
const aggregate: fc.Arbitrary<Aggregate> = fc.oneof(
  fc.constant({ fn: 'count' as const }),
  fc.record({
    fn: fc.constantFrom('count' as const, 'first' as const, 'last' as const),
    field: fc.constantFrom(...NAMES),
  }),
  fc.record({
    fn: fc.constantFrom(
      'sum' as const,
      'mean' as const,
      'variance' as const,
      'deviation' as const,
      'min' as const,
      'max' as const,
      'increase' as const,
    ),
    field: fc.constantFrom(...NUMERIC),
  }),
  fc.record({
    fn: fc.constant('top' as const),
    field: fc.constantFrom(...NUMERIC),
    k: fc.integer({ min: 1, max: 4 }),
  }),
);
const query: fc.Arbitrary<Query> = fc.record(
  {
    where: condition,
    groupBy,
    select: fc.dictionary(fc.constantFrom('p', 'q', 'r'), aggregate, { noNullPrototype: true }),
  },
  { requiredKeys: ['select'] },
);

async function logOf(events: readonly PlainEvent[], commitEvery: number): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, {
    schema,
    commit: 'manual',
    flush: 'none',
    maintenance: false,
    segmentSizeBytes: 16 * 1024,
  });
  events.forEach((each, i) => {
    appender.append(each);
    if (i % commitEvery === 0) appender.commit();
  });
  await appender.close();
  return path;
}

/** In which columns hold what is not exact: compared within what summing in another order does. */
const INEXACT = new Set(['sum', 'mean', 'variance', 'deviation', 'increase']);

function expectSame(
  table: QueryTable,
  expected: readonly Record<string, unknown>[],
  { select }: Query,
): void {
  expect(table.rows.length).toBe(expected.length);
  const keys = table.names.filter((name) => select?.[name] === undefined);
  const nameOf = (row: Readonly<Record<string, unknown>>): string =>
    keys.map((key) => String(row[key])).join('|');
  const byName = new Map(expected.map((row) => [nameOf(row), row]));
  for (const row of table.rows) {
    const other = byName.get(nameOf(row)) ?? {};
    for (const name of table.names) {
      const isInexact = INEXACT.has(select?.[name]?.fn ?? '');
      if (isInexact && typeof other[name] === 'number') expectNear(Number(row[name]), other[name]);
      else expect([name, row[name]]).toEqual([name, other[name]]);
    }
  }
}

function expectNear(value: number, expected: number): void {
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(expected)));
}

/** As they are read back: with defaults and numbers of every kind as the engine shows them. */
function asRead(events: readonly PlainEvent[]): PlainEvent[] {
  return events.map((each, $offset) => ({ body_type: 'NONE', ...each, $offset }));
}

describe('a query', () => {
  it('is answered as a plain evaluation of the events does', async () => {
    const input = fc.record({
      events: fc.array(event, { maxLength: 300 }),
      commitEvery: fc.integer({ min: 1, max: 40 }),
      pieceRecords: fc.integer({ min: 1, max: 200 }),
      queries: fc.array(query, { minLength: 1, maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(input, async ({ events, commitEvery, pieceRecords, queries }) => {
        const log = await logOf(events, commitEvery);
        for (const each of queries) {
          const table = answerHere(schema, log, each, pieceRecords);
          expectSame(table, answerPlainly(asRead(events), each), each);
        }
      }),
      { numRuns: 40 },
    );
  });
});

describe('queryEvents()', () => {
  const events = (count: number): PlainEvent[] =>
    Array.from({ length: count }, (_, i) => ({
      time_ns: START_NS + BigInt(i) * 1_000_000_000n,
      sensor: i % 3,
      kind: i % 2 === 0 ? 'Idle' : 'Broken',
      ok: i % 5 === 0,
      value: i,
      label: `number ${i % 4}`,
    }));

  it('answers in rows and columns, ordered and limited, with threads of its own', async () => {
    const log = await logOf(events(1000), 50);
    const { value, records, pieces } = await queryEvents(
      log,
      {
        where: { field: 'value', op: '>=', value: 100 },
        groupBy: ['sensor', 'kind'],
        select: {
          n: { fn: 'count' },
          most: { fn: 'max', field: 'value' },
          median: { fn: 'quantile', field: 'value', at: 0.5 },
        },
        orderBy: { name: 'most', descending: true },
        limit: 2,
      },
      { pieceBytes: 4096, workers: 2 },
    );
    expect(records).toBe(1000);
    expect(pieces).toBeGreaterThan(4);
    expect(value.events).toBe(900);
    expect(value.names).toEqual(['sensor', 'kind', 'n', 'most', 'median']);
    expect(value.rows.map(({ sensor, kind, n, most }) => [sensor, kind, n, most])).toEqual([
      [0, 'Broken', 150, 999],
      [2, 'Idle', 150, 998],
    ]);
    expect(Math.abs(Number(value.rows[0]?.['median']) - 552)).toBeLessThan(9);
    expect(value.columns['most']).toEqual([999, 998]);
  });

  it('answers over no events: nothing, or one row without groups', async () => {
    const log = await logOf([], 1);
    const select = { n: { fn: 'count' }, mean: { fn: 'mean', field: 'value' } } as const;
    const whole = await queryEvents(log, { select });
    expect(whole.value.rows).toEqual([{ n: 0, mean: null }]);
    const grouped = await queryEvents(log, { groupBy: ['sensor'], select });
    expect(grouped.value.rows).toEqual([]);
  });

  it('takes a reader of events, and a newer schema than that of the events', async () => {
    const log = await logOf(events(10), 5);
    const reader = openEventReader(log, { schema });
    const select = { n: { fn: 'count' }, fresh: { fn: 'count', field: 'fresh' } } as const;
    const flatc = await Flatc.start();
    const newer = eventSchema(
      flatc.schema(FBS.replace('body:Body;', 'body:Body; fresh:int = null;')),
    );
    const { value } = await queryEvents(reader, { select }, { schema: newer, workers: 1 });
    expect(value.rows).toEqual([{ n: 10, fresh: 0 }]);
    reader.close();
  });

  it('compares 64-bit integers given as text, and floats of 32 bits as such', async () => {
    const log = await logOf(
      [
        { time_ns: START_NS + 1n, rate: 0.1 },
        { time_ns: START_NS, rate: 7 },
      ],
      1,
    );
    const count = async (where: Condition): Promise<unknown> =>
      (await queryEvents(log, { where }, { workers: 1 })).value.rows[0]?.['count'];
    expect(await count({ field: 'time_ns', op: '>', value: String(START_NS) })).toBe(1);
    expect(await count({ field: 'rate', op: '=', value: 0.1 })).toBe(1);
  });

  it('has no variance where all values are the same, however large', async () => {
    const log = await logOf(
      Array.from({ length: 6 }, (_, i) => ({ value: 1e200, at: { x: 0.1, y: i } })),
      2,
    );
    const select = {
      large: { fn: 'variance', field: 'value' },
      small: { fn: 'deviation', field: 'at.x' },
    } as const;
    const { value } = await queryEvents(log, { select }, { workers: 1, pieceBytes: 300 });
    expect(value.rows).toEqual([{ large: 0, small: 0 }]);
  });

  it('ends with an error where a record is no event', async () => {
    const log = await logOf(events(3), 1);
    const appender = openAppender(log, { maintenance: false });
    appender.append(Buffer.from('no event at all'));
    await appender.close();
    const asked = queryEvents(log, { groupBy: ['sensor'] }, { workers: 1, onDamage: 'skip' });
    await expect(asked).rejects.toMatchObject({ code: 'SCAN_FAILED', offset: 3 });
  });

  it('asks for offsets and times, and takes what a scan takes', async () => {
    const log = await logOf(events(100), 10);
    const { value } = await queryEvents(
      log,
      { select: { from: { fn: 'min', field: '$offset' }, at: { fn: 'last', field: '$timeMs' } } },
      { from: 40, to: 60, workers: 1 },
    );
    expect(value.rows[0]?.['from']).toBe(40);
    expect(Number(value.rows[0]?.['at'])).toBeGreaterThan(1.7e12);
    const isAborted = AbortSignal.abort(new Error('enough'));
    await expect(queryEvents(log, {}, { signal: isAborted })).rejects.toThrow('enough');
  });
});
