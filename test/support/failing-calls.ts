/**
 * Calls to the system that fail, in this process: functions of `node:fs` are replaced for all who have
 * imported them, and C functions where koffi hands them out, which has to be before the library is loaded.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import koffi from 'koffi';
import { afterEach } from 'vitest';

type AnyFunction = (...args: never[]) => unknown;
type SyncName = Extract<keyof typeof fs, `${string}Sync`>;

interface Failing {
  readonly errno: string;
  /** Which of its calls fail, from 1. */
  readonly from: number;
  readonly to: number;
  readonly isMeant: (args: readonly unknown[]) => boolean;
  seen: number;
}

const failing = new Map<string, Failing>();
const originals = new Map<SyncName, AnyFunction>();
let failedWith: number | undefined;

afterEach(() => healCalls());

/** Which calls of a function fail: by default the first one only, whatever it is called with. */
export interface FailingOptions {
  readonly nth?: number;
  readonly times?: number;
  readonly path?: RegExp;
}

/** Has a function of `node:fs`, or of C, fail with this error. Until `healCalls`, or the test's end. */
export function failCalls(
  name: SyncName | 'mmap' | 'munmap' | 'madvise' | 'mincore' | 'fcntl',
  errno: string,
  { nth = 1, times = 1, path = /(?:)/ }: FailingOptions = {},
): void {
  const isMeant = (args: readonly unknown[]): boolean => path.test(pathOf(args[0]));
  failing.set(name, { errno, from: nth, to: nth + times - 1, isMeant, seen: 0 });
  if (name.endsWith('Sync')) replace(name as SyncName);
}

export function healCalls(): void {
  failing.clear();
  for (const [name, original] of originals) Object.assign(fs, { [name]: original });
  originals.clear();
  syncBuiltinESMExports();
}

function replace(name: SyncName): void {
  if (originals.has(name)) return;
  const original = fs[name] as unknown as AnyFunction;
  originals.set(name, original);
  const replaced = (...args: never[]): unknown => {
    const errno = nextFailure(name, args);
    if (errno === undefined) return original(...args);
    // The descriptor is gone, whatever close says.
    if (name === 'closeSync') original(...args);
    throw Object.assign(new Error(`${errno}: made to fail`), { code: errno, syscall: name });
  };
  Object.assign(fs, { [name]: replaced });
  syncBuiltinESMExports();
}

function nextFailure(name: string, args: readonly unknown[]): string | undefined {
  const plan = failing.get(name);
  if (plan === undefined || !plan.isMeant(args)) return undefined;
  plan.seen++;
  return plan.seen >= plan.from && plan.seen <= plan.to ? plan.errno : undefined;
}

function pathOf(first: unknown): string {
  if (typeof first !== 'number') return String(first);
  try {
    return fs.readlinkSync(`/proc/self/fd/${first}`);
  } catch {
    return '';
  }
}

const { load, errno: lastErrno } = koffi;
Object.assign(koffi, {
  load: (path: string | null) => {
    const library = load(path);
    const func = (name: string, result: string, types: never[]): AnyFunction =>
      watched(name, result, library.func(name, result, types));
    return { func };
  },
  errno: () => failedWith ?? lastErrno(),
});

function watched(name: string, result: string, original: AnyFunction): AnyFunction {
  return (...args) => {
    const errno = nextFailure(name, []);
    failedWith = errno === undefined ? undefined : koffi.os.errno[errno];
    if (errno === undefined) return original(...args);
    return result === 'void *' ? -1n : -1;
  };
}

/** What this process has open of a log: descriptors and mappings, deleted files included. */
export function openFilesOf(log: string): string[] {
  const descriptors = fs.readdirSync('/proc/self/fd').map((fd) => pathOf(Number(fd)));
  const mapped = fs.readFileSync('/proc/self/maps', 'latin1').split('\n');
  const paths = [...descriptors, ...mapped].filter((line) => line.includes(log));
  return paths.map((line) => line.slice(line.indexOf(log) + log.length + 1)).sort();
}
