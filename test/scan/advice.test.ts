/** What the kernel is told by a scan, as strace sees it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fixture, isStraceUsable } from '../support/dying.js';
import { numberedLog } from '../support/scans.js';

const GIB = 2 ** 30;

interface Advice {
  readonly pieces: number;
  readonly ahead: number;
  readonly behind: number;
}

/** How often a scan by one thread gives advice, on a machine with so much memory. */
function adviceOf(log: string, memoryBytes: number): Advice {
  const output = `${log}.trace`;
  const { stdout, stderr } = spawnSync(
    'strace',
    ['-f', '-qq', '-e', 'trace=madvise', '-o', output, process.execPath].concat([
      fixture('scan-advised.mjs'),
      log,
      String(memoryBytes),
      '10000',
    ]),
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  const { value, pieces } = JSON.parse(stdout) as { value: number; pieces: number };
  expect(value).toBe(1000);
  const lines = readFileSync(output, 'utf8').split('\n');
  const count = (advice: string): number => lines.filter((line) => line.includes(advice)).length;
  return { pieces, ahead: count('MADV_WILLNEED'), behind: count('MADV_COLD') };
}

describe.skipIf(!isStraceUsable())('a scan (skipped without strace)', () => {
  it('tells the kernel ahead what it is about to read, and nothing behind if memory is large', async () => {
    const log = await numberedLog(1000, 200);
    const { pieces, ahead, behind } = adviceOf(log, 16 * GIB);
    expect(pieces).toBeGreaterThan(10);
    expect(ahead).toBeGreaterThanOrEqual(pieces);
    expect(behind).toBe(0);
  });

  it('of more than a quarter of memory also tells behind what it does not need any more', async () => {
    const log = await numberedLog(1000, 200);
    const { pieces, ahead, behind } = adviceOf(log, 500_000);
    expect(ahead).toBeGreaterThanOrEqual(pieces);
    // A piece may lie in two segments.
    expect(behind).toBe(ahead);
  });
});
