/** A query over one piece of a log, in a pool's thread: batch after batch, column by column. */
import type { Cursor } from '../read/cursor.js';
import { accumulatorFor, type Accumulator, type Selection } from './accumulators.js';
import { BATCH_ROWS, BatchReader } from './batch-reader.js';
import { selectRows } from './filter.js';
import { Groups, type Key } from './groups.js';
import type { WorkerPlan } from './plan.js';

/** What a piece has found. Plain data. */
export interface PieceAnswer {
  /** Keys of each group. */
  readonly keys: readonly (readonly Key[])[];
  /** For each aggregate, the state of its groups. */
  readonly states: readonly unknown[];
  /** Events that met the condition. */
  readonly events: number;
}

export function answerPiece(cursor: Cursor, plan: WorkerPlan): PieceAnswer {
  const reader = readerFor(plan);
  const { batch } = reader;
  const { offsets } = batch;
  const groups = new Groups(plan.keys);
  const accumulators = plan.aggregates.map(({ what, isInteger }) =>
    accumulatorFor(what, isInteger),
  );
  const rows = new Uint32Array(BATCH_ROWS);
  const rowGroups = new Uint32Array(BATCH_ROWS);
  const withValue = new WithValue();
  let events = 0;
  while (reader.next(cursor)) {
    const count = selectRows(plan.filter, batch, rows);
    groups.assign(batch, rows, count, rowGroups);
    const all: Selection = { rows, groups: rowGroups, count, offsets };
    plan.aggregates.forEach((aggregate, i) => {
      const accumulator = accumulators[i] as Accumulator;
      const column = batch.columns[aggregate.column];
      accumulator.reserve(groups.count);
      accumulator.add(column?.nulls === undefined ? all : withValue.of(all, column.nulls), column);
    });
    events += count;
  }
  return answer(groups, accumulators, events);
}

function answer(groups: Groups, accumulators: readonly Accumulator[], events: number): PieceAnswer {
  const { count } = groups;
  for (const each of accumulators) each.reserve(count);
  return {
    keys: Array.from({ length: count }, (_, group) => groups.keysOf(group)),
    states: accumulators.map((each) => each.state(count)),
    events,
  };
}

/** Selections of the rows that have a value. One at a time. */
class WithValue {
  readonly #rows = new Uint32Array(BATCH_ROWS);
  readonly #groups = new Uint32Array(BATCH_ROWS);

  of({ rows, groups, count, offsets }: Selection, nulls: Uint8Array): Selection {
    let kept = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      this.#rows[kept] = row;
      this.#groups[kept] = groups[i] as number;
      kept += 1 - (nulls[row] as number);
    }
    return { rows: this.#rows, groups: this.#groups, count: kept, offsets };
  }
}

/** Queries whose columns this thread has compiled, by their ids; the last used is the last. */
const readers = new Map<string, BatchReader>();
const MAX_READERS = 4;

function readerFor(plan: WorkerPlan): BatchReader {
  const reader = readers.get(plan.id) ?? new BatchReader(plan);
  readers.delete(plan.id);
  readers.set(plan.id, reader);
  for (const id of readers.keys()) {
    if (readers.size <= MAX_READERS) break;
    readers.delete(id);
  }
  return reader;
}
