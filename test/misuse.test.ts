import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  CorruptionError,
  LogLockedError,
  openAppender,
  openMonitor,
  openReader,
  repairLog,
  UnsupportedVersionError,
  verifyLog,
  type AppenderOptions,
} from '../src/index.js';
import { crc32cBytes } from '../src/format/checksum.js';
import { dieWith } from './support/dying.js';
import { runFixture } from './support/fixtures.js';
import { appendNumbered, filesOf, fingerprint, thrownBy } from './support/logs.js';
import { bytes, temporaryLogPath } from './support/temporary-log.js';

const OPTIONS = { segmentSizeBytes: 16_384, maintenance: false };

/** A closed log of 60 records in 3 segments. */
async function closedLog(): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, OPTIONS);
  appendNumbered(appender, 60, 500);
  await appender.close();
  return path;
}

function readAll(path: string): void {
  const reader = openReader(path);
  try {
    for (const record of reader.cursor()) void record.length;
  } finally {
    reader.close();
  }
}

/** Says another version, with a checksum that fits. */
function makeNewer(path: string, blockBytes: number): void {
  const content = readFileSync(path);
  content.writeUInt32LE(2, 8);
  content.writeInt32LE(0, 12);
  content.writeInt32LE(crc32cBytes(content.subarray(0, blockBytes)), 12);
  writeFileSync(path, content);
}

describe('openAppender', () => {
  it('refuses a second appender in this process with LogLockedError, naming the holder', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path, OPTIONS);
    const before = fingerprint(path);
    const error = thrownBy(() => openAppender(path, OPTIONS));
    expect(error).toBeInstanceOf(LogLockedError);
    expect(error).toMatchObject({ path, holder: { pid: process.pid, host: hostname() } });
    expect(fingerprint(path)).toBe(before);
    appendNumbered(appender, 1, 1);
    await appender.close();
  });

  it('refuses a second appender in another process with LogLockedError, naming the holder', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path, OPTIONS);
    const { result } = await runFixture('open-and-tell', [path, 'append']);
    expect(result).toMatchObject({ name: 'LogLockedError', holder: { pid: process.pid } });
    await appender.close();
    const later = await runFixture('open-and-tell', [path, 'append']);
    expect(later.result).toEqual({ opened: true });
  });

  it.each<[string, unknown, new () => Error]>([
    ['segmentSizeBytes', 16_385, RangeError],
    ['segmentSizeBytes', 4096, RangeError],
    ['segmentSizeBytes', 2 ** 31, RangeError],
    ['segmentSizeBytes', '65536', RangeError],
    ['segmentSizeBytes', Number.NaN, RangeError],
    ['indexCapacity', 0, RangeError],
    ['indexCapacity', 1.5, RangeError],
    ['indexCapacity', 10 ** 9, RangeError],
    ['header', 'text', TypeError],
    ['header', new Uint8Array(2049), RangeError],
    ['commit', 'sometimes', TypeError],
    ['commit', { bytes: 0 }, RangeError],
    ['commit', { bytes: 2 ** 21 }, RangeError],
    ['commit', { delayMs: -1 }, RangeError],
    ['flush', 'never', TypeError],
    ['flush', {}, RangeError],
    ['flush', { everyMs: 0 }, RangeError],
    ['readersMode', 0o1000, RangeError],
  ])('refuses %s: %s, and makes no directory', (name, value, type) => {
    const path = temporaryLogPath();
    const options: AppenderOptions = { ...OPTIONS, [name]: value };
    expect(() => openAppender(path, options)).toThrow(type);
    expect(() => fingerprint(path)).toThrow('ENOENT');
  });

  it('refuses a directory with other things in it, and a missing one without create', () => {
    const path = temporaryLogPath();
    const refused = { code: 'NOT_A_LOG' };
    expect(thrownBy(() => openAppender(path, { ...OPTIONS, create: false }))).toMatchObject(
      refused,
    );
    expect(thrownBy(() => openReader(path))).toMatchObject({
      ...refused,
      message: `Cannot open ${path}: it does not exist`,
    });
    mkdirSync(path);
    expect(thrownBy(() => openAppender(path, { ...OPTIONS, create: false }))).toMatchObject(
      refused,
    );
    writeFileSync(join(path, 'thesis.doc'), 'years of work');
    const before = fingerprint(path);
    expect(thrownBy(() => openAppender(path, OPTIONS))).toMatchObject(refused);
    expect(thrownBy(() => openReader(path))).toMatchObject({
      ...refused,
      message: `Cannot open ${path}: there is no stratalog in it`,
    });
    expect(fingerprint(path)).toBe(before);
    const file = join(path, 'thesis.doc');
    const isFile = { ...refused, message: `Cannot open ${file}: it is no folder, as a log is` };
    for (const open of [openReader, verifyLog, repairLog, openMonitor]) {
      expect(thrownBy(() => open(file))).toMatchObject(isFile);
    }
    expect(thrownBy(() => openAppender(file, OPTIONS))).toMatchObject(isFile);
    expect(fingerprint(path)).toBe(before);
  });
});

describe('append', () => {
  it.each([
    undefined,
    null,
    'text',
    5,
    [1, 2],
    new ArrayBuffer(8),
    new DataView(new ArrayBuffer(8)),
  ])('refuses %s with TypeError and changes nothing', async (wrong) => {
    const path = temporaryLogPath();
    const appender = openAppender(path, { ...OPTIONS, commit: 'manual' });
    appender.append(bytes('x'));
    const before = fingerprint(path);
    expect(() => appender.append(wrong as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => appender.appendBatch([bytes('a'), wrong as unknown as Uint8Array])).toThrow(
      TypeError,
    );
    if (!Array.isArray(wrong)) {
      expect(() => appender.appendBatch(wrong as unknown as Uint8Array[])).toThrow(TypeError);
    }
    expect(fingerprint(path)).toBe(before);
    expect(appender.nextOffset).toBe(1);
    await appender.close();
  });

  it('refuses a detached buffer with TypeError', async () => {
    const appender = openAppender(temporaryLogPath(), OPTIONS);
    const detached = new Uint8Array(8);
    structuredClone(detached.buffer, { transfer: [detached.buffer] });
    expect(() => appender.append(detached)).toThrow(TypeError);
    expect(() => appender.appendBatch([bytes('a'), detached])).toThrow(TypeError);
    expect(appender.nextOffset).toBe(0);
    await appender.close();
  });

  it.each([-1, 1.5, Number.NaN, '8', undefined])(
    'reserve refuses %s with RangeError',
    async (wrong) => {
      const appender = openAppender(temporaryLogPath(), OPTIONS);
      expect(() => appender.reserve(wrong as number)).toThrow(RangeError);
      expect(appender.append(bytes('x'))).toBe(0);
      await appender.close();
    },
  );
});

describe('a damaged or foreign log is refused, and nothing is changed', () => {
  const damages: [string, (segments: string[], path: string) => unknown, unknown][] = [
    ['the first segment missing', ([first]): void => rmSync(first as string), CorruptionError],
    ['a middle segment missing', ([, middle]): void => rmSync(middle as string), CorruptionError],
    ['the last segment missing', ([, , last]): void => rmSync(last as string), CorruptionError],
    [
      'a shortened first segment',
      ([file]): void => truncateSync(file as string, 8192),
      CorruptionError,
    ],
    [
      'a shortened last segment',
      ([, , f]): void => truncateSync(f as string, 8192),
      CorruptionError,
    ],
    ['an empty last segment', ([, , f]): void => truncateSync(f as string, 0), CorruptionError],
    ['swapped segments', ([a, b]): void => swap(a as string, b as string), CorruptionError],
    [
      'a truncated control page',
      (_, path): void => truncateSync(join(path, 'control'), 0),
      CorruptionError,
    ],
    ['no control page', (_, path): void => rmSync(join(path, 'control')), Error],
    [
      'a newer control page',
      (_, path): void => makeNewer(join(path, 'control'), 512),
      UnsupportedVersionError,
    ],
    [
      'a newer segment',
      ([, file]): void => makeNewer(file as string, 4096),
      UnsupportedVersionError,
    ],
    [
      'a newer last segment',
      ([, , f]): void => makeNewer(f as string, 4096),
      UnsupportedVersionError,
    ],
  ];

  it.each(damages)('%s', async (_name, damage, type) => {
    const path = await closedLog();
    damage(filesOf(path, '.log'), path);
    const before = fingerprint(path);
    expect(thrownBy(() => readAll(path))).toBeInstanceOf(type);
    expect(thrownBy(() => openAppender(path, OPTIONS))).toBeInstanceOf(type);
    expect(fingerprint(path)).toBe(before);
  });

  it('a segment of another log', async () => {
    const path = await closedLog();
    const other = await closedLog();
    copyFileSync(filesOf(other, '.log')[1] as string, filesOf(path, '.log')[1] as string);
    const before = fingerprint(path);
    expect(thrownBy(() => readAll(path))).toBeInstanceOf(CorruptionError);
    expect(thrownBy(() => openAppender(path, OPTIONS))).toBeInstanceOf(CorruptionError);
    expect(fingerprint(path)).toBe(before);
  });

  it('a copied log is a log', async () => {
    const path = await closedLog();
    const copy = join(dirname(path), 'copy');
    cpSync(path, copy, { recursive: true });
    readAll(copy);
    await openAppender(copy, OPTIONS).close();
  });
});

describe.skipIf(process.getuid?.() !== 0)('without permission', () => {
  it('a reader needs no more than to read; an appender gets StorageError EACCES', async () => {
    const path = await closedLog();
    await runFixture('open-and-tell', [path, 'make-readable']);
    const before = fingerprint(path);
    const reading = await runFixture('open-and-tell', [path, 'read', '65534']);
    expect(reading.result).toEqual({ records: 60 });
    const appending = await runFixture('open-and-tell', [path, 'append', '65534']);
    expect(appending.result).toMatchObject({ name: 'StorageError', errno: 'EACCES' });
    await runFixture('open-and-tell', [path, 'make-secret']);
    const refused = await runFixture('open-and-tell', [path, 'read', '65534']);
    expect(refused.result).toMatchObject({ name: 'StorageError', errno: 'EACCES' });
    expect(fingerprint(path)).toBe(before);
  });

  it('a tailer waits all the same, and stores nothing into the page that it may not write', async () => {
    const path = temporaryLogPath();
    // Not closed: otherwise there is nothing to wait for.
    dieWith(path, { maintenance: false }, ['append', 7]);
    await runFixture('open-and-tell', [path, 'make-readable']);
    const before = fingerprint(path);
    const tailing = await runFixture('open-and-tell', [path, 'tail', '65534']);
    expect(tailing).toMatchObject({ signal: null, result: { records: 7, isEnded: false } });
    expect(fingerprint(path)).toBe(before);
  });
});

function swap(a: string, b: string): void {
  renameSync(a, `${a}.x`);
  renameSync(b, a);
  renameSync(`${a}.x`, b);
}
