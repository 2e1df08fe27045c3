/**
 * Where the appender's next segment comes from: prepared ahead by the maintenance thread, or, when
 * none is ready, made on the spot.
 */
import { StorageError } from '../errors.js';
import { indexFileBytes } from '../format/index-header.js';
import type { MaintenanceClient } from '../maintenance/client.js';
import {
  discardPrepared,
  prepareSegment,
  type PreparedSegment,
  type SegmentGeometry,
} from '../segment/writable-segment.js';
import type { SizeLimit } from './size-limit.js';

export class SegmentSupply {
  readonly #directory: string;
  readonly #geometry: SegmentGeometry;
  readonly #limit: SizeLimit;
  readonly #onShortage: () => void;
  /** What a segment takes on the disk, with its index. */
  readonly #segmentBytes: number;
  readonly #ready: PreparedSegment[] = [];
  #requested = 0;
  #created = 0;
  /** That the disk has no room for the next segment is told once. */
  #isFullTold = false;

  /** `onShortage`: the next segment cannot be prepared. */
  constructor(
    directory: string,
    { sizeBytes, indexCapacity }: SegmentGeometry,
    limit: SizeLimit,
    onShortage: () => void,
  ) {
    this.#directory = directory;
    this.#geometry = { sizeBytes, indexCapacity };
    this.#limit = limit;
    this.#onShortage = onShortage;
    this.#segmentBytes = sizeBytes + indexFileBytes(indexCapacity);
  }

  /** Whether the thread is at it. */
  get isPreparing(): boolean {
    return this.#ready.length === 0 && this.#requested > 0;
  }

  /** Bytes to be deleted before the limit lets another segment be made, if none is ready or on its way. */
  get lackingBytes(): number {
    if (this.#ready.length + this.#requested > 0) return 0;
    return this.#limit.lackingBytes(this.#segmentBytes);
  }

  /** Has the thread prepare a segment, unless one is ready or on its way. */
  request(thread: MaintenanceClient): void {
    if (this.#ready.length + this.#requested > 0) return;
    if (!this.#limit.reserve(this.#segmentBytes)) {
      this.#onShortage();
      return;
    }
    this.#requested++;
    thread.send({ kind: 'prepare', stem: this.#nextStem(), geometry: this.#geometry });
  }

  /** The thread's answer to a request. */
  receive(prepared: PreparedSegment): void {
    this.#requested--;
    this.#ready.push(prepared);
  }

  /** The other answer. The roll that needs the segment tries again, and reports. */
  receiveFailure(isDiskFull: boolean): void {
    this.#requested--;
    this.#limit.release(this.#segmentBytes);
    if (!isDiskFull || this.#isFullTold) return;
    this.#isFullTold = true;
    this.#onShortage();
  }

  /** The thread is gone, and so is what was requested of it. */
  forgetRequests(): void {
    this.#requested = 0;
  }

  /**
   * A segment to adopt, without waiting for the thread.
   * @throws {StorageError} `ENOSPC` among others, `EDQUOT` for the limit; nothing has changed
   */
  take(): PreparedSegment {
    const segment = this.#ready.shift() ?? this.#make();
    this.#isFullTold = false;
    return segment;
  }

  /** It could not be adopted; the next `take` tries it again. */
  putBack(prepared: PreparedSegment): void {
    this.#ready.unshift(prepared);
  }

  discard(): void {
    for (const prepared of this.#ready.splice(0)) discardPrepared(prepared);
  }

  #make(): PreparedSegment {
    if (!this.#limit.reserve(this.#segmentBytes)) {
      const action = `add a segment within ${this.#limit.maxBytes} bytes to`;
      throw new StorageError(action, this.#directory, 'EDQUOT');
    }
    try {
      return prepareSegment(this.#directory, this.#nextStem(), this.#geometry);
    } catch (error) {
      this.#limit.release(this.#segmentBytes);
      throw error;
    }
  }

  #nextStem(): string {
    return `prepared-${this.#created++}`;
  }
}
