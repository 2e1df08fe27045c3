/**
 * Pictures of any stretch of a log, as extremes for each pixel. Short stretches are scanned; of long ones
 * blocks of events are put together (`summary.ts`), with what lies at the ends read anew. As long as the
 * blocks are not there yet, events here and there stand for the rest, and the answer says so.
 */
import { LogError, OffsetOutOfRangeError, type OffsetRange } from '../errors.js';
import { BATCH_ROWS } from '../query/batch-reader.js';
import { EventRows } from './event-rows.js';
import {
  addExtremes,
  addRows,
  noExtremes,
  pixelAt,
  placeRows,
  withoutEmpty,
  type Extremes,
  type PixelGrid,
} from './extremes.js';
import type { PixelWork } from './piece.js';
import type { Drawn, ServedLog } from './served-log.js';
import {
  SUMMARY_LIMITS,
  Summary,
  knowsMore,
  type DrawnBlocks,
  type SummaryLimits,
} from './summary.js';

/** A stretch of x: as text, exact whatever integers they are. */
export interface Stretch {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

export interface HistoryRequest extends Drawn {
  /** `last`: so much of x up to the newest event. */
  readonly stretch: Stretch | { readonly offsets: OffsetRange } | { readonly last: number };
  readonly pixels: number;
  /** Only events before this offset. */
  readonly before: number | undefined;
}

export interface Picture {
  readonly extremes: Extremes;
  /** x is to be added to this. */
  readonly origin: bigint;
  /** The stretch that was asked for, along x; what the whole log takes, if none was. */
  readonly from: number;
  readonly to: number;
  /** Where its events lie in the log. */
  readonly offsets: OffsetRange;
  readonly lineNames: readonly string[] | undefined;
  readonly hasOtherLines: boolean;
  /** `false`: only some of the events were looked at; ask again. */
  readonly isComplete: boolean;
  /** Share of the events that blocks are there for. */
  readonly progress: number;
  /** Records met that were no events of the schema. */
  readonly malformed: number;
  readonly problem: string | undefined;
}

/** Where one way of drawing ends and another begins. Tests choose smaller ones. */
export interface Limits extends SummaryLimits {
  /** So many events are scanned at once, rather than taken from blocks. */
  readonly directEvents: number;
  /** So many events are read anew at most, of blocks that reach over several pixels. */
  readonly refinedEvents: number;
}

const LIMITS: Limits = { ...SUMMARY_LIMITS, directEvents: 2_000_000, refinedEvents: 1_500_000 };
/** Events outside of a stretch that are looked at because order along x is not strict. */
const MARGIN_EVENTS = 4096;
/** In the thread of the event loop nothing takes longer than this. */
const TURN_MS = 8;
const SAMPLES = 1024;
const SAMPLE_EVENTS = 32;
const SAMPLING_MS = 300;

export class History {
  readonly summary: Summary;
  readonly #log: ServedLog;
  readonly #limits: Limits;
  #isClosed = false;

  constructor(log: ServedLog, limits: Limits = LIMITS) {
    this.#log = log;
    this.#limits = limits;
    this.summary = new Summary(log, limits);
  }

  /** Looks here and there in a long log, so that the first picture need not wait for its files. */
  async warmUp(): Promise<void> {
    const { from, to } = this.#log.range;
    if (to - from <= this.#limits.directEvents) return;
    const cursor = this.#log.cursor(from, to);
    try {
      for (let i = 0; i < SAMPLES && !this.#isClosed; i++) {
        cursor.seek(from + Math.floor(((to - from) * reversed(i)) / SAMPLES));
        cursor.next();
        await new Promise(setImmediate);
      }
    } catch (error) {
      // Whoever asks for a picture is told.
      if (!(error instanceof LogError)) throw error;
    } finally {
      cursor.close();
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    return this.summary.close();
  }

  /**
   * @throws {TypeError | RangeError} a stretch that is none
   * @throws the signal's reason, soon after it has fired
   */
  async draw(request: HistoryRequest, signal: AbortSignal): Promise<Picture> {
    for (;;) {
      signal.throwIfAborted();
      const { summary } = this;
      const drawing = new Drawing(this.#log, summary, request, this.#limits, signal);
      if (await drawing.run()) return drawing.picture();
    }
  }
}

/** One picture in the making. */
class Drawing {
  readonly #log: ServedLog;
  readonly #summary: Summary;
  readonly #request: HistoryRequest;
  readonly #signal: AbortSignal;
  readonly #limits: Limits;
  readonly #range: OffsetRange;
  readonly #origin: bigint;
  readonly #lines: number;
  #rows: EventRows | undefined;
  #grid: PixelGrid = { from: 0, to: 0, pixels: 1 };
  #offsets: OffsetRange;
  #extremes: Extremes = noExtremes(0, 0);
  #isComplete = true;
  #progress = 1;
  #malformed = 0;
  #turnEnds = performance.now() + TURN_MS;

  constructor(
    log: ServedLog,
    summary: Summary,
    request: HistoryRequest,
    limits: Limits,
    signal: AbortSignal,
  ) {
    this.#log = log;
    this.#limits = limits;
    this.#summary = summary;
    this.#request = request;
    this.#signal = signal;
    const { from, to } = log.range;
    this.#range = within({ from, to: request.before ?? to }, { from, to });
    this.#offsets = this.#range;
    this.#origin = log.originOf(request.x);
    this.#lines = log.workFor(request).lines;
  }

  /** `false`: there are more lines than was known; to be done anew. */
  async run(): Promise<boolean> {
    const blocks = this.#blocks();
    this.#place(blocks);
    const { from, to } = this.#offsets;
    this.#extremes = noExtremes(this.#grid.pixels, this.#request.ys.length * this.#lines);
    if (from >= to) return true;
    if (blocks === undefined || to - from <= this.#limits.directEvents)
      return this.#scanAll(blocks);
    await this.#putTogether(blocks);
    return true;
  }

  /** The newest events of a long log can be drawn without them, if they are not too many. */
  #blocks(): DrawnBlocks | undefined {
    if (!this.#isLong) return undefined;
    const { stretch } = this.#request;
    if ('last' in stretch) {
      this.#place(undefined);
      if (this.#offsets.to - this.#offsets.from <= this.#limits.directEvents) return undefined;
    }
    return this.#summary.of(this.#request);
  }

  picture(): Picture {
    const { by } = this.#request;
    const lines = by === undefined ? undefined : this.#log.linesOf(by);
    return {
      extremes: withoutEmpty(this.#extremes),
      origin: this.#origin,
      from: this.#grid.from,
      to: this.#grid.to,
      offsets: this.#shownOffsets(),
      lineNames: lines?.names,
      hasOtherLines: lines?.hasOthers ?? false,
      isComplete: this.#isComplete,
      progress: this.#progress,
      malformed: Math.max(this.#malformed, this.#summary.malformed),
      problem: this.#summary.problem,
    };
  }

  /** More may have been looked at than is shown. Told as far as x is in order. */
  #shownOffsets(): OffsetRange {
    const { stretch, x } = this.#request;
    const isWhole = !('offsets' in stretch || 'last' in stretch) && stretch.from === undefined;
    if (isWhole || x === '$offset' || 'offsets' in stretch) return this.#offsets;
    const { from, to } = this.#grid;
    const first = this.#search((value) => value < from);
    return within({ from: first, to: this.#search((value) => value <= to) }, this.#range);
  }

  /** A log that is not long is scanned whenever it is asked for. */
  get #isLong(): boolean {
    return this.#range.to - this.#range.from > this.#limits.directEvents;
  }

  /** Which stretch of x, and which offsets. */
  #place(blocks: DrawnBlocks | undefined): void {
    const { stretch, pixels } = this.#request;
    if ('offsets' in stretch) {
      this.#offsets = within(stretch.offsets, this.#range);
      const [from, to] = this.#extentOf(this.#offsets);
      this.#grid = { from, to, pixels };
      return;
    }
    if ('last' in stretch) {
      const [, newest] = this.#extentOf(this.#range);
      this.#grid = { from: newest - stretch.last, to: newest, pixels };
      this.#offsets = this.#offsetsOf(blocks);
      return;
    }
    const [first, last] =
      stretch.from === undefined || stretch.to === undefined ? this.#whole(blocks) : [0, 0];
    const from = stretch.from === undefined ? first : this.#along(stretch.from);
    const to = stretch.to === undefined ? last : this.#along(stretch.to);
    if (to < from) throw new RangeError('Invalid range: it ends before it begins');
    this.#grid = { from, to, pixels };
    const isWhole = stretch.from === undefined && stretch.to === undefined;
    if (!isWhole) this.#offsets = this.#offsetsOf(blocks);
  }

  /** Text to a place along x, less the origin. */
  #along(text: string): number {
    if (/^-?\d{1,20}$/.test(text)) return Number(BigInt(text) - this.#origin);
    const number = Number(text);
    if (text === '' || !Number.isFinite(number)) throw new RangeError(`Invalid place: ${text}`);
    return number - Number(this.#origin);
  }

  #whole(blocks: DrawnBlocks | undefined): [number, number] {
    const { x } = blocks ?? {};
    const extent = this.#extentOf(this.#range);
    if (x === undefined || x.builtTo <= this.#range.from) return extent;
    const first = Math.floor(this.#range.from / this.#summary.blockEvents);
    const start = Math.max(0, first - this.#summary.firstBlock);
    let [from, to] = extent;
    const [min, max] = [x.min[0] as Float64Array, x.max[0] as Float64Array];
    for (let i = start + 1; i < min.length; i++) {
      if ((min[i] as number) < from) from = min[i] as number;
      if ((max[i] as number) > to && Number.isFinite(max[i])) to = max[i] as number;
    }
    return [Number.isFinite(from) ? from : extent[0], to];
  }

  /** The x of the first and the last events of a range. */
  #extentOf({ from, to }: OffsetRange): [number, number] {
    if (this.#request.x === '$offset') return [from, Math.max(from, to - 1)];
    let [least, largest] = [Infinity, -Infinity];
    for (const at of [from, Math.max(from, to - SAMPLE_EVENTS)]) {
      for (const x of this.#read(at, Math.min(to, at + SAMPLE_EVENTS))) {
        if (x < least) least = x;
        if (x > largest) largest = x;
      }
    }
    return largest < least || !Number.isFinite(largest - least) ? [0, 0] : [least, largest];
  }

  /** Some x from an offset on. */
  #read(from: number, to: number): Float64Array {
    const rows = this.#reader();
    const cursor = this.#log.cursor(from, to);
    try {
      return rows.next(cursor, to - from) ? rows.x.subarray(0, rows.length) : rows.x.subarray(0, 0);
    } finally {
      cursor.close();
    }
  }

  #reader(): EventRows {
    return (this.#rows ??= new EventRows(this.#log.workFor(this.#request).rows));
  }

  #offsetsOf(blocks: DrawnBlocks | undefined): OffsetRange {
    const { from, to } = this.#grid;
    if (this.#request.x === '$offset') {
      return within({ from: Math.ceil(from), to: Math.floor(to) + 1 }, this.#range);
    }
    // All of a log that is not long is looked at, in whatever order it is.
    if (!this.#isLong) return this.#range;
    const x = blocks?.x;
    if (x !== undefined && x.builtTo >= this.#range.to - this.#limits.directEvents) {
      return this.#byBlocks(x.min[0] as Float64Array, x.max[0] as Float64Array, x.builtTo);
    }
    if (blocks !== undefined) this.#isComplete = false;
    const first = this.#search((value) => value < from) - MARGIN_EVENTS;
    const last = this.#search((value) => value <= to) + MARGIN_EVENTS;
    return within({ from: first, to: last }, this.#range);
  }

  /** From the first block to the last that reaches into the stretch. */
  #byBlocks(min: Float64Array, max: Float64Array, builtTo: number): OffsetRange {
    const { from, to } = this.#grid;
    const { blockEvents, firstBlock } = this.#summary;
    let [first, last] = [-1, -1];
    for (let i = 0; i < min.length; i++) {
      if (!((max[i] as number) >= from && (min[i] as number) <= to)) continue;
      if (first < 0) first = i;
      last = i;
    }
    // What has come since the blocks were made may belong to it as well.
    const beyond = this.#extentOf({ from: builtTo, to: this.#range.to });
    const reachesBeyond = builtTo < this.#range.to && beyond[1] >= from && beyond[0] <= to;
    const start = first < 0 ? builtTo : (firstBlock + first) * blockEvents;
    const end = reachesBeyond ? this.#range.to : (firstBlock + last + 1) * blockEvents;
    return within({ from: start, to: end }, this.#range);
  }

  /** The first offset of which `isBefore` does not hold, as far as x is in order. */
  #search(isBefore: (x: number) => boolean): number {
    let { from: low, to: high } = this.#range;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const x = this.#read(middle, Math.min(middle + SAMPLE_EVENTS, this.#range.to)).find(
        (each) => !Number.isNaN(each),
      );
      if (x !== undefined && isBefore(x)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // --- Scanned ---

  async #scanAll(blocks: DrawnBlocks | undefined): Promise<boolean> {
    const { by } = this.#request;
    const work: PixelWork = { ...this.#log.workFor(this.#request), grid: this.#grid };
    const lines = by === undefined ? undefined : this.#log.linesOf(by);
    let isKnown = true;
    try {
      await this.#log.scan(this.#offsets, 'pixelsOfPiece', work, (part) => {
        addExtremes(this.#extremes, part.extremes);
        this.#malformed += part.malformed;
        if (lines !== undefined && knowsMore(lines, part)) isKnown = false;
        return isKnown && !this.#signal.aborted;
      });
    } catch (error) {
      // Dropped meanwhile: what is left is drawn next time.
      if (!isDropped(error)) throw error;
      this.#isComplete = false;
    }
    this.#signal.throwIfAborted();
    if (blocks !== undefined) this.#progress = this.#shareBuilt(blocks);
    return isKnown;
  }

  // --- Put together ---

  async #putTogether(blocks: DrawnBlocks): Promise<void> {
    const refined = this.#addBlocks(blocks);
    const { to } = this.#offsets;
    const built = Math.max(this.#offsets.from, Math.min(blocks.builtTo, to));
    const whole = Math.floor(built / this.#summary.blockEvents) * this.#summary.blockEvents;
    const rest = { from: Math.max(this.#offsets.from, Math.min(whole, built)), to };
    let budget = this.#limits.refinedEvents;
    for (const range of refined) {
      budget -= range.to - range.from;
      if (budget < 0) this.#isComplete = false;
      else await this.#readAll(range);
    }
    if (rest.to - rest.from <= Math.max(budget, 0)) await this.#readAll(rest);
    else {
      this.#isComplete = false;
      await this.#sample(rest);
    }
    this.#progress = this.#shareBuilt(blocks);
  }

  #shareBuilt({ builtTo }: DrawnBlocks): number {
    const { from, to } = this.#range;
    return to > from ? Math.min(1, Math.max(0, (builtTo - from) / (to - from))) : 1;
  }

  /** Adds blocks that lie in a pixel, and returns what has to be read because it does not. */
  #addBlocks(blocks: DrawnBlocks): OffsetRange[] {
    const { blockEvents, firstBlock } = this.#summary;
    const { from, to } = this.#offsets;
    const first = Math.max(0, Math.floor(from / blockEvents) - firstBlock);
    const last = Math.floor(Math.min(blocks.builtTo, to) / blockEvents) - firstBlock;
    const pixel = (this.#grid.to - this.#grid.from) / this.#grid.pixels;
    const refined: OffsetRange[] = [];
    for (let block = first; block < last; block++) {
      const start = (firstBlock + block) * blockEvents;
      const [low, high] = extentOfBlock(blocks, block, start, blockEvents);
      if (!(high >= this.#grid.from && low <= this.#grid.to)) continue;
      const isInside = low >= this.#grid.from && high <= this.#grid.to && start >= from;
      if (isInside && high - low <= pixel) this.#addBlock(blocks, block, low, high);
      else addRange(refined, { from: Math.max(from, start), to: start + blockEvents });
    }
    return refined;
  }

  #addBlock({ ys }: DrawnBlocks, block: number, low: number, high: number): void {
    const pixel = pixelAt(this.#grid, low / 2 + high / 2);
    const { xMin, xMax, min, max } = this.#extremes;
    xMin[pixel] = Math.min(xMin[pixel] as number, low);
    xMax[pixel] = Math.max(xMax[pixel] as number, high);
    ys.forEach((column, value) => {
      for (let line = 0; line < this.#lines; line++) {
        const [least, largest] = [min[value * this.#lines + line], max[value * this.#lines + line]];
        const [columnMin, columnMax] = [column.min[line], column.max[line]];
        if (least === undefined || largest === undefined) continue;
        least[pixel] = Math.min(least[pixel] as number, columnMin?.[block] ?? Infinity);
        largest[pixel] = Math.max(largest[pixel] as number, columnMax?.[block] ?? -Infinity);
      }
    });
  }

  async #readAll(range: OffsetRange): Promise<void> {
    if (range.from >= range.to) return;
    const rows = this.#reader();
    const pixelOf = new Int32Array(BATCH_ROWS);
    const cursor = this.#log.cursor(range.from, range.to);
    try {
      while (rows.next(cursor)) {
        placeRows(this.#grid, rows, pixelOf);
        addRows(this.#extremes, rows, pixelOf, this.#lines);
        await this.#turn();
      }
    } catch (error) {
      if (!isDropped(error)) throw error;
      this.#isComplete = false;
    } finally {
      cursor.close();
    }
  }

  /** Looks here and there, first far apart, then in between. */
  async #sample({ from, to }: OffsetRange): Promise<void> {
    const rows = this.#reader();
    const pixelOf = new Int32Array(BATCH_ROWS);
    const deadline = performance.now() + SAMPLING_MS;
    const cursor = this.#log.cursor(from, to);
    try {
      for (let i = 0; i < SAMPLES && performance.now() < deadline; i++) {
        cursor.seek(from + Math.floor(((to - from) * reversed(i)) / SAMPLES));
        if (!rows.next(cursor, SAMPLE_EVENTS)) continue;
        placeRows(this.#grid, rows, pixelOf);
        addRows(this.#extremes, rows, pixelOf, this.#lines);
        await this.#turn();
      }
    } catch (error) {
      if (!isDropped(error)) throw error;
    } finally {
      cursor.close();
    }
  }

  /** Gives others their turn, now and then. */
  async #turn(): Promise<void> {
    if (performance.now() < this.#turnEnds) return;
    await new Promise(setImmediate);
    this.#signal.throwIfAborted();
    this.#turnEnds = performance.now() + TURN_MS;
  }
}

function extentOfBlock(
  { x }: DrawnBlocks,
  block: number,
  start: number,
  blockEvents: number,
): [number, number] {
  if (x === undefined) return [start, start + blockEvents - 1];
  return [x.min[0]?.[block] ?? Infinity, x.max[0]?.[block] ?? -Infinity];
}

function within({ from, to }: OffsetRange, range: OffsetRange): OffsetRange {
  const start = Math.min(Math.max(from, range.from), range.to);
  return { from: start, to: Math.max(start, Math.min(to, range.to)) };
}

function addRange(ranges: OffsetRange[], { from, to }: OffsetRange): void {
  const last = ranges.at(-1);
  if (last?.to === from) ranges.splice(-1, 1, { from: last.from, to });
  else ranges.push({ from, to });
}

/** The order of bits turned round: neighbours come last. */
function reversed(i: number): number {
  let found = 0;
  for (let bit = 1; bit < SAMPLES; bit *= 2) found = found * 2 + (Math.floor(i / bit) & 1);
  return found;
}

function isDropped(error: unknown): boolean {
  if (error instanceof OffsetOutOfRangeError) return true;
  return error instanceof Error && error.cause instanceof OffsetOutOfRangeError;
}
