/**
 * Runs the suite on other lines of Node, from npm packages that are installed into folders of their
 * own (as dependencies they would shadow `node` in npm scripts).
 *
 *   node test/run-matrix.mjs                            all of them
 *   node test/run-matrix.mjs 24 26                      these
 *   node test/run-matrix.mjs 26 -- test/cli             what follows goes to vitest
 */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const LINES = ['22', '24', '26'];
const CLOSING_LINE = /^\d+ passed, \d+ failed, \d+ skipped$/gm;
const root = fileURLToPath(new URL('..', import.meta.url));

/** Path of a Node of that line, installed if need be. */
function nodeOf(version) {
  const folder = join(root, '.matrix', version);
  const node = join(folder, 'node_modules', 'node', 'bin', 'node');
  if (!existsSync(node)) {
    mkdirSync(folder, { recursive: true });
    // Its own manifest: npm would otherwise look for one further up, and find the project's.
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const quiet = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--loglevel=error'];
    execFileSync('npm', ['install', '--prefix', folder, ...quiet, `node@${version}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const found = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  if (found !== `v${version}` && !found.startsWith(`v${version}.`)) {
    throw new Error(`Expected Node ${version} in ${folder}, found ${found}`);
  }
  return { node, found };
}

/** Runs the suite, passing its output on; resolves to its closing line, and whether it passed. */
async function runSuite(node, vitestArguments) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const path = `${dirname(node)}${delimiter}${process.env.PATH}`;
  const child = spawn(node, [vitest, 'run', ...vitestArguments], {
    cwd: root,
    env: { ...process.env, PATH: path },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (...how) => resolve(how));
  });
  const line = output.match(CLOSING_LINE)?.at(-1);
  const how = signal ?? (code === 0 ? '' : `exit code ${code}`);
  return {
    line: [line ?? 'no result', how].filter(Boolean).join(', '),
    passed: code === 0 && line,
  };
}

async function runLine(version, vitestArguments) {
  console.log(`\n--- Node ${version} ---`);
  try {
    const { node, found } = nodeOf(version);
    const { line, passed } = await runSuite(node, vitestArguments);
    return { text: `Node ${found}: ${line}`, passed };
  } catch (error) {
    return { text: `Node ${version}: ${error.message}`, passed: false };
  }
}

const split = process.argv.indexOf('--', 2);
const versions = process.argv.slice(2, split < 0 ? undefined : split);
const vitestArguments = split < 0 ? [] : process.argv.slice(split + 1);

execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
const results = [];
for (const version of versions.length > 0 ? versions : LINES) {
  results.push(await runLine(version, vitestArguments));
}
console.log('');
for (const { text } of results) console.log(text);
if (!results.every(({ passed }) => passed)) process.exitCode = 1;
