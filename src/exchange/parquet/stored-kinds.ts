/** What the values of a leaf mean, by its types in the file: physical, converted, logical. */
import type { SchemaElement } from 'hyparquet';
import { parseFloat16 } from 'hyparquet/src/convert.js';
import type { FieldType } from '../../events/write-schema.js';
import { DECIMALS_CHOICE, type Decimals } from '../import-choices.js';

/** Choices for what has no type of its own in events. */
export interface KindChoices {
  /** What becomes of DECIMAL. */
  readonly decimals: Decimals;
  /** Bytes that nobody says are text. */
  readonly binary: 'bytes' | 'text';
}

/** A value that is not what its column says; its row is rejected. */
export class ValueError extends RangeError {
  readonly #what: string;
  readonly #path: string | undefined;

  /** `what` is there. */
  constructor(what: string, path?: string) {
    super(path === undefined ? what : `Cannot take ${path}: it is ${what}`);
    this.#what = what;
    this.#path = path;
  }

  /** The same of a column, if none is named. */
  of(path: string): ValueError {
    return this.#path === undefined ? new ValueError(this.#what, path) : this;
  }
}

export interface StoredKind {
  /** The narrowest type of field that holds it. */
  readonly type: FieldType | 'bytes';
  /** Nanoseconds of one, if it is a point in time, or a time of the day. */
  readonly unitNs: number | undefined;
  /** From a value as it is stored. `undefined`: it is the same. */
  readonly convert: ((value: unknown) => unknown) | undefined;
}

const DAY_NS = 86_400e9;
const UNITS_NS = { MILLIS: 1e6, MICROS: 1e3, NANOS: 1 } as const;

/** @throws {TypeError} there is nothing in events that could hold it, or it has to be asked for */
export function storedKind(element: SchemaElement, choices: KindChoices): StoredKind {
  const { converted_type: converted, logical_type: logical } = element;
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') return decimal(element, choices);
  switch (element.type) {
    case 'BOOLEAN':
      return plain('bool');
    case 'INT32':
      return int32(element);
    case 'INT64':
      return int64(element);
    case 'INT96':
      return { type: 'long', unitNs: 1, convert: nanosOfInt96 };
    case 'FLOAT':
      return plain('float');
    case 'DOUBLE':
      return plain('double');
    case 'FIXED_LEN_BYTE_ARRAY':
      return fixed(element);
    default:
      return byteArray(element, choices);
  }
}

function plain(type: StoredKind['type'], convert?: StoredKind['convert']): StoredKind {
  return { type, unitNs: undefined, convert };
}

const INTEGERS_32: Readonly<Record<string, FieldType>> = {
  INT_8: 'byte',
  INT_16: 'short',
  INT_32: 'int',
  UINT_8: 'ubyte',
  UINT_16: 'ushort',
  UINT_32: 'uint',
};

function int32({ converted_type: converted, logical_type: logical }: SchemaElement): StoredKind {
  if (converted === 'DATE' || logical?.type === 'DATE') {
    return { type: 'long', unitNs: DAY_NS, convert: undefined };
  }
  if (converted === 'TIME_MILLIS' || logical?.type === 'TIME') {
    return { type: 'int', unitNs: 1e6, convert: undefined };
  }
  const named = logical?.type === 'INTEGER' ? integerName(logical) : converted;
  const type = INTEGERS_32[named ?? ''] ?? 'int';
  return plain(type, type.startsWith('u') ? (value) => (value as number) >>> 0 : undefined);
}

function integerName(logical: { readonly bitWidth: number; readonly isSigned: boolean }): string {
  return `${logical.isSigned ? '' : 'U'}INT_${logical.bitWidth}`;
}

function int64({ converted_type: converted, logical_type: logical }: SchemaElement): StoredKind {
  if (logical?.type === 'TIMESTAMP' || logical?.type === 'TIME') {
    return { type: 'long', unitNs: UNITS_NS[logical.unit], convert: integer };
  }
  if (converted === 'TIMESTAMP_MILLIS') return { type: 'long', unitNs: 1e6, convert: integer };
  if (converted === 'TIMESTAMP_MICROS' || converted === 'TIME_MICROS') {
    return { type: 'long', unitNs: 1e3, convert: integer };
  }
  const isUnsigned = converted === 'UINT_64' || (logical?.type === 'INTEGER' && !logical.isSigned);
  return isUnsigned
    ? plain('ulong', (value) => integer(BigInt.asUintN(64, value as bigint)))
    : plain('long', integer);
}

/** A number where it is exact. */
function integer(value: unknown): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

const JULIAN_EPOCH = 2_440_588n;

/** Days, and nanoseconds of the day. */
function nanosOfInt96(value: unknown): unknown {
  const stored = value as bigint;
  const nanos = ((stored >> 64n) - JULIAN_EPOCH) * 86_400_000_000_000n + BigInt.asUintN(64, stored);
  if (BigInt.asIntN(64, nanos) !== nanos) {
    throw new ValueError('a time that does not fit into 64 bits of nanoseconds');
  }
  return integer(nanos);
}

function fixed({
  converted_type: converted,
  logical_type: logical,
  ...element
}: SchemaElement): StoredKind {
  const length = element.type_length ?? 0;
  if (converted === 'INTERVAL')
    throw new TypeError('it is an INTERVAL, for which there is no type');
  if (logical?.type === 'UUID' && length === 16) return plain('string', uuid);
  if (logical?.type === 'FLOAT16' && length === 2) {
    return plain('float', (value) => parseFloat16(value as Uint8Array));
  }
  return plain('bytes');
}

function uuid(value: unknown): string {
  const hex = Buffer.from(value as Uint8Array).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function byteArray(
  { converted_type: converted, logical_type: logical }: SchemaElement,
  { binary }: KindChoices,
): StoredKind {
  const isText =
    ['UTF8', 'ENUM', 'JSON'].includes(converted ?? '') ||
    ['STRING', 'ENUM', 'JSON'].includes(logical?.type ?? '');
  const isUnsaid = converted === undefined && logical === undefined;
  if (isText || (isUnsaid && binary === 'text')) return plain('string', text);
  return plain('bytes');
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(value: unknown): string {
  try {
    return utf8.decode(value as Uint8Array);
  } catch {
    throw new ValueError('text that is not UTF-8');
  }
}

// --- Decimals ---

function decimal(element: SchemaElement, { decimals }: KindChoices): StoredKind {
  if (decimals === 'error') {
    throw new TypeError(`it is a DECIMAL: ${DECIMALS_CHOICE}`);
  }
  const { logical_type: logical } = element;
  const scale = (logical?.type === 'DECIMAL' ? logical.scale : undefined) ?? element.scale ?? 0;
  if (!Number.isInteger(scale) || scale < 0 || scale > 1000) {
    throw new TypeError(`it is a DECIMAL of the scale ${scale}`);
  }
  const digits = (value: unknown): string => decimalText(unscaled(value), scale);
  return decimals === 'text'
    ? plain('string', digits)
    : plain('double', (value) => Number(digits(value)));
}

/** An integer, or its bytes, the highest first. */
function unscaled(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint);
  if (value.length === 0) return 0n;
  const hex = Buffer.from(value.buffer, value.byteOffset, value.length).toString('hex');
  return BigInt.asIntN(8 * value.length, BigInt(`0x${hex}`));
}

function decimalText(value: bigint, scale: number): string {
  const sign = value < 0n ? '-' : '';
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, '0');
  if (scale === 0) return sign + digits;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
