/** Directories, pipes, links and files of elsewhere, where the files of a log should be. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogError, openAppender, openReader, repairLog, verifyLog } from '../../src/index.js';
import { copyOf, indexFile, readAll, segmentFile, segmentsOf } from '../support/log-damage.js';
import { QUIET, fill, nameOf, namesOf } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

const KINDS: Record<string, (path: string) => void> = {
  'a directory': (path) => mkdirSync(path),
  'a pipe': (path) => void spawnSync('mkfifo', [path]),
  'a link to nothing': (path) => symlinkSync('nothing', path),
  'a link to itself': (path) => symlinkSync(path, path),
};

async function closedLog(): Promise<{ log: string; end: number; bases: number[] }> {
  const log = temporaryLogPath();
  const appender = openAppender(log, QUIET);
  fill(log, 3, () => appender.append(bytes(nameOf(appender.nextOffset))));
  const end = appender.nextOffset;
  await appender.close();
  return { log, end, bases: segmentsOf(log) };
}

describe.each(Object.keys(KINDS))('%s', (kind) => {
  const put = (path: string): void => {
    rmSync(path);
    KINDS[kind]?.(path);
  };

  it('in the place of a segment costs its records and no others', async () => {
    const { log, end, bases } = await closedLog();
    const [, from = 0, to = 0] = bases;
    put(segmentFile(log, from));
    const reader = openReader(log);
    expect(() => reader.get(from)).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
    expect(text(reader.get(to).payload)).toBe(nameOf(to));
    reader.close();
    expect(() => openAppender(log, QUIET)).toThrow(/Damaged data/);
    expect(repairLog(log).lost).toEqual([{ from, to }]);
    expect(verifyLog(log).isIntact).toBe(true);
    const again = openReader(log);
    for (const offset of [0, from - 1, to, end - 1]) {
      expect(text(again.get(offset).payload)).toBe(nameOf(offset));
    }
    again.close();
  });

  it('in the place of an index, or of the control or readers page, costs nothing', async () => {
    const { log, end, bases } = await closedLog();
    const paths = (copy: string): string[] => [
      ...bases.map((base) => indexFile(copy, base)),
      join(copy, 'control'),
      join(copy, 'readers'),
    ];
    for (const i of paths(log).keys()) {
      const copy = copyOf(log);
      const path = paths(copy)[i] as string;
      put(path);
      if (!path.endsWith('control')) expect(readAll(copy)).toEqual(namesOf(0, end));
      expect(repairLog(copy).lost).toEqual([]);
      expect(readAll(copy)).toEqual(namesOf(0, end));
      const appender = openAppender(copy, QUIET);
      expect(appender.nextOffset).toBe(end);
      await appender.close();
    }
  });

  it('in the place of LOCK is an error', async () => {
    const { log } = await closedLog();
    put(join(log, 'LOCK'));
    expect(() => openAppender(log, QUIET)).toThrow(LogError);
    expect(() => openReader(log)).toThrow(LogError);
  });
});

it('a file that has strayed between the records of a segment is set aside by repair', async () => {
  const { log, end, bases } = await closedLog();
  const path = segmentFile(log, (bases[1] as number) - 20);
  writeFileSync(path, 'no segment');
  expect(() => openAppender(log, QUIET)).toThrow(/Damaged data/);
  const report = repairLog(log);
  expect(report.lost).toEqual([]);
  expect(report.rewritten).toEqual([]);
  expect(report.setAside).toHaveLength(1);
  expect(existsSync(path)).toBe(false);
  expect(readAll(log)).toEqual(namesOf(0, end));
});

it('repair believes the segments if the control page is of another log', async () => {
  const { log, end } = await closedLog();
  const other = await closedLog();
  cpSync(join(other.log, 'control'), join(log, 'control'));
  const report = repairLog(log);
  expect(report.lost).toEqual([]);
  expect(readAll(log)).toEqual(namesOf(0, end));
});

it('a segment under the name of LOCK keeps what it holds', async () => {
  const { log, bases } = await closedLog();
  const path = segmentFile(log, bases[0] as number);
  const before = readFileSync(path);
  renameSync(path, join(log, 'LOCK'));
  expect(() => openAppender(log, QUIET)).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  expect(() => repairLog(log)).toThrow(expect.objectContaining({ code: 'CORRUPTION' }));
  expect(readFileSync(join(log, 'LOCK')).equals(before)).toBe(true);
});

it('a folder with the name of a temporary file keeps nobody from appending', async () => {
  const { log, end } = await closedLog();
  mkdirSync(join(log, 'x.tmp'));
  const appender = openAppender(log, QUIET);
  expect(appender.nextOffset).toBe(end);
  await appender.close();
});
