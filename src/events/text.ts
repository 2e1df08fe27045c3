/**
 * Strings as FlatBuffers have them: a `u32` count of bytes, UTF-8, a 0, and zeros up to a multiple of 4.
 * ASCII of a few dozen characters is faster in JavaScript than one call into native code.
 */
import type { Memory } from '../format/memory.js';
import { MAX_EVENT_BYTES, NOT_STORABLE, TOO_LARGE } from './measure.js';

/** Up to so many units of ASCII are stored one by one: 3.6 ns each, while native calls take 150 ns. */
const SHORT = 40;
/** Up to so many units of other text are counted one by one. */
const SHORT_COUNTED = 12;

/** End of a string at `at`, or why there is none: it is no string, or its UTF-16 is not well-formed. */
export function measureString(value: unknown, at: number): number {
  if (typeof value !== 'string') return NOT_STORABLE;
  const { length } = value;
  const bytes = length <= SHORT && isAscii(value, length) ? length : utf8Bytes(value);
  if (bytes < 0) return NOT_STORABLE;
  const end = at + 4 + bytes + 1;
  return end > MAX_EVENT_BYTES ? TOO_LARGE : (end + 3) & ~3;
}

/** Writes a string at `at` and returns its end, or `NOT_STORABLE`: it would lie behind `end`. */
export function writeString(memory: Memory, value: string, at: number, end: number): number {
  const { length } = value;
  const content = at + 4;
  if (!(content + length + 1 <= end)) return NOT_STORABLE;
  const { bytes, words } = memory;
  if (length > SHORT) return writeLong(memory, value, at, end);
  // Before the characters, of which some may be in it.
  words[(content + length) >> 2] = 0;
  words[at >> 2] = length;
  for (let i = 0; i < length; i++) {
    const character = value.charCodeAt(i);
    if (character >= 0x80) return writeLong(memory, value, at, end);
    bytes[content + i] = character;
  }
  return (content + length + 4) & ~3;
}

function writeLong(memory: Memory, value: string, at: number, end: number): number {
  const bytes = utf8Bytes(value);
  const content = at + 4;
  if (!(bytes >= 0 && content + bytes + 1 <= end)) return NOT_STORABLE;
  memory.words[(content + bytes) >> 2] = 0;
  memory.words[at >> 2] = bytes;
  memory.buffer.write(value, content, bytes, 'utf8');
  return (content + bytes + 4) & ~3;
}

function isAscii(text: string, length: number): boolean {
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** Bytes of UTF-8, or -1 if a surrogate stands alone. */
function utf8Bytes(text: string): number {
  if (text.length > SHORT_COUNTED) return isWellFormed(text) ? Buffer.byteLength(text) : -1;
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if ((unit & 0xf800) !== 0xd800) {
      bytes += unit < 0x800 ? 1 : 2;
      continue;
    }
    // Two units make four bytes.
    if (unit >= 0xdc00 || (text.charCodeAt(++i) & 0xfc00) !== 0xdc00) return -1;
    bytes += 2;
  }
  return bytes;
}

/** `String.prototype.isWellFormed`, which every supported Node has and the compiler's library lacks. */
export function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}
