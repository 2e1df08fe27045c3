/** Values that come again and again, by the numbers of the first ones of their kind. */
import type { ByteArraySink } from './sinks.js';

export interface Dictionary {
  /** Of each value: which of `firsts` it is. */
  readonly indexes: Int32Array;
  /** Where the values that differ are first found. */
  readonly firsts: Int32Array;
}

/** More than so many numbers that differ cost more than they save. */
const MAX_NUMBERS = 4096;
const MAX_TEXTS = 65_536;
/** Until so many values have been seen, all of them may differ. */
const TRIAL = 2048;

/** Of numbers as words of 32 bits, `width` of them each. `undefined`: too many differ. */
export function numberDictionary(
  words: Int32Array,
  width: 1 | 2,
  count: number,
): Dictionary | undefined {
  if (count === 0) return undefined;
  const table = new Table(4 * MAX_NUMBERS);
  const indexes = new Int32Array(count);
  const firsts = new Int32Array(MAX_NUMBERS);
  let known = 0;
  for (let i = 0; i < count; i++) {
    const low = words[width * i] as number;
    const high = width === 2 ? (words[2 * i + 1] as number) : 0;
    let slot = table.slotOf(Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca77));
    let index: number;
    while ((index = table.at(slot)) >= 0) {
      const first = width * (firsts[index] as number);
      if (words[first] === low && (width === 1 || words[first + 1] === high)) break;
      slot = table.after(slot);
    }
    if (index < 0) {
      if (known === MAX_NUMBERS || isTooMany(known, i)) return undefined;
      index = known++;
      firsts[index] = i;
      table.set(slot, index);
    }
    indexes[i] = index;
  }
  return { indexes, firsts: firsts.subarray(0, known) };
}

/** Of texts, and other bytes. */
export function textDictionary({ bytes, ends, count }: ByteArraySink): Dictionary | undefined {
  if (count === 0) return undefined;
  const table = new Table(4 * MAX_TEXTS);
  const content = bytes.bytes;
  const indexes = new Int32Array(count);
  const firsts = new Int32Array(MAX_TEXTS);
  let known = 0;
  let start = 0;
  for (let i = 0; i < count; i++) {
    const end = ends[i] as number;
    let slot = table.slotOf(hashOf(content, start, end));
    let index: number;
    while ((index = table.at(slot)) >= 0) {
      const first = firsts[index] as number;
      const from = first === 0 ? 0 : (ends[first - 1] as number);
      if (isSame(content, from, ends[first] as number, start, end)) break;
      slot = table.after(slot);
    }
    if (index < 0) {
      if (known === MAX_TEXTS || isTooMany(known, i)) return undefined;
      index = known++;
      firsts[index] = i;
      table.set(slot, index);
    }
    indexes[i] = index;
    start = end;
  }
  return { indexes, firsts: firsts.subarray(0, known) };
}

/** A dictionary is worth it where values come twice, at least. */
function isTooMany(known: number, seen: number): boolean {
  return seen >= TRIAL && 2 * known > seen;
}

/** Open addressing; half of it stays empty at least. */
class Table {
  readonly #slots: Int32Array;
  readonly #mask: number;

  constructor(slots: number) {
    this.#slots = new Int32Array(slots).fill(-1);
    this.#mask = slots - 1;
  }

  slotOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & this.#mask;
  }

  after(slot: number): number {
    return (slot + 1) & this.#mask;
  }

  /** -1: nothing. */
  at(slot: number): number {
    return this.#slots[slot] as number;
  }

  set(slot: number, index: number): void {
    this.#slots[slot] = index;
  }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return Math.imul(hash ^ (hash >>> 13), 0x9e3779b1);
}

function isSame(bytes: Uint8Array, from: number, to: number, start: number, end: number): boolean {
  if (to - from !== end - start) return false;
  for (let i = 0; i < to - from; i++) if (bytes[from + i] !== bytes[start + i]) return false;
  return true;
}
