/** Chunks of bytes, waited for no longer than it makes sense. */

/** Stands between the chunks of two inputs that follow each other: another file, another writer. */
export const RESTART = Symbol('restart');

export type Chunk = Uint8Array | typeof RESTART;

/** What has come first. */
type Next = { readonly chunk: Chunk } | 'end' | 'timeout' | 'aborted';

/** An iterator of chunks; whoever waits for one is let go when time is up, or a signal comes. */
export class ByteStream {
  readonly #chunks: AsyncIterator<Chunk>;
  /** A chunk that is on its way, and nobody waits for. */
  #coming: Promise<IteratorResult<Chunk>> | undefined;

  constructor(chunks: AsyncIterable<Chunk>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next chunk, or why there is none (yet). After `timeout`, it may be asked for again. */
  next(signal: AbortSignal, timeoutMs?: number): Promise<Next> {
    if (signal.aborted) return Promise.resolve('aborted');
    const coming = (this.#coming ??= this.#chunks.next());
    return this.#first(coming, signal, timeoutMs);
  }

  /** The chunk, unless something else comes before it. */
  async #first(
    coming: Promise<IteratorResult<Chunk>>,
    signal: AbortSignal,
    timeoutMs: number | undefined,
  ): Promise<Next> {
    let end: (next: 'timeout' | 'aborted') => void = () => {};
    // Raced with once: a promise that outlives its races would keep all of them.
    const ended = new Promise<'timeout' | 'aborted'>((resolve) => (end = resolve));
    const onAbort = (): void => end('aborted');
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => end('timeout'), timeoutMs);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const next = await Promise.race([coming, ended]);
      if (next === 'timeout' || next === 'aborted') return next;
      this.#coming = undefined;
      return next.done === true ? 'end' : { chunk: next.value };
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Lets go of the input. What is still to come is not waited for. */
  close(): void {
    // Of an input that fails now, nobody wants to know.
    this.#coming?.catch(() => {});
    this.#chunks.return?.()?.catch(() => {});
  }
}
