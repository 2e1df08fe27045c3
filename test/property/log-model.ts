/** A log as an array: what the real one is held against, operation by operation. */
import { expect } from 'vitest';
import {
  OffsetOutOfRangeError,
  openAppender,
  openReader,
  RecordTooLargeError,
  type Appender,
  type AppenderOptions,
  type Cursor,
  type Reader,
  type RecordView,
} from '../../src/index.js';
import type { RecordEncoder } from '../../src/append/record-encoder.js';
import { contentOf, rejectionOf, SMALL_MAX_RECORD_BYTES, thrownBy } from '../support/logs.js';

export type Operation =
  | { readonly kind: 'append'; readonly length: number }
  | { readonly kind: 'batch'; readonly lengths: readonly number[] }
  | { readonly kind: 'reserve'; readonly length: number; readonly used: number }
  | { readonly kind: 'abandon'; readonly length: number }
  | { readonly kind: 'encode'; readonly length: number; readonly fails: boolean }
  | { readonly kind: 'commit' | 'flush' | 'reopen' | 'newReader' | 'follow' }
  | { readonly kind: 'drop'; readonly at: number }
  | { readonly kind: 'get'; readonly at: number }
  | { readonly kind: 'walk'; readonly at: number; readonly steps: readonly boolean[] }
  | { readonly kind: 'slice'; readonly from: number; readonly to: number };

export class LogModel {
  readonly #path: string;
  readonly #options: AppenderOptions;
  #appender: Appender;
  #reader: Reader;
  #flushedReader: Reader;
  #follower: Cursor;
  #followed = 0;
  readonly #lengths: number[] = [];
  /** Offsets that lie inside a batch: no bound may ever be there. */
  readonly #inside = new Set<number>();
  #start = 0;
  #committed = 0;

  constructor(path: string, options: AppenderOptions) {
    this.#path = path;
    this.#options = options;
    this.#appender = openAppender(path, options);
    this.#reader = openReader(path);
    this.#flushedReader = openReader(path, { bound: 'flushed', verify: 'always' });
    this.#follower = this.#reader.cursor();
  }

  async run(operation: Operation): Promise<void> {
    await this.#perform(operation);
    this.#checkBounds();
  }

  async finish(): Promise<void> {
    await this.#appender.close();
    this.#committed = this.#lengths.length;
    this.#checkWhole(this.#reader);
    this.#checkWhole(this.#flushedReader);
    this.#follow();
    expect(this.#followed).toBe(this.#lengths.length);
    this.#reader.close();
    this.#flushedReader.close();
    const fresh = openReader(this.#path, { verify: 'always' });
    this.#checkWhole(fresh);
    expect(fresh.indexFaults).toEqual([]);
    fresh.close();
  }

  /** Whatever happened. */
  async release(): Promise<void> {
    await this.#appender.close();
    this.#reader.close();
    this.#flushedReader.close();
  }

  async #perform(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case 'append':
        return this.#append(operation.length);
      case 'batch':
        return this.#appendBatch(operation.lengths);
      case 'reserve':
        return this.#reserve(operation.length, Math.min(operation.used, operation.length));
      case 'abandon':
        return this.#abandon(operation.length);
      case 'encode':
        return this.#encode(operation.length, operation.fails);
      case 'commit':
        expect(this.#appender.commit()).toBe(this.#lengths.length);
        this.#committed = this.#lengths.length;
        return undefined;
      case 'flush':
        return this.#flush();
      case 'reopen':
        return this.#reopen();
      case 'newReader':
        return this.#replaceReader();
      case 'follow':
        return this.#follow();
      case 'drop':
        return this.#drop(Math.floor(operation.at * (this.#lengths.length + 1)));
      case 'get':
        return this.#get(this.#offsetAt(operation.at));
      case 'walk':
        return this.#walk(this.#offsetAt(operation.at), operation.steps);
      case 'slice':
        return this.#slice(this.#offsetAt(operation.from), this.#offsetAt(operation.to));
    }
  }

  // --- Writing ---

  #append(length: number): void {
    const offset = this.#lengths.length;
    const payload = contentOf(offset, length);
    if (length > SMALL_MAX_RECORD_BYTES) {
      expect(thrownBy(() => this.#appender.append(payload))).toBeInstanceOf(RecordTooLargeError);
      return;
    }
    expect(this.#appender.append(payload)).toBe(offset);
    this.#lengths.push(length);
  }

  #appendBatch(lengths: readonly number[]): void {
    const first = this.#lengths.length;
    const payloads = lengths.map((length, i) => contentOf(first + i, length));
    const size = lengths.reduce((sum, length) => sum + 8 + Math.ceil(length / 8) * 8, 0);
    const capacity = this.#options.indexCapacity ?? 256;
    if (size - 8 > SMALL_MAX_RECORD_BYTES || lengths.length > capacity) {
      const error = thrownBy(() => this.#appender.appendBatch(payloads));
      expect(error).toBeInstanceOf(RecordTooLargeError);
      return;
    }
    expect(this.#appender.appendBatch(payloads)).toBe(first);
    this.#lengths.push(...lengths);
    for (let i = 1; i < lengths.length; i++) this.#inside.add(first + i);
  }

  #reserve(length: number, used: number): void {
    const offset = this.#lengths.length;
    const reservation = this.#appender.reserve(length);
    // Everything is written, so that what is not published must be cleaned.
    reservation.setBytes(0, new Uint8Array(length).fill(0xff));
    reservation.setBytes(0, contentOf(offset, used));
    expect(reservation.publish(used)).toBe(offset);
    this.#lengths.push(used);
  }

  #abandon(length: number): void {
    const reservation = this.#appender.reserve(length);
    reservation.setBytes(0, new Uint8Array(length).fill(0xff));
    reservation.abandon();
  }

  #encode(length: number, fails: boolean): void {
    const offset = this.#lengths.length;
    const encoder: RecordEncoder<number> = {
      measure: () => length,
      write: (number, { bytes }, position) => {
        bytes.set(contentOf(number, length), position);
        if (fails) throw new Error('Cannot encode on');
      },
    };
    if (fails) {
      expect(() => this.#appender.appendEncoded(encoder, offset)).toThrow('Cannot encode on');
      return;
    }
    expect(this.#appender.appendEncoded(encoder, offset)).toBe(offset);
    this.#lengths.push(length);
  }

  async #flush(): Promise<void> {
    const { flushedOffset } = await this.#appender.flush();
    expect(flushedOffset).toBe(this.#lengths.length);
    expect(this.#flushedReader.flushedOffset).toBe(this.#lengths.length);
    this.#committed = this.#lengths.length;
  }

  async #reopen(): Promise<void> {
    await this.#appender.close();
    this.#appender = openAppender(this.#path, this.#options);
    expect(this.#appender.recovery.outcome).toBe('clean');
    this.#committed = this.#lengths.length;
  }

  async #drop(offset: number): Promise<void> {
    const start = await this.#appender.dropBefore(offset);
    expect(start).toBeGreaterThanOrEqual(this.#start);
    expect(start).toBeLessThanOrEqual(Math.max(offset, this.#start));
    this.#start = start;
    this.#committed = this.#lengths.length;
    this.#checkDropped(start - 1);
    expect(await rejectionOf(this.#appender.dropBefore(-1))).toBeInstanceOf(RangeError);
  }

  // --- Reading ---

  #offsetAt(share: number): number {
    const committed = this.#appender.committedOffset;
    return this.#start + Math.floor(share * (committed - this.#start));
  }

  /** A reader that stands in the segment may go on showing it; nobody else finds the record. */
  #checkDropped(offset: number): void {
    if (offset < 0) return;
    const reader = openReader(this.#path);
    const bound = this.#appender.committedOffset;
    const expected = { offset, startOffset: this.#start, bound };
    expect(thrownBy(() => reader.get(offset))).toMatchObject(expected);
    reader.close();
    try {
      this.#check(this.#reader.get(offset), offset);
    } catch (error) {
      passOutOfRange(error);
    }
  }

  #get(offset: number): void {
    const bound = this.#appender.committedOffset;
    if (offset < bound) return this.#check(this.#reader.get(offset), offset);
    const error = thrownBy(() => this.#reader.get(offset));
    expect(error).toMatchObject({ offset, bound });
    passOutOfRange(error);
  }

  #walk(from: number, steps: readonly boolean[]): void {
    const cursor = this.#reader.cursor({ from });
    const bound = this.#appender.committedOffset;
    let before = from;
    let stands = false;
    for (const forward of steps) {
      const target = forward ? (stands ? before + 1 : before) : before - 1;
      const expected = target >= this.#start && target < bound;
      expect(forward ? cursor.next() : cursor.previous()).toBe(expected);
      if (!expected) continue;
      before = target;
      stands = true;
      this.#check(cursor, target);
    }
    cursor.close();
  }

  #slice(from: number, to: number): void {
    const cursor = this.#reader.cursor({ from, to });
    const seen: number[] = [];
    for (const record of cursor) {
      this.#check(record, record.offset);
      seen.push(record.offset);
    }
    const length = Math.max(0, to - from);
    expect(seen).toEqual(Array.from({ length }, (_, i) => from + i));
    cursor.close();
  }

  #replaceReader(): void {
    this.#reader.close();
    this.#reader = openReader(this.#path, { verify: 'first-touch' });
    this.#follower = this.#reader.cursor({ from: Math.max(this.#start, this.#followed) });
    this.#followed = Math.max(this.#start, this.#followed);
  }

  /** One cursor for the log's whole life, across rolls, reopenings and drops. */
  #follow(): void {
    const bound = Math.max(this.#committed, this.#appender.committedOffset);
    for (;;) {
      try {
        if (!this.#follower.next()) break;
      } catch (error) {
        passOutOfRange(error);
        expect(this.#followed).toBeLessThan(this.#start);
        this.#follower.seek(this.#start);
        this.#followed = this.#start;
        continue;
      }
      this.#check(this.#follower, this.#followed++);
    }
    expect(this.#followed).toBe(bound);
  }

  // --- Checks ---

  #check(record: RecordView, offset: number): void {
    const length = this.#lengths[offset] as number;
    expect(record.offset).toBe(offset);
    expect(record.length).toBe(length);
    if (Buffer.compare(record.payload, contentOf(offset, length)) !== 0) {
      expect(record.copyPayload()).toEqual(contentOf(offset, length));
    }
  }

  #checkBounds(): void {
    const appender = this.#appender;
    const { committedOffset, flushedOffset } = appender;
    expect(appender.nextOffset).toBe(this.#lengths.length);
    expect(appender.startOffset).toBe(this.#start);
    expect(committedOffset).toBeGreaterThanOrEqual(this.#committed);
    expect(committedOffset).toBeLessThanOrEqual(appender.nextOffset);
    expect(flushedOffset).toBeLessThanOrEqual(committedOffset);
    expect(this.#inside).not.toContain(committedOffset);
    expect(this.#inside).not.toContain(flushedOffset);
    expect(this.#reader.committedOffset).toBe(committedOffset);
    expect(this.#flushedReader.boundOffset).toBeLessThanOrEqual(committedOffset);
    expect(this.#flushedReader.boundOffset).toBeGreaterThanOrEqual(flushedOffset);
    if (this.#options.commit === 'each') expect(committedOffset).toBe(appender.nextOffset);
    this.#committed = committedOffset;
  }

  #checkWhole(reader: Reader): void {
    const end = this.#lengths.length;
    expect(reader.startOffset).toBe(this.#start);
    expect(reader.boundOffset).toBe(end);
    const cursor = reader.cursor();
    let offset = this.#start;
    while (cursor.next()) this.#check(cursor, offset++);
    expect(offset).toBe(end);
    const backwards = reader.cursor({ from: 'end' });
    while (backwards.previous()) this.#check(backwards, --offset);
    expect(offset).toBe(this.#start);
    cursor.close();
    backwards.close();
  }
}

function passOutOfRange(error: unknown): void {
  if (!(error instanceof OffsetOutOfRangeError)) throw error;
}
