/** Code for single numbers: what may be one, and how it is stored. */
import type { ScalarKind, ScalarType } from './model.js';

/** From here on a number rounds to infinity as a `float32`. */
export const FLOAT32_BOUND = 2 ** 128 - 2 ** 103;

/** The view of `Memory` whose elements are of this kind, and by how much positions are shifted for it. */
interface Lane {
  readonly view: string;
  readonly shift: number;
}

const LANES: Readonly<Record<ScalarKind, Lane>> = {
  bool: { view: 'bytes', shift: 0 },
  int8: { view: 'int8s', shift: 0 },
  uint8: { view: 'bytes', shift: 0 },
  int16: { view: 'int16s', shift: 1 },
  uint16: { view: 'uint16s', shift: 1 },
  int32: { view: 'words', shift: 2 },
  uint32: { view: 'uint32s', shift: 2 },
  int64: { view: 'bigInts', shift: 3 },
  uint64: { view: 'bigUints', shift: 3 },
  float32: { view: 'floats', shift: 2 },
  float64: { view: 'doubles', shift: 3 },
};

/** How it is stored. An enum of `bool`s has numbers. */
export function storedKind({ scalar, enum: names }: ScalarType): ScalarKind {
  return scalar === 'bool' && names !== undefined ? 'uint8' : scalar;
}

/** An expression that is true if `value` may be stored; numbers first, as they are most of what comes. */
export function isStorable(kind: ScalarKind, value: string): string {
  const isNumber = `typeof ${value} === 'number'`;
  switch (kind) {
    case 'bool':
      return `typeof ${value} === 'boolean'`;
    case 'int8':
      return `${isNumber} && ${value} << 24 >> 24 === ${value}`;
    case 'uint8':
      return `${isNumber} && (${value} & 255) === ${value}`;
    case 'int16':
      return `${isNumber} && ${value} << 16 >> 16 === ${value}`;
    case 'uint16':
      return `${isNumber} && (${value} & 65535) === ${value}`;
    case 'int32':
      return `${isNumber} && (${value} | 0) === ${value}`;
    case 'uint32':
      return `${isNumber} && ${value} >>> 0 === ${value}`;
    case 'int64':
      return `${isNumber} ? Number.isSafeInteger(${value}) : isInt64(${value})`;
    case 'uint64':
      return `${isNumber} ? Number.isSafeInteger(${value}) && ${value} >= 0 : isUint64(${value})`;
    case 'float32':
      return `${isNumber} && (${value} > -${FLOAT32_BOUND} && ${value} < ${FLOAT32_BOUND} || !Number.isFinite(${value}))`;
    default:
      return isNumber;
  }
}

/**
 * Statements that store `value` at `base + offset`. Stores of typed arrays cut integers to their bits, so
 * whatever `value` is, nothing else is written. 64 bits of a number are stored as two words:
 * a `BigInt` of it would be an object.
 */
export function store(kind: ScalarKind, base: string, offset: number, value: string): string {
  if (kind === 'int64' || kind === 'uint64') {
    const low = index(base, offset, 2);
    const high = index(base, offset + 4, 2);
    return (
      `if (typeof ${value} === 'number') { m.words[${low}] = ${value}; ` +
      `m.words[${high}] = Math.floor(${value} / 4294967296); } ` +
      `else m.view.setBigInt64(${base} + ${offset}, ${value}, true);`
    );
  }
  const { view, shift } = LANES[kind];
  const stored = kind === 'bool' ? `${value} ? 1 : 0` : value;
  return `m.${view}[${index(base, offset, shift)}] = ${stored};`;
}

/** A statement that stores a typed array of this kind, whole. */
export function storeAll(kind: ScalarKind, values: string, position: string): string {
  const { view, shift } = LANES[kind];
  return `m.${view}.set(${values}, (${position}) >> ${shift});`;
}

/** A statement that stores zeros, where the template has none. */
export function storeZero(kind: ScalarKind, base: string, offset: number): string {
  const { shift } = LANES[kind];
  if (shift < 2) return '';
  const first = `m.words[${index(base, offset, 2)}] = 0;`;
  return shift === 2 ? first : `${first} m.words[${index(base, offset + 4, 2)}] = 0;`;
}

/** The element of a typed array at `base + offset`, both being multiples of its size. */
export function index(base: string, offset: number, shift: number): string {
  if (shift === 0) return `${base} + ${offset}`;
  return `(${base} >> ${shift}) + ${offset / 2 ** shift}`;
}
