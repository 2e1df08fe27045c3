/**
 * Waiting for news of a log on an event loop. One thread sleeps for all the tailers of this one; it
 * starts with the first of them and ends with the last.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { BellKind } from '../control/bell.js';
import { PAGE_BYTES, type LogId } from '../format/identity.js';
import { adoptLeftovers } from '../mapping/leftovers.js';
import { futexWake, mmapAnonymous, munmap, viewMemory } from '../mapping/native.js';
import type { WriterState } from './writer-state.js';
import type { WatchReply, WatchRequest, WatchThreadData } from './watch-thread.js';

/** What is watched: there may be another log in that place by now. */
interface WatchedPlace {
  readonly directory: string;
  readonly logId: LogId;
  readonly bell: BellKind;
}

/** One log and bell, watched for all tailers of this thread that follow it. */
export class Watch {
  readonly #id: number;
  readonly #log: WatchedPlace;
  readonly #waiting = new Set<() => void>();
  #users = 0;
  /** What the thread was last asked to compare with, and has not answered. */
  #armed: { readonly seen: number; readonly writer: WriterState } | undefined;

  private constructor(log: WatchedPlace) {
    this.#id = nextId++;
    this.#log = log;
  }

  /** Each user calls `close` once. */
  static open(log: WatchedPlace): Watch {
    thread ??= new WatchClient();
    let watch = watches.get(keyOf(log));
    if (watch === undefined) {
      watch = new Watch(log);
      watches.set(keyOf(log), watch);
      watch.introduceTo(thread);
    }
    watch.#users++;
    return watch;
  }

  /** @internal */
  introduceTo(client: WatchClient): void {
    client.send({ kind: 'open', id: this.#id, ...this.#log });
  }

  /**
   * To be called before `wait`: the thread may have died, and is replaced by those who need it.
   * @throws {StorageError} no memory for that
   */
  prepareWait(): void {
    if (thread === undefined) replaceThread();
  }

  /**
   * Calls `onNews` once, when the bell no longer counts `seen`, or the writer is not what it was. It
   * may come early; whoever is called looks for himself. While somebody waits, the process stays.
   */
  wait(seen: number, writer: WriterState, onNews: () => void): void {
    this.#waiting.add(onNews);
    thread?.keepProcess();
    if (this.#armed?.seen === seen && this.#armed.writer === writer) return;
    // Those who know something else are told by this, too: one of the two is not up to date.
    this.#armed = { seen, writer };
    thread?.send({ kind: 'arm', id: this.#id, seen, writer });
  }

  /** Does not call `onNews` any more. */
  cancel(onNews: () => void): void {
    this.#waiting.delete(onNews);
    letProcessExitIfIdle();
  }

  close(): void {
    if (--this.#users > 0) return;
    watches.delete(keyOf(this.#log));
    thread?.send({ kind: 'close', id: this.#id });
    if (watches.size > 0) return;
    thread?.stop();
    thread = undefined;
  }

  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /** @internal The thread has news, or has gone. */
  static announce(id: number | 'all'): void {
    for (const watch of watches.values()) if (id === 'all' || watch.#id === id) watch.#announce();
    letProcessExitIfIdle();
  }

  #announce(): void {
    this.#armed = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const onNews of waiting) onNews();
  }
}

function keyOf({ directory, logId, bell }: WatchedPlace): string {
  return `${bell} ${logId} ${directory}`;
}

const watches = new Map<string, Watch>();
let nextId = 0;
let thread: WatchClient | undefined;

function letProcessExitIfIdle(): void {
  for (const watch of watches.values()) if (!watch.isIdle) return;
  thread?.letProcessExit();
}

class WatchClient {
  readonly #port: MessagePort;
  readonly #address: bigint;
  readonly #command: Int32Array;
  readonly #stopAtExit = (): void => this.#stop();
  #isGone = false;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#address = mmapAnonymous(PAGE_BYTES);
    this.#command = new Int32Array(viewMemory(this.#address, PAGE_BYTES));
    const workerData: WatchThreadData = { port: port2, commandAddress: this.#address };
    const worker = new Worker(new URL('./watch-thread.js', import.meta.url), {
      workerData,
      transferList: [port2],
      name: 'stratalog-watch',
      // Flags of the process, such as a profiler's, are not meant for this thread.
      execArgv: [],
    });
    adoptLeftovers(worker);
    this.#port.on('message', (id: WatchReply) => Watch.announce(id));
    // What goes wrong there ends the thread, and waiting goes on with a new one.
    worker.on('error', () => {});
    worker.on('exit', () => this.#onExit());
    worker.unref();
    this.letProcessExit();
    // Otherwise the process would wait for a slice of its sleep to end.
    process.on('exit', this.#stopAtExit);
  }

  send(request: WatchRequest): void {
    if (this.#isGone) return;
    this.#port.postMessage(request);
    Atomics.add(this.#command, 0, 1);
    futexWake(this.#address);
  }

  keepProcess(): void {
    this.#port.ref();
  }

  letProcessExit(): void {
    this.#port.unref();
  }

  stop(): void {
    this.#stop();
    this.letProcessExit();
  }

  #stop(): void {
    this.send({ kind: 'stop' });
  }

  #onExit(): void {
    this.#isGone = true;
    process.off('exit', this.#stopAtExit);
    this.#port.close();
    munmap(this.#address, PAGE_BYTES);
    if (thread === this) onThreadDeath();
  }
}

/** Of a lack of memory most likely. Everybody looks for himself, and waits with a new one. */
function onThreadDeath(): void {
  thread = undefined;
  Watch.announce('all');
}

/** @throws {StorageError} */
function replaceThread(): void {
  thread = new WatchClient();
  for (const watch of watches.values()) watch.introduceTo(thread);
}
