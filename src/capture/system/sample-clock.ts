/** Wall-clock time to the nanosecond, of moments that `performance.now()` has told. */

/** How long it is believed that nobody has set the clock. */
const CHECK_EVERY_MS = 1000;
/** `Date.now()` has no fractions: what differs by less has not been set. */
const TOLERANCE_MS = 1.5;
/** An edge of `Date.now()` that was seen within so long is a good one. */
const GOOD_EDGE_MS = 0.02;
const MAX_EDGES = 3;
/** A clock that stands still, as in somebody's test, has no edges. */
const MAX_SPIN_MS = 2;

/**
 * Node tells wall-clock time in whole milliseconds only. The monotonic clock has the fractions, so this
 * one knows where an edge between two milliseconds was on it. It follows when the clock is set, or the
 * machine has slept, within a second.
 */
export class SampleClock {
  #edgeMs = 0;
  #edgeAt = 0;
  #checkAt = 0;

  constructor() {
    this.#findEdge();
  }

  /** Stores nanoseconds since 1970, as two words, lower first; `nowMs` is of `performance.now()`. */
  store(nowMs: number, words: Uint32Array, at: number): void {
    if (nowMs >= this.#checkAt) this.#check(nowMs);
    const sinceEdge = nowMs - this.#edgeAt;
    const wholeMs = Math.floor(sinceEdge);
    const restNs = Math.floor((sinceEdge - wholeMs) * 1e6);
    storeNs(this.#edgeMs + wholeMs, restNs, words, at);
  }

  #check(nowMs: number): void {
    const ahead = this.#edgeMs + (performance.now() - this.#edgeAt) - Date.now();
    if (ahead < 0.5 - TOLERANCE_MS || ahead > 0.5 + TOLERANCE_MS) this.#findEdge();
    this.#checkAt = nowMs + CHECK_EVERY_MS;
  }

  /** Looks at both clocks until a millisecond begins. An edge is as good as the last look is close. */
  #findEdge(): void {
    for (let edges = 0; edges < MAX_EDGES; edges++) {
      const began = performance.now();
      const before = Date.now();
      let last = began;
      let now = began;
      let ms = before;
      while (ms === before && now - began < MAX_SPIN_MS) {
        last = now;
        ms = Date.now();
        now = performance.now();
      }
      this.#edgeMs = ms;
      this.#edgeAt = now;
      if (now - last < GOOD_EDGE_MS) return;
    }
  }
}

const WORD = 2 ** 32;

/** `ms` × 10^6 + `restNs`, which takes more than 53 bits. */
export function storeNs(ms: number, restNs: number, words: Uint32Array, at: number): void {
  const upperMs = Math.floor(ms / 2 ** 20);
  // Each product is below 2^41, the sum for the lower word below 2^42.
  const upper = upperMs * 1e6;
  const lower = (ms - upperMs * 2 ** 20) * 1e6 + restNs;
  const low = (upper % 2 ** 12) * 2 ** 20 + lower;
  words[at] = low % WORD;
  words[at + 1] = Math.floor(upper / 2 ** 12) + Math.floor(low / WORD);
}
