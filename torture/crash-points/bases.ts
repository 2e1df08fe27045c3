/** Logs that scenarios begin with and that no forked process can make. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openAppender } from 'stratalog';
import { plainRecords } from '../kills/records.js';

/** Records in `never-synced`, two to a frame, six to a segment. */
export const NEVER_SYNCED_RECORDS = 20;
const LIFE = 0;

/**
 * A log as it is when nothing of it was ever synced, and in other inodes than it was written to: as after
 * a power cut, when its pages have been written back by chance. With a maintenance thread, rolls do not
 * sync by themselves.
 */
export async function makeBases(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const log = join(folder, 'never-synced.open');
  const appender = openAppender(log, {
    segmentSizeBytes: 16_384,
    indexCapacity: 6,
    commit: 'manual',
    flush: { everyMs: 2 ** 31 - 1 },
  });
  for (let at = 0; at < NEVER_SYNCED_RECORDS; at++) {
    appender.append(plainRecords.make(at, { start: at, count: 1 }, LIFE));
    if (at % 2 === 1) appender.commit();
  }
  cpSync(log, join(folder, 'never-synced'), { recursive: true });
  await appender.close();
  cpSync(log, join(folder, 'closed'), { recursive: true });
}
