/**
 * Forks the processes that die. argv: folder of the logs to begin with, of the library, and one
 * of its own. `Order` in,
 * `Death` out.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hooks } from '../hooks.js';
import { SIGKILL, SIGSEGV, dieByKill, fork } from '../kills/forks.js';
import { Witness, createWitness } from '../kills/witness.js';
import { Actor, crashLibrary, type StepHook } from './actor.js';
import { COMPLAINT, LIFE, SITES, WITNESS, type Death, type Order } from './death.js';
import { RECOVERY, SCENARIOS, type Act, type Scenario } from './scenarios.js';

const [bases, libraryFolder, ownFolder] = process.argv.slice(2) as [string, string, string];
const library = await crashLibrary(libraryFolder);

/** Runs before the first child, so that children find compiled code. */
const WARM_UP_RUNS = 3;

async function warmUp(): Promise<void> {
  for (let run = 0; run < WARM_UP_RUNS; run++) {
    for (const scenario of SCENARIOS) if (scenario.inThread !== true) await rehearse(scenario);
  }
}

async function rehearse({ before = [], act }: Scenario): Promise<void> {
  const folder = join(ownFolder, 'rehearsal');
  mkdirSync(folder);
  createWitness(join(folder, WITNESS));
  const witness = await Witness.map(join(folder, WITNESS));
  witness.set('life', LIFE);
  for (const one of [...before, act]) {
    const actor = new Actor(library, { folder, bases }, witness, () => {});
    await one(actor);
    hooks.step = undefined;
    await actor.closeAll();
  }
  rmSync(folder, { recursive: true });
}

/** `undefined` in a child, which is to do nothing more. */
function perform(order: Order): Death | undefined {
  const { before = [], act } = SCENARIOS[order.scenario] as Scenario;
  for (const one of order.recoveryOnly ? [] : before) {
    const death = perish(order, one, 0);
    if (death?.signal !== SIGKILL || death.complaint !== undefined) return death;
  }
  return perish(order, order.recoveryOnly ? RECOVERY : act, order.step);
}

/** A process that does this, and dies at the step, or at its end. */
function perish(order: Order, act: Act, step: number): Death | undefined {
  const { folder } = order;
  const sitesPath = join(folder, SITES);
  rmSync(sitesPath, { force: true });
  const child = fork(() => live(order, act, step), join(folder, COMPLAINT));
  if (child === undefined) return undefined;
  const signal = child.wait();
  const complaint = existsSync(join(folder, COMPLAINT))
    ? readFileSync(join(folder, COMPLAINT), 'utf8')
    : undefined;
  const sites = existsSync(sitesPath)
    ? (JSON.parse(readFileSync(sitesPath, 'utf8')) as number[])
    : undefined;
  return { signal, complaint, isMiscarriage: signal === SIGSEGV, sites };
}

async function live({ folder }: Order, act: Act, step: number): Promise<void> {
  stopClock();
  const witness = await Witness.map(join(folder, WITNESS));
  const passed: number[] = [];
  const actor = new Actor(library, { folder, bases }, witness, hookFor(witness, step, passed));
  await act(actor);
  hooks.step = undefined;
  if (step === 0) writeFileSync(join(folder, SITES), JSON.stringify(passed));
}

function hookFor(witness: Witness, step: number, passed: number[]): StepHook {
  if (step === 0) return (site) => void passed.push(site);
  let steps = 0;
  return (site) => {
    if (++steps !== step) return;
    witness.set('steps', steps);
    witness.set('site', site);
    dieByKill();
  };
}

/** What is done must not depend on how long it takes, or steps would have no numbers. */
function stopClock(): void {
  let now = Date.now();
  Date.now = () => ++now;
}

await warmUp();
process.on('message', (order: Order) => {
  const death = perform(order);
  if (death !== undefined) process.send?.(death);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
