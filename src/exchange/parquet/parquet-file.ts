/** Export as Parquet. */
import type { ColumnChunk, ColumnMetaData, FileMetaData, RowGroup, SchemaElement } from 'hyparquet';
import { checkInteger } from '../../options.js';
import type { Assembler, OutputFormat } from '../format.js';
import { keptSchema, type MetadataEntry } from '../kept-schema.js';
import { tableChoices, type TableFileOptions } from '../table-options.js';
import { checkCompression } from '../zstd.js';
import type { ParquetCompression } from './codecs.js';
import type { EncodedRowGroup, ParquetArgs } from './parquet-encoder.js';
import { rootColumns, schemaElements } from './shape.js';

export interface ParquetFileOptions extends TableFileOptions {
  /** Of pages (default `'snappy'`). `'zstd'` needs Node.js 22.15, 23.8, or newer. */
  readonly compression?: ParquetCompression;
  /** Rows of a row group at most (default 262,144). Some have fewer: each piece of the log ends with one. */
  readonly rowGroupRows?: number;
}

const DEFAULT_ROWS = 262_144;
const MAX_ROWS = 2 ** 24;
/** A row group is to be worth its share of the footer. */
const PIECE_BYTES = 16 * 1024 * 1024;

/**
 * Parquet, as most tools for tables read it. A column for each field of the root table: numbers, booleans and
 * strings as such; structs, tables, and members of unions as groups, with the member's name in `x_type`;
 * vectors as lists, those of `ubyte` as bytes. What is missing is null, which an empty list or string is not.
 * Values are kept exactly: 64-bit integers, floats with their NaN, infinities and -0, any text. With all
 * fields, the log's schema is in the file, too: `parquetSource` gives back the same events.
 *
 * Row groups are encoded by the threads of the export. The footer is kept in memory until the end: about
 * 200 bytes for each column of each row group.
 * @throws {TypeError | RangeError} options that make no sense
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this Node.js does not have the compression
 */
export function parquetFile(options: ParquetFileOptions = {}): OutputFormat {
  const { compression = 'snappy', rowGroupRows = DEFAULT_ROWS } = options;
  const choices = tableChoices(options);
  checkCompression(compression, ['none', 'snappy', 'gzip', 'zstd']);
  checkInteger('rowGroupRows', rowGroupRows, 1, MAX_ROWS);
  return {
    name: 'parquet',
    async plan(schema, fields) {
      const footers = await footerWriter();
      const args: ParquetArgs = { ...choices, fields, compression, rowGroupRows };
      const columns = rootColumns(schema, args);
      const elements = schemaElements(columns);
      return {
        columns: columns.flatMap(({ source }) => (source.kind === 'columns' ? source.paths : [])),
        encoder: { module: ENCODER, name: 'parquetEncoder' },
        args,
        assembler: new ParquetAssembler(
          elements,
          fields === undefined ? keptSchema(schema) : [],
          footers,
        ),
        pieceBytes: PIECE_BYTES,
      };
    },
  };
}

const ENCODER = new URL('./parquet-encoder.js', import.meta.url).href;
const MAGIC = Buffer.from('PAR1');

type FooterWriter = (footer: FileMetaData) => Uint8Array;

async function footerWriter(): Promise<FooterWriter> {
  const { ByteWriter } = await import('hyparquet-writer');
  const { writeMetadata } = await import('hyparquet-writer/src/metadata.js');
  return (footer) => {
    const writer = new ByteWriter();
    writeMetadata(writer, footer);
    return writer.getBytes();
  };
}

/** Puts row groups one behind the other, and says in the footer where they are. */
class ParquetAssembler implements Assembler {
  readonly #elements: SchemaElement[];
  readonly #metadata: MetadataEntry[];
  readonly #writeFooter: FooterWriter;
  readonly #groups: RowGroup[] = [];
  #rows = 0;
  #position = 0;

  constructor(elements: SchemaElement[], keyValues: MetadataEntry[], writeFooter: FooterWriter) {
    this.#elements = elements;
    this.#metadata = keyValues;
    this.#writeFooter = writeFooter;
  }

  begin(): readonly Uint8Array[] {
    this.#position = MAGIC.length;
    return [MAGIC];
  }

  take(piece: unknown): readonly Uint8Array[] {
    const groups = piece as readonly EncodedRowGroup[];
    for (const { rows, bytes, columns } of groups) {
      const placed = columns.map((chunk) => moved(chunk, BigInt(this.#position)));
      this.#groups.push({
        columns: placed,
        total_byte_size: sumOf(placed, 'total_uncompressed_size'),
        num_rows: BigInt(rows),
        file_offset: BigInt(this.#position),
        total_compressed_size: sumOf(placed, 'total_compressed_size'),
      });
      this.#rows += rows;
      this.#position += bytes.length;
    }
    return groups.map(({ bytes }) => bytes);
  }

  end(): readonly Uint8Array[] {
    const footer = {
      version: 2,
      created_by: 'stratalog',
      schema: this.#elements,
      num_rows: BigInt(this.#rows),
      row_groups: this.#groups,
      ...(this.#metadata.length === 0 ? {} : { key_value_metadata: this.#metadata }),
      // Of what has been read; it is not written.
      metadata_length: 0,
    };
    return [this.#writeFooter(footer), MAGIC];
  }
}

/** With positions in the file. */
function moved({ meta_data, file_offset }: ColumnChunk, by: bigint): ColumnChunk {
  const data = meta_data as ColumnMetaData;
  const { data_page_offset, dictionary_page_offset } = data;
  const placed: ColumnMetaData = { ...data, data_page_offset: data_page_offset + by };
  if (dictionary_page_offset !== undefined) {
    placed.dictionary_page_offset = dictionary_page_offset + by;
  }
  return { file_offset: file_offset + by, meta_data: placed };
}

function sumOf(
  chunks: readonly ColumnChunk[],
  size: 'total_compressed_size' | 'total_uncompressed_size',
): bigint {
  return chunks.reduce((sum, { meta_data }) => sum + (meta_data?.[size] ?? 0n), 0n);
}
