/** What `append` makes of its input when the log is one of events. */
import { readFileSync } from 'node:fs';
import {
  LogError,
  eventSchema,
  inspectSchema,
  jsonToEvent,
  openEventAppender,
  type AppenderOptions,
  type EventAppender,
  type EventSchema,
  type TakeRecord,
} from '../index.js';
import { InputError } from './exit-codes.js';

export interface SchemaOptions {
  readonly schema?: string;
  readonly root?: string;
}

/** JSON takes more room than what it says; no more than this is waited for. */
export const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** The log as one of events, if the options or the log itself say so. */
export function openTyped(
  path: string,
  options: AppenderOptions,
  { schema: file, root }: SchemaOptions,
): EventAppender | undefined {
  if (file === undefined) {
    if (root !== undefined) throw new InputError('--root goes with --schema');
    if (!isTyped(path)) return undefined;
    return openEventAppender(path, { ...options, verifyEvents: true });
  }
  const schema = readSchema(file, root);
  return openEventAppender(path, { ...options, schema, verifyEvents: true });
}

/** Takes lines of JSON, each an event. Empty lines are passed over. */
export function takeJsonLines(appender: EventAppender): TakeRecord {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  let lines = 0;
  return (line) => {
    lines++;
    try {
      const text = utf8.decode(line);
      if (text.trim() !== '') appender.append(jsonToEvent(appender.schema, text));
    } catch (error) {
      throw refused(error, `Line ${lines}`);
    }
  };
}

/** Takes FlatBuffers. */
export function takeFlatBuffers(appender: EventAppender): TakeRecord {
  let records = 0;
  return (payload) => {
    records++;
    try {
      appender.appendFlatBuffer(payload);
    } catch (error) {
      throw refused(error, `Record ${records}`);
    }
  };
}

function refused(error: unknown, which: string): unknown {
  const isInput = !(error instanceof LogError) || error.code === 'MALFORMED_EVENT';
  if (!isInput || !(error instanceof Error)) return error;
  return new InputError(`${which} of the input: ${error.message}`, { cause: error });
}

/** @throws {InputError} it cannot be read */
export function readSchema(file: string, root: string | undefined): EventSchema {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new InputError(`Cannot read the schema: ${(error as Error).message}`, { cause: error });
  }
  return eventSchema(bytes, root === undefined ? {} : { root });
}

/** Of a log that cannot be looked at, opening it will say why. */
function isTyped(path: string): boolean {
  try {
    return inspectSchema(path) !== undefined;
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return error.code !== 'NOT_A_LOG' && error.code !== 'STORAGE';
  }
}
