/** What formats of input have in common. */
import type { EventSchema } from '../../events/schema.js';
import type { Intake } from '../source.js';

/** How events are written in a stream of bytes. Get one from `csv`, `jsonLines`, `flatBuffers` or `csvOrJson`. */
export interface InputFormat {
  /** What it is, for people. */
  readonly name: string;
  /** @internal Begins to read one input. `own`: what the events are to be, if that is known already. */
  begin(own: EventSchema | undefined): FormatSession;
}

/** @internal One input, until it is settled what its events are, and then to its end. */
export interface FormatSession {
  /**
   * How much has to be seen of the input first: nothing; its first line; or so much of it that the types
   * of what is in it can be told.
   */
  readonly wants: 'nothing' | 'beginning' | 'sample';
  /**
   * Says what events are, by the first bytes of the input; `undefined` if it needs more of them.
   * `isWhole`: there are no more.
   * @throws {InputError} this cannot be captured
   */
  settle(sample: Buffer, isWhole: boolean): EventSchema | undefined;
  /** Reads everything, the sample included. */
  start(intake: Intake): FormatReader;
}

/** @internal Takes the bytes of an input, in chunks as they come. */
export interface FormatReader {
  /** The chunk must not change afterwards. */
  push(chunk: Buffer): void;
  /**
   * The input has ended.
   * @throws {InputError} where that cannot be
   */
  end(): void;
  /** Another input follows: a file in the place of the old one, another writer of a pipe. */
  restart(): void;
  /** Bytes of what has begun and not ended. */
  readonly pendingBytes: number;
}

/** Of so many bytes the types of an input are told. */
export const SAMPLE_BYTES = 1024 * 1024;
