/** Where a source listens: the names of addresses, and what is said when there is no listening. */
import { lookup } from 'node:dns/promises';
import { isIP, isIPv6 } from 'node:net';
import { LogError } from '../../errors.js';
import { checkFunction, checkInteger } from '../../options.js';

/** An address that a source listens on. */
export interface ListeningAddress {
  readonly host: string;
  readonly port: number;
}

/** Options that every source has which listens. */
export interface ListenOptions {
  /**
   * Address or name to listen on (default `127.0.0.1`). Whoever can send there can write into the log, so
   * another than the loopback has to be named: `0.0.0.0` and `::` are all of the machine's.
   */
  readonly host?: string;
  /** Default 0: one that is free, which `onListening` is told. */
  readonly port?: number;
  /** Is told where, once it listens. */
  readonly onListening?: (address: ListeningAddress) => void;
}

const LOOPBACK = '127.0.0.1';
const MAX_PORT = 65_535;

/**
 * Where to listen.
 * @throws {RangeError}
 * @throws {TypeError}
 */
export function listeningAddress(options: ListenOptions): ListeningAddress {
  const { host = LOOPBACK, port = 0, onListening } = options;
  if (typeof host !== 'string' || host === '') {
    throw new TypeError('Invalid host: expected an address or a name');
  }
  checkInteger('port', port, 0, MAX_PORT);
  checkFunction('onListening', onListening);
  return { host, port };
}

/** The address that a name stands for; that of an address is itself. */
export async function resolved(host: string): Promise<{ address: string; family: number }> {
  const family = isIP(host);
  return family === 0 ? lookup(host) : { address: host, family };
}

/** A source cannot listen where it was told to, or not any more. */
export class ListenError extends LogError {
  readonly host: string;
  readonly port: number;
  /** The system's name of the error, such as `EADDRINUSE`. */
  readonly errno: string | undefined;

  constructor(protocol: string, { host, port }: ListeningAddress, cause: unknown) {
    const errno = errnoOf(cause);
    const why = (errno === undefined ? undefined : WHY[errno]) ?? messageOf(cause);
    super('CANNOT_LISTEN', `Cannot listen on ${protocol} ${formatAddress(host, port)}: ${why}`, {
      cause,
    });
    this.host = host;
    this.port = port;
    this.errno = errno;
  }
}

/** `127.0.0.1:9000`, `[::1]:9000`. */
export function formatAddress(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const WHY: Readonly<Record<string, string>> = {
  EACCES: 'permission denied; ports below 1024 are for root',
  EADDRINUSE: 'the port is in use; name another, or 0 for one that is free',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EAFNOSUPPORT: 'this machine does not have addresses of this kind',
  EAI_AGAIN: 'the name could not be looked up',
  EINVAL:
    'the address cannot be listened on; one that begins with fe80 needs its interface behind a %',
  ENOTFOUND: 'no such name',
};
