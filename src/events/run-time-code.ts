/**
 * The one place where code is made at run time. It is made from a schema: of names, which go in as string
 * literals only, and of integers that the layout has computed; never of an event's content.
 */
import { LogError } from '../errors.js';

/**
 * Compiles the body of a function and calls it. `support` is what the code may use besides the language.
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this process may not make code of strings
 */
export function runCode(body: string, support: Readonly<Record<string, unknown>>): unknown {
  try {
    // oxlint-disable-next-line typescript/no-implied-eval -- this is what the file is for
    const make = new Function(...Object.keys(support), `'use strict';\n${body}`) as (
      ...values: unknown[]
    ) => unknown;
    return make(...Object.values(support));
  } catch (error) {
    if (!(error instanceof EvalError)) throw error;
    throw new LogError(
      'UNSUPPORTED_PLATFORM',
      'Cannot compile the schema: Node.js was started with --disallow-code-generation-from-strings',
      { cause: error },
    );
  }
}
