/** Which fields an export as text has, and how. */
import type { EventSchema } from '../../events/schema.js';
import { usableFields, type TableType, type Type } from '../../events/model.js';
import { eventFields } from '../../query/event-fields.js';
import { fieldAt } from '../../query/fields.js';
import type { TextField } from './cells.js';

/** Whether fields that are no single values are taken apart, into columns, or written whole, as JSON. */
export type Nested = 'columns' | 'json';

/**
 * What to export of a schema's events: the named fields, or all of them.
 * @throws {TypeError} there is no such field; or, with `'columns'`, one that columns cannot hold
 */
export function textFields(
  schema: EventSchema,
  named: readonly string[] | undefined,
  nested: Nested,
): TextField[] {
  if (named !== undefined) {
    checkNames(named);
    return named.map((path) => namedField(schema, path, nested));
  }
  return nested === 'columns' ? allColumns(schema) : allWithJson(schema.root);
}

/** @throws {TypeError} there are none, or one is there twice */
function checkNames(named: readonly string[]): void {
  if (named.length === 0) throw new TypeError('Cannot export no fields');
  const twice = named.find((path, i) => named.indexOf(path) !== i);
  if (twice !== undefined) throw new TypeError(`Cannot export ${twice} twice`);
}

/** The columns among them, which the plan of an export reads. */
export function columnPaths(fields: readonly TextField[]): string[] {
  return fields.filter(({ isWhole }) => !isWhole).map(({ path }) => path);
}

function namedField(schema: EventSchema, path: string, nested: Nested): TextField {
  const isWhole = usableFields(schema.root).some(
    ({ name, type }) =>
      (name === path && !isSingle(type)) || (`${name}_type` === path && isVectorOfUnions(type)),
  );
  if (nested === 'json' && isWhole) return { path, isWhole };
  fieldAt(schema, path);
  return { path, isWhole: false };
}

function allColumns(schema: EventSchema): TextField[] {
  const fields = eventFields(schema);
  const other = fields.find(({ kind }) => kind === 'none');
  if (other !== undefined)
    throw unfit(other.path, `it is ${other.type}, which has no single value`);
  const blurred = blurredTable(schema.root, '');
  if (blurred !== undefined) {
    const why = 'where all of its fields are missing, nobody could tell whether it was there';
    throw unfit(blurred, why);
  }
  return fields.map(({ path }) => ({ path, isWhole: false }));
}

function unfit(path: string, why: string): TypeError {
  return new TypeError(
    `Cannot export ${path} as columns: ${why}. Name the fields to be exported, or choose nested: 'json'`,
  );
}

/** Fields of their own for what has a single value, JSON for everything else. */
function allWithJson(root: TableType): TextField[] {
  return usableFields(root).flatMap(({ name, type }): TextField[] => {
    const whole = { path: name, isWhole: !isSingle(type) };
    const types = { path: `${name}_type`, isWhole: type.kind !== 'union' };
    return type.kind === 'union' || isVectorOfUnions(type) ? [types, whole] : [whole];
  });
}

/** Beside them are their types, one for each. */
function isVectorOfUnions(type: Type): boolean {
  return type.kind === 'vector' && type.element.kind === 'union';
}

function isSingle(type: Type): boolean {
  return type.kind === 'scalar' || type.kind === 'string';
}

/** The first table whose columns may all be null although it is there. */
function blurredTable(table: TableType, prefix: string): string | undefined {
  for (const { name, type } of usableFields(table)) {
    const path = prefix + name;
    if (type.kind === 'table') {
      if (!tellsItself(type)) return path;
      const within = blurredTable(type, `${path}.`);
      if (within !== undefined) return within;
    }
    if (type.kind !== 'union') continue;
    // Which member is there has a column of its own.
    for (const member of type.members) {
      if (member.type.kind !== 'table') continue;
      const within = blurredTable(member.type, `${path}.${member.name}.`);
      if (within !== undefined) return within;
    }
  }
  return undefined;
}

/** Whether some column is never null where the table is there. */
function tellsItself(table: TableType): boolean {
  return usableFields(table).some(({ type, isOptional, isRequired }) => {
    if (type.kind === 'scalar') return !isOptional;
    if (type.kind === 'union') return true;
    return isRequired && (type.kind !== 'table' || tellsItself(type));
  });
}
