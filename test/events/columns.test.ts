import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  MalformedEventError,
  openAppender,
  openReader,
  repairLog,
  type Appender,
  type Cursor,
} from '../../src/index.js';
import {
  columnPlan,
  readColumns,
  type Column,
  type ColumnPlan,
  type Int64Mode,
} from '../../src/events/columns.js';
import { eventSchema, type EventSchema } from '../../src/events/schema.js';
import {
  expectedColumns,
  type Expected,
  type ExpectedColumn,
} from '../support/expected-columns.js';
import { Flatc } from '../support/flatc.js';
import { flipBit, framesIn, segmentFile } from '../support/log-damage.js';
import { thrownBy } from '../support/logs.js';
import { mutated, randomFrom } from '../support/event-damage.js';
import { drawSchema, toJson, type Plain } from '../support/random-schemas.js';
import { allowed } from '../support/read-view.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RUNS = Number(process.env['FC_NUM_RUNS'] ?? 40);

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

/** A log of these payloads, some of them in a frame. */
async function logOf(payloads: readonly Uint8Array[], perFrame = 3): Promise<string> {
  const path = temporaryLogPath();
  const appender: Appender = openAppender(path, {
    segmentSizeBytes: 16_384,
    maintenance: false,
    commit: 'manual',
  });
  payloads.forEach((payload, i) => {
    appender.append(payload);
    if (i % perFrame === perFrame - 1) appender.commit();
  });
  await appender.close();
  return path;
}

function shown(column: Column, row: number): Expected {
  if (column.kind === 'string') return column.at(row) ?? undefined;
  return column.nulls?.[row] === 1 ? undefined : column.values[row];
}

/** What the column should hold in this mode. */
function wanted({ type }: ExpectedColumn, value: Expected, int64: Int64Mode): Expected {
  if (type.kind === 'string' || value === undefined || typeof value === 'string') return value;
  const isWide = type.scalar === 'int64' || type.scalar === 'uint64';
  if (isWide && int64 === 'bigint') return BigInt(value);
  const number = Number(value);
  return type.scalar === 'float32' ? Math.fround(number) : number;
}

function isUnsafe(value: Expected): boolean {
  return typeof value === 'bigint';
}

describe('columns of events of a random schema', () => {
  // An instance does not survive ten thousand commands.
  beforeEach(async () => {
    flatc = await Flatc.start();
  });

  it.each(['approximate', 'bigint', 'exact'] as const)(
    'hold the values that flatc has encoded, int64: %s',
    async (int64) => {
      await fc.assert(
        fc.asyncProperty(fc.gen(), fc.integer({ min: 1, max: 7 }), async (draw, rows) => {
          const { fbs, event, fullEvent } = drawSchema(draw);
          const bfbs = flatc.schema(fbs);
          const schema = eventSchema(bfbs);
          const events = Array.from({ length: 12 }, (_, i) =>
            i % 4 === 3 ? fullEvent() : event(),
          );
          const all = expectedColumns(schema.root);
          // Exactly: whatever fits in all events.
          const columns = all.filter(
            ({ of }) => int64 !== 'exact' || !events.some((each) => isUnsafe(of(each))),
          );
          if (columns.length === 0) return;
          const path = await logOf(events.map((each) => flatc.encode(bfbs, toJson(each))));
          const plan = columnPlan(
            schema,
            columns.map((each) => each.path),
            { int64 },
          );
          expectRows(path, plan, columns, events, rows);
          const each = columns[columns.length >> 1] as ExpectedColumn;
          expectRows(path, columnPlan(schema, [each.path], { int64 }), [each], events, rows);
        }),
        { numRuns: RUNS, endOnFailure: true },
      );
    },
  );
});

/** Reads the log with columns of `rows` rows, again and again. */
function expectRows(
  path: string,
  plan: ColumnPlan,
  expected: readonly ExpectedColumn[],
  events: readonly Plain[],
  rows: number,
): void {
  const reader = openReader(path);
  const cursor = reader.cursor();
  const columns = plan.allocate(rows);
  let offset = 0;
  for (let filled = -1; filled !== 0; offset += filled) {
    expect(cursor.nextOffset).toBe(offset);
    filled = plan.fill(cursor, columns);
    for (let row = 0; row < filled; row++) {
      const event = events[offset + row] as Plain;
      const values = columns.list.map((column) => shown(column, row));
      expect(values).toEqual(expected.map((each) => wanted(each, each.of(event), plan.int64)));
    }
  }
  expect(offset).toBe(events.length);
  reader.close();
}

/** A cursor over records with these payloads, one run of them amid other bytes. */
function cursorOver(payloads: readonly Uint8Array[], filler: number): Cursor {
  const first = 64;
  const places = payloads.map(({ length }) => 8 + ((length + 7) & ~7));
  const end = first + places.reduce((sum, each) => sum + each, 0);
  const memory = new Uint8Array(end + 64).fill(filler);
  const view = new DataView(memory.buffer);
  let at = first;
  payloads.forEach((payload, i) => {
    view.setUint32(at, (payload.length | 0x8000_0000) >>> 0, true);
    memory.set(payload, at + 8);
    at += places[i] as number;
  });
  const run = { frame: 0, position: first, offset: 0, count: payloads.length, end };
  let isRead = false;
  const mapping = { buffer: memory.buffer, lend: (): void => undefined };
  return {
    run,
    runSegment: { view, words: new Int32Array(memory.buffer), mapping },
    nextRun: () => !isRead && run.count > 0 && (isRead = true),
    backTo: (position: number, offset: number) => {
      Object.assign(run, { position, offset, count: payloads.length - offset });
      isRead = false;
    },
  } as unknown as Cursor;
}

function withoutOffset(row: unknown): unknown {
  return typeof row === 'string' ? row.replace(/event at offset \d+/, 'event') : row;
}

/** Rows as far as they can be read, and what stops it. */
function readAll(plan: ColumnPlan, payloads: readonly Uint8Array[], filler: number): unknown[] {
  const cursor = cursorOver(payloads, filler);
  const columns = plan.allocate(payloads.length);
  let filled = 0;
  let end: unknown = 'end';
  try {
    for (let more = -1; more !== 0; filled += more) {
      more = plan.fill(cursor, columns, payloads.length - filled, filled);
    }
  } catch (error) {
    end = allowed(error);
  }
  const rows = Array.from({ length: filled }, (_, row) =>
    columns.list.map((column) => shown(column, row)),
  );
  return [...rows, end];
}

describe('columns of a damaged event', () => {
  it('are the same whatever lies around it, or MalformedEventError is thrown', () => {
    let malformed = 0;
    fc.assert(
      fc.property(fc.gen(), fc.integer(), (draw, seed) => {
        const { fbs, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const paths = expectedColumns(schema.root).map(({ path }) => path);
        if (paths.length === 0) return;
        const plan = columnPlan(schema, paths, { int64: 'bigint' });
        const sound = flatc.encode(bfbs, toJson(fullEvent()));
        const random = randomFrom(seed);
        for (let i = 0; i < 100; i++) {
          const bytes = mutated(sound, random);
          // What is remembered of a sound event may not be believed of the next.
          const payloads = i % 2 === 0 ? [bytes] : [sound, bytes, sound];
          const read = [0x00, 0x01, 0x7f, 0xff].map((filler) => readAll(plan, payloads, filler));
          if (read[0]?.at(-1) !== 'end') malformed++;
          for (const other of read) expect(other).toEqual(read[0]);
          // Remembered or not, it is the same event.
          const alone = readAll(plan, [bytes], 0);
          const among = read[0]?.slice(payloads.length === 1 ? 0 : 1);
          expect(withoutOffset(among?.[0])).toEqual(withoutOffset(alone[0]));
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(malformed).toBeGreaterThan(RUNS);
  });

  // One field is read directly; of several, the layout is remembered.
  it.each([['a'], ['a,b,c']])(
    'are read, and checked, where the vtable stands at the end: %s',
    (names) => {
      const plan = columnPlan(
        eventSchema(flatc.schema('table R { a:int; b:int; c:int; } root_type R;')),
        names.split(','),
      );
      const row = names === 'a' ? [7] : [7, 0, 0];
      // Distance to the root at 4; a table of 8 bytes there, its vtable at 12, six slots.
      const words = Uint16Array.of(4, 0, 0xfff8, 0xffff, 7, 0, 16, 8, 4, 0, 0, 0, 0, 0);
      const event = new Uint8Array(words.buffer);
      expect(readAll(plan, [event, event], 0xff)).toEqual([row, row, 'end']);
      for (const payloads of [[event.slice(0, 27)], [event, event.slice(0, 27)]]) {
        const read = readAll(plan, payloads, 0);
        expect(read.at(-1)).toContain('a vtable has impossible sizes');
      }
      const short = event.slice(0, 18);
      short[12] = 6;
      expect(readAll(plan, [short, short, event, short], 0xff)).toEqual([
        row,
        row,
        row,
        row,
        'end',
      ]);
      const itself = event.slice();
      itself.fill(0, 4, 8);
      expect(readAll(plan, [itself], 0).at(-1)).toContain('a vtable has impossible sizes');
    },
  );

  it('hold the events before it; then the error is thrown, and next() steps over it', async () => {
    const bfbs = flatc.schema('table T { x:int; } table R { a:int; t:T; } root_type R;');
    const events = [1, 2, 3, 4, 5, 6].map((a) => flatc.encode(bfbs, `{a:${a},t:{x:1}}`));
    (events[3] as Uint8Array).fill(0xff, 0, 4);
    const reader = openReader(await logOf(events, 6));
    const cursor = reader.cursor();
    const plan = columnPlan(eventSchema(bfbs), ['a', 't.x']);
    const columns = plan.allocate(10);
    expect(plan.fill(cursor, columns)).toBe(3);
    const error = thrownBy(() => plan.fill(cursor, columns));
    expect(error).toBeInstanceOf(MalformedEventError);
    expect((error as Error).message).toContain('(the event at offset 3)');
    expect(() => plan.fill(cursor, columns, 10, 2)).toThrow(MalformedEventError);
    expect([cursor.nextOffset, cursor.next(), cursor.offset]).toEqual([3, true, 3]);
    expect(plan.fill(cursor, columns, 10, 3)).toBe(2);
    expect([...columns.numbers('a').subarray(0, 5)]).toEqual([1, 2, 3, 5, 6]);
    reader.close();
  });
});

describe('64-bit integers', () => {
  const VALUES = [5n, 2n ** 53n - 1n, -(2n ** 53n) + 1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n];

  it.each(VALUES)('%s is exact, or a RangeError that names field and offset', async (value) => {
    const bfbs = flatc.schema('table T { i:long; } table R { t:T; u:ulong; } root_type R;');
    const schema = eventSchema(bfbs);
    const unsigned = BigInt.asUintN(64, value);
    const payloads = [5n, value].map((each) =>
      flatc.encode(bfbs, `{t:{i:${each}},u:${BigInt.asUintN(64, each)}}`),
    );
    const reader = openReader(await logOf(payloads));
    const bigints = readColumns(reader, schema, ['t.i', 'u'], { int64: 'bigint' });
    expect([...bigints.bigints('t.i')]).toEqual([5n, value]);
    expect([...bigints.bigints('u')]).toEqual([5n, unsigned]);
    const rounded = readColumns(reader, schema, ['t.i', 'u'], { int64: 'approximate' });
    expect([...rounded.numbers('t.i'), ...rounded.numbers('u')]).toEqual(
      [5n, value, 5n, unsigned].map(Number),
    );
    for (const [field, each] of [
      ['t.i', value],
      ['u', unsigned],
    ] as const) {
      const read = (): unknown => [...readColumns(reader, schema, [field]).numbers(field)];
      if (Number.isSafeInteger(Number(each))) expect(read()).toEqual([5, Number(each)]);
      else
        expect(read).toThrow(`Cannot read ${field} of the event at offset 1 as a number: ${each}`);
    }
    reader.close();
  });

  it('have defaults that may be past 2^53 too', async () => {
    const bfbs = flatc.schema(`
      table R { a:int; u:ulong = 9223372036854775807; i:long = -9007199254740993; } root_type R;`);
    const schema = eventSchema(bfbs);
    const reader = openReader(await logOf([flatc.encode(bfbs, '{a:1}')]));
    expect(() => readColumns(reader, schema, ['u'])).toThrow(RangeError);
    const columns = readColumns(reader, schema, ['u', 'i'], { int64: 'bigint' });
    expect([columns.bigints('u')[0], columns.bigints('i')[0]]).toEqual([
      2n ** 63n - 1n,
      -(2n ** 53n) - 1n,
    ]);
    reader.close();
  });
});

describe('columns of events of several versions of a schema', () => {
  it('have defaults and nulls where older events have nothing, whatever the order', async () => {
    const old = flatc.schema('table R { a:int; } root_type R;');
    const bfbs = flatc.schema(`
      struct P { x:short; y:short; } table T { z:float = 1.5; s:string; }
      table R { a:int; b:int = 7; c:double = null; s:string; p:P; t:T; d:byte; } root_type R;`);
    const younger = '{a:2,b:3,c:4,s:"five",p:{x:6,y:7},t:{z:8,s:"nine"},d:10}';
    const kinds = [1, 0, 0, 1, 1, 0, 1];
    const payloads = kinds.map((kind) =>
      kind === 0 ? flatc.encode(old, '{a:1}') : flatc.encode(bfbs, younger),
    );
    const reader = openReader(await logOf(payloads, 5));
    const fields = ['a', 'b', 'c', 's', 'p.y', 't.z', 't.s', 'd'];
    const columns = readColumns(reader, eventSchema(bfbs), fields);
    const rows = kinds.map((_, row) => columns.list.map((column) => shown(column, row)));
    const of = [
      [1, 7, undefined, undefined, undefined, undefined, undefined, 0],
      [2, 3, 4, 'five', 7, 8, 'nine', 10],
    ];
    expect(rows).toEqual(kinds.map((kind) => of[kind]));
    expect(fields.filter((field) => columns.nulls(field) === undefined)).toEqual(['a', 'b', 'd']);
    reader.close();
  });
});

describe('readColumns()', () => {
  const FBS = 'table R { i:uint; s:string; } root_type R;';

  async function numbered(count: number): Promise<{ path: string; schema: EventSchema }> {
    const bfbs = flatc.schema(FBS);
    const one = flatc.encode(bfbs, '{i:4293844428,s:"text 0000"}');
    const at = one.indexOf(0xcc);
    const payloads = Array.from({ length: count }, (_, i) => {
      const payload = Buffer.from(one);
      payload.writeUInt32LE(i, at);
      payload.write(String(i).padStart(4, '0'), payload.indexOf('text ') + 5);
      return payload;
    });
    return { path: await logOf(payloads, 4), schema: eventSchema(bfbs) };
  }

  it('reads a range of offsets, over segments, with the offsets and times', async () => {
    const { path, schema } = await numbered(900);
    const reader = openReader(path);
    expect(reader.segments().length).toBeGreaterThan(2);
    const fields = ['s', '$timeMs', 'i', '$offset'];
    const columns = readColumns(reader, schema, fields, { from: 101, to: 850 });
    expect(columns.length).toBe(749);
    const expected = Array.from({ length: 749 }, (_, i) => 101 + i);
    expect([...columns.numbers('i')]).toEqual(expected);
    expect([...columns.numbers('$offset')]).toEqual(expected);
    expect([...columns.numbers('$timeMs')]).toEqual(expected.map((i) => reader.get(i).timeMs));
    reader.close();
    const texts = columns.strings('s');
    expect(expected.map((_, row) => texts.at(row))).toEqual(
      expected.map((i) => `text ${String(i).padStart(4, '0')}`),
    );
    expect([texts.at(749), texts.at(-1)]).toEqual([undefined, undefined]);
  });

  it('leaves out what was lost', async () => {
    const { path, schema } = await numbered(20);
    flipBit(segmentFile(path, 0), (framesIn(path, 0)[2]?.position as number) + 90);
    repairLog(path);
    const reader = openReader(path);
    const columns = readColumns(reader, schema, ['i', 's', '$offset'], { from: 6 });
    const left = [6, 7, 12, 13, 14, 15, 16, 17, 18, 19];
    expect(columns.length).toBe(10);
    expect([[...columns.numbers('i')], [...columns.numbers('$offset')]]).toEqual([left, left]);
    expect(columns.strings('s').at(9)).toBe('text 0019');
    expect(columns.strings('s').length).toBe(10);
    reader.close();
  });

  it('gives empty columns where there is nothing', async () => {
    const { path, schema } = await numbered(3);
    const reader = openReader(path);
    for (const range of [{ from: 3 }, { from: 'end' as const }, { from: 2, to: 1 }, { to: 0 }]) {
      const columns = readColumns(reader, schema, ['i', 's'], range);
      expect([columns.length, columns.numbers('i').length]).toEqual([0, 0]);
    }
    reader.close();
  });
});

describe('columnPlan()', () => {
  const FBS = `struct P { x:int; a:[int:2]; } table T { x:int; } table O { y:int; s:string; }
    union U { T, O, P } table R { t:T; p:P; u:U; s:string; v:[int]; n:int; d:int (deprecated); }
    root_type R;`;
  let schema: EventSchema;
  beforeAll(() => {
    schema = eventSchema(flatc.schema(FBS));
  });

  it.each([
    ['z', 'R has no z, but t, p, u, s, v, n'],
    ['d', 'R has no d'],
    ['', 'R has no '],
    ['t', 'it is a T, and not one value'],
    ['t.z', 'T has no z, but x'],
    ['t.x.y', 't.x is a int32, and has no fields'],
    ['p', 'it is a P, and not one value'],
    ['p.a', 'p.a is an array'],
    ['s.x', 's is a string, and has no fields'],
    ['v', 'v is a vector'],
    ['u', 'it is a U, and not one value'],
    ['u.x', 'U has no x, but T, O, P'],
    ['u.O', 'it is a O, and not one value'],
    ['$time', 'R has no $time'],
    ['constructor', 'R has no constructor'],
  ])('refuses %s', (path, why) => {
    const error = thrownBy(() => columnPlan(schema, ['n', path]));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain(`Cannot read ${path} as a column: ${why}`);
  });

  it('refuses nothing, a field twice, an unknown mode', () => {
    expect(() => columnPlan(schema, [])).toThrow('Cannot make a plan without fields');
    expect(() => columnPlan(schema, ['n', 'n'])).toThrow('Cannot read n as two columns');
    expect(() => columnPlan(schema, ['n'], { int64: 'big' as 'bigint' })).toThrow(TypeError);
  });

  it('refuses columns of another plan, and rows that are not there', async () => {
    const reader = openReader(await logOf([new Uint8Array(8)]));
    const cursor = reader.cursor();
    const plan = columnPlan(schema, ['n', 'u.T.x', 'u_type']);
    const other = columnPlan(schema, ['n', 'u.O.y', 'u_type']);
    expect(() => plan.fill(cursor, other.allocate(3))).toThrow(TypeError);
    const columns = plan.allocate(3);
    for (const [max, at] of [
      [1, 4],
      [1, -1],
      [Number.NaN, 0],
      [1, 0.5],
      [-1, 0],
    ] as const) {
      expect(() => plan.fill(cursor, columns, max, at)).toThrow(RangeError);
    }
    expect(() => plan.allocate(-1)).toThrow(RangeError);
    expect(() => columns.get('x')).toThrow(TypeError);
    expect(() => columns.strings('n')).toThrow(TypeError);
    expect(() => columns.bigints('n')).toThrow(TypeError);
    expect(cursor.nextOffset).toBe(0);
    reader.close();
  });
});

describe('a live log', () => {
  it('is followed by filling again', async () => {
    const bfbs = flatc.schema('table R { i:int; } root_type R;');
    const path = temporaryLogPath();
    const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
    const reader = openReader(path);
    const cursor = reader.cursor();
    const plan = columnPlan(eventSchema(bfbs), ['i', '$offset']);
    const columns = plan.allocate(4);
    const seen: number[] = [];
    for (let i = 1; i <= 400; i++) {
      appender.append(flatc.encode(bfbs, `{i:${i}}`));
      if (i % 7 !== 0) continue;
      for (let filled = -1; filled !== 0;) {
        filled = plan.fill(cursor, columns);
        seen.push(...columns.numbers('i').subarray(0, filled));
      }
      expect(seen.length).toBe(i);
    }
    expect(seen).toEqual(Array.from({ length: 399 }, (_, i) => i + 1));
    await appender.close();
    cursor.close();
    expect(() => plan.fill(cursor, columns)).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    reader.close();
  });
});
