/** Files as the log needs them: preallocated, durable by name, on a file system that can do both. */
import {
  closeSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  openSync,
  readSync,
  statSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { CorruptionError, LogError, StorageError, storage } from '../errors.js';
import { fallocate, zeroRange } from './native.js';

const ZEROS = Buffer.alloc(1024 * 1024);
const TMPFS = 0x01021994;
const RAMFS = 0x858458f6;

/**
 * Gives a new, empty file its size and its blocks, so that no later store can meet a full disk.
 * @throws {StorageError} `ENOSPC`, `EDQUOT`, ...
 */
export function allocateFile(fd: number, sizeBytes: number, path: string): void {
  if (!fallocate(fd, sizeBytes, path)) writeZeros(fd, 0, sizeBytes, path);
}

/** Makes a range read as zeros again, keeping its blocks. */
export function clearRange(fd: number, from: number, length: number, path: string): void {
  if (length > 0 && !zeroRange(fd, from, length, path)) writeZeros(fd, from, length, path);
}

function writeZeros(fd: number, from: number, length: number, path: string): void {
  for (let done = 0; done < length;) {
    const step = Math.min(ZEROS.length, length - done);
    done += storage('write', path, () => writeSync(fd, ZEROS, 0, step, from + done));
  }
}

/** Writes all of `bytes` at `position`. */
export function writeFully(fd: number, bytes: Uint8Array, position: number, path: string): void {
  for (let done = 0; done < bytes.length;) {
    const rest = bytes.length - done;
    done += storage('write', path, () => writeSync(fd, bytes, done, rest, position + done));
  }
}

/** Reads up to `length` bytes into `bytes`; fewer only at the end of the file. */
export function readFully(
  fd: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
  path: string,
): number {
  let done = 0;
  while (done < length) {
    const got = storage('read', path, () =>
      readSync(fd, bytes, at + done, length - done, position + done),
    );
    if (got === 0) break;
    done += got;
  }
  return done;
}

/**
 * What a file holds, up to `mostBytes`. Not by `readFileSync`, which (in Node 20) leaves a descriptor open
 * if it cannot look at the file that it has opened, and believes whatever size the file has.
 */
export function readWhole(path: string, mostBytes = 64 * 1024): Buffer {
  const fd = storage('open', path, () => openSync(path, 'r'));
  try {
    const bytes = Buffer.alloc(Math.min(mostBytes, fileSize(fd, path)));
    return bytes.subarray(0, readFully(fd, bytes, 0, bytes.length, 0, path));
  } finally {
    closeQuietly(fd);
  }
}

/** Makes a file's data durable. */
export function syncFile(fd: number, path: string): void {
  storage('sync', path, () => fdatasyncSync(fd));
}

/** Makes names durable: files created, renamed or deleted in a directory. */
export function syncDirectory(path: string): void {
  storage('sync the directory', path, () => {
    const fd = openSync(path, 'r');
    try {
      fsyncSync(fd);
    } finally {
      closeQuietly(fd);
    }
  });
}

/** Whether what is synced in this directory survives a power cut, as far as its file system says. */
export function isDurableStorage(directory: string): boolean {
  const { type } = storage('ask for the file system of', directory, () => statfsSync(directory));
  return type !== TMPFS && type !== RAMFS;
}

/**
 * Closes a descriptor, and every descriptor of a log is closed by it. What a close may report is that
 * something could not be written that was written before, and all that matters has been synced by then,
 * successfully. The descriptor is gone in any case, and with it the locks that were taken through it.
 */
export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

/** Deletes a file that is good for nothing: what does not succeed is done when the log is next opened. */
export function deleteQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

export function fileSize(fd: number, path: string): number {
  return storage('look at', path, () => fstatSync(fd).size);
}

/** Whether there is something of that name. Unlike `existsSync`, does not say no when it cannot tell. */
export function isThere(path: string): boolean {
  return storage('look at', path, () => statSync(path, { throwIfNoEntry: false })) !== undefined;
}

/**
 * What stands at a path where a file should be: to open a pipe would wait for whoever writes into it, and
 * a directory opens, but cannot be read. `undefined` if it is a file, or nothing at all.
 * @throws {StorageError}
 */
export function whatIsNoFile(path: string): string | undefined {
  try {
    const stats = storage('look at', path, () => statSync(path));
    if (stats.isFile()) return undefined;
    return stats.isDirectory() ? 'a directory' : 'something that is no file';
  } catch (error) {
    if (error instanceof StorageError && error.errno === 'ELOOP') return 'a link in a loop';
    if (!isMissing(error)) throw error;
    return isLink(path) ? 'a link to nothing' : undefined;
  }
}

/**
 * @throws {CorruptionError} something else stands there
 * @throws {StorageError}
 */
export function checkIsFile(path: string, expected: string): void {
  const found = whatIsNoFile(path);
  if (found !== undefined) throw new CorruptionError(path, 0, expected, found);
}

function isLink(path: string): boolean {
  const stats = storage('look at', path, () => lstatSync(path, { throwIfNoEntry: false }));
  return stats?.isSymbolicLink() ?? false;
}

/** Whether a path could not be followed, because something on the way is no directory. */
export function isBelowFile(error: unknown): boolean {
  return error instanceof StorageError && error.errno === 'ENOTDIR';
}

/** A log is a directory, and this is something else. */
export function notAFolder(path: string, cause: unknown): LogError {
  return new LogError('NOT_A_LOG', `Cannot open ${path}: it is no folder, as a log is`, { cause });
}

export function isMissing(error: unknown): boolean {
  return error instanceof StorageError
    ? error.errno === 'ENOENT'
    : error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
