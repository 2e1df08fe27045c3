import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openReader, verifyLog } from '../../src/index.js';
import { finished, framed, madeLog, runCli, startCli } from '../support/cli.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const SMALL = ['--segment-size', '64K', '--quiet'];

function payloads(path: string): Buffer[] {
  const reader = openReader(path);
  const found: Buffer[] = [];
  for (const record of reader.cursor({ snapshot: true })) {
    found.push(Buffer.from(record.copyPayload()));
  }
  reader.close();
  return found;
}

describe('append', () => {
  it('makes a record of each line: empty ones, and a last one without a newline', async () => {
    const path = temporaryLogPath();
    expect(await runCli(['append', path], 'one\n\nthree\r\nlast')).toMatchObject({ code: 0 });
    expect(payloads(path).map(String)).toEqual(['one', '', 'three\r', 'last']);
  });

  it('keeps newlines when asked', async () => {
    const path = temporaryLogPath();
    await runCli(['append', '--keep-newline', path], 'one\n\nlast');
    expect(payloads(path).map(String)).toEqual(['one\n', '\n', 'last']);
  });

  it('appends behind what is there, and says under which offsets', async () => {
    const path = await madeLog(['first']);
    const result = await runCli(['append', path], 'second\nthird\n');
    expect(result.stderr).toMatch(/^stratalog: appended 2 records, 11 B, as offsets 1 to 2 in /);
    expect(result.stdout).toHaveLength(0);
    expect(payloads(path)).toHaveLength(3);
  });

  it('prints a summary as JSON that holds the new bounds', async () => {
    const path = temporaryLogPath();
    const { stdout, stderr } = await runCli(['append', '--json', path], 'a\nbc\n');
    expect(JSON.parse(String(stdout))).toMatchObject({
      records: 2,
      bytes: 3,
      firstOffset: 0,
      committedOffset: 2,
      flushedOffset: 2,
    });
    expect(stderr).toBe('');
  });

  it('leaves an empty log behind empty input', async () => {
    const path = temporaryLogPath();
    const result = await runCli(['append', path]);
    expect(result).toMatchObject({ code: 0 });
    expect(result.stderr).toContain('appended nothing');
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 0, isClosed: true });
  });

  it.each(['each', 'manual', '4K'])('appends the same under commit policy %s', async (policy) => {
    const path = temporaryLogPath();
    await runCli(['append', '--commit', policy, '--flush', 'none', path], 'a\nb\nc\n');
    expect(payloads(path).map(String)).toEqual(['a', 'b', 'c']);
  });

  it('writes the application header that a file holds', async () => {
    const path = temporaryLogPath();
    const header = join(path, '..', 'header.bin');
    writeFileSync(header, 'schema 7');
    expect(await runCli(['append', '--header', header, path], 'a\n')).toMatchObject({ code: 0 });
    const reader = openReader(path);
    expect(String(Buffer.from(reader.segments()[0]?.header ?? []))).toBe('schema 7');
    reader.close();
  });

  it('refuses a record that no segment holds, and keeps everything before it', async () => {
    const path = temporaryLogPath();
    const input = `good\n${'x'.repeat(70_000)}\nnever\n`;
    const result = await runCli(['append', ...SMALL, path], input);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(/^stratalog: (Line|Record) 2 of the input has .*\n$/);
    expect(payloads(path).map(String)).toEqual(['good']);
  });

  it('refuses an endless line without waiting for its end', async () => {
    const path = temporaryLogPath();
    const child = startCli(['append', ...SMALL, path]);
    child.stdin.write(Buffer.alloc(1 << 20, 'x'));
    expect(await finished(child)).toMatchObject({ code: 1 });
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 0 });
  });

  it.each([
    ['its length prefix', Buffer.from([7, 0]), '2 of the 4 bytes of its length prefix'],
    ['its payload', Buffer.from([7, 0, 0, 0, 1, 2]), '2 of its 7 bytes'],
  ])('reports input cut off inside %s, and keeps everything before', async (_, rest, message) => {
    const path = temporaryLogPath();
    const input = Buffer.concat([framed([bytes('one'), bytes('two')]), rest]);
    const result = await runCli(['append', '--framing', 'length', '--quiet', path], input);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`The input ends inside record 3: ${message}`);
    expect(payloads(path).map(String)).toEqual(['one', 'two']);
  });

  it('refuses a length prefix beyond any record at once', async () => {
    const path = temporaryLogPath();
    const child = startCli(['append', '--framing', 'length', ...SMALL, path]);
    child.stdin.write(framed([bytes('one')]));
    child.stdin.write('text that was taken for a length');
    const result = await finished(child);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('Record 2 of the input has a length prefix of 1,954,047,348');
    expect(payloads(path).map(String)).toEqual(['one']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('closes the log on %s with every complete record', async (signal, code) => {
    const path = temporaryLogPath();
    const child = startCli(['append', '--commit', 'each', path]);
    child.stdin.write('one\ntwo\nunfinished');
    await untilCommitted(path, 2);
    child.kill(signal);
    const result = await finished(child);
    expect(result.code).toBe(code);
    expect(result.stderr).toContain('10 bytes of an unfinished record left out');
    expect(verifyLog(path)).toMatchObject({ isClosed: true, records: 2 });
  });

  it('shows records to readers while its input is still open', async () => {
    const path = temporaryLogPath();
    const child = startCli(['append', path]);
    child.stdin.write('seen\n');
    await untilCommitted(path, 1);
    const shown = await runCli(['cat', path]);
    expect(String(shown.stdout)).toBe('seen\n');
    child.stdin.end();
    expect(await finished(child)).toMatchObject({ code: 0 });
  });
});

/** Polls: the log may not be there yet. */
async function untilCommitted(path: string, offset: number): Promise<void> {
  for (;;) {
    try {
      const reader = openReader(path);
      const { committedOffset } = reader;
      reader.close();
      if (committedOffset >= offset) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
