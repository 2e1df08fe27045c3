/**
 * Which values are frequent, in bounded memory: counts of Misra and Gries (1982, "Finding repeated
 * elements"), merged as Agarwal and others have it (2012, "Mergeable summaries"). As long as few values
 * occur, all of them are counted, exactly.
 */
import type { Accumulator, AggregateKind, Selection } from './accumulators.js';
import { valueAt, type BatchColumn } from './batch.js';
import { areTextsEqual } from './groups.js';

/** A value, and how often it occurs. */
export interface FrequentValue<Value = number | bigint | string | boolean> {
  readonly value: Value;
  readonly count: number;
}

/** The most frequent values, most frequent first. */
export interface FrequentValues<Value = number | bigint | string | boolean> {
  readonly values: readonly FrequentValue<Value>[];
  /** How many different values there are; `null`: more than are counted. */
  readonly distinct: number | null;
  /** 0: counts are exact. Else each may be too small by so many, and a value may be left out. */
  readonly missed: number;
}

/** So many values at least are counted exactly. */
export const FREQUENT_VALUES = 1024;
/** Longer strings are not kept: memory would not be bounded by their number. */
const MAX_TEXT = 1024;

type Counted = number | bigint | string;

interface TallyState {
  readonly values: readonly Counted[];
  readonly counts: Float64Array;
  readonly missed: number;
  readonly isComplete: boolean;
}

export class Frequent implements Accumulator {
  readonly #tallies: Tally[] = [];

  reserve(groups: number): void {
    while (this.#tallies.length < groups) this.#tallies.push(new Tally());
  }

  /** Neighbours are often alike: a run of them is counted at once. */
  add({ rows, groups, count }: Selection, column?: BatchColumn): void {
    const of = column as BatchColumn;
    for (let i = 0; i < count;) {
      const row = rows[i] as number;
      const group = groups[i] as number;
      let end = i + 1;
      while (end < count && groups[end] === group && areSame(of, row, rows[end] as number)) end++;
      (this.#tallies[group] as Tally).add(valueAt(of, row), end - i);
      i = end;
    }
  }

  state(groups: number): TallyState[] {
    return this.#tallies.slice(0, groups).map((tally) => tally.state());
  }

  absorb(state: TallyState[], to: Uint32Array): void {
    state.forEach((each, g) => this.#tallies[to[g] as number]?.absorb(each));
  }

  result(group: number, asked: AggregateKind): FrequentValues<Counted> {
    return (this.#tallies[group] as Tally).result(asked.kind === 'frequent' ? asked.k : 0);
  }
}

function areSame(column: BatchColumn, a: number, b: number): boolean {
  if (column.kind === 'string') return areTextsEqual(column.text, a, b);
  if (column.kind === 'number') return column.numbers[a] === column.numbers[b];
  const { words } = column;
  return words[2 * a] === words[2 * b] && words[2 * a + 1] === words[2 * b + 1];
}

class Tally {
  readonly #counts = new Map<Counted, number>();
  #missed = 0;
  #isComplete = true;

  add(value: Counted, count: number): void {
    const held = this.#counts.get(value);
    if (held !== undefined) this.#counts.set(value, held + count);
    else if (typeof value === 'string' && value.length > MAX_TEXT) this.#miss(count);
    else {
      this.#counts.set(value, count);
      if (this.#counts.size > 2 * FREQUENT_VALUES) this.#trim();
    }
  }

  state(): TallyState {
    return {
      values: [...this.#counts.keys()],
      counts: Float64Array.from(this.#counts.values()),
      missed: this.#missed,
      isComplete: this.#isComplete,
    };
  }

  absorb({ values, counts, missed, isComplete }: TallyState): void {
    values.forEach((value, i) => this.add(value, counts[i] as number));
    if (!isComplete) this.#miss(missed);
  }

  result(k: number): FrequentValues<Counted> {
    const all = [...this.#counts].map(([value, count]) => ({ value, count }));
    all.sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
    const distinct = this.#isComplete ? all.length : null;
    return { values: all.slice(0, k), distinct, missed: this.#missed };
  }

  #miss(count: number): void {
    this.#missed += count;
    this.#isComplete = false;
  }

  /**
   * Takes the count of the first value beyond those that may stay from all. What is taken is taken from
   * more than `FREQUENT_VALUES` values each time, so all in all less than that part of the events is.
   */
  #trim(): void {
    const counts = Float64Array.from(this.#counts.values()).sort();
    const taken = counts[counts.length - 1 - FREQUENT_VALUES] as number;
    for (const [value, count] of this.#counts) {
      if (count > taken) this.#counts.set(value, count - taken);
      else this.#counts.delete(value);
    }
    this.#miss(taken);
  }
}
