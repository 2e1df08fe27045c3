/**
 * What can go wrong, as types. Misuse of an argument is a plain `TypeError` or `RangeError`;
 * everything that concerns the log is a `LogError` whose `code` is stable and whose fields carry the
 * values. End of log, torn tail and not-yet-written are values elsewhere, never errors.
 */

/** Stable identifiers of every `LogError`; safe to switch on, and to carry across threads. */
export type LogErrorCode =
  | 'BAD_INPUT'
  | 'CANNOT_LISTEN'
  | 'CAPTURE_FAILED'
  | 'CLOSED'
  | 'CORRUPTION'
  | 'INVALID_SCHEMA'
  | 'LOCKED'
  | 'LOST'
  | 'MALFORMED_EVENT'
  | 'NOT_A_LOG'
  | 'OFFSET_OUT_OF_RANGE'
  | 'POISONED'
  | 'POSITION_LOST'
  | 'RECORD_TOO_LARGE'
  | 'RESERVED'
  | 'SCAN_FAILED'
  | 'SCHEMA_MISMATCH'
  | 'STORAGE'
  | 'UNSUPPORTED_PLATFORM'
  | 'UNSUPPORTED_VERSION'
  | 'WAITING';

export class LogError extends Error {
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** Exclusive-ended range of offsets. */
export interface OffsetRange {
  readonly from: number;
  readonly to: number;
}

/** Bytes on disk are not what was written there. Nothing was changed by the call that met it. */
export class CorruptionError extends LogError {
  /** File that holds the damage. */
  readonly path: string;
  /** Byte position in that file. */
  readonly position: number;
  readonly expected: string;
  readonly found: string;
  /** The offsets that cannot be read because of it, where they are known. */
  readonly lost: OffsetRange | undefined;

  constructor(
    path: string,
    position: number,
    expected: string,
    found: string,
    lost?: OffsetRange,
    options?: ErrorOptions,
  ) {
    const which = lost === undefined ? '' : `; offsets ${lost.from} to ${lost.to - 1} are affected`;
    super(
      'CORRUPTION',
      `Damaged data in ${path} at position ${position}: expected ${expected}, found ${found}${which}`,
      options,
    );
    this.path = path;
    this.position = position;
    this.expected = expected;
    this.found = found;
    this.lost = lost;
  }
}

/** The record at this offset was lost to damage, and `repair` has recorded the loss. */
export class RecordLostError extends LogError {
  readonly offset: number;
  readonly lost: OffsetRange;

  constructor(offset: number, lost: OffsetRange) {
    super(
      'LOST',
      `Record ${offset} was lost to damage before a repair (lost offsets: ${lost.from} to ${lost.to - 1})`,
    );
    this.offset = offset;
    this.lost = lost;
  }
}

/** An offset below the start of the log, or at or past the reader's bound. */
export class OffsetOutOfRangeError extends LogError {
  readonly offset: number;
  readonly startOffset: number;
  /** Exclusive. */
  readonly bound: number;

  constructor(offset: number, startOffset: number, bound: number) {
    const range =
      startOffset === bound
        ? `the log is empty at ${bound}`
        : `the log holds ${startOffset} to ${bound - 1}`;
    super('OFFSET_OUT_OF_RANGE', `Offset ${offset} is out of range: ${range}`);
    this.offset = offset;
    this.startOffset = startOffset;
    this.bound = bound;
  }
}

/**
 * A position does not belong to the log as it is now: an unclean end has taken records that were not
 * flushed, and others may have been given their offsets.
 */
export class PositionLostError extends LogError {
  readonly offset: number;
  /** Exclusive bound of what the log holds now. */
  readonly bound: number;
  /** Epoch of the record before the position, as it was, and as it is now. */
  readonly epoch: number | undefined;
  readonly found: number | undefined;

  constructor(offset: number, bound: number, epoch: number | undefined, found: number | undefined) {
    const why =
      offset > bound
        ? `the log ends at ${bound} now`
        : `the record before it was written in epoch ${epoch}, and now is one of epoch ${found}`;
    super('POSITION_LOST', `Cannot go on at offset ${offset}: ${why}`);
    this.offset = offset;
    this.bound = bound;
    this.epoch = epoch;
    this.found = found;
  }
}

/**
 * A parallel scan has stopped. `cause` says why: what the function has thrown, rebuilt with its name,
 * message, fields and the stack of its thread; or how its thread has died.
 */
export class ScanError extends LogError {
  /** Which piece it was, if it was one. */
  readonly piece: (OffsetRange & { readonly index: number; readonly bytes: number }) | undefined;
  /** The record that the cursor stood on, or was about to go to; `undefined` if nobody can tell. */
  readonly offset: number | undefined;

  constructor(why: string, piece?: ScanError['piece'], offset?: number, options?: ErrorOptions) {
    const which =
      piece === undefined
        ? ''
        : ` in piece ${piece.index} (offsets ${piece.from} to ${piece.to - 1})`;
    const where = offset === undefined ? '' : ` at offset ${offset}`;
    super('SCAN_FAILED', `Scan failed${which}${where}: ${why}`, options);
    this.piece = piece;
    this.offset = offset;
  }
}

/** Another appender, in this or another process, has the log open. */
export class LogLockedError extends LogError {
  readonly path: string;
  /** As the holder described itself when it took the lock; `undefined` if that cannot be read. */
  readonly holder: LockHolder | undefined;

  constructor(path: string, holder: LockHolder | undefined) {
    const who =
      holder === undefined
        ? 'another appender'
        : `process ${holder.pid} on ${holder.host} since ${holder.since}`;
    super('LOCKED', `Cannot append to ${path}: it is locked by ${who}`);
    this.path = path;
    this.holder = holder;
  }
}

/** Who holds a log's lock, as written into its LOCK file. Informative only; never used as evidence. */
export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** ISO 8601 time at which the lock was taken. */
  readonly since: string;
}

export class LogClosedError extends LogError {
  constructor(what: string, action: string) {
    super('CLOSED', `Cannot ${action}: the ${what} is closed`);
  }
}

/** A record or batch that could not fit even an empty segment. Nothing was written. */
export class RecordTooLargeError extends LogError {
  readonly sizeBytes: number;
  readonly limitBytes: number;

  constructor(what: string, sizeBytes: number, limitBytes: number) {
    super(
      'RECORD_TOO_LARGE',
      `Cannot append ${what} of ${sizeBytes} bytes: the largest that fits a segment is ${limitBytes} bytes`,
    );
    this.sizeBytes = sizeBytes;
    this.limitBytes = limitBytes;
  }
}

/** The operating system refused: full disk, failing disk, no permission, no memory. */
export class StorageError extends LogError {
  /** What was being done, as in 'Cannot <action> <path>'. */
  readonly action: string;
  readonly path: string | undefined;
  /** The system's name of the error, such as `ENOSPC`. */
  readonly errno: string | undefined;

  constructor(
    action: string,
    path: string | undefined,
    errno: string | undefined,
    cause?: unknown,
  ) {
    const where = path === undefined ? '' : ` ${path}`;
    const why = errno === undefined ? '' : `: ${errno}${describeErrno(errno)}`;
    super('STORAGE', `Cannot ${action}${where}${why}`, { cause });
    this.action = action;
    this.path = path;
    this.errno = errno;
  }
}

/** Written by a newer stratalog. Nothing is damaged; this version cannot read it. */
export class UnsupportedVersionError extends LogError {
  readonly path: string;
  readonly found: string;

  constructor(path: string, found: string) {
    super(
      'UNSUPPORTED_VERSION',
      `Cannot read ${path}: it was written by a newer version of stratalog (${found})`,
    );
    this.path = path;
    this.found = found;
  }
}

/** Whether the system's name of an error says that there is no room, which may come back. */
export function isDiskFull(errno: string | undefined): boolean {
  return errno === 'ENOSPC' || errno === 'EDQUOT';
}

/** Wraps a failed `node:fs` call; other errors pass through as they are. */
function toStorageError(action: string, path: string, error: unknown): unknown {
  if (error instanceof LogError || !(error instanceof Error) || !('code' in error)) return error;
  return new StorageError(action, path, String(error.code), error);
}

/** Runs one file-system action; a system error becomes a `StorageError` that names the action. */
export function storage<T>(action: string, path: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw toStorageError(action, path, error);
  }
}

function describeErrno(errno: string): string {
  const text = ERRNO_TEXT[errno];
  return text === undefined ? '' : ` (${text})`;
}

const ERRNO_TEXT: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'disk quota exceeded',
  EFAULT: 'the pages cannot be read',
  EIO: 'input/output error',
  EMFILE: 'too many open files',
  ENODEV: 'this file system cannot map files',
  ENOENT: 'no such file or directory',
  ENOMEM: 'out of memory or mappings',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'not a directory',
  EROFS: 'read-only file system',
};

/** A schema that cannot be read or used. */
export class SchemaError extends LogError {
  constructor(message: string, options?: ErrorOptions) {
    super('INVALID_SCHEMA', message, options);
  }
}

/** A log's events follow another schema, and the change is none that FlatBuffers allows. */
export class SchemaMismatchError extends LogError {
  /** What differs, a sentence each. */
  readonly differences: readonly string[];

  constructor(path: string, differences: readonly string[]) {
    super(
      'SCHEMA_MISMATCH',
      `Cannot open ${path}: its events follow another schema: ${differences.join('; ')}`,
    );
    this.differences = differences;
  }
}

/** Bytes that are no FlatBuffer of their schema. */
export class MalformedEventError extends LogError {
  readonly reason: string;
  /** Byte of the event at which it was noticed. */
  readonly position: number;
  /** Names on the way from the root, such as `body.samples[3].x`; empty for the root itself. */
  readonly field: string;

  constructor(reason: string, position: number, field = '') {
    const where = field === '' ? '' : ` in ${field}`;
    super('MALFORMED_EVENT', `Malformed event${where} at byte ${position}: ${reason}`);
    this.reason = reason;
    this.position = position;
    this.field = field;
  }
}

/** What is to be captured cannot be: it is not of its format, does not fit the log's schema, or breaks off. */
export class InputError extends LogError {
  constructor(message: string, options?: ErrorOptions) {
    super('BAD_INPUT', message, options);
  }
}
