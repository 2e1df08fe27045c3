/** Columns of Arrow from decoded values, one by one: for tables, unions, vectors. */
import { toJsonText } from '../../events/json-text.js';
import { valueOfName } from '../../events/enum-names.js';
import { SCALAR_BYTES, type EnumType, type ScalarKind } from '../../events/model.js';
import type { BatchParts } from './batch-parts.js';
import { FixedCells, Validity, VariableCells, packedBits } from './cells.js';
import { indexBytes } from './field-metadata.js';
import { GrowingBytes } from './growing-bytes.js';
import type { Dictionary, Shape, ShapeField } from './shapes.js';

type Plain = Readonly<Record<string, unknown>>;

/** Puts the value `value` behind those before it. */
type Put = (value: unknown) => void;

export abstract class ValueBuilder {
  readonly #validity: Validity;

  constructor(isNullable: boolean) {
    this.#validity = new Validity(isNullable);
  }

  /** `null` and `undefined` are none. */
  add(value: unknown): void {
    const isNull = value === null || value === undefined;
    if (isNull) this.addPlace();
    else this.addValue(value);
    this.#validity.add(isNull ? 1 : 0);
  }

  get length(): number {
    return this.#validity.length;
  }

  finish(parts: BatchParts): void {
    this.#validity.finish(parts);
    this.finishValues(parts);
  }

  abstract readonly size: number;
  protected abstract addValue(value: unknown): void;
  /** Where there is no value. */
  protected abstract addPlace(): void;
  protected abstract finishValues(parts: BatchParts): void;
}

export function valueBuilder({ name, isNullable, shape }: ShapeField): ValueBuilder {
  switch (shape.kind) {
    case 'scalar':
      if (shape.scalar === 'bool') return new BoolValues(isNullable);
      return new ScalarValues(isNullable, shape.scalar, shape.enum, undefined);
    case 'time':
      return new ScalarValues(isNullable, 'int64', undefined, shape.isUnsigned ? name : undefined);
    case 'names':
      return new NameValues(name, isNullable, shape.dictionary);
    case 'text':
      return new TextValues(isNullable, (value) => value as string);
    case 'json':
      return new TextValues(isNullable, toJsonText);
    case 'bytes':
      return new ByteValues(isNullable);
    case 'list':
      return new ListValues(isNullable, valueBuilder(shape.element));
    case 'array':
      return new ArrayValues(isNullable, valueBuilder(shape.element), shape.length);
    default:
      return new StructValues(isNullable, shape);
  }
}

class ScalarValues extends ValueBuilder {
  readonly #cells: FixedCells;
  readonly #put: Put;

  constructor(
    isNullable: boolean,
    scalar: Exclude<ScalarKind, 'bool'>,
    of: EnumType | undefined,
    signed: string | undefined,
  ) {
    super(isNullable);
    const bytes = SCALAR_BYTES[scalar] as 1 | 2 | 4 | 8;
    this.#cells = new FixedCells(bytes);
    const { memory } = this.#cells;
    const store = storeOf(scalar);
    this.#put = (value) => {
      const number = typeof value === 'string' ? valueOfName(of as EnumType, value) : value;
      if (signed !== undefined && (number as number) > MAX_SIGNED) throw pastSigned(signed);
      memory.reserve(bytes);
      store(memory.view, memory.length, number as never);
      memory.length += bytes;
    };
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  protected addValue(value: unknown): void {
    this.#put(value);
  }

  protected addPlace(): void {
    this.#cells.addZero();
  }

  protected finishValues(parts: BatchParts): void {
    this.#cells.finish(parts);
  }
}

const MAX_SIGNED = 2n ** 63n - 1n;

function pastSigned(name: string): RangeError {
  const why = `it is past 2^63 - 1. Choose times: 'integers'`;
  return new RangeError(`Cannot export ${name} as a timestamp: ${why}`);
}

function storeOf(scalar: ScalarKind): (view: DataView, at: number, value: never) => void {
  switch (scalar) {
    case 'int8':
      return (view, at, value) => view.setInt8(at, value);
    case 'uint8':
      return (view, at, value) => view.setUint8(at, value);
    case 'int16':
      return (view, at, value) => view.setInt16(at, value, true);
    case 'uint16':
      return (view, at, value) => view.setUint16(at, value, true);
    case 'int32':
      return (view, at, value) => view.setInt32(at, value, true);
    case 'uint32':
      return (view, at, value) => view.setUint32(at, value, true);
    case 'float32':
      return (view, at, value) => view.setFloat32(at, value, true);
    case 'float64':
      return (view, at, value) => view.setFloat64(at, value, true);
    case 'int64':
      return (view, at, value) => view.setBigInt64(at, BigInt(value), true);
    default:
      return (view, at, value) => view.setBigUint64(at, BigInt(value), true);
  }
}

class BoolValues extends ValueBuilder {
  readonly #flags = new GrowingBytes();

  get size(): number {
    return this.#flags.length;
  }

  protected addValue(value: unknown): void {
    this.#flags.byte(value === true ? 1 : 0);
  }

  protected addPlace(): void {
    this.#flags.byte(0);
  }

  protected finishValues(parts: BatchParts): void {
    parts.buffer(packedBits(this.#flags.used(), 0));
    this.#flags.length = 0;
  }
}

/** Places in a dictionary. */
class NameValues extends ValueBuilder {
  readonly #name: string;
  readonly #choice: string;
  readonly #indices: ReadonlyMap<unknown, number>;
  readonly #cells: FixedCells;
  readonly #store: ReturnType<typeof storeOf>;

  constructor(name: string, isNullable: boolean, dictionary: Dictionary) {
    super(isNullable);
    this.#name = name;
    this.#choice = dictionary.isOfUnion ? '' : `. Choose enums: 'numbers'`;
    this.#indices = new Map(dictionary.names.map((each, index) => [each, index]));
    const bytes = indexBytes(dictionary);
    this.#cells = new FixedCells(bytes);
    this.#store = storeOf(({ 1: 'int8', 2: 'int16', 4: 'int32' } as const)[bytes]);
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  protected addValue(value: unknown): void {
    const index = this.#indices.get(value);
    if (index === undefined) {
      throw new RangeError(
        `Cannot export ${this.#name} by name: the schema has none for ${String(value)}${this.#choice}`,
      );
    }
    const { memory, bytes } = this.#cells;
    memory.reserve(bytes);
    this.#store(memory.view, memory.length, index as never);
    memory.length += bytes;
  }

  protected addPlace(): void {
    this.#cells.addZero();
  }

  protected finishValues(parts: BatchParts): void {
    this.#cells.finish(parts);
  }
}

class TextValues extends ValueBuilder {
  readonly #cells = new VariableCells();
  readonly #textOf: (value: unknown) => string;

  constructor(isNullable: boolean, textOf: (value: unknown) => string) {
    super(isNullable);
    this.#textOf = textOf;
  }

  get size(): number {
    return this.#cells.memory.length;
  }

  protected addValue(value: unknown): void {
    this.#cells.text(this.#textOf(value));
  }

  protected addPlace(): void {
    this.#cells.end();
  }

  protected finishValues(parts: BatchParts): void {
    this.#cells.finish(parts);
  }
}

class ByteValues extends ValueBuilder {
  readonly #cells = new VariableCells();

  get size(): number {
    return this.#cells.memory.length;
  }

  protected addValue(value: unknown): void {
    const bytes = Uint8Array.from(value as readonly number[]);
    this.#cells.copy(bytes, 0, bytes.length);
  }

  protected addPlace(): void {
    this.#cells.end();
  }

  protected finishValues(parts: BatchParts): void {
    this.#cells.finish(parts);
  }
}

class ListValues extends ValueBuilder {
  readonly #places = new GrowingBytes();
  readonly #elements: ValueBuilder;

  constructor(isNullable: boolean, elements: ValueBuilder) {
    super(isNullable);
    this.#elements = elements;
    this.#places.word(0);
  }

  get size(): number {
    return this.#places.length + this.#elements.size;
  }

  protected addValue(value: unknown): void {
    for (const element of value as readonly unknown[]) this.#elements.add(element);
    this.addPlace();
  }

  protected addPlace(): void {
    this.#places.word(this.#elements.length);
  }

  protected finishValues(parts: BatchParts): void {
    parts.buffer(this.#places.used());
    this.#elements.finish(parts);
    this.#places.length = 0;
    this.#places.word(0);
  }
}

class ArrayValues extends ValueBuilder {
  readonly #elements: ValueBuilder;
  readonly #length: number;

  constructor(isNullable: boolean, elements: ValueBuilder, length: number) {
    super(isNullable);
    this.#elements = elements;
    this.#length = length;
  }

  get size(): number {
    return this.#elements.size;
  }

  protected addValue(value: unknown): void {
    for (let i = 0; i < this.#length; i++) this.#elements.add((value as unknown[])[i]);
  }

  protected addPlace(): void {
    for (let i = 0; i < this.#length; i++) this.#elements.add(null);
  }

  protected finishValues(parts: BatchParts): void {
    this.#elements.finish(parts);
  }
}

class StructValues extends ValueBuilder {
  readonly #children: readonly ValueBuilder[];
  readonly #valuesOf: readonly ((object: Plain) => unknown)[];

  constructor(isNullable: boolean, shape: Extract<Shape, { kind: 'struct' | 'members' }>) {
    super(isNullable);
    this.#children = shape.fields.map(valueBuilder);
    this.#valuesOf = shape.fields.map(valueWithin);
  }

  get size(): number {
    return this.#children.reduce((sum, { size }) => sum + size, 0);
  }

  protected addValue(value: unknown): void {
    const valuesOf = this.#valuesOf;
    this.#children.forEach((child, i) => child.add(valuesOf[i]?.(value as Plain)));
  }

  protected addPlace(): void {
    for (const child of this.#children) child.add(null);
  }

  protected finishValues(parts: BatchParts): void {
    for (const child of this.#children) child.finish(parts);
  }
}

function valueWithin({ name, shape }: ShapeField): (object: Plain) => unknown {
  if (shape.kind !== 'members') return (object) => object[name];
  const type = `${name}_type`;
  return (object) => memberValue(object[type], object[name]);
}

/** A union's value as a struct with a field for each member. */
export function memberValue(type: unknown, value: unknown): Plain | null {
  return value === null || value === undefined ? null : { [type as string]: value };
}
