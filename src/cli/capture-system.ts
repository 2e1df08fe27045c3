/** `capture system`: this machine's own counters. */
import { Command, InvalidArgumentError } from 'commander';
import {
  systemCounters,
  systemSource,
  type CounterChoice,
  type Durations,
  type SystemReport,
  type SystemSourceOptions,
} from '../index.js';
import { addCaptureOptions, runCapture, type CaptureVerbOptions } from './capture.js';
import { plural, print, printJson, table } from './output.js';

const HELP = `
Groups of counters: cpu, kernel, interrupts, memory, paging, disks, network, pressure, load,
temperatures, frequencies. Sets of them: default (all but interrupts), small (cpu, kernel), all.
Memory, paging and frequencies are read 100 times a second at most, load and temperatures 10 times;
in ticks between they are null.`;

const EXAMPLES = `Examples:
  $ stratalog capture system --list
  $ stratalog capture system counters --duration 10
  $ stratalog capture system counters --rate 10000 --counters small
  $ stratalog capture system counters --rate 100 --counters cpu,disks,temperatures`;

interface Options extends CaptureVerbOptions {
  readonly rate: number;
  readonly counters: readonly CounterChoice[];
  readonly everyTick?: boolean;
  readonly list?: boolean;
  readonly proc?: string;
  readonly sys?: string;
}

export function systemCommand(): Command {
  const command = new Command('system')
    .summary("this machine's own counters")
    .description('Captures counters of this machine, an event per tick. Without LOG: --list')
    .argument('[log]', 'directory of the log; made if there is none')
    .option('--rate <hz>', 'events a second', parseRate, 1000)
    .option('--counters <names>', 'groups or sets of counters, with commas between', parseNames, [
      'default',
    ])
    .option('--every-tick', 'read at every tick also what changes slowly or takes long')
    .option('--list', 'print which counters there are here, and capture nothing')
    .option('--proc <dir>', 'where /proc is, if elsewhere')
    .option('--sys <dir>', 'where /sys is, if elsewhere')
    .addHelpText('after', HELP);
  return addCaptureOptions(command, EXAMPLES).action(captureSystem);
}

async function captureSystem(
  log: string | undefined,
  options: Options,
  command: Command,
): Promise<void> {
  const settings = settingsOf(options);
  if (options.list === true) return list(settings, options.json === true);
  if (log === undefined) command.error("error: missing required argument 'log', or --list");
  const source = systemSource(settings);
  await runCapture(source, log, options, {
    describe: () => timingLines(source.report()),
  });
}

function settingsOf({ rate, counters, everyTick, proc, sys }: Options): SystemSourceOptions {
  return {
    rateHz: rate,
    counters,
    everyTick: everyTick === true,
    ...(proc === undefined ? {} : { procPath: proc }),
    ...(sys === undefined ? {} : { sysPath: sys }),
  };
}

function list(settings: SystemSourceOptions, isJson: boolean): void {
  const counters = systemCounters(settings);
  if (isJson) return printJson(counters);
  return print(table(counters.map(({ group, name, comment }) => [group, name, comment])));
}

function timingLines(report: SystemReport): string[] {
  const { rateHz, achievedHz, ticks, missedTicks, processCpu } = report;
  return [
    `${achievedHz.toFixed(1)} of ${rateHz} ticks a second, with ${plural(report.counters, 'counter')}; ` +
      `${plural(ticks, 'tick')}, ${missedTicks} missed; ${(100 * processCpu).toFixed(1)} % of a core`,
    `late by ${distribution(report.lateUs)}`,
    `jitter ${distribution(report.jitterUs)}`,
    `reading takes ${distribution(report.tickUs)}`,
    ...Object.entries(report.appeared).map(
      ([file, names]) => `new in ${file}, and captured from the next start on: ${names.join(', ')}`,
    ),
    ...Object.entries(report.failedReads).map(
      ([file, times]) =>
        `${file} could not be read, ${plural(times, 'time')}; its counters are null there`,
    ),
  ];
}

function distribution({ p50, p90, p99, p99_9, max }: Durations): string {
  const shown = [p50, p90, p99, p99_9, max].map((us) => us.toFixed(us < 100 ? 1 : 0));
  return `p50 ${shown[0]} µs, p90 ${shown[1]}, p99 ${shown[2]}, p99.9 ${shown[3]}, max ${shown[4]}`;
}

function parseRate(text: string): number {
  const rate = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) : 0;
  if (rate < 0.001 || rate > 100_000) {
    throw new InvalidArgumentError('Expected events a second, from 0.001 to 100000.');
  }
  return rate;
}

function parseNames(text: string): CounterChoice[] {
  // Which names there are, the library knows.
  return text.split(',').map((name) => name.trim()) as CounterChoice[];
}
