/** Which column of a file goes to which field of a schema, and whether its values fit there. */
import { InputError } from '../../errors.js';
import {
  SCALAR_BYTES,
  usableFields,
  type ScalarType,
  type StructType,
  type TableType,
  type Type,
  type UnionType,
} from '../../events/model.js';
import { unitNsOf } from '../../query/time-units.js';
import { DECIMALS_CHOICE, type Decimals } from '../import-choices.js';
import { typeWord, type ArrowColumn } from './column-types.js';
import { fieldNames } from './column-names.js';
import type { ReadColumn } from './vectors.js';

/** What becomes of a column's values, once they are read. */
export type Use =
  /** The field's value. */
  | { readonly kind: 'value' }
  | { readonly kind: 'json' }
  /** Lists of what FlatBuffers have no vectors of: of lists, of bytes. */
  | { readonly kind: 'list'; readonly element: Bound }
  | { readonly kind: 'wrapped'; readonly value: Bound }
  | { readonly kind: 'fields'; readonly fields: readonly BoundField[] }
  /** A struct with a field for each member of a union, of which one has the value. */
  | { readonly kind: 'members'; readonly members: readonly BoundField[] };

/** A column, or what is in one, with what it becomes. */
export interface Bound {
  readonly read: ReadColumn;
  readonly use: Use;
}

export interface BoundField extends Bound {
  /** Name of the field. */
  readonly name: string;
}

export interface BindOptions {
  readonly decimals: Decimals;
}

/** The only field of a table that stands for a list, or for bytes, in a list. */
export const ITEMS = 'items';

/** A column that has no place in the schema, or values that have none in their field. */
class Misfit extends Error {}

/**
 * @throws {InputError} a column has no field, or does not fit it; a required field has no column
 */
export function bindColumns(
  columns: readonly ArrowColumn[],
  root: TableType,
  options: BindOptions,
  file: string,
): readonly BoundField[] {
  try {
    return new Binding(options).table(columns, root, '');
  } catch (error) {
    if (!(error instanceof Misfit)) throw error;
    throw new InputError(`${file} does not fit the schema ${root.name}: ${error.message}`);
  }
}

class Binding {
  readonly #options: BindOptions;

  constructor(options: BindOptions) {
    this.#options = options;
  }

  /** Columns, each with the field that it goes to. */
  table(
    columns: readonly ArrowColumn[],
    type: TableType | StructType,
    path: string,
  ): readonly BoundField[] {
    const fields: readonly FieldLike[] =
      type.kind === 'table' ? usableFields(type).flatMap(withTag) : type.fields;
    const names = fieldNames(columns);
    const bound = columns.map((column, i): BoundField => {
      const field =
        fields.find(({ name }) => name === column.name) ??
        fields.find(({ name }) => name === names[i]);
      if (field === undefined) throw new Misfit(`column ${shown(column)} has no field`);
      return { name: field.name, ...this.#value(column, field, path) };
    });
    const found = bound.map(({ name }) => name);
    const twice = found.find((name, i) => found.indexOf(name) !== i);
    if (twice !== undefined) throw new Misfit(`two columns go to field ${path}${twice}`);
    const isNeeded = ({ isRequired }: FieldLike): boolean =>
      isRequired === true || type.kind === 'struct';
    const missing = fields.find((field) => isNeeded(field) && !found.includes(field.name));
    if (missing !== undefined) throw new Misfit(`field ${path}${missing.name} has no column`);
    return bound;
  }

  #value(column: ArrowColumn, field: FieldLike, prefix: string): Bound {
    const { name, type, isOptional } = field;
    const path = prefix + name;
    if (type.kind === 'scalar') {
      const factor = this.#checkScalar(column, type, name);
      return this.#plain(column, factor, isOptional === true ? undefined : name);
    }
    if (type.kind === 'string') {
      const isText = column.type.kind === 'text' || column.type.kind === 'null';
      const isDecimal = column.type.kind === 'decimal' && this.#options.decimals === 'text';
      if (isText || isDecimal) return this.#plain(column);
      throw misfit(column, path, 'a string');
    }
    return this.#nested(column, type, path);
  }

  #nested(column: ArrowColumn, type: Exclude<Type, ScalarType>, path: string): Bound {
    const { kind } = column.type;
    if (kind === 'text' && type.kind !== 'string') return this.#bound(column, [], { kind: 'json' });
    if (kind === 'null') return this.#plain(column);
    switch (type.kind) {
      case 'table':
      case 'struct':
        return this.#object(column, type, path);
      case 'union':
        return this.#members(column, type, path);
      case 'vector':
      case 'array':
        return this.#list(column, type.element, path);
      default:
        throw misfit(column, path, `a ${type.kind}`);
    }
  }

  #object(column: ArrowColumn, type: TableType | StructType, path: string): Bound {
    const { kind } = column.type;
    if (kind !== 'struct' && kind !== 'union') throw misfit(column, path, `a ${type.kind}`);
    const fields = this.table(column.children, type, `${path}.`);
    return this.#bound(column, fields, { kind: 'fields', fields });
  }

  #members(column: ArrowColumn, { members }: UnionType, path: string): Bound {
    if (column.type.kind !== 'struct') throw misfit(column, path, 'a union');
    const bound = column.children.map((child): BoundField => {
      const member = members.find(({ name }) => name === child.name);
      if (member === undefined) throw new Misfit(`column ${shown(child)} is no member of ${path}`);
      return { name: member.name, ...this.#value(child, member, `${path}.`) };
    });
    return this.#bound(column, bound, { kind: 'members', members: bound });
  }

  #list(column: ArrowColumn, element: Type, path: string): Bound {
    const { kind } = column.type;
    const isBytes = element.kind === 'scalar' && element.scalar === 'uint8';
    if (kind === 'binary' || kind === 'fixed-binary') {
      if (isBytes) return this.#plain(column);
      throw misfit(column, path, `a vector of ${element.kind}s`);
    }
    const child = column.children[0];
    if ((kind !== 'list' && kind !== 'fixed-list') || child === undefined) {
      throw misfit(column, path, `a vector of ${element.kind}s`);
    }
    const value = this.#element(child, element, `${path}[]`);
    return this.#bound(column, [value], { kind: 'list', element: value });
  }

  #element(child: ArrowColumn, element: Type, path: string): Bound {
    if (element.kind === 'union') throw misfit(child, path, 'a union');
    const only = wrapperOf(element);
    if (only === undefined || !isWrapped(child)) {
      return this.#value(child, { name: path, type: element }, '');
    }
    const value = this.#list(child, only, `${path}.${ITEMS}`);
    return { read: value.read, use: { kind: 'wrapped', value } };
  }

  /** `neededBy`: name of a field that cannot be null. */
  #plain(column: ArrowColumn, factor = 1, neededBy?: string): Bound {
    const { decimals } = this.#options;
    const read = { column, names: [], children: [], factor, decimals, neededBy };
    return { read, use: { kind: 'value' } };
  }

  #bound(column: ArrowColumn, children: readonly (Bound | BoundField)[], use: Use): Bound {
    const names = children.map((child) => ('name' in child ? child.name : ''));
    const read: ReadColumn = {
      column,
      names,
      children: children.map((child) => child.read),
      factor: 1,
      decimals: this.#options.decimals,
      neededBy: undefined,
    };
    return { read, use };
  }

  /** What times are to be multiplied by. Ranges of integers are for the encoder to check, value by value. */
  #checkScalar(column: ArrowColumn, { scalar, enum: of }: ScalarType, name: string): number {
    const { type } = column;
    const isInteger = scalar !== 'bool' && scalar !== 'float32' && scalar !== 'float64';
    switch (type.kind) {
      case 'null':
        return 1;
      case 'bool':
        if (scalar === 'bool') return 1;
        break;
      case 'text':
        if (of !== undefined) return 1;
        break;
      case 'int':
        if (isInteger) return 1;
        if (scalar === 'float64' && type.bits <= 32) return 1;
        if (scalar === 'float32' && type.bits <= 16) return 1;
        break;
      case 'float':
        if (scalar === 'float64' || (scalar === 'float32' && type.bits <= 32)) return 1;
        break;
      case 'decimal':
        if (scalar === 'float64' && this.#options.decimals === 'doubles') return 1;
        break;
      case 'time':
        if (isInteger && SCALAR_BYTES[scalar] >= 4) return timeFactor(column, type.unitNs, name);
        break;
      default:
    }
    throw misfit(column, name, of === undefined ? `of ${scalar}` : `of ${of.name}`);
  }
}

interface FieldLike {
  readonly name: string;
  readonly type: Type;
  readonly isOptional?: boolean;
  readonly isRequired?: boolean;
}

/** A union's member stands before it, by its name. */
function withTag(field: FieldLike): FieldLike[] {
  const { name, type } = field;
  const isUnion = type.kind === 'union';
  const isUnions = type.kind === 'vector' && type.element.kind === 'union';
  if (!isUnion && !isUnions) return [field];
  const tag: Type = isUnion ? { kind: 'string' } : { kind: 'vector', element: { kind: 'string' } };
  return [{ name: `${name}_type`, type: tag }, field];
}

/** The type of a wrapper's elements, if it is one. */
function wrapperOf(type: Type): Type | undefined {
  if (type.kind !== 'table') return undefined;
  const [only, ...others] = usableFields(type);
  const isWrapper = others.length === 0 && only?.name === ITEMS && only.type.kind === 'vector';
  return isWrapper ? only.type.element : undefined;
}

/** Whether values are none that a vector of FlatBuffers can have. */
export function isWrapped({ type: { kind } }: ArrowColumn): boolean {
  return kind === 'list' || kind === 'fixed-list' || kind === 'binary' || kind === 'fixed-binary';
}

/** A field whose name tells no unit takes the numbers as they are. */
function timeFactor(column: ArrowColumn, unitNs: number, name: string): number {
  const fieldNs = unitNsOf(name);
  if (fieldNs === undefined) return 1;
  const factor = unitNs / fieldNs;
  if (Number.isInteger(factor)) return factor;
  throw new Misfit(`column ${shown(column)} is of a finer unit than field ${name}`);
}

function misfit(column: ArrowColumn, path: string, what: string): Misfit {
  const word = typeWord(column.type);
  const choice = column.type.kind === 'decimal' ? `; ${DECIMALS_CHOICE}` : '';
  return new Misfit(`column ${shown(column)} is of ${word}, and field ${path} ${what}${choice}`);
}

function shown({ path }: ArrowColumn): string {
  return JSON.stringify(path);
}
