/** An error on its way between threads, where it would lose its class and perhaps more. */
import { types } from 'node:util';
import * as errors from '../errors.js';

export type PackedError =
  | {
      readonly kind: 'error';
      /** The nearest of its classes that the other side knows. */
      readonly className: string;
      readonly name: string;
      readonly message: string;
      readonly stack: string | undefined;
      readonly fields: Readonly<Record<string, unknown>>;
      readonly cause: PackedError | undefined;
    }
  /** Something else was thrown. */
  | { readonly kind: 'value'; readonly value: unknown };

type ErrorClass = abstract new (...args: never[]) => Error;

const LOG_ERRORS = Object.entries(errors).filter(([, value]) => isErrorClass(value));
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map<string, ErrorClass>([
  ...(LOG_ERRORS as [string, ErrorClass][]),
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map(
    (known): [string, ErrorClass] => [known.name, known],
  ),
]);
const MAX_CAUSES = 8;

function isErrorClass(value: unknown): boolean {
  return typeof value === 'function' && value.prototype instanceof Error;
}

export function packError(thrown: unknown, depth = 0): PackedError {
  if (!types.isNativeError(thrown) && !(thrown instanceof Error)) {
    return { kind: 'value', value: isCloneable(thrown) ? thrown : String(thrown) };
  }
  // Anything may have been put there.
  const { name, message, stack, cause } = thrown as unknown as Readonly<Record<string, unknown>>;
  const fields = Object.entries(thrown).filter(
    ([key, value]) => key !== 'cause' && isCloneable(value),
  );
  const hasCause = cause !== undefined && depth < MAX_CAUSES;
  return {
    kind: 'error',
    className: classNameOf(thrown),
    name: String(name),
    message: String(message),
    stack: typeof stack === 'string' ? stack : undefined,
    fields: Object.fromEntries(fields),
    cause: hasCause ? packError(cause, depth + 1) : undefined,
  };
}

export function unpackError(packed: PackedError): unknown {
  if (packed.kind === 'value') return packed.value;
  const { className, name, message, stack, fields, cause } = packed;
  const options = cause === undefined ? undefined : { cause: unpackError(cause) };
  const error = new Error(message, options);
  // A native error either way; its class decides what it is an instance of.
  Object.setPrototypeOf(error, (CLASSES.get(className) ?? Error).prototype as object);
  Object.assign(error, fields);
  define(error, 'stack', stack);
  if (error.name !== name) define(error, 'name', name);
  return error;
}

/** What an error says in one line. */
export function describeError(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown instanceof errors.LogError || thrown.name === 'Error'
    ? thrown.message
    : `${thrown.name}: ${thrown.message}`;
}

/** Whether a value can be sent to another thread. */
function isCloneable(value: unknown): boolean {
  return cloneFault(value) === undefined;
}

/** Why a value cannot be sent to another thread; `undefined` if it can. */
export function cloneFault(value: unknown): string | undefined {
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') {
    return undefined;
  }
  if (value === null || ArrayBuffer.isView(value)) return undefined;
  try {
    structuredClone(value);
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

function classNameOf(error: Error): string {
  for (
    let prototype: unknown = Object.getPrototypeOf(error);
    prototype instanceof Object;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const { name } = prototype.constructor;
    if (CLASSES.get(name)?.prototype === prototype) return name;
  }
  return 'Error';
}

function define(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
