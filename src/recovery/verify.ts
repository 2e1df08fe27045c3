import { resolve } from 'node:path';
import { ControlFile } from '../control/control-file.js';
import type { OffsetRange } from '../errors.js';
import { isMissing } from '../mapping/files.js';
import { inspectLog, type Damage, type Inspection, type Progress } from './inspect.js';

/** What `verifyLog` found. */
export interface VerifyReport {
  readonly isIntact: boolean;
  readonly startOffset: number;
  /** Exclusive. */
  readonly endOffset: number;
  readonly segments: number;
  readonly frames: number;
  readonly records: number;
  /** Bytes of the frames that were checked. */
  readonly frameBytes: number;
  readonly damage: readonly Damage[];
  /** Offsets that an earlier repair has recorded as lost. */
  readonly lostBefore: readonly OffsetRange[];
  /** The log was closed after its last append. */
  readonly isClosed: boolean;
}

export interface VerifyOptions {
  /** Called as the log is read. */
  readonly onProgress?: Progress;
}

const ATTEMPTS = 5;

/**
 * Checks every frame of a log: header, checksum, records, order and chain. Reads with ordinary system
 * calls, changes nothing, and works while an appender is at it: frames that it commits meanwhile may or
 * may not be counted.
 *
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError} the control page is damaged; `repairLog` builds it anew
 * @throws {UnsupportedVersionError}
 * @throws {StorageError}
 */
export function verifyLog(path: string, options: VerifyOptions = {}): VerifyReport {
  const directory = resolve(path);
  for (let attempt = 1; ; attempt++) {
    try {
      return verify(directory, options);
    } catch (error) {
      if (!isWorthAnother(attempt, error)) throw error;
    }
  }
}

/** A segment that was listed has been dropped since: then begin again, from the new start. */
export function isWorthAnother(attempt: number, error: unknown): boolean {
  return attempt < ATTEMPTS && isMissing(error);
}

function verify(directory: string, { onProgress = () => {} }: VerifyOptions): VerifyReport {
  const control = ControlFile.open(directory, 'read');
  try {
    return reportOf(inspectLog(directory, control, onProgress));
  } finally {
    control.close();
  }
}

export function reportOf(found: Inspection): VerifyReport {
  const sum = (of: (run: Inspection['runs'][number]) => number): number =>
    found.runs.reduce((total, run) => total + of(run), 0);
  const lost = found.gaps.reduce((total, { from, to }) => total + to - from, 0);
  return {
    isIntact: found.damage.length === 0,
    startOffset: found.checkpoint.startOffset,
    endOffset: found.endOffset,
    segments: found.listed.length,
    frames: sum(({ frames }) => frames),
    records: sum(({ offset, endOffset }) => endOffset - offset) - lost,
    frameBytes: sum(({ position, endPosition }) => endPosition - position),
    damage: found.damage,
    lostBefore: found.gaps,
    isClosed: found.checkpoint.clean,
  };
}
