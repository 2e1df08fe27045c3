/**
 * Keeps threads from being terminated at the wrong time. Native add-ons that are just being loaded, or
 * are just making a JavaScript object, cannot bear it: they take the whole process along. So a thread
 * says when it is about to do such things, and who wants to terminate it waits until it is done.
 *
 * Word 0 says that threads are going to be terminated; then each thread has a word, by its id, that
 * counts what it is within. A thread raises its count and then looks at word 0; the other one sets word 0
 * and then looks at the counts. So either the thread sees that it must not go on, and sleeps for good,
 * or it is seen. No import here loads anything native.
 */
import { threadId } from 'node:worker_threads';

const STOPPING = 0;
const FIRST_THREAD = 1;
/** Ids that are equal modulo this share a word; then one waits for the other too. */
const THREADS = 1023;

export class ThreadGuard {
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(shared = new SharedArrayBuffer((FIRST_THREAD + THREADS) * 4)) {
    this.shared = shared;
    this.#words = new Int32Array(shared);
  }

  /** This thread is about to do what must not be interrupted. If it is too late for that, it sleeps. */
  enter(): void {
    const own = wordOf(threadId);
    // Who is within already must get out again.
    if (Atomics.add(this.#words, own, 1) > 0) return;
    if (Atomics.load(this.#words, STOPPING) === 0) return;
    Atomics.sub(this.#words, own, 1);
    for (;;) Atomics.wait(this.#words, STOPPING, 1);
  }

  leave(): void {
    Atomics.sub(this.#words, wordOf(threadId), 1);
  }

  /** From now on no thread enters. */
  stop(): void {
    Atomics.store(this.#words, STOPPING, 1);
  }

  /** Whether this thread must not be terminated. After `stop` that only changes to no. */
  isBusy(id: number): boolean {
    return Atomics.load(this.#words, wordOf(id)) > 0;
  }
}

function wordOf(id: number): number {
  return FIRST_THREAD + (id % THREADS);
}
