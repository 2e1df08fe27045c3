import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { QuantileSketch, RELATIVE_ACCURACY } from '../../src/query/sketch.js';

function addTo(sketch: QuantileSketch, value: number): void {
  const [low, high] = new Int32Array(Float64Array.of(value).buffer);
  sketch.add(high as number, low as number);
}

/** The value of the rank that a quantile asks for: those of the sketch lie at or between neighbours. */
function exactly(sorted: readonly number[], at: number): [low: number, high: number] {
  const rank = at * (sorted.length - 1);
  return [sorted[Math.floor(rank)] as number, sorted[Math.ceil(rank)] as number];
}

/** What is nearer to 0 than 2^-1022 counts as 0. */
function slack(value: number): number {
  return Number.isFinite(value) ? RELATIVE_ACCURACY * Math.abs(value) + 2 ** -1022 : 0;
}

function isWithin(found: number, [low, high]: readonly [number, number]): boolean {
  return found >= low - slack(low) && found <= high + slack(high);
}

const value = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(Infinity, -Infinity, 1e-9, -1e-9, 1, 1.01, 0.99),
);

describe('a sketch', () => {
  it('is within its accuracy however its values were parted, merged and sent', () => {
    const parts = fc.array(fc.array(value, { maxLength: 60 }), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(parts, fc.double({ min: 0, max: 1, noNaN: true }), (lists, at) => {
        const whole = new QuantileSketch();
        for (const list of lists) {
          const part = new QuantileSketch();
          for (const each of list) addTo(part, each);
          whole.absorb(structuredClone(part.state()));
        }
        const sorted = lists.flat().toSorted((a, b) => a - b);
        const found = whole.quantile(at);
        if (sorted.length === 0) expect(found).toBeUndefined();
        else expect(found).toSatisfy((x: number) => isWithin(x, exactly(sorted, at)));
      }),
      { numRuns: 150 },
    );
  });

  it('takes no notice of what is not a number', () => {
    const sketch = new QuantileSketch();
    addTo(sketch, NaN);
    expect(sketch.quantile(0.5)).toBeUndefined();
    addTo(sketch, 7);
    expect(sketch.quantile(0.5)).toBe(7);
  });

  it('is exact where 8 significant bits are enough, and gives integers for integers', () => {
    const integers = fc.array(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), { minLength: 1 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(integers, share, (values, at) => {
        const sketch = new QuantileSketch();
        for (const each of values) addTo(sketch, each);
        const rank = Math.floor(at * (values.length - 1));
        const exact = values.toSorted((a, b) => a - b)[rank] as number;
        const found = sketch.quantile(at) as number;
        expect(Number.isInteger(found)).toBe(true);
        if (Math.abs(exact) <= 256) expect(found).toBe(exact + 0);
      }),
    );
  });

  it('holds values of every size', () => {
    const sizes = [-1.7e308, -1, -2.3e-308, 0, 5e-324, 2.3e-308, 1, 1.7e308];
    const sketch = new QuantileSketch();
    for (const each of sizes) addTo(sketch, each);
    sizes.forEach((size, i) => {
      const found = sketch.quantile(i / (sizes.length - 1)) as number;
      expect(Math.abs(found - size)).toBeLessThanOrEqual(slack(size));
    });
  });
});
