/**
 * The load: an appender that mixes everything that can be appended, rolls every second or so, drops what
 * is old, and is closed and opened again now and then; and in the same thread readers, views that are held
 * for a while, a monitor, tailers and scans that come and go, closed or left to the garbage collector.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Piscina } from 'piscina';
import {
  openEventAppender,
  openMonitor,
  openReader,
  scan,
  type EventAppender,
  type Monitor,
  type Reader,
} from 'stratalog';
import type { Round } from '../campaign.js';
import { compiled } from '../places.js';
import {
  EVENT,
  checkRecord,
  monotonicMs,
  provenBytes,
  provenEvent,
  provenFlatBuffer,
  provenRecord,
  type Proof,
} from '../proven-record.js';
import { below } from '../random.js';
import { LatencyMeter } from './latency.js';

export const SEGMENT_BYTES = 8 * 1024 * 1024;
/** Older segments are dropped, as soon as all followers are behind them. */
export const KEPT_SEGMENTS = 10;
const RECORDS_PER_SECOND = 12_000;
const TURN_MS = 3;
/** What was missed while the machine was busy with others is not made up for. */
const MAX_TURN_RECORDS = 200;
const STAMP_EVERY_MS = 25;
const MAX_HELD = 64;
const SCAN_MODULE = compiled('endurance/scan-function.js');

type Count = Round['count'];

interface HeldView {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly until: number;
}

/** What is done between appends, and how often a second. */
type Verb = readonly [perSecond: number, run: () => Promise<void> | void];

export class Load {
  readonly #log: string;
  readonly #pool = new Piscina({ minThreads: 1, maxThreads: 1 });
  readonly #append = new LatencyMeter();
  readonly #timer = new LatencyMeter();
  readonly #proof: Proof = { batchEnd: 0, stamp: 0 };
  readonly #verbs: readonly Verb[];
  #count: Count = () => {};
  #random: () => number = Math.random;
  #appender: EventAppender;
  #reader: Reader;
  #monitor: Monitor;
  /** Bases of the segments that are there. */
  #bases: number[] = [];
  #held: HeldView[] = [];
  #stampedAt = 0;
  /** Records below have been counted. */
  #counted = 0;

  constructor(log: string) {
    this.#log = log;
    this.#appender = this.#openAppender();
    this.#reader = openReader(log);
    this.#monitor = openMonitor(log);
    this.#verbs = [
      [4, () => this.#glance()],
      [20, () => this.#get()],
      [5, () => this.#flush()],
      [1, () => this.#appender.records.prepare()],
      [2, () => this.#dropOld()],
      [1, () => this.#tail()],
      [0.5, () => this.#reopenReader()],
      [0.1, () => this.#scan()],
      [0.12, () => this.#reopenAppender()],
    ];
  }

  get nextOffset(): number {
    return this.#appender.nextOffset;
  }

  /** Latency of appends since it was last asked for. */
  get appendLatency(): LatencyMeter {
    return this.#append;
  }

  /** How late timers were: it has nothing to do with the log, but says how busy the machine was. */
  get timerLatency(): LatencyMeter {
    return this.#timer;
  }

  async run(seconds: number, random: () => number, count: Count): Promise<void> {
    this.#random = random;
    this.#count = count;
    const end = performance.now() + seconds * 1000;
    let at = performance.now();
    while (at < end) {
      const before = at;
      const sleptAt = performance.now();
      await sleep(TURN_MS);
      at = performance.now();
      this.#timer.add(at - sleptAt - TURN_MS);
      const turn = (at - before) / 1000;
      this.#appendSome(Math.min(MAX_TURN_RECORDS, Math.round(turn * RECORDS_PER_SECOND)));
      for (const [perSecond, run] of this.#verbs)
        if (this.#random() < perSecond * turn) await run();
    }
  }

  /** Until nothing is under way, nothing held, and nothing kept of what has been dropped. */
  async settle(): Promise<void> {
    await this.#appender.flush();
    this.#letGo(Infinity);
    void this.#reader.startOffset;
    this.#monitor.sample();
    await this.#scan(true);
    await this.#pool.run({}, { filename: SCAN_MODULE, name: 'collect' });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
    this.#monitor.close();
    this.#reader.close();
    await this.#appender.close();
  }

  // --- Appending ---

  #openAppender(): EventAppender {
    return openEventAppender(this.#log, {
      schema: EVENT,
      segmentSizeBytes: SEGMENT_BYTES,
      commit: { bytes: 32 * 1024, delayMs: 5 },
      flush: { everyMs: 100 },
    });
  }

  #appendSome(records: number): void {
    for (let i = 0; i < records; i++) {
      const startedAt = performance.now();
      this.#appendOne();
      this.#append.add(performance.now() - startedAt);
    }
    const now = performance.now();
    if (now - this.#stampedAt >= STAMP_EVERY_MS) {
      this.#stampedAt = now;
      const appender = this.#appender;
      const stamp = monotonicMs();
      if (this.#random() < 0.5) appender.append(provenEvent(appender.nextOffset, stamp));
      else appender.records.append(provenRecord(appender.nextOffset, undefined, 1, stamp));
      appender.commit();
    }
    this.#count('records', this.#appender.nextOffset - this.#counted);
    this.#counted = this.#appender.nextOffset;
    const { base } = this.#appender.records.activeSegment;
    if (base === this.#bases.at(-1)) return;
    this.#bases.push(base);
    this.#count('rolls');
  }

  #appendOne(): void {
    const { records } = this.#appender;
    const at = records.nextOffset;
    const choice = this.#random();
    if (choice < 0.55) records.append(provenRecord(at));
    else if (choice < 0.8) this.#appender.append(provenEvent(at));
    else if (choice < 0.85) this.#appender.appendFlatBuffer(provenFlatBuffer(at));
    else if (choice < 0.96) this.#reserve(at);
    else if (choice < 0.97) records.reserve(below(this.#random, 5000)).abandon();
    else this.#appendBatch(at);
  }

  #reserve(at: number): void {
    const bytes = provenBytes(at);
    const reservation = this.#appender.records.reserve(bytes + below(this.#random, 100));
    if (this.#random() < 0.1) reservation.payload.fill(0xff);
    reservation.setBytes(0, provenRecord(at));
    reservation.publish(bytes);
  }

  #appendBatch(at: number): void {
    const count = 2 + below(this.#random, 8);
    const batch = Array.from({ length: count }, (_, i) => provenRecord(at + i, at, count));
    this.#appender.records.appendBatch(batch);
  }

  async #flush(): Promise<void> {
    const { nextOffset } = this.#appender;
    const { flushedOffset } = await this.#appender.flush();
    if (flushedOffset < nextOffset) {
      throw new Error(`Flushed up to ${flushedOffset}, and asked for ${nextOffset}`);
    }
    this.#count('flushes');
  }

  /** What followers have not seen yet stays. */
  async #dropOld(): Promise<void> {
    const { tailers } = this.#monitor.sample();
    const named = tailers.filter(({ name }) => name === 'thread' || name === 'process');
    if (named.length < 2) return;
    const seen = Math.min(...named.map(({ nextOffset }) => nextOffset));
    const old = this.#bases.at(-KEPT_SEGMENTS) ?? 0;
    const start = await this.#appender.records.dropBefore(Math.min(seen, old));
    const kept = this.#bases.filter((base) => base >= start);
    this.#count('drops', this.#bases.length - kept.length);
    this.#bases = kept;
  }

  async #reopenAppender(): Promise<void> {
    await this.#appender.close();
    this.#appender = this.#openAppender();
    const { outcome } = this.#appender.records.recovery;
    if (outcome !== 'clean') throw new Error(`A log that was closed is found to be ${outcome}`);
    this.#count('reopenings');
  }

  // --- Reading ---

  /** Opens the log, looks at some records, and keeps some. */
  #glance(): void {
    const reader = openReader(this.#log, {
      verify: this.#random() < 0.2 ? 'always' : 'first-touch',
    });
    for (let i = 0; i < 20; i++) this.#look(reader);
    const cursor = reader.cursor({ from: this.#someOffset(reader) });
    for (let i = 0; i < 200 && cursor.next(); i++) {
      checkRecord(cursor.offset, cursor.payload, this.#proof);
    }
    this.#count('readers');
    // Who does not close leaves it to the garbage collector.
    if (this.#random() < 0.8) reader.close();
  }

  #get(): void {
    this.#look(this.#reader);
    this.#letGo(performance.now());
  }

  #someOffset(reader: Reader): number {
    const { startOffset, committedOffset } = reader;
    return startOffset + below(this.#random, committedOffset - startOffset);
  }

  #look(reader: Reader): void {
    if (reader.startOffset === reader.committedOffset) return;
    const offset = this.#someOffset(reader);
    const record = reader.get(offset);
    checkRecord(offset, record.payload, this.#proof);
    if (this.#held.length >= MAX_HELD || this.#random() < 0.5) return;
    const until = performance.now() + this.#random() * 15_000;
    this.#held.push({ offset, bytes: record.payload, until });
  }

  /** A view is what it was, whatever has been dropped and closed meanwhile. */
  #letGo(until: number): void {
    for (const held of this.#held.filter((view) => view.until <= until)) {
      checkRecord(held.offset, held.bytes, this.#proof);
      this.#count('views');
    }
    this.#held = this.#held.filter((view) => view.until > until);
  }

  #reopenReader(): void {
    this.#reader.close();
    this.#reader = openReader(this.#log);
    this.#monitor.close();
    this.#monitor = openMonitor(this.#log);
  }

  async #tail(): Promise<void> {
    const reader = openReader(this.#log);
    const tailer = reader.tailer({ from: this.#someOffset(reader), name: 'passer-by' });
    for (let i = 0; i < 100 && (await tailer.nextAsync({ timeoutMs: 5 })); i++) {
      checkRecord(tailer.record.offset, tailer.record.payload, this.#proof);
    }
    tailer.seek(reader.committedOffset);
    await tailer.nextAsync({ timeoutMs: 2 });
    this.#count('tailers');
    const ending = this.#random();
    if (ending < 0.5) reader.close();
    else if (ending < 0.75) tailer.close();
  }

  /** In a thread that stays, or in one that comes and goes. */
  async #scan(stays = this.#random() < 0.5): Promise<void> {
    const from = this.#bases.at(-2) ?? this.#appender.records.startOffset;
    const to = this.#appender.commit();
    const place = stays ? { pool: this.#pool } : { workers: 1 };
    const { value } = await scan<number, number>(this.#log, {
      module: SCAN_MODULE,
      name: 'countProven',
      from,
      to,
      ...place,
      reduce: (sum, part) => sum + part,
      initial: 0,
    });
    if (value !== to - from)
      throw new Error(`A scan of ${from} to ${to} has found ${value} records`);
    this.#count('scans');
  }
}
