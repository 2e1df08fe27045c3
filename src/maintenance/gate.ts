/**
 * Lets one of the two threads at a time sync, or change the control page. Two syncs of one descriptor
 * must never overlap: the kernel reports a failed write-back to one of them only.
 *
 * A thread that is terminated, or runs out of memory, ends wherever it is, and not even `finally` runs:
 * inside the gate it would leave that shut. So the gate knows who is inside, and the appender, whenever
 * it has waited for a while, looks whether the maintenance thread still exists. The other way round
 * nothing is needed: the maintenance thread ends with the thread that has started it.
 */
import { existsSync, readlinkSync, statSync } from 'node:fs';
import { GATE, THREAD_ENDED, THREAD_ID, type SharedState } from './shared-state.js';

const NOBODY = 0;
export const APPENDER = 1;
export const MAINTENANCE = 2;
export type Side = typeof APPENDER | typeof MAINTENANCE;

/** Longer than most syncs take, so that looking is rare. */
const LOOK_INTERVAL_MS = 50;
const THREADS_OF_PROCESS = '/proc/self/task';

/**
 * Runs `action` alone among the two threads. `onAbandoned` runs before it, inside the gate, if the
 * other thread has ended in there: what it was doing may have succeeded, failed, or not been done.
 */
export function throughGate<T>(
  shared: SharedState,
  side: Side,
  onAbandoned: () => void,
  action: () => T,
): T {
  const isAbandoned = enter(shared, side);
  try {
    if (isAbandoned) onAbandoned();
    return action();
  } finally {
    Atomics.store(shared, GATE, NOBODY);
    Atomics.notify(shared, GATE);
  }
}

export function isGateBusy(shared: SharedState): boolean {
  return Atomics.load(shared, GATE) !== NOBODY;
}

/** To be called by the maintenance thread before it first enters the gate. */
export function announceThread(shared: SharedState): void {
  Atomics.store(shared, THREAD_ID, ownThreadId());
}

/** Returns whether the other thread has ended inside. */
function enter(shared: SharedState, side: Side): boolean {
  for (;;) {
    const inside = Atomics.compareExchange(shared, GATE, NOBODY, side);
    if (inside === NOBODY) return false;
    const waited = Atomics.wait(shared, GATE, inside, LOOK_INTERVAL_MS);
    if (waited !== 'timed-out' || inside !== MAINTENANCE || !hasThreadEnded(shared)) continue;
    // It may have left before it ended; whoever has ended comes back neither in nor out.
    if (Atomics.compareExchange(shared, GATE, MAINTENANCE, side) === MAINTENANCE) return true;
  }
}

/** Without the event loop: its 'exit' event may be long in coming to a thread that waits here. */
function hasThreadEnded(shared: SharedState): boolean {
  if (Atomics.load(shared, THREAD_ENDED) === 1) return true;
  const id = Atomics.load(shared, THREAD_ID);
  if (id === 0 || !existsSync(THREADS_OF_PROCESS)) return false;
  return isGone(`${THREADS_OF_PROCESS}/${id}`);
}

/** Only what is known to be gone: if the system cannot tell, the thread may be in the middle of a sync. */
function isGone(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    return false;
  }
}

/** The kernel's number of this thread; 0 where there is no /proc that tells. */
function ownThreadId(): number {
  try {
    return Number(/\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
