import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader, verifyLog } from '../../src/index.js';
import { logWithDamagedEnd, runCli } from '../support/cli.js';
import { segmentsOf, zero } from '../support/log-damage.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

const SEGMENT = '00000000000000000000.log';

async function madeLog(records = 10): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, { segmentSizeBytes: 64 * 1024 });
  for (let i = 0; i < records; i++) appender.append(bytes(`record ${i}`));
  await appender.close();
  return path;
}

/** Changes one bit of the payload that holds `content`; returns its position. */
function damage(path: string, content: string): number {
  const file = join(path, SEGMENT);
  const position = readFileSync(file).indexOf(content);
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, position);
  writeSync(fd, Buffer.of((byte[0] as number) ^ 1), 0, 1, position);
  closeSync(fd);
  return position;
}

/** Time of the newest record. */
function timesOf(path: string): { timeMs: number } {
  const reader = openReader(path);
  const { timeMs } = reader.get(reader.committedOffset - 1);
  reader.close();
  return { timeMs };
}

describe('info', () => {
  it('prints bounds, sizes, lock and segments as JSON', async () => {
    const path = await madeLog(3000);
    const { code, stdout } = await runCli(['info', '--json', path]);
    expect(code).toBe(0);
    const info = JSON.parse(String(stdout)) as { segments: { records: number }[] };
    expect(info).toMatchObject({
      log: path,
      startOffset: 0,
      committedOffset: 3000,
      flushedOffset: 3000,
      records: 3000,
      lock: { isLocked: false },
      indexFaults: [],
    });
    expect(info.segments.length).toBeGreaterThan(1);
    expect(info.segments.reduce((sum, { records }) => sum + records, 0)).toBe(3000);
    expect(info.segments[0]).toMatchObject({ baseOffset: 0, sealed: true, sizeBytes: 65_536 });
  });

  it('tells sizes, times and rates', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { segmentSizeBytes: 64 * 1024 });
    appender.append(bytes('1234'));
    const { timeMs: first } = timesOf(path);
    while (Date.now() < first + 40) await new Promise((resolve) => setTimeout(resolve, 5));
    appender.appendBatch([bytes('5678'), bytes('')]);
    await appender.close();
    const { timeMs: last } = timesOf(path);
    const info = JSON.parse(String((await runCli(['info', '--json', path])).stdout)) as object;
    const usedBytes = 64 + 16 + 64 + 16 + 8;
    expect(info).toMatchObject({
      usedBytes,
      allocatedBytes: 64 * 1024,
      averageRecordBytes: usedBytes / 3,
      firstTime: new Date(first).toISOString(),
      lastTime: new Date(last).toISOString(),
      recordsPerSecond: 3000 / (last - first),
    });
    const { stdout } = await runCli(['info', path]);
    expect(String(stdout)).toMatch(/^time +.+ to .+ \([\d,]+ records\/s\)$/m);
    expect(String(stdout)).toMatch(/^size +168 B used of 64\.0 KiB in 1 segment$/m);
  });

  it('describes an empty log as one without records', async () => {
    const path = await madeLog(0);
    const { code, stdout } = await runCli(['info', path]);
    expect(code).toBe(0);
    expect(String(stdout)).toMatch(/^time +no records yet$/m);
  });

  it.each([
    ['first', 'record 0', { from: 0, to: 1 }],
    ['last', 'record 9', { from: 9, to: 10 }],
  ])(
    'shows what is known when the %s record is damaged, and exits with 2',
    async (_, hit, lost) => {
      const path = await madeLog();
      const position = damage(path, hit) - 64 - 8;
      const json = await runCli(['info', '--json', path]);
      expect(json).toMatchObject({ code: 2, stderr: '' });
      const told = { path: join(path, SEGMENT), position, lost };
      const info = JSON.parse(String(json.stdout)) as Record<string, unknown>;
      expect(info).toMatchObject({ committedOffset: 10, records: 10, damage: [told] });
      const known = hit === 'record 0' ? info['lastTime'] : info['firstTime'];
      const unknown = hit === 'record 0' ? info['firstTime'] : info['lastTime'];
      expect([typeof known, unknown]).toEqual(['string', null]);
      const { code, stdout } = await runCli(['info', path]);
      expect(code).toBe(2);
      const range = `offset ${lost.from} affected`;
      expect(String(stdout)).toMatch(
        new RegExp(`^damage +.*${SEGMENT} at position ${position}: .*; ${range}$`, 'm'),
      );
      expect(String(stdout)).toMatch(/^committed offset +10$/m);
      expect(String(stdout)).toMatch(
        hit === 'record 0' ? /^time +unknown to \d{4}-/m : /^time +\d{4}-.* to unknown$/m,
      );
    },
  );

  it('names a segment that cannot be used, and shows the others', async () => {
    const path = await madeLog(3000);
    const second = segmentsOf(path)[1];
    zero(join(path, SEGMENT), 0, 4096);
    const { code, stdout } = await runCli(['info', '--json', path]);
    expect(code).toBe(2);
    const info = JSON.parse(String(stdout)) as { segments: { baseOffset: number }[] };
    expect(info).toMatchObject({
      committedOffset: 3000,
      damage: [{ path: join(path, SEGMENT), lost: { from: 0, to: second } }],
    });
    expect(info.segments[0]?.baseOffset).toBe(second);
  });

  it('names the process that has the log open', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    const { stdout } = await runCli(['info', path]);
    expect(String(stdout)).toMatch(new RegExp(`^appender +process ${process.pid} on `, 'm'));
    await appender.close();
  });
});

describe('verify', () => {
  it('exits with 0 for an intact log', async () => {
    const path = await madeLog();
    const result = await runCli(['verify', path]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(String(result.stdout)).toMatch(/^intact: 10 records, 10 frames, 1 segment, .*0 to 9\n$/);
  });

  it('exits with 2 for a flipped bit, and names file, position and lost offset', async () => {
    const path = await madeLog();
    const position = damage(path, 'record 4');
    const { code, stdout } = await runCli(['verify', path]);
    expect(code).toBe(2);
    const frame = position - 64 - 8;
    expect(String(stdout)).toContain(
      `damage in ${join(path, SEGMENT)} at position ${frame}, 80 bytes: a frame whose checksum fails; offset 4 lost`,
    );
    expect(String(stdout)).toMatch(/^damaged: 9 records/m);
  });

  it('prints the report of the API as JSON', async () => {
    const path = await madeLog();
    damage(path, 'record 4');
    const { code, stdout } = await runCli(['verify', '--json', path]);
    expect(code).toBe(2);
    expect(JSON.parse(String(stdout))).toEqual(JSON.parse(JSON.stringify(verifyLog(path))));
  });

  it.each([[['--workers', '1']], [['--workers', '3']], [[]]])(
    'reports the same of a large log, whoever reads: %j',
    async (workers) => {
      const path = temporaryLogPath();
      const options = { segmentSizeBytes: 64 * 1024 * 1024, indexCapacity: 100 };
      const appender = openAppender(path, { ...options, maintenance: false });
      for (let i = 0; i < 450; i++) appender.append(bytes(`record ${i}.`));
      await appender.close();
      damage(path, 'record 44.');
      const { code, stdout, stderr } = await runCli(['verify', '--json', ...workers, path]);
      expect([code, stderr]).toEqual([2, '']);
      expect(JSON.parse(String(stdout))).toEqual(JSON.parse(JSON.stringify(verifyLog(path))));
    },
  );
});

describe('cat on damage', () => {
  it('shows everything before it, then exits with 2', async () => {
    const path = await madeLog();
    damage(path, 'record 2');
    const result = await runCli(['cat', path]);
    expect(result.code).toBe(2);
    expect(String(result.stdout)).toBe('record 0\nrecord 1\n');
    expect(result.stderr).toMatch(/^stratalog: Damaged data in .*\n$/);
  });

  it.each([
    [[], 2],
    [['--from', 'end'], 2],
    [['--until', '2999-01-01', '--limit', '11'], 2],
    [['--to', '7'], 0],
    [['--limit', '3'], 0],
    [['--to', '-1'], 0],
  ])('that ends a log does not take it for the end: %j', async (options, code) => {
    const records = Array.from({ length: 10 }, (_, i) => `record ${i}`);
    const path = await logWithDamagedEnd(records, 7);
    const result = await runCli(['cat', path, ...options]);
    expect(result.code).toBe(code);
    expect(String(result.stdout)).not.toContain('record 7');
    expect(result.stderr).toMatch(code === 0 ? /^$/ : /offsets 7 to 7 are affected\n$/);
  });
});

describe('repair', () => {
  it('keeps every other record at its offset, and says what was lost', async () => {
    const path = await madeLog();
    damage(path, 'record 4');
    const repaired = await runCli(['repair', path]);
    expect(repaired.code).toBe(0);
    expect(String(repaired.stdout)).toMatch(/^kept the original as .*aside/m);
    expect(String(repaired.stdout)).toMatch(/^repaired: offset 4 could not be saved/m);
    const shown = await runCli(['cat', '--offsets', path]);
    expect(String(shown.stdout).split('\n').slice(3, 5)).toEqual(['3\trecord 3', '5\trecord 5']);
    expect(shown).toMatchObject({
      code: 0,
      stderr: 'stratalog: offset 4 lost to damage before a repair\n',
    });
    const verified = await runCli(['verify', path]);
    expect(verified.code).toBe(0);
    expect(String(verified.stdout)).toContain('offset 4 lost to damage before a repair');
  });

  it('prints the lost offsets as JSON', async () => {
    const path = await madeLog();
    damage(path, 'record 4');
    const { code, stdout } = await runCli(['repair', '--json', path]);
    expect(code).toBe(0);
    expect(JSON.parse(String(stdout))).toMatchObject({ lost: [{ from: 4, to: 5 }] });
  });

  it('changes no record of an intact log', async () => {
    const path = await madeLog();
    const { code, stdout } = await runCli(['repair', path]);
    expect(code).toBe(0);
    expect(String(stdout)).toBe('nothing to repair: the log is intact\n');
    expect(verifyLog(path)).toMatchObject({ isIntact: true, records: 10 });
  });
});

describe('a log that somebody appends to', () => {
  it.each(['append', 'repair'])('is refused by %s with 3, naming the holder', async (verb) => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    const result = await runCli([verb, path], 'x\n');
    expect(result.code).toBe(3);
    expect(result.stderr).toContain(`it is locked by process ${process.pid} on `);
    await appender.close();
  });

  it.each(['cat', 'info', 'verify'])('is read by %s all the same', async (verb) => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('there'));
    const result = await runCli([verb, path]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    await appender.close();
  });
});
