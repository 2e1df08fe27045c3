/**
 * Quantiles with a relative error of at most 1 %, of any number of values, mergeable: DDSketch (Masson,
 * Rim, Lee 2019, https://arxiv.org/abs/1908.10693) as Datadog's package has it.
 *
 * Used of it are adding and looking up. Its own `merge` leaves out negative values and is wrong about the
 * key 0, and its serialisation needs a package that it does not bring; so sketches travel as bins, and
 * are merged by adding bins.
 */
import sketches from '@datadog/sketches-js';

export const RELATIVE_ACCURACY = 0.01;

type Sketch = InstanceType<typeof sketches.DDSketch>;
type Store = Sketch['store'];

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
  readonly #finite: Sketch = new sketches.DDSketch({ relativeAccuracy: RELATIVE_ACCURACY });
  #minusInfinities = 0;
  #infinities = 0;

  /** Takes a value; not a number is no value. */
  add(value: number): void {
    if (value - value === 0) this.#finite.accept(value);
    else if (value === Infinity) this.#infinities++;
    else if (value === -Infinity) this.#minusInfinities++;
  }

  /** The value below which the share `at` of all values lies; `undefined` if there are none. */
  quantile(at: number): number | undefined {
    const { count } = this.#finite;
    const total = this.#minusInfinities + count + this.#infinities;
    if (total === 0) return undefined;
    const rank = at * (total - 1) - this.#minusInfinities;
    if (rank < 0) return -Infinity;
    if (rank > count - 1) return this.#infinities > 0 ? Infinity : this.#finite.max;
    return this.#finite.getValueAtQuantile(count === 1 ? 0 : rank / (count - 1));
  }

  state(): SketchState {
    return {
      positive: binsOf(this.#finite.store),
      negative: binsOf(this.#finite.negativeStore),
      zeros: this.#finite.zeroCount,
      minusInfinities: this.#minusInfinities,
      infinities: this.#infinities,
    };
  }

  absorb({ positive, negative, zeros, minusInfinities, infinities }: SketchState): void {
    const finite = this.#finite;
    finite.count += addBins(finite.store, positive) + addBins(finite.negativeStore, negative);
    finite.zeroCount += zeros;
    finite.count += zeros;
    this.#minusInfinities += minusInfinities;
    this.#infinities += infinities;
  }
}

function binsOf({ bins, offset }: Store): Bins {
  const first = bins.findIndex((count) => count > 0);
  if (first < 0) return { firstKey: 0, counts: new Float64Array(0) };
  const last = bins.findLastIndex((count) => count > 0);
  return { firstKey: offset + first, counts: Float64Array.from(bins.slice(first, last + 1)) };
}

function addBins(store: Store, { firstKey, counts }: Bins): number {
  let total = 0;
  counts.forEach((count, i) => {
    if (count === 0) return;
    store.add(firstKey + i, count);
    total += count;
  });
  return total;
}
