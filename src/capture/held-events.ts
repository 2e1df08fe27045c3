/** Events that wait in memory, encoded, while the log makes room: a queue with a bound. */
import { recordBytes } from '../format/record.js';

/** What a waiting event takes besides its bytes. */
const EVENT_OVERHEAD_BYTES = 128;

export class HeldEvents {
  readonly #maxBytes: number;
  #events: Uint8Array[] = [];
  #next = 0;
  #bytes = 0;
  #logBytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#events.length - this.#next;
  }

  /** Bytes of log that they will take at least: without the headers of frames. */
  get logBytes(): number {
    return this.#logBytes;
  }

  /** Keeps an event, which must not be changed any more; `false` if there is no room. */
  add(event: Uint8Array): boolean {
    const bytes = this.#bytes + event.length + EVENT_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return false;
    this.#bytes = bytes;
    this.#logBytes += recordBytes(event.length);
    this.#events.push(event);
    return true;
  }

  /** Hands out the events in order; what `take` throws leaves the event at which it did, and the rest. */
  handOut(take: (event: Uint8Array) => void): void {
    for (; this.#next < this.#events.length; this.#next++) {
      const event = this.#events[this.#next] as Uint8Array;
      take(event);
      this.#bytes -= event.length + EVENT_OVERHEAD_BYTES;
      this.#logBytes -= recordBytes(event.length);
    }
    this.#events = [];
    this.#next = 0;
  }

  /** Gives up on them, and returns how many there were. */
  clear(): number {
    const { count } = this;
    this.#events = [];
    this.#next = this.#bytes = this.#logBytes = 0;
    return count;
  }
}
