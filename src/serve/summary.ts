/**
 * Least and largest values of each block of some thousand events, in memory: what wide stretches of a long
 * log are drawn from. Made in the background by parallel scans, and kept up with the log, as long as
 * somebody asks for it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Extremes } from './extremes.js';
import type { Lines } from './lines.js';
import { MAX_LINES } from './lines.js';
import type { BlockWork, PieceExtremes } from './piece.js';
import type { Drawn, ServedLog } from './served-log.js';

export interface SummaryLimits {
  /** Events of a block, as long as there are not too many blocks. */
  readonly blockEvents: number;
  /** Of more, two become one. */
  readonly maxBlocks: number;
}

export const SUMMARY_LIMITS: SummaryLimits = { blockEvents: 1024, maxBlocks: 2 ** 17 };
/** Of what nobody has asked for lately, the oldest go: 128 lists of 2 MiB. */
const MAX_LISTS = 128;
/** Nobody has asked for so long: it is not kept up any more. */
const IDLE_MS = 60_000;
const PAUSE_MS = 1000;
/** The first picture comes first: it is what somebody waits for. */
const FIRST_MS = 300;
const FAILED_PAUSE_MS = 5000;

/** One field's extremes, of each of its lines. */
export interface BlockColumn {
  readonly field: string;
  readonly by: string | undefined;
  readonly isX: boolean;
  readonly min: Float64Array[];
  readonly max: Float64Array[];
  /** Exclusive: offsets that it holds, from the start of the log on. */
  builtTo: number;
  wantedAt: number;
}

/** What a picture is made of. */
export interface DrawnBlocks {
  /** `undefined`: x is the offset. */
  readonly x: BlockColumn | undefined;
  readonly ys: readonly BlockColumn[];
  readonly builtTo: number;
}

export class Summary {
  /** Events of each block; doubles when blocks become too many. */
  blockEvents: number;
  /** Number of the block that the lists begin with. */
  firstBlock: number;
  /** Why it cannot be made, as far as that goes on. */
  problem: string | undefined;
  /** Records that were no events, of those that it has seen. */
  malformed = 0;
  readonly #log: ServedLog;
  readonly #maxBlocks: number;
  readonly #columns = new Map<string, BlockColumn>();
  readonly #stop = new AbortController();
  #building: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  constructor(log: ServedLog, { blockEvents, maxBlocks }: SummaryLimits = SUMMARY_LIMITS) {
    this.#log = log;
    this.#maxBlocks = maxBlocks;
    this.blockEvents = blockEvents;
    this.firstBlock = Math.floor(log.range.from / blockEvents);
  }

  /** What there is of these; the rest is being made from now on. */
  of({ x, ys, by }: Drawn): DrawnBlocks {
    const xColumn = x === '$offset' ? undefined : this.#want(x, undefined, true);
    const columns = ys.map((y) => this.#want(y, by, false));
    this.#evict();
    const all = xColumn === undefined ? columns : [xColumn, ...columns];
    this.#wake?.();
    this.#building ??= this.#build().finally(() => (this.#building = undefined));
    return { x: xColumn, ys: columns, builtTo: Math.min(...all.map(({ builtTo }) => builtTo)) };
  }

  /** Forgets everything: the log's end has been taken back. */
  forget(): void {
    this.#columns.clear();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#building;
  }

  #want(field: string, by: string | undefined, isX: boolean): BlockColumn {
    const key = JSON.stringify([field, by, isX]);
    let column = this.#columns.get(key);
    if (column === undefined) {
      const lists = by === undefined ? 1 : MAX_LINES;
      const empty = (): Float64Array[] => Array.from({ length: lists }, () => new Float64Array(0));
      const builtTo = this.#log.range.from;
      column = { field, by, isX, min: empty(), max: empty(), builtTo, wantedAt: 0 };
      this.#columns.set(key, column);
    }
    column.wantedAt = performance.now();
    return column;
  }

  #evict(): void {
    let lists = 0;
    const newestFirst = [...this.#columns].sort(([, a], [, b]) => b.wantedAt - a.wantedAt);
    for (const [key, { min }] of newestFirst) {
      lists += min.length;
      if (lists > MAX_LISTS) this.#columns.delete(key);
    }
  }

  async #build(): Promise<void> {
    const { signal } = this.#stop;
    await this.#pause(FIRST_MS);
    while (!signal.aborted) {
      const job = this.#nextJob();
      if (job === 'idle') return;
      try {
        if (job !== undefined) await this.#run(job);
        this.problem = undefined;
        if (job === undefined) await this.#pause(PAUSE_MS);
      } catch (error) {
        if (signal.aborted) return;
        this.problem = error instanceof Error ? error.message : String(error);
        await this.#pause(FAILED_PAUSE_MS);
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    const waiting = new AbortController();
    const wake = (): void => waiting.abort();
    this.#stop.signal.addEventListener('abort', wake, { once: true });
    this.#wake = wake;
    await sleep(ms, undefined, { signal: waiting.signal, ref: false }).catch(() => {});
    this.#wake = undefined;
    this.#stop.signal.removeEventListener('abort', wake);
  }

  /** The columns that are furthest behind, and how far they can go together. */
  #nextJob(): BuildJob | undefined | 'idle' {
    const now = performance.now();
    const wanted = [...this.#columns.values()].filter(({ wantedAt }) => now - wantedAt < IDLE_MS);
    if (wanted.length === 0) return 'idle';
    const { from: start, to: end } = this.#log.range;
    if (wanted.some(({ builtTo }) => builtTo > end)) {
      this.forget();
      return 'idle';
    }
    for (const column of wanted) column.builtTo = Math.max(column.builtTo, start);
    const from = Math.min(...wanted.map(({ builtTo }) => builtTo));
    if (end === from) return undefined;
    const behind = wanted.filter(({ builtTo }) => builtTo === from);
    const by = behind.find((column) => !column.isX)?.by;
    const columns = behind.filter((column) => column.isX || column.by === by);
    const others = wanted.map(({ builtTo }) => builtTo).filter((builtTo) => builtTo > from);
    return { columns, by, from, to: Math.min(end, ...others) };
  }

  async #run({ columns, by, from, to }: BuildJob): Promise<void> {
    const xColumn = columns.find(({ isX }) => isX);
    const ys = columns.filter(({ isX }) => !isX);
    const drawn = { x: xColumn?.field ?? '$offset', ys: ys.map(({ field }) => field), by };
    const work: BlockWork = { ...this.#log.workFor(drawn), blockEvents: this.blockEvents };
    const lines = by === undefined ? undefined : this.#log.linesOf(by);
    let goesOn = true;
    await this.#log.scan({ from, to }, 'blocksOfPiece', work, (part, end) => {
      this.#take(part, xColumn, ys, end);
      this.malformed += part.malformed;
      goesOn = !this.#stop.signal.aborted && this.#isWanted(columns);
      if (lines === undefined || !knowsMore(lines, part)) return goesOn;
      for (const column of ys) column.builtTo = this.#log.range.from;
      goesOn = false;
      return false;
    });
    // Behind the last record that there was, all may have been lost.
    if (goesOn) for (const column of columns) column.builtTo = to;
  }

  #isWanted(columns: readonly BlockColumn[]): boolean {
    const now = performance.now();
    const kept = new Set(this.#columns.values());
    return columns.some((column) => kept.has(column) && now - column.wantedAt < IDLE_MS);
  }

  #take(
    { extremes, firstBlock, blockEvents }: PieceExtremes,
    xColumn: BlockColumn | undefined,
    ys: readonly BlockColumn[],
    end: number,
  ): void {
    // By the time that a piece is done, blocks may have become larger.
    const blockOf = (i: number): number =>
      Math.floor(((firstBlock + i) * blockEvents) / this.blockEvents) - this.firstBlock;
    this.#makeRoom(firstBlock * blockEvents + extremes.buckets * blockEvents);
    if (xColumn !== undefined) {
      mergeInto(xColumn, 0, extremes.xMin, extremes.xMax, blockOf);
      xColumn.builtTo = end;
    }
    ys.forEach((column, value) => {
      const lines = column.min.length;
      for (let line = 0; line < lines; line++) {
        const series = value * lines + line;
        const [min, max] = [extremes.min[series], extremes.max[series]];
        if (min !== undefined && max !== undefined) mergeInto(column, line, min, max, blockOf);
      }
      column.builtTo = end;
    });
  }

  /** So that the lists may hold events up to this offset. */
  #makeRoom(to: number): void {
    while (Math.ceil(to / this.blockEvents) - this.firstBlock > this.#maxBlocks) {
      const start = Math.floor(this.#log.range.from / this.blockEvents);
      if (start - this.firstBlock > this.#maxBlocks / 4) this.#dropBlocks(start - this.firstBlock);
      else this.#halve();
    }
  }

  /** Those of events that the log has no more. */
  #dropBlocks(count: number): void {
    this.#eachList((list) => list.slice(count));
    this.firstBlock += count;
  }

  #halve(): void {
    const isOdd = this.firstBlock % 2;
    this.#eachList((list, isMin) => halved(list, isOdd, isMin));
    this.firstBlock = Math.floor(this.firstBlock / 2);
    this.blockEvents *= 2;
  }

  #eachList(change: (list: Float64Array, isMin: boolean) => Float64Array): void {
    for (const { min, max } of this.#columns.values()) {
      for (let line = 0; line < min.length; line++) {
        min[line] = change(min[line] as Float64Array, true);
        max[line] = change(max[line] as Float64Array, false);
      }
    }
  }
}

interface BuildJob {
  readonly columns: readonly BlockColumn[];
  readonly by: string | undefined;
  readonly from: number;
  readonly to: number;
}

/** Whether a piece has met values that get a line now: then what was scanned before lacks it. */
export function knowsMore(lines: Lines, { unknown }: Pick<PieceExtremes, 'unknown'>): boolean {
  const before = lines.keys.length;
  for (const key of unknown) lines.learn(key);
  return lines.keys.length > before;
}

function mergeInto(
  { min, max }: BlockColumn,
  line: number,
  partMin: Extremes['xMin'],
  partMax: Extremes['xMax'],
  blockOf: (i: number) => number,
): void {
  const needed = blockOf(partMin.length - 1) + 1;
  const least = (min[line] = withRoom(min[line] as Float64Array, needed, Infinity));
  const largest = (max[line] = withRoom(max[line] as Float64Array, needed, -Infinity));
  for (let i = 0; i < partMin.length; i++) {
    const block = blockOf(i);
    if ((partMin[i] as number) < (least[block] as number)) least[block] = partMin[i] as number;
    if ((partMax[i] as number) > (largest[block] as number)) largest[block] = partMax[i] as number;
  }
}

function withRoom(list: Float64Array, needed: number, fill: number): Float64Array {
  if (list.length >= needed) return list;
  const larger = new Float64Array(Math.max(needed, 2 * list.length, 256));
  larger.set(list);
  larger.fill(fill, list.length);
  return larger;
}

function halved(list: Float64Array, isOdd: number, isMin: boolean): Float64Array {
  const empty = isMin ? Infinity : -Infinity;
  const half = new Float64Array(Math.ceil((list.length + isOdd) / 2)).fill(empty);
  for (let i = 0; i < list.length; i++) {
    const at = (i + isOdd) >> 1;
    const [value, other] = [list[i] as number, half[at] as number];
    half[at] = isMin ? Math.min(value, other) : Math.max(value, other);
  }
  return half;
}
