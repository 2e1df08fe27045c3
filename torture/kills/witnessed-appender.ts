/** An appender whose every call is witnessed: what is intended before, what was acknowledged after. */
import type { Appender, EventAppender } from 'stratalog';
import { eventOf, type RecordKind, type WitnessedEvent } from './records.js';
import type { Witness } from './witness.js';

const FIRST_FRAME_AT = 4096;

export class WitnessedAppender {
  readonly appender: Appender;
  readonly #events: EventAppender<WitnessedEvent> | undefined;
  readonly #records: RecordKind;
  readonly #witness: Witness;
  readonly #life: number;

  /** `opened` has just been opened, for what the witness knows. */
  constructor(
    opened: Appender | EventAppender<WitnessedEvent>,
    records: RecordKind,
    witness: Witness,
  ) {
    this.#events = 'records' in opened ? opened : undefined;
    this.appender = 'records' in opened ? opened.records : opened;
    this.#records = records;
    this.#witness = witness;
    this.#life = witness.get('life');
    witness.settle(this.appender);
  }

  append(): void {
    const at = this.appender.nextOffset;
    this.#witness.intend(at + 1);
    const batch = { start: at, count: 1 };
    if (this.#events === undefined) this.appender.append(this.#make(at, 1)[0] as Uint8Array);
    else this.#events.append(eventOf(at, batch, this.#life));
    this.#witness.acknowledge(this.appender);
  }

  batch(count: number): void {
    const at = this.appender.nextOffset;
    const payloads = this.#make(at, count);
    this.#witness.intend(at + count);
    this.appender.appendBatch(payloads);
    this.#witness.acknowledge(this.appender);
  }

  /** A record that is built in place, in a reservation that is longer than it, over garbage. */
  reserve(extraBytes: number): void {
    const at = this.appender.nextOffset;
    const [record] = this.#make(at, 1) as [Uint8Array];
    this.#witness.intend(at + 1);
    const reservation = this.appender.reserve(record.length + extraBytes);
    soil(reservation.payload);
    reservation.setBytes(0, record);
    reservation.publish(record.length);
    this.#witness.acknowledge(this.appender);
  }

  abandon(lengthBytes: number): void {
    const reservation = this.appender.reserve(lengthBytes);
    soil(reservation.payload);
    reservation.abandon();
    this.#witness.acknowledge(this.appender);
  }

  /**
   * Leaves records of the open frame, as they would be, in memory that nobody has appended to: by a view
   * that is kept too long. What is appended there later must hide them.
   */
  soil(lengthBytes: number): void {
    this.commit();
    const frame = this.appender.activeSegment.usedBytes;
    this.append();
    const reservation = this.appender.reserve(lengthBytes);
    const { payload } = reservation;
    reservation.abandon();
    soil(payload, frame);
  }

  /** What cannot be appended: a record that is too large, or an event whose making throws. */
  refused(): void {
    try {
      if (this.#events === undefined) {
        this.appender.append(new Uint8Array(this.appender.maxRecordBytes + 1));
      } else this.#events.append(impossible(this.appender.nextOffset));
    } catch {
      this.#witness.acknowledge(this.appender);
      return;
    }
    throw new Error('Appended what cannot be appended');
  }

  commit(): void {
    this.appender.commit();
    this.#witness.acknowledge(this.appender);
  }

  async flush(): Promise<void> {
    await this.appender.flush();
    this.#witness.acknowledge(this.appender);
  }

  async dropBefore(offset: number): Promise<void> {
    this.#witness.set('intendedStart', Math.max(offset, this.appender.startOffset));
    const start = await this.appender.dropBefore(offset);
    this.#witness.set('start', start);
    this.#witness.set('intendedStart', start);
    this.#witness.acknowledge(this.appender);
  }

  async close(): Promise<void> {
    const { nextOffset } = this.appender;
    await this.appender.close();
    this.#witness.set('committed', nextOffset);
    this.#witness.set('flushed', nextOffset);
  }

  #make(at: number, count: number): Uint8Array[] {
    const batch = { start: at, count };
    return Array.from({ length: count }, (_, i) => this.#records.make(at + i, batch, this.#life));
  }
}

/** Every 8 bytes an empty record, present, that points back to the frame. */
function soil({ buffer, byteOffset, length }: Uint8Array, frame = FIRST_FRAME_AT): void {
  const words = new Uint32Array(buffer, byteOffset, length >> 2);
  for (let at = 0; at + 1 < words.length; at += 2) {
    words[at] = 0x80000000;
    words[at + 1] = byteOffset + at * 4 - frame;
  }
}

/** Its text is asked for after other fields have been written. */
function impossible(at: number): WitnessedEvent {
  let looks = 0;
  return {
    ...eventOf(at, { start: at, count: 1 }, 0),
    get text(): string {
      if (++looks > 1) throw new Error('An event that cannot be had');
      return 'x'.repeat(40);
    },
  };
}
