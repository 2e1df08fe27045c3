/** `import`: a file of another format as events. */
import { Command, Option } from 'commander';
import {
  arrowSource,
  fileSource,
  mcapSource,
  parquetSource,
  streamSource,
  type ArrowSourceOptions,
  type CaptureSource,
  type Decimals,
  type McapSourceOptions,
  type ParquetSourceOptions,
} from '../index.js';
import { parseNames, parseSize } from './arguments.js';
import { addCaptureOptions, runCapture, type CaptureVerbOptions } from './capture.js';
import { InputError } from './exit-codes.js';
import { choicesFor, formatOf, type FormatRule } from './format-choices.js';
import {
  INPUT_HELP,
  addCsvOptions,
  inputFormat,
  type CsvChoices,
  type InputFormatName,
} from './input-format.js';
import { openStandardInput } from './standard-input.js';

const HELP = `
Formats, by the end of the file's name, or --format:
  csv          .csv, .tsv
  json         .json, .jsonl, .ndjson      lines of JSON
  flatbuffers  .fb, .flatbuffers           with their lengths in front
  arrow        .arrow, .feather, .arrows   files and streams
  parquet      .parquet
  mcap         .mcap                       messages of one topic: FlatBuffers, or JSON

What events are is what the log says already, or --schema, or the schema in the file: that of the log which
was exported, or one that is made of its columns. What does not fit it, as a row, is rejected, and stops
nothing; what does not fit as a whole is an error, and nothing has happened.
${INPUT_HELP}`;

const EXAMPLES = `Examples:
  $ stratalog import weather weather.csv
  $ stratalog import rides yellow_tripdata.parquet --columns tpep_pickup_datetime,trip_distance
  $ stratalog import prices prices.arrow --decimals text --rejects rejects.jsonl
  $ stratalog import imu drive.mcap --topic /imu
  $ stratalog export old - --format arrow-stream | stratalog import new - --format arrow`;

type FormatName = InputFormatName | 'arrow' | 'parquet' | 'mcap';

interface Choices extends CsvChoices {
  readonly columns?: readonly string[];
  readonly decimals?: Decimals;
  readonly binary?: 'bytes' | 'text';
  readonly maxMemory?: number;
  readonly topic?: string;
  readonly truncated?: 'error' | 'accept';
  readonly maxChunkSize?: number;
}

interface Options extends CaptureVerbOptions, Choices {
  readonly format?: FormatName;
}

interface InputRule extends FormatRule<Choices> {
  /** Nothing else than what it takes is in `choices`. */
  readonly open: (file: string, choices: Partial<Choices>, isQuiet: boolean) => CaptureSource;
}

const FORMATS: Readonly<Record<FormatName, InputRule>> = {
  csv: {
    endings: ['.csv', '.tsv'],
    takes: ['delimiter', 'header', 'types', 'null', 'addColumns'],
    open: fileOpener('csv'),
  },
  json: { endings: ['.json', '.jsonl', '.ndjson'], takes: [], open: fileOpener('json') },
  flatbuffers: { endings: ['.fb', '.flatbuffers'], takes: [], open: fileOpener('flatbuffers') },
  arrow: {
    endings: ['.arrow', '.feather', '.arrows'],
    takes: ['columns', 'decimals'],
    open: (file, choices, isQuiet) =>
      arrowSource(file === '-' ? openStandardInput(isQuiet) : file, choices as ArrowSourceOptions),
  },
  parquet: {
    endings: ['.parquet'],
    takes: ['columns', 'decimals', 'binary', 'maxMemory'],
    open: (file, { maxMemory, ...choices }) =>
      parquetSource(onDisk(file, 'parquet'), {
        ...(choices as ParquetSourceOptions),
        ...(maxMemory === undefined ? {} : { maxMemoryBytes: maxMemory }),
      }),
  },
  mcap: {
    endings: ['.mcap'],
    takes: ['topic', 'truncated', 'maxChunkSize'],
    open: (file, { maxChunkSize, ...choices }) =>
      mcapSource(onDisk(file, 'mcap'), {
        ...(choices as McapSourceOptions),
        ...(maxChunkSize === undefined ? {} : { maxChunkBytes: maxChunkSize }),
      }),
  },
};

const FLAGS: Readonly<Record<keyof Choices, string>> = {
  delimiter: '--delimiter',
  header: '--no-header',
  types: '--types',
  null: '--null',
  addColumns: '--add-columns',
  columns: '--columns',
  decimals: '--decimals',
  binary: '--binary',
  maxMemory: '--max-memory',
  topic: '--topic',
  truncated: '--truncated',
  maxChunkSize: '--max-chunk-size',
};

export function importCommand(): Command {
  const command = new Command('import')
    .summary('take events from a file of another format')
    .description('Appends what is in a file of CSV, JSON lines, Arrow, Parquet or MCAP to a log.')
    .argument('<log>', 'directory of the log; created if it does not exist')
    .argument('<file>', "what to read; '-' for standard input")
    .addOption(
      new Option('--format <format>', "default: by the file's name").choices(Object.keys(FORMATS)),
    );
  addCsvOptions(command)
    .option('--columns <names>', 'of Arrow and Parquet: only these, with commas', parseNames)
    .addOption(
      new Option('--decimals <how>', 'of Arrow and Parquet (default: error)').choices([
        'error',
        'text',
        'doubles',
      ]),
    )
    .addOption(
      new Option('--binary <how>', 'of Parquet: bytes that may be text (default: bytes)').choices([
        'bytes',
        'text',
      ]),
    )
    .option('--max-memory <size>', 'of Parquet: what a row group may take (1G)', parseSize)
    .option('--topic <name>', 'of MCAP: which one, if there are several')
    .addOption(
      new Option('--truncated <how>', 'of MCAP: a file without its end (default: error)').choices([
        'error',
        'accept',
      ]),
    )
    .option('--max-chunk-size <size>', 'of MCAP: larger chunks are refused (64M)', parseSize);
  return addCaptureOptions(command.addHelpText('after', HELP), EXAMPLES).action(importFile);
}

async function importFile(log: string, file: string, options: Options): Promise<void> {
  const name = options.format ?? formatOf(file, FORMATS, 'read');
  const choices = choicesFor<FormatName, Choices>(name, options, FLAGS, FORMATS);
  const source = FORMATS[name].open(file, choices, options.quiet === true);
  await runCapture(source, log, options, { done: 'imported' });
}

function fileOpener(name: InputFormatName): InputRule['open'] {
  return (file, choices, isQuiet) => {
    const format = inputFormat({ header: true, ...choices, format: name }, file);
    if (file !== '-') return fileSource(file, { format });
    return streamSource(openStandardInput(isQuiet), { format, name: 'stdin' });
  };
}

function onDisk(file: string, name: FormatName): string {
  if (file !== '-') return file;
  const why = 'it is read from its end';
  throw new InputError(`Cannot read ${name} from standard input: ${why}; name a file`);
}
