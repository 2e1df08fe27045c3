/**
 * Checks a value against a schema, before it is encoded: who writes JSON by hand, or sends it from
 * somewhere else, wants to know which field is wrong and why.
 */
import { valueOfName } from './enum-names.js';
import { fieldPath } from './field-path.js';
import { MAX_DEPTH } from './limits.js';
import type { Plain } from './decode.js';
import {
  INTEGER_RANGES,
  type ArrayType,
  type EnumType,
  type IntegerKind,
  type ScalarKind,
  type ScalarType,
  type StringType,
  type StructType,
  type TableField,
  type TableType,
  type UnionMember,
  type UnionType,
  type VectorType,
} from './model.js';

type Value = number | bigint;

const NOT_NUMBERS: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  '-inf': -Infinity,
};

/** More digits than 64 bits have are no reason to count. */
const DIGITS = /^-?\d{1,40}$/;
const LONE_SURROGATE = /\p{Surrogate}/u;
const MAX_SHOWN = 60;

/** Returns a copy as encoders take it, checked in everything. Fields that are `null` are left out. */
export function checkEvent(root: TableType, value: unknown): Plain {
  return new Checker().table(root, value);
}

class Checker {
  readonly #path: (string | number)[] = [];
  #depth = 0;

  // --- Tables ---

  table(type: TableType, value: unknown): Plain {
    const from = this.#object(value, `table ${type.name}`);
    if (++this.#depth > MAX_DEPTH) {
      throw new RangeError(this.#message(`tables are nested deeper than ${MAX_DEPTH}`));
    }
    this.#refuseUnknown(from, `table ${type.name}`, fieldNames(type));
    const to: Plain = {};
    for (const field of type.fields) if (!field.isDeprecated) this.#field(field, from, to);
    this.#depth--;
    return to;
  }

  #field(field: TableField, from: Plain, to: Plain): void {
    const { name, type } = field;
    const value = own(from, name);
    if (type.kind === 'union') this.#within(name, () => this.#union(field, type, from, to));
    else if (type.kind === 'vector' && type.element.kind === 'union') {
      const { element } = type;
      this.#within(name, () => this.#unions(field, element, from, to));
    } else if (value !== undefined) to[name] = this.#within(name, () => this.#value(type, value));
    else if (field.isRequired) this.#within(name, () => this.#refuseMissing());
  }

  #value(type: Exclude<TableField['type'], UnionType>, value: unknown): unknown {
    if (type.kind === 'scalar') return this.#scalar(type, value);
    if (type.kind === 'vector') return this.#vector(type, value);
    return this.#member(type, value);
  }

  #member(type: TableType | StructType | StringType, value: unknown): unknown {
    if (type.kind === 'table') return this.table(type, value);
    return type.kind === 'struct' ? this.#struct(type, value) : this.#string(value);
  }

  // --- Unions ---

  #union({ name, isRequired }: TableField, type: UnionType, from: Plain, to: Plain): void {
    const value = own(from, name);
    const typeName = own(from, `${name}_type`);
    const member = typeName === undefined ? undefined : this.#memberOf(type, typeName);
    if (member === undefined) {
      if (value !== undefined) this.#fail(`a union without its type: ${name}_type is missing`);
      if (isRequired) this.#refuseMissing();
      return;
    }
    if (value === undefined) this.#fail(`${name}_type is ${member.name}, but there is no ${name}`);
    to[`${name}_type`] = member.name;
    to[name] = this.#member(member.type, value);
  }

  #unions({ name, isRequired }: TableField, type: UnionType, from: Plain, to: Plain): void {
    const [value, typeNames] = [own(from, name), own(from, `${name}_type`)];
    if (value === undefined && typeNames === undefined) {
      if (isRequired) this.#refuseMissing();
      return;
    }
    if (typeNames === undefined) this.#fail(`unions without their types: ${name}_type is missing`);
    const values = this.#elements(value);
    const members = this.#elements(typeNames);
    if (values.length !== members.length) {
      const counts = `${members.length} for ${values.length} unions`;
      throw new RangeError(this.#message(`expected as many types in ${name}_type, got ${counts}`));
    }
    const types: string[] = [];
    to[`${name}_type`] = types;
    to[name] = this.#each(values, (each, i) => {
      const member = this.#memberOf(type, members[i]) ?? this.#fail('a union of type NONE');
      types.push(member.name);
      return this.#member(member.type, each);
    });
  }

  /** `undefined` for no type. */
  #memberOf({ members }: UnionType, type: unknown): UnionMember | undefined {
    if (type === 'NONE' || type === 0) return undefined;
    const found = members.find(({ name, tag }) => name === type || tag === type);
    const names = listed(members.map(({ name }) => name));
    return found ?? this.#fail(`expected one of ${names} as its type, got ${shown(type)}`);
  }

  // --- Vectors and structs ---

  #vector({ element }: VectorType, value: unknown): unknown[] {
    if (element.kind === 'union') return this.#fail('a vector of unions needs its table');
    return this.#each(this.#elements(value), (each) => this.#value(element, each));
  }

  #struct(type: StructType, value: unknown): Plain {
    const from = this.#object(value, `struct ${type.name}`);
    this.#refuseUnknown(from, `struct ${type.name}`, structFieldNames(type));
    const to: Plain = {};
    for (const { name, type: fieldType } of type.fields) {
      this.#within(name, () => {
        const each = own(from, name);
        if (each === undefined) this.#fail(`struct ${type.name} needs all of its fields`);
        if (fieldType.kind === 'scalar') to[name] = this.#scalar(fieldType, each);
        else if (fieldType.kind === 'struct') to[name] = this.#struct(fieldType, each);
        else to[name] = this.#array(fieldType, each);
      });
    }
    return to;
  }

  #array({ element, length }: ArrayType, value: unknown): unknown[] {
    const elements = this.#elements(value);
    if (elements.length !== length) {
      throw new RangeError(this.#message(`expected ${length} elements, got ${elements.length}`));
    }
    return this.#each(elements, (each) =>
      element.kind === 'scalar' ? this.#scalar(element, each) : this.#struct(element, each),
    );
  }

  #elements(value: unknown): ArrayLike<unknown> {
    if (Array.isArray(value)) return value as unknown[];
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return value as unknown as ArrayLike<unknown>;
    }
    return this.#fail(`expected an array, got ${shown(value)}`);
  }

  #each(elements: ArrayLike<unknown>, check: (each: unknown, i: number) => unknown): unknown[] {
    return Array.from(elements, (each, i) => this.#within(i, () => check(each, i)));
  }

  // --- Scalars and strings ---

  #scalar(type: ScalarType, value: unknown): unknown {
    if (type.scalar === 'bool') {
      return typeof value === 'boolean'
        ? value
        : this.#fail(`expected true or false, got ${shown(value)}`);
    }
    if (type.scalar === 'float32' || type.scalar === 'float64') {
      return this.#float(type.scalar, value);
    }
    return type.enum === undefined
      ? this.#integer(type.scalar, value)
      : this.#enum(type.enum, type.scalar, value);
  }

  #enum(type: EnumType, kind: IntegerKind, value: unknown): unknown {
    if (typeof value !== 'string') return this.#integer(kind, value);
    if (valueOfName(type, value) !== undefined) return value;
    if (is64(kind) && DIGITS.test(value)) return this.#integer(kind, value);
    const names = listed(type.values.map(({ name }) => name));
    const several = type.isBitFlags ? ', or several with spaces between,' : '';
    return this.#fail(
      `expected one of ${names}${several} of enum ${type.name}, got ${shown(value)}`,
    );
  }

  #float(kind: 'float32' | 'float64', value: unknown): number {
    if (typeof value === 'string' && Object.hasOwn(NOT_NUMBERS, value)) {
      return NOT_NUMBERS[value] as number;
    }
    if (typeof value !== 'number' && typeof value !== 'bigint') {
      this.#fail(`expected a number, "nan", "inf" or "-inf", got ${shown(value)}`);
    }
    const number = Number(value);
    const fits = kind === 'float64' || !Number.isFinite(number) || isFinite32(number);
    if (fits) return number;
    throw new RangeError(
      this.#message(`expected a number that 32 bits can hold, got ${shown(value)}`),
    );
  }

  #integer(kind: IntegerKind, value: unknown): Value {
    const [min, max] = INTEGER_RANGES[kind];
    const expected = `expected an integer from ${min} to ${max}, got ${shown(value)}`;
    const isText = is64(kind) && typeof value === 'string' && DIGITS.test(value);
    const integer = isText ? BigInt(value) : value;
    const isInteger = typeof integer === 'bigint' || Number.isInteger(integer);
    if (!isInteger) this.#fail(expected);
    if ((integer as Value) < min || (integer as Value) > max) {
      throw new RangeError(this.#message(expected));
    }
    if (typeof integer === 'number' && !Number.isSafeInteger(integer)) {
      const hint = 'which may have been rounded: past 2^53, write it as a string';
      throw new RangeError(this.#message(`${expected}, ${hint}`));
    }
    const number = Number(integer);
    return Number.isSafeInteger(number) ? number : (integer as bigint);
  }

  #string(value: unknown): string {
    if (typeof value !== 'string') return this.#fail(`expected a string, got ${shown(value)}`);
    if (!LONE_SURROGATE.test(value)) return value;
    return this.#fail(`expected well-formed Unicode, got ${shown(value)}`);
  }

  // --- What is wrong ---

  #object(value: unknown, what: string): Plain {
    const isObject = typeof value === 'object' && value !== null;
    if (isObject && !Array.isArray(value) && !ArrayBuffer.isView(value)) return value as Plain;
    return this.#fail(`expected an object for ${what}, got ${shown(value)}`);
  }

  #refuseUnknown(value: Plain, what: string, names: ReadonlySet<string>): void {
    const unknown = Object.keys(value).find((key) => !names.has(key));
    if (unknown === undefined) return;
    const isName = /^[A-Za-z_]\w*$/.test(unknown);
    this.#path.push(isName ? unknown : JSON.stringify(unknown));
    const known = names.size === 0 ? 'none' : listed([...names]);
    this.#fail(`${what} has no such field, but ${known}; its value is ${shown(value[unknown])}`);
  }

  #refuseMissing(): never {
    this.#fail('a required field is missing');
  }

  #fail(why: string): never {
    throw new TypeError(this.#message(why));
  }

  #message(why: string): string {
    return `Cannot encode ${fieldPath(this.#path) || 'the event'}: ${why}`;
  }

  /** What throws leaves the path as it is, and nobody goes on. */
  #within<T>(step: string | number, check: () => T): T {
    this.#path.push(step);
    const checked = check();
    this.#path.pop();
    return checked;
  }
}

/** Own values only: a field may be called as something that every object inherits. */
function own(value: Plain, name: string): unknown {
  return Object.hasOwn(value, name) ? (value[name] ?? undefined) : undefined;
}

function is64(kind: ScalarKind): boolean {
  return kind === 'int64' || kind === 'uint64';
}

function isFinite32(value: number): boolean {
  return Number.isFinite(Math.fround(value));
}

const namesOfTables = new WeakMap<TableType, ReadonlySet<string>>();
const namesOfStructs = new WeakMap<StructType, ReadonlySet<string>>();

/** With the types of unions. */
function fieldNames(type: TableType): ReadonlySet<string> {
  const known = namesOfTables.get(type);
  if (known !== undefined) return known;
  const names = new Set<string>();
  for (const { name, type: fieldType, isDeprecated } of type.fields) {
    if (isDeprecated) continue;
    const element = fieldType.kind === 'vector' ? fieldType.element : fieldType;
    if (element.kind === 'union') names.add(`${name}_type`);
    names.add(name);
  }
  namesOfTables.set(type, names);
  return names;
}

function structFieldNames(type: StructType): ReadonlySet<string> {
  const names = namesOfStructs.get(type) ?? new Set(type.fields.map(({ name }) => name));
  namesOfStructs.set(type, names);
  return names;
}

/** Names, the first dozen of them. */
function listed(names: readonly string[]): string {
  const MAX = 12;
  if (names.length <= MAX) return names.join(', ');
  return `${names.slice(0, MAX).join(', ')} and ${names.length - MAX} more`;
}

function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return shortened(JSON.stringify(value));
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : `${value as Value}`;
}

function shortened(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
