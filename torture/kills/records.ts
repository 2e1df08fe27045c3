/**
 * Records that tell what they are: their offset, the batch that they came in, which life of the writer
 * has made them, and a checksum. So whoever reads one knows whether it is what was appended there.
 *
 * The life matters: a record that vanished, and came again with the same content, would not be noticed.
 */
import { crc32c } from '@node-rs/crc32';
import type * as Stratalog from 'stratalog';

/** Records that exist together or not at all. */
export interface Batch {
  readonly start: number;
  readonly count: number;
}

/** Of what a log consists. */
export interface RecordKind {
  /** What the record at an offset is, byte for byte. */
  make(offset: number, batch: Batch, life: number): Uint8Array;
  /** Returns the end of the record's batch; throws if it is not what was appended at that offset. */
  check(offset: number, payload: Uint8Array): number;
}

// Plain: 0 offset (f64) | 8 offset of the batch's first record (f64) | 16 records in the batch (u32)
// 20 life (u32) | 24 CRC-32C of everything else (u32) | 28 filler that follows from offset and life
const HEADER_BYTES = 28;

/** Mostly short, now and then a few KiB, or empty: an empty record proves nothing but that it is there. */
export function lengthOf(offset: number): number {
  const mixed = Math.imul(offset + 1, 0x9e3779b1) >>> 0;
  if (mixed % 61 === 0) return 0;
  return HEADER_BYTES + (mixed % 97 === 0 ? mixed % 6000 : mixed % 100);
}

export const plainRecords: RecordKind = {
  make(offset, { start, count }, life) {
    const length = lengthOf(offset);
    const record = Buffer.alloc(length, (offset + life * 31) & 0xff);
    if (length === 0) return record;
    record.writeDoubleLE(offset, 0);
    record.writeDoubleLE(start, 8);
    record.writeUInt32LE(count, 16);
    record.writeUInt32LE(life, 20);
    record.writeUInt32LE(0, 24);
    record.writeUInt32LE(crc32c(record), 24);
    return record;
  },

  check(offset, payload) {
    if (payload.length !== lengthOf(offset)) throw wrong(offset, payload);
    if (payload.length === 0) return offset + 1;
    const record = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    const batch = { start: record.readDoubleLE(8), count: record.readUInt32LE(16) };
    if (!record.equals(plainRecords.make(offset, batch, record.readUInt32LE(20)))) {
      throw wrong(offset, payload);
    }
    return endOf(offset, batch);
  },
};

/** The same as events of a schema. */
export interface WitnessedEvent extends Stratalog.PlainEvent {
  readonly offset: number;
  readonly batchStart: number;
  readonly batchCount: number;
  readonly life: number;
  readonly text: string | null;
}

export function eventOf(offset: number, { start, count }: Batch, life: number): WitnessedEvent {
  const text = 'x'.repeat(lengthOf(offset) % 3000) + String(offset * 7 + life);
  return { offset, batchStart: start, batchCount: count, life, text };
}

type EventLibrary = Pick<typeof Stratalog, 'defineSchema' | 'encodeEvent' | 'decodeEvent'>;

export function eventSchemaOf({ defineSchema }: Pick<EventLibrary, 'defineSchema'>) {
  return defineSchema('torture.Witnessed', [
    { name: 'offset', type: 'double' },
    { name: 'batchStart', type: 'double' },
    { name: 'batchCount', type: 'uint' },
    { name: 'life', type: 'uint' },
    { name: 'text', type: 'string' },
  ]) as Stratalog.EventSchema<WitnessedEvent>;
}

export function eventRecords(library: EventLibrary): RecordKind {
  const schema = eventSchemaOf(library);
  const make: RecordKind['make'] = (offset, batch, life) =>
    library.encodeEvent(schema, eventOf(offset, batch, life));
  return {
    make,
    check(offset, payload) {
      const { batchStart, batchCount, life } = library.decodeEvent(schema, payload);
      const batch = { start: batchStart, count: batchCount };
      if (Buffer.compare(payload, make(offset, batch, life)) !== 0) throw wrong(offset, payload);
      return endOf(offset, batch);
    },
  };
}

function endOf(offset: number, { start, count }: Batch): number {
  if (start <= offset && offset < start + count) return start + count;
  throw new Error(
    `Record ${offset} says that it is of the batch from ${start}, of ${count} records`,
  );
}

function wrong(offset: number, payload: Uint8Array): Error {
  const found = Buffer.from(payload.subarray(0, 48)).toString('hex');
  return new Error(
    `Record ${offset} is not what was appended: ${payload.length} bytes (expected ${lengthOf(offset)} if plain), ${found}`,
  );
}
