/** What becomes of a log's schema when an appender opens it, and what its readers take it for. */
import type { LogBeforeAppending } from '../append/open-appender.js';
import { SchemaError, SchemaMismatchError } from '../errors.js';
import { decodeApplicationHeader, encodeApplicationHeader } from '../format/application-header.js';
import { MAX_SCHEMA_VERSION, schemaFileName, type SchemaFileName } from '../format/names.js';
import { MAX_APPLICATION_HEADER_BYTES } from '../format/segment-header.js';
import { compareSchemas } from './compatibility.js';
import {
  deleteSchemaFiles,
  listSchemaFiles,
  readLogSchema,
  writeSchemaFile,
  type LogSchema,
} from './schema-file.js';
import type { EventSchema } from './schema.js';

/** The schema to append by, and the application header of new segments. */
export interface SettledSchema<Event = unknown> {
  readonly schema: EventSchema<Event>;
  readonly header: Uint8Array;
}

/**
 * Settles the schema of a log that is about to be appended to; `given` is the appender's, and by default
 * the log's own. A schema that the log's may be changed to becomes its newest version. An older one
 * appends, and changes nothing: a program that has not been updated yet, or was taken back, goes on.
 * @throws {SchemaMismatchError} nothing has changed
 * @throws {SchemaError} no schema is given, and the log has none
 * @throws {CorruptionError} the log's schema file is damaged or missing
 */
export function settleSchema(log: LogBeforeAppending, given?: EventSchema): SettledSchema {
  const { directory, newestHeader } = log;
  if (newestHeader === undefined) return beginWith(log, given);
  const own = readLogSchema(directory, newestHeader);
  if (own === undefined) throw withoutSchema(directory, given);
  const schema = given ?? own.schema;
  const header = log.ownHeader ?? decodeApplicationHeader(newestHeader).own;
  checkRoom(schema, header);
  const file = given === undefined ? own.file : accept(directory, own, given);
  return { schema, header: withSchema(header, file, schema) };
}

/**
 * The schema to read a log by: `given`, or by default the log's own. Where the log has none, what is given
 * is taken on trust.
 * @throws {SchemaMismatchError} events of neither may be taken for events of the other
 * @throws {SchemaError} no schema is given, and the log has none
 */
export function schemaToRead(
  directory: string,
  own: EventSchema | undefined,
  given: EventSchema | undefined,
): EventSchema {
  const schema = given ?? own;
  if (schema === undefined) throw withoutSchema(directory, undefined);
  if (own === undefined || schema === own) return schema;
  const differences = compareSchemas(own, schema);
  if (differences.length === 0 || compareSchemas(schema, own).length === 0) return schema;
  throw new SchemaMismatchError(directory, differences);
}

/** There is no segment, and so no event. Schema files are left from an opening that did not get so far. */
function beginWith(
  { directory, ownHeader = new Uint8Array(0) }: LogBeforeAppending,
  schema: EventSchema | undefined,
): SettledSchema {
  if (schema === undefined) throw withoutSchema(directory, schema);
  checkRoom(schema, ownHeader);
  deleteSchemaFiles(directory, listSchemaFiles(directory));
  const file = writeSchemaFile(directory, schema.bytes);
  return { schema, header: withSchema(ownHeader, file, schema) };
}

function accept(directory: string, own: LogSchema, given: EventSchema): SchemaFileName {
  if (compareSchemas(given, own.schema).length === 0) return own.file;
  const differences = compareSchemas(own.schema, given);
  if (differences.length > 0) throw new SchemaMismatchError(directory, differences);
  return writeSchemaFile(directory, given.bytes);
}

function withSchema(own: Uint8Array, file: SchemaFileName, { name }: EventSchema): Uint8Array {
  return encodeApplicationHeader({ events: { file, root: name }, own });
}

/** Before anything is written: whether a header has room beside the name of whatever schema file. */
function checkRoom(schema: EventSchema, header: Uint8Array): void {
  const line = withSchema(new Uint8Array(0), schemaFileName(MAX_SCHEMA_VERSION, 0), schema);
  const most = MAX_APPLICATION_HEADER_BYTES - line.length;
  if (header.length <= most) return;
  throw new RangeError(
    `Invalid header: expected at most ${most} bytes beside the name of the schema, got ${header.length}`,
  );
}

function withoutSchema(directory: string, given: EventSchema | undefined): Error {
  if (given !== undefined) {
    return new SchemaMismatchError(directory, ['the log was made without a schema']);
  }
  return new SchemaError(`Cannot open ${directory}: it has no schema, and none was given`);
}
