import type { BigIntColumn } from '../../events/columns.js';

/** 64-bit integers as pairs of words, low ones first: no bigint is made of them. */
export interface IntegerWords {
  readonly words: Int32Array;
  readonly isSigned: boolean;
}

export function wordsOf({ values }: BigIntColumn): IntegerWords {
  return {
    words: new Int32Array(values.buffer, values.byteOffset, 2 * values.length),
    isSigned: values instanceof BigInt64Array,
  };
}
