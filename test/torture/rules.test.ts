/** Rules that are taken out of the built library by text must be found there, or they take nothing out. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { CLAIMS } from '../../torture/rules/table.js';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

it.each(CLAIMS)('what takes out rule $id ($claim) is found in the library, once', (claim) => {
  for (const { file, find } of claim.mutations) {
    const places = readFileSync(join(dist, file), 'utf8').split(find).length - 1;
    expect(places, `${file}: ${find}`).toBe(1);
  }
});

it('no two rules have the same number', () => {
  const ids = CLAIMS.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
