/**
 * Takes the rules of the protocol out of the library, one claim at a time, and demands that a test
 * notices. The last round is the control: with every rule in place all those tests pass.
 */
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import type { CaughtByTests, Claim, NamedTest } from '../rules/claim.js';
import { copyProject, runTests, type Outcome, type TestRun } from '../rules/project.js';
import { CLAIMS } from '../rules/table.js';

/** A test that is known to wait for ever has done so after this time. */
const HANG_MS = 20_000;
const CONTROL_PATIENCE_MS = 18 * 60_000;

export const campaign: Campaign = {
  name: 'rules',
  title: 'rules taken out, one at a time: a test has to fail',
  shortRounds: 6,
  totalRounds: () => CLAIMS.length + 1,
  patienceMs: 20 * 60_000,
  start: (_, seed) => ({ run: (round) => run(round, seed) }),
};

/** Each run begins at another claim, so that runs of a few rounds come to all of them in the end. */
function run(round: Round, seed: number): void {
  if (round.number >= CLAIMS.length) return control(round);
  return takeOut(CLAIMS[(seed + round.number) % CLAIMS.length] as Claim, round);
}

function control({ folder, count }: Round): void {
  const named = CLAIMS.flatMap(({ caughtBy }) => (caughtBy.kind === 'tests' ? caughtBy.tests : []));
  copyProject(join(folder, 'project'), []);
  const outcome = runTests(join(folder, 'project'), named, { patienceMs: CONTROL_PATIENCE_MS });
  for (const test of named) {
    const found = runsOf(test, outcome);
    if (found.length === 0) throw new Error(`There is no test ${shown(test)}\n${outcome.output}`);
    const bad = found.find(({ ending }) => ending !== 'passed' && ending !== 'skipped');
    if (bad !== undefined) {
      throw new Error(`${shown(test)} fails with every rule in place: ${bad.message}`);
    }
  }
  count('tests that pass with every rule in place', named.length);
}

function takeOut(claim: Claim, { folder, count }: Round): void {
  copyProject(join(folder, 'project'), claim.mutations);
  if (claim.caughtBy.kind === 'campaign') return count(`left to ${claim.caughtBy.campaign}`);
  const { tests, without } = claim.caughtBy;
  const limits = without === 'hang' ? { testTimeoutMs: HANG_MS } : {};
  const outcome = runTests(join(folder, 'project'), tests, limits);
  for (const test of tests) expectToFail(claim, claim.caughtBy, test, outcome, count);
  return count('claims');
}

function expectToFail(
  { id, claim }: Claim,
  { without }: CaughtByTests,
  test: NamedTest,
  outcome: Outcome,
  count: Round['count'],
): void {
  const found = runsOf(test, outcome);
  if (found.some(({ ending }) => ending === 'failed')) return count('tests that fail');
  if (without === 'hang' && found.some(({ ending }) => ending === 'hung')) {
    return count('tests that hang');
  }
  const isCutShort = found.some(({ ending }) => ending === 'cut short');
  if (without === 'crash' && (isCutShort || outcome.crashed.includes(pathOf(test)))) {
    return count('tests that end by a signal');
  }
  if (found.length > 0 && found.every(({ ending }) => ending === 'skipped')) {
    return count('tests that cannot run here');
  }
  const endings = found.map(({ fullName, ending }) => `\n  ${ending}: ${fullName}`).join('');
  const crashed = outcome.crashed.join(', ') || 'none';
  throw new Error(
    `Rule ${id} (${claim}) is taken out, and ${shown(test)} does not fail:${endings || ' no such test'}\n` +
      `files without a result: ${crashed}\n${outcome.output}`,
  );
}

function runsOf(test: NamedTest, { runs }: Outcome): TestRun[] {
  return runs.filter(({ file, fullName }) => file === pathOf(test) && fullName.includes(test.name));
}

function pathOf({ file }: NamedTest): string {
  return `test/${file}.test.ts`;
}

function shown({ file, name }: NamedTest): string {
  return `"${name}" of ${file}`;
}
