/**
 * Every page of 4 KiB and every sector of 512 bytes of two logs: zeros, ones, another one over it,
 * exchanged with another one, and every one of another log of the same shape over it, and every one of
 * another history of the same log.
 */
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { makeFamily, type Family, type Image } from '../bytes/images.js';
import { checkLoosely } from '../bytes/loose-checks.js';
import type { Library } from '../bytes/read-checks.js';
import { identityOf, type Files } from '../bytes/second-reader.js';
import { tryDamage } from '../bytes/try-damage.js';
import { Workplace } from '../bytes/workplace.js';
import { expectationOf } from '../bytes/expectation.js';

const CASES_PER_ROUND = 32;
const IMAGE_BYTES = 3 * (16_384 + 8192) + 4096 + 4096;
const UNITS = [4096, 512] as const;
/** Of each image and each size of units: zeros, ones, and four kinds of pairs. */
const KINDS = ['over', 'exchanged', 'other', 'elsewhere'] as const;
const PER_UNIT = UNITS.map((unit) => {
  const places = IMAGE_BYTES / unit;
  return 2 * places + KINDS.length * places * places;
});
const PER_IMAGE = PER_UNIT.reduce((sum, cases) => sum + cases, 0);
const CASES = 2 * PER_IMAGE;
/** As in `bit-flips`: its multiples are a permutation. */
const STRIDE = 79_999;

interface Target {
  readonly library: Library;
  readonly family: Family;
  readonly place: Workplace;
}

interface PageDamage {
  readonly what: string;
  readonly files: Files;
  readonly isOfElsewhere: boolean;
}

export const campaign: Campaign = {
  name: 'pages',
  title: 'every page and sector of a log: gone, doubled, exchanged, of another log',
  shortRounds: 20,
  totalRounds: () => Math.ceil(CASES / CASES_PER_ROUND),
  async start(folder) {
    const library = await import('stratalog');
    const targets = (['closed', 'died'] as const).map((ending) => {
      const family = makeFamily(folder, ending);
      const place = new Workplace(join(folder, `damaged-${ending}`), family.own.files);
      return { library, family, place };
    });
    return { run: (round) => tryPages(targets, round) };
  },
};

async function tryPages(targets: readonly Target[], round: Round): Promise<void> {
  const first = round.number * CASES_PER_ROUND;
  for (let i = first; i < Math.min(CASES, first + CASES_PER_ROUND); i++) {
    const number = (i * STRIDE) % CASES;
    const target = targets[Math.floor(number / PER_IMAGE)] as Target;
    await tryPage(target, number % PER_IMAGE, round);
  }
}

async function tryPage(target: Target, number: number, round: Round): Promise<void> {
  const damage = damageOf(target.family, number);
  if (damage === undefined) return round.count('pages that change nothing');
  const { library, family, place } = target;
  const { what, files } = damage;
  const { own, elsewhere } = family;
  const apply = (): void => place.put(files);
  round.count('pages');
  if (!damage.isOfElsewhere && !hasOtherControl(own, files)) {
    return tryDamage(
      { library, image: own, place },
      { what, files, apply, depth: 'full', turn: number },
      round,
    );
  }
  const { log } = place;
  const images = [own, elsewhere];
  try {
    const given = { library, log, images, kept: new Set<number>(), mayBeNoLog: true, apply };
    await checkLoosely(given, place);
    round.count('pages of elsewhere');
  } catch (error) {
    const text = error instanceof Error ? error.stack : String(error);
    throw new Error(`${own.name}, ${what}: ${text}`, { cause: error });
  } finally {
    place.restore();
  }
}

/** A control page that holds, and names another log: everything is of another log then. */
function hasOtherControl(own: Image, files: Files): boolean {
  const id = identityOf(files.get('control') as Buffer, 'STRATCTL', 512);
  return id !== undefined && id !== own.logId;
}

/** `undefined` if it changes nothing. */
function damageOf(family: Family, number: number): PageDamage | undefined {
  const isSector = number >= (PER_UNIT[0] as number);
  const unit = isSector ? UNITS[1] : UNITS[0];
  const places = IMAGE_BYTES / unit;
  const rest = isSector ? number - (PER_UNIT[0] as number) : number;
  const own = joined(family.own);
  const made = Buffer.from(own);
  const at = (rest % places) * unit;
  const pair = Math.floor(rest / places) - 2;
  const from = (pair % places) * unit;
  const kind = pair < 0 ? (pair === -2 ? 'zeros' : 'ones') : KINDS[Math.floor(pair / places)];
  const copy = (source: Buffer): number => source.copy(made, at, from, from + unit);
  if (kind === 'zeros') made.fill(0, at, at + unit);
  else if (kind === 'ones') made.fill(255, at, at + unit);
  else if (kind === 'other') copy(joined(family.other));
  else if (kind === 'elsewhere') copy(joined(family.elsewhere));
  else {
    copy(own);
    if (kind === 'exchanged') own.copy(made, from, at, at + unit);
  }
  if (made.equals(own)) return undefined;
  const files = apart(family.own, made);
  const isOfElsewhere = kind === 'elsewhere';
  if (!isOfElsewhere && expectationOf(family.own, files).changed.size === 0) return undefined;
  return { what: `${unit} bytes at ${at}: ${kind}, ${from}`, files, isOfElsewhere };
}

function namesOf({ files }: Image): string[] {
  return [...files.keys()].filter((name) => name !== 'LOCK');
}

/** The files one behind the other. */
function joined(image: Image): Buffer {
  return Buffer.concat(namesOf(image).map((name) => image.files.get(name) as Buffer));
}

function apart(image: Image, bytes: Buffer): Files {
  const files = new Map(image.files);
  let at = 0;
  for (const name of namesOf(image)) {
    const before = image.files.get(name) as Buffer;
    const now = bytes.subarray(at, at + before.length);
    if (!now.equals(before)) files.set(name, now);
    at += before.length;
  }
  return files;
}
