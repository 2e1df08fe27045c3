/** Damage to bytes, by chance but repeatable. */
import { randomFrom } from '../fixtures/witnessed-record.mjs';

/** Chance that repeats for the same seed. */
export class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  /** From 0 to below `bound`. */
  below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}

type Mutation = (bytes: Uint8Array, view: DataView, dice: Dice) => void;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, _view, dice) {
    const at = dice.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << dice.below(8));
  },
  function putByte(bytes, _view, dice) {
    bytes[dice.below(bytes.length)] = dice.below(256);
  },
  function putSmallWord(bytes, view, dice) {
    view.setUint32(wordOf(bytes, dice), dice.below(64), true);
  },
  function putOddWord(bytes, view, dice) {
    const odd = [-1, -4, 0, 0x7fffffff, 0x80000000, 0x40000000, bytes.length, 0xffff];
    view.setUint32(wordOf(bytes, dice), odd[dice.below(odd.length)] as number, true);
  },
  function putSlot(bytes, view, dice) {
    view.setUint16(dice.below(bytes.length >> 1) * 2, dice.below(40), true);
  },
  function swapWords(bytes, view, dice) {
    const [a, b] = [wordOf(bytes, dice), wordOf(bytes, dice)];
    const [atA, atB] = [view.getUint32(a, true), view.getUint32(b, true)];
    view.setUint32(a, atB, true);
    view.setUint32(b, atA, true);
  },
  function pointAnywhere(bytes, view, dice) {
    const from = wordOf(bytes, dice);
    view.setInt32(from, wordOf(bytes, dice) - from, true);
  },
  function shareTarget(bytes, view, dice) {
    const [from, other] = [wordOf(bytes, dice), wordOf(bytes, dice)];
    view.setInt32(from, other + view.getUint32(other, true) - from, true);
  },
  function copyRange(bytes, _view, dice) {
    const [from, to] = [dice.below(bytes.length), dice.below(bytes.length)];
    bytes.copyWithin(to, from, from + 1 + dice.below(24));
  },
];

function wordOf(bytes: Uint8Array, dice: Dice): number {
  return dice.below(bytes.length >> 2) * 4;
}

/** A copy with one to three changes, and sometimes an end that is missing or too much. */
export function mutated(original: Uint8Array, dice: Dice): Uint8Array {
  const kind = dice.below(16);
  if (kind === 0) return original.slice(0, dice.below(original.length));
  const bytes = kind === 1 ? grown(original, dice) : original.slice();
  if (bytes.length < 8) return bytes;
  const view = new DataView(bytes.buffer);
  for (let left = 1 + dice.below(3); left > 0; left--) {
    (MUTATIONS[dice.below(MUTATIONS.length)] as Mutation)(bytes, view, dice);
  }
  return bytes;
}

function grown(original: Uint8Array, dice: Dice): Uint8Array {
  const bytes = new Uint8Array(original.length + dice.below(32));
  bytes.set(original);
  return bytes;
}
