/**
 * One run of a scenario under one fault: makes the calls, judges what comes of each, and in the end
 * whether the log holds what was acknowledged and nothing is left open.
 */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Stratalog from 'stratalog';
import { failedSyncs, fired, heal } from './injection.js';
import { leftOpenBelow } from './open-files.js';

export type Library = typeof Stratalog;

/** The rest of a scenario makes no sense any more: its appender is poisoned, or could not be opened. */
class Stopped extends Error {}

/** Actions that concern memory, and no file. */
const PATHLESS = ['unmap memory', 'reserve addresses', 'map memory', 'ask for resident pages'];
const HANG_MS = 20_000;

/** The content of a record follows from its offset. */
export function recordAt(offset: number): Buffer {
  const size = [40, 0, 1400, 7, 333][offset % 5] as number;
  return Buffer.alloc(size, `record ${offset} `);
}

export class Trial {
  /** The library whose calls fail. */
  readonly library: Library;
  /** The same without a hook, for what is not on trial. */
  readonly plain: Library;
  readonly log: string;
  /** What should not have happened. */
  readonly faults: string[] = [];
  /** Every record below this offset has been acknowledged. */
  acknowledged = 0;
  /** No record from here on has been tried. */
  attempted = 0;
  /** Acknowledged as flushed. */
  flushed = 0;
  /** Offsets that may be gone: dropped. */
  start = 0;
  /** Views are taken, and mappings go with them. */
  lends = false;
  /** Errors that somebody was told of. */
  told = 0;
  /** Closing or unmapping is what fails: then something stays for a while. */
  keepsOpen = false;
  /** The errno that is given, which errors have to name. */
  readonly #errno: string | undefined;
  readonly #closers: { readonly what: string; readonly close: () => unknown }[] = [];

  constructor(library: Library, plain: Library, log: string, errno: string | undefined) {
    this.library = library;
    this.plain = plain;
    this.log = log;
    this.#errno = errno;
  }

  fault(text: string): void {
    this.faults.push(text);
  }

  /** Runs a scenario and then looks at what is left. */
  async run(scenario: (trial: Trial) => Promise<void>): Promise<void> {
    await this.#orHang('the scenario', async () => {
      try {
        await scenario(this);
      } catch (error) {
        if (!(error instanceof Stopped)) this.fault(`threw ${String(error)}`);
      }
    });
    await this.#closeAll();
    heal();
    // What could not be unmapped is unmapped with the next mapping that goes.
    if (!this.keepsOpen) await this.#checkNothingLeft('after the scenario');
  }

  /**
   * Makes a call that may fail. If it does, the fault is taken away, and the same call has to succeed;
   * unless the appender that it is made on is poisoned.
   */
  async attempt<T>(what: string, call: () => T | Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      this.judge(what, error);
      heal();
      if (isPoison(error)) throw new Stopped();
    }
    return this.#again(what, call);
  }

  async #again<T>(what: string, call: () => T | Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (!isPoison(error)) this.fault(`${what} failed again without a fault: ${String(error)}`);
      throw new Stopped();
    }
  }

  /** As `attempt`, for a call that cannot be made again. Says whether it succeeded. */
  async tryOnce(what: string, call: () => unknown): Promise<boolean> {
    try {
      await call();
      return true;
    } catch (error) {
      this.judge(what, error);
      return false;
    }
  }

  /** Has `close` called in the end, if it has not been by then: the last first. */
  toClose(what: string, close: () => unknown): void {
    this.#closers.push({ what, close });
  }

  /** An error that is not what is promised. */
  judge(what: string, error: unknown): void {
    this.told++;
    const { LogError, StorageError } = this.library;
    if (!(error instanceof LogError)) {
      return this.fault(`${what} threw what is no LogError: ${withPlaces(error)}`);
    }
    if (fired() === 0) return this.fault(`${what} failed without any fault: ${String(error)}`);
    if (!this.#isRight(error)) return this.fault(`${what} threw the wrong error: ${String(error)}`);
    if (!(error instanceof StorageError)) return undefined;
    const isNamed = error.path !== undefined || PATHLESS.includes(error.action);
    if (!isNamed || error.errno === undefined) {
      this.fault(`${what} threw an error that says too little: ${String(error)}`);
    }
    return undefined;
  }

  /** A call that fails is not damage, and not another log. */
  #isRight({ code }: Stratalog.LogError): boolean {
    if (code === 'STORAGE' || code === 'POISONED' || code === 'SCAN_FAILED') return true;
    if (code === 'LOCKED') return this.#errno === 'EAGAIN' || this.#errno === 'EACCES';
    return false;
  }

  async #closeAll(): Promise<void> {
    for (const { what, close } of this.#closers.splice(0).reverse()) {
      await this.#orHang(what, async () => {
        await this.tryOnce(what, close);
      });
    }
  }

  async #orHang(what: string, action: () => Promise<void>): Promise<void> {
    const controller = new AbortController();
    const hang = sleep(HANG_MS, 'hang', { signal: controller.signal }).catch(() => 'done');
    const end = await Promise.race([action(), hang]);
    controller.abort();
    if (end === 'hang') this.fault(`${what} did not end within ${HANG_MS / 1000} s`);
  }

  // --- In the end ---

  /** Opens the log once more, in this process and without a fault, and compares it with what was told. */
  async checkLog(): Promise<void> {
    const appender = this.#reopen();
    if (appender === undefined) return;
    const end = appender.nextOffset;
    if (end < this.acknowledged || end > this.attempted) {
      this.fault(`the log ends at ${end}: told ${this.acknowledged}, tried ${this.attempted}`);
    }
    if (appender.startOffset > this.start) {
      this.fault(`the log starts at ${appender.startOffset}, and ${this.start} was told`);
    }
    if (appender.flushedOffset < this.flushed) {
      this.fault(`flushed to ${appender.flushedOffset}, and ${this.flushed} was told`);
    }
    appender.append(recordAt(end));
    await this.#orHang('closing again', () => appender.close());
    this.#checkRecords(end + 1);
    this.#checkFiles();
    await this.#checkNothingLeft('after all');
  }

  #reopen(): Stratalog.Appender | undefined {
    try {
      return this.library.openAppender(this.log, { maintenance: false, flush: 'none' });
    } catch (error) {
      this.fault(`the log cannot be opened again: ${String(error)}`);
      return undefined;
    }
  }

  #checkRecords(end: number): void {
    const reader = this.plain.openReader(this.log);
    const cursor = reader.cursor();
    let next = reader.startOffset;
    try {
      for (; cursor.next(); next++) {
        if (cursor.offset !== next || recordAt(next).compare(cursor.copyPayload()) !== 0) {
          this.fault(`record ${next} is not what was appended`);
          break;
        }
      }
      if (next !== end) this.fault(`readers see ${next} records, and there are ${end}`);
      for (const { path, reason } of reader.indexFaults) this.fault(`${path}: ${reason}`);
    } catch (error) {
      this.fault(`reading record ${next}: ${String(error)}`);
    } finally {
      cursor.close();
      reader.close();
    }
    const { isIntact, damage, endOffset } = this.plain.verifyLog(this.log);
    if (!isIntact || endOffset !== end) {
      this.fault(`verification: end ${endOffset} of ${end}, ${JSON.stringify(damage)}`);
    }
  }

  /** Only files of the log are there, and each segment has an index. */
  #checkFiles(): void {
    const names = namesIn(this.log);
    const strange = names.filter((name) => !KNOWN_NAME.test(name));
    if (strange.length > 0) this.fault(`files are left: ${strange.join(', ')}`);
    const stems = (ending: string): string =>
      names
        .filter((name) => name.endsWith(ending))
        .map((name) => name.slice(0, 20))
        .sort()
        .join();
    if (stems('.log') !== stems('.index')) this.fault(`files do not match: ${names.join(', ')}`);
  }

  async #checkNothingLeft(when: string): Promise<void> {
    const left = await leftOpenBelow(this.log, this.lends);
    if (left.length > 0) this.fault(`${when} is left open: ${left.join('; ')}`);
  }
}

/** This very call may be the one that fails. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return readdirSync(folder);
  }
}

const KNOWN_NAME = /^(LOCK|control|readers|aside|\d{20}\.(log|index)|schema-.*\.bfbs)$/;

/** An error, with the first places of its stack that lie in the library. */
export function withPlaces(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  const places = lines.filter((line) => line.includes('/dist/')).slice(0, PLACES);
  return [String(error), ...places.map((line) => line.replace(/file:.*\/dist\//, '').trim())].join(
    ' ',
  );
}

const PLACES = 4;

export function isPoison(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'POISONED';
}

/** An appender on trial, and what it has told. */
export class TriedAppender {
  readonly appender: Stratalog.Appender;
  readonly #trial: Trial;
  readonly #syncsFailedBefore = failedSyncs();
  /** No other thread syncs: what has failed when a call is done had failed before it was. */
  readonly #isAlone: boolean;

  private constructor(trial: Trial, appender: Stratalog.Appender, isAlone: boolean) {
    this.#trial = trial;
    this.appender = appender;
    this.#isAlone = isAlone;
  }

  static async open(trial: Trial, options: Stratalog.AppenderOptions): Promise<TriedAppender> {
    const open = (): Stratalog.Appender => trial.library.openAppender(trial.log, options);
    const appender = await trial.attempt('open', open);
    const tried = new TriedAppender(trial, appender, options.maintenance === false);
    trial.toClose('closing in the end', () => appender.close());
    return tried;
  }

  async append(times = 1): Promise<void> {
    for (let i = 0; i < times; i++) {
      await this.#adding('append', 1, (from) => this.appender.append(recordAt(from)));
    }
  }

  async batch(records: number): Promise<void> {
    await this.#adding('batch', records, (from) =>
      this.appender.appendBatch(Array.from({ length: records }, (_, i) => recordAt(from + i))),
    );
  }

  async reserve(): Promise<void> {
    await this.#adding('reserve', 1, (from) => {
      const bytes = recordAt(from);
      const slot = this.appender.reserve(bytes.length + 8);
      slot.setBytes(0, bytes);
      return slot.publish(bytes.length);
    });
    const slot = await this.#trial.attempt('reserve', () => this.appender.reserve(24));
    slot.abandon();
  }

  async commit(): Promise<void> {
    await this.#trial.attempt('commit', () => this.appender.commit());
  }

  async flush(): Promise<void> {
    const trial = this.#trial;
    const known = this.appender.flushedOffset;
    const failedBefore = failedSyncs();
    const { flushedOffset } = await trial.attempt('flush', () => this.appender.flush());
    // What it has told before it may tell again until it hears of the thread's failure.
    if (this.#isAlone) this.#checkNoSyncFailed(`flush says ${flushedOffset}`);
    else if (flushedOffset > known) {
      this.#checkNoSyncFailed(`flush says ${flushedOffset}, and not ${known},`, failedBefore);
    }
    if (flushedOffset < trial.acknowledged) {
      trial.fault(`flush says ${flushedOffset}, and ${trial.acknowledged} were appended`);
    }
    trial.flushed = Math.max(trial.flushed, flushedOffset);
  }

  async prepare(): Promise<void> {
    await this.#trial.attempt('prepare', () => this.appender.prepare());
  }

  async dropBefore(offset: number): Promise<void> {
    const trial = this.#trial;
    trial.start = offset;
    const { startOffset } = this.appender;
    const failedBefore = failedSyncs();
    const start = await trial.attempt('dropBefore', () => this.appender.dropBefore(offset));
    if (this.#isAlone) this.#checkNoSyncFailed('dropBefore has succeeded');
    else if (start > startOffset) this.#checkNoSyncFailed('dropBefore has dropped', failedBefore);
    const left = namesIn(trial.log).filter(
      (name) => /^\d/.test(name) && Number.parseInt(name, 10) < start,
    );
    if (left.length > 0) trial.fault(`dropBefore says ${start}, and there is ${left.join(', ')}`);
  }

  async close(): Promise<void> {
    if (!(await this.#trial.tryOnce('close', () => this.appender.close()))) return;
    this.#checkNoSyncFailed('close has succeeded');
    this.#trial.flushed = this.#trial.acknowledged;
  }

  async #adding(what: string, records: number, call: (from: number) => number): Promise<void> {
    const trial = this.#trial;
    const { appender } = this;
    const from = appender.nextOffset;
    trial.attempted = Math.max(trial.attempted, from + records);
    const given = await trial.attempt(what, () => {
      try {
        return call(from);
      } finally {
        // Poisoned by the sync of what it has just appended, which is there.
        if (appender.nextOffset !== from) trial.acknowledged = appender.nextOffset;
      }
    });
    if (given !== from) trial.fault(`${what} gave ${given} instead of ${from}`);
    trial.acknowledged = from + records;
  }

  /** A failed sync is never told as done later: not by this appender. */
  #checkNoSyncFailed(told: string, failed = failedSyncs()): void {
    if (failed > this.#syncsFailedBefore) {
      this.#trial.fault(`${told} after a sync has failed`);
    }
  }
}
