import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { ByteBuffer } from 'flatbuffers';
import { beforeAll, describe, expect, it } from 'vitest';
import { SchemaError, decodeEvent, encodeEvent, eventView, jsonToEvent } from '../../src/index.js';
import { checkEvent } from '../../src/events/check.js';
import { compileEncoder, type Encoder } from '../../src/events/encoder.js';
import { eventSchema, type EventSchema } from '../../src/events/schema.js';
import type { TableType } from '../../src/events/model.js';
import { writtenInto } from '../support/dirty-memory.js';
import { EVERY_TYPE } from '../support/every-type.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson, type Plain } from '../support/random-schemas.js';

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

/** What flatc reads from what we write. */
function decoded(event: unknown): Plain {
  return JSON.parse(text(event)) as Plain;
}

function text(event: unknown): string {
  return flatc.decode(bfbs, encoder.encode(event));
}

function encoderOf(fbs: string): Encoder {
  return compileEncoder(eventSchema(flatc.schema(fbs)));
}

describe('events of random schemas', () => {
  it('are read by flatc, and mean what its own encoding of them means', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const theirs = flatc.schema(fbs);
        const made = compileEncoder(eventSchema(theirs));
        for (const each of [event(), fullEvent()]) {
          const expected = flatc.decode(theirs, flatc.encode(theirs, toJson(each)));
          expect(flatc.decode(theirs, made.encode(each))).toBe(expected);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('fill exactly the bytes that they measure, whatever was there', () => {
    fc.assert(
      fc.property(fc.gen(), fc.integer({ min: 0, max: 5 }), (draw, place) => {
        const { fbs, event } = drawSchema(draw);
        const made = encoderOf(fbs);
        const each = event();
        const size = made.measure(each);
        expect(size % 4).toBe(0);
        expect(writtenInto(made, each, 8 * place, size)).toEqual(made.encode(each));
      }),
      { numRuns: 60 },
    );
  });

  it('that change after they were measured are refused, or fit; nothing else is overwritten', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const made = encoderOf(fbs);
        const events = [event(), fullEvent(), event(), {}];
        for (const before of events) {
          const size = sizeOrNone(made, before);
          if (size === undefined) continue;
          for (const after of events) {
            try {
              writtenInto(made, after, 16, size);
            } catch (error) {
              expect(error).toBeInstanceOf(TypeError);
              refused++;
            }
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(100);
  });

  it('are refused for the same reasons by encoders and by the check', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, fullEvent } = drawSchema(draw);
        const ours = eventSchema(flatc.schema(fbs));
        const made = compileEncoder(ours);
        for (let i = 0; i < 20; i++) {
          const event = fullEvent();
          const leaves = placesIn(event);
          const place = draw(() => fc.constantFrom(...leaves));
          place.put(draw(() => fc.constantFrom(...ODD_VALUES)));
          const errors = [() => made.measure(event), () => checkEvent(ours, event)].map(messageOf);
          expect(errors[0]).toBe(errors[1]);
          if (errors[0] !== undefined) refused++;
        }
      }),
      { numRuns: 60 },
    );
    expect(refused).toBeGreaterThan(300);
  });

  it('are taken from JSON only if encoders take what is made of it', () => {
    let taken = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, fullEvent } = drawSchema(draw);
        const ours = eventSchema(flatc.schema(fbs));
        const made = compileEncoder(ours);
        for (let i = 0; i < 20; i++) {
          const event = fullEvent();
          const place = draw(() => fc.constantFrom(...placesIn(event)));
          place.put(
            draw(() => fc.constantFrom(...ODD_VALUES, '5', 'nan', '-inf', '18446744073709551615')),
          );
          const size = sizeOrNone(made, event);
          let converted: unknown;
          const message = messageOf(() => (converted = jsonToEvent(ours, event)));
          if (message === undefined) {
            const encoded = made.encode(converted);
            if (size !== undefined) expect(encoded).toEqual(made.encode(event));
            taken++;
          } else {
            expect(message).toMatch(/^Cannot encode /);
            refused++;
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(taken).toBeGreaterThan(30);
    expect(refused).toBeGreaterThan(300);
  });
});

const ODD_VALUES: readonly unknown[] = [
  [undefined, null, true, false, 'Ab', 'Ab Cd', 'no', '\ud800', '', Symbol('s'), () => 1],
  [0, -0, -1, 1, 1.5, 127, 128, 255, 256, -129, 65_536, 2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53)],
  [NaN, Infinity, 1e300, 0n, -1n, 2n ** 63n, 2n ** 64n, -(2n ** 63n) - 1n],
  [{}, [], [1], [null], [{}], ['a'], { length: 1 }, { length: -1 }, new Uint8Array(2)],
  [new Float64Array(2), new DataView(new ArrayBuffer(1)), new Date(0), /x/, new Map()],
].flat();

interface Place {
  readonly put: (value: unknown) => void;
}

/** Every property and element of an event. */
function placesIn(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const object = value as Plain;
  return Object.keys(object).flatMap((key) => [
    { put: (replacement: unknown) => void (object[key] = replacement) },
    ...placesIn(object[key]),
  ]);
}

function messageOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    expect([TypeError, RangeError]).toContain((error as Error).constructor);
    return (error as Error).message;
  }
}

function sizeOrNone(made: Encoder, event: unknown): number | undefined {
  try {
    return made.measure(event);
  } catch {
    return undefined;
  }
}

describe('numbers', () => {
  const INT64 = [
    [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 32 - 1, 2 ** 32, -(2 ** 32), -(2 ** 32) - 1],
    [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, -0],
    [0n, -1n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)],
  ].flat();

  it.each(INT64)('of 64 bits with a sign are stored in full: %s', (value) => {
    const bigint = BigInt(value);
    expect(integerIn(text({ i64: value }), 'i64')).toBe(bigint);
    for (const i64s of [[value], BigInt64Array.of(bigint)]) {
      expect(integerIn(text({ i64s }), 'i64s')).toBe(bigint);
    }
  });

  it.each([0, 2 ** 32, Number.MAX_SAFE_INTEGER, 2n ** 63n, 2n ** 64n - 1n])(
    'of 64 bits without a sign are stored in full: %s',
    (value) => {
      const bigint = BigInt(value);
      expect(integerIn(text({ u64: value }), 'u64')).toBe(bigint);
      for (const u64s of [[value], BigUint64Array.of(bigint)]) {
        expect(integerIn(text({ u64s }), 'u64s')).toBe(bigint);
      }
    },
  );

  it('in floating point keep their bits', () => {
    const f64s = [NaN, Infinity, -Infinity, -0, Number.MIN_VALUE, Number.MAX_VALUE, 1 / 3];
    const bytes = Buffer.from(encoder.encode({ f64s, f32s: f64s.map(Math.fround) }));
    expect(bytes.includes(Buffer.from(Float64Array.from(f64s).buffer))).toBe(true);
    expect(bytes.includes(Buffer.from(Float32Array.from(f64s).buffer))).toBe(true);
    for (const f64 of f64s) {
      const memory = Buffer.from(encoder.encode({ f64 }));
      expect(memory.includes(Buffer.from(Float64Array.of(f64).buffer))).toBe(true);
    }
  });

  it('that round to the largest 32-bit float are taken, larger ones not', () => {
    const largest = 2 ** 128 - 2 ** 104;
    const bound = 2 ** 128 - 2 ** 103;
    expect(encoder.measure({ f32: largest })).toBeGreaterThan(0);
    expect(encoder.measure({ f32: -(bound - 2 ** 75) })).toBeGreaterThan(0);
    expect(() => encoder.measure({ f32: bound })).toThrow(RangeError);
    expect(() => encoder.measure({ f32: -bound })).toThrow(RangeError);
  });
});

/** An integer of JSON text, be it a field or the only element of a vector. */
function integerIn(json: string, name: string): bigint {
  const found = new RegExp(`"${name}": (?:\\[\\s+)?(-?\\d+)`).exec(json)?.[1];
  return BigInt(found ?? 'none');
}

describe('fields', () => {
  it('left out, undefined or null count as left out', () => {
    const names = Object.keys(decoded({})).concat('maybe', 'name', 'wide', 'many', 'f64s', 'u64');
    for (const nothing of [undefined, null]) {
      const event = Object.fromEntries(names.map((name) => [name, nothing]));
      expect(Buffer.compare(encoder.encode(event), encoder.encode({}))).toBe(0);
    }
    expect(decoded({})).toMatchObject({ seven: 7, colour: 'Green', i64: 0, maybe: null });
  });

  it('that hold their default are there all the same', () => {
    expect(decoded({ maybe: 0, seven: 7 })).toMatchObject({ maybe: 0, seven: 7 });
  });

  it('that are deprecated do not exist', () => {
    const old = { kept: 1, dropped: 2, last: 3 };
    // flatc prints their default.
    expect(decoded({ old })['old']).toEqual({ kept: 1, dropped: 0, last: 3 });
  });

  it('may have names that every object inherits', () => {
    const names = ['constructor', 'toString', 'hasOwnProperty', 'class', 'e', 'm', 'at', 'length'];
    const fbs = `table T { ${names.map((name) => `${name}: int;`).join(' ')} } root_type T;`;
    const made = encoderOf(fbs);
    const theirs = flatc.schema(fbs);
    expect(flatc.decode(theirs, made.encode({}))).toContain('"constructor": 0');
    const event = JSON.parse('{"constructor": 5, "length": 6}') as unknown;
    const found = flatc.decode(theirs, made.encode(event));
    expect(found).toContain('"constructor": 5');
    expect(found).toContain('"length": 6');
  });

  it('of enums are names or numbers, sets of names too', () => {
    expect(decoded({ colour: 'Red', rights: 'Read Run', huge: 'Largest' })).toMatchObject({
      colour: 'Red',
      rights: 'Read Run',
      huge: 'Largest',
    });
    expect(decoded({ colour: -1, rights: 5, huge: 2n ** 64n - 1n })).toMatchObject({
      colour: 'Red',
      rights: 'Read Run',
      huge: 'Largest',
    });
    expect(decoded({ colours: ['Red', 2, 99], rights: 0 })).toMatchObject({
      colours: ['Red', 'Blue', 99],
      rights: 0,
    });
    const made = encoder.encode({ colours: Int8Array.of(-1, 2) });
    expect(made).toEqual(encoder.encode({ colours: ['Red', 'Blue'] }));
  });

  it('of unions are of the member that is named beside them, or numbered', () => {
    const point = { x: 1, y: 2.5 };
    const odd = { a: 1, b: 2, c: 3 };
    const wide = { x: 0.5, tail: [1, 2, 3], points: [point, point] };
    const values = { Leaf: { text: 'a' }, Point: point, Odd: odd, Wide: wide, word: 'w' };
    Object.entries(values).forEach(([member, any], i) => {
      expect(decoded({ any, any_type: member })).toMatchObject({ any, any_type: member });
      expect(decoded({ any, any_type: i + 1 })).toMatchObject({ any, any_type: member });
    });
    const event = { many: Object.values(values), many_type: Object.keys(values) };
    expect(decoded(event)).toMatchObject(event);
    const size = encoder.measure(event);
    expect(writtenInto(encoder, event, 8, size)).toEqual(encoder.encode(event));
    for (const any_type of ['NONE', 0, undefined, null]) {
      expect(decoded({ any: null, any_type })).toMatchObject({ any_type: 'NONE' });
    }
  });

  it('of structs that are aligned to 16 bytes are so from the start of the event on', () => {
    const point = { x: 1, y: 2 };
    const wide = { x: 0.5, tail: [1, 2, 3], points: [point, point] };
    for (const name of ['', 'a', 'abcd', 'abcdefgh', 'abcdefghijkl', 'abcdefghijklmnop']) {
      const event = { name, wide, wides: [wide, wide], any: wide, any_type: 'Wide', names: [name] };
      const many = { many: [name, wide], many_type: ['word', 'Wide'], leaf: { text: name } };
      // flatc's verifier looks at the alignment.
      expect(decoded({ ...event, ...many })).toMatchObject({ ...event, ...many });
      const size = encoder.measure(event);
      for (const position of [8, 16]) {
        expect(writtenInto(encoder, event, position, size)).toEqual(encoder.encode(event));
      }
    }
  });
});

describe('vectors', () => {
  const KINDS = {
    i8s: [Int8Array, [-128, 127, 0]],
    u8s: [Uint8Array, [0, 255, 1, 2, 3]],
    i16s: [Int16Array, [-32_768, 32_767, 5]],
    u16s: [Uint16Array, [0, 65_535, 5]],
    i32s: [Int32Array, [-(2 ** 31), 2 ** 31 - 1]],
    u32s: [Uint32Array, [0, 2 ** 32 - 1]],
    f32s: [Float32Array, [0.5, -1.25, 3]],
    f64s: [Float64Array, [0.5, -1.25, 1e300]],
  } as const;

  it.each(Object.entries(KINDS))('%s come from typed arrays, arrays and the like', (name, kind) => {
    const [Kind, values] = kind;
    for (const list of [[], values.slice(0, 1), values.slice(0, 2), values]) {
      const expected = encoder.encode({ [name]: list });
      expect(decoded({ [name]: list })[name]).toEqual(list);
      const like = Object.assign({ length: list.length }, list);
      const likes = [Kind.from(list), Float64Array.from(list), like];
      for (const each of likes) {
        const written = writtenInto(encoder, { [name]: each }, 8, expected.length);
        expect(written).toEqual(expected);
      }
    }
  });

  it('of bytes come from a Buffer', () => {
    const u8s = Buffer.from('some bytes, not at a multiple of 8').subarray(3);
    expect(decoded({ u8s })['u8s']).toEqual([...u8s]);
  });

  it('are not longer than a typed array is, whatever its length says', () => {
    const lying = new Uint8Array(100);
    Object.defineProperty(lying, 'length', { value: 3 });
    expect(decoded({ u8s: lying })['u8s']).toEqual([...new Uint8Array(100)]);
  });
});

describe('strings', () => {
  const LENGTHS = [0, 1, 2, 3, 4, 5, 11, 12, 13, 16, 39, 40, 41, 47, 48, 49, 200];
  const UNITS = ['a', '\0', '\x7f', 'é', '\u07ff', '\u0800', '\uffff', '𝄞', '\u{10ffff}'];

  it.each(LENGTHS)('of %d characters of any size are stored as UTF-8', (length) => {
    for (const unit of UNITS) {
      for (const name of [unit.repeat(length), `${'x'.repeat(length)}${unit}`]) {
        const bytes = Buffer.from(encoder.encode({ name }));
        const expected = Buffer.from(`${name}\0`);
        const count = Buffer.alloc(4);
        count.writeUInt32LE(expected.length - 1);
        expect(bytes.includes(Buffer.concat([count, expected]))).toBe(true);
        expect(writtenInto(encoder, { name }, 8, bytes.length)).toEqual(Uint8Array.from(bytes));
      }
    }
  });

  it('of any Unicode are read by flatc as they were', () => {
    // flatc prints control characters as they are, which is no JSON.
    const printable = fc.string({ unit: 'binary', maxLength: 70 }).map(withoutControls);
    fc.assert(
      fc.property(printable, (name) => {
        expect(decoded({ name, names: [name, ''] })).toMatchObject({ name, names: [name, ''] });
      }),
      { numRuns: 100 },
    );
  });

  it.each([1, 11, 12, 13, 39, 40, 41, 48, 100])(
    'of %d characters with a lone surrogate are refused',
    (length) => {
      for (const bad of ['\ud800', '\udfff', '\udc00\ud800', '\ud800\ud800\udc00']) {
        for (const name of [`${'a'.repeat(length - 1)}${bad}`, `${bad}${'é'.repeat(length - 1)}`]) {
          expect(() => encoder.measure({ name })).toThrow(
            /^Cannot encode name: expected a string of well-formed Unicode, got "/,
          );
        }
      }
    },
  );
});

function withoutControls(string: string): string {
  return Array.from(string)
    .filter((character) => character >= ' ')
    .join('');
}

describe('compileEncoder()', () => {
  it('refuses tables that are too large for their vtable', () => {
    const fbs = 'struct S { a: [double: 8000]; } table T { a: S; b: S; } root_type T;';
    expect(() => encoderOf(fbs)).toThrow(SchemaError);
  });

  it('says which option of Node.js forbids it', () => {
    const flag = '--disallow-code-generation-from-strings';
    const script = `
      import { compileEncoder } from '${new URL('../../dist/events/encoder.js', import.meta.url).href}';
      import { eventSchema } from '${new URL('../../dist/events/schema.js', import.meta.url).href}';
      const bfbs = Buffer.from('${Buffer.from(bfbs).toString('base64')}', 'base64');
      try { compileEncoder(eventSchema(bfbs)); } catch ({ code, message }) { console.log(code, message); }`;
    const args = [flag, '--input-type=module', '--eval', script];
    expect(execFileSync(process.execPath, args, { encoding: 'utf8' })).toMatch(
      /^UNSUPPORTED_PLATFORM Cannot compile the schema: .*--disallow-code-generation-from-strings/,
    );
  });
});

describe('the official runtime', () => {
  it('reads what is encoded', () => {
    const leaf = { text: 'naïve', deep: {} };
    const event = { i64: -5, u32: 7, f64: 2.5, name: 'name', f64s: [1, 2, 3], leaf };
    const buffer = new ByteBuffer(encoder.encode(event));
    expect(buffer.getBufferIdentifier()).toBe('EVNT');
    const root = buffer.readInt32(0);
    const place = (name: string): number => root + buffer.__offset(root, slotOf(schema.root, name));
    expect(buffer.readInt64(place('i64'))).toBe(-5n);
    expect(buffer.readUint32(place('u32'))).toBe(7);
    expect(buffer.readFloat64(place('f64'))).toBe(2.5);
    expect(buffer.__string(place('name'))).toBe('name');
    expect(buffer.__vector_len(place('f64s'))).toBe(3);
    expect(buffer.readFloat64(buffer.__vector(place('f64s')) + 16)).toBe(3);
    expect(buffer.__offset(root, slotOf(schema.root, 'maybe'))).toBe(0);
    expect(buffer.__offset(root, slotOf(schema.root, 'any'))).toBe(0);
    expect(buffer.__offset(root, slotOf(schema.root, 'any') - 2)).toBe(0);
    const table = buffer.__indirect(place('leaf'));
    const type = schema.model.tables.find(({ name }) => name === 'test.Leaf') as TableType;
    const textAt = table + buffer.__offset(table, slotOf(type, 'text'));
    expect(buffer.__string(textAt)).toBe('naïve');
  });
});

/** Place of a field's slot in the vtable, as generated code names it. */
function slotOf({ fields }: TableType, name: string): number {
  return 4 + 2 * (fields.find((field) => field.name === name)?.id ?? NaN);
}

describe('encodeEvent() and eventView()', () => {
  it('make bytes of an event, and show them', () => {
    const small = eventSchema(flatc.schema('table T { a:int; b:string; } root_type T;'));
    const bytes = encodeEvent(small, { a: 7, b: 'seven' });
    expect(decodeEvent(small, bytes)).toEqual({ a: 7, b: 'seven' });
    const view = eventView(small).$read(bytes);
    expect([view['a'], view['b']]).toEqual([7, 'seven']);
    expect(() => encodeEvent(small, { a: 'seven' })).toThrow('a');
  });
});
