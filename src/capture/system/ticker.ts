/** Ticks at a rate that timers of an event loop cannot keep. */

/** Above this, a timer of the event loop waits; it may come more than a millisecond late. */
const COARSE_ABOVE_MS = 2;
const COARSE_MARGIN_MS = 1.5;
/** Node's timers take no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Is told of a tick; times are those of `performance.now()`. `tick` counts from 0; `missed` of those before
 * it were left out. A promise that it returns is waited for, and what passes meanwhile is missed, too.
 */
export type OnTick = (
  tick: number,
  nowMs: number,
  lateMs: number,
  missed: number,
) => Promise<void> | undefined;

/**
 * Calls `onTick` at the multiples of a period, the first at once, until `signal` aborts. A tick whose
 * successor is due as well is missed: so the last number + 1 is the number of ticks and of those missed,
 * and nothing drifts.
 *
 * The last two milliseconds before a tick the thread itself sleeps (`Atomics.wait`), as the timers of an
 * event loop know only milliseconds. After every tick the event loop has one turn, for signals, timers
 * and whatever else there is.
 */
export async function runTicks(rateHz: number, signal: AbortSignal, onTick: OnTick): Promise<void> {
  const periodMs = 1000 / rateHz;
  const bed = new Int32Array(new SharedArrayBuffer(4));
  const startMs = performance.now();
  let next = 0;
  // The first tick is by definition in time.
  let nowMs = startMs;
  while (!signal.aborted) {
    const dueMs = startMs + next * periodMs;
    while (nowMs < dueMs) {
      if (dueMs - nowMs > COARSE_ABOVE_MS) {
        await coarseSleep(dueMs - nowMs - COARSE_MARGIN_MS, signal);
        if (signal.aborted) return;
      } else Atomics.wait(bed, 0, 0, dueMs - nowMs);
      nowMs = performance.now();
    }
    const tick = Math.max(next, Math.floor((nowMs - startMs) / periodMs));
    const lateMs = Math.max(0, nowMs - (startMs + tick * periodMs));
    const pending = onTick(tick, nowMs, lateMs, tick - next);
    if (pending !== undefined) await pending;
    next = tick + 1;
    await turn();
    nowMs = performance.now();
  }
}

function turn(): Promise<void> {
  return new Promise(setImmediate);
}

/** Ends early if the signal aborts. */
function coarseSleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(ms, MAX_TIMER_MS));
    signal.addEventListener('abort', end);
  });
}
