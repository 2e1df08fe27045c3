/**
 * The readers page, mapped: flags that say that somebody sleeps, and the slots in which tailers show
 * themselves. Readers that may write the file use it; nothing in it is ever believed for correctness.
 */
import { openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LogError, storage } from '../errors.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { READERS_NAME } from '../format/names.js';
import {
  TAILER_SLOTS,
  checkReadersPage,
  encodeReadersPage,
  readSlot,
  slotOffsetAt,
  writeSlot,
  type TailerInfo,
} from '../format/readers-page.js';
import { closeQuietly, isThere, readWhole, whatIsNoFile } from '../mapping/files.js';
import { Mapping } from '../mapping/mapping.js';
import { isByteLocked, lockByte, unlockByte } from '../mapping/native.js';
import { createWhole } from './whole-file.js';

/** Descriptors of those that go without having been closed, and with them the locks on their slots. */
const abandoned = new FinalizationRegistry<number>(closeQuietly);

export class ReadersFile {
  /** The mapped page, for the flags. */
  readonly words: Int32Array;
  readonly #path: string;
  readonly #mapping: Mapping;
  readonly #page: Uint8Array;
  /** Offsets in the slots. */
  readonly #offsets: Float64Array;
  /** Its locks say which slots are taken, so it stays open as long as they are. */
  readonly #fd: number;
  /** Slots taken through this object: a second lock by the same descriptor would be granted. */
  readonly #taken = new Set<number>();
  #closed = false;

  private constructor(path: string, fd: number, mapping: Mapping) {
    this.#path = path;
    this.#fd = fd;
    this.#mapping = mapping;
    this.words = new Int32Array(this.#mapping.buffer);
    this.#page = new Uint8Array(this.#mapping.buffer);
    this.#offsets = new Float64Array(this.#mapping.buffer);
    abandoned.register(this, fd, this);
  }

  /**
   * Opens the page for the appender. A missing or damaged one is made anew: it holds nothing that
   * must last. `mode` is its permissions when it is created.
   */
  static openOrCreate(directory: string, logId: LogId, mode: number): ReadersFile {
    const path = join(directory, READERS_NAME);
    if (!isUsable(path, logId))
      createWhole(directory, READERS_NAME, encodeReadersPage(logId), mode);
    return ReadersFile.#open(path);
  }

  /** Opens the page for a reader; `undefined` if it may not be written, or is not there. */
  static openIfPermitted(directory: string, logId: LogId): ReadersFile | undefined {
    const path = join(directory, READERS_NAME);
    try {
      if (!isUsable(path, logId)) return undefined;
      return ReadersFile.#open(path);
    } catch (error) {
      if (error instanceof LogError) return undefined;
      throw error;
    }
  }

  static #open(path: string): ReadersFile {
    const fd = storage('open', path, () => openSync(path, 'r+'));
    try {
      return new ReadersFile(path, fd, Mapping.ofDescriptor(fd, PAGE_BYTES, true, path));
    } catch (error) {
      closeQuietly(fd);
      throw error;
    }
  }

  /** Takes a slot and shows the tailer in it; `undefined` if all are taken. */
  takeSlot(info: TailerInfo): TailerSlot | undefined {
    for (let slot = 0; slot < TAILER_SLOTS; slot++) {
      if (this.#taken.has(slot) || !lockByte(this.#fd, slot, this.#path)) continue;
      this.#taken.add(slot);
      writeSlot(this.#page, slot, info);
      return { offsets: this.#offsets, at: slotOffsetAt(slot), slot };
    }
    return undefined;
  }

  leaveSlot({ slot }: TailerSlot): void {
    if (this.#closed || !this.#taken.delete(slot)) return;
    try {
      unlockByte(this.#fd, slot, this.#path);
    } catch (error) {
      // It goes with the descriptor, and until then another tailer of this reader may have the slot.
      if (!(error instanceof LogError)) throw error;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    abandoned.unregister(this);
    closeQuietly(this.#fd);
    this.#mapping.release();
  }
}

/** Where a tailer stores the offset of its next record. */
export interface TailerSlot {
  readonly offsets: Float64Array;
  readonly at: number;
  readonly slot: number;
}

/** The tailers that have a slot now, in any process. Needs to read the file only. */
export function listTailers(directory: string, logId: LogId): TailerInfo[] {
  const path = join(directory, READERS_NAME);
  if (!isUsable(path, logId)) return [];
  const fd = storage('open', path, () => openSync(path, 'r'));
  try {
    const page = storage('read', path, () => readFileSync(fd));
    const slots = Array.from({ length: TAILER_SLOTS }, (_, slot) => slot);
    return slots.filter((slot) => isByteLocked(fd, slot, path)).map((slot) => readSlot(page, slot));
  } finally {
    closeQuietly(fd);
  }
}

function isUsable(path: string, logId: LogId): boolean {
  if (!isThere(path) || whatIsNoFile(path) !== undefined) return false;
  const page = readWhole(path);
  if (page.length !== PAGE_BYTES) return false;
  try {
    return checkReadersPage(page, path) === logId;
  } catch {
    return false;
  }
}
