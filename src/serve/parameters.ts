/** What a request may ask for, and how much of it. */
import type { Drawn, ServedLog } from './served-log.js';
import type { HistoryRequest } from './history.js';

/** It cannot be answered; the reason is for whoever asks. */
export class RefusedRequest extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

const MAX_FIELDS = 8;
/** Split into lines, a field is twelve. */
const MAX_SPLIT_FIELDS = 4;
const MIN_PIXELS = 16;
const MAX_PIXELS = 4096;
const MAX_ROWS = 200;
const MAX_PATH = 200;
const MAX_CLIENT = 40;

/** The parameters of an address; each may be there once, and no others. */
export function parametersOf(url: URL, known: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (!known.includes(name)) throw new RefusedRequest(400, `Unknown parameter: ${shown(name)}`);
    if (found.has(name)) throw new RefusedRequest(400, `Parameter given twice: ${name}`);
    found.set(name, value);
  }
  return found;
}

export const DRAWN = ['x', 'y', 'by'];
export const HISTORY = [
  ...DRAWN,
  'from',
  'to',
  'fromOffset',
  'toOffset',
  'last',
  'before',
  'px',
  'client',
];

/** What is to be drawn; fields are checked against the schema. */
export function drawnOf(log: ServedLog, given: ReadonlyMap<string, string>): Drawn {
  if (log.schema === undefined) throw new RefusedRequest(404, 'The log has no schema');
  const ys = [...new Set((given.get('y') ?? '').split(',').filter((y) => y !== ''))];
  const x = given.get('x') ?? '$offset';
  const by = given.get('by') === '' ? undefined : given.get('by');
  const most = by === undefined ? MAX_FIELDS : MAX_SPLIT_FIELDS;
  if (ys.length === 0 || ys.length > most) {
    throw new RefusedRequest(400, `Expected 1 to ${most} fields to draw, got ${ys.length}`);
  }
  for (const path of [x, ...ys]) checkNumber(log, path);
  if (by !== undefined) checkField(log, by);
  return { x, ys, by };
}

function checkField(log: ServedLog, path: string): ReturnType<ServedLog['fieldAt']> {
  if (path.length > MAX_PATH) throw new RefusedRequest(400, 'The name of a field is too long');
  try {
    return log.fieldAt(path);
  } catch (error) {
    throw new RefusedRequest(400, error instanceof Error ? error.message : String(error));
  }
}

function checkNumber(log: ServedLog, path: string): void {
  const { kind, enum: type } = checkField(log, path);
  if (kind === 'string' || type !== undefined) {
    throw new RefusedRequest(400, `Cannot draw ${shown(path)}: it is no number`);
  }
}

export function historyOf(log: ServedLog, given: ReadonlyMap<string, string>): HistoryRequest {
  const drawn = drawnOf(log, given);
  const pixels = integer(given, 'px', MIN_PIXELS, MAX_PIXELS) ?? 1000;
  const before = integer(given, 'before', 0, Number.MAX_SAFE_INTEGER);
  const first = integer(given, 'fromOffset', 0, Number.MAX_SAFE_INTEGER);
  const last = integer(given, 'toOffset', 0, Number.MAX_SAFE_INTEGER);
  const places = { from: place(given, 'from'), to: place(given, 'to') };
  const isByOffsets = first !== undefined && last !== undefined;
  const newest = place(given, 'last');
  const stretch = isByOffsets
    ? { offsets: { from: first, to: last } }
    : newest === undefined
      ? places
      : { last: Math.max(0, Number(newest)) };
  return { ...drawn, stretch, pixels, before };
}

/** A decimal number. */
function place(given: ReadonlyMap<string, string>, name: string): string | undefined {
  const text = given.get(name);
  if (text === undefined || /^-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?$/.test(text)) return text;
  throw new RefusedRequest(400, `Invalid ${name}: expected a number`);
}

export function rowCount(given: ReadonlyMap<string, string>): number {
  return integer(given, 'n', 1, MAX_ROWS) ?? 20;
}

export function clientOf(given: ReadonlyMap<string, string>): string | undefined {
  const client = given.get('client');
  if (client === undefined || (client.length <= MAX_CLIENT && /^\w+$/.test(client))) return client;
  throw new RefusedRequest(400, 'Invalid client: expected up to 40 letters and digits');
}

function integer(
  given: ReadonlyMap<string, string>,
  name: string,
  min: number,
  max: number,
): number | undefined {
  const text = given.get(name);
  if (text === undefined) return undefined;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new RefusedRequest(400, `Invalid ${name}: expected an integer from ${min} to ${max}`);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
