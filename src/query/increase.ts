import type { Accumulator, Selection } from './accumulators.js';
import type { BatchColumn } from './batch.js';

/** Of each group: whether it has a value, how much it has grown, its first and its last value. */
const STRIDE = 6;
const SEEN = 0;
const GROWN = 1;
const FIRST = 2;
const LAST = 4;
const TWO_32 = 2 ** 32;

/**
 * How much a counter has grown, in the order of the log: what each value is more than the one before. One
 * that is less is taken for a reset to 0, and counts whole, as Prometheus has it.
 *
 * Values are held as pairs of high and low word, numbers as low word alone: so differences of 64-bit
 * integers are exact before they are rounded, and a pair is less than another exactly if the difference
 * is negative.
 */
export class Increase implements Accumulator {
  #groups = new Float64Array(16 * STRIDE);

  reserve(groups: number): void {
    if (groups * STRIDE <= this.#groups.length) return;
    const larger = new Float64Array(Math.max(groups * STRIDE, 2 * this.#groups.length));
    larger.set(this.#groups);
    this.#groups = larger;
  }

  add({ rows, groups, count }: Selection, column?: BatchColumn): void {
    if (column === undefined || column.kind === 'string') return;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      const at = (groups[i] as number) * STRIDE;
      if (column.kind === 'number') {
        const value = column.numbers[row] as number;
        // What is infinite, or no number, has no distance from anything.
        if (value - value === 0) this.#take(at, 0, value);
      } else {
        const high = column.words[2 * row + 1] as number;
        const low = (column.words[2 * row] as number) >>> 0;
        this.#take(at, column.kind === 'int64' ? high : high >>> 0, low);
      }
    }
  }

  state(groups: number): Float64Array {
    return this.#groups.slice(0, groups * STRIDE);
  }

  absorb(state: Float64Array, to: Uint32Array): void {
    const groups = this.#groups;
    to.forEach((group, g) => {
      const from = g * STRIDE;
      if (state[from + SEEN] === 0) return;
      const at = group * STRIDE;
      this.#take(at, state[from + FIRST] as number, state[from + FIRST + 1] as number);
      groups[at + GROWN] = (groups[at + GROWN] as number) + (state[from + GROWN] as number);
      groups[at + LAST] = state[from + LAST] as number;
      groups[at + LAST + 1] = state[from + LAST + 1] as number;
    });
  }

  /** Of one value alone 0. */
  result(group: number): number | null {
    const at = group * STRIDE;
    return this.#groups[at + SEEN] === 1 ? (this.#groups[at + GROWN] as number) : null;
  }

  #take(at: number, high: number, low: number): void {
    const groups = this.#groups;
    if (groups[at + SEEN] === 0) {
      groups[at + SEEN] = 1;
      groups[at + FIRST] = high;
      groups[at + FIRST + 1] = low;
    } else {
      const more =
        (high - (groups[at + LAST] as number)) * TWO_32 + (low - (groups[at + LAST + 1] as number));
      groups[at + GROWN] = (groups[at + GROWN] as number) + (more < 0 ? high * TWO_32 + low : more);
    }
    groups[at + LAST] = high;
    groups[at + LAST + 1] = low;
  }
}
