/** What a fuzz target is: a decoder, the inputs that it begins with, and what may come of an input. */

/** A decoder under fire. */
export interface Target {
  /** Also the name of its file in the corpus. */
  readonly name: string;
  /** Files below `dist`, by the beginnings of their paths, whose branches guide the search. */
  readonly files: readonly string[];
  /** Of the longest input. */
  readonly maxBytes: number;
  /** In a round: about a second's worth. */
  readonly executions: number;
  /** Inputs that are what the decoder is for. */
  readonly seeds: readonly Uint8Array[];
  /** Bytes that mean something to it, put into inputs now and then. */
  readonly words: readonly Uint8Array[];
  /**
   * Decodes an input, and returns what came of it, in so few words that two runs can be compared. Throws
   * whatever is a fault. The input is valid until it has come to its end.
   */
  run(input: Uint8Array): string | number | Promise<string | number>;
}

/** Messages of V8 and Node: nobody has thought of what happened there, and said so. */
const NOT_OURS = [
  /^Cannot (?:read|set) propert|^Cannot (?:convert|destructure|mix|create|assign|access) /,
  / is not (?:a function|iterable|a constructor|defined|extensible)/,
  /^Maximum call stack|^Invalid (?:typed )?array (?:buffer )?length|^Invalid string length/,
  /^(?:Start o|o|O)ffset .*(?:out of|outside the) bounds|^Array buffer allocation/,
  /cannot be converted to a BigInt|^Invalid count value|^Invalid time value|^Reduce of empty/,
  /^The value of "|^The "\w+" argument|^Attempt to access memory/,
];

/** Whether an error is one of those that the library documents: typed, or misuse that it has noticed. */
export function isDocumented(error: unknown, LogError: new (...args: never[]) => Error): boolean {
  if (error instanceof LogError) return true;
  return isMisuse(error);
}

/** A `TypeError` or `RangeError` that the library has thrown itself. */
export function isMisuse(error: unknown): boolean {
  if (!(error instanceof TypeError || error instanceof RangeError)) return false;
  return !NOT_OURS.some((pattern) => pattern.test(error.message));
}

/** What `run` returns, or the message of what it throws, if that is a refusal. */
export function outcome(run: () => unknown, isRefusal: (error: unknown) => boolean): string {
  try {
    return String(run());
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return `refused: ${(error as Error).message}`;
  }
}

export function expectSame(what: string, found: unknown, expected: unknown): void {
  if (Object.is(found, expected)) return;
  throw new Error(`${what}: expected ${String(expected)}, found ${String(found)}`);
}

export function ascii(...texts: readonly string[]): Uint8Array[] {
  return texts.map((text) => Uint8Array.from(Buffer.from(text)));
}

export function u32(...values: readonly number[]): Uint8Array[] {
  return values.map((value) => new Uint8Array(Uint32Array.of(value).buffer));
}
