/** All decoders. */
import { eventTargets } from './events.js';
import { frameTargets } from './frames.js';
import type { Library } from './library.js';
import { pageTargets } from './pages.js';
import type { Target } from './target.js';
import { textTargets } from './texts.js';
import { wordTargets } from './words.js';

/** Those that need bytes only. */
export async function pureTargets(library: Library): Promise<Target[]> {
  return [
    ...frameTargets(library),
    ...pageTargets(library),
    ...(await eventTargets(library)),
    ...textTargets(library),
    ...wordTargets(library),
  ];
}
