/** File names of a log's directory. Whatever is not named here is never read as data. */

export const LOCK_NAME = 'LOCK';
export const CONTROL_NAME = 'control';
export const READERS_NAME = 'readers';
/** Folder into which recovery and repair put what they take out of the log; never deleted. */
export const ASIDE_NAME = 'aside';
const TEMPORARY_SUFFIX = '.tmp';
const SEGMENT_PATTERN = /^(\d{20})\.log$/;
const INDEX_PATTERN = /^(\d{20})\.index$/;

export function segmentName(base: number): string {
  return `${digits(base)}.log`;
}

export function indexName(base: number): string {
  return `${digits(base)}.index`;
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
