import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  ScanError,
  countRecords,
  repairLog,
  scan,
  type ScanOptions,
} from '../../src/index.js';
import { allFrames, flipBit, segmentFile, zero, type FrameOnDisk } from '../support/log-damage.js';
import { dieWith } from '../support/dying.js';
import { range, rejectionOf } from '../support/logs.js';
import { functions, numberedLog } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

type Records = [offset: number, length: number][];
const options: ScanOptions = { module: functions, workers: 2 };

function damageFrame(log: string, frame: FrameOnDisk): void {
  flipBit(segmentFile(log, frame.segment), frame.position + 100);
}

function offsetsOf(frames: readonly FrameOnDisk[]): number[] {
  return frames.flatMap(({ base, count }) => range(base, base + count));
}

describe.each([2500, 10_000, 1e6])('damage met by a scan in pieces of %i bytes', (pieceBytes) => {
  it('is an error by default, with where it lies', async () => {
    const log = await numberedLog(1000, 200);
    const frame = allFrames(log)[31] as FrameOnDisk;
    damageFrame(log, frame);
    const error = (await rejectionOf(scan(log, { ...options, pieceBytes }))) as ScanError;
    expect(error).toBeInstanceOf(ScanError);
    expect(error.cause).toBeInstanceOf(CorruptionError);
    expect(error.cause).toMatchObject({
      code: 'CORRUPTION',
      path: segmentFile(log, frame.segment),
      position: frame.position,
      lost: { from: frame.base, to: frame.base + frame.count },
    });
    expect(error.piece?.from).toBeLessThanOrEqual(frame.base);
    expect(error.piece?.to).toBeGreaterThan(frame.base);
  });

  it('is stepped over if asked, and every other record is read', async () => {
    const log = await numberedLog(1000, 200);
    const frames = allFrames(log);
    const last = frames.at(-1) as FrameOnDisk;
    const firstOfSecond = frames.find(({ segment }) => segment > 0) as FrameOnDisk;
    const lastOfFirst = frames.filter(({ segment }) => segment === 0).at(-1) as FrameOnDisk;
    const damaged = [
      ...[0, 10, 20, 21, 22, 60].map((i) => frames[i] as FrameOnDisk),
      firstOfSecond,
      lastOfFirst,
      last,
    ];
    for (const frame of new Set(damaged)) damageFrame(log, frame);
    const found = await scan<Records>(log, { ...options, pieceBytes, onDamage: 'skip' });
    const lost = new Set(offsetsOf(damaged));
    const rest = range(0, 1000).filter((offset) => !lost.has(offset));
    expect(found.value.flat().map(([offset]) => offset)).toEqual(rest);
    expect(found.damage.flatMap(({ from, to }) => range(from, to))).toEqual(
      [...lost].sort(ascending),
    );
    expect(found.records).toBe(1000);
    for (const { path, position, from, message } of found.damage) {
      const frame = damaged.find(({ base }) => base === from) as FrameOnDisk;
      expect([path, position]).toEqual([segmentFile(log, frame.segment), frame.position]);
      expect(message).toContain('a frame whose checksum fails');
    }
  });

  it('of frame headers and of all of a segment is stepped over as well', async () => {
    const log = await numberedLog(1000, 200);
    const frames = allFrames(log);
    const bases = [...new Set(frames.map(({ segment }) => segment))];
    const wiped = bases[1] as number;
    const header = frames.find(({ segment }) => segment === bases[2]) as FrameOnDisk;
    zero(segmentFile(log, wiped), 4096);
    zero(segmentFile(log, header.segment), header.position, header.position + 64);
    const lost = new Set(offsetsOf([header, ...frames.filter(({ segment }) => segment === wiped)]));
    const found = await scan<Records>(log, { ...options, pieceBytes, onDamage: 'skip' });
    const rest = range(0, 1000).filter((offset) => !lost.has(offset));
    expect(found.value.flat().map(([offset]) => offset)).toEqual(rest);
    expect(found.damage.flatMap(({ from, to }) => range(from, to))).toEqual(
      [...lost].sort(ascending),
    );
  });
});

const ascending = (a: number, b: number): number => a - b;

it('a range that lies within damage has nothing but that', async () => {
  const log = await numberedLog(1000, 200);
  const frame = allFrames(log)[31] as FrameOnDisk;
  damageFrame(log, frame);
  const { base } = frame;
  const part = { from: base + 1, to: base + 3 };
  const found = await scan<Records>(log, { ...options, ...part, onDamage: 'skip' });
  expect(found.value).toEqual([[]]);
  expect(found.damage).toMatchObject([part]);
});

it('what a repair has found lost is no damage any more, and is not counted', async () => {
  const log = await numberedLog(1000, 200);
  const frame = allFrames(log)[31] as FrameOnDisk;
  damageFrame(log, frame);
  repairLog(log);
  const found = await countRecords(log, { workers: 1 });
  expect(found).toMatchObject({ value: 1000 - frame.count, records: 1000, damage: [] });
});

it('a log whose appender has died, and that ends in damage, does not look as if it just ended', async () => {
  const log = temporaryLogPath();
  dieWith(
    log,
    { maintenance: false, commit: 'each', flush: 'none' },
    ['append', 50],
    ['flush'],
    ['append', 1],
  );
  const frame = allFrames(log)[30] as FrameOnDisk;
  damageFrame(log, frame);
  for (const onDamage of ['error', 'skip'] as const) {
    const error = (await rejectionOf(scan(log, { ...options, onDamage }))) as ScanError;
    expect(error).toBeInstanceOf(ScanError);
    expect(error.offset).toBe(30);
    expect(error.cause).toMatchObject({ code: 'CORRUPTION', position: frame.position });
  }
  expect(await scan<Records>(log, { ...options, to: 30 })).toMatchObject({ to: 30, damage: [] });
});
