/**
 * CSV (RFC 4180) from bytes to rows of values. Chunks come as they come; what is left of one is kept in
 * front of the next. Behind the last byte stands a newline, so that nothing that looks for the end of a
 * value has to look for that of the buffer, too; whoever finds that newline waits for more.
 *
 * A row ends with LF, CRLF or CR. A quote counts only as the first byte of a value, and there two of them
 * stand for one. What breaks these rules is refused up to the end of the line on which the row began, and
 * read on from there: a quote that is never closed takes one line with it, and not the rest of the file.
 */
import { isUtf8 } from 'node:buffer';
import type { Origin } from '../source.js';
import {
  BOOL,
  DOUBLE,
  ENUM,
  INTEGER,
  SKIPPED,
  TEXT,
  TIME,
  UNSIGNED,
  expectationOf,
  type Column,
  type Row,
} from './columns.js';
import { OUT_OF_RANGE, scanDecimal, scanInteger } from './decimal.js';
import { TextBytes, shownBytes } from './text-bytes.js';
import { timeOf } from './time-text.js';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;

/** The rest of the row has not come yet. */
const INCOMPLETE = -1;
/** The row breaks the rules of quotes. */
const BROKEN = -2;

const FIRST_BYTES = 64 * 1024;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

export interface CsvRules {
  /** One byte of ASCII. */
  readonly delimiter: number;
  /** What stands for nothing besides an empty value. */
  readonly nulls: readonly Buffer[];
  readonly maxRowBytes: number;
}

/** What rows are given to. */
export interface CsvSink {
  /** Takes the row of so many values. Returns whether it is done with; else it is read again. */
  take(count: number): boolean;
  reject(reason: string): void;
}

/** Reads rows, and says where each of them was. */
export class CsvScanner implements Origin {
  readonly #rules: CsvRules;
  readonly #sink: CsvSink;
  /** From `#start` to `#end` lies what has not been read; a newline follows. */
  #bytes = Buffer.alloc(FIRST_BYTES);
  #start = 0;
  #end = 0;
  #isAtBeginning = true;
  #isEnding = false;
  /** A line that is too long is being passed over. */
  #isSkipping = false;
  /** What values are read into; `undefined`: all are text, into `texts`. */
  #row: Row | undefined;
  #kinds = new Uint8Array(0);
  /** Values of the row, if there is nothing to read them into. */
  readonly texts: string[] = [];
  readonly #text = new TextBytes();
  #scratch = Buffer.alloc(256);

  /** Of the row that is being read. */
  #line = 1;
  #linesWithin = 0;
  #contentEnd = 0;
  #fault = '';

  constructor(rules: CsvRules, sink: CsvSink) {
    this.#rules = rules;
    this.#sink = sink;
  }

  /** From the next row on. `undefined`: into `texts`. */
  readInto(row: Row | undefined): void {
    this.#row = row;
    this.#kinds = Uint8Array.from(row?.columns ?? [], ({ kind }) => kind);
  }

  /** Number of the line on which the row begins, from 1. */
  get line(): number {
    return this.#line;
  }

  /** The row without its end; a view, valid until the sink returns. */
  content(): Uint8Array {
    return this.#bytes.subarray(this.#start, this.#contentEnd);
  }

  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Takes a chunk; it is copied. */
  push(chunk: Uint8Array): void {
    const isWaiting = this.#end > this.#start && this.#bytes[this.#end - 1] !== CR;
    this.#add(chunk);
    // No row is complete without the end of a line.
    const mayEnd = chunk.includes(LF) || chunk.includes(CR);
    if (isWaiting && !this.#isAtBeginning && !mayEnd && !this.#isTooLong(this.#end)) return;
    this.#scan();
  }

  /** The input has ended, and the last row with it. What is pushed next begins at line 1. */
  end(): void {
    this.#isEnding = true;
    this.#scan();
    this.#isEnding = false;
    this.#isSkipping = false;
    this.#isAtBeginning = true;
    this.#start = 0;
    this.#end = 0;
    this.#line = 1;
  }

  /** Whether a row from `#start` to `end` is. A CR at the end may be that of the line. */
  #isTooLong(end: number): boolean {
    const isReturn = end === this.#end && this.#bytes[end - 1] === CR;
    return end - this.#start - (isReturn ? 1 : 0) > this.#rules.maxRowBytes;
  }

  #add(chunk: Uint8Array): void {
    const pending = this.#end - this.#start;
    const needed = pending + chunk.length + 1;
    const from = this.#bytes;
    if (needed > from.length) this.#bytes = Buffer.alloc(Math.max(needed, 2 * from.length));
    if (pending > 0) from.copy(this.#bytes, 0, this.#start, this.#end);
    this.#bytes.set(chunk, pending);
    this.#start = 0;
    this.#end = pending + chunk.length;
    this.#bytes[this.#end] = LF;
  }

  #scan(): void {
    if (this.#isAtBeginning && !this.#passMark()) return;
    while (this.#start < this.#end) {
      if (this.#isSkipping && !this.#skip()) return;
      if (this.#start >= this.#end) return;
      const first = this.#bytes[this.#start] as number;
      const isBlank = first === LF || first === CR;
      const next = isBlank && !this.#isBlankARow() ? this.#lineEnd() : this.#readRow();
      if (next < 0) return;
      this.#start = Math.min(next, this.#end);
    }
  }

  /** Whether it is known that there is no byte order mark (any more). */
  #passMark(): boolean {
    const bytes = this.#bytes.subarray(this.#start, this.#end);
    const isMark = BYTE_ORDER_MARK.every((byte, i) => i >= bytes.length || bytes[i] === byte);
    if (isMark && bytes.length < BYTE_ORDER_MARK.length && !this.#isEnding) return false;
    if (isMark && bytes.length >= BYTE_ORDER_MARK.length) this.#start += BYTE_ORDER_MARK.length;
    this.#isAtBeginning = false;
    return true;
  }

  /** Of one column, an empty line is a row in which it is null. */
  #isBlankARow(): boolean {
    return this.#row?.columns.length === 1;
  }

  /** Passes over an empty line. */
  #lineEnd(): number {
    const next = this.#behindLine(this.#start);
    if (next >= 0) this.#line++;
    return next;
  }

  /** Where the next line begins, or `INCOMPLETE`; `at` is that of the end of the line. */
  #behindLine(at: number): number {
    if (at >= this.#end && !this.#isEnding) return INCOMPLETE;
    if (this.#bytes[at] !== CR) return at + 1;
    if (at + 1 >= this.#end) return this.#isEnding ? at + 1 : INCOMPLETE;
    return this.#bytes[at + 1] === LF ? at + 2 : at + 1;
  }

  /** Where the line that begins at `at` ends. */
  #endOfLine(at: number): number {
    const bytes = this.#bytes;
    let end = at;
    while (bytes[end] !== LF && bytes[end] !== CR) end++;
    return end;
  }

  /** Passes over the rest of a line. Returns whether it has ended. */
  #skip(): boolean {
    const next = this.#behindLine(this.#endOfLine(this.#start));
    if (next < 0) {
      // All but a CR that may have its LF yet to come.
      const hasReturn = this.#bytes[this.#end - 1] === CR;
      this.#start = hasReturn ? this.#end - 1 : this.#end;
      return false;
    }
    this.#start = Math.min(next, this.#end);
    this.#line++;
    this.#isSkipping = false;
    return true;
  }

  /** Reads the row at `#start`, and returns where the next one begins. */
  #readRow(): number {
    const start = this.#start;
    this.#fault = '';
    this.#linesWithin = 0;
    const next =
      this.#row === undefined ? this.#readTexts(start) : this.#readValues(this.#row, start);
    if (next === BROKEN) return this.#refuseLine(this.#fault);
    const isTooLong = this.#isTooLong(next < 0 ? this.#end : this.#contentEnd);
    if (isTooLong) return this.#refuseLine(this.#tooLong(next < 0));
    if (next < 0) return INCOMPLETE;
    this.#line += 1 + this.#linesWithin;
    return next;
  }

  #tooLong(isOpen: boolean): string {
    const limit = this.#rules.maxRowBytes.toLocaleString('en-US');
    const isQuoted = isOpen && this.#endOfLine(this.#start) < this.#end;
    return isQuoted
      ? `a quote is not closed within ${limit} bytes`
      : `the row has more than ${limit} bytes`;
  }

  /** Refuses the line at `#start`; what follows is read as rows again. */
  #refuseLine(reason: string): number {
    const end = this.#endOfLine(this.#start);
    const next = this.#behindLine(end);
    if (next < 0 && !this.#isTooLong(this.#end)) return INCOMPLETE;
    this.#contentEnd = Math.min(end, this.#end);
    this.#sink.reject(reason);
    if (next < 0) {
      this.#isSkipping = true;
      return this.#bytes[this.#end - 1] === CR ? this.#end - 1 : this.#end;
    }
    this.#line++;
    return next;
  }

  /** Reads values by their columns: numbers straight from their bytes. */
  #readValues(row: Row, start: number): number {
    const { numbers, values, isValue } = row;
    const { delimiter } = this.#rules;
    const bytes = this.#bytes;
    const kinds = this.#kinds;
    const width = kinds.length;
    row.hasGaps = false;
    let at = start;
    let column = 0;
    for (;;) {
      const kind = column < width ? (kinds[column] as number) : SKIPPED;
      let end = -1;
      if (kind === DOUBLE) {
        end = scanDecimal(bytes, at, numbers, column);
        isValue[column] = 0;
      } else if (kind === INTEGER || kind === TIME) {
        end = scanInteger(bytes, at, numbers, values, isValue, column, false);
      }
      let behind = end < 0 ? -1 : (bytes[end] as number);
      if (behind !== delimiter && behind !== LF && behind !== CR) {
        end = this.#readValue(at, column, kind);
        if (end < 0) return end;
        behind = bytes[end] as number;
      }
      column++;
      if (behind !== delimiter) return this.#endRow(end, column, width);
      at = end + 1;
    }
  }

  #readTexts(start: number): number {
    let at = start;
    this.texts.length = 0;
    for (;;) {
      const end = this.#readValue(at, this.texts.length, TEXT);
      if (end < 0) return end;
      if (this.#bytes[end] !== this.#rules.delimiter) {
        return this.#endRow(end, this.texts.length, this.texts.length);
      }
      at = end + 1;
    }
  }

  /** The last value ends at `end`. */
  #endRow(end: number, count: number, expected: number): number {
    const next = this.#behindLine(end);
    if (next < 0) return INCOMPLETE;
    this.#contentEnd = end;
    if (this.#isTooLong(end)) return next;
    if (count !== expected) {
      this.#sink.reject(`expected ${fields(expected)}, got ${count}`);
    } else if (this.#fault !== '') this.#sink.reject(this.#fault);
    else if (!this.#sink.take(count)) {
      this.#line -= 1 + this.#linesWithin;
      return this.#start;
    }
    return next;
  }

  /** Reads whatever value is at `at`. Returns where it ends, `INCOMPLETE` or `BROKEN`. */
  #readValue(at: number, column: number, kind: number): number {
    const bytes = this.#bytes;
    const { delimiter } = this.#rules;
    if (bytes[at] === QUOTE && at < this.#end) return this.#readQuoted(at, column, kind);
    let end = at;
    let hasQuote = false;
    for (;;) {
      const byte = bytes[end] as number;
      if (byte === delimiter || byte === LF || byte === CR) break;
      if (byte === QUOTE) hasQuote = true;
      end++;
    }
    if (end >= this.#end && !this.#isEnding) return INCOMPLETE;
    if (hasQuote) {
      return this.#break(column, 'a quote inside of a value that does not begin with one');
    }
    this.#take(bytes, at, end, column, kind, false);
    return end;
  }

  #readQuoted(at: number, column: number, kind: number): number {
    const bytes = this.#bytes;
    const limit = this.#end;
    let isDoubled = false;
    let end = at + 1;
    for (;;) {
      for (; end < limit; end++) {
        const byte = bytes[end] as number;
        if (byte === QUOTE) break;
        if (byte === LF || (byte === CR && bytes[end + 1] !== LF)) this.#linesWithin++;
      }
      if (end + 1 >= limit && !this.#isEnding) return INCOMPLETE;
      if (end >= limit) return this.#break(column, 'a quote is not closed');
      if (end + 1 >= limit || bytes[end + 1] !== QUOTE) break;
      isDoubled = true;
      end += 2;
    }
    const behind = bytes[end + 1] as number;
    if (behind !== this.#rules.delimiter && behind !== LF && behind !== CR) {
      return this.#break(column, 'there is text behind the closing quote');
    }
    if (isDoubled) {
      const length = this.#unescape(at + 1, end);
      this.#take(this.#scratch, 0, length, column, kind, true);
    } else this.#take(bytes, at + 1, end, column, kind, true);
    return end + 1;
  }

  #break(column: number, reason: string): number {
    this.#fault = `${this.#nameOf(column)}: ${reason}`;
    return BROKEN;
  }

  /** Copies to the scratch what lies between two quotes, with one for two. Returns its length. */
  #unescape(from: number, to: number): number {
    if (this.#scratch.length <= to - from) this.#scratch = Buffer.alloc(2 * (to - from) + 1);
    const [bytes, scratch] = [this.#bytes, this.#scratch];
    let length = 0;
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number;
      scratch[length++] = byte;
      if (byte === QUOTE) at++;
    }
    scratch[length] = LF;
    return length;
  }

  /** Takes the bytes of a value; what is wrong with it is the row's fault, if it has none yet. */
  #take(
    bytes: Buffer,
    from: number,
    to: number,
    column: number,
    kind: number,
    isQuoted: boolean,
  ): void {
    if (kind === SKIPPED) return;
    const row = this.#row;
    if (row === undefined) {
      // What is no text becomes text all the same: this is for names, and for looking at.
      this.texts.push(this.#text.of(bytes, from, to) ?? bytes.toString('utf8', from, to));
      return;
    }
    const isNull = !isQuoted && (from === to || this.#isNull(bytes, from, to));
    const about = row.columns[column] as Column;
    row.isValue[column] = 1;
    let value: unknown;
    let [first, last] = [from, to];
    if (!isNull && kind !== TEXT) {
      while (first < last && isSpace(bytes[first] as number)) first++;
      while (first < last && isSpace(bytes[last - 1] as number)) last--;
    }
    const isNothing = isNull || (kind !== TEXT && first === last);
    if (isNothing) {
      if (!about.isNullable) this.#blame(about, 'it is empty, and the field takes no null');
      row.values[column] = undefined;
      if (kind !== TEXT && kind !== ENUM) row.hasGaps = true;
      return;
    }
    switch (kind) {
      case TEXT:
      case ENUM:
        value = (row.texts[column] as TextBytes).of(bytes, first, last);
        if (value === undefined && isQuoted) value = textWithNul(bytes, first, last);
        if (kind === ENUM && typeof value === 'string') value = enumValue(value);
        break;
      case BOOL:
        if (readBool(bytes, first, last, row, column)) return;
        break;
      case TIME:
        if (readInteger(bytes, first, last, row, column, false)) return;
        value = timeOf(bytes, first, last, about.unitNs);
        row.isValue[column] = 1;
        break;
      case INTEGER:
      case UNSIGNED:
        if (readInteger(bytes, first, last, row, column, kind === UNSIGNED)) return;
        break;
      default:
        if (readDecimal(bytes, first, last, row, column)) return;
    }
    row.values[column] = value;
    if (value !== undefined) return;
    this.#blame(about, `expected ${expectationOf(about)}, got ${shownBytes(bytes, from, to)}`);
  }

  #blame({ name }: Column, reason: string): void {
    if (this.#fault === '') this.#fault = `${name}: ${reason}`;
  }

  #nameOf(column: number): string {
    return this.#row?.columns[column]?.name ?? `field ${column + 1}`;
  }

  #isNull(bytes: Buffer, from: number, to: number): boolean {
    const { nulls } = this.#rules;
    for (let i = 0; i < nulls.length; i++) {
      const word = nulls[i] as Buffer;
      if (word.length === to - from && word.compare(bytes, from, to) === 0) return true;
    }
    return false;
  }
}

function fields(count: number): string {
  return `${count} field${count === 1 ? '' : 's'}`;
}

/** Quotes say that a NUL is meant. */
function textWithNul(bytes: Buffer, from: number, to: number): string | undefined {
  return isUtf8(bytes.subarray(from, to)) ? bytes.toString('utf8', from, to) : undefined;
}

function isSpace(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

const NOT_FINITE: Readonly<Record<string, number>> = {
  nan: NaN,
  inf: Infinity,
  infinity: Infinity,
};

function readDecimal(bytes: Buffer, from: number, to: number, row: Row, column: number): boolean {
  row.isValue[column] = 0;
  if (scanDecimal(bytes, from, row.numbers, column) === to) return true;
  if (to - from > 9) return false;
  const [, sign, word = ''] = /^([+-]?)([a-z]+)$/i.exec(bytes.toString('latin1', from, to)) ?? [];
  const value = NOT_FINITE[word.toLowerCase()];
  if (value === undefined) return false;
  row.numbers[column] = sign === '-' ? -value : value;
  return true;
}

const POINT = 0x2e;
const ZERO = 0x30;
/** Digits that a double tells from all others: with more of them, a fraction may be lost in rounding. */
const EXACT_DIGITS = 15;

/** Takes `12.0` and `1e3`, too, as programs write integers that stand among nulls. */
function readInteger(
  bytes: Buffer,
  from: number,
  to: number,
  row: Row,
  column: number,
  isUnsigned: boolean,
): boolean {
  const { numbers, values, isValue } = row;
  const end = scanInteger(bytes, from, numbers, values, isValue, column, isUnsigned);
  if (end === to || (end > from && isZeroFraction(bytes, end, to))) return true;
  if (end === OUT_OF_RANGE || scanDecimal(bytes, from, numbers, column) !== to) return false;
  isValue[column] = 0;
  const value = numbers[column] as number;
  if (!Number.isSafeInteger(value) || (isUnsigned && value < 0)) return false;
  return bytes.toString('latin1', from, to).replace(/e.*$|\D/gi, '').length <= EXACT_DIGITS;
}

function isZeroFraction(bytes: Buffer, from: number, to: number): boolean {
  if (bytes[from] !== POINT) return false;
  for (let at = from + 1; at < to; at++) if (bytes[at] !== ZERO) return false;
  return to > from + 1;
}

const BOOLS: Readonly<Record<string, number>> = {
  true: 1,
  false: 0,
  t: 1,
  f: 0,
  yes: 1,
  no: 0,
  '1': 1,
  '0': 0,
};

function readBool(bytes: Buffer, from: number, to: number, row: Row, column: number): boolean {
  if (to - from > 5) return false;
  const value = BOOLS[bytes.toString('latin1', from, to).toLowerCase()];
  if (value === undefined) return false;
  row.numbers[column] = value;
  row.isValue[column] = 0;
  return true;
}

/** A name, or the number that is meant. */
function enumValue(text: string): string | number | bigint {
  if (!/^-?\d{1,20}$/.test(text)) return text;
  return Number.isSafeInteger(Number(text)) ? Number(text) : BigInt(text);
}
