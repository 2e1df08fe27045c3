/** Opening a log for appending: lock, recover, and only then let anybody believe anything. */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { ringAll } from '../control/bell.js';
import { ControlFile, createControl } from '../control/control-file.js';
import { ReadersFile } from '../control/readers-file.js';
import { CorruptionError, LogError, storage } from '../errors.js';
import { decodeApplicationHeader, encodeApplicationHeader } from '../format/application-header.js';
import {
  CONTROL_NAME,
  LOCK_NAME,
  isTemporaryName,
  schemaFileNameOf,
  segmentBaseOf,
} from '../format/names.js';
import { isDurableStorage, isThere, syncDirectory } from '../mapping/files.js';
import { AppenderLock } from '../mapping/lock.js';
import {
  appenderSettings,
  checkHeaderSize,
  type AppenderOptions,
  type AppenderSettings,
} from '../options.js';
import { nowNs, recoverLog, type RecoveredLog } from '../recovery/recover.js';
import { listNames } from '../segment/directory.js';
import type { WritableSegment } from '../segment/writable-segment.js';
import { Appender, type OpenedLog } from './appender.js';
import { createSegment, nameSession } from './log-steps.js';
import { SegmentSupply } from './segment-supply.js';
import { SizeLimit } from './size-limit.js';

/**
 * Opens a log for appending, creating it if need be, and recovers it if it was not closed. There is
 * one appender per log; it may be in any thread. What recovery did is in `appender.recovery`.
 *
 * @throws {LogLockedError} another appender has it
 * @throws {LogError} `NOT_A_LOG`: no log and `create` is off, or a directory with other things in it
 * @throws {CorruptionError} data that was durable is missing; nothing was changed (`repairLog` helps)
 * @throws {UnsupportedVersionError}
 * @throws {StorageError} no permission, read-only or full file system, one that cannot map files
 * @throws {RangeError} an option out of range
 * @throws {TypeError} an option of the wrong kind
 */
export function openAppender(path: string, options: AppenderOptions = {}): Appender {
  return openAppenderWith(path, options, keepEventsLine);
}

/** A log that is locked and recovered, and about to be appended to. */
export interface LogBeforeAppending {
  readonly directory: string;
  /** Application header of its newest segment; `undefined` if there is none yet. */
  readonly newestHeader: Uint8Array | undefined;
  /** The header that the options give. */
  readonly ownHeader: Uint8Array | undefined;
}

/**
 * Decides on the application header of new segments; `undefined`: that of the newest segment. May write
 * files of its own. If it throws, the log is let go as it is.
 */
export type HeaderChoice = (log: LogBeforeAppending) => Uint8Array | undefined;

/** @internal `openAppender`, where something is to be settled before the first segment is made. */
export function openAppenderWith(
  path: string,
  options: AppenderOptions,
  chooseHeader: HeaderChoice,
): Appender {
  const settings = appenderSettings(options);
  const directory = resolve(path);
  const isNew = prepareDirectory(directory, settings.create);
  const lock = AppenderLock.acquire(directory);
  try {
    return openLocked(directory, settings, lock, isNew, chooseHeader);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/**
 * A typed log stays one: whoever appends records that are events already, and gives a header of their
 * own, does not take the line away that names the schema.
 */
function keepEventsLine({ newestHeader, ownHeader }: LogBeforeAppending): Uint8Array | undefined {
  if (newestHeader === undefined || ownHeader === undefined) return ownHeader;
  const { events } = decodeApplicationHeader(newestHeader);
  return checkHeaderSize(encodeApplicationHeader({ events, own: ownHeader }));
}

/** Returns whether a log has to be created. */
function prepareDirectory(directory: string, create: boolean): boolean {
  if (!isThere(directory)) {
    if (!create) throw new LogError('NOT_A_LOG', `Cannot open ${directory}: it does not exist`);
    storage('create', directory, () => createDirectory(directory));
  }
  const names = listNames(directory);
  if (names.includes(CONTROL_NAME)) return false;
  const segment = names.find((name) => segmentBaseOf(name) !== undefined);
  if (segment !== undefined) {
    throw new CorruptionError(directory, 0, 'a control page beside the segments', 'none');
  }
  const foreign = names.find((name) => !isOwnName(name));
  if (foreign !== undefined) {
    throw new LogError(
      'NOT_A_LOG',
      `Cannot create a log in ${directory}: it holds other things (${foreign})`,
    );
  }
  if (!create) {
    throw new LogError('NOT_A_LOG', `Cannot open ${directory}: there is no stratalog in it`);
  }
  return true;
}

/** Whether a file is one that an opening may have left that died before it made the control page. */
function isOwnName(name: string): boolean {
  return name === LOCK_NAME || isTemporaryName(name) || schemaFileNameOf(name) !== undefined;
}

/**
 * With the parents that are missing. Not `recursive`: where a file system refuses new directories with
 * `ENOENT`, as /proc does, Node's own loop does not end.
 */
function createDirectory(path: string): void {
  const parent = dirname(path);
  if (!isThere(parent)) createDirectory(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // Somebody else may have been quicker.
    if (!isThere(path)) throw error;
  }
  syncDirectory(parent);
}

function openLocked(
  directory: string,
  given: AppenderSettings,
  lock: AppenderLock,
  isNew: boolean,
  chooseHeader: HeaderChoice,
): Appender {
  const epoch = randomBytes(4).readUInt32LE();
  const isCreated = isNew && !listNames(directory).includes(CONTROL_NAME);
  if (isCreated) {
    createControl(directory, randomBytes(16).toString('hex'), nowNs());
  }
  const control = ControlFile.open(directory, 'write');
  let active: WritableSegment | undefined;
  let readers: ReadersFile | undefined;
  try {
    const recovered = recoverLog(directory, control, { epoch, timeNs: nowNs() });
    active = recovered.active;
    const newestHeader = active?.header.application;
    const header = chooseHeader({ directory, newestHeader, ownHeader: given.header });
    const settings = { ...given, header };
    active ??= createFirstSegment(directory, settings, control, recovered);
    active.makeTailResident(recovered.tail.position, recovered.tail.offset - active.base);
    readers = ReadersFile.openOrCreate(directory, control.logId, settings.readersMode);
    const { startOffset } = control.checkpoint();
    // From here until the next clean close the log counts as open: durably so before the first store.
    control.writeCheckpoint({
      clean: false,
      durableOffset: recovered.tail.offset,
      segmentBase: active.base,
    });
    nameSession(control, active);
    lock.announceWords();
    control.publishSessionEpoch(epoch);
    ringAll(control, readers);
    const opened: OpenedLog = {
      directory,
      settings,
      lock,
      control,
      readers,
      active,
      tail: recovered.tail,
      startOffset,
      epoch,
      durable: isDurableStorage(directory),
      recovery: isCreated ? { ...recovered.report, outcome: 'created' } : recovered.report,
    };
    return new Appender(opened);
  } catch (error) {
    active?.close();
    readers?.close();
    control.close();
    throw error;
  }
}

function createFirstSegment(
  directory: string,
  settings: AppenderSettings,
  control: ControlFile,
  { tail }: RecoveredLog,
): WritableSegment {
  // The options have been checked for room for one segment.
  const limit = SizeLimit.of(directory, undefined);
  const supply = new SegmentSupply(directory, settings, limit, () => {});
  let segment: WritableSegment | undefined;
  try {
    segment = createSegment(supply, directory, control, {
      base: tail.offset,
      previousBase: tail.offset,
      application: settings.header ?? new Uint8Array(0),
    });
    syncDirectory(directory);
    return segment;
  } catch (error) {
    segment?.close();
    supply.discard();
    throw error;
  }
}
