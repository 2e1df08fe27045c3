/** One connection: what comes is cut into messages, and read no faster than it may be taken. */
import type { Socket } from 'node:net';
import { InputError } from '../../errors.js';
import type { RecordSplitter, TakeRecord } from '../framing.js';
import type { TakeMessage } from '../messages.js';
import type { Intake } from '../source.js';
import { MessageOrigin } from './message-origin.js';
import type { Sender } from './senders.js';

/**
 * Between two looks whether it may go on, a connection gives so much; what one chunk holds may be many
 * more events than there is room for.
 */
const SLICE_BYTES = 8 * 1024;
/** A connection gives so much in a turn of the event loop; then it is the others' turn. */
const TURN_BYTES = 64 * 1024;
/** The longest time between two looks at a limit. */
const MAX_DELAY_MS = 60_000;
const NOTHING = Buffer.alloc(0);

/** What connections have in common. */
export interface ConnectionHost {
  readonly intake: Intake;
  readonly take: TakeMessage;
  readonly idleTimeoutMs: number | undefined;
  readonly counters: ConnectionCounters;
  splitter(take: TakeRecord, reject: (reason: string) => void): RecordSplitter;
  /** Calls `goOn` in the next turn of the event loop. */
  nextTurn(connection: Connection): void;
  /** Calls `goOn` when the log has room again. */
  whenReady(connection: Connection): void;
  /** The connection is no more. */
  forget(connection: Connection): void;
  fail(error: unknown): void;
}

export interface ConnectionCounters {
  messages: number;
  bytes: number;
  /** Connections that were ended for what they sent, or did not send. */
  broken: number;
  /** Connections that had begun a message when the capture ended. */
  unfinished: number;
  /** How often a connection had to wait for its sender's limit. */
  limitWaits: number;
  /** Pieces taken: it moves whenever something has come. */
  progress: number;
}

export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #sender: Sender;
  readonly #splitter: RecordSplitter;
  readonly #origin = new MessageOrigin();
  /** What has been read and must wait; the socket is paused then. */
  #rest: Buffer | undefined;
  #givenInTurn = 0;
  #messages = 0;
  #limitTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  /** The other side has said that it is done. */
  #isWhole = false;
  /** Nothing more is read from the socket. */
  #isGone = false;
  #isOver = false;

  constructor(socket: Socket, sender: Sender, host: ConnectionHost) {
    this.#socket = socket;
    this.#sender = sender;
    this.#host = host;
    this.#splitter = host.splitter(
      (message) => this.#takeMessage(message),
      (reason) => this.#reject(reason),
    );
    const { idleTimeoutMs } = host;
    if (idleTimeoutMs !== undefined) {
      this.#idleTimer = setTimeout(() => this.#endIdle(idleTimeoutMs), idleTimeoutMs);
    }
    socket.on('data', (chunk: Buffer) => this.#takeBytes(chunk));
    socket.on('end', () => this.#onEnd());
    // 'close' follows.
    socket.on('error', () => {});
    socket.on('close', () => this.#onClose());
    socket.resume();
  }

  /** It may go on. */
  goOn(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#isOver) return;
    this.#rest = undefined;
    this.#takeBytes(rest);
    if (this.#rest !== undefined || this.#isOver) return;
    if (this.#isWhole || this.#isGone) this.#finish();
    else this.#socket.resume();
  }

  /** Ends it with the capture: what has been read is taken, be there room for it or not. */
  cut(): void {
    if (this.#isOver) return;
    const rest = this.#unreadRest();
    if (rest.length > 0) this.#push(rest);
    if (this.#isOver) return;
    if (this.#isWhole || this.#isGone) return this.#finish();
    if (this.#splitter.pendingBytes > 0) this.#host.counters.unfinished++;
    return this.#end();
  }

  #takeBytes(bytes: Buffer): void {
    this.#host.counters.progress++;
    for (let at = 0; at < bytes.length && !this.#isOver; at += SLICE_BYTES) {
      if (this.#mustWait()) {
        this.#rest = bytes.subarray(at);
        this.#socket.pause();
        return;
      }
      this.#push(bytes.subarray(at, at + SLICE_BYTES));
    }
  }

  /** Whether somebody will say `goOn`. */
  #mustWait(): boolean {
    if (this.#givenInTurn >= TURN_BYTES) {
      this.#givenInTurn = 0;
      this.#host.nextTurn(this);
      return true;
    }
    if (this.#host.intake.isFull) {
      this.#host.whenReady(this);
      return true;
    }
    const delayMs = this.#sender.allowance?.delayMs(performance.now()) ?? 0;
    if (delayMs <= 0) return false;
    this.#host.counters.limitWaits++;
    this.#limitTimer = setTimeout(() => this.goOn(), Math.min(Math.ceil(delayMs), MAX_DELAY_MS));
    return true;
  }

  #push(slice: Buffer): void {
    const before = this.#messages;
    this.#givenInTurn += slice.length;
    try {
      this.#splitter.push(slice);
    } catch (error) {
      this.#stumble(error);
    }
    const messages = this.#messages - before;
    this.#sender.allowance?.charge(messages, slice.length);
    if (messages > 0) this.#idleTimer?.refresh();
  }

  #takeMessage(message: Uint8Array): void {
    const { counters, intake, take } = this.#host;
    if (intake.isClosed) return;
    const { length } = message;
    this.#messages++;
    counters.messages++;
    counters.bytes += length;
    this.#sender.events++;
    this.#sender.bytes += length;
    this.#origin.moveTo(this.#messages, message, this.#sender);
    if (length === 0) intake.reject('An empty message', this.#origin);
    else take(message, this.#origin);
  }

  #reject(reason: string): void {
    this.#origin.moveTo(this.#messages + 1, NOTHING, this.#sender);
    try {
      this.#host.intake.reject(reason, this.#origin);
    } catch (error) {
      this.#host.fail(error);
    }
  }

  /** What is no frame ends this connection; when the log takes no more, it is not for the sender. */
  #stumble(error: unknown): void {
    if (error instanceof InputError) this.#break(error.message);
    else {
      this.#end();
      this.#host.fail(error);
    }
  }

  #break(reason: string): void {
    this.#host.counters.broken++;
    this.#reject(reason);
    this.#end();
  }

  #endIdle(idleTimeoutMs: number): void {
    // It is us who do not read.
    if (this.#rest !== undefined) this.#idleTimer?.refresh();
    else this.#break(`No whole message has come for ${idleTimeoutMs} ms`);
  }

  /** It stays open until what it has sent is taken: what waits is bounded by the number of connections. */
  #onEnd(): void {
    this.#isWhole = true;
    if (this.#rest === undefined && !this.#isOver) this.#finish();
  }

  /** The stream may have read on a little after it was told to pause, and gives that to nobody now. */
  #onClose(): void {
    if (this.#isOver) return;
    this.#isGone = true;
    const isWaiting = this.#rest !== undefined;
    const rest = this.#unreadRest();
    if (isWaiting) this.#rest = rest;
    else {
      if (rest.length > 0) this.#push(rest);
      if (!this.#isOver) this.#finish();
    }
  }

  #unreadRest(): Buffer {
    const parts = [this.#rest ?? NOTHING];
    this.#socket.removeAllListeners('data');
    for (;;) {
      const chunk = this.#socket.read() as Buffer | null;
      if (chunk === null) break;
      parts.push(chunk);
    }
    this.#rest = undefined;
    return Buffer.concat(parts);
  }

  /** Everything that came has been taken: is it whole? */
  #finish(): void {
    const { pendingBytes } = this.#splitter;
    if (this.#isWhole) {
      try {
        this.#splitter.end();
      } catch (error) {
        return this.#stumble(error);
      }
    } else if (pendingBytes > 0) {
      return this.#break(`The connection broke off ${pendingBytes} bytes into a message`);
    }
    return this.#end();
  }

  #end(): void {
    this.#isOver = true;
    clearTimeout(this.#limitTimer);
    clearTimeout(this.#idleTimer);
    this.#socket.destroy();
    this.#host.forget(this);
  }
}
