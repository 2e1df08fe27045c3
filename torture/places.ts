/** Where the machinery puts things. Everything lies in one folder, which may be deleted at any time. */
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** This file runs from `.torture/js`. */
const HERE = fileURLToPath(new URL('.', import.meta.url));

export const PROJECT = join(HERE, '..', '..');
export const TORTURE = join(PROJECT, '.torture');
export const DIST = join(PROJECT, 'dist');
/** Copies of `dist` that have been tampered with. */
export const VARIANTS = join(TORTURE, 'variants');
/** How far each campaign has come. */
export const PROGRESS = join(TORTURE, 'progress');
/** The folders of rounds that failed. */
export const FAILURES = join(TORTURE, 'failures');

/** Inputs for decoders: those of the repository, and what runs have found besides. */
export const CORPUS = join(PROJECT, 'torture', 'corpus');
export const GROWN_CORPUS = join(TORTURE, 'corpus');

/** A path of this program's own, compiled. */
export function compiled(name: string): string {
  return join(HERE, name);
}

const MEMORY = '/dev/shm';

export function newFolder(place: 'memory' | 'disk', name: string): string {
  const parent = place === 'memory' && existsSync(MEMORY) ? MEMORY : tmpdir();
  return mkdtempSync(join(parent, `stratalog-${name}-`));
}
