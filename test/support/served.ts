/** A log that is served for a test, and requests as no browser would make them. */
import { request, type IncomingHttpHeaders } from 'node:http';
import { afterEach } from 'vitest';
import { serveLog, type LogServer, type ServeOptions } from '../../src/index.js';

const servers: LogServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Serves a log until the test is over. */
export async function served(log: string, options: ServeOptions = {}): Promise<LogServer> {
  const server = await serveLog(log, options);
  servers.push(server);
  return server;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** Asks with whatever headers, which `fetch` does not. */
export function ask(
  { port }: Pick<LogServer, 'port'>,
  path: string,
  { method = 'GET', headers = {}, signal }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent: false as const };
    const asked = request(
      { ...options, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(parts);
          const { statusCode: status = 0 } = response;
          resolve({ status, headers: response.headers, body, text: body.toString() });
        });
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

export interface Frame {
  readonly head: {
    readonly buckets: number;
    readonly series: readonly { readonly y: number; readonly line: number }[];
    readonly offsets: { readonly from: number; readonly to: number };
    readonly lineNames?: readonly string[];
    readonly origin: string;
    readonly from: number;
    readonly to: number;
    readonly isComplete: boolean;
    readonly malformed: number;
  };
  readonly xMin: Float64Array;
  readonly xMax: Float64Array;
  readonly min: readonly Float64Array[];
  readonly max: readonly Float64Array[];
}

export function frameOf(body: Buffer): Frame {
  const length = body.readUInt32LE(0);
  const head = JSON.parse(body.toString('utf8', 4, 4 + length)) as Frame['head'];
  let at = Math.ceil((4 + length) / 8) * 8;
  const next = (): Float64Array => {
    const list = Float64Array.from({ length: head.buckets }, (_, i) =>
      body.readDoubleLE(at + 8 * i),
    );
    at += 8 * head.buckets;
    return list;
  };
  const [xMin, xMax] = [next(), next()];
  const lists = head.series.map(() => [next(), next()] as const);
  return { head, xMin, xMax, min: lists.map(([min]) => min), max: lists.map(([, max]) => max) };
}

export interface StreamEvent {
  readonly event: string;
  readonly data: string;
}

/** The events of a live stream, as they come; ends when the server does, or with the signal. */
export async function* eventsOf(
  { port }: Pick<LogServer, 'port'>,
  query: string,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/live?${query}`, { signal });
  if (response.status !== 200) throw new Error(await response.text());
  let text = '';
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const [, event] = /^event: (.*)$/m.exec(text.slice(0, end)) ?? [];
      const [, data] = /^data: (.*)$/m.exec(text.slice(0, end)) ?? [];
      text = text.slice(end + 2);
      if (event !== undefined && data !== undefined) yield { event, data };
    }
  }
}
