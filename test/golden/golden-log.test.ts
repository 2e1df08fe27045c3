import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAppender, openReader } from '../../src/index.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';

/** Size and non-zero ranges, as `[position, hex]`, of each file. */
type Files = Record<string, { bytes: number; runs: [number, string][] }>;

const CONTENT = [
  'first',
  '',
  'batch a',
  'batch b',
  'record 4',
  'record 5',
  'record 6',
  'record 7',
  'record 8',
];

// Written by the first version of the format. Every later one must read it: never regenerate it.
function goldenLog(): string {
  const golden = new URL('log-v1.json', import.meta.url);
  const files = JSON.parse(readFileSync(golden, 'utf8')) as Files;
  const path = temporaryLogPath();
  mkdirSync(path);
  for (const [name, { bytes: length, runs }] of Object.entries(files)) {
    const content = Buffer.alloc(length);
    for (const [position, hex] of runs) content.write(hex, position, 'hex');
    writeFileSync(join(path, name), content);
  }
  return path;
}

it('a log of format 1 reads as it was written', () => {
  const reader = openReader(goldenLog(), { verify: 'always' });
  const contents = Array.from(reader.cursor(), ({ payload }) => text(payload));
  expect(contents).toEqual(CONTENT);
  expect(reader.segments().map(({ records }) => records)).toEqual([6, 3]);
  expect(text(reader.segments()[0]?.header ?? bytes(''))).toBe('golden');
  expect(reader.get(2).timeNs).toBe(reader.get(3).timeNs);
  expect(reader.indexFaults).toEqual([]);
  reader.close();
});

it('a log of format 1 can be appended to, as one that was closed', async () => {
  const path = goldenLog();
  const appender = openAppender(path, { segmentSizeBytes: 16_384, maintenance: false });
  expect(appender.recovery.outcome).toBe('clean');
  expect(appender.append(bytes('later'))).toBe(CONTENT.length);
  const reader = openReader(path);
  expect(Array.from(reader.cursor(), ({ payload }) => text(payload))).toEqual([
    ...CONTENT,
    'later',
  ]);
  await appender.close();
  reader.close();
});
