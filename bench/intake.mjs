/**
 * Isolates: what a capture adds to each event, which is the way through its intake: whether the log takes
 * events, whether that was the last one, whom to tell of a wrong one. The same events by a bare appender,
 * in turn, in one process; group commit, checksums on, and bursts short enough for both to run in a part
 * of a segment that has been brought into memory before.
 */
import { IntakeToLog } from '../dist/capture/intake.js';
import { defineSchema, openEventAppender } from '../dist/index.js';
import {
  GiB,
  MiB,
  freshPath,
  line,
  median,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const EVENTS = Number(process.argv[2] ?? 2) * 1e6;
const ROUNDS = 15;
const SEGMENT = Math.ceil((EVENTS * 80 + 16 * MiB) / 4096) * 4096;
const schema = defineSchema('bench.Event', [
  { name: 'time_ns', type: 'long' },
  { name: 'sensor', type: 'uint' },
  { name: 'x', type: 'double' },
  { name: 'y', type: 'double' },
]);
const LIMITS = { maxEvents: Infinity, maxBytes: Infinity, maxRejects: Infinity };
const event = { time_ns: 1_700_000_000_000, sensor: 7, x: 1.5, y: -2.5 };

title(`events of 4 scalars: a bare appender and the intake of a capture, in turn`);
warmPageCache(Math.max(2.5 * SEGMENT, GiB));
const sides = {
  bare: { taker: (appender) => appender, fill: fillBare, rates: [] },
  intake: {
    taker: (appender) => new IntakeToLog(appender, new AbortController(), LIMITS),
    fill: fillIntake,
    rates: [],
  },
};
for (let round = 0; round < ROUNDS; round++) {
  for (const side of Object.values(sides)) side.rates.push(EVENTS / (await burst(side)));
}
const [alone, captured] = [median(sides.bare.rates), median(sides.intake.rates)];
line('append by a bare appender', alone, 'event', `${(1e9 / alone).toFixed(1)} ns`);
line('append through the intake', captured, 'event', `${(1e9 / captured).toFixed(1)} ns`);
const ratios = sides.bare.rates.map((rate, round) => rate / sides.intake.rates[round]);
console.log(`  time through the intake / bare, median of rounds: ${median(ratios).toFixed(3)}`);

async function burst({ taker, fill }) {
  const options = { schema, commit: {}, flush: 'none', segmentSizeBytes: SEGMENT };
  const appender = openEventAppender(freshPath('events'), options);
  settle();
  await appender.records.prepare();
  const target = taker(appender);
  const taken = seconds(() => fill(target));
  await appender.close();
  freshPath('events');
  return taken;
}

// A function for each, so that neither call sees two kinds of objects.
function fillBare(appender) {
  for (let i = 0; i < EVENTS; i++) {
    event.x = i;
    appender.append(event);
  }
}

function fillIntake(intake) {
  for (let i = 0; i < EVENTS; i++) {
    event.x = i;
    intake.append(event);
  }
}
