/** A log's schema in the metadata of a file of another format, so that an import makes the same events again. */
import { LogError } from '../errors.js';
import { eventSchema, type EventSchema } from '../events/schema.js';

/** Keys of the metadata: the schema in base64, and the name of its root table. */
export const SCHEMA_KEY = 'stratalog.schema';
export const ROOT_KEY = 'stratalog.root';

export interface MetadataEntry {
  readonly key: string;
  readonly value: string;
}

/** What goes into the metadata, where all that is in the events goes into the file. */
export function keptSchema({ bytes, name }: EventSchema): MetadataEntry[] {
  return [
    { key: SCHEMA_KEY, value: Buffer.from(bytes).toString('base64') },
    { key: ROOT_KEY, value: name },
  ];
}

/** What somebody else has done to the metadata is no reason to fail: then the file's own types say what it is. */
export function schemaKeptIn(
  valueOf: (key: string) => string | undefined,
): EventSchema | undefined {
  const bytes = valueOf(SCHEMA_KEY);
  const root = valueOf(ROOT_KEY);
  if (bytes === undefined || root === undefined) return undefined;
  try {
    return eventSchema(Buffer.from(bytes, 'base64'), { root });
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}
