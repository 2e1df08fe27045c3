import { openReader, type EventSchema, type Query, type QueryTable } from '../../src/index.js';
import { Answer } from '../../src/query/answer.js';
import { answerPiece, type PieceAnswer } from '../../src/query/piece.js';
import { planQueries, type AnswerPlan } from '../../src/query/plan.js';

/** As `queryEvents` does it, but in this thread: starting threads takes longer than all of it. */
export function answerHere(
  schema: EventSchema,
  log: string,
  asked: Query,
  pieceRecords: number,
): QueryTable {
  const { forWorkers, answers } = planQueries(schema, [asked]);
  const answer = new Answer(answers[0] as AnswerPlan);
  const reader = openReader(log);
  for (let from = 0; from < reader.committedOffset; from += pieceRecords) {
    const cursor = reader.cursor({ from, to: from + pieceRecords, snapshot: true });
    answer.add(structuredClone(answerPiece(cursor, forWorkers))[0] as PieceAnswer);
    cursor.close();
  }
  reader.close();
  return answer.table();
}
