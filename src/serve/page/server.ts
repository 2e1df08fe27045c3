/** What the page asks of the server. */
import type { LogStatus, SegmentStatus } from '../messages.js';
import { decodeFrame, frameOfText, type Frame, type PictureFrame } from './frames.js';

export interface FieldInfo {
  readonly path: string;
  readonly type: string;
  readonly kind: 'number' | 'integer' | 'boolean' | 'enum' | 'string';
  readonly isTime: boolean;
  readonly unitNs?: number;
}

export interface LogInfo {
  readonly name: string;
  readonly schema?: string;
  readonly fields: readonly FieldInfo[];
  readonly status: LogStatus;
  readonly segments: readonly SegmentStatus[];
  readonly damage: readonly string[];
}

export interface NewestRows {
  readonly columns: readonly string[];
  readonly rows: readonly {
    readonly offset: number;
    readonly timeMs?: number;
    readonly cells: readonly string[];
    readonly problem?: string;
  }[];
}

/** The server has refused, and says why. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** Of this page: what it has asked for before is dropped by the server when it asks anew. */
const CLIENT = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
  byte.toString(16).padStart(2, '0'),
).join('');

async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const response = await fetch(path, signal === undefined ? {} : { signal });
  if (!response.ok) throw new Refused(response.status, (await response.text()).trim());
  return response;
}

export async function askLog(): Promise<LogInfo> {
  return (await (await ask('/api/log')).json()) as LogInfo;
}

export async function askRows(count: number): Promise<NewestRows> {
  return (await (await ask(`/api/rows?n=${count}`)).json()) as NewestRows;
}

export async function askHistory(
  parameters: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<PictureFrame> {
  const words = wordsOf({ ...parameters, client: CLIENT });
  return decodeFrame(await (await ask(`/api/history?${words}`, signal)).arrayBuffer());
}

function wordsOf(parameters: Readonly<Record<string, string | undefined>>): URLSearchParams {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined) words.set(name, value);
  }
  return words;
}

export interface LiveEvents {
  readonly onHello: (hello: { readonly offset: number; readonly origin: string }) => void;
  readonly onFrame: (frame: Frame) => void;
  readonly onStatus: (status: LogStatus & { readonly segments: readonly SegmentStatus[] }) => void;
  /** What has been drawn may not be part of the log any more. */
  readonly onReset: () => void;
  readonly onConnection: (isConnected: boolean) => void;
}

const RETRY_MS = 1500;

/** The stream of news; asks again for as long as it takes. */
export class LiveConnection {
  readonly #path: string;
  readonly #events: LiveEvents;
  #source: EventSource | undefined;
  #retry: number | undefined;

  constructor(parameters: Readonly<Record<string, string | undefined>>, events: LiveEvents) {
    this.#path = `/api/live?${wordsOf(parameters)}`;
    this.#events = events;
    this.#open();
  }

  close(): void {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = undefined;
  }

  #open(): void {
    const source = new EventSource(this.#path);
    this.#source = source;
    const { onHello, onFrame, onStatus, onReset, onConnection } = this.#events;
    const on = (name: string, take: (data: string) => void): void => {
      source.addEventListener(name, (event) => take((event as MessageEvent<string>).data));
    };
    source.addEventListener('open', () => onConnection(true));
    source.addEventListener('error', () => {
      onConnection(false);
      // The browser tries again by itself, but not after an answer that is no stream.
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      this.#retry = setTimeout(() => this.#open(), RETRY_MS);
    });
    on('hello', (data) => onHello(JSON.parse(data) as { offset: number; origin: string }));
    on('frame', (data) => onFrame(frameOfText(data)));
    on('status', (data) => onStatus(JSON.parse(data) as LogStatus & { segments: SegmentStatus[] }));
    on('reset', () => onReset());
  }
}
