/**
 * What columns a Parquet file of events has: a tree for each field of the root table, whose leaves are what
 * is stored.
 */
import type { SchemaElement } from 'hyparquet';
import { nameOfValue, valueOfName } from '../../events/enum-names.js';
import {
  isUnionVector,
  usableFields,
  type ArrayType,
  type EnumType,
  type ScalarKind,
  type ScalarType,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionType,
} from '../../events/model.js';
import type { EventSchema } from '../../events/schema.js';
import { OFFSET_FIELD, TIME_FIELD, fieldAt } from '../../query/fields.js';
import { isTimeField, unitNsOf } from '../../query/time-units.js';
import { toJsonText } from '../../events/json-text.js';

/** What is asked for. Plain data. */
export interface ShapeChoices {
  readonly fields: readonly string[] | undefined;
  readonly nested: 'columns' | 'json';
  readonly enums: 'names' | 'numbers';
  readonly times: 'timestamps' | 'integers';
}

type TimeUnit = 'MILLIS' | 'MICROS' | 'NANOS';

/** What a leaf's values are. */
export type Holding =
  | { readonly kind: 'scalar'; readonly scalar: ScalarKind; readonly unit: TimeUnit | undefined }
  /** Offsets of events: numbers that are 64-bit integers in the file. */
  | { readonly kind: 'offset' }
  | { readonly kind: 'names'; readonly of: EnumType }
  | { readonly kind: 'string' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'json' };

export interface LeafShape {
  readonly kind: 'leaf';
  readonly name: string;
  /** As people call it. */
  readonly path: string;
  readonly isOptional: boolean;
  readonly holds: Holding;
  /** From the value as it is decoded to what the leaf stores: a number, bigint, text, or bytes. */
  readonly convert: (value: unknown) => unknown;
}

export interface GroupShape {
  readonly kind: 'group';
  readonly name: string;
  readonly isOptional: boolean;
  readonly children: readonly Child[];
}

export interface ListShape {
  readonly kind: 'list';
  readonly name: string;
  readonly isOptional: boolean;
  readonly element: Shape;
}

export type Shape = LeafShape | GroupShape | ListShape;

/** A part of a group, and how it is read of the group's value. */
export interface Child {
  readonly shape: Shape;
  readonly read: (parent: Readonly<Record<string, unknown>>) => unknown;
}

/** A column of the file, and where its values come from. */
export interface RootColumn {
  readonly shape: Shape;
  /**
   * Columns of the export's plan, one for each leaf in order; or a field that is decoded, for JSON or to be
   * taken apart.
   */
  readonly source:
    | { readonly kind: 'columns'; readonly paths: readonly string[] }
    | { readonly kind: 'whole' | 'text'; readonly read: Child['read']; readonly field: string };
}

/** @throws {TypeError} there is no such field, or the format cannot hold one */
export function rootColumns(schema: EventSchema, choices: ShapeChoices): RootColumn[] {
  const maker = new ShapeMaker(schema, choices);
  const own = usableFields(schema.root);
  if (choices.fields === undefined) return own.flatMap((field) => maker.rootField(field));
  return choices.fields.flatMap((path) => {
    const field = own.find(({ name }) => name === path);
    return field === undefined ? maker.flat(path) : maker.rootField(field);
  });
}

class ShapeMaker {
  readonly #schema: EventSchema;
  readonly #choices: ShapeChoices;

  constructor(schema: EventSchema, choices: ShapeChoices) {
    this.#schema = schema;
    this.#choices = choices;
  }

  /** A column that a path leads to; it may be missing wherever something on the way is. */
  flat(path: string): RootColumn {
    const source = { kind: 'columns', paths: [path] } as const;
    const field = fieldAt(this.#schema, path);
    if (path === OFFSET_FIELD) {
      return { shape: leafOf(path, path, false, { kind: 'offset' }), source };
    }
    if (path === TIME_FIELD) return { shape: leafOf(path, path, false, scalar('float64')), source };
    const type = typeAt(field.kind === 'string', field.enum, this.#schema, path);
    return { shape: this.#leaf(type, path, path, true), source };
  }

  rootField(field: TableField): RootColumn[] {
    const { name, type, isOptional, isRequired } = field;
    if (type.kind === 'scalar') {
      const shape = this.#leaf(type, name, name, isOptional);
      return [{ shape, source: { kind: 'columns', paths: [name] } }];
    }
    if (type.kind === 'string') {
      const shape = this.#leaf(type, name, name, !isRequired);
      return [{ shape, source: { kind: 'columns', paths: [name] } }];
    }
    if (this.#choices.nested === 'json' && type.kind !== 'struct') return this.#json(field);
    const children = this.#ofField(field, '', [this.#schema.root]);
    if (type.kind === 'struct' && !hasArrays(type)) {
      const shape = (children[0] as Child).shape;
      return [{ shape, source: { kind: 'columns', paths: leafPaths(shape) } }];
    }
    return children.map(({ shape, read }) => ({
      shape,
      source: { kind: 'whole', read, field: name },
    }));
  }

  #json({ name, type }: TableField): RootColumn[] {
    const textOf = (key: string): RootColumn => ({
      shape: leafOf(key, key, true, { kind: 'json' }, toJsonText),
      source: { kind: 'text', field: name, read: (parent) => parent[key] },
    });
    const text = textOf(name);
    // What its elements are is beside it, one for each.
    if (isUnionVector(type)) return [textOf(`${name}_type`), text];
    if (type.kind !== 'union') return [text];
    const member = this.#member(type, name, '');
    return [
      { shape: member.shape, source: { kind: 'whole', read: member.read, field: name } },
      text,
    ];
  }

  #ofField(field: TableField, prefix: string, within: readonly TableType[]): Child[] {
    const { name, type, isOptional, isRequired } = field;
    const path = prefix + name;
    const read = (parent: Readonly<Record<string, unknown>>): unknown => parent[name];
    if (type.kind === 'union') return this.#ofUnion(type, name, prefix, !isRequired, within);
    const mayMiss = type.kind === 'scalar' ? isOptional : !isRequired;
    return [{ shape: this.#shape(type, name, path, mayMiss, within), read }];
  }

  #shape(
    type: Exclude<Type, UnionType>,
    name: string,
    path: string,
    isOptional: boolean,
    within: readonly TableType[],
  ): Shape {
    switch (type.kind) {
      case 'scalar':
      case 'string':
        return this.#leaf(type, name, path, isOptional);
      case 'struct': {
        const children = type.fields.map((field) => ({
          shape: this.#shape(field.type, field.name, `${path}.${field.name}`, false, within),
          read: (parent: Readonly<Record<string, unknown>>) => parent[field.name],
        }));
        return { kind: 'group', name, isOptional, children };
      }
      case 'table':
        return this.#table(type, name, path, isOptional, within);
      default:
        return this.#list(type, name, path, isOptional, within);
    }
  }

  #table(
    table: TableType,
    name: string,
    path: string,
    isOptional: boolean,
    within: readonly TableType[],
  ): GroupShape {
    if (within.includes(table)) {
      throw unfit(path, `it is a ${table.name} within a ${table.name}, which has no end`);
    }
    const inside = [...within, table];
    const children = usableFields(table).flatMap((field) =>
      this.#ofField(field, `${path}.`, inside),
    );
    if (children.length === 0) throw unfit(path, `${table.name} has no fields`);
    return { kind: 'group', name, isOptional, children };
  }

  #list(
    type: ArrayType | Extract<Type, { kind: 'vector' }>,
    name: string,
    path: string,
    isOptional: boolean,
    within: readonly TableType[],
  ): Shape {
    const { element } = type;
    if (element.kind === 'union') throw unfit(path, 'it is a vector of unions');
    if (element.kind === 'scalar' && element.scalar === 'uint8' && element.enum === undefined) {
      const bytes = (value: unknown): unknown => Uint8Array.from(value as number[]);
      return leafOf(name, path, isOptional, { kind: 'bytes' }, bytes);
    }
    const shape = this.#shape(element, 'element', path, false, within);
    return { kind: 'list', name, isOptional, element: shape };
  }

  /** Which member it is, and one optional part for each that has something in it. */
  #ofUnion(
    type: UnionType,
    name: string,
    prefix: string,
    isOptional: boolean,
    within: readonly TableType[],
  ): Child[] {
    const path = prefix + name;
    const children = type.members.flatMap((member): Child[] => {
      const { type: of } = member;
      if (of.kind === 'table' && usableFields(of).length === 0) return [];
      const shape = this.#shape(of, member.name, `${path}.${member.name}`, true, within);
      return [{ shape, read: (parent) => parent[member.name] }];
    });
    const which = this.#member(type, name, prefix);
    if (children.length === 0) return [which];
    const read = (parent: Readonly<Record<string, unknown>>): unknown => {
      const value = parent[name];
      return value === undefined || value === null
        ? value
        : { [parent[`${name}_type`] as string]: value };
    };
    return [which, { shape: { kind: 'group', name, isOptional, children }, read }];
  }

  #member(type: UnionType, name: string, prefix: string): Child {
    const field = `${name}_type`;
    const values = [
      { name: 'NONE', value: 0 },
      ...type.members.map((member) => ({ name: member.name, value: member.tag })),
    ];
    const of = { kind: 'enum', name: type.name, underlying: 'uint8', isBitFlags: false, values };
    const tags = { kind: 'scalar', scalar: 'uint8', enum: of as EnumType } as const;
    const shape = this.#leaf(tags, field, prefix + field, false);
    return { shape, read: (parent) => parent[field] ?? 'NONE' };
  }

  #leaf(
    type: ScalarType | Extract<Type, { kind: 'string' }>,
    name: string,
    path: string,
    isOptional: boolean,
  ): LeafShape {
    if (type.kind === 'string') return leafOf(name, path, isOptional, { kind: 'string' });
    const { scalar: kind, enum: of } = type;
    if (of !== undefined) {
      if (this.#choices.enums === 'names' && !of.isBitFlags) {
        return leafOf(name, path, isOptional, { kind: 'names', of });
      }
      const number = (value: unknown): unknown =>
        typeof value === 'string' ? valueOfName(of, value) : value;
      return leafOf(name, path, isOptional, scalar(kind), number);
    }
    const isWide = kind === 'int64' || kind === 'uint64';
    const isTime = isWide && this.#choices.times === 'timestamps' && isTimeField(path);
    const unit = isTime ? UNITS.get(unitNsOf(path)) : undefined;
    return leafOf(name, path, isOptional, { kind: 'scalar', scalar: kind, unit });
  }
}

/** Parquet has no seconds: they stay integers. */
const UNITS: ReadonlyMap<number | undefined, TimeUnit> = new Map([
  [1, 'NANOS'],
  [1e3, 'MICROS'],
  [1e6, 'MILLIS'],
]);

function scalar(kind: ScalarKind): Holding {
  return { kind: 'scalar', scalar: kind, unit: undefined };
}

function leafOf(
  name: string,
  path: string,
  isOptional: boolean,
  holds: Holding,
  convert: (value: unknown) => unknown = (value) => value,
): LeafShape {
  return { kind: 'leaf', name, path, isOptional, holds, convert };
}

function typeAt(
  isString: boolean,
  of: EnumType | undefined,
  schema: EventSchema,
  path: string,
): ScalarType | { readonly kind: 'string' } {
  if (isString) return { kind: 'string' };
  return { kind: 'scalar', scalar: of?.underlying ?? scalarKindAt(schema, path), enum: of };
}

/** Of a field that `fieldAt` has found to be a scalar. */
function scalarKindAt({ root }: EventSchema, path: string): ScalarKind {
  let type: Type = root;
  for (const name of path.split('.')) {
    const within: readonly { readonly name: string; readonly type: Type }[] =
      type.kind === 'union'
        ? type.members
        : type.kind === 'table' || type.kind === 'struct'
          ? type.fields
          : [];
    const found = within.find((each) => each.name === name);
    if (found !== undefined) type = found.type;
  }
  return (type as ScalarType).scalar;
}

function hasArrays({ fields }: StructType): boolean {
  return fields.some(
    ({ type }) => type.kind === 'array' || (type.kind === 'struct' && hasArrays(type)),
  );
}

function leafPaths(shape: Shape): string[] {
  if (shape.kind === 'leaf') return [shape.path];
  if (shape.kind === 'list') return leafPaths(shape.element);
  return shape.children.flatMap((child) => leafPaths(child.shape));
}

function unfit(path: string, why: string): TypeError {
  return new TypeError(
    `Cannot export ${path} as columns: ${why}. Name the fields to be exported, or choose nested: 'json'`,
  );
}

// --- As the file's footer says it ---

/** The file's schema: elements in the order of a walk. */
export function schemaElements(columns: readonly RootColumn[]): SchemaElement[] {
  const root: SchemaElement = { name: 'schema', num_children: columns.length };
  return [root, ...columns.flatMap(({ shape }) => elementsOf(shape))];
}

function elementsOf(shape: Shape): SchemaElement[] {
  const { name } = shape;
  const repetition_type = shape.isOptional ? 'OPTIONAL' : 'REQUIRED';
  if (shape.kind === 'leaf') return [leafElement(shape)];
  if (shape.kind === 'group') {
    const children = shape.children.flatMap((child) => elementsOf(child.shape));
    return [{ name, repetition_type, num_children: shape.children.length }, ...children];
  }
  return [
    {
      name,
      repetition_type,
      num_children: 1,
      converted_type: 'LIST',
      logical_type: { type: 'LIST' },
    },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    ...elementsOf(shape.element),
  ];
}

/**
 * Widths of integers are said by their older names alone: the newer one has a byte in it that the package
 * writes as an integer, which strict readers refuse.
 */
export function leafElement({ name, isOptional, holds }: LeafShape): SchemaElement {
  const repetition_type = isOptional ? 'OPTIONAL' : 'REQUIRED';
  return { name, repetition_type, ...storage(holds) };
}

type Storage = Pick<SchemaElement, 'type' | 'converted_type' | 'logical_type'>;

function storage(holds: Holding): Storage {
  switch (holds.kind) {
    case 'scalar':
      return holds.unit === undefined ? SCALARS[holds.scalar] : timestamp(holds.unit);
    case 'offset':
      return { type: 'INT64' };
    case 'bytes':
      return { type: 'BYTE_ARRAY' };
    case 'json':
      return { type: 'BYTE_ARRAY', converted_type: 'JSON', logical_type: { type: 'JSON' } };
    default:
      return { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } };
  }
}

const SCALARS: Readonly<Record<ScalarKind, Storage>> = {
  bool: { type: 'BOOLEAN' },
  int8: { type: 'INT32', converted_type: 'INT_8' },
  uint8: { type: 'INT32', converted_type: 'UINT_8' },
  int16: { type: 'INT32', converted_type: 'INT_16' },
  uint16: { type: 'INT32', converted_type: 'UINT_16' },
  int32: { type: 'INT32' },
  uint32: { type: 'INT32', converted_type: 'UINT_32' },
  int64: { type: 'INT64' },
  uint64: { type: 'INT64', converted_type: 'UINT_64' },
  float32: { type: 'FLOAT' },
  float64: { type: 'DOUBLE' },
};

function timestamp(unit: TimeUnit): Storage {
  const logical_type = { type: 'TIMESTAMP', isAdjustedToUTC: true, unit } as const;
  // There is no older name for nanoseconds.
  if (unit === 'NANOS') return { type: 'INT64', logical_type };
  const converted_type = unit === 'MICROS' ? 'TIMESTAMP_MICROS' : 'TIMESTAMP_MILLIS';
  return { type: 'INT64', converted_type, logical_type };
}

/** Name of an enum's value; `undefined` if it has none. */
export function enumName(of: EnumType, value: number | bigint): string | undefined {
  const name = nameOfValue(of, value);
  return typeof name === 'string' ? name : undefined;
}
