/**
 * One life of a log on a disk whose power will be cut: opens it, checks it against what the lives before
 * have said, and appends until it is killed. argv: JSON of a `Life`.
 *
 * Ends with code 9 if the log is not as it must be; with others if something fails otherwise, which after
 * the cut is no wonder.
 */
import { rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openAppender, openReader, verifyLog, type Appender } from 'stratalog';
import { provenBytes } from '../proven-record.js';
import { below, randomFrom } from '../random.js';
import { checkLives, recordOfLife } from './lives.js';
import { WRONG, Witness, type Life } from './witness.js';

const life = JSON.parse(process.argv[2] as string) as Life;
const { log, begins, options } = life;
const random = randomFrom(life.seed);
const witness = new Witness(life.witness);

function expectThat(holds: boolean, what: string): void {
  if (holds) return;
  writeSync(2, `Wrong: ${what}\n${describeLives()}`);
  process.exit(WRONG);
}

function describeLives(): string {
  const said = JSON.stringify([...witness.numbers]);
  return `Lives began at ${begins.join(', ')}; the witness says ${said}\n`;
}

function checkRecords(appender: Appender): void {
  using reader = openReader(log);
  try {
    checkLives(reader, begins, appender.startOffset, appender.nextOffset);
  } catch (error) {
    expectThat(false, String(error));
  }
}

function checkLog(appender: Appender): void {
  const { nextOffset, startOffset, flushedOffset } = appender;
  const [flushed, end] = [witness.get('flushed'), witness.get('end')];
  const [start, startAtMost] = [witness.get('start'), witness.get('startAtMost')];
  expectThat(nextOffset >= flushed, `it ends at ${nextOffset}, and was flushed up to ${flushed}`);
  expectThat(nextOffset <= end, `it ends at ${nextOffset}, and ${end} was never reached`);
  expectThat(startOffset >= start, `it starts at ${startOffset}, and was dropped up to ${start}`);
  expectThat(startOffset <= startAtMost, `it starts at ${startOffset}, beyond ${startAtMost}`);
  expectThat(flushedOffset === nextOffset, `only ${flushedOffset} of ${nextOffset} is flushed`);
  checkRecords(appender);
}

function begin(): Appender {
  const appender = openAppender(log, options);
  checkLog(appender);
  const { recovery } = appender;
  witness.set('salvaged', witness.get('salvaged') + recovery.salvagedRecords);
  if (recovery.tornTail !== undefined) witness.set('tornTails', witness.get('tornTails') + 1);
  // What has been copied aside would fill the disk.
  rmSync(join(log, 'aside'), { recursive: true, force: true });
  return appender;
}

function appendOne(appender: Appender): void {
  const at = appender.nextOffset;
  const choice = random();
  const count = choice < 0.2 ? 2 + below(random, 9) : 1;
  witness.set('end', at + count);
  witness.say();
  if (count > 1) {
    const batch = Array.from({ length: count }, (_, i) => record(at + i, at, count));
    appender.appendBatch(batch);
  } else if (choice < 0.3) {
    const reservation = appender.reserve(provenBytes(at) + below(random, 200));
    reservation.payload.fill(0xff);
    reservation.setBytes(0, record(at));
    reservation.publish(provenBytes(at));
  } else if (choice < 0.35) appender.commit();
  else appender.append(record(at));
}

function record(offset: number, batchStart = offset, batchCount = 1): Uint8Array {
  return recordOfLife(begins.length, offset, batchStart, batchCount);
}

async function dropOld(appender: Appender): Promise<void> {
  const before = Math.max(0, appender.nextOffset - below(random, 3000));
  witness.set('startAtMost', Math.max(witness.get('startAtMost'), before));
  witness.say();
  testifyStart(await appender.dropBefore(before));
}

function testifyStart(start: number): void {
  witness.set('start', start);
  witness.say();
}

function testifyFlushed(flushed: number): void {
  witness.set('flushed', Math.max(flushed, witness.get('flushed')));
  witness.say();
}

async function closeAndReopen(appender: Appender): Promise<Appender> {
  const { nextOffset } = appender;
  await appender.close();
  testifyFlushed(nextOffset);
  const again = openAppender(log, options);
  const { outcome } = again.recovery;
  expectThat(outcome === 'clean', `a log that was closed is ${outcome}`);
  expectThat(again.nextOffset === nextOffset, `${nextOffset} became ${again.nextOffset}`);
  return again;
}

async function live(first: Appender): Promise<never> {
  let appender = first;
  let base = -1;
  for (;;) {
    for (let i = below(random, 200); i >= 0; i--) appendOne(appender);
    if (appender.activeSegment.base !== base) {
      base = appender.activeSegment.base;
      witness.set('rolls', witness.get('rolls') + 1);
    }
    const choice = random();
    if (choice < 0.3) testifyFlushed((await appender.flush()).flushedOffset);
    else if (choice < 0.4) await dropOld(appender);
    else if (choice < 0.43) appender = await closeAndReopen(appender);
    else await new Promise(setImmediate);
    testifyFlushed(appender.flushedOffset);
  }
}

async function check(appender: Appender): Promise<void> {
  await appender.close();
  const { isIntact, damage } = verifyLog(log);
  expectThat(isIntact, `verify finds damage: ${JSON.stringify(damage)}`);
}

// Whoever would kill it is gone.
process.on('disconnect', () => process.exit());
const appender = begin();
witness.set('begin', appender.nextOffset);
witness.set('end', appender.nextOffset);
witness.set('isReady', 1);
testifyFlushed(appender.nextOffset);
if (life.isLast) {
  await check(appender);
  process.disconnect();
} else {
  process.send?.('ready');
  await live(appender);
}
