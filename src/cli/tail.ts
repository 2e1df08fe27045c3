/** `tail`: the end of a log, and what comes. */
import { Command, Option } from 'commander';
import {
  openReader,
  type CursorStart,
  type Reader,
  type Tailer,
  type WriterState,
} from '../index.js';
import { parseCount, parseTime } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { note, noteLost, plural } from './output.js';
import { damageBehind } from './range.js';
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

With -f it goes on with what is appended, by whichever process, until it is interrupted. Records that
are dropped before it comes to them are skipped, and their number is told. Damage is an error, also at the
end of the log.

Examples:
  $ stratalog tail -f journal
  $ stratalog tail -n 100 --times journal
  $ stratalog tail -f --since 2026-01-31T12:00:00Z --format json ticks
  $ stratalog tail -f --until-close --format raw journal > copy
${EXIT_CODES_HELP}`;

interface Options {
  readonly follow?: boolean;
  readonly lines: number;
  readonly since?: number;
  readonly untilClose?: boolean;
  readonly format?: RecordFormat;
  readonly offsets?: boolean;
  readonly times?: boolean;
  readonly flushed?: boolean;
}

export function tailCommand(): Command {
  return new Command('tail')
    .summary('print the last records, and what comes')
    .description('Prints the end of a log, and with -f everything that is appended from then on.')
    .argument('<log>', 'directory of the log')
    .option('-f, --follow', 'go on with what is appended')
    .option('-n, --lines <n>', 'begin with this many of the last records', parseCount, 10)
    .option(
      '--since <time>',
      'begin with the first record committed at or after this time',
      parseTime,
    )
    .option('--until-close', 'with -f: end when the appender has closed the log')
    .addOption(new Option('--format <format>', 'how to show a record').choices(FORMATS))
    .option('--offsets', 'begin each line with the offset and a tab')
    .option('--times', 'begin each line with the time and a tab')
    .option('--flushed', 'only records that a power cut cannot take back')
    .addHelpText('after', HELP)
    .action(tail);
}

async function tail(path: string, options: Options): Promise<void> {
  const ending = new AbortController();
  const interruption = new Interruption(() => ending.abort());
  const reader = openReader(path, { bound: options.flushed === true ? 'flushed' : 'committed' });
  const sink = new Sink(process.stdout);
  try {
    const tailer = reader.tailer({
      from: startOf(reader, options),
      onDropped: 'skip',
      endAtClose: options.untilClose === true,
      onWriterChange: tellWriter,
      signal: ending.signal,
      name: 'stratalog tail',
    });
    await show(tailer, sink, layoutOf(path, options), options.follow ?? false, reader.boundOffset);
    // Whoever follows meets it as the next record.
    const damage = options.follow === true ? undefined : damageBehind(reader);
    if (damage !== undefined) throw damage;
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    await sink.drain();
    reader.close();
    interruption.release();
  }
  interruption.setExitCode();
}

function startOf(reader: Reader, { since, lines }: Options): CursorStart {
  if (since !== undefined) return { timeMs: since };
  return Math.max(reader.startOffset, reader.boundOffset - lines);
}

function layoutOf(path: string, { format, offsets = false, times = false }: Options): Layout {
  return { ...chooseFormat(path, format), framing: 'none', offsets, times };
}

/** Up to `end`; or, following, for ever. */
async function show(
  tailer: Tailer,
  sink: Sink,
  layout: Layout,
  follow: boolean,
  end: number,
): Promise<void> {
  let expected = tailer.nextOffset;
  let skipped = 0;
  const hasNext = (): boolean => (follow || tailer.nextOffset < end) && tailer.next();
  for (;;) {
    if (!hasNext()) {
      await sink.drain();
      if (!follow || !(await tailer.nextAsync())) return;
    }
    if (tailer.skipped > skipped) tellSkipped(tailer.skipped - skipped);
    expected += tailer.skipped - skipped;
    skipped = tailer.skipped;
    const { offset } = tailer.record;
    if (offset !== expected) noteLost({ from: expected, to: offset });
    expected = offset + 1;
    const unfinished = showRecord(sink, tailer.record, layout);
    if (unfinished !== undefined) await unfinished;
    if (sink.isFull) await sink.drain();
  }
}

function tellSkipped(records: number): void {
  note(`${plural(records, 'record')} dropped from the log before they could be shown`);
}

function tellWriter(now: WriterState): void {
  const text = {
    appending: 'an appender has opened the log',
    closed: 'the appender has closed the log',
    died: 'the appender has died without closing the log',
  };
  note(text[now]);
}
