/** The least and the largest value of a column chunk, by which readers pass over row groups. */
import type { MinMaxType } from 'hyparquet/src/types.js';
import type { ByteArraySink, NumberSink, ValueSink, WideSink } from './sinks.js';

export interface Bounds {
  readonly min_value: MinMaxType;
  readonly max_value: MinMaxType;
}

/** `undefined`: none are told; there are no values, or some that have no order. */
export function boundsOf(sink: ValueSink, isText: boolean): Bounds | undefined {
  if (sink.count === 0) return undefined;
  if (sink.kind === 'numbers') return ofNumbers(sink);
  if (sink.kind === 'wide') return ofWide(sink);
  if (sink.kind === 'names') return ofNames(sink.names, sink.indexes.subarray(0, sink.count));
  return isText ? ofTexts(sink) : undefined;
}

function ofNumbers({ values, count, isUnsigned }: NumberSink): Bounds | undefined {
  if (values instanceof Uint8Array) return undefined;
  const numbers =
    isUnsigned && values instanceof Int32Array ? new Uint32Array(values.buffer) : values;
  let min = numbers[0] as number;
  let max = min;
  for (let i = 0; i < count; i++) {
    const value = numbers[i] as number;
    // No number: what the bounds say of it, readers do not agree on.
    if (value !== value) return undefined;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // Either zero may be among the values, whichever was met first.
  const isFloat = !(values instanceof Int32Array);
  return {
    min_value: isFloat && min === 0 ? -0 : min,
    max_value: isFloat && max === 0 ? 0 : max,
  };
}

function ofWide({ words, count, isUnsigned }: WideSink): Bounds {
  // With the sign bit flipped, unsigned high words are in the order of signed ones.
  const flip = isUnsigned ? 0x8000_0000 : 0;
  const isLess = (a: number, b: number): boolean => {
    const [highA, highB] = [
      (words[2 * a + 1] as number) ^ flip,
      (words[2 * b + 1] as number) ^ flip,
    ];
    if (highA !== highB) return highA < highB;
    return (words[2 * a] as number) >>> 0 < (words[2 * b] as number) >>> 0;
  };
  let [min, max] = [0, 0];
  for (let i = 1; i < count; i++) {
    if (isLess(i, min)) min = i;
    else if (isLess(max, i)) max = i;
  }
  const values = isUnsigned ? new BigUint64Array(words.buffer) : new BigInt64Array(words.buffer);
  return { min_value: values[min] as bigint, max_value: values[max] as bigint };
}

function ofNames(names: readonly Buffer[], indexes: Int32Array): Bounds {
  const used = [...new Set(indexes)].map((index) => names[index] as Buffer);
  const sorted = used.toSorted((a, b) => a.compare(b));
  return { min_value: sorted[0] as Buffer, max_value: sorted.at(-1) as Buffer };
}

/** In the order of their bytes. Mostly the first four tell. */
function ofTexts({ bytes: { bytes }, ends, count }: ByteArraySink): Bounds {
  const prefixOf = (start: number, end: number): number => {
    if (end - start >= 4) return bytes.readUInt32BE(start);
    let prefix = 0;
    for (let i = 0; i < 4; i++) {
      prefix = prefix * 256 + (start + i < end ? (bytes[start + i] as number) : 0);
    }
    return prefix;
  };
  const firstEnd = ends[0] as number;
  const min = { start: 0, end: firstEnd, prefix: prefixOf(0, firstEnd) };
  const max = { ...min };
  let start = firstEnd;
  for (let i = 1; i < count; i++) {
    const end = ends[i] as number;
    const prefix = prefixOf(start, end);
    if (
      prefix < min.prefix ||
      (prefix === min.prefix && bytes.compare(bytes, min.start, min.end, start, end) < 0)
    ) {
      Object.assign(min, { start, end, prefix });
    }
    if (
      prefix > max.prefix ||
      (prefix === max.prefix && bytes.compare(bytes, max.start, max.end, start, end) > 0)
    ) {
      Object.assign(max, { start, end, prefix });
    }
    start = end;
  }
  return {
    min_value: new Uint8Array(bytes.subarray(min.start, min.end)),
    max_value: new Uint8Array(bytes.subarray(max.start, max.end)),
  };
}
