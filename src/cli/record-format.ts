/** Records as `cat` shows them. */
import type { RecordView } from '../index.js';
import { formatTime } from './output.js';
import type { Sink } from './sink.js';

export const FORMATS = ['text', 'hex', 'base64', 'raw', 'json'] as const;
export type RecordFormat = (typeof FORMATS)[number];

export interface Layout {
  readonly format: RecordFormat;
  readonly framing: 'none' | 'length';
  readonly offsets: boolean;
  readonly times: boolean;
}

/** Payloads are encoded in such pieces: a multiple of 3, so that base64 pieces join. */
const PIECE_BYTES = 48 * 1024;
const NEWLINE = 10;
const TAB = 9;

/** Adds a record. Waits for the sink only inside a large record: `undefined` means that it is done. */
export function showRecord(
  sink: Sink,
  record: RecordView,
  layout: Layout,
): Promise<void> | undefined {
  if (layout.format === 'json') {
    sink.text(`${jsonOf(record)}\n`);
    return undefined;
  }
  if (layout.offsets) prefix(sink, String(record.offset));
  if (layout.times) prefix(sink, formatTime(record.timeMs));
  if (layout.framing === 'length') sink.uint32(record.length);
  if (record.length > PIECE_BYTES) return showLarge(sink, record.payload, layout.format);
  encode(sink, record.payload, layout.format);
  endRecord(sink, layout.format);
  return undefined;
}

async function showLarge(sink: Sink, payload: Uint8Array, format: RecordFormat): Promise<void> {
  for (let at = 0; at < payload.length; at += PIECE_BYTES) {
    encode(sink, payload.subarray(at, at + PIECE_BYTES), format);
    if (sink.isFull) await sink.drain();
  }
  endRecord(sink, format);
}

function encode(sink: Sink, bytes: Uint8Array, format: RecordFormat): void {
  if (format === 'hex' || format === 'base64') sink.ascii(bufferOf(bytes).toString(format));
  else sink.bytes(bytes);
}

function endRecord(sink: Sink, format: RecordFormat): void {
  if (format !== 'raw') sink.uint8(NEWLINE);
}

function prefix(sink: Sink, text: string): void {
  sink.ascii(text);
  sink.uint8(TAB);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Valid UTF-8 as `text`, anything else as `base64`. */
function jsonOf(record: RecordView): string {
  const { offset, timeMs, payload } = record;
  return JSON.stringify({ offset, time: formatTime(timeMs), ...contentOf(payload) });
}

function contentOf(payload: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: utf8.decode(payload) };
  } catch {
    return { base64: bufferOf(payload).toString('base64') };
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
