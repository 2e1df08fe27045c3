/**
 * Everything that happens to commits after they are made: flushes, checkpoints, letting go of sealed
 * segments, and preparing the next ones; by the maintenance thread where there is one, in the
 * appender's thread where there is none, or where handing over would cost more than doing it.
 */
import { Bell } from '../control/bell.js';
import type { ControlFile } from '../control/control-file.js';
import type { ReadersFile } from '../control/readers-file.js';
import { isDiskFull } from '../errors.js';
import { PAGE_BYTES } from '../format/identity.js';
import { MaintenanceClient } from '../maintenance/client.js';
import { WallClock } from '../maintenance/clock.js';
import { Flusher, isPoisoned, poisonedError, type FlushTarget } from '../maintenance/flusher.js';
import { unpackFailure, type Reply } from '../maintenance/messages.js';
import { APPENDER, isGateBusy } from '../maintenance/gate.js';
import { createSharedState, type SharedState } from '../maintenance/shared-state.js';
import type { AppenderSettings } from '../options.js';
import type { WritableSegment } from '../segment/writable-segment.js';
import { FlushQueue, type FlushResult } from './flush-queue.js';
import { SegmentSupply } from './segment-supply.js';
import type { SizeLimit } from './size-limit.js';

/** Above this, a flush is handed to the maintenance thread; below, handing over costs more. */
const INLINE_FLUSH_BYTES = 1024 * 1024;
/** Without the maintenance thread, the flushed bound becomes durable itself within this time. */
const CHECKPOINT_INTERVAL_MS = 1000;

export interface DurabilityOptions {
  readonly directory: string;
  readonly settings: AppenderSettings;
  readonly control: ControlFile;
  readonly readers: ReadersFile;
  /** Whether the file system keeps what is synced. */
  readonly durable: boolean;
  /** The segment that is appended to; everything below `offset` is durable. */
  readonly active: WritableSegment;
  readonly offset: number;
  /** Position in the active segment behind everything that has been stored for records. */
  readonly storedEnd: () => number;
  /** A sync has failed: nothing after it can be believed durable. */
  readonly onPoison: () => void;
  readonly limit: SizeLimit;
}

export class Durability {
  readonly clock: WallClock;
  readonly supply: SegmentSupply;
  /** Exclusive bound of what is durable, as far as this thread has heard. */
  flushedOffset: number;
  readonly #settings: AppenderSettings;
  readonly #shared: SharedState;
  readonly #flusher: Flusher;
  readonly #flushes: FlushQueue;
  readonly #onPoison: () => void;
  readonly #storedEnd: () => number;
  /** Sealed segments that are not yet durable, by base. */
  readonly #unfinished = new Map<number, WritableSegment>();
  #active: WritableSegment;
  #thread: MaintenanceClient | undefined;
  #poison: unknown;
  #isStopped = false;
  #timer: NodeJS.Timeout | undefined;
  /** Flushed offset that a checkpoint of this thread's has made durable. */
  #checkpointedOffset: number;
  #isFlushScheduled = false;
  readonly #whenPopulated: (() => void)[] = [];
  readonly #whenThreadFlushed: (() => void)[] = [];

  constructor(options: DurabilityOptions) {
    const { directory, settings, control, durable, active, offset, onPoison } = options;
    this.#settings = settings;
    this.#storedEnd = options.storedEnd;
    this.#onPoison = onPoison;
    this.#shared = createSharedState();
    this.clock = new WallClock(this.#shared);
    const { onShortage } = settings;
    // Apart from the commit that has met it, so that it may append, commit and drop.
    const tellShortage = (): void => onShortage && queueMicrotask(onShortage);
    this.supply = new SegmentSupply(directory, settings, options.limit, tellShortage);
    this.#flusher = new Flusher(directory, control, this.#shared, {
      side: APPENDER,
      onAbandoned: () => this.#storeAgain(),
      bell: new Bell('flush', control, options.readers),
    });
    this.#flushes = new FlushQueue(durable);
    this.flushedOffset = this.#checkpointedOffset = offset;
    this.#active = active;
    this.#flusher.add(flushTarget(active), true);
    if (settings.maintenance) this.#startThread(directory);
    else this.#startTimer();
  }

  /** Takes in what the thread has reported. One load when it has not. */
  poll(): void {
    this.#thread?.poll();
  }

  /** The appender goes on in `next`; the segment before it is sealed, and is let go once durable. */
  follow(next: WritableSegment): void {
    this.#unfinished.set(this.#active.base, this.#active);
    this.#active = next;
    this.#flusher.add(flushTarget(next), false);
    this.#describe(next, false);
    if (this.#thread === undefined) this.#finishInline();
    else if (this.#settings.flushIntervalMs === undefined) this.#thread.send({ kind: 'flush' });
  }

  /** Base of the oldest segment that still has to be synced. */
  get oldestUnfinished(): number {
    return Math.min(...this.#unfinished.keys(), this.#active.base);
  }

  // --- Preparing ---

  /** Has the thread prepare the next segment. */
  prepareNext(): void {
    if (this.#thread !== undefined) this.supply.request(this.#thread);
  }

  /**
   * Prepares the next segment and brings the active one into memory from `position` on. Resolves when
   * that is done, or when the thread is gone.
   */
  async prepare(position: number): Promise<void> {
    const { mapping, indexMapping } = this.#active;
    const thread = this.#thread;
    if (thread === undefined) {
      mapping.advise('populate-write', position);
      indexMapping.advise('populate-write');
      return;
    }
    this.supply.request(thread);
    const from = position & -PAGE_BYTES;
    thread.send({ kind: 'populate', address: mapping.address, from, to: mapping.sizeBytes });
    const { address, sizeBytes } = indexMapping;
    thread.send({ kind: 'populate', address, from: 0, to: sizeBytes });
    thread.keepProcess();
    await new Promise<void>((resolve) => {
      this.#whenPopulated.push(() => {}, resolve);
    });
  }

  // --- Flushing ---

  /**
   * Resolves once everything below `target` is durable. Calls of one turn share one sync. Once a sync has
   * failed, be it one that these records do not need, nobody is told so any more.
   */
  flush(target: number): Promise<FlushResult> {
    this.poll();
    if (isPoisoned(this.#shared)) return Promise.reject(this.poisonedError());
    if (this.flushedOffset >= target) {
      return Promise.resolve(this.#flushes.result(this.flushedOffset));
    }
    const flushed = this.#flushes.wait(target);
    this.#scheduleFlush();
    return flushed;
  }

  /** Makes everything committed durable, in this thread, before it returns. */
  flushNow(): void {
    this.#orPoison(() => this.#onFlushed(this.#flusher.flush()));
    if (this.#thread === undefined) this.#finishInline();
  }

  /** Resolves when every sealed segment is durable and let go of. */
  async finishSealed(): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined) return this.#finishInline();
    if (this.#unfinished.size === 0) return undefined;
    thread.keepProcess();
    thread.send({ kind: 'flush' });
    return new Promise((resolve) => {
      this.#whenThreadFlushed.push(resolve);
    });
  }

  /** Records durably that the log starts at `startOffset`. */
  moveStart(startOffset: number): void {
    this.#orPoison(() => this.#flusher.moveStart(startOffset));
  }

  /** Makes durable which files there are. */
  syncNames(): void {
    this.#orPoison(() => this.#flusher.syncNames());
  }

  /** Something that could not be told to a caller has failed. */
  poisonWith(error: unknown): void {
    this.#poison ??= error;
    this.#flushes.fail(error);
    this.#onPoison();
  }

  poisonedError(): Error {
    return poisonedError(this.#poison);
  }

  // --- Ending ---

  /** Ends the thread, or what stands in for it. What is left to do is `finish`. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearInterval(this.#timer);
    await this.#thread?.stop();
    this.#thread = undefined;
    this.#answerAll();
  }

  /** Syncs everything, indexes and bound included. */
  finish(): void {
    if (isPoisoned(this.#shared)) throw this.poisonedError();
    this.#onFlushed(this.#flusher.flush());
    this.#flusher.checkpoint();
  }

  /** Closes all segments. Nobody waits for a flush any more: `finish` or `poisonWith` has answered. */
  release(): void {
    this.supply.discard();
    for (const base of this.#unfinished.keys()) this.#release(base);
    this.#active.close();
  }

  // --- In this thread ---

  /** In the next microtask, so that calls made in the same turn share the sync. */
  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    queueMicrotask(() => {
      this.#isFlushScheduled = false;
      this.#runFlush();
    });
  }

  #runFlush(): void {
    if (this.#flushes.isEmpty) return;
    const thread = this.#thread;
    const isLarge = this.#flusher.unflushedBytes() > INLINE_FLUSH_BYTES;
    if (thread !== undefined && (isLarge || isGateBusy(this.#shared))) {
      thread.keepProcess();
      thread.send({ kind: 'flush' });
      return;
    }
    try {
      this.flushNow();
    } catch (error) {
      this.#flushes.fail(error);
    }
  }

  #onFlushed(offset: number): void {
    this.flushedOffset = Math.max(this.flushedOffset, offset);
    this.#flushes.settle(this.flushedOffset);
  }

  /** Without the thread: lets go of sealed segments that are durable, and of their descriptors. */
  #finishInline(): void {
    if (this.#unfinished.size === 0) return;
    this.#orPoison(() => {
      this.#onFlushed(this.#flusher.flush());
      for (const { base } of this.#flusher.takeFinished()) this.#release(base);
    });
  }

  /** What the thread was syncing when it died is synced as if it were new. */
  #storeAgain(): void {
    for (const sealed of this.#unfinished.values()) sealed.storeAgain(sealed.header.sizeBytes);
    this.#active.storeAgain(this.#storedEnd());
  }

  #release(base: number): void {
    this.#unfinished.get(base)?.close();
    this.#unfinished.delete(base);
  }

  /** Without the thread: background flushes, and the checkpoints that make the bound itself durable. */
  #startTimer(): void {
    const { flushIntervalMs } = this.#settings;
    const flushes = flushIntervalMs !== undefined;
    const period = flushIntervalMs ?? CHECKPOINT_INTERVAL_MS;
    this.#timer = setInterval(() => this.#onTimer(flushes), period);
    this.#timer.unref();
  }

  /** Nobody is there to catch: what fails has poisoned, and the next call is told. */
  #onTimer(flushes: boolean): void {
    if (isPoisoned(this.#shared)) return;
    try {
      if (flushes && this.#flusher.unflushedBytes() > 0) this.flushNow();
      if (this.flushedOffset === this.#checkpointedOffset) return;
      this.#flusher.checkpoint();
      this.#checkpointedOffset = this.flushedOffset;
    } catch (error) {
      this.poisonWith(error);
    }
  }

  #orPoison(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.poisonWith(error);
      throw error;
    }
  }

  // --- In the maintenance thread ---

  #startThread(directory: string): void {
    const { flushIntervalMs } = this.#settings;
    this.#thread = new MaintenanceClient(
      { directory, shared: this.#shared, flushIntervalMs },
      (reply) => this.#onReply(reply),
      () => this.#onThreadDeath(),
    );
    this.#describe(this.#active, true);
  }

  #describe(segment: WritableSegment, named: boolean): void {
    const { base, path, fd, indexPath, indexFd, mapping, indexMapping } = segment;
    this.#thread?.send({
      kind: 'segment',
      segment: {
        base,
        path,
        indexPath,
        fd,
        indexFd,
        address: mapping.address,
        sizeBytes: mapping.sizeBytes,
        indexAddress: indexMapping.address,
        indexBytes: indexMapping.sizeBytes,
        named,
      },
    });
  }

  #onReply(reply: Reply): void {
    switch (reply.kind) {
      case 'prepared':
        this.supply.receive(reply.segment);
        break;
      case 'prepare-failed':
        this.supply.receiveFailure(isDiskFull(reply.failure.storage?.errno));
        break;
      case 'populated':
        this.#whenPopulated.shift()?.();
        break;
      case 'flushed':
        this.#onFlushed(reply.offset);
        if (!this.#flushes.isEmpty) this.#scheduleFlush();
        this.#answerFlushed();
        break;
      case 'flush-failed':
        this.poisonWith(unpackFailure(reply.failure));
        this.#answerFlushed();
        break;
      case 'finished':
        this.#flusher.forget(reply.base);
        this.#release(reply.base);
        break;
    }
    const waiting = this.#whenPopulated.length + this.#whenThreadFlushed.length;
    if (waiting === 0 && this.#flushes.isEmpty) this.#thread?.letProcessExit();
  }

  #answerFlushed(): void {
    for (const resolve of this.#whenThreadFlushed.splice(0)) resolve();
  }

  /** The thread will not answer any more; those who wait look for themselves. */
  #answerAll(): void {
    for (const resolve of this.#whenPopulated.splice(0)) resolve();
    this.#answerFlushed();
  }

  /** Everything goes on in this thread. */
  #onThreadDeath(): void {
    this.#thread = undefined;
    this.clock.stopSharing();
    this.supply.forgetRequests();
    if (!this.#isStopped) this.#takeOver();
    this.#answerAll();
  }

  #takeOver(): void {
    this.#startTimer();
    try {
      this.#finishInline();
    } catch {
      // Poisoned: those who wait for a flush have been told.
    }
    this.#runFlush();
  }
}

function flushTarget(segment: WritableSegment): FlushTarget {
  const { base, path, indexPath, fd, indexFd, index } = segment;
  return { base, path, indexPath, fd, indexFd, words: index };
}
