/**
 * What holds of every damage, also where it is open what the log should look like: files that are missing,
 * exchanged, of another kind; pages of another history of the same log, whose frames are as good as its
 * own, because readers check frames and not the chain.
 *
 * - Whatever is read is a record that the log, or that other history, had at this offset.
 * - Everything else is an error of the library's own.
 * - An appender that is refused has changed nothing. One that is not goes on behind what is read.
 * - After repair: the log is intact, its offsets are records or told as lost, and the records that
 *   `kept` names are among them. A second repair has nothing to do.
 */
import type * as Stratalog from 'stratalog';
import type { Image } from './images.js';
import { payloadOf } from './payloads.js';
import { EVERY_READER, ensure, outcomeOf, told, type Library } from './read-checks.js';
import type { Workplace } from './workplace.js';

export interface LooseCase {
  readonly library: Library;
  readonly log: string;
  /** Whose records may be read. */
  readonly images: readonly Image[];
  /** Offsets whose frames are intact at their places. */
  readonly kept: ReadonlySet<number>;
  /** Whether repair may be refused, because nothing tells of a log any more. */
  readonly mayBeNoLog: boolean;
  /** Puts the damage in place once more, after `place.restore()`. */
  readonly apply: () => void;
}

const NEW = 'new';

export async function checkLoosely(given: LooseCase, place: Workplace): Promise<void> {
  given.apply();
  for (const options of EVERY_READER) checkReader(given, options);
  outcomeOf(given, () => given.library.verifyLog(given.log));
  await checkAppender(given, place);
  place.restore();
  given.apply();
  await checkRepair(given);
}

function checkReader(given: LooseCase, options: Stratalog.ReaderOptions): void {
  const opened = outcomeOf(given, () => given.library.openReader(given.log, options));
  if ('error' in opened) return;
  const reader = opened.value;
  try {
    readAll(given, reader, options.verify !== 'never');
  } finally {
    reader.close();
  }
}

/** Offsets read, in every way of asking. */
function readAll(given: LooseCase, reader: Stratalog.Reader, isTrusted: boolean): Set<number> {
  const read = new Set<number>();
  const end = Math.max(...given.images.map((image) => image.end)) + 4;
  for (let offset = 0; offset < end; offset++) {
    const found = outcomeOf(given, () => reader.get(offset));
    if ('error' in found) continue;
    if (isTrusted) checkRecord(given, found.value, offset);
    read.add(offset);
  }
  const made = outcomeOf(given, () => reader.cursor());
  if ('error' in made) return read;
  const cursor = made.value;
  for (let steps = 0; ; steps++) {
    ensure(steps < 1000, () => 'A cursor does not come to an end');
    const moved = outcomeOf(given, () => cursor.next());
    if ('error' in moved) {
      const { lost } = moved.error as Stratalog.CorruptionError;
      if (lost === undefined || lost.to <= cursor.nextOffset) break;
      cursor.seek(lost.to);
      continue;
    }
    if (!moved.value) break;
    if (isTrusted) checkRecord(given, cursor, cursor.offset);
  }
  for (let steps = 0; ; steps++) {
    ensure(steps < 1000, () => 'A cursor does not come to a start');
    const moved = outcomeOf(given, () => cursor.previous());
    if ('error' in moved || !moved.value) break;
    if (isTrusted) checkRecord(given, cursor, cursor.offset);
  }
  cursor.close();
  outcomeOf(given, () => reader.damage());
  outcomeOf(given, () => reader.flushedOffset);
  outcomeOf(given, () => reader.offsetAtTime(1_800_000_004_000));
  return read;
}

function checkRecord({ images }: LooseCase, record: Stratalog.RecordView, offset: number): void {
  const found = record.copyPayload();
  const isOwn = images.some((image) => image.records.get(offset)?.payload.equals(found) ?? false);
  const isNew = payloadOf(offset, NEW).equals(found);
  ensure(record.offset === offset && (isOwn || isNew), () => {
    return `Record ${offset} is none: ${Buffer.from(found).toString('latin1', 0, 60)}`;
  });
}

async function checkAppender(given: LooseCase, place: Workplace): Promise<void> {
  const { library, log } = given;
  const before = place.contents();
  const opened = outcomeOf(given, () => library.openAppender(log, QUIET));
  if ('error' in opened) {
    // Of other errors nothing is promised but that the log is as it was: files may have been begun.
    if (opened.error.code !== 'CORRUPTION') return;
    const after = place.contents();
    const isSame = [...new Set([...before.keys(), ...after.keys()])].every((name) => {
      const was = before.get(name);
      return was !== undefined && (after.get(name)?.equals(was) ?? false);
    });
    ensure(
      isSame,
      () => `An opening that was refused has changed something: ${told(opened.error)}`,
    );
    return;
  }
  const appender = opened.value;
  const at = appender.nextOffset;
  appender.append(payloadOf(at, NEW));
  await appender.close();
  const reader = library.openReader(log);
  try {
    ensure(reader.committedOffset === at + 1, () => {
      return `One record was appended at ${at}, and the end is ${reader.committedOffset}`;
    });
    checkRecord(given, reader.get(at), at);
    readAll(given, reader, true);
  } finally {
    reader.close();
  }
}

const QUIET: Stratalog.AppenderOptions = { flush: 'none', maintenance: false, commit: 'manual' };

async function checkRepair(given: LooseCase): Promise<void> {
  const { library, log, kept, mayBeNoLog } = given;
  const outcome = outcomeOf(given, () => library.repairLog(log));
  if ('error' in outcome) {
    ensure(mayBeNoLog, () => `No repair: ${told(outcome.error)}`);
    return;
  }
  const report = outcome.value;
  const verified = library.verifyLog(log);
  const all = (): string => `${JSON.stringify(report)}, ${JSON.stringify(verified)}`;
  ensure(verified.isIntact, () => `After repair, the log is not intact: ${all()}`);
  const reader = library.openReader(log);
  try {
    ensure(reader.damage().length === 0, () => `After repair: ${reader.damage().join(', ')}`);
    const read = readAll(given, reader, true);
    for (let offset = verified.startOffset; offset < verified.endOffset; offset++) {
      if (read.has(offset)) continue;
      const { lostBefore } = verified;
      const isTold = lostBefore.some(({ from, to }) => offset >= from && offset < to);
      ensure(isTold, () => `After repair, ${offset} is neither there nor lost: ${all()}`);
    }
    const missing = [...kept].find((offset) => !read.has(offset));
    ensure(missing === undefined, () => `Repair lost the intact record ${missing}: ${all()}`);
  } finally {
    reader.close();
  }
  const again = library.repairLog(log);
  const isIdle = [again.damage, again.rewritten, again.setAside].every((list) => list.length === 0);
  ensure(isIdle, () => `A second repair had something to do: ${JSON.stringify(again)}`);
  const appender = library.openAppender(log, QUIET);
  appender.append(payloadOf(appender.nextOffset, NEW));
  await appender.close();
}
