/**
 * A process with a maintenance thread that dies at one of that thread's steps. It waits for one line on
 * its standard input, so that it may be started before it is needed. argv: folder of the logs to begin
 * with, and of the library. In: an `Order`. The hook in the thread is set by the environment (`hooks.ts`).
 */
import { readSync } from 'node:fs';
import { join } from 'node:path';
import { Witness } from '../kills/witness.js';
import { Actor, crashLibrary } from './actor.js';
import { SITES, WITNESS, type Order } from './death.js';
import { SCENARIOS, type Scenario } from './scenarios.js';

const [bases, libraryFolder] = process.argv.slice(2) as [string, string];
const library = await crashLibrary(libraryFolder);
const bytes = Buffer.alloc(4096);
const { scenario, step, folder } = JSON.parse(
  bytes.toString('utf8', 0, readSync(0, bytes)),
) as Order;
process.env['STRATALOG_THREAD_DIES_AT'] = String(step);
process.env['STRATALOG_THREAD_SITES'] = join(folder, SITES);
const witness = await Witness.map(join(folder, WITNESS));
const actor = new Actor(library, { folder, bases }, witness);
await (SCENARIOS[scenario] as Scenario).act(actor);
await actor.closeAll();
process.kill(process.pid, 'SIGKILL');
