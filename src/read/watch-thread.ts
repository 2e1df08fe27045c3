/**
 * The thread that sleeps for the event loop: it waits for the bells of several logs at once, and tells
 * whoever asked. One per thread that has asynchronous tailers, however many those are. It maps the
 * control pages for itself, so nobody can unmap them under its eyes.
 */
import { receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';
import { Bell, SLICE_MS, type BellKind } from '../control/bell.js';
import { ControlFile } from '../control/control-file.js';
import { ReadersFile } from '../control/readers-file.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { handOverLeftovers } from '../mapping/leftovers.js';
import {
  MAX_AWAITED,
  canWaitForAny,
  futexWait,
  futexWaitAny,
  viewMemory,
  type Awaited,
} from '../mapping/native.js';
import { LockProbe } from '../mapping/lock.js';
import { writerState, type WriterState } from './writer-state.js';

/** Given to the thread when it starts. */
export interface WatchThreadData {
  readonly port: MessagePort;
  /** A page of memory whose first word counts messages to the thread, which sleeps on it. */
  readonly commandAddress: bigint;
}

export type WatchRequest =
  | {
      readonly kind: 'open';
      readonly id: number;
      readonly directory: string;
      readonly logId: LogId;
      readonly bell: BellKind;
    }
  /** Tell when the bell no longer counts `seen`, or the writer is no longer `writer`. */
  | {
      readonly kind: 'arm';
      readonly id: number;
      readonly seen: number;
      readonly writer: WriterState;
    }
  | { readonly kind: 'close'; readonly id: number }
  | { readonly kind: 'stop' };

/** The log with this id has news. */
export type WatchReply = number;

/** Where several words cannot be slept on at once, or there are too many, all are looked at so often. */
const POLL_MS = 5;
/** The kernel is asked for writers once in this time at most, on average: rarely for each of many logs. */
const ASK_MS = 2;

class WatchedLog {
  readonly bell: Bell;
  /** What the bell is expected to count; `undefined` while nobody asks. */
  seen: number | undefined;
  readonly #lock: LockProbe;
  readonly #control: ControlFile;
  readonly #readers: ReadersFile | undefined;
  /** What the writer is expected to be. */
  writer: WriterState = 'appending';
  /** What it was when the kernel was last asked: that is not free, and bells ring often. */
  #found: WriterState = 'appending';
  #askedAt = -Infinity;

  constructor(directory: string, kind: BellKind) {
    this.#lock = new LockProbe(directory);
    this.#control = ControlFile.open(directory, 'read');
    this.#readers = ReadersFile.openIfPermitted(directory, this.#control.logId);
    this.bell = new Bell(kind, this.#control, this.#readers);
  }

  get logId(): LogId {
    return this.#control.logId;
  }

  /**
   * Whether there is something to tell. If not, the bell knows that somebody sleeps. The kernel is asked
   * for the writer every `askMs`.
   */
  hasNews(seen: number, now: number, askMs: number): boolean {
    if (!this.bell.prepareSleep(seen)) return true;
    if (this.#found !== this.writer || now - this.#askedAt >= askMs) {
      this.#askedAt = now;
      this.#found = writerState(this.#lock, this.#control);
    }
    return this.#found !== this.writer;
  }

  close(): void {
    this.#readers?.close();
    this.#lock.close();
    this.#control.close();
  }
}

class WatchThread {
  readonly #port: MessagePort;
  readonly #command: Int32Array;
  readonly #commandAddress: bigint;
  /**
   * `undefined`: cannot be opened, or there is another in its place, whose bell says nothing. So whoever
   * waits for it is told to look for himself.
   */
  readonly #logs = new Map<number, WatchedLog | undefined>();
  /** Logs that somebody waits for and that could not be opened. */
  readonly #blind = new Set<number>();
  #isStopping = false;

  constructor({ port, commandAddress }: WatchThreadData) {
    this.#port = port;
    this.#commandAddress = commandAddress;
    this.#command = new Int32Array(viewMemory(commandAddress, PAGE_BYTES));
  }

  /** However it ends, what it has mapped goes: it is the process's, and outlives the thread. */
  run(): void {
    try {
      this.#watch();
    } finally {
      for (const log of this.#logs.values()) log?.close();
      this.#port.close();
      handOverLeftovers();
    }
  }

  #watch(): void {
    for (;;) {
      const expected = Atomics.load(this.#command, 0);
      this.#receive();
      if (this.#isStopping) return;
      this.#sleep({ address: this.#commandAddress, expected });
      for (const id of this.#blind) this.#tell(id);
      this.#blind.clear();
    }
  }

  #receive(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#handle(received.message as WatchRequest);
    }
  }

  #handle(request: WatchRequest): void {
    switch (request.kind) {
      case 'open':
        this.#logs.set(request.id, openWatched(request));
        break;
      case 'arm': {
        const log = this.#logs.get(request.id);
        if (log === undefined) this.#blind.add(request.id);
        else this.#arm(request.id, log, request.seen, request.writer);
        break;
      }
      case 'close':
        this.#logs.get(request.id)?.close();
        this.#logs.delete(request.id);
        break;
      case 'stop':
        this.#isStopping = true;
        break;
    }
  }

  /** Two who expect different things cannot both be right: somebody has to look at once. */
  #arm(id: number, log: WatchedLog, seen: number, writer: WriterState): void {
    const isSame = log.seen === undefined || (log.seen === seen && log.writer === writer);
    log.seen = isSame ? seen : undefined;
    log.writer = writer;
    if (!isSame) this.#tell(id);
  }

  #tell(id: WatchReply): void {
    this.#port.postMessage(id);
  }

  /** Tells whoever has news; of the others, sleeps until one has, or a message comes. */
  #sleep(command: Awaited): void {
    const awaited = [command];
    let sliceMs = SLICE_MS;
    const now = performance.now();
    const askMs = Math.max(SLICE_MS, this.#logs.size * ASK_MS);
    for (const [id, log] of this.#logs) {
      if (log?.seen === undefined) continue;
      const { bell, seen } = log;
      if (log.hasNews(seen, now, askMs)) {
        log.seen = undefined;
        this.#tell(id);
        continue;
      }
      awaited.push({ address: bell.address, expected: seen });
      sliceMs = Math.min(sliceMs, bell.sliceMs);
    }
    if (!canWaitForAny() && awaited.length > 1) {
      const { address, expected } = awaited[1] as Awaited;
      return futexWait(address, expected, POLL_MS);
    }
    if (awaited.length > MAX_AWAITED) sliceMs = POLL_MS;
    return awaited.length === 1
      ? futexWait(command.address, command.expected, sliceMs)
      : futexWaitAny(awaited, sliceMs);
  }
}

function openWatched({
  directory,
  logId,
  bell,
}: Extract<WatchRequest, { kind: 'open' }>): WatchedLog | undefined {
  try {
    const log = new WatchedLog(directory, bell);
    if (log.logId === logId) return log;
    log.close();
  } catch {
    // As if there were none.
  }
  return undefined;
}

new WatchThread(workerData as WatchThreadData).run();
