/** Export as Arrow IPC: files and streams. */
import type { Assembler, OutputFormat } from '../format.js';
import { BatchParts, encodeBatch, type EncodedMessage } from './batch-parts.js';
import { arrowSchema, dictionaryParts, schemaMessage } from './field-metadata.js';
import {
  MAGIC,
  bareMessage,
  endOfStream,
  footerBytes,
  type Block,
  type Footer,
} from './messages.js';
import type { Schema } from './metadata.js';
import {
  arrowPlan,
  columnPaths,
  planColumns,
  type ArrowFileOptions,
  type Dictionary,
} from './shapes.js';

/**
 * An Arrow IPC file (`.arrow`; Feather, version 2), for pandas, Polars, DuckDB, R and others, which may map it
 * and read columns in place.
 *
 * Numbers and booleans are columns of their own kind, strings UTF-8, enums dictionaries of their names,
 * times timestamps in UTC. Structs and tables are structs, vectors lists, those of `ubyte` binary; a union
 * `x` is a column `x_type` with its member's name and a struct `x` with a field for each member, one of which
 * is there. What is missing is null, so that missing and empty are not the same. NaN, infinities, -0 and all
 * integers of 64 bits are kept.
 *
 * The log's schema goes with the columns, if all of them are there: `arrowSource` makes the same events of
 * them again.
 *
 * Not to be held, but as JSON (`nested: 'json'`): vectors of unions, and tables within themselves. Errors of
 * an export are also strings that are not UTF-8, values of enums without a name (unless `enums: 'numbers'`),
 * and unions of a member that the schema does not know.
 * @throws {TypeError} options that make no sense
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: Node.js does not have the compression
 */
export function arrowFile(options: ArrowFileOptions = {}): OutputFormat {
  return arrowFormat('arrow', options, (schema, dictionaries) => new File(schema, dictionaries));
}

/**
 * The same as a stream of Arrow IPC: for pipes and sockets, since nothing in it is known by its place.
 * @throws as `arrowFile`
 */
export function arrowStream(options: ArrowFileOptions = {}): OutputFormat {
  return arrowFormat('arrow-stream', options, (schema, dictionaries) => {
    const first = [bareMessage(schemaMessage(schema)), ...dictionaries.map(({ bytes }) => bytes)];
    return {
      begin: () => first,
      take: (piece) => (piece as readonly EncodedMessage[]).map(({ bytes }) => bytes),
      end: () => [endOfStream()],
    };
  });
}

const ENCODER = new URL('./arrow-encoder.js', import.meta.url).href;

function arrowFormat(
  name: string,
  options: ArrowFileOptions,
  assemblerOf: (schema: Schema, dictionaries: readonly EncodedMessage[]) => Assembler,
): OutputFormat {
  arrowPlan(options, undefined);
  return {
    name,
    plan(schema, fields) {
      const args = arrowPlan(options, fields);
      const planned = planColumns(schema, args);
      const dictionaries = planned.dictionaries.map(dictionaryMessage);
      return {
        columns: columnPaths(planned),
        encoder: { module: ENCODER, name: 'arrowEncoder' },
        args,
        assembler: assemblerOf(arrowSchema(planned, schema), dictionaries),
      };
    },
  };
}

/** All names that there are: no batch has to add any. */
function dictionaryMessage(dictionary: Dictionary): EncodedMessage {
  const parts = new BatchParts();
  dictionaryParts(dictionary, parts);
  const { id, names } = dictionary;
  return encodeBatch(names.length, parts, 'none', (data) => ({
    header_type: 'DictionaryBatch',
    header: { id, data, is_delta: false },
  }));
}

/** A stream between two magic words, and a list of where its messages are. */
class File implements Assembler {
  readonly #schema: Schema;
  readonly #dictionaries: readonly EncodedMessage[];
  readonly #dictionaryBlocks: Block[] = [];
  readonly #batchBlocks: Block[] = [];
  #position = 0;

  constructor(schema: Schema, dictionaries: readonly EncodedMessage[]) {
    this.#schema = schema;
    this.#dictionaries = dictionaries;
  }

  begin(): readonly Uint8Array[] {
    const start = Buffer.concat([MAGIC, Buffer.alloc(2)]);
    const schema = bareMessage(schemaMessage(this.#schema));
    this.#position = start.length + schema.length;
    const dictionaries = this.#dictionaries.map((each) => this.#put(each, this.#dictionaryBlocks));
    return [start, schema, ...dictionaries];
  }

  take(piece: unknown): readonly Uint8Array[] {
    return (piece as readonly EncodedMessage[]).map((each) => this.#put(each, this.#batchBlocks));
  }

  end(): readonly Uint8Array[] {
    const footer: Footer = {
      version: 'V5',
      schema: this.#schema,
      dictionaries: this.#dictionaryBlocks,
      record_batches: this.#batchBlocks,
    };
    return [endOfStream(), footerBytes(footer)];
  }

  #put({ bytes, metadataBytes }: EncodedMessage, blocks: Block[]): Uint8Array {
    blocks.push({
      offset: this.#position,
      metadata_length: metadataBytes,
      body_length: bytes.length - metadataBytes,
    });
    this.#position += bytes.length;
    return bytes;
  }
}
