/**
 * The few words that the appender's thread and the maintenance thread share, each in a cache line of
 * its own. Everything larger travels as messages.
 */
const WORDS_PER_LINE = 16;

/** Counts messages to the maintenance thread, which sleeps on it. */
export const WAKE = 0;
/** Who is inside the gate, syncing or changing the control page: 0 for nobody (`gate.ts`). */
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

/** The kernel's number of the maintenance thread, as /proc names it; 0 if it is not known (yet). */
export const THREAD_ID = 8 * WORDS_PER_LINE;
/** 1 once the appender has been told that the maintenance thread has ended. */
export const THREAD_ENDED = 9 * WORDS_PER_LINE;

const LINES = 10;

export type SharedState = Int32Array;

export function createSharedState(): SharedState {
  return new Int32Array(new SharedArrayBuffer(LINES * WORDS_PER_LINE * 4));
}
