/** The readers of a pool's thread: opened once for each log, and kept for its next piece. */
import { statSync } from 'node:fs';
import { ControlFile } from '../control/control-file.js';
import { storage } from '../errors.js';
import { areWordsTrue } from '../mapping/lock.js';
import type { ReaderDescription } from '../read/description.js';
import { openReader, type Reader } from '../read/reader.js';

/** A thread of a user's pool may come to see many logs. The one least recently used is closed. */
const MAX_READERS = 4;

interface KeptReader {
  readonly reader: Reader;
  readonly generation: string;
}
const kept = new Map<string, KeptReader>();

/**
 * Tells whether a reader that was opened earlier still shows the log as it is. While somebody appends,
 * readers keep up by themselves; but an appender that recovers a log, or a repair, replaces files.
 */
export function generationOf(directory: string): string {
  const control = ControlFile.open(directory, 'read');
  try {
    const { ino } = storage('look at', control.path, () => statSync(control.path));
    const opening = `${ino}:${control.sessionEpoch()}`;
    return areWordsTrue(directory) ? opening : `${opening}:${control.checkpoint().sequence}`;
  } finally {
    control.close();
  }
}

/** This thread's reader of a log. Not to be closed by the caller. */
export function readerOf(description: ReaderDescription, generation: string): Reader {
  const key = JSON.stringify(description);
  let found = kept.get(key);
  kept.delete(key);
  if (found !== undefined && found.generation !== generation) {
    found.reader.close();
    found = undefined;
  }
  found ??= { reader: openReader(description), generation };
  kept.set(key, found);
  for (const [oldest, { reader }] of kept) {
    if (kept.size <= MAX_READERS) break;
    kept.delete(oldest);
    reader.close();
  }
  return found.reader;
}
