/** Puts the pieces' answers together, and makes a table of them. */
import { accumulatorFor, type Accumulator } from './accumulators.js';
import { shown } from './fields.js';
import { Groups, type Key } from './groups.js';
import type { PieceAnswer } from './piece.js';
import type { QueryPlan } from './plan.js';
import type { Cell, QueryTable } from './query.js';

export class Answer {
  readonly #plan: QueryPlan;
  readonly #groups: Groups;
  readonly #accumulators: readonly Accumulator[];
  #events = 0;

  constructor(plan: QueryPlan) {
    this.#plan = plan;
    const { keys, aggregates } = plan.forWorkers;
    this.#groups = new Groups(keys);
    this.#accumulators = aggregates.map((each) => accumulatorFor(each.what, each.isInteger));
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
    const { names, shownAs, orderBy, limit, forWorkers } = this.#plan;
    const { count } = this.#groups;
    for (const each of this.#accumulators) each.reserve(count);
    const lines = Array.from({ length: count }, (_, group) => this.#line(group));
    const keys = forWorkers.keys.length;
    lines.sort(
      (a, b) => (orderBy === undefined ? 0 : compareBy(a, b, orderBy)) || byKeys(a, b, keys),
    );
    const kept = lines.slice(0, limit);
    const cells = kept.map((line) =>
      line.map((cell, i): Cell => {
        const field = shownAs[i];
        return field === undefined || Array.isArray(cell) ? cell : shown(field, cell as Key);
      }),
    );
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

  #line(group: number): Cell[] {
    return [
      ...this.#groups.keysOf(group),
      ...this.#accumulators.map((accumulator) => accumulator.result(group)),
    ];
  }
}

function compareBy(
  a: readonly Cell[],
  b: readonly Cell[],
  { index, isDescending }: { readonly index: number; readonly isDescending: boolean },
): number {
  const [first, second] = [a[index] as Cell, b[index] as Cell];
  const order = compare(first, second);
  return isDescending && rank(first) === rank(second) ? -order : order;
}

function byKeys(a: readonly Cell[], b: readonly Cell[], keys: number): number {
  for (let i = 0; i < keys; i++) {
    const order = compare(a[i] as Cell, b[i] as Cell);
    if (order !== 0) return order;
  }
  return 0;
}

/** Numbers before strings, and what has no value, or is not a number, last. */
function compare(a: Cell, b: Cell): number {
  const ranks = rank(a) - rank(b);
  if (ranks !== 0 || a === null || b === null) return ranks;
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank(cell: Cell): number {
  if (cell === null || Array.isArray(cell)) return 3;
  if (typeof cell === 'string') return 1;
  return Number.isNaN(cell) ? 2 : 0;
}
