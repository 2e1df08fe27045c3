import { readFileSync } from 'node:fs';

/** What files say that they were written by: `stratalog 1.2.3`. */
export function libraryName(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return `stratalog ${(JSON.parse(manifest) as { version: string }).version}`;
}
