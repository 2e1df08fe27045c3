/**
 * Timer slack: by how much the kernel puts off the end of a thread's sleep, to wake a core once for
 * several; 50 µs by default. Only Linux has it, per thread, and not every container lets it be set.
 */
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';

/** As little as there is; 0 would mean the default. */
const LEAST_NS = '1';

/** Asks for as little as possible for the calling thread; returns what puts it back. */
export function tightenTimerSlack(): () => void {
  try {
    // `self/task/<thread>`; a thread has the file only by its own number.
    const thread = readlinkSync('/proc/thread-self').split('/').at(-1);
    const path = `/proc/${thread}/timerslack_ns`;
    const before = readFileSync(path, 'latin1').trim();
    writeFileSync(path, LEAST_NS);
    return () => restore(path, before);
  } catch {
    return () => {};
  }
}

function restore(path: string, before: string): void {
  try {
    writeFileSync(path, before);
  } catch {
    // It was a favour.
  }
}
