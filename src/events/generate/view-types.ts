/** Types of views, the flyweights that read events in place: what `compileView` says of them. */
import {
  TYPED_ARRAYS,
  hasDiscriminator,
  usableFields,
  type ArrayType,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
  type VectorType,
} from '../model.js';
import type { NamedType, TypeNames } from './names.js';
import { alternatives, member, objectType, oneOf, type Docs } from './source.js';

/** Whether its view has an `EventVector`. */
export function hasVectorView(type: NamedType): boolean {
  if (type.kind !== 'struct' && type.kind !== 'table') return false;
  const fields = type.kind === 'table' ? usableFields(type) : type.fields;
  return fields.some((field) => 'element' in field.type && field.type.element.kind !== 'scalar');
}

/** The whole declaration of a struct's view, without its comment. */
export function structView(struct: StructType, names: TypeNames, docs: Docs): string {
  const members = struct.fields.map(({ name, type }) =>
    getter(docs(`${struct.name}.${name}`), name, viewType(type, names)),
  );
  return `export interface ${names.viewOf(struct)} extends FieldsView ${objectType(members)}`;
}

/** The whole declaration of a table's view, without its comment. */
export function tableView(table: TableType, names: TypeNames, docs: Docs): string {
  const name = names.viewOf(table);
  const fields = usableFields(table);
  const members = fields
    .filter(({ type }) => type.kind !== 'union')
    .flatMap((field) => fieldGetters(field, names, docs(`${table.name}.${field.name}`)));
  const unions = fields.flatMap((field) =>
    field.type.kind === 'union' ? [unionGetters(field, field.type, names)] : [],
  );
  if (unions.length === 0) {
    return `export interface ${name} extends FieldsView ${objectType(members)}`;
  }
  const parts = ['FieldsView', ...(members.length > 0 ? [objectType(members)] : []), ...unions];
  return `export type ${name} = ${parts.join(' & ')};`;
}

function getter(lines: readonly string[], name: string, type: string): string {
  return member(lines, `readonly ${name}: ${type}`);
}

function fieldGetters(field: TableField, names: TypeNames, lines: readonly string[]): string[] {
  const { name, type, isOptional, isRequired } = field;
  const absent = absence(type, isOptional, isRequired);
  const made = [getter(lines, name, viewType(type, names) + absent)];
  if (!hasDiscriminator(field)) return made;
  const union = (type as VectorType).element as UnionType;
  const tags = `EventVector<${[...tagsOf(union), 'number', 'undefined'].join(' | ')}>`;
  return [member([], `readonly ${name}_type: ${tags}${absent}`), ...made];
}

/** What a getter gives for a field that is left out, apart from its default. */
function absence(type: Type, isOptional: boolean, isRequired: boolean): string {
  if (isOptional) return ' | null';
  return type.kind === 'scalar' || isRequired ? '' : ' | undefined';
}

/** The name of the member tells what it is; a number is one of a newer schema. */
function unionGetters(
  { name, isRequired }: TableField,
  union: UnionType,
  names: TypeNames,
): string {
  const known = union.members.map((one) => pair(name, `'${one.name}'`, viewType(one.type, names)));
  const other = pair(name, isRequired ? 'number' : 'number | undefined', 'undefined');
  return `(${alternatives([...known, other])}\n)`;
}

function pair(name: string, tag: string, value: string): string {
  return `{ readonly ${name}_type: ${tag}; readonly ${name}: ${value} }`;
}

function tagsOf({ members }: UnionType): string[] {
  return members.map(({ name }) => `'${name}'`);
}

function viewType(type: Type, names: TypeNames): string {
  switch (type.kind) {
    case 'scalar':
      return scalarView(type, names);
    case 'string':
      return 'string';
    case 'vector':
    case 'array':
      return vectorView(type, names);
    case 'union':
      return oneOf([...new Set(type.members.map((one) => viewType(one.type, names)))]);
    default:
      return names.viewOf(type);
  }
}

function vectorView({ element }: VectorType | ArrayType, names: TypeNames): string {
  // Also of enums and booleans, by number.
  if (element.kind === 'scalar') return TYPED_ARRAYS[element.scalar];
  const orUnknown = element.kind === 'union' ? ' | undefined' : '';
  return `EventVector<${viewType(element, names)}${orUnknown}>`;
}

/** Enums by name, or by number where they have none. */
function scalarView({ scalar, enum: of }: ScalarType, names: TypeNames): string {
  if (of === undefined) return scalar === 'bool' ? 'boolean' : 'number';
  const is64Bit = scalar === 'int64' || scalar === 'uint64';
  return `${names.of(of)} | ${is64Bit ? 'number | bigint' : 'number'}`;
}
