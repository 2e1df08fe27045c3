/** What one sender may take: a bucket that holds a second's worth, and fills as time goes by. */
import { checkInteger } from '../../options.js';

/** Bounds on what one sender may take; without them it may take everything. */
export interface SenderLimits {
  /** Events; up to a second's worth may come at once. */
  readonly maxEventsPerSecond?: number;
  /** Bytes of events; up to a second's worth may come at once. */
  readonly maxBytesPerSecond?: number;
}

/** @throws {RangeError} */
export function checkLimits({ maxEventsPerSecond, maxBytesPerSecond }: SenderLimits): void {
  if (maxEventsPerSecond !== undefined) {
    checkInteger('maxEventsPerSecond', maxEventsPerSecond, 1, Number.MAX_SAFE_INTEGER);
  }
  if (maxBytesPerSecond !== undefined) {
    checkInteger('maxBytesPerSecond', maxBytesPerSecond, 1, Number.MAX_SAFE_INTEGER);
  }
}

/**
 * Goes into debt by what is taken while it is not empty: so an event larger than a second's worth passes,
 * and what follows waits for it. Times are milliseconds that never go back.
 */
export class Allowance {
  readonly #eventsPerMs: number;
  readonly #bytesPerMs: number;
  #events: number;
  #bytes: number;
  #filledAt: number;

  constructor(limits: SenderLimits, nowMs: number) {
    this.#eventsPerMs = (limits.maxEventsPerSecond ?? Infinity) / 1000;
    this.#bytesPerMs = (limits.maxBytesPerSecond ?? Infinity) / 1000;
    this.#events = this.#eventsPerMs * 1000;
    this.#bytes = this.#bytesPerMs * 1000;
    this.#filledAt = nowMs;
  }

  /** Takes one event, if there is something left. */
  take(bytes: number, nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#events < 1 || this.#bytes <= 0) return false;
    this.#events--;
    this.#bytes -= bytes;
    return true;
  }

  /** Takes what has come already, whether or not it is there. */
  charge(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
  }

  /** Milliseconds until something is left. */
  delayMs(nowMs: number): number {
    this.#fill(nowMs);
    const forEvents = this.#events < 1 ? (1 - this.#events) / this.#eventsPerMs : 0;
    const forBytes = this.#bytes <= 0 ? (1 - this.#bytes) / this.#bytesPerMs : 0;
    return Math.max(forEvents, forBytes);
  }

  #fill(nowMs: number): void {
    const elapsed = nowMs - this.#filledAt;
    if (elapsed <= 0) return;
    this.#filledAt = nowMs;
    this.#events = filled(this.#events, this.#eventsPerMs, elapsed);
    this.#bytes = filled(this.#bytes, this.#bytesPerMs, elapsed);
  }
}

function filled(level: number, perMs: number, elapsedMs: number): number {
  // Without a bound both are infinite.
  return Math.min(perMs * 1000, level + perMs * elapsedMs);
}
