/** Groups, aggregates and orders as people type them. */
import { unitNsOf, type Aggregate, type Grouping, type Query } from '../index.js';
import { DURATIONS, durationNs } from './duration.js';
import { InputError } from './exit-codes.js';

/**
 * `sensor`, `value/10`, `time_ns/5m`, with `as NAME` behind.
 * @throws {InputError}
 */
export function parseGrouping(text: string): Grouping {
  const [, field, width, as] =
    /^\s*([\w$.]+)\s*(?:\/\s*(\S+?))?(?:\s+as\s+(\S+))?\s*$/.exec(text) ?? [];
  if (field === undefined) {
    throw new InputError(
      `Cannot understand the group ${JSON.stringify(text)}: write FIELD or FIELD/WIDTH, as in 'time_ns/5m'`,
    );
  }
  const every = width === undefined ? {} : { every: widthOf(field, width) };
  return { field, ...every, ...(as === undefined ? {} : { as }) };
}

function widthOf(field: string, text: string): number | bigint {
  if (/^\d{16,}$/.test(text)) return BigInt(text);
  if (/^\d*\.?\d+(?:e[-+]?\d+)?$/i.test(text)) return Number(text);
  const ns = durationNs(text);
  if (ns === undefined) {
    throw new InputError(
      `Cannot make buckets of ${field} by ${text}: expected a number, or a duration such as ${DURATIONS}`,
    );
  }
  const unitNs = unitNsOf(field);
  if (unitNs !== undefined) return whole(ns / unitNs);
  throw new InputError(
    `Cannot make buckets of ${field} by ${text}: its name does not end with a unit of time (_ns, _us, _ms, ` +
      `_s), so give the width as a number`,
  );
}

/** Half a year in nanoseconds is past 2^53. */
function whole(width: number): number | bigint {
  return Number.isInteger(width) && !Number.isSafeInteger(width) ? BigInt(width) : width;
}

const AGGREGATE =
  /^\s*([a-z]\w*(?:\.\d+)?)\s*(?:\(\s*([\w$.]*|\*)\s*(?:,\s*([^()]*?)\s*)?\))?(?:\s+as\s+(\S+))?\s*$/i;

/**
 * `count`, `mean(value)`, `p99(value) as slow`, and several with commas between.
 * @throws {InputError}
 */
export function parseSelect(texts: readonly string[]): Record<string, Aggregate> {
  const found = texts.flatMap(splitAggregates).map(parseAggregate);
  const names = found.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new InputError(`Cannot select ${twice} twice: give one of them another name with 'as'`);
  }
  return Object.fromEntries(found.map(({ name, aggregate }) => [name, aggregate]));
}

/** At commas, but for those within parentheses. */
function splitAggregates(text: string): string[] {
  return text.match(/(?:[^,(]|\([^)]*\)?)+/g) ?? [text];
}

function parseAggregate(text: string): { name: string; aggregate: Aggregate } {
  const [, fn, of, argument, as] = AGGREGATE.exec(text) ?? [];
  if (fn === undefined) {
    throw new InputError(
      `Cannot understand ${JSON.stringify(text)}: write count, mean(value), p99(value) or top(value, 3), ` +
        `with 'as NAME' behind if you like`,
    );
  }
  const field = of === undefined || of === '' || of === '*' ? undefined : of;
  const name = as ?? aggregateName(fn, field, argument);
  return { name, aggregate: aggregateOf(fn.toLowerCase(), field, argument) };
}

function aggregateName(
  fn: string,
  field: string | undefined,
  argument: string | undefined,
): string {
  if (field === undefined) return fn;
  return `${fn}(${field}${argument === undefined ? '' : `, ${argument}`})`;
}

/** Whatever is wrong about it, the query says; also that there is no such aggregate. */
function aggregateOf(
  fn: string,
  field: string | undefined,
  argument: string | undefined,
): Aggregate {
  const of = field === undefined ? {} : { field };
  const percent = fn === 'median' ? '50' : /^p(\d+(?:\.\d+)?)$/.exec(fn)?.[1];
  if (percent !== undefined) {
    // 0.999, and not 0.9990000000000001.
    const at = Number((Number(percent) / 100).toPrecision(12));
    return { fn: 'quantile', at, ...of } as Aggregate;
  }
  if (argument === undefined) {
    const k = fn === 'top' || fn === 'frequent' ? { k: DEFAULT_K } : {};
    return { fn, ...k, ...of } as Aggregate;
  }
  const name = fn === 'quantile' ? 'at' : 'k';
  return { fn, [name]: Number(argument), ...of } as Aggregate;
}

const DEFAULT_K = 5;

/** `NAME`, `NAME:desc`: a key's name, or that of an aggregate. */
export function parseOrder(text: string): NonNullable<Query['orderBy']> {
  const [, name = text, way] = /^(.*?)(?::(asc|desc))?$/s.exec(text) ?? [];
  const [aggregate] = AGGREGATE.test(name) ? Object.keys(parseSelect([name])) : [];
  return { name: aggregate ?? name, descending: way === 'desc' };
}
