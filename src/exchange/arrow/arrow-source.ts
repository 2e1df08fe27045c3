/** Import of Arrow IPC: files and streams. */
import type { Readable } from 'node:stream';
import { InputError } from '../../errors.js';
import type { EventSchema } from '../../events/schema.js';
import { runCode } from '../../events/run-time-code.js';
import type { CaptureSource, Intake } from '../../capture/source.js';
import { Turns } from '../../capture/turns.js';
import { SCHEMA_KEY, schemaKeptIn } from '../kept-schema.js';
import { checkColumns, checkDecimals, type Decimals } from '../import-choices.js';
import { bindColumns, type BindOptions, type BoundField } from './binding.js';
import { columnsOf, type ArrowColumn, type ArrowColumns } from './column-types.js';

import { inferSchema } from './inference.js';
import {
  FileBytes,
  fromPieces,
  openArrow,
  openArrowStream,
  type ArrowBatch,
  type ArrowInput,
} from './input.js';
import { eventMaker, rowText } from './rows.js';
import { BatchReader, RowError, type ReadColumn, type ReadValue, type Vector } from './vectors.js';

export interface ArrowSourceOptions {
  /** Only these columns, by their names in the file (default: all). */
  readonly columns?: readonly string[];
  /** What decimals become (default `'error'`). */
  readonly decimals?: Decimals;
  /** Name of the table, where the schema comes from the columns (default `Row`). */
  readonly name?: string;
}

/**
 * Events from an Arrow IPC file (Feather, version 2) or an Arrow IPC stream, from a path or a stream of bytes.
 * A path is that of a file that does not change meanwhile. One batch is in memory at a time.
 *
 * What `arrowFile` and `arrowStream` have written comes with the log's schema, and becomes the same events
 * again. Of other files the schema is made from the columns: integers, floats, booleans and strings are fields
 * of their own kind, which may be null where the column may; half floats are `float`; dictionaries what is in
 * them; binary is `[ubyte]`; lists (large, of a fixed size, maps) are vectors, and in lists, as FlatBuffers
 * have no vectors of vectors, tables with a vector `items`; structs are tables, unions tables with one of
 * their fields. Times are integers in a field whose name ends in their unit: timestamps and dates since 1970
 * (`_ns`, `_us`, `_ms`, `_s`; days as seconds), with a zone or without, times of a day, durations. Names become
 * identifiers.
 *
 * With a schema, columns go to the fields of their names. A column without a field, one whose values cannot
 * be the field's, or a required field without a column, ends the capture before anything is changed.
 *
 * A row that does not fit is rejected: null where the field has none, also within a list; a number out of
 * range; text that is not UTF-8. Its line is the number of the row.
 *
 * Not supported, each with an error that says so: buffers compressed with LZ4, or with zstd where Node.js
 * does not have it; big-endian files; columns of intervals, list views and run ends, which `columns` can leave
 * out; batches of more than 2 GiB.
 * @throws {TypeError} options that make no sense
 */
export function arrowSource<Event = unknown>(
  input: string | Readable,
  options: ArrowSourceOptions = {},
): CaptureSource<Event> {
  const { columns, decimals = 'error', name = 'Row' } = options;
  checkColumns(columns);
  checkDecimals(decimals);
  if (typeof name !== 'string') throw new TypeError('Invalid name: expected a string');
  return new ArrowSource<Event>(input, { columns, decimals, table: name });
}

interface Settings extends BindOptions {
  readonly columns: readonly string[] | undefined;
  readonly table: string;
}

class ArrowSource<Event> implements CaptureSource<Event> {
  readonly name: string;
  readonly #from: string | Readable;
  readonly #settings: Settings;
  #file: FileBytes | undefined;
  #pieces: AsyncIterator<Uint8Array> | undefined;
  #input: ArrowInput | undefined;
  #rows: ArrowRows | undefined;

  constructor(from: string | Readable, settings: Settings) {
    this.name = typeof from === 'string' ? from : 'arrow stream';
    this.#from = from;
    this.#settings = settings;
  }

  async open(own: EventSchema | undefined, signal: AbortSignal): Promise<EventSchema<Event>> {
    this.#input = await this.#openInput(signal);
    const found = columnsOf(this.#input.schema, this.name);
    const { schema, fields } = settle(found, own, this.#settings, this.name);
    this.#rows = new ArrowRows(found.columns, fields, schema);
    return schema as EventSchema<Event>;
  }

  async #openInput(signal: AbortSignal): Promise<ArrowInput> {
    const from = this.#from;
    if (typeof from === 'string') {
      this.#file = await FileBytes.open(from);
      return await openArrow(this.#file, this.name);
    }
    signal.addEventListener('abort', () => from.destroy(), { once: true });
    this.#pieces = from[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    return await openArrowStream(fromPieces(this.#pieces), this.name);
  }

  async run(intake: Intake<Event>): Promise<void> {
    const input = this.#input as ArrowInput;
    const rows = this.#rows as ArrowRows;
    const end = (): void => void (typeof this.#from === 'string' ? 0 : this.#from.destroy());
    intake.signal.addEventListener('abort', end, { once: true });
    while (!intake.signal.aborted) {
      const batch = await this.#next(input, intake.signal);
      if (batch === undefined) return;
      await rows.take(batch, intake);
    }
  }

  /** A stream that is destroyed because it is enough has not failed. */
  async #next(input: ArrowInput, signal: AbortSignal): Promise<ArrowBatch | undefined> {
    try {
      return await input.next();
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (typeof this.#from !== 'string') this.#from.destroy();
    await this.#file?.close();
  }
}

interface Settled {
  readonly schema: EventSchema;
  readonly fields: readonly BoundField[];
}

/** The schema that is asked for; or that of the file, if its columns are all in it; or one for the columns. */
function settle(
  { columns: all, metadata }: ArrowColumns,
  own: EventSchema | undefined,
  settings: Settings,
  file: string,
): Settled {
  const named = chosen(all, settings.columns, file);
  // What is about records, or a copy of what is in another column, is none of an event's.
  const isOurs = metadata.has(SCHEMA_KEY);
  const isOfEvents = ({ name }: ArrowColumn): boolean => !/^\$|\./.test(name);
  const columns = isOurs ? named.filter(isOfEvents) : named;
  if (own !== undefined) {
    return { schema: own, fields: bindColumns(columns, own.root, settings, file) };
  }
  const kept = schemaKeptIn((key) => metadata.get(key));
  if (kept !== undefined) {
    try {
      return { schema: kept, fields: bindColumns(columns, kept.root, settings, file) };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  const schema = inferSchema(columns, settings.table, settings, file);
  return { schema, fields: bindColumns(columns, schema.root, settings, file) };
}

function chosen(
  columns: readonly ArrowColumn[],
  names: readonly string[] | undefined,
  file: string,
): readonly ArrowColumn[] {
  if (names === undefined) return columns;
  return names.map((name) => {
    const found = columns.find((column) => column.name === name);
    if (found !== undefined) return found;
    const there = columns.map((column) => column.name).join(', ');
    throw new InputError(`Cannot find column ${JSON.stringify(name)} in ${file}: it has ${there}`);
  });
}

/** Looking at the clock takes as long as a row or two. */
const ROWS_PER_LOOK = 32;

type RowsOf = (reads: readonly ReadValue[]) => (row: number) => Record<string, unknown>;

/** Rows of one batch after the other, and the dictionaries that they refer to. */
export class ArrowRows {
  readonly #columns: readonly ArrowColumn[];
  readonly #fields: readonly BoundField[];
  readonly #eventOf: ReturnType<typeof eventMaker>;
  readonly #valuesOf: RowsOf;
  readonly #dictionaries = new Dictionaries();
  readonly #turns = new Turns(ROWS_PER_LOOK);
  #row = 0;

  constructor(columns: readonly ArrowColumn[], fields: readonly BoundField[], schema: EventSchema) {
    this.#columns = columns;
    this.#fields = fields;
    this.#eventOf = eventMaker(fields, schema.root);
    this.#valuesOf = runCode(rowSource(fields), {}) as RowsOf;
  }

  async take(from: ArrowBatch, intake: Intake): Promise<void> {
    if (from.kind === 'dictionary') return this.#dictionaries.take(from);
    const { batch, body, where } = from;
    const reader = new BatchReader(batch, body, where, this.#dictionaries.find);
    const { rows } = reader;
    if (this.#columns.length === 0) reader.checkFree(rows);
    const reads = this.#readers(reader, rows);
    const valuesOf = this.#valuesOf(reads);
    for (let row = 0; row < rows; row++) {
      this.#row++;
      this.#takeRow(valuesOf, reads, row, intake);
      if (intake.isFull) await intake.ready();
      if (this.#turns.isOver()) await this.#turns.next();
      if (intake.signal.aborted) return;
    }
  }

  /** In the order of the fields; columns that go nowhere are stepped over. */
  #readers(reader: BatchReader, rows: number): readonly ReadValue[] {
    const reads = new Map<BoundField, ReadValue>();
    for (const column of this.#columns) {
      const field = this.#fields.find(({ read }) => read.column === column);
      if (field === undefined) reader.skip(column);
      else reads.set(field, reader.vector(field.read, rows).read);
    }
    return this.#fields.map((field) => reads.get(field) as ReadValue);
  }

  #takeRow(
    valuesOf: (row: number) => Record<string, unknown>,
    reads: readonly ReadValue[],
    row: number,
    intake: Intake,
  ): void {
    const origin = {
      line: this.#row,
      content: () => rowText(valuesForPeople(this.#fields, reads, row)),
    };
    let event: Readonly<Record<string, unknown>>;
    try {
      event = this.#eventOf(valuesOf(row));
    } catch (error) {
      if (!(error instanceof RowError)) throw error;
      return intake.reject(error.message, origin);
    }
    return intake.append(event, origin);
  }
}

/** Rows as objects that are made by code, so that all have one shape, which the encoder knows then. */
function rowSource(fields: readonly BoundField[]): string {
  const names = fields.map((_, i) => `r${i} = reads[${i}]`);
  const properties = fields.map(({ name }, i) => `${JSON.stringify(name)}: r${i}(row)`);
  return `return function rowsOf(reads) {
    ${names.length === 0 ? '' : `const ${names.join(', ')};`}
    return (row) => ({ ${properties.join(', ')} });
  };`;
}

/** Without what cannot be read. */
function valuesForPeople(
  fields: readonly BoundField[],
  reads: readonly ReadValue[],
  row: number,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  fields.forEach(({ name }, i) => {
    try {
      values[name] = reads[i]?.(row);
    } catch {
      // It is why the row is refused.
    }
  });
  return values;
}

type DictionaryPart = Extract<ArrowBatch, { kind: 'dictionary' }>;

/** Dictionaries by their numbers, and what columns have read of them. */
class Dictionaries {
  readonly #parts = new Map<number | bigint, DictionaryPart[]>();
  readonly #read = new Map<ReadColumn, { readonly parts: unknown; readonly vectors: Vector[] }>();

  take(part: DictionaryPart): void {
    const { id = 0, is_delta: isDelta = false } = part.batch;
    const before = isDelta ? this.#parts.get(id) : undefined;
    if (before !== undefined) return void before.push(part);
    this.#parts.set(id, [part]);
    // Others may refer to it.
    this.#read.clear();
  }

  /** Each column reads a dictionary as what it takes it for, and of one that has grown the new part. */
  readonly find = (column: ReadColumn): readonly Vector[] => {
    const parts = this.#parts.get(column.column.dictionary?.id ?? -1);
    if (parts === undefined) return [];
    const known = this.#read.get(column);
    const vectors = known?.parts === parts ? known.vectors : [];
    for (const part of parts.slice(vectors.length)) vectors.push(this.#vector(column, part));
    this.#read.set(column, { parts, vectors });
    return vectors;
  };

  #vector(column: ReadColumn, { batch, body, where }: DictionaryPart): Vector {
    const reader = new BatchReader(batch.data ?? {}, body, where, this.find);
    const values = { ...column, column: { ...column.column, dictionary: undefined } };
    const { rows } = reader;
    return { length: rows, read: reader.vector(values, rows).read };
  }
}
