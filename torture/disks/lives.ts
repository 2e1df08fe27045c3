/**
 * A log that several appenders have filled, one after the other, each dying without notice. Records carry
 * the number of the life that they are of, so that one that was taken by an unclean end is told from the
 * one that got its offset afterwards.
 */
import type { Reader } from 'stratalog';
import { checkRecord, provenRecord, type Proof } from '../proven-record.js';

/** The life that the record at an offset is of: the last that began at or below it. */
function lifeOf(begins: readonly number[], offset: number): number {
  return begins.findLastIndex((begin) => begin <= offset);
}

export function recordOfLife(
  life: number,
  offset: number,
  batchStart = offset,
  batchCount = 1,
): Buffer {
  return provenRecord(offset, batchStart, batchCount, life);
}

/** One record. Returns the end of its batch; throws if it is not what it must be. */
export function checkOfLife(
  begins: readonly number[],
  offset: number,
  payload: Uint8Array,
  proof: Proof,
): number {
  checkRecord(offset, payload, proof);
  const life = lifeOf(begins, offset);
  if (proof.stamp !== life) {
    throw new Error(`Record ${offset} is of life ${proof.stamp}, and should be of ${life}`);
  }
  return proof.batchEnd;
}

/** All records of the log are there, in order, from `start` to `end`, and the last batch is whole. */
export function checkLives(
  reader: Reader,
  begins: readonly number[],
  start: number,
  end: number,
): void {
  const proof: Proof = { batchEnd: 0, stamp: 0 };
  let expected = start;
  let batchEnd = start;
  for (const cursor = reader.cursor(); cursor.next(); expected++) {
    const { offset, payload } = cursor;
    if (offset !== expected) throw new Error(`Offset ${offset} came instead of ${expected}`);
    batchEnd = checkOfLife(begins, offset, payload, proof);
  }
  if (expected !== end) throw new Error(`Records end at ${expected}, and should at ${end}`);
  if (batchEnd > end) throw new Error(`A batch goes on until ${batchEnd}; the log ends at ${end}`);
}
