/**
 * The readers page as the appender sees it: the flag that says that somebody sleeps until the doorbell
 * moves. Readers that may write the page set it; nothing in it is ever believed for correctness.
 */
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storage } from '../errors.js';
import { WAITERS, checkReadersPage, encodeReadersPage } from '../format/control-page.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { READERS_NAME } from '../format/names.js';
import { Mapping } from '../mapping/mapping.js';
import { futexWake } from '../mapping/native.js';
import { createWhole } from './whole-file.js';

export class ReadersFile {
  /** The mapped page; the appender's commit looks at `words[WAITERS]`. */
  readonly words: Int32Array;
  readonly #mapping: Mapping;

  private constructor(mapping: Mapping) {
    this.#mapping = mapping;
    this.words = new Int32Array(mapping.buffer);
  }

  /**
   * Opens the page for the appender. A missing or damaged one is made anew: it holds nothing that
   * must last. `mode` is its permissions when it is created.
   */
  static openOrCreate(directory: string, logId: LogId, mode: number): ReadersFile {
    const path = join(directory, READERS_NAME);
    if (!isUsable(path, logId))
      createWhole(directory, READERS_NAME, encodeReadersPage(logId), mode);
    const fd = storage('open', path, () => openSync(path, 'r+'));
    try {
      return new ReadersFile(Mapping.ofDescriptor(fd, PAGE_BYTES, true, path));
    } finally {
      closeSync(fd);
    }
  }

  /** Called after the doorbell has moved, when the flag was seen set. */
  wakeWaiters(doorbellAddress: bigint): void {
    if (Atomics.exchange(this.words, WAITERS, 0) !== 0) futexWake(doorbellAddress);
  }

  close(): void {
    this.#mapping.release();
  }
}

function isUsable(path: string, logId: LogId): boolean {
  if (!existsSync(path)) return false;
  const page = storage('read', path, () => readFileSync(path));
  if (page.length !== PAGE_BYTES) return false;
  try {
    return checkReadersPage(page, path) === logId;
  } catch {
    return false;
  }
}
