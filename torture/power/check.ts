/** Holds an image of a power cut against what the log owes. */
import {
  mkdirSync,
  readFileSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type * as Stratalog from 'stratalog';
import type { Image } from './image.js';
import { makeRecord, tell, type Promised } from './promise.js';

type Library = typeof Stratalog;

/** What was found, for the history to go on from. */
export interface Found {
  readonly start: number;
  readonly end: number;
  /** The segment of its tail, and where that lies. */
  readonly base: number;
  readonly tail: number;
}

export interface CheckOptions {
  /** Append to it as well, close it, and look again. */
  readonly goOn: boolean;
  /** Whether what recovery once dropped may lie behind the tail: the image is of a disk that lied. */
  readonly mayHaveRest: boolean;
}

const QUIET: Stratalog.AppenderOptions = {
  maintenance: false,
  segmentSizeBytes: 16 * 1024,
  flush: 'none',
  commit: 'manual',
};
/** Who writes what is appended to an accepted image. */
const AFTERWARDS = 0xffff;

/** Writes an image as files; nothing else lies there. */
export function writeImage({ files, directories }: Image, folder: string): void {
  removeFolder(folder);
  mkdirSync(folder);
  for (const path of directories) mkdirSync(join(folder, path));
  for (const [path, bytes] of files) writeFileSync(join(folder, path), bytes);
}

/** Quicker than `rmSync` for folders as small as these. */
export function removeFolder(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) removeFolder(path);
      else unlinkSync(path);
    }
    rmdirSync(folder);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** @throws Error what was expected, and what was found */
export async function checkImage(
  library: Library,
  log: string,
  promised: Promised,
  options: CheckOptions,
): Promise<Found> {
  const seen = readBeforeRecovery(library, log, promised);
  if (promised.isDamaged) library.repairLog(log);
  const appender = library.openAppender(log, QUIET);
  const { startOffset: start, nextOffset: end, activeSegment } = appender;
  const found = { start, end, base: activeSegment.base, tail: activeSegment.usedBytes };
  try {
    checkOpened(appender, promised);
    if (seen !== undefined) expectEqual('end that a reader saw before recovery', seen, found.end);
    if (!options.mayHaveRest) checkNothingBehind(appender, log);
  } finally {
    await appender.close();
  }
  const again = library.openAppender(log, QUIET);
  try {
    expectEqual('outcome of the second opening', again.recovery.outcome, 'clean');
    expectEqual('end at the second opening', again.nextOffset, found.end);
    expectEqual('end that a reader sees', readAll(library, log, promised), found.end);
    if (options.goOn) await goOn(again);
  } finally {
    await again.close();
  }
  if (options.goOn) await checkAfterwards(library, log, promised, found);
  const report = library.verifyLog(log);
  if (!report.isIntact) throw new Error(`Not intact: ${JSON.stringify(report.damage)}`);
  return found;
}

function checkOpened(appender: Stratalog.Appender, promised: Promised): void {
  const { recovery, startOffset, nextOffset } = appender;
  const { flushed, end, start, batches, exactEnd } = promised;
  if (recovery.outcome === 'created' && !promised.mayBeAbsent) {
    throw new Error('A new log was made in place of one that was there');
  }
  // Another boot and another file: what was not committed cannot be known to be whole.
  expectEqual('salvaged records', recovery.salvagedRecords, 0);
  if (startOffset < start.from || startOffset > start.to) {
    throw new Error(`Starts at ${startOffset}: expected ${start.from} to ${start.to}`);
  }
  if (nextOffset < flushed) {
    throw new Error(`Ends at ${nextOffset}, but everything below ${flushed} was flushed`);
  }
  if (nextOffset > end) throw new Error(`Ends at ${nextOffset}, but only ${end} were appended`);
  if (exactEnd !== undefined)
    expectEqual('end after an interrupted recovery', nextOffset, exactEnd);
  const torn = batches.find(({ from, to }) => nextOffset > from && nextOffset < to);
  if (torn !== undefined) {
    throw new Error(`Ends at ${nextOffset}, within the batch ${torn.from} to ${torn.to - 1}`);
  }
}

/** What recovery has dropped must not wait for the next crash behind the tail. */
function checkNothingBehind({ activeSegment }: Stratalog.Appender, log: string): void {
  const { base, usedBytes } = activeSegment;
  const path = join(log, `${String(base).padStart(20, '0')}.log`);
  const rest = readFileSync(path).subarray(usedBytes);
  const at = rest.findIndex((byte) => byte !== 0);
  if (at < 0) return;
  throw new Error(`Something is left behind the tail of segment ${base}, at ${usedBytes + at}`);
}

/** End of what a reader shows of a log that nobody has recovered; `undefined` if it rightly refuses. */
function readBeforeRecovery(library: Library, log: string, promised: Promised): number | undefined {
  try {
    return readAll(library, log, promised);
  } catch (error) {
    if (!(error instanceof library.LogError)) throw error;
    if (promised.isDamaged) return undefined;
    if (promised.mayBeAbsent && ['NOT_A_LOG', 'STORAGE'].includes(error.code)) return undefined;
    throw new Error(`A reader refused the log before its recovery: ${error.message}`, {
      cause: error,
    });
  }
}

/** Reads from start to end, comparing every byte. Returns the end. */
function readAll(library: Library, log: string, promised: Promised): number {
  const reader = library.openReader(log);
  try {
    const cursor = reader.cursor();
    let at = reader.startOffset;
    while (cursor.next()) {
      checkLost(promised, at, cursor.offset);
      checkRecord(promised, cursor);
      at = cursor.offset + 1;
    }
    const end = reader.committedOffset;
    checkLost(promised, at, end);
    cursor.close();
    return end;
  } finally {
    reader.close();
  }
}

function checkLost({ lost }: Promised, from: number, to: number): void {
  for (let offset = from; offset < to; offset++) {
    if (lost.some((range) => offset >= range.from && offset < range.to)) continue;
    throw new Error(`Record ${offset} was skipped: the next one is ${to}`);
  }
}

function checkRecord({ records, end }: Promised, cursor: Stratalog.Cursor): void {
  const { offset } = cursor;
  const payload = cursor.copyPayload();
  const expected = records[offset];
  if (expected === undefined || offset >= end) {
    throw new Error(`Record ${offset} was never appended: ${tell(payload)}`);
  }
  if (Buffer.compare(payload, expected) === 0) return;
  throw new Error(`Record ${offset} is ${tell(payload)}; expected ${tell(expected)}`);
}

/** Frames of several sizes, so that what may lie behind the tail is met at every alignment. */
const AFTERWARDS_LENGTHS = [48, 200, 48];

async function goOn(appender: Stratalog.Appender): Promise<void> {
  for (const length of AFTERWARDS_LENGTHS) {
    appender.append(makeRecord(appender.nextOffset, AFTERWARDS, length));
    appender.commit();
  }
  await appender.flush();
}

async function checkAfterwards(
  library: Library,
  log: string,
  promised: Promised,
  { end }: Found,
): Promise<void> {
  const more = AFTERWARDS_LENGTHS.map((length, i) => makeRecord(end + i, AFTERWARDS, length));
  const records = [...promised.records.slice(0, end), ...more];
  const appender = library.openAppender(log, QUIET);
  try {
    expectEqual('outcome of the third opening', appender.recovery.outcome, 'clean');
    expectEqual('end at the third opening', appender.nextOffset, records.length);
    const all = readAll(library, log, { ...promised, records, end: records.length });
    expectEqual('end that a reader sees of what was appended since', all, records.length);
  } finally {
    await appender.close();
  }
}

function expectEqual<T>(what: string, found: T, expected: T): void {
  if (found === expected) return;
  throw new Error(`The ${what} is ${String(found)}: expected ${String(expected)}`);
}
