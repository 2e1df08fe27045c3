/**
 * Tampered copies of the library. What is shipped has no crash point, no counter and no seam in it:
 * they are put in here, into a copy of the built JavaScript, by its syntax tree.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { DIST, PROJECT, VARIANTS, compiled } from './places.js';

export interface VariantSpec {
  readonly name: string;
  /** Files below `dist`, by the beginnings of their paths, that call `step` before each statement. */
  readonly steps?: readonly string[];
  /** The same for those that count the branches that they take. */
  readonly branches?: readonly string[];
  /** Whether `node:fs` and the C functions go through the hooks. */
  readonly system?: boolean;
  /** Replacements of text, each of which must be found exactly once. */
  readonly mutations?: readonly Mutation[];
  /**
   * A module of this program's, by its path below `.torture/js`, that every changed file imports first:
   * threads that the library starts have hooks of their own, which it can set there.
   */
  readonly preload?: string;
}

export interface Mutation {
  /** Below `dist`. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export interface Variant {
  /** Its folder: `package.json`, `node_modules`, `dist`. */
  readonly folder: string;
  /** What a step or branch number stands for: `file:line`. */
  readonly sites: readonly string[];
}

/** Imports a module of a variant: `importVariant<typeof import('stratalog')>(variant, 'index.js')`. */
export async function importVariant<Module>(variant: Variant, file: string): Promise<Module> {
  return (await import(pathToFileURL(join(variant.folder, 'dist', file)).href)) as Module;
}

/** Makes the copy, unless it is there already. */
export function makeVariant(spec: VariantSpec): Variant {
  const folder = join(VARIANTS, `${spec.name}-${digestOf(spec)}`);
  const sitesPath = join(folder, 'sites.json');
  if (!existsSync(folder)) {
    const draft = `${folder}.${process.pid}`;
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true });
    cpSync(join(PROJECT, 'package.json'), join(draft, 'package.json'));
    symlinkSync(join(PROJECT, 'node_modules'), join(draft, 'node_modules'));
    cpSync(DIST, join(draft, 'dist'), { recursive: true });
    const sites = tamper(join(draft, 'dist'), spec);
    writeFileSync(join(draft, 'sites.json'), JSON.stringify(sites));
    takePlace(draft, folder);
  }
  return { folder, sites: JSON.parse(readFileSync(sitesPath, 'utf8')) as string[] };
}

/** Several processes may make the same variant at the same time; the first one wins. */
function takePlace(draft: string, folder: string): void {
  try {
    renameSync(draft, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
    rmSync(draft, { recursive: true });
  }
}

function digestOf(spec: VariantSpec): string {
  const hash = createHash('sha256').update(JSON.stringify(spec));
  for (const name of [...filesOf(DIST), 'hooks', 'variant']) {
    const path = name.endsWith('.js') ? join(DIST, name) : compiled(`${name}.js`);
    hash.update(name).update(readFileSync(path));
  }
  return hash.digest('hex').slice(0, 12);
}

function filesOf(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => name.endsWith('.js')).sort();
}

function tamper(dist: string, spec: VariantSpec): string[] {
  const sites: string[] = [];
  for (const mutation of spec.mutations ?? []) mutate(dist, mutation);
  for (const file of filesOf(dist)) {
    const path = join(dist, file);
    const isIn = (parts: readonly string[] | undefined): boolean =>
      parts?.some((part) => file.startsWith(part)) ?? false;
    const original = readFileSync(path, 'utf8');
    let text = original;
    if (isIn(spec.steps)) text = withSteps(text, file, sites);
    if (isIn(spec.branches)) text = withBranches(text, file, sites);
    if (spec.system === true) text = withSystem(text);
    if (text !== original) writeFileSync(path, `${imports(spec)}${text}`);
  }
  return sites;
}

/** On the line of what was the first, so that lines keep their numbers. */
function imports({ preload }: VariantSpec): string {
  const urlOf = (name: string): string => JSON.stringify(pathToFileURL(compiled(name)).href);
  const names = 'step as $step, branches as $branches, fs as $fs, koffi as $koffi';
  const first = preload === undefined ? '' : `import ${urlOf(preload)}; `;
  return `${first}import { ${names} } from ${urlOf('hooks.js')}; `;
}

export function mutate(dist: string, { file, find, replace }: Mutation): void {
  const path = join(dist, file);
  const parts = readFileSync(path, 'utf8').split(find);
  if (parts.length !== 2) {
    throw new Error(
      `Cannot mutate ${file}: ${parts.length - 1} places read ${JSON.stringify(find)}`,
    );
  }
  writeFileSync(path, parts.join(replace));
}

function withSystem(text: string): string {
  return text
    .replace(/import \{([^}]*)\} from 'node:fs';/g, (_, names: string) => {
      return `const {${names.replaceAll(' as ', ': ')}} = $fs;`;
    })
    .replace(/import koffi from 'koffi';/g, 'const koffi = $koffi;');
}

/** Text to be put in at a place of the file. */
interface Insertion {
  readonly at: number;
  readonly text: string;
}

function insert(text: string, insertions: readonly Insertion[]): string {
  const sorted = insertions.toSorted((a, b) => a.at - b.at);
  let result = '';
  let from = 0;
  for (const { at, text: added } of sorted) {
    result += text.slice(from, at) + added;
    from = at;
  }
  return result + text.slice(from);
}

/** Every statement of every function, in its block. */
function withSteps(text: string, file: string, sites: string[]): string {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const insertions: Insertion[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node) || ts.isCaseOrDefaultClause(node)) {
      for (const statement of node.statements) {
        if (isSuperCall(statement) || ts.isFunctionDeclaration(statement)) continue;
        const at = statement.getStart(source);
        insertions.push({ at, text: `$step(${newSite(sites, source, at)});` });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return insert(text, insertions);
}

/** Every block, every operand that may be left out, and every function that is only an expression. */
function withBranches(text: string, file: string, sites: string[]): string {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true);
  const insertions: Insertion[] = [];
  const hit = (at: number): string => `$branches[${newSite(sites, source, at)}]++`;
  const wrap = (node: ts.Node): void => {
    const at = node.getStart(source);
    insertions.push({ at, text: `(${hit(at)}, ` }, { at: node.getEnd(), text: ')' });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isBlock(node)) {
      insertions.push({ at: node.getStart(source) + 1, text: `${hit(node.getStart(source))};` });
    } else if (ts.isConditionalExpression(node)) {
      wrap(node.whenTrue);
      wrap(node.whenFalse);
    } else if (ts.isBinaryExpression(node) && isShortCircuit(node.operatorToken.kind)) {
      wrap(node.right);
    } else if (ts.isArrowFunction(node) && !ts.isBlock(node.body)) {
      wrap(node.body);
    } else if (isLoneStatement(node)) {
      const at = node.getStart(source);
      insertions.push({ at, text: `{${hit(at)};` });
      ts.forEachChild(node, visit);
      insertions.push({ at: node.getEnd(), text: '}' });
      return;
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return insert(text, insertions);
}

/** The one statement of an `if`, `else` or loop without braces. */
function isLoneStatement(node: ts.Node): boolean {
  const { parent } = node;
  if (!ts.isStatement(node) || ts.isBlock(node) || node.parent === undefined) return false;
  if (ts.isIfStatement(parent)) return node !== (parent.expression as ts.Node);
  return ts.isIterationStatement(parent, false);
}

function isShortCircuit(kind: ts.SyntaxKind): boolean {
  return (
    kind === ts.SyntaxKind.AmpersandAmpersandToken ||
    kind === ts.SyntaxKind.BarBarToken ||
    kind === ts.SyntaxKind.QuestionQuestionToken
  );
}

/** Nothing may stand before it that uses `this`, and nothing needs to. */
function isSuperCall(statement: ts.Statement): boolean {
  return statement.getText().startsWith('super(');
}

function newSite(sites: string[], source: ts.SourceFile, at: number): number {
  const { line } = source.getLineAndCharacterOfPosition(at);
  return sites.push(`${source.fileName}:${line + 1}`) - 1;
}
