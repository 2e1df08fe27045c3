import type { Cursor } from '../read/cursor.js';
import type { CursorDescription, Position, TailerDescription } from '../read/description.js';
import type { Tailer, WaitOptions } from '../read/tailer.js';
import { EventRecord } from './event-record.js';
import type { EventSchema } from './schema.js';

/**
 * A cursor over events. It stands on one at a time, which `event` shows; moving allocates nothing. To be
 * used by the thread that made it.
 *
 * Beside what `Cursor` throws, moving throws a `MalformedEventError` where a record is no event of the
 * schema: one without a root table, or with `verifyEvents` whatever is wrong with it. The cursor then
 * stands on that record, and the next move goes on behind it.
 */
export class EventCursor<Event = unknown, View = unknown> extends EventRecord<Event, View> {
  /** The cursor below, of bytes. */
  readonly records: Cursor;

  /** @internal Use `EventReader.cursor`. */
  constructor(cursor: Cursor, schema: EventSchema<Event, View>, isVerifying: boolean) {
    super(cursor, schema, isVerifying);
    this.records = cursor;
  }

  /** As `Cursor.next`. */
  next(): boolean {
    return this.records.next() && this.show();
  }

  /** As `Cursor.previous`. */
  previous(): boolean {
    return this.records.previous() && this.show();
  }

  /** As `Cursor.moveTo`. */
  moveTo(offset: number): boolean {
    return this.records.moveTo(offset) && this.show();
  }

  /** As `Cursor.seek`. */
  seek(offset: number): void {
    this.records.seek(offset);
  }

  /** As `Cursor.nextOffset`. */
  get nextOffset(): number {
    return this.records.nextOffset;
  }

  /** Iterates from here, yielding this very object again and again. */
  *[Symbol.iterator](): IterableIterator<this> {
    while (this.next()) yield this;
  }

  /** As `Cursor.describe`: for `openEventReader(it).cursor(it)`. */
  describe(): CursorDescription {
    return this.records.describe();
  }

  /** Lets the segment go: `event` shows nothing any more. Idempotent. */
  close(): void {
    this.records.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A cursor over events that waits for what comes; it moves as `Tailer` does, and throws as `EventCursor`. */
export class EventTailer<Event = unknown, View = unknown> extends EventRecord<Event, View> {
  /** The tailer below: its `writer`, what it has `skipped`, its place to `seek`. */
  readonly records: Tailer;

  /** @internal Use `EventReader.tailer`. */
  constructor(records: Tailer, schema: EventSchema<Event, View>, isVerifying: boolean) {
    super(records.record, schema, isVerifying);
    this.records = records;
  }

  /** As `Tailer.next`: blocks up to `timeoutMs`. */
  next(options?: WaitOptions): boolean {
    return this.records.next(options) && this.show();
  }

  /** As `Tailer.nextAsync`. */
  async nextAsync(options?: WaitOptions): Promise<boolean> {
    return (await this.records.nextAsync(options)) && this.show();
  }

  /** As `Tailer.position`: where to go on later, in any process. */
  get position(): Position {
    return this.records.position;
  }

  /** Iterates over everything that comes, yielding this very object again and again. Closes it. */
  async *[Symbol.asyncIterator](): AsyncGenerator<this, void, undefined> {
    for await (const _ of this.records) {
      this.show();
      yield this;
    }
  }

  /** As `Tailer.describe`: for `openEventReader(it).tailer(it)`. */
  describe(): TailerDescription {
    return this.records.describe();
  }

  /** As `Tailer.close`: `event` shows nothing any more. Idempotent. */
  close(): void {
    this.records.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
