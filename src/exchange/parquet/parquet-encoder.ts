/** Row groups of Parquet, in a pool's thread. */
import type { ColumnChunk } from 'hyparquet';
import type { Column } from '../../events/columns.js';
import type { Plain } from '../../events/decode.js';
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';
import { WholeValues } from '../whole-values.js';
import { addChunk, Parts } from './column-chunk.js';
import { codecOf, type Codec } from './codecs.js';
import type { ParquetCompression } from './codecs.js';
import { treeOf, type Tree } from './leaves.js';
import { rootColumns, type RootColumn, type ShapeChoices } from './shape.js';
import type { Slice } from './sinks.js';
import { rethrowAt } from './unfit-value.js';

/** Plain data. */
export interface ParquetArgs extends ShapeChoices {
  readonly compression: ParquetCompression;
  readonly rowGroupRows: number;
}

/** Positions in its chunks count from its first byte. */
export interface EncodedRowGroup {
  readonly rows: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly columns: readonly ColumnChunk[];
}

export function parquetEncoder({ schema, args }: EncoderPlan<ParquetArgs>): PieceEncoder {
  const columns = rootColumns(schema, args);
  const codec = codecOf(args.compression);
  const trees = columns.map(({ shape }) => treeOf(shape));
  const fieldsOf = (kind: 'whole' | 'text'): string[] => [
    ...new Set(
      columns.flatMap(({ source }) => (source.kind === kind ? fieldsRead(source.field) : [])),
    ),
  ];
  const wholes = {
    whole: new WholeValues(schema, fieldsOf('whole'), false, true),
    text: new WholeValues(schema, fieldsOf('text'), true, true),
  };
  let rows = 0;
  let groups: EncodedRowGroup[] = [];
  const endGroup = (): void => {
    if (rows > 0) groups.push(encodeGroup(trees, rows, codec));
    rows = 0;
  };
  return {
    add(batch: EventBatch): void {
      wholes.whole.read(batch);
      wholes.text.read(batch);
      for (let from = 0; from < batch.count;) {
        const to = Math.min(batch.count, from + args.rowGroupRows - rows);
        try {
          addSlice(columns, trees, wholes, { batch, from, to });
        } catch (error) {
          rethrowAt(batch, error);
        }
        rows += to - from;
        from = to;
        if (rows === args.rowGroupRows) endGroup();
      }
    },
    finish(): EncodedPiece {
      endGroup();
      const value = groups;
      groups = [];
      return { value, transfer: value.map(({ bytes }) => bytes.buffer) };
    },
  };
}

/** A union is two of them. */
function fieldsRead(field: string): string[] {
  return [field, `${field}_type`];
}

type Wholes = Readonly<Record<'whole' | 'text', WholeValues>>;

function addSlice(
  columns: readonly RootColumn[],
  trees: readonly Tree[],
  wholes: Wholes,
  slice: Slice,
): void {
  const { batch } = slice;
  let next = 0;
  columns.forEach(({ source }, i) => {
    const tree = trees[i] as Tree;
    if (source.kind === 'columns') {
      for (const leaf of tree.leaves) leaf.addColumn(batch.columns[next++] as Column, slice);
      return;
    }
    const [field, type] = fieldsRead(source.field) as [string, string];
    const values = wholes[source.kind].of(field);
    const types = wholes[source.kind].of(type);
    for (let at = slice.from; at < slice.to; at++) {
      const row = batch.rows[at] as number;
      const parent: Plain = { [field]: values[row], [type]: types[row] };
      tree.put(source.read(parent), batch.offsets[row] as number);
    }
  });
}

function encodeGroup(trees: readonly Tree[], rows: number, codec: Codec): EncodedRowGroup {
  const parts = new Parts();
  const columns: ColumnChunk[] = [];
  for (const { leaves } of trees) {
    for (const leaf of leaves) {
      columns.push(addChunk(leaf, codec, parts));
      leaf.clear();
    }
  }
  const bytes = new Uint8Array(parts.length);
  let at = 0;
  for (const part of parts.list) {
    bytes.set(part, at);
    at += part.length;
  }
  return { rows, bytes, columns };
}
