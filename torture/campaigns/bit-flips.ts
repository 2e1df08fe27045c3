/**
 * Every bit of every file of two logs, one at a time: 1.3 million. What is right for which place stands
 * in `bytes/expectation.ts`.
 *
 * For every bit: readers that verify on first touch, by every way of asking; verification; an appender.
 * For every bit of a field (headers of frames, records, segments and indexes, entries, words, the control
 * page), and for one bit of every byte elsewhere (contents and padding of records, zeros, unused parts of
 * pages, the readers page): repair, and the other kinds of readers by turns. For one byte in sixteen: all
 * kinds of readers, and repair twice, with appends behind it.
 */
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { makeImage, type Image } from '../bytes/images.js';
import {
  FRAME_HEADER,
  PAGE,
  SLOT_BYTES,
  SLOT_PLACES,
  WORD_PLACES,
  baseOf,
} from '../bytes/second-reader.js';
import { tryDamage, type Damaging, type Target } from '../bytes/try-damage.js';
import { Workplace } from '../bytes/workplace.js';

const BITS_PER_ROUND = 256;
/** Sizes of the files of one image, which every run makes alike; two images. */
export const IMAGE_BYTES = 3 * (16_384 + 8192) + 4096 + 4096;
export const BITS = 2 * IMAGE_BYTES * 8;
/** Has no factor in common with `BITS`: its multiples are a permutation that spreads over the whole. */
const STRIDE = 496_547;
const RARE_BITS_PER_ROUND = 64;
const RARE_STRIDE = 4013;

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
    await flipBit(targets, Number((BigInt(i) * BigInt(STRIDE)) % BigInt(BITS)), round);
    round.count('bits');
  }
  const rare = rareBits(targets[0]?.image as Image);
  const from = round.number * RARE_BITS_PER_ROUND;
  for (let i = from; i < Math.min(2 * rare.length, from + RARE_BITS_PER_ROUND); i++) {
    const at = (i * RARE_STRIDE) % (2 * rare.length);
    const bit = rare[at % rare.length] as number;
    await flipBit(targets, at < rare.length ? bit : bit + IMAGE_BYTES * 8, round);
    round.count('bits of headers and control ahead of their turn');
  }
  for (const target of targets) await flipLock(target, round);
}

/** A byte of LOCK, whose length is another in every run: the rounds go through it again and again. */
async function flipLock(target: Target, round: Round): Promise<void> {
  const { image, place } = target;
  const lock = image.files.get('LOCK') as Buffer;
  const at = round.number % lock.length;
  for (let bit = 0; bit < 8; bit++) {
    const flipped = Buffer.from(lock);
    flipped[at] = (lock[at] as number) ^ (1 << bit);
    const damage: Damaging = {
      what: `bit ${bit} of byte ${at} of LOCK flipped`,
      files: new Map(image.files).set('LOCK', flipped),
      apply: () => place.poke('LOCK', at, flipped[at] as number),
      depth: bit === 0 ? 'full' : 'brief',
      turn: at,
    };
    await tryDamage(target, damage, round);
    round.count('bits of LOCK');
  }
}

async function flipBit(targets: readonly Target[], bit: number, round: Round): Promise<void> {
  const target = targets[Math.floor(bit / (IMAGE_BYTES * 8))] as Target;
  await tryDamage(target, flipOf(target, bit % (IMAGE_BYTES * 8)), round);
}

/**
 * Those of headers, words and the control page: one in a hundred, and most of the rules are about them.
 * A few of them come with each of the first rounds, so that a short run has met them all.
 */
function rareBits(image: Image): number[] {
  const bits: number[] = [];
  let start = 0;
  for (const [name, { length }] of image.files) {
    if (name === 'LOCK') continue;
    const end = Math.min(length, PAGE);
    for (let at = 0; at < end; at++) {
      if (!isUsedPlace(image, name, at)) continue;
      for (let bit = 0; bit < 8; bit++) bits.push((start + at) * 8 + bit);
    }
    start += length;
  }
  return bits;
}

interface BitPlace {
  readonly name: string;
  readonly at: number;
  readonly bit: number;
}

/** LOCK has no size that every run shares, and takes no part in the numbering: see `flipLock`. */
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
  const isTurnOfByte = bit === (at * 5) % 8;
  const isFull = isTurnOfByte || isField(image, name, at);
  return {
    what: `bit ${bit} of byte ${at} of ${name} flipped`,
    files: new Map(image.files).set(name, damaged),
    apply: () => place.poke(name, at, damaged[at] as number),
    depth: !isFull ? 'brief' : isTurnOfByte && at % 16 === 0 ? 'deep' : 'full',
    turn: at + bit,
  };
}

/** A place that has a meaning of its own: not a record's content, its padding, or what nobody uses. */
function isField(image: Image, name: string, at: number): boolean {
  const base = baseOf(name);
  if (base === undefined || at < PAGE) return isUsedPlace(image, name, at);
  return image.frames.some(({ segment, position, records }) => {
    const isHere = segment === base && at >= position;
    if (isHere && at < position + FRAME_HEADER) return true;
    return isHere && records.some((record) => at >= record.position && at < record.position + 8);
  });
}

/** The bells and the session epoch. */
function isBell(at: number): boolean {
  return [2048, 2112, 2176].some((word) => at >= word && at < word + 4);
}

function isUsedPlace({ frames }: Image, name: string, at: number): boolean {
  if (name === 'control') {
    const isInSlot = SLOT_PLACES.some((slot) => at >= slot && at < slot + SLOT_BYTES);
    return at < 64 || isInSlot || (at >= 1536 && at < 1600) || isBell(at);
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
