/** A file that is read at any place, and never more of it than is allowed. */
import { open, type FileHandle } from 'node:fs/promises';
import { InputError } from '../../errors.js';

export class InputFile {
  readonly path: string;
  /** When it was opened: what comes behind that is not looked at. */
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws {InputError} there is no such file, or it is none */
  static async open(path: string): Promise<InputFile> {
    const handle = await open(path, 'r').catch((error: unknown) => {
      throw new InputError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
    });
    const stats = await handle.stat();
    if (stats.isFile()) return new InputFile(path, stats.size, handle);
    await handle.close();
    throw new InputError(`Cannot read ${path}: it is no file`);
  }

  /** Fills as much of `into` as there is, and says how much. */
  async read(into: Uint8Array, position: number): Promise<number> {
    const most = Math.min(into.length, this.size - position);
    let count = 0;
    while (count < most) {
      const { bytesRead } = await this.#handle.read(into, count, most - count, position + count);
      if (bytesRead === 0) break;
      count += bytesRead;
    }
    return count;
  }

  /** @throws {InputError} says where in the file what is wrong is */
  fail(position: number, what: string, cause?: unknown): never {
    const where = `Cannot read ${this.path} at byte ${position}: ${what}`;
    throw new InputError(where, cause === undefined ? {} : { cause });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
