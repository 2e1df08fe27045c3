/** Options of a processor, and the checks that misuse meets before any thread starts. */
import { checkFunction, checkInteger } from '../options.js';
import type { CursorStart } from '../read/cursor.js';
import type { Position } from '../read/description.js';
import type { RecordView } from '../read/record-view.js';
import type { FunctionName } from './messages.js';
import { checkSettings, clonedArguments, functionName, type ScanOptions } from './options.js';

/** How records are parted, so that those which belong together are handled one after the other. */
export interface Partitions {
  /** Name of the export of your module that tells a record's key: a `KeyFunction`. */
  readonly by: string;
  /** How many partitions there are (default: as many as threads). */
  readonly count?: number | undefined;
}

/**
 * Your key function: records of one key are of one partition. It must depend on nothing but the record
 * and the arguments. It is called for every record, once in each partition's thread.
 */
export type KeyFunction<A = unknown> = (record: RecordView, args: A) => string | number;

export interface ProcessOptions<A = unknown> extends Pick<
  ScanOptions<A>,
  'module' | 'name' | 'args' | 'workers' | 'pool' | 'bound' | 'verify' | 'signal'
> {
  /**
   * Where to begin (default `'start'`, or where a described tailer is). To resume, what `handled` was:
   * such a position is checked.
   */
  readonly from?: CursorStart | Position | undefined;
  /** Without them, pieces are handled side by side, and only within a piece in order. */
  readonly partitions?: Partitions | undefined;
  /** How large pieces may get when there is much to do (default 1 MiB). */
  readonly pieceBytes?: number | undefined;
  /** What to do when records that come next have been dropped: stop (the default), or skip them. */
  readonly onDropped?: 'error' | 'skip' | undefined;
  /** End when everything is handled and the log has been closed (default false: wait for more). */
  readonly endAtClose?: boolean | undefined;
  /** Called whenever `handled` has moved forward. */
  readonly onHandled?: ((position: Position) => void) | undefined;
}

/** What is run, in which partitions. */
export interface ProcessWork {
  readonly function: FunctionName;
  readonly args: unknown;
  /** `undefined`: no partitions. */
  readonly by: FunctionName | undefined;
}

const MAX_PARTITIONS = 4096;

/**
 * Everything but `from` and the choices that a tailer checks.
 * @throws {TypeError | RangeError}
 */
export function checkedWork(options: ProcessOptions): ProcessWork {
  const { module, name, args, workers, pool, pieceBytes, signal, partitions, onHandled } = options;
  checkSettings({ workers, pool, pieceBytes, signal });
  checkFunction('onHandled', onHandled);
  const found = functionName({ module, name });
  return {
    function: found,
    args: clonedArguments({ module, args }),
    by: partitions === undefined ? undefined : { ...found, name: checkedKeyName(partitions) },
  };
}

function checkedKeyName({ by, count }: Partitions): string {
  if (typeof by !== 'string') {
    throw new TypeError('Invalid partitions.by: expected the name of an export');
  }
  if (count !== undefined) checkInteger('partitions.count', count, 1, MAX_PARTITIONS);
  return by;
}
