/** Events that come as datagrams, one each, from any number of senders. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { EventSchema } from '../../events/schema.js';
import { checkInteger, unknownChoice } from '../../options.js';
import { messageTaker, type MessageFormat } from '../messages.js';
import type { CaptureSource, Intake } from '../source.js';
import { drain } from './drain.js';
import { KernelDrops } from './kernel-drops.js';
import {
  ListenError,
  formatAddress,
  listeningAddress,
  resolved,
  type ListenOptions,
  type ListeningAddress,
} from './listening.js';
import { MessageOrigin } from './message-origin.js';
import { noSchema } from './no-schema.js';
import { SenderTable, type SenderOptions } from './senders.js';

export interface UdpSourceOptions extends ListenOptions, SenderOptions {
  /** How events are written in datagrams (default `'flatbuffers'`). */
  readonly format?: MessageFormat;
  /**
   * Memory that the kernel keeps for datagrams that have not been read yet (default 8 MiB). The kernel has
   * a limit for it (`net.core.rmem_max`); the report says what it has granted. A datagram of 64 bytes
   * takes 768 of it.
   */
  readonly receiveBufferBytes?: number;
}

const DEFAULT_RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024;
const MIN_RECEIVE_BUFFER_BYTES = 1024;
/** How often the kernel is asked for its drops. */
const SAMPLE_INTERVAL_MS = 1000;
/** Memory that the kernel counts for a small datagram. */
const DATAGRAM_BYTES = 768;

const SENDER_LIMIT = 'sender limit';
const RECEIVE_BUFFER = 'receive buffer';

/**
 * Listens for datagrams. Each is an event: a FlatBuffer, or JSON.
 *
 * Whatever a sender puts on the wire, the capture goes on: a datagram that is empty, too large for the log,
 * or no event, is rejected with its sender in the reason. One that is beyond its sender's limit is dropped
 * as `sender limit`; those for which the kernel had no room, as `receive buffer` (on Linux, which tells).
 * So what was sent to the socket is what is in the log, rejected, or dropped.
 *
 * When the capture ends, what is in the receive buffer is still read, until it is empty or half a second is
 * over. What a sender sends after that, nobody receives. A source is for one capture.
 *
 * `capture` with it throws, before anything of the log is made or changed:
 * @throws {ListenError} as a rejection: the port is in use, or the address not this machine's
 * @throws {SchemaError} as a rejection: neither the options of `capture` nor the log have a schema
 * @throws {RangeError}
 * @throws {TypeError}
 */
export function udpSource<Event = unknown>(options: UdpSourceOptions = {}): CaptureSource<Event> {
  return new UdpSource(options);
}

class UdpSource<Event> implements CaptureSource<Event> {
  readonly drains = true;
  readonly #options: UdpSourceOptions;
  readonly #format: MessageFormat;
  readonly #receiveBufferBytes: number;
  readonly #senders: SenderTable;
  readonly #origin = new MessageOrigin();
  /** What has come between listening and taking; within the bytes of the receive buffer. */
  #early: [Buffer, RemoteInfo][] = [];
  #earlyBytes = 0;
  #earlyDrops = 0;
  #address: ListeningAddress;
  #socket: Socket | undefined;
  #kernel: KernelDrops | undefined;
  #grantedBytes = 0;
  #datagrams = 0;
  #bytes = 0;
  #limitDrops = 0;
  #kernelDrops = 0;

  constructor(options: UdpSourceOptions) {
    const { format = 'flatbuffers', receiveBufferBytes = DEFAULT_RECEIVE_BUFFER_BYTES } = options;
    checkInteger('receiveBufferBytes', receiveBufferBytes, MIN_RECEIVE_BUFFER_BYTES, 2 ** 30);
    if (format !== 'flatbuffers' && format !== 'json') throw unknownChoice('format', format);
    this.#options = options;
    this.#format = format;
    this.#receiveBufferBytes = receiveBufferBytes;
    this.#senders = new SenderTable(options);
    this.#address = listeningAddress(options);
  }

  get name(): string {
    return `udp ${formatAddress(this.#address.host, this.#address.port)}`;
  }

  async open(own: EventSchema | undefined): Promise<EventSchema<Event>> {
    if (own === undefined) throw noSchema();
    try {
      await this.#listen();
    } catch (error) {
      throw new ListenError('udp', this.#address, error);
    }
    this.#options.onListening?.(this.#address);
    return own as EventSchema<Event>;
  }

  async run(intake: Intake<Event>): Promise<void> {
    const socket = this.#socket as Socket;
    const sampling = setInterval(() => this.#sample(intake), SAMPLE_INTERVAL_MS);
    try {
      await this.#receiveUntilEnough(socket, intake);
      const isBehind = (): boolean => false;
      if (!intake.isClosed) await drain(() => this.#datagrams, isBehind);
    } finally {
      clearInterval(sampling);
      socket.removeAllListeners('message');
      this.#sample(intake);
    }
  }

  async close(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket === undefined) return;
    socket.on('error', () => {});
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
  }

  report(): Readonly<Record<string, unknown>> {
    return {
      ...this.#address,
      format: this.#format,
      datagrams: this.#datagrams,
      bytes: this.#bytes,
      limitDrops: this.#limitDrops,
      // What nobody tells is not 0.
      kernelDrops: this.#kernel === undefined ? null : this.#kernelDrops,
      receiveBufferBytes: this.#grantedBytes,
      unreadBytes: this.#kernel?.unreadBytes ?? null,
      senders: this.#senders.report(),
    };
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#address;
    const { address, family } = await resolved(host);
    const socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    this.#socket = socket;
    // From the moment it listens on, datagrams come, whether or not somebody takes them.
    socket.on('message', (message, from) => this.#keepEarly(message, from));
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeListener('error', reject);
        resolve();
      });
    });
    this.#address = { host: address, port: socket.address().port };
    this.#grantedBytes = growReceiveBuffer(socket, this.#receiveBufferBytes);
    this.#kernel = KernelDrops.of(address, this.#address.port);
  }

  /** Resolves when it is enough. */
  #receiveUntilEnough(socket: Socket, intake: Intake<Event>): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (error: unknown): void => {
        socket.removeAllListeners('message');
        reject(error);
      };
      const receive = this.#receiver(intake, fail);
      socket.on('error', fail);
      intake.signal.addEventListener('abort', () => resolve(), { once: true });
      if (intake.signal.aborted) resolve();
      socket.removeAllListeners('message');
      socket.on('message', receive);
      for (const [message, from] of this.#early.splice(0)) receive(message, from);
      if (this.#earlyDrops > 0) intake.drop(this.#earlyDrops, RECEIVE_BUFFER);
    });
  }

  #keepEarly(message: Buffer, from: RemoteInfo): void {
    this.#earlyBytes += message.length + DATAGRAM_BYTES;
    if (this.#earlyBytes > this.#receiveBufferBytes) this.#earlyDrops++;
    else this.#early.push([message, from]);
  }

  /** What is called for each datagram; nothing is made for it. */
  #receiver(
    intake: Intake<Event>,
    fail: (error: unknown) => void,
  ): (message: Buffer, from: RemoteInfo) => void {
    const take = messageTaker(this.#format, intake);
    const senders = this.#senders;
    const origin = this.#origin;
    return (message, { address, port }) => {
      if (intake.isClosed) return;
      const bytes = message.length;
      const sender = senders.of(address, port);
      this.#datagrams++;
      this.#bytes += bytes;
      const { allowance } = sender;
      if (allowance !== undefined && !allowance.take(bytes, performance.now())) {
        sender.dropped++;
        this.#limitDrops++;
        intake.drop(1, SENDER_LIMIT);
        return;
      }
      sender.events++;
      sender.bytes += bytes;
      origin.moveTo(this.#datagrams, message, sender);
      try {
        if (bytes === 0) intake.reject('An empty datagram', origin);
        else take(message, origin);
      } catch (error) {
        fail(error);
      }
    };
  }

  #sample(intake: Intake<Event>): void {
    const dropped = this.#kernel?.count() ?? 0;
    if (dropped === 0) return;
    this.#kernelDrops += dropped;
    intake.drop(dropped, RECEIVE_BUFFER);
  }
}

/** Gets as much as the kernel grants, which some refuse to answer with less than was asked for. */
function growReceiveBuffer(socket: Socket, bytes: number): number {
  for (let size = bytes; size >= MIN_RECEIVE_BUFFER_BYTES; size = Math.floor(size / 2)) {
    try {
      socket.setRecvBufferSize(size);
      break;
    } catch {
      continue;
    }
  }
  return socket.getRecvBufferSize();
}
