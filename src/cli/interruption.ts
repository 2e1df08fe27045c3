/** Signals that ask a verb to come to an end in good order. */
import { SIGNAL_NUMBERS, exitCodeOfSignal, type EndingSignal } from './exit-codes.js';

const SIGNALS = Object.keys(SIGNAL_NUMBERS) as EndingSignal[];

/** Listens until released. The second signal finds no listener, and ends the process at once. */
export class Interruption {
  readonly #listener: (signal: NodeJS.Signals) => void;
  #signal: EndingSignal | undefined;

  constructor(onSignal: () => void = () => {}) {
    this.#listener = (signal) => {
      this.#signal = signal as EndingSignal;
      this.release();
      onSignal();
    };
    for (const signal of SIGNALS) process.on(signal, this.#listener);
  }

  /** The signal that has come, if one has. */
  get signal(): EndingSignal | undefined {
    return this.#signal;
  }

  release(): void {
    for (const signal of SIGNALS) process.removeListener(signal, this.#listener);
  }

  /** Makes the process exit, once it is done, the way shells expect of an ended one. */
  setExitCode(): void {
    if (this.#signal !== undefined) process.exitCode = exitCodeOfSignal(this.#signal);
  }
}
