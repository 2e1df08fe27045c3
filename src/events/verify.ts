/**
 * Verifies that bytes are an event of a schema, so that whatever reads it later, in any language, stays
 * within it. What is demanded is what the verifiers that `flatc` generates for C++ demand, and what they
 * refuse is refused, unless it is within a byte vector that holds another FlatBuffer:
 *
 * - Distances lead forward, by at least 1, to a place within the event; a vtable, a table with all of its
 *   fields, a vector with all of its elements lie within it.
 * - What is aligned is counted from the event's start: distances, counts and tables to 4, vtables to 2,
 *   scalars to their size, structs to theirs. A record of a log begins at a multiple of 8 in memory, so
 *   that scalars are aligned there, too, and typed arrays can lie on vectors; a struct aligned to 16 by
 *   `force_align` is so within the event only.
 * - A string has a 0 behind it. Whether it is UTF-8 is not asked: readers put U+FFFD for what is not.
 * - Required fields are there. The vector of a vector of unions' types has its length.
 * - Tables are nested 64 deep at most, and at most a million are visited.
 *
 * Stricter than C++: fields lie behind the first four bytes of a table and within the size that its
 * vtable tells; elements of vectors are aligned (C++ looks at the count only); elements of vectors are not
 * at a distance of 0; a required union has a type; deprecated fields are looked at; what is shared by many
 * distances may not add up to more than `MAX_EXCESS`. No builder makes events that differ in this.
 *
 * What a union holds whose type the schema does not know is not looked at: nobody who goes by this
 * schema can read it. The same holds for fields of a newer schema.
 */
import { MalformedEventError } from '../errors.js';
import { fieldPath } from './field-path.js';
import { DISTANCE_BYTES, SLOT_BYTES, VTABLE_HEADER_BYTES } from './flat-bytes.js';
import { MAX_DEPTH, MAX_EXCESS, MAX_TABLES } from './limits.js';
import type { EventSchema } from './schema.js';
import {
  INLINE,
  STRING,
  STRING_VECTOR,
  TABLE,
  TABLE_VECTOR,
  UNION,
  UNION_VECTOR,
  planVerification,
  type FieldPlan,
  type MemberPlan,
  type TablePlan,
} from './verify-plan.js';

export interface VerifyEventOptions {
  /** Whether the schema's file identifier, if it has one, must be there. Default: true. */
  readonly identifier?: boolean;
}

/**
 * Throws if the bytes are no event of this schema. Returns for every input, after a time that is bounded
 * by the event's length and a million tables.
 * @throws {MalformedEventError} says what is wrong, where, and in which field
 */
export function verifyEvent(
  schema: EventSchema,
  bytes: Uint8Array,
  { identifier = true }: VerifyEventOptions = {},
): void {
  eventVerifier(schema).verify(bytes, 0, bytes.length, identifier);
}

const verifiers = new WeakMap<EventSchema, EventVerifier>();

/** The verifier of a schema, which allocates nothing when it verifies. Always the same one. */
export function eventVerifier(schema: EventSchema): EventVerifier {
  const known = verifiers.get(schema);
  if (known !== undefined) return known;
  const made = new EventVerifier(schema);
  verifiers.set(schema, made);
  return made;
}

const NOTHING = new Uint8Array(0);
const NO_INDEX = -1;

/** Not to be used by two at once, which nobody can in one thread: it calls nothing from outside. */
export class EventVerifier {
  readonly #root: TablePlan;
  readonly #identifier: string | undefined;
  #bytes: Uint8Array = NOTHING;
  #from = 0;
  #to = 0;
  #depth = 0;
  #tables = 0;
  #left = 0;
  /** Where it is, by depth: the field, and in a vector the index. For errors. */
  readonly #fields: string[] = Array.from({ length: MAX_DEPTH + 1 }, () => '');
  readonly #indexes = new Int32Array(MAX_DEPTH + 1);

  constructor(schema: EventSchema) {
    this.#root = planVerification(schema.root);
    this.#identifier = schema.fileIdentifier;
  }

  /**
   * As `verifyEvent`, for the event that lies in `bytes` at `from`, up to `to`, both positions within
   * them. Positions in errors count from `from`.
   */
  verify(bytes: Uint8Array, from: number, to: number, identifier: boolean): void {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#depth = 0;
    this.#tables = 0;
    this.#left = to - from + MAX_EXCESS;
    try {
      if (to - from < 2 * DISTANCE_BYTES) this.#fail('it is too short', from);
      if (identifier && this.#identifier !== undefined) this.#checkIdentifier(this.#identifier);
      this.#table(this.#root, this.#follow(from));
    } finally {
      // A view would keep the segment mapped.
      this.#bytes = NOTHING;
    }
  }

  #checkIdentifier(expected: string): void {
    const at = this.#from + DISTANCE_BYTES;
    const found = String.fromCharCode(...this.#bytes.subarray(at, at + 4));
    if (found === expected) return;
    const [should, is] = [JSON.stringify(expected), JSON.stringify(found)];
    this.#fail(`expected the file identifier ${should}, found ${is}`, at);
  }

  #table(plan: TablePlan, at: number): void {
    const { fields } = plan;
    this.#enter(fields.length, at);
    const vtable = this.#vtable(at);
    const vtableBytes = this.#u16(vtable);
    const tableBytes = this.#u16(vtable + SLOT_BYTES);
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i] as FieldPlan;
      this.#fields[this.#depth] = field.name;
      const distance = field.slot < vtableBytes ? this.#u16(vtable + field.slot) : 0;
      if (distance === 0) {
        this.#checkAbsence(field, at);
        continue;
      }
      if (distance < DISTANCE_BYTES || distance + field.bytes > tableBytes) {
        this.#fail('a field lies outside of its table', at + distance);
      }
      this.#checkAligned(at + distance, field.mask);
      if (field.kind !== INLINE) this.#reference(field, at + distance, at);
      this.#indexes[this.#depth] = NO_INDEX;
    }
    this.#depth--;
  }

  #enter(fields: number, at: number): void {
    const depth = this.#depth + 1;
    if (depth > MAX_DEPTH) this.#fail(`tables are nested deeper than ${MAX_DEPTH}`, at);
    if (++this.#tables > MAX_TABLES) this.#fail(`there are more than ${MAX_TABLES} tables`, at);
    this.#spend(fields, at);
    this.#fields[depth] = '';
    this.#indexes[depth] = NO_INDEX;
    this.#depth = depth;
  }

  #vtable(at: number): number {
    this.#checkAligned(at, 3);
    this.#checkInside(at, 4, 'a table');
    const vtable = at - this.#i32(at);
    this.#checkInside(vtable, VTABLE_HEADER_BYTES, 'a vtable');
    this.#checkAligned(vtable, 1);
    const vtableBytes = this.#u16(vtable);
    const tableBytes = this.#u16(vtable + SLOT_BYTES);
    if (vtableBytes < VTABLE_HEADER_BYTES || (vtableBytes & 1) !== 0 || tableBytes < 4) {
      this.#fail('a vtable has impossible sizes', vtable);
    }
    this.#checkInside(vtable, vtableBytes, 'a vtable');
    this.#checkInside(at, tableBytes, 'a table');
    return vtable;
  }

  #checkAbsence(field: FieldPlan, table: number): void {
    if (field.isRequired) this.#fail('a required field is missing', table);
    if (field.kind === UNION_VECTOR && this.#discriminator(field, table) !== 0) {
      this.#fail('types of unions without the unions', table);
    }
    // C++ takes a type without its table or string for nothing, but not one without its struct.
    if (field.kind === UNION && field.members[this.#tag(field, table)]?.kind === INLINE) {
      this.#fail('a union has a type, but nothing of it', table);
    }
  }

  #reference(field: FieldPlan, at: number, table: number): void {
    const target = this.#follow(at);
    switch (field.kind) {
      case STRING:
        this.#string(target);
        return;
      case TABLE:
        this.#table(field.table as TablePlan, target);
        return;
      case UNION:
        this.#union(field, target, table);
        return;
      case UNION_VECTOR:
        this.#unions(field, target, table);
        return;
      default:
        this.#vector(target, field.elementBytes, field.elementMask);
        if (field.kind === STRING_VECTOR) this.#strings(target);
        else if (field.kind === TABLE_VECTOR) this.#tablesAt(field.table as TablePlan, target);
    }
  }

  #string(at: number): void {
    const end = at + DISTANCE_BYTES + this.#vector(at, 1, 0);
    this.#checkInside(end, 1, 'the end of a string');
    if (this.#bytes[end] !== 0) this.#fail('a string without a 0 behind it', end);
  }

  #strings(vector: number): void {
    const count = this.#u32(vector);
    for (let i = 0; i < count; i++) {
      this.#indexes[this.#depth] = i;
      this.#string(this.#follow(elementAt(vector, i)));
    }
  }

  #tablesAt(plan: TablePlan, vector: number): void {
    const count = this.#u32(vector);
    for (let i = 0; i < count; i++) {
      this.#indexes[this.#depth] = i;
      this.#table(plan, this.#follow(elementAt(vector, i)));
    }
  }

  // --- Unions ---

  #union(field: FieldPlan, target: number, table: number): void {
    const tag = this.#tag(field, table);
    if (tag === 0 && field.isRequired) this.#fail('a required field is missing', table);
    const member = field.members[tag];
    if (member !== undefined) this.#member(member, target);
  }

  #unions(field: FieldPlan, vector: number, table: number): void {
    const count = this.#vector(vector, DISTANCE_BYTES, DISTANCE_BYTES - 1);
    const at = this.#discriminator(field, table);
    if (at === 0) this.#fail('a vector of unions without their types', table);
    // Verified as a field of its own, before.
    const tags = at + this.#u32(at);
    if (this.#u32(tags) !== count) {
      this.#fail('a vector of unions and that of their types differ in length', vector);
    }
    for (let i = 0; i < count; i++) {
      const member = field.members[this.#bytes[tags + DISTANCE_BYTES + i] as number];
      if (member === undefined) continue;
      this.#indexes[this.#depth] = i;
      this.#member(member, this.#follow(elementAt(vector, i)));
    }
  }

  #member(member: MemberPlan, target: number): void {
    if (member.kind === TABLE) this.#table(member.table as TablePlan, target);
    else if (member.kind === STRING) this.#string(target);
    else {
      this.#checkAligned(target, member.mask);
      this.#checkInside(target, member.bytes, 'a struct');
    }
  }

  #tag(field: FieldPlan, table: number): number {
    const at = this.#discriminator(field, table);
    return at === 0 ? 0 : (this.#bytes[at] as number);
  }

  /** Position of a union's type, or of the distance to the types of a vector of them; 0 for none. */
  #discriminator(field: FieldPlan, table: number): number {
    const vtable = table - this.#i32(table);
    const slot = field.slot - SLOT_BYTES;
    const distance = slot < this.#u16(vtable) ? this.#u16(vtable + slot) : 0;
    return distance === 0 ? 0 : table + distance;
  }

  // --- Bytes ---

  /** Number of elements. Those of an empty vector are aligned to nothing. */
  #vector(at: number, elementBytes: number, elementMask: number): number {
    this.#checkAligned(at, DISTANCE_BYTES - 1);
    this.#checkInside(at, DISTANCE_BYTES, 'a vector');
    const count = this.#u32(at);
    const bytes = count * elementBytes;
    if (at + DISTANCE_BYTES + bytes > this.#to) {
      this.#fail(`a vector of ${count} elements lies outside of the event`, at);
    }
    if (count > 0) this.#checkAligned(at + DISTANCE_BYTES, elementMask);
    this.#spend(bytes, at);
    return count;
  }

  #follow(at: number): number {
    const distance = this.#i32(at);
    if (distance === 0) this.#fail('a distance of 0', at);
    const target = at + distance;
    if (distance < 0 || target >= this.#to) this.#fail('a distance leads out of the event', at);
    return target;
  }

  #spend(amount: number, at: number): void {
    this.#left -= amount;
    if (this.#left < 0) this.#fail('what is shared adds up to more than the limit', at);
  }

  #checkInside(at: number, bytes: number, what: string): void {
    if (at >= this.#from && at + bytes <= this.#to) return;
    this.#fail(`${what} lies outside of the event`, at);
  }

  #checkAligned(at: number, mask: number): void {
    if (((at - this.#from) & mask) === 0) return;
    this.#fail(`not aligned to ${mask + 1} bytes`, at);
  }

  #u16(at: number): number {
    const bytes = this.#bytes;
    return (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  }

  #i32(at: number): number {
    return this.#u16(at) | (this.#u16(at + 2) << 16);
  }

  #u32(at: number): number {
    return this.#i32(at) >>> 0;
  }

  #fail(reason: string, at: number): never {
    const path: (string | number)[] = [];
    for (let depth = 1; depth <= this.#depth; depth++) {
      const field = this.#fields[depth] as string;
      if (field !== '') path.push(field);
      const index = this.#indexes[depth] as number;
      if (index !== NO_INDEX) path.push(index);
    }
    throw new MalformedEventError(reason, at - this.#from, fieldPath(path));
  }
}

function elementAt(vector: number, index: number): number {
  return vector + DISTANCE_BYTES + DISTANCE_BYTES * index;
}
