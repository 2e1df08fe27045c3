import { beforeAll, describe, expect, it } from 'vitest';
import { openAppender, openReader, verifyLog } from '../../src/index.js';
import { checkEvent } from '../../src/events/check.js';
import { compileEncoder, type Encoder } from '../../src/events/encoder.js';
import { eventSchema, type EventSchema } from '../../src/events/schema.js';
import { Memory } from '../../src/format/memory.js';
import { writtenInto } from '../support/dirty-memory.js';
import { EVERY_TYPE } from '../support/every-type.js';
import { Flatc } from '../support/flatc.js';
import { thrownBy } from '../support/logs.js';
import type { Plain } from '../support/random-schemas.js';
import { temporaryLogPath } from '../support/temporary-log.js';

let flatc: Flatc;
let bfbs: Uint8Array;
let schema: EventSchema;
let encoder: Encoder;

beforeAll(async () => {
  flatc = await Flatc.start();
  bfbs = flatc.schema(EVERY_TYPE);
  schema = eventSchema(bfbs);
  encoder = compileEncoder(schema);
});

function text(event: unknown): string {
  return flatc.decode(bfbs, encoder.encode(event));
}

function encoderOf(fbs: string): Encoder {
  return compileEncoder(eventSchema(flatc.schema(fbs)));
}

describe('what does not fit the schema', () => {
  const REFUSED: readonly [unknown, typeof TypeError, string][] = [
    [undefined, TypeError, 'the event: expected an object for table test.Root, got undefined'],
    [null, TypeError, 'the event: expected an object for table test.Root, got null'],
    ['text', TypeError, 'the event: expected an object for table test.Root, got "text"'],
    [[], TypeError, 'the event: expected an object for table test.Root, got an array of 0'],
    [
      new Uint8Array(8),
      TypeError,
      'the event: expected an object for table test.Root, got a Uint8Array',
    ],
    [{ i8: 300 }, RangeError, 'i8: expected an integer from -128 to 127, got 300'],
    [{ u8: -1 }, RangeError, 'u8: expected an integer from 0 to 255, got -1'],
    [{ i16: 1.5 }, RangeError, 'i16: expected an integer from -32768 to 32767, got 1.5'],
    [{ u16: '5' }, TypeError, 'u16: expected an integer from 0 to 65535, got "5"'],
    [
      { i32: 2 ** 31 },
      RangeError,
      'i32: expected an integer from -2147483648 to 2147483647, got 2147483648',
    ],
    [{ u32: NaN }, RangeError, 'u32: expected an integer from 0 to 4294967295, got NaN'],
    [{ u32: 5n }, RangeError, 'u32: expected an integer from 0 to 4294967295, got 5n'],
    [
      { i64: 2 ** 53 },
      RangeError,
      'i64: expected an integer from -9223372036854775808 to 9223372036854775807, got 9007199254740992, which may have been rounded: past 2^53, it takes a bigint, or a string in JSON',
    ],
    [
      { i64s: [1, 2n ** 63n] },
      RangeError,
      'i64s[1]: expected an integer from -9223372036854775808 to 9223372036854775807, got 9223372036854775808n',
    ],
    [{ u64: -1 }, RangeError, 'u64: expected an integer from 0 to 18446744073709551615, got -1'],
    [{ f32: 1e39 }, RangeError, 'f32: expected a number of the range of 32-bit floats, got 1e+39'],
    [{ f64: 5n }, TypeError, 'f64: expected a number, got 5n'],
    [{ flag: 1 }, TypeError, 'flag: expected true or false, got 1'],
    [{ flags: [true, 0] }, TypeError, 'flags[1]: expected true or false, got 0'],
    [
      { colour: 'Pink' },
      RangeError,
      'colour: expected one of Red, Green, Blue of enum test.Colour, got "Pink"',
    ],
    [{ colour: 200 }, RangeError, 'colour: expected an integer from -128 to 127, got 200'],
    [
      { rights: 'Read  Run' },
      RangeError,
      'rights: expected one of Read, Write, Run, or several with spaces between, of enum test.Rights, got "Read  Run"',
    ],
    [{ name: 5 }, TypeError, 'name: expected a string, got 5'],
    [{ names: ['a', null] }, TypeError, 'names[1]: expected a string, got null'],
    [{ names: 'abc' }, TypeError, 'names: expected an array, got "abc"'],
    [{ u8s: { length: 1.5 } }, TypeError, 'u8s: expected an array, got an object'],
    [{ point: { x: 1 } }, TypeError, 'point.y: struct test.Point needs all of its fields'],
    [{ point: 3 }, TypeError, 'point: expected an object for struct test.Point, got 3'],
    [
      { points: [{ x: 1, y: 1 }, {}] },
      TypeError,
      'points[1].x: struct test.Point needs all of its fields',
    ],
    [
      { wide: { x: 1, tail: [1, 2], points: [] } },
      RangeError,
      'wide.tail: expected 3 elements, got 2',
    ],
    [{ leaf: [] }, TypeError, 'leaf: expected an object for table test.Leaf, got an array of 0'],
    [
      { leaf: { deep: { other_type: 'Point', other: { x: 500, y: 0 } } } },
      RangeError,
      'leaf.deep.other.x: expected an integer from -128 to 127, got 500',
    ],
    [
      { leaves: [{}, { deep: { text: true } }] },
      TypeError,
      'leaves[1].deep.text: expected a string, got true',
    ],
    [
      { any: 'x', any_type: 'Nothing' },
      TypeError,
      'any_type: expected one of Leaf, Point, Odd, Wide, word, got "Nothing"',
    ],
    [{ any: 'x' }, TypeError, 'any: a union without its type: any_type is missing'],
    [{ any_type: 'Leaf' }, TypeError, 'any: any_type is "Leaf", but there is no value'],
    [{ many: ['x'] }, TypeError, 'many: unions without their types: many_type is missing'],
    [{ many: ['x'], many_type: [] }, RangeError, 'many_type: expected 1 elements, got 0'],
    [
      { many: ['x'], many_type: ['NONE'] },
      TypeError,
      'many_type[0]: expected one of Leaf, Point, Odd, Wide, word, got "NONE"',
    ],
    [{ name: Symbol('s') }, TypeError, 'name: expected a string, got Symbol(s)'],
    [{ name: () => 1 }, TypeError, 'name: expected a string, got a function'],
  ];

  it.each(REFUSED.map(([event, kind, message]) => [message, kind, event] as const))(
    'is named with its place and its value: %s',
    (message, kind, event) => {
      const error = thrownBy(() => encoder.measure(event));
      expect((error as Error).message).toContain(`Cannot encode ${message}`);
      expect((error as Error).constructor).toBe(kind);
      const checked = thrownBy(() => checkEvent(schema, event));
      expect(checked).toEqual(error);
    },
  );

  it('includes required fields that are missing', () => {
    const made = encoderOf(
      `table In { s: string (required); } union U { In } table T { in: In; v: [int] (required); u: U (required); }
       root_type T;`,
    );
    const messages: [unknown, string][] = [
      [{}, 'v: a required field is missing'],
      [{ v: [], in: {} }, 'in.s: a required field is missing'],
      [{ v: [] }, 'u: a required field is missing'],
      [{ v: [], u: {} }, 'u: a union without its type: u_type is missing'],
    ];
    for (const [event, message] of messages) {
      expect(() => made.measure(event)).toThrow(new TypeError(`Cannot encode ${message}`));
    }
    expect(made.measure({ v: [], u: { s: '' }, u_type: 'In' })).toBeGreaterThan(0);
  });

  it('includes tables in tables more than 64 deep, and those that contain themselves', () => {
    const chain = (depth: number): Plain => (depth === 1 ? {} : { deep: chain(depth - 1) });
    expect(text({ leaf: chain(63) })).toContain('"leaf"');
    const message =
      /^Cannot encode leaf(?:\.deep){63}: tables are nested deeper than 64; is the event part of itself\?$/;
    expect(() => encoder.measure({ leaf: chain(64) })).toThrow(message);
    const cycle: Plain = {};
    cycle['deep'] = cycle;
    expect(() => encoder.measure({ leaf: cycle })).toThrow(RangeError);
    const through: Plain = { other_type: 'Leaf' };
    through['other'] = through;
    expect(() => encoder.measure({ leaf: through })).toThrow(RangeError);
  });

  it('includes more than a million tables', () => {
    const leaves = Array.from({ length: 999_999 }, () => ({}));
    expect(encoder.measure({ leaves })).toBeGreaterThan(999_999);
    leaves.push({});
    expect(() => encoder.measure({ leaves })).toThrow(
      new RangeError('Cannot encode leaves[999999]: the event has more than 1000000 tables'),
    );
  });

  it('includes what is larger than positions of 32 bits', () => {
    const name = 'a'.repeat(500_000_000);
    const names = [name, name, name, name, name];
    expect(() => encoder.measure({ names })).toThrow(/it takes more than 2147483584 bytes$/);
  });

  it('includes unknown fields where they are to be refused', () => {
    const strict = { refuseUnknown: true };
    expect(encoder.measure({ speed: 1 })).toBe(encoder.measure({}));
    const messages: [unknown, RegExp][] = [
      [{ speed: 1 }, /^Cannot encode speed: table test.Root has no such field, but flag, i8/],
      [
        { leaf: { txt: 'a' } },
        /^Cannot encode leaf.txt: table test.Leaf has no such field, but text, deep/,
      ],
      [
        { point: { x: 1, y: 1, z: 1 } },
        /^Cannot encode point.z: struct .* has no such field, but x, y; its value is 1$/,
      ],
      [{ old: { dropped: 1 } }, /^Cannot encode old.dropped: table .* has no such field/],
    ];
    for (const [event, message] of messages) {
      expect(() => checkEvent(schema, event)).not.toThrow();
      expect(() => checkEvent(schema, event, strict)).toThrow(message);
    }
    const event = { any: {}, any_type: 'Leaf', many: [], many_type: [], leaf: { text: '' } };
    expect(() => checkEvent(schema, event, strict)).not.toThrow();
  });
});

describe('write()', () => {
  it('refuses positions that are no multiples of 8', () => {
    const memory = new Memory(new ArrayBuffer(1024));
    expect(() => encoder.write({}, memory, 4, 4 + encoder.measure({}))).toThrow(RangeError);
  });

  const point = { x: 1, y: 1 };
  const many = (values: unknown[], types: unknown[]): Plain => ({ many: values, many_type: types });
  const CHANGES: readonly [string, Plain, Plain][] = [
    ['a longer string', { name: 'short' }, { name: 'longer than it was' }],
    ['a string longer by what was padding', { name: 'abc' }, { name: 'abcd' }],
    ['a string of more bytes', { name: 'aaaa' }, { name: 'éééé' }],
    ['a long string of more bytes', { name: 'a'.repeat(41) }, { name: 'é'.repeat(41) }],
    ['a shorter string', { name: 'longer than it was' }, { name: 'short' }],
    ['no string', { name: 'a' }, { name: 5 }],
    ['more numbers', { f64s: [1] }, { f64s: [1, 2] }],
    ['more of a typed array', { u8s: [] }, { u8s: new Uint8Array(1000) }],
    ['fewer numbers', { f64s: [1, 2] }, { f64s: Float64Array.of(1) }],
    ['more strings', { names: ['a'] }, { names: Array.from({ length: 100 }, () => 'a') }],
    ['strings where there were none', { names: [] }, { names: ['a'] }],
    ['more tables', { leaves: [{}] }, { leaves: [{}, {}] }],
    ['more tables of 8-byte fields', { heavies: [{}] }, { heavies: [{}, {}] }],
    ['more structs', { points: [point] }, { points: Array.from({ length: 9 }, () => point) }],
    ['another member', { any: '', any_type: 'word' }, { any: point, any_type: 'Point' }],
    ['an unknown member', { any: '', any_type: 'word' }, { any: '', any_type: 'no' }],
    ['more members', many([''], ['word']), many(['', point], ['word', 'Point'])],
    ['many more members', many([''], ['word']), many(Array(30).fill(''), Array(30).fill('word'))],
    ['a table that has more', { leaf: {} }, { leaf: { text: 'more' } }],
    ['no table', { leaf: {} }, {}],
    ['a table', {}, { leaf: {} }],
    ['a name in place of a number', { i32: 5 }, { i32: 'five' }],
  ];

  it.each(CHANGES)('refuses an event that has changed: %s', (_, before, after) => {
    const size = encoder.measure(before);
    expect(() => writtenInto(encoder, after, 8, size)).toThrow(
      new TypeError('Cannot encode the event: it has changed while it was being encoded'),
    );
  });

  it('stores nothing else in place of a number that is none any more', () => {
    const size = encoder.measure({ i64: 5 });
    expect(() => writtenInto(encoder, { i64: {} }, 8, size)).toThrow(SyntaxError);
    const cut = writtenInto(encoder, { u8: 0x1234 }, 8, encoder.measure({ u8: 1 }));
    expect(cut).toEqual(encoder.encode({ u8: 0x34 }));
  });
});

describe('an appender of encoded events', () => {
  it('writes them into the log, refuses bad ones without a trace, and goes on', async () => {
    const path = temporaryLogPath();
    const options = { segmentSizeBytes: 16_384, maintenance: false };
    const appender = openAppender(path, { ...options, commit: { bytes: 1000 } });
    const events = Array.from({ length: 200 }, (_, i) => ({ i64: i, name: 'n'.repeat(i) }));
    for (const [offset, event] of events.entries()) {
      expect(() => appender.appendEncoded(encoder, { ...event, leaf: { text: 1 } })).toThrow(
        'Cannot encode leaf.text: expected a string, got 1',
      );
      const changing = changingName('a', 'b'.repeat(300));
      expect(() => appender.appendEncoded(encoder, changing)).toThrow('it has changed');
      expect(appender.nextOffset).toBe(offset);
      expect(appender.appendEncoded(encoder, event)).toBe(offset);
    }
    await appender.close();
    const reader = openReader(path);
    for (const [offset, event] of events.entries()) {
      expect(reader.get(offset).copyPayload()).toEqual(encoder.encode(event));
    }
    reader.close();
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: events.length });
  });

  it('lets events encode others while they are encoded, and append to other logs', async () => {
    const paths = [temporaryLogPath(), temporaryLogPath()];
    const [outer, inner] = paths.map((path) => openAppender(path, { maintenance: false })) as [
      ReturnType<typeof openAppender>,
      ReturnType<typeof openAppender>,
    ];
    const other = { name: 'another event, of another size', f64s: [1, 2, 3], leaves: [{}, {}] };
    const event = {
      i32: 5,
      get name() {
        inner.appendEncoded(encoder, other);
        return 'the outer one';
      },
      leaves: [{}],
    };
    outer.appendEncoded(encoder, event);
    for (const appender of [outer, inner]) await appender.close();
    const plain = { i32: 5, name: 'the outer one', leaves: [{}] };
    for (const [path, expected, count] of [
      [paths[0], plain, 1] as const,
      [paths[1], other, 2] as const,
    ]) {
      const reader = openReader(path as string);
      expect(reader.get(count - 1).copyPayload()).toEqual(encoder.encode(expected));
      reader.close();
      expect(verifyLog(path as string)).toMatchObject({ isIntact: true, records: count });
    }
  });
});

/** Its name is one thing when it is first asked for, and another then. */
function changingName(first: string, then: string): unknown {
  let asked = 0;
  return {
    get name() {
      return asked++ === 0 ? first : then;
    },
  };
}
