/**
 * Quantiles of any number of values with a relative error below 1 %, mergeable: a DDSketch (Masson, Rim,
 * Lee 2019, https://arxiv.org/abs/1908.10693) whose buckets are those that the bits of a double make:
 * exponent and the first 7 bits of the mantissa, the paper's "linear interpolation". So the bucket of a
 * value is a shift, and no logarithm.
 *
 * A bucket stands for the value at its end nearer to 0: the error is less than 1/128 of the value and
 * towards 0, and there is none where 8 significant bits are enough, as for integers up to 256. Quantiles of
 * integers are integers.
 */

export const RELATIVE_ACCURACY = 1 / 128;

const EXPONENT_MASK = 0x7ff0_0000;
/** From the high word of a double to its bucket: sign taken off, 7 of 20 bits of the mantissa kept. */
const KEY_SHIFT = 13;
/** Buckets are made for as many values as lie between a number and its double. */
const OCTAVE = 128;

/** A sketch as plain data. */
export interface SketchState {
  readonly positive: Bins;
  readonly negative: Bins;
  readonly zeros: number;
  readonly minusInfinities: number;
  readonly infinities: number;
}

interface Bins {
  readonly firstKey: number;
  readonly counts: Float64Array;
}

export class QuantileSketch {
  readonly #positive = new Store();
  readonly #negative = new Store();
  #zeros = 0;
  #minusInfinities = 0;
  #infinities = 0;

  /** Takes a double by its words. What is not a number is no value, and less than 2^-1022 is 0. */
  add(high: number, low: number): void {
    const exponent = high & EXPONENT_MASK;
    if (exponent === 0) this.#zeros++;
    else if (exponent === EXPONENT_MASK) this.#addSpecial(high, low);
    else if (high < 0) this.#negative.add((high & 0x7fff_ffff) >>> KEY_SHIFT, 1);
    else this.#positive.add(high >>> KEY_SHIFT, 1);
  }

  /** Takes doubles by the rows in which they stand, as pairs of words. */
  addRows(doubles: Int32Array, rows: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      this.add(doubles[2 * row + 1] as number, doubles[2 * row] as number);
    }
  }

  /** The value below which the share `at` of all values lies; `undefined` if there are none. */
  quantile(at: number): number | undefined {
    const negatives = this.#negative.total();
    const positives = this.#positive.total();
    const total = this.#minusInfinities + negatives + this.#zeros + positives + this.#infinities;
    if (total === 0) return undefined;
    let rank = Math.floor(at * (total - 1)) - this.#minusInfinities;
    if (rank < 0) return -Infinity;
    if (rank < negatives) return -this.#negative.valueAt(negatives - 1 - rank);
    rank -= negatives;
    if (rank < this.#zeros) return 0;
    rank -= this.#zeros;
    return rank < positives ? this.#positive.valueAt(rank) : Infinity;
  }

  state(): SketchState {
    return {
      positive: this.#positive.state(),
      negative: this.#negative.state(),
      zeros: this.#zeros,
      minusInfinities: this.#minusInfinities,
      infinities: this.#infinities,
    };
  }

  absorb({ positive, negative, zeros, minusInfinities, infinities }: SketchState): void {
    this.#positive.absorb(positive);
    this.#negative.absorb(negative);
    this.#zeros += zeros;
    this.#minusInfinities += minusInfinities;
    this.#infinities += infinities;
  }

  #addSpecial(high: number, low: number): void {
    if (low !== 0 || (high & 0xf_ffff) !== 0) return;
    if (high < 0) this.#minusInfinities++;
    else this.#infinities++;
  }
}

/** Counts of buckets of one sign, from the first that is used to the last. */
class Store {
  #firstKey = 0;
  #counts = new Float64Array(0);

  add(key: number, count: number): void {
    let at = key - this.#firstKey;
    if (at >>> 0 >= this.#counts.length) at = this.#reach(key);
    this.#counts[at] = (this.#counts[at] as number) + count;
  }

  total(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** The value with so many before it, by magnitude. */
  valueAt(rank: number): number {
    let before = 0;
    const at = this.#counts.findIndex((count) => (before += count) > rank);
    return valueOf(this.#firstKey + at);
  }

  state(): Bins {
    const counts = this.#counts;
    const first = counts.findIndex((count) => count > 0);
    if (first < 0) return { firstKey: 0, counts: new Float64Array(0) };
    const last = counts.findLastIndex((count) => count > 0);
    return { firstKey: this.#firstKey + first, counts: counts.slice(first, last + 1) };
  }

  absorb({ firstKey, counts }: Bins): void {
    counts.forEach((count, i) => {
      if (count > 0) this.add(firstKey + i, count);
    });
  }

  /** Makes room for a bucket, in whole octaves; returns where it is. */
  #reach(key: number): number {
    const from = key - (key % OCTAVE);
    const held = this.#counts;
    const isEmpty = held.length === 0;
    const first = isEmpty ? from : Math.min(from, this.#firstKey);
    const end = isEmpty ? from + OCTAVE : Math.max(from + OCTAVE, this.#firstKey + held.length);
    const larger = new Float64Array(end - first);
    larger.set(held, isEmpty ? 0 : this.#firstKey - first);
    this.#counts = larger;
    this.#firstKey = first;
    return key - first;
  }
}

const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

/** Where a bucket begins. */
function valueOf(key: number): number {
  words[1] = key << KEY_SHIFT;
  return double[0] as number;
}
