/** What the fields of a log hold, in figures: two queries, answered in one pass. */
import { EventReader } from '../events/event-reader.js';
import type { EventSchema } from '../events/schema.js';
import { checkInteger } from '../options.js';
import { openFor, rangeOf, type ScanResult, type ScannedLog } from '../scan/scan.js';
import { eventFields, type EventField } from './event-fields.js';
import { fieldAt, OFFSET_FIELD } from './fields.js';
import type { FrequentValues } from './frequent.js';
import {
  answerQueries,
  type Aggregate,
  type Cell,
  type Condition,
  type Query,
  type QuerySettings,
  type QueryTable,
} from './query.js';
import { isTimeField } from './time-units.js';

export interface StatsOptions extends QuerySettings {
  /** Which fields, by their paths; the path of a struct, table or union stands for all in it. Default: all. */
  readonly fields?: readonly string[] | undefined;
  /** Only the events that meet this. */
  readonly where?: Condition | undefined;
  /** Shares, from 0 to 1 (default 0.5, 0.9 and 0.99). */
  readonly quantiles?: readonly number[] | undefined;
  /** How many frequent values to name (default 5). */
  readonly frequent?: number | undefined;
  /** About how many parts of the log to take means of (default 60); 0: none. */
  readonly parts?: number | undefined;
}

/** What one field holds. `null`: it has no value, or is not of a type that has it. */
export interface FieldStats extends EventField {
  /** Events that have a value. */
  readonly count: number;
  /** Events that have none. */
  readonly nulls: number;
  /** Of numbers. 64-bit integers are exact. */
  readonly min: number | bigint | null;
  readonly max: number | bigint | null;
  readonly mean: number | null;
  /** Of a sample. */
  readonly deviation: number | null;
  /**
   * In the order in which they were asked for, each within 1 % of the value, and between min and max. Of
   * times since 1970 there are none: 1 % of such a time is months.
   */
  readonly quantiles: readonly (number | null)[];
  /** In the order of the log. */
  readonly first: Exclude<Cell, object>;
  readonly last: Exclude<Cell, object>;
  /** Of strings, booleans and enums. */
  readonly frequent: FrequentValues | null;
  /** Means over parts of the log, oldest first; of booleans the share that is true. Else empty. */
  readonly course: readonly (number | null)[];
}

export interface EventStats {
  /** Events that were looked at: those that meet the condition. */
  readonly events: number;
  readonly fields: readonly FieldStats[];
  /** Fields that have no single value, and of which nothing is computed. */
  readonly skipped: readonly EventField[];
  /** The shares that `quantiles` of each field are at. */
  readonly quantiles: readonly number[];
  /** Offsets of a part of `course`; each begins at a multiple of it. */
  readonly partRecords: number;
}

const DEFAULT_QUANTILES = [0.5, 0.9, 0.99];
const DEFAULT_FREQUENT = 5;
const DEFAULT_PARTS = 60;
const MAX_PARTS = 10_000;

/**
 * Figures of every field of a log's events: counts, extremes, mean and deviation, quantiles, frequent
 * values, and how the mean goes over the log. The events are read once. Everything of `queryEvents`
 * holds: what is looked at is fixed when it begins, settings are the same, and so is what is thrown.
 *
 * Memory does not grow with the log: some kilobytes a field, thread and piece; up to some megabytes for a
 * field of strings or of numbers of every size.
 *
 * @throws {TypeError | RangeError} there is no such field, or an option is wrong; no event has been read
 */
export async function eventStats<Event, View>(
  log: ScannedLog | EventReader<Event, View>,
  options: StatsOptions = {},
): Promise<ScanResult<EventStats>> {
  const { fields, where, quantiles = DEFAULT_QUANTILES, frequent, parts, ...settings } = options;
  const asked: Asked = { where, quantiles, frequent: frequent ?? DEFAULT_FREQUENT };
  const partRecords = partRecordsOf(log, settings, parts ?? DEFAULT_PARTS);
  let chosen: EventField[] = [];
  const result = await answerQueries(
    log,
    (schema) => {
      chosen = chosenFields(schema, fields);
      const known = chosen.filter(({ kind }) => kind !== 'none');
      return [wholeQuery(known, asked), courseQuery(known, asked, partRecords)];
    },
    settings,
  );
  return { ...result, value: statsOf(chosen, result.value, quantiles, partRecords) };
}

interface Asked {
  readonly where: Condition | undefined;
  readonly quantiles: readonly number[];
  readonly frequent: number;
}

/** 0: no parts are wanted. */
function partRecordsOf<Event, View>(
  log: ScannedLog | EventReader<Event, View>,
  settings: QuerySettings,
  parts: number,
): number {
  checkInteger('parts', parts, 0, MAX_PARTS);
  if (parts === 0) return 0;
  const scanned = log instanceof EventReader ? log.records : log;
  const reader = openFor(scanned, settings);
  try {
    const { from, to } = rangeOf(reader, scanned, settings);
    return Math.max(1, Math.ceil((to - from) / parts));
  } finally {
    reader.close();
  }
}

function chosenFields(schema: EventSchema, paths: readonly string[] | undefined): EventField[] {
  const fields = eventFields(schema);
  if (paths === undefined) return fields;
  const chosen = new Set<EventField>();
  for (const path of paths) {
    const found = fields.filter((field) => field.path === path || isWithin(field, path));
    // Says what there is.
    if (found.length === 0) fieldAt(schema, path);
    for (const field of found) chosen.add(field);
  }
  return [...chosen];
}

function isWithin(field: EventField, path: string): boolean {
  return field.path.startsWith(`${path}.`);
}

function isNumeric({ kind }: EventField): boolean {
  return kind === 'number' || kind === 'integer';
}

/** Names are numbers of fields, and of quantiles: whatever fields are called, none is there twice. */
function wholeQuery(fields: readonly EventField[], { where, quantiles, frequent }: Asked): Query {
  const select: Record<string, Aggregate> = {};
  fields.forEach((field, i) => {
    const of = { field: field.path };
    for (const fn of ['count', 'first', 'last'] as const) select[`${i}.${fn}`] = { fn, ...of };
    if (!isNumeric(field)) {
      select[`${i}.frequent`] = { fn: 'frequent', k: frequent, ...of };
      return;
    }
    for (const fn of FIGURES) select[`${i}.${fn}`] = { fn, ...of };
    if (isTimeField(field.path)) return;
    quantiles.forEach((at, q) => (select[`${i}.${q}`] = { fn: 'quantile', at, ...of }));
  });
  return { select, ...(where === undefined ? {} : { where }) };
}

const FIGURES = ['min', 'max', 'mean', 'deviation'] as const;

function courseQuery(fields: readonly EventField[], { where }: Asked, partRecords: number): Query {
  if (partRecords === 0) return { limit: 0 };
  const select: Record<string, Aggregate> = {};
  fields.forEach((field, i) => {
    if (hasCourse(field)) select[`${i}`] = { fn: 'mean', field: field.path };
  });
  const groupBy = [{ field: OFFSET_FIELD, every: partRecords, as: FROM }];
  return { groupBy, select, ...(where === undefined ? {} : { where }) };
}

const FROM = 'from';

function hasCourse(field: EventField): boolean {
  return isNumeric(field) || field.kind === 'boolean';
}

function statsOf(
  fields: readonly EventField[],
  tables: readonly QueryTable[],
  quantiles: readonly number[],
  partRecords: number,
): EventStats {
  const [whole, course] = tables as [QueryTable, QueryTable];
  const known = fields.filter(({ kind }) => kind !== 'none');
  const row = whole.rows[0] ?? {};
  const places = placesOf(course, partRecords);
  return {
    events: whole.events,
    fields: known.map((field, i) => {
      const own = Object.fromEntries(
        OWN.map((name) => [name, row[`${i}.${name}`] ?? null]),
      ) as Pick<FieldStats, (typeof OWN)[number]>;
      return {
        ...field,
        ...own,
        nulls: whole.events - own.count,
        quantiles: quantiles.map((_, q) => between(own, row[`${i}.${q}`] as number | undefined)),
        course: hasCourse(field) ? courseOf(course, `${i}`, places) : [],
      };
    }),
    skipped: fields.filter(({ kind }) => kind === 'none'),
    quantiles,
    partRecords,
  };
}

/** A bucket of a sketch begins before its least value. */
function between(
  { min, max }: Pick<FieldStats, 'min' | 'max'>,
  value?: number | null,
): number | null {
  if (value === undefined || value === null || min === null || max === null) return null;
  return Math.max(Number(min), Math.min(Number(max), value));
}

const OWN = ['count', ...FIGURES, 'first', 'last', 'frequent'] as const;

/** Where in a course each row belongs; parts without events have none. */
function placesOf({ columns }: QueryTable, partRecords: number): number[] {
  const starts = (columns[FROM] ?? []) as readonly number[];
  return starts.map((start) => Math.round((start - (starts[0] as number)) / partRecords));
}

function courseOf(
  { columns }: QueryTable,
  name: string,
  places: readonly number[],
): (number | null)[] {
  const length = (places.at(-1) ?? -1) + 1;
  const means = Array.from({ length }, (): number | null => null);
  places.forEach((place, i) => (means[place] = (columns[name]?.[i] ?? null) as number | null));
  return means;
}
