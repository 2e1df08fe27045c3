/** What the functions in `fixtures/process-functions.mjs` have noted. */
const NOTE_WORDS = 4;

export interface Handled {
  readonly offset: number;
  readonly byte: number;
  readonly index: number;
}

export interface Call {
  readonly index: number;
  readonly from: number;
  readonly to: number;
}

export class Trace {
  /** To be given to the functions. */
  readonly words: Int32Array;

  constructor(notes = 100_000) {
    this.words = new Int32Array(new SharedArrayBuffer(4 * (1 + notes * NOTE_WORDS)));
  }

  /** Records, in the order in which they were handled. */
  get handled(): Handled[] {
    return this.#notes(1).map(([offset, byte, index]) => ({ offset, byte, index }));
  }

  get offsets(): number[] {
    return this.handled.map(({ offset }) => offset);
  }

  get sorted(): number[] {
    return [...this.offsets].sort((a, b) => a - b);
  }

  /** Calls of the function, in the order in which they began. */
  get calls(): Call[] {
    return this.#notes(2).map(([index, from, to]) => ({ index, from, to }));
  }

  #notes(kind: number): [number, number, number][] {
    const count = Atomics.load(this.words, 0);
    const notes = Array.from({ length: count }, (_, i) => {
      const at = 1 + i * NOTE_WORDS;
      return [...this.words.subarray(at, at + NOTE_WORDS)] as [number, number, number, number];
    });
    return notes.filter(([found]) => found === kind).map(([, a, b, c]) => [a, b, c]);
  }
}

/** A word that threads wait for. */
export class Gate {
  readonly words = new Int32Array(new SharedArrayBuffer(4));

  open(): void {
    Atomics.store(this.words, 0, 1);
    Atomics.notify(this.words, 0);
  }
}
