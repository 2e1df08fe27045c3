/** The threads that a scan runs in: a pool made for it, or one of the user's. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Piscina } from 'piscina';
import { LogClosedError, ScanError } from '../errors.js';
import { ThreadGuard } from '../mapping/thread-guard.js';
import type { PieceReply, PieceTask, PlainTask } from './messages.js';
import { ThreadMappings } from './thread-mappings.js';

/** What runs in the threads of a pool. */
export interface PoolWorker {
  readonly filename: string;
  /** The export that takes the tasks. */
  readonly name: string;
}

const PIECES: PoolWorker = {
  filename: fileURLToPath(new URL('./piece-entry.cjs', import.meta.url)),
  name: 'runPiece',
};
/** A thread is given so long to load what it needs, or a user's module to be evaluated, before it ends. */
const LOADING_MS = 10_000;

export interface ScanPool<T = PlainTask, R = PieceReply> {
  readonly threads: number;
  /** Rejects only if the pool cannot run the task to its end; what fails in it is a reply. */
  run(task: T): Promise<R>;
  /** Ends what still runs, by ending its threads. */
  stop(): void;
  /** Resolves when nothing of the scan is left, of a pool made for it not even mappings. */
  release(): Promise<void>;
}

/**
 * A pool of `threads` threads. `onError` hears of threads that fail outside of any task, and when the last
 * one has died: piscina does not replace those that end before they have begun.
 */
export async function startPool<T = PlainTask, R = PieceReply>(
  threads: number,
  onError: (error: unknown) => void,
  worker = PIECES,
): Promise<ScanPool<T, R>> {
  const { Piscina } = await import('piscina');
  const pool = new Piscina({ ...worker, minThreads: threads, maxThreads: threads });
  pool.on('error', onError);
  return new OwnPool(pool, threads, onError);
}

/**
 * Makes use of a pool. `onError` hears when its last thread has died.
 * @throws {LogError} `CLOSED`
 */
export function usePool<T = PlainTask, R = PieceReply>(
  pool: Piscina,
  onError: (error: unknown) => void,
  worker = PIECES,
): ScanPool<T, R> {
  const mappings = ThreadMappings.of(pool);
  if (mappings.isClosed) throw closedError();
  return new UsersPool(pool, mappings, onError, worker);
}

/** What the pool adds to every task. */
type Shared = Pick<PieceTask, 'ledger' | 'guard'>;

class OwnPool<T, R> implements ScanPool<T, R> {
  readonly threads: number;
  readonly #pool: Piscina<T & Shared, R>;
  readonly #mappings: ThreadMappings;
  readonly #guard = new ThreadGuard();
  #end: Promise<void> | undefined;

  constructor(pool: Piscina, threads: number, onError: (error: unknown) => void) {
    this.threads = threads;
    this.#pool = pool;
    this.#mappings = ThreadMappings.of(pool);
    this.#mappings.onExit(() => {
      if (this.#end !== undefined || pool.threads.length > 0) return;
      onError(lastThreadEnded());
      // Rejects what is queued.
      this.stop();
    });
  }

  run(task: T): Promise<R> {
    const { ledger } = this.#mappings;
    return this.#pool.run({ ...task, ledger, guard: this.#guard.shared });
  }

  stop(): void {
    void this.release();
  }

  release(): Promise<void> {
    return (this.#end ??= this.#destroy());
  }

  /** A thread that fails while it is being ended is replaced by piscina, so this looks again. */
  async #destroy(): Promise<void> {
    await untilTerminable(this.#pool, this.#guard);
    do {
      this.#mappings.watch();
      await this.#pool.destroy();
      await this.#mappings.ended();
    } while (this.#pool.threads.length > 0);
  }
}

class UsersPool<T, R> implements ScanPool<T, R> {
  readonly #pool: Piscina<T & Shared, R>;
  readonly #mappings: ThreadMappings;
  readonly #guard = new ThreadGuard();
  readonly #worker: PoolWorker;
  /** Aborting a task that runs makes piscina end its thread, and replace it. */
  readonly #abort = new AbortController();
  readonly #ignoreExits: () => void;
  #isRefusing = false;
  /** Tasks of this scan that piscina has. */
  #running = 0;
  #end: Promise<void> | undefined;

  constructor(
    pool: Piscina,
    mappings: ThreadMappings,
    onError: (error: unknown) => void,
    worker: PoolWorker,
  ) {
    this.#pool = pool;
    this.#mappings = mappings;
    this.#worker = worker;
    setMaxListeners(0, this.#abort.signal);
    this.#ignoreExits = mappings.onExit(() => {
      // Piscina would leave what is queued waiting for a thread that never comes.
      if (this.#running === 0 || pool.threads.length > 0) return;
      onError(lastThreadEnded());
    });
  }

  get threads(): number {
    return Math.max(1, Math.floor(this.#pool.maxThreads));
  }

  async run(task: T): Promise<R> {
    const { signal } = this.#abort;
    const { ledger } = this.#mappings;
    this.#running++;
    const whole = { ...task, ledger, guard: this.#guard.shared };
    const reply = this.#pool.run(whole, { ...this.#worker, signal });
    this.#mappings.watch();
    try {
      return await reply;
    } catch (error) {
      if (signal.aborted || !(error instanceof Error) || error.name !== 'AbortError') throw error;
      this.#isRefusing = true;
      throw closedError();
    } finally {
      this.#running--;
      this.#mappings.watch();
    }
  }

  stop(): void {
    this.#end ??= this.#abortTasks();
  }

  async release(): Promise<void> {
    await this.#end;
    this.#ignoreExits();
  }

  /** Not while the pool is closing: it waits for what runs, and would miss the thread's end. */
  async #abortTasks(): Promise<void> {
    if (this.#isRefusing || this.#running === 0) return;
    await untilTerminable(this.#pool, this.#guard);
    const before = this.#pool.threads;
    this.#pool.on('error', expectLateReply);
    this.#abort.abort();
    this.#mappings.watch();
    const { threads } = this.#pool;
    const ending = before.filter((thread) => !threads.includes(thread));
    await Promise.all(ending.map((thread) => new Promise((ended) => thread.once('exit', ended))));
    await new Promise(setImmediate);
    this.#pool.off('error', expectLateReply);
  }
}

/**
 * A thread may have replied just before it is stopped. Piscina has forgotten the task by then, and makes
 * the reply an error of the pool; where nobody listens for these, that would end the process.
 */
function expectLateReply(this: Piscina, error: unknown): void {
  const isLateReply = error instanceof Error && error.message.startsWith('Unexpected message');
  // Whoever stands alone stands for nobody: then it is as if there were no listener.
  if (!isLateReply && this.listeners('error').every((each) => each === expectLateReply))
    throw error;
}

/** Resolves when no thread is within what must not be interrupted, nor will be. */
async function untilTerminable(pool: Piscina, guard: ThreadGuard): Promise<void> {
  guard.stop();
  const deadline = performance.now() + LOADING_MS;
  const isBusy = (): boolean =>
    pool.threads.some(({ threadId }) => threadId > 0 && guard.isBusy(threadId));
  while (isBusy() && performance.now() < deadline) await sleep(1);
}

function lastThreadEnded(): ScanError {
  return new ScanError('the last thread of the pool has ended');
}

function closedError(): LogClosedError {
  return new LogClosedError('pool', 'scan');
}
