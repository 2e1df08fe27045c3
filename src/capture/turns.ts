/** Turns of the event loop, for input that never waits: signals, timers and others have theirs. */

/** After so long it is the others' turn. */
const TURN_MS = 5;

export class Turns {
  readonly #stepsPerLook: number;
  #steps = 0;
  #startedAt = performance.now();

  /** The clock is looked at with every so many steps. */
  constructor(stepsPerLook: number) {
    this.#stepsPerLook = stepsPerLook;
  }

  /** To be asked with every step. */
  isOver(): boolean {
    if (++this.#steps % this.#stepsPerLook !== 0) return false;
    return performance.now() - this.#startedAt > TURN_MS;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#startedAt = performance.now();
  }
}
