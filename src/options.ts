/** Options of appender and reader: their defaults, and the checks that misuse meets first. */
import { hasEventsLine } from './format/application-header.js';
import {
  FIRST_FRAME_AT,
  MAX_APPLICATION_HEADER_BYTES,
  MAX_SEGMENT_BYTES,
  MIN_SEGMENT_BYTES,
} from './format/segment-header.js';
import { FRAME_HEADER_BYTES, MAX_GROUP_FRAME_BYTES } from './format/frame.js';
import { indexFileBytes } from './format/index-header.js';
import { PAGE_BYTES } from './format/identity.js';
import { RECORD_HEADER_BYTES } from './format/record.js';

/**
 * When the open frame is sealed and becomes visible.
 * - `'each'`: after every append or batch (the default; about 0.2 µs each)
 * - `{ bytes, delayMs }`: when the frame has `bytes` bytes (at most 1 MiB, default 64 KiB), and at the
 *   latest `delayMs` after its first record (default 10; needs the event loop or a further append)
 * - `'manual'`: by `commit()`
 *
 * Under every policy a frame also closes when it reaches 1 MiB or the segment is full.
 */
export type CommitPolicy =
  'each' | 'manual' | { readonly bytes?: number; readonly delayMs?: number };

/**
 * When commits are made durable without being asked.
 * - `{ everyMs }`: in the background (the default, 1000)
 * - `'each'`: before the append or commit that made them returns
 * - `'none'`: only by `flush()` and `close()`; sealed segments are still synced in the background
 */
export type FlushSchedule = 'each' | 'none' | { readonly everyMs: number };

export interface AppenderOptions {
  /** Make the log if there is none (default true). */
  readonly create?: boolean;
  /** Size of new segments, preallocated: a multiple of 4096 from 16 KiB to 2 GiB - 4 KiB (64 MiB). */
  readonly segmentSizeBytes?: number;
  /** Records that a new segment has index room for (default: one per 64 bytes of segment). */
  readonly indexCapacity?: number;
  /** Application header of new segments, up to 2 KiB (default: that of the newest segment). */
  readonly header?: Uint8Array;
  readonly commit?: CommitPolicy;
  readonly flush?: FlushSchedule;
  /** Run the maintenance thread (default true). Without it everything happens in the appender's. */
  readonly maintenance?: boolean;
  /** Permissions of the `readers` page when it is created (default 0o644). */
  readonly readersMode?: number;
  /**
   * Bytes that the files of the log take at most: segments with their indexes, the prepared one included,
   * and all else in its directory. An append that needs a segment more is refused as on a full disk
   * (`StorageError` with `EDQUOT`), and goes on when `dropBefore` has made room, or `prepare` has waited for
   * the one that is being prepared. A log that is larger when it is opened gets no new segment before. At least a segment, its index and 64 KiB (default: no limit).
   */
  readonly maxLogBytes?: number;
  /**
   * Is told, in a microtask of its own, that the next segment cannot be prepared, for `maxLogBytes` or for
   * a full disk, while the active one still has room: the time to drop old ones. Needs `maintenance`.
   */
  readonly onShortage?: () => void;
}

/** `AppenderOptions` with everything decided. */
export interface AppenderSettings {
  readonly create: boolean;
  readonly sizeBytes: number;
  readonly indexCapacity: number;
  readonly header: Uint8Array | undefined;
  /** Frame length from which on an append commits: 0 for each, `Infinity` for by hand. */
  readonly commitBytes: number;
  /** 0: no delay. */
  readonly commitDelayMs: number;
  readonly flushEach: boolean;
  readonly flushIntervalMs: number | undefined;
  readonly maintenance: boolean;
  readonly readersMode: number;
  readonly maxLogBytes: number | undefined;
  readonly onShortage: (() => void) | undefined;
}

/** A log has so many bytes at most beside its segments: control and readers pages, schemas. */
export const BESIDE_SEGMENTS_BYTES = 64 * 1024;

export const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;
const DEFAULT_COMMIT_BYTES = 64 * 1024;
const DEFAULT_COMMIT_DELAY_MS = 10;
const DEFAULT_FLUSH_INTERVAL_MS = 1000;
const BYTES_PER_INDEX_SLOT = 64;

/** Index room of a segment where nothing else is said. */
export function defaultIndexCapacity(segmentSizeBytes: number): number {
  return Math.floor(segmentSizeBytes / BYTES_PER_INDEX_SLOT);
}

/**
 * @throws {RangeError}
 * @throws {TypeError}
 */
export function appenderSettings(options: AppenderOptions): AppenderSettings {
  const sizeBytes = options.segmentSizeBytes ?? DEFAULT_SEGMENT_BYTES;
  checkInteger('segmentSizeBytes', sizeBytes, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
  if (sizeBytes % PAGE_BYTES !== 0) {
    throw new RangeError(
      `Invalid segmentSizeBytes: expected a multiple of ${PAGE_BYTES}, got ${sizeBytes}`,
    );
  }
  const indexCapacity = options.indexCapacity ?? defaultIndexCapacity(sizeBytes);
  checkInteger('indexCapacity', indexCapacity, 1, sizeBytes / RECORD_HEADER_BYTES);
  const readersMode = options.readersMode ?? 0o644;
  checkInteger('readersMode', readersMode, 0, 0o777);
  const { maxLogBytes, onShortage } = options;
  if (maxLogBytes !== undefined) {
    const least = sizeBytes + indexFileBytes(indexCapacity) + BESIDE_SEGMENTS_BYTES;
    checkInteger('maxLogBytes', maxLogBytes, least, Number.MAX_SAFE_INTEGER);
  }
  checkFunction('onShortage', onShortage);
  return {
    create: options.create ?? true,
    sizeBytes,
    indexCapacity,
    header: checkHeader(options.header),
    ...commitSettings(options.commit ?? 'each'),
    ...flushSettings(options.flush ?? { everyMs: DEFAULT_FLUSH_INTERVAL_MS }),
    maintenance: options.maintenance ?? true,
    readersMode,
    maxLogBytes,
    onShortage,
  };
}

function commitSettings(policy: CommitPolicy): { commitBytes: number; commitDelayMs: number } {
  if (policy === 'each') return { commitBytes: 0, commitDelayMs: 0 };
  if (policy === 'manual') return { commitBytes: Infinity, commitDelayMs: 0 };
  if (typeof policy !== 'object') throw unknownChoice('commit', policy);
  const commitBytes = policy.bytes ?? DEFAULT_COMMIT_BYTES;
  const commitDelayMs = policy.delayMs ?? DEFAULT_COMMIT_DELAY_MS;
  checkInteger('commit.bytes', commitBytes, 1, MAX_GROUP_FRAME_BYTES);
  checkInteger('commit.delayMs', commitDelayMs, 1, 2 ** 31 - 1);
  return { commitBytes, commitDelayMs };
}

function flushSettings(schedule: FlushSchedule): {
  flushEach: boolean;
  flushIntervalMs: number | undefined;
} {
  if (schedule === 'each') return { flushEach: true, flushIntervalMs: undefined };
  if (schedule === 'none') return { flushEach: false, flushIntervalMs: undefined };
  if (typeof schedule !== 'object') throw unknownChoice('flush', schedule);
  checkInteger('flush.everyMs', schedule.everyMs, 1, 2 ** 31 - 1);
  return { flushEach: false, flushIntervalMs: schedule.everyMs };
}

function checkHeader(header: Uint8Array | undefined): Uint8Array | undefined {
  if (header === undefined) return undefined;
  if (!(header instanceof Uint8Array)) {
    throw new TypeError('Invalid header: expected a Uint8Array');
  }
  if (hasEventsLine(header)) {
    throw new RangeError('Invalid header: it begins as only that of a typed log does');
  }
  return checkHeaderSize(header).slice();
}

export function checkHeaderSize(header: Uint8Array): Uint8Array {
  if (header.length > MAX_APPLICATION_HEADER_BYTES) {
    throw new RangeError(
      `Invalid header: expected at most ${MAX_APPLICATION_HEADER_BYTES} bytes, got ${header.length}`,
    );
  }
  return header;
}

export function checkInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(
      `Invalid ${name}: expected an integer from ${min} to ${max}, got ${String(value)}`,
    );
  }
}

/** @throws {TypeError} */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`Invalid ${name}: expected a function`);
  }
}

/** @throws {TypeError} */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('Invalid signal: expected an AbortSignal');
  }
}

export function unknownChoice(name: string, value: unknown): TypeError {
  return new TypeError(`Invalid ${name}: ${JSON.stringify(value)} is not one of its choices`);
}

/** Bytes of the largest record that an empty segment of this size holds. */
export function maxRecordBytes(segmentSizeBytes: number): number {
  return segmentSizeBytes - FIRST_FRAME_AT - FRAME_HEADER_BYTES - RECORD_HEADER_BYTES;
}
