/**
 * All points at which scenarios can die, in the order in which they are tried: first one of each
 * statement, then one of each statement in each scenario, then all the others.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compiled, newFolder } from '../places.js';
import { Deaths } from './deaths.js';
import { SCENARIOS } from './scenarios.js';
import { crashVariant } from './variant.js';

export interface Point {
  readonly scenario: number;
  /** From 1 on. */
  readonly step: number;
  readonly site: number;
  /** The first of its statement; the first of its statement in its scenario. */
  readonly isFirst: boolean;
  readonly isFirstOfScenario: boolean;
}

/** Sites passed by each scenario. */
type Passed = readonly (readonly number[])[];

let known: readonly Point[] | undefined;

/** Lets each scenario run once, in processes of its own, unless that is known already. */
export function crashPoints(): readonly Point[] {
  known ??= inOrder(passedSites());
  return known;
}

function passedSites(): Passed {
  const path = join(crashVariant().folder, `passed-${digestOfScenarios()}.json`);
  if (!existsSync(path)) {
    const program = compiled('crash-points/passed.js');
    const { status, stderr } = spawnSync(process.execPath, [program, path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`Cannot count the crash points: ${stderr}`);
  }
  return JSON.parse(readFileSync(path, 'utf8')) as Passed;
}

function digestOfScenarios(): string {
  const hash = createHash('sha256');
  for (const folder of ['crash-points', 'kills']) {
    for (const name of readdirSync(compiled(folder)).sort()) {
      hash.update(readFileSync(join(compiled(folder), name)));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** Runs every scenario to its end, and keeps what it has passed. */
export async function countPoints(path: string): Promise<void> {
  const folder = newFolder('memory', 'crash-points');
  const deaths = await Deaths.prepare(folder);
  try {
    const passed: (readonly number[])[] = [];
    for (const [scenario, { name }] of SCENARIOS.entries()) {
      const order = { scenario, step: 0, recoveryOnly: false, folder: join(folder, 'count') };
      const { sites } = await deaths.begin(order);
      if (sites === undefined) throw new Error(`The scenario '${name}' did not come to its end`);
      passed.push(sites);
    }
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(passed));
    renameSync(`${path}.${process.pid}`, path);
  } finally {
    await deaths.stop();
    rmSync(folder, { recursive: true });
  }
}

function inOrder(passed: Passed): Point[] {
  const points: Point[] = [];
  const all = new Set<number>();
  for (const [scenario, sites] of passed.entries()) {
    const own = new Set<number>();
    for (const [at, site] of sites.entries()) {
      const isFirst = !all.has(site);
      const isFirstOfScenario = !own.has(site);
      points.push({ scenario, step: at + 1, site, isFirst, isFirstOfScenario });
      all.add(site);
      own.add(site);
    }
  }
  const rank = (point: Point): number => (point.isFirst ? 0 : point.isFirstOfScenario ? 1 : 2);
  return points.sort((a, b) => rank(a) - rank(b) || mixed(a) - mixed(b));
}

/** Scenarios take turns, in no order. */
function mixed({ scenario, step }: Point): number {
  return Math.imul(scenario * 65_537 + step, 0x9e3779b1) >>> 0;
}
