/** The maintenance thread ends where it may not: in the middle of a sync, with the gate shut behind it. */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { openAppender, type AppenderOptions } from '../../src/index.js';
import { runFixture } from '../support/fixtures.js';
import { readAll } from '../support/log-damage.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const RECORD_BYTES = 200_000;
/** Large enough for no segment to be prepared, which would be synced as well. */
const SEGMENT_BYTES = 8 * 1024 * 1024;
/** On tmpfs pages are never written, and not counted. */
const COUNTS_PAGES = statfsSync(tmpdir()).type !== 0x01021994;

interface Told {
  readonly nextOffset: number;
  readonly flushedOffset: number;
  readonly dirtied: number;
}

const CASES: readonly { death: string; flush: AppenderOptions['flush']; next: string }[] = [
  ...['exit', 'terminated', 'out of memory'].flatMap((death) => [
    { death, flush: 'each' as const, next: 'append' },
    { death, flush: { everyMs: 10 }, next: 'flush' },
    { death, flush: { everyMs: 10 }, next: 'close' },
  ]),
  { death: 'exit', flush: 'each', next: 'close' },
  { death: 'exit', flush: { everyMs: 10 }, next: 'flush later' },
  { death: 'exit', flush: { everyMs: 10 }, next: 'dropBefore' },
];

describe('an appender whose maintenance thread dies in the middle of a sync', () => {
  it.each(CASES)('goes on and loses nothing ($death; $flush, then $next)', async (how) => {
    const log = temporaryLogPath();
    const { death, flush, next } = how;
    const work = { options: { segmentSizeBytes: SEGMENT_BYTES, flush }, death, next };
    const { code, result } = await runFixture('maintenance-thread-dies', [
      log,
      JSON.stringify(work),
    ]);
    expect(code).toBe(0);
    const { nextOffset, flushedOffset, dirtied } = result as Told;
    expect(nextOffset).toBe(next === 'append' ? 2 : 1);
    if (next !== 'close') expect(flushedOffset).toBe(nextOffset);
    // The dead thread may have been told of a failed write, and the kernel tells nobody again.
    if (flush !== 'each' && COUNTS_PAGES) expect(dirtied).toBeGreaterThanOrEqual(RECORD_BYTES);
    const again = openAppender(log);
    expect(again.recovery.outcome).toBe('clean');
    await again.close();
    const expected = Array.from({ length: nextOffset }, (_, i) => `${i}`.padEnd(RECORD_BYTES, '.'));
    expect(readAll(log)).toEqual(expected);
  });
});
