/** One series for each value of a field: the most frequent ones. */
import type { Cell, Condition, QueryTable, QueryValue } from '../query/query.js';

/** So many can be told apart. */
export const MAX_SERIES = 12;

export interface SeriesValues {
  /** In their own order; `undefined` where there is no field to go by. */
  readonly values: readonly Cell[];
  /** Keeps events of other values away; none if there are none. */
  readonly conditions: readonly Condition[];
  /** What has been left out, a sentence; or nothing. */
  readonly notes: readonly string[];
}

/** `table` is grouped by the field as `by`, and counts. */
export function chooseValues(table: QueryTable, field: string): SeriesValues {
  const values = table.columns['by'] ?? [];
  const counts = (table.columns['count'] ?? []).map(Number);
  const ranked = values
    .map((value, i) => ({ value, i, count: counts[i] ?? 0 }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => b.count - a.count || inOrder(a, b));
  const kept = ranked.slice(0, MAX_SERIES).sort(inOrder);
  const rest = ranked.slice(MAX_SERIES);
  if (rest.length === 0) {
    return { values: kept.map(({ value }) => value), conditions: [], notes: [] };
  }
  const events = rest.reduce((sum, { count }) => sum + count, 0);
  const note = `${rest.length} more of ${field} with ${events.toLocaleString('en-US')} events are not shown`;
  const shown = kept.map(({ value }) => value);
  return { values: shown, conditions: [conditionFor(field, shown)], notes: [note] };
}

interface Ranked {
  readonly value: Cell;
  readonly i: number;
}

const BY_NUMBERS_WITHIN = new Intl.Collator('en', { numeric: true });

/** As they come, but `cpu10` behind `cpu9`. */
function inOrder(a: Ranked, b: Ranked): number {
  if (typeof a.value !== 'string' || typeof b.value !== 'string') return a.i - b.i;
  return BY_NUMBERS_WITHIN.compare(a.value, b.value) || a.i - b.i;
}

function conditionFor(field: string, values: readonly Cell[]): Condition {
  const some = values.filter((value) => value !== null) as QueryValue[];
  const among: Condition = { field, op: 'in', value: some };
  if (some.length === values.length) return among;
  return { any: [among, { not: { field, op: 'present' } }] };
}

export function nameOfValue(value: Cell): string {
  return typeof value === 'object' ? 'none' : String(value);
}
