import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CaptureError, capture, type Origin } from '../../src/index.js';
import { TestSource, captureLogPath, type Numbered } from '../support/captures.js';
import { rejectionOf } from '../support/logs.js';
import { openFilesOf } from '../support/scans.js';
import { canMountTmpfs, mountTmpfs } from '../support/small-file-system.js';

function originOf(line: number, content: Uint8Array): Origin {
  return { line, content: () => content };
}

function linesOf(path: string): unknown[] {
  const text = readFileSync(path, 'utf8');
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as unknown);
}

/** A log, and a file beside it. */
function paths(): { log: string; rejectFile: string } {
  const log = captureLogPath();
  return { log, rejectFile: join(dirname(log), 'rejects.jsonl') };
}

/** Rejects so many lines. */
function rejecting(count: number): TestSource {
  return new TestSource((intake) => {
    for (let line = 1; line <= count; line++) {
      intake.reject('no good', originOf(line, Buffer.from(`line ${line}`)));
    }
  });
}

describe('a reject file', () => {
  it('has line, reason and input of everything rejected, as text or as base64', async () => {
    const { log, rejectFile } = paths();
    const junk = Buffer.from([0xff, 0x00, 0xfe]);
    const marked = Buffer.from('\uFEFFä\n"quoted"');
    const source = new TestSource((intake) => {
      intake.append({ n: 1 });
      intake.append({ n: 'x' } as unknown as Numbered, originOf(2, marked));
      intake.reject('no JSON', originOf(3, junk));
      intake.reject('nobody knows where');
      intake.reject('empty', originOf(5, new Uint8Array(0)));
    });
    await capture(source, log, { rejectFile });
    expect(linesOf(rejectFile)).toEqual([
      { line: 2, reason: expect.stringContaining('expected') as string, text: String(marked) },
      { line: 3, reason: 'no JSON', base64: junk.toString('base64') },
      { reason: 'nobody knows where' },
      { line: 5, reason: 'empty', text: '' },
    ]);
  });

  it('is complete, however much is rejected at once', async () => {
    const { log, rejectFile } = paths();
    const { rejected } = await capture(rejecting(20_000), log, { rejectFile });
    expect(rejected).toBe(20_000);
    const lines = linesOf(rejectFile) as { line: number; text: string }[];
    expect(lines).toHaveLength(20_000);
    expect(lines.every(({ line, text }, i) => line === i + 1 && text === `line ${i + 1}`)).toBe(
      true,
    );
    expect(openFilesOf(rejectFile)).toEqual([]);
  });

  it('is written while the capture goes on', async () => {
    const { log, rejectFile } = paths();
    const source = new TestSource(async (intake) => {
      intake.reject('early');
      while (linesOf(rejectFile).length === 0) await setTimeout(2);
    });
    await capture(source, log, { rejectFile, progressIntervalMs: 5 });
    expect(linesOf(rejectFile)).toEqual([{ reason: 'early' }]);
  });

  it('is there, and empty, when nothing was rejected', async () => {
    const { log, rejectFile } = paths();
    await capture(rejecting(0), log, { rejectFile });
    expect(linesOf(rejectFile)).toEqual([]);
  });

  it('that exists is an error before anything has happened, and stays as it is', async () => {
    const { log, rejectFile } = paths();
    await capture(rejecting(0), log);
    writeFileSync(rejectFile, 'mine');
    const source = rejecting(1);
    const error = await rejectionOf(capture(source, log, { rejectFile }));
    expect(error).toBeInstanceOf(RangeError);
    expect((error as Error).message).toBe(
      `Invalid rejectFile: ${rejectFile} exists; append to it, or name another`,
    );
    expect(source.seen).toEqual(['close']);
    expect(readFileSync(rejectFile, 'utf8')).toBe('mine');
  });

  it('is gone on with if asked, through a link as well', async () => {
    const { log, rejectFile } = paths();
    const link = `${rejectFile}.link`;
    symlinkSync(rejectFile, link);
    for (const path of [rejectFile, rejectFile, link]) {
      await capture(rejecting(1), log, { rejectFile: { path, append: true } });
    }
    expect(linesOf(rejectFile)).toHaveLength(3);
  });

  it('that is no file is refused, a pipe without waiting for its reader', async () => {
    const { log, rejectFile } = paths();
    await capture(rejecting(0), log);
    expect(spawnSync('mkfifo', [rejectFile]).status).toBe(0);
    const folder = `${rejectFile}.d`;
    mkdirSync(folder);
    for (const path of [rejectFile, folder]) {
      const error = await rejectionOf(
        capture(rejecting(1), log, { rejectFile: { path, append: true } }),
      );
      expect(error).toBeInstanceOf(RangeError);
    }
  });

  it('that cannot be made is an error before anything has happened', async () => {
    const { log, rejectFile } = paths();
    await capture(rejecting(0), log);
    const error = await rejectionOf(
      capture(rejecting(1), log, { rejectFile: join(rejectFile, 'x') }),
    );
    expect(error).toMatchObject({ code: 'STORAGE' });
  });

  it('of a capture that never begins is not left behind, unless it was there before', async () => {
    const { log, rejectFile } = paths();
    await capture(rejecting(0), log);
    const source = rejecting(1);
    source.open = (): Promise<never> => Promise.reject(new Error('port in use'));
    await rejectionOf(capture(source, log, { rejectFile }));
    expect(existsSync(rejectFile)).toBe(false);
    writeFileSync(rejectFile, '');
    await rejectionOf(capture(source, log, { rejectFile: { path: rejectFile, append: true } }));
    expect(existsSync(rejectFile)).toBe(true);
    expect(openFilesOf(rejectFile)).toEqual([]);
  });

  it.skipIf(!canMountTmpfs())('that cannot be written ends the capture', async () => {
    const log = captureLogPath();
    const rejectFile = join(mountTmpfs(64) as string, 'rejects.jsonl');
    const source = new TestSource((intake) => {
      intake.append({ n: 1 });
      for (let i = 0; i < 100; i++) intake.reject('x'.repeat(1000));
      expect(intake.signal.aborted).toBe(true);
    });
    const error = await rejectionOf(capture(source, log, { rejectFile }));
    expect(error).toBeInstanceOf(CaptureError);
    expect(error).toMatchObject({ cause: { code: 'STORAGE', errno: 'ENOSPC' } });
    expect((error as CaptureError).report).toMatchObject({ events: 1, ended: 'failure' });
  });
});
