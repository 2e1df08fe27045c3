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

interface MutablePiece extends PieceUnderWay {
  epoch: number | undefined;
  skipped: number;
  /** Shares that are not handled yet. */
  left: number;
}

export interface QueueEvents {
  /** Has a thread handle a share; `partition` is `undefined` if there are none. */
  readonly run: (planned: PlannedPiece, partition: number | undefined) => Promise<HandledShare>;
  /** Called when all shares of a piece and of those before it are handled, in their order. */
  readonly onHandled: (piece: PieceUnderWay) => void;
  readonly onError: (error: unknown, piece: PieceUnderWay) => void;
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
   * nothing to do; others are kept ready.
   */
  hasRoom(isWhole: boolean): boolean {
    if (this.#pieces.length >= WINDOW_PER_THREAD * this.#threads) return false;
    if (isWhole) return true;
    const { length } = this.#chains;
    return (
      this.#running < this.#threads &&
      (length === 0 || this.#chains.some((chain) => chain.length === 0))
    );
  }

  add(planned: PlannedPiece, session: number): void {
    const partitions = this.#chains.length;
    const left = Math.max(1, partitions);
    const underWay = { planned, session, epoch: undefined, skipped: 0, left };
    this.#pieces.push(underWay);
    if (partitions === 0) void this.#run(underWay);
    for (const [partition, chain] of this.#chains.entries()) {
      chain.push(underWay);
      if (chain.length === 1) void this.#runChain(chain, partition);
    }
  }

  /** Resolves when a share has been handled, or with the next `wake`. */
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

  async #runChain(chain: MutablePiece[], partition: number): Promise<void> {
    for (let next = chain[0]; next !== undefined && !this.#isStopped; next = chain[0]) {
      await this.#run(next, partition, chain);
    }
  }

  async #run(underWay: MutablePiece, partition?: number, chain?: MutablePiece[]): Promise<void> {
    this.#running++;
    try {
      const share = await this.#events.run(underWay.planned, partition);
      if (!this.#isStopped) this.#note(underWay, share);
    } catch (error) {
      if (!this.#isStopped) this.#events.onError(error, underWay);
    } finally {
      this.#running--;
      chain?.shift();
      this.wake();
    }
  }

  #note(underWay: MutablePiece, { epoch, skipped }: HandledShare): void {
    checkSame(underWay, epoch);
    underWay.epoch ??= epoch;
    underWay.skipped = Math.max(underWay.skipped, skipped);
    underWay.left--;
    for (let first = this.#pieces[0]; first?.left === 0; first = this.#pieces[0]) {
      this.#pieces.shift();
      this.#events.onHandled(first);
    }
  }
}

/** Between two partitions of a piece, another appender may have replaced its records. */
function checkSame({ epoch: before, planned }: PieceUnderWay, epoch: number | undefined): void {
  if (before === undefined || epoch === undefined || before === epoch) return;
  const { to } = planned.piece;
  throw new PositionLostError(to, to, before, epoch);
}
