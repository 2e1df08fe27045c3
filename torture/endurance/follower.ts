/**
 * Follows the log and checks every record, in a thread (blocking in it) or a process (on its event
 * loop). Now and then it opens the log anew and goes on where it was.
 *
 * argv or workerData: `FollowerTask`. Messages in: `Ask`. Messages out: `FollowerAnswer`.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { openReader, type Reader, type Tailer } from 'stratalog';
import { checkRecord, monotonicMs, type Proof } from '../proven-record.js';
import { LatencyMeter, type Latency } from './latency.js';
import {
  collectGarbage,
  measureHeap,
  measureProcess,
  type HeapMeasures,
  type ProcessMeasures,
} from './measures.js';

export interface FollowerTask {
  readonly log: string;
  readonly name: string;
}

/** Read up to `until`, and tell how you are; or end. */
export type Ask = { readonly until: number } | 'end';

export type FollowerAnswer =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'sample';
      /** Since the last sample. */
      readonly records: number;
      readonly seen: Latency;
      readonly heap: HeapMeasures;
      readonly process: ProcessMeasures;
    }
  | { readonly kind: 'failed'; readonly error: string };

const REOPEN_EVERY_MS = 3000;
/** The event loop gets its turn after so many records. */
const TURN_RECORDS = 2000;

class Follower {
  readonly #task: FollowerTask;
  readonly #seen = new LatencyMeter();
  readonly #proof: Proof = { batchEnd: 0, stamp: 0 };
  #reader: Reader;
  #tailer: Tailer;
  #followsFlushed = false;
  #openedAt = monotonicMs();
  #expected: number;
  #records = 0;

  constructor(task: FollowerTask) {
    this.#task = task;
    this.#reader = openReader(task.log);
    this.#tailer = this.#reader.tailer({ name: task.name });
    this.#expected = this.#tailer.nextOffset;
  }

  get expected(): number {
    return this.#expected;
  }

  get tailer(): Tailer {
    return this.#tailer;
  }

  /** Checks what is there, but not more than a turn's worth. */
  read(): void {
    const tailer = this.#tailer;
    for (let i = 0; i < TURN_RECORDS; i++) {
      if (!tailer.next()) return this.#checkWhole();
      this.check();
    }
  }

  /** Checks the record that the tailer stands on. */
  check(): void {
    const { record } = this.#tailer;
    if (record.offset !== this.#expected) {
      throw new Error(`Offset ${record.offset} came instead of ${this.#expected}`);
    }
    checkRecord(this.#expected++, record.payload, this.#proof);
    this.#records++;
    const { stamp } = this.#proof;
    // What was committed before may have waited for its flush.
    if (stamp > this.#openedAt && !this.#followsFlushed) this.#seen.add(monotonicMs() - stamp);
  }

  /** There is nothing more: no batch may have been shown in part. */
  #checkWhole(): void {
    const { batchEnd } = this.#proof;
    if (batchEnd > this.#expected) {
      throw new Error(`At ${this.#expected} is the end, but a batch goes on until ${batchEnd}`);
    }
  }

  /** By another bound every other time. */
  reopenNowAndThen(): void {
    if (monotonicMs() - this.#openedAt < REOPEN_EVERY_MS) return;
    this.#openedAt = monotonicMs();
    this.#followsFlushed = !this.#followsFlushed;
    const bound = this.#followsFlushed ? 'flushed' : 'committed';
    const { position } = this.#tailer;
    this.#reader.close();
    this.#reader = openReader(this.#task.log, { bound });
    this.#tailer = this.#reader.tailer({ name: this.#task.name, from: position });
  }

  async sample(): Promise<FollowerAnswer> {
    // Lets go of what has been dropped meanwhile.
    void this.#reader.startOffset;
    await collectGarbage();
    const records = this.#records;
    this.#records = 0;
    return {
      kind: 'sample',
      records,
      seen: this.#seen.take(),
      heap: measureHeap(),
      process: measureProcess(this.#task.log),
    };
  }

  close(): void {
    this.#reader.close();
  }
}

let asked: Ask | undefined;

function say(answer: FollowerAnswer): void {
  if (isMainThread) process.send?.(answer);
  else parentPort?.postMessage(answer);
}

async function follow(task: FollowerTask): Promise<void> {
  const follower = new Follower(task);
  say({ kind: 'ready' });
  while (asked !== 'end') {
    if (isMainThread) await follower.tailer.nextAsync({ timeoutMs: 50 }).then(checkIfMoved);
    else checkIfMoved(follower.tailer.next({ timeoutMs: 50 }));
    follower.read();
    follower.reopenNowAndThen();
    await new Promise(setImmediate);
    if (typeof asked !== 'object' || follower.expected < asked.until) continue;
    asked = undefined;
    say(await follower.sample());
  }
  follower.close();
  function checkIfMoved(hasMoved: boolean): void {
    if (hasMoved) follower.check();
  }
}

const task = (isMainThread ? JSON.parse(process.argv[2] as string) : workerData) as FollowerTask;
const hear = (ask: Ask): void => void (asked = ask);
if (isMainThread) {
  process.on('message', hear);
  // Nobody is there any more who would end it.
  process.once('disconnect', () => process.exit());
} else parentPort?.on('message', hear);

try {
  await follow(task);
} catch (error) {
  say({ kind: 'failed', error: error instanceof Error ? (error.stack ?? '') : String(error) });
}
if (isMainThread) process.disconnect();
else parentPort?.close();
