import type { Builder } from 'flatbuffers';
import type { Appender } from '../append/appender.js';
import type { FlushResult } from '../append/flush-queue.js';
import { openAppenderWith } from '../append/open-appender.js';
import { Memory } from '../format/memory.js';
import type { AppenderOptions } from '../options.js';
import { FlatBytes } from './flat-bytes.js';
import { compileEncoder, type Encoder } from './encoder.js';
import { settleSchema, type SettledSchema } from './log-schema.js';
import { checkSchema, type EventSchema } from './schema.js';
import { eventVerifier, type EventVerifier } from './verify.js';

export interface EventAppenderOptions<Event> extends AppenderOptions {
  /** What events are; by default as the log remembers. A new log needs one. */
  readonly schema?: EventSchema<Event>;
  /**
   * Look through events that come as FlatBuffers before they are appended (default false). Plain objects
   * are checked in any case.
   */
  readonly verifyEvents?: boolean;
}

/**
 * Opens a log of events for appending, creating it with `schema` if need be. A log keeps to its schema: a
 * schema that changes it in a way that FlatBuffers allows (fields added at the end, fields deprecated,
 * enum values and union members added) becomes its newest version, durably, before any event of it;
 * an older version appends without changing anything. Without `schema` the log's own is used.
 *
 * @throws {SchemaMismatchError} the change is not allowed, or the log holds no events; nothing was changed
 * @throws {SchemaError} neither the log nor the options have a schema
 * @throws {CorruptionError} as `openAppender`, or the schema file is damaged
 * @throws {RangeError} as `openAppender`, or there is no room for `header` beside the schema's name
 * @throws {LogError} as `openAppender`; `UNSUPPORTED_PLATFORM`: this process may not make code of strings
 * @throws as `openAppender`
 */
export function openEventAppender<Event>(
  path: string,
  { schema, verifyEvents = false, ...options }: EventAppenderOptions<Event> = {},
): EventAppender<Event> {
  checkSchema(schema);
  if (typeof verifyEvents !== 'boolean') {
    throw new TypeError('Invalid verifyEvents: expected a boolean');
  }
  // Compiled before anything is written: it may not be possible here.
  let encoder = schema === undefined ? undefined : compileEncoder(schema);
  let settled = schema;
  const create = schema !== undefined && (options.create ?? true);
  const records = openAppenderWith(path, { ...options, create }, (log) => {
    const found = settleSchema(log, schema) as SettledSchema<Event>;
    settled = found.schema;
    encoder ??= compileEncoder(settled);
    return found.header;
  });
  const [own, compiled] = [settled, encoder] as [EventSchema<Event>, Encoder<Event>];
  return new EventAppender(records, own, compiled, verifyEvents);
}

/**
 * The one writer of a log of events. Get it from `openEventAppender`. To be used by the thread that opened
 * it. When events are visible, and when durable, is as `Appender` has it.
 */
export class EventAppender<Event = unknown> {
  readonly schema: EventSchema<Event>;
  /** The appender below: its bounds, `prepare`, `dropBefore`, `recovery`. */
  readonly records: Appender;
  readonly #encoder: Encoder<Event>;
  /** Looked up once: that would cost as much as verifying a small event. */
  readonly #verifier: EventVerifier | undefined;

  /** @internal Use `openEventAppender`. */
  constructor(
    records: Appender,
    schema: EventSchema<Event>,
    encoder: Encoder<Event>,
    isVerifying: boolean,
  ) {
    this.records = records;
    this.schema = schema;
    this.#encoder = encoder;
    this.#verifier = isVerifying ? eventVerifier(schema) : undefined;
  }

  /**
   * Appends an event and returns its offset. It is encoded in place, straight into the log. Properties that
   * are no fields are not looked at, which would cost as much as all the rest; `jsonToEvent` refuses them.
   * @throws {TypeError | RangeError} it does not fit the schema: names field, expectation and value
   * @throws as `Appender.append`; nothing was written
   */
  append(event: Event): number {
    return this.records.appendEncoded(this.#encoder, event);
  }

  /**
   * Appends events in one frame, so that readers, and recovery after any crash, see all of them or none.
   * Returns the offset of the first; the others follow.
   * @throws as `append`; nothing was written
   */
  appendBatch(events: readonly Event[]): number {
    if (!Array.isArray(events)) throw new TypeError('Cannot append: expected an array of events');
    return this.records.appendBatch(encodeAll(this.#encoder, events));
  }

  /**
   * Appends an event that is a FlatBuffer already: a `Builder` of flatc's generated code that has
   * `finish`ed the schema's root table, or such bytes from anywhere. They are copied. Returns its offset.
   * @throws {MalformedEventError} it has no root table, or with `verifyEvents`: it is no event of the
   *   schema; nothing was written
   * @throws {TypeError} neither bytes nor a builder
   * @throws as `Appender.append`
   */
  appendFlatBuffer(event: Builder | Uint8Array): number {
    const bytes = event instanceof Uint8Array ? event : builtBytes(event);
    if (this.#verifier === undefined) checkRoot(bytes);
    else this.#verifier.verify(bytes, 0, bytes.length, true);
    return this.records.append(bytes);
  }

  /** The offset that the next event gets. */
  get nextOffset(): number {
    return this.records.nextOffset;
  }

  /** As `Appender.commit`. */
  commit(): number {
    return this.records.commit();
  }

  /** As `Appender.flush`. */
  flush(): Promise<FlushResult> {
    return this.records.flush();
  }

  /** As `Appender.close`. */
  close(): Promise<void> {
    return this.records.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.records.close();
  }
}

function builtBytes(event: Builder): Uint8Array {
  if (typeof event?.asUint8Array === 'function') return event.asUint8Array();
  throw new TypeError('Cannot append: expected a Uint8Array or a Builder of flatbuffers');
}

/** What is no FlatBuffer at all, such as a builder that has not finished, would end every scan. */
function checkRoot(bytes: Uint8Array): void {
  const flat = new FlatBytes(bytes);
  flat.vtable(flat.root());
}

/** Events side by side in memory of their own. */
function encodeAll<Event>(encoder: Encoder<Event>, events: readonly Event[]): Uint8Array[] {
  const sizes = events.map((event) => encoder.measure(event));
  const memory = new Memory(new ArrayBuffer(sizes.reduce((sum, size) => sum + aligned(size), 0)));
  let at = 0;
  return sizes.map((size, i) => {
    const from = at;
    at += aligned(size);
    encoder.write(events[i] as Event, memory, from, from + size);
    return memory.bytes.subarray(from, from + size);
  });
}

function aligned(size: number): number {
  return (size + 7) & ~7;
}
