/** Questions about the events of a log, as data: filtered, grouped and aggregated in a parallel scan. */
import { EventReader, openEventReader } from '../events/event-reader.js';
import type { EventSchema } from '../events/schema.js';
import { Reader } from '../read/reader.js';
import type { ScanSettings } from '../scan/options.js';
import { runScan, type ScannedLog, type ScanResult } from '../scan/scan.js';
import type { TopEntry } from './accumulators.js';
import type { Comparison } from './filter.js';
import { Answer } from './answer.js';
import type { FrequentValues } from './frequent.js';
import type { PieceAnswer } from './piece.js';
import { planQueries } from './plan.js';

/**
 * What values are compared with. A 64-bit integer beyond 2^53 is a `bigint`, or text, as JSON has no such
 * numbers; an enum's value is its name.
 */
export type QueryValue = number | bigint | string | boolean;

/**
 * What events have to meet. `field` is a field's name, or a path to one (`body.Tick.price`: through tables,
 * structs and members of unions), or the type of a union (`body_type`, with its members' names), or
 * `$offset` or `$timeMs` (when its frame was committed). An event without a value in the field meets no
 * comparison; `present` asks for one. Floats of 32 bits are compared as such.
 */
export type Condition =
  | { readonly field: string; readonly op: Comparison; readonly value: QueryValue }
  | { readonly field: string; readonly op: 'in'; readonly value: readonly QueryValue[] }
  | { readonly field: string; readonly op: 'contains'; readonly value: string }
  | { readonly field: string; readonly op: 'present' }
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

/**
 * A field whose values make groups. With `every`, buckets of a number or time, so wide each; with `growth`,
 * buckets of a number that ends at `growth` times of where it begins (on both sides of 0, which is a
 * bucket of its own). Buckets are named by their lower end. A width beyond 2^53 is a `bigint`, or text, as
 * JSON has no such numbers: a year in ns is one.
 */
export type Grouping =
  | string
  | {
      readonly field: string;
      readonly every?: number | bigint | string;
      readonly growth?: number;
      readonly as?: string;
    };

/**
 * - `count`: events, or those with a value in `field`.
 * - `sum`, `mean`, `variance` and `deviation` (of a sample): in double precision.
 * - `min`, `max`, `first`, `last` (in the order of the log): exact.
 * - `increase`: how much a counter has grown, in the order of the log; a value less than the one before it is
 *   a reset, and counts from 0.
 * - `quantile`: the value below which the share `at` lies, within 1 % of the value, and an integer for
 *   integers; what is nearer to 0 than 2^-1022 counts as 0.
 * - `top`: the `k` largest values with the offsets of their events.
 * - `frequent`: the `k` values that occur most often, with their counts. These are exact as long as a group
 *   has no more than 1,024 different values, none longer than 1,024 characters; beyond that, the result
 *   says by how much they may be too small, which is less than a thousandth of the group's events (but
 *   for long strings: as many as there are). Its memory is bounded, which grouping by the field is not.
 */
export type Aggregate =
  | { readonly fn: 'count'; readonly field?: string }
  | { readonly fn: 'sum' | 'mean' | 'variance' | 'deviation'; readonly field: string }
  | { readonly fn: 'min' | 'max' | 'first' | 'last' | 'increase'; readonly field: string }
  | { readonly fn: 'quantile'; readonly field: string; readonly at: number }
  | { readonly fn: 'top' | 'frequent'; readonly field: string; readonly k: number };

export interface Query {
  readonly where?: Condition;
  /** Without it there is one group, of all events. */
  readonly groupBy?: readonly Grouping[];
  /** Aggregates by the name that they have in the result. Default: `{ count: { fn: 'count' } }`. */
  readonly select?: Readonly<Record<string, Aggregate>>;
  /** Default: by the groups' keys, ascending. */
  readonly orderBy?: { readonly name: string; readonly descending?: boolean };
  /** So many groups at most, the first in that order. */
  readonly limit?: number;
}

/** `null` where a group has no value. */
export type Cell = number | bigint | string | boolean | null | readonly TopEntry[] | FrequentValues;

/** A table: a row for each group, a column for each key and each aggregate, in that order. */
export interface QueryTable {
  readonly names: readonly string[];
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  readonly columns: Readonly<Record<string, readonly Cell[]>>;
  /** Events that met the condition. */
  readonly events: number;
}

export interface QuerySettings extends ScanSettings {
  /** What to take events for; by default what the log says that they are. */
  readonly schema?: EventSchema | undefined;
}

/**
 * Answers a query about the events of a log. Everything of `scan` holds: what is asked is fixed when it
 * begins, settings are the same, and so is what is thrown.
 *
 * A record that is no event of the schema ends it with a `ScanError`, also with `onDamage: 'skip'`.
 *
 * Memory: proportional to the number of groups, not of events; each group of a `quantile` takes some
 * kilobytes.
 *
 * @throws {TypeError | RangeError} the query names a field that there is not, compares it with a value of
 *   another type, or is otherwise wrong; no event has been read
 * @throws {SchemaError | SchemaMismatchError} as `openEventReader`
 */
export async function queryEvents<Event, View>(
  log: ScannedLog | EventReader<Event, View>,
  query: Query,
  settings: QuerySettings = {},
): Promise<ScanResult<QueryTable>> {
  const result = await answerQueries(log, () => [query], settings);
  return { ...result, value: result.value[0] as QueryTable };
}

/**
 * Answers several queries in one pass over the events.
 * @throws as `queryEvents`
 */
export async function answerQueries<Event, View>(
  log: ScannedLog | EventReader<Event, View>,
  queriesOf: (schema: EventSchema) => readonly Query[],
  { schema: given, ...settings }: QuerySettings = {},
): Promise<ScanResult<QueryTable[]>> {
  const scanned = log instanceof EventReader ? log.records : log;
  const schema = schemaOf(scanned, given ?? (log instanceof EventReader ? log.schema : undefined));
  const { forWorkers, answers } = planQueries(schema, queriesOf(schema));
  const work = { function: { module: MODULE, name: 'answerPiece' }, args: forWorkers };
  const initial = answers.map((answer) => new Answer(answer));
  const reduce = (wholes: Answer[], parts: PieceAnswer[]): Answer[] => {
    wholes.forEach((whole, i) => whole.add(parts[i] as PieceAnswer));
    return wholes;
  };
  const result = await runScan(scanned, settings, work, { reduce, initial });
  return { ...result, value: result.value.map((answer) => answer.table()) };
}

/** @internal What the events of a log are read as; opens it for that, and closes it. */
export function schemaOf(log: ScannedLog, given: EventSchema | undefined): EventSchema {
  const options = given === undefined ? {} : { schema: given };
  const reader = openEventReader(log instanceof Reader ? log.describe() : log, options);
  reader.close();
  return reader.schema;
}

const MODULE = new URL('./piece.js', import.meta.url).href;
