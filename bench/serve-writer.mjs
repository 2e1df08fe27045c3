/**
 * A capture of 100,000 readings a second, for `serve.mjs`: argv are log and seconds. Tells how long appending
 * took, of the median and of the slowest of a hundred ticks.
 */
import { openEventAppender } from '../dist/index.js';
import { SensorReading } from '../dist/schemas.js';
import { MiB } from './harness.mjs';

const PER_TICK = 500;
const TICK_MS = 5;
const [path, seconds] = process.argv.slice(2);
const appender = openEventAppender(path, {
  schema: SensorReading,
  segmentSizeBytes: 512 * MiB,
  commit: { bytes: 65_536, delayMs: TICK_MS },
  flush: 'none',
});
const event = {
  time_ns: 0n,
  sensor: 0,
  sequence: 0,
  value: 0,
  minimum: 0,
  maximum: 0,
  deviation: 0,
};
const first = BigInt(appender.nextOffset);
const begun = performance.now();
const ticks = [];
let events = 0;
const ticking = setInterval(tick, TICK_MS);

function tick() {
  const tickBegun = performance.now();
  const before = events;
  const due = Math.floor((tickBegun - begun) / TICK_MS) * PER_TICK;
  for (; events < due; events++) {
    event.time_ns = (first + BigInt(events)) * 10_000n;
    event.sensor = events % 100;
    event.sequence = events;
    event.value = Math.sin(events / 1e5) * 100 + (events % 100);
    appender.append(event);
  }
  if (events > before) ticks.push(((performance.now() - tickBegun) * 1e6) / (events - before));
  if (performance.now() - begun < Number(seconds) * 1000) return;
  clearInterval(ticking);
  ticks.sort((a, b) => a - b);
  const [p50, p99] = [0.5, 0.99].map((at) => ticks[Math.floor(at * ticks.length)]);
  void appender.close().then(() => console.log(JSON.stringify({ events, p50, p99 })));
}
