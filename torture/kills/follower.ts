/**
 * Follows logs across the deaths of their appenders, by cursors and tailers; in a thread or in a process
 * of its own. One log at a time: `Task` in, `'following'` out; `{ until }` in, what was seen out.
 */
import { crc32c } from '@node-rs/crc32';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort } from 'node:worker_threads';
import type { Cursor, OffsetOutOfRangeError, Reader, ReaderOptions, Tailer } from 'stratalog';
import * as stratalog from 'stratalog';
import { eventRecords, plainRecords, type RecordKind } from './records.js';

export interface Task {
  readonly log: string;
  readonly isTyped: boolean;
}

/** What one of them has seen. */
export interface Seen {
  readonly name: string;
  readonly end: number;
  /** CRC-32C of each record from 0 on; 0 for those that were dropped before. */
  readonly checksums: Uint32Array;
}

export type FollowerAnswer = 'following' | readonly Seen[] | { readonly error: string };

type ToFollower = Task | { readonly until: number };

/** One way to follow a log. Whatever it is shown is checked at once. */
class View {
  readonly #name: string;
  readonly #reader: Reader;
  readonly #source: Cursor | Tailer;
  readonly #kind: RecordKind;
  readonly #checksums: number[] = [];
  readonly #timeoutMs: number;
  #batchEnd: number;
  #bound = 0;
  #end: number;
  /** The same when it was last waited. */
  #endBefore: number;

  constructor(log: string, kind: RecordKind, options: ReaderOptions, timeoutMs?: number) {
    this.#kind = kind;
    this.#timeoutMs = timeoutMs ?? 0;
    this.#reader = stratalog.openReader(log, options);
    this.#source =
      timeoutMs === undefined ? this.#reader.cursor() : this.#reader.tailer({ onDropped: 'skip' });
    this.#name = `${timeoutMs === undefined ? 'cursor' : 'tailer'} ${options.bound ?? 'committed'}`;
    this.#end = this.#endBefore = this.#batchEnd = this.#source.nextOffset;
  }

  get end(): number {
    return this.#end;
  }

  /** Reads on to the end as it is. */
  poll(): void {
    try {
      while (this.#next()) this.#take();
      this.#checkPause();
    } catch (error) {
      const why = error instanceof Error ? error.stack : String(error);
      throw new Error(`${this.#name} at ${this.#end}: ${why}`, { cause: error });
    }
  }

  seen(): Seen {
    const checksums = Uint32Array.from(this.#checksums);
    return { name: this.#name, end: this.#end, checksums };
  }

  close(): void {
    this.#reader.close();
  }

  #next(): boolean {
    const source = this.#source;
    if ('writer' in source) return source.next({ timeoutMs: this.#timeoutMs });
    for (;;) {
      try {
        return source.next();
      } catch (error) {
        // Again, if it is dropped before it is read.
        if (!isDropped(error) || error.startOffset <= source.nextOffset) throw error;
        source.seek(error.startOffset);
      }
    }
  }

  #take(): void {
    const { offset } = this.#record();
    // What has been dropped meanwhile may be missing, and nothing else.
    if (offset !== this.#end && offset > this.#reader.startOffset) {
      throw new Error(`Offset ${offset} came instead of ${this.#end}`);
    }
    if (offset < this.#end) throw new Error(`Offset ${offset} came again`);
    while (this.#checksums.length < offset) this.#checksums.push(0);
    const payload = this.#record().copyPayload();
    this.#batchEnd = Math.max(this.#batchEnd, this.#kind.check(offset, payload));
    this.#checksums.push(crc32c(payload));
    this.#end = offset + 1;
  }

  #record(): stratalog.RecordView {
    const source = this.#source;
    return 'writer' in source ? source.record : source;
  }

  /** There is nothing more to be seen: no batch was shown in part, and nothing has been taken back. */
  #checkPause(): void {
    if (this.#batchEnd > this.#end) {
      throw new Error(`The records end within a batch that goes on to ${this.#batchEnd}`);
    }
    const bound = this.#reader.boundOffset;
    if (bound < this.#bound) {
      throw new Error(`The bound went back to ${bound}; it was ${this.#bound}`);
    }
    // Of a frame the position is stored first, then the count: of the newest one only, the records may be
    // seen and not be counted, for as long as nobody goes on, if its appender was killed in between.
    const counted = this.#end > this.#endBefore ? this.#endBefore : 0;
    if (bound < counted) throw new Error(`The bound is ${bound}, and ${counted} were seen before`);
    this.#bound = bound;
    this.#endBefore = this.#end;
  }
}

function isDropped(error: unknown): error is OffsetOutOfRangeError {
  return error instanceof stratalog.OffsetOutOfRangeError;
}

function viewsOf({ log, isTyped }: Task): View[] {
  const kind = isTyped ? eventRecords(stratalog) : plainRecords;
  return [
    new View(log, kind, {}),
    new View(log, kind, { bound: 'flushed' }),
    new View(log, kind, {}, 3),
    new View(log, kind, { bound: 'flushed', verify: 'always' }, 0),
  ];
}

let until = Infinity;

async function follow(task: Task): Promise<readonly Seen[]> {
  until = Infinity;
  const views = viewsOf(task);
  try {
    say('following');
    while (views.some(({ end }) => end < until)) {
      for (const view of views) view.poll();
      await sleep(1);
    }
    return views.map((view) => view.seen());
  } finally {
    for (const view of views) view.close();
  }
}

function say(answer: FollowerAnswer): void {
  if (isMainThread) process.send?.(answer);
  else parentPort?.postMessage(answer);
}

async function handle(message: ToFollower): Promise<void> {
  if ('until' in message) {
    until = message.until;
    return;
  }
  try {
    say(await follow(message));
  } catch (error) {
    say({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

const port = isMainThread ? process : parentPort;
port?.on('message', (message: ToFollower) => void handle(message));
if (isMainThread) process.on('disconnect', () => process.exit(0));
