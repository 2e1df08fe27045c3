/** Options of appenders that differ in whatever may matter to what a death leaves behind. */
import type { AppenderOptions, CommitPolicy, FlushSchedule } from 'stratalog';
import { pick } from '../random.js';

const COMMITS: readonly CommitPolicy[] = [
  'each',
  'manual',
  { bytes: 2000, delayMs: 1 },
  { bytes: 16_000, delayMs: 5 },
];
const FLUSHES: readonly FlushSchedule[] = ['none', 'each', { everyMs: 2 }, { everyMs: 50 }];
const SEGMENT_BYTES = [16_384, 16_384, 28_672, 65_536];
/** A segment is full when its index is, too. */
const INDEX_CAPACITIES = [undefined, undefined, undefined, 40];

export function randomOptions(random: () => number): AppenderOptions {
  const segmentSizeBytes = pick(random, SEGMENT_BYTES);
  const indexCapacity = pick(random, INDEX_CAPACITIES);
  return {
    segmentSizeBytes,
    ...(indexCapacity === undefined ? {} : { indexCapacity }),
    commit: pick(random, COMMITS),
    flush: pick(random, FLUSHES),
    maintenance: random() < 0.5,
  };
}
