/** Logs to be exported, and what becomes of them. Each is verified when its test is over. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect } from 'vitest';
import fc from 'fast-check';
import { Piscina } from 'piscina';
import {
  capture,
  decodeEvent,
  eventSchema,
  openEventAppender,
  openReader,
  verifyEventLog,
  verifyLog,
  type AppenderOptions,
  type CaptureReport,
  type CaptureSource,
  type EventSchema,
} from '../../src/index.js';
import { valueOfName } from '../../src/events/enum-names.js';
import {
  usableFields,
  type StructType,
  type TableType,
  type Type,
} from '../../src/events/model.js';
import type { Flatc } from './flatc.js';
import { drawSchema, toJson } from './random-schemas.js';
import { temporaryLogPath } from './temporary-log.js';

/** Small ones are made fast. */
export const SEGMENT_BYTES = 256 * 1024;

const logs: string[] = [];

// Registered after the one that deletes, and so called before it.
afterEach(() => {
  for (const path of logs.splice(0)) {
    if (!existsSync(path)) continue;
    expect(verifyLog(path)).toMatchObject({ isIntact: true, isClosed: true });
    expect(verifyEventLog(path)).toMatchObject({ isIntact: true });
  }
});

let shared: Piscina | undefined;

/** Threads for the exports of a file's tests: starting some for each would take longer than they do. */
export function exportPool(): Piscina {
  shared ??= new Piscina({ minThreads: 2, maxThreads: 2, idleTimeout: 600_000 });
  return shared;
}

afterAll(() => shared?.destroy());

/** Path for a log that is verified when the test is over. */
export function verifiedLogPath(): string {
  const path = temporaryLogPath();
  logs.push(path);
  return path;
}

/** Path beside a log, for what it is exported into. */
export function besideLog(log: string, name: string): string {
  return join(dirname(log), name);
}

/** A log of events, as plain objects or FlatBuffers. */
export async function logOf(
  schema: EventSchema,
  events: Iterable<unknown>,
  options: AppenderOptions = {},
): Promise<string> {
  const log = verifiedLogPath();
  const appender = openEventAppender<unknown>(log, {
    schema,
    segmentSizeBytes: SEGMENT_BYTES,
    maintenance: false,
    commit: { bytes: 4096 },
    ...options,
  });
  for (const event of events) {
    if (event instanceof Uint8Array) appender.appendFlatBuffer(event);
    else appender.append(event);
  }
  await appender.close();
  return log;
}

/** A log of what a source gives, or what has kept it from that. */
export async function importedLog(
  source: CaptureSource,
  schema?: EventSchema,
): Promise<{ readonly log: string; readonly report: CaptureReport }> {
  const log = verifiedLogPath();
  const settings = { segmentSizeBytes: SEGMENT_BYTES, maintenance: false };
  const report = await capture(source, log, {
    ...settings,
    ...(schema === undefined ? {} : { schema }),
  });
  return { log, report };
}

/** A record as an export sees it. */
export interface Kept {
  readonly offset: number;
  readonly timeNs: bigint;
  readonly payload: Uint8Array;
}

export function recordsOf(log: string): Kept[] {
  const reader = openReader(log);
  const cursor = reader.cursor();
  const found: Kept[] = [];
  for (const { offset, timeNs, payload } of cursor) {
    found.push({ offset, timeNs, payload: new Uint8Array(payload) });
  }
  reader.close();
  return found;
}

export type Plain = Record<string, unknown>;

/** All events, as `decodeEvent` has them. */
export function eventsOf(log: string, schema: EventSchema): Plain[] {
  return recordsOf(log).map(({ payload }) => decodeEvent(schema, payload) as Plain);
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

/** Random events of a random schema. */
export interface RandomEvents {
  readonly schema: EventSchema;
  readonly events: readonly Uint8Array[];
}

/** By fast-check's `fc.gen()`; `flatc` is what makes them FlatBuffers. */
export function drawEvents(flatc: Flatc, draw: fc.GeneratorValue, most = 12): RandomEvents {
  const { fbs, event, fullEvent } = drawSchema(draw);
  const bfbs = flatc.schema(fbs);
  const count = draw(fc.integer, { min: 0, max: most });
  const events = Array.from({ length: count }, (_, i) =>
    flatc.encode(bfbs, toJson(i === 0 ? fullEvent() : event())),
  );
  return { schema: eventSchema(bfbs), events };
}
