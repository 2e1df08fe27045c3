import type { CursorStart } from '../read/cursor.js';
import type { Position, ReaderDescription } from '../read/description.js';
import { openReader, type CursorOptions, type Reader, type ReaderOptions } from '../read/reader.js';
import type { TailerOptions } from '../read/tailer.js';
import { readColumns, type Columns, type ColumnsOptions } from './columns.js';
import { EventCursor, EventTailer } from './event-cursor.js';
import { EventRecord } from './event-record.js';
import { schemaToRead } from './log-schema.js';
import { findLogSchema } from './schema-file.js';
import { checkSchema, type EventSchema } from './schema.js';

export interface EventReaderOptions<Event, View> extends ReaderOptions {
  /** What to read events as; by default what the log says that they are. */
  readonly schema?: EventSchema<Event, View>;
  /**
   * Look through every event before it is shown, so that a damaged one, or one of another schema, is an
   * error where it stands (default false). The reader's own ways to read check what they touch in any
   * case, columns and queries too; flatc's classes do not. What `verify` does is another thing: it finds bytes that are not as
   * they were written.
   */
  readonly verifyEvents?: boolean;
}

/**
 * Opens a log of events for reading, as `openReader` does. Events are read by `schema`, by default by the
 * log's own. Where both are there, the one must be an older or newer version of the other: of newer
 * events an older program sees what it knows, of older ones a newer program sees defaults. A log that was
 * made without a schema needs `schema`, and is taken on trust.
 *
 * The schema is that of the moment: a log that changes its schema later is read on by the same.
 *
 * @throws {SchemaMismatchError} the schema is none that the log's may become, or has been
 * @throws {SchemaError} no schema is given, and the log has none
 * @throws {CorruptionError} as `openReader`, or the schema file is damaged or missing
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this process may not make code of strings
 * @throws as `openReader`
 */
export function openEventReader<Event, View>(
  log: string | ReaderDescription,
  { schema, verifyEvents = false, ...options }: EventReaderOptions<Event, View> = {},
): EventReader<Event, View> {
  checkSchema(schema);
  if (typeof verifyEvents !== 'boolean')
    throw new TypeError('Invalid verifyEvents: expected a boolean');
  const reader = openReader(log, options);
  try {
    const own = findLogSchema(reader.path, reader.logId);
    const toRead = schemaToRead(reader.path, own?.schema, schema);
    return new EventReader(reader, toRead as EventSchema<Event, View>, verifyEvents);
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** Random access to the events of a log. To be used by the thread that opened it. */
export class EventReader<Event = unknown, View = unknown> {
  readonly schema: EventSchema<Event, View>;
  /** The reader below: its bounds, segments and damage. */
  readonly records: Reader;
  readonly #isVerifying: boolean;
  #flyweight: ShownRecord<Event, View> | undefined;

  /** @internal Use `openEventReader`. */
  constructor(records: Reader, schema: EventSchema<Event, View>, isVerifying: boolean) {
    this.records = records;
    this.schema = schema;
    this.#isVerifying = isVerifying;
  }

  /**
   * The event at `offset`, as this reader's flyweight: it shows that event until the next `get`. Constant
   * time; allocates nothing.
   * @throws {MalformedEventError} the record is no event of the schema
   * @throws as `Reader.get`
   */
  get(offset: number): EventRecord<Event, View> {
    const record = this.records.get(offset);
    this.#flyweight ??= new ShownRecord(record, this.schema, this.#isVerifying);
    return this.#flyweight.shown();
  }

  /** As `Reader.cursor`. */
  cursor(options?: CursorOptions): EventCursor<Event, View> {
    return new EventCursor(this.records.cursor(options), this.schema, this.#isVerifying);
  }

  /** As `Reader.tailer`. */
  tailer(
    options?: TailerOptions & { readonly from?: CursorStart | Position },
  ): EventTailer<Event, View> {
    return new EventTailer(this.records.tailer(options), this.schema, this.#isVerifying);
  }

  /**
   * Fields of a range of events as typed arrays: see `readColumns`.
   * @throws {MalformedEventError} a record is no event of the schema
   * @throws {RangeError} a 64-bit integer that is not safe, with `int64: 'exact'`
   * @throws {TypeError} a field that is none
   * @throws as `Reader.cursor` and `Cursor.next`
   */
  columns(fields: readonly string[], options?: ColumnsOptions): Columns {
    return readColumns(this.records, this.schema, fields, options);
  }

  /**
   * As `Reader.describe`. It says nothing of the schema: whoever opens it takes the log's own, or names
   * one.
   */
  describe(): ReaderDescription {
    return this.records.describe();
  }

  /** As `Reader.close`. */
  close(): void {
    this.records.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The record that `get` shows. */
class ShownRecord<Event, View> extends EventRecord<Event, View> {
  shown(): this {
    this.show();
    return this;
  }
}
