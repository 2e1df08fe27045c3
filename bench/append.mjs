/**
 * Isolates: the cost of an append with group commit, checksum included, into segments that are prepared.
 * Beside it, in turn: `Uint8Array.fill` of the same bytes into the same kind of mapping, which is what
 * memory and page faults allow, and `set` plus the native checksum, which is what the work itself costs.
 */
import { crc32c } from '@node-rs/crc32';
import { openAppender } from '../dist/index.js';
import { prepareSegment, discardPrepared } from '../dist/segment/writable-segment.js';
import { madvise, viewMemory } from '../dist/mapping/native.js';
import {
  GiB,
  MiB,
  bytesNote,
  freshPath,
  line,
  median,
  place,
  seconds,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const BURST = Number(process.argv[2] ?? 1) * GiB;
const ROUNDS = 3;
const SEGMENT = Math.min(2 * GiB - 4096, Math.ceil((BURST * 1.3) / 4096) * 4096);

title(
  `append, group commit 64 KiB, checksums on, burst of ${BURST / MiB} MiB into a prepared segment`,
);
warmPageCache(2.5 * SEGMENT);
for (const size of [64, 256, 1024]) await compare(size);

async function compare(size) {
  const records = Math.floor(BURST / size);
  const framed = records * (size + 8) + 65536;
  const ours = [];
  const fills = [];
  const bares = [];
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(records / (await appendBurst(size, records)));
    fills.push(records / withMapping(framed, (bytes) => fill(bytes, framed)));
    bares.push(records / withMapping(framed, (bytes) => setAndSum(bytes, size, records)));
  }
  line(`append ${size} B`, median(ours), 'rec', bytesNote(median(ours), size));
  line(`  limit of the work: set + crc32c`, median(bares), 'rec', ratio(ours, bares));
  line(`  limit of memory: fill`, median(fills), 'rec', ratio(ours, fills));
}

async function appendBurst(size, records) {
  const appender = openAppender(freshPath('append'), {
    segmentSizeBytes: SEGMENT,
    indexCapacity: records + 1000,
    commit: { bytes: 64 * 1024 },
    flush: 'none',
  });
  settle();
  await appender.prepare();
  const payload = Buffer.alloc(size, 0x5a);
  const taken = seconds(() => {
    for (let i = 0; i < records; i++) appender.append(payload);
    appender.commit();
  });
  await appender.close();
  freshPath('append');
  return taken;
}

/** A mapping as the appender gets it: allocated and brought in. */
function withMapping(bytes, use) {
  const sizeBytes = Math.ceil(bytes / 4096) * 4096 + 4096;
  const prepared = prepareSegment(place, 'bare', { sizeBytes, indexCapacity: 1 });
  settle();
  madvise(prepared.address, sizeBytes, 'populate-write', 'bare');
  const view = new Uint8Array(viewMemory(prepared.address, sizeBytes));
  const taken = seconds(() => use(view));
  discardPrepared(prepared);
  return taken;
}

function fill(bytes, length) {
  for (let at = 0; at < length; at += 65536) bytes.fill(0x5a, at, Math.min(at + 65536, length));
}

function setAndSum(bytes, size, records) {
  const payload = Buffer.alloc(size, 0x5a);
  const step = size + 8;
  let frame = 0;
  for (let i = 0, at = 0; i < records; i++, at += step) {
    bytes.set(payload, at);
    if (at - frame < 65536) continue;
    crc32c(new Uint8Array(bytes.buffer, frame, at - frame));
    frame = at;
  }
}

function ratio(ours, limits) {
  return `append reaches ${((100 * median(ours)) / median(limits)).toFixed(0)} % of it`;
}
