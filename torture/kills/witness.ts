/**
 * What a writer has been told, at every moment: a file that the writer has mapped, so that it survives
 * whatever becomes of the writer, as the log does.
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import type * as Native from '../../dist/mapping/native.js';
import type { Appender } from 'stratalog';
import { PAGE_BYTES, distModule } from './library.js';

/** Offsets, and what else a witness knows; each an i32 of the file, in this order. */
const WORDS = [
  /** End of the records whose append has returned, and the end if the call at hand happens. */
  'appended',
  'intended',
  'committed',
  'flushed',
  /** Start of the log by the last `dropBefore` that returned, and as the one at hand may make it. */
  'start',
  'intendedStart',
  /** The writer, in order of their births. */
  'life',
  /** The log is known to exist: an opening has returned. */
  'exists',
  /** Crash points passed, and the last one. */
  'steps',
  'site',
  /** A process that was told to write has begun. */
  'begun',
] as const;

export type WitnessWord = (typeof WORDS)[number];
export type Testimony = Readonly<Record<WitnessWord, number>>;

const AT = Object.fromEntries(WORDS.map((word, at) => [word, at])) as Record<WitnessWord, number>;

export function createWitness(path: string): void {
  writeFileSync(path, new Uint8Array(PAGE_BYTES));
}

export function readWitness(path: string): Testimony {
  const bytes = readFileSync(path);
  const entries = WORDS.map((word, at) => [word, bytes.readInt32LE(at * 4)]);
  return Object.fromEntries(entries) as Testimony;
}

export function changeWitness(path: string, change: Partial<Testimony>): void {
  const fd = openSync(path, 'r+');
  try {
    for (const [word, value] of Object.entries(change)) {
      writeSync(fd, Int32Array.of(value), 0, 4, AT[word as WitnessWord] * 4);
    }
  } finally {
    closeSync(fd);
  }
}

/** The end of the log is known to be there, whatever was at hand: a recovery has said so. */
export function settledAt(end: number, start: number): Partial<Testimony> {
  return { appended: end, intended: end, committed: end, start, intendedStart: start, exists: 1 };
}

/** Of the process that writes. */
export class Witness {
  readonly #words: Int32Array;

  private constructor(words: Int32Array) {
    this.#words = words;
  }

  static async map(path: string): Promise<Witness> {
    const { mmap, viewMemory } = await distModule<typeof Native>('mapping/native.js');
    const fd = openSync(path, 'r+');
    try {
      return new Witness(new Int32Array(viewMemory(mmap(fd, PAGE_BYTES, true, path), PAGE_BYTES)));
    } finally {
      closeSync(fd);
    }
  }

  get(word: WitnessWord): number {
    return Atomics.load(this.#words, AT[word]);
  }

  set(word: WitnessWord, value: number): void {
    Atomics.store(this.#words, AT[word], value);
  }

  /** An opening has returned: what was at hand when the last writer died has happened or not. */
  settle({ nextOffset, committedOffset, startOffset }: Appender): void {
    const allowed = [this.get('appended'), this.get('intended')];
    if (!allowed.includes(nextOffset)) {
      throw new Error(`Recovered ${nextOffset} records; the witness says ${allowed.join(' or ')}`);
    }
    // First what is intended: at no moment may the witness exclude what is there.
    this.set('intended', nextOffset);
    this.set('appended', nextOffset);
    this.set('committed', committedOffset);
    this.set('intendedStart', startOffset);
    this.set('start', startOffset);
    this.set('exists', 1);
  }

  /** An append of so many records is about to be tried. */
  intend(end: number): void {
    this.set('intended', end);
  }

  /** A call has returned. */
  acknowledge({ nextOffset, committedOffset, flushedOffset }: Appender): void {
    this.set('appended', nextOffset);
    this.set('committed', committedOffset);
    this.set('flushed', flushedOffset);
  }
}
