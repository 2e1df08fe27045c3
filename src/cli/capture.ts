/** `capture`: events from a source into a log. */
import { Command } from 'commander';
import {
  CaptureError,
  capture,
  type CaptureOptions,
  type CaptureReport,
  type CaptureSource,
  type Rejected,
} from '../index.js';
import { parseCount, parseSeconds, parseSize } from './arguments.js';
import { liveLine, summaryOf, type Done } from './capture-line.js';
import { fileCommand } from './capture-file.js';
import { moduleCommand } from './capture-module.js';
import { stdinCommand } from './capture-stdin.js';
import { systemCommand } from './capture-system.js';
import { tcpCommand } from './capture-tcp.js';
import { udpCommand } from './capture-udp.js';
import { readSchema, type SchemaOptions } from './event-input.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { note, plural, printJson } from './output.js';
import { ProgressLine } from './progress.js';
import {
  addWritingOptions,
  appenderOptions,
  noteRecovery,
  type WritingOptions,
} from './writing.js';

const HELP = `
Each source has its own options: 'stratalog capture SOURCE --help'.

Examples:
  $ stratalog capture system counters
  $ stratalog capture module ./sensor.js readings
  $ stratalog capture stdin flights < flights.csv
  $ stratalog capture udp readings --listen 127.0.0.1:9000 --schema reading.bfbs --keep 1G
${EXIT_CODES_HELP}`;

const HELP_OF_SOURCES = `
It ends with its source, at a limit, or by Ctrl-C, SIGTERM and SIGHUP, in good order: everything
that was taken is durable. A second signal ends it at once; what was taken is in the log all the same.

Input that is no event is rejected and counted, and the first few are told with their reasons; '--rejects'
keeps all of them, a line of JSON each. What the source could not take is counted as dropped.

With '--keep' the log is a ring on disk: its files never take more, the oldest events make room for new
ones. Without it, a full disk ends the capture.
${EXIT_CODES_HELP}`;

/** The first of them are told one by one. */
const TOLD_REJECTS = 5;

/** What all sources have in common, as commander has parsed it. */
export interface CaptureVerbOptions extends WritingOptions, SchemaOptions {
  readonly duration?: number;
  readonly count?: number;
  readonly size?: number;
  readonly keep?: number;
  readonly rejects?: string;
  readonly appendRejects?: boolean;
  readonly maxRejects?: number;
  readonly quiet?: boolean;
  readonly json?: boolean;
}

/** What a verb or a source has to say in what a capture tells at its end. */
export interface Telling {
  readonly done?: Done;
  /** Sentences about the report's `details`. */
  readonly describe?: (report: CaptureReport) => readonly string[];
}

/** The sources, one subcommand each, from a file each: `capture-system.ts`, ... */
const SOURCES: readonly (() => Command)[] = [
  systemCommand,
  stdinCommand,
  fileCommand,
  udpCommand,
  tcpCommand,
  moduleCommand,
];

export function captureCommand(): Command {
  const command = new Command('capture')
    .summary('capture sensors, streams and sockets')
    .description('Takes events from a source into a log until it is stopped.')
    .addHelpText('after', HELP);
  for (const source of SOURCES) command.addCommand(source());
  return command;
}

/** Adds what all sources have in common; examples of the source's own stand above the rest of the help. */
export function addCaptureOptions(command: Command, examples = ''): Command {
  command
    .option('--duration <seconds>', 'stop after so long', parseSeconds)
    .option('--count <n>', 'stop after exactly so many events', parseCount)
    .option('--size <size>', 'stop when so much of the log has been written', parseSize)
    .option('--keep <size>', 'take no more on the disk: the oldest events make room', parseSize)
    .option('--rejects <file>', 'keep rejected input in a new file')
    .option('--append-rejects', 'with --rejects: go on behind what is in the file')
    .option('--max-rejects <n>', 'stop when more than so many are rejected', parseCount)
    .option('--schema <file>', 'events are of this schema, a .bfbs file')
    .option('--root <name>', "table that events are (default: the schema's root_type)");
  return addWritingOptions(command, '64M, or an eighth of --keep')
    .option('-q, --quiet', 'no live line, no rejects, no summary')
    .option('--json', 'print the report as JSON on standard output')
    .addHelpText('after', examples === '' ? HELP_OF_SOURCES : `\n${examples}\n${HELP_OF_SOURCES}`);
}

/** Captures, with a live line, and tells what came of it. */
export async function runCapture(
  source: CaptureSource,
  log: string,
  options: CaptureVerbOptions,
  telling: Telling = {},
): Promise<void> {
  const settings = captureOptions(options);
  const ending = new AbortController();
  const interruption = new Interruption(() => ending.abort());
  const teller = new Teller(options.quiet === true);
  try {
    const report = await capture(source, log, {
      ...settings,
      ...teller.options,
      signal: ending.signal,
    });
    teller.end();
    tell(log, report, options, telling);
    interruption.setExitCode();
    checkRejects(report, options);
  } catch (error) {
    teller.end();
    if (error instanceof CaptureError) tell(log, error.report, options, telling);
    const isStopped = ending.signal.aborted && error === ending.signal.reason;
    if (!isStopped && !isTimeout(error)) throw error;
    if (options.quiet !== true)
      note(`${telling.done ?? 'captured'} nothing: ${whyNothing(isStopped)}`);
    interruption.setExitCode();
  } finally {
    interruption.release();
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'TimeoutError';
}

function whyNothing(isStopped: boolean): string {
  return isStopped
    ? 'it was stopped before it had begun'
    : 'nothing had come when the time was over';
}

/** Says on standard error how it goes: the live line, and the first rejects. */
class Teller {
  readonly options: Pick<CaptureOptions, 'onProgress' | 'onReject'>;
  readonly #line = new ProgressLine();
  #rejected = 0;

  constructor(isQuiet: boolean) {
    this.options = isQuiet
      ? {}
      : {
          onProgress: (progress) => this.#line.show((columns) => liveLine(progress, columns)),
          onReject: (rejected) => this.#onReject(rejected),
        };
  }

  end(): void {
    this.#line.end();
  }

  #onReject({ line, reason }: Rejected): void {
    this.#rejected++;
    if (this.#rejected > TOLD_REJECTS + 1) return;
    this.#line.clear();
    if (this.#rejected > TOLD_REJECTS) return note('further rejects are counted only');
    const which = line === undefined ? '' : ` line ${line}`;
    return note(`rejected${which}: ${reason.replaceAll(/\s*\n\s*/g, ' ')}`);
  }
}

/** What came of it. */
function tell(
  log: string,
  report: CaptureReport,
  { json, quiet, rejects }: CaptureVerbOptions,
  { done = 'captured', describe = () => [] }: Telling,
): void {
  if (json === true) printJson({ log, ...report });
  if (json === true || quiet === true) return;
  noteRecovery(report.recovery);
  for (const line of [...summaryOf(report, rejects, done), ...describe(report)]) note(line);
}

function checkRejects({ ended }: CaptureReport, { maxRejects = 0 }: CaptureVerbOptions): void {
  if (ended !== 'rejects') return;
  throw new InputError(`Stopped: more than ${plural(maxRejects, 'reject')}`);
}

function captureOptions(options: CaptureVerbOptions): CaptureOptions {
  const { duration, count, size, keep, rejects, appendRejects, maxRejects, schema, root } = options;
  if (schema === undefined && root !== undefined) throw new InputError('--root goes with --schema');
  if (appendRejects === true && rejects === undefined) {
    throw new InputError('--append-rejects goes with --rejects');
  }
  return {
    ...appenderOptions(options),
    ...(duration === undefined ? {} : { durationMs: duration * 1000 }),
    ...(count === undefined ? {} : { maxEvents: count }),
    ...(size === undefined ? {} : { maxBytes: size }),
    ...(keep === undefined ? {} : { budgetBytes: keep }),
    ...(rejects === undefined
      ? {}
      : { rejectFile: { path: rejects, append: appendRejects === true } }),
    ...(maxRejects === undefined ? {} : { maxRejects }),
    ...(schema === undefined ? {} : { schema: readSchema(schema, root) }),
  };
}
