/** Formats of input without a log behind them: what they make of bytes, in chunks of any size. */
import {
  decodeEvent,
  encodeEvent,
  jsonToEvent,
  verifyEvent,
  type EventSchema,
  type InputFormat,
  type Intake,
  type Origin,
} from '../../src/index.js';

export interface ReadInput {
  readonly schema: EventSchema;
  readonly events: readonly Record<string, unknown>[];
  readonly rejected: readonly {
    readonly line: number;
    readonly reason: string;
    readonly content: string;
  }[];
}

/** An intake that keeps what it takes, as a log would have it. */
export class KeepingIntake implements Intake {
  readonly schema: EventSchema;
  readonly signal = new AbortController().signal;
  readonly maxEventBytes = 1 << 20;
  readonly isFull = false;
  readonly isClosed = false;
  readonly events: Record<string, unknown>[] = [];
  readonly rejected: { line: number; reason: string; content: string }[] = [];

  constructor(schema: EventSchema) {
    this.schema = schema;
  }

  append(event: unknown, origin: Origin): void {
    this.#attempt(origin, () => {
      this.#keep(encodeEvent(this.schema, event));
    });
  }

  appendFlatBuffer(bytes: Uint8Array, origin: Origin): void {
    this.#attempt(origin, () => {
      verifyEvent(this.schema, bytes);
      this.#keep(bytes);
    });
  }

  reject(reason: string, origin: Origin): void {
    const content = Buffer.from(origin.content()).toString();
    this.rejected.push({ line: origin.line, reason, content });
  }

  drop(): void {}

  ready(): Promise<void> {
    return Promise.resolve();
  }

  #keep(bytes: Uint8Array): void {
    this.events.push(decoded(this.schema, bytes));
  }

  #attempt(origin: Origin, append: () => void): void {
    try {
      append();
    } catch (error) {
      this.reject((error as Error).message, origin);
    }
  }
}

/** Everything that a format makes of an input, in chunks that end at `cuts`. */
export function readInput(
  format: InputFormat,
  input: Uint8Array | string,
  { own, cuts = [] }: { readonly own?: EventSchema; readonly cuts?: readonly number[] } = {},
): ReadInput {
  const bytes = Buffer.from(input);
  const session = format.begin(own);
  const schema = session.settle(bytes, true) as EventSchema;
  const intake = new KeepingIntake(schema);
  const reader = session.start(intake);
  let at = 0;
  for (const cut of cuts) {
    reader.push(Buffer.from(bytes.subarray(at, at + cut)));
    at = Math.min(bytes.length, at + cut);
  }
  reader.push(Buffer.from(bytes.subarray(at)));
  reader.end();
  return { schema, events: intake.events, rejected: intake.rejected };
}

/** The same, one byte after the other. */
export function cutEverywhere(input: Uint8Array | string): number[] {
  return Array.from({ length: Buffer.byteLength(Buffer.from(input)) }, () => 1);
}

/** What `jsonToEvent` makes of a text, by way of the log's bytes, or why not. */
export function bySlowWay(schema: EventSchema, json: string): object | string {
  try {
    return decoded(schema, encodeEvent(schema, jsonToEvent(schema, json)));
  } catch (error) {
    return (error as Error).message;
  }
}

/** Without what is null. */
function decoded(schema: EventSchema, bytes: Uint8Array): Record<string, unknown> {
  const entries = Object.entries(decodeEvent(schema, bytes) as object);
  return Object.fromEntries(entries.filter(([, value]) => value !== null));
}
