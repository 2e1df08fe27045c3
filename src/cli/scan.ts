/** `scan`: a question put to every record, in several threads. */
import { Command, Option } from 'commander';
import type { Reader, ScanResult, ScanSettings } from '../index.js';
import { parseJson } from './arguments.js';
import { EXIT_CODES_HELP, InputError } from './exit-codes.js';
import { moduleScan, type ModuleOptions } from './module-scan.js';
import { print } from './output.js';
import {
  LIMIT_OPTION,
  READY_MADE_OPTIONS,
  readyMadeScan,
  type ReadyMadeOptions,
} from './ready-made-scan.js';
import { addScanningOptions, scanning, tellDamage, type ScanningOptions } from './scanning.js';
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

interface Options extends ScanningOptions, ReadyMadeOptions, Partial<ModuleOptions> {
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
  return addScanningOptions(command)
    .option('--json', 'print JSON: the value, and what was scanned')
    .addHelpText('after', HELP)
    .action(scan);
}

async function scan(path: string, options: Options): Promise<void> {
  const { run, describe } = await questionOf(options);
  const result = await scanning('scan', path, options, run);
  if (result !== undefined) show(result, describe, options);
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

function show(
  result: ScanResult<unknown>,
  describe: Question['describe'],
  { json }: Options,
): void {
  const text = json === true ? jsonOf(result, 2) : describe(result.value);
  if (text !== '') print(text);
  tellDamage(result);
}
