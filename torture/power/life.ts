/**
 * A log that is written, killed, damaged, repaired and cut off from power again and again, and that goes
 * on from one of the images that a cut has left: so what was dropped in one life could come back in a
 * later one.
 */
import * as fs from 'node:fs';
import { join } from 'node:path';
import type * as Stratalog from 'stratalog';
import type { Round } from '../campaign.js';
import { hooks } from '../hooks.js';
import { below, pick } from '../random.js';
import { checkImage, removeFolder, writeImage, type Found } from './check.js';
import { Disk, type DiskMoment } from './disk.js';
import { flushedIn, frameAt, isSegmentName } from './frames.js';
import { framesIn, imagesOf, isSameMoment, withoutZeros, type Image } from './image.js';
import { makeRecord, type Promised, type Range } from './promise.js';

type Library = typeof Stratalog;
type Appender = Stratalog.Appender;

export interface Libraries {
  /** With steps and system calls that can be listened to. */
  readonly working: Library;
  /** What a step's number stands for. */
  readonly sites: readonly string[];
  /** Opens the images. */
  readonly checking: Library;
}

const LIVES = 5;
/** In each life. */
const IMAGES = 120;
/** How much rarer moments are than usual: some lives are looked at closely, some last. */
const RARITIES = [0.5, 2, 8];
const LENGTHS = [0, 16, 48, 48, 48, 200, 200, 456, 1000, 2000, 5000];
/** Between two moments, in statements of the library, by what is done. */
const STEPS_BETWEEN = { open: 2000, work: 600, repair: 3000 };
/** Of the calls that change the disk, those that are looked at. */
const CALLS_SHARE = { open: 0.06, work: 0.15, repair: 0.06 };

const DELETIONS_SHARE = 0.6;

type Pace = keyof typeof STEPS_BETWEEN;

interface Moment {
  readonly disk: DiskMoment;
  readonly promised: Promised;
  /** What this life has begun with, if what its recovery has dropped lies behind what came since. */
  readonly before: ReadonlyMap<string, Uint8Array> | undefined;
}

/** An image that was accepted: the log may go on from there. */
interface Survivor {
  readonly image: Image;
  readonly promised: Promised;
  readonly found: Found;
}

/** Ends whatever the library is doing, as SIGKILL would. */
export class Death extends Error {}

export class Life {
  readonly #libraries: Libraries;
  readonly #round: Round;
  readonly #random: () => number;
  #disk: Disk;
  #appender: Appender | undefined;
  #session = 0;
  #roots = 0;
  // --- What is owed ---
  #records: Buffer[] = [];
  /** So many are there whatever happens to the process. */
  #appended = 0;
  #flushed = 0;
  #start: Range = { from: 0, to: 0 };
  #batches: Range[] = [];
  #lost: Range[] = [];
  #isCreated = false;
  #exactEnd: number | undefined;
  #isDamaged = false;
  /** Its end is known for certain, so damage cannot pass for the end. */
  #isClosed = false;
  // --- What is going on ---
  #what = '';
  #pace: Pace = 'work';
  #rarity = 1;
  #untilMoment = 0;
  #untilDeath = Infinity;
  #isDead = false;
  /** Failed syncs that have been dealt with. */
  #forgivenSyncs = 0;
  #time = 1_700_000_000_000;
  #tick: (() => void) | undefined;
  #moments: Moment[] = [];
  #lastMoment: DiskMoment | undefined;
  #images = 0;
  #survivor: Survivor | undefined;
  /** What the last cut has left. */
  #before: ReadonlyMap<string, Uint8Array> | undefined;

  constructor(libraries: Libraries, round: Round) {
    this.#libraries = libraries;
    this.#round = round;
    this.#random = round.random;
    this.#disk = this.#newDisk();
  }

  async run(): Promise<void> {
    for (let life = 0; life < LIVES; life++) {
      this.#images = 0;
      this.#rarity = pick(this.#random, RARITIES);
      await this.#open();
      await this.#do('mimic', 'work', (appender) => this.#mimic(appender));
      this.#acknowledge();
      if (this.#appender === undefined) await this.#reopen();
      const steps = 4 + below(this.#random, 20 * (1 + this.#rarity));
      for (let i = 0; i < steps && this.#images < IMAGES; i++) await this.#act();
      await this.#cut(life === LIVES - 1);
    }
    this.#letGoOfAll();
    this.#disk.close();
  }

  get #log(): string {
    return join(this.#disk.root, 'log');
  }

  #newDisk(): Disk {
    const root = join(this.#round.folder, `disk-${this.#roots++}`);
    fs.mkdirSync(root, { recursive: true });
    return new Disk(root);
  }

  // --- Doing ---

  /** Opens the log, again if a sync fails or if it dies on the way. */
  async #open(): Promise<void> {
    if (this.#isDamaged) await this.#repair();
    while (this.#appender === undefined) {
      this.#session++;
      this.#isClosed = false;
      this.#untilDeath = this.#random() < 0.1 ? below(this.#random, 4000) : Infinity;
      if (this.#random() < 0.03) this.#disk.failSyncIn = below(this.#random, 6);
      await this.#do('open', 'open', () => {
        this.#appender = this.#libraries.working.openAppender(this.#log, this.#options());
      });
    }
    this.#opened(this.#appender);
  }

  #options(): Stratalog.AppenderOptions {
    return {
      maintenance: false,
      segmentSizeBytes: 16 * 1024,
      commit: this.#random() < 0.3 ? 'each' : 'manual',
      flush: pick(this.#random, ['none', 'none', 'each', { everyMs: 2 ** 31 - 1 }] as const),
      ...(this.#random() < 0.2 ? { indexCapacity: 6 + below(this.#random, 20) } : {}),
    };
  }

  #opened({ nextOffset, startOffset }: Appender): void {
    if (nextOffset < this.#appended || nextOffset > this.#records.length) {
      throw new Error(
        `After ${this.#what} the log ends at ${nextOffset}: expected ${this.#appended} to ${this.#records.length}`,
      );
    }
    this.#records = this.#records.slice(0, nextOffset);
    this.#batches = this.#batches.filter(({ to }) => to <= nextOffset);
    this.#appended = this.#flushed = nextOffset;
    this.#start = { from: startOffset, to: startOffset };
    this.#isCreated = true;
    this.#exactEnd = undefined;
    this.#forgivenSyncs = this.#disk.failedSyncs;
  }

  async #act(): Promise<void> {
    const kind = this.#random();
    if (kind < 0.02) this.#disk.failSyncIn = below(this.#random, 3);
    const action = this.#action();
    // What a drop leaves half done, the next opening has to end.
    const isDeadly = kind > (action.name === 'drop' ? 0.6 : 0.94);
    this.#untilDeath = isDeadly ? below(this.#random, 400) : Infinity;
    await this.#do(action.name, 'work', action.run);
    this.#acknowledge();
    if (this.#appender === undefined) await this.#reopen();
  }

  #action(): { name: string; run: (appender: Appender) => unknown } {
    const kind = this.#random();
    if (kind < 0.38) return { name: 'append', run: (appender) => this.#append(appender, 1) };
    if (kind < 0.52) {
      const count = 1 + below(this.#random, 5);
      return { name: 'batch', run: (appender) => this.#append(appender, count) };
    }
    if (kind < 0.6) return { name: 'reserve', run: (appender) => this.#reserve(appender) };
    if (kind < 0.74) return { name: 'commit', run: (appender) => appender.commit() };
    if (kind < 0.86) return { name: 'flush', run: (appender) => appender.flush() };
    if (kind < 0.92) return { name: 'tick', run: () => this.#tick?.() };
    if (kind < 0.96) return { name: 'drop', run: (appender) => this.#drop(appender) };
    return { name: 'close', run: (appender) => this.#close(appender) };
  }

  #length(): number {
    return this.#random() < 0.02 ? 11_000 : pick(this.#random, LENGTHS);
  }

  #append(appender: Appender, count: number): void {
    const from = appender.nextOffset;
    const batch = Array.from({ length: count }, (_, i) =>
      makeRecord(from + i, this.#session, Math.min(this.#length(), 2000 * (count > 1 ? 1 : 6))),
    );
    this.#records.push(...batch);
    if (count === 1) appender.append(batch[0] as Buffer);
    else {
      this.#batches.push({ from, to: from + count });
      appender.appendBatch(batch);
    }
  }

  /**
   * Fills the place of a frame that recovery has dropped with one of the same length and count, so that
   * the frame that was behind it would follow, if anything were left of it.
   */
  #mimic(appender: Appender): void {
    const { base, usedBytes } = appender.activeSegment;
    const from = appender.nextOffset;
    const place = { base, tail: usedBytes };
    const dropped = this.#before === undefined ? [] : framesBehind(this.#before, place);
    const behind = dropped.find((frame) => frame.at > usedBytes && frame.from > from);
    if (behind === undefined || behind.from > from + 100) return;
    const count = behind.from - from;
    const rest = behind.at - usedBytes - 64 - count * 8;
    if (rest < 0) return;
    const batch = Array.from({ length: count }, (_, i) =>
      makeRecord(from + i, this.#session, i === 0 ? rest : 0),
    );
    this.#round.count('frames in the place of dropped ones');
    this.#records.push(...batch);
    this.#batches.push({ from, to: from + count });
    appender.appendBatch(batch);
    appender.commit();
    this.#acknowledge();
    this.#moment('behind the frame');
  }

  #reserve(appender: Appender): void {
    const isPublished = this.#random() < 0.6;
    const length = this.#length();
    const record = makeRecord(appender.nextOffset, this.#session, length);
    const reservation = appender.reserve(length + below(this.#random, 40));
    reservation.setBytes(0, record);
    if (!isPublished) return reservation.abandon();
    this.#records.push(record);
    reservation.publish(length);
    return undefined;
  }

  async #drop(appender: Appender): Promise<void> {
    const offset = below(this.#random, appender.nextOffset + 1);
    if (this.#random() < 0.2) this.#disk.failSyncIn = below(this.#random, 4);
    const { from } = this.#start;
    this.#start = { from, to: Math.max(from, offset) };
    const start = await appender.dropBefore(offset);
    this.#start = { from: start, to: start };
  }

  /** Some logs are closed with a segment at their end that nothing has been put into. */
  async #close(appender: Appender): Promise<void> {
    if (this.#random() < 0.4) appender.reserve(appender.maxRecordBytes).abandon();
    await appender.close();
    this.#flushed = Math.max(this.#flushed, appender.committedOffset);
    this.#appended = appender.committedOffset;
    this.#appender = undefined;
    this.#isClosed = true;
  }

  /** What the last call has acknowledged by returning. */
  #acknowledge(): void {
    const appender = this.#appender;
    if (appender === undefined) return;
    this.#appended = appender.nextOffset;
    this.#flushed = Math.max(this.#flushed, appender.flushedOffset);
  }

  async #reopen(): Promise<void> {
    if (this.#isClosed && this.#random() < 0.35) this.#damage();
    await this.#open();
  }

  // --- Damage ---

  /** Turns a byte of a frame that was flushed, on the disk itself. */
  #damage(): void {
    const segments = fs.readdirSync(this.#log).filter(isSegmentName);
    if (segments.length === 0) return;
    const name = pick(this.#random, segments);
    const path = join(this.#log, name);
    const content = fs.readFileSync(path);
    const position = 4096 + below(this.#random, content.length - 4096);
    const frame = frameAt(content, position);
    if (frame === undefined || frame.to > this.#flushed || frame.isGap) return;
    if (frame.from < this.#start.from) return;
    this.#disk.damage(path, position, Buffer.of((content[position] as number) ^ 0x10));
    this.#isDamaged = true;
    this.#before = undefined;
    this.#lost.push({ from: frame.from, to: frame.to });
    this.#round.count('damaged logs');
  }

  async #repair(): Promise<void> {
    while (this.#isDamaged) {
      this.#untilDeath = this.#random() < 0.2 ? below(this.#random, 6000) : Infinity;
      await this.#do('repair', 'repair', () => {
        this.#libraries.working.repairLog(this.#log);
        this.#isDamaged = false;
      });
    }
  }

  // --- Cuts ---

  /** The power goes: what was appended since is lost, or not, as one image says that was accepted. */
  async #cut(isLast: boolean): Promise<void> {
    this.#pace = 'work';
    this.#what = 'the end of a life';
    this.#moment('idle');
    await this.#checkMoments();
    this.#letGoOfAll();
    if (isLast) return;
    const survivor = this.#survivor;
    if (survivor === undefined) throw new Error('No image of the last moment');
    const old = this.#disk;
    this.#disk = this.#newDisk();
    writeImage(survivor.image, this.#disk.root);
    old.close();
    removeFolder(old.root);
    this.#disk = new Disk(this.#disk.root);
    this.#forgivenSyncs = 0;
    this.#goOnFrom(survivor);
  }

  #goOnFrom({ image, promised, found }: Survivor): void {
    this.#records = promised.records.slice(0, found.end) as Buffer[];
    this.#batches = promised.batches.filter(({ to }) => to <= found.end);
    this.#lost = [...promised.lost];
    this.#appended = this.#flushed = promised.flushed;
    this.#exactEnd = promised.isDamaged ? undefined : found.end;
    this.#start = { from: found.start, to: found.start };
    this.#isCreated = !promised.mayBeAbsent;
    this.#isDamaged = promised.isDamaged;
    this.#before = promised.isDamaged ? undefined : image.files;
    this.#survivor = this.#lastMoment = undefined;
    this.#round.count('cuts lived through');
  }

  #moment(where: string): void {
    if (this.#images + this.#moments.length * 20 > IMAGES && where !== 'idle') return;
    const disk = this.#disk.take();
    if (this.#lastMoment !== undefined && isSameMoment(disk, this.#lastMoment)) {
      if (where !== 'idle' || this.#survivor !== undefined) return;
    }
    this.#lastMoment = disk;
    const before = this.#appender === undefined ? undefined : this.#before;
    this.#moments.push({ disk, promised: this.#promised(where, disk), before });
  }

  #promised(where: string, disk: DiskMoment): Promised {
    // Readers that follow the flushed bound go by its word, as soon as it is stored.
    const seen = this.#appender === undefined ? 0 : flushedIn(disk);
    return {
      what: `${this.#what}, ${where}, session ${this.#session}`,
      records: this.#records,
      end: this.#records.length,
      flushed: Math.max(this.#flushed, Math.min(seen, this.#records.length)),
      exactEnd: this.#exactEnd,
      start: this.#start,
      batches: [...this.#batches],
      lost: [...this.#lost],
      mayBeAbsent: !this.#isCreated,
      isDamaged: this.#isDamaged,
    };
  }

  async #checkMoments(): Promise<void> {
    for (const moment of this.#moments.splice(0)) await this.#checkMoment(moment);
  }

  async #checkMoment({ disk, promised, before }: Moment): Promise<void> {
    const random = this.#random;
    this.#round.count('moments');
    const budget = { random: 8, exhaustive: random() < 0.02 ? 1024 : 16 };
    const folder = join(this.#round.folder, 'image');
    for (const image of imagesOf(disk, budget, random)) {
      const found = await this.#checkImage(image, promised, folder, false);
      // What was dropped is what could come back.
      if (
        this.#survivor === undefined ||
        random() < (framesBehind(image.files, found).length > 0 ? 0.8 : 0.1)
      ) {
        this.#survivor = { image, promised, found };
      }
    }
    const stale = before === undefined ? undefined : withoutZeros(disk, before);
    if (stale !== undefined) {
      await this.#checkImage(stale, promised, folder, true);
      this.#round.count('images without the zeros of recovery');
    }
    removeFolder(folder);
  }

  async #checkImage(
    image: Image,
    promised: Promised,
    folder: string,
    mayHaveRest: boolean,
  ): Promise<Found> {
    writeImage(image, folder);
    this.#images++;
    this.#round.count('images');
    const options = { goOn: this.#random() < 0.05, mayHaveRest };
    try {
      const log = join(folder, 'log');
      return await checkImage(this.#libraries.checking, log, promised, options);
    } catch (error) {
      this.#keep(image);
      throw explained(error, image, promised);
    }
  }

  /** As the cut has left it, beside what was made of it. */
  #keep(image: Image): void {
    writeImage(image, join(this.#round.folder, 'image-as-cut'));
  }

  // --- Listening ---

  /** Does something, and then looks at the images of the moments met on the way. */
  async #do(what: string, pace: Pace, action: (appender: Appender) => unknown): Promise<void> {
    this.#what = what;
    this.#pace = pace;
    this.#untilMoment = this.#nextMoment();
    const end = await this.#listen(async () => action(this.#appender as Appender));
    if (this.#isDead) this.#bury();
    else if (end.error !== undefined) await this.#afterError(end.error);
    this.#disk.failSyncIn = Infinity;
    await this.#checkMoments();
  }

  async #listen(action: () => Promise<unknown>): Promise<{ error?: unknown }> {
    const restore = this.#replaceTimers();
    hooks.step = (site) => this.#onStep(site);
    hooks.system = (call, proceed) => {
      if (this.#isDead) throw new Death();
      return this.#disk.handle(call, proceed, (where) => {
        // Between two deletions is where most depends on what else has arrived.
        const share = where.endsWith('unlinkSync') ? DELETIONS_SHARE : CALLS_SHARE[this.#pace];
        if (this.#random() * this.#rarity < share) this.#moment(where);
      });
    };
    const ended: { error?: unknown }[] = [];
    action().then(
      () => ended.push({}),
      (error: unknown) => ended.push({ error }),
    );
    // Nothing here waits for anything but microtasks; a call whose process has died waits for ever.
    for (let i = 0; i < 100 && ended.length === 0; i++) await Promise.resolve();
    hooks.step = hooks.system = undefined;
    restore();
    if (ended.length === 0 && !this.#isDead) throw new Error(`${this.#what} does not end`);
    return ended[0] ?? {};
  }

  #onStep(site: number): void {
    if (this.#isDead) throw new Death();
    if (--this.#untilMoment <= 0) {
      this.#untilMoment = this.#nextMoment();
      this.#moment(this.#libraries.sites[site] as string);
    }
    if (--this.#untilDeath > 0) return;
    this.#isDead = true;
    throw new Death();
  }

  #nextMoment(): number {
    return Math.ceil(-Math.log(1 - this.#random()) * STEPS_BETWEEN[this.#pace] * this.#rarity);
  }

  /** The timer of a log ticks when it is told to; and nobody else hears of a death. */
  #replaceTimers(): () => void {
    const { setInterval, queueMicrotask } = globalThis;
    const { now } = Date;
    // Rounds can be repeated only if their steps do not depend on the time.
    Date.now = () => Math.floor((this.#time += 1 / 64));
    globalThis.setInterval = (callback: () => void) => {
      this.#tick = callback;
      return setInterval(() => {}, 2 ** 31 - 1);
    };
    globalThis.queueMicrotask = (callback) =>
      queueMicrotask(() => {
        try {
          callback();
        } catch (error) {
          if (!(error instanceof Death)) throw error;
        }
      });
    return () => {
      Object.assign(globalThis, { setInterval, queueMicrotask });
      Date.now = now;
    };
  }

  /** The process has died: locks and descriptors go, and what was stored stays. */
  #bury(): void {
    this.#round.count('kills');
    this.#letGoOfAll();
    this.#isDead = false;
    this.#untilDeath = Infinity;
  }

  #letGoOfAll(): void {
    this.#appender = undefined;
    this.#tick = undefined;
    for (const { fd, name } of this.#disk.openDescriptors()) {
      this.#disk.forgetDescriptor(fd);
      // Its finalizer closes that one.
      if (!name.endsWith('readers')) fs.closeSync(fd);
    }
  }

  /** A sync was made to fail: the appender is of no use any more. */
  async #afterError(error: unknown): Promise<void> {
    const hasFailed = this.#disk.failedSyncs > this.#forgivenSyncs;
    if (!hasFailed || !(error instanceof this.#libraries.working.LogError)) throw error;
    this.#round.count('failed syncs');
    this.#forgivenSyncs = this.#disk.failedSyncs;
    const appender = this.#appender;
    if (appender === undefined) return;
    this.#what = `${this.#what}, closing after ${error.message}`;
    await this.#listen(async () => appender.close());
    if (this.#isDead) this.#bury();
    this.#appender = undefined;
  }
}

/** Frames that lie behind the tail, whole or not: recovery drops them. */
function framesBehind(
  files: ReadonlyMap<string, Uint8Array>,
  { base, tail }: Pick<Found, 'base' | 'tail'>,
): ReturnType<typeof framesIn> {
  const content = files.get(`log/${String(base).padStart(20, '0')}.log`);
  return content === undefined ? [] : framesIn(content as Buffer).filter(({ at }) => at >= tail);
}

function explained(error: unknown, image: Image, promised: Promised): Error {
  const { records: _, ...owed } = promised;
  const message = error instanceof Error ? error.message : String(error);
  return new Error(`${message}\nOwed: ${JSON.stringify(owed)}\nImage: ${image.describe()}`, {
    cause: error,
  });
}
