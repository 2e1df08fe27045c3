/**
 * Isolates: what rolls, preparation and write-back leave of the append speed over many gigabytes. Beside
 * it: a bare `fill` of as many bytes through the very same machinery (segments prepared by the same
 * thread, rolled in the same way), which is the ceiling that page faults and the disk set.
 */
import { createHistogram } from 'node:perf_hooks';
import { openAppender } from '../dist/index.js';
import {
  GiB,
  MiB,
  bytesNote,
  freshPath,
  line,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const TOTAL = Number(process.argv[2] ?? 8) * GiB;
const SIZE = 64;
const SEGMENT = 256 * MiB;
title(`sustained append 64 B over ${TOTAL / GiB} GiB, segments of ${SEGMENT / MiB} MiB`);
warmPageCache(Math.min(TOTAL * 1.3, 12 * GiB));

const options = { segmentSizeBytes: SEGMENT, indexCapacity: 4_000_000, commit: { bytes: 65536 } };
const appended = await sustain(Math.floor(TOTAL / (SIZE + 8)), SIZE);
// A record of 1 MiB is a fill of the mapping: what it costs beside its bytes is nothing.
const filled = await fillThrough(Math.floor(TOTAL / MiB));
line('append 64 B', appended.rate, 'rec', bytesNote(appended.rate, SIZE + 8));
line(
  '  fill of the same mappings',
  (filled * MiB) / (SIZE + 8),
  'rec',
  `append reaches ${((100 * appended.rate * (SIZE + 8)) / (filled * MiB)).toFixed(0)} %`,
);
console.log(
  `  worst single append ${(appended.worst / 1e6).toFixed(1)} ms, p99.99 ${appended.p9999} ns`,
);

async function sustain(records, size) {
  const appender = openAppender(freshPath('sustained'), options);
  await appender.prepare();
  settle();
  const payload = Buffer.alloc(size, 0x5a);
  const histogram = createHistogram();
  const taken = seconds(() => {
    for (let i = 0; i < records; i++) appender.append(payload);
    appender.commit();
  });
  await appender.close();
  const worst = await measureWorst(payload, Math.floor(records / 4), histogram);
  return { rate: records / taken, worst, p9999: histogram.percentile(99.99) };
}

/** A run of its own: taking the time of each append costs more than the append. */
async function measureWorst(payload, records, histogram) {
  const appender = openAppender(freshPath('sustained'), options);
  await appender.prepare();
  let worst = 0;
  let before = process.hrtime.bigint();
  for (let i = 0; i < records; i++) {
    appender.append(payload);
    const now = process.hrtime.bigint();
    const taken = Number(now - before);
    if (taken > worst) worst = taken;
    histogram.record(Math.max(1, taken));
    before = now;
  }
  await appender.close();
  freshPath('sustained');
  return worst;
}

async function fillThrough(pieces) {
  const appender = openAppender(freshPath('filled'), { ...options, commit: 'manual' });
  await appender.prepare();
  settle();
  const length = MiB - 256;
  const taken = seconds(() => {
    for (let i = 0; i < pieces; i++) {
      const slot = appender.reserve(length);
      slot.payload.fill(0x5a);
      slot.publish();
    }
  });
  await appender.close();
  freshPath('filled');
  return pieces / taken;
}
