/** What must hold after the death of an appender, whoever looks. */
import { crc32c } from '@node-rs/crc32';
import {
  inspectLock,
  openReader,
  verifyLog,
  type Appender,
  type Cursor,
  type Reader,
  type RecoveryReport,
} from 'stratalog';
import type { RecordKind } from './records.js';
import { changeWitness, readWitness, settledAt, type Testimony } from './witness.js';

/** Every record that anybody has seen committed: it may never change, and never go. */
export class SeenRecords {
  readonly #kind: RecordKind;
  #checksums = new Uint32Array(4096);
  #seen = new Uint8Array(4096);
  /** Exclusive end of what has been seen. */
  end = 0;

  constructor(kind: RecordKind) {
    this.#kind = kind;
  }

  /** Checks a record and remembers it. Returns the end of its batch. */
  take(offset: number, payload: Uint8Array): number {
    const batchEnd = this.#kind.check(offset, payload);
    this.note(offset, crc32c(payload));
    return batchEnd;
  }

  /** Somebody has seen a record with this checksum. */
  note(offset: number, checksum: number): void {
    while (offset >= this.#checksums.length) this.#grow();
    if (this.#seen[offset] === 1 && this.#checksums[offset] !== checksum) {
      throw new Error(`Record ${offset} has changed after it was seen: it was appended again`);
    }
    this.#seen[offset] = 1;
    this.#checksums[offset] = checksum;
    this.end = Math.max(this.end, offset + 1);
  }

  #grow(): void {
    const [checksums, seen] = [this.#checksums, this.#seen];
    this.#checksums = new Uint32Array(checksums.length * 2);
    this.#checksums.set(checksums);
    this.#seen = new Uint8Array(seen.length * 2);
    this.#seen.set(seen);
  }
}

export interface ChecksAfterDeath {
  readonly log: string;
  readonly witness: string;
  readonly seen: SeenRecords;
  /** Opens it for appending, as what it is: plain, or of events. */
  readonly open: () => Appender;
  /** Records below have been read before, and need not be again. */
  readonly from?: number;
  /** Whether a recovery may have more to do than after the death of a process. */
  readonly isDamaged?: boolean;
}

/** A reader that was opened before anybody recovered the log, and has read all that it shows. */
export interface EarlyReader {
  readonly reader: Reader;
  readonly cursor: Cursor;
  readonly end: number;
}

/** Reads what the dead one has left, as a reader does, without recovering it. */
export function readBeforeRecovery(checks: ChecksAfterDeath): EarlyReader | undefined {
  const { log } = checks;
  const testimony = readWitness(checks.witness);
  const reader = openIfThere(log, testimony);
  if (reader === undefined) return undefined;
  if (inspectLock(log).isLocked) throw new Error('The lock has outlived its holder');
  checkStart(reader.startOffset, testimony);
  const { committedOffset, flushedOffset } = reader;
  const { committed, intended } = testimony;
  if (committedOffset < committed || committedOffset > intended) {
    throw new Error(
      `A reader sees ${committedOffset} records committed: ${committed} were acknowledged as that, ${intended} at most appended`,
    );
  }
  if (flushedOffset > committedOffset) {
    throw new Error(`Flushed up to ${flushedOffset}, committed up to ${committedOffset}`);
  }
  const cursor = reader.cursor({ from: Math.max(checks.from ?? 0, reader.startOffset) });
  const end = readOn(cursor, checks.seen);
  if (end !== committedOffset) throw new Error(`Read up to ${end} of ${committedOffset}`);
  return { reader, cursor, end };
}

function openIfThere(log: string, { exists }: Testimony): Reader | undefined {
  try {
    return openReader(log);
  } catch (error) {
    // An opening that died may have come to make the log, or not.
    if (exists === 0 && isNotALog(error)) return undefined;
    throw error;
  }
}

function isNotALog(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'NOT_A_LOG';
}

/** Reads to the end. Returns the end; no batch may have been shown in part. */
export function readOn(cursor: Cursor, seen: SeenRecords): number {
  let expected = cursor.nextOffset;
  let batchEnd = expected;
  while (cursor.next()) {
    if (cursor.offset !== expected) {
      throw new Error(`Offset ${cursor.offset} came instead of ${expected}`);
    }
    batchEnd = Math.max(batchEnd, seen.take(expected, cursor.copyPayload()));
    expected++;
  }
  if (batchEnd !== expected) {
    throw new Error(`The log ends at ${expected}, within a batch that goes on to ${batchEnd}`);
  }
  return expected;
}

function checkStart(found: number, { start, intendedStart }: Testimony): void {
  if (found >= start && found <= intendedStart) return;
  throw new Error(`The log starts at ${found}, expected ${start} to ${intendedStart}`);
}

/** What the appender that opens a recovered log appends. */
export interface Continuation {
  readonly kind: RecordKind;
  readonly life: number;
}

/**
 * Recovers, holds the result against witness and readers, closes, and opens again; `continuation` is then
 * appended. Returns the end that recovery has found.
 */
export async function recoverAndCheck(
  checks: ChecksAfterDeath,
  early: EarlyReader | undefined,
  continuation?: Continuation,
): Promise<number> {
  const { witness, seen } = checks;
  const testimony = readWitness(witness);
  const appender = checks.open();
  const { nextOffset, committedOffset, startOffset, recovery } = appender;
  checkEnd(nextOffset, testimony);
  if (committedOffset !== nextOffset) throw new Error(`Recovered, but not all is committed`);
  if (nextOffset < seen.end) throw new Error(`${seen.end} were seen, ${nextOffset} are there`);
  checkStart(startOffset, testimony);
  checkReport(recovery, checks);
  changeWitness(witness, settledAt(nextOffset, startOffset));
  if (early !== undefined) {
    checkReached(readOn(early.cursor, seen), nextOffset, 'A reader opened before the recovery');
    early.reader.close();
  }
  await appender.close();
  await reopen(checks, nextOffset, continuation);
  return nextOffset;
}

/** Nothing is left to do, and the next appender goes on. */
async function reopen(
  checks: ChecksAfterDeath,
  end: number,
  continuation: Continuation | undefined,
): Promise<void> {
  const appender = checks.open();
  const { outcome, walkedBytes } = appender.recovery;
  if (outcome !== 'clean' || walkedBytes !== 0 || appender.nextOffset !== end) {
    throw new Error(
      `The second opening found ${appender.nextOffset} records of ${end}: ${JSON.stringify(appender.recovery)}`,
    );
  }
  if (continuation !== undefined) appendMore(appender, continuation);
  readFrom(checks, appender.nextOffset);
  await appender.close();
  checkIntact(checks.log, appender.nextOffset);
}

function appendMore(appender: Appender, { kind, life }: Continuation): void {
  for (const count of [1, 3, 1]) {
    const start = appender.nextOffset;
    const batch = { start, count };
    appender.appendBatch(
      Array.from({ length: count }, (_, i) => kind.make(start + i, batch, life)),
    );
    appender.commit();
  }
}

function checkIntact(log: string, end: number): void {
  const report = verifyLog(log);
  if (report.isIntact && report.isClosed && report.endOffset === end) return;
  throw new Error(`After recovery and close, expected the end ${end}: ${JSON.stringify(report)}`);
}

function checkEnd(found: number, { appended, intended }: Testimony): void {
  if (found === appended || found === intended) return;
  throw new Error(
    `Recovered ${found} records; ${appended} were acknowledged, and ${intended} would be there with the call at hand`,
  );
}

function checkReport(recovery: RecoveryReport, { isDamaged = false }: ChecksAfterDeath): void {
  const { setAside, rebuiltIndexes } = recovery;
  if (isDamaged || setAside.length + rebuiltIndexes.length === 0) return;
  throw new Error(`The death of a process left damage: ${JSON.stringify(recovery)}`);
}

function readFrom({ log, from = 0, seen }: ChecksAfterDeath, end: number): void {
  const reader = openReader(log);
  try {
    const cursor = reader.cursor({ from: Math.max(from, reader.startOffset) });
    checkReached(readOn(cursor, seen), end, 'A new reader');
  } finally {
    reader.close();
  }
}

function checkReached(reached: number, end: number, who: string): void {
  if (reached !== end) throw new Error(`${who} reads up to ${reached}, expected ${end}`);
}
