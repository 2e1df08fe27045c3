/** `capture module`: a source of the user's own. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { iterableSource, type CaptureSource, type EventSchema } from '../index.js';
import { parseJson } from './arguments.js';
import { addCaptureOptions, runCapture, type CaptureVerbOptions } from './capture.js';
import { InputError } from './exit-codes.js';

const EXAMPLES = `The default export of the module is a source: an object with 'name' and 'run(intake)', or an iterable of
events, such as what a generator returns; or a function of '--args' that returns one. A schema comes from
the source's 'open', from an export 'schema' of the module, from '--schema', or from the log.

Examples:
  $ stratalog capture module ./sensor.js readings
  $ stratalog capture module ./sensor.js readings --args '{"port":"/dev/ttyUSB0"}' --keep 1G`;

interface Options extends CaptureVerbOptions {
  readonly args?: unknown;
}

type Events = Iterable<unknown> | AsyncIterable<unknown>;

export function moduleCommand(): Command {
  const command = new Command('module')
    .summary('a source of your own: a JavaScript module')
    .description('Captures what a JavaScript module gives.')
    .argument('<file>', 'the module')
    .argument('<log>', 'directory of the log; created if it does not exist')
    .option('--args <json>', 'what its function is called with', parseJson);
  return addCaptureOptions(command, EXAMPLES).action(captureModule);
}

async function captureModule(file: string, log: string, options: Options): Promise<void> {
  const source = await sourceOf(file, options.args);
  await runCapture(source, log, options);
}

async function sourceOf(file: string, args: unknown): Promise<CaptureSource> {
  const path = resolve(file);
  if (!existsSync(path)) throw new InputError(`Cannot find module ${path}`);
  const { default: exported, schema } = (await import(pathToFileURL(path).href)) as {
    readonly default?: unknown;
    readonly schema?: EventSchema;
  };
  const found: unknown = typeof exported === 'function' ? await exported(args) : exported;
  if (isSource(found)) return found;
  if (isIterable(found)) {
    return iterableSource(found, { name: file, ...(schema === undefined ? {} : { schema }) });
  }
  const what =
    typeof exported === 'function' ? 'what its default export returns' : 'its default export';
  throw new InputError(
    `Cannot capture from module ${path}: ${what} is neither a source with 'run' nor an iterable of events`,
  );
}

function isSource(found: unknown): found is CaptureSource {
  return typeof found === 'object' && found !== null && 'run' in found;
}

function isIterable(found: unknown): found is Events {
  if (typeof found !== 'object' || found === null) return false;
  return Symbol.asyncIterator in found || Symbol.iterator in found;
}
