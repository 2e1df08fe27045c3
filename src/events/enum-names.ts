/** Between values of enums and their names. */
import type { EnumType } from './model.js';

type Value = number | bigint;

const namesOf = new WeakMap<EnumType, ReadonlyMap<Value, string>>();
const valuesOf = new WeakMap<EnumType, ReadonlyMap<string, Value>>();

/**
 * As flatc prints it: its name; for bit flags the names of all its bits, with spaces between; the value
 * itself if it has none, which is that of a newer schema.
 */
export function nameOfValue(type: EnumType, value: Value): string | Value {
  const name = memoized(namesOf, type, namesByValue).get(asNumber(value));
  if (name !== undefined || !type.isBitFlags) return name ?? value;
  const bits = BigInt.asUintN(64, BigInt(value));
  const flags = type.values.filter((flag) => (BigInt(flag.value) & bits) !== 0n);
  const named = flags.reduce((all, flag) => all | BigInt(flag.value), 0n);
  return flags.length > 0 && named === bits ? flags.map((flag) => flag.name).join(' ') : value;
}

/** As schemas have it: columns of 64 bits are bigints throughout. */
function asNumber(value: Value): Value {
  if (typeof value === 'number') return value;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** The value that is called so, or the bits that are; `undefined` if a name is unknown. */
export function valueOfName(type: EnumType, text: string): Value | undefined {
  const values = memoized(valuesOf, type, indexValues);
  if (!type.isBitFlags) return values.get(text);
  let bits = 0n;
  for (const name of text.split(' ')) {
    const value = values.get(name);
    if (value === undefined) return undefined;
    bits |= BigInt(value);
  }
  return bits <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(bits) : bits;
}

function namesByValue({ values }: EnumType): ReadonlyMap<Value, string> {
  const names = new Map<Value, string>();
  for (const { name, value } of values) if (!names.has(value)) names.set(value, name);
  return names;
}

function indexValues({ values }: EnumType): ReadonlyMap<string, Value> {
  return new Map(values.map(({ name, value }) => [name, value]));
}

function memoized<T>(memory: WeakMap<EnumType, T>, type: EnumType, make: (type: EnumType) => T): T {
  const found = memory.get(type);
  if (found !== undefined) return found;
  const made = make(type);
  memory.set(type, made);
  return made;
}
