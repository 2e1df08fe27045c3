import { columnPlan, type Column, type ColumnPlan, type Columns } from '../events/columns.js';
import { eventSchema } from '../events/schema.js';
import type { Cursor } from '../read/cursor.js';
import { roundIntegers, type Batch, type BatchColumn, type IntegerColumn } from './batch.js';
import { OFFSET_FIELD, type Field } from './fields.js';
import type { WorkerPlan } from './plan.js';

/** Columns of so many events stay in the processor's caches. */
export const BATCH_ROWS = 2048;

/** Accumulators that take 64-bit integers as they are; all others take them rounded. */
const EXACT = new Set(['count', 'min', 'max', 'first', 'last', 'increase', 'frequent']);

/** Fills a batch with what a query needs of the events that a cursor comes to. Made once for each query. */
export class BatchReader {
  readonly batch: Batch;
  readonly #plan: ColumnPlan;
  readonly #columns: Columns;
  readonly #rounded: IntegerColumn[];

  constructor({ bfbs, root, fields, questions }: Omit<WorkerPlan, 'id'>) {
    const schema = eventSchema(bfbs, { root });
    const paths = new Set([...fields.map(({ path }) => path), OFFSET_FIELD]);
    this.#plan = columnPlan(schema, [...paths], { int64: 'bigint', numbers: 'float64' });
    this.#columns = this.#plan.allocate(BATCH_ROWS);
    const columns = fields.map((field) => batchColumn(field, this.#columns.get(field.path)));
    const offsets = this.#columns.numbers(OFFSET_FIELD) as Float64Array;
    this.batch = { columns, offsets, length: 0 };
    const accumulators = questions.flatMap((question) => question.accumulators);
    const rounded = accumulators.filter(({ gathering }) => !EXACT.has(gathering.kind));
    this.#rounded = columns.filter(
      (column, i): column is IntegerColumn =>
        (column.kind === 'int64' || column.kind === 'uint64') &&
        rounded.some((each) => each.column === i),
    );
  }

  /** Reads the next events, so many at most. `false`: there are no more. */
  next(cursor: Cursor, most = BATCH_ROWS): boolean {
    const { batch } = this;
    batch.length = this.#plan.fill(cursor, this.#columns, most);
    for (const column of this.#rounded) roundIntegers(column, batch.length);
    return batch.length > 0;
  }
}

function batchColumn({ kind }: Field, column: Column): BatchColumn {
  const { nulls } = column;
  if (column.kind === 'string') return { kind: 'string', text: column, nulls };
  if (column.kind === 'number') {
    return { kind: 'number', numbers: column.values as Float64Array, nulls };
  }
  const { values } = column;
  const words = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const numbers = new Float64Array(values.length);
  return { kind: kind === 'uint64' ? 'uint64' : 'int64', words, numbers, nulls };
}
