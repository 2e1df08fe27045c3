/** Which errors a call can give, as the manual pages and the kernel have them. */

/** How a call goes wrong. */
export type Way =
  /** This one call fails. */
  | 'once'
  /** It and all later ones of the same name. */
  | 'sticky'
  /** It and all later calls that reach a disk. */
  | 'dead'
  /** It reads or writes less than it was asked for, and says so. */
  | 'short';

export interface Fault {
  readonly errno: string;
  readonly way: Way;
}

const READING = ['EIO', 'ENOMEM', 'EACCES'];
const SPACE = ['ENOSPC', 'EDQUOT', 'EIO', 'EROFS'];

/** By the names of Node's functions and of C's. */
const ERRORS: Readonly<Record<string, readonly string[]>> = {
  openSync: ['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EACCES', 'ENOSPC', 'EDQUOT', 'EROFS', 'EINTR'],
  // The descriptor is closed all the same: what fails is what should have been written by then.
  closeSync: ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR'],
  readSync: ['EIO', 'EINTR', 'ENOMEM'],
  writeSync: [...SPACE, 'EINTR'],
  readFileSync: ['EMFILE', 'EINTR', ...READING],
  readdirSync: ['EMFILE', 'ENFILE', ...READING],
  readlinkSync: READING,
  fdatasyncSync: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EINTR'],
  fsyncSync: ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EINTR'],
  ftruncateSync: ['EIO', 'EINTR', 'EROFS'],
  fstatSync: ['EIO', 'ENOMEM'],
  statSync: READING,
  lstatSync: READING,
  statfsSync: ['EIO', 'ENOMEM', 'EINTR', 'ENOSYS'],
  // `false`, whatever the reason.
  existsSync: ['EACCES'],
  mkdirSync: ['EACCES', ...SPACE],
  renameSync: ['EACCES', 'ENOMEM', ...SPACE],
  linkSync: ['EACCES', 'ENOMEM', ...SPACE],
  unlinkSync: ['EACCES', 'EIO', 'EROFS', 'ENOMEM'],
  mmap: ['ENOMEM', 'EAGAIN', 'EACCES', 'ENFILE', 'ENODEV'],
  munmap: ['ENOMEM'],
  madvise: ['ENOMEM', 'EIO', 'EFAULT', 'EAGAIN', 'EINVAL', 'EINTR'],
  mincore: ['EAGAIN', 'ENOMEM', 'EFAULT'],
  fcntl: ['ENOLCK', 'EAGAIN', 'EACCES', 'EINTR', 'EIO'],
  fallocate: [...SPACE, 'EOPNOTSUPP', 'ENOSYS', 'EINTR'],
  lseek: ['EINVAL', 'EIO'],
  syscall: ['EAGAIN', 'EINTR', 'ENOSYS', 'ENOMEM', 'EPERM'],
};

/** All calls that the campaign knows of; their places are their numbers. */
export const CALL_NAMES: readonly string[] = Object.keys(ERRORS);

/** All errors that it gives; their places are their numbers. */
export const ERRNOS: readonly string[] = [...new Set(Object.values(ERRORS).flat())];

/** Calls after which a file has another size than the program thinks, and that may do less. */
const MAY_BE_SHORT = ['readSync', 'writeSync'];
/** What a system does not know it never knows; of other errors that last, one is as good as another. */
const ALWAYS_STICKY = ['EOPNOTSUPP', 'ENOSYS', 'EINVAL'];
/** These need no disk. */
const MEMORY_CALLS = ['munmap', 'syscall', 'mincore', 'fcntl', 'closeSync', 'existsSync'];

export function reachesDisk(name: string): boolean {
  return !MEMORY_CALLS.includes(name);
}

export function faultsOf(name: string): Fault[] {
  const errnos = ERRORS[name];
  if (errnos === undefined) throw new Error(`No errors are known of the call ${name}`);
  const faults: Fault[] = errnos.map((errno) => ({ errno, way: 'once' }));
  const lasting = errnos.filter((errno, i) => i === 0 || ALWAYS_STICKY.includes(errno));
  // An interruption is over when it has been told.
  for (const errno of lasting) if (errno !== 'EINTR') faults.push({ errno, way: 'sticky' });
  if (reachesDisk(name)) faults.push({ errno: 'EIO', way: 'dead' });
  if (MAY_BE_SHORT.includes(name)) faults.push({ errno: 'EIO', way: 'short' });
  return faults;
}
