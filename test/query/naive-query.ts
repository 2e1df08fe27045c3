/** Queries answered the plain way, over events as objects: what the engine is held against. */
import type { Condition, Grouping, Query, QueryValue } from '../../src/index.js';

export type PlainEvent = Readonly<Record<string, unknown>>;
type Value = number | bigint | string | boolean;
type Cell = unknown;

/** Rows, sorted by their keys. `events` are with `$offset` and all defaults filled in. */
export function answerPlainly(
  events: readonly PlainEvent[],
  { where, groupBy = [], select = { count: { fn: 'count' } } }: Query,
): Record<string, Cell>[] {
  const groups = new Map<string, { keys: Cell[]; events: PlainEvent[] }>();
  if (groupBy.length === 0) groups.set('', { keys: [], events: [] });
  for (const event of events.filter((each) => where === undefined || meets(each, where))) {
    const keys = groupBy.map((grouping) => keyOf(event, grouping));
    const name = keys.map(String).join('|');
    const group = groups.get(name) ?? { keys, events: [] };
    groups.set(name, group);
    group.events.push(event);
  }
  return [...groups.values()].map(({ keys, events: members }) => ({
    ...Object.fromEntries(groupBy.map((grouping, i) => [nameOf(grouping), keys[i]])),
    ...Object.fromEntries(
      Object.entries(select).map(([name, aggregate]) => [name, aggregated(members, aggregate)]),
    ),
  }));
}

function nameOf(grouping: Grouping): string {
  return typeof grouping === 'string' ? grouping : (grouping.as ?? grouping.field);
}

/** `null` if there is none. */
export function valueAt(event: PlainEvent, path: string): Value | null {
  let at: unknown = event;
  let union: unknown;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return null;
    if (union !== undefined) {
      // A step into a union names its member, not a field.
      if (union !== name) return null;
      union = undefined;
      continue;
    }
    const from = at as Record<string, unknown>;
    union = from[`${name}_type`];
    at = from[name];
  }
  return at === undefined ? null : (at as Value | null);
}

function keyOf(event: PlainEvent, grouping: Grouping): Cell {
  const { field, every, growth }: Exclude<Grouping, string> =
    typeof grouping === 'string' ? { field: grouping } : grouping;
  const value = valueAt(event, field);
  if (value !== null && growth !== undefined) return growingKeyOf(Number(value), growth);
  if (value === null || every === undefined) return value;
  if (typeof every === 'number' && !(Number.isInteger(every) && Number.isInteger(Number(value)))) {
    return lowerEnd(Number(value), every) + 0;
  }
  const width = BigInt(every);
  const over = ((BigInt(value) % width) + width) % width;
  const from = BigInt(value) - over;
  return Number.isSafeInteger(Number(from)) ? Number(from) : from;
}

/** By going from bucket to bucket. */
function growingKeyOf(value: number, growth: number): number {
  if (value === 0) return 0;
  let step = 0;
  while (growth ** step > Math.abs(value)) step--;
  while (growth ** (step + 1) <= Math.abs(value)) step++;
  return value > 0 ? growth ** step : -(growth ** (step + 1));
}

/** Exact for 64-bit integers. */
function increaseOf(values: readonly Value[]): Cell {
  if (values.length === 0) return null;
  return values.slice(1).reduce<number>((sum, value, i) => {
    const before = values[i] as number | bigint;
    const more =
      typeof value === 'bigint' || typeof before === 'bigint'
        ? Number(BigInt(value) - BigInt(before))
        : Number(value) - before;
    return sum + (more < 0 ? Number(value) : more);
  }, 0);
}

export function meets(event: PlainEvent, condition: Condition): boolean {
  if ('all' in condition) return condition.all.every((each) => meets(event, each));
  if ('any' in condition) return condition.any.some((each) => meets(event, each));
  if ('not' in condition) return !meets(event, condition.not);
  const value = valueAt(event, condition.field);
  if (value === null) return false;
  if (condition.op === 'present') return true;
  if (condition.op === 'in') return condition.value.some((each) => compare(value, each) === 0);
  if (condition.op === 'contains') return String(value).includes(condition.value);
  const order = compare(value, condition.value);
  const outcome = { '=': order === 0, '!=': order !== 0, '<': order < 0, '>': order > 0 };
  if (condition.op === '<=') return order <= 0;
  return condition.op === '>=' ? order >= 0 : outcome[condition.op];
}

function compare(a: Value, b: QueryValue): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
  if (a < b) return -1;
  return a > b ? 1 : 0;
}

function aggregated(
  events: readonly PlainEvent[],
  aggregate: NonNullable<Query['select']>[string],
): Cell {
  const { field } = aggregate;
  if (field === undefined) return events.length;
  const present = events.filter((event) => valueAt(event, field) !== null);
  const values = present.map((event) => valueAt(event, field) as Value);
  const numbers = values.map(Number);
  switch (aggregate.fn) {
    case 'count':
      return values.length;
    case 'sum':
      return values.length === 0 ? null : numbers.reduce((a, b) => a + b, 0);
    case 'mean':
      return values.length === 0 ? null : numbers.reduce((a, b) => a + b, 0) / values.length;
    case 'variance':
      return variance(numbers);
    case 'deviation':
      return values.length < 2 ? null : Math.sqrt(variance(numbers) as number);
    case 'min':
      return values.reduce<Cell>((a, b) => (a === null || b < (a as Value) ? b : a), null);
    case 'max':
      return values.reduce<Cell>((a, b) => (a === null || b > (a as Value) ? b : a), null);
    case 'first':
      return values[0] ?? null;
    case 'last':
      return values.at(-1) ?? null;
    case 'increase':
      return increaseOf(values);
    case 'quantile':
      return (
        numbers.toSorted((a, b) => a - b)[Math.floor(aggregate.at * (numbers.length - 1))] ?? null
      );
    default:
      return present
        .map((event) => ({ offset: event['$offset'], value: valueAt(event, field) as number }))
        .toSorted((a, b) => (a.value < b.value ? 1 : a.value > b.value ? -1 : 0))
        .slice(0, aggregate.k);
  }
}

function variance(numbers: readonly number[]): number | null {
  if (numbers.length < 2) return null;
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  return numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / (numbers.length - 1);
}

/** The largest multiple that is not above the value. */
function lowerEnd(value: number, every: number): number {
  let step = Math.floor(value / every);
  if (!Number.isFinite(step)) return step * every;
  if (step * every > value) step--;
  else if ((step + 1) * every <= value) step++;
  return step * every;
}
