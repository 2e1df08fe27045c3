/** A placeholder until the campaign is here: opens a log and closes it. */
import { join } from 'node:path';
import type * as Stratalog from 'stratalog';
import type { Campaign } from '../campaign.js';
import { importVariant, makeVariant } from '../variant.js';
import { hooks } from '../hooks.js';

export const campaign: Campaign = {
  name: 'kills',
  title: 'appenders that are killed',
  shortRounds: 10,
  async start() {
    const variant = makeVariant({
      name: 'steps',
      steps: ['append/', 'segment/', 'recovery/', 'control/', 'format/frame.'],
      system: true,
    });
    const library = await importVariant<typeof Stratalog>(variant, 'index.js');
    return {
      async run({ folder, count }) {
        hooks.step = () => count('steps');
        hooks.system = ({ name }, proceed) => (count(name), proceed());
        const appender = library.openAppender(join(folder, 'log'), { maintenance: false });
        appender.append(new Uint8Array(3));
        await appender.close();
        hooks.step = hooks.system = undefined;
      },
    };
  },
};
