/** `top`: a log at work, from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { openMonitor, type LogSample, type TailerInfo } from '../index.js';
import { parseCount, parseSeconds } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { formatBytes, formatCount, perSecond, print, table } from './output.js';
import { Screen } from './screen.js';

const HELP = `
Reads the counters that the log keeps in its control page, and costs the appender nothing. On a terminal
it redraws in place; elsewhere it prints one JSON object a line.

Examples:
  $ stratalog top journal
  $ stratalog top --interval 0.5 journal
  $ stratalog top --samples 60 journal > minute.jsonl
${EXIT_CODES_HELP}`;

/** Below this, there is no room for all columns of the tailers' table. */
const NARROW_COLUMNS = 50;

interface Options {
  readonly interval: number;
  readonly samples: number;
}

/** What has happened per second, between two samples. */
interface Rates {
  readonly recordsPerSecond: number;
  readonly commitsPerSecond: number;
  readonly flushesPerSecond: number;
  readonly bytesPerSecond: number;
}

export function topCommand(): Command {
  return new Command('top')
    .summary('watch a log at work')
    .description('Shows rates, bounds, the segment being written, and the tailers of a log, live.')
    .argument('<log>', 'directory of the log')
    .option('--interval <seconds>', 'time between samples', parseSeconds, 1)
    .addOption(
      new Option('--samples <n>', 'end after this many')
        .argParser(parseCount)
        .default(Infinity, 'never'),
    )
    .addHelpText('after', HELP)
    .action(top);
}

async function top(path: string, options: Options): Promise<void> {
  const ending = new AbortController();
  const interruption = new Interruption(() => ending.abort());
  const monitor = openMonitor(path);
  const screen = process.stdout.isTTY ? new Screen(process.stdout) : undefined;
  try {
    let before = monitor.sample();
    for (let sample = 0; sample < options.samples; sample++) {
      await sleep(options.interval * 1000, undefined, { signal: ending.signal });
      const now = monitor.sample();
      const rates = ratesOf(before, now);
      if (screen === undefined) print(JSON.stringify(jsonOf(now, rates)));
      else screen.draw((columns) => describe(monitor.path, now, rates, columns));
      before = now;
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
    screen?.end();
    monitor.close();
    interruption.release();
  }
  interruption.setExitCode();
}

function ratesOf(before: LogSample, now: LogSample): Rates {
  const ms = now.timeMs - before.timeMs;
  return {
    recordsPerSecond: perSecond(now.committedOffset - before.committedOffset, ms),
    commitsPerSecond: perSecond(now.commits - before.commits, ms),
    flushesPerSecond: perSecond(now.flushes - before.flushes, ms),
    bytesPerSecond: perSecond(now.committedBytes - before.committedBytes, ms),
  };
}

function jsonOf(sample: LogSample, rates: Rates): object {
  const { segment, tailers, ...rest } = sample;
  return {
    ...rest,
    ...rates,
    flushLag: sample.committedOffset - sample.flushedOffset,
    segment: segment && {
      baseOffset: segment.baseOffset,
      records: segment.records,
      usedBytes: segment.usedBytes,
      sizeBytes: segment.sizeBytes,
    },
    tailers: tailers.map((tailer) => ({ ...tailer, lag: lagOf(tailer, sample) })),
  };
}

/** Records that a tailer has still before it, of those that it may see. */
function lagOf(tailer: TailerInfo, sample: LogSample): number {
  const bound = tailer.followsFlushed ? sample.flushedOffset : sample.committedOffset;
  return Math.max(0, bound - tailer.nextOffset);
}

/** A narrow terminal gets what matters most. */
function describe(path: string, sample: LogSample, rates: Rates, columns: number): string[] {
  const { startOffset, committedOffset, flushedOffset, segment } = sample;
  const lag = committedOffset - flushedOffset;
  const fields: [string, string][] = [
    ['log', path],
    ['appender', writerLine(sample)],
    ['records', `${formatCount(rates.recordsPerSecond)}/s`],
    ['commits', `${formatCount(rates.commitsPerSecond)}/s`],
    ['bytes', `${formatBytes(rates.bytesPerSecond)}/s`],
    ['flushes', `${formatCount(rates.flushesPerSecond)}/s, ${formatCount(lag)} records behind`],
    ['offsets', `${formatCount(startOffset)} to ${formatCount(committedOffset)}`],
    ['segment', segment === undefined ? 'none' : segmentLine(segment)],
  ];
  const isNarrow = columns < NARROW_COLUMNS;
  const lines = fields.map(([name, value]) => `${name.padEnd(isNarrow ? 9 : 10)}${value}`);
  return [...lines, '', ...tailerLines(sample, isNarrow)];
}

function writerLine({ writer, holder }: LogSample): string {
  if (writer !== 'appending')
    return `none; the last one has ${writer === 'died' ? 'died' : 'closed the log'}`;
  return holder === undefined ? 'unknown' : `process ${holder.pid} since ${holder.since}`;
}

function segmentLine(segment: NonNullable<LogSample['segment']>): string {
  const { baseOffset, records, usedBytes, sizeBytes } = segment;
  const share = Math.round((100 * usedBytes) / sizeBytes);
  return `${baseOffset}: ${formatCount(records)} records, ${share} % of ${formatBytes(sizeBytes)}`;
}

function tailerLines(sample: LogSample, isNarrow: boolean): string[] {
  const { tailers } = sample;
  if (tailers.length === 0) return ['no tailers'];
  const rows = tailers.map((tailer) => [
    formatCount(lagOf(tailer, sample)),
    formatCount(tailer.nextOffset),
    tailer.followsFlushed ? 'flushed' : 'committed',
    String(tailer.pid),
    tailer.name.replaceAll('\n', ' '),
  ]);
  const cells = [['lag', 'next', 'follows', 'process', 'tailer'], ...rows];
  const shown = isNarrow ? cells.map((row) => [row[0] ?? '', row[4] ?? '']) : cells;
  return table(shown).split('\n');
}
