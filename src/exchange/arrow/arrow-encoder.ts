/** Record batches, in a pool's thread: one for each piece of the log, or a few. */
import type { EventSchema } from '../../events/schema.js';
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';
import { WholeValues } from '../whole-values.js';
import type { Compression } from '../zstd.js';
import { BatchParts, encodeBatch, type EncodedMessage } from './batch-parts.js';
import { leafBuilder, structBuilder, type ColumnBuilder } from './column-builders.js';
import { refuseRow } from './refusal.js';
import {
  columnPaths,
  planColumns,
  wholeFields,
  type ArrowPlan,
  type PlannedColumn,
} from './shapes.js';
import { memberValue, valueBuilder, type ValueBuilder } from './value-builders.js';

/** A batch is closed when it has so many rows or bytes: readers take whole ones into memory. */
const MAX_ROWS = 128 * 1024;
const MAX_BYTES = 64 * 1024 * 1024;

export function arrowEncoder({ schema, args }: EncoderPlan<ArrowPlan>): PieceEncoder {
  return new ArrowEncoder(schema, args);
}

class ArrowEncoder implements PieceEncoder {
  readonly #wholes: WholeValues;
  readonly #columns: readonly ColumnBuilder[];
  readonly #compression: Compression;
  #rows = 0;
  #messages: EncodedMessage[] = [];

  constructor(schema: EventSchema, plan: ArrowPlan) {
    const planned = planColumns(schema, plan);
    const paths = columnPaths(planned);
    const isStrict = true;
    this.#wholes = new WholeValues(schema, wholeFields(planned), plan.nested === 'json', isStrict);
    this.#columns = planned.columns.map((column) => this.#builder(column, paths));
    this.#compression = plan.compression;
  }

  #builder(column: PlannedColumn, paths: readonly string[]): ColumnBuilder {
    const { source } = column;
    const place = (path: string): number => paths.indexOf(path);
    if (source.kind === 'column') return leafBuilder(column, source.path, place);
    if (source.kind === 'columns') return structBuilder(column, source.paths, place);
    return new WholeColumn(column, source.field, this.#wholes);
  }

  add(batch: EventBatch): void {
    this.#wholes.read(batch);
    for (const column of this.#columns) column.add(batch);
    this.#rows += batch.count;
    const bytes = this.#columns.reduce((sum, { size }) => sum + size, 0);
    if (this.#rows >= MAX_ROWS || bytes >= MAX_BYTES) this.#closeBatch();
  }

  finish(): EncodedPiece {
    this.#closeBatch();
    const value = this.#messages;
    this.#messages = [];
    return { value, transfer: value.map(({ bytes }) => bytes.buffer) };
  }

  #closeBatch(): void {
    if (this.#rows === 0) return;
    const parts = new BatchParts();
    for (const column of this.#columns) column.finish(parts);
    const message = encodeBatch(this.#rows, parts, this.#compression, (header) => ({
      header_type: 'RecordBatch',
      header,
    }));
    this.#messages.push(message);
    this.#rows = 0;
  }
}

/** A column of decoded values. */
class WholeColumn implements ColumnBuilder {
  readonly #values: ValueBuilder;
  readonly #valueOf: (row: number) => unknown;

  constructor(column: PlannedColumn, field: string, wholes: WholeValues) {
    this.#values = valueBuilder(column);
    const values = wholes.of(field);
    if (column.shape.kind !== 'members') this.#valueOf = (row) => values[row];
    else {
      const types = wholes.of(`${field}_type`);
      this.#valueOf = (row) => memberValue(types[row], values[row]);
    }
  }

  get size(): number {
    return this.#values.size;
  }

  add(batch: EventBatch): void {
    for (let i = 0; i < batch.count; i++) {
      try {
        this.#values.add(this.#valueOf(batch.rows[i] as number));
      } catch (error) {
        refuseRow(batch, i, error as Error);
      }
    }
  }

  finish(parts: BatchParts): void {
    this.#values.finish(parts);
  }
}
