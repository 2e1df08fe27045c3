import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventSchema, type EventSchema } from '../../src/index.js';
import { decodeEvent } from '../../src/events/decode.js';
import { eventToJson, jsonToEvent } from '../../src/events/json.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson, type Plain } from '../support/random-schemas.js';

const FBS = `
namespace t;
enum Colour:byte { Red = 1, Green, Blue }
enum Bits:ubyte (bit_flags) { One, Two, Three }
enum Wide:ulong { Small = 1, Large = 9223372036854775807 }
struct Point { x:int; y:ubyte; corners:[short:2]; }
table Note { text:string (required); inner:Note; }
union Body { Note, Point, words:string }
table Event {
  i8:byte; u8:ubyte; i16:short; u16:ushort; i32:int; u32:uint; i64:long; u64:ulong;
  f32:float; f64:double; yes:bool; maybe:int = null;
  colour:Colour = Green; bits:Bits; wide:Wide = Small;
  name:string; note:Note; notes:[Note]; point:Point; points:[Point]; names:[string];
  bytes:[ubyte]; doubles:[double]; longs:[long]; colours:[Colour];
  body:Body; bodies:[Body]; gone:int (deprecated); constructor:string;
}
root_type Event;
`;

let flatc: Flatc;
let bfbs: Uint8Array;
let schema: EventSchema<Plain>;
beforeAll(async () => {
  flatc = await Flatc.start();
  bfbs = flatc.schema(FBS);
  schema = eventSchema<Plain>(bfbs);
});

/** What is left out is not there in either, but for scalars, which are filled in. */
function decoded(json: string): Plain {
  return decodeEvent(schema, flatc.encode(bfbs, json));
}

describe('eventToJson()', () => {
  it('returns text from which flatc makes an event with the same values', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const random = flatc.schema(fbs);
        const of = eventSchema(random);
        for (const each of [event(), fullEvent()]) {
          const bytes = flatc.encode(random, toJson(each));
          const text = eventToJson(of, bytes);
          const again = flatc.encode(random, text);
          expect(flatc.decode(random, again)).toBe(flatc.decode(random, bytes));
          expect(eventToJson(of, again)).toBe(text);
        }
      }),
      { numRuns: 80 },
    );
  });

  it.each([
    ['integers of 64 bits in full', '{"i64":-9223372036854775808,"u64":18446744073709551615}'],
    ['what is no number as strings', '{"f32":"nan","f64":"-inf","doubles":["inf"]}'],
    ['floats of 32 bits as short as can be', '{"f32":0.1,"f64":0.1}'],
    ['large and small floats', '{"f32":3.4028235e+38,"f64":1.7976931348623157e+308}'],
    ['denormal floats', '{"f32":1e-45,"f64":5e-324}'],
    ['zero with its sign', '{"doubles":[-0,0]}'],
    ['text as it is', '{"name":"é€😀 \\"\\\\ \\u0000\\u0001\\n"}'],
    ['enums as names', '{"colour":"Blue","bits":"One Three","colours":["Red",9]}'],
    ['unions with their types', '{"body_type":"words","body":"x"}'],
  ])('writes %s', (_what, json) => {
    // flatc reads the same, so it is the same text but for what was left out.
    const text = eventToJson(schema, flatc.encode(bfbs, json));
    expect(text).not.toContain('\n');
    for (const entry of json.slice(1, -1).split(/,(?=")(?!"inf)/)) expect(text).toContain(entry);
    expect(eventToJson(schema, flatc.encode(bfbs, text))).toBe(text);
  });
});

describe('jsonToEvent()', () => {
  it('takes what eventToJson() and decodeEvent() return, for random schemas and events', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const random = flatc.schema(fbs);
        const of = eventSchema<Plain>(random);
        for (const each of [event(), fullEvent()]) {
          const bytes = flatc.encode(random, toJson(each));
          const plain = withoutNulls(decodeEvent(of, bytes));
          expect(jsonToEvent(of, plain as Plain)).toEqual(plain);
          expect(jsonToEvent(of, eventToJson(of, bytes))).toEqual(plain);
          expect(jsonToEvent(of, each)).toEqual(each);
        }
      }),
      { numRuns: 80 },
    );
  });

  it.each([
    ['{}', {}],
    ['{"name":null,"maybe":null,"body":null,"bodies":null}', {}],
    ['{"i8":-128,"u8":255,"i16":-32768,"u16":65535}', undefined],
    ['{"i32":-2147483648,"u32":4294967295}', undefined],
    ['{"i64":"-9223372036854775808"}', { i64: -(2n ** 63n) }],
    ['{"u64":"18446744073709551615"}', { u64: 2n ** 64n - 1n }],
    ['{"u64":18446744073709551615}', { u64: 2n ** 64n - 1n }],
    [
      '{"longs":[9007199254740993,-9007199254740993]}',
      { longs: [2n ** 53n + 1n, -(2n ** 53n) - 1n] },
    ],
    ['{"i64":"12"}', { i64: 12 }],
    ['{"i64":9007199254740991}', undefined],
    ['{"f64":123456789012345678901234}', { f64: Number('1.2345678901234568e23') }],
    [
      '{"f32":"nan","f64":"inf","doubles":["-inf",1e300]}',
      { f32: NaN, f64: Infinity, doubles: [-Infinity, 1e300] },
    ],
    ['{"yes":true,"maybe":5}', undefined],
    ['{"colour":"Red","bits":"One Two","wide":"Large"}', undefined],
    [
      '{"colour":77,"bits":255,"wide":"18446744073709551615"}',
      { colour: 77, bits: 255, wide: 2n ** 64n - 1n },
    ],
    ['{"body_type":"NONE"}', {}],
    [
      '{"body_type":2,"body":{"x":1,"y":2,"corners":[3,4]}}',
      { body_type: 'Point', body: { x: 1, y: 2, corners: [3, 4] } },
    ],
    ['{"bodies_type":["words","Note"],"bodies":["a",{"text":"b"}]}', undefined],
    ['{"constructor":"own"}', undefined],
    [
      '{"name":"12345678901234567890 \\\\\\" 12345678901234567890","u64":12345678901234567890}',
      {
        name: '12345678901234567890 \\" 12345678901234567890',
        u64: 12345678901234567890n,
      },
    ],
  ])('takes %s', (json, expected) => {
    const event = jsonToEvent(schema, json);
    expect(event).toEqual(expected ?? JSON.parse(json));
    // Encoded by flatc, it is what flatc makes of the text itself.
    expect(decoded(toJsonForFlatc(event))).toEqual(
      decoded(json.replace('"body_type":2', '"body_type":"Point"')),
    );
  });

  it('takes typed arrays, and bigint for any integer', () => {
    const event = {
      bytes: Uint8Array.of(1, 255),
      doubles: new Float64Array([0.5]),
      i8: -5n,
      u64: 7n,
    };
    expect(jsonToEvent(schema, event)).toEqual({ bytes: [1, 255], doubles: [0.5], i8: -5, u64: 7 });
  });

  it('takes types of unions as numbers, and returns their names', () => {
    const event = { bodies_type: [3, 1], bodies: ['a', { text: 'b' }] };
    expect(jsonToEvent(schema, event)).toEqual({ ...event, bodies_type: ['words', 'Note'] });
  });
});

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(entries.map(([key, each]) => [key, withoutNulls(each)]));
}

function toJsonForFlatc(event: Plain): string {
  return JSON.stringify(event, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (typeof value !== 'number' || Number.isFinite(value)) return value;
    if (Number.isNaN(value)) return 'nan';
    return value > 0 ? 'inf' : '-inf';
  });
}

/** A value, as text or parsed; the class of the error; its message behind 'Cannot encode '. */
const REFUSED: readonly (readonly [
  string | object,
  typeof TypeError | typeof RangeError,
  string,
])[] = [
  ['{', TypeError, 'the event: it is no JSON: '],
  ['[]', TypeError, 'the event: expected an object for table t.Event, got an array of 0'],
  ['5', TypeError, 'the event: expected an object for table t.Event, got 5'],
  ['null', TypeError, 'the event: expected an object for table t.Event, got null'],
  [
    Uint8Array.of(1),
    TypeError,
    'the event: expected an object for table t.Event, got a Uint8Array',
  ],
  ['{"colr":1}', TypeError, 'colr: table t.Event has no such field, but i8, u8, '],
  [
    '{"note":{"txt":"x"}}',
    TypeError,
    'note.txt: table t.Note has no such field, but text, inner; its value is "x"',
  ],
  ['{"__proto__":{"i8":1}}', TypeError, '__proto__: table t.Event has no such field'],
  ['{"toString":"x"}', TypeError, 'toString: table t.Event has no such field'],
  ['{"a b\\n":1}', TypeError, '"a b\\n": table t.Event has no such field'],
  ['{"gone":1}', TypeError, 'gone: table t.Event has no such field'],
  ['{"gone":null}', TypeError, 'gone: table t.Event has no such field'],
  ['{"note":{}}', TypeError, 'note.text: a required field is missing'],
  ['{"note":{"text":null}}', TypeError, 'note.text: a required field is missing'],
  [
    '{"notes":[{"text":"a"},{"text":"b","inner":{}}]}',
    TypeError,
    'notes[1].inner.text: a required field is missing',
  ],
  ['{"i8":128}', RangeError, 'i8: expected an integer from -128 to 127, got 128'],
  ['{"i8":-129}', RangeError, 'i8: expected an integer from -128 to 127, got -129'],
  ['{"u8":-1}', RangeError, 'u8: expected an integer from 0 to 255, got -1'],
  ['{"i16":32768}', RangeError, 'i16: expected an integer from -32768 to 32767, got 32768'],
  ['{"u16":65536}', RangeError, 'u16: expected an integer from 0 to 65535, got 65536'],
  [
    '{"i32":2147483648}',
    RangeError,
    'i32: expected an integer from -2147483648 to 2147483647, got 2147483648',
  ],
  ['{"u32":1e10}', RangeError, 'u32: expected an integer from 0 to 4294967295, got 10000000000'],
  [
    '{"i64":9223372036854775808}',
    RangeError,
    'i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808n',
  ],
  ['{"u64":"-1"}', RangeError, 'u64: expected an integer from 0 to 18446744073709551615, got -1'],
  [
    '{"u64":18446744073709551616}',
    RangeError,
    'u64: expected an integer from 0 to 18446744073709551615, got 18446744073709551616n',
  ],
  [
    '{"u64":1e19}',
    RangeError,
    'u64: expected an integer from 0 to 18446744073709551615, got 10000000000000000000, which may have been rounded: past 2^53, it takes a bigint, or a string in JSON',
  ],
  [
    { i64: 2 ** 53 },
    RangeError,
    'i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 9007199254740992, which may have been rounded: past 2^53, it takes a bigint, or a string in JSON',
  ],
  [
    '{"i64":"1e3"}',
    TypeError,
    'i64: expected an integer from -9223372036854775808 to 9223372036854775807, got "1e3"',
  ],
  ['{"i8":"5"}', TypeError, 'i8: expected an integer from -128 to 127, got "5"'],
  ['{"i8":1.5}', RangeError, 'i8: expected an integer from -128 to 127, got 1.5'],
  [{ i8: NaN }, RangeError, 'i8: expected an integer from -128 to 127, got NaN'],
  ['{"i8":true}', TypeError, 'i8: expected an integer from -128 to 127, got true'],
  ['{"i8":{}}', TypeError, 'i8: expected an integer from -128 to 127, got an object'],
  ['{"f64":"5"}', TypeError, 'f64: expected a number, got "5"'],
  ['{"f64":"toString"}', TypeError, 'f64: expected a number, got "toString"'],
  [{ f64: 10n ** 400n }, TypeError, `f64: expected a number, got 1${'0'.repeat(59)}…`],
  ['{"f32":1e39}', RangeError, 'f32: expected a number of the range of 32-bit floats, got 1e+39'],
  ['{"yes":1}', TypeError, 'yes: expected true or false, got 1'],
  ['{"yes":"true"}', TypeError, 'yes: expected true or false, got "true"'],
  [
    '{"colour":"Purple"}',
    RangeError,
    'colour: expected one of Red, Green, Blue of enum t.Colour, got "Purple"',
  ],
  ['{"colour":200}', RangeError, 'colour: expected an integer from -128 to 127, got 200'],
  [
    '{"colour":"1"}',
    RangeError,
    'colour: expected one of Red, Green, Blue of enum t.Colour, got "1"',
  ],
  [
    '{"bits":"One Four"}',
    RangeError,
    'bits: expected one of One, Two, Three, or several with spaces between, of enum t.Bits, got "One Four"',
  ],
  [
    '{"colours":["Red","x"]}',
    RangeError,
    'colours[1]: expected one of Red, Green, Blue of enum t.Colour, got "x"',
  ],
  ['{"name":5}', TypeError, 'name: expected a string, got 5'],
  [
    '{"name":"a\\ud800b"}',
    TypeError,
    'name: expected a string of well-formed Unicode, got "a\\ud800b"',
  ],
  ['{"names":["a",["b"]]}', TypeError, 'names[1]: expected a string, got an array of 1'],
  ['{"names":["a",null]}', TypeError, 'names[1]: expected a string, got null'],
  ['{"names":"a"}', TypeError, 'names: expected an array, got "a"'],
  ['{"names":{"length":1}}', TypeError, 'names: expected an array, got an object'],
  ['{"names":{"length":0}}', TypeError, 'names: expected an array, got an object'],
  [
    `{"yes":"${'x'.repeat(500)}"}`,
    TypeError,
    `yes: expected true or false, got "${'x'.repeat(60)}"…`,
  ],
  ['{"bytes":[1,256]}', RangeError, 'bytes[1]: expected an integer from 0 to 255, got 256'],
  ['{"note":"x"}', TypeError, 'note: expected an object for table t.Note, got "x"'],
  ['{"point":[1,2]}', TypeError, 'point: expected an object for struct t.Point, got an array of 2'],
  ['{"point":{"x":1,"y":2}}', TypeError, 'point.corners: struct t.Point needs all of its fields'],
  [
    '{"point":{"x":1,"y":null,"corners":[1,2]}}',
    TypeError,
    'point.y: struct t.Point needs all of its fields',
  ],
  [
    '{"point":{"x":1,"y":2,"corners":[1,2],"z":3}}',
    TypeError,
    'point.z: struct t.Point has no such field, but x, y, corners; its value is 3',
  ],
  [
    '{"points":[{"x":1,"y":2,"corners":[1]}]}',
    RangeError,
    'points[0].corners: expected 2 elements, got 1',
  ],
  [
    '{"point":{"x":1,"y":2,"corners":[1,40000]}}',
    RangeError,
    'point.corners[1]: expected an integer from -32768 to 32767, got 40000',
  ],
  ['{"body":"x"}', TypeError, 'body: a union without its type: body_type is missing'],
  [
    '{"body_type":"NONE","body":"x"}',
    TypeError,
    'body_type: expected one of Note, Point, words, got "NONE"',
  ],
  ['{"body_type":"words"}', TypeError, 'body: body_type is "words", but there is no value'],
  [
    '{"body_type":"Nothing","body":{}}',
    TypeError,
    'body_type: expected one of Note, Point, words, got "Nothing"',
  ],
  ['{"body_type":9,"body":{}}', TypeError, 'body_type: expected one of Note, Point, words, got 9'],
  ['{"body_type":"Note","body":{}}', TypeError, 'body.text: a required field is missing'],
  ['{"bodies":["x"]}', TypeError, 'bodies: unions without their types: bodies_type is missing'],
  [
    '{"bodies_type":["words"]}',
    TypeError,
    'bodies: bodies_type is an array of 1, but there is no value',
  ],
  [
    '{"bodies_type":["words"],"bodies":["x","y"]}',
    RangeError,
    'bodies_type: expected 2 elements, got 1',
  ],
  [
    '{"bodies_type":["words","NONE"],"bodies":["x",null]}',
    TypeError,
    'bodies_type[1]: expected one of Note, Point, words, got "NONE"',
  ],
  [
    '{"bodies_type":["words","Note"],"bodies":["x",{"text":1}]}',
    TypeError,
    'bodies[1].text: expected a string, got 1',
  ],
];

describe('jsonToEvent()', () => {
  it.each(REFUSED)('refuses %s', (json, type, message) => {
    let thrown: unknown;
    try {
      jsonToEvent(schema, json);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(type);
    expect((thrown as Error).message.slice(0, 14 + message.length)).toBe(
      `Cannot encode ${message}`,
    );
  });

  it('refuses a long integer where JSON has a key', () => {
    for (const text of ['{12345678901234567:1}', '{"i8":1, -12345678901234567 :2}']) {
      expect(() => jsonToEvent(schema, text), text).toThrow(/it is no JSON/);
    }
  });

  it('refuses tables that are nested deeper than 64', () => {
    const nested = (depth: number): string =>
      depth === 1
        ? '{}'
        : `{"note":${'{"text":"x","inner":'.repeat(depth - 2)}{"text":"y"}${'}'.repeat(depth - 1)}`;
    expect(jsonToEvent(schema, nested(64))).toBeDefined();
    expect(() => jsonToEvent(schema, nested(65))).toThrow(
      new RangeError(
        `Cannot encode note${'.inner'.repeat(63)}: tables are nested deeper than 64; is the event part of itself?`,
      ),
    );
    expect(() => jsonToEvent(schema, nested(100_000))).toThrow(RangeError);
  });

  it('refuses more than a million tables, also if they are few that are shared', () => {
    const notes = Array.from({ length: 999_999 }, () => ({ text: '' }));
    expect(jsonToEvent(schema, { notes })).toBeDefined();
    const reason = 'the event has more than 1000000 tables';
    expect(() => jsonToEvent(schema, { notes: [...notes, { text: '' }] })).toThrow(
      new RangeError(`Cannot encode notes[999999]: ${reason}`),
    );
    const trees = eventSchema(flatc.schema('table T { a:T; b:T; } root_type T;'));
    let tree = {};
    for (let depth = 1; depth < 64; depth++) tree = { a: tree, b: tree };
    expect(() => jsonToEvent(trees, tree)).toThrow(reason);
  });

  it('refuses a missing union that is required', () => {
    const required = eventSchema(
      flatc.schema(
        'union U { A } table A { n:int; } table B { u:U (required); us:[U] (required); } root_type B;',
      ),
    );
    expect(() => jsonToEvent(required, '{"us_type":[],"us":[]}')).toThrow(
      new TypeError('Cannot encode u: a required field is missing'),
    );
    expect(() => jsonToEvent(required, '{"u_type":"A","u":{}}')).toThrow(
      new TypeError('Cannot encode us: a required field is missing'),
    );
  });
});
