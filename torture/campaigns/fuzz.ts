/**
 * Bytes that nobody has written, for every decoder: coverage-guided, from the kept corpus on. A round is one
 * decoder's, and begins anew, so that it can be run again; what it finds is left in `.torture/corpus`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type * as Native from '../../dist/mapping/native.js';
import type { Campaign } from '../campaign.js';
import { addGrown, readKept } from '../fuzz/corpus.js';
import { FuzzFailure, Fuzzer, sitesOf } from '../fuzz/fuzzer.js';
import { importTargets } from '../fuzz/imports.js';
import { loadLibrary } from '../fuzz/library.js';
import { logTargets } from '../fuzz/logs.js';
import { lockTarget } from '../fuzz/pages.js';
import { withoutRule } from '../fuzz/rules.js';
import type { Target } from '../fuzz/target.js';
import { pureTargets } from '../fuzz/targets.js';
import { Watch } from '../fuzz/watch.js';
import { CORPUS, GROWN_CORPUS } from '../places.js';
import { importVariant, makeVariant, type Variant } from '../variant.js';

/** How many targets there are; known before they are made. */
const TARGETS = 34;
/** Decoders of big numbers of things: memory that one round may take. */
const MAX_GROWTH_KIB = 1024 * 1024;

export const campaign: Campaign = {
  name: 'fuzz',
  title: 'hostile input for every decoder',
  shortRounds: TARGETS,

  async start(folder) {
    const variant = countingVariant();
    const targets = await allTargets(variant, folder);
    if (targets.length !== TARGETS)
      throw new Error(`There are ${targets.length} targets, not ${TARGETS}`);
    const watch = new Watch(Math.max(...targets.map(({ maxBytes }) => maxBytes)));
    // Most of the time goes into errors, otherwise.
    Error.stackTraceLimit = 0;
    return {
      async run({ number, random, folder: place, count }) {
        const target = targets[number % TARGETS] as Target;
        const fuzzer = new Fuzzer(target, sitesOf(target, variant.sites), random, watch);
        watch.writeTo(place);
        const before = process.resourceUsage().maxRSS;
        try {
          await begin(fuzzer, target);
          const known = fuzzer.corpus.length;
          await fuzzer.search(target.executions);
          addGrown(GROWN_CORPUS, target.name, fuzzer.corpus.slice(known));
          addGrown(GROWN_CORPUS, `${target.name}-slow`, fuzzer.slow);
        } catch (error) {
          if (error instanceof FuzzFailure) writeFileSync(join(place, 'input'), error.input);
          throw error;
        } finally {
          count('executions', fuzzer.executions);
          count(target.name, fuzzer.executions);
        }
        if (fuzzer.slow.length > 0) count('slow inputs', fuzzer.slow.length);
        const growth = process.resourceUsage().maxRSS - before;
        if (growth > MAX_GROWTH_KIB) throw new Error(`${target.name} took ${growth} KiB of memory`);
      },
      stop: () => watch.stop(),
    };
  },
};

/** With the kept corpus, or where there is none, with what the decoder is for. */
async function begin(fuzzer: Fuzzer, target: Target): Promise<void> {
  for (const input of [...target.seeds, ...readKept(CORPUS, target.name)]) await fuzzer.take(input);
}

export function countingVariant(): Variant {
  const mutation = withoutRule(process.env['TORTURE_WITHOUT']);
  return makeVariant({
    name: 'branches',
    branches: [
      'format/',
      'events/',
      'capture/',
      'cli/',
      'query/',
      'control/',
      'segment/',
      'recovery/',
      'read/',
      'append/',
      'mapping/lock',
      'exchange/',
    ],
    mutations: mutation === undefined ? [] : [mutation],
  });
}

export async function allTargets(variant: Variant, folder: string): Promise<Target[]> {
  const library = await loadLibrary((file) => importVariant(variant, file));
  const native = await importVariant<typeof Native>(variant, 'mapping/native.js');
  const lock = lockTarget(library, folder, (fd) => native.lockByte(fd, 0, 'LOCK'));
  return [
    ...(await pureTargets(library)),
    lock,
    ...(await logTargets(library, folder)),
    ...(await importTargets(library, folder)),
  ];
}
