/**
 * What the threads of a pool have mapped. When a thread ends, nothing runs in it any more that could
 * unmap its memory, so each notes its mappings here, in memory that it shares with the owner of the
 * pool, who unmaps them once the thread is gone.
 *
 * A line per mapping: owner (a thread id, 0 for a free line), address, size. A thread may be terminated
 * between any two steps. So it notes addresses that it has reserved before it maps a file there, and
 * erases before it unmaps: what is noted is always its own. Terminated just between, it leaves addresses
 * behind, or a mapping that it was about to unmap; never is one unmapped that is somebody else's by now.
 */
import { threadId } from 'node:worker_threads';
import { munmap } from './native.js';

const LINES = 1 << 16;
/** Word 0 counts the lines that have ever been used. */
const FIRST_LINE = 1;
const LINE_WORDS = 3;
const OWNER = 0;
const ADDRESS = 1;
const SIZE = 2;
const FREE = 0n;
/** Being written; nobody's as yet. */
const TAKEN = -1n;

export class MappingLedger {
  readonly shared: SharedArrayBuffer;
  readonly #words: BigInt64Array;
  /** Where to look for a free line first. */
  #next = 0;

  constructor(shared = new SharedArrayBuffer((FIRST_LINE + LINES * LINE_WORDS) * 8)) {
    this.shared = shared;
    this.#words = new BigInt64Array(shared);
  }

  /** Notes a mapping of this thread. Returns its line; `undefined` if there is no room. */
  note(address: bigint, sizeBytes: number): number | undefined {
    const words = this.#words;
    for (let tries = 0; tries < LINES; tries++) {
      const line = this.#next;
      const at = FIRST_LINE + line * LINE_WORDS;
      this.#next = (line + 1) % LINES;
      if (Atomics.compareExchange(words, at + OWNER, FREE, TAKEN) !== FREE) continue;
      this.#countLine(line);
      Atomics.store(words, at + ADDRESS, address);
      Atomics.store(words, at + SIZE, BigInt(sizeBytes));
      Atomics.store(words, at + OWNER, BigInt(threadId));
      return line;
    }
    return undefined;
  }

  /** The mapping is about to be unmapped by its own thread. */
  erase(line: number): void {
    Atomics.store(this.#words, FIRST_LINE + line * LINE_WORDS + OWNER, FREE);
  }

  /**
   * Unmaps what a thread has left behind, a mapping at each step. Only for one that has ended: its
   * `exit` event has been seen.
   */
  *unmapThread(id: number): Generator<void> {
    const words = this.#words;
    for (let line = 0; line < Number(Atomics.load(words, 0)); line++) {
      const at = FIRST_LINE + line * LINE_WORDS;
      if (Atomics.load(words, at + OWNER) !== BigInt(id)) continue;
      munmap(Atomics.load(words, at + ADDRESS), Number(Atomics.load(words, at + SIZE)));
      Atomics.store(words, at + OWNER, FREE);
      yield;
    }
  }

  #countLine(line: number): void {
    for (;;) {
      const used = Atomics.load(this.#words, 0);
      if (used > line) return;
      if (Atomics.compareExchange(this.#words, 0, used, BigInt(line + 1)) === used) return;
    }
  }
}
