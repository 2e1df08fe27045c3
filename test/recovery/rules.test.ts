/** One test for each rule of recovery, on logs that were not closed, or were closed and then damaged. */
import {
  copyFileSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  openAppender,
  openReader,
  repairLog,
  UnsupportedVersionError,
  type Appender,
} from '../../src/index.js';
import { dieWith, fixture, type Step } from '../support/dying.js';
import {
  FIRST_FRAME_AT,
  allFrames,
  contents,
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  overwrite,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { BY_HAND, NEVER_SYNCED, nameOf, namesOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const CONTROL_SLOTS = [512, 1024];

/** Appends and commits `frames` frames of `each` records. */
function appendFrames(appender: Appender, frames: number, each = 1): void {
  for (let f = 0; f < frames; f++) {
    for (let i = 0; i < each; i++) appender.append(bytes(nameOf(appender.nextOffset)));
    appender.commit();
  }
}

/** Fills the active segment, with frames of one record, until the next one has begun. */
function appendUntilRolled(log: string, appender: Appender): number {
  const before = segmentsOf(log).length;
  while (segmentsOf(log).length === before) appendFrames(appender, 1);
  return segmentsOf(log).at(-1) as number;
}

/** A copy of the log while `appender` has it open, as a power cut would leave it; then closes. */
async function copyAndClose(log: string, appender: Appender): Promise<string> {
  const copy = copyOf(log);
  await appender.close();
  return copy;
}

/** Opens, closes, and returns what recovery reported. */
async function recover(log: string): Promise<Appender['recovery']> {
  const appender = openAppender(log, BY_HAND);
  await appender.close();
  return appender.recovery;
}

function damageOf(action: () => unknown): CorruptionError {
  try {
    action();
  } catch (error) {
    if (error instanceof CorruptionError) return error;
    throw error;
  }
  throw new Error('Expected a CorruptionError, but there was no error');
}

describe('durable bound', () => {
  it('is the highest that any frame behind the damage names, in later segments, too', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 10);
    const next = appendUntilRolled(log, appender);
    await appender.flush();
    appendFrames(appender, 3);
    const copy = await copyAndClose(log, appender);
    const [hit, , behind] = framesIn(copy, 0).slice(5);
    flipBit(segmentFile(copy, 0), (hit?.position as number) + 70);
    // Only the frames of the second segment say that the first was durable.
    expect(framesIn(copy, 0).every(({ flushed }) => flushed === 0)).toBe(true);
    expect(behind).toBeDefined();
    const before = contents(copy);
    const error = damageOf(() => openAppender(copy, BY_HAND));
    expect(error).toMatchObject({
      path: segmentFile(copy, 0),
      position: hit?.position,
      lost: { from: 5, to: 6 },
    });
    expect(contents(copy)).toEqual(before);
    expect(next).toBeGreaterThan(10);
  });

  it.each([{ maintenance: true }, { maintenance: false }])(
    'is made durable itself after an idle flush, with maintenance thread: $maintenance',
    async ({ maintenance }) => {
      const log = temporaryLogPath();
      const appender = openAppender(log, {
        segmentSizeBytes: 16 * 1024,
        flush: 'none',
        maintenance,
      });
      appendFrames(appender, 4);
      await appender.flush();
      // That takes up to a second; no deadline here but that of the test itself.
      while (checkpointedOffset(log) < 4) await new Promise((resolve) => setTimeout(resolve, 50));
      const copy = await copyAndClose(log, appender);
      zero(segmentFile(copy, 0), FIRST_FRAME_AT);
      expect(damageOf(() => openAppender(copy, BY_HAND)).lost).toEqual({ from: 0, to: 4 });
    },
  );
});

/** The highest durable offset of the checkpoint slots. */
function checkpointedOffset(log: string): number {
  const page = readFileSync(join(log, 'control'));
  return Math.max(...CONTROL_SLOTS.map((at) => Number(page.readBigUInt64LE(at + 24))));
}

describe('a torn tail', () => {
  it('is truncated, kept aside byte for byte, and reported', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 5);
    await appender.flush();
    appendFrames(appender, 5);
    const copy = await copyAndClose(log, appender);
    const [torn, ...rest] = framesIn(copy, 0).slice(6);
    const last = rest.at(-1);
    const position = torn?.position as number;
    flipBit(segmentFile(copy, 0), position + 80);
    const end = (last?.position as number) + (last?.length as number);
    const original = readFileSync(segmentFile(copy, 0)).subarray(position, end);
    const { tornTail, outcome, salvagedRecords } = await recover(copy);
    expect({ outcome, salvagedRecords }).toEqual({ outcome: 'recovered', salvagedRecords: 0 });
    expect(tornTail).toMatchObject({ path: segmentFile(copy, 0), position });
    const kept = readFileSync(tornTail?.copiedTo as string);
    expect(kept).toEqual(original.subarray(0, tornTail?.lengthBytes));
    expect(original.subarray(kept.length).every((byte) => byte === 0)).toBe(true);
    expect(readAll(copy)).toEqual(namesOf(0, 6));
  });

  it('never comes back behind frames that are appended later', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 10);
    const copy = await copyAndClose(log, appender);
    const [, , torn] = framesIn(copy, 0);
    flipBit(segmentFile(copy, 0), (torn?.position as number) + 80);
    const again = openAppender(copy, BY_HAND);
    // Frames of the same size, so that an old frame would follow seamlessly.
    again.append(bytes('another'.padEnd(40, 'y')));
    again.commit();
    const cut = await copyAndClose(copy, again);
    // Nothing of it is left in the file, either: the chain of checksums need not tell it apart.
    expect((await recover(cut)).tornTail).toBeUndefined();
    expect(readAll(cut)).toEqual([...namesOf(0, 2), 'another'.padEnd(40, 'y')]);
  });

  it('begins where a frame of another history of the same log stands', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 2);
    await appender.close();
    // From here the log has two histories, whose frames have the same places, offsets and sizes.
    const other = copyOf(log);
    for (const [path, letter] of [
      [log, 'a'],
      [other, 'b'],
    ] as const) {
      const again = openAppender(path, BY_HAND);
      for (let i = 0; i < 3; i++) {
        again.append(bytes(letter.repeat(40)));
        again.commit();
      }
      await again.close();
    }
    const open = openAppender(log, BY_HAND);
    const mixed = await copyAndClose(log, open);
    reopenAt(mixed, 0);
    const { position, length } = framesIn(other, 0)[3] as { position: number; length: number };
    const graft = readFileSync(segmentFile(other, 0)).subarray(position, position + length);
    overwrite(segmentFile(mixed, 0), position, graft);
    // Nothing but the chain of checksums tells that it does not belong there.
    expect((await recover(mixed)).tornTail?.position).toBe(position);
    expect(readAll(mixed)).toEqual([...namesOf(0, 2), 'a'.repeat(40)]);
  });

  it('takes valid frames and later segments with it, which are set aside', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...NEVER_SYNCED, commit: 'manual' });
    const next = appendUntilRolled(log, appender);
    const copy = await copyAndClose(log, appender);
    const [, torn] = framesIn(copy, 0);
    zero(segmentFile(copy, 0), torn?.position as number, (torn?.position as number) + 64);
    const { setAside, tornTail } = await recover(copy);
    expect(setAside).toHaveLength(1);
    expect(setAside[0]).toContain(join(copy, 'aside', `${String(next).padStart(20, '0')}.log`));
    expect(tornTail?.position).toBe(torn?.position);
    expect(segmentsOf(copy)).toEqual([0]);
    expect(readAll(copy)).toEqual(namesOf(0, 1));
  });
});

describe('the successor of a torn segment', () => {
  it('is reused when it is empty and its base fits', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    const copy = await copyAndClose(log, appender);
    zero(segmentFile(copy, next), FIRST_FRAME_AT);
    const report = await recover(copy);
    expect(report.setAside).toEqual([]);
    expect(segmentsOf(copy)).toEqual([0, next]);
    expect(readAll(copy)).toEqual(namesOf(0, next));
  });

  it('is set aside when its header was never written, and the log goes on in its place', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    const copy = await copyAndClose(log, appender);
    zero(segmentFile(copy, next), 0);
    const again = openAppender(copy, BY_HAND);
    expect(again.recovery.setAside).toHaveLength(1);
    expect(again.nextOffset).toBe(next);
    appendFrames(again, 3);
    await again.close();
    expect(readAll(copy)).toEqual(namesOf(0, next + 3));
  });

  it('may be blank although a checkpoint names it: only what precedes it was durable', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    await appender.close();
    // Closed with an open frame that was abandoned: rolled, and nothing committed since.
    const rolled = temporaryLogPath();
    const roller = openAppender(rolled, BY_HAND);
    appendFrames(roller, framesIn(log, 0).length);
    expect(roller.nextOffset).toBe(next);
    roller.reserve(40).abandon();
    expect(segmentsOf(rolled)).toEqual([0, next]);
    await roller.close();
    zero(segmentFile(rolled, next), 0);
    const again = openAppender(rolled, BY_HAND);
    expect(again.nextOffset).toBe(next);
    appendFrames(again, 1);
    await again.close();
    expect(readAll(rolled)).toEqual(namesOf(0, next + 1));
  });

  it('keeps the chain of checksums when recovery begins in it while it is empty', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    const first = await copyAndClose(log, appender);
    zero(segmentFile(first, next), FIRST_FRAME_AT);
    // Twice: the first recovery checkpoints the empty segment, the second begins there.
    const once = openAppender(first, BY_HAND);
    const second = await copyAndClose(first, once);
    const twice = openAppender(second, BY_HAND);
    appendFrames(twice, 2);
    await twice.close();
    const frames = allFrames(second);
    for (const [i, frame] of frames.entries()) {
      expect(frame.previousCrc).toBe(frames[i - 1]?.crc ?? 0);
    }
    expect(frames.at(-1)?.base).toBe(next + 1);
  });
});

describe('a segment that names another predecessor', () => {
  it('is set aside when it comes next by its base alone', async () => {
    const log = temporaryLogPath();
    const next = await roomOfFirst();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, next);
    appender.reserve(40).abandon();
    expect(segmentsOf(log)).toEqual([0, next]);
    const copy = await copyAndClose(log, appender);
    // It holds nothing, so that no chain of checksums tells.
    renamePredecessor(segmentFile(copy, next), next - 1);
    const { setAside } = await recover(copy);
    expect(setAside).toHaveLength(1);
    const again = openAppender(copy, BY_HAND);
    appendFrames(again, 3);
    await again.close();
    expect((await recover(copy)).outcome).toBe('clean');
    expect(readAll(copy)).toEqual(namesOf(0, next + 3));
  });

  it('is damage when another one lies between, and repairLog gives it its place', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const second = appendUntilRolled(log, appender);
    const third = appendUntilRolled(log, appender);
    await appender.close();
    for (const previous of [0, third]) {
      const copy = copyOf(log);
      renamePredecessor(segmentFile(copy, third), previous);
      const error = damageOf(() => openAppender(copy, BY_HAND));
      expect(error).toMatchObject({
        path: segmentFile(copy, third),
        expected: `the segment that follows base ${second}`,
        found: `one that follows base ${previous}`,
      });
      expect(repairLog(copy).lost).toEqual([]);
      expect((await recover(copy)).outcome).toBe('recovered');
      expect(readAll(copy)).toEqual(namesOf(0, third + 1));
    }
  });
});

/** How many frames of one record the first segment holds: the base of the one that follows. */
async function roomOfFirst(): Promise<number> {
  const log = temporaryLogPath();
  const appender = openAppender(log, BY_HAND);
  const next = appendUntilRolled(log, appender);
  await appender.close();
  return next;
}

describe('salvage', () => {
  it('keeps records that were appended and not committed, in a frame that says so', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 4]);
    const appender = openAppender(log, BY_HAND);
    expect(appender.recovery).toMatchObject({
      outcome: 'recovered',
      salvagedRecords: 4,
      tornTail: undefined,
    });
    await appender.close();
    expect(readAll(log)).toEqual(namesOf(0, 7));
    const frames = framesIn(log, 0);
    expect(frames.map(({ isSalvaged }) => isSalvaged)).toEqual([false, true]);
    expect(frames.at(-1)?.epoch).toBe(appender.epoch);
  });

  it('does not happen in a copy of the log, whose inodes are others', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 4]);
    const copy = copyOf(log);
    const report = await recover(copy);
    expect(report.salvagedRecords).toBe(0);
    expect(report.tornTail?.position).toBe(endOfFrames(copy, 0));
    expect(readAll(copy)).toEqual(namesOf(0, 3));
  });

  it('does not happen after another boot', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 4]);
    const control = join(log, 'control');
    const session = readFileSync(control).subarray(1536, 1536 + 64);
    session.write('another boot', 4, 'latin1');
    session.writeUInt32LE(crc32c(session.subarray(4)), 0);
    overwrite(control, 1536, session);
    expect((await recover(log)).salvagedRecords).toBe(0);
    expect(readAll(log)).toEqual(namesOf(0, 3));
  });

  it.skipIf(!canEvict())(
    'does not happen when a page of the open frame has left memory in between (skipped on tmpfs)',
    async () => {
      const log = temporaryLogPath();
      dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 150]);
      expect(evict(segmentFile(log, 0))).toBe(0);
      const report = await recover(log);
      expect(report).toMatchObject({ salvagedRecords: 0, tornTail: {} });
      expect(readAll(log)).toEqual(namesOf(0, 3));
    },
  );

  it('keeps a batch whole', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 1], ['batch', 5]);
    expect((await recover(log)).salvagedRecords).toBe(6);
    expect(readAll(log)).toEqual(namesOf(0, 6));
  });

  it('leaves out a batch whose append had not returned, and keeps the records before it', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 2], ['batchAndDie', 5]);
    const report = await recover(log);
    expect(report.salvagedRecords).toBe(2);
    expect(report.tornTail).toBeDefined();
    expect(readAll(log)).toEqual(namesOf(0, 2));
  });

  it.each([
    [['append', 1]],
    [['append', 3]],
    [['batch', 1]],
    [['batch', 5]],
    [
      ['append', 2],
      ['batch', 3],
    ],
    [
      ['batch', 3],
      ['append', 2],
    ],
    [['reserveAndPublish', 40, 40]],
    [
      ['batch', 3],
      ['reserveAndPublish', 400, 40],
    ],
  ] as Step[][])(
    'ends with the last of the records although others lie behind (%j)',
    async (...steps) => {
      const log = temporaryLogPath();
      dieWith(log, BY_HAND, ['soil', 8000], ...steps);
      const count = steps.reduce(
        (sum, [verb, n]) => sum + (verb === 'reserveAndPublish' ? 1 : (n as number)),
        0,
      );
      const appender = openAppender(log, BY_HAND);
      expect(appender.recovery.salvagedRecords).toBe(count);
      expect(appender.recovery.tornTail).toBeDefined();
      await appender.close();
      expect(readAll(log)).toEqual(namesOf(0, count));
    },
  );

  it.each([
    ['abandoned', ['reserveAndAbandon', 400]],
    ['published in part', ['reserveAndPublish', 400, 40]],
  ] as [string, Step][])('finds nothing behind a reservation that was %s', async (_, step) => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 2], step);
    const count = step[0] === 'reserveAndAbandon' ? 2 : 3;
    const end = FIRST_FRAME_AT + 64 + count * 48;
    const behind = readFileSync(segmentFile(log, 0)).subarray(end);
    expect(behind.every((byte) => byte === 0)).toBe(true);
    const report = await recover(log);
    expect(report).toMatchObject({ salvagedRecords: count, tornTail: undefined });
    expect(readAll(log)).toEqual(namesOf(0, count));
  });

  it('takes no bytes of an open or abandoned reservation for records', async () => {
    for (const verb of ['reserve', 'reserveAndAbandon']) {
      const log = temporaryLogPath();
      dieWith(log, BY_HAND, ['append', 2], [verb, 400]);
      expect((await recover(log)).salvagedRecords).toBe(2);
      expect(readAll(log)).toEqual(namesOf(0, 2));
    }
  });

  it('takes no bytes of an abandoned reservation for records that follow it', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['reserveAndAbandon', 400], ['append', 2], ['commit'], ['append', 1]);
    expect((await recover(log)).salvagedRecords).toBe(1);
    expect(readAll(log)).toEqual(namesOf(0, 3));
  });

  it('does not make a committed frame whose checksum fails look sound', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 1], ['commit'], ['append', 2], ['commit']);
    const hit = framesIn(log, 0)[1];
    flipBit(segmentFile(log, 0), (hit?.position as number) + 64 + 8 + 3);
    const report = await recover(log);
    expect(report).toMatchObject({ salvagedRecords: 0, tornTail: { position: hit?.position } });
    expect(readAll(log)).toEqual(namesOf(0, 1));
  });

  it('fills the last bytes of a segment', async () => {
    const log = temporaryLogPath();
    const room = Math.floor((16 * 1024 - FIRST_FRAME_AT - 64) / 48);
    dieWith(log, BY_HAND, ['append', room]);
    expect((await recover(log)).salvagedRecords).toBe(room);
    expect(readAll(log)).toEqual(namesOf(0, room));
  });
});

describe('recovery', () => {
  it('finds nothing to do the second time', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['append', 4]);
    const once = await recover(log);
    expect(once.outcome).toBe('recovered');
    const after = contents(log);
    const twice = await recover(log);
    expect(twice).toMatchObject({ outcome: 'clean', walkedBytes: 0, salvagedRecords: 0 });
    const { control: _, ...rest } = after;
    expect(contents(log)).toMatchObject(rest);
    expect(readAll(log)).toEqual(namesOf(0, 7));
  });

  it('removes files under temporary names', async () => {
    const log = temporaryLogPath();
    await (await opened(log)).close();
    writeFileSync(join(log, 'prepared-7.log.tmp'), 'x');
    writeFileSync(join(log, 'control.tmp'), 'x');
    await recover(log);
    expect(readdirSync(log).filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it('removes segments that a dropBefore had given up and not deleted', async () => {
    for (const isClean of [true, false]) {
      const log = temporaryLogPath();
      const appender = openAppender(log, BY_HAND);
      const second = appendUntilRolled(log, appender);
      const third = appendUntilRolled(log, appender);
      await appender.flush();
      const whole = copyOf(log);
      expect(await appender.dropBefore(third)).toBe(third);
      if (isClean) await appender.close();
      const copy = copyOf(log);
      await appender.close();
      // Died between the durable note of the new start and the unlinks.
      for (const base of [0, second]) {
        writeFileSync(segmentFile(copy, base), readFileSync(segmentFile(whole, base)));
        writeFileSync(indexFile(copy, base), readFileSync(indexFile(whole, base)));
      }
      const again = openAppender(copy, BY_HAND);
      expect(segmentsOf(copy)).toEqual([third]);
      const reader = openReader(copy);
      expect([again.startOffset, reader.startOffset]).toEqual([third, third]);
      reader.close();
      await again.close();
    }
  });

  it('removes an index whose segment a killed roll had not come to, and no other', async () => {
    const log = temporaryLogPath();
    dieWith(log, BY_HAND, ['append', 3], ['commit'], ['rollAndDie']);
    const isIndex = (file: string): boolean => file.endsWith('.index');
    const [own, orphan] = readdirSync(log).filter(isIndex) as [string, string];
    expect(segmentsOf(log)).toEqual([0]);
    expect(orphan).toBe(basename(indexFile(log, Number.parseInt(orphan, 10))));
    const { ino } = statSync(join(log, own));
    const { rebuiltIndexes } = await recover(log);
    expect(rebuiltIndexes).toEqual([]);
    expect(readdirSync(log).filter(isIndex)).toEqual([own]);
    expect(statSync(join(log, own)).ino).toBe(ino);
    // Nor in a log that was closed since.
    copyFileSync(join(log, own), join(log, orphan));
    expect((await recover(log)).outcome).toBe('clean');
    expect(readdirSync(log).filter(isIndex)).toEqual([own]);
    const records = readAll(log);
    expect(records).toEqual(namesOf(0, records.length));
    expect(records.length).toBeGreaterThan(3);
  });

  it('rebuilds a missing index and one of nonsense', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    const copy = await copyAndClose(log, appender);
    rmSync(indexFile(copy, 0));
    overwrite(indexFile(copy, next), 0, bytes('nonsense'));
    const { rebuiltIndexes } = await recover(copy);
    expect([...rebuiltIndexes].sort()).toEqual([indexFile(copy, 0), indexFile(copy, next)]);
    expect(readAll(copy)).toEqual(namesOf(0, next + 1));
    expect((await recover(copy)).outcome).toBe('clean');
  });

  it('refuses frames of a newer format instead of truncating them', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 3);
    const copy = await copyAndClose(log, appender);
    sealWithUnknownFlag(copy, 1);
    const before = contents(copy);
    expect(() => openAppender(copy, BY_HAND)).toThrow(UnsupportedVersionError);
    expect(contents(copy)).toEqual(before);
  });

  it('refuses a segment of a newer format instead of setting it aside', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender);
    const copy = await copyAndClose(log, appender);
    makeNewer(segmentFile(copy, next));
    const before = contents(copy);
    expect(() => openAppender(copy, BY_HAND)).toThrow(UnsupportedVersionError);
    expect(contents(copy)).toEqual(before);
  });
});

describe('the control page', () => {
  it('is good for an opening as long as one checkpoint slot is', async () => {
    for (const slot of CONTROL_SLOTS) {
      const log = temporaryLogPath();
      const appender = openAppender(log, BY_HAND);
      appendFrames(appender, 3);
      await appender.flush();
      await appender.close();
      flipBit(join(log, 'control'), slot + 20);
      await recover(log);
      expect(readAll(log)).toEqual(namesOf(0, 3));
    }
  });

  it('without any valid checkpoint is damage', async () => {
    const log = temporaryLogPath();
    await (await opened(log)).close();
    for (const slot of CONTROL_SLOTS) flipBit(join(log, 'control'), slot + 20);
    const before = contents(log);
    expect(damageOf(() => openAppender(log, BY_HAND)).path).toBe(join(log, 'control'));
    expect(damageOf(() => openReader(log)).path).toBe(join(log, 'control'));
    expect(contents(log)).toEqual(before);
  });

  it('that is empty is damage, and no signal', async () => {
    const log = temporaryLogPath();
    await (await opened(log)).close();
    truncateSync(join(log, 'control'), 0);
    expect(damageOf(() => openReader(log)).path).toBe(join(log, 'control'));
    const { status, stdout } = spawnSync(process.execPath, [fixture('open-log.mjs'), log], {
      encoding: 'utf8',
    });
    expect({ status, code: stdout.trim() }).toEqual({ status: 0, code: 'CORRUPTION' });
  });
});

describe('a cleanly closed log', () => {
  it('opens without reading data, however many segments it has', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    while (segmentsOf(log).length < 12) appendFrames(appender, 20);
    const end = appender.nextOffset;
    await appender.close();
    for (let i = 0; i < 3; i++) {
      const report = await recover(log);
      expect(report).toEqual({
        outcome: 'clean',
        salvagedRecords: 0,
        tornTail: undefined,
        setAside: [],
        rebuiltIndexes: [],
        walkedBytes: 0,
      });
    }
    expect(readAll(log)).toEqual(namesOf(0, end));
  });

  it('opens without reading data when it is empty, or ends with an empty segment', async () => {
    const log = temporaryLogPath();
    await (await opened(log)).close();
    expect((await recover(log)).outcome).toBe('clean');
    const appender = openAppender(log, BY_HAND);
    const next = appendUntilRolled(log, appender) - 1;
    await appender.close();
    const rolled = temporaryLogPath();
    const roller = openAppender(rolled, BY_HAND);
    appendFrames(roller, next + 1);
    roller.reserve(40).abandon();
    expect(segmentsOf(rolled)).toHaveLength(2);
    await roller.close();
    expect((await recover(rolled)).outcome).toBe('clean');
    expect(readAll(rolled)).toEqual(namesOf(0, next + 1));
  });

  it('whose last segment has become shorter is damage', async () => {
    for (const size of [0, 4096, FIRST_FRAME_AT + 200, 16 * 1024 - 8]) {
      const log = temporaryLogPath();
      const appender = openAppender(log, BY_HAND);
      const next = appendUntilRolled(log, appender);
      appendFrames(appender, 4);
      await appender.close();
      truncateSync(segmentFile(log, next), size);
      const before = contents(log);
      const told = { path: segmentFile(log, next), lost: { from: next, to: next + 5 } };
      expect(damageOf(() => openAppender(log, BY_HAND))).toMatchObject(told);
      expect(damageOf(() => readAll(log))).toMatchObject(told);
      expect(contents(log)).toEqual(before);
    }
  });

  it('whose index has lost its end is walked, and gets a whole one', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...BY_HAND, indexCapacity: 1500 });
    appendFrames(appender, 3, 4);
    await appender.close();
    truncateSync(indexFile(log, 0), 4096 + 100);
    const again = openAppender(log, BY_HAND);
    expect(again.recovery.rebuiltIndexes).toEqual([indexFile(log, 0)]);
    const reader = openReader(log);
    expect(reader.committedOffset).toBe(12);
    reader.close();
    await again.close();
    expect(readAll(log)).toEqual(namesOf(0, 12));
  });

  it('one of whose segments has lost its header is damage, with the offsets in it', async () => {
    for (const spoil of [0, 3, 40, 2100]) {
      const log = temporaryLogPath();
      const appender = openAppender(log, BY_HAND);
      const second = appendUntilRolled(log, appender);
      const third = appendUntilRolled(log, appender);
      await appender.close();
      const bases = [0, second, third, third + 1];
      for (const which of [0, 1, 2]) {
        const copy = copyOf(log);
        const path = segmentFile(copy, bases[which] as number);
        flipBit(path, spoil);
        const lost = { from: bases[which], to: bases[which + 1] };
        const expected = expect.objectContaining({ code: 'CORRUPTION', path, lost }) as Error;
        const before = contents(copy);
        expect(() => openAppender(copy, BY_HAND)).toThrow(expected);
        expect(() => readAll(copy)).toThrow(expected);
        expect(contents(copy)).toEqual(before);
      }
    }
  });

  it('gives an error, not phantoms, for a nonsense length that nobody verified', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 1, 3);
    await appender.close();
    const second = FIRST_FRAME_AT + 64 + 48;
    for (const length of [0xffffffff, 0xfffffff9, 0xc0000000, 0x80000100]) {
      overwrite(
        segmentFile(log, 0),
        second,
        Uint8Array.from(Buffer.from(Uint32Array.of(length).buffer)),
      );
      const reader = openReader(log, { verify: 'never' });
      const cursor = reader.cursor();
      const seen: number[] = [];
      damageOf(() => {
        while (cursor.next()) seen.push(cursor.offset);
      });
      expect(seen.length).toBeLessThan(2);
      if (length > 0x80004000) damageOf(() => reader.get(1));
      reader.close();
    }
  });

  it('whose last frame is not as the checkpoint says is damage', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, BY_HAND);
    appendFrames(appender, 4);
    await appender.close();
    const last = framesIn(log, 0).at(-1)?.position as number;
    flipBit(segmentFile(log, 0), last + 8);
    const before = contents(log);
    expect(damageOf(() => openAppender(log, BY_HAND))).toMatchObject({
      path: segmentFile(log, 0),
      position: last,
      lost: { from: 3, to: 4 },
    });
    expect(contents(log)).toEqual(before);
  });
});

async function opened(log: string): Promise<Appender> {
  const appender = openAppender(log, BY_HAND);
  appendFrames(appender, 2);
  await appender.flush();
  return appender;
}

/** Makes both checkpoints say that the log is open, and that nothing above `durable` is known durable. */
function reopenAt(log: string, durable: number): void {
  const page = readFileSync(join(log, 'control'));
  for (const at of CONTROL_SLOTS) {
    const slot = page.subarray(at, at + 64);
    slot.writeUInt32LE(0, 4);
    slot.writeBigUInt64LE(BigInt(durable), 24);
    slot.writeUInt32LE(crc32c(slot.subarray(4)), 0);
    overwrite(join(log, 'control'), at, slot);
  }
}

/** Writes a file back and has the kernel forget its pages. */
function evict(path: string): number | null {
  const how = ['oflag=nocache', 'conv=notrunc,fdatasync', 'count=0', 'status=none'];
  return spawnSync('dd', ['if=/dev/null', `of=${path}`, ...how]).status;
}

function canEvict(): boolean {
  const isTmpfs = statfsSync(tmpdir()).type === 0x01021994;
  return !isTmpfs && spawnSync('dd', ['--version']).status === 0;
}

function endOfFrames(log: string, segment: number): number {
  const last = framesIn(log, segment).at(-1);
  return last === undefined ? FIRST_FRAME_AT : last.position + last.length;
}

/** Gives a frame a flag that this version does not know, with a checksum that fits. */
function sealWithUnknownFlag(log: string, which: number): void {
  const path = segmentFile(log, 0);
  const file = readFileSync(path);
  const { position, length } = framesIn(log, 0)[which] as { position: number; length: number };
  file.writeUInt32LE(file.readUInt32LE(position + 52) | (1 << 30), position + 52);
  const seed = crc32c(Buffer.concat([file.subarray(16, 32), file.subarray(32, 40)]));
  file.writeUInt32LE(crc32c(file.subarray(position + 8, position + length), seed), position + 4);
  overwrite(path, position, file.subarray(position, position + length));
}

/** Makes a segment's header name another segment before it, with a checksum that fits. */
function renamePredecessor(path: string, previousBase: number): void {
  const page = readFileSync(path).subarray(0, 4096);
  page.writeBigUInt64LE(BigInt(previousBase), 40);
  page.writeUInt32LE(0, 12);
  page.writeUInt32LE(crc32c(page), 12);
  overwrite(path, 0, page);
}

/** Raises the version in a segment's header, with a checksum that fits. */
function makeNewer(path: string): void {
  const page = readFileSync(path).subarray(0, 4096);
  page.writeUInt32LE(2, 8);
  page.writeUInt32LE(0, 12);
  page.writeUInt32LE(crc32c(page), 12);
  overwrite(path, 0, page);
}
