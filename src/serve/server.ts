/** Requests of the page, answered. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { eventFields } from '../query/event-fields.js';
import { isTimeField, unitNsOf } from '../query/time-units.js';
import { Answers } from './answers.js';
import { encodeFrame } from './frames.js';
import { HEADERS, type Guard } from './guard.js';
import { History, type Picture } from './history.js';
import { MAX_LINES } from './lines.js';
import { LiveFeeds } from './live.js';
import { LiveStream } from './live-stream.js';
import type { PageFile } from './page-files.js';
import {
  DRAWN,
  HISTORY,
  RefusedRequest,
  clientOf,
  drawnOf,
  historyOf,
  parametersOf,
  rowCount,
} from './parameters.js';
import { newestRows } from './rows.js';
import type { ServedLog } from './served-log.js';
import type { StatusBoard } from './status.js';

/** So many pictures are made at a time; others wait for their turn, and those beyond are refused. */
const DRAWING = 2;
const WAITING = 128;
const MAX_URL = 4096;
const MAX_FEEDS = 32;
const STATUS_MS = 1000;

export interface Served {
  readonly log: ServedLog;
  readonly board: StatusBoard;
  readonly page: ReadonlyMap<string, PageFile>;
  readonly guard: Guard;
  readonly name: string;
  /** Live streams at a time. */
  readonly maxClients: number;
}

export class PageServer {
  readonly #served: Served;
  readonly #history: History;
  readonly #feeds: LiveFeeds;
  readonly #answers = new Answers();
  readonly #streams = new Set<LiveStream>();
  readonly #turns = new Turns(DRAWING, WAITING);
  /** What each client has asked for last: what it asked before is of no use any more. */
  readonly #asking = new Map<string, AbortController>();
  readonly #clock: NodeJS.Timeout;
  readonly #warmUp: Promise<void>;

  constructor(served: Served) {
    this.#served = served;
    this.#history = new History(served.log);
    this.#warmUp = this.#history.warmUp();
    this.#feeds = new LiveFeeds(served.log, MAX_FEEDS);
    this.#clock = setInterval(() => this.#tellStatus(), STATUS_MS);
    this.#clock.unref();
  }

  /** Never throws: what goes wrong is an answer. */
  readonly answer = (request: IncomingMessage, response: ServerResponse): void => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    // Whoever goes away while we write is gone; that is no error of ours.
    response.on('error', () => {});
    this.#answer(request, response).catch((error: unknown) => refuse(response, error));
  };

  async close(): Promise<void> {
    clearInterval(this.#clock);
    for (const asking of this.#asking.values()) asking.abort(new Error('The server has ended'));
    for (const stream of this.#streams) stream.end();
    await Promise.all([this.#feeds.close(), this.#history.close(), this.#warmUp]);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = addressOf(request);
    const isPage = url.pathname === '/';
    const verdict = this.#served.guard.judge(request, url, isPage);
    if (verdict.is === 'refused') throw new RefusedRequest(verdict.status, verdict.reason);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      throw new RefusedRequest(405, 'Only GET is answered here');
    }
    if (verdict.is === 'introduced') {
      response.writeHead(303, { Location: '/', 'Set-Cookie': verdict.cookie }).end();
      return;
    }
    this.#answers.checkRoom();
    const file = this.#served.page.get(url.pathname);
    if (file !== undefined) this.#answers.send(request, response, file.type, file.content);
    else await this.#answerData(request, response, url);
  }

  async #answerData(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    switch (url.pathname) {
      case '/api/log':
        parametersOf(url, []);
        return this.#sendJson(request, response, this.#describe());
      case '/api/rows':
        return this.#sendJson(
          request,
          response,
          newestRows(this.#served.log, rowCount(parametersOf(url, ['n']))),
        );
      case '/api/history':
        return this.#sendHistory(request, response, url);
      case '/api/live':
        return this.#openStream(request, response, url);
      default:
        throw new RefusedRequest(404, 'There is nothing of this name');
    }
  }

  #sendJson(request: IncomingMessage, response: ServerResponse, value: unknown): void {
    const content = Buffer.from(JSON.stringify(value));
    this.#answers.send(request, response, 'application/json', content);
  }

  #describe(): unknown {
    const { log, board, name } = this.#served;
    const { schema } = log;
    const fields = schema === undefined ? [] : eventFields(schema);
    return {
      name,
      schema: schema?.name,
      fields: fields
        .filter(({ kind }) => kind !== 'none')
        .map((field) => ({
          ...field,
          isTime: isTimeField(field.path),
          unitNs: unitNsOf(field.path),
        })),
      status: board.status(),
      segments: board.segments(),
      damage: board.damage(),
    };
  }

  async #sendHistory(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const given = parametersOf(url, HISTORY);
    const asked = historyOf(this.#served.log, given);
    const asking = new AbortController();
    const gone = (): void => asking.abort(new RefusedRequest(499, 'The client has gone'));
    response.on('close', gone);
    const client = clientOf(given);
    if (client !== undefined) this.#supersede(client, asking);
    try {
      const picture = await this.#turns.run(
        () => this.#history.draw(asked, asking.signal),
        asking.signal,
      );
      const content = encodePicture(picture, asked.by);
      this.#answers.send(request, response, 'application/octet-stream', content);
    } finally {
      if (client !== undefined && this.#asking.get(client) === asking) this.#asking.delete(client);
    }
  }

  #supersede(client: string, asking: AbortController): void {
    const reason = new RefusedRequest(409, 'This client has asked for something else since');
    this.#asking.get(client)?.abort(reason);
    this.#asking.set(client, asking);
  }

  #openStream(request: IncomingMessage, response: ServerResponse, url: URL): void {
    const given = parametersOf(url, DRAWN);
    const { log, maxClients } = this.#served;
    const drawn = given.has('y') ? drawnOf(log, given) : undefined;
    if (this.#streams.size >= maxClients) {
      throw new RefusedRequest(503, `${maxClients} clients follow already`);
    }
    if (request.method === 'HEAD') throw new RefusedRequest(405, 'A stream has no head alone');
    const stream = new LiveStream(response, () => {
      this.#streams.delete(stream);
      leave?.();
    });
    const leave = drawn === undefined ? undefined : this.#feeds.listen(drawn, stream);
    if (drawn !== undefined && leave === undefined) {
      throw new RefusedRequest(503, 'Too many choices of fields are followed already');
    }
    this.#streams.add(stream);
    stream.send('status', this.#status());
  }

  #tellStatus(): void {
    if (this.#streams.size === 0) return;
    const text = this.#status();
    for (const stream of this.#streams) stream.send('status', text);
  }

  #status(): string {
    const { board } = this.#served;
    return JSON.stringify({
      ...board.status(),
      segments: board.segments(),
      clients: this.#streams.size,
    });
  }
}

function encodePicture(picture: Picture, by: string | undefined): Buffer {
  const { extremes, origin, ...more } = picture;
  return encodeFrame(extremes, by === undefined ? 1 : MAX_LINES, {
    ...more,
    origin: String(origin),
  });
}

function addressOf({ url = '/' }: IncomingMessage): URL {
  if (url.length > MAX_URL) throw new RefusedRequest(414, 'The address is too long');
  // Only a path is taken: an absolute address, as for a proxy, is none of ours.
  if (!url.startsWith('/') || url.startsWith('//'))
    throw new RefusedRequest(400, 'Expected a path');
  try {
    return new URL(url, 'http://localhost');
  } catch {
    throw new RefusedRequest(400, 'Expected a path');
  }
}

/** Errors of ours say what is wrong; others are not the client's business. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.destroyed) return;
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const isRange = error instanceof RangeError;
  const status = error instanceof RefusedRequest ? error.status : isRange ? 400 : 500;
  const isTold = status !== 500 || (error instanceof Error && 'code' in error);
  const reason = isTold && error instanceof Error ? error.message : 'The log could not be read';
  const type = 'text/plain; charset=utf-8';
  response.writeHead(status, { 'Content-Type': type, Connection: 'close' }).end(`${reason}\n`);
}

/** So many at a time, and so many waiting. */
class Turns {
  readonly #most: number;
  readonly #mostWaiting: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number, mostWaiting: number) {
    this.#most = most;
    this.#mostWaiting = mostWaiting;
  }

  async run<T>(action: () => Promise<T>, signal: AbortSignal): Promise<T> {
    if (this.#running >= this.#most) await this.#wait(signal);
    this.#running++;
    try {
      signal.throwIfAborted();
      return await action();
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#mostWaiting) {
      throw new RefusedRequest(503, 'Too many pictures are being made already');
    }
    return new Promise((resolve, reject) => {
      const go = (): void => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const give = (): void => {
        const at = this.#waiting.indexOf(go);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', give, { once: true });
      this.#waiting.push(go);
    });
  }
}
