/** Fields of a query: what a path leads to, and values of it. */
import { nameOfValue, valueOfName } from '../events/enum-names.js';
import type { EnumType, ScalarKind, ScalarType, Type, UnionType } from '../events/model.js';
import type { EventSchema } from '../events/schema.js';
import { nearestFirst } from './nearest.js';
import type { QueryValue } from './query.js';

/** What a column of a query holds. */
export interface Field {
  readonly path: string;
  readonly kind: 'number' | 'int64' | 'uint64' | 'string';
  readonly isBoolean: boolean;
  readonly isFloat: boolean;
  readonly isFloat32: boolean;
  readonly enum: EnumType | undefined;
}

/** Offset of an event, and the time of its frame in ms since 1970. */
export const OFFSET_FIELD = '$offset';
export const TIME_FIELD = '$timeMs';

/**
 * @throws {TypeError} there is no such field, or it has no single value
 */
export function fieldAt(schema: EventSchema, path: unknown): Field {
  if (typeof path !== 'string') throw new TypeError(`Invalid field: ${JSON.stringify(path)}`);
  const plain = { path, isBoolean: false, isFloat: false, isFloat32: false, enum: undefined };
  if (path === OFFSET_FIELD || path === TIME_FIELD) return { ...plain, kind: 'number' };
  const type = path.split('.').reduce<Type>((from, name) => step(from, name, path), schema.root);
  if (type.kind === 'string') return { ...plain, kind: 'string' };
  if (type.kind !== 'scalar') {
    throw new TypeError(`Cannot ask for ${path}: it is a ${type.kind}, not a single value`);
  }
  const { scalar } = type;
  return {
    path,
    kind: kindOf(scalar),
    isBoolean: scalar === 'bool',
    isFloat: scalar === 'float32' || scalar === 'float64',
    isFloat32: scalar === 'float32',
    enum: type.enum,
  };
}

function kindOf(scalar: ScalarKind): Field['kind'] {
  return scalar === 'int64' || scalar === 'uint64' ? scalar : 'number';
}

/** Into a table or struct by a field, into a union by a member. */
function step(from: Type, name: string, path: string): Type {
  if (from.kind === 'union') {
    const member = from.members.find((each) => each.name === name);
    if (member !== undefined) return member.type;
    throw unknown(path, name, from.name, from.members);
  }
  if (from.kind !== 'table' && from.kind !== 'struct') {
    throw new TypeError(`Cannot find field ${path}: there is nothing within a ${from.kind}`);
  }
  const fields: readonly { name: string; type: Type; isDeprecated?: boolean }[] = from.fields;
  const found = fields.find((field) => field.name === name && field.isDeprecated !== true);
  if (found !== undefined) return found.type;
  const union = fields.find(
    (field) => `${field.name}_type` === name && field.isDeprecated !== true,
  );
  if (union?.type.kind === 'union') return memberNames(union.type);
  throw unknown(path, name, from.name, fields);
}

/** The discriminator of a union, by the names of its members. */
function memberNames({ name, members }: UnionType): ScalarType {
  const none = { name: 'NONE', value: 0 };
  const values = [none, ...members.map((member) => ({ name: member.name, value: member.tag }))];
  const tags = { kind: 'enum', name, underlying: 'uint8', isBitFlags: false, values } as const;
  return { kind: 'scalar', scalar: 'uint8', enum: tags };
}

function unknown(
  path: string,
  name: string,
  where: string,
  there: readonly { readonly name: string }[],
): TypeError {
  const names = nearestFirst(
    name,
    there.map((each) => each.name),
  );
  return new TypeError(`Cannot find field ${path}: ${where} has no ${name}, but ${names}`);
}

/**
 * A value to compare a field with, as the column has it.
 * @throws {TypeError | RangeError} it is none of the field's type
 */
export function comparable(field: Field, value: QueryValue): number | bigint | Uint8Array {
  const { kind, path, isBoolean } = field;
  if (kind === 'string' && typeof value === 'string') return new TextEncoder().encode(value);
  if (isBoolean && typeof value === 'boolean') return Number(value);
  if (kind !== 'string' && !isBoolean) {
    const number = typeof value === 'string' ? numberIn(field, value) : value;
    if (kind === 'number' && typeof number === 'number') {
      return field.isFloat32 ? Math.fround(number) : number;
    }
    if (kind !== 'number' && typeof number === 'bigint') return number;
    if (kind !== 'number' && Number.isSafeInteger(number)) return BigInt(number as number);
  }
  const found = typeof value === 'bigint' ? `${value}n` : JSON.stringify(value);
  throw new TypeError(`Cannot compare ${path} with ${found}: it is ${whatIs(field)}`);
}

/** JSON has no 64-bit integers, so they may come as text. */
function numberIn(field: Field, text: string): number | bigint | undefined {
  const isWide = field.kind === 'int64' || field.kind === 'uint64';
  return isWide && /^-?\d+$/.test(text) ? BigInt(text) : enumNumber(field, text);
}

function enumNumber(field: Field, name: string): number | bigint | undefined {
  const { enum: of, path } = field;
  if (of === undefined) return undefined;
  const value = valueOfName(of, name);
  if (value !== undefined) return value;
  const names = of.values.map((each) => each.name).join(', ');
  throw new RangeError(
    `Cannot compare ${path} with ${JSON.stringify(name)}: it is one of ${names}`,
  );
}

function whatIs({ kind, isBoolean, enum: of }: Field): string {
  if (of !== undefined) return `one of ${of.values.map(({ name }) => name).join(', ')}`;
  if (isBoolean) return 'a boolean';
  if (kind === 'number') return 'a number';
  return kind === 'string' ? 'a string' : 'a 64-bit integer (a safe integer or a bigint)';
}

/** A value of the column as it is shown: enums by name, booleans as such. */
export function shown(
  { isBoolean, enum: of }: Pick<Field, 'isBoolean' | 'enum'>,
  value: number | bigint | string | null,
): number | bigint | string | boolean | null {
  if (isBoolean && value !== null) return value !== 0;
  if (of === undefined || value === null || typeof value === 'string') return value;
  return nameOfValue(of, value);
}
