import { beforeAll, describe, expect, it } from 'vitest';
import {
  compareSchemas,
  decodeEvent,
  defineSchema,
  encodeEvent,
  eventSchema,
  extendSchema,
  generateEventModule,
  type FieldDefinition,
} from '../../src/index.js';
import { Flatc } from '../support/flatc.js';

const FIELDS: readonly FieldDefinition[] = [
  { name: 'zeta', type: 'string' },
  { name: 'flag', type: 'bool' },
  { name: 'a_byte', type: 'byte' },
  { name: 'a_ubyte', type: 'ubyte', optional: true },
  { name: 'a_short', type: 'short' },
  { name: 'a_ushort', type: 'ushort' },
  { name: 'an_int', type: 'int', optional: true },
  { name: 'a_uint', type: 'uint' },
  { name: 'a_long', type: 'long', comment: 'In ns since 1970.\nOf the sensor.' },
  { name: 'a_ulong', type: 'ulong', optional: true },
  { name: 'a_float', type: 'float' },
  { name: 'a_double', type: 'double', optional: true, comment: 'In K.' },
];

const FBS = `namespace some.where;
table Row {
  zeta:string; flag:bool; a_byte:byte; a_ubyte:ubyte = null; a_short:short; a_ushort:ushort;
  an_int:int = null; a_uint:uint; a_long:long; a_ulong:ulong = null; a_float:float;
  a_double:double = null;
}
root_type Row;`;

const EVENT = {
  zeta: 'ω',
  flag: true,
  a_byte: -128,
  a_ubyte: 0,
  a_short: -3,
  a_ushort: 65535,
  an_int: null,
  a_uint: 4294967295,
  a_long: -9007199254740993n,
  a_ulong: 18446744073709551615n,
  a_float: 0.5,
  a_double: 0,
};

describe('defineSchema()', () => {
  let flatc: Flatc;
  beforeAll(async () => {
    flatc = await Flatc.start();
  });

  it('says the same as the schema language does', () => {
    const defined = defineSchema('some.where.Row', FIELDS);
    const compiled = eventSchema(flatc.schema(FBS));
    expect(compareSchemas(compiled, defined)).toEqual([]);
    expect(compareSchemas(defined, compiled)).toEqual([]);
    expect(encodeEvent(defined, EVENT)).toEqual(encodeEvent(compiled, EVENT));
  });

  it('is understood by flatc', () => {
    const { bytes } = defineSchema('some.where.Row', FIELDS);
    const json = JSON.parse(flatc.decode(bytes, encodeEvent(eventSchema(bytes), EVENT)));
    expect(json).toMatchObject({ zeta: 'ω', a_byte: -128, a_ubyte: 0, an_int: null, a_double: 0 });
  });

  it('makes tables of one field, and of a thousand', () => {
    for (const count of [1, 1000]) {
      const fields = Array.from({ length: count }, (_, i) => ({
        name: `f${i}`,
        type: 'uint' as const,
      }));
      const schema = defineSchema('Wide', fields);
      const event = Object.fromEntries(fields.map(({ name }, i) => [name, i + 1]));
      expect(decodeEvent(schema, encodeEvent(schema, event))).toEqual(event);
    }
  });

  it('keeps comments', () => {
    const { bytes } = defineSchema('some.where.Row', FIELDS);
    const source = generateEventModule(bytes);
    expect(source).toContain('In ns since 1970.');
    expect(source).toContain('Of the sensor.');
  });

  it.each([
    ['no identifier', 'Row', [{ name: 'two words', type: 'int' }]],
    ['nothing', 'Row', [{ name: '', type: 'int' }]],
    ['no name of a table', 'some where', [{ name: 'a', type: 'int' }]],
    [
      'there twice',
      'Row',
      [
        { name: 'a', type: 'int' },
        { name: 'a', type: 'long' },
      ],
    ],
    ['of an unknown type', 'Row', [{ name: 'a', type: 'number' }]],
    ['of a type that objects inherit', 'Row', [{ name: 'a', type: 'toString' }]],
  ] as const)('refuses a name that is %s', (_what, name, fields) => {
    const make = (): unknown => defineSchema(name, fields as unknown as FieldDefinition[]);
    expect(make).toThrow(expect.objectContaining({ code: 'INVALID_SCHEMA' }));
  });

  it('refuses more fields than a table holds', () => {
    const fields = Array.from({ length: 16_001 }, (_, i) => ({
      name: `f${i}`,
      type: 'ubyte' as const,
    }));
    expect(() => defineSchema('Wide', fields)).toThrow(/16001 fields/);
  });
});

describe('extendSchema()', () => {
  it('adds fields at the end, and keeps what there was', () => {
    const older = defineSchema('some.where.Row', FIELDS);
    const newer = extendSchema(older, [{ name: 'added', type: 'double', comment: 'In Pa.' }]);
    if (newer === undefined) throw new Error('It cannot be extended');
    expect(compareSchemas(older, newer)).toEqual([]);
    const old = decodeEvent(newer, encodeEvent(older, EVENT));
    expect(old).toMatchObject({ zeta: 'ω', a_byte: -128, added: 0 });
    expect(generateEventModule(newer.bytes)).toContain('In ns since 1970.');
  });

  it.each([
    ['tables', 'table B { x:int; } table A { b:B; } root_type A;'],
    ['vectors', 'table A { b:[int]; } root_type A;'],
    ['enums', 'enum E:byte { X } table A { b:E; } root_type A;'],
    ['defaults', 'table A { b:int = 3; } root_type A;'],
    ['required fields', 'table A { b:string (required); } root_type A;'],
    ['deprecated fields', 'table A { b:int (deprecated); } root_type A;'],
    ['a file identifier', 'table A { b:int; } root_type A; file_identifier "ABCD";'],
  ])('leaves schemas alone that have %s', async (_what, fbs) => {
    const flatc = await Flatc.start();
    expect(extendSchema(eventSchema(flatc.schema(fbs)), [])).toBeUndefined();
  });
});
