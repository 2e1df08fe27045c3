/** Arguments as people type them, turned into values, or refused with a sentence. */
import { InvalidArgumentError } from 'commander';

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `4096`, `64K`, `64M`, `64MiB`, `1G`: powers of 1024, and a whole number of bytes, at least 1. */
export function parseSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMG]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Number(digits) * (UNITS[unit?.toUpperCase() ?? ''] as number);
  if (!Number.isSafeInteger(bytes) || bytes === 0) {
    throw new InvalidArgumentError('Expected a size in bytes such as 65536, 64K, 64M or 1G.');
  }
  return bytes;
}

export function parseCount(text: string): number {
  const count = wholeNumber(text);
  if (count === undefined) throw new InvalidArgumentError('Expected a whole number, 0 or more.');
  return count;
}

/** A number of threads. */
export function parseWorkers(text: string): number {
  const workers = wholeNumber(text);
  if (workers === undefined || workers === 0) {
    throw new InvalidArgumentError('Expected a whole number of threads, 1 or more.');
  }
  return workers;
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new InvalidArgumentError('Expected JSON such as {"column": 8}.');
  }
}

/** Milliseconds, from 1 on. */
export function parseMilliseconds(text: string): number {
  const ms = wholeNumber(text);
  if (ms === undefined || ms === 0) {
    throw new InvalidArgumentError('Expected a whole number of milliseconds, 1 or more.');
  }
  return ms;
}

/** Timers take no more: it is 24 days. */
const MAX_SECONDS = 2_147_483;

export function parseSeconds(text: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds === 0 || seconds > MAX_SECONDS) {
    throw new InvalidArgumentError(
      `Expected a number of seconds, more than 0 and up to ${MAX_SECONDS}.`,
    );
  }
  return seconds;
}

/** A place in the log. `fromEnd`: that many records before its end. */
export type Place = 'start' | 'end' | { readonly offset: number } | { readonly fromEnd: number };

/** `start`, `end`, an offset, or `-N` for N records before the end. */
export function parsePlace(text: string): Place {
  if (text === 'start' || text === 'end') return text;
  const number = wholeNumber(text.replace(/^-/, ''));
  if (number === undefined) {
    throw new InvalidArgumentError(
      "Expected an offset, 'start', 'end', or -N for N records before the end.",
    );
  }
  return text.startsWith('-') ? { fromEnd: number } : { offset: number };
}

const ISO_8601 =
  /^(\d{4}-\d{2}-\d{2})(?:T\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/;

/** ISO 8601, or digits alone: ms since 1970. A time of day without a zone is local, a bare date UTC. */
export function parseTime(text: string): number {
  const ms = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : parseIso(text);
  if (!Number.isFinite(ms)) {
    throw new InvalidArgumentError(
      'Expected an ISO 8601 time such as 2026-01-31T12:00:00Z, or milliseconds since 1970.',
    );
  }
  return ms;
}

function parseIso(text: string): number {
  const day = ISO_8601.exec(text)?.[1];
  // Date.parse takes the 31st of every month.
  if (day === undefined || !doesDayExist(day)) return NaN;
  return Date.parse(text.replace(',', '.'));
}

function doesDayExist(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

function wholeNumber(text: string): number | undefined {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(number) ? number : undefined;
}

/** Of an option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Names with commas between. */
export function parseNames(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) {
    throw new InvalidArgumentError('Expected names with commas between, as in time_ns,value.');
  }
  return names;
}
