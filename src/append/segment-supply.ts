/**
 * Where the appender's next segment comes from: prepared ahead by the maintenance thread, or, when
 * none is ready, made on the spot.
 */
import type { MaintenanceClient } from '../maintenance/client.js';
import {
  discardPrepared,
  prepareSegment,
  type PreparedSegment,
  type SegmentGeometry,
} from '../segment/writable-segment.js';

export class SegmentSupply {
  readonly #directory: string;
  readonly #geometry: SegmentGeometry;
  readonly #ready: PreparedSegment[] = [];
  #requested = 0;
  #created = 0;

  constructor(directory: string, geometry: SegmentGeometry) {
    this.#directory = directory;
    this.#geometry = geometry;
  }

  /** Has the thread prepare a segment, unless one is ready or on its way. */
  request(thread: MaintenanceClient): void {
    if (this.#ready.length + this.#requested > 0) return;
    this.#requested++;
    thread.send({ kind: 'prepare', stem: this.#nextStem(), geometry: this.#geometry });
  }

  /** The thread's answer to a request; nothing if it failed. */
  receive(prepared?: PreparedSegment): void {
    this.#requested--;
    if (prepared !== undefined) this.#ready.push(prepared);
  }

  /** The thread is gone, and so is what was requested of it. */
  forgetRequests(): void {
    this.#requested = 0;
  }

  /**
   * A segment to adopt, without waiting for the thread.
   * @throws {StorageError} `ENOSPC` among others; nothing has changed
   */
  take(): PreparedSegment {
    return this.#ready.shift() ?? prepareSegment(this.#directory, this.#nextStem(), this.#geometry);
  }

  /** It could not be adopted; the next `take` tries it again. */
  putBack(prepared: PreparedSegment): void {
    this.#ready.unshift(prepared);
  }

  discard(): void {
    for (const prepared of this.#ready.splice(0)) discardPrepared(prepared);
  }

  #nextStem(): string {
    return `prepared-${this.#created++}`;
  }
}
