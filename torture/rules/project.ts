/** A copy of the project whose library has been tampered with, and what its tests say of it. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DIST, PROJECT } from '../places.js';
import { mutate, type Mutation } from '../variant.js';
import type { NamedTest } from './claim.js';

/** What tests read of the project, besides the library. */
const COPIED = [
  'test',
  'schemas',
  'src',
  'README.md',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
];
const PATIENCE_MS = 600_000;

/** How a test ended. */
export type Ending = 'passed' | 'failed' | 'hung' | 'cut short' | 'skipped';

export interface TestRun {
  readonly file: string;
  readonly fullName: string;
  readonly ending: Ending;
  readonly message: string;
}

export interface Outcome {
  readonly runs: readonly TestRun[];
  /** Files whose process has ended before their tests had. */
  readonly crashed: readonly string[];
  readonly output: string;
}

export function copyProject(folder: string, mutations: readonly Mutation[]): void {
  mkdirSync(folder, { recursive: true });
  for (const name of COPIED) cpSync(join(PROJECT, name), join(folder, name), { recursive: true });
  symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
  const dist = join(folder, 'dist');
  cpSync(DIST, dist, { recursive: true });
  for (const mutation of mutations) mutate(dist, mutation);
}

export interface Limits {
  /** For all of them together. */
  readonly patienceMs?: number;
  readonly testTimeoutMs?: number;
}

/** Runs just these tests. */
export function runTests(
  folder: string,
  named: readonly NamedTest[],
  { patienceMs = PATIENCE_MS, testTimeoutMs = 120_000 }: Limits = {},
): Outcome {
  const files = [...new Set(named.map(({ file }) => `test/${file}.test.ts`))];
  const pattern = named.map(({ name }) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const report = join(folder, 'report.json');
  const args = [
    join(PROJECT, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--reporter=json',
    `--outputFile=${report}`,
    '-t',
    pattern,
    `--testTimeout=${testTimeoutMs}`,
    ...files,
  ];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: patienceMs,
    killSignal: 'SIGKILL',
  });
  const output = `${stdout}\n${stderr}`.slice(-4000);
  return existsSync(report)
    ? { ...readReport(folder, report, files), output }
    : { runs: [], crashed: files, output };
}

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

function readReport(
  folder: string,
  path: string,
  files: readonly string[],
): Pick<Outcome, 'runs' | 'crashed'> {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report;
  const runs = testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }): TestRun => {
      const message = (failureMessages ?? []).join('\n');
      return { file: relative(folder, name), fullName, ending: endingOf(status, message), message };
    }),
  );
  const finished = new Set(runs.map(({ file }) => file));
  return { runs, crashed: files.filter((file) => !finished.has(file)) };
}

function endingOf(status: string, message: string): Ending {
  if (status === 'passed') return 'passed';
  // It had begun, or was to begin, when the process of its file ended.
  if (status === 'pending') return 'cut short';
  if (status !== 'failed') return 'skipped';
  return message.includes('Test timed out') ? 'hung' : 'failed';
}
