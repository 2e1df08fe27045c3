/** Files that a verb writes. */
import { existsSync } from 'node:fs';
import { OutputFile } from '../index.js';
import { InputError } from './exit-codes.js';

/** @throws {InputError} it exists, and the verb has not been told to replace it */
export function checkNewFile(path: string, isReplacing: boolean): void {
  if (isReplacing || !existsSync(path)) return;
  throw new InputError(`Cannot write ${path}: it exists; --force replaces it`);
}

/** @throws {InputError | StorageError} as a rejection: it cannot be written */
export function createNewFile(path: string, isReplacing: boolean): Promise<OutputFile> {
  checkNewFile(path, isReplacing);
  return OutputFile.create(path, { replace: isReplacing });
}
