/** `capture`: events from a source into a log. */
import { Command } from 'commander';
import { capture, type CaptureSource } from '../index.js';
import { parseCount, parseSeconds } from './arguments.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { note, plural, printJson } from './output.js';

const HELP = `
Examples:
  $ stratalog capture system counters
${EXIT_CODES_HELP}`;

/** What all sources have in common. */
export interface CaptureVerbOptions {
  readonly duration?: number;
  readonly count?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** The sources, one subcommand each, from a file each: \`capture-system.ts\`, ... */
const SOURCES: readonly (() => Command)[] = [];

export function captureCommand(): Command {
  const command = new Command('capture')
    .summary('capture sensors, streams and sockets')
    .description('Takes events from a source into a log until it is stopped.')
    .addHelpText('after', HELP);
  for (const source of SOURCES) command.addCommand(source());
  return command;
}

/** Adds what all sources have in common. */
export function addCaptureOptions(command: Command): Command {
  return command
    .option('--duration <seconds>', 'stop after so long', parseSeconds)
    .option('--count <n>', 'stop after so many events', parseCount)
    .option('-q, --quiet', 'no live line, no summary')
    .option('--json', 'print the report as JSON on standard output')
    .addHelpText('after', EXIT_CODES_HELP);
}

/** Captures, with a live line, and tells what came of it. */
export async function runCapture(
  source: CaptureSource,
  log: string,
  options: CaptureVerbOptions,
): Promise<void> {
  const ending = new AbortController();
  const interruption = new Interruption(() => ending.abort());
  try {
    const report = await capture(source, log, {
      signal: ending.signal,
      ...(options.duration === undefined ? {} : { durationMs: options.duration * 1000 }),
      ...(options.count === undefined ? {} : { maxEvents: options.count }),
    });
    if (options.json === true) printJson(report);
    else if (options.quiet !== true) note(`captured ${plural(report.events, 'event')}`);
  } finally {
    interruption.release();
  }
  interruption.setExitCode();
}
