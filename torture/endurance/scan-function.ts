/** What the threads of a pool do: check every record of a piece, and clean up after themselves. */
import type { Cursor } from 'stratalog';
import { checkRecord, type Proof } from '../proven-record.js';
import { collectGarbage } from './measures.js';

const proof: Proof = { batchEnd: 0, stamp: 0 };

export function countProven(cursor: Cursor): number {
  let records = 0;
  for (; cursor.next(); records++) checkRecord(cursor.offset, cursor.payload, proof);
  return records;
}

/** A task of piscina's. */
export function collect(): Promise<void> {
  return collectGarbage();
}
