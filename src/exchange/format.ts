/** What formats of export have in common. */
import type { EventSchema } from '../events/schema.js';
import type { FunctionName } from '../scan/messages.js';
import type { EventBatch } from './event-batches.js';

/** How events are written into a file. Get one from `csvFile`, `jsonLinesFile`, `arrowFile` and so on. */
export interface OutputFormat {
  /** What it is, for people. */
  readonly name: string;
  /**
   * @internal Plans an export. A format that needs a package loads it here.
   * @throws {TypeError} the format cannot hold what is asked for
   */
  plan(
    schema: EventSchema,
    fields: readonly string[] | undefined,
  ): FormatPlan | Promise<FormatPlan>;
}

/** @internal An export in one format: threads encode pieces of the log, and one puts them together. */
export interface FormatPlan {
  /** Paths of the columns that the encoder wants to have, besides `$offset`. May be none. */
  readonly columns: readonly string[];
  /** An `EncoderMaker`. */
  readonly encoder: FunctionName;
  /** Given to it. Plain data. */
  readonly args: unknown;
  readonly assembler: Assembler;
  /** How large pieces of the log should be, if the usual size does not do. */
  readonly pieceBytes?: number;
}

/** @internal Makes an encoder in a thread of the pool, which is kept for all pieces of an export there. */
export type EncoderMaker<A> = (plan: EncoderPlan<A>) => PieceEncoder;

/** @internal */
export interface EncoderPlan<A> {
  readonly schema: EventSchema;
  readonly args: A;
}

/** @internal Turns the events of one piece after the other into what its assembler takes. */
export interface PieceEncoder {
  /** The chosen rows of a batch. What is in it is only good until this returns. */
  add(batch: EventBatch): void;
  /** What the piece has become. The next `add` begins another one. */
  finish(): EncodedPiece;
}

/** @internal */
export interface EncodedPiece {
  readonly value: unknown;
  /** Buffers that `value` consists of, and that are moved to the thread of the assembler. */
  readonly transfer: readonly ArrayBuffer[];
}

/** @internal Puts encoded pieces together, in the order of the log. Each part is written as it is. */
export interface Assembler {
  /** What a file begins with. */
  begin(): readonly Uint8Array[];
  take(piece: unknown): readonly Uint8Array[];
  /** What it ends with. */
  end(): readonly Uint8Array[];
}
