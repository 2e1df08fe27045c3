/** The appender's end of the maintenance thread. */
import {
  MessageChannel,
  Worker,
  receiveMessageOnPort,
  type MessagePort,
} from 'node:worker_threads';
import { adoptLeftovers } from '../mapping/leftovers.js';
import type { Reply, Request, ThreadData } from './messages.js';
import { REPLIES, THREAD_ENDED, WAKE, type SharedState } from './shared-state.js';

export class MaintenanceClient {
  readonly #shared: SharedState;
  readonly #port: MessagePort;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  readonly #onReply: (reply: Reply) => void;
  #seenReplies = 0;
  /** From then on the process stays until the thread has gone, whatever replies still come. */
  #isStopping = false;

  /**
   * Starts the thread. `onReply` runs on the appender's thread, from `poll` or from its event loop.
   * `onDeath` is called, after its last replies, if the thread ends without having been stopped.
   */
  constructor(
    data: Omit<ThreadData, 'port'>,
    onReply: (reply: Reply) => void,
    onDeath: () => void,
  ) {
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadData = { ...data, port: port2 };
    this.#shared = data.shared;
    this.#onReply = onReply;
    this.#port = port1;
    this.#port.on('message', onReply);
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      workerData,
      transferList: [port2],
      name: 'stratalog-maintenance',
      // Descriptors that the thread opens for new segments belong to the appender.
      trackUnmanagedFds: false,
      // Flags of the process, such as a profiler's, are not meant for this thread.
      execArgv: [],
    });
    adoptLeftovers(this.#worker);
    this.#exited = new Promise((resolve) => {
      this.#worker.on('exit', () => {
        this.#onExit();
        if (!this.#isStopping) onDeath();
        resolve();
      });
    });
    // Whatever ends the thread, 'exit' follows, and everything goes on without it.
    this.#worker.on('error', () => {});
    this.letProcessExit();
  }

  send(request: Request): void {
    this.#port.postMessage(request);
    Atomics.add(this.#shared, WAKE, 1);
    Atomics.notify(this.#shared, WAKE);
  }

  /** Handles what has come, without the event loop. One load when nothing has. */
  poll(): void {
    const replies = Atomics.load(this.#shared, REPLIES);
    if (replies === this.#seenReplies) return;
    this.#seenReplies = replies;
    for (;;) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#onReply(received.message as Reply);
    }
  }

  /** While somebody waits for a reply, the process stays. */
  keepProcess(): void {
    this.#port.ref();
    this.#worker.ref();
  }

  letProcessExit(): void {
    if (this.#isStopping) return;
    this.#port.unref();
    this.#worker.unref();
  }

  /** Ends the thread after the job that it is at, and takes in its last replies. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.keepProcess();
    this.send({ kind: 'stop' });
    await this.#exited;
  }

  #onExit(): void {
    Atomics.store(this.#shared, THREAD_ENDED, 1);
    this.poll();
    this.#port.close();
  }
}
