/**
 * The inputs that fuzzing has kept (`torture/corpus`), for every decoder as it is shipped. To look for more:
 * `npm run torture -- fuzz`.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { lockByte } from '../../src/mapping/native.js';
import { readKept } from '../../torture/fuzz/corpus.js';
import { importTargets } from '../../torture/fuzz/imports.js';
import { loadLibrary } from '../../torture/fuzz/library.js';
import { logTargets } from '../../torture/fuzz/logs.js';
import { lockTarget } from '../../torture/fuzz/pages.js';
import { pureTargets } from '../../torture/fuzz/targets.js';

const CORPUS = fileURLToPath(new URL('../../torture/corpus', import.meta.url));
const DIST = new URL('../../dist/', import.meta.url);

const folder = mkdtempSync(join(tmpdir(), 'stratalog-'));
afterAll(() => rmSync(folder, { recursive: true }));
const library = await loadLibrary((file) => import(/* @vite-ignore */ new URL(file, DIST).href));
const targets = [
  ...(await pureTargets(library)),
  lockTarget(library, folder, (fd) => lockByte(fd, 0, 'LOCK')),
  ...(await logTargets(library, folder)),
  ...(await importTargets(library, folder)),
];

it('every decoder has a corpus, and every corpus a decoder', () => {
  const files = readdirSync(CORPUS).sort();
  expect(files).toEqual(targets.map(({ name }) => `${name}.txt`).sort());
});

it.each(targets)('$name stands all of its corpus, twice with the same result', async (target) => {
  const inputs = [...target.seeds, ...readKept(CORPUS, target.name)];
  const results = new Set<unknown>();
  for (const input of inputs) {
    const result = await target.run(input);
    expect(await target.run(input)).toBe(result);
    results.add(result);
  }
  // Otherwise nothing has been decoded.
  expect(results.size).toBeGreaterThan(1);
});
