/**
 * Every pair of faults in two segments of a log: gone, without a header, shortened, with
 * a damaged frame, with zeros at its end. Whatever they do together, nothing wrong is read, no loss looks
 * like the end of the log, and repairLog makes it a sound log of what is left.
 */
import { rmSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  LogError,
  openAppender,
  openReader,
  repairLog,
  verifyLog,
  type Appender,
  type Reader,
} from '../../src/index.js';
import { contents, copyOf, flipBit, segmentFile, segmentsOf, zero } from '../support/log-damage.js';
import { range } from '../support/logs.js';
import { QUIET, fill } from '../support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';
import { expectSameVerification } from '../support/verification.js';

const SEGMENTS = 4;

const FAULTS: Record<string, (path: string) => void> = {
  gone: (path) => rmSync(path),
  'without a header': (path) => zero(path, 0, 4096),
  short: (path) => truncateSync(path, 4096 + 800),
  'with a damaged frame': (path) => flipBit(path, 4096 + 1500),
  'with zeros at its end': (path) => zero(path, 12_288),
};

function contentOf(offset: number): string {
  return `record ${offset} `.padEnd(1500, 'x');
}

function fillWith(appender: Appender, log: string, segments: number): void {
  fill(log, segments, () => appender.append(bytes(contentOf(appender.nextOffset))));
}

async function makeLog(state: string): Promise<{ log: string; end: number }> {
  const path = temporaryLogPath();
  const first = openAppender(path, QUIET);
  fillWith(first, path, state === 'closed' ? SEGMENTS : 2);
  if (state === 'closed') {
    const end = first.nextOffset;
    await first.close();
    return { log: path, end };
  }
  await first.close();
  const again = openAppender(path, QUIET);
  fillWith(again, path, SEGMENTS);
  const log = copyOf(path);
  await again.close();
  return { log, end: again.nextOffset };
}

/** The outcome of an action that may only fail by an error that names what is the matter. */
function outcome<T>(action: () => T): { value: T } | { code: string } {
  try {
    return { value: action() };
  } catch (error) {
    const code = error instanceof LogError ? error.code : String(error);
    expect(['CORRUPTION', 'OFFSET_OUT_OF_RANGE', 'LOST']).toContain(code);
    return { code };
  }
}

function checkReader(reader: Reader, end: number, isTorn: boolean): void {
  const bound = reader.committedOffset;
  for (const offset of range(0, end)) {
    const got = outcome(() => text(reader.get(offset).payload));
    if ('value' in got) expect(got.value).toBe(contentOf(offset));
  }
  const cursor = reader.cursor();
  let expected = reader.startOffset;
  const ended = outcome(() => {
    while (cursor.next()) expect(cursor.offset).toBe(expected++);
  });
  if ('code' in ended) return;
  expect(expected).toBe(bound);
  // What a power cut may have taken is no damage: then an appender goes on where readers end.
  if (!isTorn) expect(bound).toBeGreaterThanOrEqual(end);
}

function checkRepaired(log: string): void {
  repairLog(log);
  expect(verifyLog(log).isIntact).toBe(true);
  const reader = openReader(log);
  expect(reader.damage()).toEqual([]);
  const cursor = reader.cursor();
  while (cursor.next()) expect(text(cursor.payload)).toBe(contentOf(cursor.offset));
  reader.close();
}

describe.each(['closed', 'open'])('a log that was left %s', (state) => {
  it.each(Object.keys(FAULTS))('with one segment %s, and another fault', async (one) => {
    const { log, end } = await makeLog(state);
    const bases = segmentsOf(log);
    for (const first of bases) {
      for (const second of bases.filter((base) => base > first)) {
        for (const other of Object.keys(FAULTS)) {
          const copy = copyOf(log);
          FAULTS[one]?.(segmentFile(copy, first));
          FAULTS[other]?.(segmentFile(copy, second));
          const before = contents(copy);
          const opened = outcome(() => openReader(copy));
          if ('value' in opened) {
            checkReader(opened.value, end, await isOpenable(copyOf(copy)));
            opened.value.close();
          }
          expect(contents(copy)).toEqual(before);
          await expectSameVerification(copy);
          checkRepaired(copy);
          expect(await isOpenable(copy)).toBe(true);
        }
      }
    }
  });
});

async function isOpenable(log: string): Promise<boolean> {
  const opened = outcome(() => openAppender(log, QUIET));
  if ('value' in opened) await opened.value.close();
  return 'value' in opened;
}
