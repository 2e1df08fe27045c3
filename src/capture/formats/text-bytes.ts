/** Strings from bytes: checked, and those that come again and again made once. */
import { isUtf8 } from 'node:buffer';

/** Longer strings are made each time. */
const MAX_KEPT_BYTES = 32;
const KEPT = 1024;

/** What `TextBytes.of` gives for bytes that are no text. */
export type NoText = undefined;

/**
 * Makes strings. Short ASCII is looked up by its bytes first: names and symbols of a column are few, and a
 * comparison costs a tenth of a call into native code, and nothing to collect. For one column.
 */
export class TextBytes {
  readonly #kept: string[] = Array.from({ length: KEPT }, () => '');

  /** The UTF-8 between `from` and `to`; `undefined` if it is none, or has a NUL, which no text has. */
  of(bytes: Buffer, from: number, to: number): string | NoText {
    let hash = 0;
    let every = 0;
    let hasNul = false;
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number;
      hash = (hash * 31 + byte) | 0;
      every |= byte;
      if (byte === 0) hasNul = true;
    }
    if (hasNul) return undefined;
    if (every >= 0x80) {
      return isUtf8(bytes.subarray(from, to)) ? bytes.toString('utf8', from, to) : undefined;
    }
    const length = to - from;
    if (length > MAX_KEPT_BYTES) return bytes.toString('latin1', from, to);
    const slot = (hash ^ (hash >>> 10)) & (KEPT - 1);
    const kept = this.#kept[slot] as string;
    if (kept.length === length && isSame(kept, bytes, from)) return kept;
    return (this.#kept[slot] = bytes.toString('latin1', from, to));
  }
}

function isSame(text: string, bytes: Buffer, from: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) !== bytes[from + i]) return false;
  }
  return true;
}

/** Bytes of input for people: as text, cut short. */
export function shownBytes(bytes: Buffer, from: number, to: number): string {
  const MAX = 40;
  const text = bytes.toString('utf8', from, Math.min(to, from + 4 * MAX));
  return JSON.stringify(text.length > MAX ? `${text.slice(0, MAX)}…` : text);
}
