/**
 * What the kernel tells of a UDP socket: `/proc/net/udp` and `udp6` have a line for each, with the bytes that
 * wait to be read and the datagrams that found no room among them. Elsewhere than on Linux nobody tells.
 *
 * ```
 *   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 *  917: 0100007F:2328 00000000:0000 07 00000000:00001B00 00:00000000 00000000  1000        0 90512 2 0000000000000000 17
 * ```
 */
import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { isIPv6 } from 'node:net';

/** Columns, between blanks. */
const QUEUES = 4;
const INODE = 9;
const DROPS = 12;

/** The counter's width in the kernel. */
const COUNTER_RANGE = 2 ** 32;

interface SocketLine {
  readonly inode: string;
  readonly unreadBytes: number;
  readonly drops: number;
}

export class KernelDrops {
  readonly #file: string;
  readonly #localAddress: string;
  readonly #inode: string;
  #last: number;
  #unreadBytes: number;

  /** The socket that is bound to this address, or `undefined` where the kernel does not tell. */
  static of(address: string, port: number): KernelDrops | undefined {
    const file = isIPv6(address) ? '/proc/net/udp6' : '/proc/net/udp';
    const localAddress = kernelAddress(address, port);
    const line = findSocket(readTable(file), localAddress);
    return line === undefined ? undefined : new KernelDrops(file, localAddress, line);
  }

  private constructor(file: string, localAddress: string, line: SocketLine) {
    this.#file = file;
    this.#localAddress = localAddress;
    this.#inode = line.inode;
    this.#last = 0;
    this.#unreadBytes = line.unreadBytes;
  }

  /** Memory that datagrams took which had not been read at the last `count`. */
  get unreadBytes(): number {
    return this.#unreadBytes;
  }

  /** Datagrams that the kernel has dropped since it was last asked. */
  count(): number {
    const line = findSocket(readTable(this.#file), this.#localAddress);
    if (line === undefined || line.inode !== this.#inode) return 0;
    const dropped = (line.drops - this.#last + COUNTER_RANGE) % COUNTER_RANGE;
    this.#last = line.drops;
    this.#unreadBytes = line.unreadBytes;
    return dropped;
  }
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Exported for tests. */
export function findSocket(table: string, localAddress: string): SocketLine | undefined {
  // Behind the colon of the slot: a sender's line has the same as its remote address.
  const at = table.indexOf(`: ${localAddress} `);
  if (at < 0) return undefined;
  const start = table.lastIndexOf('\n', at) + 1;
  const end = table.indexOf('\n', at);
  const line = table.slice(start, end < 0 ? undefined : end);
  const columns = line.trim().split(/\s+/);
  const [inode, drops] = [columns[INODE], columns[DROPS]];
  if (inode === undefined || drops === undefined) return undefined;
  const unread = columns[QUEUES]?.split(':')[1] ?? '0';
  return { inode, unreadBytes: parseInt(unread, 16), drops: Number(drops) };
}

/** `0100007F:2328` of 127.0.0.1:9000: words of the address in the machine's byte order. */
export function kernelAddress(address: string, port: number): string {
  const bytes = isIPv6(address) ? bytesOfIPv6(address) : address.split('.').map(Number);
  let words = '';
  for (let i = 0; i < bytes.length; i += 4) {
    const word = bytes.slice(i, i + 4);
    words += (endianness() === 'LE' ? word.reverse() : word).map((byte) => hex(byte, 2)).join('');
  }
  return `${words}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}

/** A URL writes every address in one way: groups in hexadecimal, the longest row of zeros as `::`. */
function bytesOfIPv6(address: string): number[] {
  const [plain] = address.split('%') as [string];
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split('::').map(groupsOf);
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

function groupsOf(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => parseInt(group, 16));
}
