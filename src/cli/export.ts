/** `export`: events as a file of another format. */
import { existsSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { csvFile, exportLog, jsonLinesFile, type Nested, type OutputFormat } from '../index.js';
import { collect } from './arguments.js';
import { parseConditions } from './condition.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { formatBytes, note, plural } from './output.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';

const HELP = `
Formats, by the end of the file's name:
  csv          .csv             with the digits that numbers need to be the same when they are read back
  json         .jsonl, .ndjson  a line of JSON for each event, with everything that is in it

A file is written under another name, and gets its own when it is whole. '-' is standard output. An existing
file is an error without --force.

Tables within events become columns, called by their paths; vectors are refused, unless --nested json puts
such fields into JSON, or --fields names others.

Examples:
  $ stratalog export sensors sensors.csv
  $ stratalog export sensors hot.csv --where 'value >= 40' --fields time_ns,sensor,value
  $ stratalog export --format json --since 2026-01-31 sensors - | gzip > sensors.jsonl.gz
${EXIT_CODES_HELP}`;

interface Options extends ScanningOptions {
  readonly format?: FormatName;
  readonly fields?: readonly string[];
  readonly where?: readonly string[];
  readonly nested: Nested;
  readonly header: boolean;
  readonly force?: boolean;
}

const BY_EXTENSION = { csv: 'csv', jsonl: 'json', ndjson: 'json' } as const;
type FormatName = (typeof BY_EXTENSION)[keyof typeof BY_EXTENSION];
const FORMATS = [...new Set(Object.values(BY_EXTENSION))];

export function exportCommand(): Command {
  const command = new Command('export')
    .summary('write events into a file of another format')
    .description('Writes the events of a log into a file, by several threads.')
    .argument('<log>', 'directory of the log')
    .argument('<file>', "what to write; '-' for standard output")
    .addOption(new Option('--format <format>', "default: by the file's name").choices(FORMATS))
    .option('--fields <paths>', 'only these, with commas between (default: all)', parseFields)
    .option('--where <condition>', 'only events that meet it; all of several', collect);
  return addScanningOptions(command)
    .addOption(
      new Option('--nested <how>', 'what becomes of tables, unions and vectors')
        .choices(['columns', 'json'])
        .default('columns'),
    )
    .option('--no-header', 'CSV without a line of names')
    .option('--force', 'replace an existing file')
    .addHelpText('after', HELP)
    .action(exportEvents);
}

async function exportEvents(path: string, file: string, options: Options): Promise<void> {
  const format = outputFormat(file, options);
  if (file !== '-' && options.force !== true && existsSync(file)) {
    throw new InputError(`Cannot write ${file}: it exists; --force replaces it`);
  }
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

function outputFormat(file: string, { format, nested, header }: Options): OutputFormat {
  const name = format ?? formatOf(file);
  return name === 'csv' ? csvFile({ nested, header }) : jsonLinesFile();
}

function formatOf(file: string): FormatName {
  const extension = /\.(\w+)$/.exec(file)?.[1]?.toLowerCase() ?? '';
  const name = BY_EXTENSION[extension as keyof typeof BY_EXTENSION] as FormatName | undefined;
  if (name !== undefined) return name;
  throw new InputError(
    `Cannot tell what to write from ${file}: its name ends with none of ${Object.keys(BY_EXTENSION)
      .map((each) => `.${each}`)
      .join(', ')}; --format says`,
  );
}

function parseFields(text: string): readonly string[] {
  const fields = text.split(',').map((field) => field.trim());
  if (fields.includes('')) throw new InvalidArgumentError('Expected fields, as in time_ns,value.');
  return fields;
}
