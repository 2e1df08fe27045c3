/** Choices that formats of columns have in common. */
import { unknownChoice } from '../options.js';
import type { Nested } from './text/text-fields.js';

/** Options of `arrowFile`, `arrowStream` and `parquetFile`. */
export interface TableFileOptions {
  /**
   * What becomes of tables, unions and vectors. `'columns'` (the default): structs and lists, as the format
   * has them; vectors of unions, and tables within themselves, are an error then. `'json'`: columns of text,
   * with JSON in it, as `eventToJson` writes it.
   */
  readonly nested?: Nested;
  /**
   * What enums become. `'names'` (the default): their names, by a dictionary; a value that has no name is an
   * error. `'numbers'`: integers. Bit flags are integers in any case.
   */
  readonly enums?: 'names' | 'numbers';
  /**
   * What becomes of 64-bit integers that are times by their names (`time_ns`, `date_ms`; see `isTimeField`).
   * `'timestamps'` (the default): timestamps of that unit, UTC; one of an unsigned field past 2^63 is an
   * error. `'integers'`: integers. Seconds are integers in Parquet, which has no such unit.
   */
  readonly times?: 'timestamps' | 'integers';
}

export type TableChoices = Required<TableFileOptions>;

/** @throws {TypeError} a choice that there is not */
export function tableChoices(options: TableFileOptions): TableChoices {
  const { nested = 'columns', enums = 'names', times = 'timestamps' } = options;
  if (!['columns', 'json'].includes(nested)) throw unknownChoice('nested', nested);
  if (!['names', 'numbers'].includes(enums)) throw unknownChoice('enums', enums);
  if (!['timestamps', 'integers'].includes(times)) throw unknownChoice('times', times);
  return { nested, enums, times };
}
