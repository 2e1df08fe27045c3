/**
 * Runs a scenario while strace makes calls of this process fail. argv: the log, the scenario, the call. Tells what
 * it found as JSON; whoever has started it compares the log with that.
 */
import { writeSync } from 'node:fs';
import * as stratalog from 'stratalog';
import { expectFaults } from './injection.js';
import { SCENARIOS } from './scenarios.js';
import { Trial, withPlaces } from './trial.js';

/** What is told. */
export interface Told {
  readonly faults: readonly string[];
  readonly told: number;
  readonly acknowledged: number;
  readonly attempted: number;
  readonly flushed: number;
  readonly start: number;
}

const [log, name, call] = process.argv.slice(2) as [string, string, string];
const scenario = SCENARIOS.find((known) => known.name === name);
if (scenario === undefined) throw new Error(`No scenario is named ${name}`);
const trial = new Trial(stratalog, stratalog, log, undefined);
trial.acknowledged = trial.attempted = scenario.records ?? 0;
// strace does not make a call that it has fail, so this one leaves the descriptor open.
trial.keepsOpen = call === 'close';
expectFaults();
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => trial.fault(`nobody caught ${withPlaces(error)}`));
}
await trial.run((it) => scenario.run(it));
const { faults, told, acknowledged, attempted, flushed, start } = trial;
const result: Told = { faults, told, acknowledged, attempted, flushed, start };
writeSync(1, `${JSON.stringify(result)}\n`);
