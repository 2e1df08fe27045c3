/**
 * Every bit of every file of two logs, one at a time: 1.3 million. What is right for which place stands
 * in `bytes/expectation.ts`.
 *
 * For every bit: readers that verify on first touch, by every way of asking; verification; an appender.
 * For every bit of frames, headers, words, entries and the control page, and for one bit of each byte
 * elsewhere (zeros behind frames, unused bytes of pages, readers page, LOCK): the other kinds of readers
 * as well, and repair.
 */
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { makeImage, type Image } from '../bytes/images.js';
import { SLOT_BYTES, SLOT_PLACES, WORD_PLACES, baseOf } from '../bytes/second-reader.js';
import { tryDamage, type Damaging, type Target } from '../bytes/try-damage.js';
import { Workplace } from '../bytes/workplace.js';

const BITS_PER_ROUND = 256;
/** Sizes of the files of one image, which every run makes alike; two images. */
export const IMAGE_BYTES = 3 * (16_384 + 8192) + 4096 + 4096;
export const BITS = 2 * IMAGE_BYTES * 8;
/** Has no factor in common with `BITS`: its multiples are a permutation that spreads over the whole. */
const STRIDE = 496_547;

export const campaign: Campaign = {
  name: 'bit-flips',
  title: 'every bit of every file of a log, flipped',
  shortRounds: 10,
  totalRounds: () => Math.ceil(BITS / BITS_PER_ROUND),
  async start(folder) {
    const library = await import('stratalog');
    const targets = (['closed', 'died'] as const).map((ending) => {
      const image = makeImage(folder, ending);
      return {
        library,
        image,
        place: new Workplace(join(folder, `damaged-${ending}`), image.files),
      };
    });
    return { run: (round) => flipBits(targets, round) };
  },
};

async function flipBits(targets: readonly Target[], round: Round): Promise<void> {
  const first = round.number * BITS_PER_ROUND;
  for (let i = first; i < Math.min(BITS, first + BITS_PER_ROUND); i++) {
    const bit = Number((BigInt(i) * BigInt(STRIDE)) % BigInt(BITS));
    const target = targets[Math.floor(bit / (IMAGE_BYTES * 8))] as Target;
    await tryDamage(target, flipOf(target, bit % (IMAGE_BYTES * 8)), round);
    round.count('bits');
  }
}

interface BitPlace {
  readonly name: string;
  readonly at: number;
  readonly bit: number;
}

/** LOCK has no size that every run shares, and takes no part in the numbering: see `truncations`. */
function placeOf(image: Image, number: number): BitPlace {
  let at = number >>> 3;
  for (const [name, { length }] of image.files) {
    if (name === 'LOCK') continue;
    if (at < length) return { name, at, bit: number & 7 };
    at -= length;
  }
  throw new RangeError(`No bit ${number} in ${image.name}`);
}

/** One bit: what `tryDamage` is to try. */
export function flipOf({ image, place }: Target, number: number): Damaging {
  const { name, at, bit } = placeOf(image, number);
  const damaged = Buffer.from(image.files.get(name) as Buffer);
  damaged[at] = (damaged[at] as number) ^ (1 << bit);
  const isFull = isUsedPlace(image, name, at) || bit === (at * 5) % 8;
  return {
    what: `bit ${bit} of byte ${at} of ${name} flipped`,
    files: new Map(image.files).set(name, damaged),
    apply: () => place.poke(name, at, damaged[at] as number),
    depth: !isFull ? 'brief' : bit === at % 8 ? 'deep' : 'full',
  };
}

function isUsedPlace({ frames }: Image, name: string, at: number): boolean {
  if (name === 'control') {
    const isInSlot = SLOT_PLACES.some((slot) => at >= slot && at < slot + SLOT_BYTES);
    return at < 64 || isInSlot || (at >= 1536 && at < 2200);
  }
  if (name.endsWith('.index')) {
    const isInWord = Object.values(WORD_PLACES).some((word) => at >= word && at < word + 4);
    return at < 48 || isInWord || (at >= 4096 && at < 4096 + 4 * 96);
  }
  const base = baseOf(name);
  if (base === undefined) return false;
  if (at < 132) return true;
  return frames.some(({ segment, position, length }) => {
    return segment === base && at >= position && at < position + length;
  });
}
