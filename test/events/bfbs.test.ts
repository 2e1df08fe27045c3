import fc from 'fast-check';
import { Builder, type Offset } from 'flatbuffers';
import { beforeAll, describe, expect, it } from 'vitest';
import { SchemaError } from '../../src/index.js';
import { decodeSchema } from '../../src/events/bfbs.js';
import { Flatc } from '../support/flatc.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

describe('random schemas', () => {
  it('are understood, and their events by flatc', () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const bfbs = flatc.schema(fbs);
        expect(decodeSchema(bfbs).root?.name).toBe('random.test.Root');
        for (const each of [event(), fullEvent()]) {
          const json = flatc.decode(bfbs, flatc.encode(bfbs, toJson(each)));
          expect(json.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('decodeSchema()', () => {
  it('refuses bytes that are no schema', () => {
    expect(() => decodeSchema(new Uint8Array(100))).toThrow(SchemaError);
    expect(() => decodeSchema(new Uint8Array(3))).toThrow(SchemaError);
  });

  it.each([
    ['a field called __proto__', 'table T { __proto__:int; }', 'Cannot use T.__proto__'],
    ['a name that is too long', `table ${'T'.repeat(1025)} { a:int; }`, 'a name of 1025 bytes'],
    ['structs nested too deep', nestedStructs(65), 'structs within structs, without an end'],
    ['structs aligned to 32', 'struct S (force_align: 32) { a:int; }', 'aligned to 32'],
  ])('refuses %s', (_what, fbs, message) => {
    expect(() => decodeSchema(flatc.schema(fbs))).toThrow(SchemaError);
    expect(() => decodeSchema(flatc.schema(fbs))).toThrow(message);
  });

  it('takes structs that are nested as deep as is allowed', () => {
    expect(decodeSchema(flatc.schema(nestedStructs(64))).structs.length).toBe(64);
  });

  it.each([
    ['two fields of the same name', 'table T { aa:int; ab:int; }', 'T: it has two of aa'],
    ['two tables of the same name', 'table aa { n:int; } table ab { n:int; }', 'two of aa'],
    [
      'two fields of a struct of the same name',
      'struct S { aa:int; ab:int; }',
      'S: it has two of aa',
    ],
    ['two values of an enum of the same name', 'enum E:int { aa, ab }', 'E: it has two of aa'],
    [
      "a field called as a union's type",
      'table N { n:int; } union U { N } table T { ab_type:int; aa:U; }',
      'T: it has two of aa_type',
    ],
  ])('refuses %s', (_what, fbs, message) => {
    const bfbs = flatc.schema(fbs);
    decodeSchema(bfbs);
    const renamed = Buffer.from(
      Buffer.from(bfbs).toString('latin1').replaceAll('ab', 'aa'),
      'latin1',
    );
    expect(() => decodeSchema(renamed)).toThrow(message);
  });

  it('refuses values that their types cannot hold', () => {
    const bfbs = flatc.schema('enum E:byte { A = 101 } table T { a:byte = 102; b:bool = true; }');
    decodeSchema(bfbs);
    for (const [value, message] of [
      [101, '201 is no int8'],
      [102, '202 is no int8'],
    ] as const) {
      const changed = bfbs.slice();
      changed[Buffer.from(bfbs).indexOf(Buffer.from([value, 0, 0, 0, 0, 0, 0, 0]))] = value + 100;
      expect(() => decodeSchema(changed)).toThrow(message);
    }
  });

  it('refuses a schema whose vectors lead to the same parts again and again', () => {
    const builder = new Builder();
    const name = builder.createString('same');
    const table = (slots: Readonly<Record<number, Offset>>, isUnion = false): Offset => {
      builder.startObject(8);
      for (const [slot, at] of Object.entries(slots)) builder.addFieldOffset(Number(slot), at, 0);
      if (isUnion) builder.addFieldInt8(2, 1, 0);
      return builder.endObject();
    };
    const vector = (same: Offset): Offset => {
      builder.startVector(4, 2000, 4);
      for (let i = 0; i < 2000; i++) builder.addOffset(same);
      return builder.endVector();
    };
    // Unions of 2,000 types each, all of them NONE.
    const unions = vector(table({ 0: name, 1: vector(table({ 0: name })) }, true));
    builder.finish(table({ 0: vector(table({ 0: name })), 1: unions }), 'BFBS');
    const bytes = builder.asUint8Array();
    expect(() => decodeSchema(bytes)).toThrow('it has more than 1000000 parts');
  });
});

function nestedStructs(depth: number): string {
  const structs = Array.from({ length: depth }, (_, i) =>
    i === 0 ? 'struct S0 { a:int; }' : `struct S${i} { a:S${i - 1}; }`,
  );
  return structs.join('\n');
}
