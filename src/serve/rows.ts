/** The newest records as text, for a table. */
import { LogError } from '../errors.js';
import { decodeEvent } from '../events/decode.js';
import type { EventSchema } from '../events/schema.js';
import { usableFields } from '../events/model.js';
import type { ServedLog } from './served-log.js';

export interface NewestRows {
  /** Names of cells. */
  readonly columns: readonly string[];
  /** The newest first. */
  readonly rows: readonly RowText[];
}

export interface RowText {
  readonly offset: number;
  readonly timeMs: number | undefined;
  readonly cells: readonly string[];
  /** Why there are no cells. */
  readonly problem?: string;
}

/** More columns do not fit anyway. */
const MAX_COLUMNS = 24;
const MAX_CELL = 80;
/** Of larger records no more than their size is shown. */
const MAX_RECORD_BYTES = 64 * 1024;
const SHOWN_BYTES = 40;

export function newestRows({ reader, schema }: ServedLog, count: number): NewestRows {
  const columns = schema === undefined ? ['bytes', 'content'] : columnsOf(schema);
  const { startOffset, committedOffset } = reader;
  const rows: RowText[] = [];
  for (let offset = committedOffset - 1; offset >= startOffset && rows.length < count; offset--) {
    rows.push(rowAt(reader, schema, columns, offset));
  }
  return { columns, rows };
}

function columnsOf({ root }: EventSchema): string[] {
  const names = usableFields(root).flatMap(({ name, type }) =>
    type.kind === 'union' ? [`${name}_type`, name] : [name],
  );
  return names.slice(0, MAX_COLUMNS);
}

function rowAt(
  reader: ServedLog['reader'],
  schema: EventSchema | undefined,
  columns: readonly string[],
  offset: number,
): RowText {
  let timeMs: number | undefined;
  try {
    const record = reader.get(offset);
    timeMs = record.timeMs;
    const { payload } = record;
    if (schema === undefined) return { offset, timeMs, cells: bytesAsCells(payload) };
    if (payload.length > MAX_RECORD_BYTES) {
      return { offset, timeMs, cells: [], problem: `${payload.length} bytes` };
    }
    const event = decodeEvent(schema, payload) as Readonly<Record<string, Value>>;
    return { offset, timeMs, cells: columns.map((name) => cellText(event[name])) };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { offset, timeMs, cells: [], problem: short(error.message) };
  }
}

function bytesAsCells(payload: Uint8Array): string[] {
  const bytes = Buffer.from(payload.slice(0, SHOWN_BYTES));
  const text = bytes.toString('latin1');
  const isText = /^[\t\r\n\x20-\x7e]*$/.test(text);
  return [String(payload.length), short(isText ? text : bytes.toString('hex'))];
}

type Value = string | number | bigint | boolean | object | null | undefined;

function cellText(value: Value): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'object') return short(JSON.stringify(value, asText));
  return short(String(value));
}

function asText(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

function short(text: string): string {
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL - 1)}…` : text;
}
