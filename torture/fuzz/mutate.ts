/**
 * Changes to inputs, as AFL's "havoc" and "splice" stages make them (M. Zalewski, Technical "whitepaper"
 * for afl-fuzz): a few at a time, each blind to what the bytes mean but for the words of the target.
 */
import { below } from '../random.js';

type Random = () => number;

/** An input that is being made, in a buffer that is longer. */
export interface Draft {
  readonly bytes: Buffer;
  length: number;
}

const INTERESTING_8 = [-128, -1, 0, 1, 7, 8, 16, 32, 64, 100, 127];
const INTERESTING_16 = [
  -32_768,
  -129,
  128,
  255,
  256,
  512,
  1000,
  1024,
  4096,
  32_767,
  ...INTERESTING_8,
];
const INTERESTING_32 = [
  -2_147_483_648,
  -2_147_483_647,
  -65_536,
  -8,
  -7,
  65_535,
  65_536,
  2_097_151,
  2_097_152,
  268_435_455,
  1_073_741_824,
  2_147_483_640,
  2_147_483_647,
  ...INTERESTING_16,
];

type Change = (
  draft: Draft,
  random: Random,
  words: readonly Uint8Array[],
  other: Uint8Array,
) => void;

const CHANGES: readonly Change[] = [
  function flipBit({ bytes, length }, random) {
    const at = below(random, length);
    bytes[at] = (bytes[at] as number) ^ (1 << below(random, 8));
  },
  function putByte({ bytes, length }, random) {
    bytes[below(random, length)] = below(random, 256);
  },
  function addToByte({ bytes, length }, random) {
    const at = below(random, length);
    bytes[at] = (bytes[at] as number) + (below(random, 2) === 0 ? -1 : 1) * (1 + below(random, 35));
  },
  function addToWord(draft, random) {
    const size = 2 << below(random, 3);
    if (draft.length < size) return;
    const at = placeFor(draft.length, size, random);
    const sum = BigInt((below(random, 2) === 0 ? -1 : 1) * (1 + below(random, 35)));
    addAt(draft.bytes, at, size, sum);
  },
  function putInteresting({ bytes, length }, random) {
    const size = 1 << below(random, 3);
    if (length < size) return;
    const at = placeFor(length, size, random);
    if (size === 1) bytes.writeInt8(oneOf(random, INTERESTING_8), at);
    else if (size === 2) bytes.writeInt16LE(oneOf(random, INTERESTING_16), at);
    else bytes.writeInt32LE(oneOf(random, INTERESTING_32), at);
  },
  function putLength({ bytes, length }, random) {
    if (length < 4) return;
    bytes.writeInt32LE(below(random, length + 16), placeFor(length, 4, random));
  },
  function remove(draft, random) {
    const { bytes, length } = draft;
    const size = Math.min(length - 1, blockOf(random));
    if (size <= 0) return;
    const at = below(random, length - size + 1);
    bytes.copyWithin(at, at + size, length);
    draft.length -= size;
  },
  function truncate(draft, random) {
    draft.length = 1 + below(random, draft.length);
  },
  function duplicate(draft, random) {
    const size = Math.min(draft.length, blockOf(random));
    const from = below(random, draft.length - size + 1);
    insert(draft, below(random, draft.length + 1), draft.bytes.slice(from, from + size));
  },
  function repeat(draft, random) {
    const size = Math.min(draft.length, 1 + below(random, 12));
    const from = below(random, draft.length - size + 1);
    const part = Uint8Array.from(draft.bytes.subarray(from, from + size));
    for (let times = 2 << below(random, 6); times > 0; times--) insert(draft, from, part);
  },
  function copyWithin({ bytes, length }, random) {
    const size = Math.min(length, blockOf(random));
    const from = below(random, length - size + 1);
    bytes.copyWithin(below(random, length - size + 1), from, from + size);
  },
  function fill({ bytes, length }, random) {
    const at = below(random, length);
    const value = below(random, 2) === 0 ? (bytes[at] as number) : below(random, 256);
    bytes.fill(value, at, Math.min(length, at + blockOf(random)));
  },
  function putWord({ bytes, length }, random, words) {
    if (words.length === 0) return;
    const word = oneOf(random, words);
    if (word.length <= length) bytes.set(word, below(random, length - word.length + 1));
  },
  function insertWord(draft, random, words) {
    if (words.length === 0) return;
    insert(draft, below(random, draft.length + 1), oneOf(random, words));
  },
  function insertByte(draft, random) {
    insert(draft, below(random, draft.length + 1), Uint8Array.of(below(random, 256)));
  },
  function splice(draft, random, _words, other) {
    if (other.length === 0) return;
    const at = below(random, draft.length);
    const from = below(random, other.length);
    const end = Math.min(
      other.length,
      from + (below(random, 2) === 0 ? other.length : blockOf(random)),
    );
    const size = Math.min(end - from, draft.bytes.length - at);
    draft.bytes.set(other.subarray(from, from + size), at);
    draft.length = Math.max(draft.length, at + size);
  },
];

/** Changes a draft in a few ways. `other` is another input, for what is spliced in. */
export function mutate(
  draft: Draft,
  random: Random,
  words: readonly Uint8Array[],
  other: Uint8Array,
): void {
  if (draft.length === 0) draft.length = 1;
  for (let left = 1 << below(random, 5); left > 0; left--) {
    (CHANGES[below(random, CHANGES.length)] as Change)(draft, random, words, other);
  }
}

/** Half of the places are multiples of the size, where words lie. */
function placeFor(length: number, size: number, random: Random): number {
  const at = below(random, length - size + 1);
  return below(random, 2) === 0 ? at : at - (at % size);
}

function addAt(bytes: Buffer, at: number, size: number, sum: bigint): void {
  if (size === 2)
    bytes.writeInt16LE(Number(BigInt.asIntN(16, BigInt(bytes.readInt16LE(at)) + sum)), at);
  else if (size === 4)
    bytes.writeInt32LE(Number(BigInt.asIntN(32, BigInt(bytes.readInt32LE(at)) + sum)), at);
  else if (at + 8 <= bytes.length)
    bytes.writeBigInt64LE(BigInt.asIntN(64, bytes.readBigInt64LE(at) + sum), at);
}

/** Mostly short. */
function blockOf(random: Random): number {
  return 1 + below(random, 4 << (2 * below(random, 4)));
}

function insert(draft: Draft, at: number, part: Uint8Array): void {
  const { bytes, length } = draft;
  if (length + part.length > bytes.length) return;
  bytes.copyWithin(at + part.length, at, length);
  bytes.set(part, at);
  draft.length += part.length;
}

function oneOf<T>(random: Random, choices: readonly T[]): T {
  return choices[below(random, choices.length)] as T;
}
