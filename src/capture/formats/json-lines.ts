/** JSON lines as a format of input. */
import { InputError } from '../../errors.js';
import { defineSchema } from '../../events/define-schema.js';
import type { FieldType } from '../../events/write-schema.js';
import { parseJsonText } from '../../events/json-text.js';
import type { EventSchema } from '../../events/schema.js';
import { LineSplitter } from '../framing.js';
import type { Intake, Origin } from '../source.js';
import type { FormatReader, FormatSession, InputFormat } from './format.js';
import { fieldFor } from './infer.js';
import { JsonRows } from './json-rows.js';
import { identifierOf } from './names.js';
import { shownBytes } from './text-bytes.js';

export interface JsonLinesOptions {
  /** Longer lines are refused (default 16 MiB). */
  readonly maxLineBytes?: number;
}

const DEFAULT_LINE_BYTES = 16 * 1024 * 1024;
const TABLE = 'Row';
const utf8 = new TextDecoder();

/**
 * An object a line, as `eventToJson` writes them, and `jsonToEvent` takes them: integers of 64 bits with
 * all their digits included. Empty lines are passed over.
 *
 * Without a schema, one is made of the first lines (a megabyte, or what comes within a second): `bool`,
 * `long` (`ulong` if it takes that), `double` and `string` by what most values of a key are, all of them
 * optional. Beside numbers "nan", "inf" and "-inf" are numbers. Objects and arrays
 * within need a schema. Keys that are no identifiers are made ones. A later line with another key, or a
 * value of another type, is rejected.
 * @throws {RangeError} options that make no sense
 */
export function jsonLines({
  maxLineBytes = DEFAULT_LINE_BYTES,
}: JsonLinesOptions = {}): InputFormat {
  if (!Number.isSafeInteger(maxLineBytes) || maxLineBytes < 2) {
    throw new RangeError(`Invalid maxLineBytes ${maxLineBytes}: expected a whole number from 2 on`);
  }
  return { name: 'json', begin: (own) => new JsonSession(own, maxLineBytes) };
}

class JsonSession implements FormatSession {
  readonly wants: FormatSession['wants'];
  readonly #own: EventSchema | undefined;
  readonly #maxLineBytes: number;

  constructor(own: EventSchema | undefined, maxLineBytes: number) {
    this.#own = own;
    this.#maxLineBytes = maxLineBytes;
    this.wants = own === undefined ? 'sample' : 'nothing';
  }

  settle(sample: Buffer, isWhole: boolean): EventSchema | undefined {
    if (this.#own !== undefined) return this.#own;
    const lines = linesOf(sample, isWhole, this.#maxLineBytes);
    if (lines.length > 0) return inferSchema(lines);
    if (isWhole) throw new InputError('The input is empty: no line says what its events are');
    return undefined;
  }

  start(intake: Intake): FormatReader {
    return new JsonReader(intake, this.#maxLineBytes);
  }
}

function linesOf(sample: Buffer, isWhole: boolean, maxBytes: number): Buffer[] {
  const lines: Buffer[] = [];
  const splitter = new LineSplitter(
    (line) => void (!isBlank(line) && lines.push(Buffer.from(line))),
    {
      maxBytes,
      onTooLong: () => {},
    },
  );
  splitter.push(sample);
  if (isWhole) splitter.end();
  return lines;
}

function isBlank(line: Uint8Array): boolean {
  const first = line[0];
  if (first !== undefined && first > 32) return false;
  return line.every((byte) => byte === 32 || byte === 9 || byte === 13);
}

// --- Types ---

/** `ulong`: past what a `long` holds. `word`: text that stands for what is no number. */
type JsonType = 'bool' | 'long' | 'ulong' | 'double' | 'string' | 'word';

const WORDS: ReadonlySet<string> = new Set(['nan', 'inf', '-inf']);

/** How often a key had a value of each type. */
type Counts = Record<JsonType, number> & { negative: number };

const NOTHING: Counts = { bool: 0, long: 0, ulong: 0, double: 0, string: 0, word: 0, negative: 0 };

function inferSchema(lines: readonly Buffer[]): EventSchema {
  const counts = new Map<string, Counts>();
  let objects = 0;
  for (const line of lines) {
    const object = objectOf(line);
    if (object === undefined) continue;
    objects++;
    for (const [key, value] of Object.entries(object)) count(counts, key, value);
  }
  if (objects === 0) throw noObject(lines[0] as Buffer);
  if (counts.size === 0) throw new InputError('The objects on the lines of the input have no keys');
  const names = new Map<string, string>();
  const fields = [...counts].map(([key, each], index) => {
    const name = identifierOf(key, index + 1);
    const other = names.get(name);
    if (other !== undefined) {
      throw new InputError(
        `The keys ${JSON.stringify(other)} and ${JSON.stringify(key)} are the same as names of fields: give a schema`,
      );
    }
    names.set(name, key);
    return fieldFor(name, typeOf(each), key);
  });
  return defineSchema(TABLE, fields);
}

function objectOf(line: Buffer): Record<string, unknown> | undefined {
  let value: unknown;
  try {
    value = parseJsonText(utf8.decode(line));
  } catch {
    return undefined;
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : undefined;
}

function noObject(line: Buffer): InputError {
  const hint =
    line[0] === 0x5b
      ? "; capture takes one object a line, and jq -c '.[]' makes them of an array"
      : '; is it JSON lines?';
  return new InputError(
    `No line of the input is a JSON object: the first is ${shownBytes(line, 0, line.length)}${hint}`,
  );
}

function count(counts: Map<string, Counts>, key: string, value: unknown): void {
  const known = counts.get(key);
  const of = known ?? { ...NOTHING };
  if (known === undefined) counts.set(key, of);
  if (value === null) return;
  if (typeof value === 'object') {
    const what = Array.isArray(value) ? 'an array' : 'an object';
    throw new InputError(
      `The value of ${JSON.stringify(key)} is ${what}: what is nested needs a schema`,
    );
  }
  of[jsonTypeOf(value)]++;
  if (isNegative(value)) of.negative++;
}

function isNegative(value: unknown): boolean {
  return (typeof value === 'number' || typeof value === 'bigint') && value < 0;
}

function jsonTypeOf(value: unknown): JsonType {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return WORDS.has(value) ? 'word' : 'string';
  if (typeof value === 'bigint') {
    if (BigInt.asIntN(64, value) === value) return 'long';
    return BigInt.asUintN(64, value) === value ? 'ulong' : 'double';
  }
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? 'long' : 'double';
}

/**
 * What most are. Integers count as doubles where there is one, and so do words, which are text where there
 * are no numbers.
 */
function typeOf({ bool, long, ulong, double, string, word, negative }: Counts): FieldType {
  const numbers = long + ulong + double;
  if (numbers > 0 && numbers + word >= bool && numbers + word >= string) {
    // No integer type holds both what is negative and what is past a long.
    if (double + word > 0 || (ulong > 0 && negative > 0)) return 'double';
    return ulong > 0 ? 'ulong' : 'long';
  }
  return bool > string + word ? 'bool' : 'string';
}

// --- Reading ---

class JsonReader implements FormatReader, Origin {
  readonly #rows: JsonRows;
  readonly #lines: LineSplitter;
  #line = 0;
  #content: Uint8Array = Buffer.alloc(0);

  constructor(intake: Intake, maxBytes: number) {
    this.#rows = new JsonRows(intake);
    const limit = maxBytes.toLocaleString('en-US');
    this.#lines = new LineSplitter((line) => this.#take(line), {
      maxBytes,
      onTooLong: (beginning) => {
        this.#line++;
        this.#content = beginning;
        intake.reject(`the line has more than ${limit} bytes`, this);
      },
    });
  }

  get line(): number {
    return this.#line;
  }

  content(): Uint8Array {
    return this.#content;
  }

  get pendingBytes(): number {
    return this.#lines.pendingBytes;
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  end(): void {
    this.#lines.end();
  }

  restart(): void {
    this.#lines.end();
    this.#line = 0;
  }

  #take(line: Uint8Array): void {
    this.#line++;
    if (isBlank(line)) return;
    this.#content = line;
    this.#rows.take(line, this);
  }
}
