/**
 * Makes commits durable, oldest segment first, and says so only afterwards.
 *
 * The argument, rule by rule (FORMAT.md, "Flush"):
 * 1. The bound is taken first: what is committed later than that is not claimed.
 * 2. Every segment from the flushed bound on is synced on the descriptor that was opened before its
 *    first store, oldest first, and the directory after the first sync of a new segment. Nothing is
 *    published before all of that has succeeded, so a published bound never has a hole below it.
 * 3. A failed sync poisons: the kernel forgets the pages that it failed to write, so no later success
 *    means anything for them.
 *
 * One flusher lives in the maintenance thread, one in the appender's for syncs that are quicker done
 * than handed over. They share no memory but the segments' words, and take turns at the gate.
 */
import type { Bell } from '../control/bell.js';
import type { ControlFile } from '../control/control-file.js';
import { LogError } from '../errors.js';
import {
  COMMITTED_COUNT,
  COMMITTED_POSITION,
  FLUSHED_POSITION,
  SEALED,
} from '../format/index-header.js';
import { syncDirectory, syncFile } from '../mapping/files.js';
import { throughGate, type Side } from './gate.js';
import { FLUSHES, POISONED, type SharedState } from './shared-state.js';

/** A segment that may hold commits which are not durable yet. */
export interface FlushTarget {
  readonly base: number;
  readonly path: string;
  readonly indexPath: string;
  readonly fd: number;
  readonly indexFd: number;
  /** The index file's header page. */
  readonly words: Int32Array;
}

/** Which of the two flushers this is. */
export interface FlusherRole {
  readonly side: Side;
  /**
   * The other thread has ended in the middle of a sync or of writing a checkpoint. A failure may have
   * been reported to it, and is not reported again: all that is not known to be durable has to be
   * stored anew before the next sync.
   */
  readonly onAbandoned: () => void;
  /** Rung when more is durable. */
  readonly bell: Bell;
}

interface Entry {
  readonly target: FlushTarget;
  /** Its name was made durable by a sync of the directory. */
  named: boolean;
}

export class Flusher {
  readonly #directory: string;
  readonly #control: ControlFile;
  readonly #shared: SharedState;
  readonly #role: FlusherRole;
  /** Oldest first; the last one is active, or sealed with its successor about to be added. */
  #entries: Entry[] = [];

  constructor(directory: string, control: ControlFile, shared: SharedState, role: FlusherRole) {
    this.#directory = directory;
    this.#control = control;
    this.#shared = shared;
    this.#role = role;
  }

  /** `named`: the directory has been synced since the segment got its name. */
  add(target: FlushTarget, named: boolean): void {
    this.#entries.push({ target, named });
  }

  /** Drops a segment that the other flusher has retired. */
  forget(base: number): void {
    this.#entries = this.#entries.filter(({ target }) => target.base !== base);
  }

  /** Bytes that a flush would have to sync now. */
  unflushedBytes(): number {
    let bytes = 0;
    for (const { target } of this.#entries) {
      const committed = Atomics.load(target.words, COMMITTED_POSITION);
      bytes += (committed - Atomics.load(target.words, FLUSHED_POSITION)) * 8;
    }
    return bytes;
  }

  /**
   * Syncs everything committed before the call; returns the new flushed offset.
   * @throws {StorageError} the sync failed; from now on everything throws `POISONED`
   */
  flush(): number {
    return this.#throughGate(() => this.#flush());
  }

  /**
   * Makes the flushed bound itself durable, with the index below it, so that damage below it is known
   * for damage even if nothing is committed afterwards.
   */
  checkpoint(): void {
    this.#throughGate(() => {
      this.#checkPoison();
      const durableOffset = this.#flush();
      this.#poisonOnFailure(() => {
        this.#syncNewSegments();
        for (const { target } of this.#entries) syncFile(target.indexFd, target.indexPath);
        const segmentBase = this.#firstUnfinished().base;
        this.#control.writeCheckpoint({ clean: false, durableOffset, segmentBase });
      });
    });
  }

  /** Records durably that the log starts at `startOffset`, the base of a segment that stays. */
  moveStart(startOffset: number): void {
    this.#throughGate(() => {
      this.#checkPoison();
      const { segmentBase, durableOffset } = this.#control.checkpoint();
      this.#poisonOnFailure(() =>
        this.#control.writeCheckpointTwice({
          clean: false,
          startOffset,
          segmentBase: Math.max(segmentBase, startOffset),
          durableOffset: Math.max(durableOffset, startOffset),
        }),
      );
    });
  }

  /** Makes durable which files there are. Names of new segments may be among them, so this poisons, too. */
  syncNames(): void {
    this.#throughGate(() => {
      this.#checkPoison();
      this.#poisonOnFailure(() => syncDirectory(this.#directory));
    });
  }

  /**
   * Hands back the sealed segments that need no further sync, removing them from the list: their index
   * is synced here, once.
   */
  takeFinished(): FlushTarget[] {
    return this.#throughGate(() => {
      const finished: FlushTarget[] = [];
      while (this.#entries.length > 1 && isFinished((this.#entries[0] as Entry).target)) {
        const { target } = this.#entries.shift() as Entry;
        this.#poisonOnFailure(() => syncFile(target.indexFd, target.indexPath));
        finished.push(target);
      }
      return finished;
    });
  }

  #throughGate<T>(action: () => T): T {
    return throughGate(this.#shared, this.#role.side, this.#role.onAbandoned, action);
  }

  #flush(): number {
    this.#checkPoison();
    const bounds = this.#entries.map(takeBound);
    let synced = 0;
    this.#poisonOnFailure(() => {
      for (const [i, entry] of this.#entries.entries())
        synced += this.#sync(entry, bounds[i] as Bound);
    });
    for (const [i, { target }] of this.#entries.entries()) {
      Atomics.store(target.words, FLUSHED_POSITION, (bounds[i] as Bound).position);
    }
    if (synced > 0) {
      Atomics.add(this.#shared, FLUSHES, 1);
      this.#role.bell.ring();
    }
    const last = this.#entries.length - 1;
    return (this.#entries[last] as Entry).target.base + (bounds[last] as Bound).count;
  }

  /** Returns the number of segments synced. */
  #sync(entry: Entry, bound: Bound): 0 | 1 {
    const { target } = entry;
    if (Atomics.load(target.words, FLUSHED_POSITION) === bound.position) return 0;
    syncFile(target.fd, target.path);
    if (!entry.named) syncDirectory(this.#directory);
    entry.named = true;
    return 1;
  }

  /**
   * A segment that nothing has been put into yet is no flush's business. But a log that is closed with
   * such a one at its end is opened again without being walked, and whoever goes on there takes header
   * and name for durable: flushes of theirs sync neither.
   */
  #syncNewSegments(): void {
    for (const entry of this.#entries) {
      if (entry.named) continue;
      syncFile(entry.target.fd, entry.target.path);
      syncDirectory(this.#directory);
      entry.named = true;
    }
  }

  #firstUnfinished(): FlushTarget {
    const entry = this.#entries.find(({ target }) => !isFinished(target)) ?? this.#entries.at(-1);
    return (entry as Entry).target;
  }

  #checkPoison(): void {
    if (Atomics.load(this.#shared, POISONED) !== 0) throw poisonedError();
  }

  #poisonOnFailure(action: () => void): void {
    try {
      action();
    } catch (error) {
      Atomics.store(this.#shared, POISONED, 1);
      throw error;
    }
  }
}

export function poisonedError(cause?: unknown): LogError {
  return new LogError(
    'POISONED',
    'Cannot go on appending: an earlier sync failed, so what is durable is unknown; close the log and open it again',
    { cause },
  );
}

export function isPoisoned(shared: SharedState): boolean {
  return Atomics.load(shared, POISONED) !== 0;
}

interface Bound {
  readonly position: number;
  readonly count: number;
}

/**
 * Count before position: the appender stores the position first, so the count loaded here never runs
 * ahead of the position loaded after it, and what is claimed is covered.
 */
function takeBound({ target }: Entry): Bound {
  const count = Atomics.load(target.words, COMMITTED_COUNT);
  return { count, position: Atomics.load(target.words, COMMITTED_POSITION) };
}

function isFinished(target: FlushTarget): boolean {
  if (Atomics.load(target.words, SEALED) === 0) return false;
  const committed = Atomics.load(target.words, COMMITTED_POSITION);
  return Atomics.load(target.words, FLUSHED_POSITION) === committed;
}
