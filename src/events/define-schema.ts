/**
 * Schemas that are made at run time, for events whose fields only the data tell: columns of a CSV, counters
 * of a machine.
 */
import { readDocumentation } from './documentation.js';
import type { TableField } from './model.js';
import { EventSchema } from './schema.js';
import { WORDS, writeSchema, type FieldType, type TableDefinition } from './write-schema.js';

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
  return defineTables({ name, fields });
}

/**
 * @internal As `defineSchema`, of a table and those within it.
 * @throws {SchemaError} as `defineSchema`
 */
export function defineTables(root: TableDefinition): EventSchema<PlainEvent> {
  return new EventSchema(writeSchema(root), undefined);
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
