/**
 * The C functions that Node does not offer, called through koffi, which appears nowhere else, so that
 * another binding could take its place. Addresses are `bigint`, as koffi has them. Every function throws
 * a `StorageError` or returns a documented value; none is called per record.
 */
import koffi from 'koffi';
import { StorageError } from '../errors.js';
import { currentPlatform, type Advice } from './platform.js';

const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_NONE = 0;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_32 = 2;
const CLOCK_MONOTONIC = 1;
/** `struct futex_waitv`, and how many of them the kernel takes. */
const AWAITED_BYTES = 24;
export const MAX_AWAITED = 128;
const SEEK_SET = 0;
const ZERO_RANGE = 0x10;

export const platform = currentPlatform();
const library = koffi.load(null);
const flock = koffi.struct(platform.lockFields);
const timespec = koffi.struct({ seconds: 'int64', nanoseconds: 'int64' });

const cMmap = library.func('mmap', 'void *', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']);
const cMunmap = library.func('munmap', 'int', ['void *', 'size_t']);
const cMadvise = library.func('madvise', 'int', ['void *', 'size_t', 'int']);
const cMincore = library.func('mincore', 'int', ['void *', 'size_t', koffi.out('uint8_t *')]);
const cFcntl = library.func('fcntl', 'int', ['int', 'int', '...']);
const flockPointer = koffi.inout(koffi.pointer(flock));
const cPageSize = library.func('getpagesize', 'int', []);
const cLseek = library.func('lseek', 'int64_t', ['int', 'int64_t', 'int']);
const cFallocate = platform.hasFallocate
  ? library.func('fallocate', 'int', ['int', 'int', 'int64_t', 'int64_t'])
  : undefined;
const cFutex =
  platform.futex === undefined
    ? undefined
    : library.func('syscall', 'long', [
        'long',
        'void *',
        'int',
        'uint32_t',
        koffi.pointer(timespec),
        'void *',
        'uint32_t',
      ]);

const cFutexWaitv =
  platform.futexWaitv === undefined
    ? undefined
    : library.func('syscall', 'long', [
        'long',
        'uint8_t *',
        'uint32_t',
        'uint32_t',
        koffi.pointer(timespec),
        'int',
      ]);

/** Of several names for one code the first in the alphabet: EAGAIN, not EWOULDBLOCK. */
const ERRNO_NAMES = new Map(
  Object.entries(koffi.os.errno)
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([name, code]) => [code, name]),
);

function lastErrno(): string {
  const code = koffi.errno();
  return ERRNO_NAMES.get(code) ?? `errno ${code}`;
}

function check(result: number, action: string, path: string | undefined): void {
  if (result !== 0) throw new StorageError(action, path, lastErrno());
}

/** The kernel's page, in bytes. */
export const PAGE_SIZE = cPageSize() as number;

/**
 * Maps `length` bytes of a file, shared; in the place of a reservation, if one is given. A store through
 * a read-only mapping is a SIGSEGV.
 */
export function mmap(
  fd: number,
  length: number,
  writable: boolean,
  path: string,
  reserved: bigint | null = null,
): bigint {
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const flags = reserved === null ? MAP_SHARED : MAP_SHARED | MAP_FIXED;
  const address = BigInt.asIntN(64, cMmap(reserved, length, protection, flags, fd, 0) as bigint);
  if (address === -1n) throw new StorageError('map', path, lastErrno());
  return address;
}

/** Takes addresses for a mapping to come. Nothing can be read there. */
export function reserveAddresses(length: number): bigint {
  const flags = MAP_PRIVATE | platform.mapAnonymous;
  const address = BigInt.asIntN(64, cMmap(null, length, PROT_NONE, flags, -1, 0) as bigint);
  if (address === -1n) throw new StorageError('reserve addresses', undefined, lastErrno());
  return address;
}

/** Zeroed memory of this process, for words that its threads share and sleep on. */
export function mmapAnonymous(length: number): bigint {
  const flags = MAP_SHARED | platform.mapAnonymous;
  const protection = PROT_READ | PROT_WRITE;
  const address = BigInt.asIntN(64, cMmap(null, length, protection, flags, -1, 0) as bigint);
  if (address === -1n) throw new StorageError('map memory', undefined, lastErrno());
  return address;
}

/**
 * Takes a mapping away, which may need memory for the kernel's own books. Nobody could do anything about
 * that, least of all a finalizer: so what does not succeed is tried again with the next one.
 */
export function munmap(address: bigint, length: number): void {
  toUnmap.set(address, length);
  for (const [at, size] of toUnmap) if ((cMunmap(at, size) as number) === 0) toUnmap.delete(at);
}

const toUnmap = new Map<bigint, number>();

/** What this thread could not unmap, address and length: from now on somebody else's to try. */
export function takeLeftMapped(): [bigint, number][] {
  const left = [...toUnmap];
  toUnmap.clear();
  return left;
}

/** Memory at an address as an `ArrayBuffer` without owner: whoever calls keeps it mapped. */
export function viewMemory(address: bigint, length: number): ArrayBuffer {
  return koffi.view(address, length);
}

/**
 * `false` where the platform or the kernel does not know the advice.
 * @throws {StorageError} pages that were to be brought in cannot be. What is only advice never fails
 */
export function madvise(address: bigint, length: number, advice: Advice, path: string): boolean {
  const value = platform.advice[advice];
  if (value === undefined || length === 0) return value !== undefined;
  for (;;) {
    if ((cMadvise(address, length, value) as number) === 0) return true;
    const errno = lastErrno();
    if (errno === 'EINTR') continue;
    if (errno === 'EINVAL' || !isPopulating(advice)) return false;
    throw new StorageError('access the pages of', path, errno);
  }
}

function isPopulating(advice: Advice): boolean {
  return advice === 'populate-read' || advice === 'populate-write';
}

/** One byte per page, bit 0 set where the page is in memory. */
export function mincore(address: bigint, length: number, pageBytes: number): Uint8Array {
  const resident = new Uint8Array(Math.ceil(length / pageBytes));
  if (length > 0)
    check(cMincore(address, length, resident) as number, 'ask for resident pages', undefined);
  return resident;
}

/** Reserves blocks for the first `length` bytes. `false` where the file system cannot. */
export function fallocate(fd: number, length: number, path: string): boolean {
  return fallocateRange(fd, 0, 0, length, 'allocate', path);
}

/** Makes a range read as zeros without giving up its blocks. `false` where that is not possible. */
export function zeroRange(fd: number, from: number, length: number, path: string): boolean {
  return fallocateRange(fd, ZERO_RANGE, from, length, 'zero a range of', path);
}

function fallocateRange(
  fd: number,
  mode: number,
  from: number,
  length: number,
  action: string,
  path: string,
): boolean {
  if (cFallocate === undefined) return false;
  for (;;) {
    if ((cFallocate(fd, mode, from, length) as number) === 0) return true;
    const errno = lastErrno();
    if (errno === 'EINTR') continue;
    if (errno === 'EOPNOTSUPP' || errno === 'ENOTSUP' || errno === 'ENOSYS') return false;
    throw new StorageError(action, path, errno);
  }
}

/**
 * First position at or after `from` that may hold something other than never-written zeros; `end` if
 * there is none. Where the file system cannot tell, `from`.
 */
export function nextData(fd: number, from: number, end: number): number {
  const found = Number(cLseek(fd, from, platform.seekData));
  if (found >= 0) return Math.min(found, end);
  return lastErrno() === 'ENXIO' ? end : from;
}

interface Flock {
  l_type: number;
  l_whence: number;
  l_start: number;
  l_len: number;
  l_pid: number;
}

function lockOfByte(byte: number): Flock {
  return { l_type: platform.writeLock, l_whence: SEEK_SET, l_start: byte, l_len: 1, l_pid: 0 };
}

/**
 * Takes an open-file-description lock on one byte; it is released when the descriptor closes, however
 * that comes. `false`: somebody else holds it.
 */
export function lockByte(fd: number, byte: number, path: string): boolean {
  if ((cFcntl(fd, platform.setLock, flockPointer, lockOfByte(byte)) as number) === 0) return true;
  const errno = lastErrno();
  // EAGAIN has two names, and the table of numbers knows one of them.
  if (errno === 'EAGAIN' || errno === 'EWOULDBLOCK' || errno === 'EACCES') return false;
  throw new StorageError('lock', path, errno);
}

/** Gives a byte back that `lockByte` has taken through this descriptor. */
export function unlockByte(fd: number, byte: number, path: string): void {
  const lock = { ...lockOfByte(byte), l_type: platform.unlocked };
  check(cFcntl(fd, platform.setLock, flockPointer, lock) as number, 'unlock', path);
}

/** Whether somebody holds the lock on a byte. Works on a read-only descriptor. */
export function isByteLocked(fd: number, byte: number, path: string): boolean {
  const query = lockOfByte(byte);
  check(cFcntl(fd, platform.getLock, flockPointer, query) as number, 'ask for the lock on', path);
  return query.l_type !== platform.unlocked;
}

/** Wakes everybody who waits for the word at `address`, in any process. */
export function futexWake(address: bigint): void {
  if (cFutex === undefined) return;
  cFutex(platform.futex, address, FUTEX_WAKE, 0x7fff_ffff, null, null, 0);
}

/** Whether several words can be slept on at once. */
export function canWaitForAny(): boolean {
  return hasWaitv;
}

let hasWaitv = platform.futexWaitv !== undefined && cFutex !== undefined;

/** A word that is slept on as long as it holds `expected`. */
export interface Awaited {
  readonly address: bigint;
  readonly expected: number;
}

/**
 * Sleeps while all of up to 128 words hold what is expected, at most `timeoutMs`. Returns for any
 * reason. Where the kernel refuses (before 5.16, or by a filter), `canWaitForAny` is false afterwards.
 */
export function futexWaitAny(words: readonly Awaited[], timeoutMs: number): void {
  const count = Math.min(words.length, MAX_AWAITED);
  const list = Buffer.alloc(count * AWAITED_BYTES);
  for (let i = 0; i < count; i++) {
    const { address, expected } = words[i] as Awaited;
    list.writeBigUInt64LE(BigInt(expected >>> 0), i * AWAITED_BYTES);
    list.writeBigUInt64LE(BigInt.asUintN(64, address), i * AWAITED_BYTES + 8);
    list.writeUInt32LE(FUTEX_32, i * AWAITED_BYTES + 16);
  }
  // This call, unlike the other, takes the time at which to stop, not how long to sleep.
  const until = process.hrtime.bigint() + BigInt(Math.round(timeoutMs * 1e6));
  const deadline = { seconds: until / 1_000_000_000n, nanoseconds: until % 1_000_000_000n };
  const result = cFutexWaitv?.(platform.futexWaitv, list, count, 0, deadline, CLOCK_MONOTONIC);
  if (result === undefined || ((result as number) < 0 && isRefused(lastErrno()))) hasWaitv = false;
}

function isRefused(errno: string): boolean {
  return errno === 'ENOSYS' || errno === 'EPERM' || errno === 'EACCES';
}

/**
 * Sleeps while the word at `address` holds `expected`, at most `timeoutMs`. Returns for any reason;
 * the caller looks again. Works on read-only mappings.
 */
export function futexWait(address: bigint, expected: number, timeoutMs: number): void {
  if (cFutex === undefined) return nap(timeoutMs);
  const timeout = {
    seconds: Math.trunc(timeoutMs / 1000),
    nanoseconds: Math.round((timeoutMs % 1000) * 1e6),
  };
  cFutex(platform.futex, address, FUTEX_WAIT, expected >>> 0, timeout, null, 0);
  return undefined;
}

/** Where there is nothing to sleep on, the caller polls. */
function nap(timeoutMs: number): void {
  Atomics.wait(NOBODY, 0, 0, Math.min(timeoutMs, 1));
}

const NOBODY = new Int32Array(new SharedArrayBuffer(4));
