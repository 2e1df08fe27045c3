/**
 * The maintenance thread: prepares segments ahead of need, flushes in the background, keeps the flushed
 * bound durable, and keeps the shared clock. One synchronous loop that sleeps on a shared word, so that
 * it needs no event loop, and `terminate()` ends it at any point. It never touches the open frame, and
 * the appender works without it.
 */
import { receiveMessageOnPort, workerData } from 'node:worker_threads';
import { Bell } from '../control/bell.js';
import { ControlFile } from '../control/control-file.js';
import { ReadersFile } from '../control/readers-file.js';
import { indexFileBytes } from '../format/index-header.js';
import { PAGE_BYTES } from '../format/identity.js';
import { syncFile } from '../mapping/files.js';
import { handOverLeftovers } from '../mapping/leftovers.js';
import { madvise, viewMemory } from '../mapping/native.js';
import {
  discardPrepared,
  prepareSegment,
  type PreparedSegment,
  type SegmentGeometry,
} from '../segment/writable-segment.js';
import { ClockTicker, TICK_MS } from './clock.js';
import { Flusher } from './flusher.js';
import { MAINTENANCE, announceThread } from './gate.js';
import { PageToucher } from './page-toucher.js';
import { packFailure, type Reply, type Request, type ThreadData } from './messages.js';
import { FLUSHES, REPLIES, WAKE } from './shared-state.js';

/** New pages are touched by so many bytes at a time: a millisecond or so. */
const TOUCH_STEP_BYTES = 1024 * 1024;
/** And synced by so many, so that a flush never waits for a whole segment. */
const SYNC_STEP_BYTES = 16 * TOUCH_STEP_BYTES;
/** The flushed bound becomes durable itself within this time. */
const CHECKPOINT_INTERVAL_MS = 1000;
const FOREVER_MS = 1e9;

class MaintenanceThread {
  readonly #data: ThreadData;
  readonly #control: ControlFile;
  readonly #readers: ReadersFile | undefined;
  readonly #flusher: Flusher;
  readonly #clock: ClockTicker;
  readonly #toucher = new PageToucher();
  #stopping = false;
  #flushDue = Infinity;
  #checkpointDue = performance.now() + CHECKPOINT_INTERVAL_MS;
  /** Count of flushes, by either thread, that the last checkpoint covers. */
  #checkpointed = 0;
  /** Prepare and populate requests, done one at a time behind everything else. */
  readonly #slowJobs: (() => void)[] = [];

  constructor(data: ThreadData) {
    this.#data = data;
    this.#control = ControlFile.open(data.directory, 'write');
    this.#readers = ReadersFile.openIfPermitted(data.directory, this.#control.logId);
    announceThread(data.shared);
    this.#flusher = new Flusher(data.directory, this.#control, data.shared, {
      side: MAINTENANCE,
      onAbandoned: () => {},
      bell: new Bell('flush', this.#control, this.#readers),
    });
    this.#clock = new ClockTicker(data.shared);
    this.#flushDue = this.#nextFlush();
  }

  /** However it ends, its descriptors go: they are the process's, and outlive the thread. */
  run(): void {
    try {
      this.#work();
    } finally {
      this.#readers?.close();
      this.#control.close();
      handOverLeftovers();
    }
  }

  #work(): void {
    const { shared } = this.#data;
    while (!this.#stopping) {
      const seen = Atomics.load(shared, WAKE);
      this.#receive();
      this.#doDueWork();
      const ticking = this.#tick();
      const idle = this.#slowJobs.length === 0;
      if (!idle) this.#doSlowJob();
      else if (!this.#stopping) Atomics.wait(shared, WAKE, seen, this.#sleepMs(ticking));
    }
  }

  /** Whether it wants to be called again in `TICK_MS`: frames are committed often. */
  #tick(): boolean {
    const ticking = this.#clock.tick();
    if (ticking) this.#toucher.tick();
    return ticking;
  }

  #sleepMs(ticking: boolean): number {
    if (ticking) return TICK_MS;
    const due = Math.min(this.#flushDue, this.#checkpointDue) - performance.now();
    return Math.max(TICK_MS, Math.min(due, FOREVER_MS));
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#data.port);
      if (received === undefined) return;
      this.#handle(received.message as Request);
    }
  }

  #handle(request: Request): void {
    switch (request.kind) {
      case 'segment': {
        const { segment } = request;
        const words = new Int32Array(viewMemory(segment.indexAddress, PAGE_BYTES));
        this.#flusher.add({ ...segment, words }, segment.named);
        this.#toucher.follow({ ...segment, words });
        break;
      }
      case 'flush':
        this.#flush();
        break;
      case 'prepare':
        this.#slowJobs.push(() => this.#prepare(request.stem, request.geometry));
        break;
      case 'populate':
        this.#slowJobs.push(() => this.#populate(request.address, request.from, request.to));
        break;
      case 'stop':
        this.#stopping = true;
        break;
    }
  }

  #doDueWork(): void {
    const now = performance.now();
    if (now >= this.#flushDue) {
      this.#flushDue = this.#nextFlush();
      if (this.#flusher.unflushedBytes() > 0) this.#flush();
    }
    if (now >= this.#checkpointDue) {
      this.#checkpointDue = now + CHECKPOINT_INTERVAL_MS;
      // The appender's thread flushes, too, and leaves the checkpoint to this one.
      if (Atomics.load(this.#data.shared, FLUSHES) !== this.#checkpointed) this.#checkpoint();
    }
  }

  #nextFlush(): number {
    const { flushIntervalMs } = this.#data;
    return flushIntervalMs === undefined ? Infinity : performance.now() + flushIntervalMs;
  }

  #flush(): void {
    this.#clock.pause();
    let offset: number;
    try {
      offset = this.#flusher.flush();
      for (const { base } of this.#flusher.takeFinished()) this.#reply({ kind: 'finished', base });
    } catch (error) {
      this.#reply({ kind: 'flush-failed', failure: packFailure(error) });
      return;
    }
    this.#reply({ kind: 'flushed', offset });
  }

  #checkpoint(): void {
    this.#clock.pause();
    const flushes = Atomics.load(this.#data.shared, FLUSHES);
    try {
      this.#flusher.checkpoint();
      this.#checkpointed = flushes;
    } catch (error) {
      this.#checkpointDue = Infinity;
      this.#reply({ kind: 'flush-failed', failure: packFailure(error) });
    }
  }

  #doSlowJob(): void {
    const job = this.#slowJobs.shift() as () => void;
    this.#clock.pause();
    job();
  }

  #prepare(stem: string, geometry: SegmentGeometry): void {
    let prepared: PreparedSegment;
    try {
      prepared = prepareSegment(this.#data.directory, stem, geometry);
    } catch (error) {
      this.#reply({ kind: 'prepare-failed', failure: packFailure(error) });
      return;
    }
    const { fd, indexFd, address, indexAddress, sizeBytes, indexCapacity, path, indexPath } =
      prepared;
    try {
      this.#populateRange(address, 0, sizeBytes, () => syncFile(fd, path));
      const indexBytes = indexFileBytes(indexCapacity);
      this.#populateRange(indexAddress, 0, indexBytes, () => syncFile(indexFd, indexPath));
    } catch (error) {
      discardPrepared(prepared);
      this.#reply({ kind: 'prepare-failed', failure: packFailure(error) });
      return;
    }
    if (this.#stopping) discardPrepared(prepared);
    else this.#reply({ kind: 'prepared', segment: prepared });
  }

  #populate(address: bigint, from: number, to: number): void {
    try {
      this.#populateRange(address, from, to, () => {});
    } catch {
      // Only a help: the appender's own stores meet the same pages, allocated on disk already.
    }
    this.#reply({ kind: 'populated' });
  }

  /**
   * Touches pages in small steps, between which the clock ticks, and syncs in larger ones, during which
   * it does not; flushes and the stop request get through in between.
   */
  #populateRange(address: bigint, from: number, to: number, sync: () => void): void {
    for (let at = from; at < to && !this.#stopping;) {
      const end = Math.min(at + SYNC_STEP_BYTES, to);
      for (; at < end; at += TOUCH_STEP_BYTES) {
        const length = Math.min(TOUCH_STEP_BYTES, end - at);
        madvise(address + BigInt(at), length, 'populate-write', this.#data.directory);
        this.#tick();
      }
      this.#clock.pause();
      sync();
      this.#receive();
      this.#doDueWork();
    }
  }

  #reply(reply: Reply): void {
    this.#data.port.postMessage(reply);
    Atomics.add(this.#data.shared, REPLIES, 1);
  }
}

new MaintenanceThread(workerData as ThreadData).run();
