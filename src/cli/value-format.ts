/** Values of any kind, as text. */

/** A string as it is, a number in full, anything else as JSON in one line. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : jsonOf(value);
}

/** JSON also of what JSON has no words for: large integers, maps, sets, bytes. */
export function jsonOf(value: unknown, indent?: number): string {
  return JSON.stringify(value, inJson, indent) ?? 'null';
}

function inJson(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (value instanceof Map || value instanceof Set) return [...(value as Iterable<unknown>)];
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
    return Array.from(value as unknown as ArrayLike<unknown>);
  }
  return value;
}
