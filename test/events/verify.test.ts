import fc from 'fast-check';
import { Builder, type Offset } from 'flatbuffers';
import { beforeAll, describe, expect, it } from 'vitest';
import { MalformedEventError, eventSchema, type EventSchema } from '../../src/index.js';
import { decodeEvent } from '../../src/events/decode.js';
import { eventVerifier, verifyEvent } from '../../src/events/verify.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

const FBS = `
struct P { x:double; }
table Leaf { s:string (required); }
union U { Leaf, P, text:string }
table Event {
  s:string; v:[double]; leaf:Leaf; leaves:[Leaf]; p:P; names:[string];
  u:U; many:[U]; n:long; wanted:U;
}
root_type Event;
file_identifier "EVNT";
`;

/** What verifying throws, and nothing else; `undefined` if it does not. */
function fault(
  schema: EventSchema,
  bytes: Uint8Array,
  options: { readonly identifier?: boolean } = {},
): MalformedEventError | undefined {
  try {
    verifyEvent(schema, bytes, options);
    return undefined;
  } catch (error) {
    if (error instanceof MalformedEventError) return error;
    throw error;
  }
}

/** An event by flatc, and where things are in it. */
class Anatomy {
  readonly schema: EventSchema;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(json: string, fbs = FBS) {
    const bfbs = flatc.schema(fbs);
    this.schema = eventSchema(bfbs);
    this.bytes = flatc.encode(bfbs, json);
    this.view = new DataView(this.bytes.buffer);
  }

  get root(): number {
    return this.target(0);
  }

  /** Where the distance at `at` leads. */
  target(at: number): number {
    return at + this.view.getUint32(at, true);
  }

  vtable(table = this.root): number {
    return table - this.view.getInt32(table, true);
  }

  slot(name: string): number {
    const id = this.schema.root.fields.find((field) => field.name === name)?.id;
    if (id === undefined) throw new Error(`No field ${name}`);
    return this.vtable() + 4 + 2 * id;
  }

  field(name: string): number {
    return this.root + this.view.getUint16(this.slot(name), true);
  }

  find(text: string | readonly number[]): number {
    return Buffer.from(this.bytes).indexOf(typeof text === 'string' ? text : Buffer.from(text));
  }
}

describe('verifyEvent()', () => {
  it('passes what flatc has encoded, for random schemas and events', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        for (const each of [event(), fullEvent()]) {
          verifyEvent(schema, flatc.encode(bfbs, toJson(each)));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('refuses every truncation of an event', () => {
    const { schema, bytes } = new Anatomy('{"s":"abcdefg","names":["x"]}');
    expect(fault(schema, bytes)).toBeUndefined();
    const lengths = Array.from(bytes.keys());
    const passed = lengths.filter((length) => !fault(schema, bytes.subarray(0, length)));
    expect(passed).toEqual([]);
  });

  it('passes an event without the file identifier if asked to', () => {
    const { schema, bytes } = new Anatomy('{}');
    bytes.fill(0, 4, 8);
    expect(fault(schema, bytes)?.reason).toContain('expected the file identifier "EVNT"');
    expect(fault(schema, bytes, { identifier: false })).toBeUndefined();
  });

  it('counts alignment and positions from the beginning of the event', () => {
    const { schema, bytes } = new Anatomy('{"n":1,"v":[1]}');
    const larger = new Uint8Array(bytes.length + 11);
    larger.set(bytes, 3);
    eventVerifier(schema).verify(larger, 3, 3 + bytes.length, true);
    larger[4] = 0xff;
    expect(() => eventVerifier(schema).verify(larger, 3, 3 + bytes.length, true)).toThrow(
      expect.objectContaining({ position: 0 }) as MalformedEventError,
    );
  });
});

interface Case {
  readonly what: string;
  readonly json: string;
  readonly damage: (event: Anatomy) => void;
  readonly reason: string;
  readonly field: string;
}

const CASES: readonly Case[] = [
  {
    what: 'another file identifier',
    json: '{}',
    damage: ({ bytes }) => bytes.set(Buffer.from('ABCD'), 4),
    reason: 'expected the file identifier "EVNT", found "ABCD"',
    field: '',
  },
  {
    what: 'a root out of bounds',
    json: '{}',
    damage: ({ view, bytes }) => view.setUint32(0, bytes.length, true),
    reason: 'a distance leads out of the event',
    field: '',
  },
  {
    what: 'a root that is not aligned',
    json: '{"n":5}',
    damage: ({ view, root }) => view.setUint32(0, root + 2, true),
    reason: 'not aligned to 4 bytes',
    field: '',
  },
  {
    what: 'a distance of 2 GiB',
    json: '{"s":"x"}',
    damage: (event) => event.view.setUint32(event.field('s'), 2 ** 31, true),
    reason: 'a distance leads out of the event',
    field: 's',
  },
  {
    what: 'a distance of 0',
    json: '{"s":"x"}',
    damage: (event) => event.view.setUint32(event.field('s'), 0, true),
    reason: 'a distance of 0',
    field: 's',
  },
  {
    what: 'a vtable before the event',
    json: '{}',
    damage: ({ view, root }) => view.setInt32(root, 1 << 20, true),
    reason: 'a vtable lies outside of the event',
    field: '',
  },
  {
    what: 'a vtable behind the event',
    json: '{}',
    damage: ({ view, root }) => view.setInt32(root, -(1 << 20), true),
    reason: 'a vtable lies outside of the event',
    field: '',
  },
  {
    what: 'a vtable at an odd place',
    json: '{"n":1}',
    damage: ({ view, root }) => view.setInt32(root, view.getInt32(root, true) + 1, true),
    reason: 'not aligned to 2 bytes',
    field: '',
  },
  {
    what: 'a vtable of odd size',
    json: '{"n":1}',
    damage: (event) => event.view.setUint16(event.vtable(), 5, true),
    reason: 'a vtable has impossible sizes',
    field: '',
  },
  {
    what: 'a vtable that is longer than the event',
    json: '{"n":1}',
    damage: (event) => event.view.setUint16(event.vtable(), 0xfffe, true),
    reason: 'a vtable lies outside of the event',
    field: '',
  },
  {
    what: 'a table that is longer than the event',
    json: '{"n":1}',
    damage: (event) => event.view.setUint16(event.vtable() + 2, 0xffff, true),
    reason: 'a table lies outside of the event',
    field: '',
  },
  {
    what: 'a field beyond its table',
    json: '{"n":1}',
    damage: (event) => event.view.setUint16(event.vtable() + 2, 4, true),
    reason: 'a field lies outside of its table',
    field: 'n',
  },
  {
    what: 'a field over the distance to the vtable',
    json: '{"n":1}',
    damage: (event) => event.view.setUint16(event.slot('n'), 2, true),
    reason: 'a field lies outside of its table',
    field: 'n',
  },
  {
    what: 'a scalar that is not aligned',
    json: '{"n":1,"p":{"x":1}}',
    damage: (event) => {
      const place = (event.root + 4) % 8 === 0 ? 8 : 4;
      event.view.setUint16(event.slot('n'), place, true);
    },
    reason: 'not aligned to 8 bytes',
    field: 'n',
  },
  {
    what: 'a string without a 0 behind it',
    json: '{"names":["a","bcd"]}',
    damage: (event) => event.bytes.set([1], event.find('bcd') + 3),
    reason: 'a string without a 0 behind it',
    field: 'names[1]',
  },
  {
    what: 'a string up to the end of the event',
    json: '{"s":"abcd"}',
    damage: (event) => {
      const at = event.target(event.field('s'));
      event.view.setUint32(at, event.bytes.length - at - 4, true);
    },
    reason: 'the end of a string lies outside of the event',
    field: 's',
  },
  {
    what: 'a vector that is too long',
    json: '{"v":[1,2]}',
    damage: (event) => event.view.setUint32(event.target(event.field('v')), 3, true),
    reason: 'a vector of 3 elements lies outside of the event',
    field: 'v',
  },
  {
    what: 'a vector of 2^32 - 1 elements',
    json: '{"names":["a"]}',
    damage: (event) => event.view.setUint32(event.target(event.field('names')), 2 ** 32 - 1, true),
    reason: 'a vector of 4294967295 elements lies outside of the event',
    field: 'names',
  },
  {
    what: 'elements that are not aligned',
    json: '{"v":[1,2]}',
    damage: (event) => {
      const at = event.field('v');
      event.view.setUint32(event.target(at) + 4, 1, true);
      event.view.setUint32(at, event.target(at) + 4 - at, true);
    },
    reason: 'not aligned to 8 bytes',
    field: 'v',
  },
  {
    what: 'a required field that is missing, deep within',
    json: '{"leaves":[{"s":"a"},{"s":"b"}]}',
    damage: (event) => {
      const second = event.target(event.target(event.field('leaves')) + 8);
      event.view.setUint16(event.vtable(second) + 4, 0, true);
    },
    reason: 'a required field is missing',
    field: 'leaves[0].s',
  },
  {
    what: 'a table in a vector that is none',
    json: '{"leaves":[{"s":"a"},{"s":"b"}]}',
    damage: (event) => {
      const second = event.target(event.target(event.field('leaves')) + 8);
      event.view.setInt32(second, 1 << 20, true);
    },
    reason: 'a vtable lies outside of the event',
    field: 'leaves[1]',
  },
  {
    what: 'a union of a table that is none',
    json: '{"u_type":"Leaf","u":{"s":"a"}}',
    damage: (event) => event.view.setInt32(event.target(event.field('u')), 1 << 20, true),
    reason: 'a vtable lies outside of the event',
    field: 'u',
  },
  {
    what: 'a union of a string that is none',
    json: '{"u_type":"text","u":"abc"}',
    damage: (event) => event.view.setUint32(event.target(event.field('u')), 1 << 20, true),
    reason: 'a vector of 1048576 elements lies outside of the event',
    field: 'u',
  },
  {
    what: 'a union of a struct that is not aligned',
    json: '{"u_type":"P","u":{"x":1}}',
    damage: (event) => {
      const at = event.field('u');
      event.view.setUint32(at, event.view.getUint32(at, true) + 4, true);
    },
    reason: 'not aligned to 8 bytes',
    field: 'u',
  },
  {
    what: 'a union that has the type of a struct only',
    json: '{"u_type":"P","u":{"x":1}}',
    damage: (event) => event.view.setUint16(event.slot('u'), 0, true),
    reason: 'a union has a type, but nothing of it',
    field: 'u',
  },
  {
    what: 'a vector of unions with fewer types',
    json: '{"many_type":["P","text"],"many":[{"x":1},"a"]}',
    damage: (event) => event.view.setUint32(event.find([2, 0, 0, 0, 2, 3]), 1, true),
    reason: 'a vector of unions and that of their types differ in length',
    field: 'many',
  },
  {
    what: 'a vector of unions without types',
    json: '{"many_type":["P"],"many":[{"x":1}]}',
    damage: (event) => event.view.setUint16(event.slot('many') - 2, 0, true),
    reason: 'a vector of unions without their types',
    field: 'many',
  },
  {
    what: 'types of unions without the unions',
    json: '{"many_type":["P"],"many":[{"x":1}]}',
    damage: (event) => event.view.setUint16(event.slot('many'), 0, true),
    reason: 'types of unions without the unions',
    field: 'many',
  },
  {
    what: 'a member of a vector of unions that is none',
    json: '{"many_type":["P","text"],"many":[{"x":1},"abc"]}',
    damage: (event) => event.bytes.set([9], event.find('abc') + 3),
    reason: 'a string without a 0 behind it',
    field: 'many[1]',
  },
];

describe('verifyEvent()', () => {
  it.each(CASES)('refuses $what', ({ json, damage, reason, field }) => {
    const event = new Anatomy(json);
    expect(fault(event.schema, event.bytes)).toBeUndefined();
    damage(event);
    expect(fault(event.schema, event.bytes)).toMatchObject({ reason, field });
  });

  it('refuses a required union without a type', () => {
    const fbs = 'union U { A } table A { n:int; } table B { u:U (required); } root_type B;';
    const event = new Anatomy('{"u_type":"A","u":{"n":1}}', fbs);
    event.view.setUint16(event.slot('u') - 2, 0, true);
    expect(fault(event.schema, event.bytes)).toMatchObject({
      reason: 'a required field is missing',
      field: 'u',
    });
  });

  it('refuses a deprecated field that is malformed, and does not ask for it', () => {
    const event = new Anatomy('{"s":"abc"}', 'table E { s:string; } root_type E;');
    const fbs = 'table E { s:string (deprecated, required); } root_type E;';
    const schema = eventSchema(flatc.schema(fbs));
    expect(fault(schema, event.bytes)).toBeUndefined();
    const without = new Anatomy('{}', 'table E { s:string; } root_type E;');
    expect(fault(schema, without.bytes)).toBeUndefined();
    event.bytes[event.find('abc') + 3] = 1;
    expect(fault(schema, event.bytes)?.field).toBe('s');
  });

  it('passes what a newer schema has added: fields, and types of unions', () => {
    const older = 'union U { A } table A { n:int; } table E { u:U; us:[U]; } root_type E;';
    const newer = `union U { A, B } table A { n:int; s:string; } table B { n:int; }
      table E { u:U; us:[U]; t:string; } root_type E;`;
    const json =
      '{"u_type":"B","u":{"n":1},"us_type":["A","B"],"us":[{"n":2,"s":"x"},{"n":3}],"t":"y"}';
    const { bytes } = new Anatomy(json, newer);
    const schema = eventSchema(flatc.schema(older));
    expect(fault(schema, bytes)).toBeUndefined();
    expect(decodeEvent(schema, bytes)).toEqual({
      u_type: 2,
      us_type: ['A', 2],
      us: [{ n: 2 }, null],
    });
  });
});

const NODES = 'table N { nodes:[N]; names:[string]; } root_type N;';

/** A table with these vectors, by slot; written by hand, so that they can be shared. */
function node(builder: Builder, vectors: Readonly<Record<number, Offset>>): Offset {
  builder.startObject(2);
  for (const [slot, vector] of Object.entries(vectors)) {
    builder.addFieldOffset(Number(slot), vector, 0);
  }
  return builder.endObject();
}

function vectorOf(builder: Builder, targets: readonly Offset[]): Offset {
  builder.startVector(4, targets.length, 4);
  for (const each of targets) builder.addOffset(each);
  return builder.endVector();
}

function finished(builder: Builder, root: Offset): Uint8Array {
  builder.finish(root);
  return builder.asUint8Array().slice();
}

/** `levels` tables, each with a vector that leads to the next one `times` times. */
function shared(levels: number, times: number, leaf: (builder: Builder) => Offset): Uint8Array {
  const builder = new Builder();
  let last = leaf(builder);
  for (let level = 1; level < levels; level++) {
    const same = Array.from({ length: times }, () => last);
    last = node(builder, { 0: vectorOf(builder, same) });
  }
  return finished(builder, last);
}

const TOO_MUCH = 'what is shared adds up to more than the limit';

/** Both say the same. */
function refusal(schema: EventSchema, bytes: Uint8Array): string {
  const verifying = fault(schema, bytes);
  expect(() => decodeEvent(schema, bytes)).toThrow(verifying?.reason ?? 'It is not malformed');
  return verifying?.reason ?? '';
}

describe('events whose distances lead to the same place', () => {
  it('are limited to 64 tables within each other', () => {
    const schema = eventSchema(flatc.schema(NODES));
    const leaf = (builder: Builder): Offset => node(builder, {});
    const deepest = shared(64, 1, leaf);
    expect(fault(schema, deepest)).toBeUndefined();
    decodeEvent(schema, deepest);
    expect(refusal(schema, shared(65, 1, leaf))).toBe('tables are nested deeper than 64');
  });

  it('are limited to a million tables', () => {
    const schema = eventSchema(flatc.schema(NODES));
    const bytes = shared(60, 2, (builder) => node(builder, {}));
    expect(bytes.length).toBeLessThan(2000);
    expect(refusal(schema, bytes)).toBe('there are more than 1000000 tables');
  });

  it('are limited in what is read again and again', () => {
    const schema = eventSchema(flatc.schema(NODES));
    const strings = shared(4, 60, (builder) => {
      const text = builder.createString('x');
      return node(builder, {
        1: vectorOf(
          builder,
          Array.from({ length: 1000 }, () => text),
        ),
      });
    });
    expect(fault(schema, strings)?.reason).toBe(TOO_MUCH);
    const bytes = shared(3, 40, (builder) => {
      const text = builder.createString('x'.repeat(100_000));
      return node(builder, { 1: vectorOf(builder, [text]) });
    });
    expect(refusal(schema, bytes)).toBe(TOO_MUCH);
  });

  it('are refused if a table contains itself', () => {
    const schema = eventSchema(flatc.schema('table N { n:N; } root_type N;'));
    // Vtable at 8: 6 bytes, table of 8, field at 4; the table at 16; its field leads to 0 … itself.
    const bytes = new Uint8Array(24);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 16, true);
    view.setUint16(8, 6, true);
    view.setUint16(10, 8, true);
    view.setUint16(12, 4, true);
    view.setInt32(16, 8, true);
    view.setInt32(20, -4, true);
    expect(fault(schema, bytes)).toMatchObject({
      reason: 'a distance leads out of the event',
      field: 'n',
      position: 20,
    });
    expect(() => decodeEvent(schema, bytes)).toThrow(MalformedEventError);
  });
});
