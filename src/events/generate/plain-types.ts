/**
 * Types of events as plain objects: what is encoded, and what decoding gives.
 *
 * Nothing in them is read-only, so that one object can be filled again for every event. Vectors of numbers
 * are anything with a length and elements, typed arrays among them; the others are arrays, since a text
 * has a length and texts for elements too.
 */
import {
  hasDiscriminator,
  usableFields,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
} from '../model.js';
import type { TypeNames } from './names.js';
import { alternatives, member, objectType, oneOf, type Docs } from './source.js';

/** The whole declaration of a struct, without its comment. */
export function plainStruct(struct: StructType, names: TypeNames, docs: Docs): string {
  const members = struct.fields.map(({ name, type }) =>
    member(docs(`${struct.name}.${name}`), `${name}: ${plainType(type, names)}`),
  );
  return `export interface ${names.of(struct)} ${objectType(members)}`;
}

/** The whole declaration of a table, without its comment. */
export function plainTable(table: TableType, names: TypeNames, docs: Docs): string {
  const name = names.of(table);
  const fields = usableFields(table);
  const members = fields
    .filter((field) => !hasDiscriminator(field))
    .map((field) => plainField(field, names, docs(`${table.name}.${field.name}`)));
  const unions = fields.filter(hasDiscriminator).map((field) => unionField(field, names));
  if (unions.length > 0) {
    return `export type ${name} = ${[objectType(members), ...unions].join(' & ')};`;
  }
  if (members.length === 0) return `export type ${name} = Record<string, never>;`;
  return `export interface ${name} ${objectType(members)}`;
}

/** Types of a union's members, each once. */
export function unionMembers({ members }: UnionType, names: TypeNames): string[] {
  return [...new Set(members.map(({ type }) => plainType(type, names)))];
}

function plainField(field: TableField, names: TypeNames, lines: readonly string[]): string {
  const type = plainType(field.type, names);
  if (field.isRequired) return member(lines, `${field.name}: ${type}`);
  const orNull = field.isOptional ? ' | null' : '';
  return member([...lines, ...leftOut(field)], `${field.name}?: ${type}${orNull} | undefined`);
}

/** What a scalar that is left out counts as, where it is not what everybody expects. */
function leftOut({ type, isOptional, defaultValue }: TableField): string[] {
  if (type.kind !== 'scalar' || isOptional || Number(defaultValue) === 0) return [];
  const known = type.enum?.values.find(({ value }) => value === defaultValue)?.name;
  return [`Left out, it is ${type.scalar === 'bool' ? 'true' : (known ?? defaultValue)}.`];
}

/** A union goes with the name of its member; a vector of unions with a vector of names. */
function unionField({ name, type, isRequired }: TableField, names: TypeNames): string {
  const choices =
    type.kind === 'union'
      ? type.members.map((one) => pair(name, `'${one.name}'`, plainType(one.type, names)))
      : [vectorPair(name, type, names)];
  const none = `{ ${name}_type?: undefined; ${name}?: undefined }`;
  return `(${alternatives(isRequired ? choices : [...choices, none])}\n)`;
}

function vectorPair(name: string, type: Type, names: TypeNames): string {
  const union = (type as { readonly element: UnionType }).element;
  const tags = oneOf(union.members.map((one) => `'${one.name}'`));
  return pair(name, `readonly (${tags})[]`, `readonly ${names.of(union)}[]`);
}

function pair(name: string, tag: string, value: string): string {
  return `{ ${name}_type: ${tag}; ${name}: ${value} }`;
}

function plainType(type: Type, names: TypeNames): string {
  switch (type.kind) {
    case 'scalar':
      return scalarType(type, names);
    case 'string':
      return 'string';
    case 'vector':
    case 'array': {
      const element = plainType(type.element, names);
      if (type.element.kind === 'scalar') return `ArrayLike<${element}>`;
      return `readonly ${element}[]`;
    }
    default:
      return names.of(type);
  }
}

function scalarType({ scalar, enum: of }: ScalarType, names: TypeNames): string {
  const is64Bit = scalar === 'int64' || scalar === 'uint64';
  const number = is64Bit ? 'number | bigint' : 'number';
  if (of !== undefined) return `${names.of(of)} | ${number}`;
  return scalar === 'bool' ? 'boolean' : number;
}
