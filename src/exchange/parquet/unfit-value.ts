/** What is thrown where an event holds what a Parquet file cannot. */
import type { EventBatch } from '../event-batches.js';

export class UnfitValueError extends RangeError {
  /** Of the event. */
  readonly offset: number;

  constructor(field: string, why: string, offset: number) {
    super(`Cannot export ${field} of the event at offset ${offset}: ${why}`);
    this.name = 'UnfitValueError';
    this.offset = offset;
  }
}

/** Throws what an encoder has thrown; if it tells an event, when the cursor stands on that. */
export function rethrowAt(batch: EventBatch, error: unknown): never {
  if (error instanceof UnfitValueError) {
    batch.eachRecord(({ offset }) => {
      if (offset === error.offset) throw error;
    });
  }
  throw error;
}
