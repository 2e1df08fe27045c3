import { ByteBuffer } from 'flatbuffers';
import { RecordPlace } from '../read/record-place.js';
import type { RecordView } from '../read/record-view.js';
import { decodeEvent } from './decode.js';
import { eventToJson } from './json.js';
import type { EventSchema } from './schema.js';
import { eventVerifier } from './verify.js';
import { compileView, type ViewOf } from './view.js';

/**
 * An event as a reader hands it out: one at a time, in place. `event` is the flyweight that shows it, the
 * same object every time.
 */
export class EventRecord<Event = unknown, View = unknown> {
  readonly schema: EventSchema<Event, View>;
  /** The record that the event lies in: its bytes, time and epoch. */
  readonly record: RecordView;
  /** Reads the event where it lies, field by field; nothing is decoded that is not asked for. */
  readonly event: ViewOf<View>;
  readonly #isVerifying: boolean;
  readonly #place = new RecordPlace();
  #buffer: ByteBuffer | undefined;

  /** @internal */
  constructor(record: RecordView, schema: EventSchema<Event, View>, isVerifying: boolean) {
    this.schema = schema;
    this.record = record;
    this.event = new (compileView(schema))();
    this.#isVerifying = isVerifying;
  }

  /** The event's number in the log. */
  get offset(): number {
    return this.record.offset;
  }

  /** As `RecordView.timeMs`. */
  get timeMs(): number {
    return this.record.timeMs;
  }

  /**
   * The event as a plain object of its own.
   * @throws {MalformedEventError}
   */
  toObject(): Event {
    return decodeEvent(this.schema, this.record.payload);
  }

  /**
   * The event as one line of JSON, as flatc has it.
   * @throws {MalformedEventError}
   */
  toJson(): string {
    return eventToJson(this.schema, this.record.payload);
  }

  /**
   * The event for classes that flatc has generated: `Imu.getRootAsImu(events.flatBuffer(), imu)`. It is a
   * buffer over the whole segment, positioned at the event: nothing is copied, and it is the same object
   * until the next segment. It stays where it is until the next call; objects made by it stay valid as
   * long as they are held. flatc's classes check nothing: where events may be damaged, or written by
   * others, open the log with `verifyEvents`. Do not store into it: that ends the process.
   */
  flatBuffer(): ByteBuffer {
    const place = this.#place;
    this.record.showIn(place);
    if (this.#buffer?.bytes() !== place.buffer) {
      place.lend();
      this.#buffer = new ByteBuffer(place.buffer);
    }
    this.#buffer.setPosition(place.start);
    return this.#buffer;
  }

  /** @internal The record has moved. */
  protected show(): true {
    if (this.#isVerifying) this.#verify();
    this.event.$show(this.record);
    return true;
  }

  #verify(): void {
    const place = this.#place;
    this.record.showIn(place);
    eventVerifier(this.schema).verify(place.buffer, place.start, place.end, true);
  }
}
