/** Isolates: an append that commits at once, with frame header, checksum, time and doorbell. */
import { openAppender } from '../dist/index.js';
import {
  GiB,
  bytesNote,
  freshPath,
  line,
  median,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

title('append 64 B, commit each, with a frame time');
warmPageCache(2 * GiB);
const RECORDS = 4_000_000;
const payload = Buffer.alloc(64, 1);
const rates = [];
for (let round = 0; round < 3; round++) {
  const appender = openAppender(freshPath('each'), {
    segmentSizeBytes: 768 * 1024 * 1024,
    commit: 'each',
    flush: 'none',
  });
  settle();
  await appender.prepare();
  const taken = seconds(() => {
    for (let i = 0; i < RECORDS; i++) appender.append(payload);
  });
  rates.push(RECORDS / taken);
  await appender.close();
}
line('append 64 B, commit each', median(rates), 'rec', bytesNote(median(rates), 64));
