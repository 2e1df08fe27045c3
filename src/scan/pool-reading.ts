/** The segments of a log, read by the threads of a pool. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LogClosedError, LogError } from '../errors.js';
import type { InspectedLog, Progress } from '../recovery/inspect.js';
import type { SegmentFrames } from '../recovery/read-segment.js';
import { describeError, unpackError } from './packed-error.js';
import type { ScanPool } from './pool.js';
import {
  FIRST_SEGMENT,
  POSITION_UNIT,
  STOP,
  type SegmentReply,
  type SegmentTask,
} from './segment-worker.js';

export type SegmentPool = ScanPool<SegmentTask, SegmentReply>;

/** So many segments for each thread are in the pool at a time: what is stopped leaves little in it. */
const WINDOW_PER_THREAD = 4;
const REPORT_MS = 100;
/** In a pool with nothing else to do a task has its turn much sooner. */
const TURN_MS = 100;

export class PoolReading {
  readonly #log: InspectedLog;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #onProgress: Progress | undefined;
  /** By word; those that have been given to the pool and have not settled. */
  readonly #pending = new Map<number, Promise<SegmentFrames>>();
  readonly #stopped: Promise<never>;
  #rejectStopped: (error: unknown) => void = () => {};
  #doneBytes = 0;

  constructor(log: InspectedLog, onProgress: Progress | undefined) {
    this.#log = log;
    const words = FIRST_SEGMENT + log.toRead.length;
    this.#words = new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
    this.#onProgress = onProgress;
    this.#stopped = new Promise((_, reject) => (this.#rejectStopped = reject));
    this.#stopped.catch(() => {});
  }

  /** Makes `run` reject with this. What is read already goes on to its end, or to its next look. */
  readonly stop = (error: unknown): void => {
    Atomics.store(this.#words, STOP, 1);
    this.#rejectStopped(error);
  };

  /**
   * Everything that was read, in the order of the segments. Of several failures the first in that order
   * counts, as if one thread had read all.
   */
  async run(pool: SegmentPool): Promise<SegmentFrames[]> {
    const { length } = this.#log.toRead;
    const found: SegmentFrames[] = [];
    const waiting: Promise<SegmentFrames>[] = [];
    const timer = setInterval(() => this.#report(), REPORT_MS);
    try {
      for (let next = 0; found.length < length;) {
        while (next < length && waiting.length < WINDOW_PER_THREAD * pool.threads) {
          waiting.push(this.#start(pool, next++));
        }
        const first = waiting.shift() as Promise<SegmentFrames>;
        found.push(await Promise.race([this.#stopped, first]));
      }
      return found;
    } finally {
      clearInterval(timer);
      Atomics.store(this.#words, STOP, 1);
    }
  }

  /** Resolves when the pool has nothing left to do for this. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#pending.values());
  }

  /**
   * Resolves when no thread reads any more, and if others do not keep the pool busy, when it has nothing
   * left to do for this. Threads are not ended for it: what waits does nothing when its turn comes.
   */
  async ended(): Promise<void> {
    const isBegun = (word: number): boolean => Atomics.load(this.#words, word) > 0;
    while ([...this.#pending.keys()].some(isBegun)) await sleep(1);
    if (this.#pending.size > 0) await Promise.race([this.settled(), sleep(TURN_MS)]);
  }

  #start(pool: SegmentPool, index: number): Promise<SegmentFrames> {
    const word = FIRST_SEGMENT + index;
    const reading = this.#read(pool, index, word).finally(() => this.#pending.delete(word));
    this.#pending.set(word, reading);
    // At its turn, if it comes to that.
    reading.catch(() => {});
    return reading;
  }

  async #read(pool: SegmentPool, index: number, word: number): Promise<SegmentFrames> {
    const segment = this.#log.toRead[index] as SegmentTask['segment'];
    let reply: SegmentReply;
    try {
      reply = await pool.run({ segment, shared: this.#words.buffer, word });
    } catch (error) {
      if (error instanceof LogClosedError) throw error;
      const why = `Cannot read ${segment.path}: its thread has ended: ${describeError(error)}`;
      throw new LogError('SCAN_FAILED', why, { cause: error });
    }
    if (reply.kind === 'failed') throw unpackError(reply.error);
    Atomics.store(this.#words, word, 0);
    this.#doneBytes += reply.frames.sizeBytes;
    this.#report();
    return reply.frames;
  }

  #report(): void {
    if (this.#onProgress === undefined || Atomics.load(this.#words, STOP) !== 0) return;
    let doneBytes = this.#doneBytes;
    for (const word of this.#pending.keys()) {
      doneBytes += Atomics.load(this.#words, word) * POSITION_UNIT;
    }
    try {
      this.#onProgress(doneBytes, this.#log.totalBytes);
    } catch (error) {
      this.stop(error);
    }
  }
}
