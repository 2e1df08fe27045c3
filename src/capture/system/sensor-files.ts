/** Temperatures and frequencies in `/sys`: a file for each, where the kernel has them. */
import { join } from 'node:path';
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
          comment: `Temperature of ${sensor}, in 0.001 °C${NOT_EVERY_TICK}`,
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
  return entriesOf(directory)
    .filter((name) => name.startsWith('thermal_zone'))
    .map((name) => ({
      path: join(directory, name, 'temp'),
      sensor: oneLine(join(directory, name, 'type')) ?? name,
    }));
}

function hardwareMonitors(sys: string): Sensor[] {
  const directory = join(sys, 'class/hwmon');
  return entriesOf(directory).flatMap((name) => {
    const monitor = join(directory, name);
    const chip = oneLine(join(monitor, 'name')) ?? name;
    return entriesOf(monitor)
      .filter((file) => /^temp\d+_input$/.test(file))
      .map((file) => {
        const label = oneLine(join(monitor, file.replace('input', 'label')));
        return { path: join(monitor, file), sensor: `${chip} ${label ?? file.split('_')[0]}` };
      });
  });
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
