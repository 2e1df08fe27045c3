/**
 * Faults of the five projects that this one descends from, each by its name and with the outcome that is
 * right. Most have deeper tests elsewhere; here each of them can be seen not to be there.
 */
import {
  copyFileSync,
  cpSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ControlFile } from '../src/control/control-file.js';
import { crc32cBytes } from '../src/format/checksum.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentSeed,
} from '../src/format/segment-header.js';
import {
  CorruptionError,
  LogError,
  LogLockedError,
  OffsetOutOfRangeError,
  RecordLostError,
  openAppender,
  openEventReader,
  openMonitor,
  openReader,
  repairLog,
  verifyLog,
  type Appender,
  type AppenderOptions,
} from '../src/index.js';
import { fixture } from './support/dying.js';
import { finished, printed, startFixture } from './support/fixtures.js';
import {
  allFrames,
  copyOf,
  flipBit,
  framesIn,
  indexFile,
  overwrite,
  readAll,
  segmentFile,
  segmentsOf,
  zero,
  type FrameOnDisk,
} from './support/log-damage.js';
import { contentOf, range, thrownBy } from './support/logs.js';
import { BY_HAND, QUIET, fill, nameOf, namesOf } from './support/quiet-logs.js';
import { bytes, temporaryLogPath, text } from './support/temporary-log.js';

const MIB = 1024 * 1024;
/** In the first page of an index file: entries follow it. */
const FIRST_ENTRY_AT = 4096;

const toVerify: string[] = [];

// Before the log is deleted: hooks run in the reverse order of their making.
afterEach(() => {
  for (const log of toVerify.splice(0)) expect(verifyLog(log).damage).toEqual([]);
});

/** A path for a log that has to be intact when the test is over. */
function verifiedLog(): string {
  return verifiedAtEnd(temporaryLogPath());
}

function verifiedAtEnd(log: string): string {
  toVerify.push(log);
  return log;
}

function appendNames(appender: Appender, count: number): void {
  for (let i = 0; i < count; i++) appender.append(bytes(nameOf(appender.nextOffset)));
}

/** Records of 40 bytes, one a frame, in a log that is closed. */
async function closedLog(log: string, count: number): Promise<string> {
  const appender = openAppender(log, QUIET);
  appendNames(appender, count);
  await appender.close();
  return log;
}

/** What a power cut leaves of a log of ten frames of which the first five were flushed. */
async function cutLog(): Promise<string> {
  const log = temporaryLogPath();
  const appender = openAppender(log, QUIET);
  appendNames(appender, 5);
  await appender.flush();
  appendNames(appender, 5);
  const copy = copyOf(log);
  await appender.close();
  return copy;
}

function tear(log: string, frame: number): FrameOnDisk {
  const torn = framesIn(log, 0)[frame] as FrameOnDisk;
  flipBit(segmentFile(log, 0), torn.position + 80);
  return torn;
}

/** CRC-32C by its definition, bit by bit: reflected polynomial 82f63b78. */
function crcByDefinition(content: Uint8Array, seed = 0): number {
  let crc = ~seed;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  }
  return ~crc >>> 0;
}

describe('a checksum that is not the polynomial it claims', () => {
  it('is not ours: the check value is that of CRC-32C, and so are the sums of frames of any size', async () => {
    const check = Buffer.from('123456789');
    expect(crcByDefinition(check)).toBe(0xe306_9283);
    expect(crc32cBytes(check) >>> 0).toBe(0xe306_9283);
    const log = verifiedLog();
    const appender = openAppender(log, QUIET);
    for (const length of [0, 1, 100, 300, 5000]) appender.append(contentOf(1, length));
    await appender.close();
    const control = ControlFile.open(log, 'read');
    const seed = segmentSeed(control.logId, 0);
    control.close();
    const segment = readFileSync(segmentFile(log, 0));
    for (const { position, length, crc } of framesIn(log, 0)) {
      expect(crcByDefinition(segment.subarray(position + 8, position + length), seed)).toBe(crc);
    }
  });
});

describe('an append after a truncation that lands at the old place', () => {
  it('does not: it gets the offset and the position at which the log was cut', async () => {
    const log = verifiedAtEnd(await cutLog());
    const torn = tear(log, 7);
    const appender = openAppender(log, QUIET);
    expect(appender.nextOffset).toBe(7);
    expect(appender.append(bytes('a record of another length'))).toBe(7);
    await appender.close();
    expect(framesIn(log, 0)[7]).toMatchObject({ position: torn.position, base: 7 });
    expect(readAll(log)).toEqual([...namesOf(0, 7), 'a record of another length']);
  });
});

describe('a sequential reader that caches unwritten zeros', () => {
  it.each(['always', 'first-touch', 'never'] as const)(
    'sees the record that comes, in a page that it has read before, across rolls (verify: %s)',
    async (verify) => {
      const log = verifiedLog();
      const appender = openAppender(log, QUIET);
      const reader = openReader(log, { verify });
      const cursor = reader.cursor();
      while (segmentsOf(log).length < 3) {
        const next = appender.nextOffset;
        for (let look = 0; look < 3; look++) expect(cursor.next()).toBe(false);
        expect(() => reader.get(next)).toThrow(OffsetOutOfRangeError);
        appendNames(appender, 1);
        expect(text(reader.get(next).payload)).toBe(nameOf(next));
        expect(cursor.next()).toBe(true);
        expect([cursor.offset, text(cursor.payload)]).toEqual([next, nameOf(next)]);
      }
      reader.close();
      await appender.close();
    },
  );
});

describe('truncated records that reopening brings back', () => {
  it('stay away, whatever is appended in their place, and however often the log dies and reopens', async () => {
    let log = await cutLog();
    tear(log, 6);
    const expected = namesOf(0, 6);
    for (let round = 0; round < 3; round++) {
      const appender = openAppender(log, QUIET);
      expect(readAll(log)).toEqual(expected);
      // As long as what was there, so that an old frame would follow without a seam.
      const name = `round ${round}`.padEnd(40, '.');
      appender.append(bytes(name));
      expected.push(name);
      expect(readAll(log)).toEqual(expected);
      const died = copyOf(log);
      await appender.close();
      expect(readAll(log)).toEqual(expected);
      log = died;
    }
    expect(verifyLog(log)).toMatchObject({ damage: [], records: 9 });
  });
});

describe('a header longer than its payload', () => {
  const NONSENSE = [0, 1, 8, 56, 63, 64, 65, 0x7fff_fff8, 0x8000_0000, 0xffff_fff8, 0xffff_ffff];

  it.each(['always', 'first-touch', 'never'] as const)(
    'and any other nonsense for a length is damage to readers, and no crash (verify: %s)',
    async (verify) => {
      const log = await closedLog(temporaryLogPath(), 9);
      const { position } = framesIn(log, 0)[4] as FrameOnDisk;
      for (const length of NONSENSE) {
        const copy = copyOf(log);
        overwrite(segmentFile(copy, 0), position, Buffer.from(Uint32Array.of(length).buffer));
        const reader = openReader(copy, { verify });
        expect(thrownBy(() => reader.get(4))).toBeInstanceOf(CorruptionError);
        expect(text(reader.get(5).payload)).toBe(nameOf(5));
        const cursor = reader.cursor();
        expect(thrownBy(() => Array.from(cursor))).toMatchObject({ lost: { from: 4, to: 5 } });
        reader.close();
      }
    },
  );

  it('is cut off by recovery where nothing was durable, and damage where it was', async () => {
    const log = await cutLog();
    for (const length of NONSENSE) {
      for (const [frame, isDurable] of [
        [7, false],
        [2, true],
      ] as const) {
        const copy = copyOf(log);
        const { position } = framesIn(log, 0)[frame] as FrameOnDisk;
        overwrite(segmentFile(copy, 0), position, Buffer.from(Uint32Array.of(length).buffer));
        if (isDurable) {
          expect(thrownBy(() => openAppender(copy, QUIET))).toBeInstanceOf(CorruptionError);
          continue;
        }
        await openAppender(copy, QUIET).close();
        expect(readAll(copy)).toEqual(namesOf(0, 7));
      }
    }
  });

  it('is no crash either in a segment that ends within a header', async () => {
    const log = await cutLog();
    const { position } = framesIn(log, 0)[7] as FrameOnDisk;
    for (const size of [position + 8, position + 63, position + 64, position + 72]) {
      const copy = copyOf(log);
      truncateSync(segmentFile(copy, 0), size);
      expect(thrownBy(() => openAppender(copy, QUIET))).toBeInstanceOf(CorruptionError);
      expect(thrownBy(() => openReader(copy).get(0))).toBeInstanceOf(CorruptionError);
    }
  });
});

describe('a batch read that skips the rest of a sealed block', () => {
  it('is not ours: from any record on, runs show every record once, over sealed frames and segments', async () => {
    const log = verifiedLog();
    const appender = openAppender(log, BY_HAND);
    // Frames of 1, 2, 3, ... records; the roll seals one that is not full.
    for (let count = 1; segmentsOf(log).length < 3; count++) {
      appendNames(appender, count);
      appender.commit();
    }
    const end = appender.nextOffset;
    await appender.close();
    const reader = openReader(log);
    for (let from = 0; from <= end; from++) {
      const cursor = reader.cursor({ from });
      let seen = from;
      // A record alone, then the rest of its frame at once, and so on.
      for (;;) {
        if (!cursor.next()) break;
        expect([cursor.offset, text(cursor.payload)]).toEqual([seen, nameOf(seen)]);
        seen++;
        if (!cursor.nextRun()) break;
        seen += cursor.run.count;
      }
      expect(seen).toBe(end);
      cursor.close();
    }
    reader.close();
  });
});

describe('an entry larger than a block', () => {
  const BIG: AppenderOptions = { ...BY_HAND, segmentSizeBytes: 8 * MIB };

  function sizesOf(log: string): number[] {
    const reader = openReader(log);
    const sizes = Array.from(reader.cursor(), ({ payload, offset }) => {
      expect(payload.every((byte) => byte === offset)).toBe(true);
      return payload.length;
    });
    reader.close();
    return sizes;
  }

  it.each([true, false])(
    'loses nothing after a restart, also of a process that died (committed: %s)',
    async (commit) => {
      const log = verifiedLog();
      const sizes = [10, 1.5 * MIB, 20, 3 * MIB, 30];
      const work = JSON.stringify({ options: BIG, sizes, commit });
      const args = [fixture('append-sizes-and-die.mjs'), log, work];
      const { signal, stderr } = spawnSync(process.execPath, args);
      expect([signal, String(stderr)]).toEqual(['SIGKILL', '']);
      const appender = openAppender(log, BIG);
      expect(appender.nextOffset).toBe(5);
      appender.append(new Uint8Array(2 * MIB).fill(5));
      await appender.close();
      expect(sizesOf(log)).toEqual([...sizes, 2 * MIB]);
      await openAppender(log, BIG).close();
      expect(sizesOf(log)).toEqual([...sizes, 2 * MIB]);
    },
  );

  it('has a frame of its own, and does not make that of others larger', async () => {
    const log = verifiedLog();
    const appender = openAppender(log, BIG);
    for (const size of [10, 1.5 * MIB, 1.5 * MIB, 10]) appender.append(new Uint8Array(size));
    await appender.close();
    expect(allFrames(log).map(({ count }) => count)).toEqual([1, 1, 1, 1]);
  });
});

describe('leftover temporary files', () => {
  it('are read as nothing, and gone when an appender has opened the log', async () => {
    const log = verifiedLog();
    await closedLog(log, 20);
    const other = await closedLog(temporaryLogPath(), 10);
    for (const name of ['prepared-0.log', '00000000000000000020.log', 'control', 'LOCK']) {
      copyFileSync(segmentFile(other, 0), join(log, `${name}.tmp`));
    }
    copyFileSync(indexFile(other, 0), join(log, '00000000000000000020.index.tmp'));
    expect(readAll(log)).toEqual(namesOf(0, 20));
    expect(verifyLog(log)).toMatchObject({ damage: [], records: 20, segments: 1 });
    const appender = openAppender(log, QUIET);
    expect(appender.nextOffset).toBe(20);
    expect(readdirSync(log).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    await appender.close();
    expect(readAll(log)).toEqual(namesOf(0, 20));
  });
});

describe('empty records', () => {
  it('are records: first, last, alone, in batches, reserved, and after any end', async () => {
    const log = verifiedLog();
    const appender = openAppender(log, BY_HAND);
    const empty = new Uint8Array(0);
    appender.append(empty);
    appender.commit();
    appender.appendBatch([empty, empty, bytes('one'), empty]);
    appender.reserve(0).publish();
    appender.reserve(9).publish(0);
    appender.commit();
    await appender.close();
    const expected = ['', '', '', 'one', '', '', ''];
    expect(readAll(log)).toEqual(expected);
    const work = JSON.stringify({ options: BY_HAND, sizes: [0, 0, 0], commit: false });
    spawnSync(process.execPath, [fixture('append-sizes-and-die.mjs'), log, work]);
    const again = openAppender(log, BY_HAND);
    expect([again.recovery.salvagedRecords, again.nextOffset]).toEqual([3, 10]);
    await again.close();
    expect(readAll(log)).toEqual([...expected, '', '', '']);
    expect(readAll(log, { verify: 'never' })).toHaveLength(10);
  });
});

function namesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
}

describe('names such as .. that escape the directory', () => {
  it('lead nowhere as the schema that a header names, which openAppender takes from nobody', async () => {
    const log = verifiedLog();
    await closedLog(log, 1);
    writeFileSync(join(dirname(log), 'secret.bfbs'), 'secret');
    for (const name of ['schema-1-00000000.bfbs/../../secret.bfbs', 'schema-../secret.bfbs']) {
      const application = bytes(`${JSON.stringify({ events: name, root: 'x' })}\n`);
      expect(() => openAppender(log, { ...QUIET, header: application })).toThrow(RangeError);
      const path = segmentFile(log, 0);
      const header = decodeSegmentHeader(readFileSync(path).subarray(0, 4096), path);
      overwrite(path, 0, encodeSegmentHeader({ ...header, application }));
      const error = thrownBy(() => openEventReader(log));
      expect(error).toBeInstanceOf(LogError);
      expect(String(error)).not.toContain('secret');
      expect(readAll(log)).toEqual(namesOf(0, 1));
    }
  });

  it('are names of a tailer, which is shown and nothing else', async () => {
    const log = verifiedLog();
    await closedLog(log, 1);
    const names = ['..', '../../escaped', '/escaped', 'a\0b', '\u202e', ''];
    const before = namesBelow(dirname(log));
    const reader = openReader(log);
    for (const name of names) reader.tailer({ name });
    const monitor = openMonitor(log);
    expect(monitor.sample().tailers).toHaveLength(names.length);
    monitor.close();
    expect(namesBelow(dirname(log))).toEqual(before);
    reader.close();
  });

  it('are no segments, nor is anything else that only looks like one', async () => {
    const log = verifiedLog();
    await closedLog(log, 5);
    const strange = ['...log', '-1.log', '5.log', `${'9'.repeat(20)}.log`, `${'0'.repeat(21)}.log`];
    for (const name of [...strange, '0000000000000000000x.log', '00000000000000000005.log.old']) {
      writeFileSync(join(log, name), 'strange');
    }
    expect(readAll(log)).toEqual(namesOf(0, 5));
    const appender = openAppender(log, QUIET);
    appendNames(appender, 1);
    await appender.close();
    expect(readAll(log)).toEqual(namesOf(0, 6));
    expect(readFileSync(join(log, '...log'), 'utf8')).toBe('strange');
  });
});

describe('reopening that starts again at zero over old data', () => {
  it('never happens: a log goes on where it ended, or says what it lacks', async () => {
    const log = verifiedLog();
    await closedLog(log, 700);
    const [first, second, third] = segmentsOf(log) as [number, number, number];
    const refuse = (what: string, remove: (copy: string) => void): void => {
      const copy = copyOf(log);
      remove(copy);
      const before = readdirSync(copy).sort();
      expect(
        thrownBy(() => openAppender(copy, QUIET)),
        what,
      ).toBeInstanceOf(CorruptionError);
      expect(readdirSync(copy).sort(), what).toEqual(before.includes('LOCK') ? before : []);
    };
    refuse('no control', (copy) => rmSync(join(copy, 'control')));
    refuse('an empty control', (copy) => truncateSync(join(copy, 'control'), 0));
    refuse('zeros for control', (copy) => zero(join(copy, 'control'), 0));
    refuse('no first segment', (copy) => rmSync(segmentFile(copy, first)));
    refuse('no middle segment', (copy) => rmSync(segmentFile(copy, second)));
    refuse('no segment', (copy) => {
      for (const base of segmentsOf(copy)) rmSync(segmentFile(copy, base));
    });
    refuse('no header of the last', (copy) =>
      zero(segmentFile(copy, segmentsOf(copy).at(-1) ?? 0), 0, 4096),
    );
    expect(third).toBeGreaterThan(0);
    for (const name of ['LOCK', 'readers']) rmSync(join(log, name));
    const appender = openAppender(log, QUIET);
    expect(appender.append(bytes(nameOf(700)))).toBe(700);
    await appender.close();
    expect(readAll(log)).toEqual(namesOf(0, 701));
  });
});

describe('the last index slot', () => {
  it('is as readable as the others, in a full index, active, sealed and reopened', async () => {
    const log = verifiedLog();
    const options = { ...QUIET, indexCapacity: 64 };
    const appender = openAppender(log, options);
    const check = (): void => {
      const reader = openReader(log, { verify: 'always' });
      for (const offset of [63, 62, 0]) {
        expect(text(reader.get(offset).payload)).toBe(nameOf(offset));
      }
      const cursor = reader.cursor({ from: 63 });
      expect(cursor.next() && cursor.offset).toBe(63);
      reader.close();
    };
    appendNames(appender, 64);
    expect(segmentsOf(log)).toEqual([0]);
    check();
    appendNames(appender, 1);
    expect(segmentsOf(log)).toEqual([0, 64]);
    check();
    await appender.close();
    check();
    const again = openAppender(log, options);
    appendNames(again, 63 + 1);
    expect(segmentsOf(log)).toEqual([0, 64, 128]);
    await again.close();
    check();
    expect(readAll(log)).toEqual(namesOf(0, 129));
  });
});

describe('sequence numbers', () => {
  it('are not given outside the lock: of processes that race, each goes on where the last ended', async () => {
    const log = verifiedLog();
    const work = { options: QUIET, openings: 15, records: 4 };
    const args = [log, JSON.stringify(work)];
    // All of them stand before the door when it opens.
    const first = openAppender(log, QUIET);
    const racers = range(0, 4).map(() => startFixture('race-to-append', args));
    await Promise.all(racers.map((racer) => printed(racer, 'refused')));
    await first.close();
    const ends = await Promise.all(racers.map(finished));
    expect(ends.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    const records = readAll(log);
    expect(records).toHaveLength(4 * 15 * 4);
    for (const [offset, record] of records.entries()) {
      expect(record.split(' ')[0]).toBe(String(offset));
    }
    const appender = openAppender(log);
    expect(() => openAppender(log)).toThrow(LogLockedError);
    await appender.close();
  });
});

describe('data that is synced while its index entry is not', () => {
  it('does not vanish: what a power cut leaves without its index is all there', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    appendNames(appender, 3);
    const earlier = copyOf(log);
    appendNames(appender, 300);
    await appender.flush();
    appendNames(appender, 1);
    const cut = copyOf(log);
    await appender.close();
    const ruin: Record<string, (copy: string, index: string) => void> = {
      'none of its entries': (_, index) => zero(index, FIRST_ENTRY_AT),
      'nothing of it': (_, index) => zero(index, 0),
      'no index': (_, index) => rmSync(index),
      'the index of before': (copy, index) => {
        const base = Number.parseInt(index.split('/').at(-1) ?? '', 10);
        if (base === 0) cpSync(indexFile(earlier, 0), indexFile(copy, 0));
        else zero(index, 0);
      },
    };
    for (const [what, damage] of Object.entries(ruin)) {
      const copy = copyOf(cut);
      for (const base of segmentsOf(copy)) damage(copy, indexFile(copy, base));
      expect(readAll(copy), what).toEqual(namesOf(0, 304));
      const again = openAppender(copy, QUIET);
      expect(again.nextOffset, what).toBe(304);
      const reader = openReader(copy);
      for (const offset of range(0, 304)) {
        expect(text(reader.get(offset).payload), what).toBe(nameOf(offset));
      }
      reader.close();
      await again.close();
      expect(verifyLog(copy).damage).toEqual([]);
    }
  });
});

describe('a flipped bit', () => {
  it('is never read back as valid, in whatever way the record is come to', async () => {
    const log = await closedLog(temporaryLogPath(), 9);
    const { position, length } = framesIn(log, 0)[4] as FrameOnDisk;
    const reads = [
      (copy: string, verify: 'always' | 'first-touch') => openReader(copy, { verify }).get(4),
      (copy: string, verify: 'always' | 'first-touch') =>
        openReader(copy, { verify }).cursor({ from: 3 }).next() &&
        Array.from(openReader(copy, { verify }).cursor({ from: 4 })),
    ];
    // Every byte of the record, and of its header: a bit of each.
    const first = position + 64;
    for (let at = first; at < position + length; at++) {
      const copy = copyOf(log);
      flipBit(segmentFile(copy, 0), at, at % 8);
      for (const read of reads) {
        for (const verify of ['always', 'first-touch'] as const) {
          expect(thrownBy(() => read(copy, verify))).toBeInstanceOf(CorruptionError);
        }
      }
      rmSync(dirname(copy), { recursive: true });
    }
  });
});

describe('a garbage index entry', () => {
  it('does not make the log unopenable, nor any record unreadable', async () => {
    const log = await closedLog(temporaryLogPath(), 300);
    const sizeBytes = statSync(segmentFile(log, 0)).size;
    const garbage = [0, 1, -1, 0x7fff_ffff, -0x8000_0000, 511, 512, 513, 520, sizeBytes / 8, 600];
    for (const base of segmentsOf(log)) {
      const copy = copyOf(log);
      for (const [i, entry] of garbage.entries()) {
        const bytesOfEntry = Buffer.from(Int32Array.of(entry).buffer);
        overwrite(indexFile(copy, base), FIRST_ENTRY_AT + i * 8 * 4, bytesOfEntry);
      }
      expect(readAll(copy)).toEqual(namesOf(0, 300));
      const reader = openReader(copy);
      for (const offset of range(0, 300).reverse()) {
        expect(text(reader.get(offset).payload)).toBe(nameOf(offset));
      }
      reader.close();
      const appender = openAppender(copy, QUIET);
      appendNames(appender, 1);
      await appender.close();
      expect(readAll(copy)).toEqual(namesOf(0, 301));
    }
  });
});

describe('a stray next segment', () => {
  /** The name that the next segment gets if records go on like this. */
  async function baseOfNext(): Promise<number> {
    const log = temporaryLogPath();
    const appender = openAppender(log, QUIET);
    fill(log, 2, () => appendNames(appender, 1));
    await appender.close();
    return segmentsOf(log)[1] as number;
  }

  it.each(['a whole one', 'nonsense', 'nothing'])(
    'of %s does not fail the roll, and is set aside, when it is there at opening',
    async (what) => {
      const log = verifiedLog();
      const next = await baseOfNext();
      await closedLog(log, next - 1);
      plant(log, next, what);
      const appender = openAppender(log, QUIET);
      expect(appender.recovery.setAside).toHaveLength(1);
      expect(appender.nextOffset).toBe(next - 1);
      appendNames(appender, 3);
      await appender.close();
      expect(segmentsOf(log)).toEqual([0, next]);
      expect(readAll(log)).toEqual(namesOf(0, next + 2));
    },
  );

  it.each(['a whole one', 'nonsense', 'nothing'])(
    'of %s does not fail the roll, nor undo the commit, when it comes while the log is open',
    async (what) => {
      const log = verifiedLog();
      const next = await baseOfNext();
      const appender = openAppender(log, QUIET);
      appendNames(appender, next - 1);
      plant(log, next, what);
      appendNames(appender, 3);
      expect(readAll(log)).toEqual(namesOf(0, next + 2));
      await appender.close();
      expect(readAll(log)).toEqual(namesOf(0, next + 2));
    },
  );

  function plant(log: string, base: number, what: string): void {
    const content = readFileSync(segmentFile(log, 0));
    const stray = { 'a whole one': content, nonsense: Buffer.alloc(20_000, 7), nothing: '' }[what];
    writeFileSync(segmentFile(log, base), stray as string);
    if (what === 'a whole one') copyFileSync(indexFile(log, 0), indexFile(log, base));
  }
});

describe('one bad record in the middle', () => {
  it('costs itself, and nothing of what comes after it', async () => {
    const log = await closedLog(temporaryLogPath(), 300);
    const hit = 100;
    const { position } = framesIn(log, 0)[hit] as FrameOnDisk;
    flipBit(segmentFile(log, 0), position + 80);
    const others = range(0, 300).filter((offset) => offset !== hit);
    const reader = openReader(log);
    for (const offset of others) expect(text(reader.get(offset).payload)).toBe(nameOf(offset));
    expect(thrownBy(() => reader.get(hit))).toMatchObject({ lost: { from: hit, to: hit + 1 } });
    const told: unknown[] = [];
    const cursor = reader.cursor({ onDamage: ({ lost }) => told.push(lost) });
    expect(Array.from(cursor, ({ offset }) => offset)).toEqual(others);
    expect(told).toEqual([{ from: hit, to: hit + 1 }]);
    reader.close();
    // It can be appended to, and repaired.
    const appender = openAppender(log, QUIET);
    appendNames(appender, 5);
    await appender.close();
    expect(repairLog(log).lost).toEqual([{ from: hit, to: hit + 1 }]);
    const repaired = openReader(log);
    expect(thrownBy(() => repaired.get(hit))).toBeInstanceOf(RecordLostError);
    const all = Array.from(repaired.cursor(), ({ offset }) => offset);
    expect(all).toEqual([...others, ...range(300, 305)]);
    repaired.close();
    expect(verifyLog(log).damage).toEqual([]);
  });
});
