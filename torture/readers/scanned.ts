/** What scans run over pieces: the offsets that a piece has, each of which proved itself. */
import type { Cursor } from 'stratalog';
import { checkProof } from './proof.js';

export function proveAll(cursor: Cursor): { from: number; to: number } {
  const from = cursor.nextOffset;
  let to = from;
  while (cursor.next()) {
    if (cursor.offset !== to) throw new Error(`Offset ${cursor.offset} came instead of ${to}`);
    checkProof(to++, cursor.payload);
  }
  return { from, to };
}
