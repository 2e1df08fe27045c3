/** Options of a capture: their defaults, and the checks that misuse meets before anything happens. */
import type { EventAppenderOptions } from '../events/event-appender.js';
import { checkSchema } from '../events/schema.js';
import { indexFileBytes } from '../format/index-header.js';
import { PAGE_BYTES } from '../format/identity.js';
import { MIN_SEGMENT_BYTES } from '../format/segment-header.js';
import {
  BESIDE_SEGMENTS_BYTES,
  DEFAULT_SEGMENT_BYTES,
  appenderSettings,
  checkFunction,
  checkInteger,
  checkSignal,
  defaultIndexCapacity,
  type AppenderOptions,
} from '../options.js';
import type { Rejected } from './intake.js';
import type { CaptureProgress } from './report.js';

/** Where rejected input is kept. */
export interface RejectFileOptions {
  readonly path: string;
  /** Go on behind what is in it (default false: a file that exists is an error). */
  readonly append?: boolean;
}

/** Options of the appender are those of `openEventAppender`, but with group commit by default. */
export interface CaptureOptions<Event = unknown> extends Omit<
  EventAppenderOptions<Event>,
  'verifyEvents' | 'maxLogBytes' | 'onShortage'
> {
  /**
   * Ends the capture in good order: what has been taken is durable, and the log closed. If it is aborted
   * before the capture has begun, `capture` rejects with its reason.
   */
  readonly signal?: AbortSignal;
  /** Ends it after so long, up to 2^31 - 1. A source that takes longer than that to open is given up. */
  readonly durationMs?: number;
  /** Ends it after exactly so many events. */
  readonly maxEvents?: number;
  /** Ends it with the event that makes this capture's part of the log so large, headers included. */
  readonly maxBytes?: number;
  /**
   * Makes the log a ring on disk, a flight recorder: the oldest segments make room, so that the files of
   * the log, indexes and the prepared segment included, never take more than so many bytes; a log that is
   * larger already is made smaller first. When the disk is full before that, the oldest make room as well.
   * Room for three segments at least; where `segmentSizeBytes` is not given, segments are an eighth of it
   * (16 KiB to 64 MiB). What a reader still has mapped takes room on the disk until it lets go.
   */
  readonly budgetBytes?: number;
  /** Is told of input that is no event. What it throws ends the capture. */
  readonly onReject?: (rejected: Rejected) => void;
  /**
   * Keeps rejected input aside, a line of JSON each: `line` and `reason`, and the input itself as `text`,
   * or, where it is not UTF-8, as `base64`. The file must not exist, unless `append` is set. It is written
   * every now and then, and complete when the capture has ended.
   */
  readonly rejectFile?: string | RejectFileOptions;
  /** Ends the capture when more than so many were rejected (default: never). */
  readonly maxRejects?: number;
  /**
   * Is told that the log is open, so that readers find it from now on, and which offset the first event
   * gets. What it throws ends the capture.
   */
  readonly onStart?: (firstOffset: number) => void;
  /** Is told how the capture is getting on. What it throws ends the capture. */
  readonly onProgress?: (progress: CaptureProgress) => void;
  /** How often (default 200). Needs the event loop. */
  readonly progressIntervalMs?: number;
}

/** `CaptureOptions` with everything decided. */
export interface CaptureSettings<Event> {
  readonly appending: EventAppenderOptions<Event>;
  readonly signal: AbortSignal | undefined;
  readonly durationMs: number | undefined;
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly budgetBytes: number | undefined;
  readonly onReject: ((rejected: Rejected) => void) | undefined;
  readonly rejectFile: RejectFileOptions | undefined;
  readonly maxRejects: number;
  readonly onStart: ((firstOffset: number) => void) | undefined;
  readonly onProgress: ((progress: CaptureProgress) => void) | undefined;
  readonly progressIntervalMs: number;
}

const MAX_TIMER_MS = 2 ** 31 - 1;
const DEFAULT_PROGRESS_MS = 200;
/** One is filled, one is prepared, and one holds what has been. */
const LEAST_SEGMENTS = 3;
const SEGMENTS_OF_BUDGET = 8;

/**
 * @throws {RangeError}
 * @throws {TypeError}
 */
export function captureSettings<Event>(options: CaptureOptions<Event>): CaptureSettings<Event> {
  const {
    signal,
    durationMs,
    maxEvents,
    maxBytes,
    budgetBytes,
    onReject,
    rejectFile,
    maxRejects,
    onStart,
    onProgress,
    progressIntervalMs = DEFAULT_PROGRESS_MS,
    ...rest
  } = options;
  checkSignal(signal);
  if (durationMs !== undefined) checkDuration(durationMs);
  checkLimit('maxEvents', maxEvents, 1);
  checkLimit('maxBytes', maxBytes, 1);
  checkLimit('maxRejects', maxRejects, 0);
  checkFunction('onReject', onReject);
  checkFunction('onStart', onStart);
  checkFunction('onProgress', onProgress);
  checkInteger('progressIntervalMs', progressIntervalMs, 1, MAX_TIMER_MS);
  checkSchema(rest.schema);
  const appending = { commit: {}, ...rest, ...ringOptions(rest, budgetBytes), verifyEvents: true };
  appenderSettings(appending);
  return {
    appending,
    signal,
    durationMs,
    maxEvents: maxEvents ?? Infinity,
    maxBytes: maxBytes ?? Infinity,
    budgetBytes,
    onReject,
    rejectFile: rejectFileOptions(rejectFile),
    maxRejects: maxRejects ?? Infinity,
    onStart,
    onProgress,
    progressIntervalMs,
  };
}

function ringOptions(
  { segmentSizeBytes, indexCapacity }: Pick<AppenderOptions, 'segmentSizeBytes' | 'indexCapacity'>,
  budgetBytes: number | undefined,
): Pick<AppenderOptions, 'segmentSizeBytes' | 'maxLogBytes'> {
  if (budgetBytes === undefined) return {};
  checkInteger('budgetBytes', budgetBytes, 1, Number.MAX_SAFE_INTEGER);
  const size = segmentSizeBytes ?? segmentSizeFor(budgetBytes);
  const slots = indexCapacity ?? defaultIndexCapacity(size);
  const least = LEAST_SEGMENTS * (size + indexFileBytes(slots)) + BESIDE_SEGMENTS_BYTES;
  if (budgetBytes >= least) return { segmentSizeBytes: size, maxLogBytes: budgetBytes };
  throw new RangeError(
    `Invalid budgetBytes: expected at least ${least}, which is room for ${LEAST_SEGMENTS} segments of ${size} bytes, got ${budgetBytes}`,
  );
}

/** Eight of them with their indexes fit the budget, if they are not the smallest that there are. */
function segmentSizeFor(budgetBytes: number): number {
  const share = (budgetBytes - BESIDE_SEGMENTS_BYTES) / SEGMENTS_OF_BUDGET;
  // An index takes a sixteenth of its segment, and its header page; both are rounded up.
  const pages = Math.floor(((share - 2 * PAGE_BYTES) * 16) / 17 / PAGE_BYTES);
  return Math.min(Math.max(pages * PAGE_BYTES, MIN_SEGMENT_BYTES), DEFAULT_SEGMENT_BYTES);
}

function rejectFileOptions(
  given: string | RejectFileOptions | undefined,
): RejectFileOptions | undefined {
  if (given === undefined) return undefined;
  const found = typeof given === 'string' ? { path: given } : given;
  if (typeof found !== 'object' || found === null || typeof found.path !== 'string') {
    throw new TypeError('Invalid rejectFile: expected a path, or { path, append }');
  }
  if (found.append !== undefined && typeof found.append !== 'boolean') {
    throw new TypeError('Invalid rejectFile.append: expected a boolean');
  }
  return found;
}

function checkDuration(durationMs: number): void {
  if (typeof durationMs === 'number' && durationMs > 0 && durationMs <= MAX_TIMER_MS) return;
  throw new RangeError(
    `Invalid durationMs: expected a number above 0 and up to ${MAX_TIMER_MS}, got ${String(durationMs)}`,
  );
}

/** `Infinity` is none. */
function checkLimit(name: string, value: number | undefined, least: number): void {
  if (value === undefined || value === Infinity) return;
  checkInteger(name, value, least, Number.MAX_SAFE_INTEGER);
}
