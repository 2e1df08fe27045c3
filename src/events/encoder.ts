/**
 * Encoders: FlatBuffers written straight into the memory where they stay, by code that is made for their
 * schema (`encoder-source.ts`). No builder, no copy; for events of fixed-size fields no allocation either.
 */
import { Memory } from '../format/memory.js';
import type { RecordEncoder } from '../append/record-encoder.js';
import { checkEvent } from './check.js';
import { encoderSource } from './encoder-source.js';
import { MAX_EVENT_BYTES, TOO_LARGE } from './measure.js';
import { runCode } from './run-time-code.js';
import type { EventSchema } from './schema.js';
import { rootHeader } from './template.js';
import { measureString, writeString } from './text.js';
import { countOf, isInt64, isNone, isObject, isUint64, lengthOf, own } from './values.js';

/**
 * Makes FlatBuffers of plain objects. Fields are taken by their names in the schema:
 *
 * - What is `undefined` or `null` is left out.
 * - 64-bit integers are numbers, as long as they are safe integers, or `bigint`s.
 * - Enums are names, sets of bits names with spaces between; numbers as well.
 * - A union has its member's name in `<name>_type`; a vector of unions has an array of them there.
 * - Vectors are arrays, typed arrays, or anything with a `length`. Typed arrays of the vector's own kind
 *   are copied at once.
 * - Properties that are no fields are not looked at; `checkEvent` refuses them.
 *
 * For one thread. Getters of an event may do what they like, encoding other events included.
 */
export interface Encoder<Event = unknown> extends RecordEncoder<Event> {
  /**
   * Checks an event and returns the bytes that it takes, a multiple of 4.
   * @throws {TypeError | RangeError} it does not fit the schema: names field, expectation and value
   */
  measure(event: Event): number;

  /**
   * Writes an event, which `measure` has passed, at a multiple of 8, and returns `end`: position and
   * measure. Whatever happens, nothing is written outside of the bytes from `position` to `end`.
   * @throws {TypeError} the event takes other bytes than it was measured to, because it has changed; what
   *   has been written is of no use. A change that goes unnoticed is a number that is out of range now: it
   *   is cut to its bits
   */
  write(event: Event, memory: Memory, position: number, end: number): number;

  /**
   * An event as bytes of its own.
   * @throws As `measure` and `write`
   */
  encode(event: Event): Uint8Array;
}

/**
 * Makes the encoder of a schema; it takes a millisecond or so.
 * @throws {SchemaError} a table larger than 64 KiB without what it refers to
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: code may not be made at run time
 */
export function compileEncoder<Event = unknown>(schema: EventSchema<Event>): Encoder<Event> {
  const { body, support } = encoderSource(schema.root, rootHeader(schema.fileIdentifier));
  const refuse = (event: unknown, why: number): never => refuseEvent(schema, event, why);
  const compiled = runCode(body, { ...SUPPORT, ...support, refuse }) as CompiledEncoder<Event>;
  return { ...compiled, encode: (event) => encodeAlone(compiled, event) };
}

type CompiledEncoder<Event> = Pick<Encoder<Event>, 'measure' | 'write'>;

const encoders = new WeakMap<EventSchema, Encoder>();

/**
 * An event as a FlatBuffer of its own, in new memory. An encoder of the schema is made at the first call.
 * `decodeEvent` is the way back; to append, `EventAppender.append` needs no copy.
 * @throws {TypeError | RangeError} it does not fit the schema: names field, expectation and value
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: code may not be made at run time
 */
export function encodeEvent<Event>(schema: EventSchema<Event>, event: Event): Uint8Array {
  const encoder = encoders.get(schema) ?? compileEncoder(schema);
  encoders.set(schema, encoder);
  return encoder.encode(event);
}

const SUPPORT = {
  changed: refuseChanged,
  countOf,
  isInt64,
  isNone,
  isObject,
  isUint64,
  lengthOf,
  measureString,
  misplaced: refusePlace,
  own,
  writeString,
};

function encodeAlone<Event>(encoder: RecordEncoder<Event>, event: Event): Uint8Array {
  const size = encoder.measure(event);
  const memory = new Memory(new ArrayBuffer((size + 7) & ~7));
  encoder.write(event, memory, 0, size);
  return memory.bytes.subarray(0, size);
}

/** Finds out what is wrong, which the compiled code does not know. */
function refuseEvent(schema: EventSchema, event: unknown, why: number): never {
  if (why !== TOO_LARGE) checkEvent(schema, event);
  if (why !== TOO_LARGE) refuseChanged();
  throw new RangeError(`Cannot encode the event: it takes more than ${MAX_EVENT_BYTES} bytes`);
}

function refuseChanged(): never {
  throw new TypeError('Cannot encode the event: it has changed while it was being encoded');
}

function refusePlace(position: number): never {
  throw new RangeError(`Cannot encode at ${position}: expected a multiple of 8`);
}
