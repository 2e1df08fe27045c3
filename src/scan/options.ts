/** Options of a scan, and the checks that misuse meets before any thread starts. */
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Piscina } from 'piscina';
import { checkFunction, checkInteger, checkSignal, unknownChoice } from '../options.js';
import type { Cursor } from '../read/cursor.js';
import type { ReaderOptions } from '../read/reader.js';
import type { FunctionName, Piece } from './messages.js';
import { cloneFault } from './packed-error.js';

/** A place in the log: an offset, or the first record that was committed at or after a time. */
export type ScanPlace = number | { readonly timeMs: number };

export interface ScanProgress {
  /** Offsets of the pieces that are done. */
  readonly records: number;
  /** Bytes of their frames. */
  readonly bytes: number;
  readonly pieces: number;
  readonly totalRecords: number;
  readonly totalBytes: number;
  readonly totalPieces: number;
}

/** What every scan can be told, the ready-made ones as well. */
export interface ScanSettings extends Pick<ReaderOptions, 'bound' | 'verify'> {
  /** Default: the start of the log. */
  readonly from?: ScanPlace | undefined;
  /** Exclusive. Default: the reader's bound when the scan begins, so that a scan ends. */
  readonly to?: ScanPlace | undefined;
  /** Threads of the pool that is made for this scan (default `os.availableParallelism()`). */
  readonly workers?: number | undefined;
  /** A pool of yours to run in, instead. It stays open. */
  readonly pool?: Piscina | undefined;
  /** About how large pieces are (default: 32 for each thread, but 1 to 32 MiB). */
  readonly pieceBytes?: number | undefined;
  /**
   * What damage is: an error (the default), or something to step over, note in the result's `damage`,
   * and go on behind. A log whose appender has died, and that is damaged below what was durable, ends
   * there until it is repaired: to scan it needs a `to`.
   */
  readonly onDamage?: 'error' | 'skip' | undefined;
  /** Called whenever a piece is done, in the order in which that happens. */
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
  /** Stops the scan, and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface ScanOptions<A = unknown> extends ScanSettings {
  /** The module with your function: a URL, or an absolute path. Each thread imports it once. */
  readonly module: URL | string;
  /** Which of its exports (default `'default'`). */
  readonly name?: string | undefined;
  /** Given to every call, as a structured clone. */
  readonly args?: A | undefined;
}

/** How the results of the pieces become one value, in the order of the pieces. */
export interface ScanReduction<R, V> {
  readonly reduce: (value: V, part: R, piece: Piece) => V;
  readonly initial: V;
}

/**
 * Your function: called in a thread of the pool, with a cursor that stands before the piece's first
 * record and ends behind its last. The cursor is closed when the function has returned, or what it
 * returned has resolved. The result is cloned to the thread that scans; a view such as
 * `cursor.payload` is copied if it is the result itself, but must be copied by you (`copyPayload`) inside
 * an object. What piscina's `move` wraps is moved.
 */
export type ScanFunction<A = unknown, R = unknown> = (
  cursor: Cursor,
  args: A,
  piece: Piece,
) => R | Promise<R>;

const MAX_WORKERS = 4096;

/** @throws {TypeError | RangeError} */
export function checkSettings(settings: ScanSettings): void {
  const { workers, pool, pieceBytes, onDamage = 'error', onProgress, signal } = settings;
  if (workers !== undefined) checkInteger('workers', workers, 1, MAX_WORKERS);
  if (pieceBytes !== undefined) checkInteger('pieceBytes', pieceBytes, 1, Number.MAX_SAFE_INTEGER);
  if (!['error', 'skip'].includes(onDamage)) throw unknownChoice('onDamage', onDamage);
  if (pool !== undefined && !isPool(pool)) throw new TypeError('Invalid pool: expected a Piscina');
  if (pool !== undefined && workers !== undefined) {
    throw new TypeError('Invalid workers: a pool is given, and has its own threads');
  }
  checkFunction('onProgress', onProgress);
  checkSignal(signal);
}

/** @throws {TypeError} */
export function functionName({ module, name = 'default' }: ScanOptions): FunctionName {
  if (typeof name !== 'string') throw new TypeError('Invalid name: expected a string');
  return { module: moduleUrl(module), name };
}

/**
 * The arguments as they are now, whatever becomes of them during the scan.
 * @throws {TypeError}
 */
export function clonedArguments({ args }: ScanOptions): unknown {
  const fault = cloneFault(args);
  if (fault !== undefined) throw new TypeError(`Invalid args: ${fault}`);
  return structuredClone(args);
}

/** Not relative: to what would it be? */
function moduleUrl(module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === 'string') {
    if (isAbsolute(module)) return pathToFileURL(module).href;
    if (/^(?:file|data):/.test(module)) return module;
  }
  throw new TypeError(
    `Invalid module: expected a URL or an absolute path, got ${JSON.stringify(module)}`,
  );
}

/** By what it can do: it may come from another copy of piscina. */
function isPool(pool: unknown): boolean {
  return (
    typeof pool === 'object' &&
    pool !== null &&
    ['run', 'on'].every(
      (method) => typeof (pool as Record<string, unknown>)[method] === 'function',
    ) &&
    Array.isArray((pool as Piscina).threads)
  );
}
