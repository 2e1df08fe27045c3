/** How input is written, as options say, or the name of a file. */
import { extname } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';
import {
  csv,
  csvOrJson,
  flatBuffers,
  jsonLines,
  type ColumnType,
  type CsvOptions,
  type InputFormat,
} from '../index.js';
import { collect } from './arguments.js';
import { InputError } from './exit-codes.js';

export type InputFormatName = 'csv' | 'json' | 'flatbuffers';

/** Of CSV, as commander has parsed them. */
export interface CsvChoices {
  readonly delimiter?: string;
  readonly header: boolean;
  readonly types?: Readonly<Record<string, ColumnType>>;
  readonly null?: readonly string[];
  readonly addColumns?: boolean;
}

export interface InputOptions extends CsvChoices {
  readonly format?: InputFormatName;
}

export const INPUT_HELP = `
CSV is as RFC 4180 has it. Without a schema, one is made from the header and the first rows: true and false,
integers, numbers, times (ISO 8601; kept as nanoseconds in a field whose name ends in _ns), else text. Of
JSON lines the first ones tell. What does not fit later on is rejected, and stops nothing. A log that has a
schema, or --schema, says instead what events are; columns and keys go to the fields of their names.

Types: bool byte ubyte short ushort int uint long ulong float double string, time (ISO 8601), and skip,
which leaves a column out.`;

const TYPES: ReadonlySet<string> = new Set<ColumnType>([
  'bool',
  'byte',
  'ubyte',
  'short',
  'ushort',
  'int',
  'uint',
  'long',
  'ulong',
  'float',
  'double',
  'string',
  'time',
  'skip',
]);
const NAMED_DELIMITERS: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t' };
const JSON_ENDINGS = new Set(['.json', '.jsonl', '.ndjson']);
const FLATBUFFER_ENDINGS = new Set(['.fb', '.flatbuffers']);

/** `otherwise`: what the format is if the option does not say. */
export function addInputOptions(command: Command, otherwise: string): Command {
  return addCsvOptions(
    command.addOption(
      new Option('--format <format>', `how events are written (default: ${otherwise})`).choices([
        'csv',
        'json',
        'flatbuffers',
      ]),
    ),
  );
}

export function addCsvOptions(command: Command): Command {
  return command
    .option(
      '--delimiter <character>',
      "of CSV: what stands between values, or 'tab'",
      parseDelimiter,
    )
    .option('--no-header', 'of CSV: the first line is a row')
    .option(
      '--types <types>',
      'of CSV: name:type,... for columns, in the place of a guess',
      parseTypes,
    )
    .option('--null <word>', 'of CSV: a word that means null; may be repeated', collect)
    .option('--add-columns', "of CSV: add fields to the log's schema for new columns");
}

/** What the options say, and else the name of the file, if there is one, and else what the input looks like. */
export function inputFormat(options: InputOptions, path = ''): InputFormat {
  const { format, delimiter, header, types, null: nulls, addColumns } = options;
  const ending = extname(path).toLowerCase();
  const tab = ending === '.tsv' ? '\t' : undefined;
  const rows: CsvOptions = {
    header,
    ...((delimiter ?? tab) === undefined ? {} : { delimiter: delimiter ?? (tab as string) }),
    ...(types === undefined ? {} : { types }),
    ...(nulls === undefined ? {} : { nulls }),
    ...(addColumns === undefined ? {} : { addColumns }),
  };
  const isCsv = format === 'csv' || (format === undefined && Object.keys(rows).length > 1);
  if (isCsv || (format === undefined && ending === '.csv')) return csv(rows);
  if (Object.keys(rows).length > 1 || !header) {
    throw new InputError(`--delimiter, --no-header, --types, --null and --add-columns go with CSV`);
  }
  if (format === 'json' || (format === undefined && JSON_ENDINGS.has(ending))) return jsonLines();
  const isBinary = format === 'flatbuffers' || FLATBUFFER_ENDINGS.has(ending);
  return isBinary ? flatBuffers() : csvOrJson(rows);
}

function parseDelimiter(text: string): string {
  const delimiter = NAMED_DELIMITERS[text] ?? text;
  if (delimiter.length === 1) return delimiter;
  throw new InvalidArgumentError("Expected one character, or 'tab'.");
}

/** The last colon counts: names may have some. */
function parseTypes(text: string): Record<string, ColumnType> {
  const pairs = text.split(',').map((pair): [string, ColumnType] => {
    const [, name = '', type = ''] = /^(.+):(\w+)$/.exec(pair.trim()) ?? [];
    if (name !== '' && TYPES.has(type)) return [name, type as ColumnType];
    throw new InvalidArgumentError(
      `Expected name:type with one of the types ${[...TYPES].join(' ')}, got ${JSON.stringify(pair)}.`,
    );
  });
  return Object.fromEntries(pairs);
}
