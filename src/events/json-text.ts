/** Plain values as JSON text, where `JSON.stringify` would refuse, or tell less than there is. */
import type { Plain } from './decode.js';

/**
 * One line. A `bigint` is written in full digits, as a number; what is no number as "nan", "inf" or
 * "-inf", as flatc reads it; -0 with its sign.
 */
export function toJsonText(value: unknown): string {
  if (typeof value === 'number') return numberText(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(toJsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  let text = '';
  // Keys are names of fields, without anything to escape.
  for (const key of Object.keys(value)) {
    text += `${text === '' ? '' : ','}"${key}":${toJsonText((value as Plain)[key])}`;
  }
  return `{${text}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (Number.isNaN(value)) return '"nan"';
  return value > 0 ? '"inf"' : '"-inf"';
}

/**
 * Parses JSON text, with integers past 2^53 as `bigint`: `JSON.parse` would round them. So they are put
 * into strings before, marked by a character that appears nowhere in the text.
 */
export function parseJsonText(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  // Control characters stand in JSON text as escapes only.
  const mark = MARKS.find((each) => !text.includes(escaped(each)));
  if (mark === undefined) return JSON.parse(text);
  return JSON.parse(withMarkedIntegers(text, escaped(mark)), (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(1)) : value,
  );
}

const MARKS = ['\u0001', '\u0002', '\u0003', '\u0004', '\u0005', '\u0006', '\u0007'];
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACES = ' \t\n\r';
/** Twenty digits are all that 64 bits have. What is longer stays, and will be out of range. */
const LONG_INTEGER = /^-?[1-9]\d{15,39}$/;

function escaped(mark: string): string {
  return `\\u000${mark.charCodeAt(0)}`;
}

/** Not by one expression: its stack would not do for the longest strings. */
function withMarkedIntegers(text: string, mark: string): string {
  let marked = '';
  let copied = 0;
  let at = 0;
  while (at < text.length) {
    const start = at;
    const code = text.charCodeAt(start);
    at = code === QUOTE ? stringEnd(text, start) : numberEnd(text, start);
    if (code === QUOTE || at - start < 16) {
      at = Math.max(at, start + 1);
      continue;
    }
    const token = text.slice(start, at);
    if (!LONG_INTEGER.test(token) || Number.isSafeInteger(Number(token))) continue;
    // As a string it would be a key, and what is no JSON would become some.
    if (isBeforeColon(text, at)) continue;
    marked += `${text.slice(copied, start)}"${mark}${token}"`;
    copied = at;
  }
  return marked + text.slice(copied);
}

function isBeforeColon(text: string, at: number): boolean {
  let next = at;
  while (SPACES.includes(text.charAt(next)) && next < text.length) next++;
  return text.charAt(next) === ':';
}

/** Behind the string that begins at `start`. */
function stringEnd(text: string, start: number): number {
  let quote = start;
  let isEscaped = true;
  while (isEscaped) {
    quote = text.indexOf('"', quote + 1);
    if (quote < 0) return text.length;
    let before = quote;
    while (text.charCodeAt(before - 1) === BACKSLASH) before--;
    isEscaped = (quote - before) % 2 === 1;
  }
  return quote + 1;
}

/** Behind the characters of a number that begin at `start`, if there are any. */
function numberEnd(text: string, start: number): number {
  let end = start;
  while (isOfNumber(text.charCodeAt(end))) end++;
  return end;
}

/** Digits, signs, point, e and E. */
function isOfNumber(code: number): boolean {
  if (code >= 0x30 && code <= 0x39) return true;
  return code === 0x2d || code === 0x2b || code === 0x2e || code === 0x45 || code === 0x65;
}
