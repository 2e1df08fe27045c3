/** Records as `cat` and `tail` show them. */
import {
  MalformedEventError,
  eventToJson,
  inspectSchema,
  type EventSchema,
  type RecordView,
} from '../index.js';
import { DamagedEventError, InputError } from './exit-codes.js';
import { formatTime } from './output.js';
import type { Sink } from './sink.js';

export const FORMATS = ['text', 'hex', 'base64', 'raw', 'json', 'events'] as const;
export type RecordFormat = (typeof FORMATS)[number];

export const FORMATS_HELP = `
Formats:
  events  the event as one line of JSON, by the schema that the log remembers (default if it has one)
  text    the record and a newline (default for other logs); a newline inside a record stays as it is
  hex     one line of hexadecimal a record
  base64  one line of base64 a record
  raw     the records' bytes and nothing else
  json    one object a line: offset, time, and event; in a log without a schema text, or base64 for what
          is not UTF-8`;

export interface Layout {
  readonly format: RecordFormat;
  /** Of the log's events; there with the format 'events'. */
  readonly schema: EventSchema | undefined;
  readonly framing: 'none' | 'length';
  readonly offsets: boolean;
  readonly times: boolean;
}

/** Payloads are encoded in such pieces: a multiple of 3, so that base64 pieces join. */
const PIECE_BYTES = 48 * 1024;
const NEWLINE = 10;
const TAB = 9;

/**
 * What a log is shown as if nobody says, and the schema for it, if the format has a use for it.
 * @throws {InputError} a format of events, and a log of none
 */
export function chooseFormat(
  path: string,
  format: RecordFormat | undefined,
): Pick<Layout, 'format' | 'schema'> {
  if (format !== undefined && format !== 'events' && format !== 'json') {
    return { format, schema: undefined };
  }
  const schema = inspectSchema(path)?.schema;
  if (format === 'events' && schema === undefined) {
    throw new InputError(`Cannot show events of ${path}: the log has no schema`);
  }
  return { format: format ?? (schema === undefined ? 'text' : 'events'), schema };
}

/** Adds a record. Waits for the sink only inside a large record: `undefined` means that it is done. */
export function showRecord(
  sink: Sink,
  record: RecordView,
  layout: Layout,
): Promise<void> | undefined {
  if (layout.format === 'json') {
    sink.text(`${jsonOf(record, layout.schema)}\n`);
    return undefined;
  }
  if (layout.offsets) prefix(sink, String(record.offset));
  if (layout.times) prefix(sink, formatTime(record.timeMs));
  if (layout.format === 'events') {
    sink.text(`${eventOf(record, layout.schema as EventSchema)}\n`);
    return undefined;
  }
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

/** Without a schema, valid UTF-8 as `text`, anything else as `base64`. */
function jsonOf(record: RecordView, schema: EventSchema | undefined): string {
  const { offset, timeMs, payload } = record;
  const time = formatTime(timeMs);
  if (schema === undefined) return JSON.stringify({ offset, time, ...contentOf(payload) });
  return `{"offset":${offset},"time":"${time}","event":${eventOf(record, schema)}}`;
}

function eventOf({ offset, payload }: RecordView, schema: EventSchema): string {
  try {
    return eventToJson(schema, payload);
  } catch (error) {
    if (!(error instanceof MalformedEventError)) throw error;
    throw new DamagedEventError(
      `Record ${offset} is no ${schema.name}: ${error.message}; '--format hex' shows its bytes`,
      { cause: error },
    );
  }
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
