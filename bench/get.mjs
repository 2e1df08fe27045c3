/**
 * Isolates: random access by offset, warm, through the flyweight. Beside it: the bare loads (index entry,
 * length word, one float) at the same random offsets, which is what caches, TLB and memory allow.
 */
import { openAppender, openReader } from '../dist/index.js';
import { Mapping } from '../dist/mapping/mapping.js';
import { indexFileBytes } from '../dist/format/index-header.js';
import {
  GiB,
  MiB,
  bytesNote,
  freshPath,
  line,
  median,
  seconds,
  title,
  warmPageCache,
} from './harness.mjs';

const RECORDS = 14_900_000;
const GETS = 3_000_000;
title('get at random offsets, warm, 64 B records');
warmPageCache(3 * GiB);
const path = freshPath('get');
const sizeBytes = Math.ceil((RECORDS * 73) / 4096) * 4096;
const appender = openAppender(path, {
  segmentSizeBytes: sizeBytes,
  indexCapacity: RECORDS,
  commit: { bytes: 65536 },
  flush: 'none',
});
const payload = Buffer.alloc(64, 1);
for (let i = 0; i < RECORDS; i++) appender.append(payload);
await appender.close();

const reader = openReader(path);
const cursor = reader.cursor();
while (cursor.next());
cursor.close();
const segment = Mapping.readOnly(reader.segments()[0].path, sizeBytes);
segment.makeResident(0, sizeBytes);
const index = Mapping.readOnly(
  reader.segments()[0].path.replace(/log$/, 'index'),
  indexFileBytes(RECORDS),
);
index.makeResident(0, index.sizeBytes);
const words = new Int32Array(segment.buffer);
const view = new DataView(segment.buffer);
const entries = new Int32Array(index.buffer);

for (const span of [8, 128, 1024]) {
  const count = Math.min(RECORDS, Math.floor((span * MiB) / 72));
  const ours = [];
  const bare = [];
  for (let round = 0; round < 5; round++) {
    ours.push(GETS / seconds(() => gets(count)));
    bare.push(GETS / seconds(() => loads(count)));
  }
  const share = ((100 * median(ours)) / median(bare)).toFixed(0);
  line(`get over ${span} MiB`, median(ours), 'get', bytesNote(median(ours), 64));
  line('  bare loads', median(bare), 'get', `get reaches ${share} %`);
}
reader.close();

function gets(count) {
  let sum = 0;
  let x = 12345;
  for (let i = 0; i < GETS; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    sum += reader.get(Math.floor((x / 4294967296) * count)).getFloat64(8);
  }
  return sum | 0;
}

function loads(count) {
  let sum = 0;
  let x = 12345;
  for (let i = 0; i < GETS; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    const at = entries[1024 + Math.floor((x / 4294967296) * count)] * 8;
    sum += (words[at >> 2] & 0x7fffffff) + view.getFloat64(at + 16, true);
  }
  return sum | 0;
}
