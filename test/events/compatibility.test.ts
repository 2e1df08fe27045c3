import { beforeAll, describe, expect, it } from 'vitest';
import { eventSchema, type EventSchema } from '../../src/index.js';
import { compareSchemas } from '../../src/events/compatibility.js';
import { Flatc } from '../support/flatc.js';

let flatc: Flatc;
beforeAll(async () => {
  flatc = await Flatc.start();
});

/** Everything that a schema can say, around which each case changes one thing. */
const BASE = {
  enum: 'enum Color : ubyte { Red, Green, Blue }',
  flags: 'enum Flag : ubyte (bit_flags) { Hot, Wet }',
  struct: 'struct Point { x:float; y:float; }',
  around: 'struct Box { from:Point; to:[float:2]; }',
  inner: 'table Inner { n:int; next:Inner; }',
  other: 'table Other { s:string; }',
  union: 'union Body { Inner, Other }',
  root: `table Root { a:int; b:short = 5; c:Color; d:string; e:Inner (required); body:Body;
    list:[double]; f:int = null; box:Box; old:int (deprecated); flag:Flag; bodies:[Body]; }`,
  end: 'root_type Root; file_identifier "BASE";',
};

type Part = keyof typeof BASE;
type Change = readonly [Part, string, string];

function fbs(...changes: readonly Change[]): string {
  const parts: Record<Part, string> = { ...BASE };
  for (const [part, from, to] of changes) {
    if (!parts[part].includes(from)) throw new Error(`${part} does not have ${from}`);
    parts[part] = parts[part].replace(from, to);
  }
  return ['namespace t;', ...Object.values(parts)].join('\n');
}

function schemaOf(text: string): EventSchema {
  return eventSchema(flatc.schema(text));
}

const EVENT = {
  a: 1,
  c: 'Blue',
  d: 'text',
  e: { n: 2, next: { n: 3 } },
  body_type: 'Other',
  body: { s: 'in a union' },
  list: [1.5, 2.5],
  box: { from: { x: 1, y: 2 }, to: [3, 4] },
  flag: 'Hot Wet',
  bodies_type: ['Inner'],
  bodies: [{ n: 4 }],
};

/**
 * Changes that are allowed; what a new event has that old ones have not, and in what a reader of each
 * schema sees the other's events differently from how they are seen by an old reader of old events.
 */
const ALLOWED: readonly {
  readonly title: string;
  readonly changes: readonly Change[];
  readonly added?: object;
  readonly oldUnderNew?: object;
  readonly newUnderOld?: object;
  /** What `flatc --conform` has against it. */
  readonly conform?: string;
}[] = [
  {
    title: 'fields added at the end, with any default',
    changes: [['root', '[Body];', '[Body]; g:int = 9; h:string; i:double = null; j:Body;']],
    added: { g: 1, h: 'new', i: 0.5, j_type: 'Inner', j: { n: 1 } },
    oldUnderNew: { g: 9, i: null, j_type: 'NONE' },
  },
  {
    title: 'a field added to a nested table',
    changes: [['inner', 'next:Inner;', 'next:Inner; more:long = -1;']],
    added: { e: { n: 2, more: 7 } },
    oldUnderNew: {
      e: { n: 2, more: -1, next: { n: 3, more: -1 } },
      bodies: [{ n: 4, more: -1 }],
    },
    newUnderOld: { e: { n: 2 } },
  },
  {
    title: 'a field that becomes deprecated',
    changes: [['root', 'a:int;', 'a:int (deprecated);']],
    // flatc prints deprecated fields that are there, but does not take them.
    added: { a: undefined },
    newUnderOld: { a: 0 },
  },
  {
    title: 'another name of a deprecated field',
    changes: [
      ['root', 'a:int;', 'unused:int (deprecated);'],
      ['root', 'old:int', 'older:int'],
    ],
    added: { a: undefined },
    oldUnderNew: { a: undefined, unused: 1, old: undefined, older: 0 },
    newUnderOld: { a: 0 },
  },
  {
    title: 'enum values added, also in between',
    changes: [['enum', 'Blue }', 'Blue, Grey = 200 }']],
    added: { c: 'Grey' },
    newUnderOld: { c: 200 },
  },
  {
    title: 'bit flags added',
    changes: [['flags', 'Wet }', 'Wet, Loud }']],
    added: { flag: 'Hot Loud' },
    newUnderOld: { flag: 5 },
  },
  {
    title: 'other names of nested tables, structs, enums and unions',
    changes: [
      ['inner', 'table Inner { n:int; next:Inner; }', 'table Within { n:int; next:Within; }'],
      ['root', 'e:Inner', 'e:Within'],
      ['union', '{ Inner,', '{ Inner:Within,'],
      ['struct', 'Point', 'Pair'],
      ['around', 'Point', 'Pair'],
    ],
    conform: 'types differ for field: t.Box.from',
  },
  {
    title: 'fields in another order, with ids',
    changes: [['inner', 'n:int; next:Inner;', 'next:Inner (id: 1); n:int (id: 0);']],
  },
  {
    title: 'tables that are used nowhere',
    changes: [['end', 'root', 'table New { x:int; } root']],
  },
  {
    title: 'a union member added at the end',
    changes: [['union', 'Other }', 'Other, Third:Other }']],
    // flatc prints no event with a member that it does not know; `typed-log.test.ts` has that.
  },
];

describe('a change that FlatBuffers allows', () => {
  it.each(ALLOWED)('is accepted: $title', ({ changes, conform = '' }) => {
    const older = fbs();
    const newer = fbs(...changes);
    expect(compareSchemas(schemaOf(older), schemaOf(newer))).toEqual([]);
    const objection = flatc.conform(older, newer);
    if (conform === '') expect(objection).toBe('');
    else expect(objection).toContain(conform);
  });

  it.each(ALLOWED)('leaves old events readable: $title', ({ changes, oldUnderNew = {} }) => {
    const older = flatc.schema(fbs());
    const newer = flatc.schema(fbs(...changes));
    const bytes = flatc.encode(older, JSON.stringify(EVENT));
    const expected = { ...seen(older, bytes), ...oldUnderNew };
    expect(seen(newer, bytes)).toEqual(defined(expected));
  });

  it.each(ALLOWED)('leaves new events readable by old programs: $title', (each) => {
    const older = flatc.schema(fbs());
    const newer = flatc.schema(fbs(...each.changes));
    const event = defined({ ...EVENT, ...each.added });
    const bytes = flatc.encode(newer, JSON.stringify(event));
    const asOld = seen(older, flatc.encode(older, JSON.stringify(EVENT)));
    expect(seen(older, bytes)).toEqual(defined({ ...asOld, ...each.newUnderOld }));
  });
});

function seen(bfbs: Uint8Array, event: Uint8Array): object {
  return JSON.parse(flatc.decode(bfbs, event)) as object;
}

function defined(event: object): object {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined));
}

/** A change, what it is called, and whether `flatc --conform` minds it as well. */
const REFUSED: readonly (readonly [Change, string, 'flatc too' | 'flatc does not mind'])[] = [
  [['root', 'a:int;', 'a:uint;'], 't.Root.a: was int32, is uint32', 'flatc too'],
  [['root', 'a:int;', 'a:long;'], 't.Root.a: was int32, is int64', 'flatc too'],
  [['root', 'a:int;', 'a:float;'], 't.Root.a: was int32, is float32', 'flatc too'],
  [['root', 'c:Color;', 'c:ubyte;'], 't.Root.c: was enum t.Color, is uint8', 'flatc too'],
  [['root', 'd:string;', 'd:[ubyte];'], 't.Root.d: was string, is [uint8]', 'flatc too'],
  [['root', '[double]', '[float]'], 't.Root.list: was [float64], is [float32]', 'flatc too'],
  [['root', 'e:Inner', 'e:Other'], 't.Inner.n: its id 0 is that of s now', 'flatc too'],
  [['root', 'box:Box', 'box:Inner'], 't.Root.box: was struct t.Box, is table t.Inner', 'flatc too'],
  [['root', 'b:short = 5', 'b:short = 6'], 't.Root.b: had the default 5, has 6', 'flatc too'],
  [['root', 'b:short = 5', 'b:short'], 't.Root.b: had the default 5, has 0', 'flatc too'],
  [['root', 'a:int;', 'a:int = null;'], 't.Root.a: had the default 0, has null', 'flatc too'],
  [['root', 'f:int = null', 'f:int'], 't.Root.f: had the default null, has 0', 'flatc too'],
  [['root', 'c:Color;', 'c:Color = Blue;'], 't.Root.c: had the default 0, has 2', 'flatc too'],
  [['root', 'a:int;', 'aa:int;'], 't.Root.a: its id 0 is that of aa now', 'flatc does not mind'],
  [
    ['root', 'bodies:[Body];', ''],
    't.Root.bodies: was removed; a field that is not used any more is deprecated',
    'flatc too',
  ],
  [
    ['root', '[Body];', '[Body]; g:string (required);'],
    't.Root.g: is new and required, and old events lack it',
    'flatc does not mind',
  ],
  [
    ['root', 'd:string;', 'd:string (required);'],
    't.Root.d: was not required, is now',
    'flatc does not mind',
  ],
  [
    ['root', 'e:Inner (required)', 'e:Inner'],
    't.Root.e: was required, is not',
    'flatc does not mind',
  ],
  [
    ['root', 'e:Inner (required)', 'e:Inner (required, deprecated)'],
    't.Root.e: is required, so it cannot be deprecated',
    'flatc does not mind',
  ],
  [
    ['root', 'old:int (deprecated)', 'old:int'],
    't.Root.old: was deprecated, is not',
    'flatc does not mind',
  ],
  [['enum', 'Red, Green', 'Green'], 't.Color.Red: is called Green now', 'flatc too'],
  [['enum', 'Blue', 'Azure'], 't.Color.Blue: is called Azure now', 'flatc does not mind'],
  [['enum', ', Blue', ''], 't.Color.Blue: was removed', 'flatc does not mind'],
  [['enum', 'Blue', 'Blue = 9'], 't.Color.Blue: was 2, is 9', 'flatc too'],
  [['enum', 'ubyte', 'ushort'], 't.Color: was of uint8, is of uint16', 'flatc too'],
  [['flags', ' (bit_flags)', ''], 't.Flag: was bit flags, is not', 'flatc too'],
  [['union', 'Inner, Other', 'Other'], 't.Body.Inner: is called Other now', 'flatc too'],
  [['union', 'Inner, Other', 'Other, Inner'], 't.Body.Inner: was 1, is 2', 'flatc too'],
  [['union', ', Other', ''], 't.Body.Other: was removed', 'flatc does not mind'],
  [
    ['union', 'Other', 'Other:Box'],
    't.Body.Other: was table t.Other, is struct t.Box',
    'flatc too',
  ],
  [['struct', 'y:float;', ''], 't.Point.y: was removed, in a struct', 'flatc too'],
  [['struct', 'y:float', 'y:int'], 't.Point.y: was float32, is int32', 'flatc too'],
  [
    ['struct', 'y:float', 'z:float'],
    't.Point.y: is called z now, in a struct',
    'flatc does not mind',
  ],
  [
    ['struct', 'x:float; y:float', 'y:float; x:float'],
    't.Point.x: was byte 0, is byte 4, in a struct',
    'flatc too',
  ],
  [
    ['struct', 'y:float;', 'y:float; z:float;'],
    't.Point.z: was added to a struct, which cannot change',
    'flatc too',
  ],
  [
    ['struct', 'Point', 'Point (force_align: 8)'],
    't.Point: was 8 bytes aligned to 4, is 8 bytes aligned to 8',
    'flatc does not mind',
  ],
  [['around', ':2', ':3'], 't.Box.to: was [float32:2], is [float32:3]', 'flatc does not mind'],
  [['inner', 'n:int', 'n:uint'], 't.Inner.n: was int32, is uint32', 'flatc too'],
  [['other', 's:string', 's:[int]'], 't.Other.s: was string, is [int32]', 'flatc too'],
  [
    ['end', 'root_type Root', 'root_type Inner'],
    'the root table was t.Root, is t.Inner',
    'flatc does not mind',
  ],
  [['end', 'BASE', 'SABE'], 'the file identifier was "BASE", is "SABE"', 'flatc does not mind'],
  [
    ['end', ' file_identifier "BASE";', ''],
    'the file identifier was "BASE", is none',
    'flatc does not mind',
  ],
];

describe('a change that does not hold both ways', () => {
  it.each(REFUSED)('is refused: %s (%s)', (change, sentence, oracle) => {
    const newer = fbs(change);
    expect(compareSchemas(schemaOf(fbs()), schemaOf(newer))).toContain(sentence);
    expect(flatc.conform(fbs(), newer) === '' ? 'flatc does not mind' : 'flatc too').toBe(oracle);
  });

  it('is told with all others, each once', () => {
    const newer = fbs(['root', 'a:int', 'a:float'], ['inner', 'n:int', 'n:byte']);
    expect(compareSchemas(schemaOf(fbs()), schemaOf(newer))).toEqual([
      't.Root.a: was int32, is float32',
      't.Inner.n: was int32, is int8',
    ]);
  });
});

describe('compareSchemas()', () => {
  it('finds no difference between a schema and itself, cycles and all', () => {
    expect(compareSchemas(schemaOf(fbs()), schemaOf(fbs()))).toEqual([]);
  });

  it('tells which of two schemas is the newer one', () => {
    const older = schemaOf(fbs());
    for (const { title, changes } of ALLOWED.slice(0, 3)) {
      const back = compareSchemas(schemaOf(fbs(...changes)), older);
      expect(back, title).not.toEqual([]);
    }
  });
});
