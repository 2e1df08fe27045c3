import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as typescript from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = join(root, 'README.md');

/** Of README.md: the programs, and the modules and schemas that they have beside them, by file name. */
interface Examples {
  readonly programs: string[];
  readonly modules: Map<string, string>;
  readonly schemas: Map<string, string>;
}

/** A block that names a file is a module or schema; one that imports begins a program; any other goes on with it. */
function examples(): Examples {
  const found: Examples = { programs: [], modules: new Map(), schemas: new Map() };
  if (!existsSync(readme)) return found;
  for (const [, code = ''] of readFileSync(readme, 'utf8').matchAll(
    /^```(?:[tj]s|fbs)\n([\s\S]*?)^```$/gm,
  )) {
    const [, file] = /^\/\/ (\S+\.(?:js|fbs))$/m.exec(code) ?? [];
    if (file?.endsWith('.fbs') === true) found.schemas.set(file, code);
    else if (file !== undefined) found.modules.set(file, code);
    else if (code.startsWith('import ')) found.programs.push(code);
    else found.programs.push(`${found.programs.pop() ?? ''}\n${code}`);
  }
  return found;
}

/** Without its types: Node 20 cannot take them off by itself. */
function withoutTypes(code: string): string {
  const { ESNext } = typescript.ModuleKind;
  const { ES2022 } = typescript.ScriptTarget;
  return typescript.transpileModule(code, { compilerOptions: { module: ESNext, target: ES2022 } })
    .outputText;
}

/** Inside the package, so that it finds `stratalog` by name, as a user's file does. */
function writeExample(code: string, { modules, schemas }: Examples): string {
  const folder = join(root, 'test', '.tmp');
  mkdirSync(folder, { recursive: true });
  const file = join(mkdtempSync(join(folder, 'readme-')), 'example.mjs');
  writeFileSync(file, withoutTypes(code));
  for (const [name, text] of modules) writeFileSync(join(dirname(file), name), withoutTypes(text));
  for (const [name, text] of schemas) generate(dirname(file), name, text);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return file;
}

/** As the README says, and then without types. */
function generate(cwd: string, name: string, text: string): void {
  writeFileSync(join(cwd, name), text);
  const main = join(root, 'dist', 'cli', 'main.js');
  execFileSync(process.execPath, [main, 'generate', name, '--out', '.', '--no-classes'], { cwd });
  const made = readFileSync(join(cwd, name.replace('.fbs', '.ts')), 'utf8');
  writeFileSync(join(cwd, name.replace('.fbs', '.js')), withoutTypes(made));
}

describe.skipIf(!existsSync(readme))('README.md', () => {
  const found = examples();
  const { programs, modules, schemas } = found;

  it('has examples', () => {
    expect([programs.length > 1, modules.size > 0, schemas.size > 0]).toEqual([true, true, true]);
  });

  it.each(programs)('has an example that runs as it stands: %#', (code) => {
    const file = writeExample(code, found);
    const cwd = mkdtempSync(join(tmpdir(), 'stratalog-'));
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
    // Throws, with what the example wrote to standard error, unless it exits with 0.
    const output = execFileSync(process.execPath, [file], { cwd, encoding: 'utf8' });
    expect(output).not.toBe('');
  });
});
