/** Queries over one piece of a log, in a pool's thread: batch after batch, column by column. */
import type { Cursor } from '../read/cursor.js';
import { accumulatorFor, type Accumulator, type Selection } from './accumulators.js';
import { BATCH_ROWS, BatchReader } from './batch-reader.js';
import type { Batch } from './batch.js';
import { selectRows } from './filter.js';
import { Groups, type Key } from './groups.js';
import { LastUsed } from './last-used.js';
import type { PlannedQuestion, WorkerPlan } from './plan.js';

/** What a piece has found out about one question. Plain data. */
export interface PieceAnswer {
  /** Keys of each group. */
  readonly keys: readonly (readonly Key[])[];
  /** For each accumulator, the state of its groups. */
  readonly states: readonly unknown[];
  /** Events that met the condition. */
  readonly events: number;
}

/** An answer for each question of the plan; the events are read once. */
export function answerPiece(cursor: Cursor, plan: WorkerPlan): PieceAnswer[] {
  const reader = readers.get(plan.id, () => new BatchReader(plan));
  const inquiries = plan.questions.map((question) => new Inquiry(question));
  while (reader.next(cursor)) {
    for (const inquiry of inquiries) inquiry.take(reader.batch);
  }
  return inquiries.map((inquiry) => inquiry.answer());
}

/** One question, as far as the batches have answered it. */
class Inquiry {
  readonly #question: PlannedQuestion;
  readonly #groups: Groups;
  readonly #accumulators: readonly Accumulator[];
  readonly #rows = new Uint32Array(BATCH_ROWS);
  readonly #rowGroups = new Uint32Array(BATCH_ROWS);
  readonly #withValue = new WithValue();
  #events = 0;

  constructor(question: PlannedQuestion) {
    this.#question = question;
    this.#groups = new Groups(question.keys);
    this.#accumulators = question.accumulators.map(({ gathering, isInteger }) =>
      accumulatorFor(gathering, isInteger),
    );
  }

  take(batch: Batch): void {
    const rows = this.#rows;
    const groups = this.#rowGroups;
    const count = selectRows(this.#question.filter, batch, rows);
    this.#groups.assign(batch, rows, count, groups);
    const isOneGroup = this.#groups.count === 1 || areSame(groups, count);
    const all: Selection = { rows, groups, count, offsets: batch.offsets, isOneGroup };
    let withValue = all;
    let nulls: Uint8Array | undefined;
    this.#question.accumulators.forEach(({ column: index }, i) => {
      const accumulator = this.#accumulators[i] as Accumulator;
      const column = batch.columns[index];
      accumulator.reserve(this.#groups.count);
      if (column?.nulls === undefined) accumulator.add(all, column);
      else {
        // Aggregates of one field stand side by side more often than not.
        if (nulls !== column.nulls) withValue = this.#withValue.of(all, column.nulls);
        nulls = column.nulls;
        accumulator.add(withValue, column);
      }
    });
    this.#events += count;
  }

  answer(): PieceAnswer {
    const { count } = this.#groups;
    for (const each of this.#accumulators) each.reserve(count);
    return {
      keys: Array.from({ length: count }, (_, group) => this.#groups.keysOf(group)),
      states: this.#accumulators.map((each) => each.state(count)),
      events: this.#events,
    };
  }
}

function areSame(groups: Uint32Array, count: number): boolean {
  const first = groups[0];
  for (let i = 1; i < count; i++) if (groups[i] !== first) return false;
  return true;
}

/** Selections of the rows that have a value. One at a time. */
class WithValue {
  readonly #rows = new Uint32Array(BATCH_ROWS);
  readonly #groups = new Uint32Array(BATCH_ROWS);

  of({ rows, groups, count, offsets, isOneGroup }: Selection, nulls: Uint8Array): Selection {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      this.#rows[kept] = row;
      this.#groups[kept] = groups[i] as number;
      kept += 1 - (nulls[row] as number);
    }
    return { rows: this.#rows, groups: this.#groups, count: kept, offsets, isOneGroup };
  }
}

/** Queries whose columns this thread has compiled. */
const readers = new LastUsed<BatchReader>(4);
