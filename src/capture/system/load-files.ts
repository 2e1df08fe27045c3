/** `/proc/pressure` and `/proc/loadavg`: how much has to wait. */
import { join } from 'node:path';
import type { ColumnPlan, FilePlan } from './plan.js';
import { NOT_EVERY_TICK, contentOf, entriesOf, planOf, type Line, type Roots } from './survey.js';

/** The kernel computes load every five seconds. */
const LOAD_MAX_HZ = 10;

const WHO: Readonly<Record<string, string>> = {
  some: 'at least one task has waited',
  full: 'no task could go on',
};

/** Not available to everybody, and on some kernels only when asked for at boot. */
export function surveyPressure({ proc }: Roots): FilePlan[] {
  const directory = join(proc, 'pressure');
  return entriesOf(directory).flatMap((resource) =>
    planOf(join(directory, resource), (line) => pressureColumns(resource, line)),
  );
}

/** `some avg10=0.34 avg60=1.00 avg300=3.72 total=9037952337`; averages can be made of totals. */
function pressureColumns(resource: string, { key, words }: Line): ColumnPlan[] {
  const column = words.findIndex((word) => /^total=\d+$/.test(word));
  const who = Object.hasOwn(WHO, key) ? WHO[key] : undefined;
  if (column < 0 || who === undefined || !/^[a-z]+$/.test(resource)) return [];
  const name = `pressure_${resource}_${key}_us`;
  const comment = `Time in which ${who} for ${resource}, since the start, in µs`;
  const counter = { group: 'pressure', name, type: 'ulong', comment } as const;
  return [{ column, prefix: 'total=', notation: 'unsigned', counter }];
}

/** `0.04 0.35 0.80 1/90 22079`: no key, and all in one line. */
export function surveyLoad({ proc }: Roots): FilePlan[] {
  const path = join(proc, 'loadavg');
  if (!/^(?:\d+\.\d+ ){3}\d+\/\d+ /.test(contentOf(path) ?? '')) return [];
  const averages = [1, 5, 15].map((minutes, column): ColumnPlan => ({
    column,
    notation: 'decimal',
    counter: {
      group: 'load',
      name: `load_${minutes}min`,
      type: 'double',
      comment: `Tasks that run or wait for a disk, average of ${minutes} min${NOT_EVERY_TICK}`,
    },
  }));
  const tasks: ColumnPlan = {
    column: 4,
    notation: 'unsigned',
    counter: {
      group: 'load',
      name: 'tasks',
      type: 'ulong',
      comment: `Processes and threads that there are${NOT_EVERY_TICK}`,
    },
  };
  const rows = [{ key: '', columns: [...averages, tasks] }];
  return [{ path, keyColumn: 0, rows, maxHz: LOAD_MAX_HZ }];
}
