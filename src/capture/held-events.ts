/** Events that wait in memory, encoded, while the log makes room: a queue with a bound. */

/** What a waiting event takes besides its bytes. */
const EVENT_OVERHEAD_BYTES = 128;

export class HeldEvents {
  readonly #maxBytes: number;
  #events: Uint8Array[] = [];
  #next = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#events.length - this.#next;
  }

  /** Bytes of log, about, that they will take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps an event, which must not be changed any more; `false` if there is no room. */
  add(event: Uint8Array): boolean {
    const bytes = this.#bytes + event.length + EVENT_OVERHEAD_BYTES;
    if (bytes > this.#maxBytes) return false;
    this.#bytes = bytes;
    this.#events.push(event);
    return true;
  }

  /** Hands out the events in order; what `take` throws leaves the event at which it did, and the rest. */
  handOut(take: (event: Uint8Array) => void): void {
    for (; this.#next < this.#events.length; this.#next++) {
      const event = this.#events[this.#next] as Uint8Array;
      take(event);
      this.#bytes -= event.length + EVENT_OVERHEAD_BYTES;
    }
    this.#events = [];
    this.#next = 0;
  }

  /** Gives up on them, and returns how many there were. */
  clear(): number {
    const { count } = this;
    this.#events = [];
    this.#next = this.#bytes = 0;
    return count;
  }
}
