/** What a log owes at a moment, and records that prove themselves. */
import { crc32 } from '@node-rs/crc32';

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** What may be found after a power cut. */
export interface Promised {
  /** What was going on, for whoever has to understand a failure. */
  readonly what: string;
  /** By offset: everything that was appended in this history, up to `end`. */
  readonly records: readonly Uint8Array[];
  /** No record from here on has been appended. */
  readonly end: number;
  /** Everything below was flushed. */
  readonly flushed: number;
  /** Where the log has to end, if that is known: recovery that is interrupted finds the same again. */
  readonly exactEnd: number | undefined;
  /** Where it may start. */
  readonly start: Range;
  /** Batches: all of one or nothing. */
  readonly batches: readonly Range[];
  /** Offsets that damage may have taken. */
  readonly lost: readonly Range[];
  /** Whether the log may not be there at all. */
  readonly mayBeAbsent: boolean;
  /** Whether it needs repair before it can be opened. */
  readonly isDamaged: boolean;
}

const HEAD_BYTES = 16;

/** Says its offset, who has written it and how long it is, under a checksum. */
export function makeRecord(offset: number, session: number, length: number): Buffer {
  const record = Buffer.alloc(length);
  if (length < HEAD_BYTES) return record;
  // Not compressible to a pattern that another place of the log has as well.
  let word = Math.imul(offset + 1, 0x9e3779b1) ^ session;
  for (let at = HEAD_BYTES; at + 4 <= length; at += 4) {
    word = Math.imul(word ^ (word >>> 15), 0x2c1b3c6d) + 1;
    record.writeInt32LE(word | 0, at);
  }
  record.writeUInt32LE(offset, 4);
  record.writeUInt32LE(session, 8);
  record.writeUInt32LE(length, 12);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** What a record says of itself. */
export function tell(record: Uint8Array): string {
  const bytes = Buffer.from(record.buffer, record.byteOffset, record.length);
  if (record.length < HEAD_BYTES) return `${record.length} bytes: ${bytes.toString('hex')}`;
  const isWhole = bytes.readUInt32LE(0) === crc32(bytes.subarray(4));
  const [offset, session, length] = [4, 8, 12].map((at) => bytes.readUInt32LE(at));
  return `${record.length} bytes, ${isWhole ? 'whole' : 'not whole'}: offset ${offset}, session ${session}, length ${length}`;
}
