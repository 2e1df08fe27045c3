/** The events of a piece that are to be exported, some thousand at a time. */
import { columnPlan, type Column, type ColumnPlan, type Columns } from '../events/columns.js';
import type { EventSchema } from '../events/schema.js';
import { BatchReader } from '../query/batch-reader.js';
import type { Field } from '../query/fields.js';
import { selectRows, type Filter } from '../query/filter.js';
import type { Cursor } from '../read/cursor.js';
import type { RecordView } from '../read/record-view.js';

/** Columns of so many events stay in the processor's caches. */
export const BATCH_ROWS = 2048;

const OFFSET = '$offset';

/** A condition as threads run it. Plain data. */
export interface PlannedCondition {
  readonly fields: readonly Field[];
  readonly filter: Filter;
}

/** Events as they follow one another in the log, of which the chosen ones are exported. */
export interface EventBatch {
  /** Rows. */
  readonly length: number;
  /** The chosen ones are the first `count`, ascending. */
  readonly rows: Uint32Array;
  readonly count: number;
  /** Of all rows: 64-bit integers as bigints, all else as it is. Strings lie in one segment. */
  readonly columns: readonly Column[];
  /** Offset in the log of each row. */
  readonly offsets: Float64Array;
  /** Goes through the records of the chosen rows, which is slower than columns. */
  eachRecord(action: (record: RecordView) => void): void;
  /** Throws the error, as one of the event of that row. */
  failAt(row: number, error: unknown): never;
}

/** Reads batches. Made once for each export and thread. */
export class EventBatches implements EventBatch {
  readonly rows = new Uint32Array(BATCH_ROWS);
  readonly columns: readonly Column[];
  readonly offsets: Float64Array;
  length = 0;
  count = 0;
  readonly #plan: ColumnPlan;
  readonly #all: Columns;
  readonly #filter: Filter | undefined;
  readonly #filtered: BatchReader | undefined;
  #cursor: Cursor | undefined;
  #start = 0;

  constructor(
    schema: EventSchema,
    paths: readonly string[],
    condition: PlannedCondition | undefined,
  ) {
    this.#plan = columnPlan(schema, [...new Set([...paths, OFFSET])], { int64: 'bigint' });
    this.#all = this.#plan.allocate(BATCH_ROWS);
    this.columns = paths.map((path) => this.#all.get(path));
    this.offsets = this.#all.numbers(OFFSET) as Float64Array;
    this.#filter = condition?.filter;
    if (condition === undefined) return;
    const { fields } = condition;
    const { bytes: bfbs, name: root } = schema;
    this.#filtered = new BatchReader({ bfbs, root, fields, questions: [] });
  }

  /** `false`: there are no more events. */
  next(cursor: Cursor): boolean {
    this.#cursor = cursor;
    this.#start = cursor.nextOffset;
    this.length = this.#plan.fill(cursor, this.#all);
    if (this.length === 0) return false;
    this.#choose(cursor);
    return true;
  }

  /** Reads the same events again, for the condition: what it wants of them is other columns. */
  #choose(cursor: Cursor): void {
    const filtered = this.#filtered;
    if (filtered === undefined) {
      for (let row = 0; row < this.length; row++) this.rows[row] = row;
      this.count = this.length;
      return;
    }
    cursor.seek(this.#start);
    filtered.next(cursor, this.length);
    // It may have read fewer, up to the end of a segment. The rest is for the next batch.
    this.length = filtered.batch.length;
    this.count = selectRows(this.#filter, filtered.batch, this.rows);
  }

  eachRecord(action: (record: RecordView) => void): void {
    const cursor = this.#cursor as Cursor;
    const behind = cursor.nextOffset;
    cursor.seek(this.#start);
    let chosen = 0;
    for (let row = 0; row < this.length && chosen < this.count; row++) {
      cursor.next();
      if (this.rows[chosen] !== row) continue;
      chosen++;
      action(cursor);
    }
    cursor.seek(behind);
  }

  /** An error is where the cursor stands. */
  failAt(row: number, error: unknown): never {
    this.#cursor?.moveTo(this.offsets[row] as number);
    throw error;
  }
}
