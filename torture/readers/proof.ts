/**
 * Records that tell what they are: their offset, the batch that they came in, and a checksum of it all.
 *
 *  0 offset (f64) | 8 offset of the batch's first record (f64) | 16 records in the batch (u32)
 * 20 CRC-32C of everything else (u32) | 24 filler, of a length and content that follow from the offset
 */
import { crc32c } from '@node-rs/crc32';

const HEADER_BYTES = 24;

export function proofLength(offset: number): number {
  const mixed = Math.imul(offset + 1, 0x9e3779b1) >>> 0;
  return HEADER_BYTES + (mixed % 97 === 0 ? mixed % 3000 : mixed % 120);
}

export function makeProof(offset: number, batchStart = offset, batchCount = 1): Buffer {
  const record = Buffer.alloc(proofLength(offset), offset & 0xff);
  record.writeDoubleLE(offset, 0);
  record.writeDoubleLE(batchStart, 8);
  record.writeUInt32LE(batchCount, 16);
  record.writeUInt32LE(0, 20);
  record.writeUInt32LE(crc32c(record), 20);
  return record;
}

/** Returns the end of the record's batch; throws if this is not what was appended at that offset. */
export function checkProof(offset: number, payload: Uint8Array): number {
  const record = Buffer.from(payload);
  if (record.length < HEADER_BYTES) throw new Error(`Record ${offset} has ${record.length} bytes`);
  const start = record.readDoubleLE(8);
  const count = record.readUInt32LE(16);
  const isInBatch = start <= offset && offset < start + count;
  if (!isInBatch || !record.equals(makeProof(offset, start, count))) {
    const seen = record.subarray(0, 40).toString('hex');
    throw new Error(`Record ${offset} is not what was appended there: ${seen}...`);
  }
  return start + count;
}
