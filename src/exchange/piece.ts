/** Export of one piece of a log, in a pool's thread. */
import { eventSchema } from '../events/schema.js';
import { LastUsed } from '../query/last-used.js';
import type { Cursor } from '../read/cursor.js';
import type { FunctionName } from '../scan/messages.js';
import { moved } from '../scan/sendable.js';
import { EventBatches, type PlannedCondition } from './event-batches.js';
import type { EncoderMaker, PieceEncoder } from './format.js';

/** What the pieces' threads need. Plain data. */
export interface WorkerPlan {
  /** Of this export, so that a thread prepares itself once. */
  readonly id: string;
  readonly bfbs: Uint8Array;
  readonly root: string;
  readonly columns: readonly string[];
  readonly condition: PlannedCondition | undefined;
  readonly encoder: FunctionName;
  readonly args: unknown;
}

export interface ExportedPiece {
  readonly rows: number;
  readonly encoded: unknown;
}

interface Tools {
  readonly batches: EventBatches;
  readonly encoder: PieceEncoder;
}

const prepared = new LastUsed<Promise<Tools>>(4);

export async function exportPiece(cursor: Cursor, plan: WorkerPlan): Promise<unknown> {
  const { batches, encoder } = await prepared.get(plan.id, () => prepare(plan));
  let rows = 0;
  while (batches.next(cursor)) {
    encoder.add(batches);
    rows += batches.count;
  }
  const { value, transfer } = encoder.finish();
  const piece: ExportedPiece = { rows, encoded: value };
  return moved(piece, transfer);
}

async function prepare({ bfbs, root, columns, condition, ...plan }: WorkerPlan): Promise<Tools> {
  const schema = eventSchema(bfbs, { root });
  const { module, name } = plan.encoder;
  const exported = (await import(module)) as Readonly<Record<string, EncoderMaker<unknown>>>;
  const makeEncoder = exported[name] as EncoderMaker<unknown>;
  return {
    batches: new EventBatches(schema, columns, condition),
    encoder: makeEncoder({ schema, args: plan.args }),
  };
}
