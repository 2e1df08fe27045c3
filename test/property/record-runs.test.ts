/** Records read one by one and in runs, in any order, are the same records. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  openAppender,
  openReader,
  repairLog,
  type Appender,
  type Cursor,
} from '../../src/index.js';
import { flipBit, framesIn, segmentFile, type FrameOnDisk } from '../support/log-damage.js';
import { ShareCursor } from '../../src/scan/process-share.js';
import { contentOf, filesOf } from '../support/logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

interface Batch {
  readonly count: number;
  readonly length: number;
}

const batch: fc.Arbitrary<Batch> = fc.record({
  count: fc.integer({ min: 1, max: 12 }),
  length: fc.integer({ min: 0, max: 900 }),
});
const share = fc.double({ min: 0, max: 1, noNaN: true });
/** `next`, `nextRun`, `nextRun` of which only some records are wanted, `previous`. */
const step = fc.oneof(
  fc.constant({ kind: 'next' as const }),
  fc.constant({ kind: 'run' as const }),
  fc.record({ kind: fc.constant('part' as const), share }),
  fc.constant({ kind: 'previous' as const }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

function appendFrames(appender: Appender, batches: readonly Batch[]): void {
  for (const { count, length } of batches) {
    for (let i = 0; i < count; i++) appender.append(contentOf(appender.nextOffset, length));
    appender.commit();
  }
}

/** Offsets and contents of the run just found, up to `most`. Goes back to the record behind them. */
function takeRun(cursor: Cursor, most: number): Seen[] {
  const { run, runSegment } = cursor;
  const seen: Seen[] = [];
  let position = run.position;
  for (let i = 0; i < run.count && i < most; i++) {
    const length = (runSegment.words[position >> 2] as number) & 0x7fff_ffff;
    seen.push([
      run.offset + i,
      hex(runSegment.bytes.subarray(position + 8, position + 8 + length)),
    ]);
    position += 8 + ((length + 7) & ~7);
  }
  if (seen.length < run.count) cursor.backTo(position, run.offset + seen.length);
  else expect(position).toBe(run.end);
  return seen;
}

type Seen = readonly [offset: number, content: string];

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function nextByNext(cursor: Cursor): Seen[] {
  const seen: Seen[] = [];
  while (cursor.next()) seen.push([cursor.offset, hex(cursor.payload)]);
  cursor.close();
  return seen;
}

/** Walks as the steps say, again and again, to the end; `expected` is what `next` alone has shown. */
function walk(cursor: Cursor, steps: readonly Step[], expected: readonly Seen[]): void {
  let at = 0;
  for (let i = 0; at < expected.length; i++) {
    const step_ = steps[i % steps.length] as Step;
    if (step_.kind === 'previous') {
      // Only at first, or it might never end.
      if (i < 30 && at > 0) at = stepBack(cursor, expected, at);
      else at += takeRecord(cursor, expected, at);
    } else {
      const seen = takeStep(cursor, step_);
      expect(seen).toEqual(expected.slice(at, at + seen.length));
      at += seen.length;
    }
    expect(cursor.nextOffset).toBe(at === 0 ? expected[0]?.[0] : (expected[at - 1]?.[0] ?? 0) + 1);
    expect(cursor.describe().from).toBe(cursor.nextOffset);
  }
  expect([cursor.nextRun(), cursor.next(), cursor.nextRun()]).toEqual([false, false, false]);
}

function stepBack(cursor: Cursor, expected: readonly Seen[], at: number): number {
  const first = expected[0]?.[0] as number;
  if (cursor.previous() && cursor.offset >= first) {
    const found = expected.findIndex(([offset]) => offset === cursor.offset);
    expect(at - found).toBeOneOf([1, 2]);
    return found + 1;
  }
  cursor.seek(first);
  return 0;
}

function takeRecord(cursor: Cursor, expected: readonly Seen[], at: number): number {
  expect(takeStep(cursor, { kind: 'next' })).toEqual([expected[at]]);
  return 1;
}

function takeStep(cursor: Cursor, step_: Step): Seen[] {
  if (step_.kind === 'next') {
    expect(cursor.next()).toBe(true);
    return [[cursor.offset, hex(cursor.payload)]];
  }
  expect(cursor.nextRun()).toBe(true);
  const { count } = cursor.run;
  const most = step_.kind === 'part' ? Math.max(1, Math.floor(step_.share * count)) : count;
  return takeRun(cursor, most);
}

describe('a cursor that reads runs', () => {
  it('shows the same records as one that does not, over frames, rolls and bounds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 25 }),
        fc.array(step, { minLength: 1, maxLength: 6 }),
        share,
        share,
        fc.constantFrom('always', 'first-touch', 'never'),
        async (batches, steps, fromShare, toShare, verify) => {
          const path = temporaryLogPath();
          const appender = openAppender(path, {
            segmentSizeBytes: 16_384,
            maintenance: false,
            commit: 'manual',
          });
          appendFrames(appender, batches);
          const end = appender.nextOffset;
          await appender.close();
          const from = Math.floor(fromShare * end);
          const to = Math.floor(toShare * (end + 3));
          const reader = openReader(path, { verify });
          for (const options of [{ from, to }, { from }, { snapshot: true }]) {
            const expected = nextByNext(reader.cursor(options));
            const cursor = reader.cursor(options);
            walk(cursor, steps, expected);
            cursor.close();
          }
          reader.close();
        },
      ),
      { numRuns: Number(process.env['FC_NUM_RUNS'] ?? 60) },
    );
  });

  it('goes on with a live log, frame by frame, and never past the bound', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 25 }),
        fc.array(step, { minLength: 1, maxLength: 5 }),
        async (batches, steps) => {
          const path = temporaryLogPath();
          const appender = openAppender(path, {
            segmentSizeBytes: 16_384,
            maintenance: false,
            commit: 'manual',
          });
          const reader = openReader(path);
          const cursor = reader.cursor();
          for (const each of batches) {
            const from = appender.nextOffset;
            appendFrames(appender, [each]);
            appender.append(contentOf(appender.nextOffset, 3));
            walk(
              cursor,
              steps,
              nextByNext(reader.cursor({ from: Math.min(from, cursor.nextOffset) })),
            );
            expect(cursor.nextOffset).toBe(appender.committedOffset);
            appender.commit();
          }
          reader.close();
          await appender.close();
        },
      ),
      { numRuns: Number(process.env['FC_NUM_RUNS'] ?? 30) },
    );
  });
});

/** Frames of 3 records, over three segments. */
async function closedLog(): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, {
    segmentSizeBytes: 16_384,
    maintenance: false,
    commit: 'manual',
  });
  appendFrames(
    appender,
    Array.from({ length: 20 }, () => ({ count: 3, length: 500 })),
  );
  await appender.close();
  return path;
}

describe('a run', () => {
  it('ends before a gap, and the next begins behind it', async () => {
    const path = await closedLog();
    const frame = framesIn(path, 0)[1];
    flipBit(segmentFile(path, 0), (frame?.position as number) + 100);
    repairLog(path);
    const reader = openReader(path);
    const cursor = reader.cursor();
    const expected = nextByNext(reader.cursor());
    expect(expected.map(([offset]) => offset).slice(0, 6)).toEqual([0, 1, 2, 6, 7, 8]);
    const seen: Seen[] = [];
    while (cursor.nextRun()) seen.push(...takeRun(cursor, Infinity));
    expect(seen).toEqual(expected);
    reader.close();
  });

  it('is not found over damage: the error is that of next(), and the cursor stays before it', async () => {
    const path = await closedLog();
    const [, second = ''] = filesOf(path, '.log');
    flipBit(second, 4096 + 64 + 20);
    const { base, count } = framesIn(path, 23)[0] as FrameOnDisk;
    const reader = openReader(path);
    const cursor = reader.cursor();
    let read = 0;
    expect(() => {
      while (cursor.nextRun()) read += cursor.run.count;
    }).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect([cursor.nextOffset, read]).toEqual([base, base]);
    expect(() => cursor.nextRun()).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    const lost: unknown[] = [];
    const over = reader.cursor({ onDamage: (error) => lost.push(error.lost) });
    const offsets: number[] = [];
    while (over.nextRun()) offsets.push(...takeRun(over, Infinity).map(([offset]) => offset));
    expect(lost).toEqual([{ from: base, to: base + count }]);
    expect(offsets).toEqual([...Array(60).keys()].filter((i) => i < base || i >= base + count));
    reader.close();
  });

  it('leaves the cursor on no record, and previous() goes to its last', async () => {
    const reader = openReader(await closedLog());
    const cursor = reader.cursor({ from: 1 });
    expect(cursor.nextRun()).toBe(true);
    expect([cursor.run.offset, cursor.run.count, cursor.nextOffset]).toEqual([1, 2, 3]);
    expect(() => cursor.offset).toThrow(RangeError);
    expect([cursor.previous(), cursor.offset]).toEqual([true, 2]);
    expect([cursor.nextRun(), cursor.run.offset, cursor.run.count]).toEqual([true, 3, 3]);
    reader.close();
  });

  it('is refused by a cursor or reader that is closed', async () => {
    const reader = openReader(await closedLog());
    const cursor = reader.cursor();
    const other = reader.cursor();
    expect([cursor.nextRun(), other.nextRun()]).toEqual([true, true]);
    cursor.close();
    expect(() => cursor.nextRun()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    reader.close();
    expect(() => other.nextRun()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
  });

  it('of a cursor that shows a share of the records has nothing of others', async () => {
    const reader = openReader(await closedLog());
    const isEven = ({ offset }: { offset: number }): boolean => offset % 2 === 0;
    for (const [selects, count] of [
      [isEven, 30],
      [undefined, 60],
    ] as const) {
      const cursor = new ShareCursor(reader.cursorSource, 60, false, selects);
      cursor.seek(0);
      const expected = nextByNext(reader.cursor()).filter(
        ([offset]) => selects?.({ offset }) ?? true,
      );
      const seen: Seen[] = [];
      while (cursor.nextRun()) seen.push(...takeRun(cursor, Infinity));
      expect(seen).toEqual(expected);
      expect(seen.length).toBe(count);
      cursor.close();
    }
    reader.close();
  });
});
