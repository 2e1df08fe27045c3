/** What becomes of a value in the input, and the event that rows of them are made into. */
import { runCode } from '../../events/run-time-code.js';
import type { FieldType } from '../../events/write-schema.js';
import type { ScalarKind, TableField } from '../../events/model.js';
import { TextBytes } from './text-bytes.js';

/** How the text of a value is read. */
export const DOUBLE = 0;
export const INTEGER = 1;
export const UNSIGNED = 2;
export const BOOL = 3;
export const TEXT = 4;
/** ISO 8601, or an integer. */
export const TIME = 5;
/** A name of an enum, or its number. */
export const ENUM = 6;
/** Left out. */
export const SKIPPED = 7;
/** A field that is of no such type. */
export const OTHER = 8;

/** What a column may be said to hold: a type of a field, `time` (ISO 8601), or `skip` to leave it out. */
export type ColumnType = FieldType | 'time' | 'skip';

/** A column of the input, and the field that it goes to. */
export interface Column {
  /** As the input has it. */
  readonly name: string;
  /** `undefined`: it is left out. */
  readonly field: string | undefined;
  readonly kind: number;
  /** Whether the field can do without a value. */
  readonly isNullable: boolean;
  /** Of a time. */
  readonly unitNs: number;
}

const KINDS: Readonly<Record<ScalarKind, number>> = {
  bool: BOOL,
  int8: INTEGER,
  uint8: INTEGER,
  int16: INTEGER,
  uint16: INTEGER,
  int32: INTEGER,
  uint32: INTEGER,
  int64: INTEGER,
  uint64: UNSIGNED,
  float32: DOUBLE,
  float64: DOUBLE,
};

const UNITS_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** The column that goes to a field. A field of 64 bits whose name ends in a unit may have ISO 8601. */
export function columnOf(name: string, field: TableField): Column {
  const { type } = field;
  const isNullable = !field.isRequired && (type.kind === 'string' || field.isOptional);
  const common = { name, field: field.name, isNullable, unitNs: 1 };
  if (type.kind === 'string') return { ...common, kind: TEXT };
  if (type.kind !== 'scalar') return { ...common, kind: OTHER };
  if (type.enum !== undefined) return { ...common, kind: ENUM };
  const unit = /_(ns|us|ms|s)$/.exec(field.name)?.[1];
  if (type.scalar !== 'int64' || unit === undefined) return { ...common, kind: KINDS[type.scalar] };
  return { ...common, kind: TIME, unitNs: UNITS_NS[unit] as number };
}

/** What a reader expects, for those who are told that it was something else. */
export function expectationOf({ kind, unitNs }: Column): string {
  switch (kind) {
    case DOUBLE:
      return 'a number';
    case INTEGER:
      return 'an integer';
    case UNSIGNED:
      return 'an integer that is not negative';
    case BOOL:
      return 'true or false';
    case TIME:
      return unitNs === 1
        ? 'a time of ISO 8601 between 1678 and 2262, or an integer'
        : 'a time of ISO 8601, or an integer';
    default:
      return 'text of UTF-8, without NUL but in quotes';
  }
}

/**
 * A row of values by the numbers of their columns, and the event that it is: one object that is filled
 * anew each time. Numbers are kept apart from everything else, so that they are stored from bytes to
 * event without an object for each; rows in which a number is missing are made with an object of their
 * own, because a property that once was no number is never again stored as one.
 */
export class Row<Event = unknown> {
  readonly columns: readonly Column[];
  readonly numbers: Float64Array;
  /** What is no number, where `isValue` is 1: text, `bigint`, or `undefined` for nothing. */
  readonly values: unknown[];
  readonly isValue: Uint8Array;
  readonly texts: readonly TextBytes[];
  /** Whether a number is missing. */
  hasGaps = false;
  readonly #event: RowEvents<Event>;

  constructor(columns: readonly Column[]) {
    this.columns = columns;
    this.numbers = new Float64Array(columns.length);
    this.values = columns.map(() => undefined);
    this.isValue = new Uint8Array(columns.length);
    this.texts = columns.map(() => new TextBytes());
    this.#event = runCode(rowSource(columns), {}) as RowEvents<Event>;
  }

  /** Of what the row holds now; valid until the next call. */
  event(): Event {
    const { numbers, values, isValue } = this;
    return this.hasGaps
      ? this.#event.sparse(numbers, values, isValue)
      : this.#event.dense(numbers, values, isValue);
  }
}

interface RowEvents<Event> {
  dense(numbers: Float64Array, values: unknown[], isValue: Uint8Array): Event;
  sparse(numbers: Float64Array, values: unknown[], isValue: Uint8Array): Event;
}

function rowSource(columns: readonly Column[]): string {
  const kept = columns.flatMap(({ kind, field }, at) =>
    field === undefined || kind === SKIPPED || kind === OTHER
      ? []
      : [{ at, kind, name: JSON.stringify(field), isInherited: field in Object.prototype }],
  );
  const initial = kept.map(({ kind, name, isInherited }) => {
    // Not an integer, so that it is a double from the first row on.
    const value = isText(kind) ? "''" : kind === BOOL ? 'false' : '0.5';
    return isInherited
      ? `Object.defineProperty(this, ${name}, { value: ${value}, writable: true, enumerable: true });`
      : `this[${name}] = ${value};`;
  });
  const fill = (value: (at: number, kind: number) => string): string =>
    kept.map(({ at, kind, name }) => `e[${name}] = ${value(at, kind)};`).join('\n');
  return `
    class DenseRow { constructor() { ${initial.join(' ')} } }
    class SparseRow { constructor() { ${initial.join(' ')} } }
    const denseRow = new DenseRow(), sparseRow = new SparseRow();
    return {
      dense(n, v, is) { const e = denseRow; ${fill(denseValue)} return e; },
      sparse(n, v, is) { const e = sparseRow; ${fill(sparseValue)} return e; },
    };`;
}

function denseValue(at: number, kind: number): string {
  if (isText(kind)) return `v[${at}]`;
  if (kind === BOOL) return `n[${at}] !== 0`;
  return kind === DOUBLE ? `n[${at}]` : `is[${at}] === 0 ? n[${at}] : v[${at}]`;
}

function sparseValue(at: number, kind: number): string {
  if (isText(kind)) return `v[${at}]`;
  return `is[${at}] === 0 ? n[${at}]${kind === BOOL ? ' !== 0' : ''} : v[${at}]`;
}

function isText(kind: number): boolean {
  return kind === TEXT || kind === ENUM;
}
