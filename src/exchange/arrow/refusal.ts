/** How a row that cannot be exported is told. */
import type { EventBatch } from '../event-batches.js';

/** Throws when the cursor stands on the row, so that the error of the export has its offset. */
export function refuseRow(batch: EventBatch, index: number, error: Error): never {
  let row = 0;
  batch.eachRecord(() => {
    if (row++ === index) throw error;
  });
  throw error;
}
