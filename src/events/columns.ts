/**
 * Fields of many events at once, as typed arrays. What is to be read is compiled into one loop
 * (`column-source.ts`), which runs over the records of a frame at a time.
 */
import { MalformedEventError } from '../errors.js';
import { frameTimeMs } from '../format/frame.js';
import { unknownChoice } from '../options.js';
import type { Cursor, CursorStart } from '../read/cursor.js';
import type { ReadableSegment } from '../read/readable-segment.js';
import type { Reader } from '../read/reader.js';
import { columnSource, type Int64Mode } from './column-source.js';
import { columnTree, type ColumnField } from './column-tree.js';
import type { ScalarKind } from './model.js';
import { runCode } from './run-time-code.js';
import type { EventSchema } from './schema.js';
import { textBetween } from './view-parts.js';

export type { Int64Mode } from './column-source.js';

export type NumberArray =
  | Float64Array
  | Float32Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;
export type BigIntArray = BigInt64Array | BigUint64Array;

export interface ColumnOptions {
  /**
   * 64-bit integers: `'exact'` numbers, or an error (the default); `'approximate'` numbers, rounded past
   * 2^53; or `'bigint'`, as `BigInt64Array` and `BigUint64Array`.
   */
  readonly int64?: Int64Mode;
  /**
   * Other numbers: as arrays of their own kind (`'natural'`, the default), or all as `Float64Array`s,
   * which hold them exactly.
   */
  readonly numbers?: 'natural' | 'float64';
}

export interface ColumnsOptions extends ColumnOptions {
  /** Default `'start'`. */
  readonly from?: CursorStart;
  /** Exclusive offset; by default the reader's bound. */
  readonly to?: number;
}

/** Numbers; booleans as 0 and 1, enums by number. Where there is no value stands 0. */
export interface NumberColumn {
  readonly kind: 'number';
  readonly name: string;
  readonly values: NumberArray;
  /** 1 where there is no value; `undefined` if there always is one. */
  readonly nulls: Uint8Array | undefined;
}

/** 64-bit integers that were asked for as bigints. */
export interface BigIntColumn {
  readonly kind: 'bigint';
  readonly name: string;
  readonly values: BigIntArray;
  readonly nulls: Uint8Array | undefined;
}

export type Column = NumberColumn | BigIntColumn | StringColumn;

/** What a plan fills: a column for each of its fields, in their order. */
export class Columns {
  readonly list: readonly Column[];
  /** Rows. */
  readonly length: number;
  readonly #byName: ReadonlyMap<string, Column>;

  /** @internal Use `ColumnPlan.allocate`. */
  constructor(list: readonly Column[], length: number) {
    this.list = list;
    this.length = length;
    this.#byName = new Map(list.map((column) => [column.name, column]));
  }

  /** @throws {TypeError} the field is none of these */
  get(name: string): Column {
    const column = this.#byName.get(name);
    if (column !== undefined) return column;
    const names = this.list.map((each) => each.name).join(', ');
    throw new TypeError(`Cannot find column ${name}: there are ${names}`);
  }

  /** Values of a column of numbers. */
  numbers(name: string): NumberArray {
    const column = this.get(name);
    if (column.kind === 'number') return column.values;
    throw new TypeError(`Cannot take ${name} as numbers: it is a column of ${column.kind}s`);
  }

  bigints(name: string): BigIntArray {
    const column = this.get(name);
    if (column.kind === 'bigint') return column.values;
    throw new TypeError(`Cannot take ${name} as bigints: it is a column of ${column.kind}s`);
  }

  strings(name: string): StringColumn {
    const column = this.get(name);
    if (column.kind === 'string') return column;
    throw new TypeError(`Cannot take ${name} as strings: it is a column of ${column.kind}s`);
  }

  /** 1 where there is no value; `undefined` if there always is one. */
  nulls(name: string): Uint8Array | undefined {
    return this.get(name).nulls;
  }
}

/** Where strings lie: they are decoded when they are asked for. Keeps the memory of the log mapped. */
export class StringColumn {
  readonly kind = 'string';
  readonly name: string;
  /** Positions in their segment, and bytes of UTF-8. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  readonly nulls: Uint8Array | undefined;
  /** Segments, and the row that each begins with. */
  readonly #sources: { readonly row: number; readonly buffer: Buffer }[];

  /** @internal Use `ColumnPlan.allocate`. */
  constructor(
    name: string,
    starts: Int32Array,
    lengths: Int32Array,
    nulls: Uint8Array | undefined,
    sources: { readonly row: number; readonly buffer: Buffer }[] = [],
  ) {
    this.name = name;
    this.starts = starts;
    this.lengths = lengths;
    this.nulls = nulls;
    this.#sources = sources;
  }

  get length(): number {
    return this.starts.length;
  }

  /** @internal What positions count in, of the rows that were filled last. */
  get buffer(): Buffer {
    return this.#sources.at(-1)?.buffer ?? NO_BUFFER;
  }

  /** Decodes a string; `null` where there is none, `undefined` outside of the column. */
  at(row: number): string | null | undefined {
    const start = this.starts[row];
    if (start === undefined) return undefined;
    const source = this.#sources.findLast((each) => each.row <= row);
    if (start === 0 || source === undefined) return null;
    return textBetween(source.buffer, start, start + (this.lengths[row] as number));
  }

  /** @internal Rows from `row` on lie in this segment. */
  takeFrom({ mapping }: ReadableSegment, row: number): void {
    const sources = this.#sources;
    while (sources.length > 0 && (sources.at(-1)?.row as number) >= row) sources.pop();
    if (sources.at(-1)?.buffer.buffer === mapping.buffer) return;
    mapping.lend();
    sources.push({ row, buffer: Buffer.from(mapping.buffer) });
  }

  /** @internal The first rows. */
  first(length: number): StringColumn {
    const { name, starts, lengths, nulls } = this;
    return new StringColumn(
      name,
      starts.subarray(0, length),
      lengths.subarray(0, length),
      nulls?.subarray(0, length),
      this.#sources,
    );
  }
}

const NO_BUFFER = Buffer.alloc(0);

/** Besides fields: the record's offset, and the time of its frame's commit. */
const OFFSET = '$offset';
const TIME = '$timeMs';

const ARRAYS = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: Float64Array,
  uint64: Float64Array,
  float32: Float32Array,
  float64: Float64Array,
} as const satisfies Record<ScalarKind, unknown>;

type Loop = (
  state: LoopState,
  view: DataView,
  position: number,
  count: number,
  row: number,
  columns: readonly unknown[],
) => number;

/**
 * Makes a plan for reading these fields of every event. A field is a path: `a`; `body.x` through tables and
 * structs; `body.ImuSample.ax` through a union, by the member's name, with `body_type` for the member's
 * number. `$offset` and `$timeMs` are the record's offset and the time of its commit. Compiles code, so
 * make a plan once.
 * @throws {TypeError} a field that is none, or is named twice; or is not a scalar or string
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this process may not make code of strings
 */
export function columnPlan(
  schema: EventSchema,
  fields: readonly string[],
  options: ColumnOptions = {},
): ColumnPlan {
  return new ColumnPlan(schema, fields, options);
}

export class ColumnPlan {
  readonly fields: readonly string[];
  readonly int64: Int64Mode;
  readonly #isWide: boolean;
  readonly #columns: readonly ColumnField[];
  readonly #loop: Loop;
  readonly #state = new LoopState();
  /** The columns filled last, and their arrays as the loop wants them. */
  #bound: Columns | undefined;
  #arrays: readonly unknown[] = [];
  #strings: readonly StringColumn[] = [];
  #offsets: NumberArray | undefined;
  #times: NumberArray | undefined;

  /** @internal Use `columnPlan`. */
  constructor(schema: EventSchema, fields: readonly string[], options: ColumnOptions) {
    const { int64 = 'exact', numbers = 'natural' } = options;
    checkFields(fields);
    if (!['exact', 'approximate', 'bigint'].includes(int64)) throw unknownChoice('int64', int64);
    if (!['natural', 'float64'].includes(numbers)) throw unknownChoice('numbers', numbers);
    this.fields = [...fields];
    this.int64 = int64;
    this.#isWide = numbers === 'float64';
    const inEvents = fields.filter((name) => !isOfRecord(name));
    const { root, fields: columns } = columnTree(schema.root, inEvents);
    this.#columns = columns;
    const nullable = columns.map(({ isNullable }) => isNullable);
    this.#loop = runCode(columnSource(root, nullable, int64), {}) as Loop;
  }

  /** Columns with room for so many events, to be filled again and again. */
  allocate(rows: number): Columns {
    if (!Number.isSafeInteger(rows) || rows < 0) {
      throw new RangeError(`Invalid rows: expected a non-negative integer, got ${String(rows)}`);
    }
    const byPath = new Map(this.#columns.map((column) => [column.path, column]));
    return new Columns(
      this.fields.map((name) => this.#allocate(name, byPath.get(name), rows)),
      rows,
    );
  }

  #allocate(name: string, field: ColumnField | undefined, rows: number): Column {
    if (field === undefined) {
      return { kind: 'number', name, values: new Float64Array(rows), nulls: undefined };
    }
    const { type, isNullable } = field;
    const nulls = isNullable ? new Uint8Array(rows) : undefined;
    if (type.kind === 'string') {
      return new StringColumn(name, new Int32Array(rows), new Int32Array(rows), nulls);
    }
    const { scalar } = type;
    if (this.int64 === 'bigint' && (scalar === 'int64' || scalar === 'uint64')) {
      const values = scalar === 'int64' ? new BigInt64Array(rows) : new BigUint64Array(rows);
      return { kind: 'bigint', name, values, nulls };
    }
    const values = new (this.#isWide ? Float64Array : ARRAYS[scalar])(rows);
    return { kind: 'number', name, values, nulls };
  }

  /**
   * Fills rows, from row `at` on, from the events that the cursor comes to next, up to `max` of them, and
   * says how many. 0: there are none (yet). The cursor then stands behind the last of them, on no record.
   *
   * An error is thrown when nothing has been filled before it; else those events are what is returned, and
   * the next call throws. The cursor stays before what cannot be read, so `cursor.next()` steps over it.
   * Allocates nothing per event. Where strings are read, it ends with a segment.
   *
   * @throws {MalformedEventError}
   * @throws {RangeError} a 64-bit integer that is not safe, with `int64: 'exact'`; or no such rows
   * @throws {TypeError} columns of another plan
   * @throws {LogError} what `cursor.next` throws
   */
  fill(cursor: Cursor, columns: Columns, max = columns.length, at = 0): number {
    this.#bind(columns);
    const most = Math.min(max, columns.length - at);
    if (!Number.isSafeInteger(at) || at < 0 || !(most >= 0)) {
      throw new RangeError(
        `Cannot fill ${max} rows from ${at} on: the columns have ${columns.length}`,
      );
    }
    let filled = 0;
    try {
      while (filled < most && cursor.nextRun()) {
        if (filled > 0 && this.#leavesSegment(cursor.runSegment)) {
          cursor.backTo(cursor.run.position, cursor.run.offset);
          break;
        }
        filled += this.#fillRun(cursor, at + filled, most - filled);
      }
    } catch (error) {
      filled += this.#state.takeDone();
      if (filled === 0) throw error;
    }
    return filled;
  }

  /** Strings of one fill lie in one buffer. */
  #leavesSegment({ mapping }: ReadableSegment): boolean {
    const text = this.#strings[0];
    return text !== undefined && text.buffer.buffer !== mapping.buffer;
  }

  #fillRun(cursor: Cursor, row: number, most: number): number {
    const { run, runSegment } = cursor;
    const count = Math.min(run.count, most);
    const { offset } = run;
    this.#startRun(runSegment, run.frame, offset, row, count);
    const state = this.#state;
    state.start(row, offset);
    try {
      const position = this.#loop(state, runSegment.view, run.position, count, row, this.#arrays);
      if (count < run.count) cursor.backTo(position, offset + count);
    } catch (error) {
      cursor.backTo(state.position, offset + state.done);
      throw error;
    }
    return count;
  }

  /** What is the same for all records of a run, or follows from their place in it. */
  #startRun(
    segment: ReadableSegment,
    frame: number,
    offset: number,
    row: number,
    count: number,
  ): void {
    for (const column of this.#strings) column.takeFrom(segment, row);
    this.#times?.fill(frameTimeMs(segment.words, frame), row, row + count);
    const offsets = this.#offsets;
    if (offsets === undefined) return;
    for (let i = 0; i < count; i++) offsets[row + i] = offset + i;
  }

  #bind(columns: Columns): void {
    if (columns === this.#bound) return;
    const wanted = this.allocate(0).list;
    const { list } = columns;
    const isOurs =
      list.length === wanted.length && wanted.every((each, i) => isAlike(each, list[i] as Column));
    if (!isOurs)
      throw new TypeError('Cannot fill columns of another plan: allocate them with this one');
    this.#arrays = list.filter(({ name }) => !isOfRecord(name)).flatMap(arraysOf);
    this.#strings = list.flatMap((column) => (column.kind === 'string' ? [column] : []));
    this.#offsets = this.fields.includes(OFFSET) ? columns.numbers(OFFSET) : undefined;
    this.#times = this.fields.includes(TIME) ? columns.numbers(TIME) : undefined;
    this.#bound = columns;
  }
}

/** Where a loop is when it fails. */
class LoopState {
  #row = 0;
  #offset = 0;
  /** Events of the run that have been read, and the position of the next, after a failure. */
  done = 0;
  position = 0;

  start(row: number, offset: number): void {
    this.#row = row;
    this.#offset = offset;
  }

  /** Once. */
  takeDone(): number {
    const { done } = this;
    this.done = 0;
    return done;
  }

  fail(position: number, row: number, at: number, reason: string, field: string): never {
    this.#stop(position, row);
    const start = position + 8;
    const event = `the event at offset ${this.#offset + this.done}`;
    throw new MalformedEventError(`${reason} (${event})`, at - start, field);
  }

  failExact(position: number, row: number, value: bigint, field: string): never {
    this.#stop(position, row);
    throw new RangeError(
      `Cannot read ${field} of the event at offset ${this.#offset + this.done} as a number: ${value} is past 2^53, which int64: 'approximate' rounds and int64: 'bigint' keeps`,
    );
  }

  #stop(position: number, row: number): void {
    this.position = position;
    this.done = row - this.#row;
  }
}

/**
 * Reads fields of a range of events into columns of just that length.
 * `from` is where to begin (default the start of the log), `to` the exclusive offset at which to end
 * (default the reader's bound). See `columnPlan`; a plan that is kept, and columns that are filled again
 * and again, save making both.
 * @throws {MalformedEventError}
 * @throws {RangeError} a 64-bit integer that is not safe, with `int64: 'exact'`
 * @throws {TypeError}
 * @throws {LogError}
 */
export function readColumns(
  reader: Reader,
  schema: EventSchema,
  fields: readonly string[],
  { from = 'start', to = Infinity, ...options }: ColumnsOptions = {},
): Columns {
  const plan = columnPlan(schema, fields, options);
  const cursor = reader.cursor({ from, to, snapshot: true });
  try {
    const rows = Math.max(0, Math.min(to, reader.boundOffset) - cursor.nextOffset);
    const columns = plan.allocate(rows);
    let filled = 0;
    for (let more = -1; more !== 0; filled += more) {
      more = plan.fill(cursor, columns, rows - filled, filled);
    }
    return filled === rows ? columns : firstRows(columns, filled);
  } finally {
    cursor.close();
  }
}

/** Some records were lost: there are fewer events than offsets. */
function firstRows({ list }: Columns, length: number): Columns {
  const shorter = list.map((column): Column => {
    if (column.kind === 'string') return column.first(length);
    const nulls = column.nulls?.subarray(0, length);
    return column.kind === 'number'
      ? { ...column, nulls, values: column.values.subarray(0, length) }
      : { ...column, nulls, values: column.values.subarray(0, length) };
  });
  return new Columns(shorter, length);
}

function checkFields(fields: readonly string[]): void {
  if (fields.length === 0) throw new TypeError('Cannot make a plan without fields');
  const twice = fields.find((name, i) => fields.indexOf(name) !== i);
  if (twice !== undefined) throw new TypeError(`Cannot read ${twice} as two columns`);
}

function isOfRecord(name: string): boolean {
  return name === OFFSET || name === TIME;
}

function isAlike(a: Column, b: Column): boolean {
  if (a.name !== b.name || (a.nulls === undefined) !== (b.nulls === undefined)) return false;
  if (a.kind === 'string' || b.kind === 'string') return a.kind === b.kind;
  return a.values.constructor === b.values.constructor;
}

/** As the loop wants them: values, lengths, nulls. */
function arraysOf(column: Column): unknown[] {
  if (column.kind === 'string') return [column.starts, column.lengths, column.nulls];
  const { values } = column;
  if (column.kind === 'number') return [values, undefined, column.nulls];
  // Halves of 64 bits: no bigint is ever made.
  return [
    new Int32Array(values.buffer, values.byteOffset, 2 * values.length),
    undefined,
    column.nulls,
  ];
}
