/**
 * Rejected input, kept aside: a line of JSON each. Lines gather in memory, and are written 64 KiB at a
 * time, in this thread: that takes tens of microseconds, and neither waits nor takes more memory however
 * fast input is rejected, as a stream would.
 */
import { appendFileSync, closeSync, openSync, statSync, unlinkSync } from 'node:fs';
import { storage } from '../errors.js';
import { closeQuietly, isMissing } from '../mapping/files.js';
import type { RejectFileOptions } from './options.js';
import type { Rejected } from './intake.js';

const WRITE_BYTES = 64 * 1024;

export class RejectFile {
  readonly #path: string;
  readonly #fd: number;
  readonly #isNew: boolean;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #lines: string[] = [];
  #pending = 0;

  private constructor(path: string, fd: number, isNew: boolean) {
    this.#path = path;
    this.#fd = fd;
    this.#isNew = isNew;
  }

  /**
   * @throws {RangeError} there is something by that name, and `append` is not set, or it is no file
   * @throws {StorageError}
   */
  static open({ path, append = false }: RejectFileOptions): RejectFile {
    const isThere = isFile(path);
    if (isThere && !append) {
      throw new RangeError(`Invalid rejectFile: ${path} exists; append to it, or name another`);
    }
    const fd = storage('create', path, () => openSync(path, append ? 'a' : 'wx', 0o644));
    return new RejectFile(path, fd, !isThere);
  }

  /** @throws {StorageError} */
  add({ line, reason, content }: Rejected): void {
    const text = `${JSON.stringify({ line, reason, ...this.#shown(content) })}\n`;
    this.#lines.push(text);
    this.#pending += text.length;
    if (this.#pending >= WRITE_BYTES) this.write();
  }

  /** @throws {StorageError} what could not be written is not tried again */
  write(): void {
    if (this.#pending === 0) return;
    const bytes = Buffer.from(this.#lines.join(''));
    this.#lines = [];
    this.#pending = 0;
    storage('write', this.#path, () => appendFileSync(this.#fd, bytes));
  }

  /** @throws {StorageError} it is not complete */
  close(): void {
    try {
      this.write();
    } finally {
      closeSync(this.#fd);
    }
  }

  /** As if it had never been opened. */
  discard(): void {
    closeQuietly(this.#fd);
    if (this.#isNew) unlinkSync(this.#path);
  }

  #shown(content: Uint8Array | undefined): { text?: string; base64?: string } {
    if (content === undefined) return {};
    try {
      return { text: this.#utf8.decode(content) };
    } catch {
      return { base64: Buffer.from(content).toString('base64') };
    }
  }
}

/** Opening a pipe would wait for a reader. */
function isFile(path: string): boolean {
  try {
    if (storage('look at', path, () => statSync(path)).isFile()) return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  throw new RangeError(`Invalid rejectFile: ${path} is no file`);
}
