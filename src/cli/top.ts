/** `top`: a log at work, from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, Option } from 'commander';
import { openMonitor, type LogSample, type TailerInfo } from '../index.js';
import { parseCount, parseSeconds } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { formatBytes, formatCount, perSecond, print, table } from './output.js';

const HELP = `
Reads the counters that the log keeps in its control page, and costs the appender nothing. On a terminal
it redraws in place; elsewhere it prints one JSON object a line.

Examples:
  $ stratalog top journal
  $ stratalog top --interval 0.5 journal
  $ stratalog top --samples 60 journal > minute.jsonl
${EXIT_CODES_HELP}`;

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
  const screen = new Screen();
  try {
    let before = monitor.sample();
    for (let sample = 0; sample < options.samples; sample++) {
      await sleep(options.interval * 1000, undefined, { signal: ending.signal });
      const now = monitor.sample();
      const rates = ratesOf(before, now);
      if (process.stdout.isTTY) screen.draw(describe(monitor.path, now, rates));
      else print(JSON.stringify(jsonOf(now, rates)));
      before = now;
    }
  } catch (error) {
    if (!ending.signal.aborted) throw error;
  } finally {
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

function describe(path: string, sample: LogSample, rates: Rates): string[] {
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
  const lines = fields.map(([name, value]) => `${name.padEnd(10)}${value}`);
  return [...lines, '', ...tailerLines(sample)];
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

function tailerLines(sample: LogSample): string[] {
  const { tailers } = sample;
  if (tailers.length === 0) return ['no tailers'];
  const rows = tailers.map((tailer) => [
    formatCount(lagOf(tailer, sample)),
    formatCount(tailer.nextOffset),
    tailer.followsFlushed ? 'flushed' : 'committed',
    String(tailer.pid),
    tailer.name,
  ]);
  return table([['lag', 'next', 'follows', 'process', 'tailer'], ...rows]).split('\n');
}

/** Lines that are drawn over those drawn before. */
class Screen {
  #lines = 0;

  draw(lines: readonly string[]): void {
    const columns = process.stdout.columns || 80;
    const rows = (process.stdout.rows || 24) - 1;
    const shown = lines.slice(0, rows).map((line) => line.slice(0, columns));
    const up = this.#lines > 0 ? `\u001B[${this.#lines}A\r\u001B[J` : '';
    process.stdout.write(`${up}${shown.join('\n')}\n`);
    this.#lines = shown.length;
  }
}
