/** Fields of the root table that have no single value: tables, structs, unions, vectors. */
import { EventDecoder, type Plain } from '../events/decode.js';
import type { EventSchema } from '../events/schema.js';
import type { EventBatch } from './event-batches.js';

/** Decodes them for the chosen rows of one batch after the other. */
export class WholeValues {
  readonly #schema: EventSchema;
  readonly #isForText: boolean;
  readonly #isStrict: boolean;
  readonly #columns: ReadonlyMap<string, unknown[]>;

  /**
   * `isForText`: floats of 32 bits are the shortest decimals that mean them. `isStrict`: strings that are not
   * UTF-8 are an error.
   */
  constructor(
    schema: EventSchema,
    fields: readonly string[],
    isForText: boolean,
    isStrict = false,
  ) {
    this.#schema = schema;
    this.#isForText = isForText;
    this.#isStrict = isStrict;
    this.#columns = new Map(fields.map((field) => [field, []]));
  }

  /** Values of a field by row, as `decodeEvent` has them; `null` where there is none. The same array always. */
  of(field: string): readonly unknown[] {
    return this.#columns.get(field) as unknown[];
  }

  /** @throws {MalformedEventError} */
  read(batch: EventBatch): void {
    if (this.#columns.size === 0) return;
    let chosen = 0;
    batch.eachRecord(({ payload }) => {
      const row = batch.rows[chosen++] as number;
      const decoder = new EventDecoder(payload, this.#isForText, this.#isStrict);
      const event: Plain = decoder.event(this.#schema.root);
      for (const [field, values] of this.#columns) values[row] = event[field] ?? null;
    });
  }
}
