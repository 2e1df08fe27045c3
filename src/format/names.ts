/** File names of a log's directory. Whatever is not named here is never read as data. */

export const LOCK_NAME = 'LOCK';
export const CONTROL_NAME = 'control';
export const READERS_NAME = 'readers';
/** Folder into which recovery and repair put what they take out of the log; never deleted. */
export const ASIDE_NAME = 'aside';
const TEMPORARY_SUFFIX = '.tmp';
const SEGMENT_PATTERN = /^(\d{20})\.log$/;
const INDEX_PATTERN = /^(\d{20})\.index$/;
const SCHEMA_PATTERN = /^schema-([1-9]\d{0,8})-([0-9a-f]{8})\.bfbs$/;

export const MAX_SCHEMA_VERSION = 999_999_999;

/** A schema file as its name tells it. */
export interface SchemaFileName {
  readonly name: string;
  /** From 1; each accepted change of the schema has a higher one. */
  readonly version: number;
  /** CRC of the file's content, unsigned. */
  readonly crc: number;
}

export function segmentName(base: number): string {
  return `${digits(base)}.log`;
}

export function indexName(base: number): string {
  return `${digits(base)}.index`;
}

export function schemaFileName(version: number, crc: number): SchemaFileName {
  const hex = (crc >>> 0).toString(16).padStart(8, '0');
  return { name: `schema-${version}-${hex}.bfbs`, version, crc: crc >>> 0 };
}

/** What a schema file's name says, or `undefined` for any other file. */
export function schemaFileNameOf(name: string): SchemaFileName | undefined {
  const [, version, crc] = SCHEMA_PATTERN.exec(name) ?? [];
  if (version === undefined || crc === undefined) return undefined;
  return { name, version: Number(version), crc: Number.parseInt(crc, 16) };
}

export function temporaryName(stem: string): string {
  return `${stem}${TEMPORARY_SUFFIX}`;
}

export function isTemporaryName(name: string): boolean {
  return name.endsWith(TEMPORARY_SUFFIX);
}

/** Base offset in a segment's name, or `undefined` for any other file. */
export function segmentBaseOf(name: string): number | undefined {
  return baseOf(SEGMENT_PATTERN, name);
}

export function indexBaseOf(name: string): number | undefined {
  return baseOf(INDEX_PATTERN, name);
}

function baseOf(pattern: RegExp, name: string): number | undefined {
  const matched = pattern.exec(name)?.[1];
  const base = Number(matched);
  return matched !== undefined && Number.isSafeInteger(base) ? base : undefined;
}

function digits(base: number): string {
  return String(base).padStart(20, '0');
}
