/**
 * A segment in the appender's hands: two files, their descriptors and their writable mappings.
 *
 * The segment's descriptor is opened before the first store and kept until the last sync, because a
 * failed write-back is reported only to descriptors that were open when it happened.
 */
import { openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { CorruptionError, LogError, StorageError, storage } from '../errors.js';
import {
  COMMITTED_POSITION,
  FIRST_ENTRY,
  FLUSHED_POSITION,
  checkIndexHeader,
  encodeIndexHeader,
  indexFileBytes,
} from '../format/index-header.js';
import { PAGE_BYTES, SECTOR_BYTES } from '../format/identity.js';
import { Memory } from '../format/memory.js';
import { temporaryName } from '../format/names.js';
import {
  FIRST_FRAME_AT,
  encodeSegmentHeader,
  segmentSeed,
  type SegmentHeader,
} from '../format/segment-header.js';
import {
  allocateFile,
  closeQuietly,
  deleteQuietly,
  fileSize,
  isMissing,
  readFully,
  syncFile,
  whatIsNoFile,
  writeFully,
} from '../mapping/files.js';
import { Mapping } from '../mapping/mapping.js';
import { madvise, mmap, munmap, viewMemory } from '../mapping/native.js';
import { indexPath, segmentPath } from './directory.js';

export interface SegmentGeometry {
  readonly sizeBytes: number;
  readonly indexCapacity: number;
}

/**
 * Two files that are allocated and mapped but not yet part of the log. Plain data: the maintenance
 * thread makes it, the appender's thread adopts it; descriptors and mappings belong to the process.
 */
export interface PreparedSegment extends SegmentGeometry {
  readonly path: string;
  /** Where the index is. It may have got a name in the log, and not have got rid of it again. */
  indexPath: string;
  readonly fd: number;
  readonly indexFd: number;
  readonly address: bigint;
  readonly indexAddress: bigint;
}

/**
 * Allocates and maps both files under temporary names. Whatever fails leaves nothing behind.
 * @throws {StorageError}
 */
export function prepareSegment(
  directory: string,
  stem: string,
  { sizeBytes, indexCapacity }: SegmentGeometry,
): PreparedSegment {
  const path = join(directory, temporaryName(`${stem}.log`));
  const index = join(directory, temporaryName(`${stem}.index`));
  const segment = allocateMapped(path, sizeBytes);
  try {
    const entries = allocateMapped(index, indexFileBytes(indexCapacity));
    return {
      path,
      indexPath: index,
      sizeBytes,
      indexCapacity,
      fd: segment.fd,
      indexFd: entries.fd,
      address: segment.address,
      indexAddress: entries.address,
    };
  } catch (error) {
    discardMapped(path, segment.fd, segment.address, sizeBytes);
    throw error;
  }
}

/** Undoes `prepareSegment`. */
export function discardPrepared(prepared: PreparedSegment): void {
  discardMapped(prepared.path, prepared.fd, prepared.address, prepared.sizeBytes);
  discardMapped(
    prepared.indexPath,
    prepared.indexFd,
    prepared.indexAddress,
    indexFileBytes(prepared.indexCapacity),
  );
}

function allocateMapped(path: string, sizeBytes: number): { fd: number; address: bigint } {
  const fd = storage('create', path, () => openSync(path, 'wx+', 0o644));
  try {
    allocateFile(fd, sizeBytes, path);
    return { fd, address: mapForAppending(fd, sizeBytes, path) };
  } catch (error) {
    closeQuietly(fd);
    deleteQuietly(path);
    throw error;
  }
}

function mapForAppending(fd: number, sizeBytes: number, path: string): bigint {
  const address = mmap(fd, sizeBytes, true, path);
  madvise(address, sizeBytes, 'random', path);
  return address;
}

function discardMapped(path: string, fd: number, address: bigint, sizeBytes: number): void {
  munmap(address, sizeBytes);
  closeQuietly(fd);
  deleteQuietly(path);
}

export class WritableSegment {
  readonly header: SegmentHeader;
  readonly base: number;
  readonly path: string;
  readonly indexPath: string;
  readonly fd: number;
  readonly indexFd: number;
  /** Frames and records; positions are byte indexes of this buffer. */
  readonly mapping: Mapping;
  readonly indexMapping: Mapping;
  /** The segment as every kind of number; not to be kept elsewhere. */
  readonly memory: Memory;
  /** The segment as bytes and as words. */
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  /** The whole index file as words: the mutable words of its header page, entries from `FIRST_ENTRY`. */
  readonly index: Int32Array;
  readonly seed: number;
  #closed = false;

  private constructor(header: SegmentHeader, directory: string, files: PreparedSegment) {
    this.header = header;
    this.base = header.base;
    this.path = segmentPath(directory, header.base);
    this.indexPath = indexPath(directory, header.base);
    this.fd = files.fd;
    this.indexFd = files.indexFd;
    this.mapping = new Mapping(files.address, header.sizeBytes, this.path);
    this.indexMapping = new Mapping(
      files.indexAddress,
      indexFileBytes(header.indexCapacity),
      this.indexPath,
    );
    this.memory = new Memory(this.mapping.buffer);
    this.bytes = this.memory.bytes;
    this.words = this.memory.words;
    this.index = new Int32Array(this.indexMapping.buffer);
    this.seed = segmentSeed(header.logId, header.base);
  }

  /**
   * Gives prepared files their place in the log: headers first, then the names, the index before the
   * segment, so that whoever sees the segment sees its index. (A kill in between leaves an index alone,
   * which the next opening deletes.) Not yet durable; the flush that first
   * covers the segment syncs header and directory. On failure the prepared files are as they were.
   */
  static adopt(
    directory: string,
    prepared: PreparedSegment,
    header: SegmentHeader,
  ): WritableSegment {
    const index = indexPath(directory, header.base);
    const segment = segmentPath(directory, header.base);
    const page = new Uint8Array(viewMemory(prepared.address, PAGE_BYTES));
    page.set(encodeSegmentHeader(header));
    const sector = new Uint8Array(viewMemory(prepared.indexAddress, SECTOR_BYTES));
    sector.set(encodeIndexHeader(header));
    const words = new Int32Array(viewMemory(prepared.indexAddress, PAGE_BYTES));
    words[COMMITTED_POSITION] = words[FLUSHED_POSITION] = FIRST_FRAME_AT / 8;
    const own = prepared.indexPath;
    storage('rename to', index, () => renameSync(own, index));
    prepared.indexPath = index;
    try {
      storage('rename to', segment, () => renameSync(prepared.path, segment));
    } catch (error) {
      renameBack(prepared, own);
      throw error;
    }
    return new WritableSegment(header, directory, prepared);
  }

  /**
   * Opens a segment that is in the log. Its index is created anew, empty, if it is missing or does
   * not belong to it; the caller then fills it.
   */
  static open(
    directory: string,
    header: SegmentHeader,
  ): { segment: WritableSegment; indexIsNew: boolean } {
    const path = segmentPath(directory, header.base);
    const fd = storage('open', path, () => openSync(path, 'r+'));
    try {
      const size = fileSize(fd, path);
      if (size !== header.sizeBytes) {
        throw new CorruptionError(
          path,
          size,
          `${header.sizeBytes} bytes`,
          `a file of ${size} bytes`,
        );
      }
      const index = openIndex(directory, header);
      try {
        const address = mapForAppending(fd, header.sizeBytes, path);
        const files: PreparedSegment = { ...header, ...index, path, fd, address };
        return { segment: new WritableSegment(header, directory, files), indexIsNew: index.isNew };
      } catch (error) {
        munmap(index.indexAddress, indexFileBytes(header.indexCapacity));
        closeQuietly(index.indexFd);
        throw error;
      }
    } catch (error) {
      closeQuietly(fd);
      throw error;
    }
  }

  /**
   * Stores a word of every page from the flushed position up to `end` again, so that the next sync
   * writes them all: the kernel counts pages as written that it has failed to write.
   */
  storeAgain(end: number): void {
    const flushed = Atomics.load(this.index, FLUSHED_POSITION) * 8;
    // The header page goes with the first frames.
    const from = flushed === FIRST_FRAME_AT ? 0 : flushed - (flushed % PAGE_BYTES);
    for (let at = from; at < Math.min(end, this.header.sizeBytes); at += PAGE_BYTES) {
      Atomics.store(this.words, at >> 2, Atomics.load(this.words, at >> 2));
    }
  }

  /**
   * Brings in the pages in which appending goes on behind `records`, whose frames end at `position`. A
   * store into a page that the disk cannot deliver is a signal. What follows these pages has never been
   * written, so nothing of it has to be read.
   * @throws {StorageError}
   */
  makeTailResident(position: number, records: number): void {
    this.mapping.makeResident(Math.min(position, this.header.sizeBytes - 1), 1);
    this.indexMapping.makeResident(0, PAGE_BYTES);
    this.makeEntriesResident(records, Math.min(records + 1, this.header.indexCapacity));
  }

  /**
   * The same for the entries of the records from `from` up to `to`, exclusive.
   * @throws {StorageError}
   */
  makeEntriesResident(from: number, to: number): void {
    if (from < to) this.indexMapping.makeResident((FIRST_ENTRY + from) * 4, (to - from) * 4);
  }

  /** After the last sync. The mappings go now, or with the last view that was lent of them. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    closeQuietly(this.fd);
    closeQuietly(this.indexFd);
    this.mapping.release();
    this.indexMapping.release();
  }
}

/** If that fails, too, the next attempt takes the index from where it is. */
function renameBack(prepared: PreparedSegment, to: string): void {
  try {
    renameSync(prepared.indexPath, to);
    prepared.indexPath = to;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function openIndex(
  directory: string,
  header: SegmentHeader,
): { indexPath: string; indexFd: number; indexAddress: bigint; isNew: boolean } {
  const path = indexPath(directory, header.base);
  const length = indexFileBytes(header.indexCapacity);
  const isNew = !isIndexOf(path, header);
  if (isNew) createIndex(directory, header);
  const indexFd = storage('open', path, () => openSync(path, 'r+'));
  try {
    return { indexPath: path, indexFd, indexAddress: mmap(indexFd, length, true, path), isNew };
  } catch (error) {
    closeQuietly(indexFd);
    throw error;
  }
}

/** Creates an empty index in place of whatever stands there; readers keep what they have mapped. */
function createIndex(directory: string, header: SegmentHeader): void {
  const path = indexPath(directory, header.base);
  const temporary = temporaryName(path);
  const fd = storage('create', temporary, () => openSync(temporary, 'w+', 0o644));
  try {
    allocateFile(fd, indexFileBytes(header.indexCapacity), temporary);
    writeFully(fd, encodeIndexHeader(header), 0, temporary);
    syncFile(fd, temporary);
    storage('rename to', path, () => renameSync(temporary, path));
  } catch (error) {
    deleteQuietly(temporary);
    throw error;
  } finally {
    closeQuietly(fd);
  }
}

/** What cannot be read now may be sound: only one that is known to be of no use is made anew. */
function isIndexOf(path: string, header: SegmentHeader): boolean {
  if (whatIsNoFile(path) !== undefined) return false;
  let fd: number;
  try {
    fd = storage('open', path, () => openSync(path, 'r'));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
  try {
    if (fileSize(fd, path) !== indexFileBytes(header.indexCapacity)) return false;
    const sector = new Uint8Array(SECTOR_BYTES);
    readFully(fd, sector, 0, SECTOR_BYTES, 0, path);
    checkIndexHeader(sector, header, path);
    return true;
  } catch (error) {
    if (!(error instanceof LogError) || error instanceof StorageError) throw error;
    return false;
  } finally {
    closeQuietly(fd);
  }
}
