/**
 * Checks an event field by field and says what is wrong with it, and where. Slow: it is run on what an
 * encoder has refused, and on events from outside, whose unknown fields are to be refused as well. It
 * accepts exactly what encoders accept.
 */
import { valueOfName } from './enum-names.js';
import { fieldPath } from './field-path.js';
import { MAX_DEPTH, MAX_TABLES } from './limits.js';
import {
  INTEGER_RANGES,
  SCALAR_BYTES,
  hasDiscriminator,
  isUnionVector,
  memberOf,
  usableFields,
  type EnumType,
  type IntegerKind,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
} from './model.js';
import { FLOAT32_BOUND, storedKind } from './scalar-source.js';
import type { EventSchema } from './schema.js';
import { isWellFormed } from './text.js';
import { countOf, isList, isNone, isObject, own } from './values.js';

export interface CheckOptions {
  /** Whether it is an error if there is anything but fields: other properties, lists that are no arrays. */
  readonly refuseUnknown?: boolean;
}

type Properties = Readonly<Record<string, unknown>>;

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
  new Check(refuseUnknown).table(schema.root, event);
}

class Check {
  readonly #refuseUnknown: boolean;
  /** Of the value that is being checked. What throws leaves it as it is, and nobody goes on. */
  readonly #path: (string | number)[] = [];
  #depth = 0;
  #tables = 0;

  constructor(refuseUnknown: boolean) {
    this.#refuseUnknown = refuseUnknown;
  }

  // --- Tables and structs ---

  table(type: TableType, value: unknown): void {
    const object = this.#object(type, value);
    if (++this.#depth > MAX_DEPTH) {
      const reason = `tables are nested deeper than ${MAX_DEPTH}; is the event part of itself?`;
      throw new RangeError(this.#message(reason));
    }
    if (++this.#tables > MAX_TABLES) {
      throw new RangeError(this.#message(`the event has more than ${MAX_TABLES} tables`));
    }
    for (const field of usableFields(type)) this.#field(field, object);
    this.#depth--;
  }

  #field(field: TableField, object: Properties): void {
    const { name, type } = field;
    const value = propertyOf(object, name);
    const types = hasDiscriminator(field) ? propertyOf(object, `${name}_type`) : undefined;
    this.#path.push(name);
    if (value === undefined || value === null) this.#absent(field, types);
    else if (type.kind === 'union') this.#union(type, value, types);
    else if (isUnionVector(type)) this.#unions(type.element, value, types);
    else this.#value(type, value);
    this.#path.pop();
  }

  #absent({ isRequired }: TableField, types: unknown): void {
    if (isRequired) throw new TypeError(this.#message('a required field is missing'));
    if (isNone(types)) return;
    const reason = `${this.#typePath()} is ${shown(types)}, but there is no value`;
    throw new TypeError(this.#message(reason));
  }

  #struct(type: StructType, value: unknown): void {
    const object = this.#object(type, value);
    for (const { name, type: fieldType } of type.fields) {
      const field = propertyOf(object, name);
      this.#path.push(name);
      if (field === undefined || field === null) {
        throw new TypeError(this.#message(`struct ${type.name} needs all of its fields`));
      }
      this.#value(fieldType, field);
      this.#path.pop();
    }
  }

  #object(type: TableType | StructType, value: unknown): Properties {
    if (!isObject(value)) {
      throw this.#wrongType(`an object for ${type.kind} ${type.name}`, value);
    }
    if (!this.#refuseUnknown) return value;
    const names = namesIn(type);
    const unknown = Object.keys(value).find((key) => !names.has(key));
    if (unknown === undefined) return value;
    this.#path.push(/^[A-Za-z_]\w*$/.test(unknown) ? unknown : shown(unknown));
    const reason = `${type.kind} ${type.name} has no such field, but ${listed([...names])}`;
    throw new TypeError(this.#message(`${reason}; its value is ${shown(value[unknown])}`));
  }

  // --- Unions ---

  #union(type: UnionType, value: unknown, memberType: unknown): void {
    const member = memberOf(type, memberType);
    if (member !== undefined) return this.#value(member.type, value);
    const where = this.#typePath();
    if (memberType === undefined || memberType === null) {
      throw new TypeError(this.#message(`a union without its type: ${where} is missing`));
    }
    const expected = `one of ${listed(type.members.map(({ name }) => name))}`;
    throw new TypeError(message(where, `expected ${expected}, got ${shown(memberType)}`));
  }

  #unions(type: UnionType, value: unknown, memberTypes: unknown): void {
    const where = this.#typePath();
    if (memberTypes === undefined || memberTypes === null) {
      throw new TypeError(this.#message(`unions without their types: ${where} is missing`));
    }
    const values = this.#list(value);
    const types = this.#list(memberTypes, where, values.length);
    this.#each(values, (each, i) => this.#union(type, each, types[i]));
  }

  /** Path of what tells the type of the union here. */
  #typePath(): string {
    const isField = (step: string | number): boolean => typeof step === 'string';
    const path = [...this.#path];
    const last = path.findLastIndex(isField);
    path[last] = `${path[last]}_type`;
    return fieldPath(path);
  }

  // --- Values ---

  #value(type: Type, value: unknown): void {
    switch (type.kind) {
      case 'scalar':
        return this.#scalar(type, value);
      case 'string':
        return this.#string(value);
      case 'struct':
        return this.#struct(type, value);
      case 'table':
        return this.table(type, value);
      case 'array': {
        const elements = this.#list(value, undefined, type.length);
        return this.#each(elements, (each) => this.#value(type.element, each));
      }
      case 'vector':
        return this.#each(this.#list(value), (each) => this.#value(type.element, each));
      default:
        throw new TypeError(`Cannot check ${fieldPath(this.#path)}: a union without its type`);
    }
  }

  #list(value: unknown, where = fieldPath(this.#path), length?: number): ArrayLike<unknown> {
    const count = this.#refuseUnknown && !isList(value) ? -1 : countOf(value);
    if (count < 0) {
      throw new TypeError(message(where, `expected an array, got ${shown(value)}`));
    }
    if (length === undefined || count === length) return value as ArrayLike<unknown>;
    throw new RangeError(message(where, `expected ${length} elements, got ${count}`));
  }

  #each(elements: ArrayLike<unknown>, check: (each: unknown, i: number) => void): void {
    const last = this.#path.push(0) - 1;
    const { length } = elements;
    for (let i = 0; i < length; i++) {
      this.#path[last] = i;
      check(elements[i], i);
    }
    this.#path.pop();
  }

  #scalar(type: ScalarType, value: unknown): void {
    if (type.enum !== undefined && typeof value === 'string') {
      if (valueOfName(type.enum, value) !== undefined) return;
      throw this.#outOfRange(namesOf(type.enum), value);
    }
    const kind = storedKind(type);
    if (kind === 'bool') {
      if (typeof value !== 'boolean') throw this.#wrongType('true or false', value);
    } else if (kind === 'float32' || kind === 'float64') {
      if (typeof value !== 'number') throw this.#wrongType('a number', value);
      const isTooLarge = kind === 'float32' && Math.abs(value) >= FLOAT32_BOUND;
      if (!isTooLarge || !Number.isFinite(value)) return;
      throw this.#outOfRange('a number of the range of 32-bit floats', value);
    } else this.#integer(kind, value);
  }

  #integer(kind: IntegerKind, value: unknown): void {
    const [min, max] = INTEGER_RANGES[kind];
    const isInteger =
      typeof value === 'bigint' ? SCALAR_BYTES[kind] === 8 : Number.isInteger(value);
    const isInRange = isInteger && (value as number) >= min && (value as number) <= max;
    if (isInRange && (typeof value === 'bigint' || Number.isSafeInteger(value))) return;
    const expected = `an integer from ${min} to ${max}`;
    if (typeof value !== 'number' && typeof value !== 'bigint') {
      throw this.#wrongType(expected, value);
    }
    const hint = 'may have been rounded: past 2^53, it takes a bigint, or a string in JSON';
    throw this.#outOfRange(expected, value, isInRange ? `, which ${hint}` : '');
  }

  #string(value: unknown): void {
    if (typeof value !== 'string') throw this.#wrongType('a string', value);
    if (!isWellFormed(value)) throw this.#wrongType('a string of well-formed Unicode', value);
  }

  // --- What is wrong ---

  #wrongType(expected: string, value: unknown): TypeError {
    return new TypeError(this.#message(`expected ${expected}, got ${shown(value)}`));
  }

  #outOfRange(expected: string, value: unknown, hint = ''): RangeError {
    return new RangeError(this.#message(`expected ${expected}, got ${shown(value)}${hint}`));
  }

  #message(reason: string): string {
    return message(fieldPath(this.#path), reason);
  }
}

function message(path: string, reason: string): string {
  return `Cannot encode ${path || 'the event'}: ${reason}`;
}

/** What every object inherits only counts if it is the event's own. */
function propertyOf(object: Properties, name: string): unknown {
  return name in Object.prototype ? own(object, name) : object[name];
}

const namesOfFields = new WeakMap<TableType | StructType, ReadonlySet<string>>();

/** Of fields, and of those that tell the types of unions. */
function namesIn(type: TableType | StructType): ReadonlySet<string> {
  const known = namesOfFields.get(type);
  if (known !== undefined) return known;
  const names =
    type.kind === 'struct'
      ? type.fields.map(({ name }) => name)
      : usableFields(type).flatMap((field) =>
          hasDiscriminator(field) ? [`${field.name}_type`, field.name] : [field.name],
        );
  const made = new Set(names);
  namesOfFields.set(type, made);
  return made;
}

function namesOf({ name, values, isBitFlags }: EnumType): string {
  const names = listed(values.map((each) => each.name));
  const several = isBitFlags ? ', or several with spaces between,' : '';
  return `one of ${names}${several} of enum ${name}`;
}

/** Names, the first dozen of them. */
function listed(names: readonly string[]): string {
  const MAX = 12;
  if (names.length <= MAX) return names.join(', ') || 'none';
  return `${names.slice(0, MAX).join(', ')} and ${names.length - MAX} more`;
}

const MAX_SHOWN = 60;

function shown(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      const text = JSON.stringify(value.slice(0, MAX_SHOWN));
      return value.length > MAX_SHOWN ? `${text}…` : text;
    }
    case 'bigint': {
      const digits = String(value);
      return digits.length > MAX_SHOWN ? `${digits.slice(0, MAX_SHOWN)}…` : `${digits}n`;
    }
    case 'object':
      if (value === null) return 'null';
      if (Array.isArray(value)) return `an array of ${value.length}`;
      return ArrayBuffer.isView(value) ? `a ${value.constructor.name}` : 'an object';
    case 'function':
      return 'a function';
    default:
      return String(value);
  }
}
