/** How long something took, in a round. */
import { createHistogram } from 'node:perf_hooks';

export interface Latency {
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

export class LatencyMeter {
  readonly #histogram = createHistogram();

  add(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1e6)));
  }

  /** Since the last time that it was asked. */
  take(): Latency {
    const histogram = this.#histogram;
    const { count } = histogram;
    const us = (ns: number): number => (count === 0 ? 0 : ns / 1000);
    const latency = {
      count,
      p50Us: us(histogram.percentile(50)),
      p99Us: us(histogram.percentile(99)),
      maxUs: us(histogram.max),
    };
    histogram.reset();
    return latency;
  }
}
