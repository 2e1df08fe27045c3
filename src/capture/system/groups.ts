/** The groups of counters, what they are made of, and how they are chosen. */
import { surveyDisks, surveyNetwork } from './device-files.js';
import { surveyLoad, surveyPressure } from './load-files.js';
import { surveyMemory, surveyPaging } from './memory-files.js';
import type { CounterGroup, FilePlan } from './plan.js';
import { surveyFrequencies, surveyTemperatures } from './sensor-files.js';
import { surveyCpu, surveyInterrupts, surveyKernel } from './stat-file.js';
import type { Roots } from './survey.js';

/** What `counters` takes: groups, and sets of them. */
export type CounterChoice = CounterGroup | CounterSet;
export type CounterSet = 'default' | 'small' | 'all';

const SURVEYS: Readonly<Record<CounterGroup, (roots: Roots) => FilePlan[]>> = {
  cpu: surveyCpu,
  kernel: surveyKernel,
  interrupts: surveyInterrupts,
  memory: surveyMemory,
  paging: surveyPaging,
  disks: surveyDisks,
  network: surveyNetwork,
  pressure: surveyPressure,
  load: surveyLoad,
  temperatures: surveyTemperatures,
  frequencies: surveyFrequencies,
};

const GROUPS = Object.keys(SURVEYS) as CounterGroup[];

const SETS: Readonly<Record<CounterSet, readonly CounterGroup[]>> = {
  // Each interrupt by itself is for those who look for one.
  default: GROUPS.filter((group) => group !== 'interrupts'),
  small: ['cpu', 'kernel'],
  all: GROUPS,
};

/** @throws {RangeError} a name that is none, or no name */
export function chooseGroups(choices: readonly string[]): CounterGroup[] {
  const chosen = new Set(choices.flatMap(groupsOf));
  if (chosen.size === 0) throw new RangeError('Invalid counters: expected at least one group');
  return GROUPS.filter((group) => chosen.has(group));
}

function groupsOf(choice: string): readonly CounterGroup[] {
  if (Object.hasOwn(SETS, choice)) return SETS[choice as CounterSet];
  if (Object.hasOwn(SURVEYS, choice)) return [choice as CounterGroup];
  const names = [...GROUPS, ...Object.keys(SETS)].join(', ');
  throw new RangeError(`Invalid counters: expected any of ${names}, got ${JSON.stringify(choice)}`);
}

/** What there is of these groups on this machine. */
export function survey(groups: readonly CounterGroup[], roots: Roots): FilePlan[] {
  return groups.flatMap((group) => SURVEYS[group](roots));
}
