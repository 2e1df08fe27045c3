import { resolve } from 'node:path';
import type { LockHolder } from '../errors.js';
import { lockHolder } from '../mapping/lock.js';

/** Whether somebody has a log open for appending. */
export interface LockState {
  readonly isLocked: boolean;
  /** As the holder described itself; `undefined` if nobody holds the lock, or it cannot be read. */
  readonly holder: LockHolder | undefined;
}

/** Asks the kernel, which alone knows whether a holder is alive. Takes no lock itself. */
export function inspectLock(path: string): LockState {
  const holder = lockHolder(resolve(path));
  return {
    isLocked: holder !== undefined,
    holder: holder === 'unknown' ? undefined : holder,
  };
}
