/**
 * The pieces that a processor has under way: which call may begin, and up to where everything is
 * handled. The calls of one partition follow one another, whatever piece they are about.
 */
import { PositionLostError } from '../errors.js';
import type { PlannedPiece } from './plan.js';
import type { HandledShare } from './process-share.js';

/** So many pieces for each thread are under way at most. */
const WINDOW_PER_THREAD = 4;

/** A piece, and what its shares have told so far. */
export interface PieceUnderWay {
  readonly planned: PlannedPiece;
  /** Session epoch when it was cut. */
  readonly session: number;
  readonly epoch: number | undefined;
  readonly skipped: number;
}

export interface QueueEvents {
  /** Has a thread handle a share; `partition` is `undefined` if there are none. */
  readonly run: (planned: PlannedPiece, partition: number | undefined) => Promise<HandledShare>;
  /** Called when all shares of a piece and of those before it are handled, in their order. */
  readonly onHandled: (piece: PieceUnderWay) => void;
  /** Called once, when everything before a piece that has failed is handled. */
  readonly onError: (error: unknown, piece: PieceUnderWay) => void;
}

interface MutablePiece extends PieceUnderWay {
  epoch: number | undefined;
  skipped: number;
  /** Shares that are not handled yet. */
  left: number;
  failure: { readonly error: unknown } | undefined;
}

export class ProcessQueue {
  readonly #threads: number;
  /** For each partition what is to be done, the first of it being done; none without partitions. */
  readonly #chains: MutablePiece[][];
  readonly #events: QueueEvents;
  readonly #pieces: MutablePiece[] = [];
  #running = 0;
  #isStopped = false;
  #wake: (() => void) | undefined;

  constructor(threads: number, partitions: number, events: QueueEvents) {
    this.#threads = threads;
    this.#chains = Array.from({ length: partitions }, () => []);
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /**
   * Whether another piece may begin. One that would be larger if it came later waits until a thread has
   * nothing to do; others are kept ready. Behind a failure nothing begins.
   */
  hasRoom(isWhole: boolean): boolean {
    if (this.#pieces.length >= WINDOW_PER_THREAD * this.#threads) return false;
    if (this.#firstFailed() !== undefined) return false;
    if (isWhole) return true;
    const { length } = this.#chains;
    const isSomeIdle = length === 0 || this.#chains.some((chain) => chain.length === 0);
    return isSomeIdle && this.#running < this.#threads;
  }

  add(planned: PlannedPiece, session: number): void {
    const partitions = this.#chains.length;
    const left = Math.max(1, partitions);
    const piece = { planned, session, epoch: undefined, skipped: 0, left, failure: undefined };
    this.#pieces.push(piece);
    if (partitions === 0) void this.#run(piece);
    for (const [partition, chain] of this.#chains.entries()) {
      chain.push(piece);
      if (chain.length === 1) this.#runFirst(chain, partition);
    }
  }

  /** Resolves when a share has been handled, or with the next `wake`. For one who waits. */
  changed(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Nothing further begins, and nothing that is done counts as handled. */
  stop(): void {
    this.#isStopped = true;
    this.wake();
  }

  /** Has the first of a chain run, and then the next. */
  #runFirst(chain: MutablePiece[], partition: number): void {
    const [first] = chain;
    if (first === undefined || this.#isStopped || this.#isBehindFailure(first)) return;
    void this.#run(first, partition, () => {
      chain.shift();
      this.#runFirst(chain, partition);
    });
  }

  async #run(piece: MutablePiece, partition?: number, onDone?: () => void): Promise<void> {
    this.#running++;
    try {
      note(piece, await this.#events.run(piece.planned, partition));
    } catch (error) {
      piece.failure ??= { error };
    }
    this.#running--;
    // In one go: between the two, the partition would look idle.
    onDone?.();
    this.#settle();
    this.wake();
  }

  /** Tells of the pieces whose turn it is. */
  #settle(): void {
    for (let first = this.#pieces[0]; first !== undefined; first = this.#pieces[0]) {
      if (this.#isStopped || (first.left > 0 && first.failure === undefined)) return;
      try {
        if (first.failure !== undefined) throw first.failure.error;
        this.#events.onHandled(first);
      } catch (error) {
        this.stop();
        return this.#events.onError(error, first);
      }
      this.#pieces.shift();
    }
  }

  #firstFailed(): MutablePiece | undefined {
    return this.#pieces.find(({ failure }) => failure !== undefined);
  }

  #isBehindFailure({ planned }: MutablePiece): boolean {
    const failed = this.#firstFailed();
    return failed !== undefined && failed.planned.piece.index <= planned.piece.index;
  }
}

function note(piece: MutablePiece, { epoch, skipped }: HandledShare): void {
  const { to } = piece.planned.piece;
  // Between two partitions of a piece, another appender may have replaced its records.
  if (piece.epoch !== undefined && epoch !== undefined && piece.epoch !== epoch) {
    throw new PositionLostError(to, to, piece.epoch, epoch);
  }
  piece.epoch ??= epoch;
  piece.skipped = Math.max(piece.skipped, skipped);
  piece.left--;
}
