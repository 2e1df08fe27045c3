/**
 * A process whose children write, and which kills them: `Life` in, `LifeEnd` out. They are forked, so
 * they have no maintenance thread and no timers, and cost little (`forks.ts`).
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fork, sleepUs } from './forks.js';
import { Witness, changeWitness, createWitness, readWitness } from './witness.js';
import { BEGUN, OPENED, Writing, type Assignment } from './writing.js';

export interface Life extends Assignment {
  /** Which moment the time to live counts from. */
  readonly since: 'begun' | 'opened';
  readonly us: number;
}

export interface LifeEnd {
  /** 0 if it was not ended by a signal. */
  readonly signal: number;
  readonly hasBegun: boolean;
  /** It has failed before it was killed. */
  readonly complaint: string | undefined;
}

const POLL_US = 50;
/** Runs before the first child, so that children find compiled code. */
const WARM_UP_RUNS = 6;
const WARM_UP_VERBS = 1500;

async function warmUp(): Promise<void> {
  const folder = mkdtempSync(join(process.argv[2] as string, 'warm-'));
  for (let run = 0; run < WARM_UP_RUNS; run++) {
    const witness = join(folder, `witness-${run}`);
    createWitness(witness);
    const assignment = {
      log: join(folder, `log-${run}`),
      witness,
      isTyped: run % 2 === 1,
      seed: run,
    };
    const writing = new Writing(assignment, await Witness.map(witness), false);
    await writing.run(WARM_UP_VERBS);
    await writing.close();
  }
  rmSync(folder, { recursive: true });
}

function live(life: Life): LifeEnd | undefined {
  const complaintPath = `${life.witness}.complaint`;
  changeWitness(life.witness, { begun: 0 });
  const child = fork(() => write(life), complaintPath);
  if (child === undefined) return undefined;
  const awaited = life.since === 'begun' ? BEGUN : OPENED;
  while (child.isAlive() && readWitness(life.witness).begun < awaited) sleepUs(POLL_US);
  sleepUs(life.us);
  child.kill();
  const signal = child.wait();
  const hasBegun = readWitness(life.witness).begun >= BEGUN;
  const complaint = existsSync(complaintPath) ? readFileSync(complaintPath, 'utf8') : undefined;
  return { signal, hasBegun, complaint };
}

async function write(life: Life): Promise<void> {
  const writing = new Writing(life, await Witness.map(life.witness), false);
  await writing.run();
}

await warmUp();
process.on('message', (life: Life) => {
  const end = live(life);
  if (end !== undefined) process.send?.(end);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
