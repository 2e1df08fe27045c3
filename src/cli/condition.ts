/** Conditions as people type them: one comparison each, or JSON. */
import {
  eventFields,
  isTimeField,
  openEventReader,
  unitNsOf,
  type Comparison,
  type Condition,
  type EventField,
  type QueryValue,
  type Reader,
} from '../index.js';
import { parseTime } from './arguments.js';
import { durationNs } from './duration.js';
import { InputError } from './exit-codes.js';

/**
 * What all of the texts say together, of the events of a log; `undefined` without any.
 * @throws {InputError}
 */
export function parseConditions(texts: readonly string[], log: Reader): Condition | undefined {
  if (texts.length === 0) return undefined;
  const events = openEventReader(log.describe());
  events.close();
  const kinds = kindsOf(eventFields(events.schema));
  const conditions = texts.map((text) => parseCondition(text, kinds));
  return conditions.length === 1 ? conditions[0] : { all: conditions };
}

/** Kinds of the fields, by their paths. */
export type FieldKinds = ReadonlyMap<string, EventField['kind']>;

export function kindsOf(fields: readonly EventField[]): FieldKinds {
  const own = fields.map(({ path, kind }) => [path, kind] as const);
  return new Map([...own, ['$offset', 'number'], ['$timeMs', 'number']]);
}

const CONDITION =
  /^\s*(not\s+)?([\w$.]+)\s*(?:(==?|!=|<=|>=|<|>)|(?<=\s)(contains|in|present)(?=\s|$))\s*(.*?)\s*$/s;

/**
 * `sensor = 7`, `name contains "x y"`, `kind in Idle,Moving`, `rate present`, and `not` before it; or a
 * condition of `queryEvents` as JSON.
 * @throws {InputError}
 */
export function parseCondition(text: string, kinds: FieldKinds): Condition {
  if (text.trimStart().startsWith('{')) return parseJsonCondition(text);
  const [, not, field, sign, word, rest = ''] = CONDITION.exec(text) ?? [];
  if (field === undefined) throw misunderstood(text);
  const condition = comparison(text, { field, op: sign ?? (word as string), rest }, kinds);
  return not === undefined ? condition : { not: condition };
}

function parseJsonCondition(text: string): Condition {
  try {
    return JSON.parse(text) as Condition;
  } catch (error) {
    throw new InputError(`Cannot read the condition as JSON: ${(error as Error).message}`);
  }
}

function comparison(
  text: string,
  { field, op, rest }: { readonly field: string; readonly op: string; readonly rest: string },
  kinds: FieldKinds,
): Condition {
  if (op === 'present') {
    if (rest !== '') throw misunderstood(text);
    return { field, op };
  }
  const words = op === 'in' ? splitWords(rest) : [rest];
  const values = words.map((each) => valueIn(each, field, kinds));
  const [value] = values;
  if (value === undefined || words.includes('')) throw misunderstood(text);
  if (op === 'in') return { field, op, value: values };
  if (op === 'contains') return { field, op, value: String(value) };
  return { field, op: (op === '==' ? '=' : op) as Comparison, value };
}

function misunderstood(text: string): InputError {
  return new InputError(
    `Cannot understand the condition ${JSON.stringify(text)}: write FIELD, then =, !=, <, <=, >, >=, ` +
      `contains, in or present, then a value, as in 'value >= 20.5'; what is more than one comparison ` +
      `is JSON, as in '{"any": [{"field": "value", "op": "present"}]}'`,
  );
}

/** At commas, but for those within quotes. */
function splitWords(text: string): string[] {
  const words = text.match(/\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^,]+)/g) ?? [];
  return words.map((word) => word.trim());
}

/** What a word means is for its field to say. What it cannot mean is left to the query to refuse. */
function valueIn(word: string, field: string, kinds: FieldKinds): QueryValue {
  const quoted = unquoted(word);
  const text = quoted ?? word;
  const kind = kinds.get(field);
  if (kind === 'boolean' && quoted === undefined) {
    return text === 'true' ? true : text === 'false' ? false : text;
  }
  if (kind !== 'number' && kind !== 'integer') return enumValue(text, kind);
  if (quoted !== undefined) return momentIn(text, field) ?? text;
  return numberIn(text, kind) ?? momentIn(text, field) ?? text;
}

function unquoted(word: string): string | undefined {
  if (/^'[^']*'$/.test(word)) return word.slice(1, -1);
  if (!/^".*"$/s.test(word)) return undefined;
  try {
    return JSON.parse(word) as string;
  } catch {
    throw new InputError(`Cannot understand ${word}: within double quotes, write \\" for a quote`);
  }
}

/** An enum's values have names, and numbers. */
function enumValue(text: string, kind: EventField['kind'] | undefined): QueryValue {
  return kind === 'enum' && /^-?\d+$/.test(text) ? Number(text) : text;
}

/** Digits of a 64-bit integer are left as they are, so that none is lost. */
function numberIn(text: string, kind: 'number' | 'integer'): QueryValue | undefined {
  if (kind === 'integer' && /^-?\d+$/.test(text)) return text;
  return /^[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

/** `2026-01-31T12:00:00Z` of a time, `5ms` of a duration, in the unit that ends the field's name. */
function momentIn(text: string, field: string): QueryValue | undefined {
  const unitNs = unitNsOf(field);
  if (unitNs === undefined) return undefined;
  if (!isTimeField(field)) {
    const ns = durationNs(text);
    return ns === undefined ? undefined : ns / unitNs;
  }
  const ns = timeNs(text);
  if (ns === undefined) return undefined;
  const unit = BigInt(unitNs);
  return ns % unit === 0n ? shortened(ns / unit) : Number(ns) / unitNs;
}

function shortened(value: bigint): number | bigint {
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

/** ISO 8601, to the nanosecond. */
function timeNs(text: string): bigint | undefined {
  const [, fraction = ''] = /[.,](\d+)/.exec(text) ?? [];
  try {
    const ms = BigInt(parseTime(text.replace(/[.,]\d+/, '')));
    return ms * 1_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9));
  } catch {
    return undefined;
  }
}
