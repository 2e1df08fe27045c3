/** `export`: events as a file of another format. */
import { Command } from 'commander';
import { exportLog } from '../index.js';
import { collect, parseNames } from './arguments.js';
import { parseConditions } from './condition.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { checkNewFile } from './new-file.js';
import { formatBytes, note, plural } from './output.js';
import {
  OUTPUT_HELP,
  addOutputOptions,
  formatOption,
  outputFormat,
  type OutputOptions,
} from './output-format.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';

const HELP = `${OUTPUT_HELP}

A file is written under another name, and gets its own when it is whole. '-' is standard output. An existing
file is an error without --force.

Examples:
  $ stratalog export sensors sensors.csv
  $ stratalog export sensors hot.parquet --where 'value >= 40' --fields time_ns,sensor,value
  $ stratalog export sensors sensors.arrow --since 2026-01-31
  $ stratalog export imu imu.mcap --topic /imu --time time_ns
  $ stratalog export --format json --from -1000 sensors - | jq .value
${EXIT_CODES_HELP}`;

interface Options extends ScanningOptions, OutputOptions {
  readonly fields?: readonly string[];
  readonly where?: readonly string[];
  readonly force?: boolean;
}

export function exportCommand(): Command {
  const command = new Command('export')
    .summary('write events into a file of another format')
    .description(
      'Writes the events of a log as CSV, JSON lines, Arrow, Parquet or MCAP, by several threads.',
    )
    .argument('<log>', 'directory of the log')
    .argument('<file>', "what to write; '-' for standard output")
    .addOption(formatOption())
    .option('--fields <paths>', 'only these, with commas between (default: all)', parseNames)
    .option('--where <condition>', 'only events that meet it; all of several', collect);
  return addOutputOptions(addScanningOptions(command))
    .option('--force', 'replace an existing file')
    .addHelpText('after', HELP)
    .action(exportEvents);
}

async function exportEvents(path: string, file: string, options: Options): Promise<void> {
  const format = outputFormat(file, options);
  if (file !== '-') checkNewFile(file, options.force === true);
  const report = await scanning('export', path, options, (reader, settings) =>
    exportLog(reader, file === '-' ? process.stdout : file, {
      ...settings,
      format,
      fields: options.fields,
      where: parseConditions(options.where ?? [], reader),
      replace: options.force === true,
    }),
  );
  if (report === undefined) return;
  if (file !== '-') {
    note(`${file}: ${plural(report.rows, 'event')}, ${formatBytes(report.bytes)}`);
  }
  tellDamage(report);
}
