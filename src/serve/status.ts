/** The log from outside, as the page shows it: bounds, rates, segments, who writes and who follows. */
import { openMonitor, type LogSample, type Monitor } from '../read/monitor.js';
import type { LogStatus, SegmentStatus } from './messages.js';
import type { ServedLog } from './served-log.js';

/** Of more segments, neighbours are told as one. */
const MAX_SEGMENTS = 240;
/** Nobody asks the log more often than that, however many clients there are. */
const SAMPLE_MS = 250;
/** Rates are those of about so long. */
const RATE_MS = 1000;

export class StatusBoard {
  readonly #log: ServedLog;
  readonly #monitor: Monitor;
  readonly #samples: LogSample[] = [];
  #last: LogStatus | undefined;
  #lastAt = -Infinity;
  #segments: readonly SegmentStatus[] = [];
  #segmentsAt = -Infinity;

  constructor(path: string, log: ServedLog) {
    this.#log = log;
    this.#monitor = openMonitor(path);
  }

  status(): LogStatus {
    const now = performance.now();
    if (this.#last !== undefined && now - this.#lastAt < SAMPLE_MS) return this.#last;
    this.#lastAt = now;
    try {
      this.#last = this.#describe(this.#monitor.sample());
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      this.#last = { ...(this.#last ?? NOTHING), problem };
    }
    return this.#last;
  }

  segments(): readonly SegmentStatus[] {
    const now = performance.now();
    if (now - this.#segmentsAt < SAMPLE_MS) return this.#segments;
    this.#segmentsAt = now;
    this.#segments = gathered(this.#log.reader.segments());
    return this.#segments;
  }

  /** Damage that is known without reading records, a sentence each. */
  damage(): string[] {
    return this.#log.reader
      .damage()
      .slice(0, 8)
      .map(({ message }) => message);
  }

  close(): void {
    this.#monitor.close();
  }

  #describe(sample: LogSample): LogStatus {
    const samples = this.#samples;
    samples.push(sample);
    while (samples.length > 2 && sample.timeMs - (samples[1]?.timeMs ?? 0) >= RATE_MS)
      samples.shift();
    const before = samples[0] ?? sample;
    const seconds = (sample.timeMs - before.timeMs) / 1000;
    const rate = (of: (each: LogSample) => number): number =>
      seconds > 0 ? (of(sample) - of(before)) / seconds : 0;
    const { timeMs, writer, startOffset, committedOffset, flushedOffset, tailers } = sample;
    return {
      timeMs,
      writer,
      startOffset,
      committedOffset,
      flushedOffset,
      recordsPerSecond: rate((each) => each.committedOffset),
      bytesPerSecond: rate((each) => each.committedBytes),
      commitsPerSecond: rate((each) => each.commits),
      flushesPerSecond: rate((each) => each.flushes),
      tailers: tailers.map(({ name, pid, followsFlushed, nextOffset }) => ({
        name,
        pid,
        follows: followsFlushed ? 'flushed' : 'committed',
        lag: Math.max(0, (followsFlushed ? flushedOffset : committedOffset) - nextOffset),
      })),
      problem: undefined,
    };
  }
}

const NOTHING: LogStatus = {
  timeMs: 0,
  writer: 'unknown',
  startOffset: 0,
  committedOffset: 0,
  flushedOffset: 0,
  recordsPerSecond: 0,
  bytesPerSecond: 0,
  commitsPerSecond: 0,
  flushesPerSecond: 0,
  tailers: [],
  problem: undefined,
};

type Segment = ReturnType<ServedLog['reader']['segments']>[number];

function gathered(segments: readonly Segment[]): SegmentStatus[] {
  const together = Math.ceil(segments.length / MAX_SEGMENTS);
  const found: SegmentStatus[] = [];
  for (let at = 0; at < segments.length; at += together) {
    const some = segments.slice(at, at + together);
    const sum = (of: (each: Segment) => number): number =>
      some.reduce((total, each) => total + of(each), 0);
    found.push({
      from: some[0]?.baseOffset ?? 0,
      records: sum((each) => each.records),
      usedBytes: sum((each) => each.usedBytes),
      sizeBytes: sum((each) => each.sizeBytes),
      isSealed: some.every((each) => each.sealed),
      files: some.length,
    });
  }
  return found;
}
