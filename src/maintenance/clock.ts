/**
 * Wall clock for frames. `Date.now()` costs 40 ns and allocates, so while frames are committed at a
 * high rate the maintenance thread stores the milliseconds into a shared word, which costs a load.
 * At low rates, and whenever that thread is about to do something long, the appender asks the system.
 */
import { CLOCK_LIVE, CLOCK_MS, CLOCK_WANTED, WAKE, type SharedState } from './shared-state.js';

const TWO_32 = 2 ** 32;
/** So many readings within one millisecond make the shared clock worth its wake-ups. */
const READINGS_TO_START = 64;
/** The clock stops after so many ticks that nobody read. */
const IDLE_TICKS_TO_STOP = 50;
export const TICK_MS = 1;

export class WallClock {
  readonly #shared: SharedState;
  /** Last full reading; the shared word gives the distance from it. */
  #lastMs = Date.now();
  #readings = 0;

  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Milliseconds since 1970. May go backwards, as wall clocks do. */
  nowMs(): number {
    const shared = this.#shared;
    if (shared[CLOCK_LIVE] !== 1) return this.#ask();
    shared[CLOCK_WANTED] = 1;
    const last = this.#lastMs;
    const moved = ((shared[CLOCK_MS] as number) - (last | 0)) | 0;
    if (moved === 0) return last;
    return (this.#lastMs = last + moved);
  }

  #ask(): number {
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
    if (live) shared[CLOCK_MS] = (Date.now() % TWO_32) | 0;
    shared[CLOCK_LIVE] = live ? 1 : 0;
    return live;
  }

  /** Before anything that may take long: the appender asks the system meanwhile. */
  pause(): void {
    this.#shared[CLOCK_LIVE] = 0;
  }
}
