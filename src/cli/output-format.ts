/** How an export is written, as options say, or the name of the file. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  arrowFile,
  arrowStream,
  csvFile,
  jsonLinesFile,
  mcapFile,
  parquetFile,
  type ArrowFileOptions,
  type McapFileOptions,
  type OutputFormat,
  type ParquetCompression,
  type TableFileOptions,
} from '../index.js';
import { parseCount, parseSize } from './arguments.js';
import { InputError } from './exit-codes.js';
import { choicesFor, formatOf, type FormatRule } from './format-choices.js';

type FormatName = 'csv' | 'json' | 'arrow' | 'arrow-stream' | 'parquet' | 'mcap';

/** What formats have to choose, as commander has parsed it. */
interface Choices extends TableFileOptions {
  readonly header: boolean;
  readonly compression?: ParquetCompression;
  readonly rowGroupRows?: number;
  readonly topic?: string;
  readonly time?: string;
  readonly chunkSize?: number;
}

export interface OutputOptions extends Choices {
  readonly format?: FormatName;
}

export const OUTPUT_HELP = `
Formats, by the end of the file's name, or --format:
  csv           .csv              with the digits that numbers need to be the same when they are read back
  json          .jsonl, .ndjson   a line of JSON for each event, with everything that is in it
  arrow         .arrow, .feather  columns, for pandas, Polars, R and others
  arrow-stream  .arrows           the same for pipes
  parquet       .parquet          columns in row groups, compressed
  mcap          .mcap             FlatBuffers as they are, with their schema, for Foxglove and others

What a format cannot hold is an error that says so. Vectors, and much of what is nested, go into CSV with
'--nested json' only; vectors of unions and tables within themselves go so into Arrow and Parquet. '--fields'
may choose what to write, but for MCAP, and takes '$offset' and '$timeMs' besides. All fields of a log in
Arrow or Parquet, and MCAP: 'stratalog import' makes the same events of them again.`;

interface OutputRule extends FormatRule<Choices> {
  readonly compressions?: readonly ParquetCompression[];
  /** Nothing else than what it takes is in `choices`. */
  readonly make: (choices: Partial<Choices>) => OutputFormat;
}

const OF_TABLES = ['nested', 'enums', 'times', 'compression'] as const;
const NONE_OR_ZSTD = ['none', 'zstd'] as const;

const FORMATS: Readonly<Record<FormatName, OutputRule>> = {
  csv: {
    endings: ['.csv'],
    takes: ['nested', 'header'],
    make: csvFile,
  },
  json: { endings: ['.jsonl', '.ndjson'], takes: [], make: () => jsonLinesFile() },
  arrow: {
    endings: ['.arrow', '.feather'],
    takes: OF_TABLES,
    compressions: NONE_OR_ZSTD,
    make: (choices) => arrowFile(choices as ArrowFileOptions),
  },
  'arrow-stream': {
    endings: ['.arrows'],
    takes: OF_TABLES,
    compressions: NONE_OR_ZSTD,
    make: (choices) => arrowStream(choices as ArrowFileOptions),
  },
  parquet: {
    endings: ['.parquet'],
    takes: [...OF_TABLES, 'rowGroupRows'],
    compressions: ['none', 'snappy', 'gzip', 'zstd'],
    make: parquetFile,
  },
  mcap: {
    endings: ['.mcap'],
    takes: ['topic', 'time', 'compression', 'chunkSize'],
    compressions: NONE_OR_ZSTD,
    make: ({ chunkSize, ...choices }) =>
      mcapFile({
        ...(choices as McapFileOptions),
        ...(chunkSize === undefined ? {} : { chunkBytes: chunkSize }),
      }),
  },
};
const NAMES = Object.keys(FORMATS) as FormatName[];
/** For people, and not for a terminal. */
const TEXTS: ReadonlySet<FormatName> = new Set(['csv', 'json']);

const FLAGS: Readonly<Record<keyof Choices, string>> = {
  nested: '--nested',
  enums: '--enums',
  times: '--times',
  header: '--no-header',
  compression: '--compression',
  rowGroupRows: '--row-group-rows',
  topic: '--topic',
  time: '--time',
  chunkSize: '--chunk-size',
};

export function addOutputOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--nested <how>', 'tables, unions and vectors (default: columns)').choices([
        'columns',
        'json',
      ]),
    )
    .option('--no-header', 'of CSV: without a line of names')
    .addOption(
      new Option('--enums <how>', 'of Arrow and Parquet (default: names)').choices([
        'names',
        'numbers',
      ]),
    )
    .addOption(
      new Option(
        '--times <how>',
        'of Arrow and Parquet: fields such as time_ns (default: timestamps)',
      ).choices(['timestamps', 'integers']),
    )
    .addOption(
      new Option(
        '--compression <how>',
        'of Arrow, Parquet (default: snappy) and MCAP; zstd needs Node.js 22.15',
      ).choices(['none', 'snappy', 'gzip', 'zstd']),
    )
    .option('--row-group-rows <n>', 'of Parquet: rows of a row group at most (262144)', parseRows)
    .option('--topic <name>', 'of MCAP: its channel (default: as events are called)', parseName)
    .option('--time <field>', 'of MCAP: which field has the time (default: when committed)')
    .option('--chunk-size <size>', 'of MCAP: before it is compressed (1M)', parseSize);
}

export function formatOption(): Option {
  return new Option('--format <format>', "default: by the file's name").choices(NAMES);
}

/** @throws {InputError} nobody says which format; it has no such choice */
export function outputFormat(file: string, options: OutputOptions): OutputFormat {
  const name = options.format ?? formatOf(file, FORMATS, 'write');
  const { compressions, make } = FORMATS[name];
  const choices = choicesFor<FormatName, Choices>(name, options, FLAGS, FORMATS);
  const { compression } = options;
  if (compression !== undefined && !compressions?.includes(compression)) {
    const there = compressions?.join(', ');
    throw new InputError(`Cannot compress ${name} with ${compression}: there are ${there}`);
  }
  if (file === '-' && process.stdout.isTTY && !TEXTS.has(name)) {
    throw new InputError(`Cannot write ${name} to a terminal: it is no text`);
  }
  return make(choices);
}

function parseRows(text: string): number {
  const rows = parseCount(text);
  if (rows === 0) throw new InvalidArgumentError('Expected a whole number, 1 or more.');
  return rows;
}

function parseName(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a name.');
  return text;
}
