/**
 * Inputs that are kept. Those of the repository, which every run begins with, are a line of base64 each, one
 * file for a target: some hundred small files would be a burden, and nobody reads them. What runs find
 * besides lies in `.torture/corpus`, an input a file, until `keep.ts` takes the best of it.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export function readKept(folder: string, target: string): Uint8Array[] {
  const path = join(folder, `${target}.txt`);
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => Uint8Array.from(Buffer.from(line, 'base64')));
}

export function writeKept(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(folder, { recursive: true });
  const lines = inputs.map((input) => `${Buffer.from(input).toString('base64')}\n`);
  writeFileSync(join(folder, `${target}.txt`), lines.join(''));
}

export function readGrown(folder: string, target: string): Uint8Array[] {
  const place = join(folder, target);
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .sort()
    .map((name) => Uint8Array.from(readFileSync(join(place, name))));
}

export function addGrown(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  const place = join(folder, target);
  mkdirSync(place, { recursive: true });
  for (const input of inputs) {
    const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
    writeFileSync(join(place, name), input);
  }
}
