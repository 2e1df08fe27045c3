/**
 * Processes that die at every step: a copy of the library in which each statement is a crash point runs
 * scenarios, and is killed by SIGKILL at the first step, at the second, and so on, each time in a process
 * and a log of its own. The plain library then says what is left; before it may, the recovery is killed
 * once or twice more in some.
 */
import type { Campaign } from '../campaign.js';
import { Deaths } from '../crash-points/deaths.js';
import { crashPoints } from '../crash-points/plan.js';
import { tryPoint } from '../crash-points/trial.js';

const POINTS_PER_ROUND = 50;

export const campaign: Campaign = {
  name: 'crash-points',
  title: 'appenders, recoveries and repairs that are killed at every step',
  shortRounds: 8,
  totalRounds: () => Math.ceil(crashPoints().length / POINTS_PER_ROUND),
  async start(folder) {
    const deaths = await Deaths.prepare(folder);
    return {
      async run(round) {
        const from = round.number * POINTS_PER_ROUND;
        for (const point of crashPoints().slice(from, from + POINTS_PER_ROUND)) {
          await tryPoint(round, point, deaths);
        }
      },
      stop: () => deaths.stop(),
    };
  },
};
