import { describe, expect, it } from 'vitest';
import {
  NO_NUMBER,
  OUT_OF_RANGE,
  scanDecimal,
  scanInteger,
} from '../../src/capture/formats/decimal.js';
import { timeOf } from '../../src/capture/formats/time-text.js';

const bytes = Buffer.alloc(4096, ';');
const numbers = new Float64Array(1);
const values: unknown[] = [undefined];
const isValue = new Uint8Array(1);

function put(text: string): void {
  bytes[bytes.write(text, 0, 'latin1')] = 59;
}

/** What is read of a text, if it is read to its end. */
function decimal(text: string): number | string {
  put(text);
  const end = scanDecimal(bytes, 0, numbers, 0);
  return end === text.length ? (numbers[0] as number) : `ends at ${end}`;
}

function integer(text: string, isUnsigned: boolean): bigint | string {
  put(text);
  const end = scanInteger(bytes, 0, numbers, values, isValue, 0, isUnsigned);
  if (end === OUT_OF_RANGE) return 'out of range';
  if (end !== text.length) return `ends at ${end}`;
  return isValue[0] === 1 ? (values[0] as bigint) : BigInt(numbers[0] as number);
}

/** xorshift32 */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  word(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }
  below(bound: number): number {
    return this.word() % bound;
  }
  digits(count: number): string {
    return Array.from({ length: count }, () => this.below(10)).join('');
  }
}

const SEED = (Date.now() | 1) >>> 0;
const ROUNDS = 100_000;

describe(`numbers from bytes (seed ${SEED})`, () => {
  const random = new Random(SEED);
  const double = new Float64Array(1);
  const words = new Uint32Array(double.buffer);

  function anyDouble(): number {
    do [words[0], words[1]] = [random.word(), random.word()];
    while (!Number.isFinite(double[0]));
    return double[0] as number;
  }

  function check(make: () => string): void {
    for (let i = 0; i < ROUNDS; i++) {
      const text = make();
      const found = decimal(text);
      if (!Object.is(found, Number(text)))
        expect({ text, found }).toEqual({ text, found: Number(text) });
    }
  }

  it.each<[string, () => string]>([
    ['doubles as they print', () => String(anyDouble())],
    ['doubles of 17 digits', () => anyDouble().toPrecision(17)],
    ['doubles with too many digits', () => anyDouble().toPrecision(18 + random.below(10))],
    ['fractions between 0 and 1', () => String(random.word() / 2 ** 32 + random.word() / 2 ** 64)],
    ['prices', () => (random.below(1e9) / 1000).toFixed(random.below(6))],
    [
      'up to 25 digits on each side of the point',
      () => `-${random.digits(1 + random.below(25))}.${random.digits(random.below(25))}`,
    ],
    ['small exponents', () => `${random.digits(1 + random.below(19))}e${random.below(60) - 30}`],
    ['all exponents', () => `${random.digits(1 + random.below(19))}E+${random.below(330)}`],
    [
      'tiny ones, and none at all',
      () => `${random.digits(1 + random.below(19))}e-${random.below(360)}`,
    ],
    [
      'halves between two doubles',
      () =>
        String((BigInt(random.word()) << 22n) + (1n << 54n) + 1n + 2n * BigInt(random.below(2))),
    ],
    [
      'near halves',
      () =>
        `${(BigInt(random.word()) << 22n) + (1n << 54n) + 1n}.${random.below(2) === 0 ? '0' : `${'0'.repeat(random.below(4))}1`}`,
    ],
    [
      'halves, scaled',
      () => `${(BigInt(random.word()) << 21n) + (1n << 53n)}5e-${random.below(3)}`,
    ],
  ])('are exactly what Number makes of the text: %s', (_, make) => check(make));

  it.each([
    '0',
    '-0',
    '+1',
    '.5',
    '5.',
    '-.5',
    '00012',
    '0e0',
    '-0e-999999999',
    '1e999999999999',
    '1e-99999999999999',
    '9007199254740993',
    '9007199254740992',
    '9007199254740991',
    '1.7976931348623159e308',
    '4.9e-324',
    '2.4e-324',
    '123456789',
    '1234567890',
    '123456789012345678',
    '1234567890123456789',
    '0.000000000000000000000000001',
    `1${'0'.repeat(400)}`,
    `0.${'0'.repeat(400)}1`,
    '1e22',
    '1e23',
    '9007199254740993e22',
    '8.5e-22',
  ])('are what Number makes of %s', (text) => {
    expect(decimal(text)).toBe(Number(text));
  });

  it.each(['', '-', '+', '.', '-.', 'e5', '1e', '1e+', '.e1', 'abc', 'NaN', 'Infinity', '--1'])(
    'are not found in %j',
    (text) => {
      put(text);
      expect(scanDecimal(bytes, 0, numbers, 0)).toBe(NO_NUMBER);
    },
  );

  it('end where something else begins', () => {
    expect(decimal('0x10')).toBe('ends at 1');
    expect(decimal('1_000')).toBe('ends at 1');
    expect(decimal('1.2.3')).toBe('ends at 3');
    expect(decimal('1 ')).toBe('ends at 1');
  });

  it('as integers are exact in 64 bits, with a sign and without', () => {
    for (let i = 0; i < ROUNDS; i++) {
      const isUnsigned = random.below(2) === 0;
      const limit = isUnsigned ? 2n ** 64n : 2n ** 63n;
      const near = limit + BigInt(random.below(7) - 3);
      const text = `${random.below(2) === 0 ? '-' : ''}${random.below(4) === 0 ? near : random.digits(1 + random.below(22))}`;
      const value = BigInt(text);
      const fits = (isUnsigned ? BigInt.asUintN(64, value) : BigInt.asIntN(64, value)) === value;
      const found = integer(text, isUnsigned);
      if (found !== (fits ? value : 'out of range'))
        expect({ text, isUnsigned, found }).toEqual({});
    }
  });

  it('are no bigint as long as they are safe', () => {
    for (const text of [
      '9007199254740991',
      '-9007199254740991',
      '000000000000000000000000000042',
    ]) {
      expect(integer(text, false)).toBe(BigInt(text));
      expect(isValue[0]).toBe(0);
    }
    expect(integer('9007199254740992', false)).toBe(2n ** 53n);
    expect(isValue[0]).toBe(1);
  });
});

describe('times from bytes', () => {
  const time = (text: string, unitNs = 1): bigint | number | undefined => {
    const content = Buffer.from(`${text};`);
    return timeOf(content, 0, content.length - 1, unitNs);
  };

  it('are those of Date, on every day of four centuries', () => {
    for (let ms = Date.UTC(1700, 0, 1); ms < Date.UTC(2200, 0, 1); ms += 86_400_000) {
      const text = new Date(ms).toISOString().slice(0, 10);
      if (time(text) !== BigInt(ms) * 1_000_000n) expect(`${text}: ${time(text)}`).toBe('');
    }
  });

  it('are exact in microseconds past 2^53, too', () => {
    expect(time('2262-01-30T12:01:30.193423Z', 1000)).toBe(9_217_195_290_193_423n);
    expect(time('1678-01-01T00:00:00.000001Z', 1000)).toBe(-9_214_560_000_000_000n + 1n);
    expect(time('2200-01-01T00:00:00.000001Z', 1000)).toBe(7_258_118_400_000_001);
  });

  it.each<[string, bigint]>([
    ['1970-01-01', 0n],
    ['2026-01-31T12:00', 1_769_860_800_000_000_000n],
    ['2026-01-31 12:00:30', 1_769_860_830_000_000_000n],
    ['2026-01-31T12:00:30.5Z', 1_769_860_830_500_000_000n],
    ['2026-01-31t12:00:30.123456789z', 1_769_860_830_123_456_789n],
    ['2026-01-31T12:00:30,000000001', 1_769_860_830_000_000_001n],
    ['2026-01-31T12:00:30.1234567890000', 1_769_860_830_123_456_789n],
    ['2026-01-31T14:00:30+02:00', 1_769_860_830_000_000_000n],
    ['2026-01-31T09:30:30-0230', 1_769_860_830_000_000_000n],
    ['2026-01-31T14:00+02', 1_769_860_800_000_000_000n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['1969-12-31', -86_400_000_000_000n],
    ['2024-02-29', 1_709_164_800_000_000_000n],
  ])('take %s to the nanosecond', (text, ns) => {
    expect(time(text)).toBe(ns);
  });

  it('cut off what is finer than the unit', () => {
    expect(time('1970-01-02T00:00:00.0019', 1e6)).toBe(86_400_001);
    expect(time('1969-12-31T23:59:59.5', 1e9)).toBe(-1);
  });

  it.each([
    '',
    '2026',
    '2026-01',
    '2026-1-31',
    '2026-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-01-00',
    '2026-01-31T',
    '2026-01-31T24:00',
    '2026-01-31T12',
    '2026-01-31T12:60',
    '2026-01-31T12:00:60',
    '2026-01-31T12:00:',
    '2026-01-31T12:00:30.',
    '2026-01-31T12:00Zz',
    '2026-01-31T12:00+',
    '2026-01-31T12:00+1',
    '2026-01-31T12:00+25:00',
    '2026-01-31x12:00',
    '2026/01/31',
    '1500-01-01',
    '2300-01-01',
    '2026-01-31T12:00:30.1234567891',
    '20260131',
  ])('are not found in %j', (text) => {
    expect(time(text)).toBeUndefined();
  });
});
