/** Files that are there whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { InputError, StorageError } from '../errors.js';

/** So much of a file's name is in that of the temporary one. */
const NAME_LENGTH = 50;

export interface OutputFileOptions {
  /** Take the place of a file that is there (default false: that is an error). */
  readonly replace?: boolean;
}

/**
 * A file that is there whole, or not at all: it is written under another name beside its own, which it gets
 * when it is finished, and durable. Make it before the work whose result it takes, so that it is refused
 * before. For one thread; `close` it in any case.
 */
export class OutputFile {
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

  /**
   * @throws {InputError} as a rejection: it exists, and is not to be replaced, or is no file; or there is no
   *   such folder
   * @throws {StorageError} as a rejection: the system does not let it be made
   */
  static async create(
    path: string,
    { replace = false }: OutputFileOptions = {},
  ): Promise<OutputFile> {
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

  /**
   * Adds bytes at its end, in this order; their memory is in use until it resolves. One write at a time.
   * @throws {StorageError} as a rejection
   */
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

  /**
   * Makes it durable, and gives it its name.
   * @throws {InputError} as a rejection: somebody else has made the file meanwhile
   * @throws {StorageError} as a rejection
   */
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

  /** Lets go of it; of a file that has not got its name nothing is left. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#writing;
    await this.#file.close().catch(() => {});
    await rm(this.#temporary, { force: true }).catch(() => {});
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
