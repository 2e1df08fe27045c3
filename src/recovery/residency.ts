/**
 * Whether the page cache still is the one that a dead appender stored into. The same boot alone does
 * not mean that: the file system may have been unmounted in between, or the pages dropped. So the open
 * frame is salvaged only if boot, device and inode are those of the session, and every page of it is in
 * memory before anything here has read (and so loaded) it.
 */
import { openSync, readFileSync, statSync } from 'node:fs';
import { storage } from '../errors.js';
import type { Session } from '../format/control-page.js';
import { closeQuietly, isMissing } from '../mapping/files.js';
import { Mapping } from '../mapping/mapping.js';
import { PAGE_SIZE } from '../mapping/native.js';
import { listSegments, segmentPath } from '../segment/directory.js';

export class ResidencyBeforeReading {
  readonly #base: number | undefined;
  readonly #pages: Uint8Array;

  private constructor(base: number | undefined, pages: Uint8Array) {
    this.#base = base;
    this.#pages = pages;
  }

  /** Must be taken before the segments are read. */
  static take(directory: string, session: Session | undefined): ResidencyBeforeReading {
    const active = session === undefined ? undefined : findActive(directory, session);
    if (active === undefined || active.sizeBytes === 0)
      return new ResidencyBeforeReading(undefined, new Uint8Array(0));
    return new ResidencyBeforeReading(active.base, residentPages(active.path, active.sizeBytes));
  }

  /**
   * Exclusive position up to which every page from `position` on was in memory; `position` itself if
   * the segment is not the session's.
   */
  residentUpTo(base: number, position: number, sizeBytes: number): number {
    if (base !== this.#base) return position;
    let page = Math.floor(position / PAGE_SIZE);
    while (page < this.#pages.length && ((this.#pages[page] as number) & 1) === 1) page++;
    return Math.max(position, Math.min(page * PAGE_SIZE, sizeBytes));
  }
}

interface ActiveFile {
  readonly base: number;
  readonly path: string;
  readonly sizeBytes: number;
}

function findActive(directory: string, session: Session): ActiveFile | undefined {
  if (session.bootId === '' || session.bootId !== bootId()) return undefined;
  for (const base of listSegments(directory).reverse()) {
    const path = segmentPath(directory, base);
    const { dev, ino, size } = storage('look at', path, () => statSync(path, { bigint: true }));
    // Nothing of an empty file can be mapped; the survey reports it.
    if (dev === session.device && ino === session.inode && size > 0n) {
      return { base, path, sizeBytes: Number(size) };
    }
  }
  return undefined;
}

function residentPages(path: string, sizeBytes: number): Uint8Array {
  // Opened for writing: the kernel tells residency only to those that may write the file.
  const fd = storage('open', path, () => openSync(path, 'r+'));
  try {
    const mapping = Mapping.ofDescriptor(fd, sizeBytes, false, path);
    try {
      return mapping.residentPages();
    } finally {
      mapping.release();
    }
  } finally {
    closeQuietly(fd);
  }
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
let knownBootId: string | undefined;

/** The kernel's id of this boot, or '' where there is none. */
export function bootId(): string {
  knownBootId ??= readBootId();
  return knownBootId;
}

/**
 * Not to be able to read it is not the same as that there is none: without it nothing can be salvaged
 * after a kill, for as long as the process lives.
 */
function readBootId(): string {
  try {
    return storage('read', BOOT_ID, () => readFileSync(BOOT_ID, 'latin1').trim());
  } catch (error) {
    if (isMissing(error)) return '';
    throw error;
  }
}
