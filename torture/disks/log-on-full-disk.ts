/** A log on a disk that fills up and gets free again, and what it must look like all the while. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  openSync,
  readSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  RecordLostError,
  StorageError,
  openAppender,
  openReader,
  repairLog,
  verifyLog,
  type Appender,
  type AppenderOptions,
  type Reader,
  type Tailer,
} from 'stratalog';
import type { Round } from '../campaign.js';
import { compiled } from '../places.js';
import { provenBytes, type Proof } from '../proven-record.js';
import { below, pick } from '../random.js';
import { checkLives, checkOfLife, recordOfLife } from './lives.js';
import type { ShortLife } from './short-life.js';
import { Witness } from './witness.js';

/** Where frames begin in a segment. */
const FIRST_FRAME_AT = 4096;
const PAGE_BYTES = 4096;
/** What a log takes beside its segments, and a file system for itself. */
const BESIDE_BYTES = 512 * 1024;

export class LogOnFullDisk {
  readonly #round: Round;
  readonly #disk: string;
  readonly #log: string;
  readonly #options: AppenderOptions & { readonly segmentSizeBytes: number };
  readonly #begins = [0];
  readonly #ballast: string[] = [];
  #appender: Appender | undefined;
  #reader: Reader | undefined;
  #tailer: Tailer | undefined;
  #next = 0;
  #flushed = 0;
  #start = 0;

  constructor(round: Round, disk: string) {
    const { random } = round;
    this.#round = round;
    this.#disk = disk;
    this.#log = join(disk, 'log');
    this.#options = chooseOptions(random);
  }

  /** Does one thing. */
  async step(): Promise<void> {
    const choice = this.#round.random();
    if (choice < 0.4) this.#appendSome();
    else if (choice < 0.5) this.#fill();
    else if (choice < 0.58) this.#free();
    else if (choice < 0.66) await this.#flush();
    else if (choice < 0.73) await this.#drop();
    else if (choice < 0.77) await this.#appender?.prepare();
    else if (choice < 0.87) this.#read();
    else if (choice < 0.93) await this.#closeAndReopen();
    else if (choice < 0.96) this.#goOn();
    else await this.#dieAndRecover();
  }

  /** In the end everything is as it should be, whatever the disk was like. */
  async finish(): Promise<void> {
    this.#goOn();
    this.#read();
    this.#stopReading();
    await this.#close();
    const { isIntact, damage } = verifyLog(this.#log);
    if (!isIntact) throw new Error(`Verify finds damage: ${JSON.stringify(damage)}`);
    if (this.#round.random() < 0.3) this.#damageAndRepair();
  }

  /** Whatever has failed, nothing is held. */
  async letGo(): Promise<void> {
    this.#stopReading();
    await this.#appender?.close().catch(() => {});
  }

  // --- Appending ---

  #open(): Appender {
    const open = (): Appender | undefined =>
      this.#unlessFull('open', () => openAppender(this.#log, this.#options));
    const appender = this.#appender ?? open() ?? (this.#freeAll(), open());
    if (appender === undefined) throw this.#shouldHaveRoom('opening');
    this.#appender = appender;
    return appender;
  }

  #appendSome(): void {
    const appender = this.#open();
    for (let i = below(this.#round.random, 300); i >= 0; i--) {
      if (!this.#appendOne(appender)) return;
    }
  }

  /** `false`: it was refused. */
  #appendOne(appender: Appender): boolean {
    const { random } = this.#round;
    const at = this.#next;
    const life = this.#begins.length - 1;
    const count = random() < 0.2 ? 2 + below(random, 5) : 1;
    const offset = this.#unlessFull('append', () => {
      if (count > 1) {
        const offsets = Array.from({ length: count }, (_, i) => at + i);
        return appender.appendBatch(offsets.map((each) => recordOfLife(life, each, at, count)));
      }
      if (random() < 0.8) return appender.append(recordOfLife(life, at));
      const reservation = appender.reserve(provenBytes(at));
      reservation.setBytes(0, recordOfLife(life, at));
      return reservation.publish();
    });
    if (offset !== undefined) {
      this.#next += count;
      this.#round.count('records', count);
    }
    if (appender.nextOffset !== this.#next || (offset !== undefined && offset !== at)) {
      throw new Error(
        `After ${String(offset)} the log ends at ${appender.nextOffset}, not ${this.#next}`,
      );
    }
    return offset !== undefined;
  }

  async #flush(): Promise<void> {
    const { flushedOffset } = await this.#open().flush();
    if (flushedOffset !== this.#next) {
      throw new Error(`Flushed up to ${flushedOffset}, and the log ends at ${this.#next}`);
    }
    this.#flushed = flushedOffset;
    this.#checkSize();
  }

  async #drop(): Promise<void> {
    const appender = this.#open();
    const before = this.#start + below(this.#round.random, this.#next - this.#start + 1);
    const start = await appender.dropBefore(before);
    if (start < this.#start || start > before) throw new Error(`Dropped up to ${start}: ${before}`);
    this.#start = start;
    this.#flushed = this.#next;
    this.#round.count('drops');
  }

  async #close(): Promise<void> {
    await this.#appender?.close();
    this.#flushed = this.#next;
    this.#appender = undefined;
  }

  async #closeAndReopen(): Promise<void> {
    if (this.#appender === undefined) return;
    await this.#close();
    this.#checkRecovered(this.#open(), 'clean', this.#next);
  }

  /** With room on the disk, and within its own limit, a log takes what comes. */
  #goOn(): void {
    this.#freeAll();
    if (this.#options.maxLogBytes !== undefined) return;
    const { segmentSizeBytes } = this.#options;
    if (this.#freeBytes() < 4 * this.#segmentBytes() + BESIDE_BYTES) return;
    const appender = this.#open();
    const end = appender.writtenBytes + segmentSizeBytes;
    while (appender.writtenBytes < end) {
      if (!this.#appendOne(appender)) throw this.#shouldHaveRoom('an append');
    }
    this.#round.count('went on');
  }

  // --- Dying ---

  /** A process that dies, what it has not flushed perhaps damaged, and a recovery that needs room. */
  async #dieAndRecover(): Promise<void> {
    const { random, count } = this.#round;
    await this.#close();
    if (!this.#liveShortly()) return;
    const isTorn = random() < 0.7 && this.#tearTail();
    if (random() < 0.8) this.#fill(isTorn ? 0 : undefined);
    const aside = this.#asideBytes();
    const early = this.#unlessFull('recovery', () => openAppender(this.#log, this.#options));
    if (early === undefined && this.#asideBytes() > aside) {
      throw new Error('A recovery that was refused has left a copy behind, on a full disk');
    }
    const appender = (this.#appender = early ?? this.#open());
    if (appender.nextOffset < this.#flushed || appender.nextOffset > this.#next) {
      throw new Error(
        `Recovered to ${appender.nextOffset}, of ${this.#flushed} to ${this.#next} at most`,
      );
    }
    if (!isTorn && appender.nextOffset < this.#next) {
      throw new Error(`Recovered to ${appender.nextOffset}, and ${this.#next} was appended`);
    }
    if ((appender.recovery.tornTail !== undefined) !== isTorn) {
      throw new Error(`A torn tail: ${isTorn}, and: ${JSON.stringify(appender.recovery)}`);
    }
    this.#next = this.#flushed = appender.nextOffset;
    this.#begins.push(this.#next);
    this.#stopReading();
    this.#read();
    count('recoveries');
    if (isTorn) count('torn tails');
  }

  /** `false`: it could not even begin. */
  #liveShortly(): boolean {
    const { random, folder } = this.#round;
    const path = join(folder, 'witness');
    const witness = Witness.create(path);
    const life: ShortLife = {
      log: this.#log,
      witness: path,
      options: this.#options,
      life: this.#begins.length,
      records: 1 + below(random, 60),
    };
    const script = compiled('disks/short-life.js');
    const child = spawnSync(process.execPath, [script, JSON.stringify(life)], { encoding: 'utf8' });
    if (child.signal !== 'SIGKILL') throw new Error(`A short life has failed: ${child.stderr}`);
    witness.read();
    witness.close();
    if (witness.get('isReady') !== 1) return false;
    if (witness.get('begin') !== this.#next) {
      throw new Error(`A short life began at ${witness.get('begin')}, and not at ${this.#next}`);
    }
    this.#begins.push(this.#next);
    this.#flushed = witness.get('flushed');
    this.#next = witness.get('end');
    return true;
  }

  /** Changes the last byte of the last frame, if that is not flushed. */
  #tearTail(): boolean {
    using reader = openReader(this.#log);
    const segment = reader.segments().at(-1);
    if (segment === undefined || segment.records === 0) return false;
    const end = segment.baseOffset + segment.records;
    if (end <= this.#flushed) return false;
    flipBit(segment.path, FIRST_FRAME_AT + segment.usedBytes - 9);
    return true;
  }

  /** Damage below what is durable, in a log that is closed: repair needs room, too. */
  #damageAndRepair(): void {
    const { random, count } = this.#round;
    const reader = openReader(this.#log);
    const used = reader.segments().filter(({ records }) => records > 0);
    reader.close();
    if (used.length === 0) return;
    const segment = pick(random, used);
    flipBit(segment.path, FIRST_FRAME_AT + below(random, segment.usedBytes));
    this.#fill();
    const before = this.#bytesButOriginals();
    let report = this.#unlessFull('repair', () => repairLog(this.#log));
    const isRefused = report === undefined;
    if (isRefused) {
      const left = this.#bytesButOriginals() - before;
      if (left > this.#options.segmentSizeBytes / 2) {
        throw new Error(`A repair that was refused has left ${left} bytes behind, on a full disk`);
      }
      const once = bytesBelow(this.#log);
      report = this.#unlessFull('repair', () => repairLog(this.#log));
      const grown = bytesBelow(this.#log) - once;
      if (report === undefined && grown > 0) {
        throw new Error(`A repair that was refused again has left ${grown} bytes more behind`);
      }
    }
    if (report === undefined) {
      this.#freeAll();
      report = this.#unlessFull('repair', () => repairLog(this.#log));
    }
    // The log itself may fill the disk.
    if (report === undefined) return;
    // Of what a repair had mended before it was refused, only the log tells.
    const lost = isRefused ? verifyLog(this.#log).lostBefore : report.lost;
    if (lost.length === 0) throw new Error(`Nothing was lost to damage in ${segment.path}`);
    count('repairs');
    this.#checkButLost(lost);
  }

  #checkButLost(lost: readonly { from: number; to: number }[]): void {
    using reader = openReader(this.#log);
    const proof: Proof = { batchEnd: 0, stamp: 0 };
    for (let offset = this.#start; offset < this.#next; offset++) {
      const isLost = lost.some(({ from, to }) => offset >= from && offset < to);
      try {
        checkOfLife(this.#begins, offset, reader.get(offset).payload, proof);
        if (isLost) throw new Error(`Record ${offset} is said to be lost, and can be read`);
      } catch (error) {
        if (!isLost || !(error instanceof RecordLostError)) throw error;
      }
    }
  }

  // --- Reading ---

  #read(): void {
    if (this.#appender === undefined) return;
    this.#appender.commit();
    using reader = openReader(this.#log);
    checkLives(reader, this.#begins, this.#start, this.#next);
    this.#follow();
    this.#checkSize();
    this.#round.count('readings');
  }

  /** One that has been there all the time goes on, whatever the disk is like. */
  #follow(): void {
    this.#reader ??= openReader(this.#log);
    this.#tailer ??= this.#reader.tailer({ onDropped: 'skip' });
    const tailer = this.#tailer;
    const proof: Proof = { batchEnd: 0, stamp: 0 };
    while (tailer.next()) {
      checkOfLife(this.#begins, tailer.record.offset, tailer.record.payload, proof);
    }
    if (tailer.nextOffset !== this.#next) {
      throw new Error(`A tailer is at ${tailer.nextOffset}, and the log ends at ${this.#next}`);
    }
  }

  #stopReading(): void {
    this.#reader?.close();
    this.#reader = this.#tailer = undefined;
  }

  #checkRecovered(appender: Appender, outcome: string, end: number): void {
    if (appender.recovery.outcome === outcome && appender.nextOffset === end) return;
    throw new Error(
      `Expected a ${outcome} log that ends at ${end}: it is ${appender.recovery.outcome}, and ends at ${appender.nextOffset}`,
    );
  }

  // --- The disk ---

  /** Runs what may be refused on a full disk, and in no other way. */
  #unlessFull<T>(what: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      const isFull =
        error instanceof StorageError && (error.errno === 'ENOSPC' || error.errno === 'EDQUOT');
      if (!isFull) throw error;
      this.#round.count(`refused: ${what}`);
      return undefined;
    }
  }

  #fill(leave = this.#someRoom()): void {
    const { random } = this.#round;
    let bytes = this.#freeBytes() - leave;
    const path = join(this.#disk, `ballast-${this.#ballast.length}-${below(random, 1e9)}`);
    for (; bytes > 0; bytes = Math.floor(bytes * 0.9) - 1) {
      if (spawnSync('fallocate', ['-l', String(bytes), path]).status === 0) break;
      rmSync(path, { force: true });
    }
    if (bytes > 0) this.#ballast.push(path);
    this.#round.count('fillings');
  }

  #someRoom(): number {
    const { random } = this.#round;
    return random() < 0.3 ? 0 : below(random, 3 * this.#segmentBytes());
  }

  #free(): void {
    const path = this.#ballast.pop();
    if (path !== undefined) rmSync(path);
  }

  #freeAll(): void {
    while (this.#ballast.length > 0) this.#free();
    rmSync(join(this.#log, 'aside'), { recursive: true, force: true });
  }

  #freeBytes(): number {
    const { bfree, bsize } = statfsSync(this.#disk);
    return bfree * bsize;
  }

  #segmentBytes(): number {
    return this.#options.segmentSizeBytes * (1 + 1 / 16) + 2 * PAGE_BYTES;
  }

  #asideBytes(): number {
    const aside = join(this.#log, 'aside');
    return existsSync(aside) ? bytesBelow(aside) : 0;
  }

  /** All but whole segments in `aside`, which a repair keeps on purpose; half a copy is none. */
  #bytesButOriginals(): number {
    const aside = join(this.#log, 'aside');
    const names = existsSync(aside) ? readdirSync(aside) : [];
    const sizes = names.map((name) => statSync(join(aside, name)).blocks * 512);
    const whole = sizes.filter((size) => size >= this.#options.segmentSizeBytes);
    return bytesBelow(this.#log) - whole.reduce((sum, size) => sum + size, 0);
  }

  /** The log keeps to its own limit. What was set aside is not appended. */
  #checkSize(): void {
    const { maxLogBytes } = this.#options;
    if (maxLogBytes === undefined) return;
    const bytes = bytesBelow(this.#log) - this.#asideBytes();
    if (bytes > maxLogBytes) throw new Error(`The log takes ${bytes} bytes of ${maxLogBytes}`);
  }

  #shouldHaveRoom(what: string): Error {
    return new Error(`No room for ${what}, and ${this.#freeBytes()} bytes are free on the disk`);
  }
}

function chooseOptions(
  random: () => number,
): AppenderOptions & { readonly segmentSizeBytes: number } {
  const segmentSizeBytes = pick(random, [32, 64, 128]) * 1024;
  return {
    segmentSizeBytes,
    maintenance: random() < 0.5,
    commit: pick(random, ['each', 'manual', { bytes: 3000, delayMs: 1 }]),
    flush: pick(random, ['none', 'each', { everyMs: 2 }]),
    ...(random() < 0.25 ? { maxLogBytes: 4 * segmentSizeBytes + 128 * 1024 } : {}),
  };
}

function flipBit(path: string, position: number): void {
  const fd = openSync(path, 'r+');
  try {
    const byte = new Uint8Array(1);
    readSync(fd, byte, 0, 1, position);
    byte[0] = (byte[0] as number) ^ 4;
    writeSync(fd, byte, 0, 1, position);
  } finally {
    closeSync(fd);
  }
}

/** Room that the files of a folder take. */
function bytesBelow(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const sizes = names.map((name) => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    return stats?.isFile() === true ? stats.blocks * 512 : 0;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}
