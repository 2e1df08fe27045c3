import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader, verifyLog, type Appender } from '../../src/index.js';
import type { RecordEncoder } from '../../src/append/record-encoder.js';
import {
  contentOf,
  filesOf,
  numberedOffsets,
  range,
  rejectionOf,
  SMALL_MAX_RECORD_BYTES,
  thrownBy,
} from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

type Commit = 'each' | 'manual' | { readonly bytes: number };

function open(path: string, commit: Commit = 'each'): Appender {
  return openAppender(path, { segmentSizeBytes: 16_384, maintenance: false, commit });
}

/** Encodes bytes as themselves, with what a test wants to happen on the way. */
function copying(steps: { whileMeasured?: () => void; whileWritten?: () => void } = {}) {
  const encoder: RecordEncoder<Uint8Array> = {
    measure(value) {
      steps.whileMeasured?.();
      return value.length;
    },
    write(value, memory, position, end) {
      expect([position % 8, end - position]).toEqual([0, value.length]);
      memory.bytes.set(value, position);
      steps.whileWritten?.();
    },
  };
  return encoder;
}

function fail(): never {
  throw new Error('from the value');
}

async function expectNumbered(path: string, appender: Appender, count: number): Promise<void> {
  await appender.close();
  const reader = openReader(path);
  expect(numberedOffsets(reader)).toEqual(range(0, count));
  reader.close();
  expect(verifyLog(path)).toMatchObject({ damage: [], records: count });
}

describe('appendEncoded()', () => {
  it('appends records of any length between others, across rolls', async () => {
    const path = temporaryLogPath();
    const appender = open(path, { bytes: 2000 });
    const lengths = [0, 1, 7, 8, 9, 100, SMALL_MAX_RECORD_BYTES, 4, 6000, 6000, 6000];
    for (const length of lengths) {
      const offset = appender.nextOffset;
      expect(appender.appendEncoded(copying(), contentOf(offset, length))).toBe(offset);
      expect(appender.append(contentOf(offset + 1, 50))).toBe(offset + 1);
    }
    expect(filesOf(path, '.log').length).toBeGreaterThan(3);
    await expectNumbered(path, appender, 2 * lengths.length);
  });

  it('refuses what no segment holds, and changes nothing', async () => {
    const path = temporaryLogPath();
    const appender = open(path, 'manual');
    appender.append(contentOf(0, 100));
    const tooLarge = new Uint8Array(SMALL_MAX_RECORD_BYTES + 1);
    expect(thrownBy(() => appender.appendEncoded(copying(), tooLarge))).toMatchObject({
      code: 'RECORD_TOO_LARGE',
    });
    expect([appender.nextOffset, appender.committedOffset]).toEqual([1, 0]);
    await expectNumbered(path, appender, 1);
  });

  it.each(['whileMeasured', 'whileWritten'] as const)(
    'passes on what is thrown %s, without a trace in the log',
    async (when) => {
      const path = temporaryLogPath();
      const appender = open(path);
      const failing = copying({ [when]: fail });
      const marker = new Uint8Array(3001).fill(0xee);
      for (let offset = 0; offset < 6; offset++) {
        expect(() => appender.appendEncoded(failing, marker)).toThrow('from the value');
        expect(appender.nextOffset).toBe(offset);
        appender.appendEncoded(copying(), contentOf(offset, 100));
      }
      await expectNumbered(path, appender, 6);
      for (const file of filesOf(path, '.log')) {
        expect(readFileSync(file).includes(Buffer.alloc(8, 0xee))).toBe(false);
      }
    },
  );

  it.each(['whileMeasured', 'whileWritten'] as const)(
    'lets nothing else happen to the log %s',
    async (when) => {
      const path = temporaryLogPath();
      const appender = open(path, 'manual');
      appender.append(contentOf(0, 10));
      const flushes: Promise<unknown>[] = [];
      const step = (): void => {
        const reserved = { code: 'RESERVED', message: /a record is just being encoded$/ };
        const expected = expect.objectContaining({
          code: reserved.code,
          message: expect.stringMatching(reserved.message) as string,
        }) as unknown;
        const actions = [
          () => appender.append(bytes('x')),
          () => appender.appendBatch([bytes('x')]),
          () => appender.reserve(8),
          () => appender.appendEncoded(copying(), bytes('x')),
          () => appender.commit(),
        ];
        for (const action of actions) expect(thrownBy(action)).toEqual(expected);
        flushes.push(appender.flush(), appender.dropBefore(0));
      };
      expect(appender.appendEncoded(copying({ [when]: step }), contentOf(1, 20))).toBe(1);
      expect(flushes.length).toBe(2);
      for (const flush of flushes) {
        expect(await rejectionOf(flush)).toMatchObject({ code: 'RESERVED' });
      }
      expect(appender.append(contentOf(2, 30))).toBe(2);
      await expectNumbered(path, appender, 3);
    },
  );

  it.each(['whileMeasured', 'whileWritten'] as const)(
    'refuses the record if the log is closed %s; what came before is kept',
    async (when) => {
      const path = temporaryLogPath();
      const appender = open(path, 'manual');
      // The record then needs another segment, which a closed log does not get.
      appender.append(contentOf(0, 12_000));
      let closing: Promise<void> | undefined;
      const encoder = copying({ [when]: () => (closing = appender.close()) });
      const marker = new Uint8Array(500).fill(0xee);
      expect(thrownBy(() => appender.appendEncoded(encoder, marker))).toMatchObject({
        code: 'CLOSED',
      });
      await closing;
      await expectNumbered(path, appender, 1);
      const files = filesOf(path, '.log');
      expect(files.length).toBe(when === 'whileMeasured' ? 1 : 2);
      for (const file of files) {
        expect(readFileSync(file).includes(Buffer.alloc(8, 0xee))).toBe(false);
      }
    },
  );

  it('is refused while a reservation is open, and after close', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const reservation = appender.reserve(8);
    const append = (): number => appender.appendEncoded(copying(), bytes('x'));
    expect(thrownBy(append)).toMatchObject({ code: 'RESERVED' });
    reservation.abandon();
    await appender.close();
    expect(thrownBy(append)).toMatchObject({ code: 'CLOSED' });
  });
});
