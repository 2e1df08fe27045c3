/**
 * A process that appends to a log and ends as it is told. argv: log, number of the process in the log's
 * life, its part, what else. Time and random numbers are counted, so that every run makes the same bytes.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { existsSync, readdirSync } from 'node:fs';
import type * as Stratalog from 'stratalog';
import { payloadOf } from './payloads.js';

const [log, generation, part, flavour] = process.argv.slice(2) as [string, string, string, string];
const SEGMENT_BYTES = 16 * 1024;
const INDEX_CAPACITY = 96;

countInsteadOfChance(Number(generation) * 1000);
const { openAppender, repairLog } = await import('stratalog');
const PARTS: Readonly<Record<string, () => Promise<void> | void>> = {
  begin,
  continue: goOn,
  repair: () => void repairLog(log),
  close,
  die,
};
await PARTS[part]?.();

/** Before the library is loaded, which takes these functions by name. */
function countInsteadOfChance(from: number): void {
  let now = 1_800_000_000_000 + from * 1000;
  let drawn = from;
  Date.now = () => (now += 7);
  const crypto = createRequire(import.meta.url)('node:crypto') as { randomBytes: unknown };
  crypto.randomBytes = (length: number): Buffer => {
    drawn += 1;
    return Buffer.alloc(length, `${flavour}${drawn}`);
  };
  syncBuiltinESMExports();
}

function open(): Stratalog.Appender {
  return openAppender(log, {
    segmentSizeBytes: SEGMENT_BYTES,
    indexCapacity: INDEX_CAPACITY,
    header: Buffer.from('An application header'),
    // So that nothing is synced but by hand, and segments stay undurable behind a roll.
    flush: { everyMs: 2 ** 31 - 1 },
    maintenance: false,
    commit: 'manual',
  });
}

function segments(): number {
  return readdirSync(log).filter((name) => name.endsWith('.log')).length;
}

function frame(appender: Stratalog.Appender, records: number): void {
  for (let i = 0; i < records; i++) {
    appender.append(payloadOf(appender.nextOffset, flavour));
  }
  appender.commit();
}

function batch(appender: Stratalog.Appender, records: number): void {
  const from = appender.nextOffset;
  appender.appendBatch(Array.from({ length: records }, (_, i) => payloadOf(from + i, flavour)));
  appender.commit();
}

function fillUntil(appender: Stratalog.Appender, count: number): void {
  while (segments() < count) frame(appender, 1 + (appender.nextOffset % 5));
}

/** Dies with two records in its open frame, for the next opening to salvage. */
function begin(): void {
  if (existsSync(log)) throw new Error(`${log} is there already`);
  const appender = open();
  frame(appender, 1);
  frame(appender, 3);
  batch(appender, 4);
  frame(appender, 2);
  appender.append(payloadOf(appender.nextOffset, flavour));
  appender.append(payloadOf(appender.nextOffset, flavour));
  process.kill(process.pid, 'SIGKILL');
}

/** From the salvaged frame into the second segment. */
async function goOn(): Promise<void> {
  const appender = open();
  if (appender.recovery.salvagedRecords !== 2) throw new Error('Nothing has been salvaged');
  frame(appender, 1);
  frame(appender, 3);
  frame(appender, 2);
  fillUntil(appender, 2);
  frame(appender, 2);
  await appender.close();
}

async function close(): Promise<void> {
  const appender = open();
  frame(appender, 3);
  await appender.flush();
  fillUntil(appender, 3);
  frame(appender, 4);
  batch(appender, 3);
  await appender.flush();
  frame(appender, 1);
  frame(appender, 2);
  await appender.close();
}

/** With frames that are durable, frames that are not, and records that were not committed. */
async function die(): Promise<void> {
  const appender = open();
  frame(appender, 3);
  await appender.flush();
  fillUntil(appender, 3);
  frame(appender, 4);
  await appender.flush();
  frame(appender, 1);
  batch(appender, 3);
  frame(appender, 2);
  appender.append(payloadOf(appender.nextOffset, flavour));
  appender.append(payloadOf(appender.nextOffset, flavour));
  process.kill(process.pid, 'SIGKILL');
}
