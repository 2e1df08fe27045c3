/** What Node tells of a machine that has no `/proc`: fewer counters, and each reading makes objects. */
import { cpus, freemem, loadavg, totalmem } from 'node:os';
import type { EventImage, FieldPlace } from './event-image.js';
import type { Counter, CounterGroup } from './plan.js';
import { NOT_EVERY_TICK } from './survey.js';

const MAX_HZ = 100;
const CPU_TIMES = ['user', 'nice', 'sys', 'idle', 'irq'] as const;

/** Counters that are read together, by a function instead of from a file. */
export interface PortableReading {
  readonly maxHz: number;
  readonly counters: readonly Counter[];
  /** Values in the order of the counters. */
  readonly values: () => number[];
}

const READINGS: Partial<Record<CounterGroup, () => PortableReading>> = {
  cpu: () => ({ maxHz: MAX_HZ, counters: cpuCounters(), values: cpuTimes }),
  memory: () => ({
    maxHz: MAX_HZ,
    counters: [
      memoryCounter('mem_total_bytes', 'Memory'),
      memoryCounter('mem_free_bytes', 'Memory that is free'),
    ],
    values: () => [totalmem(), freemem()],
  }),
  load: () => ({
    maxHz: MAX_HZ,
    counters: [1, 5, 15].map((minutes) => ({
      group: 'load',
      name: `load_${minutes}min`,
      type: 'double',
      comment: `Tasks that run or wait, average of ${minutes} min${NOT_EVERY_TICK}`,
    })),
    values: loadavg,
  }),
};

export function portableReadings(groups: readonly CounterGroup[]): PortableReading[] {
  return groups.flatMap((group) => READINGS[group]?.() ?? []);
}

function memoryCounter(name: string, meaning: string): Counter {
  return { group: 'memory', name, type: 'ulong', comment: `${meaning}, in bytes${NOT_EVERY_TICK}` };
}

function cpuCounters(): Counter[] {
  return cpus().flatMap((_, cpu) =>
    CPU_TIMES.map((time) => ({
      group: 'cpu',
      name: `cpu${cpu}_${time}_ms`,
      type: 'ulong',
      comment: `Time of processor ${cpu} in the mode ${time}, in ms${NOT_EVERY_TICK}`,
    })),
  );
}

function cpuTimes(): number[] {
  return cpus().flatMap(({ times }) => CPU_TIMES.map((time) => times[time]));
}

/** Stores values in the places of their counters, if there are as many; otherwise nobody knows which. */
export function storeReading(
  { counters, values }: PortableReading,
  places: readonly FieldPlace[],
  image: EventImage,
): void {
  const now = values();
  if (now.length !== counters.length) return;
  counters.forEach(({ type }, i) => {
    const [place, value] = [places[i] as FieldPlace, now[i] as number];
    if (type === 'double') image.setDouble(place, value);
    else if (Number.isSafeInteger(value)) image.setInteger(place, value);
  });
}
