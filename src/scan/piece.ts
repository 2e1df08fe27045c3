/**
 * One piece of a scan, in a pool's thread. Whatever happens becomes a reply; an error that is thrown here
 * would lose its class, and one that cannot be sent would end the thread.
 */
import { OffsetOutOfRangeError, type CorruptionError } from '../errors.js';
import { keepLedger, mapUnder } from '../mapping/mapping.js';
import type { ThreadGuard } from '../mapping/thread-guard.js';
import type { Cursor } from '../read/cursor.js';
import type { Reader } from '../read/reader.js';
import type { RecordView } from '../read/record-view.js';
import { adviseAhead, adviseBehind } from './advice.js';
import type { FunctionName, Piece, PieceReply, PieceTask, SkippedDamage } from './messages.js';
import { describeError, packError } from './packed-error.js';
import { handleShare, openShare } from './process-share.js';
import { toSendable, withTransfer } from './sendable.js';
import { readerOf } from './thread-readers.js';

type PieceFunction = (cursor: Cursor, args: unknown, piece: Piece) => unknown;
type KeyFunction = (record: RecordView, args: unknown) => unknown;

export async function runPiece(task: PieceTask, guard: ThreadGuard): Promise<PieceReply> {
  const { piece } = task;
  const damage = new Map<string, SkippedDamage>();
  let cursor: Cursor | undefined;
  let reader: Reader | undefined;
  try {
    mapUnder(guard);
    keepLedger(task.ledger);
    const run = await functionUnder<PieceFunction>(guard, task.function);
    reader = readerUnder(guard, task);
    checkReach(reader, piece);
    adviseAhead(reader.segmentSet, task.extents);
    if (task.share !== undefined) {
      const { share, args } = task;
      const by = share.partition?.by;
      const keyOf = by === undefined ? undefined : await functionUnder<KeyFunction>(guard, by);
      cursor = openShare(reader, piece, share, keyOf, args);
      const value = await handleShare(reader, cursor, run, args, piece);
      return { kind: 'done', value, damage: [] };
    }
    const onDamage = task.skipsDamage ? noteIn(damage, piece) : undefined;
    cursor = reader.cursor({ from: piece.from, to: piece.to, onDamage });
    const { value, transfer } = toSendable(await run(cursor, task.args, piece));
    const reply: PieceReply = { kind: 'done', value, damage: [...damage.values()] };
    return await withTransfer(reply, transfer);
  } catch (error) {
    const offset = cursor === undefined ? undefined : offsetOf(cursor);
    return { kind: 'failed', error: packError(error), offset };
  } finally {
    cursor?.close();
    if (reader !== undefined && task.leavesCold) adviseBehind(reader.segmentSet, task.extents);
    mapUnder(undefined);
  }
}

/** Opening a log asks for locks, by structures that are JavaScript objects. */
function readerUnder(guard: ThreadGuard, { log, generation }: PieceTask): Reader {
  guard.enter();
  try {
    return readerOf(log, generation);
  } finally {
    guard.leave();
  }
}

/** A module may load native code. */
async function functionUnder<F>(guard: ThreadGuard, name: FunctionName): Promise<F> {
  guard.enter();
  try {
    return await functionOf<F>(name);
  } finally {
    guard.leave();
  }
}

/** Node keeps what has been imported. */
async function functionOf<F>({ module, name }: FunctionName): Promise<F> {
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(module)) as typeof exported;
  } catch (error) {
    throw new TypeError(`Cannot load ${module}: ${describeError(error)}`, { cause: error });
  }
  const found = exported[name];
  if (typeof found === 'function') return found as F;
  const names = Object.keys(exported).join(', ') || 'nothing';
  throw new TypeError(
    found === undefined
      ? `Cannot find export ${name} of ${module}: it exports ${names}`
      : `Cannot run export ${name} of ${module}: it is no function but of type ${typeof found}`,
  );
}

/** An unclean end may have taken records since the pieces were cut; that must not look like an end. */
function checkReach(reader: Reader, { to }: Piece): void {
  const bound = reader.boundOffset;
  if (bound < to) throw new OffsetOutOfRangeError(to - 1, reader.startOffset, bound);
}

/** Notes damage, once each, as far as it lies in the piece. */
function noteIn(found: Map<string, SkippedDamage>, piece: Piece): (error: CorruptionError) => void {
  return ({ path, position, message, lost }) => {
    const from = Math.max(piece.from, lost?.from ?? piece.from);
    const to = Math.min(piece.to, lost?.to ?? piece.to);
    if (from < to) found.set(`${path}:${position}`, { from, to, path, position, message });
  };
}

function offsetOf(cursor: Cursor): number {
  try {
    return cursor.offset;
  } catch {
    return cursor.nextOffset;
  }
}
