/**
 * Events as plain objects, from their schema alone. For tools and tests: whoever reads many events reads
 * them in place (`view.ts`, `columns.ts`).
 */
import { isUtf8 } from 'node:buffer';
import { MalformedEventError } from '../errors.js';
import { nameOfValue } from './enum-names.js';
import { fieldPath } from './field-path.js';
import { DISTANCE_BYTES, FlatBytes } from './flat-bytes.js';
import { MAX_DEPTH, MAX_EXCESS, MAX_TABLES } from './limits.js';
import {
  SCALAR_BYTES,
  type ArrayType,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type UnionType,
  type VectorType,
} from './model.js';
import type { EventSchema } from './schema.js';

/**
 * Decodes an event to a plain object that shares nothing with `bytes`. Scalars are always there, with
 * their default if the event has none (optional ones are then `null`); strings, tables, structs, vectors
 * and unions that are left out are left out. Enums are names, or numbers if the schema has no name for
 * them; integers of 64 bits are numbers where that is exact, else `bigint`; a union `x` comes with
 * `x_type`, the name of its type, or with the number alone if the schema does not know it. Deprecated
 * fields, and those of a newer schema, are passed over. Bytes of a string that are not UTF-8 become
 * U+FFFD.
 * @throws {MalformedEventError} where the bytes make no sense; nothing outside of them is ever read, and
 *   they need no verification before. Alignment and the zeros behind strings are not looked at.
 */
export function decodeEvent<Event>(schema: EventSchema<Event>, bytes: Uint8Array): Event {
  return new EventDecoder(bytes, false).event(schema.root) as Event;
}

export type Plain = Record<string, unknown>;

export class EventDecoder {
  readonly #flat: FlatBytes;
  readonly #isForText: boolean;
  readonly #isStrict: boolean;
  /** Of what is being decoded, for errors. */
  readonly #path: (string | number)[] = [];
  #depth = 0;
  #tables = 0;
  #left: number;

  /**
   * For text, a float of 32 bits is the shortest decimal that means the same 32 bits. A strict decoder takes
   * no bytes for a string that are not UTF-8.
   */
  constructor(bytes: Uint8Array, isForText: boolean, isStrict = false) {
    this.#flat = new FlatBytes(bytes);
    this.#isForText = isForText;
    this.#isStrict = isStrict;
    this.#left = bytes.length + MAX_EXCESS;
  }

  event(root: TableType): Plain {
    try {
      return this.#table(root, this.#flat.root());
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      throw new MalformedEventError(error.reason, error.position, fieldPath(this.#path));
    }
  }

  // --- Tables ---

  #table(type: TableType, at: number): Plain {
    if (++this.#depth > MAX_DEPTH) fail(`tables are nested deeper than ${MAX_DEPTH}`, at);
    if (++this.#tables > MAX_TABLES) fail(`there are more than ${MAX_TABLES} tables`, at);
    this.#spend(type.fields.length, at);
    // Also where no field is known.
    this.#flat.vtable(at);
    const object: Plain = {};
    for (const field of type.fields) {
      if (field.isDeprecated) continue;
      this.#path.push(field.name);
      this.#field(object, field, at);
      this.#path.pop();
    }
    this.#depth--;
    return object;
  }

  #field(object: Plain, field: TableField, table: number): void {
    const { name, type } = field;
    if (type.kind === 'scalar') {
      object[name] = this.#scalarField(field, type, table);
      return;
    }
    const bytes = type.kind === 'struct' ? type.bytes : DISTANCE_BYTES;
    const at = this.#flat.field(table, field.id, bytes);
    if (at === 0) {
      if (field.isRequired) fail('a required field is missing', table);
    } else if (type.kind === 'union') this.#union(object, field, type, table, at);
    else if (type.kind === 'vector') this.#vectorField(object, field, type, table, at);
    else if (type.kind === 'struct') object[name] = this.#struct(type, at);
    else object[name] = this.#reference(type, at);
  }

  #scalarField({ id, isOptional, defaultValue }: TableField, type: ScalarType, table: number) {
    const at = this.#flat.field(table, id, SCALAR_BYTES[type.scalar]);
    if (at !== 0) return this.#scalar(type, at);
    return isOptional ? null : this.#shown(type, defaultValue);
  }

  /** A union without a type counts as left out, and so does one without a value. */
  #union(object: Plain, field: TableField, type: UnionType, table: number, at: number): void {
    const tagAt = this.#flat.field(table, field.id - 1, 1);
    const tag = tagAt === 0 ? 0 : this.#flat.uint8(tagAt);
    if (tag !== 0) this.#member(object, field.name, type, tag, at);
    else if (field.isRequired) fail('a required field is missing', table);
  }

  #member(object: Plain, name: string, type: UnionType, tag: number, at: number): void {
    const known = type.members.find((member) => member.tag === tag);
    object[`${name}_type`] = known?.name ?? tag;
    if (known !== undefined) object[name] = this.#reference(known.type, at);
  }

  /** What the distance at `at` leads to. */
  #reference(type: TableType | StructType | { readonly kind: 'string' }, at: number): unknown {
    if (type.kind === 'struct') return this.#struct(type, this.#flat.follow(at, type.bytes));
    const target = this.#flat.follow(at);
    return type.kind === 'table' ? this.#table(type, target) : this.#string(target);
  }

  #string(at: number): string {
    const bytes = this.#flat.count(at, 1);
    this.#spend(bytes, at);
    const from = at + DISTANCE_BYTES;
    if (this.#isStrict && !isUtf8(this.#flat.bytes.subarray(from, from + bytes))) {
      fail('a string is not UTF-8', at);
    }
    return this.#flat.string(at);
  }

  // --- Vectors ---

  #vectorField(
    object: Plain,
    { id, name }: TableField,
    { element }: VectorType,
    table: number,
    at: number,
  ): void {
    const vector = this.#flat.follow(at);
    if (element.kind !== 'union') object[name] = this.#vector(element, vector);
    else {
      const tagsAt = this.#flat.field(table, id - 1, DISTANCE_BYTES);
      if (tagsAt === 0) fail('a vector of unions without their types', table);
      this.#unions(object, name, element, vector, this.#flat.follow(tagsAt));
    }
  }

  #vector(element: Exclude<VectorType['element'], UnionType>, vector: number): unknown[] {
    if (element.kind === 'scalar') {
      const bytes = SCALAR_BYTES[element.scalar];
      return this.#elements(vector, bytes, (at) => this.#scalar(element, at));
    }
    if (element.kind === 'struct') {
      return this.#elements(vector, element.bytes, (at) => this.#struct(element, at));
    }
    return this.#elements(vector, DISTANCE_BYTES, (at) => this.#reference(element, at));
  }

  #unions(object: Plain, name: string, type: UnionType, vector: number, tags: number): void {
    const count = this.#flat.count(tags, 1);
    if (count !== this.#flat.count(vector, DISTANCE_BYTES)) {
      fail('a vector of unions and that of their types differ in length', vector);
    }
    const types: unknown[] = [];
    object[`${name}_type`] = types;
    object[name] = this.#elements(vector, DISTANCE_BYTES, (at, i) => {
      const tag = this.#flat.uint8(tags + DISTANCE_BYTES + i);
      const known = type.members.find((member) => member.tag === tag);
      types.push(tag === 0 ? 'NONE' : (known?.name ?? tag));
      return known === undefined ? null : this.#reference(known.type, at);
    });
  }

  #elements(vector: number, bytes: number, decode: (at: number, i: number) => unknown): unknown[] {
    const count = this.#flat.count(vector, bytes);
    this.#spend(count * bytes, vector);
    const last = this.#path.push(0) - 1;
    const elements: unknown[] = [];
    for (let i = 0; i < count; i++) {
      this.#path[last] = i;
      elements.push(decode(vector + DISTANCE_BYTES + bytes * i, i));
    }
    this.#path.pop();
    return elements;
  }

  #spend(amount: number, at: number): void {
    this.#left -= amount;
    if (this.#left < 0) fail('what is shared adds up to more than the limit', at);
  }

  // --- Inline ---

  #struct({ fields }: StructType, at: number): Plain {
    const object: Plain = {};
    for (const field of fields) {
      const { type } = field;
      const fieldAt = at + field.at;
      if (type.kind === 'scalar') object[field.name] = this.#scalar(type, fieldAt);
      else if (type.kind === 'struct') object[field.name] = this.#struct(type, fieldAt);
      else object[field.name] = this.#array(type, fieldAt);
    }
    return object;
  }

  #array({ element, length }: ArrayType, at: number): unknown[] {
    return Array.from({ length }, (_, i) =>
      element.kind === 'scalar'
        ? this.#scalar(element, at + i * SCALAR_BYTES[element.scalar])
        : this.#struct(element, at + i * element.bytes),
    );
  }

  #scalar(type: ScalarType, at: number): unknown {
    return this.#shown(type, this.#flat.scalar(at, type.scalar));
  }

  #shown(type: ScalarType, value: number | bigint): unknown {
    if (type.scalar === 'bool') return value !== 0;
    if (type.enum !== undefined) return nameOfValue(type.enum, value);
    if (this.#isForText && type.scalar === 'float32') return shortest(value as number);
    return value;
  }
}

/**
 * The number with the fewest digits that means this float of 32 bits: 0.1 instead of 0.10000000149011612. Nine
 * digits tell every one from the others.
 */
export function shortest(value: number): number {
  if (value === 0) return value;
  // Denormal ones have fewer digits to tell.
  const least = Math.abs(value) < 2 ** -126 ? 1 : 6;
  for (let digits = least; digits < 9; digits++) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return rounded;
  }
  return Number(value.toPrecision(9));
}

function fail(reason: string, position: number): never {
  throw new MalformedEventError(reason, position);
}
