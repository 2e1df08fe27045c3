/**
 * What a FlatBuffers schema says, as linked plain data. Everything here is read-only; types refer to
 * each other directly, so the graph may have cycles.
 */

/** Fixed-size kinds of a value, named by their bits. `bool` takes a byte. */
export type ScalarKind =
  | 'bool'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64';

/** Bytes of each kind, which is also how it is aligned. */
export const SCALAR_BYTES: Readonly<Record<ScalarKind, number>> = {
  bool: 1,
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  int32: 4,
  uint32: 4,
  int64: 8,
  uint64: 8,
  float32: 4,
  float64: 8,
};

/** The class of typed arrays that hold elements of each kind. */
export const TYPED_ARRAYS: Readonly<Record<ScalarKind, string>> = {
  bool: 'Uint8Array',
  int8: 'Int8Array',
  uint8: 'Uint8Array',
  int16: 'Int16Array',
  uint16: 'Uint16Array',
  int32: 'Int32Array',
  uint32: 'Uint32Array',
  int64: 'BigInt64Array',
  uint64: 'BigUint64Array',
  float32: 'Float32Array',
  float64: 'Float64Array',
};

export type IntegerKind = Exclude<ScalarKind, 'bool' | 'float32' | 'float64'>;

/** The least and the greatest value of each kind. */
export const INTEGER_RANGES: Readonly<
  Record<IntegerKind, readonly [min: number | bigint, max: number | bigint]>
> = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  uint8: [0, 2 ** 8 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  uint16: [0, 2 ** 16 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

export interface ScalarType {
  readonly kind: 'scalar';
  readonly scalar: ScalarKind;
  /** The enum whose values it holds. */
  readonly enum: EnumType | undefined;
}

export interface StringType {
  readonly kind: 'string';
}

/** A vector of anything but vectors. */
export interface VectorType {
  readonly kind: 'vector';
  readonly element: Exclude<Type, VectorType | ArrayType>;
}

/** A fixed number of scalars or structs, inline; in structs only. */
export interface ArrayType {
  readonly kind: 'array';
  readonly element: ScalarType | StructType;
  readonly length: number;
}

export interface EnumType {
  readonly kind: 'enum';
  /** With its namespace. */
  readonly name: string;
  readonly underlying: ScalarKind;
  /** Whether values are sets of named bits, printed as names with spaces between. */
  readonly isBitFlags: boolean;
  /** By value, ascending. */
  readonly values: readonly { readonly name: string; readonly value: number | bigint }[];
}

/** One of several types; which, a byte tells that is a field of its own: `<name>_type`, 0 for none. */
export interface UnionType {
  readonly kind: 'union';
  readonly name: string;
  readonly members: readonly UnionMember[];
}

export interface UnionMember {
  readonly name: string;
  /** From 1. */
  readonly tag: number;
  readonly type: TableType | StructType | StringType;
}

/** Inline, without a vtable: every field is there, at a fixed place. */
export interface StructType {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: readonly StructField[];
  readonly bytes: number;
  readonly align: number;
}

export interface StructField {
  readonly name: string;
  readonly type: ScalarType | StructType | ArrayType;
  /** Byte position in the struct. */
  readonly at: number;
}

export interface TableType {
  readonly kind: 'table';
  readonly name: string;
  /** In the order of their ids. The discriminator of a union is not listed by itself. */
  readonly fields: readonly TableField[];
}

export interface TableField {
  readonly name: string;
  readonly type: ScalarType | StringType | StructType | TableType | VectorType | UnionType;
  /**
   * Number of its slot in the vtable, from 0. A union's discriminator, or the vector of them that goes
   * with a vector of unions, has the slot before.
   */
  readonly id: number;
  /** What a scalar that is left out counts as; 0 for other types. */
  readonly defaultValue: number | bigint;
  /** A scalar without a default: left out, it is null. */
  readonly isOptional: boolean;
  /** May not be left out. */
  readonly isRequired: boolean;
  readonly isDeprecated: boolean;
}

export type Type =
  ScalarType | StringType | VectorType | ArrayType | UnionType | StructType | TableType;

/** A whole schema, as a `.bfbs` file holds it. */
export interface SchemaModel {
  readonly tables: readonly TableType[];
  readonly structs: readonly StructType[];
  readonly enums: readonly EnumType[];
  readonly unions: readonly UnionType[];
  /** What `root_type` names. */
  readonly root: TableType | undefined;
  /** Four characters, if there is one. */
  readonly fileIdentifier: string | undefined;
}

export type UnionVectorType = VectorType & { readonly element: UnionType };

export function isUnionVector(type: Type): type is UnionVectorType {
  return type.kind === 'vector' && type.element.kind === 'union';
}

/** Whether `<name>_type` goes with it: one name for a union, a vector of them for a vector of unions. */
export function hasDiscriminator({ type }: TableField): boolean {
  return type.kind === 'union' || isUnionVector(type);
}

/** The member that a plain event means by its name, or by its number. */
export function memberOf({ members }: UnionType, type: unknown): UnionMember | undefined {
  return members.find(({ name, tag }) => name === type || tag === type);
}

/** Deprecated fields do not exist. */
export function usableFields({ fields }: TableType): readonly TableField[] {
  return fields.filter(({ isDeprecated }) => !isDeprecated);
}
