/** A log of sensor readings, for the benches that ask about many events. */
import { openEventAppender } from '../dist/index.js';
import { SensorReading } from '../dist/schemas.js';
import { MiB } from './harness.mjs';

/** A reading every 10 µs, of 100 sensors in turn. */
export async function makeReadings(path, count) {
  const appender = openEventAppender(path, {
    schema: SensorReading,
    segmentSizeBytes: 512 * MiB,
    commit: { bytes: 65_536 },
    flush: 'none',
  });
  const event = {
    time_ns: 0,
    sensor: 0,
    sequence: 0,
    value: 0,
    minimum: 0,
    maximum: 0,
    deviation: 0,
  };
  for (let i = 0; i < count; i++) {
    event.time_ns = i * 10_000;
    event.sensor = i % 100;
    event.sequence = i;
    event.value = (i % 1000) + 0.5;
    appender.append(event);
  }
  await appender.close();
}
