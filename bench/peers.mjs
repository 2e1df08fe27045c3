/**
 * The same work through lmdb: 64 B records under ascending keys, in batches, with the same durability (its
 * default, `overlappingSync`, returns before the sync).
 */
import { openAppender, openReader } from '../dist/index.js';
import { GiB, freshPath, line, secondsAsync, seconds, title, warmPageCache } from './harness.mjs';

const lmdb = await import('lmdb').catch(() => undefined);
if (lmdb === undefined) {
  console.log('  lmdb is not installed: npm install --no-save lmdb');
  process.exit(0);
}
title('beside lmdb: 64 B records, batches of 1,000');
warmPageCache(2 * GiB);
const RECORDS = 1_000_000;
const FLUSHED = 200_000;
const payload = Buffer.alloc(64, 1);
const batch = Array.from({ length: 1000 }, () => payload);

const oursPath = freshPath('ours');
const appender = openAppender(oursPath, { commit: 'manual', flush: 'none' });
await appender.prepare();
const ours = await secondsAsync(async () => {
  for (let i = 0; i < RECORDS / 1000; i++) {
    appender.appendBatch(batch);
    appender.commit();
  }
});
const oursFlushed = await secondsAsync(async () => {
  for (let i = 0; i < FLUSHED / 1000; i++) {
    appender.appendBatch(batch);
    await appender.flush();
  }
});
await appender.close();

const unsynced = makeLmdb('lmdb-nosync', { noSync: true });
const theirs = await fill(unsynced, RECORDS);
const synced = makeLmdb('lmdb-sync', { overlappingSync: false });
const theirsFlushed = await fill(synced, FLUSHED);
line('append, committed, not synced', RECORDS / ours, 'rec');
line('  lmdb, noSync', RECORDS / theirs, 'rec');
line('append, each batch synced', FLUSHED / oursFlushed, 'rec');
line('  lmdb', FLUSHED / theirsFlushed, 'rec');

const reader = openReader(oursPath);
let sum = 0;
const scan = seconds(() => {
  const cursor = reader.cursor();
  while (cursor.next()) sum += cursor.getUint8(0);
});
const total = reader.committedOffset;
const theirScan = seconds(() => {
  for (const { value } of unsynced.getRange({})) sum += value[0];
});
line('scan, first touch with checksum', total / scan, 'rec');
line('  lmdb getRange', RECORDS / theirScan, 'rec');
reader.close();
await unsynced.close();
await synced.close();

function makeLmdb(name, options) {
  return lmdb.open({
    path: freshPath(name),
    encoding: 'binary',
    keyEncoding: 'uint32',
    ...options,
  });
}

async function fill(database, records) {
  return secondsAsync(async () => {
    for (let from = 0; from < records; from += 1000) {
      database.transactionSync(() => {
        for (let i = from; i < from + 1000; i++) database.putSync(i, payload);
      });
    }
    await database.flushed;
  });
}
