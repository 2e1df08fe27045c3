/** Where an export goes: a file that is there whole or not at all, or a stream. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { Writable } from 'node:stream';
import { InputError, StorageError } from '../errors.js';

/** So much of a file's name is in that of the temporary one. */
const NAME_LENGTH = 50;

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
  if (typeof target === 'string') return await OutputFile.create(target, replace);
  return new Into(target, signal);
}

/**
 * A file that is written under another name beside its own, which it gets in the end: what looks like an
 * export is one, and whole.
 */
class OutputFile implements Output {
  readonly #path: string;
  readonly #replace: boolean;
  readonly #temporary: string;
  readonly #file: FileHandle;
  /** What is being written; a file is not closed in the middle of it. */
  #writing: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(path: string, replace: boolean, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#replace = replace;
    this.#temporary = temporary;
    this.#file = file;
  }

  static async create(path: string, replace: boolean): Promise<OutputFile> {
    const there = await stat(path).catch(() => undefined);
    if (there !== undefined && !replace) throw existing(path);
    if (there !== undefined && !there.isFile()) {
      throw new InputError(`Cannot write ${path}: what is there is no file`);
    }
    const unique = randomBytes(6).toString('hex');
    // Names have a limit, which that of the file itself may come up to.
    const name = basename(path).slice(0, NAME_LENGTH);
    const temporary = join(dirname(path), `.${name}.${unique}.tmp`);
    const file = await open(temporary, 'wx').catch((error: unknown) => fail(path, error));
    return new OutputFile(path, replace, temporary, file);
  }

  async write(parts: readonly Uint8Array[]): Promise<void> {
    const writing = this.#writeAll(parts);
    this.#writing = writing.catch(() => {});
    await writing.catch((error: unknown) => fail(this.#path, error));
  }

  async #writeAll(parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) {
      for (let at = 0; at < part.length;) {
        at += (await this.#file.write(part, at, part.length - at)).bytesWritten;
      }
    }
  }

  async finish(): Promise<void> {
    try {
      await this.#file.datasync();
      if (this.#replace) await rename(this.#temporary, this.#path);
      else await this.#name();
      await syncFolder(dirname(this.#path));
    } catch (error) {
      if (error instanceof InputError) throw error;
      fail(this.#path, error);
    }
  }

  /** A link fails where somebody else has made the file meanwhile; some file systems have none. */
  async #name(): Promise<void> {
    try {
      await link(this.#temporary, this.#path);
    } catch (error) {
      const isThere = await stat(this.#path).then(
        () => true,
        () => false,
      );
      if (codeOf(error) === 'EEXIST' || isThere) throw existing(this.#path);
      await rename(this.#temporary, this.#path);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true }).catch(() => {});
  }
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

/** So that the name is durable, too. A folder that may be written and not read cannot be synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
  }
}

function existing(path: string): InputError {
  return new InputError(`Cannot write ${path}: it exists, and is not to be replaced`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** A folder that is not there is for the caller to mend, the rest is the system's. */
function fail(path: string, error: unknown): never {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') {
    throw new InputError(`Cannot write ${path}: there is no such folder`, { cause: error });
  }
  throw new StorageError('write', path, code, error);
}
