/** Captures from sockets in tests: a schema, a log that is looked at in the end, and senders. */
import { createSocket, type Socket as Datagrams } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect } from 'vitest';
import {
  capture,
  defineSchema,
  encodeEvent,
  openEventReader,
  verifyEventLog,
  verifyLog,
  type CaptureOptions,
  type CaptureReport,
  type CaptureSource,
  type Intake,
  type ListeningAddress,
  type Origin,
  type PlainEvent,
  type Rejected,
} from '../../src/index.js';
import { framed } from './cli.js';
import { temporaryLogPath } from './temporary-log.js';

/** Who sent it, which of theirs it is, and whatever makes it larger. */
export const NOTE = defineSchema('t.Note', [
  { name: 'sender', type: 'uint' },
  { name: 'n', type: 'uint' },
  { name: 'text', type: 'string' },
]);

export interface Note {
  readonly sender: number;
  readonly n: number;
  readonly text?: string;
}

export function noteBytes(sender: number, n: number, text?: string): Uint8Array {
  return encodeEvent(NOTE, { sender, n, ...(text === undefined ? {} : { text }) });
}

export function notes(sender: number, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => noteBytes(sender, n));
}

/** Frames of these notes, as TCP has them. */
export function frames(sender: number, count: number): Buffer {
  return framed(notes(sender, count));
}

export function lines(sender: number, count: number): string {
  return Array.from({ length: count }, (_, n) => `${JSON.stringify({ sender, n })}\n`).join('');
}

const paths: string[] = [];
afterEach(() => {
  for (const path of paths.splice(0)) {
    expect(verifyLog(path)).toMatchObject({ isIntact: true, isClosed: true });
    expect(verifyEventLog(path).isIntact).toBe(true);
  }
});

export interface ListeningOptions {
  readonly onListening: (address: ListeningAddress) => void;
}

/** A capture that has begun to listen. */
export class RunningCapture {
  readonly path = temporaryLogPath();
  readonly rejects: Rejected[] = [];
  readonly source: CaptureSource<PlainEvent>;
  readonly done: Promise<CaptureReport>;
  address: ListeningAddress = { host: '', port: 0 };
  readonly #ending = new AbortController();
  readonly #running: Promise<void>;

  /** Resolves when the source listens, and runs. */
  static async start(
    make: (listening: ListeningOptions) => CaptureSource<PlainEvent>,
    options: CaptureOptions<PlainEvent> = {},
  ): Promise<RunningCapture> {
    let running: RunningCapture | undefined;
    const address = await new Promise<ListeningAddress>((onListening, reject) => {
      running = new RunningCapture(make({ onListening }), options);
      running.done.catch(reject);
    });
    const started = running as RunningCapture;
    started.address = address;
    await started.#running;
    return started;
  }

  private constructor(source: CaptureSource<PlainEvent>, options: CaptureOptions<PlainEvent>) {
    this.source = source;
    const run = source.run.bind(source);
    this.#running = new Promise((resolve) => {
      source.run = (intake) => {
        resolve();
        return run(intake);
      };
    });
    const onReject = (rejected: Rejected): void => void this.rejects.push(rejected);
    const { signal } = this.#ending;
    this.done = capture(source, this.path, { schema: NOTE, ...options, signal, onReject });
    paths.push(this.path);
  }

  /** What the source says by now. */
  get details(): Readonly<Record<string, number>> {
    return this.source.report?.() as Readonly<Record<string, number>>;
  }

  end(): Promise<CaptureReport> {
    this.#ending.abort();
    return this.done;
  }

  events(): Note[] {
    return notesOf(this.path);
  }
}

export function notesOf(path: string): Note[] {
  const reader = openEventReader<Note, unknown>(path);
  try {
    const found: Note[] = [];
    const cursor = reader.cursor();
    while (cursor.next()) found.push(cursor.toObject());
    return found;
  } finally {
    reader.close();
  }
}

/** The numbers that each sender's notes have, in the order of the log. */
export function numbersBySender(found: readonly Note[]): Map<number, number[]> {
  const bySender = new Map<number, number[]>();
  for (const { sender, n } of found) {
    const numbers = bySender.get(sender) ?? [];
    if (numbers.length === 0) bySender.set(sender, numbers);
    numbers.push(n);
  }
  return bySender;
}

/** Waits, for as long as it takes. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 2);
    });
  }
}

/** A socket that sends at once, in the call, and nothing later. */
export async function datagramSender({ host, port }: ListeningAddress): Promise<Datagrams> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.connect(port, host);
  await once(socket, 'connect');
  closing.push(() => socket.close());
  return socket;
}

export async function connected(
  { host, port }: ListeningAddress,
  allowHalfOpen = false,
): Promise<Socket> {
  const socket = connect({ port, host, allowHalfOpen });
  await once(socket, 'connect');
  socket.on('error', () => {});
  closing.push(() => socket.destroy());
  return socket;
}

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** An intake that is full, and takes, as a test says. */
export class ScriptedIntake implements Intake<PlainEvent> {
  readonly schema = NOTE;
  readonly maxEventBytes = 1024 * 1024;
  readonly taken: Uint8Array[] = [];
  readonly rejects: string[] = [];
  readonly dropped: Record<string, number> = {};
  isClosed = false;
  isFull = false;
  /** What was given although it was full. */
  givenWhileFull = 0;
  /** So many events fill it. */
  room = Infinity;
  failure: Error | undefined;
  readonly #ending = new AbortController();
  readonly #waiting: (() => void)[] = [];

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  append(): void {
    throw new Error('Not used');
  }

  appendFlatBuffer(bytes: Uint8Array): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.isFull) this.givenWhileFull++;
    this.taken.push(bytes.slice());
    if (--this.room <= 0) this.isFull = true;
  }

  reject(reason: string, origin?: Origin): void {
    this.rejects.push(`${reason} (from ${origin?.sender ?? 'nobody'})`);
  }

  drop(count: number, why: string): void {
    this.dropped[why] = (this.dropped[why] ?? 0) + count;
  }

  ready(): Promise<void> {
    if (!this.isFull) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** There is room for so many. */
  makeRoom(room = Infinity): void {
    this.room = room;
    this.isFull = false;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  end(): void {
    this.#ending.abort();
  }
}
