/**
 * Takes the best of what runs have found into the corpus of the repository: of all inputs, shortest first,
 * those that take a branch class that none before has. `node .torture/js/fuzz/keep.js`
 */
import { rmSync } from 'node:fs';
import { newFolder, CORPUS, GROWN_CORPUS } from '../places.js';
import { allTargets, countingVariant } from '../campaigns/fuzz.js';
import { readGrown, readKept, writeKept } from './corpus.js';
import { Fuzzer, sitesOf } from './fuzzer.js';

/** Of one target, in all; longer ones are left out. */
const MAX_BYTES = 16_384;

const folder = newFolder('memory', 'keep');
const variant = countingVariant();
Error.stackTraceLimit = 0;
for (const target of await allTargets(variant, folder)) {
  const fuzzer = new Fuzzer(target, sitesOf(target, variant.sites), () => 0);
  for (const seed of target.seeds) await fuzzer.take(seed);
  const seeds = fuzzer.corpus.length;
  const found = [...readKept(CORPUS, target.name), ...readGrown(GROWN_CORPUS, target.name)];
  let bytes = 0;
  for (const input of found.sort((a, b) => a.length - b.length)) {
    if (bytes + input.length <= MAX_BYTES && (await fuzzer.take(input))) bytes += input.length;
  }
  const kept = fuzzer.corpus.slice(seeds);
  writeKept(CORPUS, target.name, kept);
  console.log(
    `${target.name}: ${kept.length} of ${found.length}, ${bytes} bytes, ${fuzzer.coverage()} classes`,
  );
}
rmSync(folder, { recursive: true });
process.exit();
