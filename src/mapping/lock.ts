/**
 * The log's lock: open-file-description locks on two bytes of the LOCK file, which is never unlinked.
 *
 * Byte 0 is the appender's. Byte 1 is taken only after recovery has finished: while somebody holds it,
 * the mutable words of the log are true, and a reader needs no walk of its own. Both die with their
 * holder, by the kernel's hand; nothing here asks whether a process id is alive.
 */
import { ftruncateSync, openSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  CorruptionError,
  LogClosedError,
  LogLockedError,
  StorageError,
  storage,
  type LockHolder,
} from '../errors.js';
import { PAGE_BYTES } from '../format/identity.js';
import { LOCK_NAME } from '../format/names.js';
import { checkIsFile, closeQuietly, fileSize, isMissing, readWhole } from './files.js';
import { isByteLocked, lockByte } from './native.js';

const APPENDER_BYTE = 0;
const WORDS_TRUE_BYTE = 1;

export class AppenderLock {
  readonly #fd: number;
  readonly #path: string;

  private constructor(fd: number, path: string) {
    this.#fd = fd;
    this.#path = path;
  }

  /** @throws {LogLockedError} */
  static acquire(directory: string): AppenderLock {
    const path = join(directory, LOCK_NAME);
    checkIsFile(path, 'a lock file');
    const fd = storage('open', path, () => openSync(path, 'a+', 0o644));
    try {
      if (!lockByte(fd, APPENDER_BYTE, path)) {
        throw new LogLockedError(directory, readHolder(path));
      }
      writeHolder(fd, path);
      return new AppenderLock(fd, path);
    } catch (error) {
      closeQuietly(fd);
      throw error;
    }
  }

  /**
   * Tells readers that the mutable words can be believed.
   * @throws {StorageError} otherwise they would not follow this appender
   */
  announceWords(): void {
    if (lockByte(this.#fd, WORDS_TRUE_BYTE, this.#path)) return;
    throw new StorageError('lock', this.#path, 'EAGAIN');
  }

  release(): void {
    closeQuietly(this.#fd);
  }
}

/** Descriptors of those that go without having been closed: readers and tailers need not be. */
const abandoned = new FinalizationRegistry<number>(closeQuietly);

/**
 * Whether an appender is alive, for those who ask again and again: it keeps the descriptor. Closing it
 * drops no lock, not even this process's own: a lock belongs to the description that has taken it.
 */
export class LockProbe {
  readonly #path: string;
  #fd: number | undefined;
  #isClosed = false;

  constructor(directory: string) {
    this.#path = join(directory, LOCK_NAME);
  }

  isHeld(): boolean {
    if (this.#isClosed) throw new LogClosedError('lock', 'ask who holds it');
    this.#fd ??= this.#open();
    return this.#fd !== undefined && isByteLocked(this.#fd, APPENDER_BYTE, this.#path);
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    if (this.#fd === undefined) return;
    abandoned.unregister(this);
    closeQuietly(this.#fd);
    this.#fd = undefined;
  }

  #open(): number | undefined {
    const fd = openIfThere(this.#path);
    if (fd !== undefined) abandoned.register(this, fd, this);
    return fd;
  }
}

/** Whether an appender is alive that has finished its recovery. */
export function areWordsTrue(directory: string): boolean {
  return isHeld(join(directory, LOCK_NAME), WORDS_TRUE_BYTE);
}

/** Who holds the log, or `undefined` when nobody does. */
export function lockHolder(directory: string): LockHolder | 'unknown' | undefined {
  const path = join(directory, LOCK_NAME);
  return isHeld(path, APPENDER_BYTE) ? (readHolder(path) ?? 'unknown') : undefined;
}

function isHeld(path: string, byte: number): boolean {
  const fd = openIfThere(path);
  if (fd === undefined) return false;
  try {
    return isByteLocked(fd, byte, path);
  } finally {
    closeQuietly(fd);
  }
}

function openIfThere(path: string): number | undefined {
  try {
    checkIsFile(path, 'a lock file');
    return storage('open', path, () => openSync(path, 'r'));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * What is longer than any holder is another file of the log's under this name, and what it holds must not
 * go.
 */
function writeHolder(fd: number, path: string): void {
  const size = fileSize(fd, path);
  if (size >= PAGE_BYTES) {
    throw new CorruptionError(path, 0, 'a lock file', `a file of ${size} bytes`);
  }
  const holder: LockHolder = {
    pid: process.pid,
    host: hostname(),
    since: new Date().toISOString(),
  };
  storage('write', path, () => {
    ftruncateSync(fd, 0);
    writeSync(fd, `${JSON.stringify(holder)}\n`);
  });
}

function readHolder(path: string): LockHolder | undefined {
  try {
    const { pid, host, since } = JSON.parse(readWhole(path).toString()) as Partial<LockHolder>;
    // Whoever may write the file may write anything: no type holds but what is looked at.
    const isHolder =
      Number.isSafeInteger(pid) && typeof host === 'string' && typeof since === 'string';
    return isHolder ? { pid: pid as number, host, since } : undefined;
  } catch {
    return undefined;
  }
}
