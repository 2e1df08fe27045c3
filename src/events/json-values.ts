/**
 * What JSON cannot say, in the ways in which it says it: integers of 64 bits and floats without a number as
 * text, fields that are left out as null. Nothing is checked here: whatever makes no sense stays as it is,
 * for `checkEvent` to refuse.
 */
import { MAX_DEPTH, MAX_TABLES } from './limits.js';
import {
  SCALAR_BYTES,
  isUnionVector,
  memberOf,
  usableFields,
  type ScalarType,
  type StructType,
  type TableType,
  type Type,
  type UnionType,
} from './model.js';
import { isList, isNone, isObject, own } from './values.js';

type Properties = Record<string, unknown>;

const NOT_NUMBERS: ReadonlyMap<unknown, number> = new Map([
  ['nan', NaN],
  ['inf', Infinity],
  ['-inf', -Infinity],
]);

/** More digits than 64 bits have are no reason to count. */
const DIGITS = /^-?\d{1,40}$/;

/** A copy of an event's JSON, with values as encoders take them, where they mean one. */
export function fromJsonValues(root: TableType, value: unknown): unknown {
  return new Conversion().table(root, value, 1);
}

/** `depth` is that of the table around. */
class Conversion {
  #tables = 0;

  /** What is too deep, or too much, is refused later, and has no end if the event is part of itself. */
  table(type: TableType, value: unknown, depth: number): unknown {
    if (!isObject(value) || depth > MAX_DEPTH || ++this.#tables > MAX_TABLES) return value;
    // With what is unknown; `__proto__` stays a property like others.
    const to: Properties = { ...value };
    for (const { name, type: fieldType } of usableFields(type)) {
      if (fieldType.kind === 'union') this.#union(name, fieldType, to, depth);
      else if (isUnionVector(fieldType)) this.#unions(name, fieldType.element, to, depth);
      else if (own(to, name) === null) delete to[name];
      else if (Object.hasOwn(to, name)) to[name] = this.#value(fieldType, to[name], depth);
    }
    return to;
  }

  #union(name: string, union: UnionType, to: Properties, depth: number): void {
    if (leaveOut(name, to)) return;
    const member = memberOf(union, own(to, `${name}_type`));
    if (member === undefined) return;
    to[`${name}_type`] = member.name;
    to[name] = this.#value(member.type, to[name], depth);
  }

  #unions(name: string, union: UnionType, to: Properties, depth: number): void {
    if (leaveOut(name, to)) return;
    const [values, types] = [to[name], own(to, `${name}_type`)];
    if (!isList(values) || !isList(types)) return;
    const members = Array.from(types, (each) => memberOf(union, each));
    to[`${name}_type`] = Array.from(types, (each, i) => members[i]?.name ?? each);
    to[name] = Array.from(values, (each, i) => {
      const member = members[i];
      return member === undefined ? each : this.#value(member.type, each, depth);
    });
  }

  #struct(type: StructType, value: unknown, depth: number): unknown {
    if (!isObject(value)) return value;
    const to: Properties = { ...value };
    for (const { name, type: fieldType } of type.fields) {
      if (Object.hasOwn(to, name)) to[name] = this.#value(fieldType, to[name], depth);
    }
    return to;
  }

  #value(type: Type, value: unknown, depth: number): unknown {
    switch (type.kind) {
      case 'scalar':
        return scalarOf(type, value);
      case 'struct':
        return this.#struct(type, value, depth);
      case 'table':
        return this.table(type, value, depth + 1);
      case 'vector':
      case 'array':
        if (!isList(value)) return value;
        return Array.from(value, (each) => this.#value(type.element, each, depth));
      default:
        return value;
    }
  }
}

/** Takes null away, for a union and its type. Returns whether there is no value. */
function leaveOut(name: string, to: Properties): boolean {
  const value = own(to, name);
  if (value !== undefined && value !== null) return false;
  delete to[name];
  if (isNone(own(to, `${name}_type`))) delete to[`${name}_type`];
  return true;
}

function scalarOf({ scalar }: ScalarType, value: unknown): unknown {
  if (scalar === 'float32' || scalar === 'float64') {
    if (typeof value !== 'bigint') return NOT_NUMBERS.get(value) ?? value;
    return Number.isFinite(Number(value)) ? Number(value) : value;
  }
  // No name of an enum begins with a digit.
  const isText = SCALAR_BYTES[scalar] === 8 && typeof value === 'string' && DIGITS.test(value);
  const integer = isText ? BigInt(value) : value;
  if (typeof integer !== 'bigint') return integer;
  return Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
}
