import { join, resolve } from 'node:path';
import { ControlFile } from '../control/control-file.js';
import { findLogSchema, listSchemaFiles } from './schema-file.js';
import type { EventSchema } from './schema.js';

/** What a log remembers of its events. */
export interface SchemaInfo {
  /** The newest version. */
  readonly schema: EventSchema;
  /** The `.bfbs` file that holds it, in the log's directory. */
  readonly path: string;
  /** From 1. */
  readonly version: number;
  /** How many versions there are. */
  readonly versions: number;
}

/**
 * The schema that a log remembers; `undefined` if it was made without one, or has no segment yet.
 * @throws {LogError} `NOT_A_LOG`
 * @throws {CorruptionError} the control page or the schema file is damaged, or the schema file is missing
 * @throws {SchemaError} a schema that this version cannot use
 * @throws {UnsupportedVersionError}
 * @throws {StorageError}
 */
export function inspectSchema(path: string): SchemaInfo | undefined {
  const directory = resolve(path);
  const control = ControlFile.open(directory, 'read');
  try {
    const found = findLogSchema(directory, control.logId);
    if (found === undefined) return undefined;
    const { schema, file } = found;
    const versions = listSchemaFiles(directory).length;
    return { schema, path: join(directory, file.name), version: file.version, versions };
  } finally {
    control.close();
  }
}
