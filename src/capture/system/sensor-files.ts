/** Temperatures and frequencies in `/sys`: a file for each, where the kernel has them. */
import { readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { FilePlan } from './plan.js';
import {
  NOT_EVERY_TICK,
  Namer,
  contentOf,
  entriesOf,
  identifier,
  planOfNumber,
  type Roots,
} from './survey.js';

/** Some sensors lie behind a slow bus, and take milliseconds to answer. */
const TEMPERATURE_MAX_HZ = 10;
/** Some processors have to be interrupted for it. */
const FREQUENCY_MAX_HZ = 100;

/**
 * Sensors are named by what does not change when another one comes or goes: the number of a zone, or the
 * device that a chip belongs to (`nvme0`), and not by the order in which they are found.
 */
export function surveyTemperatures({ sys }: Roots): FilePlan[] {
  const namer = new Namer();
  return [...thermalZones(sys), ...hardwareMonitors(sys)].flatMap(({ path, sensor }) =>
    planOfNumber(
      path,
      {
        notation: 'signed',
        counter: {
          group: 'temperatures',
          name: `${namer.unique(`temperature_${identifier(sensor)}`)}_millicelsius`,
          type: 'long',
          comment: `Temperature, in 0.001 °C${NOT_EVERY_TICK}; sensor ${sensor}`,
        },
      },
      TEMPERATURE_MAX_HZ,
    ),
  );
}

interface Sensor {
  readonly path: string;
  readonly sensor: string;
}

function thermalZones(sys: string): Sensor[] {
  const directory = join(sys, 'class/thermal');
  return entriesOf(directory).flatMap((name) => {
    const [, number] = /^thermal_zone(\d+)$/.exec(name) ?? [];
    if (number === undefined) return [];
    const type = oneLine(join(directory, name, 'type')) ?? 'zone';
    return [{ path: join(directory, name, 'temp'), sensor: `${type} ${number}` }];
  });
}

function hardwareMonitors(sys: string): Sensor[] {
  const directory = join(sys, 'class/hwmon');
  return entriesOf(directory).flatMap((name) => {
    const monitor = join(directory, name);
    const chip = chipOf(monitor) ?? name;
    return entriesOf(monitor)
      .filter((file) => /^temp\d+_input$/.test(file))
      .map((file) => {
        const label = oneLine(join(monitor, file.replace('input', 'label')));
        return { path: join(monitor, file), sensor: `${chip} ${label ?? file.split('_')[0]}` };
      });
  });
}

/** Kind and device of a chip: `nvme0`, `coretemp.0`, `k10temp 0000:00:18.3`. */
function chipOf(monitor: string): string | undefined {
  const kind = oneLine(join(monitor, 'name'));
  const device = linkTarget(join(monitor, 'device'));
  if (kind === undefined || device === undefined) return kind ?? device;
  return device.startsWith(kind) ? device : `${kind} ${device}`;
}

function linkTarget(path: string): string | undefined {
  try {
    return basename(readlinkSync(path));
  } catch {
    return undefined;
  }
}

function oneLine(path: string): string | undefined {
  const line = contentOf(path)?.trim();
  return line === undefined || line === '' ? undefined : line;
}

export function surveyFrequencies({ sys }: Roots): FilePlan[] {
  const directory = join(sys, 'devices/system/cpu');
  return entriesOf(directory)
    .filter((name) => /^cpu\d+$/.test(name))
    .flatMap((cpu) =>
      planOfNumber(
        join(directory, cpu, 'cpufreq/scaling_cur_freq'),
        {
          notation: 'unsigned',
          counter: {
            group: 'frequencies',
            name: `${cpu}_frequency_khz`,
            type: 'ulong',
            comment: `Frequency of processor ${cpu.slice(3)}, in kHz${NOT_EVERY_TICK}`,
          },
        },
        FREQUENCY_MAX_HZ,
      ),
    );
}
