/** Counts the crash points of all scenarios. argv: where to write them. */
import { countPoints } from './plan.js';

await countPoints(process.argv[2] as string);
