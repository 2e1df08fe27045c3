/** A parallel scan: plan, run, reduce. */
import { availableParallelism, totalmem } from 'node:os';
import { ScanError, type OffsetRange } from '../errors.js';
import { checkFunction } from '../options.js';
import type { CursorDescription, ReaderDescription } from '../read/description.js';
import { Reader, openReader } from '../read/reader.js';
import type { FunctionName, Piece, PlainTask, SkippedDamage } from './messages.js';
import {
  checkSettings,
  clonedArguments,
  functionName,
  type ScanOptions,
  type ScanReduction,
  type ScanSettings,
} from './options.js';
import { Plan, estimateBytes, type PlannedPiece } from './plan.js';
import { startPool, usePool, type ScanPool } from './pool.js';
import { resolveRange } from './range.js';
import { Stop, runPieces, type Job, type PieceResult } from './run.js';
import { generationOf } from './thread-readers.js';

const PIECES_PER_THREAD = 32;
const MIN_PIECE_BYTES = 1024 * 1024;
const MAX_PIECE_BYTES = 32 * 1024 * 1024;
/** A scan of a larger share of memory tells the kernel what it does not need any more. */
const LARGE_SHARE_OF_MEMORY = 0.25;

export interface ScanResult<V> {
  readonly value: V;
  /** Offsets scanned; those in `damage`, and those lost before a repair, among them. */
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  readonly pieces: number;
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  /** What `onDamage: 'skip'` has stepped over, in order. */
  readonly damage: readonly SkippedDamage[];
}

/** A log to scan: its path, a reader of it, or what `describe` of a reader or cursor has returned. */
export type ScannedLog = string | Reader | ReaderDescription | CursorDescription;

/**
 * Runs a function of yours over a range of a log, in several threads at once, and reduces what it
 * returns, in order. The log is cut along frames into pieces; the function gets a cursor over each
 * (`ScanFunction`). Without `reduce` the value is the array of all results.
 *
 * What is scanned is fixed when the scan begins, so it ends, and comes out the same again, whatever is
 * appended meanwhile. Rolling, flushing and closing the log change nothing. What `dropBefore` takes away
 * before a piece begins is an error.
 *
 * Everything that the scan has started has ended when it settles; after an abort by the signal, soon
 * afterwards. Threads of a pool of yours that were stopped within a piece are ended, and replaced by the
 * pool.
 *
 * @throws {ScanError} the function has thrown, or cannot be loaded; its result cannot be sent; a thread
 *   has died; the log is damaged. `cause` is the error itself, `piece` and `offset` say where
 * @throws {OffsetOutOfRangeError} the range lies outside of the log
 * @throws {LogError} `CLOSED`: the pool is closed; and whatever `openReader` throws
 * @throws {RangeError | TypeError} wrong options
 * @throws the signal's reason; what `reduce` or `onProgress` throws
 */
export function scan<V, R = unknown, A = unknown>(
  log: ScannedLog,
  options: ScanOptions<A> & ScanReduction<R, V>,
): Promise<ScanResult<V>>;
export function scan<R = unknown, A = unknown>(
  log: ScannedLog,
  options: ScanOptions<A>,
): Promise<ScanResult<R[]>>;
export async function scan(
  log: ScannedLog,
  options: ScanOptions & Partial<ScanReduction<unknown, unknown>>,
): Promise<ScanResult<unknown>> {
  const { reduce, initial } = options;
  checkFunction('reduce', reduce);
  const work = { function: functionName(options), args: clonedArguments(options) };
  if (reduce !== undefined) return runScan(log, options, work, { reduce, initial });
  const collect = (parts: unknown[], part: unknown): unknown[] => {
    parts.push(part);
    return parts;
  };
  return runScan(log, options, work, { reduce: collect, initial: [] });
}

/** What is run over the pieces. */
export interface Work {
  readonly function: FunctionName;
  readonly args: unknown;
}

/** @internal A scan whose options name no function. `isEnough` may end it early. */
export async function runScan<R, V>(
  log: ScannedLog,
  settings: ScanSettings,
  work: Work,
  { reduce, initial }: ScanReduction<R, V>,
  isEnough: (value: V) => boolean = () => false,
): Promise<ScanResult<V>> {
  let value = initial;
  const scanned = await takeScanned(log, settings, work, (part, piece) => {
    value = reduce(value, part as R, piece);
    return !isEnough(value);
  });
  return { value, ...scanned };
}

/**
 * @internal A scan whose results are taken one after the other, in order; the next when the one before has
 * been taken. While one is being taken, threads go on with a few pieces each, and no more.
 */
export async function takeScanned(
  log: ScannedLog,
  settings: ScanSettings,
  work: Work,
  take: (part: unknown, piece: Piece) => boolean | Promise<boolean>,
): Promise<Omit<ScanResult<never>, 'value'>> {
  checkSettings(settings);
  settings.signal?.throwIfAborted();
  const reader = openFor(log, settings);
  try {
    const scanned = new Tally();
    const takeResult = (result: PieceResult): boolean | Promise<boolean> => {
      scanned.add(result);
      return take(result.value, result.piece);
    };
    const range = rangeOf(reader, log, settings);
    await runOver(reader, range, settings, work, takeResult);
    return scanned.result(range.from);
  } finally {
    reader.close();
  }
}

/** A reader of its own, whatever becomes of the one that is given. */
export function openFor(
  log: ScannedLog,
  { bound, verify }: Pick<ScanSettings, 'bound' | 'verify'>,
): Reader {
  const described = log instanceof Reader ? log.describe() : log;
  return openReader(described, {
    ...(bound === undefined ? {} : { bound }),
    ...(verify === undefined ? {} : { verify }),
    access: 'normal',
  });
}

/** The range, by the options or as a cursor's description has it. */
export function rangeOf(reader: Reader, log: ScannedLog, { from, to }: ScanSettings): OffsetRange {
  const described: Partial<CursorDescription> =
    typeof log === 'string' || log instanceof Reader ? {} : log;
  const end = to === undefined ? described.to : to;
  const range = resolveRange(reader, from === undefined ? described.from : from, end);
  // A log whose appender died may end in damage, and cannot be read behind it before a repair.
  const { damage } = reader.segmentSet;
  if (end === undefined && damage !== undefined) {
    throw new ScanError(damage.message, undefined, range.to, { cause: damage });
  }
  return range;
}

async function runOver(
  reader: Reader,
  range: OffsetRange,
  settings: ScanSettings,
  work: Work,
  take: Job['take'],
): Promise<void> {
  const { signal, workers = availableParallelism() } = settings;
  const stop = new Stop();
  const abort = (): void => stop.because(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  let pool: ScanPool | undefined;
  let job: Job | undefined;
  try {
    pool = settings.pool && usePool(settings.pool, stop.because);
    const threads = pool?.threads ?? workers;
    job = jobOver(reader, range, settings, work, take, threads);
    const prepared = job.plan.prepare(threads);
    if (prepared === 0) return;
    pool ??= await startPool(Math.min(threads, prepared), stop.because);
    stop.pool = pool;
    await runPieces(job, pool, stop);
  } finally {
    signal?.removeEventListener('abort', abort);
    job?.plan.close();
    const released = pool?.release();
    // After an abort at once, even if a thread is stuck.
    if (signal?.aborted !== true) await released;
  }
}

function jobOver(
  reader: Reader,
  range: OffsetRange,
  { pieceBytes, onDamage, onProgress }: ScanSettings,
  work: Work,
  take: Job['take'],
  threads: number,
): Job {
  const { path: directory, logId } = reader;
  const planned = { directory, logId, bases: [...reader.segmentSet.bases] };
  const bytes = estimateBytes(planned, range);
  const plan = new Plan(planned, range, pieceBytes ?? pieceBytesFor(bytes, threads));
  const common = {
    ...work,
    log: { ...reader.describe(), access: 'sequential' as const },
    generation: generationOf(directory),
    skipsDamage: onDamage === 'skip',
    leavesCold: bytes > LARGE_SHARE_OF_MEMORY * memoryBytes(),
  };
  const taskFor = (next: PlannedPiece): PlainTask => ({ ...common, ...next });
  return { plan, totalRecords: range.to - range.from, taskFor, take, onProgress };
}

function pieceBytesFor(bytes: number, threads: number): number {
  const even = Math.ceil(bytes / (threads * PIECES_PER_THREAD));
  return Math.min(Math.max(even, MIN_PIECE_BYTES), MAX_PIECE_BYTES);
}

/** What this process may use. */
function memoryBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What has been scanned so far. */
class Tally {
  #bytes = 0;
  #pieces = 0;
  #to: number | undefined;
  readonly #damage: SkippedDamage[] = [];

  add({ piece, damage }: PieceResult): void {
    this.#bytes += piece.bytes;
    this.#pieces++;
    this.#to = piece.to;
    this.#damage.push(...damage);
  }

  result(from: number): Omit<ScanResult<never>, 'value'> {
    const to = this.#to ?? from;
    return {
      records: to - from,
      bytes: this.#bytes,
      pieces: this.#pieces,
      from,
      to,
      damage: this.#damage,
    };
  }
}
