/**
 * The schema files of a log's directory: `schema-<version>-<CRC of the content>.bfbs`. The highest version
 * is the log's schema; the others are its history. They are written whole and durably before any segment
 * names them, never changed, and never deleted once one does.
 */
import { join } from 'node:path';
import { createWhole } from '../control/whole-file.js';
import { CorruptionError } from '../errors.js';
import { decodeApplicationHeader, type EventsLine } from '../format/application-header.js';
import { crc32cBytes } from '../format/checksum.js';
import { schemaFileName, schemaFileNameOf, type SchemaFileName } from '../format/names.js';
import type { LogId } from '../format/identity.js';
import { isMissing, readWhole, syncDirectory } from '../mapping/files.js';
import { deleteFile, listNames, listSegments } from '../segment/directory.js';
import { readListedSegment } from '../segment/segment-list.js';
import { eventSchema, type EventSchema } from './schema.js';

/** A log's schema, and where it stands. */
export interface LogSchema {
  readonly file: SchemaFileName;
  readonly schema: EventSchema;
}

/** No schema is that large: one may have a million parts. */
const MOST_SCHEMA_BYTES = 2 ** 30;

/** Schema files, oldest version first. Files under temporary names are none. */
export function listSchemaFiles(directory: string): SchemaFileName[] {
  return listNames(directory)
    .map(schemaFileNameOf)
    .filter((file) => file !== undefined)
    .sort((a, b) => a.version - b.version);
}

/** @throws {CorruptionError} the content is not what the name says */
export function readSchemaFile(directory: string, { name, crc }: SchemaFileName): Uint8Array {
  const path = join(directory, name);
  const bytes = readWhole(path, MOST_SCHEMA_BYTES);
  const found = crc32cBytes(bytes) >>> 0;
  if (found === crc) return bytes;
  throw new CorruptionError(path, 0, `content with the CRC ${crc}`, `the CRC ${found}`);
}

/**
 * Writes the next version, so that after a crash at any point there is all of it or nothing.
 * @throws {StorageError}
 */
export function writeSchemaFile(directory: string, bytes: Uint8Array): SchemaFileName {
  const newest = listSchemaFiles(directory).at(-1);
  const file = schemaFileName((newest?.version ?? 0) + 1, crc32cBytes(bytes));
  createWhole(directory, file.name, bytes);
  return file;
}

/** Deletes schema files that no segment names: their writer has died before it made one. */
export function deleteSchemaFiles(directory: string, files: readonly SchemaFileName[]): void {
  for (const { name } of files) deleteFile(join(directory, name));
  if (files.length > 0) syncDirectory(directory);
}

/**
 * The schema that a log remembers; `undefined` if it is none of events.
 * @throws As `readLogSchema`
 */
export function findLogSchema(directory: string, logId: LogId): LogSchema | undefined {
  for (const base of listSegments(directory).reverse()) {
    const header = headerIfSound(directory, base, logId);
    if (header !== undefined) return readLogSchema(directory, header);
  }
  return undefined;
}

/** A segment whose header is damaged may be the newest; so may one that has been taken away meanwhile. */
function headerIfSound(directory: string, base: number, logId: LogId): Uint8Array | undefined {
  try {
    return readListedSegment(directory, base, logId, undefined).header?.application;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return undefined;
  }
}

/**
 * The schema that a log remembers, by the newest of its application headers; `undefined` if it is none of
 * events.
 * @throws {CorruptionError} the schema file is damaged or missing
 * @throws {SchemaError} a schema that this version cannot use
 */
export function readLogSchema(directory: string, header: Uint8Array): LogSchema | undefined {
  const { events } = decodeApplicationHeader(header);
  if (events === undefined) return undefined;
  const file = newestSchemaFile(directory, events);
  const schema = eventSchema(readSchemaFile(directory, file), { root: events.root });
  return { file, schema };
}

function newestSchemaFile(directory: string, { file }: EventsLine): SchemaFileName {
  const newest = listSchemaFiles(directory).at(-1);
  if (newest !== undefined && newest.version >= file.version) return newest;
  const path = join(directory, file.name);
  throw new CorruptionError(path, 0, 'the schema file that a segment names', 'none');
}
