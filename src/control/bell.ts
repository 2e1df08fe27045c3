/**
 * A word of the control page that moves when there is news, and that readers sleep on. It works the same
 * between threads and between processes, and costs a load while nobody sleeps.
 *
 * Why no wake-up is lost: the ringer stores the counter, then loads the flag; a sleeper stores the flag,
 * then loads the counter; all with `Atomics`, which are sequentially consistent. So either the sleeper
 * sees the new counter and does not sleep, or the ringer sees the flag and wakes it. If the counter
 * moves between the sleeper's load and its system call, the kernel compares it once more.
 *
 * The flag is cleared before the counter moves, and not behind it, where somebody may already have
 * announced that he sleeps until the counter moves once more: he would sleep, and nobody would know.
 * Whoever announced himself before the flag was cleared expects the old counter: he is woken now.
 * (`torture/model/waking.pml` has every interleaving.)
 */
import { DOORBELL, FLUSH_DOORBELL } from '../format/control-page.js';
import { FLUSH_WAITERS, WAITERS } from '../format/readers-page.js';
import { futexWait, futexWake } from '../mapping/native.js';
import type { ControlFile } from './control-file.js';
import type { ReadersFile } from './readers-file.js';

/** News for everybody: the log has been opened, or closed. */
export function ringAll(control: ControlFile, readers: ReadersFile): void {
  for (const kind of ['commit', 'flush'] as const) new Bell(kind, control, readers).ring();
}

/** A sleep ends after this time, so that a thread in it can be terminated. */
export const SLICE_MS = 100;
/** The same for those who may not set the flag, whom nobody wakes. */
const UNREGISTERED_SLICE_MS = 20;

/** What is news: commits, rolls and the log's opening and closing, or flushes. */
export type BellKind = 'commit' | 'flush';

const NO_WORDS = new Int32Array(0);

export class Bell {
  #words: Int32Array;
  readonly #at: number;
  #flags: Int32Array | undefined;
  readonly #flagAt: number;
  readonly address: bigint;

  /** Without a readers page nobody is woken, and sleepers look again by themselves. */
  constructor(kind: BellKind, control: ControlFile, readers: ReadersFile | undefined) {
    this.#at = kind === 'commit' ? DOORBELL : FLUSH_DOORBELL;
    this.#flagAt = kind === 'commit' ? WAITERS : FLUSH_WAITERS;
    this.#words = control.words;
    this.#flags = readers?.words;
    this.address = control.address + BigInt(this.#at * 4);
  }

  /** Called after what it announces has been stored. */
  ring(): void {
    const flags = this.#flags;
    if (flags === undefined) {
      Atomics.add(this.#words, this.#at, 1);
      return;
    }
    const hasSleepers = Atomics.load(flags, this.#flagAt) !== 0;
    if (hasSleepers) Atomics.store(flags, this.#flagAt, 0);
    Atomics.add(this.#words, this.#at, 1);
    if (hasSleepers || Atomics.load(flags, this.#flagAt) !== 0) futexWake(this.address);
  }

  /** The counter. Taken before looking for news, it makes sure that later news is not slept through. */
  count(): number {
    return Atomics.load(this.#words, this.#at);
  }

  /** Announces a sleep. Returns whether the counter still is `seen`. */
  prepareSleep(seen: number): boolean {
    if (this.#flags !== undefined) Atomics.store(this.#flags, this.#flagAt, 1);
    return this.count() === seen;
  }

  /** Sleeps while the counter is `seen`: one slice, at most `timeoutMs`. The caller looks again. */
  sleep(seen: number, timeoutMs: number): void {
    if (!this.prepareSleep(seen)) return;
    futexWait(this.address, seen, Math.min(timeoutMs, this.sliceMs));
  }

  /** Lets go of both pages, which may be unmapped from now on; whatever is called later throws. */
  close(): void {
    this.#words = NO_WORDS;
    this.#flags = undefined;
  }

  get sliceMs(): number {
    return this.#flags === undefined ? UNREGISTERED_SLICE_MS : SLICE_MS;
  }
}
