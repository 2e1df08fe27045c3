/**
 * Models of the protocols (`torture/model/*.pml`), each checked exhaustively as it is, and with one rule
 * after the other taken out: every one of these must be found. What a model maps to and leaves out is
 * said at its top.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Campaign, Round } from '../campaign.js';
import { PROJECT } from '../places.js';

interface Model {
  readonly name: string;
  /** Defined in every round of this model. */
  readonly always?: readonly string[];
  /** Rules that are taken out, one a round. */
  readonly mutations: readonly string[];
}

const RINGS = ['CLEARED_AFTER_COUNTING', 'FLAG_BEFORE_COUNTER'];

/** The short ones first: those are what runs with every change. */
const MODELS: readonly Model[] = [
  {
    name: 'waking',
    mutations: [
      ...RINGS,
      'COUNTER_BEFORE_NEWS',
      'CLEARED_UNWOKEN',
      'WAKES_ONE',
      'COUNTED_AFTER_LOOK',
      'FLAG_PLAIN',
      'SLEEPS_UNANNOUNCED',
      'KERNEL_DOES_NOT_COMPARE',
    ],
  },
  {
    name: 'death',
    mutations: [
      'LENGTH_BEFORE_PAYLOAD',
      'FIRST_OF_BATCH_FIRST',
      'NEXT_NOT_CLEARED',
      'LENGTH_BEFORE_HEADER',
      'NEXT_FRAME_AFTER_PUBLISHING',
      'SALVAGE_PUBLISHES_FIRST',
      'SALVAGE_LEAVES_NEXT',
    ],
  },
  {
    name: 'publish',
    mutations: [
      'POSITION_BEFORE_FRAME',
      'COUNT_BEFORE_POSITION',
      'POSITION_PLAIN',
      'SEALED_BEFORE_POSITION',
      'NO_SECOND_LOOK',
      'BACK_BY_COUNT',
    ],
  },
  {
    name: 'waking',
    always: ['WATCHED'],
    mutations: [...RINGS, 'ARMED_SILENTLY', 'DIFFERENT_COUNTS_KEPT'],
  },
  { name: 'power', always: ['CUTS=1'], mutations: [] },
  {
    name: 'power',
    mutations: [
      'FLUSHED_BEFORE_SYNC',
      'BOUND_AFTER_SYNC',
      'CHECKPOINT_BEFORE_SYNC',
      'FAILURE_IGNORED',
      'NAMES_NOT_SYNCED',
      'NO_GATE',
      'ABANDONED_NOT_STORED_AGAIN',
      'UNLINKED_BEFORE_START',
      'START_NOT_SYNCED',
      'LEFTOVERS_BEFORE_START',
      'NOT_SET_ASIDE',
      'ASIDE_NOT_SYNCED',
      'NOT_ZEROED',
      'ZEROS_NOT_STORED_AGAIN',
      'RECOVERY_NOT_SYNCED',
      'NOT_STORED_AGAIN',
    ],
  },
];

interface Check {
  readonly model: string;
  readonly defines: readonly string[];
  /** Whether a rule is missing, which has to be found. */
  readonly isMutated: boolean;
}

const CHECKS: readonly Check[] = MODELS.flatMap(({ name, always = [], mutations }) => [
  { model: name, defines: always, isMutated: false },
  ...mutations.map((rule) => ({ model: name, defines: [...always, rule], isMutated: true })),
]);
/** Up to the model of power cuts with two of them, whose states are some seven millions. */
const SHORT = CHECKS.findIndex(({ model, defines }) => model === 'power' && defines.length === 0);

const DEPTH = 100_000;
const MEMORY_MB = 4000;

export const campaign: Campaign = {
  name: 'model',
  title: 'models of publishing, waking, flushing and recovery, whole and with a rule missing',
  shortRounds: SHORT,
  totalRounds: () => CHECKS.length,
  unavailable: () => {
    if (!answers('spin', ['-V'])) return 'needs spin (the Debian package of that name)';
    if (!answers('gcc', ['--version'])) return 'needs gcc';
    return undefined;
  },
  start: () => ({ run: check }),
};

function check(round: Round): void {
  const { model, defines, isMutated } = CHECKS[round.number] as Check;
  const what = [model, ...defines].join(' with ');
  const path = join(PROJECT, 'torture', 'model', `${model}.pml`);
  // What is found soon is not worth an optimized search.
  const found = explore(path, defines, isMutated ? '-O0' : '-O1', round.folder);
  if (!found.isWhole) throw new Error(`The search of ${what} was not exhaustive:\n${found.said}`);
  if (found.errors > 0 !== isMutated) {
    const expected = isMutated ? 'an error, since a rule is missing' : 'no error';
    throw new Error(`${what}: expected ${expected}, found ${found.errors}:\n${found.said}`);
  }
  round.count('states', found.states);
  round.count(isMutated ? 'missing rules found' : 'models exhausted');
}

interface Found {
  readonly errors: number;
  readonly states: number;
  /** Every state was looked at, or an error ended the search. */
  readonly isWhole: boolean;
  readonly said: string;
}

function explore(
  path: string,
  defines: readonly string[],
  optimization: string,
  folder: string,
): Found {
  run('spin', ['-a', ...defines.map((define) => `-D${define}`), path], folder);
  // Everything that is asked for is an assertion or the absence of end states that are none.
  const options = [optimization, '-w', '-DSAFETY', `-DMEMLIM=${MEMORY_MB}`];
  run('gcc', [...options, '-o', 'pan', 'pan.c'], folder);
  const said = run('./pan', [`-m${DEPTH}`], folder);
  const errors = Number(/errors: (\d+)/.exec(said)?.[1] ?? Number.NaN);
  const states = Number(/([\d.e+]+) states, stored/.exec(said)?.[1] ?? Number.NaN);
  const isCut = /max search depth too small|out of memory|Search not completed/.test(said);
  const isWhole = errors >= 0 && states >= 0 && (errors > 0 || !isCut);
  return { errors, states, isWhole, said };
}

function run(program: string, parameters: readonly string[], folder: string): string {
  const { status, error, stdout, stderr } = spawnSync(program, parameters, {
    cwd: folder,
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

function answers(program: string, parameters: readonly string[]): boolean {
  return spawnSync(program, parameters).status === 0;
}
