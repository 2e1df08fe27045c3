/** Export as CSV. */
import { unknownChoice } from '../../options.js';
import type { Assembler, OutputFormat } from '../format.js';
import { columnPaths, textFields, type Nested } from './text-fields.js';

export interface CsvFileOptions {
  /**
   * What becomes of tables, structs, unions and vectors. `'columns'` (the default): a column for each of
   * their fields, called by its path; vectors are an error then, and so is what could not be read back.
   * `'json'`: a column for each, with JSON in it.
   */
  readonly nested?: Nested;
  /** Whether the first line has the names of the columns (default true). */
  readonly header?: boolean;
}

/**
 * CSV as RFC 4180 has it, in UTF-8. Numbers have the digits that they need to be the same when they are read
 * back, 64-bit integers all of theirs; what is no number is `nan`, `inf` or `-inf`; booleans are `true` and
 * `false`; enums have their names. Nothing between two commas is a missing value, `""` an empty string.
 *
 * What it does not keep: types. `csv({ types })`, or the log's schema, gives them back.
 */
export function csvFile({ nested = 'columns', header = true }: CsvFileOptions = {}): OutputFormat {
  if (!['columns', 'json'].includes(nested)) throw unknownChoice('nested', nested);
  return {
    name: 'csv',
    plan(schema, named) {
      const fields = textFields(schema, named, nested);
      if (fields.length === 0) throw new TypeError('Cannot export as CSV: there are no fields');
      const names = fields.map(({ path }) => (/[",\r\n]/.test(path) ? `"${path}"` : path));
      const first = header ? [Buffer.from(`${names.join(',')}\r\n`)] : [];
      return {
        columns: columnPaths(fields),
        encoder: { module: ENCODER, name: 'csvEncoder' },
        args: fields,
        assembler: behind(first),
      };
    },
  };
}

const ENCODER = new URL('./csv-encoder.js', import.meta.url).href;

/** Of formats whose pieces are bytes that follow one another. */
export function behind(first: readonly Uint8Array[]): Assembler {
  return {
    begin: () => first,
    take: (piece) => [piece as Uint8Array],
    end: () => [],
  };
}
