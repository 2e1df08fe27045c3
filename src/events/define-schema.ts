/**
 * Schemas that are made at run time, for events whose fields only the data tell: columns of a CSV, counters
 * of a machine. What is written is what `flatc --binary --schema` writes; slots are those of
 * reflection.fbs, as in `bfbs.ts`.
 */
import { Builder } from 'flatbuffers';
import { SchemaError } from '../errors.js';
import { readDocumentation } from './documentation.js';
import { SCALAR_BYTES, type ScalarKind, type TableField } from './model.js';
import { EventSchema } from './schema.js';

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

export interface FieldDefinition {
  /** A letter or `_`, then letters, digits and `_`. */
  readonly name: string;
  readonly type: FieldType;
  /** Of a scalar: left out, it is null, and not 0 (default false). Strings may be left out in any case. */
  readonly optional?: boolean;
  /** What it means, and its unit. It is kept in the schema. */
  readonly comment?: string;
}

/** An event of a schema that no compiler has seen. */
export type PlainEvent = Readonly<Record<string, unknown>>;

/**
 * Makes the schema of a table whose fields have these names and types, in this order. `name` may have a
 * namespace: `weather.Reading`.
 * @throws {SchemaError} a name that is no identifier, or is there twice; more fields than a table holds
 */
export function defineSchema(
  name: string,
  fields: readonly FieldDefinition[],
): EventSchema<PlainEvent> {
  return new EventSchema(writeSchema(name, fields), undefined);
}

/**
 * A schema with more fields at the end of its table, which may follow it in a log; `undefined` if it is of
 * a kind that `defineSchema` does not make.
 * @throws {SchemaError} as `defineSchema`
 */
export function extendSchema(
  schema: EventSchema,
  fields: readonly FieldDefinition[],
): EventSchema<PlainEvent> | undefined {
  const own = fieldDefinitions(schema);
  return own === undefined ? undefined : defineSchema(schema.name, [...own, ...fields]);
}

/**
 * The fields of a schema, as `defineSchema` takes them, or `undefined` if it has more than those can say:
 * other types, defaults, enums, deprecated or required fields.
 */
export function fieldDefinitions({
  bytes,
  model,
  root,
}: EventSchema): FieldDefinition[] | undefined {
  if (model.tables.length > 1 || root !== model.root || model.fileIdentifier !== undefined) {
    return undefined;
  }
  const documentation = readDocumentation(bytes);
  const fields = root.fields.map((field, index) => {
    const lines = documentation.get(`${root.name}.${field.name}`) ?? [];
    return definitionOf(field, index, lines.join('\n'));
  });
  return fields.some((field) => field === undefined) ? undefined : (fields as FieldDefinition[]);
}

function definitionOf(
  field: TableField,
  index: number,
  comment: string,
): FieldDefinition | undefined {
  const { id, name, type, defaultValue, isOptional, isRequired, isDeprecated } = field;
  const isPlain = id === index && Number(defaultValue) === 0 && !isRequired && !isDeprecated;
  if (!isPlain) return undefined;
  const common = comment === '' ? { name } : { name, comment };
  if (type.kind === 'string') return { ...common, type: 'string' };
  if (type.kind !== 'scalar' || type.enum !== undefined) return undefined;
  return { ...common, type: WORDS[type.scalar], ...(isOptional ? { optional: true } : {}) };
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
export const BASE_TYPES: Readonly<Record<FieldType, number>> = {
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

const SCHEMA_SLOTS = { count: 8, objects: 0, enums: 1, rootTable: 4 } as const;
const OBJECT_SLOTS = { count: 8, name: 0, fields: 1, minAlign: 3 } as const;
export const FIELD_SLOTS = {
  count: 14,
  name: 0,
  type: 1,
  id: 2,
  offset: 3,
  documentation: 10,
  optional: 11,
} as const;
export const TYPE_SLOTS = {
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

function writeSchema(name: string, fields: readonly FieldDefinition[]): Uint8Array {
  fields.forEach(checkDefinition);
  if (fields.length > MAX_FIELDS) {
    throw new SchemaError(`Cannot define ${name}: ${fields.length} fields, at most ${MAX_FIELDS}`);
  }
  const builder = new Builder(1024);
  // Vectors of what has a key are in the order of their names.
  const written = fields
    .map((field, id) => ({ field, id }))
    .sort((a, b) => (a.field.name < b.field.name ? -1 : 1))
    .map(({ field, id }) => writeField(builder, field, id));
  const table = writeObject(builder, name, written);
  return finishSchema(builder, [table], table);
}

/** A table of the schema; its fields have been written, in the order of their names. */
export function writeObject(builder: Builder, name: string, fields: readonly number[]): number {
  const fieldVector = writeReferences(builder, fields);
  const tableName = builder.createString(name);
  builder.startObject(OBJECT_SLOTS.count);
  builder.addFieldOffset(OBJECT_SLOTS.name, tableName, 0);
  builder.addFieldOffset(OBJECT_SLOTS.fields, fieldVector, 0);
  builder.addFieldInt32(OBJECT_SLOTS.minAlign, 1, 0);
  return builder.endObject();
}

/** The schema of tables, in the order of their names. */
export function finishSchema(
  builder: Builder,
  tables: readonly number[],
  root: number,
): Uint8Array {
  const objects = writeReferences(builder, tables);
  const enums = writeReferences(builder, []);
  builder.startObject(SCHEMA_SLOTS.count);
  builder.addFieldOffset(SCHEMA_SLOTS.objects, objects, 0);
  builder.addFieldOffset(SCHEMA_SLOTS.enums, enums, 0);
  builder.addFieldOffset(SCHEMA_SLOTS.rootTable, root, 0);
  builder.finish(builder.endObject(), IDENTIFIER);
  return builder.asUint8Array();
}

/** Other names, and those that are there twice, are found by whoever reads the schema. */
function checkDefinition({ name, type }: FieldDefinition): void {
  if (Object.hasOwn(BASE_TYPES, type)) return;
  throw new SchemaError(`Cannot define field ${name}: there is no type ${JSON.stringify(type)}`);
}

function writeField(builder: Builder, field: FieldDefinition, id: number): number {
  const { name, type, optional = false, comment } = field;
  const nameAt = builder.createString(name);
  const lines = comment === undefined ? [] : comment.split('\n').map((line) => ` ${line}`);
  const documentation = writeReferences(
    builder,
    lines.map((line) => builder.createString(line)),
  );
  const typeAt = writeType(builder, type);
  builder.startObject(FIELD_SLOTS.count);
  builder.addFieldOffset(FIELD_SLOTS.name, nameAt, 0);
  builder.addFieldOffset(FIELD_SLOTS.type, typeAt, 0);
  builder.addFieldInt16(FIELD_SLOTS.id, id, 0);
  builder.addFieldInt16(FIELD_SLOTS.offset, FIRST_SLOT_AT + 2 * id, 0);
  if (lines.length > 0) builder.addFieldOffset(FIELD_SLOTS.documentation, documentation, 0);
  if (type !== 'string') builder.addFieldInt8(FIELD_SLOTS.optional, optional ? 1 : 0, 0);
  return builder.endObject();
}

function writeType(builder: Builder, type: FieldType): number {
  builder.startObject(TYPE_SLOTS.count);
  builder.addFieldInt8(TYPE_SLOTS.base, BASE_TYPES[type], 0);
  builder.addFieldInt32(TYPE_SLOTS.index, -1, -1);
  builder.addFieldInt32(TYPE_SLOTS.baseSize, bytesOf(type), REFERENCE_BYTES);
  return builder.endObject();
}

export function bytesOf(type: FieldType): number {
  const kind = (Object.keys(WORDS) as ScalarKind[]).find((each) => WORDS[each] === type);
  return kind === undefined ? REFERENCE_BYTES : SCALAR_BYTES[kind];
}

export function writeReferences(builder: Builder, targets: readonly number[]): number {
  builder.startVector(REFERENCE_BYTES, targets.length, REFERENCE_BYTES);
  for (const target of targets.toReversed()) builder.addOffset(target);
  return builder.endVector();
}
