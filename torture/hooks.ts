/**
 * What the tampered copies of the library (`variant.ts`) call instead of going straight on: before each
 * statement `step`, at each branch `branches`, and for each system call `fs` and `koffi`. One set of
 * hooks per thread; without any, a copy behaves like the original.
 */
import * as nodeFs from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import nodeKoffi from 'koffi';

/** A call to the system, by Node or by the mapping module, before it is made. */
export interface SystemCall {
  /** `fdatasyncSync`, `mmap`, ...; of `madvise` and `fcntl` the number is in `args`. */
  readonly name: string;
  readonly kind: 'fs' | 'native';
  readonly args: readonly unknown[];
}

/** Makes the call by `proceed`, or not; throws `CallFailure` for one that fails. */
export type SystemHook = (call: SystemCall, proceed: () => unknown) => unknown;

export interface Hooks {
  step: ((site: number) => void) | undefined;
  system: SystemHook | undefined;
}

export const hooks: Hooks = { step: undefined, system: undefined };

/**
 * Threads that the library starts have hooks of their own, and nobody else's code: what they do at a step
 * is said by the environment, which they inherit. `STRATALOG_THREAD_DIES_AT` is the number of the step at
 * which the process is killed, `STRATALOG_THREAD_SITES` the file that then holds the steps passed.
 */
function hookThread(diesAt: number, sitesPath: string): void {
  const sites: number[] = [];
  const tell = (): void => nodeFs.writeFileSync(sitesPath, JSON.stringify(sites));
  hooks.step = (site) => {
    if (sites.push(site) !== diesAt) return;
    tell();
    process.kill(process.pid, 'SIGKILL');
  };
  process.on('exit', tell);
}

const { STRATALOG_THREAD_DIES_AT: diesAt, STRATALOG_THREAD_SITES: sitesPath } = process.env;
if (!isMainThread && sitesPath !== undefined) hookThread(Number(diesAt), sitesPath);

/** Hits per branch site of copies that count them. */
export const branches = new Uint8Array(1 << 16);

export function step(site: number): void {
  if (hooks.step !== undefined) hooks.step(site);
}

/** Thrown by a hook: the call returns this error, in whatever way such calls do. */
export class CallFailure extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(`${errno}: made to fail`);
    this.errno = errno;
  }
}

/** `node:fs`, with every call of it going through the hook. */
export const fs = Object.fromEntries(
  Object.entries(nodeFs).map(([name, value]) =>
    // Those with an upper case letter are classes.
    typeof value === 'function' && /^[a-z]/.test(name)
      ? [name, hookedFs(name, value as AnyFunction)]
      : [name, value],
  ),
);

type AnyFunction = (...args: unknown[]) => unknown;

function hookedFs(name: string, original: AnyFunction): AnyFunction {
  return (...args) => {
    if (hooks.system === undefined) return original(...args);
    try {
      return hooks.system({ name, kind: 'fs', args }, () => original(...args));
    } catch (error) {
      throw error instanceof CallFailure ? asNodeError(error.errno, name, args[0]) : error;
    }
  };
}

function asNodeError(code: string, name: string, first: unknown): Error {
  const number = nodeKoffi.os.errno[code] ?? 5;
  const path = typeof first === 'string' ? { path: first } : {};
  const fields = { code, errno: -number, syscall: name.replace(/Sync$/, ''), ...path };
  return Object.assign(new Error(`${code}: made to fail, ${fields.syscall}`), fields);
}

let failedWith: number | undefined;

/** `koffi`, with every call of a C function going through the hook. */
export const koffi = {
  ...nodeKoffi,
  load(path: string | null): unknown {
    const library = nodeKoffi.load(path);
    return {
      func(name: string, ...rest: [string, string[]]): AnyFunction {
        return hookedNative(name, rest[0], library.func(name, ...rest));
      },
    };
  },
  errno(): number {
    return failedWith ?? nodeKoffi.errno();
  },
};

function hookedNative(name: string, result: string, original: AnyFunction): AnyFunction {
  return (...args) => {
    failedWith = undefined;
    if (hooks.system === undefined) return original(...args);
    try {
      return hooks.system({ name, kind: 'native', args }, () => original(...args));
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      failedWith = nodeKoffi.os.errno[error.errno] ?? 5;
      return result === 'void *' ? -1n : -1;
    }
  };
}
