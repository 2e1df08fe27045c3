/**
 * Schemas that are made at run time, of more than one table: for data whose own types are nested. What is
 * written is what `flatc --binary --schema` writes.
 */
import { Builder } from 'flatbuffers';
import { SchemaError } from '../errors.js';
import {
  BASE_TYPES,
  FIELD_SLOTS,
  TYPE_SLOTS,
  bytesOf,
  defineSchema,
  finishSchema,
  writeObject,
  writeReferences,
  type FieldDefinition,
  type FieldType,
  type PlainEvent,
} from './define-schema.js';
import { EventSchema } from './schema.js';

/** A scalar or a string; a table; or a vector of those. */
export type TableFieldType =
  | FieldType
  | { readonly table: TableDefinition }
  | { readonly vector: FieldType | TableDefinition };

export interface TableFieldDefinition {
  readonly name: string;
  readonly type: TableFieldType;
  /** Of a scalar: left out, it is null. All else may be left out in any case. */
  readonly optional?: boolean;
  readonly comment?: string;
}

/** A table with its fields, in their order. Names of tables must differ. */
export interface TableDefinition {
  readonly name: string;
  readonly fields: readonly TableFieldDefinition[];
}

const VECTOR = 14;
const TABLE = 15;
const REFERENCE_BYTES = 4;
const FIRST_SLOT_AT = 4;
const MAX_FIELDS = 16_000;

/**
 * @internal Makes the schema of a table and those within it.
 * @throws {SchemaError} a name that is no identifier, or is there twice; more fields than a table holds
 */
export function defineTables(root: TableDefinition): EventSchema<PlainEvent> {
  const isFlat = root.fields.every(({ type }) => typeof type === 'string');
  if (isFlat) return defineSchema(root.name, root.fields as readonly FieldDefinition[]);
  // In the order of their names, which is how those who read a schema find them.
  const tables = tablesWithin(root).sort((a, b) => (a.name < b.name ? -1 : 1));
  const builder = new Builder(1024);
  const places = new Map(tables.map((table, index) => [table, index]));
  const objects = tables.map((table) => writeTable(builder, table, places));
  const bytes = finishSchema(builder, objects, objects[places.get(root) as number] as number);
  return new EventSchema(bytes, undefined);
}

function tablesWithin(table: TableDefinition): TableDefinition[] {
  const within = table.fields.flatMap(({ type }) => {
    if (typeof type === 'string') return [];
    const inner = 'table' in type ? type.table : type.vector;
    return typeof inner === 'string' ? [] : tablesWithin(inner);
  });
  return [table, ...within];
}

type Places = ReadonlyMap<TableDefinition, number>;

function writeTable(builder: Builder, { name, fields }: TableDefinition, places: Places): number {
  if (fields.length > MAX_FIELDS) {
    throw new SchemaError(`Cannot define ${name}: ${fields.length} fields, at most ${MAX_FIELDS}`);
  }
  const written = fields
    .map((field, id) => ({ field, id }))
    .sort((a, b) => (a.field.name < b.field.name ? -1 : 1))
    .map(({ field, id }) => writeField(builder, field, id, places));
  return writeObject(builder, name, written);
}

function writeField(
  builder: Builder,
  { name, type, optional = false, comment }: TableFieldDefinition,
  id: number,
  places: Places,
): number {
  const nameAt = builder.createString(name);
  const lines = comment === undefined ? [] : [builder.createString(` ${comment}`)];
  const documentation = writeReferences(builder, lines);
  const typeAt = writeType(builder, type, places);
  builder.startObject(FIELD_SLOTS.count);
  builder.addFieldOffset(FIELD_SLOTS.name, nameAt, 0);
  builder.addFieldOffset(FIELD_SLOTS.type, typeAt, 0);
  builder.addFieldInt16(FIELD_SLOTS.id, id, 0);
  builder.addFieldInt16(FIELD_SLOTS.offset, FIRST_SLOT_AT + 2 * id, 0);
  if (lines.length > 0) builder.addFieldOffset(FIELD_SLOTS.documentation, documentation, 0);
  if (optional) builder.addFieldInt8(FIELD_SLOTS.optional, 1, 0);
  return builder.endObject();
}

function writeType(builder: Builder, type: TableFieldType, places: Places): number {
  const isVector = typeof type === 'object' && 'vector' in type;
  const inner = typeof type === 'string' ? type : 'table' in type ? type.table : type.vector;
  const base = typeof inner === 'string' ? BASE_TYPES[inner] : TABLE;
  const bytes = typeof inner === 'string' ? bytesOf(inner) : REFERENCE_BYTES;
  const index = typeof inner === 'string' ? -1 : (places.get(inner) as number);
  builder.startObject(TYPE_SLOTS.count);
  builder.addFieldInt8(TYPE_SLOTS.base, isVector ? VECTOR : base, 0);
  if (isVector) builder.addFieldInt8(TYPE_SLOTS.element, base, 0);
  builder.addFieldInt32(TYPE_SLOTS.index, index, -1);
  builder.addFieldInt32(TYPE_SLOTS.baseSize, isVector ? REFERENCE_BYTES : bytes, REFERENCE_BYTES);
  if (isVector) builder.addFieldInt32(TYPE_SLOTS.elementSize, bytes, 0);
  return builder.endObject();
}
