/** How well a capture of counters kept its time, and what it cost. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** A distribution of durations, in µs. */
export type Durations = {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p99_9: number;
  readonly max: number;
};

/** The timing of a capture of counters. */
export type TimingReport = {
  readonly rateHz: number;
  /** Ticks per second from the first to the last. */
  readonly achievedHz: number;
  readonly ticks: number;
  readonly missedTicks: number;
  /** How long after its time a tick came. */
  readonly lateUs: Durations;
  /** By how much the time between two ticks differed from what it should have been. */
  readonly jitterUs: Durations;
  /** From the beginning of a tick until its event was in the log. */
  readonly tickUs: Durations;
  /** Processor time of the whole process, in cores: 0.1 is a tenth of one. */
  readonly processCpu: number;
};

export class Timing {
  readonly #rateHz: number;
  readonly #late = createHistogram();
  readonly #jitter = createHistogram();
  readonly #cost = createHistogram();
  #ticks = 0;
  #missed = 0;
  #firstMs = 0;
  #lastMs = 0;
  #cpuBefore = process.cpuUsage();
  #startedMs = performance.now();
  #ended: { readonly cpuUs: number; readonly elapsedMs: number } | undefined;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  start(): void {
    this.#cpuBefore = process.cpuUsage();
    this.#startedMs = performance.now();
  }

  end(): void {
    this.#ended = this.#used();
  }

  /** `doneMs`: when its event was in the log. */
  record(nowMs: number, lateMs: number, missed: number, doneMs: number): void {
    if (this.#ticks === 0) this.#firstMs = nowMs;
    else {
      const idealMs = ((missed + 1) * 1000) / this.#rateHz;
      recordMs(this.#jitter, Math.abs(nowMs - this.#lastMs - idealMs));
    }
    recordMs(this.#late, lateMs);
    recordMs(this.#cost, doneMs - nowMs);
    this.#lastMs = nowMs;
    this.#ticks++;
    this.#missed += missed;
  }

  report(): TimingReport {
    const { cpuUs, elapsedMs } = this.#ended ?? this.#used();
    const spanMs = this.#lastMs - this.#firstMs;
    return {
      rateHz: this.#rateHz,
      achievedHz: spanMs > 0 ? ((this.#ticks - 1) * 1000) / spanMs : 0,
      ticks: this.#ticks,
      missedTicks: this.#missed,
      lateUs: durationsOf(this.#late),
      jitterUs: durationsOf(this.#jitter),
      tickUs: durationsOf(this.#cost),
      processCpu: elapsedMs > 0 ? cpuUs / 1000 / elapsedMs : 0,
    };
  }

  #used(): { cpuUs: number; elapsedMs: number } {
    const { user, system } = process.cpuUsage(this.#cpuBefore);
    return { cpuUs: user + system, elapsedMs: performance.now() - this.#startedMs };
  }
}

/** Histograms are of whole numbers from 1 on. */
function recordMs(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.max(1, Math.round(ms * 1e6)));
}

function durationsOf(histogram: RecordableHistogram): Durations {
  const us = (percentile: number): number =>
    histogram.count === 0 ? 0 : histogram.percentile(percentile) / 1000;
  return {
    p50: us(50),
    p90: us(90),
    p99: us(99),
    p99_9: us(99.9),
    max: histogram.count === 0 ? 0 : histogram.max / 1000,
  };
}
