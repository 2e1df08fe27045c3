/** Times of messages: when an event was committed, or what a field of it says. */
import type { EventSchema } from '../../events/schema.js';
import type { Column } from '../../events/columns.js';
import { fieldAt } from '../../query/fields.js';
import { unitNsOf } from '../../query/time-units.js';
import type { RecordView } from '../../read/record-view.js';
import type { TimeWords } from './chunk-writer.js';

/**
 * @throws {TypeError} there is no such field; it is no integer; its name has no unit
 */
export function checkTimeField(schema: EventSchema, path: string): void {
  const { kind, isFloat, isBoolean, enum: of } = fieldAt(schema, path);
  const isInteger = kind !== 'string' && !isFloat && !isBoolean && of === undefined;
  if (!isInteger || path.startsWith('$')) {
    throw new TypeError(`Cannot take ${path} for the time of messages: it is no integer`);
  }
  if (unitNsOf(path) !== undefined) return;
  throw new TypeError(
    `Cannot take ${path} for the time of messages: no unit (_ns, _us, _ms, _s) ends its name`,
  );
}

/** The time of one event after the other. */
export class MessageTime implements TimeWords {
  readonly #path: string | undefined;
  readonly #unitNs: bigint;
  readonly #scratch = new BigUint64Array(1);
  readonly #words = new Uint32Array(this.#scratch.buffer);

  /** Without a path: of the commit. */
  constructor(path: string | undefined) {
    this.#path = path;
    this.#unitNs = BigInt((path === undefined ? undefined : unitNsOf(path)) ?? 1);
  }

  get low(): number {
    return this.#words[0] as number;
  }

  get high(): number {
    return this.#words[1] as number;
  }

  /**
   * `column` has the field's values, and `row` is the record's.
   * @throws {RangeError} there is none, or it is before 1970 or past 2554
   */
  read(record: RecordView, column: Column | undefined, row: number): void {
    this.#scratch[0] = column === undefined ? record.timeNs : this.#valueOf(column, row);
  }

  #valueOf(column: Column, row: number): bigint {
    if (column.kind === 'string') throw this.#refused('is a string');
    if (column.nulls?.[row] === 1) throw this.#refused('is missing');
    const value = BigInt(column.values[row] as number | bigint) * this.#unitNs;
    if (value === BigInt.asUintN(64, value)) return value;
    throw this.#refused(`is ${value} ns, which is ${value < 0n ? 'before 1970' : 'past 2554'}`);
  }

  #refused(what: string): RangeError {
    return new RangeError(`Cannot take ${this.#path} for the time of a message: it ${what}`);
  }
}
