/**
 * Isolates: what it costs to capture this machine's counters, and how well a rate is kept: all default
 * counters at 1 kHz, and the small set at 10 kHz. Beside it the same ticks with nothing to do, which is
 * the machine's own noise. CPU is that of the whole process, the log's background thread and the
 * compilation of its code included. Needs a machine that is otherwise idle.
 */
import { createHistogram } from 'node:perf_hooks';
import { capture, systemCounters, systemSource } from '../dist/index.js';
import { runTicks } from '../dist/capture/system/ticker.js';
import { tightenTimerSlack } from '../dist/capture/system/timer-slack.js';
import { freshPath, title } from './harness.mjs';

const SECONDS = Number(process.env.STRATALOG_BENCH_SECONDS ?? 20);

function show(name, { rate, late, cpu, missed, ticks, cost }) {
  const shown = late.map((us) => (us < 100 ? us.toFixed(1) : us.toFixed(0))).join(' / ');
  console.log(
    `  ${name.padEnd(34)} ${rate.toFixed(1)} Hz, ${((100 * missed) / (ticks + missed)).toFixed(2)} % missed, ` +
      `${(100 * cpu).toFixed(1)} % of a core, late p50 / p99 / p99.9 / max ${shown} µs${cost}`,
  );
}

/** The ticker alone. */
async function bare(rateHz) {
  const ending = new AbortController();
  const late = createHistogram();
  const restore = tightenTimerSlack();
  const before = process.cpuUsage();
  const started = performance.now();
  let [ticks, missed] = [0, 0];
  setTimeout(() => ending.abort(), SECONDS * 1000);
  await runTicks(rateHz, ending.signal, (_tick, _nowMs, lateMs, skipped) => {
    ticks++;
    missed += skipped;
    late.record(Math.max(1, Math.round(lateMs * 1e6)));
  });
  const elapsedMs = performance.now() - started;
  const { user, system } = process.cpuUsage(before);
  restore();
  const us = [50, 99, 99.9, 100].map((at) => late.percentile(at) / 1000);
  const cpu = (user + system) / 1000 / elapsedMs;
  show('ticks alone', { rate: (1000 * ticks) / elapsedMs, late: us, cpu, missed, ticks, cost: '' });
}

async function captured(rateHz, counters) {
  const source = systemSource({ rateHz, counters });
  await capture(source, freshPath('counters'), { durationMs: SECONDS * 1000 });
  const { achievedHz, lateUs, tickUs, processCpu, missedTicks, ticks, ...rest } = source.report();
  const { p50, p99, p99_9, max } = lateUs;
  show(`${counters[0]}: ${rest.counters} counters`, {
    rate: achievedHz,
    late: [p50, p99, p99_9, max],
    cpu: processCpu,
    missed: missedTicks,
    ticks,
    cost: `, reading and appending p50 / p99 ${tickUs.p50.toFixed(1)} / ${tickUs.p99.toFixed(0)} µs`,
  });
}

title(`counters of this machine, ${SECONDS} s each`);
console.log(`  ${systemCounters({ counters: ['all'] }).length} counters there are`);
for (const [rateHz, set] of [
  [1000, 'default'],
  [10_000, 'small'],
]) {
  console.log(`  ${rateHz} Hz`);
  await bare(rateHz);
  await captured(rateHz, [set]);
}
