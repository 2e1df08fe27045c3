import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { MalformedEventError, openAppender, openReader } from '../../src/index.js';
import { eventSchema } from '../../src/events/schema.js';
import { compileView, type EventVector } from '../../src/events/view.js';
import { expectTable } from '../support/expect-view.js';
import { Flatc } from '../support/flatc.js';
import { mutated, randomFrom, surrounded } from '../support/event-damage.js';
import { drawSchema, toJson } from '../support/random-schemas.js';
import { allowed, ViewReading } from '../support/read-view.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RUNS = Number(process.env['FC_NUM_RUNS'] ?? 60);

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

describe('a view of an event of a random schema', () => {
  it('has the values that flatc has encoded, wherever the event lies', () => {
    fc.assert(
      fc.property(fc.gen(), fc.integer({ min: 0, max: 17 }), (draw, position) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const view = new (compileView(schema))();
        for (const each of [event(), fullEvent(), event()]) {
          const bytes = flatc.encode(bfbs, toJson(each));
          const around = surrounded(bytes, position, 0xff);
          view.$read(around, position, bytes.length);
          expectTable(view, schema.root, each);
        }
      }),
      // Shrinking a schema takes minutes, and a gigabyte.
      { numRuns: RUNS, endOnFailure: true },
    );
  });

  it('shows the records of a log where they lie', async () => {
    await fc.assert(
      fc.asyncProperty(fc.gen(), async (draw) => {
        const { fbs, event } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const events = Array.from({ length: 5 }, event);
        const path = temporaryLogPath();
        const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
        for (const each of events) appender.append(flatc.encode(bfbs, toJson(each)));
        await appender.close();
        const reader = openReader(path);
        const cursor = reader.cursor();
        const view = new (compileView(schema))();
        for (const each of events) {
          expect(cursor.next()).toBe(true);
          expectTable(view.$show(cursor), schema.root, each);
        }
        expectTable(view.$show(reader.get(2)), schema.root, events[2] as (typeof events)[0]);
        reader.close();
      }),
      { numRuns: 10, endOnFailure: true },
    );
  });
});

describe('a view of a damaged event', () => {
  it('shows the same whatever lies around it, or throws MalformedEventError', () => {
    let malformed = 0;
    fc.assert(
      fc.property(fc.gen(), fc.integer(), (draw, seed) => {
        const { fbs, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const view = new (compileView(schema))();
        const sound = flatc.encode(bfbs, toJson(fullEvent()));
        const random = randomFrom(seed);
        for (let i = 0; i < 100; i++) {
          const bytes = mutated(sound, random);
          const shown = [0x00, 0x01, 0x7f, 0xff].map((filler) => {
            try {
              view.$read(surrounded(bytes, 64, filler), 64, bytes.length);
            } catch (error) {
              return allowed(error);
            }
            return new ViewReading().table(view, schema.root);
          });
          if (JSON.stringify(shown[0], bigintText).includes('Malformed')) malformed++;
          for (const other of shown) expect(other).toEqual(shown[0]);
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
    expect(malformed).toBeGreaterThan(RUNS);
  });

  it('says what is wrong, where, and in which field', () => {
    const bfbs = flatc.schema(`
      struct Point { x:int; y:int; }
      table Inner { name:string; }
      table Root { inner:Inner (required); points:[Point]; }
      root_type Root;`);
    const view = new (compileView(eventSchema(bfbs)))();
    const sound = flatc.encode(bfbs, '{inner:{name:"abc"},points:[{x:1,y:2}]}');
    const at = sound.indexOf(0x61) - 4;
    const bytes = sound.slice();
    bytes[at] = 200;
    view.$read(bytes);
    expect(() => (view['inner'] as Inner).name).toThrow(
      expect.objectContaining({ code: 'MALFORMED_EVENT', field: 'inner.name', position: at }),
    );
    expect(() => view.$read(sound, 0, 7)).toThrow(MalformedEventError);
    expect(() => view.$read(new Uint8Array(0))).toThrow('a buffer of 0 bytes');
    const table = new DataView(sound.buffer).getUint32(0, true);
    const cut = sound.slice();
    new DataView(cut.buffer).setInt32(table, table + 4, true);
    expect(() => view.$read(cut)).toThrow(/^Malformed event at byte -4: a vtable lies outside/);
  });
});

interface Inner {
  readonly name: string;
}

function bigintText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

describe('64-bit integers', () => {
  const MAX = Number.MAX_SAFE_INTEGER;
  const EDGES = [0n, 1n, -1n, 2n ** 32n, -(2n ** 32n), 2n ** 53n - 1n, -(2n ** 53n) + 1n];
  const PAST = [2n ** 53n, -(2n ** 53n), 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)];

  it.each([...EDGES, ...PAST])(
    '%s is a number where that is exact, and always a bigint',
    (value) => {
      const bfbs = flatc.schema('table R { i:long; u:ulong; o:long = null; } root_type R;');
      const unsigned = value < 0n ? value + 2n ** 64n : value;
      const view = new (compileView(eventSchema(bfbs)))();
      view.$read(flatc.encode(bfbs, `{i:${value},u:${unsigned}}`));
      expect([view.$bigint('i'), view.$bigint('u'), view.$bigint('o')]).toEqual([
        value,
        unsigned,
        null,
      ]);
      if (PAST.includes(value))
        expect(() => view['i']).toThrow(`Cannot read i as a number: ${value}`);
      else expect(view['i']).toBe(Number(value));
      if (unsigned > MAX) expect(() => view['u']).toThrow(RangeError);
      else expect(view['u']).toBe(Number(unsigned));
      expect(view['o']).toBeNull();
      expect(() => view.$bigint('x')).toThrow(TypeError);
    },
  );
});

describe('a view compiled from another version of the schema', () => {
  const OLD = 'enum E:byte { A, B } table R { a:int; e:E; } root_type R;';
  const NEW = `enum E:byte { A, B, C }
    table T { x:int = 5; }
    union U { T }
    table R { a:int; e:E; b:int = 7; c:double = null; s:string; t:T; v:[int]; u:U; } root_type R;`;

  it('has defaults for what older events do not have', () => {
    const schema = eventSchema(flatc.schema(NEW));
    const view = new (compileView(schema))();
    view.$read(flatc.encode(flatc.schema(OLD), '{a:3,e:"B"}'));
    const names = ['a', 'e', 'b', 'c', 's', 't', 'v', 'u_type', 'u'];
    expect(names.map((name) => view[name])).toEqual([3, 'B', 7, null, ...Array(5).fill(undefined)]);
  });

  it('shows what it knows of newer events, and unknown values of enums as numbers', () => {
    const bfbs = flatc.schema(NEW);
    const view = new (compileView(eventSchema(flatc.schema(OLD))))();
    view.$read(flatc.encode(bfbs, '{a:3,e:"C",b:8,s:"x",u_type:"T",u:{x:6}}'));
    expect([view['a'], view['e'], 'b' in view]).toEqual([3, 2, false]);
  });
});

describe('the lifetime of a view', () => {
  it('is that of the record shown: what was taken from an earlier one throws RangeError', () => {
    const bfbs = flatc.schema('table T { x:int; } table R { t:T; v:[T]; } root_type R;');
    const view = new (compileView(eventSchema(bfbs)))();
    expect(() => view['t']).toThrow('it shows no event');
    const bytes = flatc.encode(bfbs, '{t:{x:1},v:[{x:2}]}');
    view.$read(bytes);
    const { t, v } = view as unknown as { t: { x: number }; v: EventVector<{ x: number }> };
    const first = v.at(0);
    expect([t.x, first?.x]).toEqual([1, 2]);
    view.$read(bytes);
    for (const late of [(): unknown => t.x, (): unknown => v.at(0), (): unknown => first?.x]) {
      expect(late).toThrow(RangeError);
    }
    expect([view['t'], t.x]).toEqual([t, 1]);
  });

  it('ends with the cursor, and no sooner', async () => {
    const bfbs = flatc.schema('table R { x:int; } root_type R;');
    const path = temporaryLogPath();
    const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
    for (let i = 1; i <= 700; i++) appender.append(flatc.encode(bfbs, '{x:5}'));
    await appender.close();
    const reader = openReader(path);
    expect(reader.segments().length).toBeGreaterThan(2);
    const [cursor, other] = [reader.cursor(), reader.cursor()];
    const view = new (compileView(eventSchema(bfbs)))();
    cursor.next();
    view.$show(cursor);
    while (cursor.next());
    reader.close();
    expect(view['x']).toBe(5);
    cursor.close();
    expect(() => view['x']).toThrow(RangeError);
    expect(() => view.$show(cursor)).toThrow(RangeError);
    other.close();
  });

  it('has arrays outlive it, and the log', async () => {
    const bfbs = flatc.schema('table R { v:[double]; } root_type R;');
    const path = temporaryLogPath();
    const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
    appender.append(flatc.encode(bfbs, '{v:[1.5,2.5]}'));
    await appender.close();
    const reader = openReader(path);
    const cursor = reader.cursor();
    cursor.next();
    const view = new (compileView(eventSchema(bfbs)))();
    const values = view.$show(cursor)['v'];
    cursor.close();
    reader.close();
    expect(values).toEqual(Float64Array.of(1.5, 2.5));
    expect((values as Float64Array).byteOffset).toBeGreaterThan(4096);
  });
});

it('names that mean something to JavaScript are fields like others', () => {
  const bfbs = flatc.schema(
    'table R { constructor:int; at:int; length:int; then:int; } root_type R;',
  );
  const view = new (compileView(eventSchema(bfbs)))();
  view.$read(flatc.encode(bfbs, '{constructor:1,at:2,length:3,then:4}'));
  const names = ['constructor', 'at', 'length', 'then'];
  expect(names.map((name) => view[name])).toEqual([1, 2, 3, 4]);
});
