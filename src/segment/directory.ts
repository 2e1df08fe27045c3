/** What lies in a log's directory. */
import { mkdirSync, readdirSync, renameSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { StorageError, storage } from '../errors.js';
import {
  ASIDE_NAME,
  indexBaseOf,
  indexName,
  isTemporaryName,
  segmentBaseOf,
  segmentName,
} from '../format/names.js';
import {
  isBelowFile,
  isMissing,
  notAFolder,
  syncDirectory,
  whatIsNoFile,
} from '../mapping/files.js';

/**
 * @throws {LogError} `NOT_A_LOG`: it is a file
 * @throws {StorageError}
 */
export function listNames(directory: string): string[] {
  try {
    return storage('list', directory, () => readdirSync(directory));
  } catch (error) {
    throw isBelowFile(error) ? notAFolder(directory, error) : error;
  }
}

/** Base offsets of the segments, ascending. */
export function listSegments(directory: string): number[] {
  return listNames(directory)
    .map(segmentBaseOf)
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b);
}

export function segmentPath(directory: string, base: number): string {
  return join(directory, segmentName(base));
}

export function indexPath(directory: string, base: number): string {
  return join(directory, indexName(base));
}

/** Files under temporary names are never part of a log; the appender clears them away at open. */
export function deleteTemporaries(directory: string): void {
  for (const name of listNames(directory).filter(isTemporaryName)) {
    const path = join(directory, name);
    // A folder of somebody else's is in nobody's way.
    if (whatIsNoFile(path) !== 'a directory') deleteFile(path);
  }
}

/** As far as possible: what is left is deleted at the next opening. */
export function clearTemporaries(directory: string): void {
  try {
    deleteTemporaries(directory);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
  }
}

/**
 * Deletes what an appender that was killed has left behind: the segments below the start, which a
 * `dropBefore` had not come to, and indexes without a segment, whose roll was interrupted between the
 * two renames. An index holds nothing that its segment does not; whoever has one mapped keeps it.
 * `beforeDeleting` is called if there is anything to be deleted.
 */
export function deleteLeftovers(
  directory: string,
  startOffset: number,
  beforeDeleting: () => void,
): void {
  const names = listNames(directory);
  const segments = new Set(names.map(segmentBaseOf));
  const left = names.filter((name) => {
    const base = segmentBaseOf(name) ?? indexBaseOf(name);
    return base !== undefined && (base < startOffset || !segments.has(base));
  });
  if (left.length === 0) return;
  beforeDeleting();
  for (const name of left.sort()) deleteFile(join(directory, name));
  syncDirectory(directory);
}

/** Deletes a file that may be gone already. */
export function deleteFile(path: string): void {
  try {
    storage('delete', path, () => unlinkSync(path));
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/**
 * Takes a segment and its index out of the log, keeping both, and makes that durable. Returns where
 * the segment went.
 */
export function setSegmentAside(directory: string, base: number, label: string): string {
  const target = asidePath(directory, `${segmentName(base)}.${label}`);
  storage('set aside', target, () => renameSync(segmentPath(directory, base), target));
  const index = indexPath(directory, base);
  try {
    storage('set aside', index, () =>
      renameSync(index, asidePath(directory, `${indexName(base)}.${label}`)),
    );
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  syncDirectory(join(directory, ASIDE_NAME));
  syncDirectory(directory);
  return target;
}

/** A path in the log's `aside` folder, which is created, durably, when it is first needed. */
export function asidePath(directory: string, name: string): string {
  const folder = join(directory, ASIDE_NAME);
  const created = storage('create', folder, () => mkdirSync(folder, { recursive: true }));
  if (created !== undefined) syncDirectory(directory);
  return join(folder, name);
}
