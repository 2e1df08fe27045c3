/** Keys in a file's metadata, by which an import knows the events again. */

export const SCHEMA_KEY = 'stratalog.schema';
export const ROOT_KEY = 'stratalog.root';
