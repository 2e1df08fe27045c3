/** Counts: bytes of JavaScript heap that a record costs in steady state, by the heap's own counter. */
import { openAppender, openReader } from '../dist/index.js';
import { GiB, freshPath, heapBytes, title, warmPageCache } from './harness.mjs';

title('heap bytes allocated per record');
warmPageCache(GiB);
for (const commit of ['each', { bytes: 65536 }, 'manual']) await countAppends(commit);
await countReads();

async function countAppends(commit) {
  const appender = openAppender(freshPath('allocation'), {
    segmentSizeBytes: 512 * 1024 * 1024,
    commit,
    flush: 'none',
  });
  const payload = Buffer.alloc(64, 1);
  print(`append 64 B, commit ${JSON.stringify(commit)}`, (n) => {
    for (let i = 0; i < n; i++) appender.append(payload);
  });
  print(`reserve 64 B, commit ${JSON.stringify(commit)}`, (n) => {
    for (let i = 0; i < n; i++) {
      const slot = appender.reserve(64);
      slot.setFloat64(0, i);
      slot.publish();
    }
  });
  await appender.close();
}

async function countReads() {
  const reader = openReader(freshenedLog());
  const cursor = reader.cursor();
  print('cursor.next() and one float, first touch', (n) => walk(cursor, n));
  cursor.seek(0);
  print('the same, warm', (n) => walk(cursor, n));
  print('get and one float, warm', (n) => lookUp(reader, n));
  reader.close();
}

/**
 * The sum is a local and leaves as an integer: one that a closure shares, or that is returned as it is, is
 * boxed anew for every record by the bench's own code.
 */
function walk(cursor, n) {
  let sum = 0;
  for (let i = 0; i < n && cursor.next(); i++) sum += cursor.getFloat64(0);
  return sum | 0;
}

function lookUp(reader, n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum += reader.get((i * 7919) % 1_000_000).getFloat64(0);
  return sum | 0;
}

function freshenedLog() {
  const path = freshPath('allocation');
  const appender = openAppender(path, {
    commit: { bytes: 65536 },
    segmentSizeBytes: 256 * 1024 * 1024,
    maintenance: false,
  });
  const payload = Buffer.alloc(64, 1);
  for (let i = 0; i < 1_500_000; i++) appender.append(payload);
  appender.commit();
  return path;
}

function print(name, run) {
  console.log(`  ${name.padEnd(52)} ${heapBytes(run).toFixed(2)} B`);
}
