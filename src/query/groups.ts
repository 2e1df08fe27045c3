/** Numbers the groups that rows belong to: 0, 1, 2 … in the order in which they are first met. */
import type { StringColumn } from '../events/columns.js';
import {
  integerAt,
  numberAt,
  type Batch,
  type BatchColumn,
  type IntegerColumn,
  type NumberColumn,
  type TextColumn,
} from './batch.js';

/** A value that groups are made by; `null` where an event has none. */
export type Key = number | bigint | string | null;

/** By what to group. Plain data. */
export interface KeyPlan {
  readonly column: number;
  /** Width of buckets of a number, each named by where it begins. */
  readonly every: number | bigint | undefined;
  /** How much more each bucket's upper end is than its lower one, on both sides of 0. */
  readonly growth: number | undefined;
}

/** So many groups at most: they are held in memory, and two of their numbers fit into a double. */
export const MAX_GROUPS = 2 ** 24;

/** Small integers are looked up in a table. */
const TABLE_SIZE = 4096;

export class Groups {
  readonly #plans: readonly KeyPlan[];
  readonly #dictionaries: Dictionary[];
  /** For each key but the first: groups by the keys up to it. */
  readonly #pairings: Pairing[];

  constructor(plans: readonly KeyPlan[]) {
    this.#plans = plans;
    this.#dictionaries = plans.map((plan) => new Dictionary(plan));
    this.#pairings = plans.slice(1).map(() => new Pairing());
  }

  /** Without keys there is one group, of everything. */
  get count(): number {
    if (this.#plans.length === 0) return 1;
    return (this.#pairings.at(-1) ?? (this.#dictionaries[0] as Dictionary)).count;
  }

  /**
   * Fills `groups` with the group of each of the rows.
   * @throws {RangeError} more groups than can be held
   */
  assign(batch: Batch, rows: Uint32Array, count: number, groups: Uint32Array): void {
    if (this.#plans.length === 0) groups.fill(0, 0, count);
    this.#plans.forEach(({ column }, i) => {
      const codes = i === 0 ? groups : new Uint32Array(count);
      const dictionary = this.#dictionaries[i] as Dictionary;
      dictionary.encode(batch.columns[column] as BatchColumn, rows, count, codes);
      if (i > 0) (this.#pairings[i - 1] as Pairing).combine(groups, codes, count);
    });
  }

  /** The group with these keys; a new one, if there was none. */
  groupOf(keys: readonly Key[]): number {
    let group = 0;
    keys.forEach((key, i) => {
      const code = (this.#dictionaries[i] as Dictionary).codeOf(key);
      group = i === 0 ? code : (this.#pairings[i - 1] as Pairing).pair(group, code);
    });
    return group;
  }

  keysOf(group: number): Key[] {
    const keys: Key[] = [];
    let rest = group;
    for (let i = this.#plans.length - 1; i >= 0; i--) {
      const pairing = i === 0 ? undefined : this.#pairings[i - 1];
      const code = pairing === undefined ? rest : pairing.codeOf(rest);
      keys.unshift((this.#dictionaries[i] as Dictionary).keyOf(code));
      if (pairing !== undefined) rest = pairing.parentOf(rest);
    }
    return keys;
  }
}

/** Numbers pairs of a group and a code. */
class Pairing {
  readonly #numbers = new Map<number, number>();
  readonly #parents: number[] = [];
  readonly #codes: number[] = [];

  get count(): number {
    return this.#parents.length;
  }

  /** Replaces each group by that of the pair. */
  combine(groups: Uint32Array, codes: Uint32Array, count: number): void {
    for (let i = 0; i < count; i++) groups[i] = this.pair(groups[i] as number, codes[i] as number);
  }

  pair(group: number, code: number): number {
    const both = group * MAX_GROUPS + code;
    let number = this.#numbers.get(both);
    if (number === undefined) {
      number = this.#parents.length;
      checkCount(number);
      this.#numbers.set(both, number);
      this.#parents.push(group);
      this.#codes.push(code);
    }
    return number;
  }

  parentOf(number: number): number {
    return this.#parents[number] as number;
  }

  codeOf(number: number): number {
    return this.#codes[number] as number;
  }
}

/** Codes for the values of one key. */
class Dictionary {
  readonly #every: number | bigint | undefined;
  readonly #growing: GrowingBuckets | undefined;
  readonly #codes = new Map<Key, number>();
  readonly #keys: Key[] = [];
  /** Codes of the integers from 0 on, plus 1. */
  readonly #table = new Uint32Array(TABLE_SIZE);

  constructor({ every, growth }: KeyPlan) {
    this.#every = every;
    if (growth !== undefined) this.#growing = new GrowingBuckets(growth);
  }

  get count(): number {
    return this.#keys.length;
  }

  encode(column: BatchColumn, rows: Uint32Array, count: number, codes: Uint32Array): void {
    if (column.kind !== 'string' && this.#growing !== undefined) {
      this.#encodeGrowing(this.#growing, column, rows, count, codes);
    } else if (column.kind === 'number') this.#encodeNumbers(column, rows, count, codes);
    else if (column.kind === 'string') this.#encodeStrings(column, rows, count, codes);
    else this.#encodeIntegers(column, rows, count, codes);
  }

  codeOf(key: Key): number {
    let code = this.#codes.get(key);
    if (code === undefined) {
      code = this.#keys.length;
      checkCount(code);
      this.#codes.set(key, code);
      this.#keys.push(key);
    }
    return code;
  }

  keyOf(code: number): Key {
    return this.#keys[code] as Key;
  }

  #encodeNumbers(column: NumberColumn, rows: Uint32Array, count: number, codes: Uint32Array): void {
    const { numbers, nulls } = column;
    const buckets = this.#every === undefined ? undefined : new EqualBuckets(Number(this.#every));
    let previous = NaN;
    let code = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      if (nulls !== undefined && nulls[row] === 1) {
        codes[i] = this.codeOf(null);
        continue;
      }
      const value = numbers[row] as number;
      const key = buckets === undefined ? value : buckets.lowerEnd(value);
      // Neighbours share a bucket more often than not; what is not a number equals nothing.
      if (key !== previous) {
        code = this.#codeOfNumber(key);
        previous = key;
      }
      codes[i] = code;
    }
  }

  #encodeGrowing(
    buckets: GrowingBuckets,
    column: NumberColumn | IntegerColumn,
    rows: Uint32Array,
    count: number,
    codes: Uint32Array,
  ): void {
    const { nulls } = column;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      const isNull = nulls !== undefined && nulls[row] === 1;
      codes[i] = isNull ? this.codeOf(null) : this.#codeIn(buckets, numberAt(column, row));
    }
  }

  #codeIn(buckets: GrowingBuckets, value: number): number {
    const bucket = buckets.bucketOf(value);
    if (bucket.code < 0) bucket.code = this.codeOf(bucket.key);
    return bucket.code;
  }

  #codeOfNumber(value: number): number {
    const index = value >>> 0;
    if (index !== value || index >= TABLE_SIZE) return this.codeOf(value);
    const held = this.#table[index] as number;
    if (held !== 0) return held - 1;
    // Not -0, which is the same.
    const code = this.codeOf(index);
    this.#table[index] = code + 1;
    return code;
  }

  /** Neighbours are alike more often than not, above all in buckets of time. */
  #encodeIntegers(
    column: IntegerColumn,
    rows: Uint32Array,
    count: number,
    codes: Uint32Array,
  ): void {
    const bucket = this.#every === undefined ? undefined : new Bucket(column, this.#every);
    const { nulls } = column;
    let previous = -1;
    let code = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      if (nulls !== undefined && nulls[row] === 1) {
        codes[i] = this.codeOf(null);
        continue;
      }
      const isSame =
        bucket === undefined ? previous >= 0 && areEqual(column, previous, row) : bucket.holds(row);
      if (!isSame) {
        code = this.codeOf(bucket === undefined ? integerAt(column, row) : bucket.move(row));
      }
      previous = row;
      codes[i] = code;
    }
  }

  /** Decodes only where a string differs from the one before. */
  #encodeStrings(column: TextColumn, rows: Uint32Array, count: number, codes: Uint32Array): void {
    const { text, nulls } = column;
    let previous = -1;
    let code = 0;
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      if (nulls !== undefined && nulls[row] === 1) {
        codes[i] = this.codeOf(null);
        continue;
      }
      if (previous < 0 || !areTextsEqual(text, previous, row)) {
        code = this.codeOf(text.at(row) as string);
      }
      previous = row;
      codes[i] = code;
    }
  }
}

/** Buckets of doubles, all of one width. */
class EqualBuckets {
  readonly #every: number;
  /** How many make 1; 0: no whole number of them. */
  readonly #inOne: number;

  constructor(every: number) {
    this.#every = every;
    const inOne = Math.round(1 / every);
    this.#inOne = every < 1 && 1 / inOne === every ? inOne : 0;
  }

  /** The quotient is rounded (0.3 / 0.1 is less than 3), so the ends themselves decide. */
  lowerEnd(value: number): number {
    const step = Math.floor(value / this.#every);
    const end = this.#end(step);
    if (end > value) return this.#end(step - 1);
    const next = this.#end(step + 1);
    return next <= value ? next : end;
  }

  /** By a division where that is exact: 3 × 0.1 is not 0.3, but 3 / 10 is. */
  #end(step: number): number {
    return this.#inOne === 0 ? step * this.#every : step / this.#inOne;
  }
}

interface GrowingBucket {
  /** Ends of its magnitudes: from included, to excluded. */
  readonly from: number;
  readonly to: number;
  /** Its lower end. */
  readonly key: number;
  /** -1: none yet. */
  code: number;
}

/** Buckets whose ends are powers of a number. Each is made when it is first met. */
class GrowingBuckets {
  readonly #growth: number;
  readonly #scale: number;
  readonly #buckets = new Map<number, GrowingBucket>();
  /** Of what has no logarithm. */
  readonly #others = new Map<number, GrowingBucket>();

  constructor(growth: number) {
    this.#growth = growth;
    this.#scale = 1 / Math.log(growth);
  }

  bucketOf(value: number): GrowingBucket {
    if (value === 0 || value - value !== 0) return this.#other(value);
    const magnitude = Math.abs(value);
    const isNegative = value < 0;
    // The logarithm is rounded, so the power itself decides.
    const step = Math.floor(Math.log(magnitude) * this.#scale);
    const bucket = this.#bucket(step, isNegative);
    if (magnitude < bucket.from) return this.#bucket(step - 1, isNegative);
    return magnitude < bucket.to ? bucket : this.#bucket(step + 1, isNegative);
  }

  #bucket(step: number, isNegative: boolean): GrowingBucket {
    const number = 2 * step + (isNegative ? 1 : 0);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      const [from, to] = [this.#growth ** step, this.#growth ** (step + 1)];
      bucket = { from, to, key: isNegative ? -to : from, code: -1 };
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  #other(value: number): GrowingBucket {
    let bucket = this.#others.get(value);
    if (bucket === undefined) {
      bucket = { from: value, to: value, key: value === 0 ? 0 : value, code: -1 };
      this.#others.set(value, bucket);
    }
    return bucket;
  }
}

/** The bucket that a 64-bit integer falls into, exactly: by the ends of the last one, as words. */
class Bucket {
  readonly #column: IntegerColumn;
  readonly #every: bigint;
  readonly #flip: number;
  #fromHigh = 1;
  #fromLow = 0;
  #toHigh = 0;
  #toLow = 0;

  constructor(column: IntegerColumn, every: number | bigint) {
    this.#column = column;
    this.#every = BigInt(every);
    this.#flip = column.kind === 'int64' ? 0x8000_0000 : 0;
  }

  /** Whether the row falls into the bucket of the row before. */
  holds(row: number): boolean {
    const { words } = this.#column;
    const high = ((words[2 * row + 1] as number) ^ this.#flip) >>> 0;
    const low = (words[2 * row] as number) >>> 0;
    const isFrom = high > this.#fromHigh || (high === this.#fromHigh && low >= this.#fromLow);
    return isFrom && (high < this.#toHigh || (high === this.#toHigh && low <= this.#toLow));
  }

  /** Goes on to the bucket that the row falls into; returns where it begins. */
  move(row: number): number | bigint {
    const value = BigInt(integerAt(this.#column, row));
    const over = value % this.#every;
    const from = value - (over < 0n ? over + this.#every : over);
    const [least, most] = this.#column.kind === 'int64' ? INT64 : UINT64;
    const first = from < least ? least : from;
    const end = from + this.#every - 1n;
    const last = end > most ? most : end;
    this.#fromHigh = this.#highOf(first);
    this.#fromLow = Number(BigInt.asUintN(32, first));
    this.#toHigh = this.#highOf(last);
    this.#toLow = Number(BigInt.asUintN(32, last));
    const number = Number(from);
    return Number.isSafeInteger(number) ? number : from;
  }

  #highOf(value: bigint): number {
    return (Number(BigInt.asUintN(32, value >> 32n)) ^ this.#flip) >>> 0;
  }
}

const INT64 = [-(2n ** 63n), 2n ** 63n - 1n] as const;
const UINT64 = [0n, 2n ** 64n - 1n] as const;

function areEqual({ words }: IntegerColumn, a: number, b: number): boolean {
  return words[2 * a] === words[2 * b] && words[2 * a + 1] === words[2 * b + 1];
}

export function areTextsEqual(
  { buffer, starts, lengths }: StringColumn,
  a: number,
  b: number,
): boolean {
  const length = lengths[a] as number;
  if (length !== lengths[b]) return false;
  const from = starts[a] as number;
  const other = starts[b] as number;
  for (let i = 0; i < length; i++) if (buffer[from + i] !== buffer[other + i]) return false;
  return true;
}

function checkCount(count: number): void {
  if (count < MAX_GROUPS) return;
  throw new RangeError(`Cannot group: there are more than ${MAX_GROUPS} groups`);
}
