/** Columns of a file that is to be imported: what their metadata say, checked. */
import { InputError } from '../../errors.js';
import type { Field, Schema, TimeUnit, Type } from './metadata.js';

export type ColumnType =
  | { readonly kind: 'null' | 'bool' | 'struct' }
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly isSigned: boolean }
  | { readonly kind: 'float'; readonly bits: 16 | 32 | 64 }
  | { readonly kind: 'decimal'; readonly bits: 32 | 64 | 128 | 256; readonly scale: number }
  /** Instants, days, times of a day, durations. */
  | {
      readonly kind: 'time';
      readonly bits: 32 | 64;
      readonly unitNs: number;
      readonly isInstant: boolean;
      /** As people know it. */
      readonly word: string;
    }
  | { readonly kind: 'text' | 'binary'; readonly layout: 'small' | 'large' | 'view' }
  | { readonly kind: 'fixed-binary'; readonly width: number }
  | { readonly kind: 'list'; readonly isLarge: boolean }
  | { readonly kind: 'fixed-list'; readonly length: number }
  | { readonly kind: 'union'; readonly isDense: boolean; readonly typeIds: readonly number[] }
  /** Its buffers and children can be stepped over. */
  | { readonly kind: 'unknown'; readonly word: string; readonly buffers: number };

export interface ArrowColumn {
  readonly name: string;
  /** With the names of those that it is in. */
  readonly path: string;
  readonly type: ColumnType;
  readonly isNullable: boolean;
  readonly dictionary: { readonly id: number | bigint; readonly index: IntType } | undefined;
  readonly children: readonly ArrowColumn[];
}

export type IntType = Extract<ColumnType, { kind: 'int' }>;

export interface ArrowColumns {
  readonly columns: readonly ArrowColumn[];
  readonly metadata: ReadonlyMap<string, string>;
}

/** @throws {InputError} what is said makes no sense, or cannot be read here at all */
export function columnsOf(schema: Schema | undefined, file: string): ArrowColumns {
  if (schema === undefined) throw new InputError(`Cannot read ${file}: it has no schema`);
  if (schema.endianness === 'Big') {
    throw new InputError(`Cannot read ${file}: its values are big-endian`);
  }
  const columns = (schema.fields ?? []).map((field) => columnOf(field, '', file));
  const pairs = schema.custom_metadata ?? [];
  const metadata = new Map(pairs.map(({ key, value }) => [key ?? '', value ?? '']));
  return { columns, metadata };
}

function columnOf(field: Field, prefix: string, file: string): ArrowColumn {
  const name = field.name ?? '';
  const path = prefix + name;
  const refuse = (why: string): never => {
    throw new InputError(`Cannot read ${file}: column ${JSON.stringify(path)} ${why}`);
  };
  const fields = field.children ?? [];
  const children = fields.map((child) => columnOf(child, `${path}.`, file));
  const type = typeOf(field.type_type, field.type, refuse);
  const expected = childrenOf(type);
  const isSound = expected === undefined || children.length === expected;
  if (!isSound) refuse(`is of ${typeWord(type)}, with ${children.length} columns in it`);
  if (type.kind === 'union' && type.typeIds.length !== children.length) {
    refuse('is a union whose members have no numbers');
  }
  const { dictionary } = field;
  const common = { name, path, type, isNullable: field.nullable === true, children };
  if (dictionary === undefined || dictionary === null) return { ...common, dictionary: undefined };
  const { bit_width: bits = 32, is_signed: isSigned = true } = dictionary.index_type ?? {};
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) {
    return refuse(`has places of ${bits} bits in its dictionary`);
  }
  return {
    ...common,
    dictionary: { id: dictionary.id ?? 0, index: { kind: 'int', bits, isSigned } },
  };
}

/** How many columns are in one; `undefined`: any number. */
function childrenOf({ kind }: ColumnType): number | undefined {
  if (kind === 'struct' || kind === 'union' || kind === 'unknown') return undefined;
  return kind === 'list' || kind === 'fixed-list' ? 1 : 0;
}

const UNIT_NS: Readonly<Record<TimeUnit, number>> = {
  Second: 1e9,
  Millisecond: 1e6,
  Microsecond: 1e3,
  Nanosecond: 1,
};
const UNIT_WORDS: Readonly<Record<number, string>> = { 1: 'ns', 1e3: 'us', 1e6: 'ms', 1e9: 's' };
const DAY_NS = 86_400e9;

/** Types by name, with what is said of each. */
function typeOf(
  name: unknown,
  value: Type | undefined,
  refuse: (why: string) => never,
): ColumnType {
  const said = (value ?? {}) as Readonly<Record<string, unknown>>;
  switch (name) {
    case 'Null':
      return { kind: 'null' };
    case 'Bool':
      return { kind: 'bool' };
    case 'Int':
      return intType(said, refuse);
    case 'FloatingPoint':
      return { kind: 'float', bits: FLOAT_BITS[String(said['precision'])] ?? refuse(NO_SENSE) };
    case 'Decimal':
      return decimalType(said, refuse);
    case 'Utf8':
      return { kind: 'text', layout: 'small' };
    case 'LargeUtf8':
      return { kind: 'text', layout: 'large' };
    case 'Utf8View':
      return { kind: 'text', layout: 'view' };
    case 'Binary':
      return { kind: 'binary', layout: 'small' };
    case 'LargeBinary':
      return { kind: 'binary', layout: 'large' };
    case 'BinaryView':
      return { kind: 'binary', layout: 'view' };
    case 'FixedSizeBinary':
      return { kind: 'fixed-binary', width: sizeOf(said['byte_width'], refuse) };
    case 'List':
    case 'Map':
      return { kind: 'list', isLarge: false };
    case 'LargeList':
      return { kind: 'list', isLarge: true };
    case 'FixedSizeList':
      return { kind: 'fixed-list', length: sizeOf(said['list_size'], refuse) };
    case 'Struct':
      return { kind: 'struct' };
    case 'Union':
      return {
        kind: 'union',
        isDense: said['mode'] === 'Dense',
        typeIds: (said['type_ids'] as number[] | undefined) ?? [],
      };
    default:
      return timeType(name, said, refuse);
  }
}

const NO_SENSE = 'is of a type that makes no sense';
const FLOAT_BITS: Readonly<Record<string, 16 | 32 | 64>> = { Half: 16, Single: 32, Double: 64 };

function timeType(
  name: unknown,
  said: Readonly<Record<string, unknown>>,
  refuse: (why: string) => never,
): ColumnType {
  const unitNs = UNIT_NS[said['unit'] as TimeUnit];
  const word = UNIT_WORDS[unitNs] ?? '';
  switch (name) {
    case 'Timestamp':
      if (unitNs === undefined) return refuse(NO_SENSE);
      return { kind: 'time', bits: 64, unitNs, isInstant: true, word: `timestamp(${word})` };
    case 'Duration':
      if (unitNs === undefined) return refuse(NO_SENSE);
      return { kind: 'time', bits: 64, unitNs, isInstant: false, word: `duration(${word})` };
    case 'Time': {
      const bits = said['bit_width'];
      if (unitNs === undefined || (bits !== 32 && bits !== 64)) return refuse(NO_SENSE);
      return { kind: 'time', bits, unitNs, isInstant: false, word: `time${bits}(${word})` };
    }
    case 'Date':
      if (said['unit'] === 'Day') {
        return { kind: 'time', bits: 32, unitNs: DAY_NS, isInstant: true, word: 'date32' };
      }
      return { kind: 'time', bits: 64, unitNs: 1e6, isInstant: true, word: 'date64' };
    default:
      return steppedOver(name, refuse);
  }
}

/** Types that are known, and not read. */
function steppedOver(name: unknown, refuse: (why: string) => never): ColumnType {
  switch (name) {
    case 'Interval':
      return { kind: 'unknown', word: 'interval', buffers: 2 };
    case 'ListView':
    case 'LargeListView':
      return { kind: 'unknown', word: 'list view', buffers: 3 };
    case 'RunEndEncoded':
      return { kind: 'unknown', word: 'run-end encoded', buffers: 0 };
    default:
      return refuse(`is of a type that is not known here (${JSON.stringify(name ?? 'none')})`);
  }
}

function intType(
  { bit_width: bits, is_signed }: Readonly<Record<string, unknown>>,
  refuse: (why: string) => never,
): IntType {
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) return refuse(NO_SENSE);
  return { kind: 'int', bits, isSigned: is_signed === true };
}

function decimalType(
  { bit_width: bits, scale }: Readonly<Record<string, unknown>>,
  refuse: (why: string) => never,
): ColumnType {
  const isSound = bits === 32 || bits === 64 || bits === 128 || bits === 256;
  if (!isSound || typeof scale !== 'number' || Math.abs(scale) > 1000) return refuse(NO_SENSE);
  return { kind: 'decimal', bits, scale };
}

function sizeOf(size: unknown, refuse: (why: string) => never): number {
  return typeof size === 'number' && size >= 0 ? size : refuse(NO_SENSE);
}

/** As people know it. */
export function typeWord(type: ColumnType): string {
  switch (type.kind) {
    case 'int':
      return `${type.isSigned ? '' : 'u'}int${type.bits}`;
    case 'float':
      return `float${type.bits}`;
    case 'decimal':
      return `decimal${type.bits}`;
    case 'time':
    case 'unknown':
      return type.word;
    case 'text':
      return 'utf8';
    case 'fixed-binary':
      return `binary of ${type.width} bytes`;
    case 'fixed-list':
      return `list of ${type.length}`;
    default:
      return type.kind;
  }
}
