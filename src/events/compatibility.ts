/**
 * Which changes a log's schema may see. Old events stay as they are, and readers with an older schema stay
 * open, so a change has to hold both ways: old events under the new schema, and new events under the old.
 * The rules are those of https://flatbuffers.dev/evolution/, and where that says "with care", no.
 *
 * Allowed: fields at the end of tables, with whatever default; fields that become deprecated; enum values;
 * union members with new numbers; other names of nested types, which stand neither in events nor in JSON.
 *
 * Not allowed:
 * - other defaults. A value that equals the default is left out of the event: old ones would change
 * - other names of fields, enum values and union members. The bytes would not tell, but JSON and queries
 *   go by name, and `temperature` that becomes `pressure` looks the same. What is deprecated may be
 *   renamed: nobody reads it any more
 * - required or not required, either way: old events lack what is required now, old readers rely on what
 *   was; a required field can therefore not be deprecated
 * - deprecated fields that come back: events in between lack them, and nobody would notice
 */
import type {
  EnumType,
  ScalarType,
  StructType,
  TableField,
  TableType,
  Type,
  UnionType,
} from './model.js';
import type { EventSchema } from './schema.js';

/**
 * Why events of one schema cannot be taken for events of another that is to follow it: a sentence for each
 * difference that is not allowed, none if all are.
 */
export function compareSchemas(older: EventSchema, newer: EventSchema): string[] {
  if (older.name !== newer.name) return [`the root table was ${older.name}, is ${newer.name}`];
  const comparison = new Comparison();
  comparison.identifiers(older.fileIdentifier, newer.fileIdentifier);
  comparison.tables(older.root, newer.root);
  return comparison.differences;
}

class Comparison {
  readonly differences: string[] = [];
  /** Pairs of types that have been compared, or are being: schemas may be cyclic. */
  readonly #seen = new Map<unknown, Set<unknown>>();

  identifiers(older: string | undefined, newer: string | undefined): void {
    if (older === newer) return;
    const shown = (each: string | undefined): string =>
      each === undefined ? 'none' : JSON.stringify(each);
    this.differences.push(`the file identifier was ${shown(older)}, is ${shown(newer)}`);
  }

  tables(older: TableType, newer: TableType): void {
    if (!this.#isFirst(older, newer)) return;
    for (const field of older.fields) this.#field(field, older, newer);
    const slots = older.fields.at(-1)?.id ?? -1;
    for (const { id, name, isRequired } of newer.fields) {
      if (id <= slots || !isRequired) continue;
      this.#differ(`${older.name}.${name}`, 'is new and required, and old events lack it');
    }
  }

  // --- Tables ---

  #field(field: TableField, older: TableType, newer: TableType): void {
    const where = `${older.name}.${field.name}`;
    const now = newer.fields.find(({ id }) => id === field.id);
    if (now === undefined || (now.name !== field.name && !now.isDeprecated)) {
      return this.#differ(where, whereabouts(field, now, newer));
    }
    if (field.isDeprecated && !now.isDeprecated) this.#differ(where, 'was deprecated, is not');
    this.#types(field.type, now.type, where);
    this.#presence(field, now, where);
  }

  #presence(older: TableField, newer: TableField, where: string): void {
    const before = older.isOptional ? null : older.defaultValue;
    const after = newer.isOptional ? null : newer.defaultValue;
    if (older.type.kind === newer.type.kind && !Object.is(before, after)) {
      this.#differ(where, `had the default ${before}, has ${after}`);
    }
    if (older.isRequired !== newer.isRequired) {
      this.#differ(where, older.isRequired ? 'was required, is not' : 'was not required, is now');
    } else if (older.isRequired && newer.isDeprecated && !older.isDeprecated) {
      this.#differ(where, 'is required, so it cannot be deprecated');
    }
  }

  // --- Types ---

  #types(older: Type, newer: Type, where: string): void {
    if (!isSameForm(older, newer)) {
      return this.#differ(where, `was ${describeType(older)}, is ${describeType(newer)}`);
    }
    if (older.kind === 'scalar' && newer.kind === 'scalar') this.#scalars(older, newer);
    else if (older.kind === 'table' && newer.kind === 'table') this.tables(older, newer);
    else if (older.kind === 'struct' && newer.kind === 'struct') this.#structs(older, newer);
    else if (older.kind === 'union' && newer.kind === 'union') this.#unions(older, newer);
    else if ('element' in older && 'element' in newer) {
      this.#types(older.element, newer.element, where);
    }
  }

  #scalars({ enum: older }: ScalarType, { enum: newer }: ScalarType): void {
    if (older !== undefined && newer !== undefined) this.#enums(older, newer);
  }

  #enums(older: EnumType, newer: EnumType): void {
    if (!this.#isFirst(older, newer)) return;
    const { name } = older;
    if (older.underlying !== newer.underlying) {
      this.#differ(name, `was of ${older.underlying}, is of ${newer.underlying}`);
    }
    if (older.isBitFlags !== newer.isBitFlags) {
      this.#differ(name, older.isBitFlags ? 'was bit flags, is not' : 'was not bit flags, is now');
    }
    for (const before of older.values) {
      const now = newer.values.find((each) => each.name === before.name);
      const renamed = newer.values.find(({ value }) => value === before.value);
      if (now?.value === before.value) continue;
      this.#differ(`${name}.${before.name}`, fate(before.value, now?.value, renamed?.name));
    }
  }

  #unions(older: UnionType, newer: UnionType): void {
    if (!this.#isFirst(older, newer)) return;
    for (const before of older.members) {
      const where = `${older.name}.${before.name}`;
      const now = newer.members.find(({ tag }) => tag === before.tag);
      if (now?.name === before.name) {
        this.#types(before.type, now.type, where);
      } else {
        const moved = newer.members.find((each) => each.name === before.name);
        this.#differ(where, fate(before.tag, moved?.tag, now?.name));
      }
    }
  }

  /** Structs have no room for changes: every byte has its place. */
  #structs(older: StructType, newer: StructType): void {
    if (!this.#isFirst(older, newer)) return;
    for (const before of older.fields) {
      const where = `${older.name}.${before.name}`;
      const now = newer.fields.find(({ name }) => name === before.name);
      const renamed = newer.fields.find(({ at }) => at === before.at);
      if (now?.at === before.at) this.#types(before.type, now.type, where);
      else this.#differ(where, `${fate(before.at, now?.at, renamed?.name, 'byte ')}, in a struct`);
    }
    for (const { name } of newer.fields) {
      if (older.fields.some((before) => before.name === name)) continue;
      this.#differ(`${older.name}.${name}`, 'was added to a struct, which cannot change');
    }
    this.#sizes(older, newer);
  }

  #sizes(older: StructType, newer: StructType): void {
    if (older.bytes === newer.bytes && older.align === newer.align) return;
    const size = ({ bytes, align }: StructType): string => `${bytes} bytes aligned to ${align}`;
    this.#differ(older.name, `was ${size(older)}, is ${size(newer)}`);
  }

  #isFirst(older: unknown, newer: unknown): boolean {
    const seen = this.#seen.get(older) ?? new Set();
    this.#seen.set(older, seen);
    return seen.size < seen.add(newer).size;
  }

  #differ(where: string, what: string): void {
    this.differences.push(`${where}: ${what}`);
  }
}

/** Where a field is now that is not at its id any more, or not by its name. */
function whereabouts(field: TableField, now: TableField | undefined, newer: TableType): string {
  const moved = newer.fields.find(({ name }) => name === field.name);
  if (moved !== undefined) return `had id ${field.id}, has id ${moved.id}`;
  if (now === undefined) return 'was removed; a field that is not used any more is deprecated';
  return `its id ${field.id} is that of ${now.name} now`;
}

/** What has become of what had a number and a name. */
function fate(
  before: number | bigint,
  now: number | bigint | undefined,
  renamed: string | undefined,
  unit = '',
): string {
  if (now !== undefined) return `was ${unit}${before}, is ${unit}${now}`;
  return renamed === undefined ? 'was removed' : `is called ${renamed} now`;
}

/** Whether two types are alike but for what is inside of named ones. */
function isSameForm(older: Type, newer: Type): boolean {
  if (older.kind === 'scalar' && newer.kind === 'scalar') {
    const areEnums = older.enum !== undefined && newer.enum !== undefined;
    return areEnums || (older.scalar === newer.scalar && older.enum === newer.enum);
  }
  if (older.kind === 'vector' && newer.kind === 'vector') {
    return isSameForm(older.element, newer.element);
  }
  if (older.kind === 'array' && newer.kind === 'array') {
    return older.length === newer.length && isSameForm(older.element, newer.element);
  }
  return older.kind === newer.kind;
}

/** As a sentence about a schema names it. */
export function describeType(type: Type): string {
  switch (type.kind) {
    case 'scalar':
      return type.enum === undefined ? type.scalar : `enum ${type.enum.name}`;
    case 'string':
      return 'string';
    case 'vector':
      return `[${describeType(type.element)}]`;
    case 'array':
      return `[${describeType(type.element)}:${type.length}]`;
    default:
      return `${type.kind} ${type.name}`;
  }
}
