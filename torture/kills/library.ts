/** Modules of the built library, one by one: a process that shall die soon need not load all of them. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DIST } from '../places.js';

export const PAGE_BYTES = 4096;

export async function distModule<Module>(file: string): Promise<Module> {
  return (await import(pathToFileURL(join(DIST, file)).href)) as Module;
}
