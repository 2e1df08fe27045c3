/**
 * What a writer that may be killed at any moment has said: a few numbers in a file in memory, which are
 * written at once before and after each thing that it does, and survive it.
 */
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';
import type { AppenderOptions } from 'stratalog';

export interface Life {
  readonly log: string;
  readonly witness: string;
  readonly seed: number;
  readonly options: AppenderOptions;
  /** Offsets at which the lives before began, by their numbers; this one's is the next. */
  readonly begins: readonly number[];
  /** Appends nothing, and verifies everything. */
  readonly isLast: boolean;
}

/** How a life ends that has found something wrong. */
export const WRONG = 9;

/** Places of the numbers. */
export const SAID = {
  /** 1: the log is open, and everything in it has been checked. */
  isReady: 0,
  /** Offset at which this life began. */
  begin: 1,
  /** Exclusive bound of what is durable. */
  flushed: 2,
  /** Where the log ends at most: what is under way included. */
  end: 3,
  /** Where it starts at least, and at most. */
  start: 4,
  startAtMost: 5,
  rolls: 6,
  salvaged: 7,
  tornTails: 8,
} as const;
const COUNT = 9;

export class Witness {
  readonly numbers = new Float64Array(COUNT);
  readonly #fd: number;

  /** Reads what has been said before. */
  constructor(path: string) {
    this.#fd = openSync(path, 'r+');
    this.read();
  }

  static create(path: string): Witness {
    writeFileSync(path, new Uint8Array(COUNT * 8));
    return new Witness(path);
  }

  get(place: keyof typeof SAID): number {
    return this.numbers[SAID[place]] as number;
  }

  set(place: keyof typeof SAID, value: number): void {
    this.numbers[SAID[place]] = value;
  }

  say(): void {
    writeSync(this.#fd, this.numbers, 0, COUNT * 8, 0);
  }

  read(): void {
    readSync(this.#fd, this.numbers, 0, COUNT * 8, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
