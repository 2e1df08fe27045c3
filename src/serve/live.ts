/** What is being appended, for all who look: one tailer for each choice of fields, a few frames a second. */
import { setTimeout as sleep } from 'node:timers/promises';
import { BATCH_ROWS } from '../query/batch-reader.js';
import type { Cursor } from '../read/cursor.js';
import type { Tailer } from '../read/tailer.js';
import { EventRows } from './event-rows.js';
import { addRows, noExtremes, withoutEmpty, type Extremes } from './extremes.js';
import { encodeFrame } from './frames.js';
import { MAX_LINES, type Lines } from './lines.js';
import { isLogLost, type Drawn, type ServedLog } from './served-log.js';

/** Frames come at most so often. */
const FRAME_MS = 50;
/** Points of a frame, whatever the number of events. */
const FRAME_BUCKETS = 32;
/** More events than that since the last frame are skipped: whoever wants them asks for history. */
const MAX_FRAME_EVENTS = 400_000;
const FAILED_PAUSE_MS = 1000;
const IDLE_MS = 1000;

/** Takes frames of a feed as base64 text, and news of it. */
export interface LiveClient {
  send(event: 'hello' | 'frame' | 'reset', data: string): void;
}

/** The feeds that somebody listens to. */
export class LiveFeeds {
  readonly #log: ServedLog;
  readonly #feeds = new Map<string, LiveFeed>();
  readonly #most: number;

  constructor(log: ServedLog, most: number) {
    this.#log = log;
    this.#most = most;
  }

  /** Returns what ends it; `undefined`: there are too many feeds. */
  listen(drawn: Drawn, client: LiveClient): (() => void) | undefined {
    const key = JSON.stringify([drawn.x, drawn.ys, drawn.by]);
    let feed = this.#feeds.get(key);
    if (feed === undefined) {
      if (this.#feeds.size >= this.#most) return undefined;
      feed = new LiveFeed(this.#log, drawn);
      this.#feeds.set(key, feed);
    }
    const of = feed;
    of.add(client);
    return () => {
      if (!of.remove(client)) return;
      this.#feeds.delete(key);
      void of.close();
    };
  }

  get count(): number {
    return this.#feeds.size;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#feeds.values()].map((feed) => feed.close()));
    this.#feeds.clear();
  }
}

class LiveFeed {
  readonly #log: ServedLog;
  readonly #drawn: Drawn;
  readonly #clients = new Set<LiveClient>();
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;
  #lines: Lines | undefined;
  /** Frames have been told of up to here; `undefined` as long as there is no event. */
  #toldTo: number | undefined;

  constructor(log: ServedLog, drawn: Drawn) {
    this.#log = log;
    this.#drawn = drawn;
    this.#running = this.#run();
  }

  add(client: LiveClient): void {
    this.#clients.add(client);
    if (this.#toldTo !== undefined) client.send('hello', this.#hello(this.#toldTo));
  }

  /** Whether it was the last. */
  remove(client: LiveClient): boolean {
    return this.#clients.delete(client) && this.#clients.size === 0;
  }

  close(): Promise<void> {
    this.#ending.abort();
    return this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        // What the clients have may not be part of the log any more.
        if (isLogLost(error)) this.#tell('reset', '{}');
        await sleep(FAILED_PAUSE_MS, undefined, { signal }).catch(() => {});
      }
    }
  }

  async #follow(): Promise<void> {
    const { reader } = this.#log;
    const { signal } = this.#ending;
    const tailer = reader.tailer({
      from: 'end',
      onDropped: 'skip',
      name: 'stratalog serve',
      signal,
    });
    const cursor = this.#log.cursor(tailer.nextOffset);
    let rows: EventRows | undefined;
    try {
      for (;;) {
        this.#greet(tailer.nextOffset);
        if (!(await tailer.nextAsync({ timeoutMs: IDLE_MS }))) continue;
        const begun = performance.now();
        rows ??= this.#rows();
        this.#takeFrame(tailer, cursor, rows);
        await sleep(Math.max(0, FRAME_MS - (performance.now() - begun)), undefined, { signal });
      }
    } finally {
      cursor.close();
      tailer.close();
    }
  }

  /** Made when there are events: they tell what x counts from. */
  #rows(): EventRows {
    const { by } = this.#drawn;
    const { rows } = this.#log.workFor(this.#drawn);
    this.#lines = by === undefined ? undefined : this.#log.linesOf(by);
    return new EventRows(rows, this.#lines?.learn);
  }

  /** Once there are events. */
  #greet(offset: number): void {
    const { committedOffset, startOffset } = this.#log.reader;
    if (this.#toldTo !== undefined || committedOffset === startOffset) return;
    this.#toldTo = offset;
    this.#tell('hello', this.#hello(offset));
  }

  #hello(offset: number): string {
    return JSON.stringify({ offset, origin: String(this.#log.originOf(this.#drawn.x)) });
  }

  /** From the record that the tailer stands on to the last that there is. */
  #takeFrame(tailer: Tailer, cursor: Cursor, rows: EventRows): void {
    const end = this.#log.reader.committedOffset;
    const from = Math.max(tailer.nextOffset - 1, end - MAX_FRAME_EVENTS);
    const extremes = this.#gather(cursor, rows, from, end);
    tailer.seek(Math.max(cursor.nextOffset, tailer.nextOffset));
    const frame = encodeFrame(withoutEmpty(extremes), this.#linesPerValue, {
      offsets: { from, to: tailer.nextOffset },
      lineNames: this.#lines?.names,
    });
    this.#toldTo = tailer.nextOffset;
    this.#tell('frame', frame.toString('base64'));
  }

  get #linesPerValue(): number {
    return this.#drawn.by === undefined ? 1 : MAX_LINES;
  }

  #gather(cursor: Cursor, rows: EventRows, from: number, end: number): Extremes {
    const extremes = noExtremes(FRAME_BUCKETS, this.#drawn.ys.length * this.#linesPerValue);
    const perBucket = Math.max(1, Math.ceil((end - from) / FRAME_BUCKETS));
    const bucketOf = new Int32Array(BATCH_ROWS);
    cursor.seek(from);
    while (cursor.nextOffset < end && rows.next(cursor, end - cursor.nextOffset)) {
      for (let row = 0; row < rows.length; row++) {
        bucketOf[row] = Math.min(
          FRAME_BUCKETS - 1,
          Math.floor(((rows.offsets[row] as number) - from) / perBucket),
        );
      }
      addRows(extremes, rows, bucketOf, this.#linesPerValue);
    }
    return extremes;
  }

  #tell(event: 'hello' | 'frame' | 'reset', data: string): void {
    for (const client of this.#clients) client.send(event, data);
  }
}
