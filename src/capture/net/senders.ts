/** Who sends, how much, and what each may still send. Bounded: those that have been silent longest are forgotten. */
import { checkInteger, unknownChoice } from '../../options.js';
import { Allowance, checkLimits, type SenderLimits } from './allowance.js';
import { formatAddress } from './listening.js';

/** Options about senders. */
export interface SenderOptions extends SenderLimits {
  /**
   * Whom the limits are for. `'socket'` (the default): each socket that sends, known by address and port,
   * so that many programs of one machine do not share one limit. `'address'`: each address with all of its
   * ports, so that nobody gets round the limit by opening more sockets.
   */
  readonly sender?: 'socket' | 'address';
  /**
   * Senders that are remembered (default 4096). Behind that the one that has been silent longest is
   * forgotten; should it send again, it is a new one with a limit of its own.
   */
  readonly maxSenders?: number;
}

const DEFAULT_MAX_SENDERS = 4096;
const TOP_SENDERS = 5;
/** Stands for all ports of an address. */
const ANY_PORT = 0;

/** What a report says about senders. */
export interface SendersReport {
  /** How many there have been; one that was forgotten and came back counts again. */
  readonly seen: number;
  /** How many of them were forgotten to make room. */
  readonly forgotten: number;
  /** Those of the remembered that have sent most events, most first. */
  readonly top: readonly SenderReport[];
}

export interface SenderReport {
  /** `127.0.0.1:40312`, or the address alone. */
  readonly sender: string;
  readonly events: number;
  readonly bytes: number;
  /** Events beyond the limit, if those are dropped. */
  readonly dropped: number;
}

export class Sender {
  readonly address: string;
  readonly port: number;
  /** `undefined`: it may send as much as it likes. */
  readonly allowance: Allowance | undefined;
  events = 0;
  bytes = 0;
  dropped = 0;
  /** Neighbours in the order in which they have sent last. */
  newer: Sender | undefined;
  older: Sender | undefined;

  constructor(address: string, port: number, allowance: Allowance | undefined) {
    this.address = address;
    this.port = port;
    this.allowance = allowance;
  }

  /** As people write it. */
  get name(): string {
    return this.port === ANY_PORT ? this.address : formatAddress(this.address, this.port);
  }

  report(): SenderReport {
    const { name, events, bytes, dropped } = this;
    return { sender: name, events, bytes, dropped };
  }
}

export class SenderTable {
  readonly #limits: SenderLimits | undefined;
  readonly #isByPort: boolean;
  readonly #capacity: number;
  /** By address, then by port: nothing has to be put together to look one up. */
  readonly #senders = new Map<string, Map<number, Sender>>();
  #newest: Sender | undefined;
  #oldest: Sender | undefined;
  #size = 0;
  #seen = 0;

  /**
   * @throws {RangeError}
   * @throws {TypeError}
   */
  constructor(options: SenderOptions) {
    const { sender = 'socket', maxSenders = DEFAULT_MAX_SENDERS } = options;
    const { maxEventsPerSecond, maxBytesPerSecond } = options;
    checkLimits(options);
    checkInteger('maxSenders', maxSenders, 1, 2 ** 24);
    if (sender !== 'socket' && sender !== 'address') throw unknownChoice('sender', sender);
    const isLimited = maxEventsPerSecond !== undefined || maxBytesPerSecond !== undefined;
    this.#limits = isLimited ? options : undefined;
    this.#isByPort = sender === 'socket';
    this.#capacity = maxSenders;
  }

  /** The sender, which is now the newest; most often it already was. */
  of(address: string, port: number): Sender {
    const key = this.#isByPort ? port : ANY_PORT;
    const newest = this.#newest;
    if (newest !== undefined && newest.port === key && newest.address === address) return newest;
    const known = this.#senders.get(address)?.get(key);
    if (known === undefined) return this.#add(address, key);
    this.#unlink(known);
    this.#linkNewest(known);
    return known;
  }

  report(): SendersReport {
    const top: Sender[] = [];
    for (let each = this.#newest; each !== undefined; each = each.older) top.push(each);
    top.sort((a, b) => b.events - a.events);
    return {
      seen: this.#seen,
      forgotten: this.#seen - this.#size,
      top: top.slice(0, TOP_SENDERS).map((sender) => sender.report()),
    };
  }

  #add(address: string, port: number): Sender {
    if (this.#size === this.#capacity) this.#forget(this.#oldest as Sender);
    const limits = this.#limits;
    const allowance = limits === undefined ? undefined : new Allowance(limits, performance.now());
    const sender = new Sender(address, port, allowance);
    const ports = this.#senders.get(address);
    if (ports === undefined) this.#senders.set(address, new Map([[port, sender]]));
    else ports.set(port, sender);
    this.#linkNewest(sender);
    this.#size++;
    this.#seen++;
    return sender;
  }

  #forget(sender: Sender): void {
    const { address, port } = sender;
    const ports = this.#senders.get(address);
    ports?.delete(port);
    if (ports?.size === 0) this.#senders.delete(address);
    this.#unlink(sender);
    this.#size--;
  }

  #linkNewest(sender: Sender): void {
    const newest = this.#newest;
    sender.older = newest;
    if (newest === undefined) this.#oldest = sender;
    else newest.newer = sender;
    this.#newest = sender;
  }

  #unlink(sender: Sender): void {
    const { newer, older } = sender;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    sender.newer = sender.older = undefined;
  }
}
