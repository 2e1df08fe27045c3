/** Damages a log, asks everybody who opens logs about it, and makes it as it was. */
import type { ReaderOptions } from 'stratalog';
import type { Round } from '../campaign.js';
import type { Image } from './images.js';
import { EVERY_READER, checkReaders, told, type Library } from './read-checks.js';
import type { Files } from './second-reader.js';
import type { Workplace } from './workplace.js';
import { caseOf, checkAppender, checkRepair, checkVerification } from './write-checks.js';

/** An image, and where it is damaged. */
export interface Target {
  readonly library: Library;
  readonly image: Image;
  readonly place: Workplace;
}

export interface Damaging {
  /** For messages. */
  readonly what: string;
  /** The files with the damage. */
  readonly files: Files;
  /** Makes the files of the place those; they are the image's before. */
  readonly apply: () => void;
  /** `brief`: without repair. `deep`: goes on after repair, with every kind of reader. */
  readonly depth: 'brief' | 'full' | 'deep';
  /** Readers beside those that verify on first touch: one of the other kinds by turns, if not all. */
  readonly turn: number;
}

export async function tryDamage(target: Target, damage: Damaging, round: Round): Promise<void> {
  const { library, image, place } = target;
  const { files, depth } = damage;
  const given = caseOf(library, place, image, files);
  try {
    damage.apply();
    checkReaders(given, depth === 'deep' ? EVERY_READER : readersOfTurn(depth, damage.turn));
    checkVerification(given);
    await checkAppender(given, place, files);
    if (depth !== 'brief') {
      place.restore();
      damage.apply();
      await checkRepair(given, place, { isDeep: depth === 'deep' });
      round.count('repairs');
    }
  } catch (error) {
    throw new Error(`${image.name}, ${damage.what}: ${whole(error)}`, { cause: error });
  } finally {
    place.restore();
  }
}

function readersOfTurn(depth: 'brief' | 'full', turn: number): readonly ReaderOptions[] {
  const [usual, ...others] = EVERY_READER;
  return depth === 'brief' ? [usual] : [usual, others[turn % others.length] ?? usual];
}

/** With its causes, which tell how the question was asked. */
function whole(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? told(error) : `${error.message}: ${whole(error.cause)}`;
}
