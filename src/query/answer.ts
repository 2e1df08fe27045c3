/** Puts the pieces' answers together, and makes a table of them. */
import { accumulatorFor, type Accumulator, type Shown } from './accumulators.js';
import { shown, type Field } from './fields.js';
import type { FrequentValues } from './frequent.js';
import { Groups, type Key } from './groups.js';
import type { PieceAnswer } from './piece.js';
import type { AnswerPlan } from './plan.js';
import type { Cell, QueryTable } from './query.js';

export class Answer {
  readonly #plan: AnswerPlan;
  readonly #groups: Groups;
  readonly #accumulators: readonly Accumulator[];
  #events = 0;

  constructor(plan: AnswerPlan) {
    this.#plan = plan;
    const { keys, accumulators } = plan.question;
    this.#groups = new Groups(keys);
    this.#accumulators = accumulators.map(({ gathering, isInteger }) =>
      accumulatorFor(gathering, isInteger),
    );
  }

  /** Parts come in the order of the log. */
  add({ keys, states, events }: PieceAnswer): this {
    const to = Uint32Array.from(keys.map((each) => this.#groups.groupOf(each)));
    this.#accumulators.forEach((accumulator, i) => {
      accumulator.reserve(this.#groups.count);
      accumulator.absorb(states[i], to);
    });
    this.#events += events;
    return this;
  }

  table(): QueryTable {
    const { names, shownAs, orderBy, limit, question } = this.#plan;
    const { count } = this.#groups;
    for (const each of this.#accumulators) each.reserve(count);
    const lines = Array.from({ length: count }, (_, group) => this.#line(group));
    const keys = question.keys.length;
    lines.sort(
      (a, b) => (orderBy === undefined ? 0 : compareBy(a, b, orderBy)) || byKeys(a, b, keys),
    );
    const kept = lines.slice(0, limit);
    const cells = kept.map((line) => line.map((cell, i) => cellOf(cell, shownAs[i])));
    return {
      names,
      rows: cells.map((line) =>
        Object.fromEntries(line.map((cell, i) => [names[i] as string, cell])),
      ),
      columns: Object.fromEntries(
        names.map((name, i) => [name, cells.map((line) => line[i] as Cell)]),
      ),
      events: this.#events,
    };
  }

  #line(group: number): Shown[] {
    const results = this.#plan.results.map(({ accumulator, asked }) =>
      (this.#accumulators[accumulator] as Accumulator).result(group, asked),
    );
    return [...this.#groups.keysOf(group), ...results];
  }
}

function cellOf(cell: Shown, field: Field | undefined): Cell {
  if (field === undefined) return cell;
  if (typeof cell !== 'object' || cell === null) return shown(field, cell);
  if (!('distinct' in cell)) return cell;
  const values = cell.values.map(({ value, count }) => ({
    value: shown(field, value as Exclude<Key, null>) as FrequentValues['values'][number]['value'],
    count,
  }));
  return { ...cell, values };
}

function compareBy(
  a: readonly Shown[],
  b: readonly Shown[],
  { index, isDescending }: { readonly index: number; readonly isDescending: boolean },
): number {
  const [first, second] = [a[index] as Shown, b[index] as Shown];
  const order = compare(first, second);
  return isDescending && rank(first) === rank(second) ? -order : order;
}

function byKeys(a: readonly Shown[], b: readonly Shown[], keys: number): number {
  for (let i = 0; i < keys; i++) {
    const order = compare(a[i] as Shown, b[i] as Shown);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers before strings, and what has no value, or is not a number, last. */
function compare(a: Shown, b: Shown): number {
  const ranks = rank(a) - rank(b);
  if (ranks !== 0 || a === null || b === null) return ranks;
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(cell: Shown): number {
  if (typeof cell === 'object') return 3;
  if (typeof cell === 'string') return 1;
  return Number.isNaN(cell) ? 2 : 0;
}
