import * as fc from 'fast-check';
import { Piscina } from 'piscina';
import { afterAll, expect, it } from 'vitest';
import { openAppender, openReader, scan, type Piece } from '../../src/index.js';
import { contentOf } from '../support/logs.js';
import { functions } from '../support/scans.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const pool = new Piscina({ minThreads: 2, maxThreads: 2 });
afterAll(() => pool.destroy());

const share = fc.double({ min: 0, max: 1, noNaN: true });
const sizes = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 200 }) },
    { weight: 2, arbitrary: fc.integer({ min: 200, max: 5000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 5000, max: 12_000 }) },
  ),
  { minLength: 1, maxLength: 150, size: 'max' },
);
const commitBytes = fc.constantFrom(1, 500, 3000, 20_000);
const pieceBytes = fc.oneof(
  fc.integer({ min: 1, max: 2000 }),
  fc.integer({ min: 1, max: 200_000 }),
);

it('a scan finds what a cursor finds, whatever the log, the range and the pieces', async () => {
  const run = fc.asyncProperty(
    sizes,
    commitBytes,
    pieceBytes,
    share,
    share,
    async (lengths, bytes, asked, first, second) => {
      const log = temporaryLogPath();
      const appender = openAppender(log, {
        segmentSizeBytes: 16_384,
        maintenance: false,
        flush: 'none',
        commit: { bytes, delayMs: 1_000_000 },
      });
      lengths.forEach((length, i) => appender.append(contentOf(i, length)));
      await appender.close();
      const ends = [first, second].map((at) => Math.round(at * lengths.length));
      const [from, to] = [Math.min(...ends), Math.max(...ends)];
      const reader = openReader(log);
      const expected: number[][] = [];
      for (const { offset, length } of reader.cursor({ from, to })) expected.push([offset, length]);
      reader.close();
      const pieces: Piece[] = [];
      const { value } = await scan<unknown[], unknown[]>(log, {
        module: functions,
        pool,
        pieceBytes: asked,
        from,
        to,
        reduce: (all, part, piece) => {
          pieces.push(piece);
          return all.concat(part);
        },
        initial: [],
      });
      expect(value).toEqual(expected);
      expect(pieces.map((piece) => piece.from)).toEqual(
        from === to ? [] : [from, ...pieces.slice(0, -1).map((piece) => piece.to)],
      );
    },
  );
  await fc.assert(run, { numRuns: Number(process.env['FC_NUM_RUNS'] ?? 60) });
});
