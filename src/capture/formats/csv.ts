/** CSV as a format of input: which column goes to which field, and what is made of rows. */
import { InputError } from '../../errors.js';
import {
  defineSchema,
  extendSchema,
  type FieldDefinition,
  type PlainEvent,
} from '../../events/define-schema.js';
import { usableFields, type TableField } from '../../events/model.js';
import type { EventSchema } from '../../events/schema.js';
import type { Intake } from '../source.js';
import { OTHER, Row, SKIPPED, columnOf, type Column, type ColumnType } from './columns.js';
import { CsvScanner, type CsvRules, type CsvSink } from './csv-scanner.js';
import type { FormatReader, FormatSession, InputFormat } from './format.js';
import { fieldFor, inferType } from './infer.js';
import { identifierOf, uniqueIdentifiers } from './names.js';

/** How a CSV is written, and what its columns are. */
export interface CsvOptions {
  /** What stands between values: one ASCII character (default `,`). */
  readonly delimiter?: string;
  /** Whether the first line has the names of the columns (default true, false with `columns`). */
  readonly header?: boolean;
  /** Names of the columns, in the place of those that the header has. */
  readonly columns?: readonly string[];
  /**
   * What columns hold, by name, in the place of what their first values look like. `skip` leaves a column
   * out; `time` is ISO 8601, kept as nanoseconds since 1970.
   */
  readonly types?: Readonly<Record<string, ColumnType>>;
  /** What stands for null, besides an empty value without quotes: `NA`, `\N`. */
  readonly nulls?: readonly string[];
  /** Add fields to the log's schema for columns that it does not have yet (default false). */
  readonly addColumns?: boolean;
  /** Longer rows are refused (default 1 MiB). It bounds what a quote that is never closed takes. */
  readonly maxRowBytes?: number;
}

const DEFAULT_ROW_BYTES = 1024 * 1024;
const TABLE = 'Row';
const QUOTE = 0x22;
/** What stands in text where bytes were none. */
const REPLACEMENT = '\uFFFD';
const NOT_A_DELIMITER = /[\w"'+.\r\n\0-]/;

/**
 * CSV as RFC 4180 has it, with a delimiter of your choice. Rows end with LF, CRLF or CR; empty lines are
 * passed over, unless there is one column only. A value in quotes may have delimiters, line ends, and
 * quotes that are doubled.
 *
 * Without a schema, one is made from the header and the first rows (a megabyte, or what comes within a
 * second): `bool`, `long`, `double`, times of ISO 8601 as `long` nanoseconds in a field whose name ends in
 * `_ns`, else `string`; all of them may be null. What does not fit those types later on is rejected.
 *
 * With a schema, columns go to the fields of their names, as identifiers; a column `date` also to a field
 * `date_ns`. A column without a field, or a required field without a column, ends the capture before
 * anything is changed.
 *
 * An empty value is null; one in quotes is an empty string, or null where the field holds no text. A NUL is
 * part of a text only in quotes: elsewhere it tells that the input is binary.
 * @throws {RangeError | TypeError} options that make no sense
 */
export function csv(options: CsvOptions = {}): InputFormat {
  const rules = rulesOf(options);
  return { name: 'csv', begin: (own) => new CsvSession(rules, options, own) };
}

function rulesOf({ delimiter = ',', nulls = [], maxRowBytes }: CsvOptions): CsvRules {
  const isAscii = delimiter.length === 1 && delimiter.charCodeAt(0) < 0x80;
  if (!isAscii || NOT_A_DELIMITER.test(delimiter)) {
    const which = 'one ASCII character that is no letter, digit, quote, sign or point';
    throw new RangeError(`Invalid delimiter ${JSON.stringify(delimiter)}: expected ${which}`);
  }
  const limit = maxRowBytes ?? DEFAULT_ROW_BYTES;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 2 ** 30) {
    throw new RangeError(`Invalid maxRowBytes ${limit}: expected 1 to ${2 ** 30}`);
  }
  return {
    delimiter: delimiter.charCodeAt(0),
    nulls: nulls.map((word) => Buffer.from(word)),
    maxRowBytes: limit,
  };
}

type TextRow = readonly string[];

class CsvSession implements FormatSession {
  readonly wants: FormatSession['wants'];
  readonly #rules: CsvRules;
  readonly #options: CsvOptions;
  readonly #own: EventSchema | undefined;
  readonly #hasHeader: boolean;
  #schema: EventSchema | undefined;
  #columns: readonly Column[] = [];

  constructor(rules: CsvRules, options: CsvOptions, own: EventSchema | undefined) {
    this.#rules = rules;
    this.#options = options;
    this.#own = own;
    this.#hasHeader = options.header ?? options.columns === undefined;
    this.wants = own === undefined || options.addColumns === true ? 'sample' : 'beginning';
  }

  settle(sample: Buffer, isWhole: boolean): EventSchema | undefined {
    checkText(sample);
    const rows = rowsOf(this.#rules, sample, isWhole);
    const first = rows[0];
    if (first === undefined) {
      if (isWhole && this.#own !== undefined) return this.#own;
      if (isWhole) throw new InputError('The input is empty: it has neither a header nor rows');
      if (sample.length <= this.#rules.maxRowBytes) return undefined;
      throw new InputError(
        `The first ${sample.length.toLocaleString('en-US')} bytes of the input have no row: is it CSV?`,
      );
    }
    const names = this.#namesIn(first);
    if (names.some((name) => name.includes(REPLACEMENT))) {
      throw new InputError(
        'The header is not UTF-8: is the input binary, or in another encoding (iconv -t UTF-8)?',
      );
    }
    const values = this.#hasHeader ? rows.slice(1) : rows;
    const needsRows = this.#options.addColumns === true || this.#own === undefined;
    if (needsRows && values.length === 0 && !isWhole) return undefined;
    this.#schema = this.#schemaFor(names, values);
    this.#columns = mapColumns(names, this.#schema, this.#options);
    return this.#schema;
  }

  start(intake: Intake): FormatReader {
    const map = (names: readonly string[]): readonly Column[] =>
      mapColumns(names, intake.schema, this.#options);
    const isMapped = this.#options.columns !== undefined;
    const header = !this.#hasHeader ? 'none' : isMapped ? 'passed over' : 'read';
    return new CsvReader(this.#rules, intake, { columns: this.#columns, header, map });
  }

  /** Of the columns, by the first row. */
  #namesIn(first: TextRow): readonly string[] {
    const { columns } = this.#options;
    if (columns !== undefined) {
      if (columns.length === first.length) return columns;
      throw new InputError(
        `The rows of the input have ${first.length} fields, and ${columns.length} columns were named`,
      );
    }
    if (this.#hasHeader) return first.map((name) => name.trim());
    if (this.#own === undefined) return first.map((_, i) => `column_${i + 1}`);
    const fields = usableFields(this.#own.root).map(({ name }) => name);
    if (fields.length === first.length) return fields;
    throw new InputError(
      `The CSV does not fit the schema ${this.#own.name}: its rows have ${first.length} fields, and the ` +
        `schema ${fields.length}; without a header they must be the same, or the columns be named`,
    );
  }

  #schemaFor(names: readonly string[], rows: readonly TextRow[]): EventSchema {
    if (this.#own === undefined)
      return defineSchema(TABLE, this.#fieldsFor(names, rows, undefined));
    if (this.#options.addColumns !== true) return this.#own;
    const more = this.#fieldsFor(names, rows, this.#own);
    if (more.length === 0) return this.#own;
    const extended: EventSchema<PlainEvent> | undefined = extendSchema(this.#own, more);
    if (extended !== undefined) return extended;
    throw new InputError(
      `Cannot add ${listed(more.map(({ name }) => name))} to the schema ${this.#own.name}: only plain ` +
        'tables of numbers and strings can be added to here',
    );
  }

  /** Definitions for the columns that have no field yet. */
  #fieldsFor(
    names: readonly string[],
    rows: readonly TextRow[],
    own: EventSchema | undefined,
  ): FieldDefinition[] {
    const identifiers = uniqueIdentifiers(names);
    const types = typesOf(names, identifiers, this.#options);
    const fields = own === undefined ? [] : usableFields(own.root);
    const taken = new Set([...identifiers, ...fields.map(({ name }) => name)]);
    const found: FieldDefinition[] = [];
    names.forEach((name, index) => {
      const identifier = identifiers[index] as string;
      const given = types[index];
      if (given === 'skip' || fieldOf(identifier, fields) !== undefined) return;
      if (given === undefined && rows.length === 0) throw noRows(name);
      let type = given ?? inferType(valuesAt(rows, index, this.#options.nulls));
      const timeName = identifier.endsWith('_ns') ? identifier : `${identifier}_ns`;
      if (type === 'time' && timeName !== identifier && taken.has(timeName)) {
        if (given === 'time') throw noTimeName(name, timeName);
        type = 'string';
      }
      found.push(fieldFor(type === 'time' ? timeName : identifier, type, name));
    });
    if (found.length > 0 || own !== undefined) return found;
    throw new InputError('The CSV has no column that is not left out');
  }
}

function noTimeName(name: string, timeName: string): InputError {
  return new InputError(
    `Cannot keep ${JSON.stringify(name)} as a time: that would be ${timeName}, and there is one already`,
  );
}

function noRows(name: string): InputError {
  return new InputError(
    `The CSV has a header and no rows: nothing tells the type of ${JSON.stringify(name)}; say it by types (--types name:type)`,
  );
}

function* valuesAt(
  rows: readonly TextRow[],
  index: number,
  nulls: readonly string[] = [],
): Iterable<string> {
  for (const row of rows) {
    const text = row[index];
    if (text !== undefined && !nulls.includes(text)) yield text;
  }
}

/** What has NULs that are not in quotes is no text; better said before a log is made of it. */
function checkText(sample: Buffer): void {
  const at = nulOutsideOfQuotes(sample);
  if (at < 0) return;
  const mark = sample.length >= 2 ? sample.readUInt16BE(0) : 0;
  if (mark === 0xfffe || mark === 0xfeff) {
    throw new InputError(
      'The input is UTF-16, and CSV is taken as UTF-8: iconv -t UTF-8 makes it so',
    );
  }
  throw new InputError(`The input cannot be CSV: its byte ${at} is NUL; is it binary?`);
}

function nulOutsideOfQuotes(sample: Buffer): number {
  if (!sample.includes(0)) return -1;
  let isQuoted = false;
  // A quote that is doubled opens again what it closes.
  return sample.findIndex((byte) => {
    if (byte === QUOTE) isQuoted = !isQuoted;
    return byte === 0 && !isQuoted;
  });
}

/** All the rows that are complete. */
function rowsOf(rules: CsvRules, sample: Buffer, isWhole: boolean): TextRow[] {
  const rows: TextRow[] = [];
  const scanner: CsvScanner = new CsvScanner(rules, {
    take: () => rows.push([...scanner.texts]) > 0,
    reject: (reason) => {
      if (rows.length > 0) return;
      throw new InputError(`The first row of the input is no CSV: ${reason}`);
    },
  });
  scanner.push(sample);
  if (isWhole) scanner.end();
  return rows;
}

/** What the options say of each column. */
function typesOf(
  names: readonly string[],
  identifiers: readonly string[],
  { types = {} }: CsvOptions,
): (ColumnType | undefined)[] {
  const given = new Map(Object.entries(types));
  const found = names.map((name, i) => given.get(name) ?? given.get(identifiers[i] as string));
  const unknown = [...given.keys()].filter(
    (name) => !names.includes(name) && !identifiers.includes(name),
  );
  if (unknown.length === 0) return found;
  throw new InputError(
    `There is no column ${listed(unknown)} to give a type to: the CSV has ${listed(names)}`,
  );
}

/** The field that a column of this name goes to. */
function fieldOf(identifier: string, fields: readonly TableField[]): TableField | undefined {
  return (
    fields.find(({ name }) => name === identifier) ??
    fields.find(
      ({ name, type }) =>
        name === `${identifier}_ns` && type.kind === 'scalar' && type.scalar === 'int64',
    )
  );
}

/**
 * Columns with their fields.
 * @throws {InputError} they do not fit
 */
function mapColumns(
  names: readonly string[],
  schema: EventSchema,
  options: CsvOptions,
): readonly Column[] {
  const identifiers = uniqueIdentifiers(names);
  const types = typesOf(names, identifiers, options);
  const fields = usableFields(schema.root);
  const free = new Set(fields);
  const lost: string[] = [];
  const columns = names.map((name, index): Column => {
    if (types[index] === 'skip') return leftOut(name);
    const field = fieldOf(identifiers[index] as string, fields);
    if (field === undefined || !free.delete(field)) {
      lost.push(name);
      return leftOut(name);
    }
    const column = columnOf(name, field);
    if (column.kind === OTHER) throw doesNotFit(schema, `${name} is a ${field.type.kind} there`);
    return column;
  });
  const missing = [...free].filter(({ isRequired }) => isRequired).map(({ name }) => name);
  const has = `it has ${listed(fields.map(({ name }) => name))}`;
  if (lost.length > 0) {
    throw doesNotFit(
      schema,
      `there is no field for column ${listed(lost)}; ${has}. A column of type skip is left out ` +
        '(--types name:skip), and fields can be added (addColumns, --add-columns)',
    );
  }
  if (missing.length > 0) throw doesNotFit(schema, `there is no column ${listed(missing)}`);
  return columns;
}

function doesNotFit({ name }: EventSchema, why: string): InputError {
  return new InputError(`The CSV does not fit the schema ${name}: ${why}`);
}

function leftOut(name: string): Column {
  return { name, field: undefined, kind: SKIPPED, isNullable: true, unitNs: 1 };
}

/** Names, the first dozen of them. */
function listed(names: readonly string[]): string {
  const MAX = 12;
  const shown = names
    .slice(0, MAX)
    .map((name) => (/^\w+$/.test(name) ? name : JSON.stringify(name)));
  return names.length <= MAX
    ? shown.join(', ')
    : `${shown.join(', ')} and ${names.length - MAX} more`;
}

interface CsvLayout {
  readonly columns: readonly Column[];
  readonly header: 'none' | 'read' | 'passed over';
  /** @throws {InputError} they do not fit */
  readonly map: (names: readonly string[]) => readonly Column[];
}

/** Gives rows to the intake. */
class CsvReader implements FormatReader, CsvSink {
  readonly #intake: Intake;
  readonly #layout: CsvLayout;
  readonly #scanner: CsvScanner;
  #row: Row;
  /** Whether the next row is a header, or may be one. */
  #header: 'due' | 'possible' | 'read' = 'read';

  constructor(rules: CsvRules, intake: Intake, layout: CsvLayout) {
    this.#intake = intake;
    this.#layout = layout;
    this.#scanner = new CsvScanner(rules, this);
    this.#row = new Row(layout.columns);
    this.#expect(layout.header === 'none' ? 'read' : 'due');
  }

  get pendingBytes(): number {
    return this.#scanner.pendingBytes;
  }

  push(chunk: Buffer): void {
    this.#scanner.push(chunk);
  }

  end(): void {
    this.#scanner.end();
  }

  /** What follows may have a header, with other columns, or go on with rows at once. */
  restart(): void {
    this.#scanner.end();
    this.#expect(this.#layout.header === 'none' ? 'read' : 'possible');
  }

  take(): boolean {
    if (this.#header === 'read') {
      this.#intake.append(this.#row.event(), this.#scanner);
      return true;
    }
    const wasDue = this.#header === 'due';
    const isHeader = wasDue || this.#takeHeader();
    this.#expect('read');
    return isHeader;
  }

  reject(reason: string): void {
    // The first row has been looked at before; it is one that a later input begins with.
    if (this.#header !== 'read') this.#expect('read');
    this.#intake.reject(reason, this.#scanner);
  }

  /**
   * Whether the row has the names of columns. One that has some, and does not fit, is no row either: values
   * behind it would go to fields of other columns.
   * @throws {InputError} the header does not fit
   */
  #takeHeader(): boolean {
    const names = this.#scanner.texts.map((name) => name.trim());
    const { header, columns } = this.#layout;
    if (header === 'passed over' && isSame(names, columns)) return true;
    try {
      if (header !== 'passed over') this.#row = new Row(this.#layout.map(names));
      else if (hasNameOf(columns, names)) throw otherHeader(names);
      return header !== 'passed over';
    } catch (error) {
      if (!(error instanceof InputError) || hasNameOf(columns, names)) throw error;
      return false;
    }
  }

  #expect(header: 'due' | 'possible' | 'read'): void {
    this.#header = header;
    this.#scanner.readInto(header === 'read' ? this.#row : undefined);
  }
}

function isSame(names: readonly string[], columns: readonly Column[]): boolean {
  return names.every((name, i) => identifierOf(name, i + 1) === columns[i]?.field);
}

function hasNameOf(columns: readonly Column[], names: readonly string[]): boolean {
  const known = new Set(columns.flatMap(({ name, field }) => [name, field]));
  return names.some((name, i) => known.has(name) || known.has(identifierOf(name, i + 1)));
}

function otherHeader(names: readonly string[]): InputError {
  return new InputError(`The input begins again with other columns: ${listed(names)}`);
}
