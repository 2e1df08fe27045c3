/** A page that shows a log live, served over HTTP. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, resolve } from 'node:path';
import { ListenError, listeningAddress, resolved } from '../capture/net/listening.js';
import { EventReader } from '../events/event-reader.js';
import type { EventSchema } from '../events/schema.js';
import { checkInteger } from '../options.js';
import {
  Guard,
  checkToken,
  hostInUrl,
  isLoopback,
  makeToken,
  ownNames,
  reachableHost,
} from './guard.js';
import { loadPage } from './page-files.js';
import { ServedLog } from './served-log.js';
import { PageServer } from './server.js';
import { StatusBoard } from './status.js';

export interface ServeOptions {
  /**
   * Address or name to listen on (default `127.0.0.1`). On another than the loopback, whoever has the token
   * can read the log, and what he reads goes over the network as plain text.
   */
  readonly host?: string | undefined;
  /** Default 0: one that is free. */
  readonly port?: number | undefined;
  /**
   * What a browser has to bring: 16 to 256 letters, digits and `_ . ~ -`. On the loopback there is none by
   * default; elsewhere one is made.
   */
  readonly token?: string | undefined;
  /** Further names by which the server may be asked for, such as that of a machine or a proxy. */
  readonly names?: readonly string[] | undefined;
  /** Pages that may follow at a time (default 128). */
  readonly maxClients?: number | undefined;
  /** What to take events for; by default what the log says that they are. */
  readonly schema?: EventSchema | undefined;
}

/** A log that is being served. */
export interface LogServer {
  /**
   * What to open in a browser, with the token if there is one. Where it listens on all addresses of the
   * machine, one that others reach.
   */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** What browsers have to bring, once; `undefined`: nothing. */
  readonly token: string | undefined;
  /** Ends all connections, threads and tailers. Idempotent. */
  close(): Promise<void>;
}

const MAX_CLIENTS = 128;
const MOST_CLIENTS = 10_000;
/** A browser opens up to six connections; those beyond wait. */
const CONNECTIONS_PER_CLIENT = 8;
const HEADERS_MS = 5000;
const REQUEST_MS = 10_000;
const KEPT_ALIVE_MS = 5000;
const CHECKING_MS = 1000;
const MAX_HEADER_BYTES = 8192;

/**
 * Serves a page that shows a log: chosen fields as plots that move with what is appended, any stretch of
 * its history, the newest events, segments, rates and tailers. A log without a schema is shown without
 * plots. Nothing is ever written to the log but what tailers show of themselves in its readers page.
 *
 * Memory: up to some 256 MiB for the summaries of fields that are looked at, whatever the size of the log;
 * a few tens of kilobytes for each client, whether it reads or not.
 *
 * Requests are bounded in size and number. Those that ask for the server by another name, or come from
 * pages of other sites, are refused. To be closed.
 *
 * @throws {ListenError} it cannot listen there
 * @throws {RangeError | TypeError} wrong options
 * @throws as `openEventReader`, but for a log without a schema
 */
export async function serveLog(
  log: string | EventReader,
  options: ServeOptions = {},
): Promise<LogServer> {
  const { token: given, names = [], maxClients = MAX_CLIENTS } = options;
  const path = log instanceof EventReader ? log.records.path : resolve(log);
  const place = listeningAddress({ host: options.host ?? '127.0.0.1', port: options.port ?? 0 });
  checkInteger('maxClients', maxClients, 1, MOST_CLIENTS);
  const { address } = await resolved(place.host).catch((error: unknown) => {
    throw new ListenError('TCP', place, error);
  });
  const token = given === undefined ? tokenFor(address) : checkToken(given);
  const page = loadPage();
  const served = new ServedLog(
    path,
    options.schema ?? (log instanceof EventReader ? log.schema : undefined),
  );
  let board: StatusBoard | undefined;
  try {
    board = new StatusBoard(path, served);
    const server = makeServer(maxClients);
    const port = await listen(server, { host: address, port: place.port });
    const guard = new Guard(ownNames(place.host, address, names), port, token);
    const pages = new PageServer({
      log: served,
      board,
      page,
      guard,
      name: basename(path),
      maxClients,
    });
    server.on('request', pages.answer);
    const shown = reachableHost(place.host, address);
    return new Serving(server, pages, served, board, { host: place.host, shown, port, token });
  } catch (error) {
    board?.close();
    await served.close();
    throw error;
  }
}

function tokenFor(address: string): string | undefined {
  return isLoopback(address) ? undefined : makeToken();
}

function makeServer(maxClients: number): Server {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEPT_ALIVE_MS,
    connectionsCheckingInterval: CHECKING_MS,
  });
  server.maxConnections = maxClients * CONNECTIONS_PER_CLIENT;
  server.maxHeadersCount = 64;
  // What is no HTTP gets no answer.
  server.on('clientError', (_error, socket) => socket.destroy());
  return server;
}

async function listen(server: Server, place: { host: string; port: number }): Promise<number> {
  await new Promise<void>((listening, reject) => {
    const fail = (error: Error): void => reject(new ListenError('TCP', place, error));
    server.once('error', fail);
    server.listen(place.port, place.host, () => {
      server.off('error', fail);
      listening();
    });
  });
  return (server.address() as AddressInfo).port;
}

interface Place extends Pick<LogServer, 'host' | 'port' | 'token'> {
  /** The host that others reach. */
  readonly shown: string;
}

class Serving implements LogServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly #server: Server;
  readonly #pages: PageServer;
  readonly #log: ServedLog;
  readonly #board: StatusBoard;
  #end: Promise<void> | undefined;

  constructor(
    server: Server,
    pages: PageServer,
    log: ServedLog,
    board: StatusBoard,
    { host, shown, port, token }: Place,
  ) {
    this.host = host;
    this.port = port;
    this.token = token;
    const query = token === undefined ? '' : `?token=${token}`;
    this.url = `http://${hostInUrl(shown)}:${port}/${query}`;
    this.#server = server;
    this.#pages = pages;
    this.#log = log;
    this.#board = board;
  }

  close(): Promise<void> {
    return (this.#end ??= this.#close());
  }

  async #close(): Promise<void> {
    const closed = new Promise<void>((done) => this.#server.close(() => done()));
    await this.#pages.close();
    this.#server.closeAllConnections();
    await closed;
    await this.#log.close();
    this.#board.close();
  }
}
