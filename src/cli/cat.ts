/** `cat`: records to standard output. */
import { Command, Option } from 'commander';
import { openReader, type Cursor } from '../index.js';
import { parseCount } from './arguments.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { noteLost } from './output.js';
import { addRangeOptions, damageAtEnd, resolveRange, type RangeOptions } from './range.js';
import {
  FORMATS,
  FORMATS_HELP,
  chooseFormat,
  showRecord,
  type Layout,
  type RecordFormat,
} from './record-format.js';
import { Sink } from './sink.js';

const HELP = `${FORMATS_HELP}

Times are those of commits, as ISO 8601 (2026-01-31T12:00:00Z; without a zone: local time; a bare
date: UTC) or in milliseconds since 1970. The end is the log's end when cat begins.

Examples:
  $ stratalog cat journal | head
  $ stratalog cat --from -10 --offsets --times journal
  $ stratalog cat --since 2026-01-31T12:00:00Z --until 2026-01-31T12:05:00Z ticks
  $ stratalog cat --framing length old | stratalog append --framing length new
  $ stratalog cat --from 1000000 --limit 1 --format hex ticks
  $ stratalog cat imu | jq .acceleration.z
${EXIT_CODES_HELP}`;

interface Options extends RangeOptions {
  readonly limit: number;
  readonly format?: RecordFormat;
  readonly json?: boolean;
  readonly framing: 'none' | 'length';
  readonly offsets?: boolean;
  readonly times?: boolean;
  readonly flushed?: boolean;
}

export function catCommand(): Command {
  const command = new Command('cat')
    .summary('print records')
    .description('Prints the records of a log, in order, also while somebody appends to it.')
    .argument('<log>', 'directory of the log');
  return addRangeOptions(command)
    .addOption(
      new Option('--limit <n>', 'at most this many records')
        .argParser(parseCount)
        .default(Infinity, 'all'),
    )
    .addOption(new Option('--format <format>', 'how to show a record').choices(FORMATS))
    .addOption(
      new Option('--framing <kind>', "'length' precedes each raw record by its length, a u32")
        .choices(['none', 'length'])
        .default('none'),
    )
    .addOption(new Option('--json', "the same as '--format json'").conflicts('format'))
    .option('--offsets', 'begin each line with the offset and a tab')
    .option('--times', 'begin each line with the time and a tab')
    .option('--flushed', 'only records that a power cut cannot take back')
    .addHelpText('after', HELP)
    .action(cat);
}

async function cat(path: string, options: Options): Promise<void> {
  const layout = layoutOf(path, options);
  const reader = openReader(path, {
    access: 'sequential',
    bound: options.flushed === true ? 'flushed' : 'committed',
  });
  const sink = new Sink(process.stdout);
  try {
    const { from, to } = resolveRange(reader, options);
    const end = Math.min(to, from + options.limit);
    if (from < end) await show(reader.cursor({ from, to: end }), from, sink, layout);
    const damage = end === to ? damageAtEnd(reader, options, to) : undefined;
    if (damage !== undefined) throw damage;
  } finally {
    // What came before damage is still worth having.
    await sink.drain();
    reader.close();
  }
}

async function show(cursor: Cursor, from: number, sink: Sink, layout: Layout): Promise<void> {
  let expected = from;
  while (cursor.next()) {
    const { offset } = cursor;
    if (offset !== expected) noteLost({ from: expected, to: offset });
    expected = offset + 1;
    const unfinished = showRecord(sink, cursor, layout);
    if (unfinished !== undefined) await unfinished;
    if (sink.isFull) await sink.drain();
  }
}

function layoutOf(path: string, options: Options): Layout {
  const { framing, json = false, offsets = false, times = false } = options;
  const wished = options.format ?? (json ? 'json' : framing === 'length' ? 'raw' : undefined);
  const { format, schema } = chooseFormat(path, wished);
  if (framing === 'length' && format !== 'raw') {
    throw new InputError(`Framing 'length' is for raw records, not for ${format}`);
  }
  if (format === 'raw' && (offsets || times)) {
    throw new InputError('Offsets and times go with a format of lines, not with raw');
  }
  return { format, schema, framing, offsets, times };
}
