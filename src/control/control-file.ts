/**
 * The control page of an open log, mapped. The appender maps it writable; readers read-only. The
 * bells and the session epoch are the only words of it that change under a reader's eyes, and only
 * `Atomics` touches them.
 */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { CorruptionError, LogError, storage } from '../errors.js';
import {
  SESSION_EPOCH,
  checkControlPage,
  encodeControlPage,
  readCheckpoint,
  readSession,
  writeCheckpoint,
  writeSession,
  type Checkpoint,
  type Session,
} from '../format/control-page.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { CONTROL_NAME } from '../format/names.js';
import {
  checkIsFile,
  closeQuietly,
  fileSize,
  isBelowFile,
  isMissing,
  isThere,
  notAFolder,
  readWhole,
  syncFile,
} from '../mapping/files.js';
import { Mapping } from '../mapping/mapping.js';
import { createWhole } from './whole-file.js';

/** Creates the control page of a log that starts at `startOffset`. It appears whole or not at all. */
export function createControl(
  directory: string,
  logId: LogId,
  createdNs: bigint,
  startOffset = 0,
): void {
  const first: Checkpoint = {
    sequence: 0,
    clean: false,
    startOffset,
    durableOffset: startOffset,
    segmentBase: startOffset,
    tailPosition: 0,
    chainCrc: 0,
    timeNs: 0n,
  };
  createWhole(directory, CONTROL_NAME, encodeControlPage(logId, createdNs, first));
}

export class ControlFile {
  readonly path: string;
  readonly logId: LogId;
  /** The mapped page as words, for the bells; empty once it is closed. */
  words: Int32Array;
  readonly #mapping: Mapping;
  #page: Uint8Array;
  readonly #fd: number | undefined;
  #closed = false;

  private constructor(path: string, mapping: Mapping, fd: number | undefined) {
    this.path = path;
    this.#mapping = mapping;
    this.#fd = fd;
    this.#page = new Uint8Array(mapping.buffer);
    this.words = new Int32Array(mapping.buffer);
    this.logId = checkControlPage(this.#page, path);
  }

  /**
   * @throws {LogError} `NOT_A_LOG`: there is no control page
   * @throws {CorruptionError}
   * @throws {UnsupportedVersionError}
   */
  static open(directory: string, mode: 'read' | 'write'): ControlFile {
    const path = join(directory, CONTROL_NAME);
    checkPresent(directory, path);
    if (mode === 'read')
      return ControlFile.#of(path, Mapping.readOnly(path, PAGE_BYTES), undefined);
    const fd = storage('open', path, () => openSync(path, 'r+'));
    try {
      checkSize(fd, path);
      return ControlFile.#of(path, Mapping.ofDescriptor(fd, PAGE_BYTES, true, path), fd);
    } catch (error) {
      closeQuietly(fd);
      throw error;
    }
  }

  static #of(path: string, mapping: Mapping, fd: number | undefined): ControlFile {
    try {
      return new ControlFile(path, mapping, fd);
    } catch (error) {
      mapping.release();
      throw error;
    }
  }

  /** The newest valid checkpoint; during a concurrent write, the one before it. */
  checkpoint(): Checkpoint {
    return readCheckpoint(this.#page.slice(), this.path);
  }

  /** Makes a checkpoint durable; what it says must be durable already. */
  writeCheckpoint(change: Partial<Omit<Checkpoint, 'sequence'>>): void {
    const newest = this.checkpoint();
    writeCheckpoint(this.#page, { ...newest, ...change, sequence: newest.sequence + 1 });
    this.sync();
  }

  /**
   * The same in both slots, one after the other: what the older checkpoint still counts on is about to be
   * deleted, and must not be missed if the newest one cannot be read.
   */
  writeCheckpointTwice(change: Partial<Omit<Checkpoint, 'sequence'>>): void {
    this.writeCheckpoint(change);
    this.writeCheckpoint({});
  }

  session(): Session | undefined {
    return readSession(this.#page);
  }

  /** Names the active segment. Stored before the segment's first record, for salvage after a kill. */
  writeSession(session: Session): void {
    writeSession(this.#page, session);
  }

  sessionEpoch(): number {
    return Atomics.load(this.words, SESSION_EPOCH);
  }

  /** Published after recovery: from here on the words of the log are true. */
  publishSessionEpoch(epoch: number): void {
    Atomics.store(this.words, SESSION_EPOCH, epoch | 0);
  }

  get address(): bigint {
    return this.#mapping.address;
  }

  sync(): void {
    if (this.#fd !== undefined) syncFile(this.#fd, this.path);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A use after this is an error, and not a signal.
    this.words = new Int32Array(0);
    this.#page = new Uint8Array(0);
    if (this.#fd !== undefined) closeQuietly(this.#fd);
    this.#mapping.release();
  }
}

/** Pages that a shorter file lacks would be a signal. */
function checkSize(fd: number, path: string): void {
  const size = fileSize(fd, path);
  if (size >= PAGE_BYTES) return;
  throw new CorruptionError(path, size, `${PAGE_BYTES} bytes`, `a file of ${size} bytes`);
}

function checkPresent(directory: string, path: string): void {
  try {
    checkIsFile(path, 'a control page');
    readWhole(path);
  } catch (error) {
    if (isBelowFile(error)) throw notAFolder(directory, error);
    if (!isMissing(error)) throw error;
    const why = isThere(directory) ? 'there is no stratalog in it' : 'it does not exist';
    throw new LogError('NOT_A_LOG', `Cannot open ${directory}: ${why}`, { cause: error });
  }
}
