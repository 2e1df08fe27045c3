/**
 * How much the files of a log may take, and how much they do.
 *
 * Why the limit holds: only an appender makes files that last in the directory of its log, and while it
 * lives these are segments with their indexes. Each pair is reserved here, in the appender's thread,
 * before the first byte of it is allocated, by whichever thread; and given back only after both files are
 * gone, or have not come to be. So at any moment the files take no more than what is reserved, and that is
 * never let past the limit. What a maintenance thread leaves behind that dies stays reserved.
 */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { storage } from '../errors.js';
import { PAGE_BYTES } from '../format/identity.js';
import { alignUp } from '../format/integers.js';
import { isMissing } from '../mapping/files.js';
import { indexPath, segmentPath } from '../segment/directory.js';

export class SizeLimit {
  readonly maxBytes: number;
  #usedBytes: number;

  private constructor(maxBytes: number, usedBytes: number) {
    this.maxBytes = maxBytes;
    this.#usedBytes = usedBytes;
  }

  /** Of a log with all files that opening it makes. Without a limit nothing is measured. */
  static of(directory: string, maxBytes: number | undefined): SizeLimit {
    if (maxBytes === undefined) return new SizeLimit(Infinity, 0);
    return new SizeLimit(maxBytes, bytesBelow(directory));
  }

  /** Takes room for files that are about to be made; `false` if there is none. */
  reserve(bytes: number): boolean {
    if (this.lackingBytes(bytes) > 0) return false;
    this.#usedBytes += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#usedBytes -= bytes;
  }

  /** Bytes to be given back before so many fit. */
  lackingBytes(bytes: number): number {
    return Math.max(0, this.#usedBytes + bytes - this.maxBytes);
  }

  /** What a segment that is about to be deleted will give back. */
  bytesOf(directory: string, base: number): number {
    return this.maxBytes === Infinity ? 0 : segmentBytes(directory, base);
  }
}

/** Bytes that a segment takes on the disk, with its index. */
export function segmentBytes(directory: string, base: number): number {
  return fileBytes(segmentPath(directory, base)) + fileBytes(indexPath(directory, base));
}

/** Whole pages, as file systems give them out; 0 for a file that is not there. */
function fileBytes(path: string): number {
  try {
    return alignUp(storage('look at', path, () => lstatSync(path)).size, PAGE_BYTES);
  } catch (error) {
    if (isMissing(error)) return 0;
    throw error;
  }
}

function bytesBelow(directory: string): number {
  const entries = storage('list', directory, () => readdirSync(directory, { withFileTypes: true }));
  let bytes = fileBytes(directory);
  for (const entry of entries) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory() ? bytesBelow(path) : fileBytes(path);
  }
  return bytes;
}
