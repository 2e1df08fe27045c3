/**
 * What aggregates keep for each group. An accumulator holds all groups, in arrays indexed by the group's
 * number; it takes rows of batches, and can be sent and absorbed by another. Aggregates that are worked out
 * of the same (sum and mean, all quantiles) ask one accumulator.
 */
import type { BatchColumn, IntegerColumn, NumberColumn } from './batch.js';
import { extremeRow, integerAt, isIntegerLess, valueAt } from './batch.js';
import { Frequent, type FrequentValues } from './frequent.js';
import { Increase } from './increase.js';
import { QuantileSketch, type SketchState } from './sketch.js';

/** Rows of a batch and the group that each belongs to. All have a value in the aggregate's column. */
export interface Selection {
  readonly rows: Uint32Array;
  readonly groups: Uint32Array;
  readonly count: number;
  readonly offsets: Float64Array;
  /** All are of one group, as in a query without groups, and mostly in buckets of time. */
  readonly isOneGroup: boolean;
}

export type Shown = number | bigint | string | null | readonly TopEntry[] | FrequentValues;

/** One of the largest values, and the event that has it. */
export interface TopEntry {
  readonly offset: number;
  readonly value: number | bigint;
}

export interface Accumulator {
  /** Makes room for so many groups. Called before rows or states of them come. */
  reserve(groups: number): void;
  /** `column` is left out where the aggregate is of no field. */
  add(selection: Selection, column?: BatchColumn): void;
  /** Plain data. */
  state(groups: number): unknown;
  /** Adds a state, whose group `g` is `to[g]` here. States come in the order of the log. */
  absorb(state: unknown, to: Uint32Array): void;
  /** `asked` is one of the aggregates that it gathers for. */
  result(group: number, asked: AggregateKind): Shown;
}

/** What an aggregate asks for. */
export type AggregateKind =
  | { readonly kind: 'count' }
  | { readonly kind: 'sum' | 'mean' | 'variance' | 'deviation' }
  | { readonly kind: 'min' | 'max' | 'first' | 'last' }
  | { readonly kind: 'increase' }
  | { readonly kind: 'quantile'; readonly at: number }
  | { readonly kind: 'top' | 'frequent'; readonly k: number };

/** What an accumulator gathers. Plain data; equal ones of one column are one. */
export type Gathering =
  | { readonly kind: 'count' | 'sum' | 'spread' | 'sketch' | 'frequent' }
  | { readonly kind: 'min' | 'max' | 'first' | 'last' | 'increase' }
  | { readonly kind: 'top'; readonly k: number };

/** What has to be gathered for an aggregate. */
export function gatheringFor(asked: AggregateKind): Gathering {
  switch (asked.kind) {
    case 'mean':
      return { kind: 'sum' };
    case 'variance':
    case 'deviation':
      return { kind: 'spread' };
    case 'quantile':
      return { kind: 'sketch' };
    case 'frequent':
      return { kind: 'frequent' };
    case 'top':
      return { kind: 'top', k: asked.k };
    default:
      return { kind: asked.kind };
  }
}

export function accumulatorFor(gathering: Gathering, isInteger: boolean): Accumulator {
  const { kind } = gathering;
  switch (kind) {
    case 'count':
      return new Count();
    case 'sum':
      return new Sum();
    case 'spread':
      return new Spread();
    case 'min':
    case 'max':
      return isInteger ? new IntegerExtreme(kind === 'max') : new Extreme(kind === 'max');
    case 'first':
    case 'last':
      return new End(kind === 'last');
    case 'increase':
      return new Increase();
    case 'sketch':
      return new Sketches();
    case 'frequent':
      return new Frequent();
    default:
      return new Top(gathering.k);
  }
}

/** Doubles, as many as there are groups and more. */
class Doubles {
  values = new Float64Array(16);
  readonly #initial: number;

  constructor(initial = 0) {
    this.#initial = initial;
    this.values.fill(initial);
  }

  reserve(count: number): void {
    if (count <= this.values.length) return;
    const larger = new Float64Array(Math.max(count, 2 * this.values.length)).fill(this.#initial);
    larger.set(this.values);
    this.values = larger;
  }
}

class Count implements Accumulator {
  readonly #counts = new Doubles();

  reserve(groups: number): void {
    this.#counts.reserve(groups);
  }

  add({ groups, count, isOneGroup }: Selection): void {
    const counts = this.#counts.values;
    if (isOneGroup) {
      const group = groups[0] as number;
      if (count > 0) counts[group] = (counts[group] as number) + count;
      return;
    }
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      counts[group] = (counts[group] as number) + 1;
    }
  }

  state(groups: number): Float64Array {
    return this.#counts.values.slice(0, groups);
  }

  absorb(state: Float64Array, to: Uint32Array): void {
    const counts = this.#counts.values;
    state.forEach((count, g) => {
      counts[to[g] as number] = (counts[to[g] as number] as number) + count;
    });
  }

  result(group: number): number {
    return this.#counts.values[group] as number;
  }
}

interface SumState {
  readonly sums: Float64Array;
  readonly lost: Float64Array;
  readonly counts: Float64Array;
}

/**
 * Neumaier's compensated sum (Neumaier 1974, "Rundungsfehleranalyse einiger Verfahren zur Summation
 * endlicher Summen"): what rounding takes from each addition is kept beside the sum. So the result hardly
 * depends on how the log was cut into pieces.
 */
class Sum implements Accumulator {
  readonly #sums = new Doubles();
  readonly #lost = new Doubles();
  readonly #counts = new Doubles();

  reserve(groups: number): void {
    for (const each of [this.#sums, this.#lost, this.#counts]) each.reserve(groups);
  }

  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    const { numbers } = column as NumberColumn;
    if (isOneGroup) {
      this.#addToOne(groups[0] as number, rows, count, numbers);
      return;
    }
    const sums = this.#sums.values;
    const lost = this.#lost.values;
    const counts = this.#counts.values;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const value = numbers[rows[i] as number] as number;
      const sum = sums[group] as number;
      const total = sum + value;
      const rest = Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
      sums[group] = total;
      lost[group] = (lost[group] as number) + rest;
      counts[group] = (counts[group] as number) + 1;
    }
  }

  /** In registers: through memory, each addition would wait for the one before. */
  #addToOne(group: number, rows: Uint32Array, count: number, numbers: Float64Array): void {
    if (count === 0) return;
    let sum = this.#sums.values[group] as number;
    let lost = this.#lost.values[group] as number;
    for (let i = 0; i < count; i++) {
      const value = numbers[rows[i] as number] as number;
      const total = sum + value;
      lost += Math.abs(sum) >= Math.abs(value) ? sum - total + value : value - total + sum;
      sum = total;
    }
    this.#sums.values[group] = sum;
    this.#lost.values[group] = lost;
    this.#counts.values[group] = (this.#counts.values[group] as number) + count;
  }

  state(groups: number): SumState {
    return {
      sums: this.#sums.values.slice(0, groups),
      lost: this.#lost.values.slice(0, groups),
      counts: this.#counts.values.slice(0, groups),
    };
  }

  absorb(state: SumState, to: Uint32Array): void {
    const values = { kind: 'number', numbers: state.sums, nulls: undefined } as const;
    const rows = Uint32Array.from(to, (_, i) => i);
    const count = state.sums.length;
    const before = this.#counts.values.slice();
    this.add({ rows, groups: to, count, offsets: NONE, isOneGroup: false }, values);
    for (let g = 0; g < count; g++) {
      const group = to[g] as number;
      const lost = this.#lost.values;
      lost[group] = (lost[group] as number) + (state.lost[g] as number);
      this.#counts.values[group] = (before[group] as number) + (state.counts[g] as number);
    }
  }

  result(group: number, { kind }: AggregateKind): number | null {
    const count = this.#counts.values[group] as number;
    if (count === 0) return null;
    const plain = this.#sums.values[group] as number;
    // Where the sum has become infinite or not a number, what was lost means nothing.
    const sum = Number.isFinite(plain) ? plain + (this.#lost.values[group] as number) : plain;
    return kind === 'mean' ? sum / count : sum;
  }
}

interface SpreadState {
  readonly counts: Float64Array;
  readonly means: Float64Array;
  readonly squares: Float64Array;
}

/**
 * Variance of a sample, by Welford's method; parts are merged as Chan, Golub and LeVeque have it (1979,
 * "Updating formulae and a pairwise algorithm for computing sample variances").
 */
class Spread implements Accumulator {
  readonly #counts = new Doubles();
  readonly #means = new Doubles();
  /** Sums of squared differences from the mean. */
  readonly #squares = new Doubles();

  reserve(groups: number): void {
    for (const each of [this.#counts, this.#means, this.#squares]) each.reserve(groups);
  }

  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    const { numbers } = column as NumberColumn;
    if (isOneGroup) {
      this.#addToOne(groups[0] as number, rows, count, numbers);
      return;
    }
    const counts = this.#counts.values;
    const means = this.#means.values;
    const squares = this.#squares.values;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const value = numbers[rows[i] as number] as number;
      const n = (counts[group] as number) + 1;
      const delta = value - (means[group] as number);
      const mean = (means[group] as number) + delta / n;
      counts[group] = n;
      means[group] = mean;
      squares[group] = (squares[group] as number) + delta * (value - mean);
    }
  }

  /** The mean first, then the differences from it: no division per value. */
  #addToOne(group: number, rows: Uint32Array, count: number, numbers: Float64Array): void {
    if (count === 0) return;
    const first = numbers[rows[0] as number] as number;
    // Differences from the first value stay exact where all values are the same, however large.
    let sum = 0;
    for (let i = 0; i < count; i++) sum += (numbers[rows[i] as number] as number) - first;
    const mean = first + sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) {
      const delta = (numbers[rows[i] as number] as number) - mean;
      squares += delta * delta;
    }
    this.#merge(group, count, mean, squares);
  }

  state(groups: number): SpreadState {
    return {
      counts: this.#counts.values.slice(0, groups),
      means: this.#means.values.slice(0, groups),
      squares: this.#squares.values.slice(0, groups),
    };
  }

  absorb(state: SpreadState, to: Uint32Array): void {
    state.counts.forEach((added, g) => {
      if (added === 0) return;
      this.#merge(to[g] as number, added, state.means[g] as number, state.squares[g] as number);
    });
  }

  #merge(group: number, added: number, mean: number, squares: number): void {
    const had = this.#counts.values[group] as number;
    const n = had + added;
    const held = this.#means.values[group] as number;
    const delta = mean - held;
    const both = (this.#squares.values[group] as number) + squares;
    this.#counts.values[group] = n;
    // Where there was nothing the difference is the mean itself, whose square may be infinite.
    this.#means.values[group] = had === 0 ? mean : held + delta * (added / n);
    this.#squares.values[group] = had === 0 ? squares : both + delta * delta * ((had * added) / n);
  }

  /** Of one value alone there is none. */
  result(group: number, { kind }: AggregateKind): number | null {
    const count = this.#counts.values[group] as number;
    if (count < 2) return null;
    const variance = (this.#squares.values[group] as number) / (count - 1);
    return kind === 'deviation' ? Math.sqrt(variance) : variance;
  }
}

/** Least or largest; not a number only where there is nothing else. */
class Extreme implements Accumulator {
  readonly #values: Doubles;
  /** 0: no value yet; 1: only such that are not a number; 2: a number. */
  readonly #seen = new Doubles();
  readonly #isMax: boolean;

  constructor(isMax: boolean) {
    this.#isMax = isMax;
    this.#values = new Doubles(isMax ? -Infinity : Infinity);
  }

  reserve(groups: number): void {
    this.#values.reserve(groups);
    this.#seen.reserve(groups);
  }

  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    const { numbers } = column as NumberColumn;
    if (isOneGroup) {
      this.#addToOne(groups[0] as number, rows, count, numbers);
      return;
    }
    const values = this.#values.values;
    const seen = this.#seen.values;
    const sign = this.#isMax ? 1 : -1;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const value = numbers[rows[i] as number] as number;
      if (value === value) {
        seen[group] = 2;
        if (sign * value > sign * (values[group] as number)) values[group] = value;
      } else if (seen[group] === 0) seen[group] = 1;
    }
  }

  #addToOne(group: number, rows: Uint32Array, count: number, numbers: Float64Array): void {
    if (count === 0) return;
    const isMax = this.#isMax;
    let best = this.#values.values[group] as number;
    let numbersSeen = 0;
    for (let i = 0; i < count; i++) {
      const value = numbers[rows[i] as number] as number;
      if (isMax ? value > best : value < best) best = value;
      numbersSeen += value === value ? 1 : 0;
    }
    this.#values.values[group] = best;
    const seen = numbersSeen > 0 ? 2 : 1;
    this.#seen.values[group] = Math.max(this.#seen.values[group] as number, seen);
  }

  state(groups: number): { values: Float64Array; seen: Float64Array } {
    return {
      values: this.#values.values.slice(0, groups),
      seen: this.#seen.values.slice(0, groups),
    };
  }

  absorb(state: { values: Float64Array; seen: Float64Array }, to: Uint32Array): void {
    const choose = this.#isMax ? Math.max : Math.min;
    state.values.forEach((value, g) => {
      const group = to[g] as number;
      const { values } = this.#values;
      values[group] = choose(values[group] as number, value);
      const seen = this.#seen.values;
      seen[group] = Math.max(seen[group] as number, state.seen[g] as number);
    });
  }

  result(group: number): number | null {
    const seen = this.#seen.values[group] as number;
    if (seen === 0) return null;
    return seen === 1 ? NaN : (this.#values.values[group] as number);
  }
}

/** Least or largest of 64-bit integers, exactly. */
class IntegerExtreme implements Accumulator {
  readonly #values: (number | bigint | null)[] = [];
  readonly #isMax: boolean;
  /** The best row of each group in the batch at hand, plus 1; 0: none yet. */
  #best = new Uint32Array(16);

  constructor(isMax: boolean) {
    this.#isMax = isMax;
  }

  reserve(groups: number): void {
    while (this.#values.length < groups) this.#values.push(null);
    if (groups > this.#best.length) {
      this.#best = new Uint32Array(Math.max(groups, 2 * this.#best.length));
    }
  }

  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    const integers = column as IntegerColumn;
    if (isOneGroup) {
      if (count === 0) return;
      const row = extremeRow(integers, rows, count, this.#isMax);
      this.#take(groups[0] as number, integerAt(integers, row));
      return;
    }
    const best = this.#best;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const row = rows[i] as number;
      const held = best[group] as number;
      if (held === 0 || this.#isBetter(integers, row, held - 1)) best[group] = row + 1;
    }
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const held = best[group] as number;
      if (held === 0) continue;
      best[group] = 0;
      this.#take(group, integerAt(integers, held - 1));
    }
  }

  state(groups: number): (number | bigint | null)[] {
    return this.#values.slice(0, groups);
  }

  absorb(state: (number | bigint | null)[], to: Uint32Array): void {
    state.forEach((value, g) => {
      if (value !== null) this.#take(to[g] as number, value);
    });
  }

  result(group: number): number | bigint | null {
    return this.#values[group] ?? null;
  }

  #isBetter(column: IntegerColumn, row: number, held: number): boolean {
    return this.#isMax ? isIntegerLess(column, held, row) : isIntegerLess(column, row, held);
  }

  #take(group: number, value: number | bigint): void {
    const held = this.#values[group];
    const isBetter =
      held === null || held === undefined || (this.#isMax ? value > held : value < held);
    if (isBetter) this.#values[group] = value;
  }
}

/** The first or last value, in the order of the log. */
class End implements Accumulator {
  readonly #values: (number | bigint | string | null)[] = [];
  readonly #isLast: boolean;
  /** The row of each group in the batch at hand, plus 1; 0: none yet. */
  #chosen = new Uint32Array(16);
  /** Groups without a value. */
  #missing = 0;

  constructor(isLast: boolean) {
    this.#isLast = isLast;
  }

  reserve(groups: number): void {
    for (; this.#values.length < groups; this.#missing++) this.#values.push(null);
    if (groups > this.#chosen.length) {
      this.#chosen = new Uint32Array(Math.max(groups, 2 * this.#chosen.length));
    }
  }

  /** Chooses rows first, so that no more values are made than there are groups. */
  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    if (count === 0 || (!this.#isLast && this.#missing === 0)) return;
    // Of one group the row is known.
    const from = this.#isLast && isOneGroup ? count - 1 : 0;
    const to = !this.#isLast && isOneGroup ? 1 : count;
    const chosen = this.#chosen;
    for (let i = from; i < to; i++) {
      const group = groups[i] as number;
      if (this.#isLast || chosen[group] === 0) chosen[group] = (rows[i] as number) + 1;
    }
    for (let i = from; i < to; i++) {
      const group = groups[i] as number;
      const row = chosen[group] as number;
      if (row === 0) continue;
      chosen[group] = 0;
      if (this.#isLast || this.#values[group] === null) {
        this.#set(group, valueAt(column as BatchColumn, row - 1));
      }
    }
  }

  state(groups: number): (number | bigint | string | null)[] {
    return this.#values.slice(0, groups);
  }

  absorb(state: (number | bigint | string | null)[], to: Uint32Array): void {
    state.forEach((value, g) => {
      const group = to[g] as number;
      if (value !== null && (this.#isLast || this.#values[group] === null)) this.#set(group, value);
    });
  }

  result(group: number): number | bigint | string | null {
    return this.#values[group] ?? null;
  }

  #set(group: number, value: number | bigint | string): void {
    if (this.#values[group] === null) this.#missing--;
    this.#values[group] = value;
  }
}

/** For quantiles: one sketch a group, whatever shares are asked for. */
class Sketches implements Accumulator {
  readonly #sketches: QuantileSketch[] = [];

  reserve(groups: number): void {
    while (this.#sketches.length < groups) this.#sketches.push(new QuantileSketch());
  }

  add({ rows, groups, count, isOneGroup }: Selection, column?: BatchColumn): void {
    const { numbers } = column as NumberColumn | IntegerColumn;
    const words = new Int32Array(numbers.buffer, numbers.byteOffset, 2 * numbers.length);
    const sketches = this.#sketches;
    if (isOneGroup) {
      if (count > 0) (sketches[groups[0] as number] as QuantileSketch).addRows(words, rows, count);
      return;
    }
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      const sketch = sketches[groups[i] as number] as QuantileSketch;
      sketch.add(words[2 * row + 1] as number, words[2 * row] as number);
    }
  }

  state(groups: number): SketchState[] {
    return this.#sketches.slice(0, groups).map((sketch) => sketch.state());
  }

  absorb(state: SketchState[], to: Uint32Array): void {
    state.forEach((each, g) => this.#sketches[to[g] as number]?.absorb(each));
  }

  result(group: number, asked: AggregateKind): number | null {
    if (asked.kind !== 'quantile') return null;
    return this.#sketches[group]?.quantile(asked.at) ?? null;
  }
}

/** The `k` largest values, largest first; of equal ones the earlier. Not a number is no value. */
class Top implements Accumulator {
  readonly #entries: TopEntry[][] = [];
  readonly #k: number;
  /** What a value has to exceed to come in. */
  readonly #least = new Doubles(-Infinity);

  constructor(k: number) {
    this.#k = k;
  }

  reserve(groups: number): void {
    while (this.#entries.length < groups) this.#entries.push([]);
    this.#least.reserve(groups);
  }

  add({ rows, groups, count, offsets }: Selection, column?: BatchColumn): void {
    const { numbers } = column as NumberColumn | IntegerColumn;
    const least = this.#least.values;
    for (let i = 0; i < count; i++) {
      const group = groups[i] as number;
      const row = rows[i] as number;
      // Rounded values only tell what is certainly too small.
      if ((numbers[row] as number) < (least[group] as number)) continue;
      const value = valueAt(column as BatchColumn, row) as number | bigint;
      if (value === value) this.#insert(group, { offset: offsets[row] as number, value });
    }
  }

  state(groups: number): TopEntry[][] {
    return this.#entries.slice(0, groups);
  }

  absorb(state: TopEntry[][], to: Uint32Array): void {
    state.forEach((entries, g) => {
      for (const entry of entries) this.#insert(to[g] as number, entry);
    });
  }

  result(group: number): readonly TopEntry[] {
    return this.#entries[group] ?? [];
  }

  /** Entries come in the order of the log, so an equal one goes behind. */
  #insert(group: number, entry: TopEntry): void {
    const entries = this.#entries[group] as TopEntry[];
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle] as TopEntry).value >= entry.value) low = middle + 1;
      else high = middle;
    }
    if (low >= this.#k) return;
    entries.splice(low, 0, entry);
    if (entries.length > this.#k) entries.pop();
    if (entries.length === this.#k) {
      this.#least.values[group] = Number((entries.at(-1) as TopEntry).value);
    }
  }
}

const NONE = new Float64Array(0);
