/**
 * The application header of a segment: the user's own bytes. In a typed log a line of JSON stands before
 * them, which names the schema file that was the newest when the segment was made, and the root table:
 *
 *     {"events":"schema-1-0a1b2c3d.bfbs","root":"stratalog.ImuSample"}\n
 */
import { schemaFileNameOf, type SchemaFileName } from './names.js';

export interface EventsLine {
  readonly file: SchemaFileName;
  /** Name of the root table, with its namespace. */
  readonly root: string;
}

export interface ApplicationHeader {
  /** `undefined` where the log is none of events. */
  readonly events: EventsLine | undefined;
  /** The user's own. */
  readonly own: Uint8Array;
}

const BEGINNING = Buffer.from('{"events":"schema-');
const NEWLINE = 10;

/** Whether bytes begin as only a typed log's header does. */
export function hasEventsLine(header: Uint8Array): boolean {
  return BEGINNING.equals(header.subarray(0, BEGINNING.length));
}

export function decodeApplicationHeader(header: Uint8Array): ApplicationHeader {
  const end = hasEventsLine(header) ? header.indexOf(NEWLINE) : -1;
  const events = end < 0 ? undefined : decodeLine(header.subarray(0, end));
  if (events === undefined) return { events: undefined, own: header };
  return { events, own: header.subarray(end + 1) };
}

export function encodeApplicationHeader({ events, own }: ApplicationHeader): Uint8Array {
  if (events === undefined) return own;
  const line = `${JSON.stringify({ events: events.file.name, root: events.root })}\n`;
  return Buffer.concat([Buffer.from(line), own]);
}

function decodeLine(line: Uint8Array): EventsLine | undefined {
  const { events, root } = parse(Buffer.from(line).toString());
  const file = typeof events === 'string' ? schemaFileNameOf(events) : undefined;
  return file !== undefined && typeof root === 'string' ? { file, root } : undefined;
}

function parse(text: string): { readonly events?: unknown; readonly root?: unknown } {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}
