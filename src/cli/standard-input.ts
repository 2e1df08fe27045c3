/** Standard input as a stream of bytes. */
import { createReadStream, fstatSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { InputError } from './exit-codes.js';
import { note } from './output.js';

const READ_BYTES = 1024 * 1024;

/**
 * Files in large pieces; anything else the way that Node reads it without ever blocking.
 * @throws {InputError} it is a directory
 */
export function openStandardInput(isQuiet: boolean): Readable {
  if (process.stdin.isTTY && !isQuiet) note('reading from the terminal; Ctrl-D ends');
  const input = fstatSync(0);
  if (input.isDirectory()) throw new InputError('Cannot read standard input: it is a directory');
  if (!input.isFile()) return process.stdin;
  return createReadStream('', { fd: 0, autoClose: false, highWaterMark: READ_BYTES });
}
