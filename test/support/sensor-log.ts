/** A log of events of several types, for verbs that ask about events. */
import { defineSchema, openEventAppender, type PlainEvent } from '../../src/index.js';
import { temporaryLogPath } from './temporary-log.js';

export const sensorSchema = defineSchema('test.Sensor', [
  { name: 'time_ns', type: 'long' },
  { name: 'sensor', type: 'uint' },
  { name: 'value', type: 'double', optional: true },
  { name: 'big', type: 'ulong' },
  { name: 'ok', type: 'bool' },
  { name: 'label', type: 'string' },
  { name: 'late_us', type: 'int' },
]);

/** 2026-01-31T12:00:00Z */
export const START_NS = 1_769_860_800_000_000_000n;

/** One a second; every tenth without a value. */
export function sensorEvents(count: number): PlainEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    time_ns: START_NS + BigInt(i) * 1_000_000_000n,
    sensor: i % 4,
    value: i % 10 === 9 ? null : i / 8,
    big: 2n ** 64n - 1n - BigInt(i % 2),
    ok: i % 2 === 0,
    label: i % 3 === 0 ? 'a, "b"' : 'plain',
    late_us: i * 100,
  }));
}

export async function sensorLog(events: Iterable<PlainEvent>): Promise<string> {
  const path = temporaryLogPath();
  const appender = openEventAppender(path, {
    schema: sensorSchema,
    maintenance: false,
    commit: {},
  });
  for (const each of events) appender.append(each);
  await appender.close();
  return path;
}
