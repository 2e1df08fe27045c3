/** Events as rows of numbers: a place along x, values, and the line that each belongs to. */
import { MalformedEventError } from '../errors.js';
import { eventSchema } from '../events/schema.js';
import { BATCH_ROWS, BatchReader } from '../query/batch-reader.js';
import { roundIntegers, type BatchColumn, type IntegerColumn } from '../query/batch.js';
import { fieldAt, type Field } from '../query/fields.js';
import { Groups, type Key } from '../query/groups.js';
import type { Cursor } from '../read/cursor.js';

/** Which numbers to read. Plain data. */
export interface RowsPlan {
  readonly bfbs: Uint8Array;
  readonly root: string;
  readonly x: string;
  /** Subtracted from x before it is rounded, where x has 64 bits. */
  readonly origin: bigint;
  readonly ys: readonly string[];
  readonly by: string | undefined;
  /** Values of `by` that have a line, in the order of the lines. */
  readonly keys: readonly Key[];
}

/** Of an event whose value of `by` has no line. */
export const NO_LINE = 255;

const TWO_32 = 2 ** 32;
/** Distinct values that are remembered; then all are forgotten, and looked up anew. */
const MAX_REMEMBERED = 65_536;
const MAX_UNKNOWN = 16;

/** Reads events in batches. Made once for each plan and thread; numbers of lines do not change. */
export class EventRows {
  /** NaN: the event is nowhere along x. */
  readonly x: Float64Array;
  /** NaN: no value. */
  readonly values: readonly Float64Array[];
  readonly lines: Uint8Array | undefined;
  readonly offsets: Float64Array;
  length = 0;
  /** Records that were no events of the schema, so far. */
  malformed = 0;
  readonly #reader: BatchReader;
  readonly #x: BatchColumn;
  readonly #ys: readonly BatchColumn[];
  readonly #origin: bigint;
  readonly #keys: LineKeys | undefined;
  readonly #unknown = new Set<Key>();

  /** With `learn`, values of `by` that have no line yet are given to it, and get the line that it says. */
  constructor(plan: RowsPlan, learn?: (key: Key) => number) {
    const { bfbs, root, origin } = plan;
    const fields = plannedFields(plan);
    this.#reader = new BatchReader({ bfbs, root, fields, questions: [] });
    const { columns, offsets } = this.#reader.batch;
    const columnOf = (path: string): BatchColumn =>
      columns[fields.findIndex((field) => field.path === path)] as BatchColumn;
    this.#origin = origin;
    this.#x = columnOf(plan.x);
    this.#ys = plan.ys.map(columnOf);
    this.x = new Float64Array(BATCH_ROWS);
    this.values = this.#ys.map((column) => numbersOf(column));
    this.offsets = offsets;
    if (plan.by === undefined) return;
    const index = fields.findIndex((field) => field.path === plan.by);
    this.lines = new Uint8Array(BATCH_ROWS);
    this.#keys = new LineKeys(index, plan.keys, learn ?? this.#note);
  }

  /** Values of `by` that have no line: some of them, if they are many. */
  get unknown(): Key[] {
    return [...this.#unknown];
  }

  readonly #note = (key: Key): number => {
    if (this.#unknown.size < MAX_UNKNOWN) this.#unknown.add(key);
    return NO_LINE;
  };

  /** The next events, so many at most. `false`: there are no more. What is no event is stepped over. */
  next(cursor: Cursor, most = BATCH_ROWS): boolean {
    while (!this.#fill(cursor, most));
    const { length } = this;
    if (length === 0) return false;
    this.#placeAlongX(length);
    for (const column of this.#ys) blankNulls(column, length);
    this.#keys?.assign(this.#reader, this.lines as Uint8Array);
    return true;
  }

  /** `false`: there was something that is no event. */
  #fill(cursor: Cursor, most: number): boolean {
    try {
      this.#reader.next(cursor, Math.min(most, BATCH_ROWS));
      this.length = this.#reader.batch.length;
      return true;
    } catch (error) {
      if (!(error instanceof MalformedEventError)) throw error;
      this.malformed++;
      cursor.next();
      return false;
    }
  }

  #placeAlongX(count: number): void {
    const column = this.#x;
    const { x } = this;
    if (column.kind === 'number') x.set(column.numbers.subarray(0, count));
    else if (column.kind !== 'string') subtractOrigin(column, this.#origin, x, count);
    const { nulls } = column;
    if (nulls === undefined) return;
    for (let row = 0; row < count; row++) if (nulls[row] === 1) x[row] = NaN;
  }
}

function plannedFields({ bfbs, root, x, ys, by }: RowsPlan): Field[] {
  const schema = eventSchema(bfbs, { root });
  const paths = new Set([x, ...ys, ...(by === undefined ? [] : [by])]);
  return [...paths].map((path) => fieldAt(schema, path));
}

function numbersOf(column: BatchColumn): Float64Array {
  return column.kind === 'string' ? new Float64Array(BATCH_ROWS).fill(NaN) : column.numbers;
}

/** NaN where an event has no value: no comparison holds of it, so no loop behind has to ask. */
function blankNulls(column: BatchColumn, count: number): void {
  if (column.kind === 'string') return;
  if (column.kind !== 'number') roundIntegers(column, count);
  const { nulls, numbers } = column;
  if (nulls === undefined) return;
  for (let row = 0; row < count; row++) if (nulls[row] === 1) numbers[row] = NaN;
}

/** Exact where the difference is below 2^53, whatever the integers are. */
function subtractOrigin(
  { kind, words }: IntegerColumn,
  origin: bigint,
  x: Float64Array,
  count: number,
): void {
  const low = Number(BigInt.asUintN(32, origin));
  const high = Number(origin >> 32n);
  for (let row = 0; row < count; row++) {
    const word = words[2 * row + 1] as number;
    const rowHigh = kind === 'int64' ? word : word >>> 0;
    x[row] = (rowHigh - high) * TWO_32 + (((words[2 * row] as number) >>> 0) - low);
  }
}

/** Which line an event belongs to, by its value of a field. */
class LineKeys {
  readonly #column: number;
  readonly #lineOf: Map<Key, number>;
  readonly #learn: (key: Key) => number;
  readonly #rows = Uint32Array.from({ length: BATCH_ROWS }, (_, row) => row);
  readonly #codes = new Uint32Array(BATCH_ROWS);
  #groups: Groups;
  /** Lines of the groups that have been met. */
  #known: number[] = [];

  constructor(column: number, keys: readonly Key[], learn: (key: Key) => number) {
    this.#column = column;
    this.#lineOf = new Map(keys.map((key, line) => [key, line]));
    this.#learn = learn;
    this.#groups = this.#noGroups();
  }

  assign({ batch }: BatchReader, lines: Uint8Array): void {
    if (this.#groups.count > MAX_REMEMBERED) {
      this.#groups = this.#noGroups();
      this.#known = [];
    }
    const { length } = batch;
    this.#groups.assign(batch, this.#rows, length, this.#codes);
    for (let group = this.#known.length; group < this.#groups.count; group++) {
      this.#known.push(this.#lineFor(this.#groups.keysOf(group)[0] as Key));
    }
    for (let row = 0; row < length; row++) {
      lines[row] = this.#known[this.#codes[row] as number] as number;
    }
  }

  #lineFor(key: Key): number {
    let line = this.#lineOf.get(key);
    if (line !== undefined) return line;
    line = this.#learn(key);
    if (line !== NO_LINE) this.#lineOf.set(key, line);
    return line;
  }

  #noGroups(): Groups {
    return new Groups([{ column: this.#column, every: undefined, growth: undefined }]);
  }
}
