/** Which columns an export to Arrow has: their types, and where their values come from. */
import {
  isUnionVector,
  usableFields,
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
import { tableChoices, type TableChoices, type TableFileOptions } from '../table-options.js';
import { checkCompression, type Compression } from '../zstd.js';
import type { TimeUnit } from './metadata.js';

export interface ArrowFileOptions extends TableFileOptions {
  /** Of the values (default `'none'`). `'zstd'` needs Node.js 22.15, 23.8, or newer. */
  readonly compression?: Compression;
}

/** Options as threads get them. Plain data. */
export interface ArrowPlan extends TableChoices {
  readonly compression: Compression;
  readonly fields: readonly string[] | undefined;
}

/** What values of a column are. */
export type Shape =
  /** `enum`: decoded values may be its names. */
  | { readonly kind: 'scalar'; readonly scalar: ScalarKind; readonly enum?: EnumType | undefined }
  | { readonly kind: 'time'; readonly unit: TimeUnit; readonly isUnsigned: boolean }
  | { readonly kind: 'names'; readonly dictionary: Dictionary }
  | { readonly kind: 'text' }
  | { readonly kind: 'json' }
  | { readonly kind: 'bytes' }
  | { readonly kind: 'list'; readonly element: ShapeField }
  | { readonly kind: 'array'; readonly element: ShapeField; readonly length: number }
  | { readonly kind: 'struct'; readonly fields: readonly ShapeField[] }
  /** A struct, one of whose fields has the value of a union. */
  | { readonly kind: 'members'; readonly fields: readonly ShapeField[] };

export interface ShapeField {
  readonly name: string;
  readonly isNullable: boolean;
  readonly shape: Shape;
}

/** Names of an enum, or of a union's members. */
export interface Dictionary {
  readonly id: number;
  readonly names: readonly string[];
  /** What each name stands for. */
  readonly values: readonly (number | bigint)[];
  /** Members of a union: 0 is none of them, and no value. */
  readonly isOfUnion: boolean;
}

/** Where values come from: columns of a plan, or whole values. */
export type Source =
  | { readonly kind: 'column'; readonly path: string }
  /** A struct's scalars, depth first. */
  | { readonly kind: 'columns'; readonly paths: readonly string[] }
  /** A field of the root table, or `x_type` of a union there. */
  | { readonly kind: 'whole'; readonly field: string };

export interface PlannedColumn extends ShapeField {
  readonly source: Source;
}

export interface PlannedColumns {
  readonly columns: readonly PlannedColumn[];
  readonly dictionaries: readonly Dictionary[];
  /** Every field of the root table has its column. */
  readonly isWhole: boolean;
}

/** Structs of structs of structs may multiply. */
const MAX_COLUMNS = 20_000;

/** @throws {TypeError | LogError} */
export function arrowPlan(options: ArrowFileOptions, fields: ArrowPlan['fields']): ArrowPlan {
  const { compression = 'none' } = options;
  checkCompression(compression, ['none', 'zstd']);
  return { ...tableChoices(options), compression, fields };
}

/** @throws {TypeError} there is no such field, or one that columns cannot hold */
export function planColumns(schema: EventSchema, plan: ArrowPlan): PlannedColumns {
  return new Planning(schema, plan).columns();
}

class Planning {
  readonly #schema: EventSchema;
  readonly #plan: ArrowPlan;
  readonly #dictionaries: Dictionary[] = [];
  readonly #byType = new Map<string, Dictionary>();
  #shapes = 0;

  constructor(schema: EventSchema, plan: ArrowPlan) {
    this.#schema = schema;
    this.#plan = plan;
  }

  columns(): PlannedColumns {
    const own = usableFields(this.#schema.root);
    const named = this.#plan.fields;
    const columns =
      named === undefined
        ? own.flatMap((field) => this.#ofField(field))
        : [...new Set(named)].flatMap((path) => this.#named(path));
    const names = columns.map(({ name }) => name);
    const unique = columns.filter(({ name }, i) => names.indexOf(name) === i);
    const isWhole = own.every(({ name }) => names.includes(name));
    return { columns: unique, dictionaries: this.#dictionaries, isWhole };
  }

  #named(path: string): PlannedColumn[] {
    const own = usableFields(this.#schema.root).find(({ name }) => name === path);
    if (own !== undefined) return this.#ofField(own);
    const { kind, enum: of } = fieldAt(this.#schema, path);
    const column = (shape: Shape, isNullable: boolean): PlannedColumn[] => [
      { name: path, isNullable, shape, source: { kind: 'column', path } },
    ];
    if (path === OFFSET_FIELD) return column({ kind: 'scalar', scalar: 'int64' }, false);
    if (path === TIME_FIELD) return column({ kind: 'scalar', scalar: 'float64' }, false);
    if (kind === 'string') return column(TEXT, true);
    const type = scalarAt(this.#schema.root, path);
    if (type !== undefined) return column(this.#scalar(type, path), true);
    const { name, values } = of as EnumType;
    const dictionary = this.#dictionary(name, values.slice(1), true);
    return column({ kind: 'names', dictionary }, true);
  }

  // --- Fields of the root table ---

  #ofField(field: TableField): PlannedColumn[] {
    const { name, type } = field;
    if (type.kind === 'scalar' || type.kind === 'string') {
      const shape = type.kind === 'string' ? TEXT : this.#scalar(type, name);
      return [{ ...nullability(field), shape, source: { kind: 'column', path: name } }];
    }
    if (this.#plan.nested === 'json') return this.#asJson(field);
    if (type.kind === 'struct') {
      const shape = this.#struct(type, name);
      const paths = scalarPaths(type, `${name}.`);
      const source: Source =
        paths === undefined ? { kind: 'whole', field: name } : { kind: 'columns', paths };
      return [{ ...nullability(field), shape, source }];
    }
    const within = new Set<Type>([this.#schema.root]);
    return this.#tableField(field, name, within).map((each) => ({
      ...each,
      source: { kind: 'whole', field: each.name },
    }));
  }

  #asJson(field: TableField): PlannedColumn[] {
    const { name, type } = field;
    const whole = (of: string, shape: Shape): PlannedColumn => ({
      ...nullability(field),
      name: of,
      shape,
      source: { kind: 'whole', field: of },
    });
    const value = whole(name, JSON_TEXT);
    if (type.kind === 'union') return [whole(`${name}_type`, this.#tag(type)), value];
    return isUnionVector(type) ? [whole(`${name}_type`, JSON_TEXT), value] : [value];
  }

  // --- Types ---

  /** One column, or two for a union. */
  #tableField(field: TableField, path: string, within: ReadonlySet<Type>): ShapeField[] {
    const { name, type } = field;
    if (type.kind !== 'union') {
      return [{ ...nullability(field), shape: this.#type(type, path, within) }];
    }
    const members = type.members.map((member): ShapeField => {
      const shape = this.#type(member.type, `${path}.${member.name}`, within);
      return { name: member.name, isNullable: true, shape };
    });
    const common = nullability(field);
    return [
      { ...common, name: `${name}_type`, shape: this.#tag(type) },
      { ...common, shape: { kind: 'members', fields: members } },
    ];
  }

  #type(type: Type, path: string, within: ReadonlySet<Type>): Shape {
    if (++this.#shapes > MAX_COLUMNS) {
      throw unfit(path, `there would be more than ${MAX_COLUMNS} columns`);
    }
    switch (type.kind) {
      case 'scalar':
        return this.#scalar(type, path);
      case 'string':
        return TEXT;
      case 'struct':
        return this.#struct(type, path);
      case 'array': {
        const shape = this.#type(type.element, `${path}[]`, within);
        return { kind: 'array', element: item(shape), length: type.length };
      }
      case 'table':
        return this.#table(type, path, within);
      case 'vector': {
        const { element } = type;
        if (element.kind === 'union') throw unfit(path, 'it is a vector of unions');
        const isBytes = element.kind === 'scalar' && element.scalar === 'uint8';
        if (isBytes && element.enum === undefined) return { kind: 'bytes' };
        return { kind: 'list', element: item(this.#type(element, `${path}[]`, within)) };
      }
      default:
        throw unfit(path, `it is a ${type.kind}`);
    }
  }

  #table(type: TableType, path: string, within: ReadonlySet<Type>): Shape {
    if (within.has(type)) throw unfit(path, `${type.name} may be within itself`);
    const inside = new Set([...within, type]);
    const fields = usableFields(type).flatMap((field) =>
      this.#tableField(field, `${path}.${field.name}`, inside),
    );
    return { kind: 'struct', fields };
  }

  #struct({ fields }: StructType, path: string): Shape {
    const shapes = fields.map(({ name, type }): ShapeField => {
      const shape = this.#type(type, `${path}.${name}`, new Set());
      return { name, isNullable: false, shape };
    });
    return { kind: 'struct', fields: shapes };
  }

  #scalar({ scalar, enum: of }: ScalarType, path: string): Shape {
    if (of !== undefined && !of.isBitFlags && this.#plan.enums === 'names') {
      return { kind: 'names', dictionary: this.#dictionary(of.name, of.values, false) };
    }
    const isWide = scalar === 'int64' || scalar === 'uint64';
    if (isWide && of === undefined && this.#plan.times === 'timestamps' && isTimeField(path)) {
      return { kind: 'time', unit: unitOf(path), isUnsigned: scalar === 'uint64' };
    }
    return { kind: 'scalar', scalar, enum: of };
  }

  /** Which member a union has. */
  #tag({ name, members }: UnionType): Shape {
    const values = members.map((member) => ({ name: member.name, value: member.tag }));
    return { kind: 'names', dictionary: this.#dictionary(name, values, true) };
  }

  #dictionary(type: string, values: EnumType['values'], isOfUnion: boolean): Dictionary {
    const known = this.#byType.get(type);
    if (known !== undefined) return known;
    const distinct = values.filter(
      ({ value }, i) => values.findIndex((each) => each.value === value) === i,
    );
    const made = {
      id: this.#dictionaries.length,
      names: distinct.map((each) => each.name),
      values: distinct.map((each) => each.value),
      isOfUnion,
    };
    this.#byType.set(type, made);
    this.#dictionaries.push(made);
    return made;
  }
}

const TEXT = { kind: 'text' } as const;
const JSON_TEXT = { kind: 'json' } as const;

const UNITS: Readonly<Record<number, TimeUnit>> = {
  1: 'Nanosecond',
  1e3: 'Microsecond',
  1e6: 'Millisecond',
  1e9: 'Second',
};

function unitOf(path: string): TimeUnit {
  return UNITS[unitNsOf(path) as number] as TimeUnit;
}

function item(shape: Shape): ShapeField {
  return { name: 'item', isNullable: false, shape };
}

function nullability(field: TableField): Pick<ShapeField, 'name' | 'isNullable'> {
  const { name, type, isOptional, isRequired } = field;
  return { name, isNullable: type.kind === 'scalar' ? isOptional : !isRequired };
}

/** Paths of a struct's scalars, or `undefined` if there are arrays in it. */
function scalarPaths({ fields }: StructType, prefix: string): string[] | undefined {
  const paths = fields.map(({ name, type }) => {
    if (type.kind === 'scalar') return [prefix + name];
    return type.kind === 'struct' ? scalarPaths(type, `${prefix}${name}.`) : undefined;
  });
  return paths.some((each) => each === undefined) ? undefined : (paths.flat() as string[]);
}

function unfit(path: string, why: string): TypeError {
  return new TypeError(
    `Cannot export ${path} to Arrow: ${why}. Name the fields to be exported, or choose nested: 'json'`,
  );
}

/** The scalar that a path leads to; `undefined`: it is none, but says which member a union has. */
function scalarAt(root: TableType, path: string): ScalarType | undefined {
  const type = path
    .split('.')
    .reduce<Type | undefined>((from, name) => from && stepInto(from, name), root);
  return type?.kind === 'scalar' ? type : undefined;
}

function stepInto(from: Type, name: string): Type | undefined {
  if (from.kind === 'union') return from.members.find((member) => member.name === name)?.type;
  if (from.kind !== 'table' && from.kind !== 'struct') return undefined;
  return fieldsOf(from).find((field) => field.name === name)?.type;
}

function fieldsOf(type: TableType | StructType): readonly { name: string; type: Type }[] {
  return type.kind === 'table' ? usableFields(type) : type.fields;
}

/** Paths that are read as columns, each once. */
export function columnPaths({ columns }: PlannedColumns): string[] {
  const paths = columns.flatMap(({ source }) => {
    if (source.kind === 'column') return [source.path];
    return source.kind === 'columns' ? source.paths : [];
  });
  return [...new Set(paths)];
}

/** Fields of the root table that are read as whole values. */
export function wholeFields({ columns }: PlannedColumns): string[] {
  return columns.flatMap(({ source }) => (source.kind === 'whole' ? [source.field] : []));
}
