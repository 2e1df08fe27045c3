/**
 * Writes schemas as `flatc --binary --schema` does; slots are those of reflection.fbs, as in `bfbs.ts`.
 */
import { Builder } from 'flatbuffers';
import { SchemaError } from '../errors.js';
import { SCALAR_BYTES, type ScalarKind } from './model.js';

/** Types of fields, as the schema language calls them. */
export type FieldType =
  | 'bool'
  | 'byte'
  | 'ubyte'
  | 'short'
  | 'ushort'
  | 'int'
  | 'uint'
  | 'long'
  | 'ulong'
  | 'float'
  | 'double'
  | 'string';

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

/** What the schema language calls them. */
export const WORDS: Readonly<Record<ScalarKind, FieldType>> = {
  bool: 'bool',
  int8: 'byte',
  uint8: 'ubyte',
  int16: 'short',
  uint16: 'ushort',
  int32: 'int',
  uint32: 'uint',
  int64: 'long',
  uint64: 'ulong',
  float32: 'float',
  float64: 'double',
};

/** Numbers of reflection's `BaseType`. */
const BASE_TYPES: Readonly<Record<FieldType, number>> = {
  bool: 2,
  byte: 3,
  ubyte: 4,
  short: 5,
  ushort: 6,
  int: 7,
  uint: 8,
  long: 9,
  ulong: 10,
  float: 11,
  double: 12,
  string: 13,
};
const VECTOR = 14;
const TABLE = 15;

const SCHEMA_SLOTS = { count: 8, objects: 0, enums: 1, rootTable: 4 } as const;
const OBJECT_SLOTS = { count: 8, name: 0, fields: 1, minAlign: 3 } as const;
const FIELD_SLOTS = {
  count: 14,
  name: 0,
  type: 1,
  id: 2,
  offset: 3,
  documentation: 10,
  optional: 11,
} as const;
const TYPE_SLOTS = {
  count: 6,
  base: 0,
  element: 1,
  index: 2,
  baseSize: 4,
  elementSize: 5,
} as const;
const IDENTIFIER = 'BFBS';
const REFERENCE_BYTES = 4;
/** A vtable begins with two lengths. */
const FIRST_SLOT_AT = 4;
const MAX_FIELDS = 16_000;

/**
 * The schema of a table and those within it.
 * @throws {SchemaError} a type that there is not; more fields than a table holds. Other names than
 *   identifiers, and those that are there twice, are found by whoever reads the schema
 */
export function writeSchema(root: TableDefinition): Uint8Array {
  // In the order of their names, which is how those who read a schema find them.
  const tables = inOrderOfNames(tablesWithin(root));
  const builder = new Builder(1024);
  const places = new Map(tables.map((table, index) => [table, index]));
  const written = tables.map((table) => writeTable(builder, table, places));
  const objects = writeReferences(builder, written);
  const enums = writeReferences(builder, []);
  builder.startObject(SCHEMA_SLOTS.count);
  builder.addFieldOffset(SCHEMA_SLOTS.objects, objects, 0);
  builder.addFieldOffset(SCHEMA_SLOTS.enums, enums, 0);
  builder.addFieldOffset(SCHEMA_SLOTS.rootTable, written[places.get(root) as number] as number, 0);
  builder.finish(builder.endObject(), IDENTIFIER);
  return builder.asUint8Array();
}

function tablesWithin(table: TableDefinition): TableDefinition[] {
  const within = table.fields.flatMap(({ type }) => {
    const inner = innermost(type);
    return typeof inner === 'object' ? tablesWithin(inner) : [];
  });
  return [table, ...within];
}

function innermost(type: TableFieldType): FieldType | TableDefinition {
  if (typeof type !== 'object') return type;
  return 'table' in type ? type.table : type.vector;
}

function inOrderOfNames<Named extends { readonly name: string }>(all: readonly Named[]): Named[] {
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

type Places = ReadonlyMap<TableDefinition, number>;

function writeTable(builder: Builder, { name, fields }: TableDefinition, places: Places): number {
  if (fields.length > MAX_FIELDS) {
    throw new SchemaError(`Cannot define ${name}: ${fields.length} fields, at most ${MAX_FIELDS}`);
  }
  const numbered = fields.map((field, id) => ({ ...field, id }));
  const written = inOrderOfNames(numbered).map((field) => writeField(builder, field, places));
  const fieldVector = writeReferences(builder, written);
  const tableName = builder.createString(name);
  builder.startObject(OBJECT_SLOTS.count);
  builder.addFieldOffset(OBJECT_SLOTS.name, tableName, 0);
  builder.addFieldOffset(OBJECT_SLOTS.fields, fieldVector, 0);
  builder.addFieldInt32(OBJECT_SLOTS.minAlign, 1, 0);
  return builder.endObject();
}

function writeField(
  builder: Builder,
  { name, type, id, optional = false, comment }: TableFieldDefinition & { readonly id: number },
  places: Places,
): number {
  checkType(name, type);
  const nameAt = builder.createString(name);
  const lines = comment === undefined ? [] : comment.split('\n').map((line) => ` ${line}`);
  const documentation = writeReferences(
    builder,
    lines.map((line) => builder.createString(line)),
  );
  const typeAt = writeType(builder, type, places);
  const isScalar = typeof type === 'string' && type !== 'string';
  builder.startObject(FIELD_SLOTS.count);
  builder.addFieldOffset(FIELD_SLOTS.name, nameAt, 0);
  builder.addFieldOffset(FIELD_SLOTS.type, typeAt, 0);
  builder.addFieldInt16(FIELD_SLOTS.id, id, 0);
  builder.addFieldInt16(FIELD_SLOTS.offset, FIRST_SLOT_AT + 2 * id, 0);
  if (lines.length > 0) builder.addFieldOffset(FIELD_SLOTS.documentation, documentation, 0);
  if (isScalar && optional) builder.addFieldInt8(FIELD_SLOTS.optional, 1, 0);
  return builder.endObject();
}

function checkType(field: string, type: TableFieldType): void {
  const inner = innermost(type);
  if (typeof inner === 'object' || Object.hasOwn(BASE_TYPES, inner)) return;
  throw new SchemaError(`Cannot define field ${field}: there is no type ${JSON.stringify(inner)}`);
}

function writeType(builder: Builder, type: TableFieldType, places: Places): number {
  const isVector = typeof type === 'object' && 'vector' in type;
  const inner = innermost(type);
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

function bytesOf(type: FieldType): number {
  const kind = (Object.keys(WORDS) as ScalarKind[]).find((each) => WORDS[each] === type);
  return kind === undefined ? REFERENCE_BYTES : SCALAR_BYTES[kind];
}

function writeReferences(builder: Builder, targets: readonly number[]): number {
  builder.startVector(REFERENCE_BYTES, targets.length, REFERENCE_BYTES);
  for (const target of targets.toReversed()) builder.addOffset(target);
  return builder.endVector();
}
