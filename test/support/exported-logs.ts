/** Logs to be exported, and what becomes of them. Each is verified when its test is over. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, expect } from 'vitest';
import fc from 'fast-check';
import { Piscina } from 'piscina';
import {
  capture,
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
import type { Flatc } from './flatc.js';
import { drawSchema, toJson } from './random-schemas.js';
import { temporaryLogPath } from './temporary-log.js';

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

/** A log of events that are FlatBuffers already. */
export async function logOf(
  schema: EventSchema,
  events: Iterable<Uint8Array>,
  options: AppenderOptions = {},
): Promise<string> {
  const log = verifiedLogPath();
  const appender = openEventAppender(log, {
    schema,
    segmentSizeBytes: 256 * 1024,
    maintenance: false,
    commit: { bytes: 4096 },
    ...options,
  });
  for (const event of events) appender.appendFlatBuffer(event);
  await appender.close();
  return log;
}

/** A log of what a source gives, or what has kept it from that. */
export async function importedLog(
  source: CaptureSource,
  schema?: EventSchema,
): Promise<{ readonly log: string; readonly report: CaptureReport }> {
  const log = verifiedLogPath();
  const settings = { segmentSizeBytes: 256 * 1024, maintenance: false };
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
