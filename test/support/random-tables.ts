/** Random tables of single values, with the values that are hard to keep. */
import fc from 'fast-check';
import {
  defineSchema,
  type EventSchema,
  type FieldDefinition,
  type FieldType,
  type PlainEvent,
} from '../../src/index.js';

export interface DrawnTable {
  readonly schema: EventSchema<PlainEvent>;
  readonly fields: readonly FieldDefinition[];
  /** With every scalar that may not be missing; floats are those of 32 bits where the field has those. */
  readonly events: readonly Readonly<Record<string, unknown>>[];
}

const RANGES: Partial<Record<FieldType, readonly [bigint, bigint]>> = {
  byte: [-128n, 127n],
  ubyte: [0n, 255n],
  short: [-32_768n, 32_767n],
  ushort: [0n, 65_535n],
  int: [-(2n ** 31n), 2n ** 31n - 1n],
  uint: [0n, 2n ** 32n - 1n],
  long: [-(2n ** 63n), 2n ** 63n - 1n],
  ulong: [0n, 2n ** 64n - 1n],
};
const TYPES = [
  ...Object.keys(RANGES),
  'bool',
  'float',
  'double',
  'string',
  'string',
] as FieldType[];

/** By fast-check's `fc.gen()`. */
export function drawTable(
  draw: fc.GeneratorValue,
  { withoutNul = false }: { readonly withoutNul?: boolean } = {},
): DrawnTable {
  const count = draw(fc.integer, { min: 1, max: 6 });
  const fields = Array.from({ length: count }, (_, i): FieldDefinition => {
    const type = draw(fc.constantFrom, ...TYPES) as FieldType;
    return { name: `f${i}`, type, optional: type !== 'string' && draw(fc.boolean) };
  });
  const events = draw(() => fc.array(eventArbitrary(fields, withoutNul), { maxLength: 30 }));
  return { schema: defineSchema('t.Drawn', fields), fields, events };
}

function eventArbitrary(
  fields: readonly FieldDefinition[],
  withoutNul: boolean,
): fc.Arbitrary<Record<string, unknown>> {
  const values = fields.map(({ name, type, optional }): [string, fc.Arbitrary<unknown>] => {
    const value = valueArbitrary(type, withoutNul);
    return [
      name,
      optional === true || type === 'string' ? fc.option(value, { nil: undefined }) : value,
    ];
  });
  return fc.record(Object.fromEntries(values));
}

function valueArbitrary(type: FieldType, withoutNul: boolean): fc.Arbitrary<unknown> {
  if (type === 'bool') return fc.boolean();
  if (type === 'float')
    return fc.oneof(fc.float(), fc.constantFrom(-0, 0.1, 16_777_217).map(Math.fround));
  if (type === 'double')
    return fc.oneof(fc.double(), fc.constantFrom(-0, NaN, Infinity, -Infinity, 5e-324));
  if (type === 'string') return textArbitrary(withoutNul);
  const [min, max] = RANGES[type] as readonly [bigint, bigint];
  const integers = fc.oneof(fc.bigInt({ min, max }), fc.constantFrom(min, max));
  return integers.map((value) => (type.endsWith('long') ? value : Number(value)));
}

/** Any Unicode, and all that means something in a text format. */
function textArbitrary(withoutNul: boolean): fc.Arbitrary<string> {
  const odd = [
    '',
    ' ',
    ',',
    '"',
    '\r',
    '\n',
    '\r\n',
    '""',
    'a,b',
    '"a"',
    'nan',
    'null',
    'NULL',
    '\\N',
  ];
  const parts = fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'binary', maxLength: 8 }));
  const text = fc.array(parts, { maxLength: 3 }).map((each) => each.join(''));
  return withoutNul ? text.map((each) => each.replaceAll('\0', '')) : text;
}
