/** Checks a query against the schema, and makes of it what threads can run: columns by number. */
import { randomUUID } from 'node:crypto';
import type { EventSchema } from '../events/schema.js';
import { checkInteger } from '../options.js';
import { gatheringFor, type AggregateKind, type Gathering } from './accumulators.js';
import { comparable, fieldAt, type Field } from './fields.js';
import type { Comparison, Filter, Test } from './filter.js';
import { FREQUENT_VALUES } from './frequent.js';
import type { KeyPlan } from './groups.js';
import { nearestFirst } from './nearest.js';
import type { Aggregate, Condition, Grouping, Query } from './query.js';

/** What the pieces' threads need. Plain data. */
export interface WorkerPlan {
  /** Of these queries, so that a thread prepares itself once. */
  readonly id: string;
  readonly bfbs: Uint8Array;
  readonly root: string;
  /** The columns of all questions. */
  readonly fields: readonly Field[];
  readonly questions: readonly PlannedQuestion[];
}

export interface PlannedQuestion {
  readonly filter: Filter | undefined;
  readonly keys: readonly KeyPlan[];
  readonly accumulators: readonly PlannedAccumulator[];
}

export interface PlannedAccumulator {
  readonly gathering: Gathering;
  /** -1: none, every event counts. */
  readonly column: number;
  readonly isInteger: boolean;
}

/** How the table of one query is made of what the pieces answer. */
export interface AnswerPlan {
  readonly question: PlannedQuestion;
  /** For each aggregate, which accumulator to ask. */
  readonly results: readonly { readonly accumulator: number; readonly asked: AggregateKind }[];
  /** Keys first, then aggregates. */
  readonly names: readonly string[];
  /** For each name, the field that its values are values of, if they are. */
  readonly shownAs: readonly (Field | undefined)[];
  readonly orderBy: { readonly index: number; readonly isDescending: boolean } | undefined;
  readonly limit: number;
}

/** Queries that are answered in one pass over the events. */
export interface QueryPlan {
  readonly forWorkers: WorkerPlan;
  readonly answers: readonly AnswerPlan[];
}

const COMPARISONS = ['=', '!=', '<', '<=', '>', '>='];
/** Aggregates whose result is a value of the field itself, or has such. */
const OF_THE_FIELD = new Set(['min', 'max', 'first', 'last', 'frequent']);
const TAKES_TEXT = new Set(['count', 'first', 'last', 'frequent']);
const MAX_TOP = 10_000;
/** By name, in the order in which they are explained. */
const AGGREGATES = [
  'count',
  'sum',
  'mean',
  'variance',
  'deviation',
  'min',
  'max',
  'first',
  'last',
  'increase',
  'quantile',
  'top',
  'frequent',
];
/** With less there would be millions of buckets. */
const MIN_GROWTH = 1.001;

/**
 * @throws {TypeError | RangeError}
 */
export function planQueries(schema: EventSchema, queries: readonly Query[]): QueryPlan {
  const columns = new Columns(schema);
  const answers = queries.map((query) => planQuery(columns, query));
  return {
    forWorkers: {
      id: randomUUID(),
      bfbs: schema.bytes,
      root: schema.name,
      fields: columns.fields,
      questions: answers.map(({ question }) => question),
    },
    answers,
  };
}

/**
 * A condition alone, and the fields that it is about.
 * @throws {TypeError | RangeError}
 */
export function planCondition(
  schema: EventSchema,
  condition: Condition,
): { readonly fields: readonly Field[]; readonly filter: Filter } {
  const columns = new Columns(schema);
  return { filter: planFilter(columns, condition), fields: columns.fields };
}

function planQuery(columns: Columns, query: Query): AnswerPlan {
  checkKeys('query', query, ['where', 'groupBy', 'select', 'orderBy', 'limit']);
  const { where, groupBy = [], select = { count: { fn: 'count' } }, orderBy, limit } = query;
  checkList('groupBy', groupBy);
  checkKeys('select', select, Object.keys(select));
  if (orderBy !== undefined) checkKeys('orderBy', orderBy, ['name', 'descending']);
  if (limit !== undefined) checkInteger('limit', limit, 0, Number.MAX_SAFE_INTEGER);
  const keys = groupBy.map((grouping) => planKey(columns, grouping));
  const accumulators = new Accumulators();
  const aggregates = Object.entries(select).map(([name, aggregate]) => ({
    name,
    ...planAggregate(columns, accumulators, aggregate),
  }));
  const names = [...keys, ...aggregates].map(({ name }) => name);
  checkNames(names);
  const filter = where === undefined ? undefined : planFilter(columns, where);
  return {
    question: { filter, keys: keys.map(({ plan }) => plan), accumulators: accumulators.planned },
    results: aggregates.map(({ result }) => result),
    names,
    shownAs: [...keys, ...aggregates].map(({ shownAs }) => shownAs),
    orderBy: orderBy === undefined ? undefined : planOrder(names, orderBy),
    limit: limit ?? Infinity,
  };
}

function planOrder(
  names: readonly string[],
  { name, descending }: NonNullable<Query['orderBy']>,
): NonNullable<AnswerPlan['orderBy']> {
  const index = names.indexOf(name);
  if (index >= 0) return { index, isDescending: descending === true };
  throw new TypeError(`Cannot order by ${name}: the result has ${nearestFirst(name, names)}`);
}

/** What has to be gathered for a query, each once. */
class Accumulators {
  readonly planned: PlannedAccumulator[] = [];
  readonly #numbers = new Map<string, number>();

  add(planned: PlannedAccumulator): number {
    const key = JSON.stringify(planned);
    const held = this.#numbers.get(key);
    if (held !== undefined) return held;
    this.#numbers.set(key, this.planned.length);
    return this.planned.push(planned) - 1;
  }
}

/** The columns that a query needs, each once. */
class Columns {
  readonly #schema: EventSchema;
  readonly #numbers = new Map<string, number>();
  readonly fields: Field[] = [];

  constructor(schema: EventSchema) {
    this.#schema = schema;
  }

  add(path: string): { readonly column: number; readonly field: Field } {
    const held = this.#numbers.get(path);
    if (held !== undefined) return { column: held, field: this.fields[held] as Field };
    const field = fieldAt(this.#schema, path);
    this.#numbers.set(path, this.fields.length);
    return { column: this.fields.push(field) - 1, field };
  }
}

function planKey(
  columns: Columns,
  grouping: Grouping,
): { name: string; plan: KeyPlan; shownAs: Field } {
  if (typeof grouping !== 'string') {
    checkKeys('grouping', grouping, ['field', 'every', 'growth', 'as']);
  }
  const {
    field: path,
    every: width,
    growth,
    as,
  }: Exclude<Grouping, string> = typeof grouping === 'string' ? { field: grouping } : grouping;
  const { column, field } = columns.add(path);
  // JSON has no integers past 2^53.
  const every = typeof width === 'string' && /^\d+$/.test(width) ? BigInt(width) : width;
  if (every !== undefined || growth !== undefined) checkIsNumber(field);
  if (every !== undefined) checkEvery(field, every);
  if (growth !== undefined) checkGrowth(path, every, growth);
  return { name: as ?? path, plan: { column, every, growth }, shownAs: field };
}

function checkIsNumber({ path, kind, isBoolean }: Field): void {
  if (kind !== 'string' && !isBoolean) return;
  throw new TypeError(`Cannot make buckets of ${path}: it is no number`);
}

function checkGrowth(path: string, every: number | bigint | undefined, growth: number): void {
  if (every !== undefined) {
    throw new TypeError(`Cannot make buckets of ${path}: they have a width or a growth, not both`);
  }
  if (growth >= MIN_GROWTH && growth < Infinity) return;
  throw new RangeError(
    `Cannot make buckets of ${path}: they grow by ${String(growth)}, not ${MIN_GROWTH} or more`,
  );
}

function checkEvery(
  { path, kind }: Field,
  every: number | bigint | string,
): asserts every is number | bigint {
  const isWhole = typeof every === 'bigint' || Number.isSafeInteger(every);
  const fits = kind === 'number' ? Number.isFinite(Number(every)) : isWhole;
  if (typeof every !== 'string' && every > 0 && fits) return;
  throw new RangeError(`Cannot make buckets of ${path}: their width is ${String(every)}`);
}

function planAggregate(
  columns: Columns,
  accumulators: Accumulators,
  aggregate: Aggregate,
): { result: AnswerPlan['results'][number]; shownAs: Field | undefined } {
  checkKeys('aggregate', aggregate, ['fn', 'field', 'at', 'k']);
  const asked = kindOf(aggregate);
  const gathering = gatheringFor(asked);
  if (aggregate.field === undefined) {
    if (asked.kind !== 'count')
      throw new TypeError(`Cannot compute ${asked.kind}: of which field?`);
    const accumulator = accumulators.add({ gathering, column: -1, isInteger: false });
    return { result: { accumulator, asked }, shownAs: undefined };
  }
  const { column, field } = columns.add(aggregate.field);
  if (field.kind === 'string' && !TAKES_TEXT.has(asked.kind)) {
    throw new TypeError(`Cannot compute ${asked.kind} of ${field.path}: it is a string`);
  }
  const isInteger = field.kind === 'int64' || field.kind === 'uint64';
  const accumulator = accumulators.add({ gathering, column, isInteger });
  const shownAs = OF_THE_FIELD.has(asked.kind) ? field : undefined;
  return { result: { accumulator, asked }, shownAs };
}

function kindOf(aggregate: Aggregate): AggregateKind {
  switch (aggregate.fn) {
    case 'quantile':
      if (aggregate.at >= 0 && aggregate.at <= 1) return { kind: 'quantile', at: aggregate.at };
      throw new RangeError(`Cannot compute a quantile at ${String(aggregate.at)}: it is a share`);
    case 'top':
      checkInteger('k', aggregate.k, 1, MAX_TOP);
      return { kind: 'top', k: aggregate.k };
    case 'frequent':
      checkInteger('k', aggregate.k, 1, FREQUENT_VALUES);
      return { kind: 'frequent', k: aggregate.k };
    case 'count':
    case 'sum':
    case 'mean':
    case 'variance':
    case 'deviation':
    case 'min':
    case 'max':
    case 'first':
    case 'last':
    case 'increase':
      return { kind: aggregate.fn };
    default:
      throw unknownAggregate((aggregate as Aggregate).fn);
  }
}

function unknownAggregate(fn: unknown): TypeError {
  const there = nearestFirst(String(fn), AGGREGATES);
  return new TypeError(`Cannot compute ${JSON.stringify(fn)}: there are ${there}`);
}

function planFilter(columns: Columns, condition: Condition): Filter {
  checkKeys('condition', condition, keysOfCondition(condition));
  if ('all' in condition) {
    checkList('all', condition.all);
    return { all: condition.all.map((each) => planFilter(columns, each)) };
  }
  if ('any' in condition) {
    checkList('any', condition.any);
    return { any: condition.any.map((each) => planFilter(columns, each)) };
  }
  if ('not' in condition) return { not: planFilter(columns, condition.not) };
  const { column, field } = columns.add(condition.field);
  if (condition.op === 'present') return { column, test: { op: 'present' } };
  if (condition.op === 'in') {
    checkList('in', condition.value);
    const tests = condition.value.map((value) => planTest(field, '=', value));
    return { any: tests.map((test) => ({ column, test })) };
  }
  if (condition.op !== 'contains') {
    return { column, test: planTest(field, condition.op, condition.value) };
  }
  const text = comparable(field, condition.value);
  if (text instanceof Uint8Array) return { column, test: { op: 'contains', text } };
  throw new TypeError(`Cannot search in ${field.path}: it is no string`);
}

function planTest(field: Field, op: Comparison, value: Parameters<typeof comparable>[1]): Test {
  if (!COMPARISONS.includes(op)) throw new TypeError(`Cannot compare by ${JSON.stringify(op)}`);
  const with_ = comparable(field, value);
  if (with_ instanceof Uint8Array) return { op, text: with_ };
  return typeof with_ === 'bigint' ? planInteger(field, op, with_) : { op, number: with_ };
}

/** Beyond the column's range every value is less, or every one more. */
function planInteger({ kind }: Field, op: Comparison, value: bigint): Test {
  const [least, most] = kind === 'int64' ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  if (value >= least && value <= most) return { op, integer: value };
  const isMet = op === '!=' || (value > most ? op.startsWith('<') : op.startsWith('>'));
  return isMet ? { op: '>=', integer: least } : { op: '<', integer: least };
}

/** A condition is of one kind. */
function keysOfCondition(condition: Condition): readonly string[] {
  if (typeof condition !== 'object' || condition === null) return [];
  const kind = ['all', 'any', 'not'].find((name) => name in condition);
  if (kind !== undefined) return [kind];
  return 'op' in condition && condition.op === 'present'
    ? ['field', 'op']
    : ['field', 'op', 'value'];
}

/** What is misspelt must not be taken for what is left out: a query may come from a file. */
function checkKeys(what: string, given: unknown, known: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TypeError(`Invalid ${what}: expected an object, got ${JSON.stringify(given)}`);
  }
  const other = Object.keys(given).find((key) => !known.includes(key));
  if (other === undefined) return;
  throw new TypeError(`Invalid ${what}: expected ${known.join(', ')}, got ${other}`);
}

function checkList(what: string, given: unknown): void {
  if (Array.isArray(given)) return;
  throw new TypeError(`Invalid ${what}: expected an array, got ${JSON.stringify(given)}`);
}

function checkNames(names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new TypeError(`Cannot answer: two columns are called ${twice}`);
}
