/**
 * Lets one scenario die at each of its steps. argv: a part of its name; the step to begin with (1), and the
 * distance to the next (1). To look at one more closely, and to see whether it notices a rule that is taken
 * out: `STRATALOG_TORTURE_MUTATIONS` holds mutations of the library as JSON. It ends at the first failure.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../places.js';
import { randomFrom } from '../random.js';
import { Deaths } from './deaths.js';
import { SCENARIOS } from './scenarios.js';
import { tryPoint } from './trial.js';

const [part = '', first = '1', distance = '1'] = process.argv.slice(2);
const folder = newFolder('memory', 'scenario');
const deaths = await Deaths.prepare(folder);
try {
  for (const [scenario, { name }] of SCENARIOS.entries()) {
    if (name.includes(part)) await dieEverywhere(scenario, name);
  }
} catch (error) {
  console.log(error);
  process.exitCode = 1;
} finally {
  await deaths.stop();
  rmSync(folder, { recursive: true });
}

async function dieEverywhere(scenario: number, name: string): Promise<void> {
  const order = { scenario, step: 0, recoveryOnly: false, folder: join(folder, 'count') };
  const { sites = [] } = await deaths.begin(order);
  const counts: Record<string, number> = {};
  const count = (what: string, times = 1): void => {
    counts[what] = (counts[what] ?? 0) + times;
  };
  for (let step = Number(first); step <= sites.length; step += Number(distance)) {
    const round = { number: step, seed: step, random: randomFrom(step), folder, count };
    const site = sites[step - 1] as number;
    const point = { scenario, step, site, isFirst: false, isFirstOfScenario: false };
    await tryPoint(round, point, deaths);
  }
  console.log(`${name}: ${sites.length} steps, ${JSON.stringify(counts)}`);
}
