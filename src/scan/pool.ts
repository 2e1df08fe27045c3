/** The threads that a scan runs in: a pool made for it, or one of the user's. */
import { setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { LogClosedError, ScanError } from '../errors.js';
import type { PieceReply, PieceTask } from './messages.js';
import { ThreadMappings } from './thread-mappings.js';

const WORKER = {
  filename: fileURLToPath(new URL('./piece-worker.js', import.meta.url)),
  name: 'runPiece',
};

export interface ScanPool {
  readonly threads: number;
  /** Rejects only if the pool cannot run the task to its end; what fails in it is a reply. */
  run(task: Omit<PieceTask, 'ledger'>): Promise<PieceReply>;
  /** Ends what still runs, by ending its threads. Every `run` under way rejects at once. */
  stop(): void;
  /** Resolves when nothing of the scan is left, of a pool made for it not even mappings. */
  release(): Promise<void>;
}

/** A pool of `threads` threads. `onError` hears of threads that fail outside of any task. */
export async function startPool(
  threads: number,
  onError: (error: unknown) => void,
): Promise<ScanPool> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({ ...WORKER, minThreads: threads, maxThreads: threads });
  pool.on('error', onError);
  return new OwnPool(pool, threads);
}

/**
 * Makes use of a pool. `onError` hears when its last thread has died.
 * @throws {LogError} `CLOSED`
 */
export function usePool(pool: Piscina, onError: (error: unknown) => void): ScanPool {
  const mappings = ThreadMappings.of(pool);
  if (mappings.isClosed) throw closedError();
  return new UsersPool(pool, mappings, onError);
}

class OwnPool implements ScanPool {
  readonly threads: number;
  readonly #pool: Piscina<PieceTask, PieceReply>;
  readonly #mappings: ThreadMappings;
  #end: Promise<void> | undefined;

  constructor(pool: Piscina, threads: number) {
    this.threads = threads;
    this.#pool = pool;
    this.#mappings = ThreadMappings.of(pool);
  }

  run(task: Omit<PieceTask, 'ledger'>): Promise<PieceReply> {
    return this.#pool.run({ ...task, ledger: this.#mappings.ledger });
  }

  stop(): void {
    void this.release();
  }

  release(): Promise<void> {
    return (this.#end ??= this.#destroy());
  }

  /** A thread that fails while it is being ended is replaced by piscina, so this looks again. */
  async #destroy(): Promise<void> {
    do {
      this.#mappings.watch();
      await this.#pool.destroy();
      await this.#mappings.ended();
    } while (this.#pool.threads.length > 0);
  }
}

class UsersPool implements ScanPool {
  readonly #pool: Piscina<PieceTask, PieceReply>;
  readonly #mappings: ThreadMappings;
  /** Aborting a task that runs makes piscina end its thread, and replace it. */
  readonly #stop = new AbortController();
  readonly #ignoreExits: () => void;
  /** Tasks of this scan that piscina has. */
  #running = 0;

  constructor(pool: Piscina, mappings: ThreadMappings, onError: (error: unknown) => void) {
    this.#pool = pool;
    this.#mappings = mappings;
    setMaxListeners(0, this.#stop.signal);
    this.#ignoreExits = mappings.onExit(() => {
      // Piscina would leave what is queued waiting for a thread that never comes.
      if (this.#running === 0 || pool.threads.length > 0) return;
      onError(new ScanError('the last thread of the pool has ended'));
    });
  }

  get threads(): number {
    return Math.max(1, Math.floor(this.#pool.maxThreads));
  }

  async run(task: Omit<PieceTask, 'ledger'>): Promise<PieceReply> {
    const { signal } = this.#stop;
    const { ledger } = this.#mappings;
    this.#running++;
    const reply = this.#pool.run({ ...task, ledger }, { ...WORKER, signal });
    this.#mappings.watch();
    try {
      return await reply;
    } catch (error) {
      const isRefused = error instanceof Error && error.name === 'AbortError' && !signal.aborted;
      throw isRefused ? closedError() : error;
    } finally {
      this.#running--;
      this.#mappings.watch();
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#mappings.watch();
  }

  release(): Promise<void> {
    this.#ignoreExits();
    return Promise.resolve();
  }
}

function closedError(): LogClosedError {
  return new LogClosedError('pool', 'scan');
}
