/** `/proc/stat`: processor time, interrupts, context switches, processes. One read has all of it. */
import { join } from 'node:path';
import type { ColumnPlan, CounterGroup, FilePlan } from './plan.js';
import { contentOf, identifier, linesOf, planOf, type Line, type Roots } from './survey.js';

/** In the order of the columns; kernels have added to the end. */
const CPU_TIMES: readonly (readonly [name: string, meaning: string])[] = [
  ['user', 'Time in user mode'],
  ['nice', 'Time in user mode at low priority'],
  ['system', 'Time in the kernel'],
  ['idle', 'Time with nothing to do'],
  ['iowait', 'Time with nothing to do while a disk was waited for (may go back)'],
  ['irq', 'Time in interrupts'],
  ['softirq', 'Time in soft interrupts'],
  ['steal', 'Time in which the hypervisor ran others'],
  ['guest', 'Time for guests of this machine (part of user time)'],
  ['guest_nice', 'Time for guests at low priority (part of nice time)'],
];
/** What the kernel calls USER_HZ has been 100 on every platform for long. */
const TICKS = 'in ticks of 10 ms';

/** Lines of one number: counts since the start of the machine, or a number of this moment. */
const KERNEL_LINES: Readonly<Record<string, readonly [name: string, meaning: string]>> = {
  intr: ['interrupts', 'Interrupts served since the start'],
  ctxt: ['context_switches', 'Context switches since the start'],
  processes: ['processes_created', 'Processes and threads created since the start'],
  procs_running: ['processes_running', 'Processes and threads that run or could, at this moment'],
  procs_blocked: ['processes_blocked', 'Processes that wait for a disk, at this moment'],
  softirq: ['softirqs', 'Soft interrupts served since the start'],
};

const SOFTIRQS = 'hi timer net_tx net_rx block irq_poll tasklet sched hrtimer rcu'.split(' ');

export function surveyCpu({ proc }: Roots): FilePlan[] {
  return planOf(join(proc, 'stat'), cpuColumns);
}

function cpuColumns({ key, words }: Line): ColumnPlan[] {
  if (!/^cpu\d*$/.test(key)) return [];
  const whose = key === 'cpu' ? 'all processors' : `processor ${key.slice(3)}`;
  return CPU_TIMES.slice(0, words.length).map(([name, meaning], column) =>
    counted('cpu', column, `${key}_${name}_ticks`, `${meaning}; ${whose}, ${TICKS}`),
  );
}

export function surveyKernel({ proc }: Roots): FilePlan[] {
  return planOf(join(proc, 'stat'), kernelColumns);
}

function kernelColumns({ key, words }: Line): ColumnPlan[] {
  const known = Object.hasOwn(KERNEL_LINES, key) ? KERNEL_LINES[key] : undefined;
  if (known === undefined) return [];
  const first = counted('kernel', 0, ...known);
  if (key !== 'softirq') return [first];
  const kinds = SOFTIRQS.slice(0, words.length - 1).map((kind, i) =>
    counted('kernel', i + 1, `softirq_${kind}`, `Soft interrupts of the kind ${kind}`),
  );
  return [first, ...kinds];
}

/** Those that have a handler; the file has a number for each that there could be. */
export function surveyInterrupts({ proc }: Roots): FilePlan[] {
  const handlers = handlersOf(contentOf(join(proc, 'interrupts')) ?? '');
  return planOf(join(proc, 'stat'), ({ key, words }) =>
    key === 'intr' ? interruptColumns(handlers, words.length) : [],
  );
}

function interruptColumns(handlers: ReadonlyMap<number, string>, count: number): ColumnPlan[] {
  return [...handlers]
    .filter(([number]) => number + 1 < count)
    .sort(([a], [b]) => a - b)
    .map(([number, handler]) => {
      const name = ['interrupt', number, identifier(handler)].join('_');
      const comment = `Interrupts with the number ${number} since the start: ${handler}`;
      return counted('interrupts', number + 1, name, comment);
    });
}

/** `24:   0   12   PCI-MSIX-0000:00:01.0   0-edge   virtio0-config`: the last word says whose it is. */
function handlersOf(content: string): Map<number, string> {
  const handlers = new Map<number, string>();
  for (const { key, words } of linesOf(content)) {
    const handler = words.at(-1);
    const hasHandler = handler !== undefined && !/^\d+$/.test(handler);
    if (/^\d+$/.test(key) && hasHandler) handlers.set(Number(key), handler);
  }
  return handlers;
}

function counted(group: CounterGroup, column: number, name: string, comment: string): ColumnPlan {
  return { column, notation: 'unsigned', counter: { group, name, type: 'ulong', comment } };
}
