/** Text of unknown origin on a terminal: how wide it is, and what of it may be shown. */

/** As much of a line as fits into so many columns, without what would move the cursor. */
export function cut(line: string, columns: number): string {
  let shown = '';
  let width = 0;
  for (const character of line) {
    width += columnsOf(character);
    if (width > columns) break;
    shown += isControl(character) ? '?' : character;
  }
  return shown;
}

/** The same, with a mark where something is missing. */
export function shorten(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  return columns < 1 ? '' : `${cut(text, columns - 1)}${isUtf8() ? '…' : '~'}`;
}

/** Whether output may have more than ASCII, by the locale. */
export function isUtf8(): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = process.env;
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/** Columns that a text takes, at most. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += columnsOf(character);
  return width;
}

/** Filled up with spaces to so many columns. */
export function pad(text: string, columns: number, side: 'left' | 'right'): string {
  const spaces = ' '.repeat(Math.max(0, columns - widthOf(text)));
  return side === 'left' ? spaces + text : text + spaces;
}

/**
 * Data as it may stand in one line of a terminal: what would move the cursor, change colours, or turn the
 * direction of writing is written out, `\n` and the like as in JSON.
 */
export function visible(text: string): string {
  return text.replaceAll(UNSAFE, escaped);
}

/** The same of lines that are to stay lines. */
export function visibleLines(text: string): string {
  return text.replaceAll(UNSAFE, (found) =>
    found === '\n' || found === '\r' ? found : escaped(found),
  );
}

/** Control characters, separators of lines, and those that embed, override or isolate directions. */
const UNSAFE = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  const code = (character.codePointAt(0) as number).toString(16).padStart(4, '0');
  return SHORT[character] ?? `\\u${code}`;
}

/** At most: from Hangul on, many characters are two columns wide; some from the box drawings are not. */
function columnsOf(character: string): number {
  if (character < '\u1100') return 1;
  return character >= '\u2010' && character <= '\u259F' ? 1 : 2;
}

function isControl(character: string): boolean {
  return character < ' ' || (character >= '\u007F' && character < '\u00A0');
}
