import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as typescript from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = join(root, 'README.md');

/** Of README.md: the programs, and the modules that they have beside them, by file name. */
interface Examples {
  readonly programs: string[];
  readonly modules: Map<string, string>;
}

/** A block that names a file is a module; one that imports begins a program; any other goes on with it. */
function examples(): Examples {
  const found: Examples = { programs: [], modules: new Map() };
  if (!existsSync(readme)) return found;
  for (const [, code = ''] of readFileSync(readme, 'utf8').matchAll(
    /^```[tj]s\n([\s\S]*?)^```$/gm,
  )) {
    const [, file] = /^\/\/ (\S+\.js)$/m.exec(code) ?? [];
    if (file !== undefined) found.modules.set(file, code);
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
function writeExample(code: string, modules: Map<string, string>): string {
  const folder = join(root, 'test', '.tmp');
  mkdirSync(folder, { recursive: true });
  const file = join(mkdtempSync(join(folder, 'readme-')), 'example.mjs');
  writeFileSync(file, withoutTypes(code));
  for (const [name, text] of modules) writeFileSync(join(dirname(file), name), withoutTypes(text));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return file;
}

describe.skipIf(!existsSync(readme))('README.md', () => {
  const { programs, modules } = examples();

  it('has examples', () => {
    expect([programs.length > 1, modules.size > 0]).toEqual([true, true]);
  });

  it.each(programs)('has an example that runs as it stands: %#', (code) => {
    const file = writeExample(code, modules);
    const cwd = mkdtempSync(join(tmpdir(), 'stratalog-'));
    onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
    // Throws, with what the example wrote to standard error, unless it exits with 0.
    const output = execFileSync(process.execPath, [file], { cwd, encoding: 'utf8' });
    expect(output).not.toBe('');
  });
});
