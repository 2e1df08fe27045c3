/** Questions about values of an event that generated code, `checkEvent` and `jsonToEvent` ask alike. */

/** What tables and structs are taken from; arrays and bytes are none, as they would be without any field. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !ArrayBuffer.isView(value)
  );
}

/** Number of elements of an array, typed or not, or of something like one; -1 for everything else. */
export function countOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return -1;
  const { length } = value as { readonly length?: unknown };
  return typeof length === 'number' && Number.isSafeInteger(length) && length >= 0 ? length : -1;
}

/** Whether it is an array, typed or not. */
export function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

const typedArray = Object.getPrototypeOf(Uint8Array.prototype) as object;
const { get: typedLength } = Object.getOwnPropertyDescriptor(typedArray, 'length') as {
  get: (this: unknown) => number;
};

/** Number of elements of a typed array, whatever its `length` says. */
export function lengthOf(value: unknown): number {
  return typedLength.call(value);
}

export function isInt64(value: unknown): boolean {
  return typeof value === 'bigint' && BigInt.asIntN(64, value) === value;
}

export function isUint64(value: unknown): boolean {
  return typeof value === 'bigint' && BigInt.asUintN(64, value) === value;
}

/** Whether a union's type says that there is no value. */
export function isNone(type: unknown): boolean {
  return type === undefined || type === null || type === 'NONE' || type === 0;
}

/** A property that the object itself has. */
export function own(object: object, name: string): unknown {
  return Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined;
}
