/** JSON objects from bytes to events. */
import { jsonToEvent } from '../../events/json.js';
import { parseJsonText } from '../../events/json-text.js';
import { usableFields } from '../../events/model.js';
import type { Intake, Origin } from '../source.js';
import {
  BOOL,
  DOUBLE,
  ENUM,
  INTEGER,
  OTHER,
  Row,
  TEXT,
  TIME,
  UNSIGNED,
  columnOf,
} from './columns.js';
import { scanDecimal, scanInteger } from './decimal.js';
import { identifierOf } from './names.js';
import type { TextBytes } from './text-bytes.js';

const TAB = 9;
const LF = 10;
const CR = 13;
const SPACE = 32;
const QUOTE = 34;
const COMMA = 44;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const BACKSLASH = 92;
const OPEN = 123;
const CLOSE = 125;
/** `true`, `null` and `alse` as they lie in memory. */
const TRUE = 0x65757274;
const NULL = 0x6c6c756e;
const ALSE = 0x65736c61;
const LOWER_F = 102;

/** Whoever looks at a word at the end of the message stays in the buffer. */
const SPARE_BYTES = 8;

/** This is for `JSON.parse` to read, or to refuse. */
const NOT_PLAIN = -1;

/**
 * Makes events of JSON objects. What most of them are, an object of numbers and plain strings whose fields
 * come in the order of the last one, is read from bytes straight into a row. It is read only if it can be
 * nothing else; everything else goes the way of `jsonToEvent`, which decides, and says what is wrong.
 *
 * Keys that are no fields go to the field of their name as an identifier: `US Gross` to `US_Gross`.
 */
export class JsonRows<Event = unknown> {
  readonly #intake: Intake<Event>;
  readonly #row: Row<Event>;
  readonly #kinds: Uint8Array;
  /** Of each field, as a key in its quotes. */
  readonly #keys: readonly Buffer[];
  readonly #columns: ReadonlyMap<string, number>;
  readonly #utf8 = new TextDecoder('utf-8', { fatal: true });
  /** Which object has had the field last. */
  readonly #seenIn: Float64Array;
  #object = 0;
  /** The message, with a NUL behind. */
  #bytes = Buffer.alloc(4096);

  constructor(intake: Intake<Event>) {
    this.#intake = intake;
    const columns = usableFields(intake.schema.root).map((field) => columnOf(field.name, field));
    this.#row = new Row(columns);
    this.#kinds = Uint8Array.from(columns, ({ kind }) => (kind === TIME ? INTEGER : kind));
    this.#keys = columns.map(({ name }) => Buffer.from(`"${name}"`));
    this.#columns = new Map(columns.map(({ name }, index) => [name, index]));
    this.#seenIn = new Float64Array(columns.length);
  }

  /** Appends the event that a message is, or rejects it. The message is not kept. */
  take(message: Uint8Array, origin: Origin): void {
    if (this.#readPlain(message)) this.#intake.append(this.#row.event(), origin);
    else this.#takeAny(message, origin);
  }

  #takeAny(message: Uint8Array, origin: Origin): void {
    let event: Event;
    try {
      event = jsonToEvent(this.#intake.schema, this.#parse(message));
    } catch (error) {
      return this.#intake.reject((error as Error).message, origin);
    }
    return this.#intake.append(event, origin);
  }

  #parse(message: Uint8Array): object {
    let value: unknown;
    try {
      value = parseJsonText(this.#utf8.decode(message));
    } catch (error) {
      throw new TypeError(`No JSON: ${(error as Error).message}`, { cause: error });
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value as object;
    return this.#renamed(value as Record<string, unknown>);
  }

  /** With keys that are fields, where one is meant and not there by its own name. */
  #renamed(object: Record<string, unknown>): object {
    const keys = Object.keys(object);
    if (keys.every((key) => this.#columns.has(key))) return object;
    const entries = keys.map((key): [string, unknown] => {
      const field = this.#columns.has(key) ? key : identifierOf(key, 0);
      const isMeant = this.#columns.has(field) && !Object.hasOwn(object, field);
      return [isMeant ? field : key, object[key]];
    });
    // Two keys that mean the same field are left for the check to refuse.
    const names = new Set(entries.map(([name]) => name));
    return names.size === entries.length ? Object.fromEntries(entries) : object;
  }

  /** Reads a message into the row; returns whether it was plain enough. */
  #readPlain(message: Uint8Array): boolean {
    const { length } = message;
    if (length + SPARE_BYTES > this.#bytes.length)
      this.#bytes = Buffer.alloc(2 * length + SPARE_BYTES);
    const bytes = this.#bytes;
    bytes.set(message);
    bytes[length] = 0;
    const row = this.#row;
    row.hasGaps = false;
    this.#object++;
    let at = skipSpace(bytes, 0);
    if (bytes[at] !== OPEN) return false;
    at = skipSpace(bytes, at + 1);
    let found = 0;
    if (bytes[at] === CLOSE) at++;
    else {
      for (let expected = 0; ; expected++) {
        const column = this.#columnAt(at, expected);
        if (column < 0 || this.#seenIn[column] === this.#object) return false;
        this.#seenIn[column] = this.#object;
        found++;
        at = skipSpace(bytes, at + (this.#keys[column] as Buffer).length);
        if (bytes[at] !== COLON) return false;
        at = this.#readValue(skipSpace(bytes, at + 1), column, row);
        if (at < 0) return false;
        at = skipSpace(bytes, at);
        const next = bytes[at++];
        if (next === CLOSE) break;
        if (next !== COMMA) return false;
        at = skipSpace(bytes, at);
        expected = column;
      }
    }
    if (found < this.#kinds.length) this.#clearOthers(row);
    return skipSpace(bytes, at) === length;
  }

  /** The column whose key is at `at`, or `NOT_PLAIN`. */
  #columnAt(at: number, expected: number): number {
    const bytes = this.#bytes;
    const key = this.#keys[expected];
    if (key !== undefined && isAt(bytes, at, key)) return expected;
    if (bytes[at] !== QUOTE) return NOT_PLAIN;
    const end = plainStringEnd(bytes, at + 1);
    if (end < 0) return NOT_PLAIN;
    return this.#columns.get(bytes.toString('latin1', at + 1, end)) ?? NOT_PLAIN;
  }

  /** Returns where the value ends, or `NOT_PLAIN`. */
  #readValue(at: number, column: number, row: Row): number {
    const bytes = this.#bytes;
    const kind = this.#kinds[column] as number;
    const first = bytes[at] as number;
    if (first === 110 && bytes.readInt32LE(at) === NULL) {
      if (kind === OTHER) return NOT_PLAIN;
      clear(row, column, kind);
      return at + 4;
    }
    switch (kind) {
      case DOUBLE:
        if (!isNumberStart(bytes, at)) return NOT_PLAIN;
        row.isValue[column] = 0;
        return scanDecimal(bytes, at, row.numbers, column, true);
      case INTEGER:
      case UNSIGNED: {
        if (!isNumberStart(bytes, at)) return NOT_PLAIN;
        const { numbers, values, isValue } = row;
        return scanInteger(bytes, at, numbers, values, isValue, column, kind === UNSIGNED);
      }
      case BOOL:
        return readBool(bytes, at, column, row);
      case TEXT:
        return first === QUOTE ? readText(bytes, at, column, row) : NOT_PLAIN;
      default:
        return NOT_PLAIN;
    }
  }

  #clearOthers(row: Row): void {
    for (let column = 0; column < this.#kinds.length; column++) {
      if (this.#seenIn[column] !== this.#object) clear(row, column, this.#kinds[column] as number);
    }
  }
}

function clear(row: Row, column: number, kind: number): void {
  row.values[column] = undefined;
  row.isValue[column] = 1;
  if (kind !== TEXT && kind !== ENUM) row.hasGaps = true;
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  for (;;) {
    const byte = bytes[at] as number;
    if (byte > SPACE || (byte !== SPACE && byte !== LF && byte !== CR && byte !== TAB)) return at;
    at++;
  }
}

function isAt(bytes: Buffer, at: number, expected: Buffer): boolean {
  if (at + expected.length > bytes.length) return false;
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/** As JSON has them: no plus, no point in front, no zeros before other digits. */
function isNumberStart(bytes: Buffer, at: number): boolean {
  const digitAt = bytes[at] === MINUS ? at + 1 : at;
  const digit = bytes[digitAt] as number;
  if (digit < ZERO || digit > NINE) return false;
  const next = bytes[digitAt + 1] as number;
  return digit !== ZERO || next < ZERO || next > NINE;
}

/** The quote that ends a string without escapes, or `NOT_PLAIN`. */
function plainStringEnd(bytes: Buffer, from: number): number {
  let end = from;
  for (;;) {
    const byte = bytes[end] as number;
    if (byte === QUOTE) return end;
    if (byte === BACKSLASH || byte < SPACE) return NOT_PLAIN;
    end++;
  }
}

function readText(bytes: Buffer, at: number, column: number, row: Row): number {
  const end = plainStringEnd(bytes, at + 1);
  if (end < 0) return NOT_PLAIN;
  const text = (row.texts[column] as TextBytes).of(bytes, at + 1, end);
  if (text === undefined) return NOT_PLAIN;
  row.values[column] = text;
  row.isValue[column] = 1;
  return end + 1;
}

function readBool(bytes: Buffer, at: number, column: number, row: Row): number {
  const isTrue = bytes.readInt32LE(at) === TRUE;
  const isFalse = bytes[at] === LOWER_F && bytes.readInt32LE(at + 1) === ALSE;
  if (!isTrue && !isFalse) return NOT_PLAIN;
  row.numbers[column] = isTrue ? 1 : 0;
  row.isValue[column] = 0;
  return at + (isTrue ? 4 : 5);
}
