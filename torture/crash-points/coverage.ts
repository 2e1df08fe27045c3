/** Prints the statements that no scenario passes, and so no process dies at. */
import { crashPoints } from './plan.js';
import { SCENARIOS } from './scenarios.js';
import { crashVariant } from './variant.js';

const { sites } = crashVariant();
const points = crashPoints();
const passed = new Set(points.map(({ site }) => site));
for (const [site, place] of sites.entries()) if (!passed.has(site)) console.log(place);
for (const [at, { name }] of SCENARIOS.entries()) {
  const own = points.filter(({ scenario }) => scenario === at);
  const statements = new Set(own.map(({ site }) => site)).size;
  console.log(`${name}: ${own.length} steps, ${statements} statements`);
}
console.log(`${points.length} crash points at ${passed.size} of ${sites.length} statements`);
