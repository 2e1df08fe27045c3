/**
 * Decodes a `.bfbs` file: a schema, as `flatc --binary --schema` writes it, itself a FlatBuffer. Slots
 * are those of reflection.fbs, which comes with flatc:
 * https://github.com/google/flatbuffers/blob/master/reflection/reflection.fbs
 *
 * Names end up in code that is made from them (`encoder.ts`, `view.ts`), so nothing but identifiers is let
 * through here.
 */
import { MalformedEventError, SchemaError } from '../errors.js';
import { DISTANCE_BYTES, FlatBytes } from './flat-bytes.js';
import {
  INTEGER_RANGES,
  SCALAR_BYTES,
  hasDiscriminator,
  type ArrayType,
  type EnumType,
  type IntegerKind,
  type ScalarKind,
  type SchemaModel,
  type StructField,
  type StructType,
  type TableField,
  type TableType,
  type Type,
  type UnionMember,
  type UnionType,
  type VectorType,
} from './model.js';

const IDENTIFIER = 'BFBS';
/** What vtables have room for. */
const MAX_SLOTS = 32_765;
/** Structs within structs: nobody needs as many, and reading them is recursive. */
const MAX_STRUCT_DEPTH = 64;
/** Objects, fields, enums, values, as often as they are met: damaged vectors share them. */
const MAX_PARTS = 1_000_000;
const MAX_NAME_BYTES = 1024;

const SCHEMA = {
  objects: 0,
  enums: 1,
  fileIdentifier: 2,
  rootTable: 4,
  advancedFeatures: 6,
} as const;
const OBJECT = { name: 0, fields: 1, isStruct: 2, align: 3, bytes: 4 } as const;
const FIELD = {
  name: 0,
  type: 1,
  id: 2,
  offset: 3,
  defaultInteger: 4,
  defaultReal: 5,
  deprecated: 6,
  required: 7,
  optional: 11,
  offset64: 13,
} as const;
const ENUM = { name: 0, values: 1, isUnion: 2, underlying: 3, attributes: 4 } as const;
const ENUM_VALUE = { name: 0, value: 1, unionType: 3 } as const;
const TYPE = { base: 0, element: 1, index: 2, fixedLength: 3 } as const;
const KEY_VALUE = { key: 0 } as const;

/** Numbers of reflection's `BaseType`. */
const UNION_TAG = 1;
const STRING = 13;
const VECTOR = 14;
const OBJECT_TYPE = 15;
const UNION = 16;
const ARRAY = 17;
const SCALARS: Readonly<Record<number, ScalarKind>> = {
  2: 'bool',
  3: 'int8',
  4: 'uint8',
  5: 'int16',
  6: 'uint16',
  7: 'int32',
  8: 'uint32',
  9: 'int64',
  10: 'uint64',
  11: 'float32',
  12: 'float64',
};

/**
 * Whatever the bytes are, what is returned can be used: names are identifiers and unique where they stand,
 * structs lie within themselves, values within their types.
 * @throws {SchemaError} not a schema, a damaged one, or one that uses what is not supported here:
 *   64-bit distances, structs aligned to more than 16, a field called `__proto__`
 */
export function decodeSchema(bytes: Uint8Array): SchemaModel {
  try {
    return new Decoder(bytes).schema();
  } catch (error) {
    if (!(error instanceof MalformedEventError)) throw error;
    throw new SchemaError(`Cannot read the schema: ${error.reason}, at byte ${error.position}`, {
      cause: error,
    });
  }
}

/** While linked, arrays are still being filled. */
type Open<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

class Decoder {
  readonly #flat: FlatBytes;
  readonly #objects: (Open<TableType> | Open<StructType>)[];
  readonly #enums: (EnumType | Open<UnionType>)[];
  #parts = 0;

  constructor(bytes: Uint8Array) {
    this.#flat = new FlatBytes(bytes);
    const found = this.#flat.identifier();
    if (found !== IDENTIFIER) {
      throw new SchemaError(
        `Cannot read the schema: expected a .bfbs file ("${IDENTIFIER}"), found ${JSON.stringify(found)}`,
      );
    }
    // First everything by name, so that types can refer to each other; then what is in them.
    const root = this.#flat.root();
    this.#objects = this.#tables(root, SCHEMA.objects).map((at) => this.#nameObject(at));
    this.#enums = this.#tables(root, SCHEMA.enums).map((at) => this.#decodeEnum(at));
    this.#tables(root, SCHEMA.enums).forEach((at, i) => this.#fillUnion(at, i));
    this.#tables(root, SCHEMA.objects).forEach((at, i) => this.#fillObject(at, i));
  }

  schema(): SchemaModel {
    const root = this.#flat.root();
    const rootAt = this.#follow(root, SCHEMA.rootTable);
    const rootName = rootAt === 0 ? undefined : this.#name(rootAt, OBJECT.name);
    const tables = this.#objects.flatMap((each) => (each.kind === 'table' ? [each] : []));
    const structs = this.#objects.flatMap((each) => (each.kind === 'struct' ? [each] : []));
    const heights = new Map<StructType, number>();
    structs.forEach((struct) => checkLayout(struct, heights, 1));
    checkUnique('the schema', [...this.#objects, ...this.#enums]);
    const identifier = this.#text(root, SCHEMA.fileIdentifier);
    if (!/^(?:[\0-\x7f]{4})?$/.test(identifier)) {
      throw new SchemaError(`Cannot use file identifier ${JSON.stringify(identifier)}`);
    }
    return {
      tables,
      structs,
      enums: this.#enums.flatMap((each) => (each.kind === 'enum' ? [each] : [])),
      unions: this.#enums.flatMap((each) => (each.kind === 'union' ? [each] : [])),
      root: tables.find(({ name }) => name === rootName),
      fileIdentifier: identifier === '' ? undefined : identifier,
    };
  }

  // --- Tables and structs ---

  #nameObject(at: number): Open<TableType> | Open<StructType> {
    const name = this.#name(at, OBJECT.name);
    if (this.#number(at, OBJECT.isStruct, 'bool', 0) === 0) {
      return { kind: 'table', name, fields: [] };
    }
    const bytes = this.#number(at, OBJECT.bytes, 'int32', 0);
    const align = this.#number(at, OBJECT.align, 'int32', 0);
    const isSound =
      bytes > 0 && bytes < 65_536 && [1, 2, 4, 8, 16].includes(align) && bytes % align === 0;
    if (!isSound) {
      throw new SchemaError(`Cannot use struct ${name}: ${bytes} bytes, aligned to ${align}`);
    }
    return { kind: 'struct', name, fields: [], bytes, align };
  }

  #fillObject(at: number, index: number): void {
    const object = this.#objects[index] as Open<TableType> | Open<StructType>;
    const fields = this.#tables(at, OBJECT.fields);
    if (object.kind === 'struct') {
      object.fields = fields.map((field) => this.#structField(field, object));
      object.fields.sort((a, b) => a.at - b.at);
      checkUnique(object.name, object.fields);
    } else {
      const tags = new Set<number>();
      object.fields = fields.flatMap((field) => this.#tableField(field, object.name, tags));
      object.fields.sort((a, b) => a.id - b.id);
      checkIds(object, tags);
      checkUnique(object.name, object.fields.flatMap(withDiscriminator));
    }
  }

  #structField(at: number, struct: StructType): StructField {
    const name = this.#fieldName(at, struct.name);
    const type = this.#type(this.#required(at, FIELD.type, 'a type'), `${struct.name}.${name}`);
    if (type.kind !== 'scalar' && type.kind !== 'struct' && type.kind !== 'array') {
      throw new SchemaError(`Cannot use ${struct.name}.${name}: a ${type.kind} in a struct`);
    }
    return { name, type, at: this.#number(at, FIELD.offset, 'uint16', 0) };
  }

  /** None for the discriminator of a union, whose slot is only noted. */
  #tableField(at: number, table: string, tags: Set<number>): TableField[] {
    const name = this.#fieldName(at, table);
    const id = this.#number(at, FIELD.id, 'uint16', 0);
    const typeAt = this.#required(at, FIELD.type, 'a type');
    if (this.#isTag(typeAt)) {
      tags.add(id);
      return [];
    }
    const where = `${table}.${name}`;
    if (this.#number(at, FIELD.offset64, 'bool', 0) !== 0) {
      throw new SchemaError(`Cannot use ${where}: distances of 64 bits are not supported`);
    }
    const type = this.#type(typeAt, where);
    if (type.kind === 'array') throw new SchemaError(`Cannot use ${where}: an array in a table`);
    const is = (slot: number): boolean => this.#number(at, slot, 'bool', 0) !== 0;
    return [
      {
        name,
        type,
        id,
        defaultValue: this.#default(at, type, where),
        isOptional: type.kind === 'scalar' && is(FIELD.optional),
        isRequired: type.kind !== 'scalar' && is(FIELD.required),
        isDeprecated: is(FIELD.deprecated),
      },
    ];
  }

  #isTag(typeAt: number): boolean {
    const base = this.#number(typeAt, TYPE.base, 'int8', 0);
    const element = this.#number(typeAt, TYPE.element, 'int8', 0);
    return base === UNION_TAG || (base === VECTOR && element === UNION_TAG);
  }

  #default(at: number, type: Type, where: string): number | bigint {
    if (type.kind !== 'scalar') return 0;
    if (type.scalar === 'float32' || type.scalar === 'float64') {
      const real = this.#number(at, FIELD.defaultReal, 'float64', 0);
      // As the field itself would hold it.
      return type.scalar === 'float32' ? Math.fround(real) : real;
    }
    return this.#integer(at, FIELD.defaultInteger, type.scalar, where);
  }

  /** A value that is stored as int64, whatever kind it is of. */
  #integer(at: number, id: number, kind: IntegerKind | 'bool', where: string): number | bigint {
    const stored = this.#scalar(at, id, 'int64', 0);
    const value = kind === 'uint64' && stored < 0 ? BigInt.asUintN(64, BigInt(stored)) : stored;
    const [min, max] = kind === 'bool' ? [0, 1] : INTEGER_RANGES[kind];
    if (value >= min && value <= max) return value;
    throw new SchemaError(`Cannot use ${where}: ${value} is no ${kind}`);
  }

  // --- Enums and unions ---

  #decodeEnum(at: number): EnumType | Open<UnionType> {
    const name = this.#name(at, ENUM.name);
    if (this.#number(at, ENUM.isUnion, 'bool', 0) !== 0) {
      return { kind: 'union', name, members: [] };
    }
    const underlyingAt = this.#required(at, ENUM.underlying, 'an underlying type');
    const underlying = SCALARS[this.#number(underlyingAt, TYPE.base, 'int8', 0)];
    if (underlying === undefined || underlying === 'float32' || underlying === 'float64') {
      throw new SchemaError(`Cannot use enum ${name}: of what kind?`);
    }
    const values = this.#tables(at, ENUM.values).map((value) => ({
      name: this.#name(value, ENUM_VALUE.name),
      value: this.#integer(value, ENUM_VALUE.value, underlying, name),
    }));
    checkUnique(name, values);
    const attributes = this.#tables(at, ENUM.attributes);
    const isBitFlags = attributes.some((each) => this.#text(each, KEY_VALUE.key) === 'bit_flags');
    return { kind: 'enum', name, underlying, isBitFlags, values };
  }

  #fillUnion(at: number, index: number): void {
    const union = this.#enums[index] as EnumType | Open<UnionType>;
    if (union.kind !== 'union') return;
    union.members = this.#tables(at, ENUM.values).flatMap((value): UnionMember[] => {
      const name = this.#name(value, ENUM_VALUE.name);
      const tag = Number(this.#scalar(value, ENUM_VALUE.value, 'int64', 0));
      if (tag === 0) return [];
      if (tag < 0 || tag > 255) throw new SchemaError(`Cannot use ${union.name}.${name}: ${tag}`);
      const typeAt = this.#required(value, ENUM_VALUE.unionType, 'a member type');
      const type = this.#type(typeAt, `${union.name}.${name}`);
      if (type.kind === 'table' || type.kind === 'struct' || type.kind === 'string') {
        return [{ name, tag, type }];
      }
      throw new SchemaError(`Cannot use ${union.name}.${name}: a ${type.kind} in a union`);
    });
    checkUnique(union.name, union.members);
    const tags = new Set(union.members.map(({ tag }) => tag));
    if (tags.size < union.members.length) {
      throw new SchemaError(`Cannot use ${union.name}: two of its types have the same number`);
    }
  }

  // --- Types ---

  #type(at: number, where: string): Type {
    const base = this.#number(at, TYPE.base, 'int8', 0);
    const element = this.#number(at, TYPE.element, 'int8', 0);
    if (base === VECTOR) return { kind: 'vector', element: this.#element(at, element, where) };
    if (base !== ARRAY) return this.#plainType(at, base, where);
    const length = this.#number(at, TYPE.fixedLength, 'uint16', 0);
    const type = this.#element(at, element, where);
    if ((type.kind === 'scalar' || type.kind === 'struct') && length > 0) {
      return { kind: 'array', element: type, length } satisfies ArrayType;
    }
    throw new SchemaError(`Cannot use ${where}: an array of ${length} of type ${type.kind}`);
  }

  #element(at: number, base: number, where: string): VectorType['element'] {
    const type = this.#plainType(at, base, where);
    if (type.kind === 'vector' || type.kind === 'array') {
      throw new SchemaError(`Cannot use ${where}: a vector of vectors`);
    }
    return type;
  }

  #plainType(at: number, base: number, where: string): Type {
    if (base === STRING) return { kind: 'string' };
    const index = this.#number(at, TYPE.index, 'int32', -1);
    if (base === OBJECT_TYPE) return this.#known(this.#objects[index], where);
    if (base === UNION) {
      const union = this.#known(this.#enums[index], where);
      if (union.kind === 'union') return union;
    }
    const scalar = SCALARS[base];
    if (scalar === undefined) throw new SchemaError(`Cannot use ${where}: type ${base} is unknown`);
    const of = index < 0 ? undefined : this.#known(this.#enums[index], where);
    if (of === undefined || of.kind === 'union') return { kind: 'scalar', scalar, enum: undefined };
    if (of.underlying === scalar) return { kind: 'scalar', scalar, enum: of };
    throw new SchemaError(`Cannot use ${where}: ${of.name} is of ${of.underlying}, not ${scalar}`);
  }

  #known<T>(type: T | undefined, where: string): T {
    if (type === undefined) throw new SchemaError(`Cannot use ${where}: its type is missing`);
    return type;
  }

  // --- Reading ---

  #tables(at: number, id: number): number[] {
    const vector = this.#follow(at, id);
    if (vector === 0) return [];
    const count = this.#flat.count(vector, DISTANCE_BYTES);
    this.#parts += count;
    if (this.#parts > MAX_PARTS) {
      throw new SchemaError(`Cannot read the schema: it has more than ${MAX_PARTS} parts`);
    }
    return Array.from({ length: count }, (_, i) =>
      this.#flat.follow(vector + 4 + DISTANCE_BYTES * i),
    );
  }

  #follow(at: number, id: number): number {
    const field = this.#flat.field(at, id, DISTANCE_BYTES);
    return field === 0 ? 0 : this.#flat.follow(field);
  }

  #required(at: number, id: number, what: string): number {
    const found = this.#follow(at, id);
    if (found === 0) throw new SchemaError(`Cannot read the schema: ${what} is missing`);
    return found;
  }

  #text(at: number, id: number): string {
    const found = this.#follow(at, id);
    if (found === 0) return '';
    const bytes = this.#flat.count(found, 1);
    if (bytes <= MAX_NAME_BYTES) return this.#flat.string(found);
    throw new SchemaError(`Cannot read the schema: a name of ${bytes} bytes`);
  }

  #name(at: number, id: number): string {
    const name = this.#text(at, id);
    if (/^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/.test(name)) return name;
    throw new SchemaError(`Cannot read the schema: ${JSON.stringify(name)} is not a name`);
  }

  /** In JavaScript, `__proto__` is not a property like others. */
  #fieldName(at: number, of: string): string {
    const name = this.#name(at, FIELD.name);
    if (name !== '__proto__' && !name.includes('.')) return name;
    throw new SchemaError(`Cannot use ${of}.${name}: no field can be called so`);
  }

  #scalar(at: number, id: number, kind: ScalarKind, fallback: number): number | bigint {
    const field = this.#flat.field(at, id, SCALAR_BYTES[kind]);
    return field === 0 ? fallback : this.#flat.scalar(field, kind);
  }

  #number(at: number, id: number, kind: ScalarKind, fallback: number): number {
    return Number(this.#scalar(at, id, kind, fallback));
  }
}

/** Bytes that a value takes where it stands. */
export function inlineBytes(type: Type): number {
  if (type.kind === 'scalar') return SCALAR_BYTES[type.scalar];
  if (type.kind === 'struct') return type.bytes;
  if (type.kind === 'array') return type.length * inlineBytes(type.element);
  return DISTANCE_BYTES;
}

/** What an inline value is aligned to. */
export function inlineAlign(type: Type): number {
  if (type.kind === 'scalar') return SCALAR_BYTES[type.scalar];
  if (type.kind === 'struct') return type.align;
  if (type.kind === 'array') return inlineAlign(type.element);
  return DISTANCE_BYTES;
}

/**
 * Fields lie one behind the other, within the struct, aligned (typed arrays are indexed by their places), and no struct contains itself. Returns how
 * deep structs are nested in this one; `heights` has those that are known to be sound.
 */
function checkLayout(struct: StructType, heights: Map<StructType, number>, depth: number): number {
  const known = heights.get(struct);
  if (known !== undefined) return known;
  let end = 0;
  let height = 1;
  for (const { name, type, at } of struct.fields) {
    const align = inlineAlign(type);
    const isSound = at >= end && at % align === 0 && align <= struct.align;
    end = at + inlineBytes(type);
    if (!isSound || end > struct.bytes) {
      throw new SchemaError(`Cannot use ${struct.name}.${name}: impossible place ${at}`);
    }
    const inner = type.kind === 'array' ? type.element : type;
    if (inner.kind !== 'struct') continue;
    if (depth < MAX_STRUCT_DEPTH) {
      height = Math.max(height, 1 + checkLayout(inner, heights, depth + 1));
    }
    if (depth >= MAX_STRUCT_DEPTH || height > MAX_STRUCT_DEPTH) {
      throw new SchemaError(`Cannot use ${struct.name}: structs within structs, without an end`);
    }
  }
  heights.set(struct, height);
  return height;
}

/** Slots are numbered without gaps, each used once, and a union's discriminator stands before it. */
function checkIds({ name, fields }: TableType, tags: ReadonlySet<number>): void {
  const ids = [...fields.map(({ id }) => id), ...tags].sort((a, b) => a - b);
  if (ids.length > MAX_SLOTS) throw new SchemaError(`Cannot use ${name}: it has too many fields`);
  if (ids.some((id, i) => id !== i)) throw new SchemaError(`Cannot use ${name}: ids have gaps`);
  for (const field of fields) {
    if (hasDiscriminator(field) && !tags.has(field.id - 1)) {
      throw new SchemaError(`Cannot use ${name}.${field.name}: its discriminator is missing`);
    }
  }
}

function checkUnique(where: string, parts: readonly { readonly name: string }[]): void {
  const names = new Set<string>();
  for (const { name } of parts) {
    if (names.has(name)) throw new SchemaError(`Cannot use ${where}: it has two of ${name}`);
    names.add(name);
  }
}

/** A union's type is a field, too, for whoever goes by names. */
function withDiscriminator(field: TableField): { readonly name: string }[] {
  return hasDiscriminator(field) ? [field, { name: `${field.name}_type` }] : [field];
}
