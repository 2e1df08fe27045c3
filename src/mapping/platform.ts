/**
 * The constants of the system calls that differ between platforms: one table, so that porting is
 * filling in a column. Linux is where this is built and tested; the macOS column follows its headers.
 */
import { LogError } from '../errors.js';

export interface Platform {
  readonly hasFallocate: boolean;
  /** System call numbers for `futex`, by architecture; without one, waiting polls. */
  readonly futex: number | undefined;
  /** The same for `futex_waitv`, which is one number everywhere. */
  readonly futexWaitv: number | undefined;
  readonly mapAnonymous: number;
  readonly setLock: number;
  readonly getLock: number;
  readonly writeLock: number;
  readonly unlocked: number;
  /** `lseek` to the next data of a sparse file. */
  readonly seekData: number;
  /** Field order of `struct flock`. */
  readonly lockFields: Readonly<Record<string, string>>;
  /** `madvise` advice, where the platform has it. */
  readonly advice: Readonly<Partial<Record<Advice, number>>>;
}

export type Advice =
  'normal' | 'random' | 'sequential' | 'willneed' | 'cold' | 'populate-read' | 'populate-write';

const LINUX_FUTEX: Readonly<Partial<Record<NodeJS.Architecture, number>>> = {
  x64: 202,
  arm64: 98,
  riscv64: 98,
  loong64: 98,
  ppc64: 221,
  arm: 240,
};

const LINUX: Platform = {
  hasFallocate: true,
  futex: LINUX_FUTEX[process.arch],
  futexWaitv: 449,
  mapAnonymous: 0x20,
  setLock: 37,
  getLock: 36,
  writeLock: 1,
  unlocked: 2,
  seekData: 3,
  lockFields: {
    l_type: 'int16',
    l_whence: 'int16',
    l_start: 'int64',
    l_len: 'int64',
    l_pid: 'int32',
  },
  advice: {
    normal: 0,
    random: 1,
    sequential: 2,
    willneed: 3,
    cold: 20,
    'populate-read': 22,
    'populate-write': 23,
  },
};

const DARWIN: Platform = {
  hasFallocate: false,
  futex: undefined,
  futexWaitv: undefined,
  mapAnonymous: 0x1000,
  setLock: 90,
  getLock: 92,
  writeLock: 3,
  unlocked: 2,
  seekData: 4,
  lockFields: {
    l_start: 'int64',
    l_len: 'int64',
    l_pid: 'int32',
    l_type: 'int16',
    l_whence: 'int16',
  },
  advice: { normal: 0, random: 1, sequential: 2, willneed: 3 },
};

/** @throws {LogError} `UNSUPPORTED_PLATFORM` */
export function currentPlatform(): Platform {
  if (process.platform === 'linux') return LINUX;
  if (process.platform === 'darwin') return DARWIN;
  throw new LogError(
    'UNSUPPORTED_PLATFORM',
    `Cannot open a log on ${process.platform}: stratalog runs on Linux and macOS`,
  );
}
