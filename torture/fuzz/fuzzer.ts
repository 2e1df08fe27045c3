/**
 * Searches for inputs that take a decoder where it has not been: what reaches a branch for the first time,
 * or much more often than before, is kept and changed further. The idea, the classes of counts and the way
 * of trimming are AFL's (M. Zalewski, Technical "whitepaper" for afl-fuzz,
 * https://lcamtuf.coredump.cx/afl/technical_details.txt); what is counted are the branches that
 * `variant.ts` puts into a copy of the library, and only those of the target's files are looked at, so that
 * an execution of a microsecond stays one.
 */
import { branches } from '../hooks.js';
import { below } from '../random.js';
import { mutate, type Draft } from './mutate.js';
import type { Target } from './target.js';
import type { Watch } from './watch.js';

/** One of so many executions is made twice, and both must come to the same. */
const REPEAT_EVERY = 64;
/** What takes longer, twice, is noted. */
const SLOW_MS = 100;
/** What takes longer, twice, is a fault. */
const TOO_SLOW_MS = 2000;
/** Executions that the trimming of one input may take. */
const TRIM_EXECUTIONS = 256;

/** The classes of a count: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128 and more; a bit each. */
const CLASS = Uint8Array.from({ length: 256 }, (_, count) => {
  if (count < 4) return count === 0 ? 0 : 1 << (count - 1);
  const from = [4, 8, 16, 32, 128, 256].findIndex((bound) => count < bound);
  return 1 << (2 + from);
});

/** From a site to another, exclusive; multiples of 4. */
export interface Sites {
  readonly from: number;
  readonly to: number;
}

const words = new Uint32Array(branches.buffer);

/** The sites of a target's files. */
export function sitesOf(target: Pick<Target, 'files'>, sites: readonly string[]): Sites[] {
  const found: Sites[] = [];
  sites.forEach((site, i) => {
    if (!target.files.some((file) => site.startsWith(file))) return;
    const last = found.at(-1);
    const from = i & ~3;
    if (last !== undefined && last.to >= from)
      found[found.length - 1] = { from: last.from, to: from + 4 };
    else found.push({ from, to: from + 4 });
  });
  return found;
}

/** An input that a decoder does not stand. */
export class FuzzFailure extends Error {
  readonly input: Uint8Array;

  constructor(target: string, executions: number, input: Uint8Array, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    const hex = Buffer.from(input).toString('base64');
    super(`${target}, execution ${executions}, input (base64) ${hex}: ${why}`, { cause });
    this.input = input;
  }
}

export class Fuzzer {
  readonly corpus: Uint8Array[] = [];
  readonly slow: Uint8Array[] = [];
  executions = 0;
  readonly #target: Target;
  readonly #sites: readonly Sites[];
  readonly #random: () => number;
  readonly #watch: Watch | undefined;
  /** The classes of counts that have been met, for each site. */
  readonly #known = new Uint8Array(branches.length);
  readonly #draft: Draft;
  #result: string | number = '';

  constructor(target: Target, sites: readonly Sites[], random: () => number, watch?: Watch) {
    this.#target = target;
    this.#sites = sites;
    this.#random = random;
    this.#watch = watch;
    this.#draft = { bytes: Buffer.alloc(target.maxBytes), length: 0 };
    // What was counted until now, by whoever.
    this.#fingerprint();
  }

  /** Runs an input, and keeps it if it is news. Returns whether it is. */
  async take(input: Uint8Array): Promise<boolean> {
    await this.#execute(input);
    const isNews = this.#isNews();
    if (isNews) this.corpus.push(Uint8Array.from(input));
    return isNews;
  }

  /** Runs so many changed inputs; those that are news are in `corpus` afterwards, trimmed. */
  async search(executions: number): Promise<void> {
    const end = this.executions + executions;
    const { words: dictionary } = this.#target;
    const draft = this.#draft;
    while (this.executions < end) {
      const parent = this.#choose();
      draft.length = Math.min(parent.length, draft.bytes.length);
      draft.bytes.set(parent.subarray(0, draft.length));
      mutate(draft, this.#random, dictionary, this.#choose());
      const input = draft.bytes.subarray(0, draft.length);
      await this.#execute(input);
      if (this.#isNews()) this.corpus.push(await this.#trimmed(Uint8Array.from(input)));
      else if (this.executions % REPEAT_EVERY === 0) await this.#repeat(input);
    }
  }

  /** Branch classes that have been met. */
  coverage(): number {
    let count = 0;
    for (const bits of this.#known)
      for (let left: number = bits; left > 0; left &= left - 1) count++;
    return count;
  }

  /** Half of the time one of those that were found last. */
  #choose(): Uint8Array {
    const { length } = this.corpus;
    if (length === 0) return EMPTY;
    const recent = Math.min(length, 8);
    const index =
      this.#random() < 0.5 ? below(this.#random, length) : length - 1 - below(this.#random, recent);
    return this.corpus[index] as Uint8Array;
  }

  async #execute(input: Uint8Array): Promise<void> {
    this.executions++;
    this.#watch?.begin(input);
    const startedAt = performance.now();
    try {
      const result = this.#target.run(input);
      this.#result = typeof result === 'object' ? await result : result;
    } catch {
      throw await this.#failure(input);
    }
    if (performance.now() - startedAt > SLOW_MS) await this.#noteSlow(input);
  }

  /** Runs an input again that was run last. What is counted then does not count. */
  async #repeat(input: Uint8Array): Promise<void> {
    const result = this.#result;
    await this.#execute(input);
    this.#fingerprint();
    if (this.#result === result) return;
    const cause = new Error(`The same input came to ${result}, and then to ${this.#result}`);
    throw new FuzzFailure(this.#target.name, this.executions, Uint8Array.from(input), cause);
  }

  /** Runs it again, with a stack that says where. */
  async #failure(input: Uint8Array): Promise<FuzzFailure> {
    const copy = Uint8Array.from(input);
    let cause: unknown = new Error('It failed, and did not when it was run again');
    const before = Error.stackTraceLimit;
    Error.stackTraceLimit = 30;
    try {
      await this.#target.run(copy);
    } catch (error) {
      cause = error;
    }
    Error.stackTraceLimit = before;
    return new FuzzFailure(this.#target.name, this.executions, copy, cause);
  }

  /** Others use the machine, too: what counts is the time that the processor takes for it, once more. */
  async #noteSlow(input: Uint8Array): Promise<void> {
    const counts = branches.slice();
    const before = process.cpuUsage();
    await this.#target.run(input);
    const { user, system } = process.cpuUsage(before);
    branches.set(counts);
    const ms = (user + system) / 1000;
    if (ms < SLOW_MS) return;
    this.slow.push(Uint8Array.from(input));
    if (ms < TOO_SLOW_MS) return;
    const cause = new Error(`It takes ${ms.toFixed(0)} ms`);
    throw new FuzzFailure(this.#target.name, this.executions, Uint8Array.from(input), cause);
  }

  /** Looks at what was counted, and clears it. */
  #isNews(): boolean {
    let isNews = false;
    const known = this.#known;
    for (const { from, to } of this.#sites) {
      for (let word = from >> 2; word < to >> 2; word++) {
        if (words[word] === 0) continue;
        for (let site = word << 2; site < (word << 2) + 4; site++) {
          const bit = CLASS[branches[site] as number] as number;
          if ((bit & ~(known[site] as number)) === 0) continue;
          known[site] = (known[site] as number) | bit;
          isNews = true;
        }
        words[word] = 0;
      }
    }
    return isNews;
  }

  /** Which branches were taken how often, by classes, as one number; cleared. */
  #fingerprint(): number {
    let hash = 0;
    for (const { from, to } of this.#sites) {
      for (let word = from >> 2; word < to >> 2; word++) {
        if (words[word] === 0) continue;
        for (let site = word << 2; site < (word << 2) + 4; site++) {
          const bit = CLASS[branches[site] as number] as number;
          hash = (Math.imul(hash, 31) + bit * 65_537 + site) | 0;
        }
        words[word] = 0;
      }
    }
    return hash;
  }

  /** The input without what can be left out while the same branches are taken. */
  async #trimmed(input: Uint8Array): Promise<Uint8Array> {
    await this.#execute(input);
    const wanted = this.#fingerprint();
    let shortest = input;
    let left = TRIM_EXECUTIONS;
    for (let size = 1 << (31 - Math.clz32(input.length)); size >= 1 && left > 0; size >>= 1) {
      for (let at = 0; at < shortest.length && shortest.length > size && left > 0; left--) {
        const shorter = without(shortest, at, size);
        await this.#execute(shorter);
        if (this.#fingerprint() === wanted) shortest = shorter;
        else at += size;
      }
    }
    return shortest;
  }
}

const EMPTY = new Uint8Array(0);

function without(bytes: Uint8Array, at: number, size: number): Uint8Array {
  const rest = bytes.subarray(at + size);
  const result = new Uint8Array(at + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(rest, at);
  return result;
}
