/** FlatBuffers with their lengths in front, as a format of input. */
import { InputError } from '../../errors.js';
import type { EventSchema } from '../../events/schema.js';
import { LengthSplitter } from '../framing.js';
import type { Intake, Origin } from '../source.js';
import type { FormatReader, FormatSession, InputFormat } from './format.js';

/**
 * Each event is preceded by its length, a little-endian u32, as `stratalog cat --framing length` writes it.
 * One that is malformed is rejected. A length that makes no sense, or an end within an event, ends the
 * capture with an error: there is no telling where the next one begins. It takes a schema.
 */
export function flatBuffers(): InputFormat {
  return { name: 'flatbuffers', begin: (own) => new FlatBufferSession(own) };
}

class FlatBufferSession implements FormatSession {
  readonly wants = 'nothing';
  readonly #own: EventSchema | undefined;

  constructor(own: EventSchema | undefined) {
    this.#own = own;
  }

  settle(): EventSchema {
    if (this.#own !== undefined) return this.#own;
    throw new InputError(
      'FlatBuffers do not say what is in them: give a schema, or a log that has one',
    );
  }

  start(intake: Intake): FormatReader {
    return new FlatBufferReader(intake);
  }
}

class FlatBufferReader implements FormatReader, Origin {
  readonly #intake: Intake;
  #records: LengthSplitter;
  #line = 0;
  #content: Uint8Array = Buffer.alloc(0);

  constructor(intake: Intake) {
    this.#intake = intake;
    this.#records = this.#splitter();
  }

  get line(): number {
    return this.#line;
  }

  content(): Uint8Array {
    return this.#content;
  }

  get pendingBytes(): number {
    return this.#records.pendingBytes;
  }

  push(chunk: Buffer): void {
    this.#records.push(chunk);
  }

  end(): void {
    this.#records.end();
  }

  /** Here it is known where the next one begins. */
  restart(): void {
    try {
      this.#records.end();
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.#line++;
      this.#content = Buffer.alloc(0);
      this.#intake.reject(error.message, this);
    }
    this.#records = this.#splitter();
    this.#line = 0;
  }

  #splitter(): LengthSplitter {
    return new LengthSplitter((event) => this.#take(event), {
      maxBytes: this.#intake.maxEventBytes,
    });
  }

  #take(event: Uint8Array): void {
    this.#line++;
    this.#content = event;
    this.#intake.appendFlatBuffer(event, this);
  }
}
