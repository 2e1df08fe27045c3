/**
 * The ring on disk: deletes the oldest segments of a log, so that newer ones have room.
 *
 * That the budget holds does not depend on anything here: the appender makes no file that would pass its
 * `maxLogBytes` (`append/size-limit.ts`), and refuses the append instead. The ring only sees to it that
 * this is rare, and ends:
 * - ahead of need, in the background, when the appender tells of a shortage: the active segment has been
 *   begun, and the next one cannot be prepared;
 * - at need, when an append has been refused. Nothing is appended meanwhile, so no segment is sealed, and
 *   each turn either waits for the segment that is being prepared, or drops one. There is room at the
 *   latest when only the active segment is left; `begin` has checked that.
 *
 * A full disk is the same, but that it is not known how much has to go: one segment at a time.
 *
 * For readers it is any `dropBefore`: the new start is durable before the first file goes, files go from
 * the oldest on, so what is left is always the end of the log without a gap; who has a segment mapped keeps
 * it, and who comes late gets an `OffsetOutOfRangeError` that names the new start. A segment that is not
 * durable yet, or is appended to, is never dropped.
 */
import { resolve } from 'node:path';
import type { Appender } from '../append/appender.js';
import { segmentBytes } from '../append/size-limit.js';
import { listSegments } from '../segment/directory.js';

/** A flush of another caller's may have been under way, and the oldest segment been sealed behind it. */
const DROP_ATTEMPTS = 3;

export class Ring {
  readonly #directory: string;
  readonly #records: Appender;
  readonly #budgetBytes: number;
  readonly #onFailure: (error: unknown) => void;
  /** One thing at a time. */
  #work: Promise<unknown> = Promise.resolve();
  #isEnded = false;

  constructor(
    path: string,
    records: Appender,
    budgetBytes: number,
    onFailure: (error: unknown) => void,
  ) {
    this.#directory = resolve(path);
    this.#records = records;
    this.#budgetBytes = budgetBytes;
    this.#onFailure = onFailure;
  }

  /**
   * Makes a log that is too large as small as it has to be.
   * @throws {RangeError} the segment that is appended to is too large for that; nothing has changed
   */
  async begin(): Promise<void> {
    const { lackingBytes } = this.#records;
    if (lackingBytes === 0) return;
    const sealed = listSegments(this.#directory).slice(0, -1);
    const droppable = sealed.reduce((sum, base) => sum + this.#bytesOf(base), 0);
    if (droppable < lackingBytes) throw this.#tooSmall(lackingBytes - droppable);
    await this.#drop();
  }

  /** The next segment cannot be prepared: drops in the background what is in its way. */
  dropAhead(): void {
    if (this.#isEnded) return;
    this.#inTurn(() => this.#drop()).catch(this.#onFailure);
  }

  /** Makes room for an append that was refused. Resolves with `false` if there is nothing to drop. */
  makeRoom(): Promise<boolean> {
    return this.#inTurn(async () => {
      const records = this.#records;
      if (!records.isPreparing && !(await this.#drop())) return false;
      if (records.isPreparing) await records.prepare();
      return true;
    });
  }

  /** Resolves when nothing is under way any more. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.#work;
  }

  /** Drops what is missing for the next segment, and one segment at least. */
  async #drop(): Promise<boolean> {
    for (let attempt = 0; attempt < DROP_ATTEMPTS; attempt++) {
      const keepFrom = this.#keepFrom();
      if (keepFrom === undefined) return false;
      const { startOffset } = this.#records;
      if ((await this.#records.dropBefore(keepFrom)) > startOffset) return true;
    }
    return false;
  }

  /** Base of the oldest segment that may stay; `undefined` if all have to. */
  #keepFrom(): number | undefined {
    const { lackingBytes } = this.#records;
    const bases = listSegments(this.#directory);
    let dropped = 0;
    let bytes = 0;
    while (dropped < bases.length - 1 && (dropped === 0 || bytes < lackingBytes)) {
      bytes += this.#bytesOf(bases[dropped++] as number);
    }
    return dropped === 0 ? undefined : bases[dropped];
  }

  /** All that the log holds might be in that segment, so nobody goes on in another one and drops it. */
  #tooSmall(lackingBytes: number): RangeError {
    const { sizeBytes } = this.#records.activeSegment;
    const budget = this.#budgetBytes;
    return new RangeError(
      `Invalid budgetBytes: the newest segment of ${this.#directory} has ${sizeBytes} bytes and has to stay; expected at least ${budget + lackingBytes}, got ${budget}`,
    );
  }

  #bytesOf(base: number): number {
    return segmentBytes(this.#directory, base);
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#work.then(action);
    this.#work = done.catch(() => {});
    return done;
  }
}
