/** Damages a log, asks everybody who opens logs about it, and makes it as it was. */
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
  /** `brief`: one kind of reader, and no repair. `deep`: goes on after repair. */
  readonly depth: 'brief' | 'full' | 'deep';
}

export async function tryDamage(target: Target, damage: Damaging, round: Round): Promise<void> {
  const { library, image, place } = target;
  const { files, depth } = damage;
  const given = caseOf(library, place, image, files);
  try {
    damage.apply();
    checkReaders(given, depth === 'brief' ? EVERY_READER.slice(0, 1) : EVERY_READER);
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

/** With its causes, which tell how the question was asked. */
function whole(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? told(error) : `${error.message}: ${whole(error.cause)}`;
}
