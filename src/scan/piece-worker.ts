/** Where a pool's thread begins: it loads everything else, native code among it, under the guard. */
import { ThreadGuard } from '../mapping/thread-guard.js';
import type { PieceReply, PieceTask } from './messages.js';

export async function runPiece(task: PieceTask): Promise<PieceReply> {
  const guard = new ThreadGuard(task.guard);
  guard.enter();
  const piece = await import('./piece.js').finally(() => guard.leave());
  return piece.runPiece(task, guard);
}
