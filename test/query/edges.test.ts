/** Values at their edges: what is no number, ends of 64 bits, what has no value, schemas of several versions. */
import { Piscina } from 'piscina';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  eventSchema,
  openEventAppender,
  openEventReader,
  openReader,
  queryEvents,
  type EventSchema,
  type Query,
  type QueryTable,
} from '../../src/index.js';
import { Flatc } from '../support/flatc.js';
import { flipBit, segmentFile } from '../support/log-damage.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const FIELDS = 'n:double; f:float = null; i:long; u:ulong; ok:bool = null; s:string;';
const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

let schema: EventSchema;
let newer: EventSchema;
beforeAll(async () => {
  const flatc = await Flatc.start();
  schema = eventSchema(flatc.schema(`table E { ${FIELDS} } root_type E;`));
  newer = eventSchema(flatc.schema(`table E { ${FIELDS} extra:int = 7; } root_type E;`));
});

async function logOf(events: readonly unknown[], by = schema): Promise<string> {
  const path = temporaryLogPath();
  await append(path, events, by);
  return path;
}

async function append(path: string, events: readonly unknown[], by: EventSchema): Promise<void> {
  const appender = openEventAppender(path, { schema: by, maintenance: false, flush: 'none' });
  for (const event of events) appender.append(event);
  await appender.close();
}

async function ask(log: string, query: Query): Promise<QueryTable> {
  return (await queryEvents(log, query, { workers: 1 })).value;
}

describe('what is no number', () => {
  const events = [{ n: NaN }, { n: 1 }, { n: -0 }, { n: Infinity }, { n: 0 }, { n: -Infinity }];

  it('is passed over by min, max, quantile and top, and makes a sum none', async () => {
    const select = {
      min: { fn: 'min', field: 'n' },
      max: { fn: 'max', field: 'n' },
      median: { fn: 'quantile', field: 'n', at: 0.5 },
      top: { fn: 'top', field: 'n', k: 2 },
      sum: { fn: 'sum', field: 'n' },
    } as const;
    const { rows } = await ask(await logOf(events), { select });
    expect(rows).toEqual([
      {
        min: -Infinity,
        max: Infinity,
        median: 0,
        top: [
          { offset: 3, value: Infinity },
          { offset: 1, value: 1 },
        ],
        sum: NaN,
      },
    ]);
  });

  it('is what min and max say where there is nothing else', async () => {
    const select = { min: { fn: 'min', field: 'n' }, max: { fn: 'max', field: 'n' } } as const;
    expect((await ask(await logOf([{ n: NaN }]), { select })).rows).toEqual([
      { min: NaN, max: NaN },
    ]);
  });

  it('is a group of its own, and the two zeros are one', async () => {
    const { columns } = await ask(await logOf(events), { groupBy: ['n'] });
    expect(columns).toEqual({ n: [-Infinity, 0, 1, Infinity, NaN], count: [1, 2, 1, 1, 1] });
  });

  it('meets no comparison but that of being other', async () => {
    const log = await logOf([{ n: NaN }]);
    const meets = async (op: '=' | '!=' | '<' | '>='): Promise<number> =>
      (await ask(log, { where: { field: 'n', op, value: 0 } })).events;
    expect([await meets('='), await meets('!='), await meets('<'), await meets('>=')]).toEqual([
      0, 1, 0, 0,
    ]);
  });
});

describe('ends of 64 bits', () => {
  const events = [
    { i: MIN, u: 0n },
    { i: MAX, u: 2n ** 64n - 1n },
    { i: -1, u: 1n },
  ];

  it('are compared, found and grouped exactly', async () => {
    const log = await logOf(events);
    const select = {
      least: { fn: 'min', field: 'i' },
      most: { fn: 'max', field: 'u' },
      top: { fn: 'top', field: 'i', k: 1 },
    } as const;
    expect((await ask(log, { select })).rows).toEqual([
      { least: MIN, most: 2n ** 64n - 1n, top: [{ offset: 1, value: MAX }] },
    ]);
    expect((await ask(log, { groupBy: ['i'] })).columns['i']).toEqual([MIN, -1, MAX]);
    const beyond = { field: 'i', op: '<', value: 2n ** 70n } as const;
    expect((await ask(log, { where: beyond })).events).toBe(3);
    expect((await ask(log, { where: { ...beyond, op: '>' } })).events).toBe(0);
  });

  it('have buckets like all others, the least of which begins below them', async () => {
    const every = 1_000_000_000n;
    const { columns } = await ask(await logOf(events), { groupBy: [{ field: 'i', every }] });
    const begin = (value: bigint): bigint => value - (((value % every) + every) % every);
    expect(columns['i']).toEqual([begin(MIN), -1_000_000_000, begin(MAX)]);
  });
});

describe('a counter', () => {
  it('grows from 0 again after a reset, exactly beyond 2^53, and over what is no number', async () => {
    const big = 2n ** 63n - 10n;
    const events = [
      { n: 5, u: big },
      { n: 8, u: big + 3n },
      { n: NaN, u: big + 3n },
      { n: 2, u: 7n },
      { n: Infinity, u: 9n },
      { n: 4, u: 9n },
    ];
    const select = {
      n: { fn: 'increase', field: 'n' },
      u: { fn: 'increase', field: 'u' },
      f: { fn: 'increase', field: 'f' },
    } as const;
    expect((await ask(await logOf(events), { select })).rows).toEqual([
      { n: 3 + 2 + 2, u: 3 + 7 + 2, f: null },
    ]);
  });

  it('grows by as much however the log is cut into pieces', async () => {
    const log = await logOf(Array.from({ length: 3000 }, (_, i) => ({ u: (i * 7) % 1000 })));
    const select = { u: { fn: 'increase', field: 'u' } } as const;
    const { value, pieces } = await queryEvents(log, { select }, { workers: 2, pieceBytes: 4000 });
    expect(pieces).toBeGreaterThan(5);
    let expected = 0;
    for (let i = 1; i < 3000; i++) {
      const [before, now] = [((i - 1) * 7) % 1000, (i * 7) % 1000];
      expected += now < before ? now : now - before;
    }
    expect(value.rows).toEqual([{ u: expected }]);
  });
});

/** Its logarithm is that of 1e-11, rounded. */
const BELOW = 9.999999999999998e-12;

describe('buckets that grow', () => {
  it('begin at powers exactly, lie on both sides of 0, and hold what is infinite apart', async () => {
    const numbers = [
      0,
      -0,
      1,
      999.999,
      1000,
      1001,
      1e-7,
      BELOW,
      -1000,
      -999,
      Infinity,
      -Infinity,
      NaN,
    ];
    const log = await logOf(numbers.map((n) => ({ n })));
    const { columns } = await ask(log, { groupBy: [{ field: 'n', growth: 10 }] });
    expect(columns).toEqual({
      n: [-Infinity, -10_000, -1000, 0, 10 ** -12, 10 ** -7, 1, 100, 1000, Infinity, NaN],
      count: [1, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1],
    });
  });
});

describe('buckets of a fraction', () => {
  it.each([
    [0.1, 10],
    [0.01, 100],
    [0.05, 20],
    [0.2, 5],
  ])('as wide as %d begin with the numbers that they are named by', async (every, inOne) => {
    const numbers = Array.from({ length: 401 }, (_, i) => (i - 200) / inOne);
    const log = await logOf(numbers.map((n) => ({ n })));
    const { columns } = await ask(log, { groupBy: [{ field: 'n', every }] });
    expect(columns).toEqual({ n: numbers, count: numbers.map(() => 1) });
  });

  it('end before the next one, however near a number is', async () => {
    const below = 0.3 - 2 ** -54;
    const log = await logOf([below, 0.3, 3 - 2 ** -51, 3].map((n) => ({ n })));
    const { columns } = await ask(log, { groupBy: [{ field: 'n', every: 0.1 }] });
    expect(below).toBeLessThan(0.3);
    expect(columns['n']).toEqual([0.2, 0.3, 2.9, 3]);
  });
});

describe('what has no value', () => {
  it('comes last in any order, and is a group', async () => {
    const log = await logOf([{ f: 2 }, {}, { f: 1 }, { ok: true, s: '' }]);
    const ordered = async (descending: boolean): Promise<unknown> =>
      (await ask(log, { groupBy: ['f'], orderBy: { name: 'f', descending } })).columns['f'];
    expect(await ordered(false)).toEqual([1, 2, null]);
    expect(await ordered(true)).toEqual([2, 1, null]);
    expect((await ask(log, { groupBy: ['ok'] })).columns).toEqual({
      ok: [true, null],
      count: [1, 3],
    });
    expect((await ask(log, { groupBy: ['s'] })).columns).toEqual({ s: ['', null], count: [1, 3] });
  });
});

describe('a query', () => {
  it('reads events of several versions of a schema as of the newest', async () => {
    const log = await logOf([{ n: 1 }]);
    await append(log, [{ n: 2, extra: 8 }], newer);
    await append(log, [{ n: 3 }], schema);
    expect((await ask(log, { groupBy: ['extra'] })).columns).toEqual({
      extra: [7, 8],
      count: [2, 1],
    });
  });

  it('takes a path, a reader of records or of events, and descriptions', async () => {
    const log = await logOf([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const [records, events] = [openReader(log), openEventReader(log)];
    const cursor = events.cursor({ from: 1, to: 2 });
    const logs = [log, records, events, records.describe(), cursor.describe()];
    const found = await Promise.all(logs.map((each) => queryEvents(each, {}, { workers: 1 })));
    expect(found.map(({ value }) => value.events)).toEqual([3, 3, 3, 3, 1]);
    records.close();
    events.close();
  });

  it('is answered beside many others by one pool', async () => {
    const log = await logOf(Array.from({ length: 500 }, (_, i) => ({ n: i, i: i % 7 })));
    const pool = new Piscina({ minThreads: 2, maxThreads: 2, concurrentTasksPerWorker: 3 });
    onTestFinished(() => pool.destroy());
    const found = await Promise.all(
      Array.from({ length: 9 }, (_, k) =>
        queryEvents(log, { where: { field: 'i', op: '=', value: k } }, { pool, pieceBytes: 2000 }),
      ),
    );
    expect(found.map(({ value }) => value.events)).toEqual([72, 72, 72, 71, 71, 71, 71, 0, 0]);
  });

  it('leaves out what is damaged if it may, and says so', async () => {
    const log = await logOf(Array.from({ length: 100 }, (_, n) => ({ n })));
    const reader = openReader(log);
    const at = reader.get(40).length * 40 + 4096;
    reader.close();
    flipBit(segmentFile(log, 0), at, 3);
    await expect(ask(log, {})).rejects.toMatchObject({ code: 'SCAN_FAILED' });
    const { value, damage } = await queryEvents(log, {}, { workers: 1, onDamage: 'skip' });
    const lost = damage.reduce((sum, { from, to }) => sum + to - from, 0);
    expect(lost).toBeGreaterThan(0);
    expect(value.events).toBe(100 - lost);
  });
});
