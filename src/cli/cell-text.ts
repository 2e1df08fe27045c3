/** Cells of a result as text: for people, for CSV, for JSON. */
import { isTimeField, unitNsOf, type Cell } from '../index.js';
import { visibleLines } from './terminal-text.js';
import { jsonOf } from './value-format.js';

/** How many digits of a number that is no integer are shown to people. CSV and JSON have all of them. */
const DIGITS = 7;

/** For people: nothing where there is no value. */
export function cellText(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return numberText(cell);
  if (typeof cell !== 'object') return String(cell);
  if ('distinct' in cell) {
    return cell.values.map(({ value, count }) => `${String(value)} (${count})`).join(', ');
  }
  return cell.map(({ value, offset }) => `${cellText(value)} at ${offset}`).join(', ');
}

/** Integers in full, others to seven digits, and to two behind the point. */
function numberText(value: number): string {
  if (Number.isInteger(value))
    return Math.abs(value) < 1e15 ? String(value) : value.toPrecision(DIGITS);
  if (!Number.isFinite(value)) return wordFor(value);
  const whole = Math.floor(Math.log10(Math.abs(value))) + 1;
  return String(Number(value.toPrecision(Math.min(17, Math.max(DIGITS, whole + 2)))));
}

/** As events in JSON have it. */
function wordFor(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return value > 0 ? 'inf' : '-inf';
}

/**
 * Cells of a field that is a time since 1970, in ISO 8601, all with as many digits of a second as one of
 * them needs; `undefined` if the field is none, or one of them is out of range.
 */
export function timeTexts(field: string, cells: readonly Cell[]): string[] | undefined {
  const unitNs = unitNsOf(field);
  if (!isTimeField(field) || unitNs === undefined) return undefined;
  const times = cells.map((cell) => nanoseconds(cell, unitNs));
  if (times.some((time) => time === undefined)) return undefined;
  const digits = Math.max(0, ...times.map((time) => digitsOf(time ?? null)));
  return times.map((time) => (time === null ? '' : isoText(time as bigint, digits)));
}

const NS = 1_000_000_000n;
/** Dates end there. */
const MAX_NS = 8_640_000_000_000_000_000_000n;

/** `null`: no value. `undefined`: no time. */
function nanoseconds(cell: Cell, unitNs: number): bigint | null | undefined {
  if (cell === null) return null;
  const isInteger = typeof cell === 'bigint' || Number.isSafeInteger(cell);
  if (!isInteger && !(typeof cell === 'number' && Number.isFinite(cell))) return undefined;
  const ns = isInteger
    ? BigInt(cell as number | bigint) * BigInt(unitNs)
    : // A mean of nanoseconds is that exact.
      BigInt(Math.round(((cell as number) * unitNs) / 1000)) * 1000n;
  return ns > -MAX_NS && ns < MAX_NS ? ns : undefined;
}

function digitsOf(ns: bigint | null): 0 | 3 | 6 | 9 {
  if (ns === null || ns % NS === 0n) return 0;
  if (ns % 1_000_000n === 0n) return 3;
  return ns % 1000n === 0n ? 6 : 9;
}

function isoText(ns: bigint, digits: number): string {
  const fraction = ((ns % NS) + NS) % NS;
  const second = new Date(Number((ns - fraction) / 1_000_000n)).toISOString().slice(0, -5);
  const behind = String(fraction).padStart(9, '0').slice(0, digits);
  return digits === 0 ? `${second}Z` : `${second}.${behind}Z`;
}

/** A field of CSV as RFC 4180 has it. No value is nothing, and an empty text a pair of quotes. */
export function csvField(cell: Cell | readonly unknown[]): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return Number.isFinite(cell) ? String(cell) : wordFor(cell);
  const text = typeof cell === 'object' ? jsonOf(cell) : String(cell);
  return text === '' || /[",\r\n]/.test(text) || text !== text.trim()
    ? `"${text.replaceAll('"', '""')}"`
    : text;
}

/** JSON with 64-bit integers past 2^53 as text, and what is no number as events have it. */
export function resultJson(value: unknown, indent?: number): string {
  const inJson = (_key: string, each: unknown): unknown => {
    if (typeof each === 'bigint') return String(each);
    return typeof each === 'number' && !Number.isFinite(each) ? wordFor(each) : each;
  };
  const text = JSON.stringify(value, inJson, indent);
  // Valid as they are, but not for a terminal; written out, they mean the same.
  return visibleLines(text);
}
