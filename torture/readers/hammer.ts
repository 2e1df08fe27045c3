/** A thread or process that reads one log after the other, in every way, while others change it. */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import type * as Stratalog from 'stratalog';
import { compiled } from '../places.js';
import { below, pick, randomFrom } from '../random.js';
import type { FromReaders, ToReaders } from './messages.js';
import type { Outcome } from './outcomes.js';
import { checkProof } from './proof.js';

const library = isMainThread ? (process.argv[2] as string) : (workerData as string);
const { OffsetOutOfRangeError, openReader, scan } = (await import(
  pathToFileURL(join(library, 'dist', 'index.js')).href
)) as typeof Stratalog;

/** How long a cursor may be ahead of the bound. */
const EDGE_MS = 10_000;
const MAX_VIEWS = 200;

interface Held {
  readonly offset: number;
  readonly payload: Uint8Array;
}

class Hammer {
  readonly #log: string;
  readonly #random: () => number;
  readonly #scans: boolean;
  readonly counts: Partial<Record<Outcome, number>> = {};
  #reader: Stratalog.Reader;
  #bounds = { start: 0, flushed: 0, committed: 0 };
  #follower: Stratalog.Cursor;
  #expected: number;
  #batchEnd: number;
  #tailer: Stratalog.Tailer;
  #tailed: number;
  #asyncTailer: Stratalog.Tailer;
  #asyncTailed: number;
  readonly #views: Held[] = [];

  constructor({ log, seed, scans }: Extract<ToReaders, { kind: 'begin' }>) {
    this.#log = log;
    this.#random = randomFrom(seed);
    this.#scans = scans;
    const bound = pick(this.#random, ['committed', 'committed', 'flushed'] as const);
    const verify = pick(this.#random, ['always', 'first-touch', 'first-touch'] as const);
    this.#reader = openReader(log, { bound, verify });
    this.#follower = this.#reader.cursor();
    this.#expected = this.#batchEnd = this.#follower.nextOffset;
    const onDropped = pick(this.#random, ['skip', 'error'] as const);
    this.#tailer = this.#reader.tailer({ onDropped, name: 'hammer' });
    this.#tailed = this.#tailer.nextOffset;
    this.#asyncTailer = this.#reader.tailer({ onDropped: 'skip', from: 'end', name: 'async' });
    this.#asyncTailed = this.#asyncTailer.nextOffset;
  }

  async once(): Promise<void> {
    const chance = this.#random();
    this.#checkBounds();
    if (chance < 0.3) this.#follow(1 + below(this.#random, 400));
    else if (chance < 0.45) for (let i = 0; i < 20; i++) this.#get();
    else if (chance < 0.55) this.#goBack();
    else if (chance < 0.6) this.#readSnapshot();
    else if (chance < 0.67) this.#lookUpTime();
    else if (chance < 0.8) this.#tail();
    else if (chance < 0.9) await this.#tailAsync();
    else if (chance < 0.96) this.#checkViews();
    else if (chance < 0.99 || !this.#scans) this.#openAnother();
    else await this.#scan();
  }

  /** The log is closed, and ends at `end`. */
  finish(end: number): void {
    this.#checkBounds();
    const { committed, flushed } = this.#bounds;
    if (committed !== end || flushed !== end) {
      throw new Error(`Closed at ${end}, but committed ${committed} and flushed ${flushed}`);
    }
    this.#follow(Infinity);
    if (this.#expected !== end) {
      throw new Error(`The cursor ended at ${this.#expected} instead of ${end}`);
    }
    const fresh = openReader(this.#log, { verify: 'always' });
    let offset = fresh.startOffset;
    for (const record of fresh.cursor()) {
      if (record.offset !== offset) throw new Error(`${record.offset} instead of ${offset}`);
      checkProof(offset++, record.payload);
    }
    if (offset !== end) throw new Error(`A new reader ended at ${offset} instead of ${end}`);
    const faults = fresh.indexFaults;
    if (faults.length > 0) throw new Error(`Faults of indexes: ${JSON.stringify(faults)}`);
    fresh.close();
    this.#count('end: everything that is left was read');
    this.#checkViews();
  }

  close(): void {
    this.#reader.close();
    this.#checkViews();
  }

  #count(outcome: Outcome, times = 1): void {
    this.counts[outcome] = (this.counts[outcome] ?? 0) + times;
  }

  #checkBounds(): void {
    const reader = this.#reader;
    const { startOffset: start } = reader;
    const { flushedOffset: flushed } = reader;
    const { committedOffset: committed } = reader;
    const before = this.#bounds;
    const has = JSON.stringify({ start, flushed, committed });
    const grew =
      start >= before.start && flushed >= before.flushed && committed >= before.committed;
    if (!grew) throw new Error(`Bounds went back from ${JSON.stringify(before)} to ${has}`);
    // What is dropped was flushed, but that is looked at a moment after the start.
    if (start > flushed || flushed > committed) throw new Error(`Bounds out of order: ${has}`);
    this.#bounds = { start, flushed, committed };
    this.#count('bounds grew');
  }

  /** A record has been seen: soon it is below the bound. */
  #checkEdge(offset: number): void {
    if (offset < this.#reader.boundOffset) return;
    this.#count('edge: a record whose count comes later');
    const deadline = performance.now() + EDGE_MS;
    while (offset >= this.#reader.boundOffset) {
      if (performance.now() < deadline) continue;
      throw new Error(`Record ${offset} was seen above the bound ${this.#reader.boundOffset}`);
    }
  }

  #keep(offset: number, payload: Uint8Array): void {
    if (this.#random() > 0.02) return;
    const view = { offset, payload };
    if (this.#views.length < MAX_VIEWS) this.#views.push(view);
    else this.#views[below(this.#random, MAX_VIEWS)] = view;
  }

  #checkViews(): void {
    const { start } = this.#bounds;
    for (const { offset, payload } of this.#views) {
      checkProof(offset, payload);
      this.#count(offset < start ? 'view: intact after its segment was dropped' : 'view: intact');
    }
  }

  #openAnother(): void {
    const reader = openReader(this.#log);
    const { startOffset } = reader;
    if (reader.committedOffset < startOffset) throw new Error('A new reader ends below its start');
    this.#count('opened while it was appended to or closed');
    reader.close();
  }

  // --- Random access ---

  #get(): void {
    const reader = this.#reader;
    const bound = reader.boundOffset;
    const { start } = this.#bounds;
    const offset = Math.max(0, start - 60 + below(this.#random, bound - start + 120));
    let record: Stratalog.RecordView;
    try {
      record = reader.get(offset);
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      if (offset < reader.startOffset) this.#count('get: dropped');
      else if (offset >= bound) this.#count('get: not there yet');
      else throw new Error(`${offset} was below ${bound}, and is refused`, { cause: error });
      return;
    }
    const { payload } = record;
    if (record.offset !== offset) throw new Error(`get(${offset}) shows ${record.offset}`);
    checkProof(offset, payload);
    this.#keep(offset, payload);
    if (offset < start) this.#count('get: below the start but held');
    else this.#count('get: the record');
    if (offset >= reader.boundOffset) throw new Error(`get(${offset}) is above the bound`);
  }

  // --- Cursors ---

  #follow(steps: number): void {
    const cursor = this.#follower;
    for (let i = 0; i < steps; i++) {
      try {
        if (!cursor.next()) break;
      } catch (error) {
        this.#expected = this.#batchEnd = this.#checkDropped(error, this.#expected);
        this.#count('forwards: dropped');
        cursor.seek(this.#expected);
        continue;
      }
      this.#batchEnd = this.#proveRecord(cursor, this.#expected++);
      if (this.#expected <= this.#bounds.start) this.#count('forwards: from memory that is held');
      else this.#count('forwards: the next record');
      if (i === steps - 1) return this.#checkEdge(this.#expected - 1);
    }
    if (this.#batchEnd !== this.#expected) {
      throw new Error(`No more at ${this.#expected}, but the batch ends at ${this.#batchEnd}`);
    }
    this.#count('forwards: no more yet');
  }

  /** The start at which to go on; throws whatever else it is. */
  #checkDropped(error: unknown, offset: number): number {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
    const { startOffset } = error;
    if (startOffset > offset && this.#reader.startOffset >= startOffset) return startOffset;
    throw new Error(`At ${offset}, which is not dropped (start ${startOffset})`, { cause: error });
  }

  #proveRecord(record: Stratalog.RecordView, expected: number): number {
    const { payload } = record;
    if (record.offset !== expected) {
      throw new Error(`Offset ${record.offset} came instead of ${expected}`);
    }
    this.#keep(expected, payload);
    return checkProof(expected, payload);
  }

  #goBack(): void {
    const cursor = this.#reader.cursor({ from: 'end' });
    let expected = cursor.nextOffset - 1;
    try {
      // From the newest record, which may be ahead of the count.
      if (this.#random() < 0.5) while (cursor.next()) expected = cursor.offset - 1;
    } catch (error) {
      this.#checkDropped(error, expected + 1);
      this.#count('forwards: dropped');
      cursor.close();
      return;
    }
    for (let left = below(this.#random, 1000); left > 0; left--) {
      try {
        if (!cursor.previous()) {
          if (expected >= this.#reader.startOffset) throw new Error(`No record ${expected}`);
          this.#count('backwards: the start');
          break;
        }
      } catch (error) {
        this.#checkDropped(error, expected);
        this.#count('backwards: dropped');
        break;
      }
      this.#proveRecord(cursor, expected--);
      this.#count('backwards: the record before');
    }
    cursor.close();
  }

  #readSnapshot(): void {
    const reader = this.#reader;
    const bound = reader.boundOffset;
    const from = Math.max(reader.startOffset, bound - below(this.#random, 2000));
    let expected = from;
    try {
      const cursor = reader.cursor({ from, snapshot: true });
      while (cursor.next()) this.#proveRecord(cursor, expected++);
      cursor.close();
    } catch (error) {
      this.#checkDropped(error, expected);
      this.#count('snapshot: dropped');
      return;
    }
    if (expected < bound) throw new Error(`A snapshot of ${bound} ended at ${expected}`);
    this.#count('snapshot: ended at its bound');
  }

  #lookUpTime(): void {
    const reader = this.#reader;
    const { start } = this.#bounds;
    const offset = start + below(this.#random, Math.max(1, reader.boundOffset - start));
    const cursor = reader.cursor({ from: 'end' });
    let timeMs: number;
    try {
      if (!cursor.moveTo(offset)) return;
      timeMs = cursor.timeMs;
    } catch (error) {
      this.#checkDropped(error, offset);
      return;
    } finally {
      cursor.close();
    }
    const found = reader.offsetAtTime(timeMs);
    if (found <= offset) this.#count('time: at or before the record');
    else if (found <= reader.startOffset) this.#count('time: the start since the rest is dropped');
    else throw new Error(`Record ${offset} is of ${timeMs}, but that begins with ${found}`);
  }

  // --- Tailers ---

  #tail(): void {
    const tailer = this.#tailer;
    const timeoutMs = below(this.#random, 20);
    for (let left = below(this.#random, 500); left >= 0; left--) {
      const skipped = tailer.skipped;
      try {
        if (!tailer.next(left === 0 ? { timeoutMs } : undefined)) {
          if (left === 0) this.#count('tailer: nothing in time');
          continue;
        }
      } catch (error) {
        this.#tailed = this.#checkDropped(error, this.#tailed);
        tailer.seek(this.#tailed);
        this.#count('tailer: told that it was dropped');
        continue;
      }
      if (tailer.skipped > skipped) this.#count('tailer: skipped what was dropped');
      this.#tailed += tailer.skipped - skipped;
      this.#proveRecord(tailer.record, this.#tailed++);
      this.#count('tailer: the next record');
    }
  }

  async #tailAsync(): Promise<void> {
    const tailer = this.#asyncTailer;
    for (let left = below(this.#random, 100); left >= 0; left--) {
      const skipped = tailer.skipped;
      if (!(await tailer.nextAsync({ timeoutMs: 10 }))) {
        this.#count('async tailer: nothing in time');
        return;
      }
      if (tailer.skipped > skipped) this.#count('async tailer: skipped what was dropped');
      this.#asyncTailed += tailer.skipped - skipped;
      this.#proveRecord(tailer.record, this.#asyncTailed++);
      this.#count('async tailer: the next record');
    }
  }

  // --- Scans ---

  async #scan(): Promise<void> {
    const module = compiled(join('readers', 'scanned.js'));
    const options = { module, name: 'proveAll', workers: 1, pieceBytes: 100_000 };
    interface Part {
      readonly from: number;
      readonly to: number;
    }
    try {
      const found = await scan<number, Part>(this.#log, {
        ...options,
        initial: -1,
        reduce: (at, part) => {
          if (at !== -1 && part.from !== at) throw new Error(`${part.from} instead of ${at}`);
          return part.to;
        },
      });
      if (found.to > found.from && found.value !== found.to) {
        throw new Error(`A scan up to ${found.to} ended at ${found.value}`);
      }
      this.#count('scan: everything from the start to the bound');
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const isDropped = cause instanceof Error && cause.name === 'OffsetOutOfRangeError';
      if (!isDropped) throw error;
      this.#count('scan: dropped');
    }
  }
}

const say = (message: FromReaders): void =>
  isMainThread ? void process.send?.(message) : parentPort?.postMessage(message);
let hammer: Hammer | undefined;
let failure: string | undefined;
const round = { isRunning: false };

async function run(begin: Extract<ToReaders, { kind: 'begin' }>): Promise<void> {
  failure = undefined;
  round.isRunning = true;
  try {
    hammer = new Hammer(begin);
    say({ kind: 'ready' });
    while (round.isRunning) {
      await hammer.once();
      await new Promise(setImmediate);
    }
  } catch (error) {
    failure = textOf(error);
    if (hammer === undefined) say({ kind: 'ready' });
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${textOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}

function endAt(offset: number): void {
  try {
    if (failure === undefined) hammer?.finish(offset);
    hammer?.close();
  } catch (error) {
    failure ??= textOf(error);
  }
  say({ kind: 'done', counts: hammer?.counts ?? {}, failure });
  hammer = undefined;
}

let running = Promise.resolve();

async function handle(message: ToReaders): Promise<void> {
  if (message.kind === 'begin') running = run(message);
  else if (message.kind === 'end') {
    round.isRunning = false;
    await running;
    endAt(message.end);
  } else if (isMainThread) process.disconnect();
  else parentPort?.close();
}

if (isMainThread) process.on('message', (message: ToReaders) => void handle(message));
else parentPort?.on('message', (message: ToReaders) => void handle(message));
