/** Power cuts: logs on a disk of which everything that was not synced may be there or not. */
import type * as Stratalog from 'stratalog';
import type { Campaign } from '../campaign.js';
import { Death, Life } from '../power/life.js';
import { mutationsAsked } from '../power/mutations.js';
import { importVariant, makeVariant, type Mutation } from '../variant.js';

/** Zeroed memory of 1 MiB for every segment that is read would be half of the time that an image takes. */
const SMALL_WINDOWS: Mutation = {
  file: 'segment/segment-window.js',
  find: 'const WINDOW_BYTES = 1024 * 1024;',
  replace: 'const WINDOW_BYTES = 32 * 1024;',
};

export const campaign: Campaign = {
  name: 'power-cuts',
  title: 'images that power cuts could leave, at every kind of moment',
  shortRounds: 12,
  async start() {
    // Calls that nobody waits for any more end, too, when their process dies.
    process.on('unhandledRejection', (reason) => {
      if (!(reason instanceof Death)) throw reason;
    });
    const mutations = [SMALL_WINDOWS, ...mutationsAsked()];
    const working = makeVariant({
      name: 'power-working',
      steps: ['append/', 'control/', 'maintenance/', 'mapping/files.', 'recovery/', 'segment/'],
      system: true,
      mutations,
    });
    const checking = makeVariant({ name: 'power-checking', mutations });
    const libraries = {
      working: await importVariant<typeof Stratalog>(working, 'index.js'),
      sites: working.sites,
      checking: await importVariant<typeof Stratalog>(checking, 'index.js'),
    };
    return { run: (round) => new Life(libraries, round).run() };
  },
};
