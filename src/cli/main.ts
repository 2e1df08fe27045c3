#!/usr/bin/env node
/** The command line: one verb, one file. It uses the public API and nothing else. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { appendCommand } from './append.js';
import { benchCommand } from './bench.js';
import { captureCommand } from './capture.js';
import { catCommand } from './cat.js';
import { demoCommand } from './demo.js';
import { EXIT_CODES_HELP, EXIT_OK, EXIT_STORAGE, exitCodeOf } from './exit-codes.js';
import { exportCommand } from './export.js';
import { generateCommand } from './generate.js';
import { importCommand } from './import.js';
import { infoCommand } from './info.js';
import { printError } from './output.js';
import { queryCommand } from './query.js';
import { plotCommand } from './plot.js';
import { repairCommand } from './repair.js';
import { scanCommand } from './scan.js';
import { serveCommand } from './serve.js';
import { statsCommand } from './stats.js';
import { tailCommand } from './tail.js';
import { topCommand } from './top.js';
import { verifyCommand } from './verify.js';

const VERBS = [
  captureCommand,
  appendCommand,
  catCommand,
  tailCommand,
  infoCommand,
  topCommand,
  scanCommand,
  queryCommand,
  statsCommand,
  plotCommand,
  exportCommand,
  importCommand,
  serveCommand,
  verifyCommand,
  repairCommand,
  generateCommand,
  benchCommand,
  demoCommand,
];

const HELP = `
Examples:
  $ stratalog demo
  $ stratalog capture system counters --duration 10
  $ stratalog query counters --group-by time_ns/1s --select 'count, increase(interrupts)'
  $ stratalog plot counters --y interrupts --rate
  $ stratalog serve counters
  $ stratalog export counters counters.parquet
  $ seq 1000000 | stratalog append numbers
  $ stratalog cat --from -5 numbers
  $ stratalog info numbers
${EXIT_CODES_HELP}`;

function program(): Command {
  const main = new Command('stratalog')
    .description('An embedded, memory-mapped, append-only log.')
    .version(version())
    .addHelpText('after', HELP);
  for (const verb of VERBS) main.addCommand(verb());
  for (const command of [main, ...main.commands.flatMap((each) => [each, ...each.commands])]) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .configureOutput({ outputError: (text) => printError(text.replace(/^error: /, '').trim()) });
  }
  return main;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/** Whoever reads our output has had enough, as `head` does: that is no error, and hides none. */
function endQuietlyOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(process.exitCode ?? EXIT_OK);
  printError(error);
  process.exit(EXIT_STORAGE);
}

async function run(): Promise<void> {
  process.stdout.on('error', endQuietlyOnClosedPipe);
  // A closed standard error leaves nobody to tell.
  process.stderr.on('error', () => {});
  try {
    await program().parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else if (!isClosedPipe(error)) {
      printError(error);
      process.exitCode = exitCodeOf(error);
    }
  }
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE';
}

await run();
