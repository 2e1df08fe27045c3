import { closeSync, existsSync, linkSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { StorageError } from '../index.js';
import { InputError } from './exit-codes.js';

/**
 * A file that is there whole, or not at all: written under another name beside its own, which it gets in
 * the end. Made before the work whose result it takes, so that it is refused before.
 */
export class NewFile {
  readonly #path: string;
  readonly #isReplacing: boolean;
  readonly #temporary: string;
  #descriptor: number | undefined;

  /**
   * @throws {InputError} it exists, and is not to be replaced; or there is no such folder
   * @throws {StorageError} the system does not let it be made
   */
  constructor(path: string, isReplacing: boolean) {
    this.#path = path;
    this.#isReplacing = isReplacing;
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
    if (!isReplacing && existsSync(path)) throw existing(path);
    try {
      this.#descriptor = openSync(this.#temporary, 'wx');
    } catch (error) {
      throw unwritable(path, error);
    }
  }

  write(content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    const descriptor = this.#descriptor as number;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
      if (this.#isReplacing) renameSync(this.#temporary, this.#path);
      else this.#name();
    } catch (error) {
      throw error instanceof InputError ? error : unwritable(this.#path, error);
    }
  }

  /** Takes away what has not got its name. */
  close(): void {
    if (this.#descriptor === undefined) return;
    closeSync(this.#descriptor);
    this.#descriptor = undefined;
    rmSync(this.#temporary, { force: true });
  }

  /** A link fails where somebody else has made the file meanwhile; some file systems have none. */
  #name(): void {
    try {
      linkSync(this.#temporary, this.#path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST' || existsSync(this.#path)) throw existing(this.#path);
      renameSync(this.#temporary, this.#path);
    }
  }
}

function existing(path: string): InputError {
  return new InputError(`Cannot write ${path}: it exists; --force replaces it`);
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** A folder that is not there is for the caller to mend, the rest is the system's. */
function unwritable(path: string, error: unknown): Error {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') {
    return new InputError(`Cannot write ${path}: there is no such folder`, { cause: error });
  }
  return new StorageError('write', path, code, error);
}
