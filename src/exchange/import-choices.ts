/** Choices that imports of tables have in common: which columns, and what becomes of decimals. */
import { unknownChoice } from '../options.js';

/**
 * `'error'`: they end the import before anything is changed. `'text'`: strings with all their digits.
 * `'doubles'`: the nearest ones.
 */
export type Decimals = 'error' | 'text' | 'doubles';

export const DECIMALS_CHOICE = "choose decimals: 'text', for strings, or 'doubles'";

/** @throws {TypeError} */
export function checkDecimals(decimals: string): void {
  if (!['error', 'text', 'doubles'].includes(decimals)) throw unknownChoice('decimals', decimals);
}

/** @throws {TypeError} they are no names of columns */
export function checkColumns(columns: unknown): void {
  const isList = Array.isArray(columns) && columns.every((each) => typeof each === 'string');
  if (columns === undefined || isList) return;
  throw new TypeError('Invalid columns: expected an array of names');
}
