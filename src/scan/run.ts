/**
 * Has a pool work on the pieces of a plan, several at a time, and takes the results in the order of the
 * pieces. The first failure stops everything.
 */
import { LogClosedError, ScanError } from '../errors.js';
import type { Piece, PieceReply, PlainTask, SkippedDamage } from './messages.js';
import type { ScanProgress } from './options.js';
import { describeError, unpackError } from './packed-error.js';
import type { Plan, PlannedPiece } from './plan.js';
import type { ScanPool } from './pool.js';

/** So many pieces for each thread run, or wait for their turn: results do not pile up behind a slow one. */
const WINDOW_PER_THREAD = 4;

export interface PieceResult {
  readonly piece: Piece;
  readonly value: unknown;
  readonly damage: readonly SkippedDamage[];
}

export interface Job {
  readonly plan: Plan;
  readonly totalRecords: number;
  readonly taskFor: (planned: PlannedPiece) => PlainTask;
  /** Called with every result, in order, and waited for. `false`: that was enough. */
  readonly take: (result: PieceResult) => boolean | Promise<boolean>;
  readonly onProgress: ((progress: ScanProgress) => void) | undefined;
}

/** Stops a scan: remembers the first reason, and ends what runs. */
export class Stop {
  #reason: { readonly error: unknown } | undefined;
  #pool: ScanPool | undefined;
  /** Ends the wait that is under way. */
  #stopWaiting: (error: unknown) => void = () => {};

  readonly because = (error: unknown): void => {
    this.#reason ??= { error };
    this.#stopWaiting(error);
    this.#pool?.stop();
  };

  /**
   * Waits for a promise, but no longer than until the scan is stopped. For one who waits. A race against
   * a promise that lasts as long as the scan would keep all results as long.
   */
  orUntil<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.check();
      this.#stopWaiting = reject;
      promise.then(resolve, reject);
    });
  }

  /** What is to be stopped, from when on it is there. */
  set pool(pool: ScanPool) {
    this.#pool = pool;
    if (this.#reason !== undefined) pool.stop();
  }

  /** Throws what has stopped the scan. */
  check(): void {
    if (this.#reason !== undefined) throw this.#reason.error;
  }
}

export async function runPieces(job: Job, pool: ScanPool, stop: Stop): Promise<void> {
  const { plan } = job;
  const progress = new Progress(job);
  const waiting: Promise<PieceResult>[] = [];
  try {
    for (;;) {
      stop.check();
      while (waiting.length < WINDOW_PER_THREAD * pool.threads) {
        const planned = plan.next();
        if (planned === undefined) break;
        const result = runPiece(job, planned, pool, progress);
        // At once, not when it is its turn.
        result.catch(stop.because);
        waiting.push(result);
      }
      const first = waiting.shift();
      if (first === undefined) return;
      const taken = job.take(await stop.orUntil(first));
      if (!(typeof taken === 'boolean' ? taken : await stop.orUntil(taken))) break;
    }
    // Enough. What runs still may go on to its end.
    await stop.orUntil(Promise.all(waiting));
  } catch (error) {
    stop.because(error);
    stop.check();
  }
}

async function runPiece(
  job: Job,
  planned: PlannedPiece,
  pool: ScanPool,
  progress: Progress,
): Promise<PieceResult> {
  const { piece } = planned;
  const reply = await runTask(job.taskFor(planned), pool);
  progress.add(piece);
  return { piece, value: reply.value, damage: reply.damage };
}

/** @throws {ScanError} what has failed in the thread, or with it */
export async function runTask(
  task: PlainTask,
  pool: ScanPool,
): Promise<Extract<PieceReply, { kind: 'done' }>> {
  const { piece } = task;
  let reply: PieceReply;
  try {
    reply = await pool.run(task);
  } catch (error) {
    if (error instanceof LogClosedError) throw error;
    const why = `its thread has ended: ${describeError(error)}`;
    throw new ScanError(why, piece, undefined, { cause: error });
  }
  if (reply.kind === 'done') return reply;
  const cause = unpackError(reply.error);
  throw new ScanError(describeError(cause), piece, reply.offset, { cause });
}

class Progress {
  readonly #job: Job;
  #records = 0;
  #bytes = 0;
  #pieces = 0;

  constructor(job: Job) {
    this.#job = job;
  }

  add({ from, to, bytes }: Piece): void {
    const { onProgress, plan, totalRecords } = this.#job;
    this.#records += to - from;
    this.#bytes += bytes;
    this.#pieces++;
    if (onProgress === undefined) return;
    const { pieces: totalPieces, bytes: totalBytes } = plan.totals();
    const done = { records: this.#records, bytes: this.#bytes, pieces: this.#pieces };
    onProgress({ ...done, totalRecords, totalBytes, totalPieces });
  }
}
