import type { Builder } from 'flatbuffers';
import type { Appender } from '../append/appender.js';
import type { FlushResult } from '../append/flush-queue.js';
import { openAppenderWith } from '../append/open-appender.js';
import type { AppenderOptions } from '../options.js';
import { settleSchema, type SettledSchema } from './log-schema.js';
import type { EventSchema } from './schema.js';

export interface EventAppenderOptions<Event> extends AppenderOptions {
  /** What events are; by default as the log remembers. A new log needs one. */
  readonly schema?: EventSchema<Event>;
}

/**
 * Opens a log of events for appending, creating it with `schema` if need be. A log keeps to its schema: a
 * schema that changes it in a way that FlatBuffers allows (fields added at the end, fields deprecated,
 * enum values and union members added) becomes its newest version, durably, before any event of it;
 * an older version appends without changing anything. Without `schema` the log's own is used.
 *
 * @throws {SchemaMismatchError} the change is not allowed, or the log holds no events; nothing was changed
 * @throws {SchemaError} a new log, and no schema
 * @throws {CorruptionError} as `openAppender`, or the schema file is damaged
 * @throws {RangeError} as `openAppender`, or there is no room for `header` beside the schema's name
 * @throws as `openAppender`
 */
export function openEventAppender<Event>(
  path: string,
  { schema, ...options }: EventAppenderOptions<Event> = {},
): EventAppender<Event> {
  let settled: SettledSchema | undefined;
  const create = schema !== undefined && (options.create ?? true);
  const appender = openAppenderWith(path, { ...options, create }, (log) => {
    settled = settleSchema(log, schema);
    return settled.header;
  });
  return new EventAppender(appender, (settled as SettledSchema).schema as EventSchema<Event>);
}

/** The one writer of a log of events. Get it from `openEventAppender`; everything said of `Appender` holds. */
export class EventAppender<Event = unknown> {
  readonly schema: EventSchema<Event>;
  /** The appender below: its bounds, `prepare`, `dropBefore`, `recovery`. */
  readonly records: Appender;

  /** @internal Use `openEventAppender`. */
  constructor(records: Appender, schema: EventSchema<Event>) {
    this.records = records;
    this.schema = schema;
  }

  /**
   * Appends an event that is a FlatBuffer already: a `Builder` of flatc's generated code that has
   * `finish`ed the schema's root table, or such bytes from anywhere. Returns its offset.
   * @throws as `Appender.append`
   */
  appendFlatBuffer(event: Builder | Uint8Array): number {
    return this.records.append(event instanceof Uint8Array ? event : event.asUint8Array());
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
