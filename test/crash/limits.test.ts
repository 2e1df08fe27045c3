/** Limits of memory, mappings and descriptors, by the system itself; files that get shorter under a mapping. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAppender, openReader, verifyLog } from '../../src/index.js';
import { fixture } from '../support/dying.js';
import { segmentsOf } from '../support/log-damage.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const isLinux = process.platform === 'linux';

describe.skipIf(!isLinux || spawnSync('prlimit', ['--version']).status !== 0)(
  'where the system gives no more (skipped without prlimit)',
  () => {
    it.each([
      ['addresses', 'STORAGE ENOMEM', 'STORAGE ENOMEM'],
      ['descriptors', 'STORAGE EMFILE', 'STORAGE EMFILE'],
      ['mappings', 'STORAGE ENOMEM', 'STORAGE ENOMEM'],
    ])('%s, the process lives, and goes on when it does', (short, append, read) => {
      const log = temporaryLogPath();
      const script = fixture('within-limits.mjs');
      const { stdout, signal, stderr } = spawnSync(process.execPath, [script, log, short], {
        encoding: 'utf8',
      });
      expect({ signal, stderr }).toEqual({ signal: null, stderr: '' });
      expect(JSON.parse(stdout)).toEqual({
        told: { append, again: append, read },
        before: 1,
        after: { append: 'done', read: 'done' },
        end: 2,
      });
      expect(verifyLog(log)).toMatchObject({ isIntact: true, endOffset: 2 });
      openReader(log).close();
    });
  },
);

/** Until a mapping's pages have been brought in, a megabyte at a time, their absence is an error. */
const ERRORS: [file: string, bytes: number, when: string, outcome: string][] = [
  ['log', 0, 'before a reader opens', 'CORRUPTION'],
  ['log', 4096, 'before a reader opens', 'CORRUPTION'],
  ['log', 3_000_000, 'before a reader opens', 'CORRUPTION'],
  ['log', 3_000_000, 'before a reader touches it', 'CORRUPTION'],
  ['log', 3_000_000, 'before an appender opens', 'CORRUPTION'],
  ['log', 3_000_000, 'before a verification', 'done'],
  ['log', 3_000_000, 'before a repair', 'done'],
  ['index', 0, 'before a reader opens', 'done'],
  ['index', 4096, 'before a reader touches it', 'done'],
  ['index', 4096, 'before an appender opens', 'done'],
  ['index', 4096, 'before a repair', 'done'],
  ['control', 100, 'before a reader opens', 'CORRUPTION'],
  ['control', 100, 'before an appender opens', 'CORRUPTION'],
  ['control', 100, 'before a repair', 'done'],
  ['readers', 0, 'before a reader opens', 'done'],
  ['readers', 0, 'before an appender opens', 'done'],
];

/** Behind that nothing can be done: a load or store of what is not there any more is a signal. */
const SIGNALS: [file: string, bytes: number, when: string][] = [
  ['log', 3_000_000, 'after a reader has read it'],
  ['index', 4096, 'after a reader has read it'],
  ['control', 0, 'before a reader touches it'],
  ['log', 4096, 'under an appender'],
  ['index', 0, 'under an appender'],
  ['control', 0, 'under an appender'],
];

describe.skipIf(!isLinux)('a file that is shortened', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-'));
  const whole = join(folder, 'log');
  beforeAll(async () => {
    const options = {
      segmentSizeBytes: 4 * 1024 * 1024,
      flush: 'none',
      maintenance: false,
    } as const;
    const appender = openAppender(whole, options);
    const record = new Uint8Array(1000).fill(5);
    while (segmentsOf(whole).length < 2) appender.append(record);
    appender.append(record);
    await appender.close();
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function shortened(...args: [file: string, bytes: number, when: string]): string {
    const copy = temporaryLogPath();
    cpSync(whole, copy, { recursive: true });
    const { stdout, signal } = spawnSync(
      process.execPath,
      [fixture('shortened.mjs'), copy, ...args.map(String)],
      { encoding: 'utf8' },
    );
    return signal ?? stdout.trim();
  }

  it.each(ERRORS)('%s to %i bytes, %s, is %s', (file, bytes, when, outcome) => {
    expect(shortened(file, bytes, when)).toBe(outcome);
  });

  it.each(SIGNALS)('%s to %i bytes, %s, is the signal that no program can take', (...args) => {
    expect(shortened(...args)).toBe('SIGBUS');
  });
});
