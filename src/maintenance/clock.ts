/**
 * Wall clock for frames. `Date.now()` costs 40 ns and allocates, so while frames are committed at a
 * high rate the maintenance thread stores the milliseconds into a shared word, which costs a load.
 * At low rates, and whenever that thread is about to do something long, the appender asks the system.
 */
import { CLOCK_LIVE, CLOCK_MS, CLOCK_WANTED, WAKE, type SharedState } from './shared-state.js';

/** So many readings within one millisecond make the shared clock worth its wake-ups. */
const READINGS_TO_START = 64;
/** The clock stops after so many ticks that nobody read. */
const IDLE_TICKS_TO_STOP = 50;
export const TICK_MS = 1;

/** Milliseconds since 1970 modulo 2^32, as a signed word: differences of near ones are exact. */
export function tickOf(ms: number): number {
  return ms | 0;
}

export class WallClock {
  readonly #shared: SharedState;
  #lastMs = 0;
  #readings = 0;

  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Whether `sharedTick` is fresh, to the millisecond or so. */
  isShared(): boolean {
    return this.#shared[CLOCK_LIVE] === 1;
  }

  /** The shared clock's tick. Reading it keeps it going. Allocates nothing. */
  sharedTick(): number {
    this.#shared[CLOCK_WANTED] = 1;
    return this.#shared[CLOCK_MS] as number;
  }

  /** Asks the system; often enough within a millisecond, the shared clock is started. */
  askMs(): number {
    const now = Date.now();
    if (now !== this.#lastMs) {
      this.#lastMs = now;
      this.#readings = 0;
    } else if (++this.#readings === READINGS_TO_START) {
      this.#shared[CLOCK_WANTED] = 1;
      Atomics.add(this.#shared, WAKE, 1);
      Atomics.notify(this.#shared, WAKE);
    }
    return now;
  }

  /** The maintenance thread is gone, and keeps the shared clock no more. */
  stopSharing(): void {
    this.#shared[CLOCK_LIVE] = 0;
  }

  /** Whether time may have gone on since `tick`. Two loads. */
  hasMoved(tick: number): boolean {
    return this.#shared[CLOCK_MS] !== tick || this.#shared[CLOCK_LIVE] !== 1;
  }

  /** The tick now, from wherever it is cheapest. */
  tick(): number {
    return this.isShared() ? this.sharedTick() : tickOf(this.askMs());
  }
}

/** The maintenance thread's side. */
export class ClockTicker {
  readonly #shared: SharedState;
  #idleTicks = 0;

  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Ticks if anybody reads the clock; says whether it wants to be called again in `TICK_MS`. */
  tick(): boolean {
    const shared = this.#shared;
    const wanted = shared[CLOCK_WANTED] === 1;
    shared[CLOCK_WANTED] = 0;
    this.#idleTicks = wanted ? 0 : this.#idleTicks + 1;
    const live = this.#idleTicks < IDLE_TICKS_TO_STOP;
    if (live) shared[CLOCK_MS] = tickOf(Date.now());
    shared[CLOCK_LIVE] = live ? 1 : 0;
    return live;
  }

  /** Before anything that may take long: the appender asks the system meanwhile. */
  pause(): void {
    this.#shared[CLOCK_LIVE] = 0;
  }
}
