import fc from 'fast-check';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SchemaError, generateEventModule } from '../../src/index.js';
import { Flatc } from '../support/flatc.js';
import { complaints, packageFolder } from '../support/generated.js';
import { drawSchema, toJson } from '../support/random-schemas.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

/** Whatever a schema can have, one of each. */
const EVERYTHING = `
namespace inner;
struct Point { x:float; y:float; }
namespace outer;
enum Colour:byte { Red = -1, Green = 0, Blue = 5 }
enum Big:ulong { Small = 1, Huge = 18446744073709551615 }
enum Access:ubyte (bit_flags) { Read, Write }
struct Point { x:double; at:inner.Point; grid:[short:4]; corners:[inner.Point:2]; colour:Colour; }
table Leaf { name:string (required); next:Leaf; }
table Nothing {}
table Unused { x:int; }
union Any { Leaf, inner.Point, Again:Leaf, Text:string, Nothing }
union Empty {}
table Everything {
  b:bool = true; i8:byte; u8:ubyte = 7; i16:short; u16:ushort; i32:int; u32:uint; i64:long;
  u64:ulong = 18446744073709551615; f32:float = 1.5; f64:double = nan;
  nb:bool = null; ni64:long = null; nf64:double = null;
  colour:Colour = Blue; nc:Colour = null; big:Big = Huge; access:Access;
  text:string; name:string (required); gone:Unused (deprecated);
  leaf:Leaf; point:Point; near:inner.Point (required); nothing:Nothing;
  any:Any; must:Any (required); all:[Any]; empty:Empty; empties:[Empty];
  bools:[bool]; bytes:[ubyte]; longs:[long]; doubles:[double]; colours:[Colour];
  texts:[string]; leaves:[Leaf]; points:[Point];
  event_schema:int; string:string; class:int;
}
root_type Everything;
`;

/** Complaints of the compiler about a user's code beside the module of a schema. */
function complaintsOf(fbs: string, code: string): string[] {
  const folder = packageFolder();
  writeFileSync(join(folder, 'events.ts'), generateEventModule(flatc.schema(fbs)));
  writeFileSync(join(folder, 'user.ts'), code);
  return complaints([join(folder, 'events.ts'), join(folder, 'user.ts')]);
}

describe('a generated module', () => {
  it('of a schema with everything is taken by the strictest settings, and its types as well', () => {
    const code = `
import type { Everything, EverythingView, Leaf, inner_Point, outer_Point } from './events.js';
const near: inner_Point = { x: 1, y: 2 };
const point: outer_Point = { x: 1, at: near, grid: new Int16Array(4), corners: [near, near], colour: 'Red' };
const leaf: Leaf = { name: 'a', next: { name: 'b', next: undefined } };
const needed = { name: '', near, must_type: 'Text', must: 'text' } as const;
export const events: Everything[] = [
  needed,
  { ...needed, b: false, i8: 1, u64: 2n ** 63n, i64: 1, f32: NaN, nb: null, ni64: null, nf64: 0.5 },
  { ...needed, colour: 'Green', nc: null, big: 'Huge', access: 'Read Write' },
  { ...needed, colour: -1, big: 2n, access: 3, text: 'x', leaf, point, nothing: {} },
  { ...needed, any_type: 'inner_Point', any: near }, { ...needed, any_type: 'Again', any: leaf },
  { name: '', near, must_type: 'Nothing', must: {} },
  { ...needed, all_type: ['Leaf', 'Text'], all: [leaf, 'text'] },
  { ...needed, bools: [true], bytes: new Uint8Array(3), longs: new BigInt64Array(1), doubles: [1] },
  { ...needed, colours: ['Red', 5], texts: ['a'], leaves: [leaf], points: [point], longs: [1, 2n] },
  { ...needed, event_schema: 1, string: '', class: 3 },
];
export const refused: Everything[] = [
  // @ts-expect-error: deprecated
  { ...needed, gone: {} },
  // @ts-expect-error: a required text is left out
  { near, must_type: 'Text', must: 'text' },
  // @ts-expect-error: a required union is left out
  { name: '', near },
  // @ts-expect-error: not what the named member is
  { ...needed, must_type: 'Leaf' },
  // @ts-expect-error: no such member
  { ...needed, any_type: 'Point', any: near },
  // @ts-expect-error: no such flag
  { ...needed, access: 'Delete Read' },
  // @ts-expect-error: no double
  { ...needed, f64: 1n },
  // @ts-expect-error: a number that has no null
  { ...needed, f64: null },
  // @ts-expect-error: a text for a vector of texts
  { ...needed, texts: 'abc' },
  // @ts-expect-error: members without their names
  { ...needed, all: [leaf] },
  // @ts-expect-error: something for nothing
  { ...needed, nothing: { a: 1 } },
  // @ts-expect-error: a struct in a struct, without one of its fields
  { ...needed, point: { ...point, at: { x: 1 } } },
];
// @ts-expect-error: a text may be left out
export const lengthOf = (view: EverythingView): number => view.text.length;
// @ts-expect-error: this number may be null
export const half = (view: EverythingView): number => view.nf64 / 2;
// @ts-expect-error: a member of a newer schema has no view
export const member = (view: EverythingView): object | string => view.must;
export function read(view: EverythingView): (string | number | boolean | null | undefined)[] {
  const member = view.must_type === 'inner_Point' ? view.must.x : view.must_type === 'Text' ? view.must : '';
  const maybe = view.any_type === 'Leaf' ? view.any.next?.next?.name : view.any?.toString();
  const all = view.all_type?.at(-1) ?? view.all?.at(0) ?? 0;
  const sum = [...(view.points ?? [])].map(({ grid, corners }) => grid[0] ?? corners.at(0)?.x ?? 0);
  const lengths = [view.bools, view.bytes, view.longs, view.doubles, view.colours].map((it) => it?.length);
  return [member, maybe, typeof all, ...sum, ...lengths, view.b, view.i64, view.nf64, view.nc, view.colour,
    view.text?.length, view.name.length, view.near.y, view.point?.at.x, ...(view.texts ?? []),
    view.leaves?.at(0)?.name, String(view.$bigint('u64')), view.class];
}
`;
    expect(complaintsOf(EVERYTHING, code)).toEqual([]);
  });

  it('has no type that only deprecated fields have', () => {
    expect(generateEventModule(flatc.schema(EVERYTHING))).not.toContain('Unused');
  });

  it('of any schema is taken, and its types take the events of the schema', () => {
    const folder = packageFolder();
    const files: string[] = [];
    const write = (name: string, text: string): void => {
      files.push(join(folder, name));
      writeFileSync(join(folder, name), text);
    };
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { fbs, event, fullEvent } = drawSchema(draw);
        const module = `events${files.length}`;
        write(`${module}.ts`, generateEventModule(flatc.schema(fbs)));
        const events = [event(), fullEvent()].map(toJson).join(',\n');
        const code = `import type { Root } from './${module}.js';\nexport const all: Root[] = [${events}];\n`;
        write(`user${files.length}.ts`, code);
      }),
      { numRuns: 40 },
    );
    expect(files.length).toBe(80);
    expect(complaints(files)).toEqual([]);
  });

  it('gives a name of its own to every type, whatever they are called in the schema', () => {
    const fbs = `namespace a; struct Twice { x:int; } namespace b; struct Twice { x:int; }
      table A { e:EventSchema; } table AView { n:number; } struct number { x:int; }
      table EventSchema { a:a.Twice; b:b.Twice; view:AView; } root_type A;`;
    const module = generateEventModule(flatc.schema(fbs));
    const names = [...module.matchAll(/^export (?:interface|const) (\w+)/gm)].map(
      ([, name]) => name,
    );
    expect(names).toEqual(
      'a_Twice a_TwiceView b_Twice b_TwiceView number_ number_View A AView_ AView AViewView EventSchema_ EventSchema_View A'.split(
        ' ',
      ),
    );
  });

  it('keeps comments as they are, also one that would end a comment', () => {
    const fbs = `/// First line.
///
/// What \`a */ b\` is.
table A {
  /// Of the field.
  x:int = 3;
}
root_type A;`;
    const module = generateEventModule(flatc.schema(fbs));
    expect(module).toContain(
      '/**\n * First line.\n *\n * What `a *\\/ b` is.\n */\nexport interface A {',
    );
    expect(module).toContain(
      '  /**\n   * Of the field.\n   * Left out, it is 3.\n   */\n  x?: number',
    );
  });

  it('begins with the header, and imports from where it is told', () => {
    const bfbs = flatc.schema('table A { x:int; } root_type A;');
    const options = { header: ['One.', 'Two.'], importFrom: '../log.js' };
    const module = generateEventModule(bfbs, options);
    expect(module).toMatch(/^\/\/ One\.\n\/\/ Two\.\nimport \{ [^}]+ \} from '\.\.\/log\.js';\n\n/);
  });

  it('is not made of a schema without root_type', () => {
    const bfbs = flatc.schema('table A { x:int; }');
    expect(() => generateEventModule(bfbs)).toThrow(SchemaError);
    expect(() => generateEventModule(new Uint8Array(20))).toThrow(SchemaError);
  });

  /** Where the words of a schema say so many elements, and that many lie within it. */
  const vectorAt = (bfbs: Uint8Array, count: number): number =>
    new Uint32Array(bfbs.buffer, 0, bfbs.length >> 2).indexOf(count) * 4;

  it('is not made of comments that are damaged', () => {
    const bfbs = flatc.schema(`/// ${'x'.repeat(999)}\ntable A { x:int; } root_type A;`);
    const at = vectorAt(bfbs, 1000);
    new DataView(bfbs.buffer).setUint32(at, 0x7fff_ffff, true);
    expect(() => generateEventModule(bfbs)).toThrow(SchemaError);
  });

  it('is not made of lines of comment that are the same bytes, more than there can be', () => {
    const fbs = `${'///a\n'.repeat(4001)}table A { x:int; } root_type A;`;
    const bfbs = flatc.schema(fbs);
    const view = new DataView(bfbs.buffer);
    const vector = vectorAt(bfbs, 4001);
    // The last line lies before all others.
    const last = vector + 4 * 4001;
    const line = last + view.getUint32(last, true);
    view.setUint32(line, bfbs.length - line - 4, true);
    for (let at = vector + 4; at < last; at += 4) view.setUint32(at, line - at, true);
    expect(() => generateEventModule(bfbs)).toThrow(/add up to more/);
  });
});
