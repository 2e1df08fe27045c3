/**
 * Every file of two logs at every length below its own, and at some above. Readers, verification and an
 * appender for each; repair for every eighth length, which is where frames and records end.
 */
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { makeImage } from '../bytes/images.js';
import { tryDamage, type Target } from '../bytes/try-damage.js';
import { Workplace } from '../bytes/workplace.js';

const LENGTHS_PER_ROUND = 64;
/** Of the files of one image but LOCK: sizes of index and segment by turns, control, readers. */
const SIZES = [8192, 16_384, 8192, 16_384, 8192, 16_384, 4096, 4096];
const LONGER = [1, 7, 8, 64, 512, 4096, 65_536];
const PER_IMAGE = SIZES.reduce((sum, size) => sum + size + LONGER.length, 0);
const CASES = 2 * PER_IMAGE;
/** As in `bit-flips`: its multiples are a permutation. */
const STRIDE = 62_311;

export const campaign: Campaign = {
  name: 'truncations',
  title: 'every file of a log at every length',
  shortRounds: 20,
  totalRounds: () => Math.ceil(CASES / LENGTHS_PER_ROUND),
  async start(folder) {
    const library = await import('stratalog');
    const targets = (['closed', 'died'] as const).map((ending) => {
      const image = makeImage(folder, ending);
      const place = new Workplace(join(folder, `damaged-${ending}`), image.files);
      return { library, image, place };
    });
    return { run: (round) => tryLengths(targets, round) };
  },
};

async function tryLengths(targets: readonly Target[], round: Round): Promise<void> {
  const first = round.number * LENGTHS_PER_ROUND;
  for (let i = first; i < Math.min(CASES, first + LENGTHS_PER_ROUND); i++) {
    const number = (i * STRIDE) % CASES;
    const target = targets[Math.floor(number / PER_IMAGE)] as Target;
    await tryLength(target, number % PER_IMAGE, round);
    round.count('lengths');
  }
  for (const target of targets) await cutLock(target, round);
}

/** LOCK has no length that every run shares: the rounds go through all that it has, and some more. */
async function cutLock(target: Target, round: Round): Promise<void> {
  const { image, place } = target;
  const before = image.files.get('LOCK') as Buffer;
  const length = round.number % (before.length + LONGER.length);
  const cut = Buffer.alloc(length);
  before.copy(cut);
  const files = new Map(image.files).set('LOCK', cut);
  const what = `LOCK of ${length} bytes`;
  const apply = (): void => place.put(files);
  await tryDamage(target, { what, files, apply, depth: 'full', turn: length }, round);
  round.count('lengths of LOCK');
}

async function tryLength(target: Target, number: number, round: Round): Promise<void> {
  const { image, place } = target;
  const names = [...image.files.keys()].filter((name) => name !== 'LOCK');
  let rest = number;
  const at = SIZES.findIndex((size) => {
    const isHere = rest < size + LONGER.length;
    if (!isHere) rest -= size + LONGER.length;
    return isHere;
  });
  const name = names[at] as string;
  const before = image.files.get(name) as Buffer;
  const length = rest < before.length ? rest : before.length + (LONGER[rest - before.length] ?? 0);
  const cut = Buffer.alloc(length);
  before.copy(cut);
  const files = new Map(image.files).set(name, cut);
  await tryDamage(
    target,
    {
      what: `${name} of ${length} bytes`,
      files,
      apply: () => place.put(files),
      depth: length % 8 !== 0 ? 'brief' : length % 64 === 0 ? 'deep' : 'full',
      turn: length >> 3,
    },
    round,
  );
}
