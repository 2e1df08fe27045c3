/**
 * A leaf's values of one row group as pages. What is stored is put together here, from typed arrays; headers,
 * levels and compression are the package's.
 */
import type { ColumnChunk, Encoding, ParquetType } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writePageHeader } from 'hyparquet-writer/src/datapage.js';
import { writeRleBitPackedHybrid } from 'hyparquet-writer/src/encoding.js';
import { boundsOf } from './bounds.js';
import type { Codec } from './codecs.js';
import { numberDictionary, textDictionary, type Dictionary } from './dictionary.js';
import type { Leaf } from './leaves.js';
import type { ByteArraySink, NumberSink, ValueSink } from './sinks.js';

/** Bytes as they follow one another in a file. */
export class Parts {
  readonly list: Uint8Array[] = [];
  length = 0;

  add(part: Uint8Array): void {
    this.list.push(part);
    this.length += part.length;
  }
}

/** About so large are pages before they are compressed. */
const PAGE_BYTES = 1024 * 1024;
/** Of what is narrow. */
const PAGE_VALUES = 131_072;

interface Page {
  /** Values, and what is missing. */
  readonly from: number;
  readonly to: number;
  /** Values. */
  readonly first: number;
  readonly end: number;
}

/** Adds the pages of a leaf, whose positions count from the first of `parts`. */
export function addChunk(leaf: Leaf, codec: Codec, parts: Parts): ColumnChunk {
  const { sink, element, path, shape } = leaf;
  const start = parts.length;
  const writer = new ChunkWriter(codec, parts);
  const { dictionary, values } = encodedValues(sink);
  if (dictionary !== undefined) writer.addDictionary(dictionary.page, dictionary.count);
  const dataStart = parts.length;
  const encoding: Encoding = dictionary === undefined ? 'PLAIN' : 'RLE_DICTIONARY';
  for (const page of pagesOf(leaf, values)) writer.addPage(leaf, page, encoding, values);
  const bounds = boundsOf(sink, shape.holds.kind === 'string');
  const nulls = leaf.count - sink.count;
  return {
    file_offset: BigInt(start),
    meta_data: {
      type: element.type as ParquetType,
      encodings: dictionary === undefined ? ['PLAIN', 'RLE'] : ['PLAIN', 'RLE', 'RLE_DICTIONARY'],
      path_in_schema: [...path],
      codec: codec.name,
      num_values: BigInt(leaf.count),
      total_uncompressed_size: BigInt(writer.uncompressedBytes),
      total_compressed_size: BigInt(parts.length - start),
      data_page_offset: BigInt(dataStart),
      ...(dictionary === undefined ? {} : { dictionary_page_offset: BigInt(start) }),
      statistics: { ...bounds, null_count: BigInt(nulls) },
    },
  };
}

class ChunkWriter {
  uncompressedBytes = 0;
  readonly #codec: Codec;
  readonly #parts: Parts;

  constructor(codec: Codec, parts: Parts) {
    this.#codec = codec;
    this.#parts = parts;
  }

  addDictionary(page: Uint8Array, count: number): void {
    const compressed = this.#codec.compress(page);
    const header = new ByteWriter();
    writePageHeader(header, {
      type: 'DICTIONARY_PAGE',
      uncompressed_page_size: page.length,
      compressed_page_size: compressed.length,
      dictionary_page_header: { num_values: count, encoding: 'PLAIN' },
    });
    this.#parts.add(header.getBytes());
    this.#parts.add(compressed);
    this.uncompressedBytes += header.offset + page.length;
  }

  addPage(leaf: Leaf, page: Page, encoding: Encoding, values: EncodedValues): void {
    const { from, to, first, end } = page;
    const levels = new ByteWriter();
    const { repetitions, definitions, maxRepetition, maxDefinition } = leaf;
    const repeated = repetitions.values.subarray(from, to);
    if (maxRepetition > 0) writeRleBitPackedHybrid(levels, repeated, bitsFor(maxRepetition));
    const repetitionBytes = levels.offset;
    const defined = definitions.values.subarray(from, to);
    if (maxDefinition > 0) writeRleBitPackedHybrid(levels, defined, bitsFor(maxDefinition));
    const bytes = values.between(first, end);
    const compressed = this.#compressed(bytes);
    const header = new ByteWriter();
    writePageHeader(header, {
      type: 'DATA_PAGE_V2',
      uncompressed_page_size: levels.offset + bytes.length,
      compressed_page_size: levels.offset + compressed.length,
      data_page_header_v2: {
        num_values: to - from,
        num_nulls: to - from - (end - first),
        num_rows: maxRepetition === 0 ? to - from : countZeros(repeated),
        encoding,
        repetition_levels_byte_length: repetitionBytes,
        definition_levels_byte_length: levels.offset - repetitionBytes,
        is_compressed: compressed !== bytes,
      },
    });
    for (const part of [header.getBytes(), levels.getBytes(), compressed]) this.#parts.add(part);
    this.uncompressedBytes += header.offset + levels.offset + bytes.length;
  }

  /** What does not get smaller stays as it is: that is faster to read. */
  #compressed(bytes: Uint8Array): Uint8Array {
    if (this.#codec.name === 'UNCOMPRESSED' || bytes.length === 0) return bytes;
    const compressed = this.#codec.compress(bytes);
    return compressed.length < bytes.length ? compressed : bytes;
  }
}

function bitsFor(most: number): number {
  return 32 - Math.clz32(most);
}

function countZeros(levels: Uint8Array): number {
  let count = 0;
  for (const level of levels) if (level === 0) count++;
  return count;
}

// --- Pages ---

/** A page ends where a row does. */
function* pagesOf(leaf: Leaf, { bytesOf }: EncodedValues): Generator<Page> {
  const { count, sink, maxDefinition, maxRepetition } = leaf;
  const isPlain = sink.count === count && maxRepetition === 0 && typeof bytesOf === 'number';
  if (isPlain) {
    for (let from = 0; from < count; from += PAGE_VALUES) {
      const to = Math.min(count, from + PAGE_VALUES);
      yield { from, to, first: from, end: to };
    }
    return;
  }
  const definitions = leaf.definitions.values;
  const repetitions = leaf.repetitions.values;
  const isWithinRow = (entry: number): boolean => maxRepetition > 0 && repetitions[entry] !== 0;
  let [from, first, at, value] = [0, 0, 0, 0];
  while (at < count) {
    let bytes = 0;
    do {
      if (maxDefinition === 0 || definitions[at] === maxDefinition) {
        bytes += typeof bytesOf === 'number' ? bytesOf : bytesOf(value);
        value++;
      }
      at++;
    } while (at < count && ((bytes < PAGE_BYTES && at - from < PAGE_VALUES) || isWithinRow(at)));
    yield { from, to: at, first, end: value };
    [from, first] = [at, value];
  }
}

// --- Values ---

interface EncodedValues {
  /** Of these values. */
  between(first: number, end: number): Uint8Array;
  /** Bytes of each, or of one. */
  readonly bytesOf: number | ((index: number) => number);
}

interface Encoded {
  readonly dictionary: { readonly page: Uint8Array; readonly count: number } | undefined;
  readonly values: EncodedValues;
}

const NOTHING: Encoded = {
  dictionary: undefined,
  values: { bytesOf: 0, between: () => new Uint8Array(0) },
};

function encodedValues(sink: ValueSink): Encoded {
  switch (sink.kind) {
    case 'names':
      if (sink.count === 0) return NOTHING;
      return byDictionary(sink.indexes, plainTexts(sink.names), sink.names.length);
    case 'bytes':
      return encodedBytes(sink);
    case 'wide': {
      const bytes = new Uint8Array(sink.words.buffer);
      const found = numberDictionary(sink.words, 2, sink.count);
      return encodedNumbers(bytes, 8, found);
    }
    default:
      return sink.values instanceof Uint8Array
        ? { dictionary: undefined, values: bits(sink.values) }
        : encodedNumbersOf(sink);
  }
}

function encodedNumbersOf({ values: { buffer, BYTES_PER_ELEMENT }, count }: NumberSink): Encoded {
  const width = BYTES_PER_ELEMENT === 8 ? 2 : 1;
  const found = numberDictionary(new Int32Array(buffer), width, count);
  return encodedNumbers(new Uint8Array(buffer), BYTES_PER_ELEMENT, found);
}

function encodedNumbers(
  bytes: Uint8Array,
  width: number,
  dictionary: Dictionary | undefined,
): Encoded {
  if (dictionary === undefined) {
    const between = (first: number, end: number): Uint8Array =>
      bytes.subarray(width * first, width * end);
    return { dictionary, values: { bytesOf: width, between } };
  }
  const { indexes, firsts } = dictionary;
  const page = new Uint8Array(width * firsts.length);
  firsts.forEach((first, i) =>
    page.set(bytes.subarray(width * first, width * (first + 1)), width * i),
  );
  return byDictionary(indexes, page, firsts.length);
}

function encodedBytes(sink: ByteArraySink): Encoded {
  const { bytes: content, ends } = sink;
  const startOf = (index: number): number => (index === 0 ? 0 : (ends[index - 1] as number));
  const dictionary = textDictionary(sink);
  if (dictionary !== undefined) {
    const { indexes, firsts } = dictionary;
    const texts = Array.from(firsts, (at) => content.bytes.subarray(startOf(at), ends[at]));
    return byDictionary(indexes, plainTexts(texts), firsts.length);
  }
  const between = (first: number, end: number): Uint8Array => {
    const from = startOf(first);
    const page = Buffer.allocUnsafe(startOf(end) - from + 4 * (end - first));
    let at = 0;
    for (let i = first; i < end; i++) {
      const [start, stop] = [startOf(i), ends[i] as number];
      at = page.writeUInt32LE(stop - start, at);
      at += content.bytes.copy(page, at, start, stop);
    }
    return page;
  };
  const bytesOf = (index: number): number => 4 + (ends[index] as number) - startOf(index);
  return { dictionary: undefined, values: { bytesOf, between } };
}

/** Each with its length in front. */
function plainTexts(texts: readonly Uint8Array[]): Uint8Array {
  const bytes = texts.reduce((sum, { length }) => sum + 4 + length, 0);
  const page = Buffer.alloc(bytes);
  let at = 0;
  for (const text of texts) {
    at = page.writeUInt32LE(text.length, at);
    page.set(text, at);
    at += text.length;
  }
  return page;
}

function byDictionary(indexes: Int32Array, page: Uint8Array, count: number): Encoded {
  const width = Math.max(1, bitsFor(count - 1));
  const between = (first: number, end: number): Uint8Array => {
    const writer = new ByteWriter();
    writer.appendUint8(width);
    writeRleBitPackedHybrid(writer, indexes.subarray(first, end), width);
    return writer.getBytes();
  };
  return { dictionary: { page, count }, values: { bytesOf: width / 8, between } };
}

function bits(values: Uint8Array): EncodedValues {
  const between = (first: number, end: number): Uint8Array => {
    const page = new Uint8Array(Math.ceil((end - first) / 8));
    for (let i = first; i < end; i++) {
      const at = i - first;
      if (values[i] !== 0) page[at >> 3] = (page[at >> 3] as number) | (1 << (at & 7));
    }
    return page;
  };
  return { bytesOf: 1 / 8, between };
}
