/** Dates and times of ISO 8601, as bytes, to integers since 1970. */
import { bigProduct } from './decimal.js';

const SECOND_NS = 1e9;
const DAY_S = 86_400;
/** What 64 bits of nanoseconds reach, to either side of 1970. */
const MAX_SECONDS = 9_223_372_036;
const MAX_FRACTION_DIGITS = 9;

const MINUS = 45;
const PLUS = 43;
const COLON = 58;
const POINT = 46;
const COMMA = 44;
const SPACE = 32;

/** Lengths of the shortest parts: `2026-01-31`, and `T12:00` behind it. */
const DATE_BYTES = 10;
const MINUTES_BYTES = 6;

/**
 * The time between `from` and `to`, in units of `unitNs` nanoseconds since 1970, as an integer; `undefined`
 * if there is none, or 64 bits of nanoseconds do not hold it. `2026-01-31`, with a time behind a `T` or a
 * space if there is one: `12:00`, `12:00:30`, `12:00:30.123456789`, and with a zone: `Z`, `+02:00`, `+0200`,
 * `+02`. Without a zone it is taken as UTC. What is finer than the unit is cut off.
 */
export function timeOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  unitNs: number,
): bigint | number | undefined {
  const date = daysOf(bytes, from, to);
  if (date === undefined) return undefined;
  let seconds = date * DAY_S;
  let ns = 0;
  if (to > from + DATE_BYTES) {
    const at = from + DATE_BYTES;
    const isTime = (bytes[at] as number) === SPACE || ((bytes[at] as number) | 32) === 116;
    if (!isTime || to < at + MINUTES_BYTES || bytes[at + 3] !== COLON) return undefined;
    const [hours, minutes] = [two(bytes, at + 1), two(bytes, at + 4)];
    if (!(hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60)) return undefined;
    seconds += hours * 3600 + minutes * 60;
    let rest = at + MINUTES_BYTES;
    if (rest < to && bytes[rest] === COLON) {
      const second = rest + 3 <= to ? two(bytes, rest + 1) : -1;
      if (!(second >= 0 && second < 60)) return undefined;
      seconds += second;
      rest += 3;
      if (rest < to && (bytes[rest] === POINT || bytes[rest] === COMMA)) {
        const end = fractionEnd(bytes, rest + 1, to);
        ns = fractionNs(bytes, rest + 1, end);
        if (ns < 0) return undefined;
        rest = end;
      }
    }
    const offset = zoneOffset(bytes, rest, to);
    if (offset === undefined) return undefined;
    seconds -= offset;
  }
  return inUnits(seconds, ns, unitNs);
}

function inUnits(seconds: number, ns: number, unitNs: number): bigint | number | undefined {
  if (Math.abs(seconds) >= MAX_SECONDS) return undefined;
  if (unitNs !== 1) {
    const value = seconds * (SECOND_NS / unitNs) + Math.floor(ns / unitNs);
    // Microseconds are past 2^53 from 2255 on, and up to 1684.
    if (Number.isSafeInteger(value)) return value;
    return BigInt(seconds) * BigInt(SECOND_NS / unitNs) + BigInt(Math.floor(ns / unitNs));
  }
  if (seconds >= 0) return bigProduct(seconds, SECOND_NS, ns);
  return BigInt(ns) - bigProduct(-seconds, SECOND_NS, 0);
}

/** Days since 1970 of the date that begins at `from` (Howard Hinnant, chrono-compatible algorithms). */
function daysOf(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (to < from + DATE_BYTES) return undefined;
  if (bytes[from + 4] !== MINUS || bytes[from + 7] !== MINUS) return undefined;
  const year = two(bytes, from) * 100 + two(bytes, from + 2);
  const month = two(bytes, from + 5);
  const day = two(bytes, from + 8);
  if (!(year >= 0 && month >= 1 && month <= 12 && day >= 1)) return undefined;
  if (day > daysIn(year, month)) return undefined;
  // Years begin in March, so that the day that may be missing is the last one.
  const y = month > 2 ? year : year - 1;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra =
    yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** A number of two digits, or `NaN`. */
function two(bytes: Uint8Array, at: number): number {
  const tens = (bytes[at] as number) - 48;
  const ones = (bytes[at + 1] as number) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

function fractionEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && (bytes[end] as number) >= 48 && (bytes[end] as number) <= 57) end++;
  return end;
}

/** Nanoseconds, or -1 if there are no digits, or some that are finer. */
function fractionNs(bytes: Uint8Array, from: number, to: number): number {
  if (to === from) return -1;
  let ns = 0;
  for (let i = 0; i < MAX_FRACTION_DIGITS; i++) {
    ns = ns * 10 + (from + i < to ? (bytes[from + i] as number) - 48 : 0);
  }
  for (let at = from + MAX_FRACTION_DIGITS; at < to; at++) if (bytes[at] !== 48) return -1;
  return ns;
}

/** Seconds east of Greenwich of the zone that fills the rest, or `undefined` if that is something else. */
function zoneOffset(bytes: Uint8Array, from: number, to: number): number | undefined {
  if (from === to) return 0;
  const sign = bytes[from] as number;
  if ((sign | 32) === 122) return to === from + 1 ? 0 : undefined;
  if (sign !== PLUS && sign !== MINUS) return undefined;
  const hours = to >= from + 3 ? two(bytes, from + 1) : NaN;
  const minutesAt = bytes[from + 3] === COLON ? from + 4 : from + 3;
  const hasMinutes = to > from + 3;
  if (hasMinutes && to !== minutesAt + 2) return undefined;
  const minutes = hasMinutes ? two(bytes, minutesAt) : 0;
  if (!(hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60)) return undefined;
  const offset = hours * 3600 + minutes * 60;
  return sign === MINUS ? -offset : offset;
}
