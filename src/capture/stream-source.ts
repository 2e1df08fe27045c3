/** Sources that are streams of bytes: standard input, a socket, a serial port; files and pipes. */
import type { Readable } from 'node:stream';
import { InputError } from '../errors.js';
import type { EventSchema } from '../events/schema.js';
import { ByteStream, RESTART, type Chunk } from './byte-stream.js';
import {
  SAMPLE_BYTES,
  type FormatReader,
  type FormatSession,
  type InputFormat,
} from './formats/format.js';
import type { CaptureSource, Intake } from './source.js';
import { Turns } from './turns.js';

export interface StreamSourceOptions {
  /** How events are written: `csv()`, `jsonLines()`, `flatBuffers()`. */
  readonly format: InputFormat;
  /** What the source is called in reports (default `stream`). */
  readonly name?: string;
}

/** What a source of bytes is made of. */
export interface ByteInput {
  readonly name: string;
  readonly format: InputFormat;
  /** Called once; what it gives ends at the signal. */
  open(signal: AbortSignal): AsyncIterable<Chunk>;
  /** What the input has to tell besides, for the report. */
  details?(): Readonly<Record<string, unknown>>;
}

/** After so long the first bytes of a slow stream have to do as a sample. */
const SAMPLE_MS = 1000;
/** Between two looks whether the log needs time, no more than this is given to it. */
const SLICE_BYTES = 16 * 1024;
/** No row, and no header, is longer. */
const MAX_SAMPLE_BYTES = 64 * SAMPLE_BYTES;

/**
 * Events from a stream of bytes. Rows and messages that are none are rejected one by one, and the stream
 * goes on; only one of length-prefixed FlatBuffers ends where a length makes no sense. The stream is
 * destroyed when the capture ends.
 */
export function streamSource<Event = unknown>(
  input: Readable | AsyncIterable<Uint8Array>,
  { format, name = 'stream' }: StreamSourceOptions,
): CaptureSource<Event> {
  return new ByteSource({ name, format, open: (signal) => untilAborted(input, signal) });
}

/** A stream that nobody reads any more is destroyed. */
function untilAborted(
  input: Readable | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  if ('destroy' in input) {
    signal.addEventListener('abort', () => input.destroy(), { once: true });
  }
  return input;
}

/** What chunks of bytes are made into events by. */
export class ByteSource<Event> implements CaptureSource<Event> {
  readonly name: string;
  readonly #input: ByteInput;
  readonly #closing = new AbortController();
  #stream: ByteStream | undefined;
  #session: FormatSession | undefined;
  /** What has been read to settle what events are. */
  #sample: Buffer[] = [];
  /** Another input begins behind the sample. */
  #restartsBehind = false;
  #hasEnded = false;
  #bytes = 0;
  #unfinishedBytes = 0;

  constructor(input: ByteInput) {
    this.name = input.name;
    this.#input = input;
  }

  async open(own: EventSchema | undefined, signal: AbortSignal): Promise<EventSchema<Event>> {
    this.#stream = new ByteStream(this.#input.open(this.#closing.signal));
    this.#session = this.#input.format.begin(own);
    return (await this.#settle(this.#session, this.#stream, signal)) as EventSchema<Event>;
  }

  async run(intake: Intake<Event>): Promise<void> {
    const [stream, session] = [this.#stream as ByteStream, this.#session as FormatSession];
    const reader = session.start(intake);
    const { signal } = intake;
    // Chunks that are there already, as those of an iterable in memory, would keep the event loop.
    const turns = new Turns(1);
    try {
      await this.#give(reader, this.#sampled(), intake);
      this.#sample = [];
      if (this.#restartsBehind) reader.restart();
      while (!this.#hasEnded && !signal.aborted) {
        const next = await stream.next(signal);
        if (next === 'aborted' || next === 'timeout') break;
        if (next === 'end') this.#hasEnded = true;
        else if (next.chunk === RESTART) reader.restart();
        else await this.#give(reader, toBuffer(next.chunk), intake);
        if (turns.isOver()) await turns.next();
      }
      if (this.#hasEnded && !signal.aborted) reader.end();
    } finally {
      this.#unfinishedBytes = reader.pendingBytes;
    }
  }

  close(): void {
    this.#closing.abort();
    this.#stream?.close();
  }

  report(): Readonly<Record<string, unknown>> {
    return {
      format: this.#input.format.name,
      bytes: this.#bytes,
      unfinishedBytes: this.#unfinishedBytes,
      ...this.#input.details?.(),
    };
  }

  async #settle(
    session: FormatSession,
    stream: ByteStream,
    signal: AbortSignal,
  ): Promise<EventSchema> {
    for (let size = 0, isTimeUp = session.wants === 'beginning', startedAt = 0; ;) {
      const isEnough = isTimeUp || this.#restartsBehind || size >= SAMPLE_BYTES || signal.aborted;
      const isLooked = this.#hasEnded || (isEnough && size > 0);
      if (isLooked || session.wants === 'nothing') {
        const schema = session.settle(this.#sampled(), this.#hasEnded);
        if (schema !== undefined) return schema;
      }
      signal.throwIfAborted();
      size = this.#goOn(size);
      const left = isTimeUp || size === 0 ? undefined : startedAt + SAMPLE_MS - performance.now();
      const next = await stream.next(signal, left === undefined ? undefined : Math.max(left, 0));
      if (next === 'timeout') isTimeUp = true;
      else if (next === 'end') this.#hasEnded = true;
      else if (next !== 'aborted') {
        if (size === 0) startedAt = performance.now();
        size += this.#addToSample(next.chunk);
      }
    }
  }

  /** Everything that has come so far, in one piece. */
  #sampled(): Buffer {
    this.#sample = [Buffer.concat(this.#sample)];
    return this.#sample[0] as Buffer;
  }

  /** After a look at so many bytes that have said nothing. Returns how many are kept. */
  #goOn(size: number): number {
    const { name } = this;
    if (this.#hasEnded) throw new InputError(`${name} says nothing of what its events are`);
    if (size > MAX_SAMPLE_BYTES) {
      throw new InputError(
        `The first ${size.toLocaleString('en-US')} bytes of ${name} have no event`,
      );
    }
    if (!this.#restartsBehind) return size;
    this.#restartsBehind = false;
    this.#sample = [];
    return 0;
  }

  /** Returns how much it is. */
  #addToSample(chunk: Chunk): number {
    if (chunk === RESTART) {
      this.#restartsBehind = this.#sample.length > 0;
      return 0;
    }
    this.#sample.push(toBuffer(chunk));
    return chunk.length;
  }

  /** Gives no more at once than the log takes. */
  async #give(reader: FormatReader, chunk: Buffer, intake: Intake<Event>): Promise<void> {
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
      if (intake.isFull) await intake.ready();
      if (intake.signal.aborted) return;
      reader.push(chunk.subarray(at, at + SLICE_BYTES));
    }
  }
}

function toBuffer(chunk: Uint8Array): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk;
  if (chunk instanceof Uint8Array) {
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  }
  throw new TypeError('Cannot capture the stream: expected chunks of bytes; was an encoding set?');
}
