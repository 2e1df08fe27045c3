/** Which partition a record belongs to: by its key alone, so the same in every thread and process. */

/** What a key function returns. */
export type PartitionKey = string | number;

const number = new Float64Array(1);
const numberWords = new Uint32Array(number.buffer);

/**
 * The partition of a key, of `count`: MurmurHash3 (x86, 32 bit, seed 0) modulo `count`. A string is
 * hashed as its UTF-16 code units, a number as the two halves of its float64, low first, each of them a
 * 32-bit word. Fixed for ever: users may rely on it where they keep something for each partition.
 */
export function partitionOf(key: PartitionKey, count: number): number {
  return (typeof key === 'string' ? hashOfString(key) : hashOfNumber(key)) % count;
}

export function isPartitionKey(key: unknown): key is PartitionKey {
  return typeof key === 'string' || (typeof key === 'number' && !Number.isNaN(key));
}

function hashOfString(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = mix(hash, key.charCodeAt(i));
  return finish(hash, key.length);
}

function hashOfNumber(key: number): number {
  // -0 and 0 are the same key.
  number[0] = key + 0;
  const [low, high] = numberWords as unknown as [number, number];
  return finish(mix(mix(0, low), high), 2);
}

function mix(hash: number, word: number): number {
  const scrambled = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

function finish(hash: number, words: number): number {
  let mixed = hash ^ (words * 4);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
