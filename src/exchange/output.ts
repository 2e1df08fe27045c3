/** Where an export goes: a file, or a stream. */
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { OutputFile } from './output-file.js';

/** What an export is written into. One write at a time. */
export interface Output {
  write(parts: readonly Uint8Array[]): Promise<void>;
  /** Everything is written: it is made durable, and gets its name. */
  finish(): Promise<void>;
  /** Lets go, and of a file that has not got its name nothing is left. Idempotent. */
  close(): Promise<void>;
}

/** @throws {InputError | StorageError} as rejections */
export async function openOutput(
  target: string | Writable,
  replace: boolean,
  signal: AbortSignal | undefined,
): Promise<Output> {
  if (typeof target === 'string') return await OutputFile.create(target, { replace });
  return new Into(target, signal);
}

/** A stream, which is waited for when it has enough. It is ended with the export. */
class Into implements Output {
  readonly #stream: Writable;
  readonly #signal: AbortSignal | undefined;
  /** When the stream has taken everything; or why it takes nothing any more. */
  readonly #finished: Promise<void>;
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait that is under way. */
  #stopWaiting: (error: unknown) => void = () => {};

  constructor(stream: Writable, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#signal = signal;
    // What it listens with stays: a stream that fails once more, later, ends no process.
    this.#finished = finished(stream, { readable: false });
    this.#finished.catch(this.#fail);
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  readonly #onAbort = (): void => this.#fail(this.#signal?.reason);

  readonly #fail = (error: unknown): void => {
    this.#failure ??= { error };
    this.#stopWaiting(error);
  };

  async write(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) await this.#wait(this.#write(part));
  }

  /** Resolves when the stream has taken it: whoever writes may use the memory again. */
  #write(part: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#stream.write(part, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** A stream that is destroyed, or stuck when the signal comes, may never answer. */
  #wait(promise: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stopWaiting = reject;
      promise.then(resolve, reject);
    });
  }

  async finish(): Promise<void> {
    // Standard output cannot be ended.
    if (this.#stream === process.stdout || this.#stream === process.stderr) return;
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#stream.end();
    await this.#wait(this.#finished);
  }

  close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return Promise.resolve();
  }
}
