/**
 * Processes made by fork(2), without exec: they have everything loaded and warm, cost a few milliseconds
 * instead of a start of Node, and are processes all the same: with their own mappings, descriptors and
 * locks, which go with them when they are killed.
 *
 * What makes that possible: the parent runs with `FORK_FLAGS`, so that V8 has no threads that a child
 * would miss; and the child never comes to its event loop, which it shares with the parent. So what is
 * done in a child may wait for promises that are settled in microtasks, and for nothing else.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import koffi from 'koffi';

/** For the node that forks. */
export const FORK_FLAGS: readonly string[] = ['--single-threaded', '--v8-pool-size=0'];

export const SIGKILL = 9;
export const SIGSEGV = 11;
const MADV_DOFORK = 11;
const WNOHANG = 1;
/** A child that hangs dies of SIGALRM. */
const PATIENCE_S = 30;

const library = koffi.load(null);
const cFork = library.func('fork', 'int', []) as () => number;
const cWaitpid = library.func('waitpid', 'int', ['int', koffi.out('int *'), 'int']) as (
  pid: number,
  status: number[],
  options: number,
) => number;
const cKill = library.func('kill', 'int', ['int', 'int']) as (
  pid: number,
  signal: number,
) => number;
const cGetpid = library.func('getpid', 'int', []) as () => number;
const cAlarm = library.func('alarm', 'uint32', ['uint32']) as (seconds: number) => number;
const cUsleep = library.func('usleep', 'int', ['uint32']) as (us: number) => number;
const cMadvise = library.func('madvise', 'int', ['uint64', 'size_t', 'int']) as (
  address: bigint,
  length: number,
  advice: number,
) => number;

/**
 * Forks. The parent gets the child; the child, which begins to run `life`, gets `undefined`, and is to
 * return to where nothing is done any more. A child whose life ends kills itself; if it fails, after
 * writing why to a file.
 */
export function fork(life: () => Promise<void>, complaintPath: string): Child | undefined {
  // Twice: what the first time allocates must be shared, too.
  shareMemory();
  shareMemory();
  const pid = cFork();
  if (pid < 0) throw new Error(`Cannot fork: errno ${koffi.errno()}`);
  if (pid > 0) return new Child(pid);
  cAlarm(PATIENCE_S);
  void life()
    .catch((error: unknown) => complain(complaintPath, error))
    .finally(dieByKill);
  return undefined;
}

function complain(path: string, error: unknown): void {
  writeFileSync(path, error instanceof Error ? (error.stack ?? error.message) : String(error));
}

/** Of the process that forked it. */
export class Child {
  readonly #pid: number;
  #signal: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Whether it still runs. */
  isAlive(): boolean {
    return this.#signal === undefined && !this.#reap(WNOHANG);
  }

  kill(): void {
    if (this.isAlive()) cKill(this.#pid, SIGKILL);
  }

  /** Blocks until it has ended. Returns the signal that ended it, 0 if there was none. */
  wait(): number {
    if (this.#signal === undefined) this.#reap(0);
    return this.#signal as number;
  }

  #reap(options: number): boolean {
    const status = [0];
    if (cWaitpid(this.#pid, status, options) !== this.#pid) return false;
    this.#signal = (status[0] as number) & 0x7f;
    return true;
  }
}

/** SIGKILL, by the process's own hand. `process.pid` would be the parent's. */
export function dieByKill(): void {
  cKill(cGetpid(), SIGKILL);
}

/** Blocks this thread. */
export function sleepUs(us: number): void {
  cUsleep(us);
}

/** What is only reserved as well: the heap grows there, in a child, too. */
const PRIVATE = /^([0-9a-f]+)-([0-9a-f]+) ...p \S+ \S+ 0 *$/gm;

/** Node's V8 keeps its heap from children, which nearly always call exec at once. */
function shareMemory(): void {
  for (const [, from, to] of readFileSync('/proc/self/maps', 'latin1').matchAll(PRIVATE)) {
    const [begin, end] = [BigInt(`0x${from}`), BigInt(`0x${to}`)];
    cMadvise(begin, Number(end - begin), MADV_DOFORK);
  }
}
