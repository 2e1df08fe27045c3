/** Recoveries that are killed at every one of their system calls that change something. Needs strace. */
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  openAppender,
  openReader,
  repairLog,
  verifyLog,
  type AppenderOptions,
} from '../../src/index.js';
import { dieWith, fixture, isStraceUsable } from '../support/dying.js';
import {
  allFrames,
  copyOf,
  flipBit,
  framesIn,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
} from '../support/log-damage.js';
import { NEVER_SYNCED, QUIET, namesOf } from '../support/quiet-logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const OPTIONS: AppenderOptions = { ...NEVER_SYNCED, commit: 'manual' };
const CHANGING = 'fdatasync,fsync,rename,unlink,fallocate,pwrite64,mkdir,ftruncate,link';

/** Runs a fixture and kills it at its nth changing call. Says whether it got that far. */
function dieAt(call: number, script: string, ...args: string[]): boolean {
  const trace = ['-e', `trace=${CHANGING}`];
  const inject = ['-e', `inject=${CHANGING}:signal=SIGKILL:when=${call}`];
  const command = [process.execPath, fixture(script), ...args];
  const quiet = ['-f', '-qq', '-o', '/dev/null'];
  return spawnSync('strace', [...quiet, ...trace, ...inject, ...command]).status !== 0;
}

function openAndDieAt(log: string, call: number): boolean {
  return dieAt(call, 'open-log.mjs', log, JSON.stringify(QUIET));
}

async function reopen(log: string): Promise<number> {
  const appender = openAppender(log, QUIET);
  await appender.close();
  return appender.recovery.salvagedRecords;
}

describe.skipIf(!isStraceUsable())('a recovery that is killed (skipped without strace)', () => {
  it('is finished by the next one, with a torn tail and segments behind it', async () => {
    const log = temporaryLogPath();
    dieWith(
      log,
      OPTIONS,
      ['append', 100],
      ['commit'],
      ['append', 120],
      ['commit'],
      ['append', 400],
      ['commit'],
    );
    const torn = framesIn(log, 0)[1]?.position as number;
    expect(segmentsOf(log).length).toBeGreaterThan(2);
    let calls = 0;
    for (let isOver = false; !isOver; calls++) {
      const copy = copyOf(log);
      zero(segmentFile(copy, 0), torn + 80, torn + 90);
      const original = readFileSync(segmentFile(copy, 0)).subarray(torn);
      isOver = !openAndDieAt(copy, calls + 1);
      await reopen(copy);
      expect(readAll(copy)).toEqual(namesOf(0, 100));
      expect(segmentsOf(copy)).toEqual([0]);
      // Whatever was taken out is still there, whole, in one of the attempts' copies.
      const aside = readdirSync(join(copy, 'aside'));
      const copies = aside.filter((name) => name.includes('.torn-'));
      const kept = copies.map((name) => readFileSync(join(copy, 'aside', name)));
      expect(kept.some((bytes) => bytes.equals(original.subarray(0, bytes.length)))).toBe(true);
      expect(aside.filter((name) => name.includes('.log.stray-'))).toHaveLength(
        segmentsOf(log).length - 1,
      );
    }
    expect(calls).toBeGreaterThan(8);
  });

  it('is finished by the next one, with records to salvage, which are kept once', async () => {
    let calls = 0;
    for (let isOver = false; !isOver; calls++) {
      const log = temporaryLogPath();
      dieWith(log, OPTIONS, ['append', 5], ['commit'], ['append', 7]);
      isOver = !openAndDieAt(log, calls + 1);
      const salvagedLater = await reopen(log);
      expect([0, 7]).toContain(salvagedLater);
      expect(readAll(log)).toEqual(namesOf(0, 12));
      expect(allFrames(log).filter(({ isSalvaged }) => isSalvaged)).toHaveLength(1);
    }
    expect(calls).toBeGreaterThan(5);
  });
});

describe.skipIf(!isStraceUsable())('a dropBefore that is killed (skipped without strace)', () => {
  it('has happened or not, and is finished by the next opening', async () => {
    const log = temporaryLogPath();
    dieWith(log, QUIET, ['append', 700], ['close']);
    const [, , third] = segmentsOf(log) as [number, number, number];
    const work = JSON.stringify({
      options: QUIET,
      steps: [['append', 5], ['dropBefore', third], ['append', 5], ['close'], ['exit']],
    });
    const starts = new Set<number>();
    for (let call = 1, isOver = false; !isOver; call++) {
      const copy = copyOf(log);
      isOver = !dieAt(call, 'die-with-log.mjs', copy, work);
      const appender = openAppender(copy, QUIET);
      const { startOffset, nextOffset } = appender;
      const reader = openReader(copy);
      expect(reader.startOffset).toBe(startOffset);
      reader.close();
      await appender.close();
      starts.add(startOffset);
      expect(segmentsOf(copy)[0]).toBe(startOffset);
      expect([700, 705, 710]).toContain(nextOffset);
      expect(readAll(copy)).toEqual(namesOf(0, nextOffset).slice(startOffset));
    }
    expect(starts).toEqual(new Set([0, third]));
  });
});

describe.skipIf(!isStraceUsable())('a repair that is killed (skipped without strace)', () => {
  it('is finished by the next one, and no intact record is lost', async () => {
    const log = temporaryLogPath();
    dieWith(log, { ...QUIET, commit: 'each' }, ['append', 300], ['close']);
    const [first, second, third] = segmentsOf(log) as [number, number, number];
    for (const segment of [first, third]) {
      flipBit(segmentFile(log, segment), (framesIn(log, segment)[3]?.position as number) + 80);
    }
    const paths = [segmentFile(log, first), segmentFile(log, second)] as const;
    renameSync(paths[0], `${paths[0]}.x`);
    renameSync(paths[1], paths[0]);
    renameSync(`${paths[0]}.x`, paths[1]);
    let calls = 0;
    for (let isOver = false; !isOver; calls++) {
      const copy = copyOf(log);
      isOver = !dieAt(calls + 1, 'repair-log.mjs', copy);
      repairLog(copy);
      const lost = [first + 3, third + 3];
      expect(verifyLog(copy)).toMatchObject({
        isIntact: true,
        endOffset: 300,
        lostBefore: lost.map((offset) => ({ from: offset, to: offset + 1 })),
      });
      const reader = openReader(copy);
      const found = Array.from(reader.cursor(), ({ payload }) => Buffer.from(payload).toString());
      expect(found).toEqual(namesOf(0, 300).filter((_, offset) => !lost.includes(offset)));
      reader.close();
    }
    expect(calls).toBeGreaterThan(12);
  });
});
