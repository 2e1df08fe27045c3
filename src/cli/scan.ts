/** `scan`: a question put to every record, in several threads. */
import { Command, Option } from 'commander';
import { openReader, type Reader, type ScanResult, type ScanSettings } from '../index.js';
import { parseJson, parseWorkers } from './arguments.js';
import { EXIT_CODES_HELP, EXIT_DAMAGE, InputError } from './exit-codes.js';
import { Interruption } from './interruption.js';
import { moduleScan, type ModuleOptions } from './module-scan.js';
import { note, print } from './output.js';
import { ProgressLine } from './progress.js';
import {
  LIMIT_OPTION,
  READY_MADE_OPTIONS,
  readyMadeScan,
  type ReadyMadeOptions,
} from './ready-made-scan.js';
import { addRangeOptions, damageAtEnd, resolveRange, type RangeOptions } from './range.js';
import { jsonOf, textOf } from './value-format.js';

const HELP = `
Answers --count, --bytes, --rate, --sizes or --find; or, with --module, runs a function of yours. The log is
cut into pieces; the function is called with a cursor over each, and returns what it has found there.
Numbers are added up; anything else is printed as an array, in the order of the log. With --reduce, the
module's export of that name puts the results together instead: (value, result) => value, beginning with
the first result.

  // sum.js: bytes of all records
  export default function sum(cursor, args) {
    let bytes = 0;
    while (cursor.next()) bytes += cursor.length;
    return bytes;
  }

What is scanned is the log as it is when the scan begins, also while somebody appends. Damage is an
error, unless --skip-damage is given: then it is told, the rest is scanned, and the exit code is 2. What
lies behind damage that ends a log cannot be read before a repair; that remains an error without --to.

Examples:
  $ stratalog scan journal --count
  $ stratalog scan journal --rate 60 --since 2026-01-31
  $ stratalog scan journal --find 'order 4711' --limit 10
  $ stratalog scan journal --module ./sum.js
  $ stratalog scan journal --module ./sum.js --since 2026-01-31 --workers 4
  $ stratalog scan ticks --module ./ticks.js --export highest --args '{"column": 8}' --reduce higher
  $ stratalog scan journal --module ./sum.js --json | jq .records
${EXIT_CODES_HELP}`;

interface Options extends RangeOptions, ReadyMadeOptions, Partial<ModuleOptions> {
  readonly flushed?: boolean;
  readonly workers?: number;
  readonly skipDamage?: boolean;
  readonly json?: boolean;
}

/** A scan that is yet to be told where. */
export type Scan = (log: Reader, settings: ScanSettings) => Promise<ScanResult<unknown>>;

/** What is to be scanned for, and how the answer is told where JSON is not asked for. */
export interface Question {
  readonly run: Scan;
  readonly describe: (value: unknown) => string;
}

export function scanCommand(): Command {
  const command = new Command('scan')
    .summary('ask something of all records')
    .description('Answers a question about the records of a log, by several threads.')
    .argument('<log>', 'directory of the log');
  for (const option of [...READY_MADE_OPTIONS, LIMIT_OPTION]) command.addOption(option);
  command
    .option('--module <file>', 'JavaScript module with the function')
    .option('--export <name>', "export that is the function (default: 'default')")
    .addOption(new Option('--args <json>', "the function's second argument").argParser(parseJson))
    .option('--reduce <name>', 'export that puts the results together');
  return addRangeOptions(command)
    .option('--flushed', 'only records that a power cut cannot take back')
    .option('--workers <n>', 'threads (default: as many as the machine runs)', parseWorkers)
    .option('--skip-damage', 'step over damage, and tell of it')
    .option('--json', 'print JSON: the value, and what was scanned')
    .addHelpText('after', HELP)
    .action(scan);
}

async function scan(path: string, options: Options): Promise<void> {
  const { run, describe } = await questionOf(options);
  const bound = options.flushed === true ? 'flushed' : 'committed';
  const reader = openReader(path, { bound });
  try {
    const result = await interruptible((settings) => run(reader, settings), {
      ...rangeOf(reader, options),
      workers: options.workers,
      onDamage: options.skipDamage === true ? 'skip' : 'error',
    });
    if (result !== undefined) show(result, describe, options);
  } finally {
    reader.close();
  }
}

/** What the options ask for. */
async function questionOf({ module, ...options }: Options): Promise<Question> {
  const readyMade = readyMadeScan(options);
  if (module !== undefined) {
    return { run: await moduleScan({ module, ...options }), describe: textOf };
  }
  for (const name of ['export', 'args', 'reduce'] as const) {
    if (options[name] !== undefined) throw new InputError(`--${name} goes with --module`);
  }
  if (readyMade !== undefined) return readyMade;
  throw new InputError(
    'Say what to ask: --count, --bytes, --rate, --sizes, --find, or --module FILE',
  );
}

/** Not told where to end, the scan finds the end itself, and tells of damage there. */
function rangeOf(reader: Reader, options: Options): ScanSettings {
  const { from, to } = resolveRange(reader, options);
  if (damageAtEnd(reader, options, to) !== undefined) return { from };
  return { from, to: Math.max(from, to) };
}

/** Draws a bar while the scan runs. `undefined`: a signal has stopped it. */
async function interruptible(
  run: (settings: ScanSettings) => Promise<ScanResult<unknown>>,
  settings: ScanSettings,
): Promise<ScanResult<unknown> | undefined> {
  const controller = new AbortController();
  const interruption = new Interruption(() => controller.abort());
  const progress = new ProgressLine();
  const onProgress: ScanSettings['onProgress'] = ({ bytes, totalBytes }) =>
    progress.update(() => progress.bar('scan', Math.min(1, bytes / Math.max(1, totalBytes))));
  try {
    return await run({ ...settings, onProgress, signal: controller.signal });
  } catch (error) {
    if (interruption.signal === undefined) throw error;
    interruption.setExitCode();
    return undefined;
  } finally {
    progress.end();
    interruption.release();
  }
}

function show(
  result: ScanResult<unknown>,
  describe: Question['describe'],
  { json }: Options,
): void {
  const text = json === true ? jsonOf(result, 2) : describe(result.value);
  if (text !== '') print(text);
  for (const { message } of result.damage) note(message);
  if (result.damage.length > 0) process.exitCode = EXIT_DAMAGE;
}
