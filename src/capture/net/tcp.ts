/** Events that come over connections, many in each, one behind the other. */
import { createServer, type Server, type Socket } from 'node:net';
import type { EventSchema } from '../../events/schema.js';
import { checkInteger, unknownChoice } from '../../options.js';
import { LengthSplitter, LineSplitter, type RecordSplitter, type TakeRecord } from '../framing.js';
import { messageTaker, type MessageFormat, type TakeMessage } from '../messages.js';
import type { CaptureSource, Intake } from '../source.js';
import { Connection, type ConnectionCounters, type ConnectionHost } from './connection.js';
import { drain } from './drain.js';
import {
  ListenError,
  formatAddress,
  listeningAddress,
  resolved,
  type ListenOptions,
  type ListeningAddress,
} from './listening.js';
import { noSchema } from './no-schema.js';
import { SenderTable, type Sender, type SenderOptions } from './senders.js';

export interface TcpSourceOptions extends ListenOptions, SenderOptions {
  /**
   * How messages follow one another: `'length'` (the default), each behind its length, a little-endian
   * u32; or `'lines'` of JSON, so that a terminal and `nc` will do.
   */
  readonly framing?: 'length' | 'lines';
  /** How events are written in messages: by default `'flatbuffers'`, and in lines always `'json'`. */
  readonly format?: MessageFormat;
  /**
   * Bytes of the largest message (default 1 MiB), which is what a connection may keep in memory besides
   * 128 KiB that have been read. A length beyond it ends the connection; of a line, the rest is passed over.
   */
  readonly maxMessageBytes?: number;
  /** Connections at a time (default 1024). Further ones are refused, and counted. */
  readonly maxConnections?: number;
  /**
   * Ends a connection from which no whole message has come for so long (default: never; a peer that has
   * vanished is found out by TCP itself).
   */
  readonly idleTimeoutMs?: number;
}

const DEFAULT_MAX_MESSAGE_BYTES = 1024 * 1024;
const DEFAULT_MAX_CONNECTIONS = 1024;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
/** After so much silence, TCP asks whether the other side is still there. */
const KEEP_ALIVE_MS = 60_000;
const CARRIAGE_RETURN = 13;

/**
 * Listens for connections, which send events one behind the other: FlatBuffers or JSON, each behind its
 * length, or lines of JSON.
 *
 * Nothing that has been read is dropped. While the log needs time, and while a sender is beyond its limit,
 * connections are not read, so that their senders have to wait; the others go on. A connection gives 64 KiB
 * in a turn of the event loop, so that one that floods does not starve others. What is no event is
 * rejected with its sender in the reason. A length that cannot be, and an end within a message, are rejected
 * too, and end that connection only.
 *
 * When the capture ends, connections are read on until nothing is left or half a second is over; not those
 * that wait for their limit. Then they are closed: a message that has begun is counted as unfinished, and
 * whoever sends on learns that nobody reads. A source is for one capture.
 *
 * `capture` with it throws, before anything of the log is made or changed:
 * @throws {ListenError} as a rejection: the port is in use, or the address not this machine's
 * @throws {SchemaError} as a rejection: neither the options of `capture` nor the log have a schema
 * @throws {RangeError}
 * @throws {TypeError}
 */
export function tcpSource<Event = unknown>(options: TcpSourceOptions = {}): CaptureSource<Event> {
  return new TcpSource(options);
}

interface Settings {
  readonly framing: 'length' | 'lines';
  readonly format: MessageFormat;
  readonly maxMessageBytes: number;
  readonly maxConnections: number;
  readonly idleTimeoutMs: number | undefined;
}

class TcpSource<Event> implements CaptureSource<Event> {
  readonly drains = true;
  readonly #options: TcpSourceOptions;
  readonly #settings: Settings;
  readonly #senders: SenderTable;
  readonly #server: Server;
  readonly #counters: ConnectionCounters = {
    messages: 0,
    bytes: 0,
    broken: 0,
    unfinished: 0,
    limitWaits: 0,
    progress: 0,
  };
  /** Accepted before anybody takes; they are not read until then. */
  readonly #early: Socket[] = [];
  #address: ListeningAddress;
  #accepted = 0;
  #refused = 0;
  #openAtEnd = 0;

  constructor(options: TcpSourceOptions) {
    this.#options = options;
    this.#settings = tcpSettings(options);
    this.#senders = new SenderTable(options);
    this.#address = listeningAddress(options);
    this.#server = createServer({
      pauseOnConnect: true,
      allowHalfOpen: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    });
    this.#server.maxConnections = this.#settings.maxConnections;
    this.#server.on('drop', () => this.#refused++);
    this.#server.on('connection', (socket) => this.#early.push(socket.on('error', () => {})));
  }

  get name(): string {
    return `tcp ${formatAddress(this.#address.host, this.#address.port)}`;
  }

  async open(own: EventSchema | undefined): Promise<EventSchema<Event>> {
    if (own === undefined) throw noSchema();
    try {
      await this.#listen();
    } catch (error) {
      throw new ListenError('tcp', this.#address, error);
    }
    // Neither memory nor descriptors to accept one more: it is that one which fails.
    this.#server.on('error', () => this.#refused++);
    this.#options.onListening?.(this.#address);
    return own as EventSchema<Event>;
  }

  async run(intake: Intake<Event>): Promise<void> {
    const reception = new Reception(intake, this.#settings, this.#counters);
    const welcome = (socket: Socket): void => {
      // Those that are gone and wait for room count as well.
      if (reception.connections >= this.#settings.maxConnections) return this.#refuse(socket);
      // One that is gone already may have left something to read.
      const { remoteAddress = 'unknown', remotePort = 0 } = socket;
      this.#accepted++;
      this.#counters.progress++;
      return reception.add(socket, this.#senders.of(remoteAddress, remotePort));
    };
    try {
      const enough = reception.untilEnough();
      this.#server.removeAllListeners('connection');
      this.#server.on('connection', welcome);
      for (const socket of this.#early.splice(0)) welcome(socket);
      await enough;
      const isBehind = (): boolean => reception.isBehind;
      if (!intake.isClosed) await drain(() => this.#counters.progress, isBehind);
    } finally {
      this.#server.removeAllListeners('connection');
      this.#server.on('connection', (socket) => this.#refuse(socket));
      this.#openAtEnd = reception.connections;
      reception.cut();
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#early.splice(0)) socket.destroy();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  report(): Readonly<Record<string, unknown>> {
    const { messages, bytes, broken, unfinished, limitWaits } = this.#counters;
    return {
      ...this.#address,
      framing: this.#settings.framing,
      format: this.#settings.format,
      messages,
      bytes,
      connections: this.#accepted,
      refusedConnections: this.#refused,
      brokenConnections: broken,
      openAtEnd: this.#openAtEnd,
      unfinished,
      limitWaits,
      senders: this.#senders.report(),
    };
  }

  #refuse(socket: Socket): void {
    this.#refused++;
    socket.on('error', () => {});
    socket.destroy();
  }

  async #listen(): Promise<void> {
    const { port } = this.#address;
    const { address } = await resolved(this.#address.host);
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: address, port, exclusive: true }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    const bound = server.address();
    if (typeof bound === 'object' && bound !== null) {
      this.#address = { host: address, port: bound.port };
    }
  }
}

/** The connections of a capture, and what they wait for. */
class Reception implements ConnectionHost {
  readonly intake: Intake;
  readonly take: TakeMessage;
  readonly idleTimeoutMs: number | undefined;
  readonly counters: ConnectionCounters;
  readonly #settings: Settings;
  readonly #connections = new Set<Connection>();
  /** Those that have had their turn. */
  #forTurn: Connection[] = [];
  /** Those that wait for room in the log. */
  #forRoom: Connection[] = [];
  #onFailure: ((error: unknown) => void) | undefined;

  constructor(intake: Intake, settings: Settings, counters: ConnectionCounters) {
    this.intake = intake;
    this.take = messageTaker(settings.format, intake);
    this.idleTimeoutMs = settings.idleTimeoutMs;
    this.counters = counters;
    this.#settings = settings;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Whether something has been read that is still to be taken. */
  get isBehind(): boolean {
    return this.#forTurn.length > 0 || this.#forRoom.length > 0;
  }

  add(socket: Socket, sender: Sender): void {
    this.#connections.add(new Connection(socket, sender, this));
  }

  /** Resolves when it is enough, and rejects when the log takes no more. */
  untilEnough(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { signal } = this.intake;
      this.#onFailure = reject;
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
  }

  cut(): void {
    for (const connection of this.#connections) connection.cut();
  }

  splitter(take: TakeRecord, reject: (reason: string) => void): RecordSplitter {
    const { framing, maxMessageBytes: maxBytes } = this.#settings;
    const largest = 'the largest message that is taken';
    if (framing === 'length') return new LengthSplitter(take, { maxBytes, largest });
    const takeLine: TakeRecord = (line) => {
      if (!isBlank(line)) take(line);
    };
    const onTooLong = (): void => reject(`A line has more than ${maxBytes} bytes`);
    return new LineSplitter(takeLine, { maxBytes, onTooLong });
  }

  nextTurn(connection: Connection): void {
    if (this.#forTurn.push(connection) > 1) return;
    setImmediate(() => {
      const connections = this.#forTurn;
      this.#forTurn = [];
      for (const each of connections) each.goOn();
    });
  }

  whenReady(connection: Connection): void {
    if (this.#forRoom.push(connection) === 1) void this.#waitForRoom();
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  fail(error: unknown): void {
    this.#onFailure?.(error);
  }

  async #waitForRoom(): Promise<void> {
    try {
      await this.intake.ready();
    } catch (error) {
      return this.fail(error);
    }
    const connections = this.#forRoom;
    this.#forRoom = [];
    for (const each of connections) each.goOn();
    return undefined;
  }
}

function isBlank(line: Uint8Array): boolean {
  return line.length === 0 || (line.length === 1 && line[0] === CARRIAGE_RETURN);
}

/**
 * @throws {RangeError}
 * @throws {TypeError}
 */
function tcpSettings(options: TcpSourceOptions): Settings {
  const {
    framing = 'length',
    format = framing === 'lines' ? 'json' : 'flatbuffers',
    maxMessageBytes = DEFAULT_MAX_MESSAGE_BYTES,
    maxConnections = DEFAULT_MAX_CONNECTIONS,
    idleTimeoutMs,
  } = options;
  if (framing !== 'length' && framing !== 'lines') throw unknownChoice('framing', framing);
  if (format !== 'flatbuffers' && format !== 'json') throw unknownChoice('format', format);
  if (framing === 'lines' && format === 'flatbuffers') {
    throw new TypeError('Invalid format: FlatBuffers may hold newlines, so lines are JSON');
  }
  checkInteger('maxMessageBytes', maxMessageBytes, 1, 2 ** 31 - 1);
  checkInteger('maxConnections', maxConnections, 1, 2 ** 20);
  if (idleTimeoutMs !== undefined) checkInteger('idleTimeoutMs', idleTimeoutMs, 1, MAX_TIMEOUT_MS);
  return { framing, format, maxMessageBytes, maxConnections, idleTimeoutMs };
}
