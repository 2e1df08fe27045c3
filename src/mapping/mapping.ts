/**
 * A file mapped into memory, and how long it stays there.
 *
 * The mapping must outlive every view of it, and the platform does not help: an `ArrayBuffer` over
 * foreign memory keeps nothing alive, and a load through a stale one is a SIGSEGV. Two rules make that
 * impossible:
 *
 * - A mapping is unmapped early (`release`) only when nobody outside this library can hold a view of
 *   it. Whoever hands a view out calls `lend` first; whoever keeps views inside drops them before
 *   `release`.
 * - Files that are only read are mapped once per thread, and shared by all who open them; the last
 *   `release` counts.
 * - Otherwise it is unmapped by a finalizer on its `ArrayBuffer`, which every view refers to, so after
 *   the last view is gone. One registration per mapping, none per view.
 */
import { fstatSync, openSync } from 'node:fs';
import { CorruptionError, storage } from '../errors.js';
import { checkIsFile, closeQuietly } from './files.js';
import { MappingLedger } from './ledger.js';
import {
  PAGE_SIZE,
  madvise,
  mincore,
  mmap,
  munmap,
  reserveAddresses,
  viewMemory,
} from './native.js';
import type { Advice } from './platform.js';
import type { ThreadGuard } from './thread-guard.js';

interface Region {
  readonly address: bigint;
  readonly sizeBytes: number;
  /** Key among `readMappings`, if it is shared. */
  key: string | undefined;
  /** Its line in the ledger, if there is one. */
  line: number | undefined;
}

const finalizer = new FinalizationRegistry<Region>((region) => {
  const { key } = region;
  unmap(region);
  if (key !== undefined && readMappings.get(key)?.deref() === undefined) readMappings.delete(key);
});

/** Everything that this thread has mapped and not unmapped yet. */
const regions = new Set<Region>();
const mappedBuffers = new WeakSet<ArrayBufferLike>();
let ledger: MappingLedger | undefined;
let guard: ThreadGuard | undefined;

/** Has this thread note its mappings, those of before as well. The first ledger it is given counts. */
export function keepLedger(shared: SharedArrayBuffer): void {
  if (ledger !== undefined) return;
  ledger = new MappingLedger(shared);
  for (const region of regions) region.line = ledger.note(region.address, region.sizeBytes);
}

/** Has this thread, which may be terminated at any time, map files under a guard; `undefined`: no more. */
export function mapUnder(newGuard: ThreadGuard | undefined): void {
  guard = newGuard;
}

/** Whether this memory is a mapped file's. */
export function isMapped(buffer: ArrayBufferLike): boolean {
  return mappedBuffers.has(buffer);
}

function unmap(region: Region): void {
  regions.delete(region);
  if (region.line !== undefined) ledger?.erase(region.line);
  munmap(region.address, region.sizeBytes);
}

/** What this thread has mapped for reading, by file. Weak: a reader may go without having been closed. */
const readMappings = new Map<string, WeakRef<Mapping>>();

export class Mapping {
  readonly buffer: ArrayBuffer;
  readonly address: bigint;
  readonly sizeBytes: number;
  readonly path: string;
  #lent = false;
  #released = false;
  #users = 1;
  readonly #region: Region;

  /** Takes over a region that is mapped already, possibly by another thread of this process. */
  constructor(
    address: bigint,
    sizeBytes: number,
    path: string,
    line = ledger?.note(address, sizeBytes),
  ) {
    this.address = address;
    this.sizeBytes = sizeBytes;
    this.path = path;
    guard?.enter();
    this.buffer = viewMemory(address, sizeBytes);
    guard?.leave();
    forbidTransfer(this.buffer);
    mappedBuffers.add(this.buffer);
    this.#region = { address, sizeBytes, key: undefined, line };
    regions.add(this.#region);
    finalizer.register(this.buffer, this.#region, this);
  }

  /** Maps a file that is open; the descriptor may be closed afterwards. */
  static ofDescriptor(fd: number, sizeBytes: number, writable: boolean, path: string): Mapping {
    if (ledger === undefined) {
      return new Mapping(mmap(fd, sizeBytes, writable, path), sizeBytes, path);
    }
    const reserved = reserveAddresses(sizeBytes);
    const line = ledger.note(reserved, sizeBytes);
    try {
      mmap(fd, sizeBytes, writable, path, reserved);
    } catch (error) {
      if (line !== undefined) ledger.erase(line);
      munmap(reserved, sizeBytes);
      throw error;
    }
    return new Mapping(reserved, sizeBytes, path, line);
  }

  /**
   * Maps a file read-only, or shares the mapping that this thread has of it. A file that is shorter is
   * refused: its missing pages would be SIGBUS.
   */
  static readOnly(path: string, sizeBytes: number): Mapping {
    checkIsFile(path, `a file of ${sizeBytes} bytes`);
    return storage('open', path, () => {
      const fd = openSync(path, 'r');
      try {
        const { size, dev, ino } = fstatSync(fd, { bigint: true });
        if (size < sizeBytes) {
          throw new CorruptionError(
            path,
            Number(size),
            `${sizeBytes} bytes`,
            `a file of ${size} bytes`,
          );
        }
        return Mapping.#share(`${dev}:${ino}:${sizeBytes}`, () =>
          Mapping.ofDescriptor(fd, sizeBytes, false, path),
        );
      } finally {
        closeQuietly(fd);
      }
    });
  }

  /** A file cannot get another's inode while it is mapped, so the key stays true. */
  static #share(key: string, map: () => Mapping): Mapping {
    const known = readMappings.get(key)?.deref();
    if (known !== undefined) {
      known.#users++;
      return known;
    }
    const mapping = map();
    mapping.#region.key = key;
    readMappings.set(key, new WeakRef(mapping));
    return mapping;
  }

  /** A view is about to leave the library: from now on only the finalizer unmaps. */
  lend(): void {
    this.#lent = true;
  }

  get lent(): boolean {
    return this.#lent;
  }

  /**
   * One user's own views are gone; called once by each. The last one unmaps at once, unless a view was
   * lent.
   */
  release(): void {
    if (this.#released || --this.#users > 0) return;
    const { key } = this.#region;
    if (key !== undefined) readMappings.delete(key);
    if (this.#lent) return;
    this.#released = true;
    finalizer.unregister(this);
    unmap(this.#region);
  }

  advise(advice: Advice, from = 0, length = this.sizeBytes - from): boolean {
    const start = from - (from % PAGE_SIZE);
    return madvise(this.address + BigInt(start), from + length - start, advice, this.path);
  }

  /**
   * Brings a range into memory, as an error where touching it would be a signal.
   * @throws {StorageError} the disk cannot deliver the pages, or the file has become shorter
   */
  makeResident(from: number, length: number): void {
    this.advise('populate-read', from, length);
  }

  /** Which of its pages are in memory: bit 0 of a byte per `PAGE_SIZE`. */
  residentPages(): Uint8Array {
    return mincore(this.address, this.sizeBytes, PAGE_SIZE);
  }
}

/** Moving the memory to another `ArrayBuffer` would leave it without the finalizer that keeps it. */
function forbidTransfer(buffer: ArrayBuffer): void {
  const refuse = (): never => {
    throw new TypeError('Cannot transfer memory that is mapped from a file: copy it');
  };
  Object.defineProperties(buffer, {
    transfer: { value: refuse },
    transferToFixedLength: { value: refuse },
  });
}
