/** Unmaps what the threads of a pool have mapped, when they are gone. */
import type { Worker } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { MappingLedger } from '../mapping/ledger.js';

/** Unmapping much memory takes long; others get their turn after this time. */
const TURN_MS = 2;

const known = new WeakMap<Piscina, ThreadMappings>();

export class ThreadMappings {
  readonly #pool: Piscina;
  readonly #ledger = new MappingLedger();
  readonly #watched = new WeakSet<Worker>();
  /** Of threads that have not ended, or whose mappings are still there. */
  readonly #ends = new Set<Promise<void>>();
  readonly #exitListeners = new Set<() => void>();
  #hasClosed = false;

  private constructor(pool: Piscina) {
    this.#pool = pool;
    pool.on('workerCreate', () => this.watch());
    pool.on('close', () => (this.#hasClosed = true));
  }

  /** One for each pool, as long as it lives. */
  static of(pool: Piscina): ThreadMappings {
    const found = known.get(pool) ?? new ThreadMappings(pool);
    known.set(pool, found);
    found.watch();
    return found;
  }

  /** To be sent along with every task. */
  get ledger(): SharedArrayBuffer {
    return this.#ledger.shared;
  }

  /** The pool has been closed, as far as it lets others know: with no thread left it might be idle. */
  get isClosed(): boolean {
    const { threads, minThreads } = this.#pool;
    return threads.length === 0 && (minThreads > 0 || this.#hasClosed);
  }

  /** Takes note of threads that are new. A pool may replace one at any time. */
  watch(): void {
    for (const thread of this.#pool.threads) {
      if (this.#watched.has(thread)) continue;
      this.#watched.add(thread);
      const end = this.#unmapAtExit(thread).finally(() => this.#ends.delete(end));
      this.#ends.add(end);
    }
  }

  /** Tells whenever a thread has ended and the pool has taken note. Returns how to stop that. */
  onExit(listener: () => void): () => void {
    this.#exitListeners.add(listener);
    return () => this.#exitListeners.delete(listener);
  }

  /** Resolves when all threads that were watched have ended, and their mappings are gone. */
  async ended(): Promise<void> {
    await Promise.all(this.#ends);
  }

  /** Not before its `exit`: until then the thread may read what it has mapped. */
  async #unmapAtExit(thread: Worker): Promise<void> {
    const { threadId } = thread;
    await new Promise((resolve) => thread.once('exit', resolve));
    await new Promise(setImmediate);
    // The one that replaces it, which the pool tells of only when it is ready, may end before that.
    this.watch();
    for (const listener of this.#exitListeners) listener();
    let turnEnds = performance.now() + TURN_MS;
    for (const _ of this.#ledger.unmapThread(threadId)) {
      if (performance.now() < turnEnds) continue;
      await new Promise(setImmediate);
      turnEnds = performance.now() + TURN_MS;
    }
  }
}
