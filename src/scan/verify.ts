/** Verification of a log by several threads at once. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ControlFile } from '../control/control-file.js';
import { checkFunction } from '../options.js';
import { assemble, listLog, readSegments, type InspectedLog } from '../recovery/inspect.js';
import type { SegmentFrames } from '../recovery/read-segment.js';
import {
  isWorthAnother,
  reportOf,
  type VerifyOptions,
  type VerifyReport,
} from '../recovery/verify.js';
import { checkSettings, type ScanSettings } from './options.js';
import { PoolReading, type SegmentPool } from './pool-reading.js';
import { startPool, usePool } from './pool.js';

export interface ParallelVerifyOptions
  extends VerifyOptions, Pick<ScanSettings, 'pool' | 'signal'> {
  /** Most threads of the pool that is made for it (default `os.availableParallelism()`). */
  readonly workers?: number | undefined;
}

const WORKER = {
  filename: fileURLToPath(new URL('./segment-entry.cjs', import.meta.url)),
  name: 'readSegment',
};
/** To read so much takes one thread about as long as it takes to start others. */
const SMALL_BYTES = 256 * 1024 * 1024;

/**
 * Does what `verifyLog` does, and reports the same, with a thread for each segment that is read: so it
 * leaves the event loop free, and gains where there are several segments. Without a pool of yours a small
 * log is read by the calling thread, at once.
 *
 * When it settles, nothing of the log is read any more. No thread of a pool of yours is ended, whatever
 * happens.
 *
 * @throws whatever `verifyLog` throws
 * @throws {LogError} `CLOSED`: the pool is closed; `SCAN_FAILED`: a thread of the pool has died
 * @throws {RangeError | TypeError} wrong options
 * @throws the signal's reason; what `onProgress` throws
 */
export async function verifyLogInParallel(
  path: string,
  options: ParallelVerifyOptions = {},
): Promise<VerifyReport> {
  const { workers, pool, signal, onProgress } = options;
  checkSettings({ workers, pool, signal });
  checkFunction('onProgress', onProgress);
  const directory = resolve(path);
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await verify(directory, options);
    } catch (error) {
      if (!isWorthAnother(attempt, error)) throw error;
    }
  }
}

async function verify(directory: string, options: ParallelVerifyOptions): Promise<VerifyReport> {
  const log = listed(directory);
  const isSmall = options.pool === undefined && log.totalBytes < SMALL_BYTES;
  const frames = isSmall
    ? readSegments(log, options.onProgress ?? (() => {}))
    : await readInPool(log, options);
  return reportOf(assemble(log, frames));
}

function listed(directory: string): InspectedLog {
  const control = ControlFile.open(directory, 'read');
  try {
    return listLog(directory, control);
  } finally {
    control.close();
  }
}

async function readInPool(
  log: InspectedLog,
  options: ParallelVerifyOptions,
): Promise<SegmentFrames[]> {
  const { pool: users, signal, workers = availableParallelism(), onProgress } = options;
  const reading = new PoolReading(log, onProgress);
  const threads = Math.min(workers, log.toRead.length);
  const pool: SegmentPool =
    users === undefined
      ? await startPool(threads, reading.stop, WORKER)
      : usePool(users, reading.stop, WORKER);
  const abort = (): void => reading.stop(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    signal?.throwIfAborted();
    return await reading.run(pool);
  } finally {
    signal?.removeEventListener('abort', abort);
    await (users === undefined ? reading.settled() : reading.ended());
    await pool.release();
  }
}
