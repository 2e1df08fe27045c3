import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as typescript from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const readme = join(root, 'README.md');

/** The programs of README.md: a block that imports begins one, any other goes on with it. */
function programs(): string[] {
  const found: string[] = [];
  for (const [, code = ''] of readFileSync(readme, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm)) {
    if (code.startsWith('import ')) found.push(code);
    else found.push(`${found.pop() ?? ''}\n${code}`);
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
function writeExample(code: string): string {
  const folder = join(root, 'test', '.tmp');
  mkdirSync(folder, { recursive: true });
  const file = join(mkdtempSync(join(folder, 'readme-')), 'example.mjs');
  writeFileSync(file, code);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return file;
}

describe.skipIf(!existsSync(readme))('README.md', () => {
  it('has examples', () => {
    expect(programs().length).toBeGreaterThan(1);
  });

  it.each(existsSync(readme) ? programs() : [])(
    'has an example that runs as it stands: %#',
    (code) => {
      const file = writeExample(withoutTypes(code));
      const cwd = mkdtempSync(join(tmpdir(), 'stratalog-'));
      onTestFinished(() => rmSync(cwd, { recursive: true, force: true }));
      // Throws, with what the example wrote to standard error, unless it exits with 0.
      const output = execFileSync(process.execPath, [file], { cwd, encoding: 'utf8' });
      expect(output).not.toBe('');
    },
  );
});
