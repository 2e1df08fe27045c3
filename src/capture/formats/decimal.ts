/**
 * Numbers from the bytes of their text, without a string or a `BigInt` in between, and exactly: a double is
 * the one that `Number(text)` is. Results go into typed arrays, because a double that a function returns is
 * an object.
 *
 * What a scan reads ends where the first byte is that belongs to no number, so there must be one behind.
 */

/** There is no number at that place. */
export const NO_NUMBER = -1;
/** It is an integer, and does not fit. */
export const OUT_OF_RANGE = -2;

const PLUS = 43;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const LOWER_CASE = 0x20;
const LETTER_E = 101;
/** Digits that one accumulator of 31 bits takes. */
const PART_DIGITS = 9;
/** Digits of two of them. */
const MAX_DIGITS = 18;
/** Doubles are exact up to here. */
const EXACT = 2 ** 53;
/** As are the powers of ten up to this one. */
const MAX_POWER = 22;
const POWERS = Float64Array.from({ length: MAX_POWER + 1 }, (_, i) => Number(`1e${i}`));
/** Of what is 27 bits too wide for half of a product. */
const SPLITTER = 2 ** 27 + 1;
/** More than what the quotient or product of two doubles each is wrong by, relatively: 2^-103. */
const DOUBT = 2 ** -100;
const WORD = 2 ** 32;
/** What no exponent needs to go on from: all is 0 or infinite there. */
const MAX_EXPONENT = 100_000;

const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;

/**
 * Reads the decimal number that begins at `start` into `out[slot]` as the double nearest to it, and returns
 * where it ends, or `NO_NUMBER`. There may be a sign, a point and an exponent. `isJson`: there must be
 * digits on both sides of a point.
 *
 * Up to 18 digits are kept as two integers. A mantissa up to 2^53 and a power of ten up to 10^22 are doubles
 * themselves, so that one operation rounds once (Clinger, How to read floating point numbers accurately,
 * 1990). Other numbers are multiplied or divided as the sum of two doubles each (Dekker, 1971), and taken if
 * the doubt that is left cannot change how it is rounded. Everything else is left to `Number`.
 */
export function scanDecimal(
  bytes: Buffer,
  start: number,
  out: Float64Array,
  slot: number,
  isJson = false,
): number {
  let at = start;
  const sign = bytes[at] as number;
  if (sign === MINUS || sign === PLUS) at++;
  let first = 0;
  let second = 0;
  let digits = 0;
  const integerAt = at;
  let digit = (bytes[at] as number) - ZERO;
  for (; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - ZERO) {
    if (digits < PART_DIGITS) first = first * 10 + digit;
    else if (digits < MAX_DIGITS) second = second * 10 + digit;
    // Zeros in front are no digits.
    if (first !== 0) digits++;
  }
  let read = at - integerAt;
  let exponent = 0;
  if (digit === POINT - ZERO) {
    const fractionAt = ++at;
    digit = (bytes[at] as number) - ZERO;
    for (; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - ZERO) {
      if (digits < PART_DIGITS) first = first * 10 + digit;
      else if (digits < MAX_DIGITS) second = second * 10 + digit;
      if (first !== 0) digits++;
    }
    exponent = fractionAt - at;
    if (isJson && (read === 0 || exponent === 0)) return NO_NUMBER;
    read -= exponent;
  }
  if (read === 0) return NO_NUMBER;
  if (((digit + ZERO) | LOWER_CASE) === LETTER_E) {
    const end = exponentEnd(bytes, at + 1);
    if (end < 0) return NO_NUMBER;
    exponent += exponentOf(bytes, at + 1);
    at = end;
  }
  if (digits <= MAX_DIGITS) {
    const isSmall = exponent >= -MAX_POWER && exponent <= MAX_POWER;
    const power = POWERS[digits <= PART_DIGITS ? 0 : digits - PART_DIGITS] as number;
    const mantissa = first * power + second;
    if (mantissa < EXACT && (isSmall || mantissa === 0)) {
      const scaled = mantissa === 0 ? 0 : scale(mantissa, exponent);
      out[slot] = sign === MINUS ? -scaled : scaled;
      return at;
    }
    if (isSmall && scaleWide(first, power, second, exponent, out, slot)) {
      if (sign === MINUS) out[slot] = -(out[slot] as number);
      return at;
    }
  }
  out[slot] = Number(bytes.toString('latin1', start, at));
  return at;
}

function scale(mantissa: number, exponent: number): number {
  return exponent < 0
    ? mantissa / (POWERS[-exponent] as number)
    : mantissa * (POWERS[exponent] as number);
}

/** Behind the exponent whose sign or first digit is at `at`, or -1 if it has no digit. */
function exponentEnd(bytes: Buffer, at: number): number {
  const sign = bytes[at];
  let end = sign === MINUS || sign === PLUS ? at + 1 : at;
  const digitsAt = end;
  while (isDigit(bytes[end] as number)) end++;
  return end === digitsAt ? -1 : end;
}

function exponentOf(bytes: Buffer, at: number): number {
  const sign = bytes[at];
  let value = 0;
  let end = sign === MINUS || sign === PLUS ? at + 1 : at;
  for (; isDigit(bytes[end] as number); end++) {
    if (value < MAX_EXPONENT) value = value * 10 + (bytes[end] as number) - ZERO;
  }
  return sign === MINUS ? -value : value;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/**
 * (first × power + second) × 10^exponent into `out[slot]`, rounded once. Returns whether it is certain how
 * to round. The integers have 30 bits each.
 */
function scaleWide(
  first: number,
  power: number,
  second: number,
  exponent: number,
  out: Float64Array,
  slot: number,
): boolean {
  // The mantissa as high + low: the parts of the product have 45 bits each.
  const upper = (first >>> 15) * power * 32_768;
  const lower = (first & 32_767) * power + second;
  const high = upper + lower;
  const low = lower - (high - upper);
  const factor = POWERS[exponent < 0 ? -exponent : exponent] as number;
  let value: number;
  let rest: number;
  if (exponent < 0) {
    value = high / factor;
    const product = value * factor;
    rest = (high - product - productError(value, factor, product) + low) / factor;
  } else {
    value = high * factor;
    rest = productError(high, factor, value) + low * factor;
  }
  const rounded = value + rest;
  const left = rest - (rounded - value);
  const doubt = rounded * DOUBT;
  out[slot] = rounded;
  return rounded + (left + doubt) === rounded && rounded + (left - doubt) === rounded;
}

/** What rounding has taken from the product of two doubles; exact (Dekker, Veltkamp). */
function productError(a: number, b: number, product: number): number {
  const bigA = SPLITTER * a;
  const highA = bigA - (bigA - a);
  const lowA = a - highA;
  const bigB = SPLITTER * b;
  const highB = bigB - (bigB - b);
  const lowB = b - highB;
  return highA * highB - product + highA * lowB + lowA * highB + lowA * lowB;
}

/** Where integers past 2^53 are put together. */
const words = new Uint32Array(2);
const signed = new BigInt64Array(words.buffer);
const unsigned = new BigUint64Array(words.buffer);

/**
 * Reads the decimal integer that begins at `start`, and returns where it ends, `NO_NUMBER`, or
 * `OUT_OF_RANGE` of 64 bits. One up to 2^53 goes into `out[slot]`, and `isValue[slot]` is 0; another one goes
 * into `values[slot]` as a `bigint`, and `isValue[slot]` is 1.
 */
export function scanInteger(
  bytes: Buffer,
  start: number,
  out: Float64Array,
  values: unknown[],
  isValue: Uint8Array,
  slot: number,
  isUnsigned: boolean,
): number {
  let at = start;
  const sign = bytes[at] as number;
  if (sign === MINUS || sign === PLUS) at++;
  let first = 0;
  let second = 0;
  let digits = 0;
  const digitsAt = at;
  let digit = (bytes[at] as number) - ZERO;
  for (; digit >= 0 && digit <= 9; digit = (bytes[++at] as number) - ZERO) {
    if (digits < PART_DIGITS) first = first * 10 + digit;
    else if (digits < MAX_DIGITS) second = second * 10 + digit;
    if (first !== 0) digits++;
  }
  if (at === digitsAt) return NO_NUMBER;
  const kept = digits <= PART_DIGITS ? 0 : Math.min(digits, MAX_DIGITS) - PART_DIGITS;
  const power = POWERS[kept] as number;
  const value = first * power + second;
  if (digits <= MAX_DIGITS && value < EXACT) {
    if (isUnsigned && sign === MINUS && value !== 0) return OUT_OF_RANGE;
    out[slot] = sign === MINUS ? -value : value;
    isValue[slot] = 0;
    return at;
  }
  if (digits > MAX_DIGITS + 2) return OUT_OF_RANGE;
  putProduct(first, power, second);
  for (let more = at - (digits - MAX_DIGITS); more < at; more++) {
    if (digits <= MAX_DIGITS) break;
    if (!putDigit((bytes[more] as number) - ZERO)) return OUT_OF_RANGE;
  }
  const big = bigOf(sign === MINUS, isUnsigned);
  if (big === undefined) return OUT_OF_RANGE;
  values[slot] = big;
  isValue[slot] = 1;
  return at;
}

/**
 * `a` × `b` + `c` as a `bigint`, of integers whose result has no more than 63 bits: `a` below 2^34, the
 * others below 2^30.
 */
export function bigProduct(a: number, b: number, c: number): bigint {
  putProduct(a, b, c);
  return signed[0] as bigint;
}

function putProduct(a: number, b: number, c: number): void {
  // Of `a`, the upper bits, and the 15 lowest: both products are exact.
  const upper = Math.floor(a / 32_768) * b;
  const lower = (a % 32_768) * b + c + (upper % 131_072) * 32_768;
  words[0] = lower % WORD;
  words[1] = Math.floor(upper / 131_072) + Math.floor(lower / WORD);
}

/** Whether there was room for one more digit. */
function putDigit(digit: number): boolean {
  const lower = (words[0] as number) * 10 + digit;
  const upper = (words[1] as number) * 10 + Math.floor(lower / WORD);
  words[0] = lower % WORD;
  words[1] = upper;
  return upper < WORD;
}

function bigOf(isNegative: boolean, isUnsigned: boolean): bigint | undefined {
  if (isUnsigned) return isNegative ? undefined : unsigned[0];
  const upper = words[1] as number;
  if (upper < 2 ** 31) return isNegative ? -(signed[0] as bigint) : signed[0];
  // The least one has no counterpart.
  return isNegative && upper === 2 ** 31 && words[0] === 0 ? signed[0] : undefined;
}

/** Whether text begins with a number as `scanDecimal` reads it, and all of it is one. */
export function isDecimal(text: string): boolean {
  return DECIMAL.exec(text)?.[0].length === text.length;
}
