/**
 * Isolates: walking records with the flyweight and reading one float of each. First touch computes
 * checksums; warm does not. Beside it: a plain loop that hops over the same records by their length words.
 */
import { openAppender, openReader } from '../dist/index.js';
import { Mapping } from '../dist/mapping/mapping.js';
import {
  GiB,
  bytesNote,
  freshPath,
  line,
  median,
  seconds,
  title,
  warmPageCache,
} from './harness.mjs';

const RECORDS = Number(process.argv[2] ?? 14_000_000);
title(`scan of ${RECORDS / 1e6} M records of 64 B`);
warmPageCache(3 * GiB);
const path = freshPath('scan');
const sizeBytes = Math.ceil((RECORDS * 73 + 65536) / 4096) * 4096;
const appender = openAppender(path, {
  segmentSizeBytes: sizeBytes,
  indexCapacity: RECORDS,
  commit: { bytes: 65536 },
  flush: 'none',
});
const payload = Buffer.alloc(64, 1);
for (let i = 0; i < RECORDS; i++) appender.append(payload);
await appender.close();

const first = [];
const warm = [];
const back = [];
const bare = [];
for (let round = 0; round < 4; round++) {
  const reader = openReader(path);
  first.push(RECORDS / seconds(() => forwards(reader.cursor())));
  warm.push(RECORDS / seconds(() => forwards(reader.cursor())));
  const cursor = reader.cursor({ from: 'end' });
  back.push(RECORDS / seconds(() => backwards(cursor)));
  bare.push(RECORDS / bareScan(reader.segments()[0].path));
  reader.close();
}
line('first touch, with checksum', median(first), 'rec', bytesNote(median(first), 64));
line(
  'warm',
  median(warm),
  'rec',
  `${((100 * median(warm)) / median(bare)).toFixed(0)} % of the bare loop`,
);
line('backwards, warm', median(back), 'rec', bytesNote(median(back), 64));
line('  bare loop over length words', median(bare), 'rec');

function forwards(cursor) {
  let sum = 0;
  while (cursor.next()) sum += cursor.getFloat64(8);
  cursor.close();
  return sum | 0;
}

function backwards(cursor) {
  let sum = 0;
  while (cursor.previous()) sum += cursor.getFloat64(8);
  cursor.close();
  return sum | 0;
}

function bareScan(file) {
  const mapping = Mapping.readOnly(file, sizeBytes);
  mapping.makeResident(0, sizeBytes);
  const words = new Int32Array(mapping.buffer);
  const floats = new Float64Array(mapping.buffer);
  const taken = seconds(() => {
    let sum = 0;
    let frameEnd = 4096;
    let at = 4096;
    for (let i = 0; i < RECORDS; i++) {
      if (at === frameEnd) {
        frameEnd = at + words[at >> 2];
        at += 64;
      }
      sum += floats[(at + 16) >> 3];
      at += 8 + (((words[at >> 2] & 0x7fffffff) + 7) & ~7);
    }
    return sum | 0;
  });
  mapping.release();
  return taken;
}
