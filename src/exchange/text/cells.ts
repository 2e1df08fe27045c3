/**
 * Values of events as text: for formats that are text, column by column where a field has a single value,
 * and as JSON where it has not.
 */
import { isUtf8 } from 'node:buffer';
import type { Column, StringColumn } from '../../events/columns.js';
import { shortest } from '../../events/decode.js';
import { nameOfValue } from '../../events/enum-names.js';
import { toJsonText } from '../../events/json-text.js';
import type { EnumType } from '../../events/model.js';
import type { EventSchema } from '../../events/schema.js';
import { fieldAt } from '../../query/fields.js';
import type { ByteSink } from './byte-sink.js';
import type { EventBatch } from '../event-batches.js';
import { WholeValues } from '../whole-values.js';
import { wordsOf } from './integer-words.js';

/** A field that is exported as text. Plain data. */
export interface TextField {
  readonly path: string;
  /** A field of the root table that is written as JSON, whatever is in it. */
  readonly isWhole: boolean;
}

/** How values become text in one format. */
export interface TextStyle {
  readonly nothing: (sink: ByteSink) => void;
  /** Numbers that are none, and infinite ones. */
  readonly special: (sink: ByteSink, word: 'nan' | 'inf' | '-inf') => void;
  /** A name, or other text that is no value of a string. */
  readonly word: (sink: ByteSink, text: string) => void;
  /**
   * The bytes of a string. Those of others than ASCII go through `checkUtf8`.
   * @throws {RangeError} they are not UTF-8
   */
  readonly string: (sink: ByteSink, bytes: Buffer, start: number, end: number) => void;
  readonly json: (sink: ByteSink, text: string) => void;
}

/** @throws {RangeError} the bytes are not UTF-8 */
export function checkUtf8(bytes: Uint8Array, start: number, end: number): void {
  if (isUtf8(bytes.subarray(start, end))) return;
  throw new RangeError('Cannot write a string as text: its bytes are not UTF-8');
}

type CellWriter = (sink: ByteSink, row: number) => void;

/** Writes the cells of some fields, row by row. Made once for each export and thread. */
export class Cells {
  readonly #schema: EventSchema;
  readonly #fields: readonly TextField[];
  readonly #style: TextStyle;
  readonly #wholes: WholeValues;
  #columns: readonly Column[] | undefined;
  #writers: readonly CellWriter[] = [];

  constructor(schema: EventSchema, fields: readonly TextField[], style: TextStyle) {
    this.#schema = schema;
    this.#fields = fields;
    this.#style = style;
    const wholes = fields.filter(({ isWhole }) => isWhole).map(({ path }) => path);
    this.#wholes = new WholeValues(schema, wholes, true, true);
  }

  /** Writers of a batch's cells, in the order of the fields. Good until the next batch. */
  writersFor(batch: EventBatch): readonly CellWriter[] {
    this.#wholes.read(batch);
    // Batches of one export fill the same columns.
    if (this.#columns !== batch.columns) {
      this.#columns = batch.columns;
      this.#writers = this.#makeWriters(batch.columns);
    }
    return this.#writers;
  }

  #makeWriters(columns: readonly Column[]): CellWriter[] {
    const rest = [...columns];
    return this.#fields.map(({ path, isWhole }) => {
      if (isWhole) return this.#wholeWriter(this.#wholes.of(path));
      return this.#columnWriter(path, rest.shift() as Column);
    });
  }

  #wholeWriter(values: readonly unknown[]): CellWriter {
    const { nothing, json } = this.#style;
    return (sink, row) => {
      const value = values[row];
      if (value === null) nothing(sink);
      else json(sink, toJsonText(value));
    };
  }

  #columnWriter(path: string, column: Column): CellWriter {
    const write = this.#valueWriter(path, column);
    const { nulls } = column;
    if (nulls === undefined) return write;
    const { nothing } = this.#style;
    return (sink, row) => {
      if (nulls[row] === 1) nothing(sink);
      else write(sink, row);
    };
  }

  #valueWriter(path: string, column: Column): CellWriter {
    const field = fieldAt(this.#schema, path);
    if (column.kind === 'string') return this.#stringWriter(column);
    if (field.enum !== undefined) return this.#enumWriter(field.enum, column.values);
    if (column.kind === 'bigint') {
      const words = wordsOf(column);
      return (sink, row) => sink.wideInteger(words, row);
    }
    const { values } = column;
    if (field.isBoolean) return (sink, row) => sink.ascii(values[row] === 0 ? 'false' : 'true');
    return field.isFloat || path === '$timeMs'
      ? this.#floatWriter(values, field.isFloat32)
      : (sink, row) => sink.integer(values[row] as number);
  }

  #stringWriter(column: StringColumn): CellWriter {
    const { starts, lengths } = column;
    const { string } = this.#style;
    return (sink, row) => {
      const start = starts[row] as number;
      string(sink, column.buffer, start, start + (lengths[row] as number));
    };
  }

  /** Names are few, and come again. */
  #enumWriter(type: EnumType, values: ArrayLike<number | bigint>): CellWriter {
    const { word } = this.#style;
    const names = new Map<number | bigint, string | number | bigint>();
    return (sink, row) => {
      const value = values[row] as number | bigint;
      let name = names.get(value);
      if (name === undefined) {
        name = nameOfValue(type, value);
        names.set(value, name);
      }
      if (typeof name === 'string') word(sink, name);
      else sink.ascii(String(name));
    };
  }

  #floatWriter(values: ArrayLike<number>, isFloat32: boolean): CellWriter {
    const { special } = this.#style;
    return (sink, row) => {
      const value = values[row] as number;
      if (!Number.isFinite(value)) {
        special(sink, value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan');
      } else if (value === 0) sink.ascii(Object.is(value, -0) ? '-0' : '0');
      else sink.ascii(String(isFloat32 ? shortest(value) : value));
    };
  }
}
