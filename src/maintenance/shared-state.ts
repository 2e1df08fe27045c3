/**
 * The few words that the appender's thread and the maintenance thread share, each in a cache line of
 * its own. Everything larger travels as messages.
 */
const WORDS_PER_LINE = 16;

/** Counts messages to the maintenance thread, which sleeps on it. */
export const WAKE = 0;
/** 1 while a thread is inside the gate: syncing, or changing the control page. */
export const GATE = WORDS_PER_LINE;
/** 1 once a sync has failed: nothing after it can be believed durable. */
export const POISONED = 2 * WORDS_PER_LINE;
/** Counts messages to the appender's thread, so that it can tell cheaply whether to look. */
export const REPLIES = 3 * WORDS_PER_LINE;
/** 1 while the maintenance thread keeps `CLOCK_MS` fresh. */
export const CLOCK_LIVE = 4 * WORDS_PER_LINE;
/** Wall clock, milliseconds since 1970 modulo 2^32. */
export const CLOCK_MS = 5 * WORDS_PER_LINE;
/** Set by the appender whenever it reads the clock; cleared by the maintenance thread. */
export const CLOCK_WANTED = 6 * WORDS_PER_LINE;
/** Counts syncs that have moved the flushed bound, in either thread. */
export const FLUSHES = 7 * WORDS_PER_LINE;

const LINES = 8;

export type SharedState = Int32Array;

export function createSharedState(): SharedState {
  return new Int32Array(new SharedArrayBuffer(LINES * WORDS_PER_LINE * 4));
}

/**
 * Runs `action` alone among the two threads. Two syncs of one descriptor must never overlap: the
 * kernel reports a failed write-back to one of them only.
 */
export function throughGate<T>(shared: SharedState, action: () => T): T {
  while (Atomics.compareExchange(shared, GATE, 0, 1) !== 0) Atomics.wait(shared, GATE, 1);
  try {
    return action();
  } finally {
    Atomics.store(shared, GATE, 0);
    Atomics.notify(shared, GATE);
  }
}

export function isGateBusy(shared: SharedState): boolean {
  return Atomics.load(shared, GATE) !== 0;
}
