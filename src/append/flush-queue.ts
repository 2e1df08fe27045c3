/** Those who wait for a flush: everybody up to the flushed offset is served by one sync. */
export interface FlushResult {
  /** Everything below this offset is durable. */
  readonly flushedOffset: number;
  /** `false` where the file system keeps nothing across a power cut (tmpfs). */
  readonly durable: boolean;
}

interface Waiter {
  readonly target: number;
  readonly resolve: (result: FlushResult) => void;
  readonly reject: (error: unknown) => void;
}

export class FlushQueue {
  readonly #durable: boolean;
  #waiters: Waiter[] = [];

  constructor(durable: boolean) {
    this.#durable = durable;
  }

  get isEmpty(): boolean {
    return this.#waiters.length === 0;
  }

  /** A promise that resolves once everything below `target` is flushed. */
  wait(target: number): Promise<FlushResult> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ target, resolve, reject });
    });
  }

  result(flushedOffset: number): FlushResult {
    return { flushedOffset, durable: this.#durable };
  }

  settle(flushedOffset: number): void {
    const result = this.result(flushedOffset);
    const done = this.#waiters.filter(({ target }) => target <= flushedOffset);
    this.#waiters = this.#waiters.filter(({ target }) => target > flushedOffset);
    for (const { resolve } of done) resolve(result);
  }

  fail(error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }
}
