import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Appender, Reader, RecordView } from '../../src/index.js';

/** Records of the smallest segment: 16384 - 4096 (header) - 64 (frame) - 8 (record). */
export const SMALL_SEGMENT_BYTES = 16_384;
export const SMALL_MAX_RECORD_BYTES = 12_216;

/** Deterministic content that tells one record from another by every byte. */
export function contentOf(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (offset * 131 + i * 7 + (i >> 8) + 1) & 0xff;
  return bytes;
}

/** Appends records of `length` bytes whose content tells their offset. */
export function appendNumbered(appender: Appender, count: number, length: number): void {
  for (let i = 0; i < count; i++) appender.append(contentOf(appender.nextOffset, length));
}

export function isNumbered(record: RecordView): boolean {
  return Buffer.compare(record.payload, contentOf(record.offset, record.length)) === 0;
}

/** Offsets from a fresh cursor, each with its content checked against `contentOf`. */
export function numberedOffsets(reader: Reader): number[] {
  const cursor = reader.cursor();
  const offsets: number[] = [];
  for (const record of cursor) {
    if (!isNumbered(record)) throw new Error(`Wrong content at ${record.offset}`);
    offsets.push(record.offset);
  }
  cursor.close();
  return offsets;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

/** Files of a log with one ending, in order of their base offsets. */
export function filesOf(directory: string, ending: '.log' | '.index'): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => join(directory, name));
}

/** Names and content of everything below a directory, except whom LOCK names. */
export function fingerprint(directory: string): string {
  const hash = createHash('sha256');
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  for (const name of names) {
    const path = join(directory, name);
    hash.update(`${name}\n`);
    if (lstatSync(path).isFile() && name !== 'LOCK') hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

/** What an action throws; fails if it throws nothing. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('Expected an error, and there was none');
}

/** What a promise is rejected with; fails if it is not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('Expected a rejection, and there was none');
}
