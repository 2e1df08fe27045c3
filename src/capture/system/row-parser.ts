/**
 * Numbers out of the kernel's text files, straight from the bytes: no strings, no arrays, no objects per
 * reading.
 *
 * Lines are found by their keys, never by where they are: what is new is skipped, what is gone leaves its
 * fields out, and whatever is no number in full leaves its field out. So a file that changes while it is
 * read can take a value away, and never puts one into another's field. What is remembered of the reading
 * before says only where to look for a key first.
 */
import type { EventImage, FieldPlace } from './event-image.js';
import type { FilePlan, Notation } from './plan.js';

const TAB = 9;
const LINE_FEED = 10;
const SPACE = 32;
const MINUS = 45;
const POINT = 46;
const SLASH = 47;
const ZERO = 48;
const COLON = 58;

/** Of so many digits every number is exact as a double. */
const EXACT_DIGITS = 15;
const WORD = 2 ** 32;
/** Lines that were not there at first: so many are remembered, and of such a length. */
const MAX_NEW_ROWS = 64;
const MAX_NEW_KEY_BYTES = 64;

interface Target {
  readonly column: number;
  readonly prefix: Uint8Array;
  readonly notation: Notation;
  readonly scale: number;
  readonly place: FieldPlace;
}

interface Row {
  readonly key: Uint8Array;
  readonly targets: readonly Target[];
  /** Where its line began when it was last seen, or `GONE`. */
  lineAt: number;
}

const GONE = -1;

/** Numbers get longer and shorter: by so many bytes lines are looked for to both sides. */
const MAX_SHIFT = 8;

export class RowParser {
  /** Keys of lines that nobody had planned for. */
  readonly appeared: string[] = [];
  readonly #keyColumn: number;
  /** In the order of the file. */
  readonly #rows: Row[];
  /** Those of interest. */
  readonly #wanted: readonly Row[];
  readonly #image: EventImage;

  constructor(plan: FilePlan, image: EventImage) {
    this.#image = image;
    this.#keyColumn = plan.keyColumn;
    this.#rows = plan.rows.map(({ key, columns }) => ({
      key: Buffer.from(key, 'latin1'),
      targets: columns.map(({ column, prefix = '', notation, scale = 1, counter }) => ({
        column,
        prefix: Buffer.from(prefix, 'latin1'),
        notation,
        scale,
        place: image.placeOf(counter.name),
      })),
      lineAt: 0,
    }));
    this.#wanted = this.#rows.filter(({ targets }) => targets.length > 0);
  }

  /** Takes the first `length` bytes, behind which there must be a 0, line by line. */
  parse(bytes: Uint8Array, length: number): void {
    for (const row of this.#wanted) row.lineAt = GONE;
    let expected = 0;
    let at = 0;
    while (at < length) {
      const lineAt = at;
      const keyAt = skipWords(bytes, at, this.#keyColumn);
      const found = this.#find(bytes, keyAt, expected);
      if (found < 0) {
        expected += this.#meetNew(bytes, keyAt, expected);
        at = keyAt;
      } else {
        const row = this.#rows[found] as Row;
        at = this.#take(row, bytes, keyAt + row.key.length);
        row.lineAt = lineAt;
        expected = found + 1;
      }
      while (at < length && bytes[at] !== LINE_FEED) at++;
      at++;
    }
  }

  /**
   * The same, going only to the lines of interest that were there at the last `parse`, if they are nearly
   * where they were. Returns whether all were found; other lines may have come.
   */
  parseWanted(bytes: Uint8Array, length: number): boolean {
    const wanted = this.#wanted;
    let shift = 0;
    for (let i = 0; i < wanted.length; i++) {
      const row = wanted[i] as Row;
      if (row.lineAt === GONE) continue;
      const lineAt = this.#lineNear(row, bytes, length, row.lineAt + shift);
      if (lineAt < 0) return false;
      shift = lineAt - row.lineAt;
      row.lineAt = lineAt;
      const keyAt = skipWords(bytes, lineAt, this.#keyColumn);
      this.#take(row, bytes, keyAt + row.key.length);
    }
    return true;
  }

  /** Where the row's line begins, or -1 if that is not near `at`. */
  #lineNear(row: Row, bytes: Uint8Array, length: number, at: number): number {
    if (this.#isLine(row, bytes, length, at)) return at;
    for (let far = 1; far <= MAX_SHIFT; far++) {
      if (this.#isLine(row, bytes, length, at + far)) return at + far;
      if (this.#isLine(row, bytes, length, at - far)) return at - far;
    }
    return -1;
  }

  #isLine({ key }: Row, bytes: Uint8Array, length: number, at: number): boolean {
    if (at < 0 || at >= length || (at > 0 && bytes[at - 1] !== LINE_FEED)) return false;
    return isKeyAt(key, bytes, skipWords(bytes, at, this.#keyColumn));
  }

  /** Number of the row whose key is here, or -1. */
  #find(bytes: Uint8Array, at: number, expected: number): number {
    const rows = this.#rows;
    for (let i = expected; i < rows.length; i++) {
      if (isKeyAt((rows[i] as Row).key, bytes, at)) return i;
    }
    for (let i = 0; i < expected && i < rows.length; i++) {
      if (isKeyAt((rows[i] as Row).key, bytes, at)) return i;
    }
    return -1;
  }

  /** Remembers the line, so that its name is told once; returns how many rows were put in. */
  #meetNew(bytes: Uint8Array, at: number, expected: number): number {
    let end = at;
    while (isOfKey(bytes[end] as number)) end++;
    // What the content ends with may be the beginning of a key.
    const isKey = end > at && end - at <= MAX_NEW_KEY_BYTES && bytes[end] !== 0;
    if (!isKey || this.appeared.length === MAX_NEW_ROWS) return 0;
    const key = bytes.slice(at, end);
    this.appeared.push(Buffer.from(key).toString('latin1'));
    this.#rows.splice(expected, 0, { key, targets: [], lineAt: 0 });
    return 1;
  }

  /** Stores what is wanted of a line; returns where it has come to. */
  #take({ targets }: Row, bytes: Uint8Array, from: number): number {
    let at = from;
    let column = 0;
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i] as Target;
      at = skipWords(bytes, at, target.column - column);
      column = target.column;
      if (startsWith(target.prefix, bytes, at)) {
        this.#takeNumber(target, bytes, at + target.prefix.length);
      }
    }
    return at;
  }

  #takeNumber(target: Target, bytes: Uint8Array, at: number): void {
    switch (target.notation) {
      case 'unsigned':
        return this.#takeUnsigned(target, bytes, at);
      case 'signed':
        return this.#takeSigned(target, bytes, at);
      default:
        return this.#takeDecimal(target, bytes, at);
    }
  }

  #takeUnsigned({ place, scale }: Target, bytes: Uint8Array, from: number): void {
    let at = from;
    let value = 0;
    for (let digit = digitAt(bytes, at); digit <= 9; digit = digitAt(bytes, ++at)) {
      value = value * 10 + digit;
    }
    if (at === from || !isEnd(bytes[at] as number)) return;
    if (at - from <= EXACT_DIGITS) this.#image.setInteger(place, value * scale);
    else this.#takeLong(place, scale, bytes, from);
  }

  /** The same in two words, for numbers that a double may not hold. */
  #takeLong(place: FieldPlace, scale: number, bytes: Uint8Array, from: number): void {
    let lower = 0;
    let upper = 0;
    let at = from;
    for (let digit = digitAt(bytes, at); digit <= 9; digit = digitAt(bytes, ++at)) {
      lower = lower * 10 + digit;
      upper = upper * 10 + Math.floor(lower / WORD);
      lower %= WORD;
      if (upper >= WORD) return;
    }
    lower *= scale;
    upper = upper * scale + Math.floor(lower / WORD);
    if (upper < WORD) this.#image.setWords(place, lower % WORD, upper);
  }

  #takeSigned({ place, scale }: Target, bytes: Uint8Array, from: number): void {
    const isNegative = bytes[from] === MINUS;
    const first = isNegative ? from + 1 : from;
    let at = first;
    let value = 0;
    for (let digit = digitAt(bytes, at); digit <= 9; digit = digitAt(bytes, ++at)) {
      value = value * 10 + digit;
    }
    if (at === first || at - first > EXACT_DIGITS || !isEnd(bytes[at] as number)) return;
    this.#image.setInteger(place, (isNegative ? -value : value) * scale);
  }

  #takeDecimal({ place }: Target, bytes: Uint8Array, from: number): void {
    let at = from;
    let value = 0;
    let divisor = 1;
    let isFraction = false;
    for (;;) {
      const digit = digitAt(bytes, at);
      if (digit <= 9) {
        value = value * 10 + digit;
        if (isFraction) divisor *= 10;
      } else if (bytes[at] === POINT && !isFraction && at > from) {
        isFraction = true;
      } else break;
      at++;
    }
    const isWhole = at > from && isEnd(bytes[at] as number) && bytes[at - 1] !== POINT;
    // The quotient of two exact numbers is the double that is nearest to what was written.
    if (isWhole && at - from <= EXACT_DIGITS) this.#image.setDouble(place, value / divisor);
  }
}

/** More than 9: no digit. */
function digitAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] as number) - ZERO) >>> 0;
}

function isKeyAt(key: Uint8Array, bytes: Uint8Array, at: number): boolean {
  if (!startsWith(key, bytes, at)) return false;
  return key.length === 0 || !isOfKey(bytes[at + key.length] as number);
}

function startsWith(text: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text[i]) return false;
  }
  return true;
}

/** Moves to the next word, then over so many, within the line. */
function skipWords(bytes: Uint8Array, from: number, count: number): number {
  let at = from;
  while (isSeparator(bytes[at] as number)) at++;
  for (let i = 0; i < count; i++) {
    while (isOfWord(bytes[at] as number)) at++;
    while (isSeparator(bytes[at] as number)) at++;
  }
  return at;
}

function isSeparator(byte: number): boolean {
  return byte === SPACE || byte === COLON || byte === SLASH || byte === TAB;
}

/** Control characters end a word as the line does; so does the 0 behind the content. */
function isOfWord(byte: number): boolean {
  return byte > SPACE && byte !== COLON && byte !== SLASH;
}

/** Names of disks may have `/` in them. */
function isOfKey(byte: number): boolean {
  return byte > SPACE && byte !== COLON;
}

/** What may stand behind a number. At the end of what was read the rest of it may be missing. */
function isEnd(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === SLASH || byte === TAB;
}
