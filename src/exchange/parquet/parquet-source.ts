/** Import of Parquet. */
import type { EventSchema } from '../../events/schema.js';
import type { CaptureSource, Intake } from '../../capture/source.js';
import { checkInteger, unknownChoice } from '../../options.js';
import { checkColumns, checkDecimals, type Decimals } from '../import-choices.js';
import type { ParquetImport } from './parquet-import.js';

export interface ParquetSourceOptions {
  /** Only these columns, by their names in the file (default: all); of what is nested, the whole. */
  readonly columns?: readonly string[];
  /** What DECIMAL becomes (default `'error'`). */
  readonly decimals?: Decimals;
  /** Name of the table, where the schema comes from the columns (default `Row`). */
  readonly name?: string;
  /** What bytes become that the file does not call text: `'bytes'`, vectors of `ubyte` (the default), or strings. */
  readonly binary?: 'bytes' | 'text';
  /**
   * A row group may take so much memory while it is read (default 1 GiB): what is compressed of its columns,
   * and a page of each that is not. A file that wants more is refused.
   */
  readonly maxMemoryBytes?: number;
}

const DEFAULT_MEMORY = 1024 * 1024 * 1024;

/**
 * Events from a Parquet file, row group by row group, of which a page of each column is decoded at a time.
 *
 * A file of `parquetFile` with all fields has its schema in it, and gives back the same events. With another
 * schema, that of the options of `capture` or of the log, columns go to the fields of their names, as
 * identifiers; a time also to a field of its name and a unit, in which it is then counted. A column without
 * a field, or a required field without a column, ends the capture before anything is changed.
 *
 * Without a schema, one is made from the file's types: numbers of their width, signed or not; strings (enums,
 * JSON and UUIDs are such); timestamps, dates and times of day as `long`, with the unit at the end of the
 * field's name (dates in ms); bytes as vectors of `ubyte`; groups as tables, lists as vectors, maps as
 * vectors of tables with key and value. Lists of lists, and INTERVAL, are an error: name the `columns` without.
 *
 * Rows that do not fit are rejected, with their number in the file, from 1 on: a null where a field or a list
 * cannot hold one, a number that would be rounded, text that is not UTF-8. A damaged file is an
 * `InputError` that names its row group and column; rows before it have been taken. Files may be compressed
 * with Snappy, gzip, Brotli, raw LZ4, and zstd where Node.js has it (from 22.15 on). Checksums of pages are
 * not looked at.
 * @throws {TypeError | RangeError} options that make no sense
 */
export function parquetSource<Event = unknown>(
  path: string,
  options: ParquetSourceOptions = {},
): CaptureSource<Event> {
  const { columns, decimals = 'error', name = 'Row', binary = 'bytes' } = options;
  const { maxMemoryBytes = DEFAULT_MEMORY } = options;
  checkColumns(columns);
  checkDecimals(decimals);
  if (typeof name !== 'string') throw new TypeError('Invalid name: expected a string');
  if (typeof path !== 'string') throw new TypeError('Invalid path: expected a string');
  if (!['bytes', 'text'].includes(binary)) throw unknownChoice('binary', binary);
  checkInteger('maxMemoryBytes', maxMemoryBytes, 1, Number.MAX_SAFE_INTEGER);
  return new ParquetSource<Event>({ path, columns, decimals, name, binary, maxMemoryBytes });
}

/** Options with what they are by default. */
export interface ImportSettings {
  readonly path: string;
  readonly columns: readonly string[] | undefined;
  readonly decimals: Decimals;
  readonly name: string;
  readonly binary: 'bytes' | 'text';
  readonly maxMemoryBytes: number;
}

class ParquetSource<Event> implements CaptureSource<Event> {
  readonly name: string;
  readonly #settings: ImportSettings;
  #import: ParquetImport | undefined;

  constructor(settings: ImportSettings) {
    this.name = settings.path;
    this.#settings = settings;
  }

  async open(own: EventSchema | undefined): Promise<EventSchema<Event>> {
    const { ParquetImport: Import } = await import('./parquet-import.js');
    this.#import = await Import.open(this.#settings);
    return (await this.#import.begin(own)) as EventSchema<Event>;
  }

  async run(intake: Intake<Event>): Promise<void> {
    await this.#import?.run(intake);
  }

  async close(): Promise<void> {
    await this.#import?.close();
  }

  report(): Readonly<Record<string, unknown>> {
    return this.#import?.report() ?? {};
  }
}
