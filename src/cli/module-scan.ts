/** A scan by a function of the user's. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { scan } from '../index.js';
import { InputError } from './exit-codes.js';
import type { Scan } from './scan.js';

export interface ModuleOptions {
  /** Its file, from the working directory. */
  readonly module: string;
  readonly export?: string;
  readonly args?: unknown;
  /** Name of the export that reduces. */
  readonly reduce?: string;
}

type Reduce = (value: unknown, part: unknown) => unknown;

export async function moduleScan(options: ModuleOptions): Promise<Scan> {
  const path = resolve(options.module);
  if (!existsSync(path)) throw new InputError(`Cannot find module ${path}`);
  const module = pathToFileURL(path);
  const work = { module, name: options.export, args: options.args };
  if (options.reduce === undefined) {
    return async (log, settings) => {
      const result = await scan(log, { ...settings, ...work });
      return { ...result, value: sumOf(result.value) };
    };
  }
  const reduce = fromFirst(await reducerOf(module, options.reduce));
  return (log, settings) => scan(log, { ...settings, ...work, reduce, initial: undefined });
}

/** Numbers are added up; anything else stays what it is. */
function sumOf(parts: unknown[]): unknown {
  let sum = 0;
  for (const part of parts) {
    if (typeof part !== 'number') return parts;
    sum += part;
  }
  return sum;
}

/** Takes the first part for the value to begin with, as arrays do. */
function fromFirst(reduce: Reduce): Reduce {
  let isFirst = true;
  return (value, part) => {
    if (!isFirst) return reduce(value, part);
    isFirst = false;
    return part;
  };
}

async function reducerOf(module: URL, name: string): Promise<Reduce> {
  const exported = (await import(module.href)) as Readonly<Record<string, unknown>>;
  const found = exported[name];
  if (typeof found !== 'function') {
    const names = Object.keys(exported).join(', ') || 'nothing';
    const what = found === undefined ? `it exports ${names}` : `it is of type ${typeof found}`;
    throw new InputError(`Cannot reduce by export ${name} of ${module.href}: ${what}`);
  }
  return (value, part) => {
    const reduced: unknown = found(value, part);
    if (!(reduced instanceof Promise)) return reduced;
    throw new InputError(`Cannot reduce by export ${name} of ${module.href}: it is asynchronous`);
  };
}
