/** What all exports have in common: what is taken of a log, and where it goes, also if something fails. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  InputError,
  OffsetOutOfRangeError,
  ScanError,
  StorageError,
  csvFile,
  defineSchema,
  encodeEvent,
  exportLog,
  jsonLinesFile,
  mcapFile,
  openEventAppender,
  openEventReader,
  openReader,
  repairLog,
  type ExportOptions,
  type OutputFormat,
  type ScanProgress,
  verifyLog,
} from '../../src/index.js';
import { ByteSink } from '../../src/exchange/text/byte-sink.js';
import { wordsOf } from '../../src/exchange/text/integer-words.js';
import { besideLog, exportPool, logOf } from '../support/exported-logs.js';
import {
  allFrames,
  copyOf,
  flipBit,
  segmentFile,
  type FrameOnDisk,
} from '../support/log-damage.js';
import { rejectionOf } from '../support/logs.js';
import { canMountTmpfs, mountTmpfs } from '../support/small-file-system.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const SCHEMA = defineSchema('t.Row', [
  { name: 'n', type: 'int' },
  { name: 'text', type: 'string' },
]);

const FORMATS: readonly (readonly [string, () => OutputFormat])[] = [
  ['CSV', () => csvFile({ header: false })],
  ['JSON lines', () => jsonLinesFile()],
  ['MCAP', () => mcapFile()],
];

function rows(count: number, text = 'x'): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => encodeEvent(SCHEMA, { n, text }));
}

function exporting(log: string, target: string | Writable, settings: Partial<ExportOptions> = {}) {
  const common = { format: csvFile({ header: false, nested: 'columns' }), fields: ['n'] };
  return exportLog(log, target, { pool: exportPool(), ...common, ...settings });
}

/** Every number in the file. */
function numbersIn(path: string): number[] {
  return readFileSync(path, 'utf8').split('\r\n').slice(0, -1).map(Number);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe('exportLog()', () => {
  it('takes a range by offsets, by time, by a cursor, and what a condition chooses of it', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const path = besideLog(log, 'out.csv');
    const taken = async (settings: Partial<ExportOptions>): Promise<number[]> => {
      const report = await exporting(log, path, { replace: true, ...settings });
      const found = numbersIn(path);
      expect(report.rows).toBe(found.length);
      expect(report.bytes).toBe(readFileSync(path).length);
      return found;
    };
    expect(await taken({})).toEqual(range(0, 5000));
    expect(await taken({ from: 17, to: 4321 })).toEqual(range(17, 4321));
    expect(await taken({ from: 17, to: 17 })).toEqual([]);
    const where = { field: 'n', op: '>=', value: 4990 } as const;
    expect(await taken({ where, pieceBytes: 5000 })).toEqual(range(4990, 5000));
    expect(await taken({ where: { field: 'n', op: '<', value: 0 } })).toEqual([]);
    const reader = openReader(log);
    const last = reader.cursor();
    last.moveTo(4999);
    const { timeMs } = last;
    reader.close();
    const sameTime = await taken({ from: { timeMs } });
    expect(sameTime).toEqual(range(sameTime[0] as number, 5000));
    expect(await taken({ from: { timeMs: timeMs + 60_000 } })).toEqual([]);
    const error = await rejectionOf(exporting(log, path, { replace: true, from: 5001 }));
    expect(error).toBeInstanceOf(OffsetOutOfRangeError);
  });

  it('exports a log that is being read, and one of a reader of events', async () => {
    const log = await logOf(SCHEMA, rows(10));
    const reader = openEventReader(log);
    const path = besideLog(log, 'out.csv');
    const format = csvFile({ header: false });
    const report = await exportLog(reader, path, { format, fields: ['n'], workers: 1 });
    expect(report).toMatchObject({ rows: 10, from: 0, to: 10, damage: [] });
    reader.close();
  });

  it.each(FORMATS)('is the same as %s whatever the pieces and threads', async (_, format) => {
    const log = await logOf(SCHEMA, rows(3000, 'some text'));
    const path = besideLog(log, 'out');
    const bytes = async (settings: Partial<ExportOptions>): Promise<string> => {
      await exportLog(log, path, { replace: true, ...settings, format: format() });
      return readFileSync(path, 'latin1');
    };
    const one = await bytes({ workers: 1, pieceBytes: 20_000 });
    expect(await bytes({ pool: exportPool(), pieceBytes: 20_000 })).toBe(one);
    if (format().name !== 'mcap') expect(await bytes({ workers: 1 })).toBe(one);
  });

  it('steps over lost records of a repaired log, and over damage only if it is told to', async () => {
    const log = await logOf(SCHEMA, rows(2000));
    const damaged = copyOf(log);
    const frame = allFrames(damaged)[3] as FrameOnDisk;
    spoil(damaged, frame);
    const path = join(dirname(damaged), 'out.csv');
    const error = await rejectionOf(exporting(damaged, path));
    expect(error).toBeInstanceOf(ScanError);
    expect(existsSync(path)).toBe(false);
    const report = await exporting(damaged, path, { onDamage: 'skip' });
    const lost = range(frame.base, frame.base + frame.count);
    const rest = range(0, 2000).filter((n) => !lost.includes(n));
    expect(numbersIn(path)).toEqual(rest);
    expect(report.damage).toMatchObject([{ from: lost[0], to: (lost.at(-1) as number) + 1 }]);
    repairLog(damaged);
    for (const [, format] of FORMATS) {
      const again = join(dirname(damaged), format().name);
      const repaired = await exportLog(damaged, again, { format: format(), pool: exportPool() });
      expect(repaired).toMatchObject({ rows: rest.length, damage: [] });
    }
  });

  it('names the event that cannot be read, and leaves nothing', async () => {
    const broken = Buffer.from('this is no event');
    const log = temporaryLogPath();
    const appender = openEventAppender(log, { schema: SCHEMA, maintenance: false });
    for (const event of rows(100)) appender.appendFlatBuffer(event);
    appender.records.append(broken);
    await appender.close();
    for (const [, format] of FORMATS.slice(0, 2)) {
      const path = besideLog(log, 'out');
      const error = await rejectionOf(
        exportLog(log, path, { format: format(), pool: exportPool() }),
      );
      expect(error).toBeInstanceOf(ScanError);
      expect((error as ScanError).offset).toBe(100);
      expectNothingBeside(path);
    }
  });
});

/** Makes the frame fail its checksum. */
function spoil(log: string, { segment, position }: FrameOnDisk): void {
  flipBit(segmentFile(log, segment), position + 100);
}

function expectNothingBeside(path: string): void {
  const others = readdirSync(dirname(path)).filter((name) => name.endsWith('.tmp'));
  expect(others).toEqual([]);
  expect(existsSync(path)).toBe(false);
}

describe('the file of an export', () => {
  it('is not there, under any name, before it is whole', async () => {
    const log = await logOf(SCHEMA, rows(20_000));
    const path = besideLog(log, 'out.csv');
    const seen: boolean[] = [];
    const onProgress = (): void => void seen.push(existsSync(path));
    await exporting(log, path, { pieceBytes: 50_000, onProgress });
    expect(seen.length).toBeGreaterThan(5);
    expect(seen).not.toContain(true);
    expect(numbersIn(path)).toHaveLength(20_000);
    expect(readdirSync(dirname(path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('takes the place of another one only if that is asked for', async () => {
    const log = await logOf(SCHEMA, rows(3));
    const path = besideLog(log, 'out.csv');
    writeFileSync(path, 'mine');
    const error = await rejectionOf(exporting(log, path));
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(/it exists/);
    expect(readFileSync(path, 'utf8')).toBe('mine');
    await exporting(log, path, { replace: true });
    expect(numbersIn(path)).toEqual([0, 1, 2]);
  });

  it('takes the place of no folder, and needs one to be in', async () => {
    const log = await logOf(SCHEMA, rows(3));
    const folder = besideLog(log, 'folder');
    mkdirSync(folder);
    for (const replace of [true, false]) {
      expect(await rejectionOf(exporting(log, folder, { replace }))).toBeInstanceOf(InputError);
    }
    for (const path of [join(folder, 'none', 'out'), join(log, 'LOCK', 'out')]) {
      const error = await rejectionOf(exporting(log, path));
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(/no such folder/);
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('takes the place of no file of the log, by whatever path', async () => {
    const log = await logOf(SCHEMA, rows(3));
    const link = besideLog(log, 'link');
    symlinkSync(log, link);
    for (const path of [join(log, 'control'), join(log, 'out.csv'), join(link, 'control')]) {
      const error = await rejectionOf(exporting(log, path, { replace: true }));
      expect(error).toBeInstanceOf(InputError);
      expect((error as Error).message).toMatch(/in the log itself/);
    }
    expect(verifyLog(log)).toMatchObject({ isIntact: true, endOffset: 3 });
  });

  it('may have a name as long as names can be', async () => {
    const log = await logOf(SCHEMA, rows(3));
    for (const name of ['a'.repeat(255), 'ü'.repeat(127)]) {
      const path = besideLog(log, name);
      await exporting(log, path);
      expect(numbersIn(path)).toEqual([0, 1, 2]);
    }
  });

  it.skipIf(process.getuid?.() === 0)(
    'is an error where the folder cannot be written',
    async () => {
      const log = await logOf(SCHEMA, rows(3));
      const folder = besideLog(log, 'closed');
      mkdirSync(folder);
      chmodSync(folder, 0o500);
      const error = await rejectionOf(exporting(log, join(folder, 'out')));
      expect(error).toBeInstanceOf(StorageError);
    },
  );

  it.skipIf(!canMountTmpfs())('is an error where the file system cannot be written', async () => {
    const log = await logOf(SCHEMA, rows(3));
    const disk = mountTmpfs(200) as string;
    expect(spawnSync('mount', ['-o', 'remount,ro', disk]).status).toBe(0);
    const error = await rejectionOf(exporting(log, join(disk, 'out')));
    expect(error).toBeInstanceOf(StorageError);
    expect((error as StorageError).errno).toBe('EROFS');
  });

  it.skipIf(!canMountTmpfs())(
    'is not there if the disk becomes full, and nothing of it',
    async () => {
      const log = await logOf(SCHEMA, rows(20_000, 'x'.repeat(50)));
      for (const [, format] of FORMATS) {
        const disk = mountTmpfs(200) as string;
        const path = join(disk, 'out');
        const error = await rejectionOf(
          exportLog(log, path, { format: format(), pool: exportPool() }),
        );
        expect(error).toBeInstanceOf(StorageError);
        expect((error as StorageError).errno).toBe('ENOSPC');
        expect(readdirSync(disk)).toEqual([]);
      }
    },
  );

  it('is not there if the export is aborted, and nothing of it', async () => {
    const log = await logOf(SCHEMA, rows(50_000));
    const path = besideLog(log, 'out.csv');
    const controller = new AbortController();
    const reason = new Error('enough');
    const onProgress = (): void => controller.abort(reason);
    const aborted = exporting(log, path, {
      signal: controller.signal,
      pieceBytes: 20_000,
      onProgress,
      pool: undefined,
      workers: 1,
    });
    expect(await rejectionOf(aborted)).toBe(reason);
    expectNothingBeside(path);
    expect(await rejectionOf(exporting(log, path, { signal: controller.signal }))).toBe(reason);
    expectNothingBeside(path);
  });

  it('is that of one of two exports to the same place, whole, and the other one fails', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const path = besideLog(log, 'out.csv');
    const fields = [['n'], ['text']];
    const settled = await Promise.allSettled(
      fields.map((each) => exporting(log, path, { fields: each })),
    );
    const failed = settled.filter(({ status }) => status === 'rejected');
    expect(failed).toHaveLength(1);
    expect((failed[0] as PromiseRejectedResult).reason).toBeInstanceOf(InputError);
    const winner = settled.findIndex(({ status }) => status === 'fulfilled');
    const lines = readFileSync(path, 'utf8').split('\r\n');
    expect(lines).toHaveLength(5001);
    expect(lines[7]).toBe(winner === 0 ? '7' : 'x');
    const both = fields.map((each) => exporting(log, path, { fields: each, replace: true }));
    await Promise.all(both);
    expect(readFileSync(path, 'utf8').split('\r\n')).toHaveLength(5001);
    expect(readdirSync(dirname(path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('is not touched by an export that cannot be planned', async () => {
    const log = await logOf(SCHEMA, rows(3));
    const path = besideLog(log, 'out.csv');
    writeFileSync(path, 'mine');
    for (const settings of [
      { fields: ['nope'] },
      { where: { field: 'nope', op: 'present' } },
    ] as const) {
      const error = await rejectionOf(exporting(log, path, { replace: true, ...settings }));
      expect(error).toBeInstanceOf(TypeError);
    }
    rmSync(log, { recursive: true });
    await rejectionOf(exporting(log, path, { replace: true }));
    expect(readFileSync(path, 'utf8')).toBe('mine');
  });
});

describe('a stream that is exported into', () => {
  it('gets everything in order, and its end, however slow it is', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const parts: Buffer[] = [];
    const slow = new Writable({
      highWaterMark: 1,
      write(part: Buffer, _, done) {
        parts.push(Buffer.from(part));
        setTimeout(done, 2);
      },
    });
    const report = await exporting(log, slow, { pieceBytes: 10_000 });
    expect(slow.writableFinished).toBe(true);
    expect(parts.length).toBeGreaterThan(5);
    const text = Buffer.concat(parts).toString();
    expect(text).toBe(
      range(0, 5000)
        .map((n) => `${n}\r\n`)
        .join(''),
    );
    expect(report.bytes).toBe(text.length);
  });

  it('is given no more ahead, while it takes nothing, than a few pieces for each thread', async () => {
    const log = await logOf(SCHEMA, rows(20_000, 'x'.repeat(100)));
    let encoded = 0;
    let ahead: number | undefined;
    const stuck = new Writable({
      highWaterMark: 1,
      write(_part, _encoding, done) {
        if (ahead !== undefined) return done();
        const look = (before: number): void => {
          ahead = encoded;
          if (encoded === before) done();
          else setTimeout(look, 400, encoded);
        };
        return look(-1);
      },
    });
    const onProgress = ({ pieces }: ScanProgress): void => void (encoded = pieces);
    const settings = { pieceBytes: 10_000, fields: ['text'], onProgress };
    await exporting(log, stuck, settings);
    expect(encoded).toBeGreaterThan(200);
    expect(ahead).toBeLessThanOrEqual(2 * 5);
  });

  it.each([
    ['at once', 0],
    ['when it has let go of what it had', 50],
  ])('fails the export if it fails, and tells of it %s', async (_, delayMs) => {
    const log = await logOf(SCHEMA, rows(5000));
    const failure = new Error('full');
    const stream = new Writable({
      write: (_part, _encoding, done) => done(failure),
      destroy: (error, done) => void setTimeout(() => done(error), delayMs),
    });
    expect(await rejectionOf(exporting(log, stream))).toBe(failure);
    // The stream tells of its error once more, which would end the process if nobody listened.
    await new Promise((resolve) => setTimeout(resolve, 2 * delayMs + 20));
    expect(stream.closed).toBe(true);
  });

  it('fails the export if it is destroyed, also in the middle of a write, and at the end', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const before = new PassThrough();
    before.destroy();
    expect(await rejectionOf(exporting(log, before))).toBeInstanceOf(Error);
    const stuck = new Writable({ write: () => {} });
    const export1 = exporting(log, stuck);
    setTimeout(() => stuck.destroy(), 200);
    expect(await rejectionOf(export1)).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    const endless = new Writable({ write: (_p, _e, done) => done(), final: () => {} });
    const export2 = exporting(log, endless);
    endless.once('prefinish', () => {});
    setTimeout(() => endless.destroy(new Error('gone')), 1500);
    expect(await rejectionOf(export2)).toMatchObject({ message: 'gone' });
  });

  it('does not keep an export that is aborted, stuck as it may be', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const stuck = new Writable({ write: () => {} });
    const controller = new AbortController();
    const aborted = exporting(log, stuck, { signal: controller.signal });
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 100);
    expect(await rejectionOf(aborted)).toBe(reason);
    const header = exporting(log, new Writable({ write: () => {} }), {
      format: csvFile(),
      signal: AbortSignal.timeout(100),
    });
    expect(await rejectionOf(header)).toMatchObject({ name: 'TimeoutError' });
    expect(stuck.writableEnded).toBe(false);
  });

  it('is not ended by an export that fails', async () => {
    const log = await logOf(SCHEMA, rows(5000));
    const stream = new PassThrough();
    stream.resume();
    const error = await rejectionOf(exporting(log, stream, { from: 6000 }));
    expect(error).toBeInstanceOf(OffsetOutOfRangeError);
    expect(stream.writableEnded).toBe(false);
    expect(stream.destroyed).toBe(false);
  });
});

describe('ByteSink', () => {
  const edges = [
    0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000, 99_999, 100_000, 999_999, 1_000_000,
  ];
  const more = [
    1e7 - 1,
    1e7,
    1e8 - 1,
    1e8,
    1e9 - 1,
    1e9,
    1e9 + 1,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
  ];
  const wide = [2 ** 32, 1e10, 1e15, 1e18 / 1e3 - 1, 1e15 + 1, Number.MAX_SAFE_INTEGER];

  it('writes integers that a double holds as String does', () => {
    const safe = fc.oneof(
      fc.constantFrom(...edges, ...more, ...wide),
      fc.maxSafeNat(),
      fc.nat(),
      fc.integer(),
      fc.maxSafeInteger(),
    );
    const check = (value: number): void => {
      for (const each of [value, -value]) {
        const sink = new ByteSink();
        sink.integer(each);
        expect(Buffer.from(sink.take()).toString()).toBe(String(each + 0));
      }
    };
    for (const value of [...edges, ...more, ...wide]) check(value);
    fc.assert(fc.property(safe, check), { numRuns: 3000 });
  });

  it('writes 64-bit integers as String does, signed and unsigned', () => {
    const powers = Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i));
    const twos = Array.from({ length: 65 }, (_, i) => 2n ** BigInt(i));
    const near = [...powers, ...twos].flatMap((each) => [each - 1n, each, each + 1n]);
    const values = fc.oneof(
      fc.constantFrom(...near),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    );
    const check = (value: bigint): void => {
      const sink = new ByteSink();
      const signed = new BigInt64Array([0n, BigInt.asIntN(64, value), -BigInt.asIntN(64, value)]);
      const unsigned = new BigUint64Array([0n, BigInt.asUintN(64, value)]);
      for (const array of [signed, unsigned]) {
        const words = wordsOf({ kind: 'bigint', name: 'n', values: array, nulls: undefined });
        for (let row = 0; row < array.length; row++) {
          sink.wideInteger(words, row);
          expect(Buffer.from(sink.take()).toString()).toBe(String(array[row]));
        }
      }
    };
    for (const value of near) check(value);
    fc.assert(fc.property(values, check), { numRuns: 3000 });
  });

  it('writes text and bytes of any length, one behind the other, as it grows', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc.constantFrom('x'.repeat(300_000), '€'.repeat(100_000)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const sink = new ByteSink();
        for (const text of parts) {
          sink.text(text);
          const bytes = Buffer.from(text);
          sink.copy(bytes, 0, bytes.length);
          sink.byte(0x2c);
          sink.ascii('ascii, and more of it than is short');
        }
        const expected = parts.map((each) => `${each}${each},ascii, and more of it than is short`);
        expect(Buffer.from(sink.take()).toString()).toBe(expected.join(''));
        expect(sink.length).toBe(0);
      }),
      { numRuns: 50 },
    );
  });
});
