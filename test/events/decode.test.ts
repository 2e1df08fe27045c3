import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { eventSchema, type MalformedEventError } from '../../src/index.js';
import { decodeEvent } from '../../src/events/decode.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson, type Plain } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

describe('decodeEvent()', () => {
  it('returns what flatc has encoded, for random schemas and events', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        const schema = eventSchema(bfbs);
        const some = event();
        expect(decodeEvent(schema, flatc.encode(bfbs, toJson(some)))).toMatchObject(some);
        const full = fullEvent();
        expect(decodeEvent(schema, flatc.encode(bfbs, toJson(full)))).toEqual(full);
      }),
      { numRuns: 150 },
    );
  });

  it('fills in defaults, with null for optional scalars, and leaves references out', () => {
    expect(decoded('{}')).toEqual({
      a: 0,
      b: -5,
      c: null,
      d: true,
      e: 'Green',
      f: 0,
      big: 9223372036854775807n,
      half: 0.5,
      tenth: Math.fround(0.1),
    });
  });
});

const FBS = `
enum Colour:byte { Red = 1, Green, Blue }
enum Bits:ubyte (bit_flags) { One, Two, Three }
struct Point { x:int; y:ubyte; corners:[short:2]; }
struct Tiny { x:ubyte; }
table Note { text:string; }
union Body { Note, Point, words:string, Tiny }
table Event {
  a:int; b:short = -5; c:int = null; d:bool = true; e:Colour = Green; f:Bits;
  big:ulong = 9223372036854775807; half:double = 0.5; tenth:float = 0.1;
  gone:int (deprecated); body:Body; bodies:[Body]; names:[string]; point:Point; points:[Point];
  flags:[Bits]; colours:[Colour]; yes:[bool]; longs:[long]; note:Note;
}
root_type Event;
`;

function decoded(json: string): Plain {
  const bfbs = flatc.schema(FBS);
  return decodeEvent(eventSchema<Plain>(bfbs), flatc.encode(bfbs, json));
}

describe('decodeEvent()', () => {
  it.each([
    ['enums as names', '{"e":"Blue"}', { e: 'Blue' }],
    ['enum values without a name as numbers', '{"e":77}', { e: 77 }],
    ['bit flags as the names of their bits', '{"f":"One Three"}', { f: 'One Three' }],
    ['a single bit flag as its name', '{"f":2}', { f: 'Two' }],
    ['bits without a name as a number', '{"f":9}', { f: 9 }],
    [
      'vectors of enums',
      '{"flags":[3,0],"colours":[1,0]}',
      { flags: ['One Two', 0], colours: ['Red', 0] },
    ],
    ['booleans as such', '{"d":false,"yes":[1,0]}', { d: false, yes: [true, false] }],
    ['exact integers as numbers', '{"longs":[-9007199254740991]}', { longs: [-9007199254740991] }],
    ['other integers as bigint', '{"longs":[9007199254740992]}', { longs: [9007199254740992n] }],
    ['optional scalars', '{"c":0}', { c: 0 }],
    [
      'a union of a table',
      '{"body_type":"Note","body":{"text":"x"}}',
      { body_type: 'Note', body: { text: 'x' } },
    ],
    ['a union of a string', '{"body_type":"words","body":"x"}', { body_type: 'words', body: 'x' }],
    [
      'a union of a struct',
      '{"body_type":"Tiny","body":{"x":5}}',
      { body_type: 'Tiny', body: { x: 5 } },
    ],
    [
      'a vector of unions',
      '{"bodies_type":["words","Tiny","Note"],"bodies":["x",{"x":1},{}]}',
      { bodies_type: ['words', 'Tiny', 'Note'], bodies: ['x', { x: 1 }, {}] },
    ],
    [
      'structs and arrays',
      '{"point":{"x":-1,"y":255,"corners":[1,-1]},"points":[]}',
      { point: { x: -1, y: 255, corners: [1, -1] }, points: [] },
    ],
    [
      'floats that are no numbers',
      '{"half":"-inf","tenth":"nan"}',
      { half: -Infinity, tenth: NaN },
    ],
    ['text beyond ASCII', '{"names":["é€😀","", "a\\u0000b"]}', { names: ['é€😀', '', 'a\0b'] }],
  ])('decodes %s', (_what, json, expected) => {
    expect(decoded(json)).toMatchObject(expected);
  });
});

describe('decodeEvent()', () => {
  it('says where malformed bytes are', () => {
    const bfbs = flatc.schema('table A { s:string; } table B { as:[A]; } root_type B;');
    const bytes = flatc.encode(bfbs, '{"as":[{"s":"x"},{"s":"yyyy"}]}');
    bytes[bytes.indexOf(0x79) - 1] = 0x7f;
    const at = bytes.indexOf(0x79) - 4;
    expect(() => decodeEvent(eventSchema(bfbs), bytes)).toThrow(
      expect.objectContaining({
        code: 'MALFORMED_EVENT',
        field: 'as[1].s',
        position: at + 4,
        message: `Malformed event in as[1].s at byte ${at + 4}: a vector of 2130706436 elements lies outside of the buffer`,
      }) as MalformedEventError,
    );
  });
});
