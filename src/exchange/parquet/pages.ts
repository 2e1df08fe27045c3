/**
 * Values of one leaf in one row group, page by page. The package decodes values; what it would take on trust
 * (sizes, counts, runs) is checked here before.
 */
import type { CompressionCodec, DecodedArray, Encoding, PageHeader, ParquetType } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { deltaBinaryUnpack, deltaLengthByteArray } from 'hyparquet/src/delta.js';
import { byteStreamSplit } from 'hyparquet/src/encoding.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { decompressed } from './decompress.js';
import { readRuns } from './runs.js';
import { checkStruct } from './thrift.js';

/** What is known of a leaf by the file's schema. */
export interface LeafPlace {
  readonly path: readonly string[];
  readonly type: ParquetType;
  /** Bytes of each value of fixed length. */
  readonly typeLength: number | undefined;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

/** Memory that pages take while they are read. */
export class Budget {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws {RangeError} */
  take(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken <= this.#most) return;
    throw new RangeError(
      `its row group takes more than the ${this.#most.toLocaleString('en-US')} bytes of memory that are allowed (maxMemoryBytes)`,
    );
  }

  release(bytes: number): void {
    this.#taken -= bytes;
  }
}

/** What a value in an array costs, about. */
const VALUE_BYTES = 16;
const MAX_PAGE_BYTES = 2 ** 31 - 1;

/** Values of a page as they are stored. */
export interface StoredValues {
  readonly count: number;
  /** Of the page, or of the chunk's dictionary. */
  readonly values: DecodedArray;
  /** Into the dictionary. */
  readonly indexes: Int32Array | undefined;
}

export interface Page {
  readonly entries: number;
  /** `undefined`: there is a value for each entry. */
  readonly definitions: Uint8Array | undefined;
  readonly repetitions: Uint8Array | undefined;
  readonly stored: StoredValues;
}

/** Pages of a column chunk, which is in memory. */
export class Pages {
  readonly #leaf: LeafPlace;
  readonly #codec: CompressionCodec;
  readonly #bytes: Uint8Array;
  readonly #budget: Budget;
  #at = 0;
  /** Entries that are still to come. */
  #left: number;
  #dictionary: DecodedArray | undefined;
  #held = 0;

  constructor(
    leaf: LeafPlace,
    codec: CompressionCodec,
    bytes: Uint8Array,
    entries: number,
    budget: Budget,
  ) {
    this.#leaf = leaf;
    this.#codec = codec;
    this.#bytes = bytes;
    this.#left = entries;
    this.#budget = budget;
  }

  /** The next page, for which the one before is let go; `undefined` behind the last. */
  next(): Page | undefined {
    this.#budget.release(this.#held);
    this.#held = 0;
    while (this.#left > 0) {
      if (this.#at >= this.#bytes.length) throw new RangeError('it ends before its last value');
      const page = this.#read();
      if (page === undefined) continue;
      this.#left -= page.entries;
      return page;
    }
    return undefined;
  }

  #read(): Page | undefined {
    const bytes = this.#bytes;
    const start = checkStruct(bytes, this.#at);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = parquetHeader({ view, offset: this.#at });
    const { compressed_page_size: size, uncompressed_page_size: length } = header;
    if (!isCount(size, bytes.length - start) || !isCount(length, MAX_PAGE_BYTES)) {
      throw new RangeError(`it has a page of ${size} bytes, ${length} when it is not compressed`);
    }
    this.#at = start + size;
    const stored = bytes.subarray(start, start + size);
    if (header.type === 'DICTIONARY_PAGE') return this.#readDictionary(header, stored);
    if (header.type === 'DATA_PAGE') return this.#readFirst(header, stored);
    if (header.type === 'DATA_PAGE_V2') return this.#readSecond(header, stored);
    return undefined;
  }

  #readDictionary(header: PageHeader, stored: Uint8Array): undefined {
    const { num_values: count = -1 } = header.dictionary_page_header ?? {};
    const length = header.uncompressed_page_size;
    if (this.#dictionary !== undefined) throw new RangeError('it has two dictionaries');
    // Of fixed values as well: none takes less than a bit.
    if (!isCount(count, 8 * length)) throw new RangeError('its dictionary is damaged');
    this.#budget.take(length + VALUE_BYTES * count);
    const page = decompressed(this.#codec, stored, length);
    this.#dictionary = plain(this.#leaf, page, count);
    return undefined;
  }

  /** Levels are compressed with the values, each with their length in front. */
  #readFirst(header: PageHeader, stored: Uint8Array): Page {
    const of = header.data_page_header;
    if (of === undefined) throw new RangeError('its page has no header');
    const entries = this.#entries(of.num_values, header);
    const { maxRepetition, maxDefinition } = this.#leaf;
    const page = decompressed(this.#codec, stored, header.uncompressed_page_size);
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    let at = 0;
    const levels = (most: number, how: Encoding | undefined): Uint8Array | undefined => {
      if (most === 0) return undefined;
      if (how !== 'RLE') throw new RangeError(`its levels are encoded as ${how}`);
      const bytes = page.length - at < 4 ? -1 : view.getUint32(at, true);
      if (!isCount(bytes, page.length - at - 4)) throw new RangeError('its levels are damaged');
      const found = levelsOf(page, at + 4, at + 4 + bytes, most, entries);
      at += 4 + bytes;
      return found;
    };
    const repetitions = levels(maxRepetition, of.repetition_level_encoding);
    const definitions = levels(maxDefinition, of.definition_level_encoding);
    return this.#page(entries, definitions, repetitions, page.subarray(at), of.encoding);
  }

  /** Levels stand before the values, and are not compressed. */
  #readSecond(header: PageHeader, stored: Uint8Array): Page {
    const second = header.data_page_header_v2;
    if (second === undefined) throw new RangeError('its page has no header');
    const entries = this.#entries(second.num_values, header);
    const { maxRepetition, maxDefinition } = this.#leaf;
    const repeated = second.repetition_levels_byte_length;
    const defined = second.definition_levels_byte_length;
    const most = Math.min(stored.length, header.uncompressed_page_size);
    if (!isCount(repeated, most) || !isCount(defined, most - repeated)) {
      throw new RangeError('its levels are damaged');
    }
    const behind = repeated + defined;
    const repetitions = levelsOf(stored, 0, repeated, maxRepetition, entries);
    const definitions = levelsOf(stored, repeated, behind, maxDefinition, entries);
    const values = stored.subarray(behind);
    const length = header.uncompressed_page_size - behind;
    const codec = second.is_compressed === false ? 'UNCOMPRESSED' : this.#codec;
    const page = decompressed(codec, values, length);
    return this.#page(entries, definitions, repetitions, page, second.encoding);
  }

  #entries(count: number, { uncompressed_page_size }: PageHeader): number {
    if (!isCount(count, this.#left)) {
      throw new RangeError(`it has a page of more values than the ${this.#left} that are left`);
    }
    this.#held = uncompressed_page_size + VALUE_BYTES * count;
    this.#budget.take(this.#held);
    return count;
  }

  #page(
    entries: number,
    definitions: Uint8Array | undefined,
    repetitions: Uint8Array | undefined,
    bytes: Uint8Array,
    encoding: Encoding,
  ): Page {
    const { maxDefinition } = this.#leaf;
    let count = entries;
    if (definitions !== undefined) {
      count = 0;
      for (const level of definitions) {
        if (level === maxDefinition) count++;
        else if (level > maxDefinition) throw new RangeError('its levels are damaged');
      }
    }
    const stored = this.#values(encoding, bytes, count);
    return { entries, definitions, repetitions, stored };
  }

  #values(encoding: Encoding, bytes: Uint8Array, count: number): StoredValues {
    if (encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') {
      return this.#fromDictionary(bytes, count);
    }
    if (count === 0) return { count, values: [], indexes: undefined };
    const hold = (more: number): void => {
      this.#budget.take(more);
      this.#held += more;
    };
    return {
      count,
      values: valuesOf(this.#leaf, encoding, bytes, count, hold),
      indexes: undefined,
    };
  }

  #fromDictionary(bytes: Uint8Array, count: number): StoredValues {
    const values = this.#dictionary;
    if (count === 0) return { count, values: [], indexes: undefined };
    if (values === undefined) throw new RangeError('its dictionary is missing');
    const indexes = new Int32Array(count);
    if (bytes.length === 0) throw new RangeError('it has fewer values than it says');
    readRuns(bytes, 1, bytes.length, bytes[0] as number, indexes);
    for (const index of indexes) {
      if (index >= values.length) throw new RangeError('it has values outside of its dictionary');
    }
    return { count, values, indexes };
  }
}

/** Of what a file says, whatever the package calls it. */
function isCount(value: number, most: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

function levelsOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  most: number,
  count: number,
): Uint8Array | undefined {
  if (most === 0) return undefined;
  const levels = new Uint8Array(count);
  readRuns(bytes, from, to, 32 - Math.clz32(most), levels);
  return levels;
}

// --- Values ---

/** Bits that a value takes at least. */
function leastBits({ type, typeLength }: LeafPlace): number {
  switch (type) {
    case 'BOOLEAN':
      return 1;
    case 'INT32':
    case 'FLOAT':
    case 'BYTE_ARRAY':
      return 32;
    case 'INT64':
    case 'DOUBLE':
      return 64;
    case 'INT96':
      return 96;
    default:
      return 8 * (typeLength ?? 0);
  }
}

function plain(leaf: LeafPlace, bytes: Uint8Array, count: number): DecodedArray {
  if (count * leastBits(leaf) > 8 * bytes.length) throw fewer();
  return readWithin(bytes, (reader) => readPlain(reader, leaf.type, count, leaf.typeLength));
}

interface Reader {
  readonly view: DataView;
  offset: number;
}

/** What the package has read may not lie behind the page. */
function readWithin<T>(bytes: Uint8Array, read: (reader: Reader) => T): T {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader = { view, offset: 0 };
  const values = read(reader);
  if (reader.offset > bytes.length) throw fewer();
  return values;
}

function valuesOf(
  leaf: LeafPlace,
  encoding: Encoding,
  bytes: Uint8Array,
  count: number,
  hold: (bytes: number) => void,
): DecodedArray {
  const { type, typeLength } = leaf;
  switch (encoding) {
    case 'PLAIN':
      return plain(leaf, bytes, count);
    case 'RLE':
      return booleans(leaf, bytes, count);
    case 'BYTE_STREAM_SPLIT':
      if (count * leastBits(leaf) > 8 * bytes.length) throw fewer();
      return readWithin(bytes, (reader) => byteStreamSplit(reader, count, type, typeLength));
    case 'DELTA_BINARY_PACKED': {
      if (type !== 'INT32' && type !== 'INT64') break;
      const values = type === 'INT32' ? new Int32Array(count) : new BigInt64Array(count);
      readWithin(bytes, (reader) => unpackDeltas(reader, values));
      return values;
    }
    case 'DELTA_LENGTH_BYTE_ARRAY': {
      const texts = Array.from<Uint8Array>({ length: count });
      checkDeltas(bytes, 0, count);
      readWithin(bytes, (reader) => deltaLengthByteArray(reader, count, texts));
      return texts;
    }
    case 'DELTA_BYTE_ARRAY':
      return readWithin(bytes, (reader) => withPrefixes(reader, bytes, count, hold));
    default:
  }
  throw new RangeError(`its values are encoded as ${encoding}, which is not supported for ${type}`);
}

function booleans({ type }: LeafPlace, bytes: Uint8Array, count: number): DecodedArray {
  if (type !== 'BOOLEAN' || bytes.length < 4) throw fewer();
  const bits = new Uint8Array(count);
  readRuns(bytes, 4, bytes.length, 1, bits);
  return Array.from(bits, (bit) => bit !== 0);
}

function unpackDeltas(reader: Reader, into: Int32Array | BigInt64Array): void {
  const { buffer, byteOffset, byteLength } = reader.view;
  checkDeltas(new Uint8Array(buffer, byteOffset, byteLength), reader.offset, into.length);
  deltaBinaryUnpack(reader, into.length, into);
}

/** How deltas are laid out is told in front of them: blocks, parts of each, values. */
function checkDeltas(bytes: Uint8Array, from: number, count: number): void {
  let at = from;
  const [block, parts, told] = [0, 0, 0].map(() => {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw fewer();
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    throw fewer();
  }) as [number, number, number];
  const isSound = block >= 128 && block <= 2 ** 20 && block % 128 === 0 && parts > 0;
  if (!isSound || (block / parts) % 32 !== 0 || told !== count) {
    throw new RangeError(`its deltas have blocks of ${block} in ${parts} parts, ${told} values`);
  }
}

/** Each begins with a part of the one before: few bytes may become many. */
function withPrefixes(
  reader: Reader,
  bytes: Uint8Array,
  count: number,
  hold: (bytes: number) => void,
): Uint8Array[] {
  const prefixes = new Int32Array(count);
  const suffixes = new Int32Array(count);
  unpackDeltas(reader, prefixes);
  unpackDeltas(reader, suffixes);
  let before = new Uint8Array(0);
  let length = 0;
  hold(prefixes.reduce((sum, prefix) => sum + Math.max(0, prefix), 0));
  return Array.from(prefixes, (prefix, i) => {
    const suffix = suffixes[i] as number;
    if (prefix < 0 || prefix > length || suffix < 0 || reader.offset + suffix > bytes.length) {
      throw fewer();
    }
    const text = new Uint8Array(prefix + suffix);
    text.set(before.subarray(0, prefix));
    text.set(bytes.subarray(reader.offset, reader.offset + suffix), prefix);
    reader.offset += suffix;
    before = text;
    length = text.length;
    return text;
  });
}

function fewer(): RangeError {
  return new RangeError('it has fewer values than it says');
}
