/** Logs to be exported, and what a foreign reader of columns is to find of their events. */
import { existsSync } from 'node:fs';
import { afterEach, expect } from 'vitest';
import {
  decodeEvent,
  openEventAppender,
  openReader,
  verifyEventLog,
  type EventSchema,
} from '../../src/index.js';
import { valueOfName } from '../../src/events/enum-names.js';
import {
  usableFields,
  type StructType,
  type TableType,
  type Type,
} from '../../src/events/model.js';
import { temporaryLogPath } from './temporary-log.js';

export type Plain = Record<string, unknown>;

/** Small ones are made fast. */
export const SEGMENT_BYTES = 512 * 1024;

const logs: string[] = [];

// Registered after the one that deletes, and so called before it.
afterEach(() => {
  for (const path of logs.splice(0)) {
    if (!existsSync(path)) continue;
    expect(verifyEventLog(path)).toMatchObject({ isIntact: true, malformed: 0 });
  }
});

/** A log of events, as plain objects or FlatBuffers, that is verified when the test is over. */
export async function logOf(
  schema: EventSchema,
  events: Iterable<unknown>,
  options: { readonly segmentSizeBytes?: number } = {},
): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender<unknown>(path, {
    schema,
    commit: {},
    segmentSizeBytes: SEGMENT_BYTES,
    ...options,
  });
  for (const event of events) {
    if (event instanceof Uint8Array) appender.appendFlatBuffer(event);
    else appender.append(event);
  }
  await appender.close();
  logs.push(path);
  return path;
}

/** Path of a log that is not there yet; if it is made, it is verified when the test is over. */
export function logToFill(): string {
  const path = temporaryLogPath();
  logs.push(path);
  return path;
}

/** All events, as `decodeEvent` has them. */
export function eventsOf(path: string, schema: EventSchema): Plain[] {
  const reader = openReader(path);
  const events: Plain[] = [];
  for (const { payload } of reader.cursor()) events.push(decodeEvent(schema, payload) as Plain);
  reader.close();
  return events;
}

/**
 * An event as a row of columns: what is missing is null, flags are numbers, a union is its member's name and
 * an object with a property for each member.
 */
export function asRow(table: TableType | StructType, event: Plain): Plain {
  const fields: readonly { name: string; type: Type }[] =
    table.kind === 'table' ? usableFields(table) : table.fields;
  const row: Plain = {};
  for (const { name, type } of fields) {
    const value = event[name];
    if (type.kind !== 'union') row[name] = asValue(type, value);
    else {
      const member = event[`${name}_type`];
      row[`${name}_type`] = member ?? null;
      const values = type.members.map((each) => [
        each.name,
        each.name === member ? asValue(each.type, value) : null,
      ]);
      row[name] = value === undefined ? null : Object.fromEntries(values);
    }
  }
  return row;
}

function asValue(type: Type, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (type.kind === 'table' || type.kind === 'struct') return asRow(type, value as Plain);
  if (type.kind === 'vector' || type.kind === 'array') {
    return (value as unknown[]).map((each) => asValue(type.element, each));
  }
  if (type.kind !== 'scalar' || type.enum?.isBitFlags !== true) return value;
  return typeof value === 'string' ? valueOfName(type.enum, value) : value;
}
