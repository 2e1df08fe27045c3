/** The lines that a field splits plots into: one for each of its values, of those there is room for. */
import { nameOfValue } from '../events/enum-names.js';
import type { Field } from '../query/fields.js';
import type { Key } from '../query/groups.js';
import { NO_LINE } from './event-rows.js';

/** So many can be told apart. */
export const MAX_LINES = 12;
const MAX_NAME = 80;

/** Lines never change their number; new ones come at the end, until there is no more room. */
export class Lines {
  readonly keys: Key[] = [];
  /** There are values without a line. */
  hasOthers = false;
  readonly #field: Field;

  constructor(field: Field) {
    this.#field = field;
  }

  /** The line of a value, which gets one if there is room. */
  readonly learn = (key: Key): number => {
    if (typeof key === 'number' && Number.isNaN(key)) return NO_LINE;
    const line = this.keys.indexOf(key);
    if (line >= 0) return line;
    if (this.keys.length >= MAX_LINES) {
      this.hasOthers = true;
      return NO_LINE;
    }
    return this.keys.push(key) - 1;
  };

  get names(): string[] {
    return this.keys.map((key) => this.#nameOf(key).slice(0, MAX_NAME));
  }

  #nameOf(key: Key): string {
    if (key === null) return 'none';
    const { enum: type, isBoolean } = this.#field;
    if (isBoolean) return key === 0 ? 'false' : 'true';
    if (type !== undefined && typeof key !== 'string') return String(nameOfValue(type, key));
    return String(key);
  }
}

const BY_NUMBERS_WITHIN = new Intl.Collator('en', { numeric: true });

/** Values in an order that people expect: `cpu10` behind `cpu9`. */
export function inOrder(a: Key, b: Key): number {
  if (typeof a === 'string' && typeof b === 'string') return BY_NUMBERS_WITHIN.compare(a, b);
  if (a === null || b === null) return Number(a === null) - Number(b === null);
  return a < b ? -1 : Number(a > b);
}
