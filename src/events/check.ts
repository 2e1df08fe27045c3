/**
 * Checks an event field by field and says what is wrong with it, and where. Slow: it is run on what an
 * encoder has refused, and on events from outside, whose unknown fields are to be refused as well. It
 * accepts exactly what encoders accept.
 */
import { valuesByName } from './enum-names.js';
import { MAX_DEPTH, MAX_TABLES } from './measure.js';
import type {
  EnumType,
  ScalarType,
  StructType,
  TableField,
  TableType,
  Type,
  UnionType,
  VectorType,
} from './model.js';
import { FLOAT32_BOUND, INTEGER_RANGES, storedKind } from './scalar-source.js';
import type { EventSchema } from './schema.js';
import { hasTag, isUnionVector } from './template.js';
import { isWellFormed } from './text.js';
import { countOf, isInt64, isNone, isObject, isUint64, own } from './values.js';

export interface CheckOptions {
  /** Whether properties that are no fields are an error. */
  readonly refuseUnknown?: boolean;
}

/**
 * Checks that an event fits its schema.
 * @throws {TypeError | RangeError} such as
 *   `Cannot encode body.samples[3].x: expected an integer from -128 to 127, got 300`
 */
export function checkEvent(
  schema: EventSchema,
  event: unknown,
  { refuseUnknown = false }: CheckOptions = {},
): void {
  new Check(refuseUnknown).table(schema.root, event, '', 1);
}

/** `path` is that of the value, `depth` that of the table around it. */
class Check {
  readonly #refuseUnknown: boolean;
  #tables = 0;

  constructor(refuseUnknown: boolean) {
    this.#refuseUnknown = refuseUnknown;
  }

  table(type: TableType, value: unknown, path: string, depth: number): void {
    if (!isObject(value)) throw wrongType(path, 'an object', value);
    if (depth > MAX_DEPTH) {
      throw new RangeError(
        `Cannot encode ${path}: tables are nested more than ${MAX_DEPTH} deep; is the event part of itself?`,
      );
    }
    if (++this.#tables > MAX_TABLES) {
      throw new RangeError(`Cannot encode ${path}: the event has more than ${MAX_TABLES} tables`);
    }
    const fields = type.fields.filter((field) => !field.isDeprecated);
    if (this.#refuseUnknown) {
      const tags = fields.filter(hasTag).map(({ name }) => `${name}_type`);
      refuseOthers(type.name, value, path, [...fields.map(({ name }) => name), ...tags]);
    }
    for (const field of fields) this.#field(field, value, path, depth);
  }

  #field(
    field: TableField,
    object: Readonly<Record<string, unknown>>,
    around: string,
    depth: number,
  ): void {
    const { name, type, isRequired } = field;
    const value = propertyOf(object, name);
    const path = join(around, name);
    const tags = hasTag(field) ? propertyOf(object, `${name}_type`) : undefined;
    if (value === undefined || value === null) {
      if (isRequired) throw new TypeError(`Cannot encode ${path}: the field is required`);
      if (isNone(tags)) return;
      throw new TypeError(
        `Cannot encode ${path}: ${path}_type is ${shown(tags)}, but there is no value`,
      );
    }
    if (type.kind === 'union') this.#union(type, value, tags, [path, `${path}_type`], depth);
    else if (isUnionVector(type)) this.#unions(type as VectorType, value, tags, path, depth);
    else this.#value(type, value, path, depth);
  }

  #value(type: Type, value: unknown, path: string, depth: number): void {
    switch (type.kind) {
      case 'scalar':
        return checkScalar(type, value, path);
      case 'string':
        return checkString(value, path);
      case 'struct':
        return this.#struct(type, value, path, depth);
      case 'table':
        return this.table(type, value, path, depth + 1);
      case 'array':
        return this.#list(type.element, value, path, depth, type.length);
      case 'vector':
        return this.#list(type.element, value, path, depth);
      default:
        throw new TypeError(`Cannot check ${path}: a union without its type`);
    }
  }

  #struct(type: StructType, value: unknown, path: string, depth: number): void {
    if (!isObject(value)) throw wrongType(path, 'an object', value);
    if (this.#refuseUnknown) {
      const names = type.fields.map(({ name }) => name);
      refuseOthers(type.name, value, path, names);
    }
    for (const { name, type: field } of type.fields) {
      this.#value(field, propertyOf(value, name), join(path, name), depth);
    }
  }

  #list(element: Type, value: unknown, path: string, depth: number, length?: number): void {
    const count = listLength(value, path, length);
    const elements = value as ArrayLike<unknown>;
    for (let i = 0; i < count; i++) this.#value(element, elements[i], `${path}[${i}]`, depth);
  }

  #unions(type: VectorType, value: unknown, types: unknown, path: string, depth: number): void {
    const count = listLength(value, path);
    listLength(types, `${path}_type`, count);
    const union = type.element as UnionType;
    for (let i = 0; i < count; i++) {
      const member = (types as ArrayLike<unknown>)[i];
      const paths = [`${path}[${i}]`, `${path}_type[${i}]`] as const;
      this.#union(union, (value as ArrayLike<unknown>)[i], member, paths, depth);
    }
  }

  #union(
    { members }: UnionType,
    value: unknown,
    type: unknown,
    [path, typePath]: readonly [string, string],
    depth: number,
  ): void {
    const member = members.find(({ name, tag }) => name === type || tag === type);
    if (member !== undefined) return this.#value(member.type, value, path, depth);
    const names = members.map(({ name }) => name).join(', ');
    throw new TypeError(`Cannot encode ${typePath}: expected one of ${names}, got ${shown(type)}`);
  }
}

function checkScalar(type: ScalarType, value: unknown, path: string): void {
  if (type.enum !== undefined && typeof value === 'string') {
    if (valuesByName(type.enum)(value) !== undefined) return;
    throw new RangeError(`Cannot encode ${path}: ${namesOf(type.enum)}, got ${shown(value)}`);
  }
  const kind = storedKind(type);
  const range = INTEGER_RANGES[kind];
  if (kind === 'bool') {
    if (typeof value !== 'boolean') throw wrongType(path, 'true or false', value);
  } else if (range !== undefined) {
    const [min, max] = range;
    const isFitting = typeof value === 'number' && value >= min && value <= max;
    if (isFitting && Number.isInteger(value)) return;
    throw wrongNumber(path, `an integer from ${min} to ${max}`, value);
  } else if (kind === 'int64' || kind === 'uint64') {
    check64(kind, value, path);
  } else {
    if (typeof value !== 'number') throw wrongType(path, 'a number', value);
    const isTooLarge = kind === 'float32' && Math.abs(value) >= FLOAT32_BOUND;
    if (!isTooLarge || !Number.isFinite(value)) return;
    throw wrongNumber(path, 'a number of the range of 32-bit floats', value);
  }
}

function check64(kind: 'int64' | 'uint64', value: unknown, path: string): void {
  const isFitting = kind === 'int64' ? isInt64 : isUint64;
  const isSafe = typeof value === 'number' && Number.isSafeInteger(value);
  if (isFitting(isSafe ? BigInt(value) : value)) return;
  const range =
    kind === 'int64'
      ? 'from -9223372036854775808 to 9223372036854775807'
      : 'from 0 to 18446744073709551615';
  throw wrongNumber(path, `a safe integer or a bigint ${range}`, value);
}

function checkString(value: unknown, path: string): void {
  if (typeof value !== 'string') throw wrongType(path, 'a string', value);
  if (isWellFormed(value)) return;
  throw wrongType(path, 'a string of well-formed Unicode', value);
}

function listLength(value: unknown, path: string, expected?: number): number {
  const count = countOf(value);
  if (count < 0) throw wrongType(path, 'an array', value);
  if (expected === undefined || count === expected) return count;
  throw new RangeError(`Cannot encode ${path}: expected ${expected} elements, got ${count}`);
}

function refuseOthers(
  type: string,
  value: Readonly<Record<string, unknown>>,
  path: string,
  names: readonly string[],
): void {
  for (const key of Object.keys(value)) {
    if (names.includes(key)) continue;
    throw new TypeError(
      `Cannot encode ${join(path, key)}: unknown field; ${type} has ${names.join(', ') || 'none'}`,
    );
  }
}

function propertyOf(object: Readonly<Record<string, unknown>>, name: string): unknown {
  return name in Object.prototype ? own(object, name) : object[name];
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function namesOf({ values, isBitFlags }: EnumType): string {
  const names = values.map(({ name }) => name).join(', ');
  return isBitFlags ? `expected a number or names of ${names}` : `expected one of ${names}`;
}

function wrongType(path: string, expected: string, value: unknown): TypeError {
  const what = path === '' ? 'the event' : path;
  return new TypeError(`Cannot encode ${what}: expected ${expected}, got ${shown(value)}`);
}

function wrongNumber(path: string, expected: string, value: unknown): Error {
  if (typeof value !== 'number' && typeof value !== 'bigint') {
    return wrongType(path, expected, value);
  }
  return new RangeError(`Cannot encode ${path}: expected ${expected}, got ${shown(value)}`);
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const text = JSON.stringify(value.slice(0, MAX_SHOWN));
      return value.length > MAX_SHOWN ? `${text}…` : text;
    }
    case 'bigint':
      return `${value}n`;
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return 'an array';
      return ArrayBuffer.isView(value) ? `a ${value.constructor.name}` : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
