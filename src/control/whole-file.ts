/** Small files that must appear whole or not at all. */
import { openSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { storage } from '../errors.js';
import { temporaryName } from '../format/names.js';
import {
  allocateFile,
  closeQuietly,
  deleteQuietly,
  syncDirectory,
  syncFile,
  writeFully,
} from '../mapping/files.js';

/** Writes under a temporary name, syncs, renames, syncs the directory. */
export function createWhole(
  directory: string,
  name: string,
  bytes: Uint8Array,
  mode = 0o644,
): void {
  const path = join(directory, name);
  const temporary = join(directory, temporaryName(name));
  const fd = storage('create', temporary, () => openSync(temporary, 'w', mode));
  try {
    allocateFile(fd, bytes.length, temporary);
    writeFully(fd, bytes, 0, temporary);
    syncFile(fd, temporary);
    storage('rename to', path, () => renameSync(temporary, path));
  } catch (error) {
    deleteQuietly(temporary);
    throw error;
  } finally {
    closeQuietly(fd);
  }
  syncDirectory(directory);
}
