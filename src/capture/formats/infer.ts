/** What a column holds, by what its first values look like. */
import type { FieldDefinition } from '../../events/define-schema.js';
import { isDecimal } from './decimal.js';
import { timeOf } from './time-text.js';

/** Types that are inferred. */
export type InferredType = 'bool' | 'long' | 'double' | 'time' | 'string';

const LOOKS_BOOL = 1;
const LOOKS_LONG = 2;
const LOOKS_DOUBLE = 4;
const LOOKS_TIME = 8;
/** Not to be taken for an integer that is too long. */
const HAS_FRACTION = 16;

const MIN_LONG = -(2n ** 63n);
const MAX_LONG = 2n ** 63n - 1n;

/**
 * The narrowest type that holds all of `texts`, in this order: `bool`, `long`, `double`, `time`, `string`.
 * Empty and blank ones do not count, and a column of nothing else is a `string`. Integers with zeros in
 * front (`00501`), with a plus, or of more than 64 bits are names rather than numbers.
 */
export function inferType(texts: Iterable<string>): InferredType {
  let looks = LOOKS_BOOL | LOOKS_LONG | LOOKS_DOUBLE | LOOKS_TIME;
  let hasFraction = false;
  let isEmpty = true;
  for (const text of texts) {
    const value = text.trim();
    if (value === '') continue;
    isEmpty = false;
    const now = looksOf(value);
    if ((now & HAS_FRACTION) !== 0) hasFraction = true;
    looks &= now;
    if (looks === 0) return 'string';
  }
  if (isEmpty) return 'string';
  if ((looks & LOOKS_BOOL) !== 0) return 'bool';
  if ((looks & LOOKS_LONG) !== 0) return 'long';
  if ((looks & LOOKS_DOUBLE) !== 0) return hasFraction ? 'double' : 'string';
  return (looks & LOOKS_TIME) === 0 ? 'string' : 'time';
}

function looksOf(text: string): number {
  if (/^-?(?:0|[1-9]\d*)$/.test(text)) {
    return isLong(text) ? LOOKS_LONG | LOOKS_DOUBLE : LOOKS_DOUBLE;
  }
  if (/^-?(?:[1-9.]|0[.eE])/.test(text) && isDecimal(text)) return LOOKS_DOUBLE | HAS_FRACTION;
  if (/^[+-]?(?:nan|inf|infinity)$/i.test(text)) return LOOKS_DOUBLE | HAS_FRACTION;
  if (/^(?:true|false)$/i.test(text)) return LOOKS_BOOL;
  const bytes = Buffer.from(text);
  return timeOf(bytes, 0, bytes.length, 1) === undefined ? 0 : LOOKS_TIME;
}

function isLong(digits: string): boolean {
  if (digits.length < 16) return true;
  if (digits.length > 20) return false;
  const value = BigInt(digits);
  return value >= MIN_LONG && value <= MAX_LONG;
}

/** The field for a column of such a type: scalars may be null. */
export function fieldFor(
  name: string,
  type: InferredType | FieldDefinition['type'],
  original: string,
): FieldDefinition {
  const common = original === name || original === '' ? { name } : { name, comment: original };
  if (type === 'string') return { ...common, type };
  return { ...common, type: type === 'time' ? 'long' : type, optional: true };
}
