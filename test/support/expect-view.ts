/** Holds what a view shows against the plain event that was encoded, field by field. */
import { expect } from 'vitest';
import { nameOfValue } from '../../src/events/enum-names.js';
import type {
  ScalarType,
  StructType,
  TableField,
  TableType,
  Type,
  UnionType,
} from '../../src/events/model.js';
import type { EventVector, FieldsView } from '../../src/events/view.js';
import type { Plain } from './random-schemas.js';

type View = FieldsView & Readonly<Record<string, unknown>>;

export function expectTable(view: View, { fields }: TableType, plain: Plain): void {
  for (const field of fields) {
    const { name, type } = field;
    const expected = plain[name];
    if (type.kind === 'union') expectUnion(view, name, type, plain);
    else if (type.kind === 'vector' && type.element.kind === 'union') {
      expectUnions(view, name, type.element, plain);
    } else if (expected === undefined) expectAbsent(view, field);
    else expectValue(view, name, type, expected);
  }
}

function expectAbsent(view: View, { name, type, isOptional, defaultValue }: TableField): void {
  if (isOptional) expect(view[name]).toBeNull();
  else if (type.kind !== 'scalar') expect(view[name]).toBeUndefined();
  else if (type.enum !== undefined) {
    expect(view[name]).toBe(nameOfValue(type.enum, defaultValue));
  } else expectScalar(view, name, type, defaultValue);
  if (isOptional && isWide(type)) expect(view.$bigint(name)).toBeNull();
}

function expectValue(view: View, name: string, type: Type, expected: unknown): void {
  if (type.kind === 'scalar') return expectScalar(view, name, type, expected);
  const value = view[name];
  if (type.kind === 'vector' || type.kind === 'array') {
    const { element } = type;
    const list = expected as readonly unknown[];
    return element.kind === 'scalar'
      ? expectNumbers(value as ArrayLike<number | bigint>, element, list)
      : expectElements(value as EventVector<unknown>, element, list);
  }
  return expectReference(value, type, expected);
}

function expectReference(value: unknown, type: Type, expected: unknown): void {
  if (type.kind === 'struct') return expectStruct(value as View, type, expected as Plain);
  if (type.kind === 'table') return expectTable(value as View, type, expected as Plain);
  return expect(value).toBe(expected);
}

function expectStruct(view: View, { fields }: StructType, plain: Plain): void {
  for (const { name, type } of fields) expectValue(view, name, type, plain[name]);
}

function expectScalar(view: View, name: string, type: ScalarType, expected: unknown): void {
  if (type.enum !== undefined) return expect(view[name]).toBe(expected);
  if (isWide(type)) expect(view.$bigint(name)).toBe(BigInt(expected as number));
  else expect(() => view.$bigint(name)).toThrow(TypeError);
  if (typeof expected === 'bigint') expect(() => view[name]).toThrow(RangeError);
  else if (type.scalar === 'bool') expect(view[name]).toBe(Boolean(expected));
  // flatc does not keep the sign of 0.
  else expect(view[name] === expected || [view[name], expected]).toBe(true);
  return undefined;
}

function isWide(type: Type): boolean {
  return type.kind === 'scalar' && type.scalar.endsWith('int64') && type.enum === undefined;
}

function expectNumbers(
  values: ArrayLike<number | bigint>,
  { enum: names, scalar }: ScalarType,
  expected: readonly unknown[],
): void {
  const shown = Array.from(values, (value) => {
    const plain =
      typeof value === 'bigint' && Number.isSafeInteger(Number(value)) ? Number(value) : value;
    if (scalar === 'bool') return value !== 0;
    return names === undefined ? plain : nameOfValue(names, plain);
  });
  expect(shown.map(plus0)).toEqual(expected.map(plus0));
}

function plus0(value: unknown): unknown {
  return value === 0 ? 0 : value;
}

function expectElements(
  values: EventVector<unknown>,
  type: Type,
  expected: readonly unknown[],
): void {
  expect(values.length).toBe(expected.length);
  expected.forEach((each, i) => expectReference(values.at(i), type, each));
  let i = 0;
  for (const value of values) expectReference(value, type, expected[i++]);
  expect(i).toBe(expected.length);
  expect([values.at(i), values.at(-i - 1)]).toEqual([undefined, undefined]);
}

function expectUnion(view: View, name: string, { members }: UnionType, plain: Plain): void {
  const member = members.find((each) => each.name === plain[`${name}_type`]);
  expect(view[`${name}_type`]).toBe(member?.name);
  if (member === undefined) expect(view[name]).toBeUndefined();
  else expectReference(view[name], member.type, plain[name]);
}

function expectUnions(view: View, name: string, { members }: UnionType, plain: Plain): void {
  const expected = plain[name] as readonly unknown[] | undefined;
  const names = plain[`${name}_type`] as readonly string[] | undefined;
  if (expected === undefined || names === undefined) {
    return expect([view[name], view[`${name}_type`]]).toEqual([undefined, undefined]);
  }
  const values = view[name] as EventVector<unknown>;
  expect([...(view[`${name}_type`] as EventVector<string>)]).toEqual(names);
  expect(values.length).toBe(names.length);
  names.forEach((each, i) => {
    const member = members.find((candidate) => candidate.name === each);
    expectReference(values.at(i), member?.type as Type, expected[i]);
  });
  return undefined;
}
