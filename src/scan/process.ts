/** Continuous processing: follow a log, and have a pool of threads handle what comes. */
import { availableParallelism } from 'node:os';
import { ControlFile } from '../control/control-file.js';
import { LogError, PositionLostError, ScanError } from '../errors.js';
import type { Position, ReaderDescription, TailerDescription } from '../read/description.js';
import type { Reader } from '../read/reader.js';
import type { Tailer } from '../read/tailer.js';
import { describeError } from './packed-error.js';
import { Plan, type PlannedPiece, type PlannedLog } from './plan.js';
import { startPool, usePool, type ScanPool } from './pool.js';
import { checkedWork, type ProcessOptions, type ProcessWork } from './process-options.js';
import { ProcessQueue, type PieceUnderWay } from './process-queue.js';
import type { HandledShare, Share } from './process-share.js';
import { Stop, runTask } from './run.js';
import { openFor } from './scan.js';
import { generationOf } from './thread-readers.js';

const PIECE_BYTES = 1024 * 1024;

/** A log to follow: its path, a reader of it, or what `describe` of a reader or tailer has returned. */
export type ProcessedLog = string | Reader | ReaderDescription | TailerDescription;

/**
 * Has your function (`ScanFunction`, as in `scan`; what it returns is awaited and left) handle
 * everything that is in a log and everything that comes, in several threads, until it is stopped. What
 * comes is cut into pieces: small ones while the threads keep up, so that nothing waits; up to
 * `pieceBytes` when they do not. If they do not for long, the processor does not run ahead of them.
 *
 * Each record is handled **at least once**. After a crash or an error resume from `handled`: what was
 * under way then is handled again, also what had been handled out of order behind it.
 *
 * Order: with `partitions`, the records of a partition are handled in the order of the log, and never
 * two calls of one partition at a time, in whichever threads; a cursor shows only the partition's
 * records, and a partition that has none in a piece is not called. Without, pieces are handled side by
 * side.
 *
 * Rolling and flushing change nothing, nor do the death of the writer and its return, unless records
 * that were seen have been lost with it.
 *
 * @throws {PositionLostError} `from` is a position that does not belong to the log any more
 * @throws {OffsetOutOfRangeError} `from` lies below the start of the log, and `onDropped` is `'error'`
 * @throws {LogError} `CLOSED`: the pool is closed; and whatever `openReader` throws
 * @throws {RangeError | TypeError} wrong options
 */
export function processLog<A = unknown>(log: ProcessedLog, options: ProcessOptions<A>): Processor {
  const work = checkedWork(options);
  const reader = openFor(log, options);
  try {
    return new Processor(reader, startOf(log, options), options, work);
  } catch (error) {
    reader.close();
    throw error;
  }
}

type Start = NonNullable<ProcessOptions['from']>;

function startOf(log: ProcessedLog, { from }: ProcessOptions): Start {
  const described = typeof log === 'object' && 'from' in log ? log.from : undefined;
  return from ?? described ?? 'start';
}

/** A log being processed: what `processLog` returns. */
export class Processor {
  /**
   * Resolves when the processor has ended, with what `handled` is then: after `stop`, or by
   * `endAtClose`. Everything that it has started has ended by then, also when it rejects (the thread
   * that waits for all tailers of this one lets go of the log a moment later):
   * - `ScanError`: the function has thrown, or cannot be loaded; a key is none; a thread has died;
   *   records have been dropped; the log is damaged. `cause` is the error itself, `piece` and `offset`
   *   say where. The pieces before that are handled first, so that whoever resumes gets on
   * - `PositionLostError`: an unclean end has taken records that had been seen
   * - the signal's reason; what `onHandled` has thrown
   */
  readonly done: Promise<Position>;
  readonly #options: ProcessOptions;
  readonly #work: ProcessWork;
  readonly #reader: Reader;
  readonly #control: ControlFile;
  readonly #tailer: Tailer;
  readonly #users: ScanPool | undefined;
  readonly #threads: number;
  readonly #partitions: number;
  readonly #queue: ProcessQueue;
  readonly #stop = new Stop();
  #pool: ScanPool | undefined;
  #pieces = 0;
  /** Where the next piece begins. */
  #planned: number;
  /** The same, as it was when the tailer last went there. */
  #seen: Position;
  #handled: Position;
  #skipped = 0;
  /** Session epoch of the log that `#handled` is known to belong to. */
  #session: number;
  /** Of the threads' readers, and the session epoch before it was taken. */
  #generation: { readonly name: string; readonly session: number } | undefined;
  /** Nothing new begins. */
  #isEnding = false;
  /** What is under way is given up. */
  #hasFailed = false;

  /** @internal Use `processLog`. */
  constructor(reader: Reader, from: Start, options: ProcessOptions, work: ProcessWork) {
    const { onDropped = 'error', endAtClose = false, workers, partitions } = options;
    this.#options = options;
    this.#work = work;
    this.#reader = reader;
    this.#control = ControlFile.open(reader.path, 'read');
    try {
      this.#session = this.#control.sessionEpoch();
      const onWriterChange = (): void => (this.#generation = undefined);
      this.#tailer = reader.tailer({ from, onDropped, endAtClose, onWriterChange });
      this.#users = options.pool && usePool(options.pool, this.#fail);
    } catch (error) {
      this.#control.close();
      throw error;
    }
    this.#seen = this.#handled = this.#tailer.position;
    this.#planned = this.#seen.offset;
    this.#threads = this.#users?.threads ?? workers ?? availableParallelism();
    this.#partitions = partitions === undefined ? 0 : (partitions.count ?? this.#threads);
    this.#queue = new ProcessQueue(this.#threads, this.#partitions, {
      run: (planned, partition) => this.#run(planned, partition),
      onHandled: (piece) => this.#advance(piece),
      onError: (error, { session }) => this.#fail(this.#lossOr(error, session)),
    });
    this.done = this.#process();
  }

  /**
   * Everything before it has been handled. Keep it (how is up to you), and give it as `from` to resume,
   * in any process.
   */
  get handled(): Position {
    return this.#handled;
  }

  /** Offsets that were dropped from the log before they were handled, with `onDropped: 'skip'`. */
  get skipped(): number {
    return this.#skipped;
  }

  /** Begins nothing new. What is under way goes on to its end; then `done` resolves, which is returned. */
  stop(): Promise<Position> {
    this.#end();
    return this.done;
  }

  // --- Following ---

  async #process(): Promise<Position> {
    const { signal } = this.#options;
    const abort = (): void => this.#fail(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      signal?.throwIfAborted();
      this.#pool = this.#users ?? (await startPool(this.#threads, this.#fail));
      this.#stop.pool = this.#pool;
      const end = await this.#follow().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      // Also before an error: if what lies before damage were given up, nobody would ever get past it.
      while (!this.#queue.isEmpty && !this.#hasFailed) await this.#queue.changed();
      this.#stop.check();
      if (end !== undefined) throw scanErrorOf(end.error, this.#tailer.nextOffset);
      return this.#handled;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#end();
      this.#queue.stop();
      await (this.#pool ?? this.#users)?.release();
      this.#control.close();
      this.#reader.close();
    }
  }

  /** Until the log ends, or this processor does. */
  async #follow(): Promise<void> {
    while (!this.#isEnding && (await this.#tailer.nextAsync())) {
      await this.#addPieces(this.#reader.boundOffset);
      if (this.#isEnding) return;
      this.#tailer.seek(this.#planned);
      this.#seen = this.#tailer.position;
    }
  }

  /** Cuts what there is into pieces, each when there is room for it. */
  async #addPieces(to: number): Promise<void> {
    const { pieceBytes = PIECE_BYTES } = this.#options;
    const plan = new Plan(this.#logFrom(this.#planned), { from: this.#planned, to }, pieceBytes);
    try {
      for (let next = plan.next(); next !== undefined; next = plan.next()) {
        const isLast = next.piece.to === to;
        let hasWaited = false;
        while (!this.#isEnding && !this.#queue.hasRoom(!isLast)) {
          await this.#queue.changed();
          hasWaited = true;
        }
        if (this.#isEnding) return;
        // By now it can be larger.
        if (isLast && hasWaited && this.#reader.boundOffset > to) return;
        this.#planned = next.piece.to;
        const piece = { ...next.piece, index: this.#pieces++ };
        this.#queue.add({ ...next, piece }, this.#control.sessionEpoch());
      }
    } finally {
      plan.close();
    }
  }

  #logFrom(offset: number): PlannedLog {
    const { path: directory, logId, segmentSet } = this.#reader;
    const first = segmentSet.bases.findLastIndex((base) => base <= offset);
    return { directory, logId, bases: segmentSet.bases.slice(Math.max(0, first)) };
  }

  async #run({ piece, extents }: PlannedPiece, index?: number): Promise<HandledShare> {
    const { by, ...work } = this.#work;
    const count = this.#partitions;
    const partition = by === undefined || index === undefined ? undefined : { by, index, count };
    const share: Share = { partition, skipsDropped: this.#options.onDropped === 'skip' };
    const task = {
      ...work,
      log: { ...this.#reader.describe(), access: 'sequential' as const },
      generation: this.#generationNow(),
      piece,
      extents,
      share,
      skipsDamage: false,
      leavesCold: false,
    };
    const { value } = await runTask(task, this.#pool as ScanPool);
    return value as HandledShare;
  }

  /** Taken anew only when the writer has changed: it costs system calls. */
  #generationNow(): string {
    const session = this.#control.sessionEpoch();
    if (this.#generation?.session !== session) {
      this.#generation = { name: generationOf(this.#reader.path), session };
    }
    return this.#generation.name;
  }

  // --- Handled ---

  #advance({ planned, session: begun, epoch, skipped }: PieceUnderWay): void {
    const next = { offset: planned.piece.to, epoch };
    const session = this.#control.sessionEpoch();
    // Another appender has come: other records may stand now where some have been handled.
    if (session !== this.#session) this.#checkPosition(this.#handled);
    if (session !== begun) this.#checkPosition(next);
    this.#session = session;
    this.#handled = next;
    this.#skipped += skipped;
    this.#options.onHandled?.(next);
  }

  /** What looks like damage may be the loss of what another appender has not found any more. */
  #lossOr(error: unknown, session: number): unknown {
    if (!(error instanceof LogError) || session === this.#control.sessionEpoch()) return error;
    try {
      this.#checkPosition(this.#handled);
      this.#checkPosition(this.#seen);
      return error;
    } catch (found) {
      return found instanceof PositionLostError ? found : error;
    }
  }

  #checkPosition(position: Position): void {
    this.#reader.tailer({ from: position, onDropped: 'skip' }).close();
  }

  // --- Ending ---

  #end(): void {
    this.#isEnding = true;
    this.#tailer.close();
    this.#queue.wake();
  }

  readonly #fail = (error: unknown): void => {
    this.#hasFailed = true;
    this.#stop.because(error);
    this.#queue.stop();
    this.#end();
  };
}

/** What following the log meets, as if a piece had. */
function scanErrorOf(error: unknown, offset: number): unknown {
  if (!(error instanceof LogError) || error instanceof PositionLostError) return error;
  return new ScanError(describeError(error), undefined, offset, { cause: error });
}
