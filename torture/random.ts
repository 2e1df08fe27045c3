/** Choices that can be made again: the same numbers for the same seed. */

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of a round: rounds of neighbouring numbers have nothing in common. */
export function roundSeed(seed: number, round: number): number {
  let mixed = (seed ^ Math.imul(round + 1, 0x9e3779b1)) | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** A whole number from 0 to `n`, exclusive. */
export function below(random: () => number, n: number): number {
  return Math.floor(random() * n);
}

export function pick<T>(random: () => number, choices: readonly T[]): T {
  return choices[below(random, choices.length)] as T;
}
