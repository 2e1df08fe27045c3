/**
 * Records that tell what they are, so that whoever reads one can say whether it is what was appended at
 * that offset, without asking anybody.
 *
 *  0 mark (u32), which no FlatBuffer begins with | 4 records in the batch (u32) | 8 offset (f64)
 * 16 offset of the batch's first record (f64)    | 24 what its appender says (f64)
 * 32 filler, whose length and bytes follow from the offset
 *
 * The same as an event: see `EVENT`.
 */
import { decodeEvent, defineSchema, encodeEvent, type PlainEvent } from 'stratalog';
import { randomFrom } from './random.js';

const MARK = 0xffff_ffff;
const HEAD_BYTES = 32;
const SHORT_BYTES = 500;
const LONG_BYTES = 20_000;
/** One in so many is long. */
const LONG_EVERY = 97;

const TABLE = randomBytes(64 * 1024);
const LETTERS = Buffer.from(TABLE.map((byte) => 97 + (byte % 26))).toString('latin1');

export const EVENT = defineSchema('torture.Event', [
  { name: 'number', type: 'double' },
  { name: 'stamp', type: 'double' },
  { name: 'letters', type: 'string' },
]);
type Event = PlainEvent;

/** What a record has told about itself. */
export interface Proof {
  /** Exclusive end of the batch that it came in. */
  batchEnd: number;
  /** What its appender has said with it: when it was committed, by `monotonicMs`, or who it is. */
  stamp: number;
}

function randomBytes(length: number): Buffer {
  const random = randomFrom(1);
  return Buffer.from(Uint8Array.from({ length }, () => Math.floor(random() * 256)));
}

function mixed(offset: number): number {
  return Math.imul(offset + 1, 0x9e37_79b1) >>> 0;
}

function fillerBytes(offset: number): number {
  const mix = mixed(offset);
  return mix % LONG_EVERY === 0 ? mix % LONG_BYTES : mix % SHORT_BYTES;
}

function fillerAt(offset: number): number {
  return mixed(offset) % (TABLE.length - LONG_BYTES);
}

/** The same clock in every thread and process. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

export function provenBytes(offset: number): number {
  return HEAD_BYTES + fillerBytes(offset);
}

export function provenRecord(
  offset: number,
  batchStart = offset,
  batchCount = 1,
  stamp = 0,
): Buffer {
  const length = provenBytes(offset);
  const record = Buffer.allocUnsafe(length);
  record.writeUInt32LE(MARK, 0);
  record.writeUInt32LE(batchCount, 4);
  record.writeDoubleLE(offset, 8);
  record.writeDoubleLE(batchStart, 16);
  record.writeDoubleLE(stamp, 24);
  const at = fillerAt(offset);
  TABLE.copy(record, HEAD_BYTES, at, at + length - HEAD_BYTES);
  return record;
}

export function provenEvent(offset: number, stamp = 0): Event {
  return { number: offset, stamp: stamp, letters: lettersOf(offset) };
}

/** The same as a FlatBuffer. */
export function provenFlatBuffer(offset: number): Uint8Array {
  return encodeEvent(EVENT, provenEvent(offset));
}

function lettersOf(offset: number): string {
  const at = fillerAt(offset);
  return LETTERS.slice(at, at + fillerBytes(offset));
}

/** Whether the record is an event; otherwise it is bytes. */
export function isEvent(payload: Uint8Array): boolean {
  return payload.length < 4 || viewOf(payload).getUint32(0, true) !== MARK;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Throws if these bytes are not what was appended at that offset. Writes into `proof`. */
export function checkRecord(offset: number, payload: Uint8Array, proof: Proof): void {
  if (isEvent(payload)) return checkEvent(offset, payload, proof);
  const length = provenBytes(offset);
  if (payload.length !== length) throw wrong(offset, payload, `${length} bytes`);
  const view = viewOf(payload);
  const count = view.getUint32(4, true);
  const start = view.getFloat64(16, true);
  if (view.getFloat64(8, true) !== offset || !(start <= offset && offset < start + count)) {
    throw wrong(offset, payload, `offset ${offset} within its batch`);
  }
  const at = fillerAt(offset);
  const filler = TABLE.subarray(at, at + length - HEAD_BYTES);
  if (Buffer.compare(payload.subarray(HEAD_BYTES), filler) !== 0) {
    throw wrong(offset, payload, 'its filler');
  }
  proof.batchEnd = start + count;
  proof.stamp = view.getFloat64(24, true);
}

function checkEvent(offset: number, payload: Uint8Array, proof: Proof): void {
  const { number, stamp, letters } = decodeEvent(EVENT, payload) as Record<string, unknown>;
  if (number !== offset || letters !== lettersOf(offset)) {
    throw wrong(offset, payload, `the event ${offset}, and it is ${String(number)}`);
  }
  proof.batchEnd = offset + 1;
  proof.stamp = stamp as number;
}

function wrong(offset: number, payload: Uint8Array, expected: string): Error {
  const start = Buffer.from(payload.subarray(0, 48)).toString('hex');
  return new Error(
    `Record ${offset} is not what was appended: expected ${expected}, found ${payload.length} bytes: ${start}`,
  );
}
